//! The query attributes that MySQL's clients may put before the text of a COM_QUERY
//! (CLIENT_QUERY_ATTRIBUTES).

use super::packet::Fields;

/// Goes behind the attributes.
pub(super) fn skip(fields: &mut Fields<'_>) -> Option<()> {
    let count = usize::try_from(fields.number()?).ok()?;
    // How many sets of them, always one.
    fields.number()?;
    if count == 0 {
        return Some(());
    }
    let nulls = fields.take(count.div_ceil(8))?;
    // Types follow, always.
    fields.byte()?;
    let mut types = Vec::new();
    for _ in 0..count {
        types.push(fields.u16()?);
        fields.counted()?;
    }
    for (at, kind) in types.into_iter().enumerate() {
        if nulls[at / 8] >> (at % 8) & 1 == 0 {
            value(fields, kind)?;
        }
    }
    Some(())
}

/// Goes behind a value in the binary protocol; the low byte of its type says how long it is.
fn value(fields: &mut Fields<'_>, kind: u16) -> Option<()> {
    match kind & 0xff {
        6 => {}
        1 => drop(fields.take(1)?),
        2 | 13 => drop(fields.take(2)?),
        3 | 4 | 9 => drop(fields.take(4)?),
        5 | 8 => drop(fields.take(8)?),
        7 | 10 | 11 | 12 => {
            let length = fields.byte()?;
            fields.take(usize::from(length))?;
        }
        _ => drop(fields.counted()?),
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_begins_behind_the_attributes() {
        let behind = |bytes| {
            let mut fields = Fields::new(bytes);
            skip(&mut fields).map(|()| fields.rest())
        };
        assert_eq!(behind(b"\x00\x01SELECT 1"), Some(b"SELECT 1".as_slice()));
        let named = b"\x03\x01\x02\x01\xfe\x00\x01a\xfe\x00\x01b\x08\x00\x01c\x01xABCDEFGHSELECT";
        assert_eq!(behind(named), Some(b"SELECT".as_slice()));
        assert_eq!(behind(b"\x01\x01\x00\x01\x0c\x00\x01d\x04\x01\x02\x03\x04X"), Some(b"X".as_slice()));
        assert_eq!(behind(b"\x02\x01\x00\x01\xfe\x00"), None);
    }
}

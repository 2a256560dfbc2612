//! Messages as they lie on the wire: one type byte, four bytes of length, a body.
//!
//! Source: PostgreSQL documentation, "Message Formats".

use crate::gateway::reader::LOOK;

/// One message at the front of the unread bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Message<'a> {
    /// Its type.
    pub(super) kind: u8,
    /// Its length on the wire, type and length included.
    pub(super) whole: usize,
    /// What can be seen of it, type and length included; at least five bytes.
    pub(super) seen: usize,
    /// What can be seen of its body, up to [`LOOK`] of the message.
    pub(super) body: &'a [u8],
}

/// The type byte and the length.
const HEADER: usize = 5;

impl<'a> Message<'a> {
    /// The message at the front; none while its length cannot be seen.
    ///
    /// # Errors
    /// A length that no message can have.
    pub(super) fn read(front: &'a [u8]) -> Result<Option<Self>, String> {
        let Some((&[kind, a, b, c, d], rest)) = front.split_first_chunk::<HEADER>() else { return Ok(None) };
        let length = i32::from_be_bytes([a, b, c, d]);
        let Some(body) = usize::try_from(length).ok().and_then(|length| length.checked_sub(4)) else {
            return Err(format!("a message `{}` of {length} bytes", kind.escape_ascii()));
        };
        let whole = body + HEADER;
        let seen = whole.min(front.len());
        Ok(Some(Self { kind, whole, seen, body: &rest[..seen.min(LOOK) - HEADER] }))
    }

    /// Whether all is visible that will ever be looked at.
    pub(super) fn is_ready(&self) -> bool {
        self.seen >= self.whole.min(LOOK)
    }

    /// Whether more of it follows than will ever be looked at.
    pub(super) fn is_cut(&self) -> bool {
        self.whole > LOOK
    }
}

/// Takes a string off the front, up to its zero byte.
pub(super) fn string<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let end = bytes.iter().position(|byte| *byte == 0)?;
    let (string, rest) = bytes.split_at(end);
    *bytes = &rest[1..];
    Some(string)
}

/// Takes a string off the front; without a zero byte it is all there is.
pub(super) fn string_or_all<'a>(bytes: &mut &'a [u8]) -> &'a [u8] {
    string(bytes).unwrap_or_else(|| std::mem::take(bytes))
}

/// Writes one message.
pub(super) fn write(into: &mut Vec<u8>, kind: u8, body: &[u8]) {
    let length = u32::try_from(body.len() + 4).expect("we write short messages");
    into.push(kind);
    into.extend(length.to_be_bytes());
    into.extend(body);
}

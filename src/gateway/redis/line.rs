//! The lines of RESP that say how long something is, and counting down such a length.

/// The longest line that says a length, in bytes: a type, 20 digits and the line's end fit in.
pub(super) const HEADER: usize = 32;

/// What a line behind its type byte says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Length {
    /// So many bytes or elements.
    Known(u64),
    /// `-1`: there is none.
    Null,
    /// `?`: it comes in parts (RESP3).
    Streamed,
}

/// Reads the length in the line in front, and says how long that line is; nothing when it has not
/// come in full.
pub(super) fn length(bytes: &[u8]) -> Result<Option<(Length, usize)>, String> {
    let look = &bytes[..bytes.len().min(HEADER)];
    let Some(end) = look.iter().position(|byte| *byte == b'\n') else {
        return if look.len() == HEADER { Err(malformed()) } else { Ok(None) };
    };
    let Some(digits) = look[..end].strip_suffix(b"\r").and_then(|line| line.get(1..)) else {
        return Err(malformed());
    };
    let length = match digits {
        b"-1" => Length::Null,
        b"?" => Length::Streamed,
        digits => Length::Known(number(digits).ok_or_else(malformed)?),
    };
    Ok(Some((length, end + 1)))
}

fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    digits.iter().try_fold(0_u64, |value, byte| value.checked_mul(10)?.checked_add(u64::from(byte - b'0')))
}

fn malformed() -> String {
    "a length that is none in RESP".to_owned()
}

/// A string of a known length and the end of its line, passed piece by piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bulk {
    /// So many bytes are left of the string.
    Data(u64),
    /// Behind its carriage return.
    Feed,
    /// Behind everything.
    Over,
}

impl Bulk {
    /// Goes on by as many of these bytes as belong to it; an error when the first one is wrong.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<usize, String> {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            match (*self, byte) {
                (Self::Over, _) => break,
                (Self::Data(0), b'\r') => *self = Self::Feed,
                (Self::Feed, b'\n') => *self = Self::Over,
                (Self::Data(left), _) if left > 0 => {
                    let taken = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len() - at);
                    *self = Self::Data(left - u64::try_from(taken).unwrap_or(left));
                    at += taken;
                    continue;
                }
                _ if at > 0 => break,
                _ => return Err("a string that is longer than it says".to_owned()),
            }
            at += 1;
        }
        Ok(at)
    }
}

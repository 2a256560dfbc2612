//! Where the body of an HTTP/1.1 message ends (RFC 9112, sections 6 and 7). It is only counted, and shown
//! without its framing to whoever keeps something of it; any number of bytes can be judged.

use super::super::call::Keeper;

/// What is left of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Body {
    /// So many bytes.
    Length(u64),
    /// Chunks.
    Chunked(Chunk),
    /// Everything until the connection ends.
    UntilClose,
}

/// A place in a body of chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chunk {
    /// Inside the size of a chunk; nothing when none of its digits has come.
    Size(Option<u64>),
    /// Behind the size.
    Extension(u64),
    /// Behind the carriage return of the size's line.
    SizeEnd(u64),
    /// Inside the data.
    Data(u64),
    /// Behind the data.
    DataReturn,
    /// Behind the carriage return after the data.
    DataEnd,
    /// At the beginning of a line of the trailer.
    Trailer,
    /// Inside a line of the trailer.
    Field,
    /// Behind the carriage return of such a line.
    FieldEnd,
    /// Behind the carriage return of the last line.
    LastEnd,
    /// Behind everything.
    Over,
}

impl Body {
    /// A body of chunks, from its beginning.
    pub(super) const CHUNKED: Self = Self::Chunked(Chunk::Size(None));

    /// A message without a body.
    pub(super) const NONE: Self = Self::Length(0);

    /// Whether nothing of it is left.
    pub(super) fn is_over(self) -> bool {
        matches!(self, Self::Length(0) | Self::Chunked(Chunk::Over))
    }

    /// Goes on by as many of these bytes as belong to the body, and says how many those are. An error
    /// is said only when the very first byte is wrong: the bytes before it are passed first.
    pub(super) fn take(&mut self, bytes: &[u8], mut keeper: Option<&mut Keeper>) -> Result<usize, String> {
        let taken = match self {
            Self::UntilClose => bytes.len(),
            Self::Length(left) => skip(left, bytes.len()),
            Self::Chunked(chunk) => return chunk.take(bytes, keeper),
        };
        keep(&mut keeper, &bytes[..taken]);
        Ok(taken)
    }
}

impl Chunk {
    fn take(&mut self, bytes: &[u8], mut keeper: Option<&mut Keeper>) -> Result<usize, String> {
        let mut at = 0;
        while at < bytes.len() && *self != Self::Over {
            if let Self::Data(left) = self {
                let taken = skip(left, bytes.len() - at);
                keep(&mut keeper, &bytes[at..at + taken]);
                at += taken;
                if *left == 0 {
                    *self = Self::DataReturn;
                }
                continue;
            }
            match self.step(bytes[at]) {
                Some(next) => *self = next,
                None if at == 0 => return Err("a body whose chunks are malformed".to_owned()),
                None => break,
            }
            at += 1;
        }
        Ok(at)
    }

    /// The place behind one more byte that is not data.
    fn step(self, byte: u8) -> Option<Self> {
        let next = match (self, byte) {
            (Self::Size(Some(size)), b'\r') | (Self::Extension(size), b'\r') => Self::SizeEnd(size),
            (Self::Size(Some(size)) | Self::Extension(size) | Self::SizeEnd(size), b'\n') => {
                Self::sized(size)
            }
            (Self::Size(Some(size)), b';' | b' ' | b'\t') => Self::Extension(size),
            (Self::Size(size), digit) => Self::Size(Some(longer(size.unwrap_or(0), digit)?)),
            (Self::Extension(size), byte) if byte == b'\t' || !byte.is_ascii_control() => {
                Self::Extension(size)
            }
            (Self::DataReturn, b'\r') => Self::DataEnd,
            (Self::DataReturn | Self::DataEnd, b'\n') => Self::Size(None),
            (Self::Trailer, b'\r') => Self::LastEnd,
            (Self::Trailer | Self::LastEnd, b'\n') => Self::Over,
            (Self::Field, b'\r') => Self::FieldEnd,
            (Self::Field | Self::FieldEnd, b'\n') => Self::Trailer,
            (Self::Trailer | Self::Field, _) => Self::Field,
            _ => return None,
        };
        Some(next)
    }

    /// The place behind the line that says the size.
    fn sized(size: u64) -> Self {
        if size == 0 { Self::Trailer } else { Self::Data(size) }
    }
}

fn longer(size: u64, digit: u8) -> Option<u64> {
    let value = char::from(digit).to_digit(16)?;
    size.checked_mul(16)?.checked_add(u64::from(value))
}

fn keep(keeper: &mut Option<&mut Keeper>, data: &[u8]) {
    if let Some(keeper) = keeper {
        keeper.body(data);
    }
}

/// Takes as many as there are from what is left.
fn skip(left: &mut u64, there: usize) -> usize {
    let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(there);
    *left -= u64::try_from(taken).unwrap_or(*left);
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(bytes: &[u8]) -> (usize, bool) {
        let mut body = Body::CHUNKED;
        let count = body.take(bytes, None).unwrap();
        (count, body.is_over())
    }

    #[test]
    fn chunks_end_with_their_trailer_and_not_before() {
        let body = b"4;name=\"a;b\"\r\nWiki\r\n6 \r\npedia \r\n0\r\nDigest: x\r\n\r\n";
        let mut more = body.to_vec();
        more.extend(b"GET / HTTP/1.1");
        assert_eq!(taken(&more), (body.len(), true));
        assert_eq!(taken(&body[..body.len() - 1]), (body.len() - 1, false));
        assert_eq!(taken(b"4\nWiki\n0\n\nx"), (10, true), "bare line feeds");
    }

    #[test]
    fn malformed_chunks_stop_at_the_wrong_byte() {
        assert_eq!(taken(b"4\r\nWikiX"), (7, false));
        assert_eq!(taken(b"10000000000000000\r\n"), (16, false), "a size beyond 64 bits");
        let mut body = Body::CHUNKED;
        assert!(body.take(b"\r\n", None).is_err(), "no digit at all");
        assert!({ Body::CHUNKED }.take(b"g", None).is_err());
    }
}

//! Bytes as text that tells them apart.

use sha2::{Digest, Sha256};

/// Longer texts are shown by their beginning, length and digest.
const LONG: usize = 1024;
/// How many characters of a long text are shown.
const BEGINNING: usize = 256;

/// UTF-8 as it is, every other byte as `\xNN`, a backslash doubled.
pub(super) fn text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\\' => text.push_str("\\\\"),
                other => text.push(other),
            }
        }
        text.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
    }
    text
}

/// A text that is short enough for a row, and another for another content.
pub(super) fn shown(content: &str) -> String {
    if content.len() <= LONG {
        return content.to_owned();
    }
    let beginning: String = content.chars().take(BEGINNING).collect();
    let digest = hex(&Sha256::digest(content.as_bytes())[..16]);
    format!("{beginning}… ({} bytes, #{digest})", content.len())
}

/// Bytes as hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_text_are_told_apart() {
        assert_eq!(text(b"gr\xc3\xbc\xc3\x9fe"), "grüße");
        assert_eq!(text(b"a\xff\x00b"), "a\\xff\0b");
        assert_ne!(text(b"\\xff"), text(b"\xff"));
    }

    #[test]
    fn a_long_text_is_short_and_differs_where_its_content_does() {
        let (one, other) = (format!("{}a", "x".repeat(5000)), format!("{}b", "x".repeat(5000)));
        assert!(shown(&one).len() < 400);
        assert_ne!(shown(&one), shown(&other));
        assert!(shown(&one).contains("(5001 bytes, #"));
    }
}

//! A text's shape: itself with its literals left open, as a regular expression.

/// Longest part of a text that a shape is made of, in characters; the rest may be anything.
const LONGEST: usize = 1_000;

/// A regular expression that matches the text, and the texts that differ from it only in string literals,
/// numbers and white space.
pub(super) fn shape(text: &str) -> String {
    let mut shape = String::from("^");
    let mut rest = text.trim_start();
    let mut taken = 0;
    while let Some(next) = rest.chars().next() {
        if taken >= LONGEST {
            return shape;
        }
        let length = match next {
            '\'' => match quoted(rest) {
                Some(length) => {
                    shape.push_str("'(?s:[^']|'')*'");
                    length
                }
                // A string that does not end: the text was cut.
                None => return shape + "'",
            },
            '0'..='9' if !ends_in_word(&text[..text.len() - rest.len()]) => {
                shape.push_str(r"[0-9][0-9.]*");
                span(rest, |c| c.is_ascii_digit() || c == '.')
            }
            c if c.is_whitespace() => {
                shape.push_str(r"\s+");
                span(rest, char::is_whitespace)
            }
            c => {
                shape.push_str(&regex::escape(&rest[..c.len_utf8()]));
                c.len_utf8()
            }
        };
        taken += length;
        rest = &rest[length..];
    }
    shape.push('$');
    shape
}

fn ends_in_word(before: &str) -> bool {
    before.chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_')
}

fn span(text: &str, is: impl Fn(char) -> bool) -> usize {
    text.find(|c| !is(c)).unwrap_or(text.len())
}

/// The length of a quoted string, its quotes doubled inside; none where it does not end.
fn quoted(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 1;
    while at < bytes.len() {
        if bytes[at] == b'\'' {
            if bytes.get(at + 1) != Some(&b'\'') {
                return Some(at + 1);
            }
            at += 1;
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn alike(one: &str, other: &str) -> bool {
        regex::Regex::new(&shape(one)).unwrap().is_match(other)
    }

    #[test]
    fn literals_and_white_space_do_not_count() {
        assert!(alike("DELETE FROM t WHERE id <= 100", "DELETE FROM t\n WHERE id <= 20.5"));
        assert!(alike("INSERT INTO t VALUES ('it''s', 1)", "INSERT INTO t VALUES ('x', 22)"));
        assert!(!alike("DELETE FROM t1", "DELETE FROM t2"));
        assert!(!alike("DELETE FROM t", "DELETE FROM t WHERE id = 1"));
        assert!(!alike("COMMIT", "commit prepared 'x'"));
    }

    proptest! {
        #[test]
        fn every_text_has_its_own_shape(text in "\\PC{0,1200}") {
            prop_assert!(regex::Regex::new(&shape(&text)).unwrap().is_match(text.trim_start()));
        }
    }
}

//! A text's shape: itself with its literals left open, as a regular expression.

use crate::gateway::reader::{Ask, Kind};

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

/// The same of an ask. A command's key is a literal but for its first part, `cart:` of `cart:17`: what comes behind
/// that is a name, and clients choose some of them anew in each run.
pub(super) fn shape_of(ask: &Ask) -> String {
    let open = match (ask.kind, ask.text.split_once(' ')) {
        (Kind::Command, Some((word, keys))) => {
            let key = keys.split(' ').next().unwrap_or_default();
            key.find(':').map(|at| word.len() + 1 + at + 1)
        }
        _ => None,
    };
    match open {
        Some(at) => format!("^{}", regex::escape(&ask.text[..at])),
        None => shape(&ask.text),
    }
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
    use crate::gateway::reader::Transaction;
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

    #[test]
    fn of_a_command_count_its_word_and_the_first_part_of_its_key() {
        let ask = |text: &str| {
            let (transaction, commits, rides) = (Transaction::None, true, false);
            Ask { kind: Kind::Command, text: text.to_owned(), transaction, commits, rides }
        };
        let alike = |one: &str, other: &str| regex::Regex::new(&shape_of(&ask(one))).unwrap().is_match(other);
        assert!(alike("SET cart:client-e35c", "SET cart:client-0b21"));
        assert!(alike("MSET cart:a cart:b", "MSET cart:c"));
        assert!(!alike("SET cart:client-e35c", "SET flag:new"));
        assert!(!alike("SET cart:17", "DEL cart:17"));
        assert!(!alike("SET carts", "SET cart"), "a key without parts is what it is");
        assert!(alike("SCAN 0 MATCH cart:*", "SCAN 17 MATCH cart:*"));
        assert!(!alike("SCAN 0 MATCH cart:*", "SCAN 17 MATCH flag:*"));
        assert!(alike("EXEC", "EXEC") && !alike("MULTI", "EXEC"));
    }

    proptest! {
        #[test]
        fn every_text_has_its_own_shape(text in "\\PC{0,1200}") {
            prop_assert!(regex::Regex::new(&shape(&text)).unwrap().is_match(text.trim_start()));
        }
    }
}

//! A text whose lines were indented further, and where each of its bytes stood before.
//!
//! Quoted texts that go on over several lines are often indented less than YAML 1.2 demands, and every other reader
//! takes them. What stands before a line of such a text does not count, so it can be added.

use std::borrow::Cow;
use std::collections::BTreeSet;

/// Further than anything is nested.
const PAD: usize = 256;

/// A text, some of its lines indented further.
pub(super) struct Padded<'t> {
    original: &'t str,
    /// Where those lines begin in the original, in bytes.
    lines: BTreeSet<usize>,
}

impl<'t> Padded<'t> {
    /// The text as it is.
    pub(super) fn new(original: &'t str) -> Self {
        Self { original, lines: BTreeSet::new() }
    }

    /// Indents the line at a byte of the original; whether that was not done before.
    pub(super) fn deepen(&mut self, at: usize) -> bool {
        let before = self.original.get(..at).unwrap_or_default();
        self.lines.insert(before.rfind('\n').map_or(0, |newline| newline + 1))
    }

    /// The text.
    pub(super) fn text(&self) -> Cow<'t, str> {
        if self.lines.is_empty() {
            return Cow::Borrowed(self.original);
        }
        let (mut text, mut at) = (String::new(), 0);
        for line in &self.lines {
            text.push_str(&self.original[at..*line]);
            text.extend(std::iter::repeat_n(' ', PAD));
            at = *line;
        }
        text.push_str(&self.original[at..]);
        Cow::Owned(text)
    }

    /// The byte of the original that a byte of the text was.
    pub(super) fn original(&self, byte: usize) -> usize {
        let mut added = 0;
        for line in &self.lines {
            let begins = line + added;
            if byte < begins {
                break;
            }
            if byte < begins + PAD {
                return *line;
            }
            added += PAD;
        }
        byte - added
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_found_where_it_was() {
        let mut padded = Padded::new("a\nbc\nd\ne");
        assert_eq!(padded.text(), "a\nbc\nd\ne");
        assert!(padded.deepen(3) && padded.deepen(7) && !padded.deepen(2));
        let text = padded.text().into_owned();
        assert_eq!(text.replace(' ', ""), "a\nbc\nd\ne");
        for (byte, c) in "a\nbc\nd\ne".char_indices().filter(|(_, c)| c.is_alphabetic()) {
            assert_eq!(padded.original(text.find(c).unwrap()), byte, "{c}");
        }
    }
}

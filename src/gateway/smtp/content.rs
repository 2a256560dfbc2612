//! Where the content of a mail ends: at a line that is a dot (RFC 5321, section 4.5.2).

/// A place in a content.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Lines {
    /// At the beginning of a line.
    #[default]
    Begin,
    /// Behind a dot at the beginning of a line.
    Dot,
    /// Behind such a dot and a carriage return.
    DotReturn,
    /// Inside a line.
    Inside,
}

impl Lines {
    /// Goes on by as many of these bytes as belong to the content, its end included; how many those are, and
    /// whether the end is among them. The content is shown as it was before it was sent: without the dot that
    /// is put before a line that begins with one.
    pub(super) fn take(&mut self, bytes: &[u8], mut show: impl FnMut(&[u8])) -> (usize, bool) {
        let mut from = 0;
        for (at, byte) in bytes.iter().enumerate() {
            *self = match (*self, byte) {
                (Self::Begin, b'.') => {
                    show(&bytes[from..at]);
                    from = at + 1;
                    Self::Dot
                }
                (Self::Dot, b'\r') => {
                    from = at + 1;
                    Self::DotReturn
                }
                (Self::Dot | Self::DotReturn, b'\n') => return (at + 1, true),
                (Self::DotReturn, _) => {
                    show(b"\r");
                    from = at;
                    Self::Inside
                }
                (_, b'\n') => Self::Begin,
                (Self::Begin | Self::Dot | Self::Inside, _) => Self::Inside,
            };
        }
        show(&bytes[from..]);
        (bytes.len(), false)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What is shown of a content that comes in pieces of this length, and what is left behind it.
    fn read(sent: &[u8], piece: usize) -> (Vec<u8>, usize) {
        let (mut lines, mut shown, mut all) = (Lines::default(), Vec::new(), 0);
        for bytes in sent.chunks(piece) {
            let (taken, over) = lines.take(bytes, |bytes| shown.extend_from_slice(bytes));
            all += taken;
            if over {
                break;
            }
        }
        (shown, sent.len() - all)
    }

    #[test]
    fn a_content_ends_at_a_dot_and_loses_the_dots_that_were_put_before_others() {
        for piece in 1..20 {
            let sent = b"Subject: x\r\n\r\n..\r\n.a\r\n.\rb\r\nend.\r\n.\r\nQUIT\r\n";
            let (shown, left) = read(sent, piece);
            assert_eq!(shown, b"Subject: x\r\n\r\n.\r\na\r\n\rb\r\nend.\r\n", "{piece}");
            assert_eq!(left, 6, "{piece}");
            assert_eq!(read(b".\r\nx", piece), (Vec::new(), 1), "nothing at all");
        }
    }

    proptest! {
        #[test]
        fn what_is_stuffed_comes_back(text in "([a.\r]{0,4}\r\n){0,6}", piece in 1_usize..9) {
            let stuffed: String = text.split_inclusive('\n').map(|line| {
                if line.starts_with('.') { format!(".{line}") } else { line.to_owned() }
            }).collect();
            let (shown, left) = read(format!("{stuffed}.\r\nrest").as_bytes(), piece);
            prop_assert_eq!(String::from_utf8(shown).unwrap(), text);
            prop_assert_eq!(left, 4);
        }
    }
}

//! Packets: three bytes of length, one of sequence, then the payload. A payload of [`FULL`] bytes goes
//! on in the next packet.

/// The payload's length that says "goes on in the next packet".
pub(super) const FULL: usize = 0xff_ffff;

/// The bytes before each payload.
pub(super) const HEADER: usize = 4;

/// The beginning of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    /// The payload's bytes.
    pub(super) length: usize,
    /// The packet's number in its exchange, from 0.
    pub(super) sequence: u8,
}

impl Header {
    /// Reads the header at the front, if it is all there.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let [a, b, c, sequence, ..] = *bytes else { return None };
        let length = usize::from(a) | usize::from(b) << 8 | usize::from(c) << 16;
        Some(Self { length, sequence })
    }

    /// The packet's bytes, these four included.
    pub(super) fn total(self) -> usize {
        HEADER + self.length
    }
}

/// One direction of the conversation: what of its front was already decided about.
#[derive(Debug, Default)]
pub(super) struct Flow {
    /// So many bytes of the packet at the front are still to come.
    left: usize,
    /// Whether the packet after it belongs to the same message.
    continued: bool,
    /// Whether these bytes are taken out.
    drops: bool,
}

impl Flow {
    /// Decides that the packet with this header, and what continues it, goes on.
    pub(super) fn pass(&mut self, header: Header) {
        self.left = header.total();
        self.continued = header.length == FULL;
    }

    /// Decides that the packet with this header is taken out.
    pub(super) fn drop(&mut self, header: Header) {
        self.pass(header);
        self.drops = true;
    }

    /// Whether the bytes that were decided about are taken out.
    pub(super) fn drops(&self) -> bool {
        self.drops
    }

    /// Whether the front is the beginning of a message that was not decided about.
    pub(super) fn is_free(&self) -> bool {
        self.left == 0 && !self.continued
    }

    /// How many bytes of the front belong to a message that was decided about; counts them as gone.
    pub(super) fn decided(&mut self, unread: &[u8]) -> usize {
        let mut at = 0;
        loop {
            let gone = self.left.min(unread.len() - at);
            self.left -= gone;
            at += gone;
            if self.left > 0 || !self.continued {
                break;
            }
            let Some(header) = Header::read(&unread[at..]) else { break };
            self.pass(header);
        }
        self.drops &= !self.is_free();
        at
    }
}

/// Reads values off the front of a payload.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// The values of a payload.
    pub(super) fn new(payload: &'a [u8]) -> Self {
        Self { rest: payload }
    }

    /// What was not read.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// So many bytes.
    pub(super) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    /// One byte.
    pub(super) fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|taken| taken[0])
    }

    /// Two bytes, the low one first.
    pub(super) fn u16(&mut self) -> Option<u16> {
        self.take(2).and_then(|taken| taken.try_into().ok()).map(u16::from_le_bytes)
    }

    /// Four bytes, the low one first.
    pub(super) fn u32(&mut self) -> Option<u32> {
        self.take(4).and_then(|taken| taken.try_into().ok()).map(u32::from_le_bytes)
    }

    /// A number of the protocol's own kind: one byte below 251, else a mark and two, three or eight.
    pub(super) fn number(&mut self) -> Option<u64> {
        let width = match self.byte()? {
            0xfc => 2,
            0xfd => 3,
            0xfe => 8,
            0xfb | 0xff => return None,
            small => return Some(u64::from(small)),
        };
        Some(self.take(width)?.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// Bytes behind a number that says how many.
    pub(super) fn counted(&mut self) -> Option<&'a [u8]> {
        let count = self.number()?;
        self.take(usize::try_from(count).ok()?)
    }

    /// Bytes up to a NUL, which is read too.
    pub(super) fn terminated(&mut self) -> Option<&'a [u8]> {
        let length = self.rest.iter().position(|byte| *byte == 0)?;
        let taken = self.take(length)?;
        self.byte()?;
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_four_widths() {
        let number = |bytes| Fields::new(bytes).number();
        assert_eq!(number(&[250]), Some(250));
        assert_eq!(number(&[0xfc, 1, 2]), Some(0x0201));
        assert_eq!(number(&[0xfd, 1, 2, 3]), Some(0x03_0201));
        assert_eq!(number(&[0xfe, 1, 0, 0, 0, 0, 0, 0, 0x80]), Some(0x8000_0000_0000_0001));
        assert_eq!((number(&[0xfb]), number(&[0xfc, 1]), number(&[])), (None, None, None));
    }

    #[test]
    fn a_full_packet_takes_the_next_one_along() {
        let mut flow = Flow::default();
        flow.pass(Header { length: FULL, sequence: 0 });
        assert_eq!(flow.decided(&vec![0; FULL + HEADER]), FULL + HEADER);
        assert!(!flow.is_free());
        assert_eq!(flow.decided(&[2, 0, 0]), 0);
        assert_eq!(flow.decided(&[2, 0, 0, 1, 9, 9, 9]), 6);
        assert!(flow.is_free());
    }
}

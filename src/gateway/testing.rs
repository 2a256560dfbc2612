//! Drives a reader over a conversation as a relay would, with the bytes cut in any way.

use proptest::prelude::*;

use super::reader::{Answer, Ask, LOOK, Next, Reader, Toward};

/// What a reader made of a conversation.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Heard {
    /// What was passed or inserted toward the server, and toward the client.
    pub(crate) passed: [Vec<u8>; 2],
    /// In order, what was said.
    pub(crate) said: Vec<Said>,
}

/// One mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    Ask(Ask),
    Answer(Answer),
    Row(u64),
    Opaque(String),
}

impl Heard {
    pub(crate) fn asks(&self) -> Vec<&Ask> {
        self.said.iter().filter_map(|said| if let Said::Ask(ask) = said { Some(ask) } else { None }).collect()
    }

    fn is_opaque(&self) -> bool {
        matches!(self.said.last(), Some(Said::Opaque(_)))
    }

    pub(crate) fn answers(&self) -> Vec<&Answer> {
        let said = self.said.iter();
        said.filter_map(|said| if let Said::Answer(answer) = said { Some(answer) } else { None }).collect()
    }
}

/// Shows a reader a conversation, message by message: each is fed in pieces of the lengths that
/// `cuts` gives (the rest in one piece), and what the reader leaves unread stays for the next.
pub(crate) fn hear(
    reader: &mut dyn Reader,
    talk: &[(Toward, &[u8])],
    cuts: &mut dyn FnMut() -> usize,
) -> Heard {
    let mut heard = Heard::default();
    let mut unread = [Vec::new(), Vec::new()];
    for (toward, bytes) in talk {
        let mut rest = *bytes;
        while !rest.is_empty() {
            let (piece, later) = rest.split_at(cuts().clamp(1, rest.len()));
            rest = later;
            unread[*toward as usize].extend_from_slice(piece);
            if heard.is_opaque() {
                continue;
            }
            take(reader, *toward, &mut unread[*toward as usize], &mut heard);
        }
    }
    for (left, passed) in unread.into_iter().zip(&mut heard.passed) {
        passed.extend(left);
    }
    heard
}

fn take(reader: &mut dyn Reader, toward: Toward, unread: &mut Vec<u8>, heard: &mut Heard) {
    let mut marks = 0;
    while !unread.is_empty() {
        match reader.next(toward, unread) {
            Next::More => {
                assert!(unread.len() < LOOK, "a reader wanted more than {LOOK} bytes");
                return;
            }
            Next::Pass(count) => {
                assert!((1..=unread.len()).contains(&count), "passed {count} of {}", unread.len());
                heard.passed[toward as usize].extend(unread.drain(..count));
                marks = 0;
            }
            Next::Drop(count) => {
                assert!((1..=unread.len()).contains(&count), "dropped {count} of {}", unread.len());
                unread.drain(..count);
                marks = 0;
            }
            Next::Insert(side, bytes) => heard.passed[side as usize].extend(bytes),
            Next::Ask(ask) => heard.said.push(Said::Ask(ask)),
            Next::Answer(answer) => heard.said.push(Said::Answer(answer)),
            Next::Row(row) => heard.said.push(Said::Row(row)),
            Next::Opaque(why) => {
                heard.said.push(Said::Opaque(why));
                return;
            }
        }
        marks += 1;
        assert!(marks < 100_000, "a reader does not get on");
    }
}

/// A recorded conversation: a line for each piece, `> hex` toward the server or `< hex` toward the
/// client; `#` begins a comment.
pub(crate) fn recorded(text: &str) -> Vec<(Toward, Vec<u8>)> {
    text.lines().filter_map(|line| line.split_once(' ')).filter_map(piece).collect()
}

fn piece((side, hex): (&str, &str)) -> Option<(Toward, Vec<u8>)> {
    let toward = match side {
        ">" => Toward::Server,
        "<" => Toward::Client,
        _ => return None,
    };
    let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    Some((toward, (0..hex.len()).step_by(2).map(byte).collect()))
}

/// What was passed is what was sent, byte for byte.
pub(crate) fn assert_untouched(heard: &Heard, talk: &[(Toward, &[u8])]) {
    for toward in [Toward::Server, Toward::Client] {
        let of_side = talk.iter().filter(|(to, _)| *to == toward);
        let sent: Vec<u8> = of_side.flat_map(|(_, bytes)| bytes.to_vec()).collect();
        assert_eq!(heard.passed[toward as usize], sent, "{toward:?}");
    }
}

/// Anything: mostly pieces of which most put together mean something, so much of it to one part of chance.
pub(crate) fn babble(
    pieces: &'static [&'static str],
    meant: u32,
) -> impl Strategy<Value = Vec<(Toward, Vec<u8>)>> {
    let piece = prop_oneof![
        meant => proptest::sample::select(pieces).prop_map(|piece| piece.as_bytes().to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 1..9),
    ];
    let message = proptest::collection::vec(piece, 1..8).prop_map(|pieces| pieces.concat());
    let toward = prop_oneof![Just(Toward::Server), Just(Toward::Client)];
    proptest::collection::vec((toward, message), 1..8)
}

/// Lengths into which a conversation is cut, again and again.
pub(crate) fn lengths() -> impl Strategy<Value = Vec<usize>> {
    proptest::collection::vec(1..40_usize, 1..50)
}

/// A reader hears a conversation alike in one piece, in these pieces and byte by byte, and passes it
/// untouched.
pub(crate) fn assert_cuts_change_nothing<R: Reader>(
    new: impl Fn() -> R,
    talk: &[(Toward, Vec<u8>)],
    lengths: &[usize],
) {
    let talk: Vec<(Toward, &[u8])> = talk.iter().map(|(toward, bytes)| (*toward, &bytes[..])).collect();
    let whole = hear(&mut new(), &talk, &mut || usize::MAX);
    assert_untouched(&whole, &talk);
    let mut cuts = lengths.iter().copied().cycle();
    assert_eq!(hear(&mut new(), &talk, &mut || cuts.next().unwrap()), whole);
    assert_eq!(hear(&mut new(), &talk, &mut || 1), whole);
}

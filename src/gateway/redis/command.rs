//! A command from a client: an array of strings, or a line as typed into telnet. Its beginning says
//! what it asks; the rest is only counted.
//!
//! Source: <https://redis.io/docs/latest/develop/reference/protocol-spec/>, and for inline commands
//! the server's `sdssplitargs`.

use super::super::reader::LOOK;
use super::line::{self, Bulk, HEADER, Length};

/// How many arguments are looked at.
const LOOKED: usize = 16;

/// How many bytes of the key are kept.
const KEY: usize = 256;

/// How many bytes of any other argument are kept.
pub(super) const ARGUMENT: usize = 64;

/// The beginning of one argument.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Argument<'a> {
    pub(super) beginning: &'a [u8],
    pub(super) length: u64,
}

impl Argument<'_> {
    /// Whether it is this word, in letters of any case.
    pub(super) fn is(&self, word: &str) -> bool {
        self.beginning.eq_ignore_ascii_case(word.as_bytes())
    }
}

/// The beginning of a command.
#[derive(Debug, Default)]
pub(super) struct Command<'a> {
    arguments: [Argument<'a>; LOOKED],
    seen: usize,
    /// How many arguments it has, its name included.
    pub(super) count: u64,
}

impl<'a> Command<'a> {
    /// The arguments that could be looked at; the first is the name.
    pub(super) fn arguments(&self) -> &[Argument<'a>] {
        &self.arguments[..self.seen]
    }

    /// One of them; an empty one when it was not looked at.
    pub(super) fn argument(&self, at: usize) -> Argument<'a> {
        self.arguments().get(at).copied().unwrap_or_default()
    }

    fn push(&mut self, bytes: &'a [u8], length: u64) {
        let kept = usize::try_from(length).unwrap_or(usize::MAX).min(self.kept()).min(bytes.len());
        self.arguments[self.seen] = Argument { beginning: &bytes[..kept], length };
        self.seen += 1;
    }

    /// How many bytes of the next argument are kept.
    fn kept(&self) -> usize {
        if self.seen == 1 { KEY } else { ARGUMENT }
    }

    /// The command of a line.
    pub(super) fn of_words(words: &'a [Vec<u8>]) -> Self {
        let mut command = Self { count: u64::try_from(words.len()).unwrap_or(u64::MAX), ..Self::default() };
        for word in words.iter().take(LOOKED) {
            command.push(word, u64::try_from(word.len()).unwrap_or(u64::MAX));
        }
        command
    }
}

/// What stands in front of the unread bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Front {
    /// Too little to say.
    More,
    /// So many bytes that ask for nothing.
    Nothing(usize),
    /// A command that is an array, for [`array`].
    Array,
    /// A command that is a line of so many bytes.
    Line(usize),
}

/// Looks at the front. `searched` remembers where the end of a line has been sought.
pub(super) fn front(bytes: &[u8], searched: &mut usize) -> Result<Front, String> {
    match bytes.first() {
        None => Ok(Front::More),
        Some(b'*') => match line::length(bytes)? {
            None => Ok(Front::More),
            Some((Length::Known(0) | Length::Null, header)) => Ok(Front::Nothing(header)),
            Some((Length::Known(_), _)) => Ok(Front::Array),
            Some((Length::Streamed, _)) => Err("a command in parts".to_owned()),
        },
        Some(byte) if byte.is_ascii_control() && !byte.is_ascii_whitespace() => {
            Err("no Redis command".to_owned())
        }
        Some(_) => inline(bytes, searched),
    }
}

fn inline(bytes: &[u8], searched: &mut usize) -> Result<Front, String> {
    let look = &bytes[..bytes.len().min(LOOK)];
    let from = (*searched).min(look.len());
    let Some(end) = look[from..].iter().position(|byte| *byte == b'\n') else {
        *searched = look.len();
        return if look.len() == LOOK {
            Err("a line of more than 64 KiB".to_owned())
        } else {
            Ok(Front::More)
        };
    };
    *searched = 0;
    let length = from + end + 1;
    let is_blank = look[..length].iter().all(u8::is_ascii_whitespace);
    Ok(if is_blank { Front::Nothing(length) } else { Front::Line(length) })
}

/// Reads the beginning of the array in front; nothing when more of it must be seen. What it says
/// depends on the command's first [`LOOK`] bytes alone, and not on how many have come.
pub(super) fn array(bytes: &[u8]) -> Result<Option<(Command<'_>, Rest)>, String> {
    let Some((Length::Known(count), header)) = line::length(bytes)? else {
        return Err("no Redis command".to_owned());
    };
    let mut command = Command { count, ..Command::default() };
    let mut at = header;
    while command.seen < LOOKED && u64::try_from(command.seen).is_ok_and(|seen| seen < count) {
        let Some((length, beginning)) = argument(bytes, at, command.kept())? else {
            return Ok(None);
        };
        let Some(beginning) = beginning else { break };
        command.push(&bytes[beginning..], length);
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        at = beginning.saturating_add(length).saturating_add(2);
    }
    Ok(Some((command, Rest { whole: header, arguments: count, bulk: Bulk::Over })))
}

/// The length of the argument at a place and where its bytes begin, when enough of them have come;
/// no beginning when they are too far away to be looked at.
fn argument(bytes: &[u8], at: usize, kept: usize) -> Result<Option<(u64, Option<usize>)>, String> {
    if at > LOOK - HEADER - KEY {
        return Ok(Some((0, None)));
    }
    let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) else {
        return Ok(None);
    };
    if rest[0] != b'$' {
        return Err("a command whose argument is no string".to_owned());
    }
    let Some((length, header)) = line::length(rest)? else {
        return Ok(None);
    };
    let Length::Known(length) = length else {
        return Err("a command whose argument has no length".to_owned());
    };
    let needed = usize::try_from(length).unwrap_or(usize::MAX).min(kept);
    Ok((rest.len() - header >= needed).then_some((length, Some(at + header))))
}

/// What is left of a command's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rest {
    /// So many bytes go on as they are.
    whole: usize,
    /// So many arguments follow them.
    arguments: u64,
    /// What is left of the argument that has begun.
    bulk: Bulk,
}

impl Rest {
    /// A command that is a line.
    pub(super) fn line(length: usize) -> Self {
        Self { whole: length, arguments: 0, bulk: Bulk::Over }
    }

    /// Whether nothing is left.
    pub(super) fn is_over(&self) -> bool {
        self.whole == 0 && self.arguments == 0 && self.bulk == Bulk::Over
    }

    /// Goes on by as many of these bytes as belong to the command; 0 when more have to be seen.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<usize, String> {
        let mut at = self.whole.min(bytes.len());
        self.whole -= at;
        while at < bytes.len() && !self.is_over() {
            let step = self.step(&bytes[at..]);
            match step {
                Ok(0) => break,
                Ok(taken) => at += taken,
                Err(_) if at > 0 => break,
                Err(why) => return Err(why),
            }
        }
        Ok(at)
    }

    fn step(&mut self, bytes: &[u8]) -> Result<usize, String> {
        if self.bulk != Bulk::Over {
            return self.bulk.take(bytes);
        }
        if bytes[0] != b'$' {
            return Err("a command whose argument is no string".to_owned());
        }
        let Some((length, header)) = line::length(bytes)? else {
            return Ok(0);
        };
        let Length::Known(length) = length else {
            return Err("a command whose argument has no length".to_owned());
        };
        self.bulk = Bulk::Data(length);
        self.arguments -= 1;
        Ok(header)
    }
}

/// Cuts a line into words as the server does, quotes and escapes resolved; nothing when its quotes do
/// not fit together.
pub(super) fn words(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut words = Vec::new();
    let mut rest = line.trim_ascii_start();
    while !rest.is_empty() {
        let mut word = Vec::new();
        rest = one_word(rest, &mut word)?.trim_ascii_start();
        words.push(word);
    }
    Some(words)
}

/// Reads one word; returns what follows it.
fn one_word<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Option<&'a [u8]> {
    while let Some((&byte, after)) = rest.split_first() {
        rest = match byte {
            b'"' | b'\'' => {
                let after = quoted(byte, after, word)?;
                return after.first().is_none_or(u8::is_ascii_whitespace).then_some(after);
            }
            byte if byte.is_ascii_whitespace() => return Some(rest),
            byte => {
                word.push(byte);
                after
            }
        };
    }
    Some(rest)
}

fn quoted<'a>(quote: u8, mut rest: &'a [u8], word: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        let (byte, after) = match (quote, rest) {
            (_, [byte, after @ ..]) if *byte == quote => return Some(after),
            (b'\'', [b'\\', b'\'', after @ ..]) => (b'\'', after),
            (b'"', [b'\\', b'x', high, low, after @ ..])
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                let digit = |byte: u8| char::from(byte).to_digit(16).unwrap_or(0);
                (u8::try_from(digit(*high) * 16 + digit(*low)).unwrap_or(0), after)
            }
            (b'"', [b'\\', byte, after @ ..]) => (unescaped(*byte), after),
            (_, [byte, after @ ..]) => (*byte, after),
            (_, []) => return None,
        };
        word.push(byte);
        rest = after;
    }
}

fn unescaped(byte: u8) -> u8 {
    match byte {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 8,
        b'a' => 7,
        other => other,
    }
}

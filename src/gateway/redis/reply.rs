//! A reply of a server, RESP2 or RESP3: what its beginning tells, and where it ends. Only its structure
//! is followed; strings of any length pass by uncounted but for their length.
//!
//! Source: <https://redis.io/docs/latest/develop/reference/protocol-spec/>, and for attributes and
//! parts <https://github.com/redis/redis-specifications/blob/master/protocol/RESP3.md>.

use super::super::reader::text_of;
use super::line::{self, Bulk, Length};

/// How deep arrays and maps may lie in each other.
const DEPTH: usize = 32;

/// How many bytes of a status or an error are kept.
const LINE: usize = 1024;

/// How many bytes of a push's kind are looked at.
const WORD: usize = 32;

/// What the beginning of a reply tells.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) ok: bool,
    pub(super) is_null: bool,
    pub(super) said: String,
}

/// Reads the beginning of a reply; nothing when more of it must be seen.
pub(super) fn told(bytes: &[u8]) -> Result<Option<Told>, String> {
    let Some(&kind) = bytes.first() else {
        return Ok(None);
    };
    let told = |ok, is_null, said| Some(Told { ok, is_null, said });
    match kind {
        b'_' => Ok(told(true, true, "null".to_owned())),
        b'+' | b'-' | b':' | b',' | b'#' | b'(' => {
            let line = short_line(&bytes[1..]);
            Ok(line.and_then(|line| told(kind != b'-', false, scalar(kind, line))))
        }
        b'$' | b'=' | b'*' | b'~' | b'%' => {
            let Some((length, _)) = line::length(bytes)? else {
                return Ok(None);
            };
            Ok(told(true, length == Length::Null, size(kind, length)))
        }
        b'!' => bulk_error(bytes),
        _ => Err("no Redis reply".to_owned()),
    }
}

fn scalar(kind: u8, line: &[u8]) -> String {
    match (kind, line) {
        (b'#', b"t") => "true".to_owned(),
        (b'#', b"f") => "false".to_owned(),
        _ => text_of(line),
    }
}

/// Only the size of data is told: what is in it belongs to the user.
fn size(kind: u8, length: Length) -> String {
    let unit = match kind {
        b'$' | b'=' => "bytes",
        b'%' => "pairs",
        _ => "elements",
    };
    match length {
        Length::Null => "null".to_owned(),
        Length::Streamed => format!("{unit} in parts"),
        Length::Known(count) => format!("{count} {unit}"),
    }
}

fn bulk_error(bytes: &[u8]) -> Result<Option<Told>, String> {
    let Some((length, header)) = line::length(bytes)? else {
        return Ok(None);
    };
    let Length::Known(length) = length else {
        return Err("an error without a length".to_owned());
    };
    let kept = usize::try_from(length).unwrap_or(LINE).min(LINE);
    let text = bytes[header..].get(..kept).map(text_of);
    Ok(text.map(|said| Told { ok: false, is_null: false, said }))
}

/// The line in front, or as much of it as is kept.
fn short_line(bytes: &[u8]) -> Option<&[u8]> {
    let look = &bytes[..bytes.len().min(LINE)];
    match look.iter().position(|byte| *byte == b'\n') {
        Some(end) => Some(look[..end].strip_suffix(b"\r").unwrap_or(&look[..end])),
        None => (look.len() == LINE).then_some(look),
    }
}

/// The kind of a push in front (`message`, `subscribe`, `invalidate`), as far as it is looked at;
/// nothing when more must be seen.
pub(super) fn push_kind(bytes: &[u8]) -> Result<Option<&[u8]>, String> {
    let Some((_, header)) = line::length(bytes)? else {
        return Ok(None);
    };
    let first = &bytes[header..];
    match first.first() {
        None => Ok(None),
        Some(b'+') => Ok(short_line(&first[1..])),
        Some(b'$') => {
            let Some((length, header)) = line::length(first)? else {
                return Ok(None);
            };
            let Length::Known(length) = length else {
                return Ok(Some(&[]));
            };
            let kept = usize::try_from(length).unwrap_or(WORD).min(WORD);
            Ok(first[header..].get(..kept))
        }
        Some(_) => Ok(Some(&[])),
    }
}

/// An array, set, map or attribute that has begun.
#[derive(Debug, Clone, Copy, Default)]
struct Frame {
    /// How many values are left; nothing when its end will be marked.
    left: Option<u64>,
    is_attribute: bool,
}

/// Where inside a value the stream is.
#[derive(Debug, Clone, Copy, Default)]
enum Place {
    /// Before one.
    #[default]
    Value,
    /// Inside one that ends with its line.
    Line,
    /// Inside a string.
    Bulk(Bulk),
    /// Before a part of a string.
    Part,
    /// Inside such a part.
    PartBulk(Bulk),
}

/// Follows one value to its end.
#[derive(Debug, Default)]
pub(super) struct Reply {
    frames: [Frame; DEPTH],
    depth: usize,
    place: Place,
}

impl Reply {
    /// Whether no value has begun.
    pub(super) fn is_fresh(&self) -> bool {
        self.depth == 0 && matches!(self.place, Place::Value)
    }

    /// Goes on by as many of these bytes as belong to the value, 0 when more have to be seen, and says
    /// whether the value is over with them. An attribute in front of a value is taken for one.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<(usize, bool), String> {
        let mut at = 0;
        while at < bytes.len() {
            match self.step(&bytes[at..]) {
                Ok((taken, true)) => return Ok((at + taken, true)),
                Ok((0, false)) => break,
                Ok((taken, false)) => at += taken,
                Err(_) if at > 0 => break,
                Err(why) => return Err(why),
            }
        }
        Ok((at, false))
    }

    fn step(&mut self, bytes: &[u8]) -> Result<(usize, bool), String> {
        match &mut self.place {
            Place::Value => self.value(bytes),
            Place::Part => self.part(bytes),
            Place::Line => match bytes.iter().position(|byte| *byte == b'\n') {
                Some(end) => Ok((end + 1, self.ended())),
                None => Ok((bytes.len(), false)),
            },
            Place::Bulk(bulk) => {
                let taken = bulk.take(bytes)?;
                let is_over = *bulk == Bulk::Over;
                Ok((taken, is_over && self.ended()))
            }
            Place::PartBulk(bulk) => {
                let taken = bulk.take(bytes)?;
                if *bulk == Bulk::Over {
                    self.place = Place::Part;
                }
                Ok((taken, false))
            }
        }
    }

    fn value(&mut self, bytes: &[u8]) -> Result<(usize, bool), String> {
        let kind = bytes[0];
        match kind {
            b'+' | b'-' | b':' | b',' | b'#' | b'(' | b'_' => {
                self.place = Place::Line;
                Ok((1, false))
            }
            b'.' => self.end_of_parts(bytes),
            b'>' if self.depth > 0 => Err("a push inside a reply".to_owned()),
            b'$' | b'=' | b'!' | b'*' | b'~' | b'%' | b'|' | b'>' => {
                let Some((length, header)) = line::length(bytes)? else {
                    return Ok((0, false));
                };
                Ok((header, self.sized(kind, length)?))
            }
            _ => Err("no Redis reply".to_owned()),
        }
    }

    /// Begins a value of this length; whether the whole is over with it.
    fn sized(&mut self, kind: u8, length: Length) -> Result<bool, String> {
        let per = if matches!(kind, b'%' | b'|') { 2 } else { 1 };
        match (kind, length) {
            (b'$' | b'*', Length::Null) => Ok(self.ended()),
            (b'$', Length::Streamed) => {
                self.place = Place::Part;
                Ok(false)
            }
            (b'$' | b'=' | b'!', Length::Known(length)) => {
                self.place = Place::Bulk(Bulk::Data(length));
                Ok(false)
            }
            (b'*' | b'~' | b'%', Length::Streamed) => self.push(Frame { left: None, is_attribute: false }),
            (b'|', Length::Known(0)) => Ok(self.depth == 0),
            (b'*' | b'~' | b'%' | b'>', Length::Known(0)) => Ok(self.ended()),
            (b'*' | b'~' | b'%' | b'>' | b'|', Length::Known(count)) => {
                let left = count.checked_mul(per).ok_or("a length that is none in RESP")?;
                self.push(Frame { left: Some(left), is_attribute: kind == b'|' })
            }
            _ => Err("a length that is none in RESP".to_owned()),
        }
    }

    fn push(&mut self, frame: Frame) -> Result<bool, String> {
        let Some(place) = self.frames.get_mut(self.depth) else {
            return Err(format!("a reply nested deeper than {DEPTH}"));
        };
        *place = frame;
        self.depth += 1;
        Ok(false)
    }

    fn part(&mut self, bytes: &[u8]) -> Result<(usize, bool), String> {
        if bytes[0] != b';' {
            return Err("a string in parts without a part".to_owned());
        }
        match line::length(bytes)? {
            None => Ok((0, false)),
            Some((Length::Known(0), header)) => Ok((header, self.ended())),
            Some((Length::Known(length), header)) => {
                self.place = Place::PartBulk(Bulk::Data(length));
                Ok((header, false))
            }
            Some(_) => Err("a length that is none in RESP".to_owned()),
        }
    }

    /// The mark `.` behind the last part of an array, set or map.
    fn end_of_parts(&mut self, bytes: &[u8]) -> Result<(usize, bool), String> {
        let in_parts = self.depth > 0 && self.frames[self.depth - 1].left.is_none();
        match bytes {
            [_, b'\r', b'\n', ..] if in_parts => {
                self.depth -= 1;
                Ok((3, self.ended()))
            }
            [_] | [_, b'\r'] if in_parts => Ok((0, false)),
            _ => Err("no Redis reply".to_owned()),
        }
    }

    /// Counts a value that has ended; whether the outermost has.
    fn ended(&mut self) -> bool {
        self.place = Place::Value;
        while let Some(frame) = self.depth.checked_sub(1).and_then(|at| self.frames.get_mut(at)) {
            let Some(left) = &mut frame.left else {
                return false;
            };
            *left -= 1;
            if *left > 0 {
                return false;
            }
            let is_attribute = frame.is_attribute;
            self.depth -= 1;
            if is_attribute && self.depth > 0 {
                // The value that it belongs to follows.
                return false;
            }
        }
        true
    }
}

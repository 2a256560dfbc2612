//! Conversations written by hand, and what a reader made of them as lines of text.

use super::Postgres;
use super::frame::write;
use crate::gateway::reader::{Reader, Toward};
use crate::gateway::testing::{Heard, Said, hear};

/// A conversation: each entry is what one side sends at once.
#[derive(Debug, Default, Clone)]
pub(super) struct Talk(pub(super) Vec<(Toward, Vec<u8>)>);

impl Talk {
    /// One that is past the beginning: the server waits for the first message.
    pub(super) fn new() -> Self {
        Self::default().client(&[startup(196_608, b"user\0a\0\0")]).server(&[
            message(b'R', &[0, 0, 0, 0]),
            message(b'S', b"server_version\x0015.0\0"),
            message(b'K', &[0; 8]),
            ready(b'I'),
        ])
    }

    pub(super) fn client(mut self, messages: &[Vec<u8>]) -> Self {
        self.0.push((Toward::Server, messages.concat()));
        self
    }

    pub(super) fn server(mut self, messages: &[Vec<u8>]) -> Self {
        self.0.push((Toward::Client, messages.concat()));
        self
    }

    /// What a reader makes of it, cut as given.
    pub(super) fn cut(&self, reader: &mut dyn Reader, cuts: &mut dyn FnMut() -> usize) -> Heard {
        let talk: Vec<_> = self.0.iter().map(|(toward, bytes)| (*toward, bytes.as_slice())).collect();
        hear(reader, &talk, cuts)
    }

    /// Whole, and byte by byte to the same effect; every byte must have passed.
    #[track_caller]
    pub(super) fn check(&self, expected: &[&str]) {
        self.check_with(&Postgres::new, expected);
    }

    #[track_caller]
    pub(super) fn check_with(&self, reader: &dyn Fn() -> Postgres, expected: &[&str]) {
        let heard = self.cut(&mut reader(), &mut || usize::MAX);
        assert_eq!(lines(&heard), expected);
        for side in [Toward::Server, Toward::Client] {
            assert_eq!(heard.passed[side as usize], self.sent(side));
        }
        assert_eq!(self.cut(&mut reader(), &mut || 1), heard, "cut into single bytes");
    }

    pub(super) fn sent(&self, side: Toward) -> Vec<u8> {
        self.0.iter().filter(|(toward, _)| *toward == side).flat_map(|(_, bytes)| bytes.clone()).collect()
    }
}

/// What was said, one line each.
pub(super) fn lines(heard: &Heard) -> Vec<String> {
    heard.said.iter().map(line).collect()
}

fn line(said: &Said) -> String {
    let word = |yes: bool, word: &str| if yes { format!(" {word}") } else { String::new() };
    match said {
        Said::Ask(ask) => {
            let state = format!("{:?}", ask.transaction).to_lowercase();
            let (commits, rides) = (word(ask.commits, "commits"), word(ask.rides, "rides"));
            format!("ask {state}{commits}{rides}: {}", ask.text)
        }
        Said::Answer(answer) => {
            let ok = if answer.ok { "ok" } else { "failed" };
            format!("{ok}{}: {}", word(answer.committed, "committed"), answer.said)
        }
        Said::Row(row) => format!("row {row}"),
        Said::Opaque(why) => format!("opaque: {why}"),
    }
}

pub(super) fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(&mut bytes, kind, body);
    bytes
}

pub(super) fn startup(code: u32, rest: &[u8]) -> Vec<u8> {
    let length = u32::try_from(rest.len() + 8).unwrap();
    [&length.to_be_bytes()[..], &code.to_be_bytes(), rest].concat()
}

fn strings(parts: &[&str]) -> Vec<u8> {
    parts.iter().flat_map(|part| part.bytes().chain([0])).collect()
}

pub(super) fn query(text: &str) -> Vec<u8> {
    message(b'Q', &strings(&[text]))
}

pub(super) fn parse(name: &str, text: &str) -> Vec<u8> {
    message(b'P', &[strings(&[name, text]), vec![0, 0]].concat())
}

pub(super) fn bind(portal: &str, statement: &str) -> Vec<u8> {
    message(b'B', &[strings(&[portal, statement]), vec![0; 6]].concat())
}

pub(super) fn describe_portal(name: &str) -> Vec<u8> {
    message(b'D', &strings(&[&format!("P{name}")]))
}

pub(super) fn execute(portal: &str, most: u32) -> Vec<u8> {
    message(b'E', &[strings(&[portal]), most.to_be_bytes().to_vec()].concat())
}

/// Parse, Bind, Describe and Execute of a text, all without names.
pub(super) fn run(text: &str) -> Vec<u8> {
    [parse("", text), bind("", ""), describe_portal(""), execute("", 0)].concat()
}

/// What a server answers to [`run`] of a statement without rows.
pub(super) fn ran(tag: &str) -> Vec<u8> {
    [message(b'1', b""), message(b'2', b""), message(b'n', b""), complete(tag)].concat()
}

pub(super) fn sync() -> Vec<u8> {
    message(b'S', b"")
}

pub(super) fn complete(tag: &str) -> Vec<u8> {
    message(b'C', &strings(&[tag]))
}

pub(super) fn error(code: &str, text: &str) -> Vec<u8> {
    message(
        b'E',
        &[strings(&["SERROR", "VERROR", &format!("C{code}"), &format!("M{text}")]), vec![0]].concat(),
    )
}

pub(super) fn ready(status: u8) -> Vec<u8> {
    message(b'Z', &[status])
}

pub(super) fn row(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap();
    message(b'D', &[&[0, 1], &length.to_be_bytes()[..], bytes].concat())
}

pub(super) fn columns() -> Vec<u8> {
    message(b'T', &[0, 0])
}

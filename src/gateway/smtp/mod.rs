//! Reads SMTP (RFC 5321) between a client and a server: each mail is an ask, from its DATA command to the
//! answer to the end of its content. Who a mail is for is known by then; everything else passes.
//!
//! Commands may be pipelined (RFC 2920), so a recipient counts from its command on, until it is refused. Where a conversation changes into something else (TLS, BDAT,
//! an authentication's lines), nothing is guessed: the rest of it is opaque.

mod content;
mod sink;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, VecDeque};

use super::call::{Content, Field, Keeper};
use super::reader::{Answer, Ask, Kind, LOOK, Next, Reader, Refusal, Toward, Transaction, text_of};
use content::Lines;

pub(super) use sink::sink;

/// How many commands may wait for their replies.
const PIPELINE: usize = 1024;

/// The words under which a mail's sender is kept.
const SENDER: &str = "sender";

/// Reads one SMTP connection.
#[derive(Debug, Default)]
pub struct Smtp {
    /// What the server still has to reply to, the oldest first; before everything it greets.
    waiting: VecDeque<Verb>,
    greeted: bool,
    /// The mail that is being put together.
    sender: String,
    recipients: Vec<String>,
    client: Place,
    keeps: Option<BTreeSet<Field>>,
    contents: VecDeque<Content>,
    /// The DATA command in front is answered in the server's place.
    refused: bool,
}

/// Where the client is.
#[derive(Debug, Default)]
enum Place {
    /// Before or inside a command.
    #[default]
    Command,
    /// The DATA command in front has been said.
    Said,
    /// Behind DATA, whose reply says whether content follows.
    Waits,
    /// Inside the content of a mail.
    Content(Box<Inside>),
}

/// What is known of the content that is passing.
#[derive(Debug)]
struct Inside {
    lines: Lines,
    keeper: Option<Keeper>,
}

/// A command, as far as it matters here.
#[derive(Debug, PartialEq, Eq)]
enum Verb {
    /// It forgets the mail that was being put together.
    Fresh,
    Mail(String),
    Recipient(String),
    Data,
    /// The end of a mail's content.
    End,
    /// The conversation becomes something else, when it succeeds.
    Leaves(&'static str),
    Other,
}

impl Smtp {
    /// A connection on which nothing has been said.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same, keeping these headers of mails.
    pub fn keeping(fields: BTreeSet<Field>) -> Self {
        Self { keeps: Some(fields), ..Self::default() }
    }

    fn command(&mut self, unread: &[u8]) -> Next {
        let Some(length) = line(unread) else { return more(unread, "a command") };
        if self.waiting.len() == PIPELINE {
            return Next::Opaque(format!("more than {PIPELINE} commands without a reply"));
        }
        match verb(&unread[..length]) {
            Verb::Data => {
                self.client = Place::Said;
                let text = text_of(format!("MAIL {}", self.recipients.join(", ")).as_bytes());
                let (kind, transaction) = (Kind::Mail, Transaction::None);
                Next::Ask(Ask { kind, text, transaction, commits: true, rides: false })
            }
            verb => {
                self.note(&verb);
                self.waiting.push_back(verb);
                Next::Pass(length)
            }
        }
    }

    fn note(&mut self, verb: &Verb) {
        match verb {
            Verb::Fresh => self.fresh(""),
            Verb::Mail(sender) => self.fresh(sender),
            Verb::Recipient(recipient) => self.recipients.push(recipient.clone()),
            Verb::Data | Verb::End | Verb::Leaves(_) | Verb::Other => {}
        }
    }

    fn fresh(&mut self, sender: &str) {
        sender.clone_into(&mut self.sender);
        self.recipients.clear();
    }

    fn keeper(&self) -> Option<Keeper> {
        let mut keeper = Keeper::new(self.keeps.as_ref()?);
        keeper.fact(SENDER, &self.sender);
        Some(keeper)
    }

    fn data(&mut self, unread: &[u8]) -> Next {
        let length = line(unread).unwrap_or(unread.len());
        if std::mem::take(&mut self.refused) {
            self.client = Place::Command;
            return Next::Drop(length);
        }
        self.waiting.push_back(Verb::Data);
        self.client = Place::Waits;
        Next::Pass(length)
    }

    fn reply(&mut self, unread: &[u8]) -> Next {
        let (code, length) = match reply(unread) {
            Ok(Some(found)) => found,
            Ok(None) => return more(unread, "a reply"),
            Err(why) => return Next::Opaque(why.to_owned()),
        };
        if !std::mem::replace(&mut self.greeted, true) {
            return Next::Pass(length);
        }
        let done = (200..300).contains(&code);
        match self.waiting.pop_front() {
            None => Next::Opaque("a reply without a command".to_owned()),
            Some(Verb::Data) if code == 354 => {
                let inside = Inside { lines: Lines::default(), keeper: self.keeper() };
                self.client = Place::Content(Box::new(inside));
                Next::Pass(length)
            }
            Some(Verb::Data) => {
                self.client = Place::Command;
                // Nothing of it passes, and all of that has.
                self.contents.extend(self.keeper().map(Keeper::end));
                self.ended(&unread[..length], false)
            }
            Some(Verb::End) => self.ended(&unread[..length], done),
            Some(Verb::Leaves(into)) if code < 400 => Next::Opaque(into.to_owned()),
            Some(Verb::Recipient(refused)) if !done => {
                if let Some(at) = self.recipients.iter().rposition(|recipient| *recipient == refused) {
                    self.recipients.remove(at);
                }
                Next::Pass(length)
            }
            Some(_) => Next::Pass(length),
        }
    }

    /// A mail has ended so. It is said before the reply passes, which is in front again when it is looked at
    /// next.
    fn ended(&mut self, reply: &[u8], taken: bool) -> Next {
        self.waiting.push_front(Verb::Other);
        Next::Answer(Answer { ok: taken, said: text_of(reply.trim_ascii_end()), committed: taken })
    }

    fn inside(&mut self, unread: &[u8]) -> Next {
        let Place::Content(inside) = &mut self.client else { return Next::More };
        let Inside { lines, keeper } = &mut **inside;
        let (taken, over) =
            lines.take(unread, |bytes| keeper.iter_mut().for_each(|keeper| keeper.body(bytes)));
        if over {
            if let Some(mut keeper) = inside.keeper.take() {
                let head = keeper.beginning().to_vec();
                keeper.head(&head);
                self.contents.push_back(keeper.end());
            }
            self.waiting.push_back(Verb::End);
            self.client = Place::Command;
        }
        Next::Pass(taken)
    }
}

impl Reader for Smtp {
    fn next(&mut self, toward: Toward, unread: &[u8]) -> Next {
        match (toward, &self.client) {
            (Toward::Client, _) => self.reply(unread),
            (Toward::Server, Place::Command) => self.command(unread),
            (Toward::Server, Place::Said) => self.data(unread),
            (Toward::Server, Place::Waits) => Next::Opaque("content before it was asked for".to_owned()),
            (Toward::Server, Place::Content(_)) => self.inside(unread),
        }
    }

    /// Answers DATA with this reply; the connection goes on.
    fn refuse(&mut self, refusal: &Refusal) -> Result<Vec<u8>, String> {
        let code: u16 = refusal.code.parse().map_err(|_| format!("`{}` is no SMTP reply", refusal.code))?;
        if !(400..=599).contains(&code) {
            return Err(format!("{code} is no SMTP reply of an error (400 to 599)"));
        }
        if !matches!(self.client, Place::Said) || !self.waiting.is_empty() {
            return Err("no mail waits alone for its reply".to_owned());
        }
        self.refused = true;
        let message = refusal.message.replace(['\r', '\n'], " ");
        Ok(format!("{code} {message}\r\n").into_bytes())
    }

    fn content(&mut self) -> Option<Content> {
        self.contents.pop_front()
    }
}

/// The length of the line in front.
fn line(unread: &[u8]) -> Option<usize> {
    unread.iter().position(|byte| *byte == b'\n').map(|at| at + 1)
}

fn more(unread: &[u8], what: &str) -> Next {
    if unread.len() >= LOOK {
        return Next::Opaque(format!("{what} of more than {LOOK} bytes"));
    }
    Next::More
}

fn verb(line: &[u8]) -> Verb {
    let text = text_of(line.trim_ascii());
    let word = text.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
    match &*word {
        "HELO" | "EHLO" | "LHLO" | "RSET" => Verb::Fresh,
        "MAIL" => Verb::Mail(address(&text)),
        "RCPT" => Verb::Recipient(address(&text)),
        "DATA" => Verb::Data,
        "STARTTLS" => Verb::Leaves("TLS"),
        "AUTH" => Verb::Leaves("an authentication"),
        "BDAT" => Verb::Leaves("content in chunks (BDAT)"),
        _ => Verb::Other,
    }
}

/// What stands between `<` and `>`; else what follows the colon.
fn address(command: &str) -> String {
    let behind = command.split_once(':').map_or("", |(_, behind)| behind).trim();
    let inside = behind.strip_prefix('<').and_then(|inside| inside.split('>').next());
    inside.unwrap_or_else(|| behind.split(' ').next().unwrap_or_default()).to_owned()
}

/// The code and length of the whole reply in front: lines of one code, the last of which has no hyphen.
fn reply(unread: &[u8]) -> Result<Option<(u16, usize)>, &'static str> {
    let mut at = 0;
    while let Some(length) = line(&unread[at..]) {
        let line = &unread[at..at + length];
        let code = line.get(..3).and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<u16>().ok());
        let Some(code) = code.filter(|code| (200..600).contains(code)) else { return Err("no SMTP reply") };
        at += length;
        if line.get(3) != Some(&b'-') {
            return Ok(Some((code, at)));
        }
    }
    Ok(None)
}

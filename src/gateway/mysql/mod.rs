//! The client/server protocol of MariaDB and MySQL, version 10 (4.1 and later).
//!
//! From the MariaDB Knowledge Base, "Client/Server Protocol", and MySQL's "Client/Server Protocol" of
//! the source documentation. The server speaks first. Its greeting is the only thing that is altered:
//! the flags CLIENT_SSL, CLIENT_COMPRESS and CLIENT_ZSTD_COMPRESSION_ALGORITHM are taken out, which
//! keeps its length, so that clients go on in plain text. All else passes as it came.
//!
//! Each statement of COM_QUERY is an ask, and so is each execution of a prepared statement and each
//! COM_INIT_DB. Several statements of one message ride together; where the server's answers do not fit
//! the statements that were cut, the message's last answer ends all that are left, and says so.

mod answers;
mod attributes;
mod closing;
mod commands;
mod login;
mod packet;
mod prepared;
mod session;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;

use self::answers::Part;
use self::closing::Closing;
use self::packet::{Flow, Header};
use self::prepared::{Prepared, Statements};
use self::session::Session;
use super::reader::{Next, Reader, Refusal, Toward};
use crate::sql::mariadb::Dialect;
use crate::sql::mariadb::{Effect, Yields};

/// The most commands of one connection that may wait for their answers.
const MOST: usize = 4096;

/// How far the conversation has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The server has not spoken.
    Silent,
    /// The client has not answered the greeting.
    Greeted,
    /// Passwords are being exchanged; whether the client owes one that it gives over TLS only.
    Login { secret: bool },
    /// Commands and answers.
    Commands,
    /// Everything passes: the server has sent the client away, or nothing is understood.
    Ended,
}

/// What the client is sending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sends {
    /// Nothing yet: a command is to come.
    Command,
    /// A COM_QUERY: the statement at this byte of its text is to be asked, after so many others, and
    /// perhaps riding with them.
    Asks { at: usize, cut: u32, rides: bool },
    /// A command about which everything was said.
    Asked,
    /// A command that was answered in the server's place.
    Refused,
    /// A file, for LOAD DATA LOCAL INFILE, up to an empty packet.
    File,
}

/// What the server's answer to a command looks like.
#[derive(Debug)]
enum Expect {
    /// OK, an error, a request for a file, or rows.
    Result(Yields),
    /// A prepared statement's number and columns.
    Prepare(Arc<Prepared>),
    /// Rows alone.
    Rows,
    /// One packet: OK, EOF, an error, or a text.
    Single,
    /// One packet, after which nothing prepared is left.
    Reset,
    /// The exchange of passwords.
    Login,
}

/// A command, or a statement of one, that the server has not answered.
#[derive(Debug)]
struct Pending {
    expect: Expect,
    /// What its success means, when it is an ask.
    asked: Option<Asked>,
    /// Whether a statement of the same message comes after it.
    followed: bool,
}

/// What success of an ask means.
#[derive(Debug, Clone, Copy)]
struct Asked {
    commits: bool,
    effect: Effect,
}

/// Reads one conversation of a MariaDB or MySQL client with its server.
#[derive(Debug)]
pub struct Mysql {
    phase: Phase,
    /// What both sides are capable of; before the handshake response, what the server is.
    capabilities: u64,
    /// Whether TLS was taken out of the greeting.
    hides_tls: bool,
    /// Whether the client asked for TLS all the same.
    demands_tls: bool,
    dialect: Dialect,
    /// What the server said last about the connection.
    session: Session,
    /// The same after all that was asked, if it succeeds.
    ahead: Session,
    up: Flow,
    down: Flow,
    sends: Sends,
    /// Whether the message that asks has more than one packet.
    asks_long: bool,
    pending: VecDeque<Pending>,
    part: Part,
    closing: Option<Closing>,
    /// Results of this message can no longer be told apart.
    unclear: bool,
    statements: Statements,
}

impl Default for Mysql {
    fn default() -> Self {
        Self::new()
    }
}

impl Mysql {
    /// A reader for a conversation in which nothing was said yet.
    pub fn new() -> Self {
        let session = Session { open: false, autocommit: true };
        Self {
            phase: Phase::Silent,
            capabilities: 0,
            hides_tls: false,
            demands_tls: false,
            dialect: Dialect::of(b""),
            session,
            ahead: session,
            up: Flow::default(),
            down: Flow::default(),
            sends: Sends::Command,
            asks_long: false,
            pending: VecDeque::new(),
            part: Part::First,
            closing: None,
            unclear: false,
            statements: Statements::default(),
        }
    }

    fn has(&self, flag: u64) -> bool {
        self.capabilities & flag != 0
    }

    /// Nothing is understood any more.
    fn give_up(&mut self, why: impl Into<String>) -> Next {
        self.phase = Phase::Ended;
        self.pending.clear();
        self.closing = None;
        Next::Opaque(why.into())
    }

    /// The packet at the front of the bytes goes on, with what continues it.
    fn pass_up(&mut self, header: Header, unread: &[u8]) -> Next {
        self.up.pass(header);
        Next::Pass(self.up.decided(unread))
    }

    fn pass_down(&mut self, header: Header, unread: &[u8]) -> Next {
        self.down.pass(header);
        Next::Pass(self.down.decided(unread))
    }

    fn push(&mut self, pending: Pending) -> Result<(), String> {
        if self.pending.len() >= MOST {
            return Err(format!("more than {MOST} commands wait for an answer"));
        }
        self.pending.push_back(pending);
        Ok(())
    }
}

impl Reader for Mysql {
    fn next(&mut self, toward: Toward, unread: &[u8]) -> Next {
        if self.phase == Phase::Ended {
            return Next::Pass(unread.len());
        }
        match toward {
            Toward::Server => self.toward_server(unread),
            Toward::Client => self.toward_client(unread),
        }
    }

    fn refuse(&mut self, refusal: &Refusal) -> Result<Vec<u8>, String> {
        self.refuse_ask(refusal)
    }

    /// Whether the conversation, if it has ended, ended because the client gives its password over TLS
    /// only: it asked for TLS although the greeting as altered does not offer it, or the server offered
    /// TLS and the client did not answer the greeting or the demand for its password in plain text.
    fn insists_on_tls(&self) -> bool {
        let waits = matches!(self.phase, Phase::Greeted | Phase::Login { secret: true });
        self.demands_tls || self.hides_tls && waits
    }
}

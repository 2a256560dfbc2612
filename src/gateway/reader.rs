//! What a protocol reader is: the bytes of one conversation in, what they ask and answer out.
//!
//! A reader does no I/O and never sees time. The relay shows it the unread bytes of one direction; it
//! says what may go on and what that means. Nothing is changed on the way: the bytes that are passed
//! are the bytes that came, except where a reader says [`Next::Drop`] or [`Next::Insert`].

use serde::{Deserialize, Serialize};

use super::call::Content;

/// The most bytes that a reader may want to see before it decides: it never returns [`Next::More`]
/// when it was shown this many.
pub const LOOK: usize = 64 * 1024;

/// The longest text of an ask that is kept, in bytes; a longer one is cut at a character.
pub const TEXT: usize = 8 * 1024;

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Toward {
    /// From the client to the server.
    Server,
    /// From the server to the client.
    Client,
}

/// What a client can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An SQL statement.
    Statement,
    /// An HTTP request.
    Request,
    /// A Redis command.
    Command,
    /// A mail.
    Mail,
    /// A connection, where nothing inside is understood.
    Connection,
}

/// Whether a connection is inside a transaction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transaction {
    /// It is not.
    #[default]
    None,
    /// It is.
    Open,
    /// It is inside one that has failed and can only be rolled back.
    Failed,
}

/// One thing that a client asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// What kind of thing.
    pub kind: Kind,
    /// The statement, `POST /flags`, `DEL key`, or `MAIL` with its recipients; at most [`TEXT`] bytes.
    #[serde(serialize_with = "crate::secret::statement")]
    pub text: String,
    /// The connection's transaction before it.
    pub transaction: Transaction,
    /// Whether its success makes changes permanent: COMMIT, EXEC, or a change outside a transaction.
    pub commits: bool,
    /// Whether it travels in the same message as the ask before it, so that nothing can be held
    /// between the two.
    pub rides: bool,
}

/// How the server answered the oldest ask of the connection that had no answer yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Whether it was done; an HTTP status below 400, no error in SQL or Redis.
    pub ok: bool,
    /// What the server said: `UPDATE 3`, `201`, `OK`, `SQLSTATE 40001: …`, `skipped`.
    pub said: String,
    /// Whether the server is known to have made changes permanent.
    pub committed: bool,
}

/// What a reader says about the front of the unread bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// More bytes are needed before anything can be said.
    More,
    /// So many bytes (at least one) go on.
    Pass(usize),
    /// So many bytes (at least one) are taken out.
    Drop(usize),
    /// These bytes are sent toward that side, as the other side's own.
    Insert(Toward, Vec<u8>),
    /// What comes next asks the server for this. Said once, before any byte of it is passed.
    Ask(Ask),
    /// What comes next tells the client how its oldest ask ended. Said once, before any byte of it
    /// is passed.
    Answer(Answer),
    /// Inside a COPY so many rows have been passed; only when [`Reader::stop_at_row`] asked for it.
    Row(u64),
    /// From here on nothing is understood in either direction, and all bytes pass; why.
    Opaque(String),
}

/// A protocol-correct error that the gateway answers in the server's place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// SQLSTATE, HTTP status, Redis error word (`LOADING`) or MariaDB error number.
    #[serde(serialize_with = "crate::secret::word")]
    pub code: String,
    /// The message.
    pub message: String,
}

/// Reads one conversation in both directions.
pub trait Reader: Send {
    /// Looks at the front of the unread bytes of one direction; they are never empty. Called again
    /// until it says [`Next::More`] or nothing is left.
    fn next(&mut self, toward: Toward, unread: &[u8]) -> Next;

    /// Answers the ask that was said last with an error in the server's place: returns the bytes for
    /// the client; none if the error has to wait for what the server still answers before it, and then
    /// comes as [`Next::Insert`]. The ask's own bytes are dropped by what [`Reader::next`] says afterwards, and so is
    /// what the protocol makes a server skip after an error. Called only when every earlier ask of the
    /// connection has been answered.
    ///
    /// # Errors
    /// Why this protocol, or this ask, cannot be answered so.
    fn refuse(&mut self, refusal: &Refusal) -> Result<Vec<u8>, String>;

    /// Bytes that make the server say what it is still keeping back, where a protocol has such
    /// (PostgreSQL's Flush); sent toward the server between two messages of the client.
    fn nudge(&self) -> Option<&'static [u8]> {
        None
    }

    /// What the oldest ask held of which all has been passed and that was not told yet; only of a reader
    /// that was made to keep that.
    fn content(&mut self) -> Option<Content> {
        None
    }

    /// Whether the client asked for TLS and then gave up.
    fn insists_on_tls(&self) -> bool {
        false
    }

    /// Stops once when so many rows of a COPY toward the server have been passed.
    fn stop_at_row(&mut self, row: Option<u64>) {
        let _ = row;
    }
}

/// The beginning of a text from the wire, at most [`TEXT`] bytes, as UTF-8.
pub fn text_of(bytes: &[u8]) -> String {
    let cut = &bytes[..bytes.len().min(TEXT)];
    let mut text = String::from_utf8_lossy(cut).into_owned();
    if cut.len() < bytes.len() {
        // A character that the cut has split.
        while text.ends_with(char::REPLACEMENT_CHARACTER) {
            text.pop();
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let long = "é".repeat(TEXT);
        assert_eq!(text_of(&long.as_bytes()[1..]).chars().filter(|c| *c == 'é').count(), TEXT / 2 - 1);
        assert!(!text_of(long.as_bytes()).contains(char::REPLACEMENT_CHARACTER));
        assert_eq!(text_of(b"SELECT 1"), "SELECT 1");
    }
}

//! The reader of the PostgreSQL frontend/backend protocol, version 3.
//!
//! Source: PostgreSQL documentation, "Frontend/Backend Protocol" (Message Flow, Message Formats).
//!
//! What a statement is asked inside of, and whether it commits, is told from the texts that were sent
//! before it and put right by each ReadyForQuery. A SELECT is taken to read, whatever its functions do.
//! In a pipeline outside a block each Execute that changes something says that it commits, because the
//! next Sync may follow; the answers tell which of them the commit came with: the last before the Sync.

mod client;
mod copy;
mod frame;
mod names;
mod queue;
mod refuse;
mod server;
mod state;
mod trouble;
mod verdict;

#[cfg(test)]
mod extended_tests;
#[cfg(test)]
mod property_tests;
#[cfg(test)]
mod recorded_tests;
#[cfg(test)]
mod refuse_tests;
#[cfg(test)]
mod simple_tests;
#[cfg(test)]
mod testing;

use std::collections::VecDeque;
use std::vec::IntoIter;

use self::copy::Rows;
use self::frame::Message;
use self::names::Names;
use self::queue::{Item, Queue, Source};
use self::state::State;
use self::verdict::Look;
use super::reader::{Ask, Next, Reader, Refusal, Toward};
use crate::sql::Effect;

/// Reads one connection of a PostgreSQL client.
#[derive(Debug, Default)]
pub struct Postgres {
    opaque: bool,
    phase: Phase,
    encryption: Encryption,
    /// What is left of the message being passed, toward the server and toward the client.
    rests: [Rest; 2],
    queue: Queue,
    names: Names,
    /// What the front of the queue will find.
    now: State,
    /// What comes behind the queue will find; none when that has to be told anew.
    ahead: Option<State>,
    /// The client's message at the front, while what it asks is being said.
    asking: Option<Asking>,
    /// How many asks of portals there were.
    asks: u64,
    /// The ask whose portal was left unfinished and that is not answered, and what it does.
    suspended: Option<(u64, Effect)>,
    /// The server's message at the front was said to be an answer.
    told: bool,
    /// The server's message at the front is an error whose answer was said: up to where it makes skip.
    failing: Option<Source>,
    /// The server skips everything up to the next Sync.
    skipping: bool,
    look: Option<Look>,
    /// The server reads rows and the client has not ended them.
    copying: bool,
    /// Some rows were sent to it.
    has_rows: bool,
    /// A Sync was sent behind some of them: whether the server reads it as one depends on whether it was
    /// still reading rows by then.
    stray_sync: bool,
    rows: Rows,
    /// What goes to the server instead of a refused message.
    instead: Option<Vec<u8>>,
    /// Errors of ours that the client has yet to be sent, the oldest first.
    refusals: VecDeque<Vec<u8>>,
}

/// How far a client has come.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Phase {
    #[default]
    Startup,
    Talk,
    /// After Terminate, or a CancelRequest.
    Over,
}

/// Where a request for encryption stands.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Encryption {
    #[default]
    No,
    /// It was declined, and the request is about to be dropped.
    Declined,
    /// Nothing came since.
    Asked,
}

/// What is left of a message of which the beginning was read.
#[derive(Debug, Default, Clone, Copy)]
struct Rest {
    left: usize,
    does: Does,
}

/// What happens to it.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Does {
    #[default]
    Pass,
    Drop,
    /// Passes, and rows are counted in it.
    Count,
}

/// What one message asks.
#[derive(Debug)]
struct Asking {
    first: Option<Ask>,
    later: IntoIter<Ask>,
    item: Item,
    items: Vec<Item>,
    /// The length of the message.
    whole: usize,
}

/// What is done with the front of the unread bytes.
enum Step {
    /// So many bytes pass.
    Pass(usize),
    /// More has to be seen, or what passes before it has to be passed first.
    Wait,
    /// Only ever about the very front.
    Say(Next),
}

impl Postgres {
    /// A reader at the beginning of a connection.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether the client asked for encryption (TLS or GSS), was told that there is none, and has not gone
    /// on in plain text.
    pub fn insists_on_tls(&self) -> bool {
        self.encryption != Encryption::No
    }

    /// What comes behind everything that was sent will find, if all of it succeeds.
    fn ahead(&mut self) -> State {
        let (queue, now, skipping) = (&self.queue, self.now, self.skipping);
        *self.ahead.get_or_insert_with(|| queue.fold(now, skipping))
    }

    /// Passes a message, seen or not.
    fn pass(&mut self, toward: Toward, message: &Message<'_>) -> Step {
        self.rests[toward as usize] = Rest { left: message.whole - message.seen, does: Does::Pass };
        Step::Pass(message.seen)
    }

    /// What is dropped is at the very front: nothing passes in the same step before it.
    fn rest(&mut self, toward: Toward, front: &[u8]) -> Step {
        let Rest { left, does } = self.rests[toward as usize];
        if toward == Toward::Server
            && let Some(instead) = self.instead.take()
        {
            return Step::Say(Next::Insert(toward, instead));
        }
        let mut count = left.min(front.len());
        if does == Does::Count {
            count = self.rows.scan(&front[..count]);
        }
        self.rests[toward as usize].left -= count;
        if does == Does::Drop { Step::Say(Next::Drop(count)) } else { Step::Pass(count) }
    }

    fn step(&mut self, toward: Toward, front: &[u8], first: bool) -> Step {
        if toward == Toward::Server && self.rows.is_due() {
            return if first { self.say_row() } else { Step::Wait };
        }
        if self.rests[toward as usize].left > 0 {
            return self.rest(toward, front);
        }
        match toward {
            Toward::Server => self.client_step(front, first),
            Toward::Client => self.server_step(front, first),
        }
    }
}

impl Reader for Postgres {
    fn next(&mut self, toward: Toward, unread: &[u8]) -> Next {
        let mut passed = 0;
        while passed < unread.len() {
            if self.opaque {
                return Next::Pass(unread.len());
            }
            match self.step(toward, &unread[passed..], passed == 0) {
                Step::Pass(count) => passed += count,
                Step::Wait => break,
                Step::Say(_) if passed > 0 => break,
                Step::Say(next) => {
                    self.opaque = matches!(next, Next::Opaque(_));
                    return next;
                }
            }
        }
        if passed == 0 { Next::More } else { Next::Pass(passed) }
    }

    fn refuse(&mut self, refusal: &Refusal) -> Result<Vec<u8>, String> {
        self.refuse_asked(refusal)
    }

    /// Flush: the server keeps answers of the extended protocol back until it, or Sync, comes.
    fn nudge(&self) -> Option<&'static [u8]> {
        Some(b"H\0\0\0\x04")
    }

    fn insists_on_tls(&self) -> bool {
        Self::insists_on_tls(self)
    }

    fn stop_at_row(&mut self, row: Option<u64>) {
        self.rows.stop_at(row);
    }
}

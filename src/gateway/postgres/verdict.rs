//! Whether a commit came with a success, where only what follows tells.
//!
//! In a pipeline the server commits at Sync, after it has said CommandComplete; a simple Query that is too
//! long to be read may hold more statements. Both are known when ReadyForQuery can be seen.

use super::frame::Message;
use super::trouble::Trouble;
use crate::gateway::reader::LOOK;

/// What became of the front item.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// More has to be seen.
    Unknown,
    /// It was not its end.
    GoesOn,
    /// It succeeded; whether that is permanent.
    Committed(bool),
    /// It failed after all, and how.
    Failed(String),
}

/// A look at what follows an answer.
#[derive(Debug)]
pub(super) struct Look {
    /// How far it has come.
    at: usize,
    /// How many answers to others come before the commit.
    answers: u32,
    /// Whether ReadyForQuery outside a block means that it was committed.
    commits: bool,
    /// Whether it is only asked what comes next.
    next_only: bool,
}

impl Look {
    /// Whether the Sync that follows commits; so many answers come before that.
    pub(super) fn for_commit(at: usize, answers: u32) -> Self {
        Self { at, answers, commits: true, next_only: false }
    }

    /// Whether the statement was the last of its message.
    pub(super) fn whether_last(at: usize, commits: bool) -> Self {
        Self { at, answers: 0, commits, next_only: true }
    }

    /// Looks at the unread bytes from the answer on; goes on where it stopped before.
    pub(super) fn on(&mut self, front: &[u8]) -> Fate {
        let seen = &front[..front.len().min(LOOK)];
        let undecided = || match seen.len() {
            LOOK.. if self.next_only => Fate::GoesOn,
            LOOK.. => Fate::Committed(false),
            _ => Fate::Unknown,
        };
        loop {
            let Some(rest) = seen.get(self.at..) else { return undecided() };
            let message = match Message::read(rest) {
                Ok(Some(message)) => message,
                Ok(None) => return undecided(),
                Err(_) => return Fate::Committed(false),
            };
            match message.kind {
                b'Z' | b'E' if message.seen < message.whole && seen.len() < LOOK => return Fate::Unknown,
                b'Z' => return Fate::Committed(self.commits && message.body.first() == Some(&b'I')),
                b'N' | b'S' | b'A' => {}
                _ if self.next_only => return Fate::GoesOn,
                b'E' if self.answers == 0 => return Fate::Failed(Trouble::read(message.body).said()),
                b'E' => return Fate::Committed(false),
                b'C' | b'I' | b's' | b'1' | b'2' | b'3' | b'n' | b'T' => {
                    self.answers = self.answers.saturating_sub(1);
                }
                _ => {}
            }
            self.at += message.whole;
        }
    }
}

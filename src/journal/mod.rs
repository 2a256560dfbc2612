//! The append-only record of everything that happened; the only input of the verdict.

mod codec;
pub mod event;
mod redact;
#[cfg(test)]
mod sample;
mod writer;

pub use codec::{BrokenChain, Journal, read};
pub use event::{Event, Record};
pub use redact::{Redactor, but_for_secrets};
pub use writer::{JournalError, Listener, Writer};

/// The journal's file in a report directory.
pub const FILE: &str = "journal.jsonl";

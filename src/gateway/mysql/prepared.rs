//! The statements that a connection has prepared.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::sql::mariadb::Effect;

/// The most of them that are remembered, and the most bytes of their texts.
const MOST: usize = 4096;
const MOST_BYTES: usize = 8 * 1024 * 1024;

/// A statement that was prepared.
#[derive(Debug)]
pub(super) struct Prepared {
    /// Its text, as it is asked.
    pub(super) text: String,
    /// What it does.
    pub(super) effect: Effect,
}

/// Those of one connection, by number.
#[derive(Debug, Default)]
pub(super) struct Statements {
    known: BTreeMap<u32, Arc<Prepared>>,
    bytes: usize,
    /// What MariaDB's number -1 means.
    last: Option<Arc<Prepared>>,
}

impl Statements {
    /// The client prepares it.
    pub(super) fn begin(&mut self, prepared: &Arc<Prepared>) {
        self.last = Some(Arc::clone(prepared));
    }

    /// The server gave it a number.
    pub(super) fn keep(&mut self, number: u32, prepared: Arc<Prepared>) -> Result<(), String> {
        self.forget(number);
        self.bytes += prepared.text.len();
        self.known.insert(number, prepared);
        if self.known.len() > MOST || self.bytes > MOST_BYTES {
            return Err(format!("more than {MOST} prepared statements, or {MOST_BYTES} bytes of them"));
        }
        Ok(())
    }

    /// The statement with that number.
    pub(super) fn find(&self, number: u32) -> Option<&Arc<Prepared>> {
        if number == u32::MAX { self.last.as_ref() } else { self.known.get(&number) }
    }

    /// The client closes it.
    pub(super) fn forget(&mut self, number: u32) {
        if let Some(gone) = self.known.remove(&number) {
            self.bytes -= gone.text.len();
        }
    }

    /// The connection begins anew.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

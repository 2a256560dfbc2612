//! Writes for one run, and is the stage's ledger.

use std::sync::Arc;

use crate::journal::{Event, JournalError, Writer};
use crate::stage::{Ledger, Resource};

/// The journal as one run sees it.
#[derive(Clone)]
pub struct Scribe {
    writer: Arc<Writer>,
    run: Option<u32>,
}

impl Scribe {
    /// For the drill itself, or for one run.
    pub fn new(writer: Arc<Writer>, run: Option<u32>) -> Self {
        Self { writer, run }
    }

    /// Writes down what happened or is about to happen.
    ///
    /// # Errors
    /// When it cannot be written; then the deed may not be done.
    pub fn note(&self, event: &Event) -> Result<(), JournalError> {
        self.writer.append(self.run, event)
    }

    /// What was written of this run so far.
    pub fn records(&self) -> Vec<crate::journal::Record> {
        let mut records = self.writer.records();
        records.retain(|record| record.run == self.run);
        records
    }

    /// Milliseconds since the drill began.
    pub fn now_ms(&self) -> u64 {
        self.writer.now_ms()
    }
}

impl Ledger for Scribe {
    fn intend(&self, resources: &[Resource]) -> std::io::Result<()> {
        let event = Event::Intent { resources: resources.to_vec() };
        self.note(&event).map_err(|error| std::io::Error::other(error.to_string()))
    }

    fn removed(&self, resource: &Resource) {
        // The resource is gone either way; what the journal lacks, the engine's labels still tell.
        let _ = self.note(&Event::Removed { resource: resource.clone() });
    }
}

//! Live progress of a drill, from the records of its journal. Writes to standard error only.

use std::io::Write;
use std::sync::Arc;

use crate::journal::Record;

/// Shows what is happening.
pub struct Progress {
    _tty: bool,
}

impl Progress {
    /// For a terminal, or for anything else.
    pub fn new(tty: bool) -> Arc<Self> {
        Arc::new(Self { _tty: tty })
    }

    /// Hears of every record.
    pub fn listener(self: &Arc<Self>) -> Box<dyn Fn(&Record) + Send + Sync> {
        let progress = Arc::clone(self);
        Box::new(move |record| {
            let text = serde_json::to_string(&record.event).unwrap_or_default();
            let cut: String = text.chars().take(150).collect();
            progress.say(&format!("{:>6} {:?} {cut}", record.ms, record.run));
        })
    }

    /// Says a line.
    pub fn say(&self, text: &str) {
        let _ = writeln!(std::io::stderr(), "{text}");
    }

    /// The drill is over.
    pub fn finish(&self) {}
}

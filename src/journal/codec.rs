//! Records to lines and back. Pure.
//!
//! A line is one JSON object. `prev` holds the SHA-256 of the line before, so that a record that was
//! changed, removed or added is noticed. A torn last line, as a crash leaves it, is dropped.

use sha2::{Digest, Sha256};

use super::event::{Event, FORMAT, Record};

/// A journal that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Journal {
    /// Its records in order.
    pub records: Vec<Record>,
    /// Whether the last line was torn and dropped.
    pub torn: bool,
}

/// Why a journal is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BrokenChain {
    /// There is no complete record.
    #[error("the journal is empty: the drill never began")]
    Empty,
    /// It does not begin with the plan, or in another format.
    #[error("the first record is not the plan of a drill in format {FORMAT}: {0}")]
    Foreign(String),
    /// A line is not a record.
    #[error("line {line} is not a record: {cause}")]
    NotARecord {
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        cause: String,
    },
    /// A line does not follow the one before it.
    #[error("line {line} does not follow line {}: the journal was changed after it was written", line - 1)]
    Changed {
        /// The line, from 1.
        line: usize,
    },
}

/// The line of a record, without its newline.
pub(super) fn line(record: &Record) -> String {
    serde_json::to_string(record).expect("a record has only text keys")
}

/// What the next record holds in `prev`.
pub(super) fn digest(line: &str) -> String {
    Sha256::digest(line.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads a whole journal.
///
/// # Errors
/// When it is empty, foreign, or was changed.
pub fn read(text: &str) -> Result<Journal, BrokenChain> {
    let complete = text.rfind('\n').map_or(0, |newline| newline + 1);
    let torn = complete < text.len();
    let mut records: Vec<Record> = Vec::new();
    let mut previous = digest("");
    for (number, line) in (1..).zip(text[..complete].lines()) {
        let record: Record = serde_json::from_str(line).map_err(|error| match number {
            1 => BrokenChain::Foreign(error.to_string()),
            line => BrokenChain::NotARecord { line, cause: error.to_string() },
        })?;
        if record.prev != previous || record.seq != records.len() as u64 {
            return Err(BrokenChain::Changed { line: number });
        }
        previous = digest(line);
        records.push(record);
    }
    match records.first().map(|record| &record.event) {
        None => Err(BrokenChain::Empty),
        Some(Event::Started { format: FORMAT, .. }) => Ok(Journal { records, torn }),
        Some(Event::Started { format, .. }) => Err(BrokenChain::Foreign(format!("it is in format {format}"))),
        Some(_) => Err(BrokenChain::Foreign("it begins in the middle".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::DrillPlan;

    fn started(format: u32) -> Event {
        let plan = DrillPlan {
            name: "d".to_owned(),
            scenarios: Vec::new(),
            control: true,
            hide_values: false,
            timeout_ms: None,
            lanes: 1,
        };
        Event::Started { format, tool: "backout".to_owned(), owner: String::new(), plan: Box::new(plan) }
    }

    fn journal(events: Vec<Event>) -> String {
        let mut text = String::new();
        let mut prev = digest("");
        for (seq, event) in (0..).zip(events) {
            let record =
                Record { seq, at: "2026-01-01T00:00:00Z".to_owned(), ms: seq, run: None, event, prev };
            let line = line(&record);
            prev = digest(&line);
            text.push_str(&line);
            text.push('\n');
        }
        text
    }

    #[test]
    fn what_was_written_is_read() {
        let read = read(&journal(vec![started(1), Event::StageUp, Event::Ended])).unwrap();
        assert_eq!(read.records.len(), 3);
        assert_eq!(read.records[2].event, Event::Ended);
        assert!(!read.torn);
    }

    #[test]
    fn a_torn_last_line_is_dropped() {
        let text = journal(vec![started(1), Event::StageUp]) + "{\"seq\":2,\"at\":";
        let read = read(&text).unwrap();
        assert_eq!(read.records.len(), 2);
        assert!(read.torn);
    }

    #[test]
    fn a_changed_removed_or_moved_record_is_refused() {
        let text = journal(vec![started(1), Event::StageUp, Event::RollbackLate, Event::Ended]);
        let changed = text.replacen("stage_up", "rollback_late", 1);
        assert_eq!(read(&changed), Err(BrokenChain::Changed { line: 3 }));
        let lines: Vec<&str> = text.lines().collect();
        let removed = format!("{}\n{}\n", lines[0], lines[2]);
        assert_eq!(read(&removed), Err(BrokenChain::Changed { line: 2 }));
        assert_eq!(
            read(&removed).unwrap_err().to_string(),
            "line 2 does not follow line 1: the journal was changed after it was written"
        );
    }

    #[test]
    fn another_format_and_an_empty_file_are_refused() {
        assert!(matches!(read(&journal(vec![started(2)])), Err(BrokenChain::Foreign(_))));
        assert!(matches!(read(&journal(vec![Event::StageUp])), Err(BrokenChain::Foreign(_))));
        assert_eq!(read(""), Err(BrokenChain::Empty));
    }
}

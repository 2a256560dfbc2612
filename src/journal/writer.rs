//! Appends to the journal. What announces a deed is on disk before this returns.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::codec::{self, Journal};
use super::event::{Event, Record};
use super::redact::Redactor;
use crate::secret::files;

/// The journal could not be written; nothing may be done that it does not announce.
#[derive(Debug, Clone, thiserror::Error)]
#[error("could not write the journal {path}: {cause}; nothing more was started")]
pub struct JournalError {
    /// The journal's path.
    pub path: String,
    /// What the system said.
    pub cause: String,
}

/// A listener that hears of every record once it is written: live progress.
pub type Listener = Box<dyn Fn(&Record) + Send + Sync>;

/// The one writer of a drill's journal.
pub struct Writer {
    path: String,
    redactor: Arc<Redactor>,
    began: Instant,
    /// Milliseconds that had passed before.
    before_ms: u64,
    listener: Listener,
    state: Mutex<State>,
}

struct State {
    file: File,
    /// How many bytes the file holds.
    bytes: u64,
    seq: u64,
    prev: String,
    records: Vec<Record>,
    /// What gateways heard, as they heard it, by the number of its record.
    heard: BTreeMap<u64, Event>,
}

impl Writer {
    /// Creates the journal; the file must not exist yet.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn create(path: &Path, redactor: Arc<Redactor>, listener: Listener) -> Result<Self, JournalError> {
        let shown = path.display().to_string();
        let failed = |error: std::io::Error| JournalError { path: shown.clone(), cause: error.to_string() };
        let file = files::create_new(path).map_err(failed)?;
        if let Some(folder) = path.parent() {
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
        }
        Ok(Self::over(file, shown, redactor, listener))
    }

    /// Goes on with a journal that was read; a torn last line is cut off.
    ///
    /// # Errors
    /// When it cannot be opened or cut.
    pub fn resume(
        path: &Path,
        text: &str,
        journal: Journal,
        redactor: Arc<Redactor>,
        listener: Listener,
    ) -> Result<Self, JournalError> {
        let shown = path.display().to_string();
        let failed = |error: std::io::Error| JournalError { path: shown.clone(), cause: error.to_string() };
        let file = files::append(path).map_err(failed)?;
        let complete = text.rfind('\n').map_or(0, |newline| newline + 1);
        file.set_len(complete as u64).and_then(|()| file.sync_all()).map_err(failed)?;
        let prev = codec::digest(text[..complete].lines().last().unwrap_or_default());
        let before_ms = journal.records.last().map_or(0, |last| last.ms);
        let (bytes, seq) = (complete as u64, journal.records.len() as u64);
        let state = State { file, bytes, seq, prev, records: journal.records, heard: BTreeMap::new() };
        let (began, state) = (Instant::now(), Mutex::new(state));
        Ok(Self { path: shown, redactor, began, before_ms, listener, state })
    }

    /// Writes to a file that is open already.
    pub fn over(file: File, path: String, redactor: Arc<Redactor>, listener: Listener) -> Self {
        let (prev, records, heard) = (codec::digest(""), Vec::new(), BTreeMap::new());
        let state = State { file, bytes: 0, seq: 0, prev, records, heard };
        Self { path, redactor, began: Instant::now(), before_ms: 0, listener, state: Mutex::new(state) }
    }

    /// Milliseconds since the journal was opened.
    pub fn now_ms(&self) -> u64 {
        self.before_ms + crate::millis::of(self.began.elapsed())
    }

    /// Appends an event.
    ///
    /// # Errors
    /// When it could not be written, and, for those that announce a deed, not be synced.
    pub fn append(&self, run: Option<u32>, event: &Event) -> Result<(), JournalError> {
        let as_heard = matches!(event, Event::Conversed { .. }).then(|| event.clone());
        let event = self.redactor.clean(event).map_err(|error| self.failed(&error))?;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let record = Record {
            seq: state.seq,
            at: jiff::Timestamp::now().to_string(),
            ms: self.now_ms(),
            run,
            event,
            prev: state.prev.clone(),
        };
        let line = codec::line(&record);
        self.write(&mut state.file, &line, record.event.announces())?;
        state.bytes += line.len() as u64 + 1;
        state.heard.extend(as_heard.filter(|heard| *heard != record.event).map(|heard| (record.seq, heard)));
        state.seq += 1;
        state.prev = codec::digest(&line);
        (self.listener)(&record);
        state.records.push(record);
        Ok(())
    }

    /// Hides the drill's secrets in what is written elsewhere.
    pub fn redactor(&self) -> Arc<Redactor> {
        Arc::clone(&self.redactor)
    }

    /// Looks whether everything that was written can still be read under the journal's name.
    ///
    /// # Errors
    /// When it was removed, replaced or cut meanwhile.
    pub fn verify(&self) -> Result<(), JournalError> {
        let failed = |cause: String| JournalError { path: self.path.clone(), cause };
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let named = std::fs::metadata(&self.path).map_err(|error| failed(error.to_string()))?;
        let ours = state.file.metadata().map_err(|error| failed(error.to_string()))?;
        let is_ours = (named.dev(), named.ino()) == (ours.dev(), ours.ino());
        let is_whole = named.len() == state.bytes;
        match (is_ours, is_whole) {
            (true, true) => Ok(()),
            (false, _) => Err(failed("another file stands in its place".to_owned())),
            (true, false) => {
                Err(failed(format!("{} bytes were written, and it holds {}", state.bytes, named.len())))
            }
        }
    }

    /// Everything that was written so far.
    pub fn records(&self) -> Vec<Record> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).records.clone()
    }

    /// The same, but with what gateways heard as they heard it: what is to be found again in another conversation
    /// must be known as it is. Nothing of this may be written.
    pub fn as_heard(&self) -> Vec<Record> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut records = state.records.clone();
        for record in &mut records {
            if let Some(heard) = state.heard.get(&record.seq) {
                record.event = heard.clone();
            }
        }
        records
    }

    fn write(&self, file: &mut File, line: &str, sync: bool) -> Result<(), JournalError> {
        let written = file.write_all(format!("{line}\n").as_bytes());
        let synced = written.and_then(|()| if sync { file.sync_data() } else { Ok(()) });
        synced.map_err(|error| self.failed(&error))
    }

    fn failed(&self, cause: &dyn std::fmt::Display) -> JournalError {
        JournalError { path: self.path.clone(), cause: cause.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::journal::read;

    fn none() -> Arc<Redactor> {
        Arc::new(Redactor::new(&BTreeSet::new()))
    }

    #[test]
    fn a_journal_that_was_removed_cut_or_replaced_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        let writer = Writer::create(&path, none(), Box::new(|_| {})).unwrap();
        writer.append(None, &Event::StageUp).unwrap();
        writer.append(None, &Event::Ended).unwrap();
        assert!(writer.verify().is_ok());
        let text = std::fs::read_to_string(&path).unwrap();
        let cut = &text[..text.find('\n').unwrap() + 1];
        std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(cut.len() as u64).unwrap();
        assert!(writer.verify().unwrap_err().cause.contains("bytes were written"), "cut");
        std::fs::remove_file(&path).unwrap();
        assert!(writer.verify().is_err(), "removed");
        std::fs::write(&path, &text).unwrap();
        assert!(writer.verify().unwrap_err().cause.contains("another file"), "replaced");
    }

    #[test]
    fn a_full_disk_is_an_error_before_the_deed() {
        let file = std::fs::OpenOptions::new().append(true).open("/dev/full").unwrap();
        let writer = Writer::over(file, "journal.jsonl".to_owned(), none(), Box::new(|_| {}));
        let error = writer.append(None, &Event::StageUp).unwrap_err();
        assert!(error.to_string().contains("No space left on device"), "{error}");
        assert!(writer.records().is_empty());
    }

    #[test]
    fn secrets_are_gone_from_the_file_and_from_what_listeners_hear() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        let redactor = Arc::new(Redactor::new(&BTreeSet::from(["hunter2".to_owned()])));
        let writer = Writer::create(&path, redactor, Box::new(|_| {})).unwrap();
        let event = Event::Trouble { message: "hunter2".to_owned(), evidence: Vec::new() };
        writer.append(Some(1), &event).unwrap();
        assert!(!std::fs::read_to_string(&path).unwrap().contains("hunter2"));
        assert_ne!(writer.records()[0].event, event);
    }

    #[test]
    fn only_the_owner_may_read_it_and_it_is_never_overwritten() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        Writer::create(&path, none(), Box::new(|_| {})).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(Writer::create(&path, none(), Box::new(|_| {})).is_err());
        assert!(read(&std::fs::read_to_string(&path).unwrap()).is_err());
    }
}

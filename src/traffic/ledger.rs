//! What clients asked and were told, on disk before and after each request, so that it survives the runner.
//!
//! One line of JSON for each request that is about to be sent and one for each that has ended. A request
//! without an end may have been done.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::belief::{Belief, Fate, Seen, Standing};

/// What a request does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Makes something new.
    Write,
    /// Changes it.
    Update,
    /// Removes it.
    Delete,
    /// Looks at it.
    Read,
}

/// A line of the file. Times are milliseconds of the drill.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    /// It is about to be sent.
    Asks { n: u64, kind: Kind, key: String, due_ms: u64 },
    /// It has ended; no fate for one that only looked.
    Ended { n: u64, fate: Option<Fate>, said: String, ms: u64 },
}

/// A request that is under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Open {
    pub(super) n: u64,
    pub(super) kind: Kind,
    pub(super) key: String,
    /// The contents that may be there now.
    pub(super) contents: Vec<u64>,
    at: usize,
}

/// How a request ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// It altered something, or not.
    Altered(Fate),
    /// It was to alter what is not there, and was told so: refused, and well answered. Whether it should be
    /// there is a question of promises, not of the service's health.
    Missed,
    /// It looked, and found this; or was not answered.
    Looked(Option<Seen>),
}

/// One request, as the timeline needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What it does.
    pub kind: Kind,
    /// When it was due, in milliseconds of the drill.
    pub due_ms: u64,
    /// From then to its end, in microseconds; none while it is under way.
    pub took_us: Option<u64>,
    /// What it was told; none for one that only looked.
    pub fate: Option<Fate>,
    /// What went wrong, if anything did.
    pub wrong: Option<String>,
}

impl Entry {
    /// When it ended, in milliseconds of the drill.
    pub fn ended_ms(&self) -> u64 {
        self.due_ms + self.took_us.unwrap_or_default() / 1000
    }

    /// Whether the client got what it asked for.
    pub fn is_well(&self) -> bool {
        self.wrong.is_none()
    }
}

/// What is known about a key.
#[derive(Debug, Clone)]
pub(super) struct Key {
    pub(super) name: String,
    /// What the service calls it.
    pub(super) id: Option<String>,
    pub(super) belief: Belief,
    /// When what may be there was last promised or asked for, in milliseconds of the drill.
    pub(super) since_ms: u64,
    /// When it was looked for and not found although it must have been there.
    pub(super) missed_ms: Option<u64>,
    /// Whether a request that alters it is under way.
    is_open: bool,
}

impl Key {
    /// What is there at a moment that may have begun as early as this, in milliseconds of the drill: nobody
    /// knows of a request under way, or of one that ended later, on which side of the moment it was done.
    pub(super) fn standing(&self, from_ms: u64) -> Standing {
        if self.is_open || self.since_ms >= from_ms { Standing::Unknown } else { self.belief.standing() }
    }
}

/// The ledger of one traffic.
pub struct Ledger(Mutex<Book>);

struct Book {
    file: File,
    entries: Vec<Entry>,
    keys: Vec<Key>,
    /// Keys whose content is certain and about which no request is under way.
    quiet: Vec<usize>,
}

impl Ledger {
    /// A new one in this file.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub fn create(path: &Path) -> std::io::Result<Self> {
        let file = File::options().append(true).create(true).mode(0o600).open(path)?;
        let (entries, keys, quiet) = (Vec::new(), Vec::new(), Vec::new());
        Ok(Self(Mutex::new(Book { file, entries, keys, quiet })))
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that the next request is about to be sent: about something new under `new`, or about one of
    /// those that are there, by `dice`. Where nothing is there, it writes.
    pub(super) fn open(&self, kind: Kind, dice: u64, new: &str, due_ms: u64) -> std::io::Result<Open> {
        let mut book = self.book();
        let n = book.entries.len() as u64;
        let (kind, at) = book.about(kind, dice, new, due_ms);
        let key = book.keys[at].name.clone();
        book.append(&Line::Asks { n, kind, key: key.clone(), due_ms })?;
        book.entries.push(Entry { kind, due_ms, took_us: None, fate: None, wrong: None });
        book.keys[at].is_open = kind != Kind::Read;
        let contents = book.keys[at].belief.contents().collect();
        Ok(Open { n, kind, key, contents, at })
    }

    /// Notes how a request ended. `id` is what the service calls what was made.
    pub(super) fn close(
        &self,
        open: &Open,
        end: End,
        id: Option<String>,
        said: &str,
        took_us: u64,
    ) -> std::io::Result<()> {
        let mut book = self.book();
        let due_ms = book.entry(open).due_ms;
        let ms = due_ms + took_us / 1000;
        let fate = match &end {
            End::Altered(fate) => Some(*fate),
            End::Missed => Some(Fate::Refused),
            End::Looked(_) => None,
        };
        book.append(&Line::Ended { n: open.n, fate, said: said.to_owned(), ms })?;
        let is_well = match &end {
            End::Altered(fate) => *fate == Fate::Acknowledged,
            End::Missed => true,
            End::Looked(seen) => seen.is_some(),
        };
        let entry = book.entry(open);
        (entry.took_us, entry.fate) = (Some(took_us), fate);
        entry.wrong = (!is_well).then(|| said.to_owned());
        book.learn(open, end, id, ms);
        Ok(())
    }

    /// The requests so far.
    pub fn entries(&self) -> Vec<Entry> {
        self.book().entries.clone()
    }

    /// How many requests were well answered that were due from this moment on.
    pub fn answered_since(&self, due_ms: u64) -> usize {
        self.since(due_ms, |entry| entry.took_us.is_some() && entry.is_well())
    }

    /// How many requests ended, however, that were due from this moment on.
    pub fn ended_since(&self, due_ms: u64) -> usize {
        self.since(due_ms, |entry| entry.took_us.is_some())
    }

    fn since(&self, due_ms: u64, counts: impl Fn(&Entry) -> bool) -> usize {
        let book = self.book();
        let late = book.entries.iter().rev().take_while(|entry| entry.due_ms >= due_ms);
        late.filter(|entry| counts(entry)).count()
    }

    /// What is known about every key.
    pub(super) fn keys(&self) -> Vec<Key> {
        self.book().keys.clone()
    }

    /// What must be there, must not, or may be, by what a file says.
    ///
    /// # Errors
    /// When the file cannot be read. A torn last line is a request that was never sent.
    pub fn recall(path: &Path) -> std::io::Result<BTreeMap<String, Standing>> {
        let (mut asked, mut beliefs) = (BTreeMap::new(), BTreeMap::<String, Belief>::new());
        let mut learn = |key: String, kind: Kind, n: u64, fate: Fate| {
            let belief = beliefs.entry(key).or_insert_with(Belief::of_nothing);
            belief.after((kind != Kind::Delete).then_some(n), fate);
        };
        for line in BufReader::new(File::open(path)?).lines() {
            match serde_json::from_str(&line?) {
                Ok(Line::Asks { n, kind, key, .. }) => drop(asked.insert(n, (key, kind))),
                Ok(Line::Ended { n, fate, .. }) => {
                    let Some((key, kind)) = asked.remove(&n) else { continue };
                    if let Some(fate) = fate {
                        learn(key, kind, n, fate);
                    }
                }
                Err(_) => break,
            }
        }
        for (n, (key, kind)) in asked {
            if kind != Kind::Read {
                learn(key, kind, n, Fate::Unknown);
            }
        }
        Ok(beliefs.into_iter().map(|(key, belief)| (key, belief.standing())).collect())
    }
}

impl Book {
    fn append(&mut self, line: &Line) -> std::io::Result<()> {
        let mut text = serde_json::to_string(line)?;
        text.push('\n');
        // One call: another process sees the whole line or nothing.
        self.file.write_all(text.as_bytes())
    }

    fn entry(&mut self, open: &Open) -> &mut Entry {
        let at = usize::try_from(open.n).unwrap_or(usize::MAX);
        &mut self.entries[at]
    }

    fn about(&mut self, kind: Kind, dice: u64, new: &str, due_ms: u64) -> (Kind, usize) {
        if kind == Kind::Write || self.quiet.is_empty() {
            let belief = Belief::of_nothing();
            let name = new.to_owned();
            self.keys.push(Key { name, id: None, belief, since_ms: due_ms, missed_ms: None, is_open: true });
            return (Kind::Write, self.keys.len() - 1);
        }
        let many = self.quiet.len() as u64;
        let chosen = usize::try_from(dice % many).unwrap_or_default();
        (kind, self.quiet.swap_remove(chosen))
    }

    fn learn(&mut self, open: &Open, end: End, id: Option<String>, ms: u64) {
        let key = &mut self.keys[open.at];
        key.is_open = false;
        if id.is_some() {
            key.id = id;
        }
        match end {
            End::Altered(fate) => {
                key.belief.after((open.kind != Kind::Delete).then_some(open.n), fate);
                key.since_ms = ms;
            }
            End::Missed => {
                key.belief.after((open.kind != Kind::Delete).then_some(open.n), Fate::Refused);
                key.missed_ms.get_or_insert(ms);
            }
            End::Looked(Some(Seen::Nothing)) => {
                key.missed_ms.get_or_insert(ms);
            }
            End::Looked(_) => {}
        }
        if key.belief.is_certain() {
            self.quiet.push(open.at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger() -> (tempfile::TempDir, Ledger) {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::create(&folder.path().join("ledger.jsonl")).unwrap();
        (folder, ledger)
    }

    fn write(ledger: &Ledger, key: &str, fate: Option<Fate>) {
        let open = ledger.open(Kind::Write, 0, key, 5).unwrap();
        if let Some(fate) = fate {
            ledger.close(&open, End::Altered(fate), None, "status", 2000).unwrap();
        }
    }

    #[test]
    fn what_the_file_says_is_what_the_clients_know() {
        let (folder, ledger) = ledger();
        write(&ledger, "a", Some(Fate::Acknowledged));
        write(&ledger, "b", Some(Fate::Refused));
        write(&ledger, "c", Some(Fate::Unknown));
        write(&ledger, "d", None);
        let path = folder.path().join("ledger.jsonl");
        std::fs::OpenOptions::new()
            .append(true)
            .open(&path)
            .unwrap()
            .write_all(b"{\"asks\":{\"n\":")
            .unwrap();
        let recalled = Ledger::recall(&path).unwrap();
        let standing = |key: &str| recalled[key];
        assert_eq!(["a", "b"].map(standing), [Standing::Present, Standing::Absent]);
        assert_eq!(["c", "d"].map(standing), [Standing::Unknown, Standing::Unknown]);
    }

    #[test]
    fn only_what_is_certainly_there_is_asked_about_and_by_one_request_at_a_time() {
        let (_folder, ledger) = ledger();
        for (key, fate) in [("a", Fate::Acknowledged), ("b", Fate::Refused), ("c", Fate::Unknown)] {
            write(&ledger, key, Some(fate));
        }
        let first = ledger.open(Kind::Update, 7, "new", 9).unwrap();
        assert_eq!((first.kind, first.key.as_str(), &first.contents[..]), (Kind::Update, "a", &[0][..]));
        let second = ledger.open(Kind::Read, 7, "new", 9).unwrap();
        assert_eq!((second.kind, second.key.as_str()), (Kind::Write, "new"));
        ledger.close(&first, End::Altered(Fate::Acknowledged), None, "", 1000).unwrap();
        assert_eq!(ledger.open(Kind::Read, 0, "x", 9).unwrap().contents, [3]);
    }

    #[test]
    fn who_is_told_that_there_is_nothing_to_alter_was_well_answered_and_remembers_it() {
        let (_folder, ledger) = ledger();
        write(&ledger, "a", Some(Fate::Acknowledged));
        for (end, is_well) in [(End::Missed, true), (End::Altered(Fate::Refused), false)] {
            let update = ledger.open(Kind::Update, 0, "x", 10).unwrap();
            ledger.close(&update, end, None, "status 404", 4000).unwrap();
            let last = ledger.entries().pop().unwrap();
            assert_eq!((last.fate, last.is_well()), (Some(Fate::Refused), is_well));
            let key = &ledger.keys()[0];
            assert_eq!((key.missed_ms, key.belief.standing()), (Some(14), Standing::Present));
        }
    }

    #[test]
    fn nobody_knows_on_which_side_of_a_moment_a_request_was_done_that_ended_later() {
        let (_folder, ledger) = ledger();
        write(&ledger, "a", Some(Fate::Acknowledged));
        let standing = |from_ms| ledger.keys()[0].standing(from_ms);
        // Due at 5, and 2 ms under way.
        assert_eq!((standing(8), standing(7)), (Standing::Present, Standing::Unknown));
        let look = ledger.open(Kind::Read, 0, "x", 10).unwrap();
        assert_eq!(ledger.keys()[0].standing(20), Standing::Present, "a look alters nothing");
        ledger.close(&look, End::Looked(None), None, "", 1).unwrap();
        ledger.open(Kind::Delete, 0, "x", 30).unwrap();
        assert_eq!(ledger.keys()[0].standing(20), Standing::Unknown, "it is being removed");
    }

    #[test]
    fn a_look_that_misses_what_must_be_there_is_remembered() {
        let (_folder, ledger) = ledger();
        write(&ledger, "a", Some(Fate::Acknowledged));
        let look = ledger.open(Kind::Read, 0, "x", 10).unwrap();
        ledger.close(&look, End::Looked(Some(Seen::Nothing)), None, "status 404", 4000).unwrap();
        assert_eq!(ledger.keys()[0].missed_ms, Some(14));
        assert!(ledger.entries()[1].is_well(), "it was answered");
        assert_eq!(
            (ledger.answered_since(10), ledger.answered_since(0), ledger.answered_since(11)),
            (1, 2, 0)
        );
    }
}

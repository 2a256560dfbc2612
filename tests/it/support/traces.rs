//! What a drill has made on the engine, by its own journal, and what of it is still there.

use std::collections::BTreeSet;
use std::io::{Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

/// The complete records of a journal that may still be written.
pub(crate) fn records(journal: &Path) -> Vec<Value> {
    let mut followed = Followed::new(journal);
    followed.look();
    followed.records
}

/// A journal that is read while it is written: each look reads what is new.
pub(crate) struct Followed {
    journal: PathBuf,
    read: u64,
    records: Vec<Value>,
}

impl Followed {
    pub(crate) fn new(journal: &Path) -> Self {
        Self { journal: journal.to_owned(), read: 0, records: Vec::new() }
    }

    /// The complete records so far.
    pub(crate) fn look(&mut self) -> &[Value] {
        let new = self.unread().unwrap_or_default();
        let complete = new.rfind('\n').map_or("", |end| &new[..=end]);
        self.read += complete.len() as u64;
        self.records.extend(complete.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()));
        &self.records
    }

    fn unread(&self) -> std::io::Result<String> {
        let mut file = std::fs::File::open(&self.journal)?;
        file.seek(SeekFrom::Start(self.read))?;
        std::io::read_to_string(file)
    }
}

/// Waits until something is so; false when the program ended before.
pub(crate) fn wait_for(child: &mut std::process::Child, mut so: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + Duration::from_secs(300);
    while !so() {
        if child.try_wait().unwrap().is_some() {
            return so();
        }
        assert!(Instant::now() < deadline, "nothing happened for five minutes");
        std::thread::sleep(Duration::from_millis(2));
    }
    true
}

/// The names of everything that a journal says was to be made.
pub(crate) fn intended(journal: &Path) -> BTreeSet<String> {
    intended_by(&records(journal))
}

/// The same, of records that have been read.
pub(crate) fn intended_by(records: &[Value]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for record in records {
        for resource in record["event"]["intent"]["resources"].as_array().into_iter().flatten() {
            names.insert(resource["name"].as_str().unwrap().to_owned());
        }
    }
    names
}

/// Which of these are on the engine.
pub(crate) fn present(names: &BTreeSet<String>) -> Vec<String> {
    let mut found = Vec::new();
    let lists: [&[&str]; 3] = [
        &["ps", "-a", "--format", "{{.Names}}"],
        &["network", "ls", "--format", "{{.Name}}"],
        &["volume", "ls", "--format", "{{.Name}}"],
    ];
    for list in lists {
        let output = Command::new("docker").args(list).output().unwrap();
        assert!(output.status.success());
        let text = String::from_utf8(output.stdout).unwrap();
        found.extend(text.lines().filter(|name| names.contains(*name)).map(str::to_owned));
    }
    found
}

//! A shipped scenario as a test changes it, in a copy.

use std::path::PathBuf;

use super::backout::{copy_of_scenarios, edit};

/// A copy of all shipped scenarios, of which one is run.
pub(crate) struct Edited {
    copy: tempfile::TempDir,
    path: &'static str,
}

impl Edited {
    /// Of the scenario with this path below `scenarios/`.
    pub(crate) fn of(path: &'static str) -> Self {
        Self { copy: copy_of_scenarios(), path }
    }

    /// The scenario's identity in a scorecard.
    pub(crate) fn path(&self) -> &'static str {
        self.path
    }

    /// Replaces a text of a file beside `scenario.yaml`, named as that would name it; it must be there.
    #[track_caller]
    pub(crate) fn edit(self, file: &str, from: &str, to: &str) -> Self {
        edit(&self.folder().join(file), from, to);
        self
    }

    /// Writes such a file.
    #[track_caller]
    pub(crate) fn write(self, file: &str, text: &str) -> Self {
        std::fs::write(self.folder().join(file), text).unwrap();
        self
    }

    /// The command line that names it, after these words.
    pub(crate) fn arguments(&self, words: &[&str]) -> Vec<String> {
        let root = self.copy.path().display().to_string();
        let named = ["--root".to_owned(), root, self.folder().display().to_string()];
        words.iter().map(|word| (*word).to_owned()).chain(named).collect()
    }

    fn folder(&self) -> PathBuf {
        self.copy.path().join("scenarios").join(self.path)
    }
}

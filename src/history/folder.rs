//! The runs below a folder. One that cannot be read is named and holds up nothing.

use std::path::{Path, PathBuf};

use super::run::{PastRun, past};
use crate::journal;

/// How deep below the folder a run is looked for: reports of a nightly job may lie in a folder per night.
const DEEPEST: usize = 3;

/// What past runs tell.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct History {
    /// The runs, oldest first.
    pub runs: Vec<PastRun>,
    /// What looks like a run and could not be read.
    pub unread: Vec<Unread>,
}

/// A run that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// The name of its folder.
    pub name: String,
    /// Why.
    pub why: String,
}

/// Reads all runs below a folder; none where the folder is not there.
pub fn read(folder: &Path) -> History {
    let mut journals = Vec::new();
    find(folder, DEEPEST, &mut journals);
    let mut history = History::default();
    for run in journals {
        let name = run.strip_prefix(folder).ok().filter(|below| !below.as_os_str().is_empty());
        let name = name.or(run.file_name().map(Path::new)).unwrap_or(&run).display().to_string();
        let text = std::fs::read_to_string(run.join(journal::FILE)).map_err(|error| error.to_string());
        match text.and_then(|text| past(&name, &text)) {
            Ok(past) => history.runs.push(past),
            Err(why) => history.unread.push(Unread { name, why }),
        }
    }
    history.runs.sort_by(|a, b| (&a.began, &a.name).cmp(&(&b.began, &b.name)));
    history
}

fn find(folder: &Path, deep: usize, found: &mut Vec<PathBuf>) {
    if folder.join(journal::FILE).exists() {
        found.push(folder.to_owned());
        return;
    }
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut inner: Vec<PathBuf> =
        entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|e| e.path()).collect();
    inner.sort();
    if deep > 0 {
        inner.iter().for_each(|folder| find(folder, deep - 1, found));
    }
}

#[cfg(test)]
mod tests {
    use super::super::run::tests::well;
    use super::*;

    #[test]
    fn what_cannot_be_read_is_named_and_the_rest_is_read() {
        let runs = tempfile::tempdir().unwrap();
        for (name, text) in [("monday/a", well().as_str()), ("torn", "{\"seq\""), ("other", "")] {
            std::fs::create_dir_all(runs.path().join(name)).unwrap();
            std::fs::write(runs.path().join(name).join(journal::FILE), text).unwrap();
        }
        std::fs::create_dir(runs.path().join("no-run")).unwrap();
        let history = read(runs.path());
        let names: Vec<&str> = history.runs.iter().map(|run| run.name.as_str()).collect();
        assert_eq!(names, ["monday/a"]);
        let unread: Vec<&str> = history.unread.iter().map(|run| run.name.as_str()).collect();
        assert_eq!(unread, ["other", "torn"]);
        assert_eq!(read(&runs.path().join("monday/a")).runs[0].name, "a");
        assert_eq!(read(&runs.path().join("nowhere")), History::default());
    }
}

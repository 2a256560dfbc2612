//! The files of a folder: path, type, mode, owner, size, content, target of links, extended attributes.
//!
//! [`print()`] runs where the folder can be seen and prints what it finds, one line each in no order;
//! [`Reading`] makes the capture of it on the other side. Times are not compared: whoever puts a file back
//! writes it anew.

mod entry;
mod walk;

use std::collections::BTreeMap;

pub use walk::print;

use super::gather::{Gather, Layout, Wanted};
use super::model::{ServerFacts, StoreCapture};
use entry::Said;

const LAYOUT: Layout = Layout {
    columns: &["gid", "mode", "path", "sha256", "size", "target", "type", "uid", "xattrs"],
    key: "path",
};

/// A folder that is being read.
pub struct Reading {
    table: String,
    gather: Gather,
    entries: u64,
    is_whole: bool,
}

impl Reading {
    /// Nothing of it is read yet; its one table is called after the store.
    pub fn new(store: &str, wanted: &Wanted) -> Self {
        let gather = wanted.table(store, LAYOUT);
        Self { table: store.to_owned(), gather, entries: 0, is_whole: false }
    }

    /// Takes one line of what was printed.
    ///
    /// # Errors
    /// When the folder could not be read, or the row not be kept.
    pub fn line(&mut self, line: &str) -> Result<(), String> {
        let said = serde_json::from_str(line).map_err(|_| format!("{}: {line}", self.table))?;
        match said {
            Said::Entry(entry) => {
                self.entries += 1;
                self.gather.row(&entry.cells()).map_err(|error| error.to_string())
            }
            Said::Failed(why) => Err(format!("{}: {why}", self.table)),
            Said::End { entries } => {
                self.is_whole = entries == self.entries;
                Ok(())
            }
        }
    }

    /// The capture, once every line is taken.
    ///
    /// # Errors
    /// When lines are missing.
    pub fn finish(self) -> Result<StoreCapture, String> {
        if !self.is_whole {
            return Err(format!("{}: its reader ended after {} entries", self.table, self.entries));
        }
        let data = self.gather.finish().map_err(|error| error.to_string())?;
        let server = ServerFacts {
            version: "files".to_owned(),
            database: self.table.clone(),
            user: "root".to_owned(),
        };
        Ok(StoreCapture {
            unread: BTreeMap::new(),
            server,
            schema: BTreeMap::new(),
            tables: BTreeMap::from([(self.table, data)]),
            sequences: BTreeMap::new(),
            leftovers: super::model::Leftovers::default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::path::Path;

    use super::*;
    use crate::state::compare::compare;

    fn capture(folder: &Path) -> Result<StoreCapture, String> {
        let mut printed = Vec::new();
        print(folder, &mut printed).unwrap();
        let mut reading = Reading::new("app:/data", &Wanted::default());
        for line in String::from_utf8(printed).unwrap().lines() {
            reading.line(line)?;
        }
        reading.finish()
    }

    #[test]
    fn every_property_of_a_file_is_seen_and_its_time_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("sub")).unwrap();
        std::fs::write(at("sub/a"), "one").unwrap();
        std::fs::write(at("b"), "").unwrap();
        symlink("sub/a", at("link")).unwrap();
        let mode = |name: &str, mode: u32| {
            std::fs::set_permissions(at(name), std::fs::Permissions::from_mode(mode)).unwrap();
        };
        let mut before = capture(folder.path()).unwrap();
        assert_eq!(before.tables["app:/data"].raw.rows, 5, "the folder itself is one of them");
        let mut differs = |what: &str, change: &dyn Fn(), expected: bool| {
            change();
            let after = capture(folder.path()).unwrap();
            assert_eq!(!compare(&before, &after).tables.is_empty(), expected, "{what}");
            before = after;
        };
        differs("written anew", &|| std::fs::write(at("sub/a"), "one").unwrap(), false);
        differs("content", &|| std::fs::write(at("sub/a"), "two").unwrap(), true);
        differs("mode", &|| mode("b", 0o4755), true);
        differs("whose rights it runs with", &|| mode("b", 0o755), true);
        differs("mode of a folder", &|| mode("sub", 0o700), true);
        differs("mode of the folder itself", &|| mode(".", 0o750), true);
        let relink = || {
            std::fs::remove_file(at("link")).unwrap();
            symlink("sub/b", at("link")).unwrap();
        };
        differs("target", &relink, true);
        differs("renamed", &|| std::fs::rename(at("b"), at("c")).unwrap(), true);
        differs("gone", &|| std::fs::remove_file(at("c")).unwrap(), true);
        let other_type = || {
            std::fs::remove_file(at("link")).unwrap();
            std::fs::create_dir(at("link")).unwrap();
        };
        differs("type", &other_type, true);
    }

    #[test]
    fn names_that_are_no_text_are_told_apart() {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt;
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(OsStr::from_bytes(b"a\xfe")), "").unwrap();
        let before = capture(folder.path()).unwrap();
        std::fs::remove_file(folder.path().join(OsStr::from_bytes(b"a\xfe"))).unwrap();
        std::fs::write(folder.path().join(OsStr::from_bytes(b"a\xff")), "").unwrap();
        assert_ne!(before, capture(folder.path()).unwrap());
    }

    #[test]
    fn what_is_cut_off_or_missing_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let error = capture(&folder.path().join("nothing")).unwrap_err();
        assert!(error.contains("No such file"), "{error}");
        let mut reading = Reading::new("app:/data", &Wanted::default());
        let error = reading.line("exec format error").unwrap_err();
        assert_eq!(error, "app:/data: exec format error");
        assert_eq!(reading.finish().unwrap_err(), "app:/data: its reader ended after 0 entries");
    }
}

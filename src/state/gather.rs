//! Rows that a store gives in any order, folded into a fingerprint and kept as a sorted file.
//!
//! Memory is bounded whatever the number of rows: what is to be kept is sorted in pieces, and the pieces
//! are merged at the end.

use std::collections::BTreeMap;
use std::io;

use sha2::{Digest, Sha256};

use super::model::{Fingerprint, Kept, TableData};
use super::rows::{KeptHeader, KeyColumn};
use super::sorted::Sorter;

/// What the rows of a table are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// The columns, in order of name.
    pub columns: &'static [&'static str],
    /// The column that tells rows apart.
    pub key: &'static str,
}

/// What an exception leaves out of a table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Columns, by name.
    pub columns: Vec<String>,
    /// Patterns of keys, in which `*` is any text; rows with such a key are left out.
    pub keys: Vec<String>,
}

/// Where the rows of a capture are kept.
#[derive(Debug, Clone, Default)]
pub struct Keeping {
    /// An existing folder.
    pub folder: std::path::PathBuf,
    /// The most bytes that a table may take there.
    pub room: u64,
}

/// How the rows of a store are wanted.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// What is left out, by table.
    pub except: BTreeMap<String, LeftOut>,
    /// Where rows are kept; nowhere if none.
    pub keeping: Option<Keeping>,
    /// The tables of the capture to compare with: one that equals its reference is not kept.
    pub reference: BTreeMap<String, TableData>,
}

impl Wanted {
    /// A table without rows.
    pub fn table(&self, table: &str, layout: Layout) -> Gather {
        let sorter = |keeping: &Keeping| Sorter::new(&keeping.folder, layout.header(table), keeping.room);
        Gather {
            layout,
            left_out: self.except.get(table).cloned(),
            raw: Sum::default(),
            excepted: Sum::default(),
            keeping: self.keeping.as_ref().map(sorter),
            reference: self.reference.get(table).map(|reference| reference.raw.clone()),
        }
    }
}

/// The rows of one table on their way in.
pub struct Gather {
    layout: Layout,
    left_out: Option<LeftOut>,
    reference: Option<Fingerprint>,
    raw: Sum,
    excepted: Sum,
    keeping: Option<Sorter>,
}

impl Gather {
    /// Takes one row: a value, or NULL, for each column of the layout.
    ///
    /// # Errors
    /// When the row cannot be written.
    pub fn row(&mut self, cells: &[Option<&str>]) -> io::Result<()> {
        debug_assert_eq!(cells.len(), self.layout.columns.len());
        self.raw.add(cells.iter().map(|cell| cell.map(str::as_bytes)));
        let key = self.layout.place().and_then(|at| cells[at]).unwrap_or_default();
        let mut kept = true;
        if let Some(left_out) = &self.left_out {
            kept = !left_out.keys.iter().any(|pattern| matches(pattern, key));
            if kept {
                let named = self.layout.columns.iter().zip(cells);
                let stays = named.filter(|(name, _)| !left_out.columns.iter().any(|out| out == *name));
                self.excepted.add(stays.map(|(_, cell)| cell.map(str::as_bytes)));
            }
        }
        match &mut self.keeping {
            Some(keeping) if kept => keeping.row(key, &line(cells)),
            _ => Ok(()),
        }
    }

    /// The table, once every row is in. Rows that are those of the reference are not kept.
    ///
    /// # Errors
    /// When the rows cannot be written.
    pub fn finish(self) -> io::Result<TableData> {
        let columns = |left_out: &[String]| {
            let names = self.layout.columns.iter().map(|name| (*name).to_owned());
            names.filter(|name| !left_out.contains(name)).collect()
        };
        let raw = self.raw.fingerprint(columns(&[]));
        let excepted =
            self.left_out.as_ref().map(|left_out| self.excepted.fingerprint(columns(&left_out.columns)));
        let because = |why: &str| Kept::Nothing { because: why.to_owned() };
        let kept = match self.keeping {
            None => because("nobody asked for its rows"),
            Some(_) if self.reference.as_ref() == Some(&raw) => because("they are as before"),
            Some(keeping) => keeping.finish()?,
        };
        let key = vec![self.layout.key.to_owned()];
        Ok(TableData { raw, excepted, exception_error: None, unlogged: false, key, kept, chunks: None })
    }
}

impl Layout {
    fn place(&self) -> Option<usize> {
        self.columns.iter().position(|name| *name == self.key)
    }

    fn header(&self, table: &str) -> KeptHeader {
        let columns: Vec<String> = self.columns.iter().map(|name| (*name).to_owned()).collect();
        let types = columns.iter().map(|_| "text".to_owned()).collect();
        let key = vec![KeyColumn { name: self.key.to_owned(), integer: false }];
        KeptHeader { table: table.to_owned(), columns, types, key }
    }
}

/// The number of rows and the sum of their hashes: a fingerprint in which no order enters.
#[derive(Default)]
pub(super) struct Sum {
    rows: u64,
    sum: u128,
}

impl Sum {
    /// Each value goes in with a mark and its length, so that no two rows look alike.
    pub(super) fn add<'r>(&mut self, cells: impl Iterator<Item = Option<&'r [u8]>>) {
        let mut hash = Sha256::new();
        for cell in cells {
            match cell {
                None => hash.update([0]),
                Some(bytes) => {
                    hash.update([1]);
                    hash.update((bytes.len() as u64).to_le_bytes());
                    hash.update(bytes);
                }
            }
        }
        let mut half = [0; 16];
        half.copy_from_slice(&hash.finalize()[..16]);
        self.rows += 1;
        self.sum = self.sum.wrapping_add(u128::from_le_bytes(half));
    }

    pub(super) fn fingerprint(&self, columns: Vec<String>) -> Fingerprint {
        Fingerprint { rows: self.rows, sum: format!("{:032x}", self.sum), columns }
    }
}

/// A row as the text format of COPY writes it, which is what the reader of kept rows reads.
pub(super) fn line(cells: &[Option<&str>]) -> String {
    let mut line = String::new();
    for (at, cell) in cells.iter().enumerate() {
        if at > 0 {
            line.push('\t');
        }
        match cell {
            None => line.push_str("\\N"),
            Some(text) => escape(text, &mut line),
        }
    }
    line.push('\n');
    line
}

fn escape(text: &str, line: &mut String) {
    for c in text.chars() {
        match c {
            '\\' => line.push_str("\\\\"),
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            '\t' => line.push_str("\\t"),
            other => line.push(other),
        }
    }
}

/// Whether a pattern, in which `*` is any text, is the whole of a key.
pub fn matches(pattern: &str, key: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == key };
    let Some(mut key) = key.strip_prefix(first) else { return false };
    let (middles, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    for middle in middles.split('*') {
        let Some(at) = key.find(middle) else { return false };
        key = &key[at + middle.len()..];
    }
    key.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::rows::{RowChange, diff};

    const LAYOUT: Layout = Layout { columns: &["key", "value"], key: "key" };

    fn gather(
        rows: &[(&str, Option<&str>)],
        left_out: Option<LeftOut>,
        folder: &std::path::Path,
    ) -> TableData {
        let wanted = Wanted {
            except: left_out.map(|left_out| ("t".to_owned(), left_out)).into_iter().collect(),
            keeping: Some(Keeping { folder: folder.to_owned(), room: 1 << 20 }),
            reference: BTreeMap::new(),
        };
        let mut gather = wanted.table("t", LAYOUT);
        for (key, value) in rows {
            gather.row(&[Some(key), *value]).unwrap();
        }
        gather.finish().unwrap()
    }

    #[test]
    fn s13_no_order_enters_and_every_value_does() {
        let folder = tempfile::tempdir().unwrap();
        let of = |rows: &[(&str, Option<&str>)]| gather(rows, None, folder.path()).raw;
        let one = of(&[("a", Some("1")), ("b", None)]);
        assert_eq!(one, of(&[("b", None), ("a", Some("1"))]));
        for other in [
            &[("a", Some("1")), ("b", Some(""))][..],
            &[("a", None), ("b", Some("1"))],
            &[("a", Some("1")), ("b", None), ("b", None)],
            &[("a1", Some("")), ("b", None)],
        ] {
            assert_ne!(one, of(other), "{other:?}");
        }
    }

    #[test]
    fn s16_columns_and_keys_that_are_excepted_do_not_count() {
        let folder = tempfile::tempdir().unwrap();
        let of = |left_out: &LeftOut, rows: &[(&str, Option<&str>)]| {
            gather(rows, Some(left_out.clone()), folder.path()).excepted.unwrap()
        };
        let keys = LeftOut { columns: Vec::new(), keys: vec!["session:*".to_owned()] };
        let one = of(&keys, &[("a", Some("1")), ("session:7", Some("x"))]);
        assert_eq!(one, of(&keys, &[("a", Some("1"))]));
        assert_ne!(one, of(&keys, &[("a", Some("2"))]));
        let columns = LeftOut { columns: vec!["value".to_owned()], keys: Vec::new() };
        assert_eq!(of(&columns, &[("a", Some("1"))]), of(&columns, &[("a", Some("2"))]));
        assert_ne!(of(&columns, &[("a", Some("1"))]), of(&columns, &[("b", Some("1"))]));
    }

    #[test]
    fn kept_rows_are_told_apart_by_their_key() {
        let (before, after) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        gather(&[("ü", Some("1")), ("a\tb\\", Some("x\n")), ("z", None)], None, before.path());
        gather(&[("z", Some("1")), ("a\tb\\", Some("x\n")), ("b", None)], None, after.path());
        let mut found = Vec::new();
        let counts = diff("t", Some(before.path()), Some(after.path()), &mut |row| {
            found.push((row.change, row.key[0].1.clone()));
            Ok(())
        });
        let counts = counts.unwrap();
        assert_eq!((counts.changed, counts.missing, counts.extra), (1, 1, 1));
        let changes: Vec<RowChange> = found.iter().map(|(change, _)| *change).collect();
        assert_eq!(changes, [RowChange::Extra, RowChange::Changed, RowChange::Missing]);
    }

    #[test]
    fn a_pattern_is_the_whole_key() {
        for (pattern, key) in [("a*", "a"), ("a*", "abc"), ("*c", "abc"), ("a*b*c", "a1b2c"), ("*", "")] {
            assert!(matches(pattern, key), "{pattern} {key}");
        }
        for (pattern, key) in [("a", "ab"), ("a*", "ba"), ("a*b*c", "ac"), ("ab*ba", "aba")] {
            assert!(!matches(pattern, key), "{pattern} {key}");
        }
    }
}

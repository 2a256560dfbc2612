//! The rows of a table that two captures do not share.
//!
//! The kept rows of both sides are sorted files; they are merged line by line, in constant memory, whatever
//! their size. Rows with a key are told apart by it, those without as members of a multiset.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize, Serializer};

use crate::secret::Word;

/// The folder, inside that of a capture, for what its rows were before where that was fetched with it.
pub const BEFORE: &str = "before";

/// The first line of a file of kept rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptHeader {
    /// The table as SQL writes it.
    #[serde(serialize_with = "crate::secret::word")]
    pub table: String,
    /// The columns in the order of the fields.
    #[serde(serialize_with = "crate::secret::word")]
    pub columns: Vec<String>,
    /// Their types, in the same order.
    #[serde(serialize_with = "crate::secret::word")]
    pub types: Vec<String>,
    /// The columns that tell rows apart, in the order by which the rows are sorted; none: all columns.
    pub key: Vec<KeyColumn>,
}

/// A column by which kept rows are sorted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyColumn {
    /// Its name.
    #[serde(serialize_with = "crate::secret::word")]
    pub name: String,
    /// Whether its values are sorted as integers; else as bytes.
    pub integer: bool,
}

/// One cell of a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cell {
    /// The table has no such column on this side.
    Absent,
    /// NULL.
    Null,
    /// A value as the server writes it.
    Value(String),
}

/// How a row differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowChange {
    /// It was there before and is not now.
    Missing,
    /// It is there now and was not before.
    Extra,
    /// It is there on both sides with other values.
    Changed,
}

/// One row that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowDifference {
    /// How it differs.
    pub change: RowChange,
    /// The key's columns and values; empty for a table without a key.
    #[serde(serialize_with = "by_name")]
    pub key: Vec<(String, Cell)>,
    /// The columns that differ, with their values before and after; all columns of a missing or extra row.
    pub columns: Vec<ColumnDifference>,
}

/// Names of columns are words of the format, their values are not.
fn by_name<S: Serializer>(key: &[(String, Cell)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(key.iter().map(|(name, value)| (Word(name), value)))
}

/// One column of a row that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnDifference {
    /// The column's name.
    #[serde(serialize_with = "crate::secret::word")]
    pub name: String,
    /// The type of the side that has it; the one before where both have it.
    #[serde(default)]
    #[serde(serialize_with = "crate::secret::word")]
    pub type_name: String,
    /// Its value before.
    pub before: Cell,
    /// Its value after.
    pub after: Cell,
}

/// How many rows of a table differ, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RowCounts {
    /// Rows that are there on both sides with other values.
    pub changed: u64,
    /// Rows that are gone.
    pub missing: u64,
    /// Rows that came.
    pub extra: u64,
}

impl RowCounts {
    fn count(&mut self, change: RowChange) {
        match change {
            RowChange::Changed => self.changed += 1,
            RowChange::Missing => self.missing += 1,
            RowChange::Extra => self.extra += 1,
        }
    }
}

/// Why rows could not be compared.
#[derive(Debug, thiserror::Error)]
pub enum RowsError {
    /// The rows of the table were not kept on one side.
    #[error("the rows of {table} were not kept in {folder}")]
    NotKept {
        /// The table.
        table: String,
        /// Where they should be.
        folder: String,
    },
    /// A file of kept rows cannot be read, or is not one.
    #[error("cannot read the kept rows in {path}: {reason}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// The receiver of the differences failed.
    #[error("cannot write the rows that differ: {0}")]
    Sink(#[from] std::io::Error),
}

/// The name of the file that holds a table's rows.
pub fn file_name(table: &str) -> String {
    let mut name = String::new();
    for byte in table.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-' => name.push(char::from(byte)),
            _ => name.push_str(&format!("%{byte:02x}")),
        }
    }
    // Two quoted names of 63 characters can be longer than a file name may be.
    if name.len() > 200 {
        use sha2::{Digest, Sha256};
        let hash = Sha256::digest(table.as_bytes());
        let hex: String = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        name.truncate(180);
        name = format!("{name}-{hex}");
    }
    format!("{name}.rows")
}

/// Gives every row of the table that differs to the sink, in order of key, and counts them.
///
/// `before` and `after` are the folders of the two captures; none where the table does not exist. Blocks
/// while it reads.
///
/// # Errors
/// When the rows of a side were not kept or cannot be read, and what the sink returns.
pub fn diff(
    table: &str,
    before: Option<&Path>,
    after: Option<&Path>,
    sink: &mut dyn FnMut(RowDifference) -> std::io::Result<()>,
) -> Result<RowCounts, RowsError> {
    let mut sides = Sides::open(table, before, after)?;
    let mut counts = RowCounts::default();
    while let Some(difference) = sides.next()? {
        counts.count(difference.change);
        sink(difference)?;
    }
    Ok(counts)
}

/// The two sorted files being merged.
struct Sides {
    before: Side,
    after: Side,
    /// Whether lines can be compared as they stand.
    same_layout: bool,
    /// The columns of both sides in order of name.
    columns: Vec<String>,
}

impl Sides {
    fn open(table: &str, before: Option<&Path>, after: Option<&Path>) -> Result<Self, RowsError> {
        let (before, after) = (Side::open(table, before)?, Side::open(table, after)?);
        let same_layout = before.header == after.header;
        let mut columns = [before.header.columns.as_slice(), after.header.columns.as_slice()].concat();
        columns.sort();
        columns.dedup();
        Ok(Self { before, after, same_layout, columns })
    }

    fn next(&mut self) -> Result<Option<RowDifference>, RowsError> {
        loop {
            if self.same_layout && self.before.line.is_some() && self.before.line == self.after.line {
                self.before.advance()?;
                self.after.advance()?;
                continue;
            }
            let (before, after) = (self.before.row()?, self.after.row()?);
            let difference = match self.order(before.as_deref(), after.as_deref()) {
                None => return Ok(None),
                Some(Ordering::Less) => Some(self.before.alone(before, RowChange::Missing)?),
                Some(Ordering::Greater) => Some(self.after.alone(after, RowChange::Extra)?),
                Some(Ordering::Equal) => {
                    self.pair(&before.unwrap_or_default(), &after.unwrap_or_default())?
                }
            };
            if difference.is_some() {
                return Ok(difference);
            }
        }
    }

    /// Which side's row comes first; none when both are read to their ends.
    fn order(&self, before: Option<&[Cell]>, after: Option<&[Cell]>) -> Option<Ordering> {
        match (before, after) {
            (None, None) => None,
            (Some(_), None) => Some(Ordering::Less),
            (None, Some(_)) => Some(Ordering::Greater),
            // Rows sorted in two ways have no common order: all of them differ.
            _ if self.before.header.key != self.after.header.key => Some(Ordering::Less),
            (Some(before), Some(after)) => Some(self.compare(before, after)),
        }
    }

    fn compare(&self, before: &[Cell], after: &[Cell]) -> Ordering {
        let key = &self.before.header.key;
        if key.is_empty() {
            let same_columns = self.before.header.columns == self.after.header.columns;
            return if same_columns { compare_all(before, after) } else { Ordering::Less };
        }
        key.iter().fold(Ordering::Equal, |order, column| {
            order.then_with(|| {
                let before = self.before.cell(before, &column.name);
                compare_cells(before, self.after.cell(after, &column.name), column.integer)
            })
        })
    }

    /// Compares two rows of one key column by column, by name, and goes on behind them.
    fn pair(&mut self, before: &[Cell], after: &[Cell]) -> Result<Option<RowDifference>, RowsError> {
        let columns = self.columns.iter().filter_map(|name| {
            let (before, after) = (self.before.cell(before, name), self.after.cell(after, name));
            (before != after).then(|| ColumnDifference {
                name: name.clone(),
                type_name: self.before.type_of(name).or_else(|| self.after.type_of(name)).unwrap_or_default(),
                before: before.clone(),
                after: after.clone(),
            })
        });
        let columns: Vec<ColumnDifference> = columns.collect();
        let key = self.before.key_of(before);
        self.before.advance()?;
        self.after.advance()?;
        Ok((!columns.is_empty()).then_some(RowDifference { change: RowChange::Changed, key, columns }))
    }
}

/// One file, and the line at which it stands.
struct Side {
    header: KeptHeader,
    places: BTreeMap<String, usize>,
    line: Option<Vec<u8>>,
    lines: Option<(PathBuf, BufReader<File>)>,
}

impl Side {
    fn open(table: &str, folder: Option<&Path>) -> Result<Self, RowsError> {
        let Some(folder) = folder else { return Ok(Self::empty()) };
        let path = folder.join(file_name(table));
        let file = File::open(&path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => {
                RowsError::NotKept { table: table.to_owned(), folder: folder.display().to_string() }
            }
            _ => unreadable(&path, &error),
        })?;
        let mut reader = BufReader::new(file);
        let mut line = String::new();
        reader.read_line(&mut line).map_err(|error| unreadable(&path, &error))?;
        let header: KeptHeader = serde_json::from_str(&line).map_err(|error| unreadable(&path, &error))?;
        let places = header.columns.iter().cloned().zip(0..).collect();
        let mut side = Self { header, places, line: None, lines: Some((path, reader)) };
        side.advance()?;
        Ok(side)
    }

    /// A table that does not exist has no rows.
    fn empty() -> Self {
        let header =
            KeptHeader { table: String::new(), columns: Vec::new(), types: Vec::new(), key: Vec::new() };
        Self { header, places: BTreeMap::new(), line: None, lines: None }
    }

    fn advance(&mut self) -> Result<(), RowsError> {
        let Some((path, lines)) = &mut self.lines else { return Ok(()) };
        let mut line = self.line.take().unwrap_or_default();
        line.clear();
        let read = lines.read_until(b'\n', &mut line).map_err(|error| unreadable(path, &error))?;
        if read > 0 && line.pop() != Some(b'\n') {
            return Err(unreadable(path, &"the last line is cut off"));
        }
        self.line = (read > 0).then_some(line);
        Ok(())
    }

    /// The row at which the side stands; none at its end.
    fn row(&self) -> Result<Option<Vec<Cell>>, RowsError> {
        let Some(line) = &self.line else { return Ok(None) };
        let row: Vec<Cell> = line.split(|byte| *byte == b'\t').map(decode).collect();
        match &self.lines {
            Some((path, _)) if row.len() != self.header.columns.len() => {
                Err(unreadable(path, &"a row has not as many fields as the table has columns"))
            }
            _ => Ok(Some(row)),
        }
    }

    fn cell<'r>(&self, row: &'r [Cell], name: &str) -> &'r Cell {
        self.places.get(name).and_then(|at| row.get(*at)).unwrap_or(&Cell::Absent)
    }

    fn type_of(&self, name: &str) -> Option<String> {
        self.places.get(name).and_then(|at| self.header.types.get(*at)).cloned()
    }

    fn key_of(&self, row: &[Cell]) -> Vec<(String, Cell)> {
        let key = self.header.key.iter();
        key.map(|column| (column.name.clone(), self.cell(row, &column.name).clone())).collect()
    }

    /// A row that the other side does not have, with all its values; goes on behind it.
    fn alone(&mut self, row: Option<Vec<Cell>>, change: RowChange) -> Result<RowDifference, RowsError> {
        let row = row.unwrap_or_default();
        let key = self.key_of(&row);
        let cells = self.header.columns.iter().cloned().zip(row);
        let columns = cells.map(|(name, cell)| {
            let type_name = self.type_of(&name).unwrap_or_default();
            match change {
                RowChange::Extra => ColumnDifference { name, type_name, before: Cell::Absent, after: cell },
                _ => ColumnDifference { name, type_name, before: cell, after: Cell::Absent },
            }
        });
        let columns = columns.collect();
        self.advance()?;
        Ok(RowDifference { change, key, columns })
    }
}

fn unreadable(path: &Path, reason: &dyn std::fmt::Display) -> RowsError {
    RowsError::Unreadable { path: path.display().to_string(), reason: reason.to_string() }
}

fn compare_all(before: &[Cell], after: &[Cell]) -> Ordering {
    let cells = before.iter().zip(after);
    cells.fold(Ordering::Equal, |order, (a, b)| order.then_with(|| compare_cells(a, b, false)))
}

/// The server's order: NULL last, integers by value, everything else by bytes.
fn compare_cells(a: &Cell, b: &Cell, integer: bool) -> Ordering {
    match (a, b) {
        (Cell::Value(a), Cell::Value(b)) if integer => {
            let number = |text: &String| text.parse::<i64>().unwrap_or(i64::MAX);
            number(a).cmp(&number(b))
        }
        (Cell::Value(a), Cell::Value(b)) => a.as_bytes().cmp(b.as_bytes()),
        (Cell::Value(_), _) => Ordering::Less,
        (_, Cell::Value(_)) => Ordering::Greater,
        _ => Ordering::Equal,
    }
}

/// One field of COPY's text format.
fn decode(field: &[u8]) -> Cell {
    if field == b"\\N" {
        return Cell::Null;
    }
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field.iter().copied();
    while let Some(byte) = rest.next() {
        bytes.push(if byte == b'\\' { unescape(rest.next()) } else { byte });
    }
    Cell::Value(String::from_utf8_lossy(&bytes).into_owned())
}

fn unescape(byte: Option<u8>) -> u8 {
    match byte {
        Some(b'b') => 0x08,
        Some(b'f') => 0x0c,
        Some(b'n') => b'\n',
        Some(b'r') => b'\r',
        Some(b't') => b'\t',
        Some(b'v') => 0x0b,
        Some(other) => other,
        None => b'\\',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(folder: &Path, columns: &[&str], key: &[(&str, bool)], rows: &[&str]) {
        let header = KeptHeader {
            table: "public.t".to_owned(),
            columns: columns.iter().map(|name| (*name).to_owned()).collect(),
            types: columns.iter().map(|_| "text".to_owned()).collect(),
            key: key
                .iter()
                .map(|(name, integer)| KeyColumn { name: (*name).to_owned(), integer: *integer })
                .collect(),
        };
        let mut text = serde_json::to_string(&header).unwrap();
        text.push('\n');
        for row in rows {
            text.push_str(row);
            text.push('\n');
        }
        std::fs::write(folder.join(file_name("public.t")), text).unwrap();
    }

    fn column(name: &str, before: Cell, after: Cell) -> ColumnDifference {
        ColumnDifference { name: name.to_owned(), type_name: "text".to_owned(), before, after }
    }

    fn value(text: &str) -> Cell {
        Cell::Value(text.to_owned())
    }

    fn compare(before: &Path, after: &Path) -> (RowCounts, Vec<RowDifference>) {
        let mut found = Vec::new();
        let counts = diff("public.t", Some(before), Some(after), &mut |difference| {
            found.push(difference);
            Ok(())
        });
        (counts.unwrap(), found)
    }

    fn folders() -> (tempfile::TempDir, tempfile::TempDir) {
        (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap())
    }

    #[test]
    fn rows_are_matched_by_key_in_the_order_of_numbers() {
        let (before, after) = folders();
        kept(before.path(), &["id", "note"], &[("id", true)], &["1\ta", "2\t\\N", "9\tx", "10\ty"]);
        kept(after.path(), &["id", "note"], &[("id", true)], &["1\ta", "2\t", "10\ty", "11\tz"]);
        let (counts, found) = compare(before.path(), after.path());
        assert_eq!(counts, RowCounts { changed: 1, missing: 1, extra: 1 });
        assert_eq!(found[0].key, [("id".to_owned(), value("2"))]);
        assert_eq!(found[0].columns, [column("note", Cell::Null, value(""))]);
        assert_eq!((found[1].change, &found[1].key[0].1), (RowChange::Missing, &value("9")));
        assert_eq!((found[2].change, &found[2].columns[1].after), (RowChange::Extra, &value("z")));
    }

    #[test]
    fn a_column_that_only_one_side_has_is_absent_on_the_other() {
        let (before, after) = folders();
        kept(before.path(), &["id", "note"], &[("id", true)], &["1\ta"]);
        kept(after.path(), &["extra", "id"], &[("id", true)], &["\\N\t1"]);
        let (counts, found) = compare(before.path(), after.path());
        assert_eq!(counts, RowCounts { changed: 1, ..RowCounts::default() });
        assert_eq!(
            found[0].columns,
            [column("extra", Cell::Absent, Cell::Null), column("note", value("a"), Cell::Absent),]
        );
    }

    #[test]
    fn rows_without_a_key_are_counted_as_a_multiset() {
        let (before, after) = folders();
        kept(before.path(), &["a"], &[], &["x", "x", "y", "\\N"]);
        kept(after.path(), &["a"], &[], &["x", "y", "y", "z"]);
        let (counts, found) = compare(before.path(), after.path());
        assert_eq!(counts, RowCounts { changed: 0, missing: 2, extra: 2 });
        assert!(found.iter().all(|difference| difference.key.is_empty()));
    }

    #[test]
    fn a_missing_table_lost_all_rows_and_an_unkept_one_is_an_error() {
        let (before, after) = folders();
        kept(before.path(), &["a"], &[], &["x", "y"]);
        let counts = diff("public.t", Some(before.path()), None, &mut |_| Ok(())).unwrap();
        assert_eq!(counts.missing, 2);
        let error = diff("public.t", Some(before.path()), Some(after.path()), &mut |_| Ok(())).unwrap_err();
        assert!(error.to_string().starts_with("the rows of public.t were not kept in "), "{error}");
    }

    #[test]
    fn a_torn_file_is_an_error() {
        let (before, after) = folders();
        kept(before.path(), &["a", "b"], &[], &["x"]);
        let error = diff("public.t", Some(before.path()), None, &mut |_| Ok(())).unwrap_err();
        assert!(error.to_string().contains("not as many fields"), "{error}");
        kept(after.path(), &["a"], &[], &["x"]);
        let path = after.path().join(file_name("public.t"));
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.trim_end()).unwrap();
        let error = diff("public.t", None, Some(after.path()), &mut |_| Ok(())).unwrap_err();
        assert!(error.to_string().contains("cut off"), "{error}");
    }

    #[test]
    fn fields_are_decoded_as_copy_writes_them() {
        assert_eq!(decode(br"a\tb\\c\nd\N"), value("a\tb\\c\ndN"));
        assert_eq!(decode(b"\\N"), Cell::Null);
        assert_eq!(decode(b""), value(""));
    }

    #[test]
    fn file_names_are_safe_short_and_different() {
        assert_eq!(file_name("public.orders"), "public.orders.rows");
        assert_eq!(file_name("public.\"A/b\""), "public.%22%41%2fb%22.rows");
        let long = "é".repeat(120);
        assert!(file_name(&long).len() <= 255);
        assert_ne!(file_name(&long), file_name(&format!("{long}x")));
    }
}

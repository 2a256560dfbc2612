//! Which rows of a table the clients' keys explain.
//!
//! Which column holds the keys is not known here: every column is tried, and what each would explain is
//! counted. Which one counts is what the scenario declares, or what the idle run has shown.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::belief::Standing;
use super::load::Load;
use super::look::{Few, Found};
use crate::state::rows::{Cell, RowChange, RowDifference};

/// How many rows and keys are named.
const FIRST: usize = 10;
/// How many keys of unknown fate are listed, so that their rows can be paired between tables.
const UNKNOWN: usize = 1_000;
/// How many different sets of altered columns are told apart.
const SETS: usize = 64;

/// The keys of all clients, and what must be there under each.
#[derive(Debug, Clone, Default)]
pub struct Keys {
    keys: Vec<(String, Standing, u64)>,
    /// By name, and by what the service calls it.
    names: BTreeMap<String, usize>,
}

impl Keys {
    /// Those of some loads, at a moment that may have begun as early as this, in milliseconds of the drill.
    pub fn at<'l>(from_ms: u64, loads: impl IntoIterator<Item = &'l Load>) -> Self {
        let mut all = Self::default();
        for key in loads.into_iter().flat_map(|load| load.ledger.keys()) {
            let standing = key.standing(from_ms);
            all.insert(&key.name, key.id, standing, key.since_ms);
        }
        all
    }

    pub(super) fn insert(&mut self, name: &str, id: Option<String>, standing: Standing, since_ms: u64) {
        let at = self.keys.len();
        self.keys.push((name.to_owned(), standing, since_ms));
        self.names.insert(name.to_owned(), at);
        self.names.extend(id.map(|id| (id, at)));
    }

    /// Whether a name has one of them in it: then it is a client's.
    pub fn are_in(&self, name: &str) -> bool {
        self.names.keys().any(|key| name.contains(key.as_str()))
    }

    /// Whether nobody has asked for anything.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

/// What the keys would explain of a table's differing rows, if this column held them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reach {
    /// The column.
    #[serde(serialize_with = "crate::secret::word")]
    pub column: String,
    /// How many differing rows have a key there.
    pub rows: u64,
    /// How many keys under which something must be have a row.
    pub kept: u64,
    /// The keys under which something must be that have none.
    pub lost: Few,
    /// The keys under which nothing may be that have one.
    pub phantom: Few,
    /// The keys with more rows than one.
    pub repeated: Few,
    /// The keys of unknown fate that have one; the first of them.
    pub unknown: BTreeSet<String>,
    /// The first differing rows without a key there.
    pub strangers: Vec<RowDifference>,
}

#[derive(Default)]
struct Column {
    rows: u64,
    /// How many rows each key has.
    held: BTreeMap<usize, u64>,
    strangers: Vec<RowDifference>,
}

/// Counts, row by row.
pub struct Reaching<'k> {
    keys: &'k Keys,
    rows: u64,
    columns: BTreeMap<String, Column>,
    altered: BTreeMap<String, u64>,
}

impl<'k> Reaching<'k> {
    /// By these keys.
    pub fn new(keys: &'k Keys) -> Self {
        Self { keys, rows: 0, columns: BTreeMap::new(), altered: BTreeMap::new() }
    }

    /// One row that differs; `shown` is the same as it may be shown.
    pub fn row(&mut self, row: &RowDifference, shown: &RowDifference) {
        self.rows += 1;
        let mut seen = BTreeSet::new();
        let cells = row.key.iter().map(|(name, cell)| (name, cell));
        let columns = row.columns.iter().map(|column| match row.change {
            RowChange::Missing => (&column.name, &column.before),
            RowChange::Extra | RowChange::Changed => (&column.name, &column.after),
        });
        for (name, cell) in cells.chain(columns) {
            if seen.insert(name) {
                self.cell(name, cell, row.change, shown);
            }
        }
        if row.change == RowChange::Changed {
            let names: Vec<&str> = row.columns.iter().map(|column| column.name.as_str()).collect();
            let names = names.join(", ");
            if self.altered.len() < SETS || self.altered.contains_key(&names) {
                *self.altered.entry(names).or_default() += 1;
            }
        }
    }

    fn cell(&mut self, name: &str, cell: &Cell, change: RowChange, shown: &RowDifference) {
        let column = match self.columns.get_mut(name) {
            Some(column) => column,
            None => self.columns.entry(name.to_owned()).or_default(),
        };
        let key = match cell {
            Cell::Value(value) => self.keys.names.get(value),
            Cell::Absent | Cell::Null => None,
        };
        match key {
            Some(key) => {
                column.rows += 1;
                if change != RowChange::Missing {
                    *column.held.entry(*key).or_default() += 1;
                }
            }
            None if column.strangers.len() < FIRST => column.strangers.push(shown.clone()),
            None => {}
        }
    }

    /// What each column would explain, but for those that explain nothing; and the sets of columns that
    /// were altered, with the number of rows.
    pub fn finish(self) -> (Vec<Reach>, BTreeMap<String, u64>) {
        let keys = self.keys;
        let reaching = self.columns.into_iter().filter(|(_, column)| column.rows > 0);
        let reaches = reaching.map(|(name, column)| reach(keys, name, column)).collect();
        (reaches, self.altered)
    }
}

fn reach(keys: &Keys, name: String, column: Column) -> Reach {
    let mut reach =
        Reach { column: name, rows: column.rows, strangers: column.strangers, ..Reach::default() };
    for (at, (key, standing, since_ms)) in keys.keys.iter().enumerate() {
        let rows = column.held.get(&at).copied().unwrap_or_default();
        let found = || Found { key: key.clone(), since_ms: *since_ms, seen: format!("{rows} rows") };
        match (standing, rows) {
            (Standing::Present, 0) => reach.lost.add(found()),
            (Standing::Present, _) => reach.kept += 1,
            (Standing::Absent, 0) | (Standing::Unknown, 0) => {}
            (Standing::Absent, _) => reach.phantom.add(found()),
            (Standing::Unknown, _) => {
                if reach.unknown.len() < UNKNOWN {
                    reach.unknown.insert(key.clone());
                }
            }
        }
        if rows > 1 {
            reach.repeated.add(found());
        }
    }
    reach
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::rows::ColumnDifference;

    fn keys() -> Keys {
        let mut keys = Keys::default();
        for (name, standing) in [
            ("a", Standing::Present),
            ("b", Standing::Present),
            ("c", Standing::Absent),
            ("d", Standing::Unknown),
        ] {
            keys.insert(name, (name == "b").then(|| "17".to_owned()), standing, 5);
        }
        keys
    }

    fn row(change: RowChange, cells: &[(&str, &str)]) -> RowDifference {
        let column = |(name, value): &(&str, &str)| ColumnDifference {
            name: (*name).to_owned(),
            type_name: "text".to_owned(),
            before: Cell::Value((*value).to_owned()),
            after: Cell::Value((*value).to_owned()),
        };
        RowDifference { change, key: Vec::new(), columns: cells.iter().map(column).collect() }
    }

    fn reached(rows: &[RowDifference]) -> (Vec<Reach>, BTreeMap<String, u64>) {
        let keys = keys();
        let mut reaching = Reaching::new(&keys);
        rows.iter().for_each(|one| reaching.row(one, one));
        reaching.finish()
    }

    #[test]
    fn a_row_is_reached_by_its_key_or_by_what_the_service_calls_it() {
        let extra = |id: &str| row(RowChange::Extra, &[("id", id), ("note", "x")]);
        let (reaches, _) =
            reached(&[extra("a"), extra("17"), extra("17"), extra("c"), extra("d"), extra("e")]);
        let [id] = &reaches[..] else { panic!("only `id` holds keys: {reaches:?}") };
        assert_eq!((id.column.as_str(), id.rows, id.kept), ("id", 5, 2));
        assert_eq!((id.lost.count, id.phantom.first[0].key.as_str()), (0, "c"));
        assert_eq!(id.repeated.first[0].key, "b");
        assert_eq!((id.unknown.len(), id.strangers.len()), (1, 1));
    }

    #[test]
    fn what_must_be_there_and_has_no_row_is_lost() {
        let (reaches, _) = reached(&[row(RowChange::Extra, &[("id", "a")])]);
        assert_eq!((reaches[0].lost.count, reaches[0].lost.first[0].key.as_str()), (1, "b"));
    }

    #[test]
    fn altered_columns_are_counted_by_set() {
        let (reaches, altered) = reached(&[
            row(RowChange::Changed, &[("qty", "1")]),
            row(RowChange::Changed, &[("qty", "2")]),
            row(RowChange::Changed, &[("name", "n"), ("qty", "2")]),
        ]);
        assert!(reaches.is_empty());
        assert_eq!(altered, [("name, qty".to_owned(), 1), ("qty".to_owned(), 2)].into());
    }
}

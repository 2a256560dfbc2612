//! Where the rows of a store are kept while a run lasts, and how those that differ are shown.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::named::Naming;
use crate::journal::Redactor;
use crate::journal::event::{Named, RowsDiffer};
use crate::secret::{files, veiled};
use crate::state::compare::compare;
use crate::state::model::{Kept, StoreCapture};
use crate::state::rows::{self, Cell, RowDifference};
use crate::traffic::{Keys, Reaching};

/// How many bytes of rows are kept per capture of a store.
pub(super) const ROOM: u64 = 64 << 20;
/// How many rows of a table go into the journal.
const EXAMPLES: usize = 20;

/// How row values are written.
#[derive(Debug, Clone, Default)]
pub(super) struct Showing {
    /// All of them as type, length and digest (S20).
    pub(super) hide: bool,
    /// These too: `table.column` or `table.*`.
    pub(super) mask: Vec<String>,
}

/// The kept rows of one store.
pub(super) struct Shelf {
    /// The store's name.
    pub(super) store: String,
    /// Rows are kept below this folder while the run lasts.
    pub(super) work: PathBuf,
    /// Every row that differs is written here.
    pub(super) rows: PathBuf,
    pub(super) showing: Showing,
    /// Hides secrets in what is written beside the journal.
    pub(super) redactor: Arc<Redactor>,
    /// How its rows are named; none where they have no names of their own.
    pub(super) naming: Option<Naming>,
}

impl Shelf {
    /// Makes the folder for the rows of one capture.
    pub(super) fn make(&self, kept: &str) -> Result<PathBuf, String> {
        let folder = self.folder(kept);
        files::folder(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        Ok(folder)
    }

    fn folder(&self, kept: &str) -> PathBuf {
        // A store may be named after a path.
        self.work.join(format!("{kept}-{}", self.store.replace('/', "%2f")))
    }

    /// A value as it may be shown.
    pub(super) fn shown(&self, value: &str) -> String {
        if self.showing.hide { veiled("text", value) } else { value.to_owned() }
    }

    pub(super) fn clear(&self, kept: &str) {
        // What stays behind goes with the folder of the drill.
        let _ = std::fs::remove_dir_all(self.folder(kept));
    }

    /// The rows that differ between two captures, for each table whose fingerprints differ.
    pub(super) fn differing(
        &self,
        (before_kept, before): (&str, &StoreCapture),
        (after_kept, after): (&str, &StoreCapture),
        keys: &Keys,
    ) -> Result<Vec<RowsDiffer>, String> {
        let (from, to) = (self.folder(before_kept), self.folder(after_kept));
        let mut differing = Vec::new();
        let tables = compare(before, after).tables.into_iter();
        // What an exception covers is no matter for the states; which keys and files it was is for the impact.
        for table in tables.filter(|table| !table.excepted || self.naming(&table.table).is_some()) {
            let side = |store: &StoreCapture| store.tables.get(&table.table).map(|data| data.kept.clone());
            let rows = match sides(side(before), side(after), &from, &to) {
                Ok(Rows { from, to, rest }) => {
                    let rows = self.table(table.table, from.as_deref(), to.as_deref(), keys)?;
                    RowsDiffer { not_kept: rest, ..rows }
                }
                Err(because) => {
                    RowsDiffer { table: table.table, not_kept: Some(because), ..RowsDiffer::default() }
                }
            };
            differing.push(rows);
        }
        Ok(differing)
    }

    fn naming(&self, table: &str) -> Option<&Naming> {
        self.naming.as_ref().filter(|naming| naming.is_for(table))
    }

    /// Writes every differing row to the file beside the report, and keeps the first ones.
    fn table(
        &self,
        table: String,
        from: Option<&Path>,
        to: Option<&Path>,
        keys: &Keys,
    ) -> Result<RowsDiffer, String> {
        let file = files::append(&self.rows).map_err(|error| format!("{}: {error}", self.rows.display()))?;
        let mut file = std::io::BufWriter::new(file);
        let (mut examples, mut reaching) = (Vec::new(), Reaching::new(keys));
        let naming = self.naming(&table);
        let mut named = naming.map(|_| Named::default());
        let counts = rows::diff(&table, from, to, &mut |difference| {
            use std::io::Write;
            let shown = self.showing.row(&table, difference.clone());
            if !keys.is_empty() {
                reaching.row(&difference, &shown);
            }
            if let (Some(naming), Some(named)) = (naming, &mut named) {
                naming.row(&difference, &shown, keys, named);
            }
            let row = self.redactor.json(&shown)?;
            writeln!(file, "{}", serde_json::json!({ "store": self.store, "table": table, "row": row }))?;
            if examples.len() < EXAMPLES {
                examples.push(shown);
            }
            Ok(())
        });
        let counts = counts.map_err(|error| error.to_string())?;
        let (reach, altered) = reaching.finish();
        Ok(RowsDiffer { table, counts, examples, not_kept: None, reach, altered, named })
    }
}

/// Where the rows of two sides are; none where a side does not have the table.
struct Rows {
    from: Option<PathBuf>,
    to: Option<PathBuf>,
    /// What is not among them.
    rest: Option<String>,
}

/// Where the rows of a table are that was kept like this in two folders; why they are nowhere, otherwise.
fn sides(before: Option<Kept>, after: Option<Kept>, from: &Path, to: &Path) -> Result<Rows, String> {
    let fetched = || Some(to.join(rows::BEFORE));
    let (from, to) = (Some(from.to_owned()), Some(to.to_owned()));
    match (before, after) {
        (Some(Kept::Nothing { because }), _) | (_, Some(Kept::Nothing { because })) => Err(because),
        (Some(Kept::Copied), Some(Kept::Differing { rest, .. })) => Ok(Rows { from: fetched(), to, rest }),
        (Some(Kept::Copied), None) => {
            let rest = Some("it was large: shown are its first rows".to_owned());
            Ok(Rows { from: fetched(), to: None, rest })
        }
        (Some(Kept::Rows { .. }), Some(Kept::Rows { .. })) => Ok(Rows { from, to, rest: None }),
        (Some(Kept::Rows { .. }), None) => Ok(Rows { from, to: None, rest: None }),
        (None, Some(Kept::Rows { .. })) => Ok(Rows { from: None, to, rest: None }),
        (None, None) => Ok(Rows { from: None, to: None, rest: None }),
        (before, after) => Err(format!("they were kept in two ways: {before:?} and {after:?}")),
    }
}

impl Showing {
    fn row(&self, table: &str, mut row: RowDifference) -> RowDifference {
        for (name, value) in &mut row.key {
            self.cell(table, name, "key", value);
        }
        for column in &mut row.columns {
            self.cell(table, &column.name, &column.type_name, &mut column.before);
            self.cell(table, &column.name, &column.type_name, &mut column.after);
        }
        row
    }

    fn cell(&self, table: &str, column: &str, type_name: &str, cell: &mut Cell) {
        if let Cell::Value(value) = cell
            && (self.hide || self.is_masked(table, column))
        {
            *value = veiled(type_name, value);
        }
    }

    fn is_masked(&self, table: &str, column: &str) -> bool {
        let bare = table.strip_prefix("public.").unwrap_or(table);
        self.mask.iter().any(|mask| {
            mask.rsplit_once('.').is_some_and(|(masked, name)| {
                (masked == bare || masked == table) && (name == "*" || name == column)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(showing: &Showing, table: &str, column: &str) -> Cell {
        let mut cell = Cell::Value("gift wrap".to_owned());
        showing.cell(table, column, "text", &mut cell);
        cell
    }

    #[test]
    fn s20_hidden_values_are_told_by_length_and_digest() {
        let hide = Showing { hide: true, mask: Vec::new() };
        let Cell::Value(text) = shown(&hide, "public.orders", "note") else {
            panic!("a value stays a value")
        };
        assert!(text.starts_with("‹text, 9 bytes, #") && !text.contains("gift"), "{text}");
        assert_eq!(shown(&hide, "public.orders", "note"), Cell::Value(text));
    }

    #[test]
    fn s20_a_mask_covers_a_column_or_a_table() {
        let mask = Showing { hide: false, mask: vec!["orders.note".to_owned(), "customers.*".to_owned()] };
        let plain = Cell::Value("gift wrap".to_owned());
        assert_ne!(shown(&mask, "public.orders", "note"), plain);
        assert_ne!(shown(&mask, "public.customers", "name"), plain);
        assert_eq!(shown(&mask, "public.orders", "id"), plain);
        assert_eq!(shown(&mask, "audit.orders", "note"), plain);
    }
}

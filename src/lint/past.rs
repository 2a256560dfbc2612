//! What the operations before have done, as far as it changes what an operation means.

use std::collections::{BTreeMap, BTreeSet};

use super::catalog::Catalog;
use super::operation::{Object, Operation, Thing, What};

/// Rows or values that lie in another place too.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Kept {
    table: String,
    /// None is all columns.
    columns: Option<Vec<String>>,
    condition: Option<String>,
    /// A table, or `table.column`.
    place: String,
    /// Whether each value lies beside its own row, so that no key is needed to bring it back.
    beside: bool,
}

/// What came before an operation.
#[derive(Debug, Clone, Default)]
pub struct Past {
    /// What was there before, and what the same change has made.
    catalog: Catalog,
    kept: Vec<Kept>,
    /// Where everything is kept.
    backup: Option<String>,
    /// The types of columns, also from earlier changes.
    types: BTreeMap<(String, String), String>,
    /// Of a rollback: what the change did that this may take back.
    change: Option<Change>,
}

/// What the change did, for its rollback.
#[derive(Debug, Clone, Default)]
struct Change {
    filled: BTreeSet<String>,
    touched: BTreeSet<Thing>,
    renamed: BTreeSet<Thing>,
    dropped: BTreeSet<Thing>,
    /// Whether a part of it is not read, which may have done anything.
    is_partly_unread: bool,
}

impl Past {
    /// Before a change: nothing is known but the types of columns.
    pub fn before_change(types: &BTreeMap<(String, String), String>) -> Self {
        Self { types: types.clone(), ..Self::default() }
    }

    /// Before the rollback of a change, which may undo what that did.
    pub fn before_rollback(change: &[Operation], types: &BTreeMap<(String, String), String>) -> Self {
        let mut past = Self { types: types.clone(), ..Self::default() };
        let mut did = Change::default();
        for (number, operation) in change.iter().enumerate() {
            did.note(&operation.what);
            did.is_partly_unread |= operation.what.is_unread();
            past.catalog.after(number, &operation.what);
        }
        past.catalog.begin_rollback();
        past.change = Some(did);
        past
    }

    /// Whether it is a rollback that is read.
    pub fn is_rollback(&self) -> bool {
        self.change.is_some()
    }

    /// Whether it is a rollback that is read, and not all of its change could be.
    pub fn is_change_unread(&self) -> bool {
        self.change.as_ref().is_some_and(|change| change.is_partly_unread)
    }

    /// The types of columns that are known by now.
    pub fn into_types(self) -> BTreeMap<(String, String), String> {
        self.types
    }

    /// Whether the same change has made it, or the table that it belongs to.
    pub fn made(&self, thing: &Thing) -> bool {
        self.catalog.made(thing)
    }

    /// Whether the same change has made this table.
    pub fn made_table(&self, table: &str) -> bool {
        self.catalog.made(&Thing::table(table))
    }

    /// The type of a column, where it was seen.
    pub fn type_of(&self, column: &Thing) -> Option<&str> {
        let key = (column.of.clone()?, column.name.clone());
        self.types.get(&key).map(String::as_str)
    }

    /// Where the values of a column are kept.
    pub fn keeps_column(&self, table: &str, column: &str) -> Option<&str> {
        let not_null = format!("{column} is not null");
        let found = self.kept.iter().find(|kept| {
            let whole = kept.condition.as_ref().is_none_or(|condition| *condition == not_null);
            kept.table == table && whole && kept.holds(column)
        });
        found.map(|kept| kept.place.as_str()).or(self.backup.as_deref())
    }

    /// Where the rows of a table that meet a condition are kept.
    pub fn keeps_rows(&self, table: &str, condition: Option<&str>) -> Option<&str> {
        let found = self.kept.iter().find(|kept| {
            let whole = kept.columns.as_ref().is_none_or(|columns| self.are_all(table, columns));
            kept.table == table && whole && !kept.beside && kept.covers(condition)
        });
        found.map(|kept| kept.place.as_str()).or(self.backup.as_deref())
    }

    /// Where the values of these columns are kept, in the rows that meet a condition.
    pub fn keeps_values(&self, table: &str, columns: &[String], condition: Option<&str>) -> Option<&str> {
        let found = self.kept.iter().find(|kept| {
            let all = columns.iter().all(|column| kept.holds(column));
            kept.table == table && all && kept.covers(condition)
        });
        found.map(|kept| kept.place.as_str()).or(self.backup.as_deref())
    }

    /// Whether the change filled this table: its rollback may empty it again.
    pub fn filled(&self, table: &str) -> bool {
        self.change.as_ref().is_some_and(|change| change.filled.contains(table))
    }

    /// Whether the change wrote over or dropped this: its rollback may put it back.
    pub fn touched(&self, thing: &Thing) -> bool {
        self.change.as_ref().is_some_and(|change| {
            let table = thing.of.as_ref().map(Thing::table);
            change.touched.contains(thing) || table.is_some_and(|table| change.touched.contains(&table))
        })
    }

    /// Whether the change gave it this name: its rollback may take the name back.
    pub fn renamed(&self, thing: &Thing) -> bool {
        self.change.as_ref().is_some_and(|change| change.renamed.contains(thing))
    }

    /// Whether the change dropped it: its rollback may make it again.
    pub fn dropped(&self, thing: &Thing) -> bool {
        self.change.as_ref().is_some_and(|change| change.dropped.contains(thing))
    }

    /// Whether the change requires a value in a column: its rollback may let it be empty again.
    pub fn requires(&self, column: &Thing) -> bool {
        self.is_rollback() && self.catalog.requires(column)
    }

    /// Whether the change has given a column another type: its rollback may give the old one back.
    pub fn retyped(&self, column: &Thing) -> bool {
        self.is_rollback() && self.catalog.retyped(column)
    }

    /// Whether the change has attached a partition: its rollback may detach it.
    pub fn attached(&self, partition: &Thing) -> bool {
        self.is_rollback() && self.catalog.attached(partition)
    }

    /// Takes note of an operation.
    pub fn after(&mut self, what: &What) {
        // Only pairs ask by which operation of the change something came.
        self.catalog.after(0, what);
        match what {
            What::Creates { thing, columns, .. } => self.learn_types(thing, columns),
            What::Drops { thing, .. } => self.forget(thing),
            What::Renames { thing, to } => self.rename(thing, to),
            What::Retypes { column, to, .. } => {
                self.learn_types(column, &[(column.name.clone(), to.clone())]);
            }
            What::Copies { rows, into } => self.kept.push(Kept {
                table: rows.table.clone(),
                columns: rows.columns.clone(),
                condition: rows.condition.clone(),
                place: into.clone(),
                beside: false,
            }),
            What::BacksUp { into } => self.backup = Some(into.clone()),
            What::Updates { table, moved, condition, .. } => {
                self.kept.retain(|kept| kept.place != *table);
                let beside = |(target, source): &(String, String)| Kept {
                    table: table.clone(),
                    columns: Some(vec![source.clone()]),
                    condition: condition.clone(),
                    place: format!("{table}.{target}"),
                    beside: true,
                };
                self.kept.extend(moved.iter().map(beside));
            }
            What::Truncates { table, .. } | What::Deletes { table, .. } => {
                self.kept.retain(|kept| kept.place != *table);
            }
            _ => {}
        }
    }

    fn learn_types(&mut self, thing: &Thing, columns: &[(String, String)]) {
        let table = thing.of.as_ref().unwrap_or(&thing.name);
        for (column, of) in columns {
            self.types.insert((table.clone(), column.clone()), of.clone());
        }
    }

    /// What is dropped keeps nothing any more.
    fn forget(&mut self, thing: &Thing) {
        let place = match &thing.of {
            Some(table) => format!("{table}.{}", thing.name),
            None => thing.name.clone(),
        };
        // A table that loses a column keeps something else than was put there.
        let holder = thing.of.as_ref().filter(|_| thing.object == Object::Column);
        self.kept.retain(|kept| kept.place != place && Some(&kept.place) != holder);
        self.types.retain(|(table, column), _| match &thing.of {
            Some(of) => (table, column) != (of, &thing.name),
            None => *table != thing.name,
        });
    }

    fn rename(&mut self, thing: &Thing, to: &str) {
        self.types = std::mem::take(&mut self.types)
            .into_iter()
            .map(|(key, of)| (renamed(key, thing, to), of))
            .collect();
        for kept in self.kept.iter_mut().filter(|kept| thing.of.is_none() && kept.place == thing.name) {
            to.clone_into(&mut kept.place);
        }
    }

    /// Whether these are all columns of a table, as far as they were seen.
    fn are_all(&self, table: &str, columns: &[String]) -> bool {
        let mut known = self.types.keys().filter(|(of, _)| of == table).peekable();
        known.peek().is_some() && known.all(|(_, column)| columns.contains(column))
    }
}

/// The key of a column's type, once something has another name.
fn renamed((table, column): (String, String), thing: &Thing, to: &str) -> (String, String) {
    match (&thing.of, thing.object) {
        (Some(of), Object::Column) if *of == table && thing.name == column => (table, to.to_owned()),
        (None, Object::Table) if thing.name == table => (to.to_owned(), column),
        _ => (table, column),
    }
}

impl Kept {
    /// Whether it holds the values of a column, and a way to tell whose they are.
    fn holds(&self, column: &str) -> bool {
        let Some(columns) = &self.columns else { return true };
        let named = columns.iter().any(|known| known == column);
        named && (self.beside || columns.len() > 1)
    }

    /// Whether it holds every row that meets the condition.
    fn covers(&self, condition: Option<&str>) -> bool {
        self.condition.is_none() || self.condition.as_deref() == condition
    }
}

impl Change {
    fn note(&mut self, what: &What) {
        match what {
            What::Inserts { table } | What::Overwrites { table, .. } => {
                self.filled.insert(table.clone());
                if matches!(what, What::Overwrites { .. }) {
                    self.touched.insert(Thing::table(table));
                }
            }
            What::Copies { into, .. } => {
                self.filled.insert(into.clone());
            }
            What::Updates { table, columns, .. } => {
                self.touched.extend(columns.iter().map(|column| Thing::column(table, column)));
            }
            What::Deletes { table, .. } | What::Truncates { table, .. } => {
                self.touched.insert(Thing::table(table));
            }
            What::Drops { thing, .. } => {
                self.touched.insert(thing.clone());
                self.dropped.insert(thing.clone());
            }
            What::Renames { thing, to } => {
                self.renamed.insert(Thing { name: to.clone(), ..thing.clone() });
            }
            _ => {}
        }
    }
}

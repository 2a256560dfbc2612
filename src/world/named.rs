//! What rows are called that differ, where rows have names of their own: keys, files, queues.

use crate::journal::event::Named;
use crate::plan::Plan;
use crate::plan::impact::Touchable;
use crate::plan::observe::Observed;
use crate::state::gather::matches;
use crate::state::rows::{Cell, RowDifference};
use crate::traffic::Keys;

/// How many names go into the journal.
const FIRST: usize = 100;

/// How the rows of a store are named.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Naming {
    /// What stands before the key of a row.
    prefix: String,
    /// The only table whose rows have names; all of the store's where there is none.
    table: Option<String>,
    /// What the impact declares of them.
    declared: Vec<String>,
}

impl Naming {
    /// How the rows of an observed store are named; none where they are not.
    pub(super) fn of(plan: &Plan, store: &str) -> Option<Self> {
        let (kind, prefix, table) = match plan.stores.get(store)? {
            Observed::Redis(_) => (Touchable::Key, String::new(), None),
            Observed::Folder(_) => (Touchable::File, format!("{}/", store.trim_end_matches('/')), None),
            // The rows of its other tables are messages.
            Observed::RabbitMq(_) => (Touchable::Queue, String::new(), Some(store.to_owned())),
            Observed::Document(_) => return None,
        };
        let declared = plan.impact.as_ref().map(|impact| impact.names(kind)).unwrap_or_default();
        Some(Self { prefix, table, declared })
    }

    /// Whether the rows of a table have names.
    pub(super) fn is_for(&self, table: &str) -> bool {
        self.table.as_deref().is_none_or(|only| only == table)
    }

    /// Notes the name of a row; `shown` is the same as it may be shown.
    pub(super) fn row(&self, row: &RowDifference, shown: &RowDifference, keys: &Keys, named: &mut Named) {
        let name = |row: &RowDifference| match row.key.first() {
            Some((_, Cell::Value(key))) => Some(format!("{}{key}", self.prefix)),
            Some((_, Cell::Absent | Cell::Null)) | None => None,
        };
        let (Some(name), Some(shown)) = (name(row), name(shown)) else { return };
        if let Some(pattern) = self.declared.iter().find(|pattern| matches(pattern, &name)) {
            *named.declared.entry(pattern.clone()).or_default() += 1;
        } else if keys.are_in(&name) {
        } else if named.others.len() < FIRST {
            named.others.push(shown);
        } else {
            named.more += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::rows::RowChange;

    fn named(naming: &Naming, names: &[&str]) -> Named {
        let mut named = Named::default();
        for name in names {
            let key = vec![("key".to_owned(), Cell::Value((*name).to_owned()))];
            let row = RowDifference { change: RowChange::Extra, key, columns: Vec::new() };
            naming.row(&row, &row, &Keys::default(), &mut named);
        }
        named
    }

    #[test]
    fn names_are_declared_by_the_first_pattern_that_fits_and_listed_otherwise() {
        let naming = Naming { declared: vec!["cart:*".to_owned(), "cart:7".to_owned()], ..Naming::default() };
        let found = named(&naming, &["cart:7", "cart:8", "flag:new"]);
        assert_eq!(found.declared, [("cart:*".to_owned(), 2)].into());
        assert_eq!((found.others, found.more), (vec!["flag:new".to_owned()], 0));
    }

    #[test]
    fn a_file_is_named_with_its_folder() {
        let (prefix, declared) = ("app:/data/".to_owned(), vec!["app:/data/*.json".to_owned()]);
        let found = named(&Naming { prefix, declared, table: None }, &["a.json", "b.txt"]);
        assert_eq!((found.declared.len(), found.others), (1, vec!["app:/data/b.txt".to_owned()]));
    }

    #[test]
    fn of_many_names_the_first_are_listed_and_the_rest_is_counted() {
        let names: Vec<String> = (0..FIRST + 3).map(|number| format!("key:{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let found = named(&Naming::default(), &names);
        assert_eq!((found.others.len(), found.more), (FIRST, 3));
    }
}

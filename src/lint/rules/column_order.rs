//! A column that is added again stands at another place.

use super::{Check, Found, Rule};
use crate::lint::model::Class;
use crate::lint::operation::{Object, Thing, What};
use crate::lint::past::Past;

pub(super) const RULE: Rule =
    Rule { name: "column-order", page: include_str!("column-order.md"), check: Check::Operation(check) };

fn check(what: &What, past: &Past) -> Option<Found> {
    let column = brought_back(what).filter(|column| past.dropped(column))?;
    if past.made_table(column.of.as_deref()?) {
        return None;
    }
    let why = "it comes back as the last one, wherever it was: an INSERT without column names or a COPY of the old \
               release then writes into wrong columns, without an error where the types allow it";
    let instead = "name the columns in every INSERT and COPY; in MariaDB say where it stands (`AFTER …`); else keep the \
                   column until nothing needs it";
    Some(Found::new(Class::Reversible, format!("adds {column} again, at the end of its table"), why, instead))
}

/// The column that an operation brings back by this name.
fn brought_back(what: &What) -> Option<Thing> {
    match what {
        What::Creates { thing, ties, .. } if thing.object == Object::Column && !ties.is_placed => {
            Some(thing.clone())
        }
        What::Renames { thing, to } if thing.object == Object::Column => {
            Some(Thing { name: to.clone(), ..thing.clone() })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::read::{Dialect, operations};

    #[track_caller]
    fn finds(dialect: Dialect, change: &str, rollback: &str, expected: &[&str]) {
        let read = |sql: &str| operations(dialect, sql, 0);
        let mut past = Past::before_rollback(&read(change), &std::collections::BTreeMap::new());
        let mut found = Vec::new();
        for operation in read(rollback) {
            found.extend(check(&operation.what, &past).map(|found| found.message));
            past.after(&operation.what);
        }
        assert_eq!(found, expected, "{change} / {rollback}");
    }

    #[test]
    fn a_column_that_comes_back_comes_last() {
        let last = ["adds column `t.a` again, at the end of its table"];
        let drop = "ALTER TABLE t DROP COLUMN a";
        finds(Dialect::Postgres, drop, "ALTER TABLE t ADD a int", &last);
        finds(Dialect::Postgres, drop, "ALTER TABLE t ADD x int; ALTER TABLE t RENAME x TO a", &last);
        finds(Dialect::Mariadb, drop, "ALTER TABLE t ADD COLUMN a INT", &last);
        finds(Dialect::Mariadb, drop, "ALTER TABLE t ADD COLUMN a INT AFTER b", &[]);
        finds(Dialect::Mariadb, drop, "ALTER TABLE t ADD COLUMN a INT FIRST", &[]);
    }

    #[test]
    fn a_new_column_or_table_and_a_name_given_back_stand_where_they_did() {
        finds(Dialect::Postgres, "ALTER TABLE t RENAME a TO b", "ALTER TABLE t RENAME b TO a", &[]);
        finds(Dialect::Postgres, "ALTER TABLE t ADD b int", "ALTER TABLE t DROP b", &[]);
        finds(Dialect::Postgres, "DROP TABLE t", "CREATE TABLE t (a int); ALTER TABLE t ADD b int", &[]);
        let past = Past::default();
        let added = What::creates(Thing::column("t", "a"));
        assert_eq!(check(&added, &past), None);
    }
}

//! A rollback goes on where the name is wrong.

use super::{Check, Found, Rule};
use crate::lint::model::Class;
use crate::lint::operation::What;
use crate::lint::past::Past;

pub(super) const RULE: Rule = Rule {
    name: "if-exists-in-rollback",
    page: include_str!("if-exists-in-rollback.md"),
    check: Check::Operation(check),
};

fn check(what: &What, past: &Past) -> Option<Found> {
    let What::Drops { thing, if_exists: true, .. } = what else { return None };
    if !past.is_rollback() || past.made(thing) {
        return None;
    }
    let why = "the change makes nothing of this name; where it is misspelt the rollback exits with 0 and has done \
               nothing";
    let instead = "leave out IF EXISTS, so that a wrong name is an error; or look at what the change left, and act \
                   on that";
    Some(Found::new(Class::Unknown, format!("drops {thing}, if there is one"), why, instead))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::operation::{Object, Thing};
    use crate::lint::read::{Dialect, operations};

    #[track_caller]
    fn finds(change: &str, rollback: &str, expected: Option<Class>) {
        let read = |sql: &str| operations(Dialect::Postgres, sql, 0);
        let past = Past::before_rollback(&read(change), &std::collections::BTreeMap::new());
        let found = read(rollback).iter().find_map(|operation| check(&operation.what, &past));
        assert_eq!(found.map(|found| found.class), expected, "{change} / {rollback}");
    }

    #[test]
    fn a_wrong_name_is_hidden() {
        finds("CREATE TABLE orders (id int)", "DROP TABLE IF EXISTS ordes", Some(Class::Unknown));
        finds("ALTER TABLE t ADD a int", "ALTER TABLE t DROP COLUMN IF EXISTS b", Some(Class::Unknown));
    }

    #[test]
    fn a_name_that_the_change_made_is_right() {
        finds("CREATE TABLE orders (id int)", "DROP TABLE IF EXISTS orders", None);
        finds("CREATE TABLE orders (id int)", "DROP TABLE ordes", None);
        let change = Past::default();
        let what = What::Drops { thing: Thing::new(Object::Table, "a"), if_exists: true, cascade: false };
        assert_eq!(check(&what, &change), None);
    }
}

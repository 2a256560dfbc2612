//! A table is dropped or replaced, and its rows with it.

use super::{Check, Found, Rule, kept_or_lost};
use crate::lint::operation::{Object, Thing, What};
use crate::lint::past::Past;

pub(super) const RULE: Rule =
    Rule { name: "drop-table", page: include_str!("drop-table.md"), check: Check::Operation(check) };

fn check(what: &What, past: &Past) -> Option<Found> {
    let (thing, verb) = gone(what)?;
    if thing.object != Object::Table || past.made(thing) {
        return None;
    }
    let kept = past.keeps_rows(&thing.name, None);
    let (class, why) = kept_or_lost(kept, "its rows are gone, with its indexes, constraints and rights");
    let instead = "rename it away and drop it in a later change: `ALTER TABLE orders RENAME TO orders_old`";
    Some(Found::new(class, format!("{verb} {thing}"), why, instead).rows_of(&thing.name))
}

fn gone(what: &What) -> Option<(&Thing, &str)> {
    match what {
        What::Drops { thing, .. } => Some((thing, "drops")),
        What::Creates { thing, replaces: true, .. } => Some((thing, "drops and makes anew")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, check_mariadb};
    use super::*;
    use crate::lint::model::Class;

    #[test]
    fn a_dropped_table_is_lossy() {
        check(
            RULE,
            "DROP TABLE IF EXISTS a, s.b CASCADE",
            &[(Class::Lossy, "drops table `a`"), (Class::Lossy, "drops table `s.b`")],
        );
        check_mariadb(RULE, "DROP TABLE a", &[(Class::Lossy, "drops table `a`")]);
        check_mariadb(
            RULE,
            "CREATE OR REPLACE TABLE a (id INT)",
            &[(Class::Lossy, "drops and makes anew table `a`")],
        );
    }

    #[test]
    fn rows_that_are_kept_whole_can_be_brought_back() {
        check(RULE, "CREATE TABLE k AS TABLE a; DROP TABLE a", &[(Class::NeedsKeptData, "drops table `a`")]);
        check(
            RULE,
            "INSERT INTO k SELECT * FROM a; DROP TABLE a",
            &[(Class::NeedsKeptData, "drops table `a`")],
        );
        check(RULE, "INSERT INTO k SELECT id, b FROM a; DROP TABLE a", &[(Class::Lossy, "drops table `a`")]);
    }

    #[test]
    fn what_the_same_change_made_may_go_again() {
        check(RULE, "CREATE TABLE a (id int); DROP TABLE a", &[]);
        check(RULE, "CREATE TABLE a (id int); ALTER TABLE a RENAME TO b; DROP TABLE b", &[]);
        check(
            RULE,
            "CREATE TABLE IF NOT EXISTS a (id int); DROP TABLE a",
            &[(Class::Lossy, "drops table `a`")],
        );
        check_mariadb(RULE, "DROP TEMPORARY TABLE a", &[]);
    }
}

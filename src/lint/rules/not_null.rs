//! A column must have a value, and old code does not give one.

use super::{Check, Found, Rule};
use crate::lint::model::Class;
use crate::lint::operation::{Thing, What};
use crate::lint::past::Past;

pub(super) const RULE: Rule =
    Rule { name: "not-null", page: include_str!("not-null.md"), check: Check::Operation(check) };

fn check(what: &What, past: &Past) -> Option<Found> {
    let (column, message) = required(what)?;
    if past.made(column) || past.touched(column) || past.is_rollback() {
        return None;
    }
    let why = "nothing is lost, but it fails on a table with rows that have none, and so does every insert of \
               code that does not know of it";
    let instead = "give it a DEFAULT, or add it without NOT NULL, fill it, and require it in a later change";
    Some(Found::new(Class::Reversible, message, why, instead))
}

fn required(what: &What) -> Option<(&Thing, String)> {
    match what {
        What::NeedsValue(column) => Some((column, format!("adds {column} as NOT NULL without a default"))),
        What::Requires(column) => Some((column, format!("requires a value in {column}"))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, check_mariadb};
    use super::*;

    #[test]
    fn a_value_that_nobody_gives() {
        let added = (Class::Reversible, "adds column `t.a` as NOT NULL without a default");
        check(RULE, "ALTER TABLE t ADD a int NOT NULL", &[added]);
        check_mariadb(RULE, "ALTER TABLE t ADD COLUMN a INT NOT NULL", &[added]);
        check(
            RULE,
            "ALTER TABLE t ALTER a SET NOT NULL",
            &[(Class::Reversible, "requires a value in column `t.a`")],
        );
    }

    #[test]
    fn a_default_a_number_or_a_new_table_is_enough() {
        check(RULE, "ALTER TABLE t ADD a int NOT NULL DEFAULT 0, ADD b bigserial NOT NULL", &[]);
        check(RULE, "CREATE TABLE t (a int); ALTER TABLE t ADD b int NOT NULL", &[]);
        check(RULE, "ALTER TABLE t ADD a int DEFAULT 0; ALTER TABLE t ALTER a SET NOT NULL", &[]);
        check_mariadb(RULE, "ALTER TABLE t ADD COLUMN a INT NOT NULL DEFAULT 0", &[]);
    }
}

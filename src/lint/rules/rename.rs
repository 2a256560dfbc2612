//! A name changes that running code may use.

use super::{Check, Found, Rule};
use crate::lint::model::Class;
use crate::lint::operation::{Object, What};
use crate::lint::past::Past;

pub(super) const RULE: Rule =
    Rule { name: "rename", page: include_str!("rename.md"), check: Check::Operation(check) };

fn check(what: &What, past: &Past) -> Option<Found> {
    let What::Renames { thing, to } = what else { return None };
    let is_seen = !matches!(thing.object, Object::Constraint | Object::Index);
    if !is_seen || past.made(thing) || past.renamed(thing) {
        return None;
    }
    let why = "nothing is lost, but code that runs knows the old name, and after a rollback the new one: between \
               the two steps one of them fails";
    let instead = "add the new name beside the old one (a column kept equal, a view), move readers and writers, \
                   and drop the old one in a later change";
    Some(Found::new(Class::Reversible, format!("renames {thing} to `{to}`"), why, instead))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, check_mariadb};
    use super::*;

    #[test]
    fn running_code_sees_a_new_name() {
        check(RULE, "ALTER TABLE t RENAME a TO b", &[(Class::Reversible, "renames column `t.a` to `b`")]);
        check(RULE, "ALTER TABLE t RENAME TO u", &[(Class::Reversible, "renames table `t` to `u`")]);
        check(
            RULE,
            "ALTER TYPE mood RENAME VALUE 'a' TO 'b'",
            &[(Class::Reversible, "renames label `mood.a` to `b`")],
        );
        check(RULE, "ALTER TABLE t SET SCHEMA old", &[(Class::Reversible, "renames table `t` to `old.t`")]);
        check_mariadb(
            RULE,
            "RENAME TABLE a TO b, c TO d",
            &[
                (Class::Reversible, "renames table `a` to `b`"),
                (Class::Reversible, "renames table `c` to `d`"),
            ],
        );
        check_mariadb(
            RULE,
            "ALTER TABLE t CHANGE a b TEXT",
            &[(Class::Reversible, "renames column `t.a` to `b`")],
        );
    }

    #[test]
    fn nobody_calls_an_index_or_what_is_new() {
        check(RULE, "ALTER INDEX a RENAME TO b; ALTER TABLE t RENAME CONSTRAINT a TO b", &[]);
        check(RULE, "CREATE TABLE t (a int); ALTER TABLE t RENAME a TO b; ALTER TABLE t RENAME TO u", &[]);
    }
}

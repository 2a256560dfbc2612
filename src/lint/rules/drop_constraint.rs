//! A constraint goes, or a column may be empty from now on.

use super::{Check, Found, Rule};
use crate::lint::model::Class;
use crate::lint::operation::{Object, Thing, What};
use crate::lint::past::Past;

pub(super) const RULE: Rule = Rule {
    name: "drop-constraint",
    page: include_str!("drop-constraint.md"),
    check: Check::Operation(check),
};

fn check(what: &What, past: &Past) -> Option<Found> {
    let (thing, message) = loosened(what)?;
    let takes_back = matches!(what, What::Allows(column) if past.requires(column));
    if past.made(thing) || takes_back {
        return None;
    }
    let why = "it can be put back only while every row still keeps to it, and from its definition";
    let instead = "note its definition in the rollback; look there for rows that break it before it is put \
                   back, and say what happens to them";
    Some(Found::new(Class::NeedsKeptData, message, why, instead))
}

fn loosened(what: &What) -> Option<(&Thing, String)> {
    match what {
        What::Drops { thing, .. } if thing.object == Object::Constraint => {
            Some((thing, format!("drops {thing}")))
        }
        What::Allows(column) => Some((column, format!("lets {column} be empty"))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, check_mariadb};
    use super::*;

    #[test]
    fn a_constraint_that_goes_may_not_fit_any_more_when_it_comes_back() {
        check(
            RULE,
            "ALTER TABLE t DROP CONSTRAINT t_ok",
            &[(Class::NeedsKeptData, "drops constraint `t.t_ok`")],
        );
        check(
            RULE,
            "ALTER TABLE t ALTER a DROP NOT NULL",
            &[(Class::NeedsKeptData, "lets column `t.a` be empty")],
        );
        check_mariadb(
            RULE,
            "ALTER TABLE t DROP FOREIGN KEY fk",
            &[(Class::NeedsKeptData, "drops constraint `t.fk`")],
        );
        check_mariadb(
            RULE,
            "ALTER TABLE t DROP PRIMARY KEY",
            &[(Class::NeedsKeptData, "drops constraint `t.primary key`")],
        );
    }

    #[test]
    fn one_of_the_same_change_is_nobodys_loss() {
        check(RULE, "ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0); ALTER TABLE t DROP CONSTRAINT c", &[]);
        check(RULE, "CREATE TABLE t (a int NOT NULL); ALTER TABLE t ALTER a DROP NOT NULL", &[]);
    }
}

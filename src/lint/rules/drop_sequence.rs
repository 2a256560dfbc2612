//! A sequence goes with its position.

use super::{Check, Found, Rule};
use crate::lint::model::Class;
use crate::lint::operation::{Object, What};
use crate::lint::past::Past;

pub(super) const RULE: Rule =
    Rule { name: "drop-sequence", page: include_str!("drop-sequence.md"), check: Check::Operation(check) };

fn check(what: &What, past: &Past) -> Option<Found> {
    let What::Drops { thing, .. } = what else { return None };
    if thing.object != Object::Sequence || past.made(thing) {
        return None;
    }
    let why = "its position is gone: one that is made again hands out numbers that were used before";
    let instead = "leave it until a later change; a rollback that makes it again must set it behind \
                   `SELECT max(id)`";
    Some(Found::new(Class::Lossy, format!("drops {thing}"), why, instead))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, check_mariadb};
    use super::*;

    #[test]
    fn the_position_is_lost() {
        check(RULE, "DROP SEQUENCE s", &[(Class::Lossy, "drops sequence `s`")]);
        check(
            RULE,
            "ALTER TABLE t ALTER id DROP IDENTITY",
            &[(Class::Lossy, "drops sequence `that of t.id`")],
        );
        check(RULE, "CREATE SEQUENCE s; DROP SEQUENCE s", &[]);
        check_mariadb(RULE, "DROP SEQUENCE s", &[(Class::Lossy, "drops sequence `s`")]);
    }
}

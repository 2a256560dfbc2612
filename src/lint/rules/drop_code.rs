//! A view, a routine, a trigger, an extension is dropped: things without rows of their own.

use super::{Check, Found, Rule};
use crate::lint::model::Class;
use crate::lint::operation::{Object, What};
use crate::lint::past::Past;

pub(super) const RULE: Rule =
    Rule { name: "drop-code", page: include_str!("drop-code.md"), check: Check::Operation(check) };

fn check(what: &What, past: &Past) -> Option<Found> {
    let What::Drops { thing, cascade, .. } = what else { return None };
    let is_code = matches!(thing.object, Object::View | Object::Code | Object::Extension | Object::Other);
    if !is_code || past.made(thing) {
        return None;
    }
    let class = match (thing.object, cascade) {
        (Object::Extension, true) => Class::Lossy,
        (_, true) => Class::Unknown,
        (_, false) => Class::NeedsKeptData,
    };
    let why = if *cascade {
        "what depends on it goes too, and is not named"
    } else {
        "the way back needs its definition as it was, with its owner and rights"
    };
    let instead = "drop without CASCADE, and put the definition that it has now into the rollback";
    Some(Found::new(class, format!("drops {thing}"), why, instead))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, check_mariadb};
    use super::*;

    #[test]
    fn a_definition_has_to_be_kept() {
        check(RULE, "DROP VIEW v", &[(Class::NeedsKeptData, "drops view `v`")]);
        check(RULE, "DROP MATERIALIZED VIEW v CASCADE", &[(Class::Unknown, "drops view `v`")]);
        check(RULE, "DROP FUNCTION f(int)", &[(Class::NeedsKeptData, "drops routine or rule `f`")]);
        check(RULE, "DROP TRIGGER g ON t", &[(Class::NeedsKeptData, "drops routine or rule `g`")]);
        check(RULE, "DROP EXTENSION hstore CASCADE", &[(Class::Lossy, "drops extension `hstore`")]);
        check_mariadb(
            RULE,
            "DROP PROCEDURE IF EXISTS p",
            &[(Class::NeedsKeptData, "drops routine or rule `p`")],
        );
        check(RULE, "CREATE VIEW v AS SELECT 1; DROP VIEW v", &[]);
        check(RULE, "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'; DROP FUNCTION f()", &[]);
    }
}

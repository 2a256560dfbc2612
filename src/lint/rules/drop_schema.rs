//! A schema or a database is dropped with all that is in it.

use super::{Check, Found, Rule};
use crate::lint::model::Class;
use crate::lint::operation::{Object, What};
use crate::lint::past::Past;

pub(super) const RULE: Rule =
    Rule { name: "drop-schema", page: include_str!("drop-schema.md"), check: Check::Operation(check) };

fn check(what: &What, past: &Past) -> Option<Found> {
    let What::Drops { thing, cascade, .. } = what else { return None };
    let is_whole = thing.object == Object::Database || thing.object == Object::Schema && *cascade;
    if thing.object != Object::Schema && thing.object != Object::Database || past.made(thing) {
        return None;
    }
    let (class, why) = if is_whole {
        (Class::Lossy, "every table in it goes with its rows, and none of them is named")
    } else {
        (Class::NeedsKeptData, "it goes only when it is empty; its rights and defaults have to be made again")
    };
    let instead = "move or drop what is in it one by one, each with a way back, and drop it when it is empty";
    Some(Found::new(class, format!("drops {thing}"), why, instead))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, check_mariadb};
    use super::*;
    use crate::lint::model::Class;

    #[test]
    fn a_schema_goes_with_its_tables() {
        check(RULE, "DROP SCHEMA s CASCADE", &[(Class::Lossy, "drops schema `s`")]);
        check(RULE, "DROP SCHEMA s", &[(Class::NeedsKeptData, "drops schema `s`")]);
        check(RULE, "DROP DATABASE d", &[(Class::Lossy, "drops database `d`")]);
        check(RULE, "CREATE SCHEMA s; DROP SCHEMA s CASCADE", &[]);
        check_mariadb(RULE, "DROP SCHEMA d", &[(Class::Lossy, "drops database `d`")]);
    }
}

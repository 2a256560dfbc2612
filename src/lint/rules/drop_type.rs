//! A type or a domain is dropped.

use super::{Check, Found, Rule};
use crate::lint::model::Class;
use crate::lint::operation::{Object, What};
use crate::lint::past::Past;

pub(super) const RULE: Rule =
    Rule { name: "drop-type", page: include_str!("drop-type.md"), check: Check::Operation(check) };

fn check(what: &What, past: &Past) -> Option<Found> {
    let What::Drops { thing, cascade, .. } = what else { return None };
    if thing.object != Object::Type || past.made(thing) {
        return None;
    }
    let (class, why) = if *cascade {
        (Class::Lossy, "every column of this type goes with its values, and none of them is named")
    } else {
        (Class::NeedsKeptData, "it goes only while nothing uses it; the way back needs its definition")
    };
    let instead = "change the columns first, each with a way back, and drop the type without CASCADE";
    Some(Found::new(class, format!("drops {thing}"), why, instead))
}

#[cfg(test)]
mod tests {
    use super::super::testing::check;
    use super::*;

    #[test]
    fn with_cascade_its_columns_go_too() {
        check(RULE, "DROP TYPE mood CASCADE", &[(Class::Lossy, "drops type `mood`")]);
        check(RULE, "DROP DOMAIN zip", &[(Class::NeedsKeptData, "drops type `zip`")]);
        check(RULE, "CREATE TYPE mood AS ENUM ('a'); DROP TYPE mood", &[]);
    }
}

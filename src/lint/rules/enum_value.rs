//! An enum gets a label, or a label another name.

use super::{Check, Found, Rule};
use crate::lint::model::Class;
use crate::lint::operation::{Object, What};
use crate::lint::past::Past;

pub(super) const RULE: Rule =
    Rule { name: "enum-value", page: include_str!("enum-value.md"), check: Check::Operation(check) };

fn check(what: &What, past: &Past) -> Option<Found> {
    let What::Creates { thing, .. } = what else { return None };
    let of = thing.of.as_deref().unwrap_or_default();
    let own = crate::lint::operation::Thing::new(Object::Type, of);
    if thing.object != Object::Label || past.made(&own) {
        return None;
    }
    let why = "PostgreSQL cannot remove a label; the way back is a new type and every row of it rewritten";
    let instead = "use a table of allowed values, or text with a CHECK; where the label must come, leave it \
                   there in the rollback and say so";
    Some(Found::new(
        Class::Irreversible,
        format!("adds the label `{}` to type `{of}`", thing.name),
        why,
        instead,
    ))
}

#[cfg(test)]
mod tests {
    use super::super::testing::check;
    use super::*;

    #[test]
    fn a_label_cannot_be_removed() {
        check(
            RULE,
            "ALTER TYPE mood ADD VALUE IF NOT EXISTS 'ok' AFTER 'sad'",
            &[(Class::Irreversible, "adds the label `ok` to type `mood`")],
        );
        check(RULE, "CREATE TYPE mood AS ENUM ('sad'); ALTER TYPE mood ADD VALUE 'ok'", &[]);
    }
}

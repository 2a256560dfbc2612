//! A sequence begins anew.

use super::{Check, Found, Rule};
use crate::lint::model::Class;
use crate::lint::operation::{Object, Thing, What};
use crate::lint::past::Past;

pub(super) const RULE: Rule = Rule {
    name: "restart-sequence",
    page: include_str!("restart-sequence.md"),
    check: Check::Operation(check),
};

fn check(what: &What, past: &Past) -> Option<Found> {
    let What::Restarts { sequence } = what else { return None };
    let own_table = sequence.rsplit(' ').next().and_then(|of| of.split('.').next()).unwrap_or_default();
    let is_new = past.made(&Thing::new(Object::Sequence, sequence)) || past.made_table(own_table);
    if is_new {
        return None;
    }
    let why = "the position before is nowhere, and numbers may be handed out that were used already";
    let instead =
        "leave gaps alone; where it must be, set it behind `SELECT max(id)`, and keep the old position";
    let whose = if sequence.contains(' ') {
        format!("sets {sequence}: a sequence")
    } else {
        format!("sets sequence `{sequence}`")
    };
    Some(Found::new(Class::Lossy, whose, why, instead))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, check_mariadb};
    use super::*;

    #[test]
    fn the_position_before_is_nowhere() {
        check(RULE, "ALTER SEQUENCE s RESTART WITH 1", &[(Class::Lossy, "sets sequence `s`")]);
        check(RULE, "ALTER SEQUENCE s OWNED BY t.id RESTART", &[(Class::Lossy, "sets sequence `s`")]);
        check(RULE, "SELECT setval('s', 7)", &[(Class::Lossy, "sets sequence `s`")]);
        check(
            RULE,
            "ALTER TABLE t ALTER id RESTART WITH 5",
            &[(Class::Lossy, "sets that of t.id: a sequence")],
        );
        check(RULE, "TRUNCATE t RESTART IDENTITY", &[(Class::Lossy, "sets those of t: a sequence")]);
        check_mariadb(
            RULE,
            "ALTER TABLE t AUTO_INCREMENT = 7",
            &[(Class::Lossy, "sets that of t: a sequence")],
        );
        check_mariadb(RULE, "ALTER SEQUENCE s RESTART 7", &[(Class::Lossy, "sets sequence `s`")]);
    }

    #[test]
    fn a_new_one_may_begin_where_it_likes() {
        check(RULE, "CREATE SEQUENCE s; ALTER SEQUENCE s RESTART WITH 100", &[]);
        check(
            RULE,
            "CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY); ALTER TABLE t ALTER id RESTART WITH 5",
            &[],
        );
    }
}

//! What is run is not in the text.

use super::{Check, Found, Rule};
use crate::lint::model::Class;
use crate::lint::operation::What;
use crate::lint::past::Past;

pub(super) const RULE: Rule =
    Rule { name: "hidden-sql", page: include_str!("hidden-sql.md"), check: Check::Operation(check) };

fn check(what: &What, _: &Past) -> Option<Found> {
    let What::Hides { how } = what else { return None };
    let why =
        "what it does is decided while it runs, so nobody can say from the text whether it can be taken back";
    let instead =
        "write the statements out; where that cannot be, rehearse it, and say here why it is allowed";
    Some(Found::new(Class::Unknown, format!("runs {how}"), why, instead))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, check_mariadb};
    use super::*;

    #[test]
    fn what_is_decided_while_it_runs_is_unknown() {
        check(RULE, "DO $$ BEGIN DROP TABLE t; END $$", &[(Class::Unknown, "runs a `DO` block")]);
        check(RULE, "CALL repair(1)", &[(Class::Unknown, "runs `call repair(1)`")]);
        check(RULE, "EXECUTE p", &[(Class::Unknown, "runs `EXECUTE` of a prepared statement")]);
        check(RULE, "SELECT repair_all()", &[(Class::Unknown, "runs `SELECT repair_all()`")]);
        check(RULE, "EXPLAIN ANALYZE DELETE FROM t", &[(Class::Unknown, "runs `EXPLAIN ANALYZE`")]);
        check_mariadb(
            RULE,
            "EXECUTE IMMEDIATE 'DROP TABLE t'",
            &[(Class::Unknown, "runs `EXECUTE`, whose text is made while it runs")],
        );
        check_mariadb(RULE, "CALL repair()", &[(Class::Unknown, "runs `CALL repair`")]);
    }

    #[test]
    fn reading_and_what_is_only_kept_for_later_is_not() {
        check(RULE, "SELECT set_config('a.b', 'c', true); SELECT count(*) FROM t; EXPLAIN SELECT 1", &[]);
        check(
            RULE,
            "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN DROP TABLE t; END $$",
            &[],
        );
    }
}

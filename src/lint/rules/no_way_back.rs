//! A change comes without a rollback.

use super::{Astray, Check, Found, Pair, Rule};
use crate::lint::model::Class;
use crate::lint::unit::Expected;

pub(super) const RULE: Rule =
    Rule { name: "no-way-back", page: include_str!("no-way-back.md"), check: Check::Pair(check) };

fn check(pair: &Pair<'_>) -> Vec<Astray> {
    let does_something = |operation: &&crate::lint::operation::Operation| !operation.what.is_idle();
    let first = pair.change.iter().position(|operation| does_something(&operation));
    let (Some(operation), None) = (first, pair.rollback) else { return Vec::new() };
    let why = match pair.expected {
        Expected::Nothing => return Vec::new(),
        Expected::ByLayout => "who has to go back here has nothing to run, in the worst moment",
        Expected::AsNeighbours => {
            "its neighbours have one; who has to go back here has nothing to run, in the worst moment"
        }
    };
    let instead = "write the rollback now, and rehearse it; where there is none, say so with a reason";
    let found = Found::new(Class::Irreversible, "has no rollback", why, instead);
    vec![Astray { in_rollback: false, operation, found }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::read::{Dialect, operations};

    #[track_caller]
    fn finds(change: &str, rollback: Option<&str>, expected: Expected, says: &[bool]) {
        let read = |sql: &str| operations(Dialect::Postgres, sql, 0);
        let (change, rollback) = (read(change), rollback.map(read));
        let pair = Pair { change: &change, rollback: rollback.as_deref(), expected };
        let found = check(&pair).into_iter().map(|astray| astray.found.why.contains("neighbours"));
        assert_eq!(found.collect::<Vec<_>>(), says);
    }

    #[test]
    fn a_change_without_its_other_half_is_found() {
        finds("CREATE TABLE t (a int)", None, Expected::ByLayout, &[false]);
        finds("CREATE TABLE t (a int)", None, Expected::AsNeighbours, &[true]);
        finds("CREATE TABLE t (a int)", Some("DROP TABLE t"), Expected::ByLayout, &[]);
        finds("CREATE TABLE t (a int)", None, Expected::Nothing, &[]);
        finds("SELECT 1", None, Expected::ByLayout, &[]);
    }
}

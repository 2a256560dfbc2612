//! A change comes without a rollback.

use super::{Astray, Check, Found, Pair, Rule};
use crate::lint::model::Class;
use crate::lint::operation::What;

pub(super) const RULE: Rule =
    Rule { name: "no-way-back", page: include_str!("no-way-back.md"), check: Check::Pair(check) };

fn check(pair: &Pair<'_>) -> Vec<Astray> {
    let does_something = |operation: &&crate::lint::operation::Operation| operation.what != What::Nothing;
    let first = pair.change.iter().position(|operation| does_something(&operation));
    let (Some(operation), true) = (first, pair.expects_rollback && pair.rollback.is_none()) else {
        return Vec::new();
    };
    let why = "its neighbours have one; who has to go back here has nothing to run, in the worst moment";
    let instead = "write the rollback now, and rehearse it; where there is none, say so with a reason";
    let found = Found::new(Class::Irreversible, "has no rollback", why, instead);
    vec![Astray { in_rollback: false, operation, found }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::read::{Dialect, operations};

    #[track_caller]
    fn finds(change: &str, rollback: Option<&str>, expects_rollback: bool, expected: usize) {
        let read = |sql: &str| operations(Dialect::Postgres, sql, 0..sql.len());
        let (change, rollback) = (read(change), rollback.map(read));
        let pair = Pair { change: &change, rollback: rollback.as_deref(), expects_rollback };
        assert_eq!(check(&pair).len(), expected);
    }

    #[test]
    fn a_change_without_its_other_half_is_found() {
        finds("CREATE TABLE t (a int)", None, true, 1);
        finds("CREATE TABLE t (a int)", Some("DROP TABLE t"), true, 0);
        finds("CREATE TABLE t (a int)", None, false, 0);
        finds("SELECT 1", None, true, 0);
    }
}

//! Rows are deleted.

use super::{Check, Found, Rule, kept_or_lost};
use crate::lint::operation::What;
use crate::lint::past::Past;

pub(super) const RULE: Rule =
    Rule { name: "delete", page: include_str!("delete.md"), check: Check::Operation(check) };

fn check(what: &What, past: &Past) -> Option<Found> {
    let What::Deletes { table, condition } = what else { return None };
    if past.made_table(table) || condition.is_some() && past.filled(table) {
        return None;
    }
    let kept = past.keeps_rows(table, condition.as_deref());
    let (class, why) = kept_or_lost(kept, "the rows are gone, and nothing says what was in them");
    let which = if condition.is_some() { "rows" } else { "all rows" };
    let instead = "keep them first, by the same condition: `CREATE TABLE kept AS SELECT * FROM orders WHERE …`; \
                   or mark them, and delete in a later change";
    Some(Found::new(class, format!("deletes {which} of `{table}`"), why, instead).rows_of(table))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, check_mariadb};
    use super::*;
    use crate::lint::model::Class;

    #[test]
    fn rows_are_gone_unless_the_same_ones_are_kept() {
        check(RULE, "DELETE FROM t WHERE a = 1", &[(Class::Lossy, "deletes rows of `t`")]);
        check(
            RULE,
            "CREATE TABLE k AS SELECT * FROM t WHERE a=1; DELETE FROM t WHERE a = 1",
            &[(Class::NeedsKeptData, "deletes rows of `t`")],
        );
        check(
            RULE,
            "CREATE TABLE k AS SELECT * FROM t WHERE a = 2; DELETE FROM t WHERE a = 1",
            &[(Class::Lossy, "deletes rows of `t`")],
        );
        check(RULE, "CREATE TABLE t (a int); DELETE FROM t", &[]);
        check_mariadb(RULE, "DELETE FROM t", &[(Class::Lossy, "deletes all rows of `t`")]);
    }

    #[test]
    fn a_delete_inside_with_is_one_and_may_be_a_move() {
        let moved = "WITH gone AS (DELETE FROM t WHERE a = 1 RETURNING *) INSERT INTO k SELECT * FROM gone";
        check(RULE, moved, &[(Class::NeedsKeptData, "deletes rows of `t`")]);
        let some = "WITH gone AS (DELETE FROM t RETURNING *) INSERT INTO k SELECT * FROM gone WHERE a = 2";
        check(RULE, some, &[(Class::Lossy, "deletes all rows of `t`")]);
        check(
            RULE,
            "WITH gone AS (DELETE FROM t RETURNING 1) SELECT count(*) FROM gone",
            &[(Class::Lossy, "deletes all rows of `t`")],
        );
    }
}

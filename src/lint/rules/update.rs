//! Values are written over.

use super::{Check, Found, Rule, kept_or_lost};
use crate::lint::operation::{Thing, What};
use crate::lint::past::Past;

pub(super) const RULE: Rule =
    Rule { name: "update", page: include_str!("update.md"), check: Check::Operation(check) };

fn check(what: &What, past: &Past) -> Option<Found> {
    let What::Updates { table, columns, condition, .. } = what else { return None };
    let is_new = |column: &String| {
        let column = Thing::column(table, column);
        past.made(&column) || past.touched(&column)
    };
    if past.made_table(table) || !columns.is_empty() && columns.iter().all(is_new) {
        return None;
    }
    let kept = past.keeps_values(table, columns, condition.as_deref());
    let (class, why) = kept_or_lost(kept, "the values before are nowhere");
    let named = columns.iter().map(|column| format!("`{table}.{column}`")).collect::<Vec<_>>().join(", ");
    let instead = "write the new value to a new column, and switch readers over; or keep the old values with \
                   the key: `CREATE TABLE kept AS SELECT id, price FROM items`";
    Some(Found::new(class, format!("writes over {named}"), why, instead).rows_of(table))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, check_mariadb};
    use super::*;
    use crate::lint::model::Class;

    #[test]
    fn values_are_written_over_unless_they_are_kept() {
        check(RULE, "UPDATE t SET a = 1, b = 2 WHERE c", &[(Class::Lossy, "writes over `t.a`, `t.b`")]);
        check(
            RULE,
            "CREATE TABLE k AS SELECT id, a FROM t; UPDATE t SET a = 1 WHERE c",
            &[(Class::NeedsKeptData, "writes over `t.a`")],
        );
        check(
            RULE,
            "CREATE TABLE k AS SELECT id, a FROM t; UPDATE t SET a = 1, b = 2",
            &[(Class::Lossy, "writes over `t.a`, `t.b`")],
        );
        check(
            RULE,
            "ALTER TABLE t ADD o int; UPDATE t SET o = a; UPDATE t SET a = a + 1",
            &[(Class::NeedsKeptData, "writes over `t.a`")],
        );
        check_mariadb(RULE, "UPDATE t SET t.a = 1 LIMIT 10", &[(Class::Lossy, "writes over `t.a`")]);
    }

    #[test]
    fn of_a_join_it_is_the_table_whose_columns_are_set() {
        let lossy = [(Class::Lossy, "writes over `t.a`")];
        check_mariadb(RULE, "UPDATE t JOIN u ON u.id = t.u SET t.a = u.b WHERE u.c = 1", &lossy);
        check_mariadb(RULE, "UPDATE u JOIN t AS x ON u.id = x.u SET x.a = u.b", &lossy);
    }

    #[test]
    fn a_new_column_or_table_has_no_value_to_lose() {
        check(RULE, "ALTER TABLE t ADD COLUMN a int; UPDATE t SET a = 1", &[]);
        check(RULE, "CREATE TABLE t AS SELECT 1 AS a; UPDATE t SET a = 2", &[]);
        check(
            RULE,
            "ALTER TABLE t ADD COLUMN a int; UPDATE t SET a = 1, b = 2",
            &[(Class::Lossy, "writes over `t.a`, `t.b`")],
        );
    }
}

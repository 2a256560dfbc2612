//! A column is dropped, and its values with it.

use super::{Check, Found, Rule, kept_or_lost};
use crate::lint::operation::{Object, What};
use crate::lint::past::Past;

pub(super) const RULE: Rule =
    Rule { name: "drop-column", page: include_str!("drop-column.md"), check: Check::Operation(check) };

fn check(what: &What, past: &Past) -> Option<Found> {
    let What::Drops { thing, .. } = what else { return None };
    if thing.object != Object::Column || past.made(thing) {
        return None;
    }
    let table = thing.of.as_deref().unwrap_or_default();
    let kept = past.keeps_column(table, &thing.name);
    let (class, why) =
        kept_or_lost(kept, "a rollback can add the column again, and has nothing to put into it");
    let instead = "stop using the column now, and drop it in a later change; or first copy its values with \
                   the key: `CREATE TABLE kept AS SELECT id, note FROM orders`";
    Some(Found::new(class, format!("drops {thing}"), why, instead).rows_of(table))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, check_mariadb};
    use super::*;
    use crate::lint::model::Class;

    #[test]
    fn a_dropped_column_is_lossy_and_each_of_several_is_found() {
        check(RULE, "ALTER TABLE t DROP COLUMN a", &[(Class::Lossy, "drops column `t.a`")]);
        let both = [(Class::Lossy, "drops column `t.a`"), (Class::Lossy, "drops column `t.B`")];
        check(
            RULE,
            "ALTER TABLE ONLY public.T DROP a, ADD c int, DROP COLUMN IF EXISTS \"B\" CASCADE",
            &both,
        );
        check_mariadb(
            RULE,
            "ALTER TABLE `t` DROP COLUMN a, ADD c INT",
            &[(Class::Lossy, "drops column `t.a`")],
        );
    }

    #[test]
    fn values_that_are_kept_with_a_key_are_not_lost() {
        let kept = [(Class::NeedsKeptData, "drops column `t.a`")];
        check(RULE, "CREATE TABLE k AS SELECT id, a FROM t; ALTER TABLE t DROP a", &kept);
        check(RULE, "CREATE TABLE k AS SELECT id, a FROM t WHERE a IS NOT NULL; ALTER TABLE t DROP a", &kept);
        check(RULE, "ALTER TABLE t ADD b int; UPDATE t SET b = a; ALTER TABLE t DROP a", &kept);
        check_mariadb(RULE, "CREATE TABLE k AS SELECT id, a FROM t; ALTER TABLE t DROP COLUMN a", &kept);
    }

    #[test]
    fn what_is_kept_must_be_all_of_it_and_must_stay() {
        let lost = [(Class::Lossy, "drops column `t.a`")];
        for kept in [
            "CREATE TABLE k AS SELECT a FROM t",
            "CREATE TABLE k AS SELECT id, b FROM t",
            "CREATE TABLE k AS SELECT id, a FROM t WHERE id > 7",
            "CREATE TABLE k AS SELECT id, upper(a) FROM t",
            "CREATE TABLE k AS SELECT DISTINCT id, a FROM t",
            "CREATE TABLE k AS SELECT id, a FROM t LIMIT 10",
            "CREATE TABLE k AS SELECT id, a FROM t WITH NO DATA",
            "CREATE TEMP TABLE k AS SELECT id, a FROM t",
            "CREATE TABLE k AS SELECT id, a FROM other",
            "CREATE TABLE k AS SELECT id, a FROM t; TRUNCATE k",
            "CREATE TABLE k AS SELECT id, a FROM t; DROP TABLE k",
            "CREATE TABLE k AS SELECT id, a FROM t; UPDATE k SET a = NULL",
            "CREATE TABLE k AS SELECT id, a FROM t; ALTER TABLE k DROP a",
        ] {
            check(RULE, &format!("{kept}; ALTER TABLE t DROP a"), &lost);
        }
    }

    #[test]
    fn what_the_same_change_made_holds_nothing_that_was_there_before() {
        check(RULE, "CREATE TABLE t (a int); ALTER TABLE t DROP a", &[]);
        check(RULE, "ALTER TABLE t ADD a int; ALTER TABLE t DROP a", &[]);
    }
}

//! Rows that are there already are written over.

use super::{Check, Found, Rule, kept_or_lost};
use crate::lint::model::Class;
use crate::lint::operation::{Thing, What};
use crate::lint::past::Past;

pub(super) const RULE: Rule =
    Rule { name: "overwrite", page: include_str!("overwrite.md"), check: Check::Operation(check) };

fn check(what: &What, past: &Past) -> Option<Found> {
    if let What::PutsBack { database } = what {
        let why = "every row written since the backup is gone";
        let instead =
            "restore beside it, and copy what is missing; in a rollback, drill it under live writes";
        let found =
            Found::new(Class::Lossy, format!("puts a backup of {database} over what is there"), why, instead);
        return (!past.is_rollback()).then_some(found);
    }
    let What::Overwrites { table, how } = what else { return None };
    if past.made_table(table) || past.touched(&Thing::table(table)) {
        return None;
    }
    let lost = "rows that were there cannot be told from new ones, and what was in them is nowhere";
    let (class, why) = kept_or_lost(past.keeps_rows(table, None), lost);
    let instead =
        "insert what is missing (`ON CONFLICT DO NOTHING`), and keep the rows that are to change first";
    Some(Found::new(class, format!("writes over rows of `{table}` by {how}"), why, instead).rows_of(table))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, check_mariadb};
    use super::{Class, Past, RULE, What, check as check_one};

    #[test]
    fn a_backup_is_put_over_what_was_written_since() {
        let what = What::PutsBack { database: "db".to_owned() };
        let found = check_one(&what, &Past::default()).unwrap();
        assert_eq!(
            (found.class, found.message.as_str()),
            (Class::Lossy, "puts a backup of db over what is there")
        );
        let rollback = Past::before_rollback(&[], &std::collections::BTreeMap::new());
        assert_eq!(check_one(&what, &rollback), None);
    }

    #[test]
    fn rows_that_were_there_are_written_over() {
        let upsert = "INSERT INTO t VALUES (1, 2) ON CONFLICT (a) DO UPDATE SET b = excluded.b";
        check(RULE, upsert, &[(Class::Lossy, "writes over rows of `t` by ON CONFLICT DO UPDATE")]);
        check(RULE, "INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING", &[]);
        check(RULE, &format!("CREATE TABLE t (a int, b int); {upsert}"), &[]);
        check(
            RULE,
            "MERGE INTO t USING s ON t.a = s.a WHEN MATCHED THEN DELETE",
            &[(Class::Lossy, "writes over rows of `t` by MERGE")],
        );
        check_mariadb(
            RULE,
            "REPLACE INTO t VALUES (1)",
            &[(Class::Lossy, "writes over rows of `t` by REPLACE")],
        );
        check_mariadb(
            RULE,
            "INSERT INTO t VALUES (1) ON DUPLICATE KEY UPDATE a = 2",
            &[(Class::Lossy, "writes over rows of `t` by ON DUPLICATE KEY UPDATE")],
        );
    }
}

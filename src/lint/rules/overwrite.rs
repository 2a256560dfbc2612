//! Rows that are there already are written over.

use super::{Check, Found, Rule, kept_or_lost};
use crate::lint::operation::{Thing, What};
use crate::lint::past::Past;

pub(super) const RULE: Rule =
    Rule { name: "overwrite", page: include_str!("overwrite.md"), check: Check::Operation(check) };

fn check(what: &What, past: &Past) -> Option<Found> {
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
    use super::*;
    use crate::lint::model::Class;

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

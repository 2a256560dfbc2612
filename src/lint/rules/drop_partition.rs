//! A partition goes with its rows.

use super::{Check, Found, Rule};
use crate::lint::model::Class;
use crate::lint::operation::{Object, What};
use crate::lint::past::Past;

pub(super) const RULE: Rule =
    Rule { name: "drop-partition", page: include_str!("drop-partition.md"), check: Check::Operation(check) };

fn check(what: &What, past: &Past) -> Option<Found> {
    let What::Drops { thing, .. } = what else { return None };
    if thing.object != Object::Partition || past.made(thing) {
        return None;
    }
    let table = thing.of.as_deref().unwrap_or_default();
    let why = "every row in it is gone";
    let instead =
        "exchange it with an empty table first (`EXCHANGE PARTITION … WITH TABLE …`), which keeps the rows";
    Some(Found::new(Class::Lossy, format!("drops {thing}"), why, instead).rows_of(table))
}

#[cfg(test)]
mod tests {
    use super::super::testing::check_mariadb;
    use super::*;

    #[test]
    fn the_rows_of_a_partition_are_gone() {
        check_mariadb(
            RULE,
            "ALTER TABLE t DROP PARTITION p1, p2",
            &[(Class::Lossy, "drops partition `t.p1`"), (Class::Lossy, "drops partition `t.p2`")],
        );
        check_mariadb(RULE, "ALTER TABLE t DROP COLUMN a", &[]);
        let added = "ALTER TABLE t ADD PARTITION (PARTITION p1 VALUES LESS THAN (9)); ALTER TABLE t DROP PARTITION p1";
        check_mariadb(RULE, added, &[]);
        check_mariadb(RULE, "ALTER TABLE t EXCHANGE PARTITION p WITH TABLE u", &[]);
    }
}

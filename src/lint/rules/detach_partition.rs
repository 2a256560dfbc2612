//! A table is no partition any more.

use super::{Check, Found, Rule};
use crate::lint::model::Class;
use crate::lint::operation::What;
use crate::lint::past::Past;

pub(super) const RULE: Rule = Rule {
    name: "detach-partition",
    page: include_str!("detach-partition.md"),
    check: Check::Operation(check),
};

fn check(what: &What, past: &Past) -> Option<Found> {
    let What::Detaches(partition) = what else { return None };
    if past.made(partition) || past.attached(partition) {
        return None;
    }
    let why = "its rows stay in it and cannot be seen in the whole; the way back needs its bounds, and every \
               row to be inside them";
    let instead = "write `ATTACH PARTITION … FOR VALUES …` with the present bounds into the rollback, and do not \
                   drop the table before a later change";
    Some(Found::new(Class::NeedsKeptData, format!("detaches {partition}"), why, instead))
}

#[cfg(test)]
mod tests {
    use super::super::testing::check;
    use super::*;

    #[test]
    fn a_partition_needs_its_bounds() {
        check(
            RULE,
            "ALTER TABLE t DETACH PARTITION t_2020 CONCURRENTLY",
            &[(Class::NeedsKeptData, "detaches partition `t.t_2020`")],
        );
        check(RULE, "CREATE TABLE t (a int) PARTITION BY RANGE (a); ALTER TABLE t DETACH PARTITION x", &[]);
    }
}

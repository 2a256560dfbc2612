//! A table is no longer written to the log of the server.

use super::{Check, Found, Rule};
use crate::lint::model::Class;
use crate::lint::operation::What;
use crate::lint::past::Past;

pub(super) const RULE: Rule =
    Rule { name: "unlogged", page: include_str!("unlogged.md"), check: Check::Operation(check) };

fn check(what: &What, past: &Past) -> Option<Found> {
    let What::Unlogs { table } = what else { return None };
    if past.made_table(table) {
        return None;
    }
    let why = "a crash of the server empties it, and replicas have none of its rows";
    let instead = "leave it logged; fill a table of its own that is unlogged, and copy from there";
    Some(Found::new(Class::Lossy, format!("stops logging table `{table}`"), why, instead).rows_of(table))
}

#[cfg(test)]
mod tests {
    use super::super::testing::check;
    use super::*;

    #[test]
    fn a_crash_would_empty_it() {
        check(RULE, "ALTER TABLE t SET UNLOGGED", &[(Class::Lossy, "stops logging table `t`")]);
        check(RULE, "CREATE TABLE t (a int); ALTER TABLE t SET UNLOGGED", &[]);
        check(RULE, "ALTER TABLE t SET LOGGED", &[]);
    }
}

//! An index is dropped.

use super::{Check, Found, Rule};
use crate::lint::model::Class;
use crate::lint::operation::{Object, What};
use crate::lint::past::Past;

pub(super) const RULE: Rule =
    Rule { name: "drop-index", page: include_str!("drop-index.md"), check: Check::Operation(check) };

fn check(what: &What, past: &Past) -> Option<Found> {
    let What::Drops { thing, .. } = what else { return None };
    if thing.object != Object::Index || past.made(thing) {
        return None;
    }
    let why = "to make it again takes its definition and, on a large table, a long time; a unique one only \
               comes back while no values repeat";
    let instead = "note its definition in the rollback; in PostgreSQL drop and make it CONCURRENTLY";
    Some(Found::new(Class::NeedsKeptData, format!("drops {thing}"), why, instead))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, check_mariadb};
    use super::*;

    #[test]
    fn an_index_needs_its_definition() {
        check(
            RULE,
            "DROP INDEX CONCURRENTLY IF EXISTS a, b",
            &[(Class::NeedsKeptData, "drops index `a`"), (Class::NeedsKeptData, "drops index `b`")],
        );
        check(RULE, "CREATE INDEX a ON t (b); DROP INDEX a", &[]);
        check_mariadb(RULE, "ALTER TABLE t DROP INDEX a", &[(Class::NeedsKeptData, "drops index `t.a`")]);
        check_mariadb(RULE, "DROP INDEX a ON t", &[(Class::NeedsKeptData, "drops index `t.a`")]);
        check_mariadb(RULE, "CREATE INDEX a ON t (b); DROP INDEX a ON t", &[]);
        check_mariadb(RULE, "CREATE FULLTEXT INDEX a ON t (b); DROP INDEX a ON t", &[]);
        check_mariadb(RULE, "ALTER TABLE t ADD FULLTEXT KEY a (b); ALTER TABLE t DROP KEY a", &[]);
    }
}

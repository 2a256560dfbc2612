//! What the tests of rules share.

use super::{Check, Rule};
use crate::lint::model::Class;
use crate::lint::past::Past;
use crate::lint::read::{Dialect, operations};

/// The rule finds exactly these: classes and messages, in order.
#[track_caller]
pub(super) fn check(rule: Rule, sql: &str, expected: &[(Class, &str)]) {
    in_dialect(rule, Dialect::Postgres, sql, expected);
}

/// The same for MariaDB.
#[track_caller]
pub(super) fn check_mariadb(rule: Rule, sql: &str, expected: &[(Class, &str)]) {
    in_dialect(rule, Dialect::Mariadb, sql, expected);
}

#[track_caller]
fn in_dialect(rule: Rule, dialect: Dialect, sql: &str, expected: &[(Class, &str)]) {
    let Check::Operation(look) = rule.check else { panic!("{} looks at no operation", rule.name) };
    let mut past = Past::default();
    let mut found = Vec::new();
    for operation in operations(dialect, sql, 0) {
        found.extend(look(&operation.what, &past));
        past.after(&operation.what);
    }
    let found: Vec<(Class, &str)> = found.iter().map(|found| (found.class, found.message.as_str())).collect();
    assert_eq!(found, expected, "{sql}");
}

//! A transaction that looks as if it held a change together, and does not.

use super::{Astray, Check, Found, Pair, Rule};
use crate::lint::model::Class;
use crate::lint::operation::{Operation, What};

pub(super) const RULE: Rule = Rule {
    name: "transaction-around-ddl",
    page: include_str!("transaction-around-ddl.md"),
    check: Check::Pair(check),
};

fn check(pair: &Pair<'_>) -> Vec<Astray> {
    let of = |operations: &[Operation], in_rollback| {
        let astray = |operation| Astray { in_rollback, operation, found: found() };
        broken(operations).into_iter().map(astray).collect::<Vec<_>>()
    };
    let rollback = pair.rollback.map(|rollback| of(rollback, true));
    of(pair.change, false).into_iter().chain(rollback.unwrap_or_default()).collect()
}

/// The first change of the schema in each transaction that does more than that.
fn broken(operations: &[Operation]) -> Vec<usize> {
    let mut broken = Vec::new();
    let mut open: Option<(Option<usize>, usize)> = None;
    for (number, operation) in operations.iter().enumerate() {
        match (&operation.what, &mut open) {
            (What::Begins, _) => open = Some((None, 0)),
            (What::Ends, Some((first, done))) => {
                broken.extend(first.filter(|_| *done > 1));
                open = None;
            }
            (what, Some((first, done))) if what.changes_schema() || what.changes_rows() => {
                // A statement by itself is whole or not there.
                let is_same = number > 0 && operations[number - 1].statement == operation.statement;
                *done += usize::from(!is_same);
                if what.changes_schema() {
                    first.get_or_insert(number);
                }
            }
            _ => {}
        }
    }
    broken
}

fn found() -> Found {
    let why = "MariaDB commits before and after each change of the schema: what breaks off here leaves the \
               statements before it, and ROLLBACK takes none of them back";
    let instead = "write one statement for each migration, or each so that it can be made again (IF NOT EXISTS); \
                   and try the points between them with `backout sweep`";
    Found::new(Class::Unknown, "changes the schema in a transaction, which does not hold it", why, instead)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::read::{Dialect, operations};
    use crate::lint::unit::Expected;

    #[track_caller]
    fn finds(dialect: Dialect, change: &str, expected: &[usize]) {
        let change = operations(dialect, change, 0);
        let pair = Pair { change: &change, rollback: None, expected: Expected::Nothing };
        let found: Vec<usize> = check(&pair).iter().map(|astray| astray.operation).collect();
        assert_eq!(found, expected, "{change:?}");
    }

    #[test]
    fn in_mariadb_a_transaction_does_not_hold_a_change_of_the_schema() {
        let two = "BEGIN; ALTER TABLE t ADD COLUMN a int; ALTER TABLE t ADD COLUMN b int; COMMIT;";
        finds(Dialect::Mariadb, two, &[1]);
        finds(Dialect::Postgres, two, &[]);
        finds(Dialect::Mariadb, "START TRANSACTION; UPDATE t SET a = 1; DROP TABLE u; COMMIT", &[2]);
    }

    #[test]
    fn one_statement_or_rows_alone_are_held() {
        finds(Dialect::Mariadb, "BEGIN; ALTER TABLE t ADD COLUMN a int, ADD COLUMN b int; COMMIT", &[]);
        finds(Dialect::Mariadb, "BEGIN; UPDATE t SET a = 1; DELETE FROM u; COMMIT", &[]);
        finds(Dialect::Mariadb, "ALTER TABLE t ADD COLUMN a int; ALTER TABLE t ADD COLUMN b int", &[]);
        finds(
            Dialect::Mariadb,
            "BEGIN; CREATE TEMPORARY TABLE k (a int); INSERT INTO k VALUES (1); COMMIT",
            &[],
        );
    }
}

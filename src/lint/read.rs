//! A text cut into statements, and each statement read in its dialect.

use super::operation::{Operation, What};
use super::{mariadb, postgres};
use crate::sql;

/// Whose SQL it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Dialect {
    /// PostgreSQL's.
    #[default]
    Postgres,
    /// MariaDB's.
    Mariadb,
}

/// The operations of SQL that stands at this offset of a text, with their places in the whole.
pub fn operations(dialect: Dialect, sql: &str, offset: usize) -> Vec<Operation> {
    let cut = match dialect {
        Dialect::Postgres => sql::split(sql),
        Dialect::Mariadb => sql::mariadb::split(sql),
    };
    let statements = match cut {
        Ok(statements) => statements,
        Err(error) => {
            let span = error.span.start + offset..error.span.end + offset;
            let what = What::Unread { why: error.message };
            return vec![Operation { what, span: span.clone(), statement: span }];
        }
    };
    let mut operations = Vec::new();
    for cut in statements {
        let statement = cut.span.start + offset..cut.span.end + offset;
        let read = match dialect {
            Dialect::Postgres => postgres::operations(&cut.text),
            Dialect::Mariadb => mariadb::operations(&cut.text),
        };
        for (what, span) in read {
            let span = span.start + statement.start..span.end + statement.start;
            operations.push(Operation { what, span, statement: statement.clone() });
        }
    }
    operations
}

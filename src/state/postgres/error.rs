//! What can go wrong between us and a PostgreSQL server, in words that never hold a password.

use std::error::Error as _;

use serde::{Deserialize, Serialize};
use tokio_postgres::error::{DbError, ErrorPosition, SqlState};

/// Why a store could not be observed. None of these says anything about what the store holds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// No session could be opened.
    #[error("cannot connect to database `{database}` at {address} as `{user}`: {reason}")]
    Connect {
        /// The address that was tried.
        address: String,
        /// The database asked for.
        database: String,
        /// The role that was to log in.
        user: String,
        /// What the server or the network said.
        reason: String,
    },
    /// A lock was not granted within the two seconds that observing may wait.
    #[error("{doing} was blocked for 2 s; {holders}")]
    Blocked {
        /// What was being done.
        doing: String,
        /// Who holds the locks that are in the way.
        holders: String,
    },
    /// A table that the user may not read: skipping it would be a comparison of less than the data.
    #[error("table {table} may not be read by `{user}`: {reason}; observe as its owner or a superuser")]
    Unreadable {
        /// The table.
        table: String,
        /// The role that observes.
        user: String,
        /// What the server said.
        reason: String,
    },
    /// The server refused or failed a query of ours.
    #[error("{doing} failed: {error}")]
    Query {
        /// What was being done.
        doing: String,
        /// The server's answer.
        error: Box<SqlError>,
    },
    /// What was asked for cannot be done with this store.
    #[error("{0}")]
    Unsuitable(String),
    /// A file of kept rows could not be written or read.
    #[error("{doing} {path}: {reason}")]
    File {
        /// What was being done, as a verb phrase.
        doing: String,
        /// The file.
        path: String,
        /// What the system said.
        reason: String,
    },
}

impl StoreError {
    /// A failed query of ours.
    pub(super) fn query(doing: impl Into<String>, error: &tokio_postgres::Error) -> Self {
        Self::Query { doing: doing.into(), error: Box::new(SqlError::from(error)) }
    }

    /// Whether the same may go well in another session: nobody answered, or was cut off or kept waiting.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Connect { .. } | Self::Blocked { .. } => true,
            Self::Query { error, .. } => error.connection_lost || error.is_statement_timeout(),
            Self::Unreadable { .. } | Self::Unsuitable(_) | Self::File { .. } => false,
        }
    }

    /// Whether somebody's lock kept us from looking: nothing is known, and waiting may help.
    pub fn is_blocked(&self) -> bool {
        matches!(self, Self::Blocked { .. })
    }
}

/// What a server answered instead of a result, or that it answered no more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub struct SqlError {
    /// The five characters of SQLSTATE; none when the answer was lost with the connection.
    pub sqlstate: Option<String>,
    /// The primary message.
    pub message: String,
    /// The server's detail.
    pub detail: Option<String>,
    /// The server's hint.
    pub hint: Option<String>,
    /// Where in the statement, in characters counted from 1.
    pub position: Option<u32>,
    /// Whether the session is gone, so that the statement may have been committed or not.
    pub connection_lost: bool,
}

impl SqlError {
    /// Whether the statement waited longer for a lock than `lock_timeout` allows.
    pub fn is_lock_timeout(&self) -> bool {
        self.sqlstate.as_deref() == Some(SqlState::LOCK_NOT_AVAILABLE.code())
    }

    /// Whether the statement ran longer than `statement_timeout` allows, or was cancelled.
    pub fn is_statement_timeout(&self) -> bool {
        self.sqlstate.as_deref() == Some(SqlState::QUERY_CANCELED.code())
    }

    /// Whether the server says for sure that nothing of the statement was done, if it was in no
    /// transaction. Classes 08 and 57P and code 40003 are about the connection and not the statement
    /// (PostgreSQL documentation, appendix A).
    pub fn left_nothing(&self) -> bool {
        let unclear = |code: &str| code.starts_with("08") || code.starts_with("57P") || code == "40003";
        !self.connection_lost && self.sqlstate.as_deref().is_some_and(|code| !unclear(code))
    }

    /// A session that ended without a word from the server.
    pub(super) fn lost(message: impl Into<String>) -> Self {
        Self {
            sqlstate: None,
            message: message.into(),
            detail: None,
            hint: None,
            position: None,
            connection_lost: true,
        }
    }
}

impl std::fmt::Display for SqlError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)?;
        if let Some(detail) = &self.detail {
            write!(f, " ({detail})")?;
        }
        if let Some(sqlstate) = &self.sqlstate {
            write!(f, " [SQLSTATE {sqlstate}]")?;
        }
        Ok(())
    }
}

impl From<&tokio_postgres::Error> for SqlError {
    fn from(error: &tokio_postgres::Error) -> Self {
        match error.as_db_error() {
            Some(db) => Self::from(db),
            None => Self { connection_lost: lost(error), ..Self::lost(chain(error)) },
        }
    }
}

impl From<&DbError> for SqlError {
    fn from(db: &DbError) -> Self {
        let position = match db.position() {
            Some(ErrorPosition::Original(position)) => Some(*position),
            _ => None,
        };
        Self {
            sqlstate: Some(db.code().code().to_owned()),
            message: db.message().to_owned(),
            detail: db.detail().map(str::to_owned),
            hint: db.hint().map(str::to_owned),
            position,
            connection_lost: matches!(db.severity(), "FATAL" | "PANIC"),
        }
    }
}

/// Whether the session is over: closed, or broken while it was read or written.
fn lost(error: &tokio_postgres::Error) -> bool {
    error.is_closed() || error.source().is_some_and(|source| source.is::<std::io::Error>())
}

/// An error with all its causes, the library's own words for the first left out where there are causes.
pub(super) fn chain(error: &tokio_postgres::Error) -> String {
    if let Some(db) = error.as_db_error() {
        return SqlError::from(db).to_string();
    }
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_words = cause.to_string();
        if !words.contains(&cause_words) {
            words = format!("{words}: {cause_words}");
        }
        source = cause.source();
    }
    words
}

/// What a server said beside its answer: a notice or a warning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// `NOTICE`, `WARNING`, `INFO` …
    pub severity: String,
    /// The message.
    pub message: String,
}

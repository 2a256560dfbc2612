//! Faults inside a server, each in one file: put in place, looked at from another session, undone. What
//! undoing needs is read before anything is done, so that it can be remembered first.

mod grants;
mod lock;
mod read_only;
mod terminate;

use tokio_postgres::{Row, types::ToSql};

pub use grants::{Granted, Kind, Privileges};
pub use lock::{LOCKER, Lock, unlock};
pub use read_only::ReadOnly;
pub use terminate::{Sessions, terminate};

use super::connect::{Link, PostgresTarget};
use super::error::{SqlError, StoreError};

/// What was seen of a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultSeen {
    /// Whether it was seen to act.
    pub acted: bool,
    /// What was seen, in words.
    pub evidence: String,
}

impl FaultSeen {
    fn acted(evidence: impl Into<String>) -> Self {
        Self { acted: true, evidence: evidence.into() }
    }

    fn nothing(evidence: impl Into<String>) -> Self {
        Self { acted: false, evidence: evidence.into() }
    }
}

/// Whatever a fault has done to the database's settings, we may write and wait for nobody.
const SETTINGS: &str = "SET default_transaction_read_only = off; SET lock_timeout = 2000; \
                        SET statement_timeout = 10000; SET idle_in_transaction_session_timeout = 0";

/// A session to put a fault in place, or to look at one.
struct Session {
    link: Link,
    doing: &'static str,
}

impl Session {
    async fn open(target: &PostgresTarget, doing: &'static str) -> Result<Self, StoreError> {
        let session = Self { link: Link::open(target).await?, doing };
        session.run(SETTINGS).await?;
        Ok(session)
    }

    /// Runs statements that give nothing.
    async fn run(&self, statements: &str) -> Result<(), StoreError> {
        self.link.client.batch_execute(statements).await.map_err(|error| self.failed(&error))
    }

    /// Tries statements, as one transaction that never commits: none where they succeed.
    async fn refusal(&self, statements: &str) -> Result<Option<SqlError>, StoreError> {
        let tried = self.link.client.batch_execute(&format!("BEGIN; {statements}")).await;
        self.run("ROLLBACK").await?;
        Ok(tried.err().map(|error| self.link.explain(&error)))
    }

    async fn rows(&self, query: &str, given: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, StoreError> {
        self.link.client.query(query, given).await.map_err(|error| self.failed(&error))
    }

    async fn close(self) {
        self.link.close().await;
    }

    fn failed(&self, error: &tokio_postgres::Error) -> StoreError {
        StoreError::Query { doing: self.doing.to_owned(), error: Box::new(self.link.explain(error)) }
    }
}

//! One question to a database on a connection of its own, with an answer in bounded time.

use std::time::Duration;

use super::connect::{Link, PostgresTarget};
use super::error::{SqlError, StoreError};
use super::session::{Executed, run_simple};

/// How a probe ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probed {
    /// The server answered.
    Answered(Executed),
    /// A lock or the time limit was in the way: nothing is known.
    Unknown {
        /// What was waited for.
        reason: String,
    },
    /// The server refused the query.
    Failed(SqlError),
}

/// Asks one query, with a lock timeout of 2 s and the given limit for the whole of it.
///
/// # Errors
/// [`StoreError::Connect`] when there is nobody to ask.
pub async fn probe(target: &PostgresTarget, sql: &str, limit: Duration) -> Result<Probed, StoreError> {
    let link = Link::open(target).await?;
    let milliseconds = limit.as_millis().clamp(1, i32::MAX as u128);
    let limits = format!("SET lock_timeout = 2000; SET statement_timeout = {milliseconds}");
    let asked = async {
        link.client.batch_execute(&limits).await?;
        run_simple(&link, sql).await
    };
    // The server's own limit does not act when the server itself is frozen.
    let probed = match tokio::time::timeout(limit + Duration::from_secs(1), asked).await {
        Ok(Ok(executed)) => Probed::Answered(executed),
        Ok(Err(error)) => explained(link.explain(&error), limit),
        Err(_) => {
            link.sever().await;
            return Ok(Probed::Unknown { reason: format!("the server did not answer within {limit:?}") });
        }
    };
    link.close().await;
    Ok(probed)
}

fn explained(error: SqlError, limit: Duration) -> Probed {
    if error.is_lock_timeout() {
        return Probed::Unknown { reason: "blocked by a lock for 2 s".to_owned() };
    }
    if error.is_statement_timeout() {
        return Probed::Unknown { reason: format!("no answer within {limit:?}") };
    }
    Probed::Failed(error)
}

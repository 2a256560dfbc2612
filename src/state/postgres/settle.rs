//! Waiting until the server sessions of an interrupted operation are gone.

use std::time::Duration;

use tokio::time::Instant;

use super::connect::{Link, PostgresTarget};
use super::error::StoreError;

/// The time between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// A session that was still there when the wait was over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lingering {
    /// The server process.
    pub pid: i32,
    /// What it was doing, in one line.
    pub doing: String,
}

/// Waits until none of the server processes is left; gives those that are when the time is over.
///
/// # Errors
/// When the server cannot be asked.
pub async fn wait_sessions_gone(
    target: &PostgresTarget,
    pids: &[i32],
    within: Duration,
) -> Result<Vec<Lingering>, StoreError> {
    let deadline = Instant::now() + within;
    let link = Link::open(target).await?;
    let outcome = loop {
        match lingering(&link, pids).await {
            Ok(left) if left.is_empty() || Instant::now() >= deadline => break Ok(left),
            Ok(_) => tokio::time::sleep(PAUSE).await,
            Err(error) => break Err(error),
        }
    };
    link.close().await;
    outcome
}

/// Ends server processes, as when an operation is given up; gives how many were there to be ended.
///
/// # Errors
/// When the server cannot be asked, or the role may not end them.
pub async fn terminate_sessions(target: &PostgresTarget, pids: &[i32]) -> Result<u64, StoreError> {
    let link = Link::open(target).await?;
    let query = "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid))
                 FROM pg_catalog.pg_stat_activity WHERE pid = ANY($1)";
    let ended = link.client.query_one(query, &[&pids]).await;
    let ended = ended.map_err(|error| StoreError::query("ending sessions", &error));
    link.close().await;
    Ok(ended?.get::<_, i64>(0).unsigned_abs())
}

async fn lingering(link: &Link, pids: &[i32]) -> Result<Vec<Lingering>, StoreError> {
    let query = "SELECT pid, concat_ws(' ', state, 'since', xact_start, wait_event_type, wait_event) \
                 FROM pg_catalog.pg_stat_activity WHERE pid = ANY($1) ORDER BY pid";
    let rows = link.client.query(query, &[&pids]).await;
    let rows = rows.map_err(|error| StoreError::query("looking for sessions", &error))?;
    Ok(rows.iter().map(|row| Lingering { pid: row.get(0), doing: row.get(1) }).collect())
}

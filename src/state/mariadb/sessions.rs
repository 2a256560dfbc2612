//! The sessions of clients, and the answers to probes.

use std::time::{Duration, Instant};

use super::connect::{MariaTarget, Server};

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// The first column of a query's first row; none is NULL or no row.
///
/// # Errors
/// In the server's words; also when somebody's lock is in the way.
pub async fn value(target: &MariaTarget, query: &str, within: Duration) -> Result<Option<String>, String> {
    let rows = rows(target, query, within).await?;
    Ok(rows.into_iter().next().and_then(|row| row.into_iter().next().flatten()))
}

/// All rows of a query.
///
/// # Errors
/// As [`value`].
pub async fn rows(
    target: &MariaTarget,
    query: &str,
    within: Duration,
) -> Result<Vec<Vec<Option<String>>>, String> {
    let mut server = Server::connect(target).await?;
    let rows = tokio::time::timeout(within, server.rows(query)).await;
    let rows = rows.map_err(|_| format!("no answer within {within:?}"))??;
    server.close().await;
    Ok(rows)
}

/// The numbers of all client sessions but our own.
///
/// # Errors
/// When they cannot be asked for.
pub async fn sessions(target: &MariaTarget) -> Result<Vec<i32>, String> {
    numbers(target, "TRUE").await
}

/// Those in the middle of a statement or a transaction.
///
/// # Errors
/// When they cannot be asked for.
pub async fn busy(target: &MariaTarget) -> Result<Vec<i32>, String> {
    let in_transaction = "id IN (SELECT trx_mysql_thread_id FROM information_schema.innodb_trx)";
    numbers(target, &format!("(command <> 'Sleep' OR {in_transaction})")).await
}

async fn numbers(target: &MariaTarget, condition: &str) -> Result<Vec<i32>, String> {
    let mut server = Server::connect(target).await?;
    let ours =
        target.ours.iter().fold(server.number().to_string(), |all, session| format!("{all}, {session}"));
    let query = format!(
        "SELECT id FROM information_schema.processlist WHERE id NOT IN ({ours}) AND command <> 'Daemon' \
         AND user NOT IN ('system user', 'event_scheduler') AND {condition}"
    );
    let rows = server.rows(&query).await?;
    server.close().await;
    Ok(rows.into_iter().flatten().flatten().filter_map(|id| id.parse().ok()).collect())
}

/// Waits until sessions are gone; those that are left otherwise.
///
/// # Errors
/// When they cannot be asked for.
pub async fn wait_gone(target: &MariaTarget, which: &[i32], within: Duration) -> Result<Vec<i32>, String> {
    let deadline = Instant::now() + within;
    loop {
        let mut left = sessions(target).await?;
        left.retain(|session| which.contains(session));
        if left.is_empty() || Instant::now() >= deadline {
            return Ok(left);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

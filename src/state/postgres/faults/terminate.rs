//! `terminate_backend`: the server ends sessions of clients.

use std::time::{Duration, Instant};

use regex::Regex;

use super::{FaultSeen, LOCKER, Session};
use crate::state::postgres::connect::PostgresTarget;
use crate::state::postgres::error::StoreError;
use crate::state::postgres::settle::wait_sessions_gone;

/// Which sessions are meant; what is none says nothing.
#[derive(Debug, Clone, Default)]
pub struct Sessions {
    /// The application name.
    pub application: Option<String>,
    /// The role.
    pub user: Option<String>,
    /// In the statement that the session executes, or has executed last.
    pub matching: Option<Regex>,
}

/// A session, told by number and start: a number alone may come again.
struct One {
    pid: i32,
    started: String,
    application: String,
    user: String,
    statement: String,
}

impl One {
    fn words(&self) -> String {
        let application = if self.application.is_empty() { "unnamed" } else { &self.application };
        let statement = crate::sql::fingerprint(&self.statement);
        format!("session {} ({application} as {}: {statement})", self.pid, self.user)
    }
}

impl Sessions {
    fn hold(&self, one: &One) -> bool {
        self.application.as_ref().is_none_or(|name| *name == one.application)
            && self.user.as_ref().is_none_or(|name| *name == one.user)
            && self.matching.as_ref().is_none_or(|pattern| pattern.is_match(&one.statement))
    }
}

/// Ends the sessions in this database that are meant, never our own, and waits until they are gone.
///
/// # Errors
/// When the server cannot be asked, or the role may not end them.
pub async fn terminate(
    target: &PostgresTarget,
    whose: &Sessions,
    within: Duration,
) -> Result<FaultSeen, StoreError> {
    let deadline = Instant::now() + within;
    let session = Session::open(target, "ending sessions").await?;
    let (meant, others): (Vec<One>, Vec<One>) =
        sessions(&session, target).await?.into_iter().partition(|one| whose.hold(one));
    if meant.is_empty() {
        session.close().await;
        let others: Vec<String> = others.iter().map(One::words).collect();
        let others = if others.is_empty() { "none".to_owned() } else { others.join(", ") };
        return Ok(FaultSeen::nothing(format!("there is no such session; there are: {others}")));
    }
    for one in &meant {
        let query = "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity \
                     WHERE pid = $1 AND backend_start::text = $2";
        session.rows(query, &[&one.pid, &one.started]).await?;
    }
    session.close().await;
    let pids: Vec<i32> = meant.iter().map(|one| one.pid).collect();
    let left = wait_sessions_gone(target, &pids, deadline.saturating_duration_since(Instant::now())).await?;
    Ok(match left.first() {
        None => {
            let ended: Vec<String> = meant.iter().map(One::words).collect();
            FaultSeen::acted(format!("the server has ended {}", ended.join(", ")))
        }
        Some(left) => {
            FaultSeen::nothing(format!("session {} was ended and is still there: {}", left.pid, left.doing))
        }
    })
}

async fn sessions(session: &Session, target: &PostgresTarget) -> Result<Vec<One>, StoreError> {
    let query = "SELECT pid, backend_start::text, application_name, coalesce(usename::text, ''), \
                   coalesce(query, '') \
                 FROM pg_catalog.pg_stat_activity \
                 WHERE backend_type = 'client backend' AND datname = current_database() \
                   AND pid <> pg_backend_pid() AND application_name <> ALL ($1) ORDER BY pid";
    let ours = [target.application_name.as_str(), LOCKER];
    let rows = session.rows(query, &[&ours.as_slice()]).await?;
    let one = |row: &tokio_postgres::Row| One {
        pid: row.get(0),
        started: row.get(1),
        application: row.get(2),
        user: row.get(3),
        statement: row.get(4),
    };
    Ok(rows.iter().map(one).collect())
}

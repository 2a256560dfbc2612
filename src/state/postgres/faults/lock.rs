//! `lock`: a session of ours holds a table, or some of its rows, and does nothing.

use std::time::Duration;

use super::{FaultSeen, Session};
use crate::state::postgres::connect::PostgresTarget;
use crate::state::postgres::error::StoreError;
use crate::state::postgres::settle::wait_sessions_gone;

/// The application name of a session that holds a lock; it is ours and no leftover.
pub const LOCKER: &str = "backout lock";

const DOING: &str = "holding a lock";
/// How long the lock may take to be granted: whoever is in its way may be held itself.
const GRANTED: &str = "SET lock_timeout = 5000; SET statement_timeout = 0";

/// A session that holds a lock. Its end is the end of the lock, so that nothing stays when we die.
pub struct Lock {
    session: Session,
    target: PostgresTarget,
}

impl Lock {
    /// Opens the session, which holds nothing yet.
    ///
    /// # Errors
    /// When the server cannot be asked.
    pub async fn open(target: &PostgresTarget) -> Result<Self, StoreError> {
        let named = PostgresTarget { application_name: LOCKER.to_owned(), ..target.clone() };
        let session = Session::open(&named, DOING).await?;
        session.run(GRANTED).await?;
        Ok(Self { session, target: target.clone() })
    }

    /// The server process of the session.
    pub fn number(&self) -> i32 {
        self.session.link.pid
    }

    /// Takes an ACCESS EXCLUSIVE lock on a table, or a lock FOR UPDATE on those of its rows that meet a
    /// condition; then looks from another session that it was granted and keeps others out.
    ///
    /// # Errors
    /// When the server cannot be asked, or refuses for another reason than a lock in the way.
    pub async fn take(&self, table: &str, rows: Option<&str>) -> Result<FaultSeen, StoreError> {
        let Some((oid, name)) = self.table(table).await? else {
            return Ok(FaultSeen::nothing(format!("there is no table `{table}`")));
        };
        self.session.run("BEGIN ISOLATION LEVEL READ COMMITTED, READ WRITE").await?;
        let held = match rows {
            None => self.hold(&format!("LOCK TABLE {name} IN ACCESS EXCLUSIVE MODE")).await?,
            Some(rows) => self.hold(&format!("SELECT 1 FROM {name} WHERE ({rows}) FOR UPDATE")).await?,
        };
        match (held, rows) {
            (None, _) => Ok(FaultSeen::nothing(self.in_the_way(oid, &name).await?)),
            (Some(0), Some(rows)) => Ok(FaultSeen::nothing(format!("no row of {name} meets {rows}"))),
            (Some(count), rows) => self.look(oid, &name, rows, count).await,
        }
    }

    /// The table by the name that the server gives it.
    async fn table(&self, table: &str) -> Result<Option<(u32, String)>, StoreError> {
        let query = "SELECT c.oid, format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_class c \
                     JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
                     WHERE c.oid = pg_catalog.to_regclass($1::text)";
        let found = self.session.rows(query, &[&table]).await?;
        Ok(found.first().map(|row| (row.get(0), row.get(1))))
    }

    /// How many rows were locked; none when somebody else's lock was in the way.
    async fn hold(&self, statement: &str) -> Result<Option<usize>, StoreError> {
        match self.session.rows(statement, &[]).await {
            Ok(rows) => Ok(Some(rows.len())),
            Err(StoreError::Query { error, .. }) if error.is_lock_timeout() => {
                self.session.run("ROLLBACK").await?;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    async fn look(
        &self,
        oid: u32,
        name: &str,
        rows: Option<&str>,
        count: usize,
    ) -> Result<FaultSeen, StoreError> {
        let other = Session::open(&self.target, "looking at a lock").await?;
        let query = "SELECT mode FROM pg_catalog.pg_locks WHERE pid = $1 AND relation = $2 AND granted";
        let granted = other.rows(query, &[&self.number(), &oid]).await?;
        let modes = granted.iter().map(|row| row.get(0)).collect::<Vec<String>>().join(", ");
        let attempt = match rows {
            None => format!("LOCK TABLE {name} IN ACCESS SHARE MODE NOWAIT"),
            Some(rows) => format!("SELECT 1 FROM {name} WHERE ({rows}) LIMIT 1 FOR UPDATE NOWAIT"),
        };
        let refused = other.refusal(&attempt).await?;
        other.close().await;
        let what = rows.map_or_else(|| name.to_owned(), |rows| format!("{count} rows of {name} ({rows})"));
        let holder = format!("session {} ({LOCKER})", self.number());
        Ok(match refused {
            Some(error) if error.is_lock_timeout() && !modes.is_empty() => FaultSeen::acted(format!(
                "{holder} holds {what}: pg_locks shows {modes} granted, and another session is refused: {error}"
            )),
            Some(error) => {
                FaultSeen::nothing(format!("{holder} was to hold {what}; another session is told: {error}"))
            }
            None => FaultSeen::nothing(format!("{holder} was to hold {what}; another session is let in")),
        })
    }

    async fn in_the_way(&self, oid: u32, name: &str) -> Result<String, StoreError> {
        let query = "SELECT format('session %s (%s) holds %s', l.pid, \
                       coalesce(nullif(a.application_name, ''), 'unnamed'), l.mode) \
                     FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid \
                     WHERE l.relation = $1 AND l.granted AND l.pid <> $2 ORDER BY 1 LIMIT 5";
        let found = self.session.rows(query, &[&oid, &self.number()]).await?;
        let holders: Vec<String> = found.iter().map(|row| row.get(0)).collect();
        Ok(format!("{name} could not be locked within 5 s: {}", holders.join(", ")))
    }
}

/// Ends the session that holds a lock, from another one: its own client may be dead. Nothing happens when it
/// has ended.
///
/// # Errors
/// When the server cannot be asked, or the session is still there when time is up.
pub async fn unlock(target: &PostgresTarget, number: i32, within: Duration) -> Result<(), StoreError> {
    let session = Session::open(target, "ending the session that holds a lock").await?;
    let query = "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity \
                 WHERE pid = $1 AND application_name = $2";
    let found = session.rows(query, &[&number, &LOCKER]).await?;
    session.close().await;
    if found.is_empty() {
        return Ok(());
    }
    match wait_sessions_gone(target, &[number], within).await?.first() {
        None => Ok(()),
        Some(left) => {
            Err(StoreError::Unsuitable(format!("session {number} still holds its lock: {}", left.doing)))
        }
    }
}

//! The session of a capture: settings fixed, one snapshot for everything, locks waited for two seconds.

use tokio_postgres::Client;

use super::connect::{Link, PostgresTarget};
use super::error::{SqlError, StoreError};
use crate::state::model::ServerFacts;

/// Everything that decides how a value is written, and how long we may be in the way.
const SETTINGS: &str = "
    SET TimeZone = 'UTC'; SET DateStyle = 'ISO, MDY'; SET IntervalStyle = 'postgres';
    SET extra_float_digits = 3; SET bytea_output = 'hex'; SET search_path = ''; SET row_security = off;
    SET lc_monetary = 'C'; SET xmloption = 'content'; SET quote_all_identifiers = off;
    SET standard_conforming_strings = on; SET client_min_messages = warning;
    SET work_mem = '64MB'; SET lock_timeout = 2000; SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0";
/// A server that notices a vanished client stops working for it.
const NOTICE_OUR_END: &str = "SET client_connection_check_interval = 1000";
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY";

/// A connection inside one read-only snapshot. Dropping it closes the socket.
pub(super) struct Snapshot {
    link: Option<Link>,
    target: PostgresTarget,
    /// `server_version_num`.
    pub(super) version: i32,
}

impl Snapshot {
    /// Connects, fixes the session and begins the snapshot.
    pub(super) async fn open(target: &PostgresTarget) -> Result<Self, StoreError> {
        Self::begin(target, BEGIN).await
    }

    /// Another session that sees what a snapshot of that name sees, as long as that is open.
    pub(super) async fn open_shared(target: &PostgresTarget, shared: &str) -> Result<Self, StoreError> {
        Self::begin(target, &format!("{BEGIN}; SET TRANSACTION SNAPSHOT '{shared}'")).await
    }

    /// Gives the snapshot a name by which other sessions can share it.
    pub(super) async fn share(&self) -> Result<String, StoreError> {
        let row = self.client().query_one("SELECT pg_export_snapshot()", &[]).await;
        row.map(|row| row.get(0)).map_err(|error| StoreError::query("sharing the snapshot", &error))
    }

    async fn begin(target: &PostgresTarget, begin: &str) -> Result<Self, StoreError> {
        let link = Link::open(target).await?;
        let doing = "fixing the session of the capture";
        let prepared = async {
            link.client.batch_execute(SETTINGS).await?;
            let version = link.client.query_one("SHOW server_version_num", &[]).await?;
            let version = version.try_get::<_, &str>(0)?.parse().unwrap_or(0);
            if version >= 14_00_00 {
                link.client.batch_execute(NOTICE_OUR_END).await?;
            }
            link.client.batch_execute(begin).await?;
            Ok(version)
        };
        let version = prepared.await.map_err(|error| StoreError::query(doing, &error))?;
        if version < 13_00_00 {
            let known = format!("the server's version {version} is older than PostgreSQL 13");
            return Err(StoreError::Unsuitable(known));
        }
        Ok(Self { link: Some(link), target: target.clone(), version })
    }

    /// Sends queries inside the snapshot.
    pub(super) fn client(&self) -> &Client {
        &self.link().client
    }

    /// Who and what answered.
    pub(super) async fn server(&self) -> Result<ServerFacts, StoreError> {
        let query = "SELECT current_setting('server_version'), current_database()::text, current_user::text";
        let row = self.client().query_one(query, &[]).await;
        let row = row.map_err(|error| StoreError::query("asking for the server's version", &error))?;
        Ok(ServerFacts { version: row.get(0), database: row.get(1), user: row.get(2) })
    }

    /// The error with its cause named: whose lock it was, or which table may not be read.
    pub(super) async fn explain(&self, error: StoreError, table: Option<&str>) -> StoreError {
        let StoreError::Query { doing, error } = error else { return error };
        if error.is_lock_timeout() {
            return StoreError::Blocked { doing, holders: holders(&self.target).await };
        }
        match table {
            Some(table) if is_refusal(&error) => StoreError::Unreadable {
                table: table.to_owned(),
                user: self.target.user.clone(),
                reason: error.message,
            },
            _ => StoreError::Query { doing, error },
        }
    }

    /// The database and role of the session.
    pub(super) fn target(&self) -> &PostgresTarget {
        &self.target
    }

    /// Ends the snapshot and the session.
    pub(super) async fn close(mut self) {
        if let Some(link) = self.link.take() {
            link.close().await;
        }
    }

    fn link(&self) -> &Link {
        self.link.as_ref().expect("the link is there until the snapshot is closed")
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        if let Some(link) = &self.link {
            link.severer().abort();
        }
    }
}

/// SQLSTATE `insufficient_privilege`, which row-level security gives as well when it is not to be applied.
fn is_refusal(error: &SqlError) -> bool {
    error.sqlstate.as_deref() == Some("42501")
}

/// Who holds the locks that nobody can read past, in words. Asked on another connection: the snapshot's own
/// transaction is over after an error.
async fn holders(target: &PostgresTarget) -> String {
    let query = "SELECT DISTINCT format('%s on %s is held by session %s (%s as %s, %s)', l.mode,
            l.relation::regclass, l.pid, coalesce(nullif(a.application_name, ''), 'unnamed'), a.usename, a.state)
        FROM pg_locks l JOIN pg_class c ON c.oid = l.relation LEFT JOIN pg_stat_activity a ON a.pid = l.pid
        WHERE l.granted AND l.mode = 'AccessExclusiveLock' AND c.relkind IN ('r', 'p', 'v', 'm', 'i', 'S')
          AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        ORDER BY 1 LIMIT 5";
    let asked = async {
        let link = Link::open(target).await.ok()?;
        link.client.batch_execute("SET search_path = ''").await.ok()?;
        let rows = link.client.query(query, &[]).await.ok()?;
        link.close().await;
        rows.iter().map(|row| row.try_get::<_, String>(0).ok()).collect::<Option<Vec<_>>>()
    };
    match asked.await {
        Some(found) if !found.is_empty() => found.join("; "),
        _ => "whoever held the lock has let go since".to_owned(),
    }
}

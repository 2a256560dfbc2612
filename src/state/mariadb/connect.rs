//! A connection to a server.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Error, OptsBuilder, Value};

use crate::state::model::ServerFacts;

/// How long a server that is starting may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two attempts to connect.
const PAUSE: Duration = Duration::from_millis(50);
/// The most bytes of a row, which is the most that the protocol's servers allow.
const LARGEST: usize = 1 << 30;
/// The session is the same whatever the server's own settings are, waits for nobody's lock for long, and
/// writes nothing.
const SESSION: [&str; 5] = [
    "SET NAMES utf8mb4",
    "SET time_zone = '+00:00', lock_wait_timeout = 2, innodb_lock_wait_timeout = 2",
    "SET sql_mode = '', group_concat_max_len = 1048576, sql_quote_show_create = 1",
    "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
    "SET SESSION TRANSACTION READ ONLY",
];

/// Where a server is, and who asks.
#[derive(Debug, Clone)]
pub struct MariaTarget {
    /// Where it is reached.
    pub host: SocketAddr,
    /// The database.
    pub database: String,
    /// The user.
    pub user: String,
    /// The password.
    pub password: Option<String>,
    /// Sessions of our own clients, which are never counted; by the server's number.
    pub ours: Vec<u32>,
}

/// A row in text; none is NULL.
pub(super) type Row = Vec<Option<String>>;

/// A connection.
pub(super) struct Server(Conn);

impl Server {
    /// Connects; a server that is starting is asked again for a while.
    pub(super) async fn connect(target: &MariaTarget) -> Result<Self, String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match attempt(target).await {
                Err(error) if matches!(error, Error::Io(_)) && Instant::now() < deadline => {
                    tokio::time::sleep(PAUSE).await;
                }
                connected => return connected.map(Self).map_err(|error| words(&error)),
            }
        }
    }

    /// The server's number for this connection.
    pub(super) fn number(&self) -> u32 {
        self.0.id()
    }

    pub(super) async fn close(self) {
        // It ends with its socket in any case.
        let _ = self.0.disconnect().await;
    }

    pub(super) async fn run(&mut self, statement: &str) -> Result<(), String> {
        self.0.query_drop(statement).await.map_err(|error| words(&error))
    }

    /// All rows of a query.
    pub(super) async fn rows(&mut self, query: &str) -> Result<Vec<Row>, String> {
        let mut rows = Vec::new();
        self.sent(query, |row| rows.push(row.unwrap().into_iter().map(text).collect())).await?;
        Ok(rows)
    }

    /// Hands out the rows of a query as they come and as they were sent.
    pub(super) async fn sent(
        &mut self,
        query: &str,
        mut take: impl FnMut(mysql_async::Row),
    ) -> Result<(), String> {
        let mut result = self.0.query_iter(query).await.map_err(|error| words(&error))?;
        while let Some(row) = result.next().await.map_err(|error| words(&error))? {
            take(row);
        }
        Ok(())
    }

    pub(super) async fn facts(&mut self) -> Result<ServerFacts, String> {
        let rows = self.rows("SELECT VERSION(), DATABASE(), CURRENT_USER()").await?;
        let mut row = rows.into_iter().flatten().map(Option::unwrap_or_default);
        let mut next = || row.next().unwrap_or_default();
        let (version, database, user) = (next(), next(), next());
        if !version.contains("MariaDB") {
            return Err(format!("this is no MariaDB: {version}"));
        }
        Ok(ServerFacts { version, database, user })
    }
}

async fn attempt(target: &MariaTarget) -> Result<Conn, Error> {
    let options = OptsBuilder::default()
        .ip_or_hostname(target.host.ip().to_string())
        .tcp_port(target.host.port())
        .prefer_socket(false)
        .user(Some(&target.user))
        .pass(target.password.as_ref())
        .db_name(Some(&target.database))
        .stmt_cache_size(0)
        // A row may be larger than what the server takes from a client now.
        .max_allowed_packet(Some(LARGEST))
        .init(SESSION.to_vec());
    match tokio::time::timeout(PATIENCE, Conn::new(options)).await {
        Ok(connected) => connected,
        Err(_) => Err(Error::Io(std::io::Error::other("no answer in time").into())),
    }
}

pub(super) fn text(value: Value) -> Option<String> {
    match value {
        Value::NULL => None,
        Value::Bytes(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        other => Some(other.as_sql(true)),
    }
}

/// The bytes of a row that came as text; a value is NULL or bytes there.
pub(super) fn cells(row: &mysql_async::Row) -> impl Iterator<Item = Option<&[u8]>> {
    (0..row.len()).map(|at| match row.as_ref(at) {
        Some(Value::Bytes(bytes)) => Some(bytes.as_slice()),
        _ => None,
    })
}

/// The server's own words.
pub(super) fn words(error: &Error) -> String {
    match error {
        Error::Server(error) => format!("{} ({}): {}", error.code, error.state, error.message),
        other => other.to_string(),
    }
}

/// A name as SQL quotes it.
pub(super) fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// A text as SQL writes it.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

//! One connection to a PostgreSQL server, its driver task, and what the server says out of turn.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, duplex};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_postgres::config::SslMode;
use tokio_postgres::tls::NoTlsStream;
use tokio_postgres::{AsyncMessage, CancelToken, Client, Config, Connection, NoTls};

use super::error::{Notice, SqlError, StoreError, chain};

/// How long logging in may take, from the first packet to the server being ready.
const LOGIN: Duration = Duration::from_secs(10);
/// How many notices of one statement are kept.
const MOST_NOTICES: usize = 100;

/// A database to connect to, and as whom.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresTarget {
    /// Where the server listens for us: a loopback port.
    pub host: SocketAddr,
    /// The database.
    pub database: String,
    /// The role.
    pub user: String,
    /// Its password; never shown.
    pub password: Option<String>,
    /// The name under which the server lists our sessions.
    pub application_name: String,
}

impl std::fmt::Debug for PostgresTarget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresTarget")
            .field("host", &self.host)
            .field("database", &self.database)
            .field("user", &self.user)
            .field("password", &self.password.as_ref().map(|_| "‹hidden›"))
            .field("application_name", &self.application_name)
            .finish()
    }
}

impl PostgresTarget {
    fn config(&self) -> Config {
        let mut config = Config::new();
        config.user(&self.user).dbname(&self.database).application_name(&self.application_name);
        config.ssl_mode(SslMode::Disable);
        if let Some(password) = &self.password {
            config.password(password);
        }
        config
    }

    fn refused(&self, reason: impl Into<String>) -> StoreError {
        StoreError::Connect {
            address: self.host.to_string(),
            database: self.database.clone(),
            user: self.user.clone(),
            reason: reason.into(),
        }
    }
}

/// An open connection: the client half, and the task that does its I/O.
pub(super) struct Link {
    /// Sends requests. Dropped last, or the driver would say goodbye to the server.
    pub(super) client: Client,
    /// The server process at the other end.
    pub(super) pid: i32,
    driver: JoinHandle<()>,
    heard: Arc<Mutex<Heard>>,
}

/// What the driver heard that no request asked for.
#[derive(Default)]
struct Heard {
    notices: Vec<Notice>,
    last_words: Option<SqlError>,
}

impl Link {
    /// Connects and logs in.
    pub(super) async fn open(target: &PostgresTarget) -> Result<Self, StoreError> {
        match tokio::time::timeout(LOGIN, Self::log_in(target)).await {
            Ok(opened) => opened,
            Err(_) => Err(target.refused("no answer within 10 s")),
        }
    }

    async fn log_in(target: &PostgresTarget) -> Result<Self, StoreError> {
        let stream = TcpStream::connect(target.host).await.map_err(|e| target.refused(e.to_string()))?;
        stream.set_nodelay(true).map_err(|e| target.refused(e.to_string()))?;
        let (client, connection) =
            target.config().connect_raw(stream, NoTls).await.map_err(|e| target.refused(chain(&e)))?;
        let pid = backend_pid(&client).await.map_err(|reason| target.refused(reason))?;
        let heard = Arc::new(Mutex::new(Heard::default()));
        let driver = tokio::spawn(drive(connection, Arc::clone(&heard)));
        Ok(Self { client, pid, driver, heard })
    }

    /// The notices since the last call.
    pub(super) fn take_notices(&self) -> Vec<Notice> {
        std::mem::take(&mut self.heard.lock().unwrap_or_else(PoisonError::into_inner).notices)
    }

    /// The error in our words; for a lost session, with what the server said last.
    pub(super) fn explain(&self, error: &tokio_postgres::Error) -> SqlError {
        let plain = SqlError::from(error);
        if !plain.connection_lost || plain.sqlstate.is_some() {
            return plain;
        }
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.last_words.clone().unwrap_or(plain)
    }

    /// Asks the server to cancel what the session with this token is doing.
    pub(super) async fn cancel(target: &PostgresTarget, token: &CancelToken) -> Result<(), StoreError> {
        let asked = async {
            let stream = TcpStream::connect(target.host).await.map_err(|e| e.to_string())?;
            token.cancel_query_raw(stream, NoTls).await.map_err(|e| chain(&e))
        };
        asked.await.map_err(|reason| target.refused(reason))
    }

    /// Ends the driver, and with it the socket, at once.
    pub(super) fn severer(&self) -> tokio::task::AbortHandle {
        self.driver.abort_handle()
    }

    /// Closes the socket without a word to the server.
    pub(super) async fn sever(self) {
        self.driver.abort();
        // The client has to outlive the driver: a driver that sees it go says Terminate to the server.
        let _ = self.driver.await;
        drop(self.client);
    }

    /// Says goodbye to the server and waits until the socket is closed.
    pub(super) async fn close(self) {
        drop(self.client);
        let _ = tokio::time::timeout(LOGIN, self.driver).await;
    }
}

async fn drive(mut connection: Connection<TcpStream, NoTlsStream>, heard: Arc<Mutex<Heard>>) {
    loop {
        match std::future::poll_fn(|context| connection.poll_message(context)).await {
            Some(Ok(AsyncMessage::Notice(notice))) => {
                let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
                if heard.notices.len() < MOST_NOTICES {
                    let (severity, message) = (notice.severity().to_owned(), notice.message().to_owned());
                    heard.notices.push(Notice { severity, message });
                }
            }
            Some(Ok(_)) => {}
            Some(Err(error)) => {
                let last_words = SqlError { connection_lost: true, ..SqlError::from(&error) };
                heard.lock().unwrap_or_else(PoisonError::into_inner).last_words = Some(last_words);
                return;
            }
            None => return,
        }
    }
}

/// The server process behind a connection.
///
/// The server names it when the session begins, so no statement is spent on asking. The library shows it
/// only inside a cancel request: that one is written into memory here, and sent to nobody.
async fn backend_pid(client: &Client) -> Result<i32, String> {
    let (ours, theirs) = duplex(64);
    let cancel = client.cancel_token();
    let write = cancel.cancel_query_raw(theirs, NoTls);
    let read = async {
        let mut request = Vec::new();
        let mut ours = ours;
        ours.read_to_end(&mut request).await.map(|_| request)
    };
    let (written, request) = tokio::join!(write, read);
    written.map_err(|error| chain(&error))?;
    let request = request.map_err(|error| error.to_string())?;
    let pid = request.get(8..12).and_then(|bytes| bytes.try_into().ok());
    pid.map(i32::from_be_bytes).ok_or_else(|| "the server named no process".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target() -> PostgresTarget {
        PostgresTarget {
            host: SocketAddr::from(([127, 0, 0, 1], 1)),
            database: "shop".to_owned(),
            user: "postgres".to_owned(),
            password: Some("hunter2".to_owned()),
            application_name: "backout".to_owned(),
        }
    }

    #[test]
    fn s20_a_password_is_not_in_the_debug_text() {
        let shown = format!("{:?}", target());
        assert!(shown.contains("shop") && !shown.contains("hunter2"), "{shown}");
    }

    #[tokio::test]
    async fn a_refused_connection_names_address_database_and_user_but_no_password() {
        let Err(error) = Link::open(&target()).await else { panic!("port 1 answered") };
        let shown = error.to_string();
        assert!(
            shown.starts_with("cannot connect to database `shop` at 127.0.0.1:1 as `postgres`: "),
            "{shown}"
        );
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}

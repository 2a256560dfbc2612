//! The session that an operation's `sql` step or a client uses: one statement at a time, and an end that can
//! be abrupt.

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Error, OptsBuilder};

use super::connect::{MariaTarget, text, words};
use super::line::Line;

/// How many rows of a result are kept.
const MOST_ROWS: usize = 1_000;

/// Why a statement, or a session, came to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionError {
    /// The server's words, or why there are none.
    pub message: String,
    /// Whether the server says that nothing of the statement was done, where tables know transactions.
    pub left_nothing: bool,
}

/// A session with a server.
pub struct Session {
    connection: Conn,
    line: Line,
}

impl Session {
    /// Connects and logs in, with nothing set.
    ///
    /// # Errors
    /// When nobody answers, or the server does not let us in.
    pub async fn open(target: &MariaTarget) -> Result<Self, SessionError> {
        let nobody = |error: std::io::Error| SessionError { message: error.to_string(), left_nothing: true };
        let line = Line::to(target.host).await.map_err(nobody)?;
        let options = OptsBuilder::default()
            .ip_or_hostname(line.address.ip().to_string())
            .tcp_port(line.address.port())
            .prefer_socket(false)
            .user(Some(&target.user))
            .pass(target.password.as_ref())
            .db_name(Some(&target.database))
            .stmt_cache_size(0);
        let refused = |error: Error| SessionError { message: words(&error), left_nothing: true };
        Ok(Self { connection: Conn::new(options).await.map_err(refused)?, line })
    }

    /// The server's number for it.
    pub fn number(&self) -> u32 {
        self.connection.id()
    }

    /// Sends exactly one statement and waits for the server's answer: the first column of its first rows. A
    /// procedure's results come one after the other.
    ///
    /// # Errors
    /// The server's error, or that the connection was lost.
    pub async fn execute(&mut self, statement: &str) -> Result<Vec<Option<String>>, SessionError> {
        self.send(statement).await.map_err(|error| SessionError {
            message: words(&error),
            left_nothing: matches!(error, Error::Server(_)),
        })
    }

    async fn send(&mut self, statement: &str) -> Result<Vec<Option<String>>, Error> {
        let mut results = self.connection.query_iter(statement).await?;
        let mut values = Vec::new();
        while !results.is_empty() {
            while let Some(row) = results.next().await? {
                if values.len() < MOST_ROWS {
                    values.push(row.unwrap().into_iter().next().and_then(text));
                }
            }
        }
        Ok(values)
    }

    /// Closes the socket with no word and no further statement, as a killed client does.
    pub async fn sever(self) {
        self.line.cut().await;
    }

    /// Ends the session in good order.
    pub async fn close(self) {
        // It ends with its socket in any case.
        let _ = self.connection.disconnect().await;
        self.line.cut().await;
    }
}

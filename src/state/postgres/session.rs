//! The session that an operation's `sql` step or an expectation uses: one statement at a time, and an end
//! that can be abrupt.

use std::io::Cursor;
use std::pin::pin;

use futures_util::{SinkExt, StreamExt, TryStreamExt};
use tokio::task::AbortHandle;
use tokio_postgres::{CancelToken, SimpleQueryMessage};

use super::connect::{Link, PostgresTarget};
use super::error::{Notice, SqlError, StoreError};
use crate::sql::{Statement, is_copy_out};

/// How many rows of a result are kept.
const MOST_ROWS: usize = 1_000;
/// How many bytes of a result are kept, about.
const MOST_BYTES: usize = 1 << 20;
/// How much COPY data goes into one message.
const COPY_CHUNK: usize = 64 << 10;

/// What a statement that succeeded did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Executed {
    /// The count of the server's command tag; 0 for commands that count nothing.
    pub rows_affected: u64,
    /// The names of the result's columns.
    pub columns: Vec<String>,
    /// The first rows of the result, as text; none is NULL.
    pub rows: Vec<Vec<Option<String>>>,
    /// Whether there were more rows than were kept.
    pub truncated: bool,
    /// What the server said beside it.
    pub notices: Vec<Notice>,
}

impl Executed {
    /// Keeps a row while there is room for it.
    pub(super) fn keep(&mut self, row: Vec<Option<String>>, bytes: &mut usize) {
        *bytes += row.iter().flatten().map(String::len).sum::<usize>();
        if self.rows.len() < MOST_ROWS && *bytes <= MOST_BYTES {
            self.rows.push(row);
        } else {
            self.truncated = true;
        }
    }
}

/// Ends a session, or what it is doing, while a statement of it is on its way.
#[derive(Clone)]
pub struct Severer {
    driver: AbortHandle,
    token: CancelToken,
    target: PostgresTarget,
}

impl Severer {
    /// Closes the socket: no Terminate, no further statement. What is being executed ends as a lost
    /// connection; the server goes on with it until it notices.
    pub fn sever(&self) {
        self.driver.abort();
    }

    /// Asks the server to cancel the statement being executed, which then fails; the session stays.
    ///
    /// # Errors
    /// [`StoreError::Connect`]: the request has a connection of its own.
    pub async fn cancel(&self) -> Result<(), StoreError> {
        Link::cancel(&self.target, &self.token).await
    }
}

/// A session with a PostgreSQL server.
pub struct Session {
    link: Link,
    target: PostgresTarget,
}

impl Session {
    /// Connects and logs in, with nothing set but the application name.
    ///
    /// # Errors
    /// [`StoreError::Connect`].
    pub async fn open(target: &PostgresTarget) -> Result<Self, StoreError> {
        Ok(Self { link: Link::open(target).await?, target: target.clone() })
    }

    /// The server process that serves this session.
    pub fn backend_pid(&self) -> i32 {
        self.link.pid
    }

    /// A handle that ends this session or its statement while [`Session::execute`] is under way.
    pub fn severer(&self) -> Severer {
        let (driver, token) = (self.link.severer(), self.link.client.cancel_token());
        Severer { driver, token, target: self.target.clone() }
    }

    /// Sends exactly one statement, with its COPY data if it has any, and waits for the server's answer.
    ///
    /// # Errors
    /// The server's error, or that the connection was lost.
    pub async fn execute(&mut self, statement: &Statement) -> Result<Executed, SqlError> {
        let done = match &statement.copy_data {
            Some(data) => self.copy_in(&statement.text, data).await,
            None if is_copy_out(&statement.text) => self.copy_out(&statement.text).await,
            None => run_simple(&self.link, &statement.text).await,
        };
        let mut executed = done.map_err(|error| self.link.explain(&error))?;
        executed.notices = self.link.take_notices();
        Ok(executed)
    }

    /// Closes the socket with no Terminate message and no further statement, as a killed client does.
    pub async fn sever(self) {
        self.link.sever().await;
    }

    /// Ends the session in good order.
    pub async fn close(self) {
        self.link.close().await;
    }

    async fn copy_in(&self, statement: &str, data: &str) -> Result<Executed, tokio_postgres::Error> {
        let mut sink = pin!(self.link.client.copy_in(statement).await?);
        for chunk in data.as_bytes().chunks(COPY_CHUNK) {
            sink.send(Cursor::new(chunk.to_vec())).await?;
        }
        let rows_affected = sink.finish().await?;
        Ok(Executed { rows_affected, ..Executed::default() })
    }

    /// Each line that comes out is kept as a row of one column.
    async fn copy_out(&self, statement: &str) -> Result<Executed, tokio_postgres::Error> {
        let mut lines = pin!(self.link.client.copy_out(statement).await?);
        let mut executed = Executed::default();
        let mut bytes = 0;
        while let Some(line) = lines.try_next().await? {
            executed.rows_affected += 1;
            let line = String::from_utf8_lossy(&line).trim_end_matches('\n').to_owned();
            executed.keep(vec![Some(line)], &mut bytes);
        }
        Ok(executed)
    }
}

/// Runs one statement by the simple query protocol and keeps the first rows of its result.
pub(super) async fn run_simple(link: &Link, statement: &str) -> Result<Executed, tokio_postgres::Error> {
    let mut messages = pin!(link.client.simple_query_raw(statement).await?);
    let mut executed = Executed::default();
    let mut bytes = 0;
    while let Some(message) = messages.next().await {
        match message? {
            SimpleQueryMessage::Row(row) => {
                let cells = (0..row.len()).map(|at| row.try_get(at).map(|cell| cell.map(str::to_owned)));
                executed.keep(cells.collect::<Result<_, _>>()?, &mut bytes);
            }
            SimpleQueryMessage::CommandComplete(count) => executed.rows_affected = count,
            SimpleQueryMessage::RowDescription(columns) => {
                executed.columns = columns.iter().map(|column| column.name().to_owned()).collect();
            }
            _ => {}
        }
    }
    Ok(executed)
}

//! An observed MariaDB, reached through its stage.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;

use super::keys;
use super::observed::left_out;
use super::shelf::{self, Shelf};
use crate::journal::event::RowsDiffer;
use crate::plan::across::Keys;
use crate::plan::database::DatabaseFault;
use crate::plan::model::{self, Exception, Statement};
use crate::run::{Acted, Database, Session, SqlFailure, Store};
use crate::stage::Stage;
use crate::state::compare::compare_leftovers;
use crate::state::gather::Keeping;
use crate::state::mariadb::{self, CaptureOptions, MariaTarget};
use crate::state::model::StoreCapture;
use crate::traffic;

/// For a probe's answer.
const PROBE: Duration = Duration::from_secs(10);
/// Between two looks at leftovers.
const PAUSE: Duration = Duration::from_millis(100);
/// The plan lets nothing come here.
const NOT_HERE: &str = "faults inside a database are for PostgreSQL";

pub(super) struct MariaDb {
    stage: Arc<dyn Stage>,
    database: model::Database,
    shelf: Shelf,
    /// The sessions of the traffic's clients, by the server's number.
    visitors: Mutex<Vec<u32>>,
}

impl MariaDb {
    pub(super) fn new(stage: Arc<dyn Stage>, database: model::Database, shelf: Shelf) -> Self {
        Self { stage, database, shelf, visitors: Mutex::default() }
    }

    /// Asked again for each connection: a restart changes the port.
    async fn target(&self) -> Result<MariaTarget, String> {
        let database = &self.database;
        let host = self.stage.address(&database.service, database.port).await;
        Ok(MariaTarget {
            host: host.map_err(|error| error.to_string())?,
            database: database.database.clone(),
            user: database.user.clone(),
            password: database.password.as_ref().map(|password| password.reveal().to_owned()),
            ours: self.visitors.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        })
    }

    async fn connect(&self) -> Result<mariadb::Session, SqlFailure> {
        let nobody = |message: String| SqlFailure { message, left_nothing: true };
        let target = self.target().await.map_err(nobody)?;
        mariadb::Session::open(&target).await.map_err(failure)
    }
}

#[async_trait]
impl Store for MariaDb {
    async fn quiet(&self, before: &StoreCapture, within: Duration) -> Result<(), String> {
        let deadline = Instant::now() + within;
        loop {
            let now = mariadb::leftovers(&self.target().await?).await?;
            let differing = compare_leftovers(&before.leftovers, &now);
            let passing = differing.iter().any(|one| one.leftover.kind.is_passing());
            if !passing || Instant::now() >= deadline {
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn capture(
        &self,
        keep: Option<&str>,
        reference: Option<&StoreCapture>,
        except: &[Exception],
    ) -> Result<StoreCapture, String> {
        let keeping = match keep {
            Some(kept) => Some(Keeping { folder: self.shelf.make(kept)?, room: shelf::ROOM }),
            None => None,
        };
        let reference = reference.map(|reference| reference.tables.clone()).unwrap_or_default();
        let options = CaptureOptions { except: left_out(except, "TRUE"), keeping, reference };
        mariadb::capture(&self.target().await?, &options).await
    }

    async fn keys(&self, keys: &Keys) -> Result<BTreeSet<String>, String> {
        match keys {
            Keys::Query(written) => {
                keys::of_rows(mariadb::rows(&self.target().await?, &keys::query(written), PROBE).await?)
            }
            Keys::Named { .. } | Keys::Messages { .. } => Err("a database has a query".to_owned()),
        }
    }

    fn shown(&self, value: &str) -> String {
        self.shelf.shown(value)
    }

    fn forget(&self, kept: &str) {
        self.shelf.clear(kept);
    }

    async fn rows(
        &self,
        before: (&str, &StoreCapture),
        after: (&str, &StoreCapture),
        keys: &traffic::Keys,
    ) -> Result<Vec<RowsDiffer>, String> {
        self.shelf.differing(before, after, keys)
    }
}

#[async_trait]
impl Database for MariaDb {
    async fn open(&self) -> Result<Box<dyn Session>, SqlFailure> {
        Ok(Box::new(Open(self.connect().await?)))
    }

    async fn visit(&self) -> Result<Box<dyn Session>, SqlFailure> {
        let session = self.connect().await?;
        self.visitors.lock().unwrap_or_else(PoisonError::into_inner).push(session.number());
        Ok(Box::new(Open(session)))
    }

    async fn value(&self, query: &str) -> Result<Option<String>, String> {
        mariadb::value(&self.target().await?, query, PROBE).await
    }

    async fn busy(&self, known: &[i32]) -> Result<Vec<i32>, String> {
        let busy = mariadb::busy(&self.target().await?).await?;
        Ok(busy.into_iter().filter(|session| !known.contains(session)).collect())
    }

    async fn sessions(&self) -> Result<Vec<i32>, String> {
        mariadb::sessions(&self.target().await?).await
    }

    async fn gone(&self, sessions: &[i32], within: Duration) -> Result<(), Vec<String>> {
        if sessions.is_empty() {
            return Ok(());
        }
        let left = match self.target().await {
            Ok(target) => mariadb::wait_gone(&target, sessions, within).await,
            Err(error) => Err(error),
        };
        match left {
            Ok(left) if left.is_empty() => Ok(()),
            Ok(left) => Err(left.into_iter().map(|session| format!("session {session}")).collect()),
            Err(error) => Err(vec![error]),
        }
    }

    async fn inject(&self, _: &DatabaseFault, _: Duration) -> Result<Acted, String> {
        Err(NOT_HERE.to_owned())
    }

    async fn heal(&self, _: &DatabaseFault, _: Duration) -> Result<(), String> {
        Ok(())
    }
}

struct Open(mariadb::Session);

#[async_trait]
impl Session for Open {
    fn number(&self) -> i32 {
        i32::try_from(self.0.number()).unwrap_or(i32::MAX)
    }

    async fn execute(&mut self, statement: &Statement) -> Result<Vec<String>, SqlFailure> {
        self.ask(statement).await.map(|_| Vec::new())
    }

    async fn ask(&mut self, statement: &Statement) -> Result<Vec<Option<String>>, SqlFailure> {
        self.0.execute(&statement.text).await.map_err(failure)
    }

    async fn sever(self: Box<Self>) {
        self.0.sever().await;
    }

    async fn close(self: Box<Self>) {
        self.0.close().await;
    }
}

fn failure(error: mariadb::SessionError) -> SqlFailure {
    SqlFailure { message: error.message, left_nothing: error.left_nothing }
}

//! What the runner needs of the outside, as traits: real ones are put together in `app`, a fake one
//! drives the runner in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::journal::event::RowsDiffer;
use crate::plan::database::DatabaseFault;
use crate::plan::model::{self, Exception, HttpCall, Image, Statement};
use crate::plan::observe::Observed;
use crate::plan::{Plan, across};
use crate::stage::{Ledger, Process, Stage, StageError};
use crate::state::model::{Depth, StoreCapture};
use crate::traffic::Keys;

/// The image IDs of one scenario.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Images {
    /// By Compose service.
    pub services: BTreeMap<String, String>,
    /// By what a `deploy` step names.
    pub deploys: Vec<(Image, String)>,
}

impl Images {
    /// The ID for what a `deploy` step names.
    pub fn deployed(&self, image: &Image) -> Option<String> {
        self.deploys.iter().find(|(known, _)| known == image).map(|(_, id)| id.clone())
    }
}

/// One image that was resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedImage {
    /// As it is written.
    pub name: String,
    /// Its ID.
    pub id: String,
    /// The registry's digest.
    pub repo_digest: Option<String>,
    /// Whether it was built from files.
    pub built: bool,
}

/// Everything outside the runner.
#[async_trait]
pub trait World: Send + Sync {
    /// Finds, pulls or builds every image of a scenario (S9).
    async fn images(&self, plan: &Plan) -> Result<(Images, Vec<ResolvedImage>), StageError>;

    /// A stage for one run; nothing is created yet.
    fn stage(
        &self,
        plan: &Plan,
        images: &Images,
        run: u32,
        ledger: Arc<dyn Ledger>,
    ) -> Result<Arc<dyn Stage>, StageError>;

    /// An observed database of a stage.
    fn database(
        &self,
        stage: Arc<dyn Stage>,
        database: &model::Database,
        plan: &Plan,
        work: PathBuf,
    ) -> Arc<dyn Database>;

    /// Another observed store of a stage.
    fn store(
        &self,
        stage: Arc<dyn Stage>,
        name: &str,
        observed: &Observed,
        plan: &Plan,
        work: PathBuf,
    ) -> Arc<dyn Store>;

    /// Calls a service. No redirect is followed, nothing is retried (S17).
    async fn http(&self, address: SocketAddr, call: &HttpCall, limit: Duration) -> Result<Answer, String>;

    /// Calls over connections that are kept, for many calls; why there are none, otherwise.
    fn caller(&self) -> Result<Arc<dyn Caller>, String>;

    /// Where the ledger of a run's traffic is written; `traffic` is its position in the scenario.
    fn ledger(&self, run: u32, traffic: usize) -> PathBuf;

    /// Starts a command on the runner's machine.
    async fn host(
        &self,
        folder: &std::path::Path,
        command: &[String],
        environment: &BTreeMap<String, String>,
    ) -> Result<Box<dyn Process>, StageError>;

    /// Waits until the facilitator says go (S5). The error says why nobody does, and does not wait where
    /// nobody can.
    async fn facilitator(&self, question: &str) -> Result<(), String>;
}

/// What an HTTP server answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The beginning of the body.
    pub body: String,
}

/// Calls services over connections that are kept.
#[async_trait]
pub trait Caller: Send + Sync {
    /// Calls a service. No redirect is followed, nothing is retried (S17).
    async fn call(
        &self,
        address: SocketAddr,
        call: &HttpCall,
        limit: Duration,
    ) -> Result<Answer, CallFailure>;
}

/// Why there is no whole answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallFailure {
    /// Nobody took the connection: nothing was sent.
    NotSent(String),
    /// Something may have been sent, and done.
    Lost(String),
}

/// Something observed that holds state.
#[async_trait]
pub trait Store: Send + Sync {
    /// Waits until what clients leave behind for a moment (sessions, locks, temporary objects) is no more
    /// than in an earlier capture, or time is up. Where there is nothing of that kind nothing is waited for.
    async fn quiet(&self, _before: &StoreCapture, _within: Duration) -> Result<(), String> {
        Ok(())
    }

    /// Whether it holds more rows than are kept in files. Then [`Store::snapshot`] is what tells how those
    /// that differ were before.
    async fn is_large(&self) -> Result<bool, String> {
        Ok(false)
    }

    /// Captures everything. With `keep`, rows are kept under that name for [`Store::rows`]; those of
    /// tables that equal the reference are not needed.
    async fn capture(
        &self,
        keep: Option<&str>,
        reference: Option<&StoreCapture>,
        except: &[Exception],
    ) -> Result<StoreCapture, String>;

    /// Captures no more than it takes to tell whether anything differs from an earlier capture, and says
    /// what was left unread. `likely` are texts that name the tables that may differ.
    async fn glance(&self, before: &StoreCapture, likely: &[&str]) -> Result<StoreCapture, String> {
        let _ = likely;
        self.capture(None, Some(before), &[]).await
    }

    /// The name, inside the store, under which [`Store::snapshot`] keeps everything; none where nothing can
    /// be kept there, so that only a stage built anew is as it was.
    fn snapshot_name(&self) -> Option<String> {
        None
    }

    /// The name of a second copy, where the store makes one ahead for the next [`Store::reset`].
    fn spare_name(&self) -> Option<String> {
        None
    }

    /// Keeps everything as it is now; with `resets`, to be put back between the runs of a sweep. Sessions are
    /// ended.
    async fn snapshot(&self, resets: bool) -> Result<(), String> {
        let _ = resets;
        Err(NOT_INSIDE.to_owned())
    }

    /// Puts back what was kept; why it is not as it was, otherwise. Sessions are ended.
    async fn reset(&self) -> Result<(), String> {
        Err(NOT_INSIDE.to_owned())
    }

    /// The store stands where it was put back from outside; why it does not hold what it held in an
    /// earlier capture, otherwise. What is only in memory does not come back with a volume.
    async fn restored(&self, before: &StoreCapture) -> Result<(), String> {
        let now = self.capture(None, Some(before), &[]).await?;
        now.holds_as(before).map_err(|what| format!("what it held is not in a volume: {what} differs"))
    }

    /// The keys that an expectation across stores asks for, as texts; an error where they are too many, or
    /// cannot all be seen.
    async fn keys(&self, keys: &across::Keys) -> Result<BTreeSet<String>, String> {
        let _ = keys;
        Err("this store has no such keys".to_owned())
    }

    /// How many messages a queue holds; none where there is no such queue.
    async fn depth(&self, queue: &str) -> Result<Option<Depth>, String> {
        let _ = queue;
        Err("this store has no queues".to_owned())
    }

    /// A value as it may be shown (S20).
    fn shown(&self, value: &str) -> String {
        value.to_owned()
    }

    /// Rows that were kept under this name are not needed any more.
    fn forget(&self, kept: &str);

    /// The rows that differ between two captures, for each table whose fingerprints differ; and what the
    /// keys of clients would explain of them.
    async fn rows(
        &self,
        before: (&str, &StoreCapture),
        after: (&str, &StoreCapture),
        keys: &Keys,
    ) -> Result<Vec<RowsDiffer>, String>;
}

/// Why a store that keeps nothing inside itself is made anew.
pub(super) const NOT_INSIDE: &str = "it cannot be put back inside its own server";

/// An observed database: a store that operations speak SQL with.
#[async_trait]
pub trait Database: Store {
    /// Opens the connection of an `sql` step.
    async fn open(&self) -> Result<Box<dyn Session>, SqlFailure>;

    /// Opens a connection of the traffic's clients, which is never taken for one that an operation left.
    async fn visit(&self) -> Result<Box<dyn Session>, SqlFailure>;

    /// The first column of a query's first row; `Ok(None)` is NULL or no row. A blocked probe is an
    /// error (S6).
    async fn value(&self, query: &str) -> Result<Option<String>, String>;

    /// The sessions, started since an earlier look, that are in the middle of something.
    async fn busy(&self, known: &[i32]) -> Result<Vec<i32>, String>;

    /// All client sessions now.
    async fn sessions(&self) -> Result<Vec<i32>, String>;

    /// Waits until sessions are gone; else those that are left, in words.
    async fn gone(&self, sessions: &[i32], within: Duration) -> Result<(), Vec<String>>;

    /// Injects a fault inside the database and looks whether it acted. What undoing it needs is remembered
    /// before anything is done. An error leaves the fault to be healed all the same.
    async fn inject(&self, fault: &DatabaseFault, within: Duration) -> Result<Acted, String>;

    /// Undoes a fault inside the database and looks whether it is undone, until it is or time is up.
    /// Healing twice, or what never acted, does no harm.
    async fn heal(&self, fault: &DatabaseFault, within: Duration) -> Result<(), String>;
}

/// What was seen of a fault inside a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acted {
    /// Whether it was seen to act.
    pub acted: bool,
    /// What was seen, in words.
    pub evidence: String,
}

/// The connection of an `sql` step.
#[async_trait]
pub trait Session: Send {
    /// The server's number for it.
    fn number(&self) -> i32;

    /// Sends one statement and waits for its end; returns what the server said.
    async fn execute(&mut self, statement: &Statement) -> Result<Vec<String>, SqlFailure>;

    /// Sends one statement and waits for its end; returns the first column of the rows that it gave.
    async fn ask(&mut self, statement: &Statement) -> Result<Vec<Option<String>>, SqlFailure>;

    /// Closes the socket with no Terminate and no further statement (S7).
    async fn sever(self: Box<Self>);

    /// Ends the session properly.
    async fn close(self: Box<Self>);
}

/// Why a statement failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlFailure {
    /// SQLSTATE and message, or why there is no connection.
    pub message: String,
    /// Whether nothing of the statement was done, for sure.
    pub left_nothing: bool,
}

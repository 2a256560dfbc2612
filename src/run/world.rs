//! What the runner needs of the outside, as traits: real ones are put together in `app`, a fake one
//! drives the runner in memory.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::journal::event::RowsDiffer;
use crate::plan::Plan;
use crate::plan::model::{Database, Exception, HttpCall, Image, Statement};
use crate::stage::{Ledger, Process, Stage, StageError};
use crate::state::model::StoreCapture;

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
    fn store(&self, stage: Arc<dyn Stage>, database: &Database, plan: &Plan, work: PathBuf)
    -> Arc<dyn Store>;

    /// Calls a service. No redirect is followed, nothing is retried (S17).
    async fn http(&self, address: SocketAddr, call: &HttpCall, limit: Duration) -> Result<Answer, String>;

    /// Starts a command on the runner's machine.
    async fn host(
        &self,
        folder: &std::path::Path,
        command: &[String],
        environment: &BTreeMap<String, String>,
    ) -> Result<Box<dyn Process>, StageError>;

    /// Waits until the facilitator says go; false when nobody can (S5).
    async fn facilitator(&self, question: &str) -> bool;
}

/// What an HTTP server answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The beginning of the body.
    pub body: String,
}

/// An observed database.
#[async_trait]
pub trait Store: Send + Sync {
    /// Opens the connection of an `sql` step.
    async fn open(&self) -> Result<Box<dyn Session>, SqlFailure>;

    /// The first column of a query's first row; `Ok(None)` is NULL or no row. A blocked probe is an
    /// error (S6).
    async fn value(&self, query: &str) -> Result<Option<String>, String>;

    /// The sessions, started since an earlier look, that are in the middle of something.
    async fn busy(&self, known: &[i32]) -> Result<Vec<i32>, String>;

    /// All client sessions now.
    async fn sessions(&self) -> Result<Vec<i32>, String>;

    /// Waits until sessions are gone; else those that are left, in words.
    async fn gone(&self, sessions: &[i32], within: Duration) -> Result<(), Vec<String>>;

    /// Waits until the sessions, locks and temporary objects of clients are no more than in an earlier
    /// capture, or time is up.
    async fn quiet(&self, before: &StoreCapture, within: Duration) -> Result<(), String>;

    /// Captures everything. With `keep`, rows are kept under that name for [`Store::rows`]; those of
    /// tables that equal the reference are not needed.
    async fn capture(
        &self,
        keep: Option<&str>,
        reference: Option<&StoreCapture>,
        except: &[Exception],
    ) -> Result<StoreCapture, String>;

    /// The rows that differ between two captures, for each table whose fingerprints differ.
    async fn rows(
        &self,
        before: (&str, &StoreCapture),
        after: (&str, &StoreCapture),
    ) -> Result<Vec<RowsDiffer>, String>;
}

/// The connection of an `sql` step.
#[async_trait]
pub trait Session: Send {
    /// The server's number for it.
    fn number(&self) -> i32;

    /// Sends one statement and waits for its end; returns what the server said.
    async fn execute(&mut self, statement: &Statement) -> Result<Vec<String>, SqlFailure>;

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
}

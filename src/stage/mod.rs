//! The staging system of one run, as the runner needs it.
//!
//! [`Stage`] is the seam: `docker` puts it on a Docker engine, `fake` keeps it in memory, and one
//! conformance body holds both to the same behaviour. Nothing outside this folder knows Docker.

pub mod docker;
pub mod fake;
pub mod faults;
mod replicas;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::gateway::control::{Count, Held, Order, Report};
use crate::plan::model::Limits;

/// The staging system of one run.
#[async_trait]
pub trait Stage: Send + Sync {
    /// Creates networks and volumes, starts the services of active profiles in the order of their
    /// dependencies, and returns when every started service is running and, where it has a health
    /// check, healthy.
    async fn up(&self, within: Duration) -> Result<(), StageError>;

    /// Removes every service besides those that are kept, so that [`Stage::reinstate`] makes them anew;
    /// volumes without a name go with them. An error where that would not be as new: a kept service was
    /// deployed since, or something may have been written to a volume or file that stays.
    async fn retire(&self, kept: &BTreeSet<String>) -> Result<(), StageError>;

    /// Makes and starts what was retired, as [`Stage::up`] does.
    async fn reinstate(&self, within: Duration) -> Result<(), StageError>;

    /// A path that was written in a container of a service and in no volume, if any was: what would outlive
    /// a run with the container, and would not come back with a volume.
    async fn written(&self, service: &str) -> Result<Option<String>, StageError>;

    /// Keeps copies of all volumes, for any stage of the same project. Services that run are stopped in good
    /// order meanwhile. An error where that would not be all that they hold; they run again in any case. The
    /// copies outlive this stage: [`Stage::discard`] removes them.
    async fn keep(&self, within: Duration) -> Result<Copies, StageError>;

    /// Makes every service anew, on volumes that hold what the copies hold.
    async fn restore(&self, copies: &Copies, within: Duration) -> Result<(), StageError>;

    /// As [`Stage::up`], on volumes that hold what the copies hold.
    async fn up_on(&self, copies: &Copies, within: Duration) -> Result<(), StageError>;

    /// Removes copies that this stage has kept, past errors; returns those.
    async fn discard(&self, copies: &Copies) -> Vec<StageError>;

    /// Removes everything that was created for this run, past errors; returns those. Copies that were kept
    /// stay, and the stage can be brought up once more.
    async fn down(&self) -> Vec<StageError>;

    /// Starts a one-shot container of a Compose service (a `run` step). Its output streams.
    async fn run_once(&self, request: &OneShot) -> Result<Box<dyn Process>, StageError>;

    /// Starts a command inside a running service, with variables added to the service's environment.
    async fn exec_with(
        &self,
        service: &str,
        command: &[String],
        environment: &BTreeMap<String, String>,
    ) -> Result<Box<dyn Process>, StageError>;

    /// Starts a command inside a running service.
    async fn exec(&self, service: &str, command: &[String]) -> Result<Box<dyn Process>, StageError> {
        self.exec_with(service, command, &BTreeMap::new()).await
    }

    /// Changes what a service runs now and waits until it has started (S10). Health is waited for
    /// by the caller.
    async fn deploy(&self, change: &Deploy) -> Result<(), StageError>;

    /// Replaces one container, by the number of its replica from 1, by what its service is to run now, and
    /// waits until it has started; the others stay. One that is so already is left alone.
    async fn replace(&self, change: &Deploy, replica: u32) -> Result<(), StageError>;

    /// What the services are now (S11).
    async fn inspect(&self) -> Result<BTreeMap<String, ServiceState>, StageError>;

    /// What a service's containers are doing now: the worst of its replicas.
    async fn health(&self, service: &str) -> Result<Health, StageError>;

    /// The containers of a service, by name. What verifies a fault looks here.
    async fn instances(&self, service: &str) -> Result<Vec<Instance>, StageError>;

    /// Returns when something may have changed on the stage, at the latest after a moment: what a
    /// wait for a fact does between two looks.
    async fn changed(&self) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    /// Where a port of a service can be reached from the runner (S17): loopback, never a container's
    /// address. Ask again for each connection: a restart may change it.
    async fn address(&self, service: &str, port: u16) -> Result<SocketAddr, StageError>;

    /// The lines a service prints from now on.
    async fn follow(&self, service: &str) -> Result<Lines, StageError>;

    /// The last lines a service printed.
    async fn tail(&self, service: &str, lines: usize) -> Result<Vec<String>, StageError>;

    /// Sends a signal to a service's first process (S7) and says how.
    async fn kill(&self, service: &str, signal: &str) -> Result<Killed, StageError>;

    /// Ends a service's containers at once, and keeps the engine from starting them again: its restart policy is
    /// suspended. Those that have ended are left alone.
    async fn end(&self, service: &str) -> Result<(), StageError>;

    /// Stops a service as the engine does: its stop signal, its grace period, then SIGKILL.
    async fn stop(&self, service: &str) -> Result<(), StageError>;

    /// Starts a stopped service again; nothing happens to a running one.
    async fn start(&self, service: &str) -> Result<(), StageError>;

    /// Restarts a service.
    async fn restart(&self, service: &str) -> Result<(), StageError>;

    /// Freezes a service.
    async fn pause(&self, service: &str) -> Result<(), StageError>;

    /// Thaws a service.
    async fn unpause(&self, service: &str) -> Result<(), StageError>;

    /// Takes a service off a network.
    async fn disconnect(&self, service: &str, network: &str) -> Result<(), StageError>;

    /// Puts a service back on a network, under the names it had there.
    async fn connect(&self, service: &str, network: &str) -> Result<(), StageError>;

    /// Limits what a service's running containers may use; what is none stays as it is.
    async fn limit(&self, service: &str, limits: &Limits) -> Result<(), StageError>;

    /// Takes limits of these kinds away, also from stopped containers. A service starts without limits:
    /// those of Compose files have no meaning in a drill.
    async fn unlimit(&self, service: &str, limits: &Limits) -> Result<(), StageError>;

    /// Fills a named volume from a tar file (a seed).
    async fn fill_volume(&self, volume: &str, tar: &std::path::Path) -> Result<(), StageError>;

    /// Runs this program beside a service: it sees what is mounted there, read-only and at the same paths,
    /// and nothing else of it. Its output ends with it.
    async fn beside(&self, service: &str, arguments: &[String]) -> Result<Lines, StageError>;

    /// The gateway in front of a service, where the stage has one.
    fn gateway(&self, service: &str) -> Option<Arc<dyn Gateway>>;

    /// Containers, networks and volumes with this run's labels or on this run's networks that the
    /// project does not explain (S15), by kind and name.
    async fn strays(&self) -> Result<Vec<Resource>, StageError>;
}

/// The gateway in front of a service.
#[async_trait]
pub trait Gateway: Send + Sync {
    /// Gives it an order and waits until it is carried out. One that has ended is started anew where
    /// that makes sense of the order: to heal, and to begin.
    async fn order(&self, order: Order) -> Result<Done, StageError>;

    /// Waits until a conversation is held at the mark that it was last ordered to look for; why it
    /// cannot be held there, otherwise.
    async fn held(&self) -> Result<Held, String>;

    /// What it reports from now on; whoever listened before hears no more.
    fn listen(&self) -> tokio::sync::mpsc::UnboundedReceiver<Report>;

    /// What it tells of calls to the outside from now on, and what of them it cannot tell; whoever heard that
    /// before hears no more.
    fn calls(&self) -> tokio::sync::mpsc::UnboundedReceiver<Report>;
}

/// What there is to say about an order that a gateway has carried out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Done {
    /// For a fault: what it acts or acted on.
    pub evidence: String,
    /// How far its routes have come.
    pub counts: Vec<Count>,
}

/// A process that was started: a one-shot container or a command inside a service.
#[async_trait]
pub trait Process: Send {
    /// The next line of its output; none when there is no more.
    async fn line(&mut self) -> Option<Line>;

    /// Waits for its end. May be called before all output was read: output is kept.
    async fn wait(&mut self) -> Result<Ended, StageError>;

    /// SIGKILL to it and to what it started, verified: returns when it is gone.
    async fn kill(&mut self) -> Result<(), StageError>;

    /// Whether it is still running.
    async fn is_running(&mut self) -> Result<bool, StageError>;
}

/// Where a created thing is written down before it is created.
pub trait Ledger: Send + Sync {
    /// Returns when the intents are on disk. One call may name many things, so that one
    /// synchronisation covers them.
    ///
    /// # Errors
    /// When they cannot be written; then nothing is created.
    fn intend(&self, resources: &[Resource]) -> std::io::Result<()>;
    /// The resource is gone.
    fn removed(&self, resource: &Resource);
}

/// The copies of a stage's volumes: their names on the engine, by what names the volume on any stage of the
/// project. A copy that was not finished is never named here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Copies(pub BTreeMap<String, String>);

/// Something that Backout makes on an engine.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Resource {
    /// What it is.
    pub kind: ResourceKind,
    /// Its name on the engine.
    #[serde(serialize_with = "crate::secret::word")]
    pub name: String,
}

/// Kinds of things on an engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResourceKind {
    /// A container.
    Container,
    /// A network.
    Network,
    /// A volume.
    Volume,
    /// An image.
    Image,
}

/// A one-shot container of a Compose service.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OneShot {
    /// The Compose service.
    pub service: String,
    /// Replaces the service's command.
    pub command: Option<Vec<String>>,
    /// Added to the service's environment.
    pub environment: BTreeMap<String, String>,
}

/// A change of what a service runs; what is none stays as it is now.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Deploy {
    /// The Compose service.
    pub service: String,
    /// The ID of the new image.
    pub image: Option<String>,
    /// Variables to set; none removes one.
    pub environment: BTreeMap<String, Option<String>>,
    /// The new command.
    pub command: Option<Vec<String>>,
    /// The new entrypoint.
    pub entrypoint: Option<Vec<String>>,
    /// How many containers.
    pub replicas: Option<u32>,
}

/// What a service is (S11).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceState {
    /// Image ID.
    #[serde(serialize_with = "crate::secret::word")]
    pub image: String,
    /// Command.
    pub command: Vec<String>,
    /// Entrypoint.
    pub entrypoint: Vec<String>,
    /// Environment.
    pub environment: BTreeMap<String, String>,
    /// Path in the container to what is mounted there, by Compose name.
    pub mounts: BTreeMap<String, String>,
    /// Networks by Compose name.
    #[serde(serialize_with = "crate::secret::word")]
    pub networks: Vec<String>,
    /// Containers that are running.
    pub replicas: u32,
    /// The worst health of its containers.
    pub health: Health,
    /// Reported, not compared: how often the engine restarted it.
    pub restarts: u64,
}

/// One container of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// Its name on the engine.
    pub name: String,
    /// What it is doing.
    pub health: Health,
    /// When its first process started, in the engine's own words: another text is another process.
    pub started: String,
    /// How often the engine started it again by its restart policy.
    pub restarts: u64,
    /// The networks it is on, by Compose name.
    pub networks: Vec<String>,
    /// Its addresses there; none while it does not run.
    pub addresses: Vec<IpAddr>,
    /// What it may use at most.
    pub limits: Limits,
}

/// What a service's containers are doing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// Its health check passes.
    Healthy,
    /// It runs and has no health check.
    Running,
    /// No container of it is wanted (`replicas: 0`), and there is none.
    ScaledToZero,
    /// It runs and its health check has not passed yet.
    Starting,
    /// Its health check fails.
    Unhealthy,
    /// It is frozen.
    Paused,
    /// The engine is about to start it again.
    Restarting,
    /// It has ended, with this exit code.
    Exited(i64),
    /// There is no container.
    #[default]
    Absent,
}

impl Health {
    /// Whether its first process runs, frozen or not.
    pub fn is_up(self) -> bool {
        matches!(self, Self::Healthy | Self::Running | Self::Starting | Self::Unhealthy | Self::Paused)
    }

    /// Whether what is wanted of it runs and nothing speaks against it.
    pub fn is_well(self) -> bool {
        matches!(self, Self::Healthy | Self::Running | Self::ScaledToZero)
    }
}

impl std::fmt::Display for Health {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Healthy => f.write_str("healthy"),
            Self::Running => f.write_str("running"),
            Self::ScaledToZero => f.write_str("scaled to zero"),
            Self::Starting => f.write_str("running, not healthy yet"),
            Self::Unhealthy => f.write_str("unhealthy"),
            Self::Paused => f.write_str("frozen"),
            Self::Restarting => f.write_str("about to be restarted"),
            Self::Exited(code) => write!(f, "stopped with exit code {code}"),
            Self::Absent => f.write_str("absent"),
        }
    }
}

/// A line of output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Whether it went to standard error.
    pub error: bool,
    /// The text without its newline; bytes that are not UTF-8 are replaced.
    pub text: String,
}

/// A stream of lines; it ends when its sender is gone.
pub type Lines = tokio::sync::mpsc::Receiver<Line>;

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// Its exit code; 128 plus the signal's number after a signal.
    pub exit_code: i64,
    /// Whether the kernel killed it for want of memory.
    pub out_of_memory: bool,
}

/// How a signal was delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Killed {
    /// To the process itself; the restart policy acts.
    Process,
    /// By the engine's call; it suspends the restart policy.
    Engine,
}

/// What went wrong on the engine.
#[derive(Debug, Clone, thiserror::Error)]
#[error("could not {operation} {object}: {cause}")]
pub struct StageError {
    /// What was tried, such as `start`.
    pub operation: &'static str,
    /// On what, such as `service api`.
    pub object: String,
    /// What the engine said.
    pub cause: String,
    /// What is to be looked at, such as the end of a build log or of a service's output.
    pub evidence: Vec<String>,
    /// A file with more.
    pub log: Option<PathBuf>,
}

impl StageError {
    /// An error with nothing more to show.
    pub fn new(operation: &'static str, object: impl Into<String>, cause: impl Into<String>) -> Self {
        let (object, cause) = (object.into(), cause.into());
        Self { operation, object, cause, evidence: Vec::new(), log: None }
    }

    /// Adds what is to be looked at.
    #[must_use]
    pub fn with_evidence(mut self, evidence: impl IntoIterator<Item = String>) -> Self {
        self.evidence.extend(evidence);
        self
    }
}

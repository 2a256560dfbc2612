//! The resolved plan of a drill: what the runner does and what the verdict asks.
//!
//! It is the first record of every journal, so it is a format: names are stable.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::across::Across;
use super::alerts::Alert;
use super::database::DatabaseFault;
use super::forward_only::ForwardOnly;
use super::impact::Impact;
use super::material::Material;
use super::observe::Observed;
use super::outside::{Effect, Outside};
use super::recovery::Recovery;
use super::traffic::Traffic;
use crate::compose::Project;
use crate::compose::model::{Build, PullPolicy};
use crate::diagnostic::Place;
use crate::gateway::control::{self, Protocol, Route, Weather};
use crate::lint::Linted;
use crate::secret::Secret;

/// A whole drill.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DrillPlan {
    /// The drill's name; the argument's where no drill file was given.
    #[serde(serialize_with = "crate::secret::word")]
    pub name: String,
    /// Its scenarios, in the order they run.
    pub scenarios: Vec<Entry>,
    /// Whether a control run is made (S1).
    pub control: bool,
    /// Whether row values are hidden (S20).
    pub hide_values: bool,
    /// How long the whole drill may take, in milliseconds.
    pub timeout_ms: Option<u64>,
    /// How many stages of a sweep run at once.
    #[serde(default = "one")]
    pub lanes: u32,
}

/// One scenario of a drill and what it must reach (S23).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The scenario.
    pub plan: Plan,
    /// The level that it must reach.
    pub level: Option<u8>,
    /// Whether it must fail.
    pub should_fail: bool,
    /// The checks that must fail, exactly these.
    #[serde(serialize_with = "crate::secret::word")]
    pub because: Vec<String>,
    /// Whether every point is tried (a sweep).
    #[serde(default)]
    pub sweep: Option<Sweep>,
}

/// A sweep: one run per point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sweep {
    /// Whether points are tried that cannot lead to another state than one that is tried.
    pub exhaustive: bool,
}

fn one() -> u32 {
    1
}

/// One scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Its identity: the path below the argument, such as `drop-column/wrong`.
    #[serde(serialize_with = "crate::secret::word")]
    pub path: String,
    /// Its name.
    #[serde(serialize_with = "crate::secret::word")]
    pub name: String,
    /// One line on what it is about.
    pub summary: String,
    /// The risks it is about.
    #[serde(serialize_with = "crate::secret::word")]
    pub risks: Vec<String>,
    /// The scenario's file, as shown.
    #[serde(serialize_with = "crate::secret::word")]
    pub file: String,
    /// The scenario's folder, absolute.
    #[serde(serialize_with = "crate::secret::word")]
    pub folder: PathBuf,
    /// The staging system.
    pub project: Project,
    /// How long the staging system may take to come up.
    #[serde(with = "crate::millis")]
    pub up_within: Duration,
    /// Services that hold nothing worth resetting between two runs of a sweep.
    #[serde(default)]
    #[serde(serialize_with = "crate::secret::word")]
    pub stateless: BTreeSet<String>,
    /// The observed databases, by service.
    pub databases: BTreeMap<String, Database>,
    /// The other observed stores, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub stores: BTreeMap<String, Observed>,
    /// What fills the system before the drill.
    pub seed: Vec<Step>,
    /// The operation whose rollback is drilled.
    pub change: Vec<Step>,
    /// Where and how the change is broken.
    pub failure: Option<Failure>,
    /// The way back; where there is none, the recovery, without steps where none is declared.
    pub rollback: Rollback,
    /// What stands in the place of a way back; none where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forward_only: Option<ForwardOnly>,
    /// What must hold afterwards.
    pub expect: Expect,
    /// What clients do meanwhile.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub traffic: Vec<Traffic>,
    /// Columns whose values are shown as length and digest, as `table.column` or `table.*`.
    #[serde(serialize_with = "crate::secret::word")]
    pub mask: Vec<String>,
    /// SHA-256 of every file that is part of the change, the rollback or the seed, by shown path.
    #[serde(serialize_with = "crate::secret::word")]
    pub digests: BTreeMap<String, String>,
    /// The files that change and rollback use, below the root; journals from before they were recorded
    /// have none.
    #[serde(default, skip_serializing_if = "Material::is_empty")]
    pub material: Material,
    /// The gateways, by the service that they stand before.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub gateways: BTreeMap<String, Gateway>,
    /// What the change is declared to touch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impact: Option<Impact>,
    /// The hosts that stand for the outside.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outside: Vec<Outside>,
    /// What the lint says of the change and the rollback.
    #[serde(default, skip_serializing_if = "Linted::is_empty")]
    pub lint: Linted,
    /// Ports that must be reachable from the runner, by service.
    pub reach: BTreeMap<String, Vec<u16>>,
}

impl Plan {
    /// What must hold all the time: what is expected to, and then what must not be touched.
    pub fn watched(&self) -> impl Iterator<Item = &Expectation> {
        let isolation = self.forward_only.iter().filter_map(|forward_only| forward_only.isolation.as_ref());
        self.expect.always.iter().chain(isolation.flat_map(|isolation| &isolation.always))
    }

    /// What takes the system back, in a word: the rollback, or the recovery from a change that has none.
    pub fn way_back(&self) -> &'static str {
        if self.forward_only.is_some() { "recovery" } else { "rollback" }
    }

    /// What of the pipeline's jobs is not run, a line each.
    pub fn passed_over(&self) -> impl Iterator<Item = String> {
        let operations =
            [("seed", &self.seed), ("change", &self.change), (self.way_back(), &self.rollback.steps)];
        let steps =
            operations.into_iter().flat_map(|(name, steps)| steps.iter().map(move |step| (name, step)));
        steps.flat_map(|(name, step)| {
            let line = move |it: &PassedOver| {
                format!("{name} step {} is run without {}: {}", step.number, it.what, it.because)
            };
            step.passed_over.iter().map(line)
        })
    }
}

/// A gateway in front of a service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gateway {
    /// The ports that it stands before.
    pub routes: Vec<Route>,
    /// The services, and their one-shot containers, that call through it.
    #[serde(serialize_with = "crate::secret::word")]
    pub clients: BTreeSet<String>,
    /// The services that call through it once an operation has deployed them: what they say until they are well
    /// belongs to that step, as a service may migrate when it starts.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub deployed: BTreeSet<String>,
}

impl Gateway {
    /// Whether a step's conversation with what it stands before is led through it.
    pub fn leads(&self, step: &Step) -> bool {
        match &step.action {
            Action::Run { service, .. } | Action::Exec { service, .. } => self.clients.contains(service),
            Action::Deploy(Deploy { service, .. }) => {
                self.clients.contains(service) || self.deployed.contains(service)
            }
            Action::Host { .. }
            | Action::Sql { .. }
            | Action::Http(_)
            | Action::Wait(_)
            | Action::Volume { .. }
            | Action::Backup(_)
            | Action::Restore(_) => false,
        }
    }

    /// Whether it stands before nobody: it takes mail itself.
    pub fn is_sink(&self) -> bool {
        self.routes.iter().any(|route| route.protocol == Protocol::Smtp && route.outside.is_some())
    }
}

/// An observed database.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Database {
    /// The Compose service.
    #[serde(serialize_with = "crate::secret::word")]
    pub service: String,
    /// The kind of server.
    #[serde(default)]
    pub engine: Engine,
    /// Port in the container.
    pub port: u16,
    /// Its name.
    #[serde(serialize_with = "crate::secret::word")]
    pub database: String,
    /// The user.
    #[serde(serialize_with = "crate::secret::word")]
    pub user: String,
    /// The password.
    pub password: Option<Secret>,
    /// Where it is written.
    pub at: Place,
}

/// Kinds of database servers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Engine {
    /// PostgreSQL.
    #[default]
    Postgres,
    /// MariaDB.
    Mariadb,
}

/// One step of an operation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Its number in its operation, from 1.
    pub number: u32,
    /// Its name.
    #[serde(serialize_with = "crate::secret::word")]
    pub id: Option<String>,
    /// What it does, in a few words: `run migrate up`.
    pub title: String,
    /// What it does.
    pub action: Action,
    /// How long it may take.
    #[serde(with = "crate::millis")]
    pub timeout: Duration,
    /// What of a pipeline's job is not run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passed_over: Vec<PassedOver>,
    /// Where it is written.
    pub at: Place,
}

/// A part of a pipeline's job that is not run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassedOver {
    /// What it is called.
    pub what: String,
    /// Why it is not run.
    pub because: String,
    /// Where it is written.
    pub at: Place,
}

impl Step {
    /// The script of a pipeline's job, without what its runner does around it.
    pub fn script(&self) -> Option<&str> {
        let Action::Run { command: Some(command), .. } = &self.action else { return None };
        match &command[..] {
            [.., flag, script, name, _] if flag == "-c" && name == "job" => Some(script),
            _ => None,
        }
    }
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// A one-shot container of a Compose service.
    Run {
        /// The service.
        #[serde(serialize_with = "crate::secret::word")]
        service: String,
        /// Replaces its command.
        command: Option<Vec<String>>,
        /// Added to its environment.
        environment: BTreeMap<String, String>,
    },
    /// A change of what a service runs.
    Deploy(Deploy),
    /// SQL on one connection.
    Sql {
        /// The database, by its service.
        #[serde(serialize_with = "crate::secret::word")]
        database: String,
        /// The file it comes from, as shown; none for text in the scenario.
        #[serde(serialize_with = "crate::secret::word")]
        file: Option<String>,
        /// The statements, BEGIN and COMMIT included.
        statements: Vec<Statement>,
    },
    /// A command inside a service.
    Exec {
        /// The service.
        #[serde(serialize_with = "crate::secret::word")]
        service: String,
        /// The command.
        command: Vec<String>,
        /// Added to its environment.
        #[serde(default)]
        environment: BTreeMap<String, String>,
    },
    /// Backs a database up.
    Backup(Dump),
    /// Puts back what was backed up.
    Restore(Dump),
    /// An HTTP call.
    Http(HttpCall),
    /// A command on the runner's machine.
    Host {
        /// The command.
        command: Vec<String>,
        /// Added to the environment.
        environment: BTreeMap<String, String>,
    },
    /// A wait for a fact.
    Wait(Fact),
    /// Fills a volume.
    Volume {
        /// The Compose volume.
        #[serde(serialize_with = "crate::secret::word")]
        volume: String,
        /// The tar file, absolute.
        #[serde(serialize_with = "crate::secret::word")]
        tar: PathBuf,
    },
}

/// The server's own tool that writes or reads a dump of a database, inside its service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dump {
    /// The database, by its service.
    #[serde(serialize_with = "crate::secret::word")]
    pub database: String,
    /// The command.
    pub command: Vec<String>,
    /// Added to its environment: the password.
    pub environment: BTreeMap<String, String>,
}

/// A change of what a service runs; what is none stays as it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Deploy {
    /// The service.
    #[serde(serialize_with = "crate::secret::word")]
    pub service: String,
    /// The new image.
    pub image: Option<Image>,
    /// Variables to set; none removes one.
    pub environment: BTreeMap<String, Option<String>>,
    /// The new command.
    pub command: Option<Vec<String>>,
    /// The new entrypoint.
    pub entrypoint: Option<Vec<String>>,
    /// How many containers.
    pub replicas: Option<u32>,
    /// How the containers are replaced.
    #[serde(default, skip_serializing_if = "Strategy::is_recreate")]
    pub strategy: Strategy,
    /// Whether the step ends only when the service is well.
    pub until_well: bool,
}

/// How the containers of a service are replaced.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// All at once: the old ones go before the new ones start.
    #[default]
    Recreate,
    /// One by one, so many of them: the next only when the service is well.
    Rolling(u32),
}

impl Strategy {
    fn is_recreate(&self) -> bool {
        *self == Self::Recreate
    }
}

/// Where an image comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Image {
    /// A reference.
    Reference {
        /// Such as `shop-api:v2`.
        #[serde(serialize_with = "crate::secret::word")]
        name: String,
        /// When it is pulled.
        pull: PullPolicy,
    },
    /// Built from files.
    Build(Build),
}

/// One SQL statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// Its text, without the semicolon.
    #[serde(serialize_with = "crate::secret::statement")]
    pub text: String,
    /// Its line in the file, from 1.
    pub line: usize,
    /// The data of a COPY FROM STDIN.
    #[serde(serialize_with = "crate::secret::data")]
    pub copy_data: Option<String>,
}

/// An HTTP call and what is asked of its answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HttpCall {
    /// The service.
    #[serde(serialize_with = "crate::secret::word")]
    pub service: String,
    /// Port in the container.
    pub port: u16,
    /// Method, in capitals.
    #[serde(serialize_with = "crate::secret::word")]
    pub method: String,
    /// Path with query.
    pub path: String,
    /// Headers.
    pub headers: BTreeMap<String, String>,
    /// Body.
    pub body: Option<String>,
    /// The status it must have; none is any 2xx.
    pub status: Option<u16>,
    /// A text the answer must contain.
    pub contains: Option<String>,
}

/// Something that can be observed to hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    /// A service is well.
    Healthy {
        /// The service.
        #[serde(serialize_with = "crate::secret::word")]
        service: String,
    },
    /// An HTTP call is answered as said.
    Http(HttpCall),
    /// The first column of a query's first row.
    Sql {
        /// The database, by its service.
        #[serde(serialize_with = "crate::secret::word")]
        database: String,
        /// The query.
        query: String,
        /// The text it must equal.
        equals: String,
    },
    /// A command inside a service ends as said.
    Exec {
        /// The service.
        #[serde(serialize_with = "crate::secret::word")]
        service: String,
        /// The command.
        command: Vec<String>,
        /// Its exit code.
        exit_code: i64,
        /// A text that its output must contain.
        contains: Option<String>,
    },
    /// Each key of one store is in at least one of others.
    Across(Across),
    /// A queue holds so many messages, those included that were delivered and are not acknowledged.
    Queue {
        /// The observed store.
        #[serde(serialize_with = "crate::secret::word")]
        store: String,
        /// The queue.
        #[serde(serialize_with = "crate::secret::word")]
        queue: String,
        /// How many.
        messages: u64,
    },
    /// A service printed a line.
    Log {
        /// The service.
        #[serde(serialize_with = "crate::secret::word")]
        service: String,
        /// A regular expression.
        pattern: String,
        /// Whether the line must stay away instead.
        absent: bool,
    },
}

/// Where and how the change is broken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// The point.
    pub point: Point,
    /// The faults, in the order they are injected.
    pub faults: Vec<PlannedFault>,
    /// Whether nothing more of the change is sent after them.
    pub stop: bool,
    /// How long the interrupted operation's sessions may take to end; none opts out.
    pub settle_ms: Option<u64>,
    /// Where it is written.
    pub at: Place,
}

/// A point inside the change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// The step's number, from 1.
    pub step: u32,
    /// What is waited for there.
    pub trigger: Trigger,
    /// How long it may take to be reached.
    #[serde(with = "crate::millis")]
    pub within: Duration,
    /// Where it is written.
    pub at: Place,
}

/// What makes a point.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// The gap before or after the step: exact.
    Step(Side),
    /// A statement of an `sql` step: exact.
    Statement {
        /// Its number, from 1.
        number: u32,
        /// The side of it.
        side: Side,
    },
    /// A container of a rolling `deploy` step: exact.
    Replica {
        /// Its number, from 1.
        number: u32,
        /// The side of its replacement.
        side: Side,
    },
    /// A place in the step's conversation with a service, held by its gateway: exact.
    Wire {
        /// The mark.
        mark: control::Mark,
        /// The mark as it is written, such as `statement 3`.
        words: String,
    },
    /// A line in the output of the step, or of a service.
    Log {
        /// The service; none is the step itself.
        #[serde(serialize_with = "crate::secret::word")]
        service: Option<String>,
        /// A regular expression.
        pattern: String,
    },
    /// A fact turns true while the step runs.
    Fact(Fact),
    /// So many milliseconds after the step began.
    After(u64),
}

/// A side of a step, statement or replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// It has not been sent or started.
    Before,
    /// It is done.
    After,
}

/// A fault, and when it is healed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedFault {
    /// The fault.
    pub fault: Fault,
    /// When it is healed.
    pub heal: Heal,
    /// Where it is written.
    pub at: Place,
}

/// What is injected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Ends the operation itself.
    Abort,
    /// A signal to a service's first process.
    Kill {
        /// The service.
        #[serde(serialize_with = "crate::secret::word")]
        service: String,
        /// The signal, such as `SIGKILL`.
        #[serde(serialize_with = "crate::secret::word")]
        signal: String,
    },
    /// The engine's stop.
    Stop {
        /// The service.
        #[serde(serialize_with = "crate::secret::word")]
        service: String,
    },
    /// A freeze.
    Pause {
        /// The service.
        #[serde(serialize_with = "crate::secret::word")]
        service: String,
    },
    /// A restart.
    Restart {
        /// The service.
        #[serde(serialize_with = "crate::secret::word")]
        service: String,
    },
    /// Off a network.
    Disconnect {
        /// The service.
        #[serde(serialize_with = "crate::secret::word")]
        service: String,
        /// The network, by Compose name.
        #[serde(serialize_with = "crate::secret::word")]
        network: String,
    },
    /// Any command.
    Exec {
        /// The service.
        #[serde(serialize_with = "crate::secret::word")]
        service: String,
        /// What injects it.
        command: Vec<String>,
        /// What shows that it acted.
        verify: Vec<String>,
        /// What undoes it.
        heal: Option<Vec<String>>,
    },
    /// Something on the wire between the operation and a service.
    Wire {
        /// The service that is called.
        #[serde(serialize_with = "crate::secret::word")]
        service: String,
        /// What happens there.
        weather: Weather,
        /// Its number among the faults, by which it is ended; several may lie on one service.
        number: u32,
    },
    /// Nothing more can be written to what a folder lies on.
    FillDisk {
        /// The service.
        #[serde(serialize_with = "crate::secret::word")]
        service: String,
        /// The folder in its container.
        #[serde(serialize_with = "crate::secret::word")]
        path: String,
    },
    /// Less memory or processor time.
    Limit {
        /// The service.
        #[serde(serialize_with = "crate::secret::word")]
        service: String,
        /// How much is left.
        limits: Limits,
    },
    /// Something inside an observed database.
    Database {
        /// The service.
        #[serde(serialize_with = "crate::secret::word")]
        service: String,
        /// What happens there.
        fault: DatabaseFault,
    },
}

/// The most that each container of a service may use; what is none is not limited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Memory with swap, in bytes.
    pub memory: Option<u64>,
    /// Processor time, in percent of one processor.
    pub cpu_percent: Option<u32>,
}

impl Fault {
    /// The service it acts on; none for `abort`.
    pub fn service(&self) -> Option<&str> {
        match self {
            Self::Abort => None,
            Self::Kill { service, .. }
            | Self::Stop { service }
            | Self::Pause { service }
            | Self::Restart { service }
            | Self::Disconnect { service, .. }
            | Self::Exec { service, .. }
            | Self::Wire { service, .. }
            | Self::FillDisk { service, .. }
            | Self::Limit { service, .. }
            | Self::Database { service, .. } => Some(service),
        }
    }

    /// Its word in YAML.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Abort => "abort",
            Self::Kill { .. } => "kill",
            Self::Stop { .. } => "stop",
            Self::Pause { .. } => "pause",
            Self::Restart { .. } => "restart",
            Self::Disconnect { .. } => "disconnect",
            Self::Exec { .. } => "exec",
            Self::Wire { weather, .. } => weather.word(),
            Self::FillDisk { .. } => "fill_disk",
            Self::Limit { .. } => "limit",
            Self::Database { fault, .. } => fault.word(),
        }
    }

    /// Whether it may end a service's processes with no chance to finish what they were doing (S14).
    pub fn may_crash(&self) -> bool {
        match self {
            Self::Kill { .. } | Self::FillDisk { .. } => true,
            Self::Limit { limits, .. } => limits.memory.is_some(),
            Self::Abort
            | Self::Stop { .. }
            | Self::Pause { .. }
            | Self::Restart { .. }
            | Self::Disconnect { .. }
            | Self::Exec { .. }
            | Self::Wire { .. }
            | Self::Database { .. } => false,
        }
    }

    /// Whether it acts on the operation, so that in a run without one there may be nothing for it to act on.
    pub fn needs_an_operation(&self) -> bool {
        match self {
            Self::Abort => true,
            Self::Database { fault, .. } => fault.needs_an_operation(),
            Self::Kill { .. }
            | Self::Stop { .. }
            | Self::Pause { .. }
            | Self::Restart { .. }
            | Self::Disconnect { .. }
            | Self::Exec { .. }
            | Self::Wire { .. }
            | Self::FillDisk { .. }
            | Self::Limit { .. } => false,
        }
    }
}

/// When a fault is healed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Heal {
    /// Before the rollback.
    BeforeRollback,
    /// After the rollback.
    AfterRollback,
    /// Only when the run is over.
    Never,
}

/// The way back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rollback {
    /// How long it may take.
    #[serde(with = "crate::millis")]
    pub within: Duration,
    /// When it is killed.
    #[serde(with = "crate::millis")]
    pub give_up: Duration,
    /// What starts it.
    pub when: When,
    /// Whether it may exit with an error where nothing of the change was applied.
    pub may_refuse: bool,
    /// Its steps.
    pub steps: Vec<Step>,
    /// Where it is written.
    pub at: Place,
}

/// What starts the rollback.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// The failure itself.
    AtOnce,
    /// Somebody at the terminal.
    Facilitator,
    /// A fact.
    Fact {
        /// The fact.
        fact: Fact,
        /// How long to wait for it, in milliseconds.
        within_ms: u64,
    },
    /// An alert, as production would see it.
    Alert {
        /// Its position among the expected alerts.
        alert: usize,
        /// How long to wait for it, in milliseconds.
        within_ms: u64,
    },
}

/// What must hold afterwards.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Expect {
    /// The five states, each with what it is compared with.
    pub states: BTreeMap<StateKind, StateExpectation>,
    /// Whether the change fails by itself.
    pub change_fails: bool,
    /// Explicit expectations.
    pub facts: Vec<Expectation>,
    /// What must hold all the time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub always: Vec<Expectation>,
    /// Alerts that the failure must set off and the rollback must end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alerts: Vec<Alert>,
    /// How long the recovery may take, and how much it may lose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<Recovery>,
    /// Calls to the outside, and what makes up for them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outside: Vec<Effect>,
    /// Where it is written.
    pub at: Place,
}

impl Expect {
    /// The distinct lists of steps of `as_after` expectations, each with a twin of its own.
    pub fn twins(&self) -> Vec<&[Step]> {
        let mut twins: Vec<&[Step]> = Vec::new();
        for state in self.states.values() {
            if let Reference::After(steps) = &state.reference
                && !twins.iter().any(|twin| do_the_same(twin, steps))
            {
                twins.push(steps);
            }
        }
        twins
    }

    /// The position of a list of steps among the twins.
    pub fn twin_of(&self, steps: &[Step]) -> Option<u32> {
        let found = self.twins().iter().position(|twin| do_the_same(twin, steps));
        found.and_then(|at| u32::try_from(at).ok())
    }
}

/// Whether two lists of steps do the same, wherever they are written.
fn do_the_same(one: &[Step], other: &[Step]) -> bool {
    let actions = |steps: &[Step]| steps.iter().map(|step| step.action.clone()).collect::<Vec<_>>();
    actions(one) == actions(other)
}

/// The five states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StateKind {
    /// Services (S11).
    System,
    /// Schemas (S12).
    Schema,
    /// Rows (S13).
    Data,
    /// Sequences (S14).
    Sequences,
    /// What was not there before (S15).
    Leftovers,
}

impl StateKind {
    /// All of them, in the order of reports.
    pub const ALL: [Self; 5] = [Self::System, Self::Schema, Self::Data, Self::Sequences, Self::Leftovers];

    /// The word in YAML and reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Schema => "schema",
            Self::Data => "data",
            Self::Sequences => "sequences",
            Self::Leftovers => "leftovers",
        }
    }
}

/// What a state is compared with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StateExpectation {
    /// The reference.
    pub reference: Reference,
    /// Differences that are allowed.
    pub except: Vec<Exception>,
    /// For the schema: whether the order of a table's columns counts.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub column_order: bool,
    /// Where it is asked for; the place of `expect` where it is not written.
    pub at: Place,
}

/// The reference of a comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reference {
    /// The capture before the change.
    Before,
    /// The same, plus what clients were promised since.
    BeforePlusAcknowledged,
    /// The same, and sequences exactly.
    Exact,
    /// A twin of the seeded stage with these steps applied.
    After(Vec<Step>),
    /// Not judged, for this reason.
    Any(String),
}

/// A difference that is allowed (S16).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exception {
    /// What it covers.
    pub covers: Covers,
    /// Why.
    pub because: String,
    /// Where it is written.
    pub at: Place,
}

/// What an exception covers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Covers {
    /// A table, or some of its columns or rows.
    Table {
        /// `schema.table`.
        #[serde(serialize_with = "crate::secret::word")]
        table: String,
        /// Only these columns; empty is all.
        #[serde(serialize_with = "crate::secret::word")]
        columns: Vec<String>,
        /// Only these rows.
        condition: Option<String>,
    },
    /// All tables of a schema, or some of their columns.
    Schema {
        /// Its name.
        #[serde(serialize_with = "crate::secret::word")]
        schema: String,
        /// Only these columns; empty is all.
        #[serde(serialize_with = "crate::secret::word")]
        columns: Vec<String>,
    },
    /// A schema object by its name in reports.
    Object(#[serde(serialize_with = "crate::secret::word")] String),
    /// A sequence, `schema.sequence`.
    Sequence(#[serde(serialize_with = "crate::secret::word")] String),
    /// A service.
    Service(#[serde(serialize_with = "crate::secret::word")] String),
    /// A leftover by its name in reports.
    Leftover(#[serde(serialize_with = "crate::secret::word")] String),
}

/// An explicit expectation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Expectation {
    /// What must hold.
    pub fact: Fact,
    /// How long it may take to become so.
    #[serde(with = "crate::millis")]
    pub within: Duration,
    /// In a few words: `GET /healthz on api is 200`.
    pub title: String,
    /// Where it is written.
    pub at: Place,
}

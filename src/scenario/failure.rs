//! Where a change is broken, and how.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

use super::expect::{HttpCall, SqlFact};
use super::fault::{FillDisk, Limit, Lock, ReadOnly, Revoke, TerminateBackend};
use super::step::Command;
use super::timespan::Timespan;

/// The failure of an interrupted run.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// The point inside the change.
    pub at: Point,
    /// What is injected there, in this order.
    pub inject: Vec<Fault>,
    /// What becomes of the change after the fault (default `stop`).
    #[serde(default)]
    pub then: Then,
    /// When the fault is healed. Default: before the rollback for kill, stop, pause and disconnect.
    pub heal: Option<Heal>,
    /// How long the interrupted operation's server sessions may take to end (default 30 s), or
    /// `none` to capture without waiting.
    pub settle: Option<Settle>,
}

/// A point inside the change. A step alone is a point between steps; `replica` lies inside a rolling `deploy`;
/// `statement`, `matching`, `commit`,
/// `request`, `command`, `rows` and `bytes` lie inside the step's conversation with the service `on`;
/// `log`, `sql`, `http` and `after` are seen from outside and cannot hold.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = super::called_on::or_on)]
pub struct Point {
    /// The step, by its number from 1 or its `id`.
    pub step: Option<StepName>,
    /// The service that is called at the point (may be left out where only one can be meant); with
    /// `log`: the service that prints.
    #[serde(rename = "service", alias = "on")]
    pub on: Option<String>,
    /// The statement's number from 1, BEGIN and COMMIT included. In a `run` or `exec` step it is counted
    /// on the wire, by a gateway in front of `on`.
    pub statement: Option<u32>,
    /// The container of a rolling `deploy`, by its number from 1.
    pub replica: Option<u32>,
    /// The first statement in which this regular expression matches (case does not matter, and a space
    /// stands for any white space).
    pub matching: Option<String>,
    /// The commit's number from 1: what makes changes permanent, COMMIT or not.
    pub commit: Option<u32>,
    /// An HTTP request such as `POST /flags`.
    pub request: Option<String>,
    /// A Redis command such as `DEL` or `DEL cart:17`.
    pub command: Option<String>,
    /// So many rows of a COPY have gone to the server.
    pub rows: Option<u64>,
    /// So many bytes have gone to the server.
    pub bytes: Option<u64>,
    /// Which of those that match, from 1 (default 1); with `matching`, `request` and `command`.
    pub nth: Option<u32>,
    /// Whether all of the operation's connections are frozen, and not only the one at the point.
    #[serde(default)]
    pub all: bool,
    /// On which side of the step, statement or replica the change is held (default `before`).
    pub hold: Option<Side>,
    /// A line matching this regular expression appears, in the step's output or that of the service `on`.
    pub log: Option<String>,
    /// A query gives what is said while the step runs.
    pub sql: Option<SqlFact>,
    /// An HTTP call is answered as said while the step runs.
    pub http: Option<HttpCall>,
    /// So long after the step began: the last resort.
    pub after: Option<Timespan>,
    /// How long to wait for the point (default: the step's timeout).
    pub within: Option<Timespan>,
}

/// A step by number or name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepName {
    /// Its number, from 1.
    Number(u32),
    /// Its `id`.
    Id(String),
}

impl<'de> Deserialize<'de> for StepName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberOrId;
        impl de::Visitor<'_> for NumberOrId {
            type Value = StepName;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a step's number from 1, or its id")
            }
            fn visit_u64<E: de::Error>(self, number: u64) -> Result<StepName, E> {
                u32::try_from(number).map(StepName::Number).map_err(E::custom)
            }
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<StepName, E> {
                Err(E::custom(format!("`{number}` is not a step; steps are counted from 1")))
            }
            fn visit_str<E: de::Error>(self, id: &str) -> Result<StepName, E> {
                Ok(StepName::Id(id.to_owned()))
            }
        }
        deserializer.deserialize_any(NumberOrId)
    }
}

impl JsonSchema for StepName {
    fn schema_name() -> Cow<'static, str> {
        "StepName".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "description": "A step's number from 1, or its id.", "type": ["integer", "string"], "minimum": 1 })
    }
}

/// A side of a step or statement.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// It has not been sent or started.
    #[default]
    Before,
    /// It is done.
    After,
}

/// What becomes of the change after the fault.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Then {
    /// Nothing more of it is sent or started.
    #[default]
    Stop,
    /// It goes on as well as it can; if it finishes all the same, it was not interrupted.
    Continue,
}

/// When a fault is healed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Heal {
    /// Before the rollback starts.
    BeforeRollback,
    /// After the rollback ended, so that it has to work in spite of the fault.
    AfterRollback,
    /// Not at all; refused for a store that is observed.
    Never,
}

/// Whether and how long the interrupted operation's sessions are waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settle {
    /// Not at all.
    None,
    /// At most so long.
    Within(Timespan),
}

impl<'de> Deserialize<'de> for Settle {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == "none" {
            return Ok(Self::None);
        }
        text.parse()
            .map(Self::Within)
            .map_err(|wrong: String| de::Error::custom(format!("{wrong}, or `none`")))
    }
}

impl JsonSchema for Settle {
    fn schema_name() -> Cow<'static, str> {
        "Settle".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "description": "`none`, or a length of time.", "pattern": "^(none|([0-9]+(ms|s|m|h))+)$" })
    }
}

/// What is injected at a point.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Ends the operation itself: its socket is closed, its process gets SIGKILL.
    Abort(Abort),
    /// Sends a signal to a service's first process; its restart policy acts.
    Kill(Kill),
    /// Stops a service as the engine does.
    Stop(OnService),
    /// Freezes a service.
    Pause(OnService),
    /// Restarts a service.
    Restart(OnService),
    /// Takes a service off a network.
    Disconnect(Disconnect),
    /// Runs any command inside a service.
    Exec(ExecFault),
    /// Ends the operation's connections to a service.
    Cut(Cut),
    /// Lets nothing pass between the operation and a service, and closes nothing.
    Blackhole(OnService),
    /// Delays what passes between the operation and a service.
    Delay(Delay),
    /// Slows down what passes between the operation and a service.
    Throttle(Throttle),
    /// Answers the operation with an error in a service's place.
    Answer(AnswerFault),
    /// Turns away new connections of the operation to a service.
    Refuse(OnService),
    /// Fills what a folder of a service lies on, until nothing more can be written.
    FillDisk(FillDisk),
    /// Gives a service less memory or less processor time.
    Limit(Limit),
    /// Locks a table or some of its rows.
    Lock(Lock),
    /// Ends sessions inside the server.
    TerminateBackend(TerminateBackend),
    /// Takes privileges from a role.
    Revoke(Revoke),
    /// Makes new sessions of a database read-only.
    ReadOnly(ReadOnly),
}

/// `cut`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cut {
    /// The Compose service that is called.
    pub service: String,
    /// How (default `reset`).
    #[serde(default)]
    pub by: CutBy,
}

/// How a connection is ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CutBy {
    /// By a reset (RST): both sides get an error.
    #[default]
    Reset,
    /// By a FIN: both sides see an end.
    Fin,
}

/// `delay`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Delay {
    /// The Compose service that is called.
    pub service: String,
    /// How long each chunk waits, in each direction.
    pub by: Timespan,
    /// How much more or less, at random (default 0).
    pub jitter: Option<Timespan>,
}

/// `throttle`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Throttle {
    /// The Compose service that is called.
    pub service: String,
    /// How many bytes pass per second, in each direction of each connection.
    #[schemars(range(min = 1))]
    pub bytes_per_second: u64,
}

/// `answer`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AnswerFault {
    /// The Compose service that is called.
    pub service: String,
    /// SQLSTATE (`"40001"`), HTTP status, Redis error word (`LOADING`) or MariaDB error number.
    pub code: String,
    /// The message (default: that a drill answers).
    pub message: Option<String>,
    /// Only asks in which this regular expression matches.
    pub matching: Option<String>,
    /// Only the first such ask.
    #[serde(default)]
    pub once: bool,
}

/// `abort` has nothing to say.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Abort {}

/// `kill`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Kill {
    /// The Compose service.
    pub service: String,
    /// The signal (default `SIGKILL`).
    pub signal: Option<String>,
}

/// A fault that needs only a service.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OnService {
    /// The Compose service.
    pub service: String,
}

/// `disconnect`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Disconnect {
    /// The Compose service.
    pub service: String,
    /// The Compose network (may be left out where the service has only one).
    pub network: Option<String>,
}

/// `exec`: any command as a fault.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExecFault {
    /// The Compose service.
    pub service: String,
    /// What injects the fault; must exit with 0.
    pub command: Command,
    /// What shows that it acted; must exit with 0.
    pub verify: Command,
    /// What undoes it; must exit with 0.
    pub heal: Option<Command>,
}

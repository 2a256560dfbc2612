//! Where a change is broken, and how.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

use super::expect::{HttpCall, SqlFact};
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

/// A point inside the change. A step alone is a point between steps; with `statement` it lies inside
/// an `sql` step; `log`, `sql`, `http` and `after` are seen from outside and cannot hold.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Point {
    /// The step, by its number from 1 or its `id`.
    pub step: Option<StepName>,
    /// With `statement`: the database (may be left out); with `log`: the service that prints.
    pub on: Option<String>,
    /// The statement's number from 1, BEGIN and COMMIT included.
    pub statement: Option<u32>,
    /// On which side of the step or statement the change is held (default `before`).
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

//! `scenario.yaml`, one to one. What is required is checked by the plan, with everything else that
//! is wrong; here it is optional so that one gap does not hide another.

use schemars::JsonSchema;
use serde::Deserialize;

use super::expect::{Expect, SqlFact};
use super::failure::{Failure, StepName};
use super::forward_only::ForwardOnly;
use super::impact::Impact;
use super::observe::{Alerts, Document, Folder, Outside, RabbitMq, Redis};
use super::step::{JobStep, Step};
use super::timespan::Timespan;
use super::traffic::Traffic;
use super::{expect::HttpCall, expect::LogFact};

/// A scenario: staging, change, failure, rollback and what must hold afterwards.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = [{ "required": ["rollback"] }, { "required": ["forward_only"] }]))]
pub struct ScenarioFile {
    /// The version of this format: 1.
    #[schemars(required, range(min = 1, max = 1))]
    pub format: Option<u32>,
    /// The scenario's name.
    #[schemars(required)]
    pub name: Option<String>,
    /// One line on what it is about.
    pub summary: Option<String>,
    /// Which risks it is about, in words of your own: schema, data, config, …
    #[serde(default)]
    pub risks: Vec<String>,
    /// Names of environment variables whose values never reach a journal or a report.
    #[serde(default)]
    pub secrets: Vec<String>,
    /// Columns whose values are shown as length and digest: `orders.note`, `customers.*`.
    #[serde(default)]
    pub mask: Vec<String>,
    /// The staging system.
    #[schemars(required)]
    pub staging: Option<Staging>,
    /// Where state is looked for.
    #[serde(default)]
    pub observe: Observe,
    /// Gateways between operations and what they call; those that a point or a fault needs are found
    /// without being named here.
    #[serde(default)]
    pub gateways: Vec<Gateway>,
    /// What clients do while the drill runs, from before the change until after the rollback.
    #[serde(default)]
    pub traffic: Vec<Traffic>,
    /// The operation whose rollback is drilled.
    #[serde(default)]
    #[schemars(required, length(min = 1))]
    pub change: Vec<Step>,
    /// Where and how the change is broken. Without it only the finished change is rolled back.
    pub failure: Option<Failure>,
    /// The way back.
    pub rollback: Option<Rollback>,
    /// Instead of a way back: why there is none, and what makes the change safe all the same.
    pub forward_only: Option<ForwardOnly>,
    /// What must hold afterwards.
    #[schemars(required)]
    pub expect: Option<Expect>,
    /// What the change touches, and nothing else. Without it what was touched is shown and not judged.
    pub impact: Option<Impact>,
    /// What `backout lint` need not say.
    #[serde(default)]
    pub lint: Lint,
}

/// What `backout lint` need not say.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lint {
    /// Operations that are allowed although there may be no way back; the scorecard shows each with its reason.
    #[serde(default)]
    pub allow: Vec<Allow>,
}

/// Operations that are allowed, for a reason.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Allow {
    /// The rule, such as `drop-column`; `backout lint --explain RULE` tells of it.
    pub rule: String,
    /// Only in this step, by its number from 1 or its `id`.
    pub step: Option<StepName>,
    /// Only in this SQL file, as a step names it.
    pub file: Option<String>,
    /// Why.
    pub because: String,
}

/// The staging system.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Staging {
    /// One Compose file, or several that are merged.
    pub compose: OneOrMany,
    /// Compose profiles to activate.
    #[serde(default)]
    pub profiles: Vec<String>,
    /// What fills the system before the drill.
    #[serde(default)]
    pub seed: Vec<Step>,
    /// Services that hold no session, cache or file that a run could change: a sweep does not make them
    /// anew between two runs.
    #[serde(default)]
    pub stateless: Vec<String>,
    /// How long the system may take to come up (default 5 min, images not counted).
    pub within: Option<Timespan>,
}

/// A name, or a list of names.
#[derive(Debug, Clone)]
pub struct OneOrMany(pub Vec<String>);

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names;
        impl<'de> serde::de::Visitor<'de> for Names {
            type Value = OneOrMany;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a file, or a list of files")
            }
            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<OneOrMany, E> {
                Ok(OneOrMany(vec![name.to_owned()]))
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<OneOrMany, A::Error> {
                let mut names = Vec::new();
                while let Some(name) = list.next_element()? {
                    names.push(name);
                }
                Ok(OneOrMany(names))
            }
        }
        deserializer.deserialize_any(Names)
    }
}

impl JsonSchema for OneOrMany {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "OneOrMany".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "anyOf": [{ "type": "string" }, { "type": "array", "minItems": 1, "items": { "type": "string" } }]
        })
    }
}

/// A gateway in front of a service.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Gateway {
    /// The Compose service that is called.
    pub service: String,
    /// Its port (default: the only one that is known of it, else that of the protocol).
    #[schemars(range(min = 1))]
    pub port: Option<u16>,
    /// What is spoken there (default: known by the port).
    pub protocol: Option<crate::gateway::control::Protocol>,
    /// The services that call through it (default: those of all `run` and `exec` steps).
    #[serde(default)]
    pub clients: Vec<String>,
}

/// Where state is looked for.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Observe {
    /// Databases, compared in full.
    #[serde(default)]
    pub databases: Vec<Database>,
    /// Redis servers, compared key by key.
    #[serde(default)]
    pub redis: Vec<Redis>,
    /// Virtual hosts of RabbitMQ servers, compared queue by queue and message by message.
    #[serde(default)]
    pub rabbitmq: Vec<RabbitMq>,
    /// Folders on volumes and bind mounts, compared file by file.
    #[serde(default)]
    pub files: Vec<Folder>,
    /// JSON documents that stand for state, compared value by value.
    #[serde(default)]
    pub documents: Vec<Document>,
    /// The Alertmanager whose alerts are expected, or start the rollback. Alerts are no state: they are
    /// watched, and not compared.
    pub alerts: Option<Alerts>,
    /// Hosts that stand for the outside: every call of the change and the rollback to them is recorded.
    #[serde(default)]
    pub outside: Vec<Outside>,
}

/// An observed database.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// The Compose service that serves it.
    pub service: String,
    /// The kind of server.
    pub engine: Engine,
    /// The database's name.
    pub database: String,
    /// The user to connect as; must be able to read every table, and in MariaDB have the privilege PROCESS.
    pub user: String,
    /// That user's password.
    pub password: Option<Password>,
    /// The port in the container (default 5432, MariaDB 3306).
    pub port: Option<u16>,
}

/// Kinds of database servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Engine {
    /// PostgreSQL 13 or later.
    Postgres,
    /// MariaDB 10.5 or later.
    Mariadb,
}

/// Where a password comes from.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Password {
    /// A variable of the service's environment as Compose resolves it, else of the runner's.
    pub env: String,
}

/// The way back.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rollback {
    /// How long it may take (default 10 min).
    pub within: Option<Timespan>,
    /// When it is killed (default three times `within`).
    pub give_up: Option<Timespan>,
    /// What starts it (default `at_once`).
    #[serde(default)]
    pub when: When,
    /// When it may exit with an error.
    pub may_refuse: Option<MayRefuse>,
    /// Its steps.
    #[serde(default)]
    pub steps: Vec<Step>,
    /// Instead of steps: the job of the delivery pipeline that takes a release back.
    pub from: Option<JobStep>,
}

/// When a rollback may exit with an error although the state is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MayRefuse {
    /// The failure left nothing of the change.
    WhenNothingApplied,
}

/// What starts the rollback.
#[derive(Debug, Clone, Default)]
pub enum When {
    /// The failure itself.
    #[default]
    AtOnce,
    /// Somebody who presses Enter at the runner's terminal.
    Facilitator,
    /// A fact.
    Fact(Box<Trigger>),
}

/// A fact that starts the rollback. Exactly one is given.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Trigger {
    /// An HTTP call is answered as said.
    pub http: Option<HttpCall>,
    /// A query gives what is said.
    pub sql: Option<SqlFact>,
    /// A service printed a line.
    pub log: Option<LogFact>,
    /// An alert of this name fires at the observed Alertmanager; at the other points of a sweep nobody waits
    /// for it.
    pub alert: Option<String>,
    /// How long to wait for it (default 2 min).
    pub within: Option<Timespan>,
}

impl<'de> Deserialize<'de> for When {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameOrFact;
        impl<'de> serde::de::Visitor<'de> for NameOrFact {
            type Value = When;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("`at_once`, `facilitator`, or a fact such as `http: {…}`")
            }
            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<When, E> {
                match name {
                    "at_once" => Ok(When::AtOnce),
                    "facilitator" => Ok(When::Facilitator),
                    other => Err(E::unknown_variant(other, &["at_once", "facilitator"])),
                }
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<When, A::Error> {
                let trigger = Trigger::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
                Ok(When::Fact(Box::new(trigger)))
            }
        }
        deserializer.deserialize_any(NameOrFact)
    }
}

impl JsonSchema for When {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "When".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let fact = generator.subschema_for::<Trigger>();
        schemars::json_schema!({ "description": "What starts the rollback.", "anyOf": [{ "enum": ["at_once", "facilitator"] }, fact] })
    }
}

//! What must hold after the rollback.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

use super::step::{Command, Scalar, Step};
use super::timespan::{Allowance, Timespan};
use crate::gateway::call::Field;

/// Everything that must hold after the rollback. A state that is not named must be as before.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// Images, commands, environment, mounts, networks, replicas and health of the services.
    pub system: Option<StateExpectation>,
    /// The databases' schema.
    pub schema: Option<StateExpectation>,
    /// The databases' rows.
    pub data: Option<StateExpectation>,
    /// Sequences: `as_before` lets a position be ahead, `exact` does not.
    pub sequences: Option<StateExpectation>,
    /// Sessions, locks, prepared transactions, roles, containers, volumes that were not there.
    pub leftovers: Option<StateExpectation>,
    /// Whether the change itself succeeds when nothing breaks it (default `ok`).
    #[serde(default)]
    pub change: ChangeExpectation,
    /// HTTP calls and their answers.
    #[serde(default)]
    pub http: Vec<HttpExpectation>,
    /// Queries and their results.
    #[serde(default)]
    pub sql: Vec<SqlExpectation>,
    /// Queries whose results must be so all the time, from before the change until after the rollback.
    #[serde(default)]
    pub always: Vec<SqlFact>,
    /// Keys of one store that must be found in others.
    #[serde(default)]
    pub across: Vec<AcrossExpectation>,
    /// Queues, and how many messages they hold. They are waited for before the state at the end is captured:
    /// until then a message may be under way.
    #[serde(default)]
    pub queue: Vec<QueueExpectation>,
    /// Alerts that the failure must set off and the rollback must end. They are judged where the change is
    /// broken at the scenario's own point, and must stay quiet in the idle run.
    #[serde(default)]
    pub alerts: Vec<AlertExpectation>,
    /// Calls to hosts of `observe.outside`, and what makes up for them. No other calls may be made there but
    /// those that only read.
    #[serde(default)]
    pub outside: Vec<OutsideExpectation>,
    /// Commands inside services, and how they end.
    #[serde(default)]
    pub exec: Vec<ExecExpectation>,
    /// Lines in what services print after the rollback.
    #[serde(default)]
    pub log: Vec<LogExpectation>,
    /// How long a recovery may take, and how much it may lose.
    pub recovery: Option<RecoveryExpectation>,
}

/// `recovery` under `expect`: how long it may take until all is well again, and how much of what clients were
/// promised may be gone. Where neither `rpo` nor `lost` is given, nothing may be.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecoveryExpectation {
    /// From the failure until every service is as well as before and no request fails any more (recovery time
    /// objective).
    pub rto: Option<Timespan>,
    /// From the first acknowledged write that is gone until the failure, or the last that is gone (recovery point
    /// objective).
    pub rpo: Option<Allowance>,
    /// How many acknowledged writes may be gone.
    pub lost: Option<u64>,
}

/// Whether the change succeeds by itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChangeExpectation {
    /// Every step succeeds.
    #[default]
    Ok,
    /// A step fails: the release is bad, and the rollback is the answer.
    Fails,
}

/// What a state is compared with.
#[derive(Debug, Clone)]
pub enum StateExpectation {
    /// As it was before the change, but for the exceptions.
    AsBefore(AsBefore),
    /// As it was before, plus what clients were promised since, and nothing else.
    AsBeforePlusAcknowledged(AsBefore),
    /// As before, sequence positions included.
    Exact,
    /// As on a second stage with these steps applied to the seed.
    AsAfter(Vec<Step>),
    /// Not judged, for a reason.
    Any(String),
}

/// A difference that is allowed, and why.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Exception {
    /// A table, as `table` or `schema.table`; of a store that is no database, as the report names it:
    /// `cache.db0`.
    pub table: Option<String>,
    /// A schema of PostgreSQL: all its tables.
    pub schema: Option<String>,
    /// Only these columns of the table, or of the schema's tables.
    #[serde(default)]
    pub columns: Vec<String>,
    /// Only the rows for which this SQL condition holds; in a store that is no database, only those whose
    /// key this pattern is, in which `*` stands for any text: `session:*`.
    #[serde(rename = "where")]
    pub where_: Option<String>,
    /// A schema object, as the report names it: `index orders_note_idx`.
    pub object: Option<String>,
    /// A sequence, as `sequence` or `schema.sequence`.
    pub sequence: Option<String>,
    /// A service.
    pub service: Option<String>,
    /// A leftover, as the report names it.
    pub leftover: Option<String>,
    /// Why this difference is right.
    pub because: String,
}

/// What is allowed to differ from the state before, and what has to be looked at more closely.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AsBefore {
    /// Differences that are allowed.
    #[serde(default)]
    pub except: Vec<Exception>,
    /// For the schema: whether the order of columns counts.
    pub column_order: Option<ColumnOrder>,
}

/// How the order of a table's columns is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnOrder {
    /// It counts.
    Exact,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Because {
    because: String,
}

impl<'de> Deserialize<'de> for StateExpectation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        const NAMES: [&str; 6] =
            ["as_before", "as_before_plus_acknowledged", "none", "exact", "as_after", "any"];
        const MAPS: [&str; 4] = ["as_before", "as_before_plus_acknowledged", "as_after", "any"];
        struct NameOrMap;
        impl<'de> de::Visitor<'de> for NameOrMap {
            type Value = StateExpectation;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`as_before`, `none`, `exact`, or a mapping such as `as_before: { except: […] }`")
            }
            fn visit_str<E: de::Error>(self, name: &str) -> Result<StateExpectation, E> {
                match name {
                    "as_before" | "none" => Ok(StateExpectation::AsBefore(AsBefore::default())),
                    "as_before_plus_acknowledged" => {
                        Ok(StateExpectation::AsBeforePlusAcknowledged(AsBefore::default()))
                    }
                    "exact" => Ok(StateExpectation::Exact),
                    other => Err(E::unknown_variant(other, &NAMES)),
                }
            }
            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<StateExpectation, A::Error> {
                let Some(name) = map.next_key::<String>()? else {
                    return Err(de::Error::custom("an empty expectation; write `as_before`"));
                };
                let expectation = match name.as_str() {
                    "as_before" => StateExpectation::AsBefore(map.next_value()?),
                    "as_before_plus_acknowledged" => {
                        StateExpectation::AsBeforePlusAcknowledged(map.next_value()?)
                    }
                    "as_after" => StateExpectation::AsAfter(map.next_value()?),
                    "any" => StateExpectation::Any(map.next_value::<Because>()?.because),
                    other => return Err(de::Error::unknown_field(other, &MAPS)),
                };
                match map.next_key::<String>()? {
                    None => Ok(expectation),
                    Some(second) => {
                        Err(de::Error::custom(format!("`{name}` and `{second}`: only one can hold")))
                    }
                }
            }
        }
        deserializer.deserialize_any(NameOrMap)
    }
}

impl JsonSchema for StateExpectation {
    fn schema_name() -> Cow<'static, str> {
        "StateExpectation".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let exception = generator.subschema_for::<Exception>();
        let step = generator.subschema_for::<Step>();
        json_schema!({
            "description": "What a state is compared with.",
            "oneOf": [
                { "enum": ["as_before", "as_before_plus_acknowledged", "none", "exact"] },
                { "type": "object", "additionalProperties": false, "required": ["as_before"], "properties": {
                    "as_before": { "type": "object", "additionalProperties": false, "minProperties": 1,
                        "properties": { "except": { "type": "array", "items": exception },
                            "column_order": { "const": "exact",
                                "description": "For the schema: the order of a table's columns counts." } } } } },
                { "type": "object", "additionalProperties": false, "required": ["as_before_plus_acknowledged"],
                    "properties": { "as_before_plus_acknowledged": { "type": "object",
                        "additionalProperties": false, "required": ["except"],
                        "properties": { "except": { "type": "array", "items": exception } } } } },
                { "type": "object", "additionalProperties": false, "required": ["as_after"], "properties": {
                    "as_after": { "type": "array", "items": step } } },
                { "type": "object", "additionalProperties": false, "required": ["any"], "properties": {
                    "any": { "type": "object", "additionalProperties": false, "required": ["because"],
                        "properties": { "because": { "type": "string" } } } } }
            ]
        })
    }
}

/// An HTTP call and what is asked of its answer. Exactly one of the methods is given.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = super::called_on::or_on)]
pub struct HttpCall {
    /// The Compose service.
    #[serde(rename = "service", alias = "on")]
    pub on: String,
    /// The port in the container (may be left out where the service has only one).
    pub port: Option<u16>,
    /// GET this path.
    pub get: Option<String>,
    /// POST to this path.
    pub post: Option<String>,
    /// PUT to this path.
    pub put: Option<String>,
    /// PATCH this path.
    pub patch: Option<String>,
    /// DELETE this path.
    pub delete: Option<String>,
    /// Headers.
    #[serde(default)]
    pub headers: BTreeMap<String, Scalar>,
    /// The body, as JSON.
    pub json: Option<serde_json::Value>,
    /// The body, as text.
    pub body: Option<String>,
    /// The status that the answer must have (default any 2xx).
    pub status: Option<u16>,
    /// A text that the answer's body must contain.
    pub contains: Option<String>,
}

/// `http` under `expect`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = super::called_on::or_on)]
pub struct HttpExpectation {
    /// The Compose service.
    #[serde(rename = "service", alias = "on")]
    pub on: String,
    /// The port in the container (may be left out where the service has only one).
    pub port: Option<u16>,
    /// GET this path.
    pub get: String,
    /// Headers.
    #[serde(default)]
    pub headers: BTreeMap<String, Scalar>,
    /// The status that the answer must have (default any 2xx).
    pub status: Option<u16>,
    /// A text that the answer's body must contain.
    pub contains: Option<String>,
    /// How long it may take to become so (default 10 s).
    pub within: Option<Timespan>,
}

/// A query and what it must give.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = super::called_on::or_on)]
pub struct SqlFact {
    /// The observed database, by the name of its service.
    #[serde(rename = "service", alias = "on")]
    pub on: String,
    /// One query.
    pub query: String,
    /// The first column of its first row, as text (default `t`: true).
    pub equals: Option<Scalar>,
}

/// `sql` under `expect`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = super::called_on::or_on)]
pub struct SqlExpectation {
    /// The observed database, by the name of its service.
    #[serde(rename = "service", alias = "on")]
    pub on: String,
    /// One query.
    pub query: String,
    /// The first column of its first row, as text (default `t`: true).
    pub equals: Option<Scalar>,
    /// How long it may take to become so (default 10 s).
    pub within: Option<Timespan>,
}

/// `across` under `expect`: each key of one store is in at least one of others.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AcrossExpectation {
    /// What must hold, in a few words: `every order is announced`.
    pub name: String,
    /// Where the keys come from.
    pub every: KeySource,
    /// Where each of them must be: in at least one of these, which are read in this order.
    #[serde(rename = "in")]
    #[schemars(length(min = 1))]
    pub in_: Vec<KeySource>,
    /// How long it may take to become so (default 10 s).
    pub within: Option<Timespan>,
    /// Whether it must hold all the time too, from before the change until after the rollback. Who takes
    /// messages meanwhile may find a queue empty for a moment: its messages are held while they are read.
    #[serde(default)]
    pub always: bool,
}

/// `queue` under `expect`: how many messages a queue holds.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = super::called_on::or_on)]
pub struct QueueExpectation {
    /// The observed RabbitMQ, by its name.
    #[serde(rename = "store", alias = "on")]
    pub on: String,
    /// The queue.
    pub queue: String,
    /// How many messages it must hold, those included that were delivered and are not acknowledged (default 0).
    #[serde(default)]
    pub messages: u64,
    /// How long it may take to become so (default 10 s).
    pub within: Option<Timespan>,
}

/// `alerts` under `expect`: an alert of the observed Alertmanager.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AlertExpectation {
    /// Its name: the label `alertname`.
    pub name: String,
    /// Other labels that it must have.
    #[serde(default)]
    pub labels: BTreeMap<String, Scalar>,
    /// How long after the failure it may take to fire (default 2 min). A rollback that starts `at_once` waits
    /// for it so long.
    pub fires_within: Option<Timespan>,
    /// How long after the rollback it may take to resolve (default 2 min).
    pub resolves_within: Option<Timespan>,
}

/// `outside` under `expect`: a call that may be made once for each key, and exactly one of `compensated_by` and
/// `stays`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OutsideExpectation {
    /// The call.
    pub call: OutsideCall,
    /// The call that makes up for it: with the same key, exactly once for each.
    pub compensated_by: Option<OutsideCall>,
    /// Its effect may stay after a rollback.
    pub stays: Option<Stays>,
}

/// Why an effect may stay.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stays {
    /// The reason.
    pub because: String,
}

/// Calls to the outside that are alike. Exactly one of `post`, `put`, `patch`, `delete` and `to` is given; a `*`
/// stands for one part of a path, or for any text in an address.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = super::called_on::or_on)]
pub struct OutsideCall {
    /// The host, as `observe.outside` names it.
    #[serde(rename = "service", alias = "on")]
    pub on: String,
    /// POST to this path.
    pub post: Option<String>,
    /// PUT to this path.
    pub put: Option<String>,
    /// PATCH this path.
    pub patch: Option<String>,
    /// DELETE this path.
    pub delete: Option<String>,
    /// A mail to this address.
    pub to: Option<String>,
    /// The field that says what it is about, such as the order that is charged.
    pub key: Option<Field>,
    /// The field by whose value the host knows a repeated call, and does it only once.
    pub idempotent_by: Option<Field>,
}

/// Keys of an observed store, as a set of texts. Exactly one of `query`, `keys` and `queue` is given.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = super::called_on::or_on)]
pub struct KeySource {
    /// The observed store, by its name.
    #[serde(rename = "store", alias = "on")]
    pub on: String,
    /// Of a database: one query, whose first column holds the keys; NULL is none.
    pub query: Option<String>,
    /// Of Redis: a pattern of keys with one `*`, which stands for the key: `order:*`.
    pub keys: Option<String>,
    /// Of RabbitMQ: a queue whose messages are JSON.
    pub queue: Option<String>,
    /// With `queue`: the JSON pointer of the key in a message: `/id`.
    pub at: Option<String>,
}

/// `exec` under `expect`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExecExpectation {
    /// The Compose service.
    pub service: String,
    /// The command.
    pub command: Command,
    /// The exit code it must end with (default 0).
    #[serde(default)]
    pub exit_code: i64,
    /// A text that its output must contain.
    pub contains: Option<String>,
    /// How long it may take to become so (default 10 s).
    pub within: Option<Timespan>,
}

/// A line of a service's output.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogFact {
    /// The Compose service.
    pub service: String,
    /// A regular expression that the line matches.
    pub matches: String,
}

/// `log` under `expect`: a line that must appear after the rollback began, or must not.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogExpectation {
    /// The Compose service.
    pub service: String,
    /// A regular expression that a line must match.
    pub matches: Option<String>,
    /// A regular expression that no line may match.
    pub absent: Option<String>,
    /// How long it may take to appear, or how long it must stay away (default 10 s).
    pub within: Option<Timespan>,
}

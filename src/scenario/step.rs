//! The one vocabulary of steps, for seed, change and rollback alike.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

use super::expect::{HttpCall, LogFact, SqlFact};
use super::timespan::Timespan;

/// One step of an operation.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Runs a Compose service once, to its end; fails unless it exits with 0.
    Run(RunStep),
    /// Changes what a service runs now; what is not named stays as the last step left it.
    Deploy(DeployStep),
    /// Sends a file or a text of SQL, statement by statement, on one connection.
    Sql(SqlStep),
    /// Runs a command inside a running service.
    Exec(ExecStep),
    /// Calls a service over HTTP.
    Http(HttpStep),
    /// Runs a command on the runner's own machine; needs `allow_host` in the drill and on the
    /// command line.
    Host(HostStep),
    /// Waits until a fact holds.
    Wait(WaitStep),
    /// Fills a named volume from a tar file (seeds only).
    Volume(VolumeStep),
    /// Backs a database up with its server's own tool, inside the service.
    Backup(BackupStep),
    /// Puts a backup back: one that a `backup` step made, or a plain SQL dump of yours.
    Restore(RestoreStep),
    /// Runs a job of the delivery pipeline, as GitLab CI or GitHub Actions would.
    Job(JobStep),
}

/// `job`: the commands of a pipeline's own file.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JobStep {
    /// A name for this step.
    pub id: Option<String>,
    /// The pipeline: a `.gitlab-ci.yml`, or a workflow of GitHub Actions.
    pub file: String,
    /// The job in it. `caller/job` names one of several jobs in a workflow that the job `caller` uses.
    pub job: String,
    /// The Compose service that stands for the pipeline's runner: it has bash, what the commands need, and the
    /// files; its entrypoint runs what it is given.
    pub service: String,
    /// The variables of the project and of the pipeline, GitHub's secrets among them. In GitLab CI they win over
    /// those of the file.
    #[serde(default)]
    pub env: BTreeMap<String, Scalar>,
    /// What only a run of the pipeline would know.
    #[serde(default)]
    pub given: Given,
    /// Steps that are left out because only the pipeline's own service can do them; the scorecard shows them.
    #[serde(default)]
    pub skip: Vec<SkippedStep>,
    /// How long it may take (default: what the pipeline says, else 10 min).
    pub timeout: Option<Timespan>,
}

/// What only a run of the pipeline would know: the contexts of GitHub's expressions, and the inputs of either.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Given {
    /// What the pipeline was started with.
    #[serde(default)]
    pub inputs: BTreeMap<String, serde_json::Value>,
    /// The run itself: `{ ref: refs/heads/main, sha: …, event: { … } }`.
    #[serde(default)]
    pub github: BTreeMap<String, serde_json::Value>,
    /// The jobs before: `{ build: { result: success, outputs: { tag: v1 } } }`.
    #[serde(default)]
    pub needs: BTreeMap<String, serde_json::Value>,
    /// Which of several jobs it is.
    #[serde(default)]
    pub matrix: BTreeMap<String, serde_json::Value>,
    /// The runner: `{ arch: X64 }`.
    #[serde(default)]
    pub runner: BTreeMap<String, serde_json::Value>,
    /// How several jobs are run: `{ job-index: 0 }`.
    #[serde(default)]
    pub strategy: BTreeMap<String, serde_json::Value>,
}

/// A step of a job that is left out.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SkippedStep {
    /// Its name, its `id` or its action (`docker/login-action`); in GitLab CI what is included from elsewhere, or
    /// the job that hands artifacts on.
    pub step: String,
    /// Why the job is the same without it.
    pub because: String,
    /// What it would have handed on as outputs.
    #[serde(default)]
    pub outputs: BTreeMap<String, Scalar>,
}

/// `run`: a one-shot Compose service.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunStep {
    /// A name for this step, for `at: { step: NAME }`.
    pub id: Option<String>,
    /// The Compose service.
    pub service: String,
    /// Replaces the service's command.
    pub command: Option<Command>,
    /// Added to the service's environment.
    #[serde(default)]
    pub env: BTreeMap<String, Scalar>,
    /// How long it may take (default 10 min).
    pub timeout: Option<Timespan>,
}

/// `deploy`: what the service runs now.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeployStep {
    /// A name for this step.
    pub id: Option<String>,
    /// The Compose service.
    pub service: String,
    /// The new image.
    pub image: Option<String>,
    /// Builds the new image.
    pub build: Option<DeployBuild>,
    /// Variables to set; `null` removes one.
    #[serde(default)]
    pub env: BTreeMap<String, Option<Scalar>>,
    /// The new command.
    pub command: Option<Command>,
    /// The new entrypoint.
    pub entrypoint: Option<Command>,
    /// How many containers.
    pub replicas: Option<u32>,
    /// How the containers are replaced.
    #[serde(default)]
    pub strategy: Strategy,
    /// Whether the step waits until the service is well (default), or only until it has started.
    #[serde(default)]
    pub until: DeployUntil,
    /// How long it may take (default 10 min).
    pub timeout: Option<Timespan>,
}

/// How the containers of a service are replaced.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// All at once: the old ones go before the new ones start.
    #[default]
    Recreate,
    /// One after the other: the next only when the service is well.
    Rolling,
}

/// When a deploy is done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeployUntil {
    /// The service's health check passes, or it runs where it has none.
    #[default]
    Well,
    /// Its containers have started.
    Started,
}

/// How the image of a `deploy` is built.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeployBuild {
    /// The folder that is sent to the engine, relative to the scenario.
    pub context: String,
    /// The Dockerfile, relative to the context (default `Dockerfile`).
    pub dockerfile: Option<String>,
    /// Build arguments.
    #[serde(default)]
    pub args: BTreeMap<String, Scalar>,
    /// The stage to stop at.
    pub target: Option<String>,
}

/// `sql`: statement by statement on one connection.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = super::called_on::or_on)]
pub struct SqlStep {
    /// A name for this step.
    pub id: Option<String>,
    /// The observed database, by the name of its service.
    #[serde(rename = "service", alias = "on")]
    pub on: String,
    /// A file of SQL, relative to the scenario.
    pub file: Option<String>,
    /// The SQL itself.
    pub text: Option<String>,
    /// Wraps all statements in BEGIN and COMMIT.
    #[serde(default)]
    pub transaction: bool,
    /// How long it may take (default 10 min).
    pub timeout: Option<Timespan>,
}

/// `exec`: a command inside a running service.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExecStep {
    /// A name for this step.
    pub id: Option<String>,
    /// The Compose service.
    pub service: String,
    /// The command.
    pub command: Command,
    /// Added to the service's environment.
    #[serde(default)]
    pub env: BTreeMap<String, Scalar>,
    /// How long it may take (default 10 min).
    pub timeout: Option<Timespan>,
}

/// `http`: a call to a service.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpStep {
    /// A name for this step.
    pub id: Option<String>,
    /// The call; `status` defaults to any 2xx.
    pub call: HttpCall,
    /// How long it may take (default 10 min).
    pub timeout: Option<Timespan>,
}

/// `host`: a command on the runner's own machine.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HostStep {
    /// A name for this step.
    pub id: Option<String>,
    /// The command; it runs in the scenario's folder.
    pub command: Command,
    /// Added to the environment.
    #[serde(default)]
    pub env: BTreeMap<String, Scalar>,
    /// How long it may take (default 10 min).
    pub timeout: Option<Timespan>,
}

/// `wait`: for a fact, with a deadline. Exactly one fact is given.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WaitStep {
    /// A name for this step.
    pub id: Option<String>,
    /// A service is well.
    pub healthy: Option<String>,
    /// An HTTP call is answered as said.
    pub http: Option<HttpCall>,
    /// A query gives what is said.
    pub sql: Option<SqlFact>,
    /// A service printed a line.
    pub log: Option<LogFact>,
    /// How long it may take (default 10 min).
    pub timeout: Option<Timespan>,
}

/// `volume`: fills a named volume.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VolumeStep {
    /// A name for this step.
    pub id: Option<String>,
    /// The Compose volume.
    pub volume: String,
    /// A tar file, relative to the scenario.
    pub tar: String,
    /// How long it may take (default 10 min).
    pub timeout: Option<Timespan>,
}

/// `backup`: a database as it is at that moment, kept inside the service until the stage is removed.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = super::called_on::or_on)]
pub struct BackupStep {
    /// The name by which a `restore` step finds it.
    pub id: String,
    /// The observed database, by the name of its service.
    #[serde(rename = "service", alias = "on")]
    pub on: String,
    /// How long it may take (default 10 min).
    pub timeout: Option<Timespan>,
}

/// `restore`: puts a backup back. Either `backup` or `file` is given.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = super::called_on::or_on)]
pub struct RestoreStep {
    /// A name for this step.
    pub id: Option<String>,
    /// The observed database, by the name of its service.
    #[serde(rename = "service", alias = "on")]
    pub on: String,
    /// The `id` of a `backup` step of the seed or the change.
    pub backup: Option<String>,
    /// A plain SQL dump (`pg_dump --format=plain`, `mariadb-dump`), relative to the scenario.
    pub file: Option<String>,
    /// How long it may take (default 10 min).
    pub timeout: Option<Timespan>,
}

/// A command: a list is run as it is, a text in `sh -c`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command(pub Vec<String>);

impl<'de> Deserialize<'de> for Command {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextOrList;
        impl<'de> de::Visitor<'de> for TextOrList {
            type Value = Command;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a command: a list of words, or a text for `sh -c`")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Command, E> {
                if text.trim().is_empty() {
                    return Err(E::custom("an empty command"));
                }
                Ok(Command(["sh", "-c", text].map(str::to_owned).to_vec()))
            }
            fn visit_seq<A: de::SeqAccess<'de>>(self, mut list: A) -> Result<Command, A::Error> {
                let mut words = Vec::new();
                while let Some(word) = list.next_element::<Scalar>()? {
                    words.push(word.0);
                }
                if words.is_empty() {
                    return Err(de::Error::custom("an empty command"));
                }
                Ok(Command(words))
            }
        }
        deserializer.deserialize_any(TextOrList)
    }
}

impl JsonSchema for Command {
    fn schema_name() -> Cow<'static, str> {
        "Command".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A list is run as it is, a text in `sh -c`.",
            "anyOf": [
                { "type": "string", "minLength": 1 },
                { "type": "array", "minItems": 1, "items": { "type": ["string", "number", "boolean"] } }
            ]
        })
    }
}

/// A text that may be written as a number or a truth value (`PORT: 8080`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scalar(pub String);

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl de::Visitor<'_> for Any {
            type Value = Scalar;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text, a number or true or false")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Scalar, E> {
                Ok(Scalar(text.to_owned()))
            }
            fn visit_bool<E: de::Error>(self, value: bool) -> Result<Scalar, E> {
                Ok(Scalar(value.to_string()))
            }
            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Scalar, E> {
                Ok(Scalar(value.to_string()))
            }
            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Scalar, E> {
                Ok(Scalar(value.to_string()))
            }
            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Scalar, E> {
                Ok(Scalar(value.to_string()))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

impl JsonSchema for Scalar {
    fn schema_name() -> Cow<'static, str> {
        "Scalar".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "number", "boolean"] })
    }
}

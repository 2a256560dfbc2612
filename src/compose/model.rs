//! A Compose project after interpolation, merging, `extends`, `include` and profiles.
//!
//! One to one with what the stage can act on; every default of the Compose specification is filled
//! in. Paths are absolute. It goes into the journal, so it is a format: names are stable.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::diagnostic::{Diagnostic, Place};

/// A whole Compose project.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Project {
    /// Services by Compose name; those of inactive profiles too (a `run` step may start them).
    pub services: BTreeMap<String, Service>,
    /// Networks by Compose name, `default` included where a service uses it.
    pub networks: BTreeMap<String, Network>,
    /// Named volumes.
    pub volumes: BTreeMap<String, Volume>,
    /// Secrets by name.
    pub secrets: BTreeMap<String, FileObject>,
    /// What was done otherwise than the files say, as Compose does it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<Remark>,
    /// What `.env` files set. It is used to read the project and is not part of it.
    #[serde(skip)]
    pub dotenv: BTreeSet<(String, String)>,
    /// Configs by name.
    pub configs: BTreeMap<String, FileObject>,
    /// Profiles that are active.
    #[serde(serialize_with = "crate::secret::word")]
    pub profiles: Vec<String>,
    /// Keys that were accepted and have no meaning in a drill, with their places.
    pub ignored: Vec<Ignored>,
}

/// Something that is done as Compose does it, and that its user should know of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remark {
    /// What is done.
    pub text: String,
    /// Where the cause is written.
    pub at: Place,
}

impl Remark {
    /// What a diagnostic says.
    pub(super) fn of(diagnostic: &Diagnostic) -> Self {
        Self { text: diagnostic.message.clone(), at: diagnostic.place() }
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.text, self.at)
    }
}

/// A key that is accepted without meaning in a drill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ignored {
    /// The key's path, such as `services.api.logging`.
    #[serde(serialize_with = "crate::secret::word")]
    pub key: String,
    /// Where it was written.
    pub at: Place,
}

/// One service.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Service {
    /// Image reference; none only with `build`.
    #[serde(serialize_with = "crate::secret::word")]
    pub image: Option<String>,
    /// How to build the image.
    pub build: Option<Build>,
    /// When to pull.
    pub pull_policy: PullPolicy,
    /// Platform such as `linux/amd64`.
    #[serde(serialize_with = "crate::secret::word")]
    pub platform: Option<String>,
    /// Replaces the image's command.
    pub command: Option<Vec<String>>,
    /// Replaces the image's entrypoint; empty clears it.
    pub entrypoint: Option<Vec<String>>,
    /// Environment, `env_file` included.
    pub environment: BTreeMap<String, String>,
    /// Names of the environment variables whose values came from an `env_file`.
    #[serde(serialize_with = "crate::secret::word")]
    pub secret_environment: Vec<String>,
    /// Ports that are published (the engine chooses the host's).
    pub ports: Vec<Port>,
    /// Ports that are only exposed, as `port/protocol`.
    pub expose: Vec<String>,
    /// Volumes, bind mounts and tmpfs mounts.
    pub mounts: Vec<Mount>,
    /// Networks by Compose name, with aliases.
    pub networks: BTreeMap<String, Attachment>,
    /// `none`, `host`, or `service:NAME`; instead of networks.
    #[serde(serialize_with = "crate::secret::word")]
    pub network_mode: Option<String>,
    /// What must be so before it starts.
    pub depends_on: BTreeMap<String, Dependency>,
    /// How the engine tells whether it is healthy.
    pub healthcheck: Option<Healthcheck>,
    /// User, optionally with group.
    #[serde(serialize_with = "crate::secret::word")]
    pub user: Option<String>,
    /// Working directory.
    #[serde(serialize_with = "crate::secret::word")]
    pub working_dir: Option<String>,
    /// Capabilities added.
    #[serde(serialize_with = "crate::secret::word")]
    pub cap_add: Vec<String>,
    /// Capabilities dropped.
    #[serde(serialize_with = "crate::secret::word")]
    pub cap_drop: Vec<String>,
    /// Security options.
    #[serde(serialize_with = "crate::secret::word")]
    pub security_opt: Vec<String>,
    /// Whether the root file system is read-only.
    pub read_only: bool,
    /// tmpfs mounts by path, with their options.
    pub tmpfs: BTreeMap<String, String>,
    /// Size of /dev/shm in bytes.
    pub shm_size: Option<u64>,
    /// Limits by name.
    pub ulimits: BTreeMap<String, Ulimit>,
    /// Kernel parameters.
    pub sysctls: BTreeMap<String, String>,
    /// Whether an init process runs as PID 1.
    pub init: bool,
    /// Host name.
    pub hostname: Option<String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Extra hosts as `name:address`.
    pub extra_hosts: Vec<String>,
    /// Restart policy.
    pub restart: Restart,
    /// Signal that stops it.
    #[serde(serialize_with = "crate::secret::word")]
    pub stop_signal: Option<String>,
    /// Milliseconds between that signal and SIGKILL (Compose default 10 s).
    pub stop_grace_period_ms: u64,
    /// Profiles that must be active for it to start with the project; empty means always.
    #[serde(serialize_with = "crate::secret::word")]
    pub profiles: Vec<String>,
    /// Secrets, mounted at `/run/secrets/…`.
    pub secrets: Vec<FileMount>,
    /// Configs.
    pub configs: Vec<FileMount>,
    /// How many containers.
    pub replicas: u32,
    /// Whether a terminal is attached.
    pub tty: bool,
    /// Whether standard input stays open.
    pub stdin_open: bool,
    /// Where the service's key stands.
    pub at: Option<Place>,
}

/// How an image is built.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Build {
    /// Absolute path of the context.
    #[serde(serialize_with = "crate::secret::word")]
    pub context: PathBuf,
    /// Dockerfile, relative to the context.
    #[serde(serialize_with = "crate::secret::word")]
    pub dockerfile: String,
    /// Build arguments.
    pub args: BTreeMap<String, String>,
    /// Network mode while building.
    #[serde(serialize_with = "crate::secret::word")]
    pub network: Option<String>,
    /// Stage to stop at.
    #[serde(serialize_with = "crate::secret::word")]
    pub target: Option<String>,
}

/// When an image is pulled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PullPolicy {
    /// Only where it is missing.
    #[default]
    Missing,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// A published port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Port {
    /// Port in the container.
    pub target: u16,
    /// `tcp`, `udp` or `sctp`.
    #[serde(serialize_with = "crate::secret::word")]
    pub protocol: String,
}

/// A mount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// Path in the container.
    #[serde(serialize_with = "crate::secret::word")]
    pub target: String,
    /// What is mounted.
    pub source: MountSource,
    /// Whether it may not be written.
    pub read_only: bool,
}

/// What is mounted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MountSource {
    /// A named volume of the project.
    Volume(#[serde(serialize_with = "crate::secret::word")] String),
    /// A file or folder of the scenario, uploaded into a volume of the run (S18).
    Bind(#[serde(serialize_with = "crate::secret::word")] PathBuf),
    /// A folder that is not there, which Compose would make: an empty one.
    Made(#[serde(serialize_with = "crate::secret::word")] PathBuf),
    /// A volume without a name.
    Anonymous,
    /// Memory, with a size in bytes and a file mode.
    Tmpfs {
        /// Bytes; none is the engine's default.
        size: Option<u64>,
        /// Mode as in chmod.
        mode: Option<u32>,
    },
}

/// How a service is attached to a network.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// Further names of the service on this network.
    #[serde(serialize_with = "crate::secret::word")]
    pub aliases: Vec<String>,
}

/// A dependency on another service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dependency {
    /// What must be so.
    pub condition: Condition,
    /// Whether the other service must exist.
    pub required: bool,
}

/// What a dependency waits for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// It has started.
    #[default]
    ServiceStarted,
    /// Its health check passes.
    ServiceHealthy,
    /// It ended with exit code 0.
    ServiceCompletedSuccessfully,
}

/// A health check; times in milliseconds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Healthcheck {
    /// As the engine takes it: `["CMD", …]`, `["CMD-SHELL", "…"]` or `["NONE"]`; empty inherits.
    pub test: Vec<String>,
    /// Between checks.
    pub interval_ms: Option<u64>,
    /// For one check.
    pub timeout_ms: Option<u64>,
    /// Failures that do not count after the start.
    pub start_period_ms: Option<u64>,
    /// Failures in a row that make it unhealthy.
    pub retries: Option<u32>,
}

/// A limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ulimit {
    /// Soft limit.
    pub soft: i64,
    /// Hard limit.
    pub hard: i64,
}

/// A restart policy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Restart {
    /// Never.
    #[default]
    No,
    /// Always.
    Always,
    /// Unless it was stopped by hand.
    UnlessStopped,
    /// After a failure, at most so many times; 0 is without end.
    OnFailure(u32),
}

/// A file that is mounted as a secret or config.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileMount {
    /// The secret's or config's name.
    #[serde(serialize_with = "crate::secret::word")]
    pub source: String,
    /// Absolute path in the container.
    #[serde(serialize_with = "crate::secret::word")]
    pub target: String,
    /// Mode as in chmod.
    pub mode: Option<u32>,
    /// Owner's number.
    pub uid: Option<u32>,
    /// Group's number.
    pub gid: Option<u32>,
}

/// Where a secret's or config's content comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileObject {
    /// A file.
    File(#[serde(serialize_with = "crate::secret::word")] PathBuf),
    /// A variable of the runner's environment, by name.
    Environment(#[serde(serialize_with = "crate::secret::word")] String),
    /// The text itself: of a config, or of a variable that only an environment file sets.
    Content(String),
}

/// A network.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// Whether it has no way out.
    pub internal: bool,
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

/// A named volume.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    /// Driver options.
    pub driver_opts: BTreeMap<String, String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

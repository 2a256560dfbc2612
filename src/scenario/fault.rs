//! Faults of a service's own resources and of its database, as they are written.

use schemars::JsonSchema;
use serde::Deserialize;

use super::size::Size;

/// `fill_disk`: nothing more can be written, and the kernel says so (ENOSPC).
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FillDisk {
    /// The Compose service.
    pub service: String,
    /// A folder in its container, on a tmpfs or a tmpfs volume that has a `size`: nothing else may be
    /// filled, for it would fill the machine. The container needs `sh`, `cat` and `rm`.
    pub path: String,
}

/// `limit`: a service gets less memory or less of the processors; at least one of them is given.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// The Compose service.
    pub service: String,
    /// The most memory, swap included, that each of its containers may use, at least `6mb`. The kernel
    /// kills what asks for more. It refuses a limit below what is already in use.
    pub memory: Option<Size>,
    /// The most processor time of each of its containers, in percent of one processor.
    #[schemars(range(min = 1))]
    pub cpu_percent: Option<u32>,
}

/// `lock`: a session of the runner holds a lock and does nothing, until the fault is healed.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// The service of an observed database.
    pub service: String,
    /// The table: an ACCESS EXCLUSIVE lock lets nobody read or write it.
    pub table: String,
    /// Only the rows that meet this condition are locked (FOR UPDATE): nobody can change them.
    #[serde(rename = "where")]
    pub where_: Option<String>,
}

/// `terminate_backend`: the server ends sessions, as an administrator would; at least one of the three says
/// whose, and what is said must all be so.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TerminateBackend {
    /// The service of an observed database.
    pub service: String,
    /// The sessions' application name, such as `psql`; that of an `sql` step is `backout operation`.
    pub application: Option<String>,
    /// The role that they have logged in as.
    pub user: Option<String>,
    /// A regular expression that matches in the statement that they execute, or have executed last (case
    /// does not matter, and a space stands for any white space).
    pub matching: Option<String>,
}

/// `revoke`: a role loses privileges; the heal gives back exactly the grants that it had.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Revoke {
    /// The service of an observed database.
    pub service: String,
    /// As in GRANT: `INSERT, UPDATE ON orders`, `USAGE ON SCHEMA shop`, `CONNECT ON DATABASE shop`.
    pub privilege: String,
    /// The role, or `public`.
    pub from: String,
}

/// `read_only`: new sessions of the database cannot write. Sessions that are open already still can: end
/// them with `terminate_backend` after it, and they come back read-only.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadOnly {
    /// The service of an observed database.
    pub service: String,
}

//! A change without a way back, and what stands in its place, as it is written.

use schemars::JsonSchema;
use serde::Deserialize;

use super::expect::{HttpCall, SqlFact};
use super::file::Rollback;
use super::step::Step;

/// A change that is not rolled back: why, and what makes it safe all the same. Where one of pre-checks,
/// isolation and recovery is missing, the verdict is fail.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ForwardOnly {
    /// Why there is no way back.
    pub because: String,
    /// What must be so before the change may begin. They are asked before it in every run, and each once more on a
    /// stage where its condition is broken on purpose: there it must say no.
    #[serde(default)]
    pub prechecks: Vec<Precheck>,
    /// What must not be touched, whatever becomes of the change.
    pub isolation: Option<Isolation>,
    /// What stands in the place of a rollback: restore, replay, compensation.
    pub recovery: Option<Rollback>,
}

/// A condition of the change.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Precheck {
    /// Its name, in a few words: `a fresh backup`.
    pub name: String,
    /// Steps that all succeed when the change may begin. When one fails, the pre-check says no, and the change is
    /// not begun.
    #[schemars(length(min = 1))]
    pub steps: Vec<Step>,
    /// Steps that break the condition.
    #[schemars(length(min = 1))]
    pub broken_by: Vec<Step>,
}

/// What must not be touched while the change is under way, after its failure and by the recovery.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Isolation {
    /// Services and observed stores that are as before, after the failure and at the end.
    #[serde(default)]
    pub as_before: Vec<String>,
    /// HTTP calls that are answered as said all the time.
    #[serde(default)]
    pub http: Vec<HttpCall>,
    /// Queries whose results are so all the time.
    #[serde(default)]
    pub always: Vec<SqlFact>,
}

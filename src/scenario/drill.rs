//! A drill file: which scenarios run, and what they must reach (S23).

use schemars::JsonSchema;
use serde::Deserialize;

use super::timespan::Timespan;

/// A drill.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DrillFile {
    /// The version of this format: 1.
    #[schemars(required, range(min = 1, max = 1))]
    pub format: Option<u32>,
    /// The drill's name.
    #[schemars(required)]
    pub name: Option<String>,
    /// One line on what it is for.
    pub summary: Option<String>,
    /// The scenarios, in the order they run.
    #[serde(default)]
    #[schemars(required, length(min = 1))]
    pub scenarios: Vec<Entry>,
    /// How many stages of a sweep run at once (default: by cores and memory).
    #[schemars(range(min = 1, max = 64))]
    pub lanes: Option<u32>,
    /// Whether every point of every scenario is tried.
    #[serde(default)]
    pub sweep: Sweep,
    /// How long the whole drill may take.
    pub timeout: Option<Timespan>,
    /// A gate's verdict decides a release: `should` is refused.
    #[serde(default)]
    pub gate: bool,
    /// Lets `host` steps run, if the command line says `--allow-host` too.
    #[serde(default)]
    pub allow_host: bool,
}

/// One scenario of a drill.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The scenario's folder, relative to this file.
    pub path: String,
    /// What it must reach.
    pub require: Option<Require>,
    /// `fail`: this scenario shows a wrong way, and must fail.
    pub should: Option<Should>,
    /// With `should: fail`: exactly the checks that must fail.
    #[serde(default)]
    pub because: Vec<String>,
    /// Whether every point of this scenario is tried (default: as the drill says).
    pub sweep: Option<Sweep>,
}

/// How widely a scenario is tried.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sweep {
    /// At its own point only.
    #[default]
    Off,
    /// At every point that can lead to another state.
    Reduced,
    /// At every point.
    Exhaustive,
}

/// What a scenario must reach.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Require {
    /// The level, 0 to 4.
    #[schemars(range(min = 0, max = 4))]
    pub level: u8,
}

/// How a scenario should end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Should {
    /// Its verdict must be fail.
    Fail,
}

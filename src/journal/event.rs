//! Everything that can happen in a drill, in one enum.
//!
//! This is the journal's format, version [`FORMAT`]. Every reader matches it without a wildcard, so
//! a new kind of event does not compile until each has decided about it. Times are milliseconds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::plan::DrillPlan;
use crate::stage::{Health, Resource, ServiceState};
use crate::state::model::StoreCapture;
use crate::state::rows::{RowCounts, RowDifference};

/// The version of the journal's format. A reader refuses any other.
pub const FORMAT: u32 = 1;

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Its number, from 0.
    pub seq: u64,
    /// Wall-clock time, RFC 3339, UTC.
    pub at: String,
    /// Milliseconds since the drill began, by a clock that never jumps.
    pub ms: u64,
    /// The run it belongs to; none for the drill itself.
    pub run: Option<u32>,
    /// What happened.
    pub event: Event,
    /// SHA-256 of the line before, in hexadecimal digits; of nothing for the first.
    pub prev: String,
}

/// What a run is (S1).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum RunKind {
    /// No change and no rollback: what moves by itself?
    Idle,
    /// The change without a rollback: do the expectations fail?
    Control,
    /// The whole change, then the rollback.
    Finished,
    /// The change broken at its point, then the rollback.
    Interrupted,
    /// A twin stage that an `as_after` expectation is compared with; it is not judged.
    Reference,
}

impl RunKind {
    /// The word in reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Control => "control",
            Self::Finished => "finished",
            Self::Interrupted => "interrupted",
            Self::Reference => "reference",
        }
    }
}

/// Which steps an event belongs to.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// What fills the stage.
    Seed,
    /// The change.
    Change,
    /// The rollback.
    Rollback,
    /// The steps of an `as_after` reference.
    Reference,
}

impl Operation {
    /// The word in reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Seed => "seed",
            Self::Change => "change",
            Self::Rollback => "rollback",
            Self::Reference => "reference",
        }
    }
}

/// When a state was captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    /// Seeded and quiet, before the change.
    Before,
    /// After the failure, before the rollback (S2).
    Failed,
    /// At the end.
    After,
}

/// How a step or operation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// It did what it should.
    Ok,
    /// It failed by itself.
    Failed,
    /// Its deadline passed, and it was killed.
    TimedOut,
    /// It was ended at the point, by a fault or because nothing more was sent.
    Interrupted,
}

/// How far an operation had come: whole steps, and whole statements of the step that was under way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Completed {
    /// Steps that were done.
    pub steps: u32,
    /// Statements of the next step that were done.
    pub statements: u32,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The first record: everything that was planned.
    Started {
        /// The journal's format.
        format: u32,
        /// Name and version of the tool.
        tool: String,
        /// The owner's label on everything that is made (S21).
        owner: String,
        /// The plan.
        plan: Box<DrillPlan>,
    },
    /// An image was found, pulled or built; from here on it is used by its ID (S9).
    Image {
        /// The scenario that uses it.
        scenario: String,
        /// As it is written: a reference, or the folder it is built from.
        name: String,
        /// The image's ID.
        id: String,
        /// The registry's digest, where there is one.
        repo_digest: Option<String>,
        /// Whether it was built, now or before, from files of the scenario.
        built: bool,
    },
    /// A run begins.
    RunStarted {
        /// The scenario's identity.
        scenario: String,
        /// What kind of run.
        kind: RunKind,
    },
    /// Something is about to be made on the engine.
    Intent {
        /// What.
        resources: Vec<Resource>,
    },
    /// Something that was made is gone.
    Removed {
        /// What.
        resource: Resource,
    },
    /// The services run.
    StageUp,
    /// A step begins.
    StepStarted {
        /// Of which operation.
        operation: Operation,
        /// Its number, from 1.
        step: u32,
        /// What it does.
        title: String,
    },
    /// A step ended.
    StepEnded {
        /// Of which operation.
        operation: Operation,
        /// Its number, from 1.
        step: u32,
        /// How.
        ending: Ending,
        /// Its exit code, for those that have one.
        exit_code: Option<i64>,
        /// What went wrong: SQLSTATE and message, HTTP status, or the engine's words.
        error: Option<String>,
        /// The last lines of its output.
        tail: Vec<String>,
        /// Statements that were done, for `sql` steps.
        statements: Option<u32>,
        /// How long it took.
        took_ms: u64,
    },
    /// The change is at its point: held there, or seen to pass it.
    PointReached {
        /// Whether it is held until the faults have acted.
        held: bool,
        /// How far the change had come.
        completed: Completed,
        /// The text at the point: the statement, the step or the line.
        text: String,
    },
    /// The change ended, or time ran out, before the point was reached.
    PointMissed {
        /// What was seen last.
        seen: String,
        /// How far the change had come.
        completed: Completed,
    },
    /// A fault is about to be injected.
    FaultIntended {
        /// Its position among the faults, from 0.
        fault: u32,
    },
    /// A fault was injected and looked for.
    FaultInjected {
        /// Its position.
        fault: u32,
        /// Whether it was seen to act.
        acted: bool,
        /// Whether the change was still held or under way when that was seen.
        in_time: bool,
        /// What was seen.
        evidence: String,
        /// How long it took from the decision to the evidence.
        took_ms: u64,
    },
    /// A fault is about to be undone.
    HealIntended {
        /// Its position.
        fault: u32,
    },
    /// A fault was undone, or not.
    Healed {
        /// Its position.
        fault: u32,
        /// Whether that was seen.
        healed: bool,
        /// What was seen.
        evidence: String,
    },
    /// An operation ended.
    OperationEnded {
        /// Which.
        operation: Operation,
        /// How.
        ending: Ending,
        /// The exit code of the first step that did not succeed; 0 if all did (S25).
        exit_code: Option<i64>,
        /// That step.
        failed_step: Option<u32>,
        /// What it said.
        error: Option<String>,
        /// How far it came.
        completed: Completed,
        /// How long it took.
        took_ms: u64,
    },
    /// The interrupted operation's sessions ended, or not (S5).
    Settled {
        /// Whether all are gone.
        gone: bool,
        /// Those that were seen last.
        lingering: Vec<String>,
    },
    /// What starts the rollback has happened, or its time is over.
    Triggered {
        /// Whether it happened.
        happened: bool,
        /// What was seen.
        seen: String,
        /// How long it took after the failure.
        took_ms: u64,
    },
    /// The rollback passed its `within` and goes on until `give_up` (S6).
    RollbackLate,
    /// The services were waited for.
    Waited {
        /// What each was last seen doing.
        health: BTreeMap<String, Health>,
        /// Whether each is as it was before.
        well: bool,
    },
    /// A state was captured.
    Captured {
        /// When.
        moment: Moment,
        /// The services.
        system: BTreeMap<String, ServiceState>,
        /// The databases, by service.
        databases: BTreeMap<String, StoreCapture>,
        /// Containers, networks and volumes that the project does not explain.
        strays: Vec<Resource>,
    },
    /// A state could not be captured.
    CaptureFailed {
        /// When.
        moment: Moment,
        /// Why.
        error: String,
    },
    /// The rows of a table that differ between two moments.
    RowsCompared {
        /// The database's service.
        database: String,
        /// The earlier moment, or the reference's.
        from: Moment,
        /// The later moment.
        to: Moment,
        /// The rows.
        rows: RowsDiffer,
    },
    /// An expectation was observed until it held or its time was over.
    Observed {
        /// Its position in the plan, from 0.
        expectation: u32,
        /// Whether it held; none when it could not be observed.
        held: Option<bool>,
        /// What was seen last.
        seen: String,
        /// How long it was observed.
        took_ms: u64,
    },
    /// The engine, or something else that is not under test, stopped the run.
    Trouble {
        /// What was tried, and what went wrong.
        message: String,
        /// What is to be looked at.
        evidence: Vec<String>,
    },
    /// The stage is left standing (`--keep`).
    Kept {
        /// How to reach its services: `name  address`.
        addresses: Vec<String>,
    },
    /// A run is over and cleaned up.
    RunEnded {
        /// What could not be removed.
        left: Vec<String>,
    },
    /// A signal asks to stop.
    Signal {
        /// Its name.
        name: String,
    },
    /// The last record.
    Ended,
}

/// The rows of one table that differ.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowsDiffer {
    /// `schema.table`.
    pub table: String,
    /// How many, and how.
    pub counts: RowCounts,
    /// The first of them.
    pub examples: Vec<RowDifference>,
    /// Why there are no rows to show, where there are none.
    pub not_kept: Option<String>,
}

impl Event {
    /// Whether it announces a deed: it must be on disk before the deed is done.
    pub fn announces(&self) -> bool {
        match self {
            Self::Started { .. }
            | Self::RunStarted { .. }
            | Self::Intent { .. }
            | Self::StepStarted { .. }
            | Self::FaultIntended { .. }
            | Self::HealIntended { .. }
            | Self::Signal { .. }
            | Self::Ended => true,
            Self::Image { .. }
            | Self::Removed { .. }
            | Self::StageUp
            | Self::StepEnded { .. }
            | Self::PointReached { .. }
            | Self::PointMissed { .. }
            | Self::FaultInjected { .. }
            | Self::Healed { .. }
            | Self::OperationEnded { .. }
            | Self::Settled { .. }
            | Self::Triggered { .. }
            | Self::RollbackLate
            | Self::Waited { .. }
            | Self::Captured { .. }
            | Self::CaptureFailed { .. }
            | Self::RowsCompared { .. }
            | Self::Observed { .. }
            | Self::Trouble { .. }
            | Self::Kept { .. }
            | Self::RunEnded { .. } => false,
        }
    }
}

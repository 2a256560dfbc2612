//! Everything that can happen in a drill, in one enum.
//!
//! This is the journal's format, version [`FORMAT`]. Every reader matches it without a wildcard, so
//! a new kind of event does not compile until each has decided about it. Times are milliseconds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::gateway::call::{Calling, Content};
use crate::gateway::control::{Conversed, Count};
use crate::plan::DrillPlan;
use crate::stage::{Health, Resource, ServiceState};
use crate::state::changed::Changed;
use crate::state::model::StoreCapture;
use crate::state::rows::{RowCounts, RowDifference};
use crate::sweep::{Case, Survey};
use crate::traffic::{Histogram, Reach, ReadBack, Segment, Spell};

/// The version of the journal's format. A reader refuses any other.
pub const FORMAT: u32 = 1;

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Its number, from 0.
    pub seq: u64,
    /// Wall-clock time, RFC 3339, UTC.
    #[serde(serialize_with = "crate::secret::word")]
    pub at: String,
    /// Milliseconds since the drill began, by a clock that never jumps.
    pub ms: u64,
    /// The run it belongs to; none for the drill itself.
    pub run: Option<u32>,
    /// What happened.
    pub event: Event,
    /// SHA-256 of the line before, in hexadecimal digits; of nothing for the first.
    #[serde(serialize_with = "crate::secret::word")]
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
    /// Up, down, up: the change broken at its point and rolled back, then twice made again and rolled
    /// back.
    Again,
    /// The condition of a pre-check broken on purpose: does it say no?
    Precheck,
    /// A twin stage that an `as_after` expectation is compared with; it is not judged.
    Reference,
    /// A stage on which the runs of a sweep stand, one after the other; it is not judged.
    Lane,
}

impl RunKind {
    /// The word in reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Control => "control",
            Self::Finished => "finished",
            Self::Interrupted => "interrupted",
            Self::Again => "again",
            Self::Precheck => "pre-check",
            Self::Reference => "reference",
            Self::Lane => "lane",
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
    /// What breaks the condition of a pre-check.
    Breaking,
    /// What is asked before the change: all pre-checks, or the one whose condition was broken.
    Precheck,
    /// The change.
    Change,
    /// The rollback.
    Rollback,
    /// The change, made again after a rollback.
    ChangeAgain,
    /// The rollback of the change that was made again.
    RollbackAgain,
    /// The steps of an `as_after` reference.
    Reference,
}

impl Operation {
    /// The word in reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Seed => "seed",
            Self::Breaking => "breaking",
            Self::Precheck => "pre-check",
            Self::Change => "change",
            Self::Rollback => "rollback",
            Self::ChangeAgain => "change again",
            Self::RollbackAgain => "rollback again",
            Self::Reference => "reference",
        }
    }
}

/// What tells how the system is while a run goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sign {
    /// An alert, by its position in the plan, from 0.
    Alert(u32),
    /// The services: each is as well as it was before.
    Services,
    /// An expectation on HTTP, by its position in the plan, from 0.
    Http(u32),
}

/// When a state was captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    /// Seeded and quiet, before the change.
    Before,
    /// After the failure, before the rollback (S2).
    Failed,
    /// After a rollback, before the change is made again.
    Back,
    /// After the whole change, before its rollback: in the finished run of a sweep, and where it was made
    /// again.
    Changed,
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
        #[serde(serialize_with = "crate::secret::word")]
        tool: String,
        /// The owner's label on everything that is made (S21).
        #[serde(serialize_with = "crate::secret::word")]
        owner: String,
        /// The plan.
        plan: Box<DrillPlan>,
    },
    /// An image was found, pulled or built; from here on it is used by its ID (S9).
    Image {
        /// The scenario that uses it.
        #[serde(serialize_with = "crate::secret::word")]
        scenario: String,
        /// As it is written: a reference, or the folder it is built from.
        #[serde(serialize_with = "crate::secret::word")]
        name: String,
        /// The image's ID.
        #[serde(serialize_with = "crate::secret::word")]
        id: String,
        /// The registry's digest, where there is one.
        #[serde(serialize_with = "crate::secret::word")]
        repo_digest: Option<String>,
        /// Whether it was built, now or before, from files of the scenario.
        built: bool,
    },
    /// A run begins.
    RunStarted {
        /// The scenario's identity.
        #[serde(serialize_with = "crate::secret::word")]
        scenario: String,
        /// What kind of run.
        kind: RunKind,
        /// For a run of a sweep: where and how it is broken.
        case: Option<Box<Case>>,
        /// For a run that tries a pre-check: its position in the plan, from 0.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        precheck: Option<u32>,
        /// For a run that an `as_after` expectation is compared with: which of their distinct lists of steps, from 0.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        twin: Option<u32>,
    },
    /// The points that a scenario has, and the cases that try them.
    Surveyed {
        /// The scenario's identity.
        #[serde(serialize_with = "crate::secret::word")]
        scenario: String,
        /// The points and cases.
        survey: Box<Survey>,
    },
    /// The run stands on the stage of another, which was put back to the state that it had before.
    Reset {
        /// The run whose stage it is; its state before is this run's too.
        stage: u32,
        /// Whether the stage was built anew, and not only its stores put back; why.
        rebuilt: Option<String>,
        /// Whether all of it was put back from copies of its volumes, and not only its databases; why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        restored: Option<String>,
        /// How long it took.
        took_ms: u64,
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
    /// A store is about to be kept under this name inside its own server, to be put back from.
    SnapshotIntended {
        /// The store.
        #[serde(serialize_with = "crate::secret::word")]
        store: String,
        /// The name.
        #[serde(serialize_with = "crate::secret::word")]
        name: String,
    },
    /// The services run.
    StageUp,
    /// The seeded stage was copied, so that others can begin on its copies; or it is not, or no longer.
    Copied {
        /// The digest of what makes it what it is: images, services, and the seed with its files.
        #[serde(serialize_with = "crate::secret::word")]
        of: String,
        /// Whether there are copies.
        copied: bool,
        /// Why.
        why: String,
        /// How long it took.
        took_ms: u64,
    },
    /// The stage is about to be brought up on such copies; it is not seeded.
    OnCopies {
        /// The digest of what was copied.
        #[serde(serialize_with = "crate::secret::word")]
        of: String,
        /// The run whose stage it was.
        run: u32,
    },
    /// The copies of a run's stage were removed.
    Discarded {
        /// What could not be removed.
        left: Vec<String>,
    },
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
        #[serde(serialize_with = "crate::secret::statement")]
        text: String,
    },
    /// The change ended, or time ran out, before the point was reached.
    PointMissed {
        /// What was seen last.
        seen: String,
        /// How far the change had come.
        completed: Completed,
    },
    /// What a step's conversations with a service were, as its gateway saw them.
    Conversed {
        /// Of which operation.
        operation: Operation,
        /// The step's number, from 1.
        step: u32,
        /// How far they came.
        count: Count,
        /// What was asked, in the order in which it came; bounded, as the count is not.
        asks: Vec<Conversed>,
        /// What the gateway had to say besides: what it no longer understood, who could not be reached.
        notes: Vec<String>,
    },
    /// What a step of the finished run changed in the observed stores (S26). Without this record nobody knows
    /// what the step did besides its statements that were seen.
    Accounted {
        /// Of which operation.
        operation: Operation,
        /// The step's number, from 1.
        step: u32,
        /// What differs from before the step, by store; stores that hold what they held are left out.
        changed: BTreeMap<String, Changed>,
        /// Stores that could not be looked at, and why.
        unknown: BTreeMap<String, String>,
    },
    /// What a gateway told of calls to the outside since it was asked last.
    Outside {
        /// The host.
        #[serde(serialize_with = "crate::secret::word")]
        service: String,
        /// The calls that ended.
        calls: Vec<OutsideCall>,
        /// What it could not tell, and why.
        notes: Vec<String>,
        /// Whether nobody listens any more: the run is at its end.
        last: bool,
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
    /// A state was captured; after the failure no further than it takes to see a difference, and what was
    /// left unread is named.
    Captured {
        /// When.
        moment: Moment,
        /// The services.
        system: BTreeMap<String, ServiceState>,
        /// The stores, by name.
        stores: BTreeMap<String, StoreCapture>,
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
    /// Clients write and read from here on; what they are told is in a ledger of their own.
    TrafficStarted {
        /// Their names.
        #[serde(serialize_with = "crate::secret::word")]
        names: Vec<String>,
    },
    /// Clients have stopped: how they were served.
    Trafficked {
        /// Their name.
        #[serde(serialize_with = "crate::secret::word")]
        traffic: String,
        /// By the parts of the run.
        segments: Vec<Segment>,
        /// The times in which every request failed.
        spells: Vec<Spell>,
        /// How far requests left behind their time: microseconds.
        behind: Histogram,
    },
    /// Everything that clients had been told about was read back.
    ReadBack {
        /// Their name.
        #[serde(serialize_with = "crate::secret::word")]
        traffic: String,
        /// What was found.
        back: Box<ReadBack>,
    },
    /// The rows of a table that differ between two moments.
    RowsCompared {
        /// The store.
        #[serde(serialize_with = "crate::secret::word")]
        store: String,
        /// The earlier moment, or the reference's.
        from: Moment,
        /// The later moment.
        to: Moment,
        /// The rows.
        rows: RowsDiffer,
    },
    /// What must hold all the time was looked at again and again.
    Watched {
        /// Its position in the plan, from 0.
        expectation: u32,
        /// How often.
        looks: u64,
        /// How often nobody could say.
        unknown: u64,
        /// When it did not hold, for the first time.
        violation: Option<Violation>,
    },
    /// A sign of how the system is was seen, for the first time or in another state than at the look before.
    Turned {
        /// The sign.
        sign: Sign,
        /// Whether it is there: an alert fires, services are well, an expectation holds; none when that
        /// could not be seen.
        is: Option<bool>,
        /// What was seen.
        seen: String,
    },
    /// Alerts were asked for again and again, until now.
    AlertsWatched {
        /// How often.
        looks: u64,
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
    /// A drill that was stopped goes on: runs that were cut short do not count.
    Resumed,
    /// A signal asks to stop.
    Signal {
        /// Its name.
        #[serde(serialize_with = "crate::secret::word")]
        name: String,
    },
    /// The last record.
    Ended,
}

/// A call to the outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutsideCall {
    /// The operation and its step in which it began; none where no step was under way.
    pub during: Option<(Operation, u32)>,
    /// What began.
    pub call: Calling,
    /// What it held; none when it did not come to its end.
    pub content: Option<Content>,
    /// The status of the answer; none when none came.
    pub status: Option<u16>,
}

/// Something that must hold all the time did not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// When, in milliseconds of the drill.
    pub ms: u64,
    /// What was seen.
    pub seen: String,
}

/// The rows of one table that differ.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowsDiffer {
    /// `schema.table`.
    #[serde(serialize_with = "crate::secret::word")]
    pub table: String,
    /// How many, and how.
    pub counts: RowCounts,
    /// The first of them.
    pub examples: Vec<RowDifference>,
    /// Why there are no rows to show, where there are none.
    pub not_kept: Option<String>,
    /// What the keys of clients would explain, by the column that would hold them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reach: Vec<Reach>,
    /// How many rows have other values in exactly these columns; only where there are clients.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub altered: BTreeMap<String, u64>,
    /// What they are called; none where rows have no names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub named: Option<Named>,
}

/// What the rows of a table are called that differ, where rows have names of their own: keys, files, queues.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// How many of them the plan's impact declares, by what declares them.
    pub declared: BTreeMap<String, u64>,
    /// The first of the others that have no client's key in their name.
    pub others: Vec<String>,
    /// How many more of these there are.
    pub more: u64,
}

impl Event {
    /// Whether it announces a deed: it must be on disk before the deed is done.
    pub fn announces(&self) -> bool {
        match self {
            Self::Started { .. }
            | Self::RunStarted { .. }
            | Self::Surveyed { .. }
            | Self::Intent { .. }
            | Self::OnCopies { .. }
            | Self::SnapshotIntended { .. }
            | Self::StepStarted { .. }
            | Self::TrafficStarted { .. }
            | Self::FaultIntended { .. }
            | Self::HealIntended { .. }
            | Self::Resumed
            | Self::Signal { .. }
            | Self::Ended => true,
            Self::Image { .. }
            | Self::Removed { .. }
            | Self::Reset { .. }
            | Self::StageUp
            | Self::Copied { .. }
            | Self::Discarded { .. }
            | Self::StepEnded { .. }
            | Self::PointReached { .. }
            | Self::PointMissed { .. }
            | Self::Conversed { .. }
            | Self::Accounted { .. }
            | Self::Outside { .. }
            | Self::FaultInjected { .. }
            | Self::Healed { .. }
            | Self::OperationEnded { .. }
            | Self::Settled { .. }
            | Self::Triggered { .. }
            | Self::RollbackLate
            | Self::Waited { .. }
            | Self::Captured { .. }
            | Self::CaptureFailed { .. }
            | Self::Trafficked { .. }
            | Self::ReadBack { .. }
            | Self::Watched { .. }
            | Self::Turned { .. }
            | Self::AlertsWatched { .. }
            | Self::RowsCompared { .. }
            | Self::Observed { .. }
            | Self::Trouble { .. }
            | Self::Kept { .. }
            | Self::RunEnded { .. } => false,
        }
    }
}

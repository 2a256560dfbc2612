//! What a verdict is made of. Plain data; reports turn it into their own formats.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::Place;
use crate::journal::event::{Completed, Operation, RowsDiffer, RunKind};
use crate::outcome::{Check, Outcome};
use crate::plan::impact::Touchable;
use crate::plan::model::StateKind;
use crate::traffic::ReadBack;

/// The verdict on a whole drill.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// The drill's name.
    pub drill: String,
    /// Name and version of the tool that ran it.
    pub tool: String,
    /// When it began, RFC 3339.
    pub began: String,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// The worst of what was asked: pass when every scenario is met.
    pub outcome: Outcome,
    /// The scenarios, in the order of the drill.
    pub scenarios: Vec<ScenarioVerdict>,
    /// The signal that stopped it.
    pub signal: Option<String>,
    /// Whether the journal was read to its proper end.
    pub complete: bool,
    /// Whether anything at all could be judged.
    pub judged: bool,
    /// What could not be removed.
    pub left: Vec<String>,
    /// How to reach stages that were left standing.
    pub kept: Vec<String>,
}

/// The verdict on one scenario.
#[derive(Debug, Clone)]
pub struct ScenarioVerdict {
    /// Its identity.
    pub path: String,
    /// Its name.
    pub name: String,
    /// One line on what it is about.
    pub summary: String,
    /// Its file, as shown.
    pub file: String,
    /// Whether the drill says that it must fail, and because of which checks.
    pub should: Option<Vec<String>>,
    /// The level that the drill asks for.
    pub required: Option<u8>,
    /// The worst of all findings.
    pub outcome: Outcome,
    /// Whether it ended as the drill says; none when that cannot be told.
    pub met: Option<bool>,
    /// What has been proven (S3).
    pub level: u8,
    /// Points by how they ended.
    pub counts: Counts,
    /// The sweep, where there was one.
    pub sweep: Option<SweepVerdict>,
    /// The steps that are not known inside.
    pub gaps: Vec<Gap>,
    /// Explicit and state expectations that the control run exercised, of how many.
    pub exercised: Option<(usize, usize)>,
    /// What the steps of the change do, in a few words each.
    pub change: Vec<String>,
    /// What the steps of the rollback do, in a few words each.
    pub rollback: Vec<String>,
    /// How long the rollback may take, in milliseconds.
    pub within_ms: u64,
    /// Why there is no way back, and what stands in its place; none where there is one.
    pub forward_only: Option<ForwardOnlyVerdict>,
    /// The runs: idle, control, finished, interrupted.
    pub runs: Vec<RunVerdict>,
    /// Findings on the scenario as a whole.
    pub findings: Vec<Finding>,
    /// Images that were used: name, ID, registry digest.
    pub images: Vec<(String, String, Option<String>)>,
    /// Files that were part of it, with their SHA-256.
    pub digests: BTreeMap<String, String>,
    /// What the change touched; none where that was not seen.
    pub impact: Option<ImpactVerdict>,
    /// What the scenario asks to be told about: exceptions with their reasons, states not judged,
    /// Compose keys without meaning.
    pub remarks: Vec<String>,
}

/// A change without a way back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForwardOnlyVerdict {
    /// Why there is none.
    pub because: String,
    /// The names of its pre-checks.
    pub prechecks: Vec<String>,
}

impl ScenarioVerdict {
    /// All findings, of the scenario and of its runs.
    pub fn all_findings(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().chain(self.runs.iter().flat_map(|run| &run.findings))
    }

    /// Whether a failure of the change has left something of it: one of the rollback always finds what the finished
    /// change left, and says nothing about that.
    pub fn had_effect(&self) -> bool {
        super::level::had_effect(&self.runs)
    }

    /// The run of a kind that is not a sweep's.
    pub fn run(&self, kind: RunKind) -> Option<&RunVerdict> {
        self.runs.iter().find(|run| run.kind == kind && run.case.is_none())
    }
}

/// What the change touched.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImpactVerdict {
    /// Each thing, in the order of kinds and names.
    pub touched: Vec<Touched>,
    /// What is declared and was not touched.
    pub untouched: Vec<String>,
    /// What is not the same, and moves by itself too: of these nobody can tell.
    pub moving: Vec<String>,
}

/// Something that the change touched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touched {
    /// What it is.
    pub kind: Touchable,
    /// Its name; of keys and files that are declared, the pattern that covers them.
    pub name: String,
    /// What of it: `rows`, `schema`, `image`, `env SHOP_VERSION`.
    pub how: BTreeSet<String>,
    /// What was seen.
    pub evidence: Vec<String>,
    /// Whether it is declared; none where the scenario declares no impact.
    pub declared: Option<bool>,
    /// Whether all of it was looked at; else it may be something that is declared.
    pub is_whole: bool,
}

impl Touched {
    /// What it is and its name.
    pub fn words(&self) -> String {
        format!("{} {}", self.kind.word(), self.name)
    }
}

/// Something that a step did and nobody saw how: inside it no point was tried (S26). It caps the level at 2 and leaves
/// the verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// The operation and the step's number, from 1; none where it is about all of them.
    pub step: Option<(Operation, u32)>,
    /// What is not explained.
    pub why: GapReason,
}

/// Why a step is not known inside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GapReason {
    /// What it changed in a store is not explained by what was seen of it.
    Unseen {
        /// The store.
        store: String,
        /// What differs, in words: `rows of public.orders`.
        what: Vec<String>,
    },
    /// A statement of it makes a part of what it does permanent before its end.
    CommitsInside {
        /// The store.
        store: String,
        /// The statement, on one line.
        statement: String,
        /// A query that turns true while it is at work.
        probe: String,
    },
    /// A store could not be looked at after it.
    Unknown {
        /// The store.
        store: String,
        /// Why not.
        why: String,
    },
    /// The journal does not say what steps changed.
    NotRecorded,
}

/// What a sweep came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SweepVerdict {
    /// All points, by how the case that stands for each ended.
    pub counts: Counts,
    /// The cases that were tried, in the order of their points.
    pub cases: Vec<CaseVerdict>,
    /// What could not be listed, and why.
    pub gaps: Vec<String>,
    /// The case that makes the change again; none where it is expected to fail.
    pub again: Option<AgainCase>,
    /// Whether every point of the change passes.
    pub every_point: bool,
    /// Whether the rollback was broken at every point of its own, repeated, and passes.
    pub every_way_back: bool,
}

/// The case of a sweep in which the change is made again after a rollback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AgainCase {
    /// The run that tried it; none when it was not tried.
    pub run: Option<u32>,
    /// How it ended.
    pub outcome: Outcome,
}

/// One case of a sweep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseVerdict {
    /// Its number, from 1.
    pub number: u32,
    /// `change` or `rollback`.
    pub operation: &'static str,
    /// Where: `step 1, before statement 3`.
    pub place: String,
    /// The statement, or what the step does.
    pub text: String,
    /// What the step does, in a few words.
    pub step: String,
    /// Whether a transaction is open there.
    pub inside: bool,
    /// How many points it stands for, itself included.
    pub stands_for: usize,
    /// The other points that it stands for.
    pub also: Vec<String>,
    /// The run that tried it; none when it was not tried.
    pub run: Option<u32>,
    /// How it ended.
    pub outcome: Outcome,
}

/// Points by how they ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Passed, with an effect or without.
    pub pass: usize,
    /// Failed.
    pub fail: usize,
    /// Could not be told.
    pub unknown: usize,
}

impl Counts {
    /// All points.
    pub fn all(self) -> usize {
        self.pass + self.fail + self.unknown
    }
}

/// What a run of the rollback came to (S4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Exit 0, state as expected.
    Restored,
    /// State as expected, exit not 0.
    RestoredWithError,
    /// Exit 0, state wrong.
    Silent,
    /// Exit not 0, state wrong.
    Broken,
    /// It cannot be told.
    Unknown,
}

impl Class {
    /// The word in reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Restored => "restored",
            Self::RestoredWithError => "restored_with_error",
            Self::Silent => "silent",
            Self::Broken => "broken",
            Self::Unknown => "unknown",
        }
    }
}

/// A state compared with the one before, as a raw fact before any exception.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateFact {
    /// No difference.
    Same,
    /// A difference.
    Differs,
    /// It could not be captured.
    Unknown,
}

impl StateFact {
    /// The word in reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Differs => "differs",
            Self::Unknown => "unknown",
        }
    }
}

/// How an operation went, for reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperationResult {
    /// Every step succeeded.
    Ok,
    /// A step failed.
    Failed,
    /// It was broken at the point.
    Interrupted,
    /// Its time was over.
    TimedOut,
    /// It was not started.
    NotInvoked,
    /// The journal ends before it did.
    Unknown,
}

impl OperationResult {
    /// The word in reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
            Self::TimedOut => "timed_out",
            Self::NotInvoked => "not_invoked",
            Self::Unknown => "unknown",
        }
    }
}

/// An operation of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationVerdict {
    /// How it went.
    pub result: OperationResult,
    /// The exit code of the first step that did not succeed (S25).
    pub exit_code: Option<i64>,
    /// That step.
    pub failed_step: Option<u32>,
    /// What it said.
    pub error: Option<String>,
    /// How long it took, in milliseconds.
    pub took_ms: Option<u64>,
    /// How far it came.
    pub completed: Completed,
    /// The end of the output of the step that did not succeed.
    pub tail: Vec<String>,
}

/// A change that was made again, and rolled back again: the last time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgainVerdict {
    /// The change.
    pub change: OperationVerdict,
    /// The rollback.
    pub rollback: OperationVerdict,
}

/// The point of an interrupted run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PointVerdict {
    /// Whether it lies in the rollback, and not in the change.
    pub in_rollback: bool,
    /// The step, from 1.
    pub step: u32,
    /// The database or service, where the point names one.
    pub on: Option<String>,
    /// `before` or `after`, for points that hold.
    pub side: Option<&'static str>,
    /// What is aimed at in a conversation, in words: `commit 1`.
    pub what: Option<String>,
    /// The statement, from 1.
    pub statement: Option<u32>,
    /// How many statements the step has.
    pub statements: Option<u32>,
    /// How far the change had come when it was reached; none when it was not.
    pub completed: Option<Completed>,
    /// The text at the point.
    pub text: Option<String>,
    /// Whether the change was held there.
    pub held: bool,
}

/// A fault of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultVerdict {
    /// The word in YAML.
    pub kind: &'static str,
    /// The service.
    pub on: Option<String>,
    /// Whether it was seen to act while the change was under way.
    pub acted: bool,
    /// What was seen.
    pub evidence: String,
}

/// The verdict on one run.
#[derive(Debug, Clone)]
pub struct RunVerdict {
    /// Its number in the drill.
    pub number: u32,
    /// What kind of run.
    pub kind: RunKind,
    /// The number of the sweep's case that it tried.
    pub case: Option<u32>,
    /// The point; none for runs that are not interrupted.
    pub point: Option<PointVerdict>,
    /// The faults.
    pub faults: Vec<FaultVerdict>,
    /// The change.
    pub change: OperationVerdict,
    /// Whether the failure left anything of the change (S2).
    pub effect: Option<bool>,
    /// The rollback.
    pub rollback: OperationVerdict,
    /// The change that was made again after the rollback, and its rollback; none for runs without.
    pub again: Option<AgainVerdict>,
    /// The five states compared with before, raw.
    pub states: BTreeMap<StateKind, StateFact>,
    /// What the rollback came to; none for runs without one.
    pub class: Option<Class>,
    /// The worst of the findings.
    pub outcome: Outcome,
    /// The findings.
    pub findings: Vec<Finding>,
    /// Rows that differ, by database.
    pub rows: Vec<(String, RowsDiffer)>,
    /// From the beginning of the rollback to the moment when all services were well.
    pub recovered_ms: Option<u64>,
    /// The pre-check whose condition was broken; none for other runs.
    pub precheck: Option<PrecheckVerdict>,
    /// How long the recovery took and what it lost, where that is asked.
    pub recovery: Option<RecoveryVerdict>,
    /// When its alerts fired and resolved.
    pub alerts: Vec<AlertVerdict>,
    /// Its calls to the outside, in the order in which they began.
    pub outside: Vec<CallVerdict>,
    /// How its clients were served, and what became of what they had been told.
    pub traffic: Vec<TrafficVerdict>,
    /// How long the run took.
    pub took_ms: u64,
}

/// What a pre-check said when its condition was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrecheckVerdict {
    /// Its name.
    pub name: String,
    /// Whether it said no; none when that cannot be told.
    pub says_no: Option<bool>,
}

/// How long a recovery took and what it lost, beside what is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecoveryVerdict {
    /// From the failure until services and clients were well, in milliseconds; none when one was not.
    pub took_ms: Option<u64>,
    /// Acknowledged writes, as they were read back.
    pub acknowledged: u64,
    /// Of those, how many are gone or have fallen back to what was there before.
    pub gone: u64,
    /// From the first of them until the failure, or the last of them, in milliseconds.
    pub span_ms: u64,
    /// Whether everything could be read back.
    pub is_read_back: bool,
    /// How long it may take; none where that is not asked.
    pub rto_ms: Option<u64>,
    /// How long the span may be; none where that is not asked.
    pub rpo_ms: Option<u64>,
    /// How many may be gone; none where that is not asked.
    pub lost: Option<u64>,
}

/// A call to the outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallVerdict {
    /// The operation and its step in which it began; none where no step was under way.
    pub during: Option<(Operation, u32)>,
    /// When, in milliseconds after the first of them.
    pub ms: u64,
    /// The host.
    pub on: String,
    /// `POST /charges`.
    pub call: String,
    /// What it was about, where it has a key.
    pub key: Option<String>,
    /// The status of the answer; none when none came.
    pub status: Option<u16>,
    /// What it is to the plan.
    pub part: Part,
}

/// What a call to the outside is to the plan; effects and compensations by the position of their expectation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// It does something.
    Effect(usize),
    /// It makes up for that.
    Compensation(usize),
    /// It only reads.
    Reads,
    /// Nobody has declared it.
    Undeclared,
}

impl Part {
    /// The word in reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Effect(_) => "effect",
            Self::Compensation(_) => "compensation",
            Self::Reads => "reads",
            Self::Undeclared => "undeclared",
        }
    }
}

/// When an alert fired and resolved, in milliseconds after the failure; before it where negative.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertVerdict {
    /// Its name.
    pub name: String,
    /// When it fired for the first time; none when that was not seen.
    pub fired_ms: Option<i64>,
    /// When it resolved for the last time; none where it fires to the end.
    pub resolved_ms: Option<i64>,
}

/// How the clients of one traffic were served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrafficVerdict {
    /// Its name.
    pub name: String,
    /// Before, change, failure, rollback, after: those in which there were requests.
    pub phases: Vec<Phase>,
    /// The times in which old code stood on the new schema, or the other way round.
    pub windows: Vec<Phase>,
    /// From the failure, else the beginning of the rollback, to the first moment from which no request
    /// failed any more; none when the last one did.
    pub well_after_ms: Option<u64>,
    /// What was read back.
    pub back: Option<ReadBack>,
    /// How far 99 of 100 requests were at most behind their time, in microseconds.
    pub behind_us: Option<u64>,
}

/// The requests of a part of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phase {
    /// Its name.
    pub name: String,
    /// How they ended.
    pub counts: crate::traffic::Counts,
    /// How long they took from when they were due.
    pub latency: crate::traffic::Histogram,
    /// What went wrong, and how often.
    pub failures: Vec<(String, u64)>,
}

/// One judged question with its evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The question.
    pub check: Check,
    /// The answer.
    pub outcome: Outcome,
    /// The answer in one line: a lowercase fragment without a final stop.
    pub message: String,
    /// What the answer is made of, in a few words beside its name: `41 objects`.
    pub brief: Option<String>,
    /// What was seen.
    pub evidence: Vec<String>,
    /// The line of the scenario that asked.
    pub at: Option<Place>,
    /// What to look at next.
    pub next: Option<String>,
}

impl Finding {
    /// An answer.
    pub fn new(check: Check, outcome: Outcome, message: impl Into<String>) -> Self {
        let (message, evidence) = (message.into(), Vec::new());
        Self { check, outcome, message, brief: None, evidence, at: None, next: None }
    }

    /// Says in a few words what the answer is made of.
    #[must_use]
    pub fn brief(mut self, brief: impl Into<String>) -> Self {
        self.brief = Some(brief.into());
        self
    }

    /// Points at the line that asked.
    #[must_use]
    pub fn at(mut self, place: &Place) -> Self {
        self.at = Some(place.clone());
        self
    }

    /// Adds what was seen.
    #[must_use]
    pub fn seen(mut self, evidence: impl IntoIterator<Item = String>) -> Self {
        self.evidence.extend(evidence);
        self
    }

    /// Says what to look at next.
    #[must_use]
    pub fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }
}

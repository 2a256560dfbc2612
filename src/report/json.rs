//! `scorecard.json` (S25): the verdict for programs. These types are the format; nothing else in
//! the verdict is, so that an inner name can change without breaking a reader.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::clients::Traffic;
use super::impact::Impact;
use crate::diagnostic::Place;
use crate::journal::event::{Completed, Operation, RunKind};
use crate::outcome::{Check, Outcome};
use crate::plan::model::StateKind;
use crate::text::clean;
use crate::verdict::Verdict;
use crate::verdict::model::{
    self, AlertVerdict, CallVerdict, CaseVerdict, Class, FaultVerdict, OperationResult, OperationVerdict,
    Part, PointVerdict, RecoveryVerdict, RunVerdict, ScenarioVerdict, StateFact, SweepVerdict,
};

/// The version of this format.
pub const FORMAT: u32 = 1;

/// What a drill has shown.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Scorecard {
    /// The version of this format: 1.
    #[schemars(range(min = 1, max = 1))]
    pub format: u32,
    /// Name and version of the tool.
    pub tool: String,
    /// The drill's name.
    pub drill: String,
    /// Whether every scenario ended as the drill says.
    pub verdict: Outcome,
    /// When it began, RFC 3339.
    pub began: String,
    /// How long it took.
    pub seconds: f64,
    /// The signal that stopped it, or `timeout`.
    pub stopped_by: Option<String>,
    /// Whether its journal was read to the proper end.
    pub complete: bool,
    /// Whether anything could be judged at all.
    pub judged: bool,
    /// The scenarios, in the order of the drill.
    pub scenarios: Vec<Scenario>,
    /// What could not be removed.
    pub left: Vec<String>,
    /// How to reach what was left standing.
    pub kept: Vec<String>,
}

/// One scenario.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Scenario {
    /// Its identity.
    pub path: String,
    /// Its name.
    pub name: String,
    /// One line on what it is about.
    pub summary: String,
    /// Its file.
    pub file: String,
    /// How the drill says it must end, where it does.
    pub should: Option<Should>,
    /// With `should`: exactly the checks that must fail.
    pub because: Vec<String>,
    /// The level that the drill asks for.
    pub required_level: Option<u8>,
    /// The worst of its findings, whatever the drill says.
    pub verdict: Outcome,
    /// Whether it ended as the drill says; null when that cannot be told.
    pub met: Option<bool>,
    /// What has been proven, 0 to 4.
    #[schemars(range(min = 0, max = 4))]
    pub level: u8,
    /// Points by how they ended.
    pub counts: Counts,
    /// How many expectations failed in the control run.
    pub exercised: Option<Exercised>,
    /// Why there is no way back, and what stands in its place; null where there is one.
    pub forward_only: Option<ForwardOnly>,
    /// The points of a sweep, and the cases that stand for them; null where there was none.
    pub sweep: Option<Sweep>,
    /// The steps that were not seen inside: each caps the level at 2.
    pub gaps: Vec<Gap>,
    /// The runs.
    pub runs: Vec<Run>,
    /// Findings on the scenario as a whole.
    pub findings: Vec<Finding>,
    /// The images that were used.
    pub images: Vec<Image>,
    /// SHA-256 of every file that is part of seed, change or rollback.
    pub digests: BTreeMap<String, String>,
    /// What the change touched; null where that was not seen.
    pub impact: Option<Impact>,
    /// Exceptions, states that are not judged, Compose keys without meaning here.
    pub remarks: Vec<String>,
}

/// Something that a step did and nobody saw how.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Gap {
    /// The step's operation; null where it is about all steps.
    pub operation: Option<Operation>,
    /// The step's number, from 1.
    pub step: Option<u32>,
    /// The store.
    pub store: Option<String>,
    /// Why it is one.
    pub why: GapReason,
    /// What differs in the store and is not explained, such as `rows of public.orders`; or the statement that commits
    /// inside itself.
    pub what: Vec<String>,
    /// In words.
    pub message: String,
}

/// Why a step was not seen inside.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GapReason {
    /// No statement that was seen explains what it changed.
    Unseen,
    /// A statement of it makes a part of what it does permanent before its end.
    CommitsInside,
    /// The store could not be looked at after it.
    Unknown,
    /// The journal does not say what steps changed.
    NotRecorded,
}

/// A change without a way back.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ForwardOnly {
    /// Why there is none.
    pub because: String,
    /// The names of its pre-checks.
    pub prechecks: Vec<String>,
}

/// How a scenario must end.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Should {
    /// Its verdict must be fail.
    Fail,
}

/// Points by how they ended.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Counts {
    /// Passed.
    pub pass: usize,
    /// Failed.
    pub fail: usize,
    /// Could not be told.
    pub unknown: usize,
    /// All of them.
    pub points: usize,
}

/// What the control run exercised.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Exercised {
    /// Expectations that failed without the rollback.
    pub failed: usize,
    /// All of them.
    pub of: usize,
}

/// An image.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Image {
    /// As it is written, or the name it was built under.
    pub name: String,
    /// Its ID.
    pub id: String,
    /// The registry's digest, where there is one.
    pub registry_digest: Option<String>,
}

/// A sweep.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Sweep {
    /// How many points the operations have.
    pub points: usize,
    /// How many of them were tried.
    pub tried: usize,
    /// The cases that were tried.
    pub cases: Vec<Case>,
    /// What could not be listed, and why.
    pub gaps: Vec<String>,
    /// The case that makes the change again after a rollback; null where the change is expected to fail.
    pub again: Option<AgainCase>,
}

/// The case of a sweep that makes the change again after a rollback.
#[derive(Debug, Serialize, JsonSchema)]
pub struct AgainCase {
    /// The number of the run that tried it; null when it was not tried.
    pub run: Option<u32>,
    /// How it ended.
    pub verdict: Outcome,
}

/// One case of a sweep.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Case {
    /// Its number, from 1.
    pub number: u32,
    /// The operation that is broken.
    pub operation: String,
    /// Where.
    pub place: String,
    /// The statement, or what the step does.
    pub text: String,
    /// Whether a transaction is open there.
    pub inside_transaction: bool,
    /// How many points it stands for, itself included.
    pub stands_for: usize,
    /// The other points that it stands for.
    pub also: Vec<String>,
    /// The number of the run that tried it; null when it was not tried.
    pub run: Option<u32>,
    /// How it ended.
    pub verdict: Outcome,
}

/// The kinds of runs (S1).
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// No change and no rollback.
    Idle,
    /// The change without a rollback.
    Control,
    /// The whole change, then the rollback.
    Finished,
    /// The change broken at its point, then the rollback.
    Interrupted,
    /// The same, then the change twice made again to its end and rolled back.
    Again,
    /// The condition of a pre-check broken, and that pre-check asked; the change is not begun.
    Precheck,
}

/// One run.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Run {
    /// Its number in the drill.
    pub number: u32,
    /// What kind of run.
    pub kind: Kind,
    /// Where it was interrupted; null for the other kinds.
    pub point: Option<Point>,
    /// The faults that were injected.
    pub fault: Vec<Fault>,
    /// The change.
    pub change: Change,
    /// Whether the failure left anything of the change; null when that cannot be told.
    pub effect: Option<bool>,
    /// The rollback.
    pub rollback: Rollback,
    /// The change and the rollback made again after the rollback, the last time; null for runs without.
    pub again: Option<Again>,
    /// Each state compared with the one before, before any exception.
    pub state: State,
    /// What the rollback came to; null for runs without one.
    pub class: Option<ClassWord>,
    /// The worst of the findings.
    pub verdict: Outcome,
    /// The findings.
    pub findings: Vec<Finding>,
    /// Tables whose rows differ; the rows are in rows.jsonl.
    pub rows: Vec<Rows>,
    /// From the beginning of the rollback until all services were well.
    pub recovered_seconds: Option<f64>,
    /// The pre-check whose condition was broken; null for the other kinds of runs.
    pub precheck: Option<Precheck>,
    /// How long the recovery took and what it lost, beside what is allowed; null where that is not asked.
    pub recovery: Option<Recovery>,
    /// The alerts that the failure must set off; none for the other kinds of runs.
    pub alerts: Vec<Alert>,
    /// Its calls to the outside, in the order in which they began.
    pub outside: Vec<OutsideCall>,
    /// Its clients.
    pub traffic: Vec<Traffic>,
    /// How long the run took.
    pub seconds: f64,
}

/// What a pre-check said when its condition was broken.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Precheck {
    /// Its name.
    pub name: String,
    /// Whether it said no; null when that cannot be told.
    pub says_no: Option<bool>,
}

/// How long a recovery took and what it lost, beside what is allowed.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Recovery {
    /// From the failure until services and clients were well; null when one was not.
    pub seconds: Option<f64>,
    /// How long that may take; null where it is not asked.
    pub rto_seconds: Option<f64>,
    /// Acknowledged writes that are gone, or have fallen back to what was there before.
    pub gone: u64,
    /// How many may be; null where it is not asked.
    pub allowed_gone: Option<u64>,
    /// From the first of them until the failure, or the last of them.
    pub span_seconds: f64,
    /// How long that may be; null where it is not asked.
    pub rpo_seconds: Option<f64>,
}

/// A call to the outside.
#[derive(Debug, Serialize, JsonSchema)]
pub struct OutsideCall {
    /// The operation during which it began; null between steps.
    pub during: Option<String>,
    /// The step of that operation.
    pub step: Option<u32>,
    /// How long after the first of them it began.
    pub after_seconds: f64,
    /// The host.
    pub on: String,
    /// The method and path; of a mail `MAIL` and its recipients.
    pub call: String,
    /// What it was about, where a key is declared and there.
    pub key: Option<String>,
    /// The status of the answer; null when none came.
    pub status: Option<u16>,
    /// What it is to the scenario.
    pub part: OutsidePart,
}

/// What a call to the outside is to the scenario.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OutsidePart {
    /// It does something.
    Effect,
    /// It makes up for that.
    Compensation,
    /// It only reads.
    Reads,
    /// Nobody has declared it.
    Undeclared,
}

/// When an alert fired and resolved, as it was seen.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Alert {
    /// Its name.
    pub name: String,
    /// From the failure until it fired: the time to detect. Negative where it fired before the failure, null
    /// where it did not fire.
    pub fired_seconds: Option<f64>,
    /// From the failure until it resolved for the last time; null where it did not fire, or fires to the end.
    pub resolved_seconds: Option<f64>,
}

/// An exact place inside the change.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Point {
    /// The operation.
    pub operation: Operation,
    /// The step, from 1.
    pub step: u32,
    /// The database or service.
    pub on: Option<String>,
    /// `before` or `after`; null for a point that is only seen.
    pub side: Option<String>,
    /// The statement, from 1.
    pub statement: Option<u32>,
    /// How many statements the step has.
    pub statements: Option<u32>,
    /// Whole statements, or steps where the point names no statement, done before it; null when it
    /// was not reached.
    pub completed: Option<u32>,
    /// The text there.
    pub text: Option<String>,
    /// Whether the change was held there until the faults had acted.
    pub held: bool,
}

/// A fault.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Fault {
    /// Its word in YAML.
    pub kind: String,
    /// The service; null for `abort`.
    pub on: Option<String>,
    /// Whether it was seen to act while the change was under way.
    pub acted: bool,
    /// What was seen.
    pub evidence: String,
}

/// How the change ended.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChangeResult {
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

/// The change.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Change {
    /// How it ended.
    pub result: ChangeResult,
    /// Whole statements, or steps where it did not stop inside of one, that were done.
    pub completed: u32,
    /// The step that did not succeed.
    pub failed_step: Option<u32>,
    /// What it said.
    pub error: Option<String>,
    /// How long it took.
    pub seconds: Option<f64>,
}

/// How the rollback ended.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RollbackResult {
    /// Every step succeeded, in time.
    Ok,
    /// A step failed.
    Failed,
    /// It passed its `within`.
    TimedOut,
    /// It was not started.
    NotInvoked,
    /// The journal ends before it did.
    Unknown,
}

/// The rollback.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Rollback {
    /// How it ended.
    pub result: RollbackResult,
    /// Of the first step that did not succeed; 0 if all did; null when there is none.
    pub exit_code: Option<i64>,
    /// That step.
    pub failed_step: Option<u32>,
    /// What it said.
    pub error: Option<String>,
    /// The end of its output.
    pub output: Vec<String>,
    /// How long it took.
    pub seconds: Option<f64>,
}

/// A change that was made again after a rollback, and rolled back again.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Again {
    /// The change.
    pub change: Change,
    /// The rollback.
    pub rollback: Rollback,
}

/// A state as a raw fact.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    /// No difference.
    Same,
    /// A difference.
    Differs,
    /// It could not be captured.
    Unknown,
}

/// The five states.
#[derive(Debug, Serialize, JsonSchema)]
pub struct State {
    /// Services.
    pub system: Fact,
    /// Schemas.
    pub schema: Fact,
    /// Rows.
    pub data: Fact,
    /// Sequences.
    pub sequences: Fact,
    /// What was not there before.
    pub leftovers: Fact,
}

/// What a rollback came to (S4).
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClassWord {
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

/// One judged question.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Finding {
    /// The question.
    pub check: Check,
    /// The answer.
    pub outcome: Outcome,
    /// The answer in one line.
    pub message: String,
    /// What was seen.
    pub evidence: Vec<String>,
    /// The line of the scenario that asked.
    pub at: Option<Place>,
    /// What to look at next.
    pub next: Option<String>,
}

/// Rows of a table that differ.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Rows {
    /// The store, by its name.
    pub store: String,
    /// The table.
    pub table: String,
    /// Rows with other values.
    pub changed: u64,
    /// Rows that are gone.
    pub missing: u64,
    /// Rows that came.
    pub extra: u64,
}

/// Renders the scorecard.
pub fn text(verdict: &Verdict) -> String {
    let scorecard = Scorecard::from(verdict);
    let text = serde_json::to_string_pretty(&scorecard).expect("a scorecard has only text keys");
    text + "\n"
}

impl From<&Verdict> for Scorecard {
    fn from(verdict: &Verdict) -> Self {
        Self {
            format: FORMAT,
            tool: verdict.tool.clone(),
            drill: clean(&verdict.drill),
            verdict: verdict.outcome,
            began: verdict.began.clone(),
            seconds: seconds(verdict.took_ms),
            stopped_by: verdict.signal.clone(),
            complete: verdict.complete,
            judged: verdict.judged,
            scenarios: verdict.scenarios.iter().map(Scenario::from).collect(),
            left: cleaned(&verdict.left),
            kept: cleaned(&verdict.kept),
        }
    }
}

impl From<&ScenarioVerdict> for Scenario {
    fn from(scenario: &ScenarioVerdict) -> Self {
        let model::Counts { pass, fail, unknown } = scenario.counts;
        Self {
            path: scenario.path.clone(),
            name: scenario.name.clone(),
            summary: scenario.summary.clone(),
            file: scenario.file.clone(),
            should: scenario.should.as_ref().map(|_| Should::Fail),
            because: scenario.should.clone().unwrap_or_default(),
            required_level: scenario.required,
            verdict: scenario.outcome,
            met: scenario.met,
            level: scenario.level,
            counts: Counts { pass, fail, unknown, points: scenario.counts.all() },
            exercised: scenario.exercised.map(|(failed, of)| Exercised { failed, of }),
            forward_only: scenario
                .forward_only
                .as_ref()
                .map(|it| ForwardOnly { because: clean(&it.because), prechecks: cleaned(&it.prechecks) }),
            sweep: scenario.sweep.as_ref().map(sweep),
            runs: scenario.runs.iter().filter_map(run).collect(),
            findings: scenario.findings.iter().map(Finding::from).collect(),
            images: scenario.images.iter().map(image).collect(),
            digests: scenario.digests.clone(),
            impact: scenario.impact.as_ref().map(Impact::from),
            gaps: scenario.gaps.iter().map(gap).collect(),
            remarks: cleaned(&scenario.remarks),
        }
    }
}

fn image((name, id, digest): &(String, String, Option<String>)) -> Image {
    Image { name: name.clone(), id: id.clone(), registry_digest: digest.clone() }
}

fn sweep(sweep: &SweepVerdict) -> Sweep {
    let case = |case: &CaseVerdict| Case {
        number: case.number,
        operation: case.operation.to_owned(),
        place: case.place.clone(),
        text: clean(&case.text),
        inside_transaction: case.inside,
        stands_for: case.stands_for,
        also: cleaned(&case.also),
        run: case.run,
        verdict: case.outcome,
    };
    Sweep {
        points: sweep.counts.all(),
        tried: sweep.cases.iter().filter(|case| case.run.is_some()).count(),
        cases: sweep.cases.iter().map(case).collect(),
        gaps: sweep.gaps.clone(),
        again: sweep.again.map(|again| AgainCase { run: again.run, verdict: again.outcome }),
    }
}

fn gap(gap: &model::Gap) -> Gap {
    let (why, store, what) = match &gap.why {
        model::GapReason::Unseen { store, what } => (GapReason::Unseen, Some(store), cleaned(what)),
        model::GapReason::CommitsInside { store, statement, .. } => {
            (GapReason::CommitsInside, Some(store), vec![clean(statement)])
        }
        model::GapReason::Unknown { store, .. } => (GapReason::Unknown, Some(store), Vec::new()),
        model::GapReason::NotRecorded => (GapReason::NotRecorded, None, Vec::new()),
    };
    Gap {
        operation: gap.step.map(|(operation, _)| operation),
        step: gap.step.map(|(_, step)| step),
        store: store.cloned(),
        why,
        what,
        message: clean(&super::gaps::words(gap)),
    }
}

/// A run that is judged; a reference run is none.
fn run(run: &RunVerdict) -> Option<Run> {
    let kind = match run.kind {
        RunKind::Idle => Kind::Idle,
        RunKind::Control => Kind::Control,
        RunKind::Finished => Kind::Finished,
        RunKind::Interrupted => Kind::Interrupted,
        RunKind::Again => Kind::Again,
        RunKind::Precheck => Kind::Precheck,
        RunKind::Reference | RunKind::Lane => return None,
    };
    Some(Run {
        number: run.number,
        kind,
        point: run.point.as_ref().map(point),
        fault: run.faults.iter().map(fault).collect(),
        change: change(&run.change, run.point.as_ref()),
        effect: run.effect,
        rollback: rollback(&run.rollback),
        again: run
            .again
            .as_ref()
            .map(|again| Again { change: change(&again.change, None), rollback: rollback(&again.rollback) }),
        state: state(&run.states),
        class: run.class.map(class),
        verdict: run.outcome,
        findings: run.findings.iter().map(Finding::from).collect(),
        rows: run.rows.iter().map(rows).collect(),
        recovered_seconds: run.recovered_ms.map(seconds),
        precheck: run.precheck.as_ref().map(|it| Precheck { name: clean(&it.name), says_no: it.says_no }),
        recovery: run.recovery.as_ref().map(recovery),
        alerts: run.alerts.iter().map(alert).collect(),
        outside: run.outside.iter().map(outside).collect(),
        traffic: run.traffic.iter().map(Traffic::from).collect(),
        seconds: seconds(run.took_ms),
    })
}

fn recovery(recovery: &RecoveryVerdict) -> Recovery {
    Recovery {
        seconds: recovery.took_ms.map(seconds),
        rto_seconds: recovery.rto_ms.map(seconds),
        gone: recovery.gone,
        allowed_gone: recovery.lost,
        span_seconds: seconds(recovery.span_ms),
        rpo_seconds: recovery.rpo_ms.map(seconds),
    }
}

fn outside(call: &CallVerdict) -> OutsideCall {
    OutsideCall {
        during: call.during.map(|(operation, _)| operation.word().to_owned()),
        step: call.during.map(|(_, step)| step),
        after_seconds: seconds(call.ms),
        on: clean(&call.on),
        call: clean(&call.call),
        key: call.key.as_deref().map(clean),
        status: call.status,
        part: match call.part {
            Part::Effect(_) => OutsidePart::Effect,
            Part::Compensation(_) => OutsidePart::Compensation,
            Part::Reads => OutsidePart::Reads,
            Part::Undeclared => OutsidePart::Undeclared,
        },
    }
}

fn alert(alert: &AlertVerdict) -> Alert {
    let seconds = |ms: Option<i64>| ms.map(|ms| ms as f64 / 1000.0);
    Alert {
        name: clean(&alert.name),
        fired_seconds: seconds(alert.fired_ms),
        resolved_seconds: seconds(alert.resolved_ms),
    }
}

fn point(point: &PointVerdict) -> Point {
    let done = |completed: Completed| match point.statement {
        Some(_) => completed.statements,
        None => completed.steps,
    };
    Point {
        operation: if point.in_rollback { Operation::Rollback } else { Operation::Change },
        step: point.step,
        on: point.on.clone(),
        side: point.side.map(str::to_owned),
        statement: point.statement,
        statements: point.statements,
        completed: point.completed.map(done),
        text: point.text.as_deref().map(clean),
        held: point.held,
    }
}

fn fault(fault: &FaultVerdict) -> Fault {
    Fault {
        kind: fault.kind.to_owned(),
        on: fault.on.clone(),
        acted: fault.acted,
        evidence: clean(&fault.evidence),
    }
}

fn change(change: &OperationVerdict, point: Option<&PointVerdict>) -> Change {
    let at_statement = point.is_some_and(|point| point.statement.is_some());
    let inside = change.result == OperationResult::Interrupted && at_statement;
    let Completed { steps, statements } = change.completed;
    Change {
        result: match change.result {
            OperationResult::Ok => ChangeResult::Ok,
            OperationResult::Failed => ChangeResult::Failed,
            OperationResult::Interrupted => ChangeResult::Interrupted,
            OperationResult::TimedOut => ChangeResult::TimedOut,
            OperationResult::NotInvoked => ChangeResult::NotInvoked,
            OperationResult::Unknown => ChangeResult::Unknown,
        },
        completed: if inside || statements > 0 { statements } else { steps },
        failed_step: change.failed_step,
        error: change.error.as_deref().map(clean),
        seconds: change.took_ms.map(seconds),
    }
}

fn rollback(rollback: &OperationVerdict) -> Rollback {
    Rollback {
        result: match rollback.result {
            OperationResult::Ok => RollbackResult::Ok,
            OperationResult::Failed => RollbackResult::Failed,
            // A rollback is ended from outside only when its time is over.
            OperationResult::TimedOut | OperationResult::Interrupted => RollbackResult::TimedOut,
            OperationResult::NotInvoked => RollbackResult::NotInvoked,
            OperationResult::Unknown => RollbackResult::Unknown,
        },
        exit_code: rollback.exit_code,
        failed_step: rollback.failed_step,
        error: rollback.error.as_deref().map(clean),
        output: cleaned(&rollback.tail),
        seconds: rollback.took_ms.map(seconds),
    }
}

fn state(states: &BTreeMap<StateKind, StateFact>) -> State {
    let fact = |kind| match states.get(&kind) {
        Some(StateFact::Same) => Fact::Same,
        Some(StateFact::Differs) => Fact::Differs,
        Some(StateFact::Unknown) | None => Fact::Unknown,
    };
    State {
        system: fact(StateKind::System),
        schema: fact(StateKind::Schema),
        data: fact(StateKind::Data),
        sequences: fact(StateKind::Sequences),
        leftovers: fact(StateKind::Leftovers),
    }
}

fn class(class: Class) -> ClassWord {
    match class {
        Class::Restored => ClassWord::Restored,
        Class::RestoredWithError => ClassWord::RestoredWithError,
        Class::Silent => ClassWord::Silent,
        Class::Broken => ClassWord::Broken,
        Class::Unknown => ClassWord::Unknown,
    }
}

fn rows((store, rows): &(String, crate::journal::event::RowsDiffer)) -> Rows {
    Rows {
        store: store.clone(),
        table: rows.table.clone(),
        changed: rows.counts.changed,
        missing: rows.counts.missing,
        extra: rows.counts.extra,
    }
}

impl From<&model::Finding> for Finding {
    fn from(finding: &model::Finding) -> Self {
        Self {
            check: finding.check,
            outcome: finding.outcome,
            message: clean(&finding.message),
            evidence: cleaned(&finding.evidence),
            at: finding.at.clone(),
            next: finding.next.as_deref().map(clean),
        }
    }
}

fn seconds(ms: u64) -> f64 {
    ms as f64 / 1000.0
}

fn cleaned(lines: &[String]) -> Vec<String> {
    lines.iter().map(|line| clean(line)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::report::schemas;
    use crate::report::testing::{HARM, cases};

    fn of(name: &str) -> Value {
        let (_, verdict) = cases().into_iter().find(|(known, _)| *known == name).unwrap();
        serde_json::from_str(&text(&verdict)).unwrap()
    }

    fn run<'v>(scorecard: &'v Value, kind: &str) -> &'v Value {
        let runs = scorecard["scenarios"][0]["runs"].as_array().unwrap();
        runs.iter().find(|run| run["kind"] == kind).unwrap()
    }

    #[test]
    fn s25_every_scorecard_validates_against_the_schema() {
        let validator = jsonschema::draft202012::new(&schemas::scorecard()).unwrap();
        for (name, _) in cases() {
            let errors: Vec<String> =
                validator.iter_errors(&of(name)).map(|error| error.to_string()).collect();
            assert!(errors.is_empty(), "{name}: {errors:#?}");
        }
        for (key, wrong) in [("format", 2.into()), ("verdict", "good".into()), ("scenarios", Value::Null)] {
            let mut scorecard = of("silent");
            scorecard[key] = wrong;
            assert!(!validator.is_valid(&scorecard), "a wrong `{key}` is not refused");
            scorecard.as_object_mut().unwrap().remove(key);
            assert!(!validator.is_valid(&scorecard), "a missing `{key}` is not refused");
        }
    }

    #[test]
    fn s25_the_facts_of_an_interrupted_run_stand_under_their_names() {
        let scorecard = of("silent");
        let interrupted = run(&scorecard, "interrupted");
        let point = serde_json::json!({
            "operation": "change", "step": 1, "on": "db", "side": "before", "statement": 3,
            "statements": 3, "completed": 2, "text": "COMMIT", "held": true
        });
        assert_eq!(interrupted["point"], point);
        assert_eq!(interrupted["fault"][0]["kind"], "abort");
        assert_eq!(interrupted["fault"][0]["acted"], true);
        assert_eq!(interrupted["change"]["result"], "interrupted");
        assert_eq!(interrupted["change"]["completed"], 2);
        assert_eq!(interrupted["effect"], true);
        assert_eq!(interrupted["rollback"]["result"], "ok");
        assert_eq!(interrupted["rollback"]["exit_code"], 0);
        assert_eq!(interrupted["rollback"]["seconds"], 0.4);
        let state = serde_json::json!({
            "system": "same", "schema": "same", "data": "differs", "sequences": "same", "leftovers": "same"
        });
        assert_eq!(interrupted["state"], state);
        assert_eq!((&interrupted["class"], &interrupted["verdict"]), (&"silent".into(), &"fail".into()));
        let finding = interrupted["findings"].as_array().unwrap().iter().find(|one| one["check"] == "data");
        assert_eq!(finding.unwrap()["at"]["line"], 32);
    }

    /// These words are among the keys of a value.
    #[track_caller]
    fn has(value: &Value, words: &str) {
        let missing: Vec<&str> = words.split(' ').filter(|word| value.get(word).is_none()).collect();
        assert!(missing.is_empty(), "{missing:?} missing in {value:#}");
    }

    #[test]
    fn s25_every_field_of_the_list_is_there_in_every_run() {
        let scorecard = of("two");
        has(&scorecard, "format tool drill verdict scenarios");
        for scenario in scorecard["scenarios"].as_array().unwrap() {
            has(scenario, "path name should verdict met level counts runs");
            let runs = scenario["runs"].as_array().unwrap();
            let kinds: Vec<&str> = runs.iter().filter_map(|run| run["kind"].as_str()).collect();
            assert_eq!(kinds, ["idle", "control", "finished", "interrupted"]);
            for run in runs {
                has(run, "kind point fault change effect rollback state class verdict findings");
                has(&run["change"], "result completed");
                has(&run["rollback"], "result exit_code failed_step error seconds");
                has(&run["state"], "system schema data sequences leftovers");
                for finding in run["findings"].as_array().unwrap() {
                    has(finding, "check outcome message evidence at next");
                }
            }
            let interrupted = &runs[3];
            has(&interrupted["point"], "operation step on side statement statements completed text");
            has(&interrupted["fault"][0], "kind on acted");
        }
        let wrong = run(&scorecard, "finished")["findings"].as_array().unwrap();
        let wrong = wrong.iter().find(|finding| finding["check"] == "data").unwrap();
        has(&wrong["at"], "file line column");
        assert!(wrong["next"].is_string(), "{wrong:#}");
    }

    #[test]
    fn s25_what_did_not_happen_is_null_and_not_a_number() {
        let scorecard = of("trouble");
        let interrupted = run(&scorecard, "interrupted");
        assert_eq!(interrupted["rollback"]["result"], "not_invoked");
        assert_eq!(interrupted["rollback"]["exit_code"], Value::Null);
        assert_eq!(interrupted["point"]["completed"], Value::Null);
        assert_eq!(interrupted["effect"], Value::Null);
        assert_eq!(interrupted["state"]["data"], "unknown");
        assert_eq!(run(&scorecard, "idle")["point"], Value::Null);
        assert_eq!(run(&scorecard, "idle")["class"], Value::Null);
    }

    #[test]
    fn s23_the_raw_verdict_stays_beside_what_the_drill_says() {
        let scorecard = of("two");
        let wrong = &scorecard["scenarios"][0];
        assert_eq!(scorecard["verdict"], "pass");
        assert_eq!(
            (&wrong["should"], &wrong["verdict"], &wrong["met"]),
            (&"fail".into(), &"fail".into(), &true.into())
        );
        assert_eq!(wrong["because"], serde_json::json!(["data"]));
        assert_eq!(scorecard["scenarios"][1]["required_level"], 2);
    }

    #[test]
    fn what_stands_in_the_place_of_a_way_back_is_told() {
        let scorecard = of("forward only");
        let declared = &scorecard["scenarios"][0]["forward_only"];
        let expected = serde_json::json!({
            "because": "the notes cannot be brought back", "prechecks": ["a fresh backup"]
        });
        assert_eq!(*declared, expected);
        let tried = &run(&scorecard, "precheck")["precheck"];
        assert_eq!(*tried, serde_json::json!({ "name": "a fresh backup", "says_no": false }));
        assert_eq!(of("silent")["scenarios"][0]["forward_only"], Value::Null);
    }

    #[test]
    fn what_a_program_printed_holds_no_escape() {
        assert!(HARM.contains('\u{1b}'));
        let text = of("broken").to_string();
        assert!(
            !text.contains("\\u001b") && !text.contains("\\u0000") && text.contains("<script>"),
            "{text}"
        );
    }
}

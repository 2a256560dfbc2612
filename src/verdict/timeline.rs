//! The journal sorted by scenario and run: the one place that pairs records.

use std::collections::{BTreeMap, BTreeSet};

use crate::gateway::control::{Conversed, Count};
use crate::journal::Record;
use crate::journal::event::{
    Completed, Ending, Event, Moment, Operation, OutsideCall, RowsDiffer, RunKind, Sign, Violation,
};
use crate::plan::DrillPlan;
use crate::stage::{Health, Resource, ServiceState};
use crate::state::changed::Changed;
use crate::state::model::StoreCapture;
use crate::sweep::{Case, Survey};
use crate::traffic::{Histogram, ReadBack, Segment, Spell};

/// A whole drill as it happened.
#[derive(Debug, Clone)]
pub struct Timeline {
    /// Name and version of the tool that ran it.
    pub tool: String,
    /// When it began, RFC 3339.
    pub began: String,
    /// What was planned.
    pub plan: DrillPlan,
    /// The images by scenario.
    pub images: BTreeMap<String, Vec<Image>>,
    /// The runs in the order they were made.
    pub runs: Vec<Run>,
    /// The points of swept scenarios.
    pub surveys: BTreeMap<String, Survey>,
    /// The signal that stopped it.
    pub signal: Option<String>,
    /// Whether the last record is the end.
    pub complete: bool,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

/// An image that was used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// As it is written.
    pub name: String,
    /// Its ID.
    pub id: String,
    /// The registry's digest.
    pub repo_digest: Option<String>,
    /// Whether it was built from files.
    pub built: bool,
}

/// The state at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct State {
    /// The services.
    pub system: BTreeMap<String, ServiceState>,
    /// The stores, by name.
    pub stores: BTreeMap<String, StoreCapture>,
    /// What the project does not explain.
    pub strays: Vec<Resource>,
}

/// How an operation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationEnd {
    /// How.
    pub ending: Ending,
    /// The exit code of the first step that did not succeed; 0 if all did.
    pub exit_code: Option<i64>,
    /// That step.
    pub failed_step: Option<u32>,
    /// What it said.
    pub error: Option<String>,
    /// How far it came.
    pub completed: Completed,
    /// How long it took.
    pub took_ms: u64,
}

/// One step that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepEnd {
    /// Its operation.
    pub operation: Operation,
    /// Its number.
    pub step: u32,
    /// How it ended.
    pub ending: Ending,
    /// What went wrong.
    pub error: Option<String>,
    /// The end of its output.
    pub tail: Vec<String>,
    /// How long it took.
    pub took_ms: u64,
}

/// The point, as it was met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Point {
    /// It was reached.
    Reached {
        /// Whether the change was held there.
        held: bool,
        /// How far the change had come.
        completed: Completed,
        /// The text there.
        text: String,
    },
    /// It was not reached.
    Missed {
        /// What was seen last.
        seen: String,
        /// How far the change had come.
        completed: Completed,
    },
}

/// A step's conversations with one service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversation {
    /// The step's operation.
    pub operation: Operation,
    /// The step's number.
    pub step: u32,
    /// How far they came.
    pub count: Count,
    /// What was asked.
    pub asks: Vec<Conversed>,
    /// What the gateway had to say besides.
    pub notes: Vec<String>,
}

/// What a step changed in the observed stores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The step's operation.
    pub operation: Operation,
    /// The step's number.
    pub step: u32,
    /// What is not as it was before the step, by store.
    pub changed: BTreeMap<String, Changed>,
    /// Stores that could not be looked at, and why.
    pub unknown: BTreeMap<String, String>,
}

/// A call to the outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutsideCalled {
    /// How often the change had been made again, or was being.
    pub round: u32,
    /// The call.
    pub call: OutsideCall,
}

/// What was heard of calls to the outside.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OutsideHeard {
    /// The calls, in the order in which they began.
    pub calls: Vec<OutsideCalled>,
    /// What was not understood or not told, each with its host.
    pub notes: Vec<(String, String)>,
    /// The hosts that were listened to until the end.
    pub whole: BTreeSet<String>,
}

/// What is known of one fault.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FaultSeen {
    /// Whether it acted; none when that was never looked for.
    pub acted: Option<bool>,
    /// Whether the change was still under way.
    pub in_time: bool,
    /// What was seen.
    pub evidence: String,
    /// Whether it was healed; none when that was not tried.
    pub healed: Option<bool>,
    /// What was seen of the healing.
    pub heal_evidence: String,
    /// From the decision to the evidence.
    pub took_ms: u64,
}

/// An explicit expectation, as it was observed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Whether it held.
    pub held: Option<bool>,
    /// What was seen last.
    pub what: String,
    /// How long it was observed.
    pub took_ms: u64,
}

/// How clients were served, and what became of what they had been told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Served {
    /// Their requests by the parts of the run.
    pub segments: Vec<Segment>,
    /// The times in which every request failed.
    pub spells: Vec<Spell>,
    /// How far requests left behind their time: microseconds.
    pub behind: Histogram,
    /// What was read back; none when that did not come to its end.
    pub back: Option<ReadBack>,
}

/// What was seen of something that must hold all the time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    /// How often it was looked at.
    pub looks: u64,
    /// How often nobody could say.
    pub unknown: u64,
    /// When it did not hold, for the first time.
    pub violation: Option<Violation>,
}

/// A sign of how the system is, as it was seen from a moment on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// When, in milliseconds of the drill.
    pub ms: u64,
    /// Whether it is there; none when that could not be seen.
    pub is: Option<bool>,
    /// What was seen.
    pub seen: String,
}

/// One run as it happened.
#[derive(Debug, Clone)]
pub struct Run {
    /// Its number.
    pub number: u32,
    /// Its scenario.
    pub scenario: String,
    /// What kind of run.
    pub kind: RunKind,
    /// For a run of a sweep: where and how it is broken.
    pub case: Option<Case>,
    /// For a run that tries a pre-check: its position in the plan.
    pub precheck: Option<u32>,
    /// For a twin: the position of its list of steps.
    pub twin: Option<u32>,
    /// Whether its stage was built anew for it.
    pub rebuilt: bool,
    /// How the rollback ended that was itself broken; the other is the one that followed.
    pub broken_rollback: Option<OperationEnd>,
    /// When it began, in milliseconds of the drill.
    pub began_ms: u64,
    /// When it ended.
    pub ended_ms: Option<u64>,
    /// Captured states.
    pub states: BTreeMap<Moment, State>,
    /// States that could not be captured, and why.
    pub unknown: BTreeMap<Moment, String>,
    /// Operations that ended.
    pub operations: BTreeMap<Operation, OperationEnd>,
    /// Operations that began.
    pub began: BTreeMap<Operation, u64>,
    /// Steps that ended.
    pub steps: Vec<StepEnd>,
    /// The point.
    pub point: Option<Point>,
    /// When the point was reached, in milliseconds of the drill.
    pub point_ms: Option<u64>,
    /// What gateways saw of the steps' conversations.
    pub conversed: Vec<Conversation>,
    /// What each step changed, in the order of the steps; nothing where that was not looked at.
    pub accounts: Vec<Account>,
    /// What was heard of calls to the outside.
    pub outside: OutsideHeard,
    /// How often the change was made again, or is being.
    round: u32,
    /// Faults by position.
    pub faults: BTreeMap<u32, FaultSeen>,
    /// Whether the interrupted operation's sessions ended, and which did not.
    pub settled: Option<(bool, Vec<String>)>,
    /// Whether what starts the rollback happened, and what was seen.
    pub triggered: Option<(bool, String)>,
    /// The rollbacks that passed their `within`.
    pub late: BTreeSet<Operation>,
    /// The services after the rollback, and whether they were as well as before.
    pub waited: Option<(bool, BTreeMap<String, Health>)>,
    /// From the beginning of the rollback to the moment when the services were well.
    pub recovered_ms: Option<u64>,
    /// Rows that differ between before and after, by database.
    pub rows: Vec<(String, RowsDiffer)>,
    /// Rows that differ between before and a moment on the way, by database; only where clients write.
    pub rows_on_the_way: BTreeMap<Moment, Vec<(String, RowsDiffer)>>,
    /// Clients, by name.
    pub traffic: BTreeMap<String, Served>,
    /// What must hold all the time, by position.
    pub watched: BTreeMap<u32, Watched>,
    /// What was seen of each sign, turn by turn.
    pub signs: BTreeMap<Sign, Vec<Turn>>,
    /// How often alerts were asked for, and until when; none where they were not.
    pub alerts_watched: Option<(u64, u64)>,
    /// When the first fault was about to be injected.
    pub fault_ms: Option<u64>,
    /// When operations ended.
    pub ended: BTreeMap<Operation, u64>,
    /// Explicit expectations by position.
    pub observed: BTreeMap<u32, Seen>,
    /// What stopped it: message and evidence.
    pub troubles: Vec<(String, Vec<String>)>,
    /// How to reach a stage that was left standing.
    pub kept: Option<Vec<String>>,
    /// What could not be removed.
    pub left: Vec<String>,
}

impl Run {
    fn new(number: u32, scenario: &str, kind: RunKind, began_ms: u64) -> Self {
        Self {
            number,
            scenario: scenario.to_owned(),
            kind,
            case: None,
            precheck: None,
            twin: None,
            rebuilt: false,
            broken_rollback: None,
            began_ms,
            ended_ms: None,
            states: BTreeMap::new(),
            unknown: BTreeMap::new(),
            operations: BTreeMap::new(),
            began: BTreeMap::new(),
            steps: Vec::new(),
            point: None,
            point_ms: None,
            conversed: Vec::new(),
            accounts: Vec::new(),
            outside: OutsideHeard::default(),
            round: 0,
            faults: BTreeMap::new(),
            settled: None,
            triggered: None,
            late: BTreeSet::new(),
            waited: None,
            recovered_ms: None,
            rows: Vec::new(),
            rows_on_the_way: BTreeMap::new(),
            traffic: BTreeMap::new(),
            watched: BTreeMap::new(),
            signs: BTreeMap::new(),
            alerts_watched: None,
            fault_ms: None,
            ended: BTreeMap::new(),
            observed: BTreeMap::new(),
            troubles: Vec::new(),
            kept: None,
            left: Vec::new(),
        }
    }

    /// The state before the change.
    pub fn before(&self) -> Option<&State> {
        self.states.get(&Moment::Before)
    }

    /// The rows that differ between before and a moment on the way, where they were compared.
    pub fn rows_at(&self, moment: Moment) -> &[(String, RowsDiffer)] {
        self.rows_on_the_way.get(&moment).map_or(&[], |rows| rows)
    }

    /// The state at the end.
    pub fn after(&self) -> Option<&State> {
        self.states.get(&Moment::After)
    }

    /// Whether it came to its end: whatever it was to show was looked at.
    pub fn is_whole(&self) -> bool {
        match self.precheck {
            Some(_) => {
                let broken = self.operations.get(&Operation::Breaking);
                let unbroken = broken.is_some_and(|broken| broken.ending != Ending::Ok);
                unbroken || self.operations.contains_key(&Operation::Precheck)
            }
            None => self.after().is_some(),
        }
    }

    fn note(&mut self, event: &Event, ms: u64) {
        match event {
            Event::Captured { moment, system, stores, strays } => {
                let (system, stores, strays) = (system.clone(), stores.clone(), strays.clone());
                self.states.insert(*moment, State { system, stores, strays });
                // Those of an earlier look at the same moment of another round.
                self.rows_on_the_way.remove(moment);
            }
            Event::CaptureFailed { moment, error } => {
                self.unknown.insert(*moment, error.clone());
            }
            Event::StepStarted { operation, step, .. } => {
                self.round += u32::from(*operation == Operation::ChangeAgain && *step == 1);
                self.began.entry(*operation).or_insert(ms);
            }
            Event::StepEnded { operation, step, ending, error, tail, took_ms, .. } => {
                let (error, tail) = (error.clone(), tail.clone());
                let (operation, step, ending, took_ms) = (*operation, *step, *ending, *took_ms);
                self.steps.push(StepEnd { operation, step, ending, error, tail, took_ms });
            }
            Event::OperationEnded {
                operation,
                ending,
                exit_code,
                failed_step,
                error,
                completed,
                took_ms,
            } => {
                let end = OperationEnd {
                    ending: *ending,
                    exit_code: *exit_code,
                    failed_step: *failed_step,
                    error: error.clone(),
                    completed: *completed,
                    took_ms: *took_ms,
                };
                self.ended.insert(*operation, ms);
                let earlier = self.operations.insert(*operation, end);
                if *operation == Operation::Rollback {
                    self.broken_rollback = earlier;
                }
            }
            Event::PointReached { held, completed, text } => {
                let (held, completed, text) = (*held, *completed, text.clone());
                self.point = Some(Point::Reached { held, completed, text });
                self.point_ms = Some(ms);
            }
            Event::PointMissed { seen, completed } => {
                self.point = Some(Point::Missed { seen: seen.clone(), completed: *completed });
            }
            Event::Conversed { operation, step, count, asks, notes } => {
                let (count, asks, notes) = (count.clone(), asks.clone(), notes.clone());
                self.conversed.push(Conversation { operation: *operation, step: *step, count, asks, notes });
            }
            Event::Accounted { operation, step, changed, unknown } => {
                let (changed, unknown) = (changed.clone(), unknown.clone());
                self.accounts.push(Account { operation: *operation, step: *step, changed, unknown });
            }
            Event::Outside { service, calls, notes, last } => {
                let round = self.round;
                let heard = &mut self.outside;
                heard.calls.extend(calls.iter().cloned().map(|call| OutsideCalled { round, call }));
                heard.calls.sort_by_key(|called| called.call.call.at_us);
                heard.notes.extend(notes.iter().map(|note| (service.clone(), note.clone())));
                heard.whole.extend(last.then(|| service.clone()));
            }
            Event::FaultIntended { fault } => {
                self.fault_ms.get_or_insert(ms);
                self.faults.entry(*fault).or_default();
            }
            Event::FaultInjected { fault, acted, in_time, evidence, took_ms } => {
                let seen = self.faults.entry(*fault).or_default();
                seen.acted = Some(*acted);
                seen.in_time = *in_time;
                seen.evidence.clone_from(evidence);
                seen.took_ms = *took_ms;
            }
            Event::HealIntended { fault } => {
                self.faults.entry(*fault).or_default().healed = Some(false);
            }
            Event::Healed { fault, healed, evidence } => {
                let seen = self.faults.entry(*fault).or_default();
                seen.healed = Some(*healed);
                seen.heal_evidence.clone_from(evidence);
            }
            Event::Settled { gone, lingering } => self.settled = Some((*gone, lingering.clone())),
            Event::Triggered { happened, seen, .. } => self.triggered = Some((*happened, seen.clone())),
            Event::RollbackLate => {
                let is_second = self.began.contains_key(&Operation::RollbackAgain);
                let which = if is_second { Operation::RollbackAgain } else { Operation::Rollback };
                self.late.insert(which);
            }
            Event::Waited { health, well } => {
                self.waited = Some((*well, health.clone()));
                let began = self.began.get(&Operation::Rollback).filter(|_| *well);
                let took = began.map(|began| ms.saturating_sub(*began));
                // Where the change is made again they are waited for each time.
                self.recovered_ms = self.recovered_ms.or(took);
            }
            Event::RowsCompared { store, from: Moment::Before, to: Moment::After, rows } => {
                self.rows.push((store.clone(), rows.clone()));
            }
            Event::RowsCompared { store, from: Moment::Before, to, rows } => {
                self.rows_on_the_way.entry(*to).or_default().push((store.clone(), rows.clone()));
            }
            Event::TrafficStarted { names } => {
                self.traffic.extend(names.iter().map(|name| (name.clone(), Served::default())));
            }
            Event::Trafficked { traffic, segments, spells, behind } => {
                let served = self.traffic.entry(traffic.clone()).or_default();
                (served.segments, served.spells) = (segments.clone(), spells.clone());
                served.behind = behind.clone();
            }
            Event::ReadBack { traffic, back } => {
                self.traffic.entry(traffic.clone()).or_default().back = Some((**back).clone());
            }
            Event::Watched { expectation, looks, unknown, violation } => {
                let (looks, unknown, violation) = (*looks, *unknown, violation.clone());
                self.watched.insert(*expectation, Watched { looks, unknown, violation });
            }
            Event::Turned { sign, is, seen } => {
                let turn = Turn { ms, is: *is, seen: seen.clone() };
                self.signs.entry(*sign).or_default().push(turn);
            }
            Event::AlertsWatched { looks } => self.alerts_watched = Some((*looks, ms)),
            Event::Observed { expectation, held, seen, took_ms } => {
                let seen = Seen { held: *held, what: seen.clone(), took_ms: *took_ms };
                self.observed.insert(*expectation, seen);
            }
            Event::Trouble { message, evidence } => self.troubles.push((message.clone(), evidence.clone())),
            Event::Kept { addresses } => self.kept = Some(addresses.clone()),
            Event::Discarded { left } => self.left.extend(left.iter().cloned()),
            Event::RunEnded { left } => {
                self.left.clone_from(left);
                self.ended_ms = Some(ms);
            }
            // These say nothing about what a run has shown.
            Event::Started { .. }
            | Event::Image { .. }
            | Event::RunStarted { .. }
            | Event::Surveyed { .. }
            | Event::Reset { .. }
            | Event::Intent { .. }
            | Event::Removed { .. }
            | Event::StageUp
            | Event::Copied { .. }
            | Event::OnCopies { .. }
            | Event::RowsCompared { .. }
            | Event::Resumed
            | Event::SnapshotIntended { .. }
            | Event::Signal { .. }
            | Event::Ended => {}
        }
    }
}

impl Timeline {
    /// Sorts a journal; none when it does not begin with a plan.
    pub fn new(records: &[Record]) -> Option<Self> {
        let first = records.first()?;
        let Event::Started { tool, plan, .. } = &first.event else { return None };
        let mut timeline = Self {
            tool: tool.clone(),
            began: first.at.clone(),
            plan: (**plan).clone(),
            images: BTreeMap::new(),
            runs: Vec::new(),
            surveys: BTreeMap::new(),
            signal: None,
            complete: false,
            took_ms: records.last().map_or(0, |last| last.ms),
        };
        for record in records {
            timeline.note(record);
        }
        Some(timeline)
    }

    fn note(&mut self, record: &Record) {
        match &record.event {
            Event::RunStarted { scenario, kind, case, precheck, twin } => {
                let number = record.run.unwrap_or_default();
                let mut run = Run::new(number, scenario, *kind, record.ms);
                (run.case, run.precheck, run.twin) = (case.as_deref().cloned(), *precheck, *twin);
                self.runs.push(run);
            }
            Event::Surveyed { scenario, survey } => {
                self.surveys.insert(scenario.clone(), (**survey).clone());
            }
            Event::Reset { stage, rebuilt, .. } => self.reset(record.run, *stage, rebuilt.is_some()),
            Event::Image { scenario, name, id, repo_digest, built } => {
                let image = Image {
                    name: name.clone(),
                    id: id.clone(),
                    repo_digest: repo_digest.clone(),
                    built: *built,
                };
                self.images.entry(scenario.clone()).or_default().push(image);
            }
            Event::Signal { name } => self.signal = Some(name.clone()),
            Event::Resumed => {
                (self.signal, self.complete) = (None, false);
                self.runs.retain(|run| run.is_whole() && run.ended_ms.is_some());
            }
            Event::Ended => self.complete = true,
            event => {
                let run = self.runs.iter_mut().rev().find(|run| Some(run.number) == record.run);
                if let Some(run) = run {
                    run.note(event, record.ms);
                }
            }
        }
    }

    /// A run on a lane: the lane's state before is the run's.
    fn reset(&mut self, run: Option<u32>, lane: u32, rebuilt: bool) {
        let base = self.runs.iter().find(|known| known.number == lane);
        let base = base.and_then(|lane| lane.states.get(&Moment::Before).cloned());
        let run = self.runs.iter_mut().rev().find(|known| Some(known.number) == run);
        if let (Some(run), Some(base)) = (run, base) {
            run.states.insert(Moment::Before, base);
            run.rebuilt = rebuilt;
        }
    }

    /// The runs of a scenario.
    pub fn runs_of<'t>(&'t self, scenario: &'t str) -> impl Iterator<Item = &'t Run> {
        self.runs.iter().filter(move |run| run.scenario == scenario)
    }
}

//! The journal sorted by scenario and run: the one place that pairs records.

use std::collections::BTreeMap;

use crate::journal::Record;
use crate::journal::event::{Completed, Ending, Event, Moment, Operation, RowsDiffer, RunKind};
use crate::plan::DrillPlan;
use crate::stage::{Health, Resource, ServiceState};
use crate::state::model::StoreCapture;

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
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// The services.
    pub system: BTreeMap<String, ServiceState>,
    /// The databases.
    pub databases: BTreeMap<String, StoreCapture>,
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

/// One run as it happened.
#[derive(Debug, Clone)]
pub struct Run {
    /// Its number.
    pub number: u32,
    /// Its scenario.
    pub scenario: String,
    /// What kind of run.
    pub kind: RunKind,
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
    /// Faults by position.
    pub faults: BTreeMap<u32, FaultSeen>,
    /// Whether the interrupted operation's sessions ended, and which did not.
    pub settled: Option<(bool, Vec<String>)>,
    /// Whether what starts the rollback happened, and what was seen.
    pub triggered: Option<(bool, String)>,
    /// Whether the rollback passed its `within`.
    pub late: bool,
    /// The services after the rollback, and whether they were as well as before.
    pub waited: Option<(bool, BTreeMap<String, Health>)>,
    /// From the beginning of the rollback to the moment when the services were well.
    pub recovered_ms: Option<u64>,
    /// Rows that differ between before and after, by database.
    pub rows: Vec<(String, RowsDiffer)>,
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
            began_ms,
            ended_ms: None,
            states: BTreeMap::new(),
            unknown: BTreeMap::new(),
            operations: BTreeMap::new(),
            began: BTreeMap::new(),
            steps: Vec::new(),
            point: None,
            point_ms: None,
            faults: BTreeMap::new(),
            settled: None,
            triggered: None,
            late: false,
            waited: None,
            recovered_ms: None,
            rows: Vec::new(),
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

    /// The state at the end.
    pub fn after(&self) -> Option<&State> {
        self.states.get(&Moment::After)
    }

    fn note(&mut self, event: &Event, ms: u64) {
        match event {
            Event::Captured { moment, system, databases, strays } => {
                let (system, databases, strays) = (system.clone(), databases.clone(), strays.clone());
                self.states.insert(*moment, State { system, databases, strays });
            }
            Event::CaptureFailed { moment, error } => {
                self.unknown.insert(*moment, error.clone());
            }
            Event::StepStarted { operation, .. } => {
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
                self.operations.insert(*operation, end);
            }
            Event::PointReached { held, completed, text } => {
                let (held, completed, text) = (*held, *completed, text.clone());
                self.point = Some(Point::Reached { held, completed, text });
                self.point_ms = Some(ms);
            }
            Event::PointMissed { seen, completed } => {
                self.point = Some(Point::Missed { seen: seen.clone(), completed: *completed });
            }
            Event::FaultIntended { fault } => {
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
            Event::RollbackLate => self.late = true,
            Event::Waited { health, well } => {
                self.waited = Some((*well, health.clone()));
                let began = self.began.get(&Operation::Rollback).filter(|_| *well);
                self.recovered_ms = began.map(|began| ms.saturating_sub(*began));
            }
            Event::RowsCompared { database, from: Moment::Before, to: Moment::After, rows } => {
                self.rows.push((database.clone(), rows.clone()));
            }
            Event::Observed { expectation, held, seen, took_ms } => {
                let seen = Seen { held: *held, what: seen.clone(), took_ms: *took_ms };
                self.observed.insert(*expectation, seen);
            }
            Event::Trouble { message, evidence } => self.troubles.push((message.clone(), evidence.clone())),
            Event::Kept { addresses } => self.kept = Some(addresses.clone()),
            Event::RunEnded { left } => {
                self.left.clone_from(left);
                self.ended_ms = Some(ms);
            }
            // These say nothing about what a run has shown.
            Event::Started { .. }
            | Event::Image { .. }
            | Event::RunStarted { .. }
            | Event::Intent { .. }
            | Event::Removed { .. }
            | Event::StageUp
            | Event::RowsCompared { .. }
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
            Event::RunStarted { scenario, kind } => {
                let number = record.run.unwrap_or_default();
                self.runs.push(Run::new(number, scenario, *kind, record.ms));
            }
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
            Event::Ended => self.complete = true,
            event => {
                let run = self.runs.iter_mut().rev().find(|run| Some(run.number) == record.run);
                if let Some(run) = run {
                    run.note(event, record.ms);
                }
            }
        }
    }

    /// The runs of a scenario.
    pub fn runs_of<'t>(&'t self, scenario: &'t str) -> impl Iterator<Item = &'t Run> {
        self.runs.iter().filter(move |run| run.scenario == scenario)
    }
}

//! What a record says to somebody who waits, in a few words. Pure.

use std::collections::BTreeMap;

use super::tally::Tally;
use crate::gateway::control;
use crate::journal::event::{Ending, Moment, Operation, RunKind, Sign};
use crate::journal::{Event, Record};
use crate::outcome::Outcome;
use crate::plan::DrillPlan;
use crate::plan::model::{Failure, Side, Trigger};
use crate::sweep::{Case, Tried};
use crate::text::counted;

/// Something to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said {
    /// The scenario and the kind of run, or the drill.
    pub(super) who: String,
    /// The phase.
    pub(super) what: String,
    /// Whether it stays on a terminal after the next phase has begun.
    pub(super) stays: bool,
    /// Whether its run is over.
    pub(super) ends: bool,
}

impl Said {
    /// As a line.
    pub(super) fn line(&self) -> String {
        format!("{}  {}", self.who, self.what)
    }
}

/// Remembers what is needed to name runs and points.
#[derive(Debug, Default)]
pub(super) struct Narrator {
    plan: Option<DrillPlan>,
    runs: BTreeMap<u32, Run>,
    /// By scenario.
    sweeps: BTreeMap<String, Tally>,
    /// When the last record was written, in milliseconds of the drill.
    now_ms: u64,
}

#[derive(Debug)]
struct Run {
    scenario: String,
    kind: RunKind,
    /// For a run of a sweep.
    case: Option<Case>,
    began_ms: u64,
}

/// How far the sweep of a scenario has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) scenario: String,
    /// Cases that are settled, and all of them.
    pub(super) share: (usize, usize),
    /// The same in words, with what they came to and the time left.
    pub(super) what: String,
}

/// How much a phase weighs.
enum Phase {
    /// Over when the next one begins.
    Passing(String),
    /// Worth keeping on the screen.
    Staying(String),
    /// The last one of its run.
    Last(String),
}

use Phase::{Last, Passing, Staying};

impl Narrator {
    /// What a record says; none for what nobody waits for.
    pub(super) fn hear(&mut self, record: &Record) -> Option<Said> {
        self.remember(record);
        let run = record.run.and_then(|number| self.runs.get(&number));
        let phase = self.phase(&record.event, run, record.ms);
        let phase = phase?;
        let who = match (run, &self.plan, &record.event) {
            (Some(run), ..) => self.name(run),
            (None, _, Event::Image { scenario, .. }) => scenario.clone(),
            (None, Some(plan), _) => plan.name.clone(),
            (None, None, Event::Started { plan, .. }) => plan.name.clone(),
            (None, None, _) => "drill".to_owned(),
        };
        if let Event::Started { plan, .. } = &record.event {
            self.plan = Some((**plan).clone());
        }
        let (what, stays, ends) = match phase {
            Passing(what) => (what, false, false),
            Staying(what) => (what, true, false),
            Last(what) => (what, true, true),
        };
        Some(Said { who, what, stays, ends })
    }

    fn remember(&mut self, record: &Record) {
        self.now_ms = record.ms;
        if let Event::Surveyed { scenario, survey } = &record.event {
            self.sweeps.insert(scenario.clone(), Tally::new(survey.cases.len(), record.ms));
        }
        if let Event::Resumed = &record.event {
            self.sweeps.values_mut().for_each(|tally| tally.resumed(record.ms));
        }
        if let Event::RunStarted { scenario, kind, case, .. } = &record.event {
            let case = case.as_deref().cloned();
            let run = Run { scenario: scenario.clone(), kind: *kind, case, began_ms: record.ms };
            self.runs.insert(record.run.unwrap_or_default(), run);
        }
    }

    /// A run that is over came to this. None where it settles no case of a sweep.
    pub(super) fn judged(&mut self, run: u32, outcome: Outcome) -> Option<Standing> {
        let run = self.runs.get(&run)?;
        let tally = self.sweeps.get_mut(&run.scenario)?;
        tally.judged(run.case.as_ref()?.number, outcome).then(|| Standing {
            scenario: run.scenario.clone(),
            share: tally.share(),
            what: tally.line(self.now_ms),
        })
    }

    fn phase(&self, event: &Event, run: Option<&Run>, ms: u64) -> Option<Phase> {
        Some(match event {
            Event::Started { plan, .. } => {
                let scenarios = plan.scenarios.len();
                let plural = if scenarios == 1 { "" } else { "s" };
                Passing(format!("{scenarios} scenario{plural}; images first"))
            }
            Event::Image { name, built, .. } => {
                Passing(format!("image {name}{}", if *built { " is built" } else { " is there" }))
            }
            Event::RunStarted { .. } => Passing("the stage is put up".to_owned()),
            Event::OnCopies { .. } => Passing("the stage is put up on copies of the seeded one".to_owned()),
            Event::Copied { copied: true, why, .. } => {
                Staying(format!("the seeded stage is copied for the next ones: {why}"))
            }
            Event::Copied { why, .. } => Passing(format!("each stage is seeded by itself: {why}")),
            Event::StageUp => Passing("the stage is up".to_owned()),
            Event::StepStarted { operation, step, title } => {
                Passing(format!("{} {step}: {title}", operation.word()))
            }
            Event::StepEnded { operation, step, ending, error, .. } => {
                step_ended(*operation, *step, *ending, error.as_deref())?
            }
            Event::PointReached { held, text, .. } => Passing(self.reached(run, *held, text)),
            Event::PointMissed { seen, .. } => Staying(format!("the point was not reached: {seen}")),
            Event::Conversed { count, .. } => {
                Passing(format!("{} asks of {} were seen", count.asks, count.service))
            }
            Event::FaultIntended { fault } => Passing(format!("{} is injected", self.fault(run, *fault))),
            Event::FaultInjected { fault, acted: false, evidence, .. } => {
                Staying(format!("{} was not seen to act: {evidence}", self.fault(run, *fault)))
            }
            Event::FaultInjected { fault, evidence, .. } => {
                Passing(format!("{} acted: {evidence}", self.fault(run, *fault)))
            }
            Event::HealIntended { fault } => Passing(format!("{} is healed", self.fault(run, *fault))),
            Event::Healed { fault, healed: false, evidence } => {
                Staying(format!("{} could not be healed: {evidence}", self.fault(run, *fault)))
            }
            Event::Settled { gone: false, .. } => {
                Staying("sessions of the interrupted change are still at work".to_owned())
            }
            Event::Triggered { happened: false, seen, .. } => {
                Staying(format!("the rollback is not invoked: {seen}"))
            }
            Event::RollbackLate => Staying("the rollback is late, and goes on".to_owned()),
            Event::Waited { well: false, .. } => Staying("not every service is well again".to_owned()),
            Event::Captured { moment, .. } => Passing(format!("the state {} is captured", word(*moment))),
            Event::CaptureFailed { moment, error } => {
                Staying(format!("the state {} could not be captured: {error}", word(*moment)))
            }
            Event::Trouble { message, .. } => Staying(message.clone()),
            Event::Signal { name } => Staying(format!("{name}: healing and cleaning up")),
            Event::Resumed => Staying("the drill goes on".to_owned()),
            Event::Kept { .. } => Staying("the stage is left standing".to_owned()),
            Event::RunEnded { left } => Last(ended(run, ms, left.len())),
            Event::Surveyed { survey, .. } => Staying(format!(
                "{} points; {} are tried, the others cannot lead to another state",
                survey.points.len(),
                survey.cases.len()
            )),
            Event::Reset { rebuilt: Some(why), .. } => Passing(format!("the stage was built anew: {why}")),
            Event::Reset { restored: Some(why), .. } => {
                Passing(format!("all of the stage was put back: {why}"))
            }
            Event::Reset { .. } => Passing("the stage was put back".to_owned()),
            Event::TrafficStarted { names } => {
                Passing(format!("clients write and read: {}", names.join(", ")))
            }
            Event::Trafficked { traffic, segments, .. } => {
                let (all, failed) = segments.iter().fold((0, 0), |(all, failed), segment| {
                    (all + segment.counts.all(), failed + segment.counts.failed())
                });
                Passing(format!("{traffic}: {all} requests, {failed} failed; they are read back"))
            }
            Event::Outside { service, calls, .. } if !calls.is_empty() => {
                Passing(format!("{} to {service}", counted(calls.len(), "call")))
            }
            Event::Turned { sign: Sign::Alert(at), is, seen } => turned(self.alert(run, *at), *is, seen),
            // Nobody waits for these, or the line before has said it.
            Event::Intent { .. }
            | Event::SnapshotIntended { .. }
            | Event::Removed { .. }
            | Event::Accounted { .. }
            | Event::Discarded { .. }
            | Event::Healed { healed: true, .. }
            | Event::OperationEnded { .. }
            | Event::Settled { gone: true, .. }
            | Event::Triggered { happened: true, .. }
            | Event::Waited { well: true, .. }
            | Event::ReadBack { .. }
            | Event::Watched { .. }
            | Event::Turned { sign: Sign::Services | Sign::Http(_), .. }
            | Event::AlertsWatched { .. }
            | Event::Outside { .. }
            | Event::RowsCompared { .. }
            | Event::Observed { .. }
            | Event::Ended => return None,
        })
    }

    /// `drop-column/right  finished`, or `drop-column/right  point 3 of 17`.
    fn name(&self, run: &Run) -> String {
        match (&run.case, self.sweeps.get(&run.scenario)) {
            (Some(Case { tried: Tried::Again, .. }), _) => format!("{}  change again", run.scenario),
            (Some(case), Some(sweep)) => {
                format!("{}  point {} of {}", run.scenario, case.number, sweep.share().1)
            }
            _ => format!("{}  {}", run.scenario, run.kind.word()),
        }
    }

    fn failure<'r>(&'r self, run: Option<&'r Run>) -> Option<&'r Failure> {
        if let Some(case) = &run?.case {
            return Some(&case.failure);
        }
        let scenario = &run?.scenario;
        let entries = &self.plan.as_ref()?.scenarios;
        entries.iter().find(|entry| entry.plan.path == *scenario)?.plan.failure.as_ref()
    }

    /// The name of an alert.
    fn alert<'n>(&'n self, run: Option<&Run>, position: u32) -> &'n str {
        let scenario = run.map(|run| &run.scenario);
        let entries = self.plan.as_ref().map_or(&[][..], |plan| &plan.scenarios);
        let plan = entries.iter().find(|entry| Some(&entry.plan.path) == scenario).map(|entry| &entry.plan);
        let alerts = plan.map_or(&[][..], |plan| &plan.expect.alerts);
        usize::try_from(position).ok().and_then(|at| alerts.get(at)).map_or("?", |alert| &alert.name)
    }

    fn fault(&self, run: Option<&Run>, position: u32) -> &'static str {
        let faults = self.failure(run).map(|failure| &failure.faults);
        let fault = faults.and_then(|faults| faults.get(usize::try_from(position).ok()?));
        fault.map_or("the fault", |planned| planned.fault.word())
    }

    /// `stopped before statement 3 of 3`.
    fn reached(&self, run: Option<&Run>, held: bool, text: &str) -> String {
        let how = if held { "stopped" } else { "met" };
        let side = |side: &Side| if *side == Side::Before { "before" } else { "after" };
        let Some(point) = self.failure(run).map(|failure| &failure.point) else {
            return format!("{how} at: {text}");
        };
        match &point.trigger {
            Trigger::Statement { number, side: at } => {
                let of =
                    self.statements(run, point.step).map_or_else(String::new, |all| format!(" of {all}"));
                format!("{how} {} statement {number}{of}", side(at))
            }
            Trigger::Replica { number, side: at } => {
                format!("{how} {} replica {number} of step {}", side(at), point.step)
            }
            Trigger::Step(at) => format!("{how} {} step {}", side(at), point.step),
            Trigger::Wire { mark, words } => {
                let side = if mark.side == control::Side::Before { "before" } else { "after" };
                format!("{how} {side} {words} on {}: {text}", mark.service)
            }
            Trigger::Log { .. } | Trigger::Fact(_) | Trigger::After(_) => {
                format!("{how} during step {}: {text}", point.step)
            }
        }
    }

    fn statements(&self, run: Option<&Run>, step: u32) -> Option<usize> {
        let scenario = &run?.scenario;
        let entry = self.plan.as_ref()?.scenarios.iter().find(|entry| entry.plan.path == *scenario)?;
        let step = entry.plan.change.iter().find(|known| known.number == step)?;
        match &step.action {
            crate::plan::model::Action::Sql { statements, .. } => Some(statements.len()),
            _ => None,
        }
    }
}

fn step_ended(operation: Operation, step: u32, ending: Ending, error: Option<&str>) -> Option<Phase> {
    let word = operation.word();
    let error = error.map_or_else(String::new, |error| format!(": {error}"));
    match ending {
        Ending::Ok | Ending::Interrupted => None,
        Ending::Failed => Some(Staying(format!("{word} {step} failed{error}"))),
        Ending::TimedOut => Some(Staying(format!("{word} {step} took too long{error}"))),
    }
}

fn turned(name: &str, fires: Option<bool>, seen: &str) -> Phase {
    match fires {
        Some(true) => Staying(format!("alert {name}: {seen}")),
        Some(false) => Passing(format!("alert {name} is quiet")),
        None => Staying(format!("nobody can say whether alert {name} fires: {seen}")),
    }
}

fn ended(run: Option<&Run>, ms: u64, left: usize) -> String {
    let took = run.map_or(0, |run| ms.saturating_sub(run.began_ms)) as f64 / 1000.0;
    match left {
        0 => format!("over after {took:.1} s"),
        left => format!("over after {took:.1} s; could not be removed: {left}"),
    }
}

fn word(moment: Moment) -> &'static str {
    match moment {
        Moment::Before => "before the change",
        Moment::Failed => "after the failure",
        Moment::Back => "after the rollback",
        Moment::Changed => "after the change",
        Moment::After => "at the end",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::testing::{entry, journal, plan};

    fn told(events: Vec<Event>) -> Vec<Said> {
        let mut narrator = Narrator::default();
        let records = journal(entry(plan()), vec![(RunKind::Interrupted, events)]);
        records.iter().filter_map(|record| narrator.hear(record)).collect()
    }

    #[test]
    fn trouble_stays_on_the_screen_and_phases_pass() {
        let trouble = Event::Trouble { message: "the engine is gone".to_owned(), evidence: Vec::new() };
        let said = told(vec![Event::StageUp, trouble]);
        let of = |what: &str| said.iter().find(|said| said.what == what).unwrap().stays;
        assert!(of("the engine is gone") && !of("the stage is up"));
    }

    #[test]
    fn a_run_that_is_over_says_how_long_it_took_and_ends() {
        let said = told(vec![Event::RunEnded { left: vec!["network x".to_owned()] }]);
        let last = said.last().unwrap();
        assert!(last.ends && last.what == "over after 0.1 s; could not be removed: 1", "{last:?}");
    }

    #[test]
    fn a_fault_that_did_not_act_is_named() {
        let injected = Event::FaultInjected {
            fault: 0,
            acted: false,
            in_time: true,
            evidence: "it still runs".to_owned(),
            took_ms: 1,
        };
        let said = told(vec![injected]);
        assert!(said.iter().any(|said| said.what == "abort was not seen to act: it still runs"), "{said:?}");
    }
}

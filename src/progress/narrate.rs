//! What a record says to somebody who waits, in a few words. Pure.

use std::collections::BTreeMap;

use crate::journal::event::{Ending, Moment, Operation, RunKind};
use crate::journal::{Event, Record};
use crate::plan::DrillPlan;
use crate::plan::model::{Failure, Side, Trigger};

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
}

#[derive(Debug)]
struct Run {
    scenario: String,
    kind: RunKind,
    began_ms: u64,
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
        if let Event::RunStarted { scenario, kind } = &record.event {
            let run = Run { scenario: scenario.clone(), kind: *kind, began_ms: record.ms };
            self.runs.insert(record.run.unwrap_or_default(), run);
        }
        let run = record.run.and_then(|number| self.runs.get(&number));
        let phase = self.phase(&record.event, run, record.ms)?;
        let who = match (run, &self.plan, &record.event) {
            (Some(run), ..) => format!("{}  {}", run.scenario, run.kind.word()),
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
            Event::StageUp => Passing("the stage is up".to_owned()),
            Event::StepStarted { operation, step, title } => {
                Passing(format!("{} {step}: {title}", operation.word()))
            }
            Event::StepEnded { operation, step, ending, error, .. } => {
                step_ended(*operation, *step, *ending, error.as_deref())?
            }
            Event::PointReached { held, text, .. } => Passing(self.reached(run, *held, text)),
            Event::PointMissed { seen, .. } => Staying(format!("the point was not reached: {seen}")),
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
            Event::Kept { .. } => Staying("the stage is left standing".to_owned()),
            Event::RunEnded { left } => Last(ended(run, ms, left.len())),
            // Nobody waits for these, or the line before has said it.
            Event::Intent { .. }
            | Event::Removed { .. }
            | Event::Healed { healed: true, .. }
            | Event::OperationEnded { .. }
            | Event::Settled { gone: true, .. }
            | Event::Triggered { happened: true, .. }
            | Event::Waited { well: true, .. }
            | Event::RowsCompared { .. }
            | Event::Observed { .. }
            | Event::Ended => return None,
        })
    }

    fn failure(&self, run: Option<&Run>) -> Option<&Failure> {
        let scenario = &run?.scenario;
        let entries = &self.plan.as_ref()?.scenarios;
        entries.iter().find(|entry| entry.plan.path == *scenario)?.plan.failure.as_ref()
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
            Trigger::Step(at) => format!("{how} {} step {}", side(at), point.step),
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

//! Was the rollback invoked, did it succeed, and in time?

use crate::journal::event::{Ending, Operation};
use crate::outcome::{Check, Outcome};
use crate::plan::Plan;
use crate::plan::model::{Step, When};
use crate::verdict::model::Finding;
use crate::verdict::timeline::Run;

/// For runs with a rollback. `no_effect`: nothing of the change was there to be undone.
pub(in crate::verdict) fn check(plan: &Plan, run: &Run, no_effect: bool) -> Vec<Finding> {
    let at = &plan.rollback.at;
    if let Some((false, seen)) = &run.triggered {
        let message = format!("the {} was not invoked: {seen}", plan.way_back());
        let finding = Finding::new(Check::Rollback, Outcome::Inconclusive, message).at(at);
        let next = match plan.rollback.steps.is_empty() {
            true => "say how the system is recovered: `forward_only.recovery`",
            false => who_starts_it(&plan.rollback.when),
        };
        return vec![finding.next(next)];
    }
    let refusable = plan.rollback.may_refuse && no_effect;
    let first = judged(plan, run, Operation::Rollback, refusable);
    first.into_iter().chain(judged(plan, run, Operation::RollbackAgain, false)).collect()
}

/// One rollback of a run, where it ended.
fn judged(plan: &Plan, run: &Run, which: Operation, refusable: bool) -> Option<Finding> {
    let end = run.operations.get(&which)?;
    let way_back = plan.way_back();
    let name = if which == Operation::RollbackAgain {
        format!("the {way_back} of the change made again")
    } else {
        format!("the {way_back}")
    };
    let seconds = |ms: u64| format!("{:.1} s", ms as f64 / 1000.0);
    let (took, allowed) = (seconds(end.took_ms), seconds(crate::millis::of(plan.rollback.within)));
    let last = run.steps.iter().rev().find(|step| step.operation == which);
    let failed = end.failed_step.or(last.filter(|step| step.ending != Ending::Ok).map(|step| step.step));
    let step = failed.and_then(|step| plan.rollback.steps.iter().find(|known| known.number == step));
    let tail = last.map_or(&[][..], |step| &step.tail[step.tail.len().saturating_sub(5)..]);
    let evidence: Vec<String> = end.error.iter().chain(tail).cloned().collect();
    let faulted = still_faulted(plan, run);
    let finding = match end.ending {
        Ending::Ok if run.late.contains(&which) => {
            let message = format!("{name} took {took}; {allowed} were allowed");
            Finding::new(Check::Rollback, Outcome::Fail, message)
        }
        Ending::Ok => {
            Finding::new(Check::Rollback, Outcome::Pass, format!("exit 0 in {took} (allowed {allowed})"))
        }
        Ending::Failed if refusable => {
            let message = format!("{name} refused, as it may: nothing of the change was applied");
            Finding::new(Check::Rollback, Outcome::Pass, message).seen(evidence)
        }
        Ending::Failed => {
            let place = step.map_or_else(String::new, |step| format!(" at: {}", step.title));
            let code = end.exit_code.map_or_else(String::new, |code| format!(" with exit code {code}"));
            let message = format!("{name} failed{code}{place}{faulted}");
            Finding::new(Check::Rollback, Outcome::Fail, message).seen(evidence)
        }
        Ending::TimedOut => {
            let message = format!("{name} ended: {}{faulted}", time_was_over(step));
            Finding::new(Check::Rollback, Outcome::Fail, message).seen(evidence)
        }
        Ending::Interrupted => {
            let give_up = seconds(crate::millis::of(plan.rollback.give_up));
            let place = step.map_or_else(String::new, |step| format!(", at: {}", step.title));
            let message = format!("{name} was given up after {give_up}{place}");
            Finding::new(Check::Rollback, Outcome::Fail, message).seen(evidence)
        }
    };
    Some(finding.at(step.map_or(&plan.rollback.at, |step| &step.at)))
}

fn who_starts_it(when: &When) -> &'static str {
    match when {
        When::Facilitator => {
            "run it at a terminal, where somebody can press Enter; unattended, say `when: at_once`"
        }
        When::Alert { .. } => "make the alert see this failure: nobody else starts the rollback",
        When::AtOnce | When::Fact { .. } => "look whether what `when:` waits for can happen, and in its time",
    }
}

/// Says of a step that was killed at its deadline how long it was given.
pub(super) fn time_was_over(step: Option<&Step>) -> String {
    let Some(step) = step else { return "the time of one of its steps was over".to_owned() };
    let (number, limit) = (step.number, step.timeout.as_secs_f64());
    format!("the time of step {number} was over after {limit} s: {}", step.title)
}

/// Names the faults that were still in place while the rollback ran (S5).
fn still_faulted(plan: &Plan, run: &Run) -> String {
    use crate::plan::model::Heal;
    let faults = plan.failure.iter().flat_map(|failure| &failure.faults);
    let staying: Vec<&str> =
        faults.filter(|fault| fault.heal != Heal::BeforeRollback).map(|fault| fault.fault.word()).collect();
    if run.faults.is_empty() || staying.is_empty() {
        return String::new();
    }
    format!(", with {} still in place", staying.join(" and "))
}

//! Was the rollback invoked, did it succeed, and in time?

use crate::journal::event::{Ending, Operation};
use crate::outcome::{Check, Outcome};
use crate::plan::Plan;
use crate::verdict::model::Finding;
use crate::verdict::timeline::Run;

/// For finished and interrupted runs. `no_effect`: nothing of the change was there to be undone.
pub(in crate::verdict) fn check(plan: &Plan, run: &Run, no_effect: bool) -> Vec<Finding> {
    let at = &plan.rollback.at;
    if let Some((false, seen)) = &run.triggered {
        let message = format!("the rollback was not invoked: {seen}");
        return vec![Finding::new(Check::Rollback, Outcome::Inconclusive, message).at(at)];
    }
    let Some(end) = run.operations.get(&Operation::Rollback) else { return Vec::new() };
    let seconds = |ms: u64| format!("{:.1} s", ms as f64 / 1000.0);
    let (took, allowed) = (seconds(end.took_ms), seconds(crate::millis::of(plan.rollback.within)));
    let step = end.failed_step.and_then(|step| plan.rollback.steps.iter().find(|known| known.number == step));
    let last = run.steps.iter().rev().find(|step| step.operation == Operation::Rollback);
    let tail = last.map_or(&[][..], |step| &step.tail[step.tail.len().saturating_sub(5)..]);
    let evidence: Vec<String> = end.error.iter().chain(tail).cloned().collect();
    let faulted = still_faulted(plan, run);
    let finding = match end.ending {
        Ending::Ok if run.late => {
            let message = format!("the rollback took {took}; {allowed} were allowed");
            Finding::new(Check::Rollback, Outcome::Fail, message)
        }
        Ending::Ok => {
            Finding::new(Check::Rollback, Outcome::Pass, format!("exit 0 in {took} (allowed {allowed})"))
        }
        Ending::Failed if plan.rollback.may_refuse && no_effect => {
            let message = "the rollback refused, as it may: nothing of the change was applied";
            Finding::new(Check::Rollback, Outcome::Pass, message).seen(evidence)
        }
        Ending::Failed | Ending::TimedOut => {
            let title = step.map_or("a step", |step| &step.title);
            let code = end.exit_code.map_or_else(String::new, |code| format!(" with exit code {code}"));
            let message = format!("the rollback failed{code} at: {title}{faulted}");
            Finding::new(Check::Rollback, Outcome::Fail, message).seen(evidence)
        }
        Ending::Interrupted => {
            let give_up = seconds(crate::millis::of(plan.rollback.give_up));
            Finding::new(Check::Rollback, Outcome::Fail, format!("the rollback was given up after {give_up}"))
        }
    };
    let finding = step.map_or_else(|| finding.clone().at(at), |step| finding.clone().at(&step.at));
    vec![finding]
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

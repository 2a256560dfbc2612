//! Did every fault act while the change was under way, and was it healed?

use crate::journal::event::RunKind;
use crate::outcome::{Check, Outcome};
use crate::plan::Plan;
use crate::plan::model::PlannedFault;
use crate::verdict::model::Finding;
use crate::verdict::timeline::{FaultSeen, Point, Run};

/// For idle and interrupted runs whose point was reached.
pub(in crate::verdict) fn check(plan: &Plan, run: &Run) -> Vec<Finding> {
    let Some(failure) = &plan.failure else { return Vec::new() };
    let mut findings = Vec::new();
    for (position, planned) in (0..).zip(&failure.faults) {
        let not_there = matches!(run.kind, RunKind::Interrupted | RunKind::Again)
            && !matches!(run.point, Some(Point::Reached { .. }));
        let seen = run.faults.get(&position).cloned().unwrap_or_default();
        let idle = run.kind == RunKind::Idle && planned.fault.needs_an_operation();
        if not_there || (idle && seen.acted != Some(true)) {
            continue;
        }
        findings.push(acted(planned, &seen));
        findings.extend(healed(planned, &seen));
    }
    findings
}

fn acted(planned: &PlannedFault, seen: &FaultSeen) -> Finding {
    let word = planned.fault.word();
    let (outcome, message) = match (seen.acted, seen.in_time) {
        (Some(true), true) => (Outcome::Pass, format!("{word} acted: {}", seen.evidence)),
        (Some(true), false) => (Outcome::Inconclusive, format!("{word} acted when the change was over")),
        (Some(false), _) => (Outcome::Inconclusive, format!("{word} was not seen to act: {}", seen.evidence)),
        (None, _) => (Outcome::Inconclusive, format!("{word} was not injected, or nobody looked")),
    };
    Finding::new(Check::Fault, outcome, message).at(&planned.at)
}

fn healed(planned: &PlannedFault, seen: &FaultSeen) -> Option<Finding> {
    if seen.healed != Some(false) {
        return None;
    }
    let word = planned.fault.word();
    let message = format!("{word} could not be healed: what came after it says nothing about the rollback");
    Some(
        Finding::new(Check::Heal, Outcome::Inconclusive, message)
            .seen([seen.heal_evidence.clone()])
            .at(&planned.at),
    )
}

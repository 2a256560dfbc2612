//! What was done and broken in a run, as reports tell it.

use super::checks::prechecks;
use super::model::{FaultVerdict, OperationResult, OperationVerdict, PointVerdict, PrecheckVerdict};
use super::timeline::{Point, Run};
use crate::gateway::control::{self, Mark, What};
use crate::journal::event::{Completed, Ending, Operation, RunKind};
use crate::outcome::Outcome;
use crate::plan::Plan;
use crate::plan::model::{Action, Side, Trigger};
use crate::sweep::Swept;

/// What the pre-check that a run tries has said.
pub(super) fn precheck_verdict(plan: &Plan, run: &Run) -> Option<PrecheckVerdict> {
    let precheck = prechecks::of(plan.forward_only.as_ref()?, run)?;
    let says_no = match prechecks::tried(plan, run).map(|finding| finding.outcome) {
        Some(Outcome::Pass) => Some(true),
        Some(Outcome::Fail) => Some(false),
        Some(Outcome::Inconclusive) | None => None,
    };
    Some(PrecheckVerdict { name: precheck.name.clone(), says_no })
}

/// Whether an operation of it is broken at a point.
pub(super) fn is_broken(run: &Run) -> bool {
    matches!(run.kind, RunKind::Interrupted | RunKind::Again)
}

/// Whether it is the rollback that is broken.
pub(super) fn in_rollback(run: &Run) -> bool {
    run.case.as_ref().is_some_and(|case| case.operation == Swept::Rollback)
}

pub(super) fn operation(run: &Run, which: Operation) -> OperationVerdict {
    let nothing = OperationVerdict {
        result: OperationResult::NotInvoked,
        exit_code: None,
        failed_step: None,
        error: None,
        took_ms: None,
        completed: Completed::default(),
        tail: Vec::new(),
    };
    let Some(end) = run.operations.get(&which) else {
        let began = run.began.contains_key(&which);
        let result = if began { OperationResult::Unknown } else { OperationResult::NotInvoked };
        return OperationVerdict { result, ..nothing };
    };
    let is_rollback = matches!(which, Operation::Rollback | Operation::RollbackAgain);
    let late = run.late.contains(&which);
    let result = match end.ending {
        Ending::Ok if late => OperationResult::TimedOut,
        Ending::Ok => OperationResult::Ok,
        Ending::Failed => OperationResult::Failed,
        Ending::TimedOut => OperationResult::TimedOut,
        // A rollback is ended from outside only when it is given up.
        Ending::Interrupted if is_rollback => OperationResult::TimedOut,
        Ending::Interrupted => OperationResult::Interrupted,
    };
    let failed = run.steps.iter().rev().find(|step| step.operation == which && step.ending != Ending::Ok);
    let exit_code = if result == OperationResult::TimedOut { None } else { end.exit_code };
    OperationVerdict {
        result,
        exit_code,
        failed_step: end.failed_step,
        error: end.error.clone(),
        took_ms: Some(end.took_ms),
        completed: end.completed,
        tail: failed.map(|step| step.tail.clone()).unwrap_or_default(),
    }
}

pub(super) fn point_verdict(plan: &Plan, run: &Run) -> Option<PointVerdict> {
    let point = &plan.failure.as_ref()?.point;
    let in_rollback = in_rollback(run);
    let steps = if in_rollback { &plan.rollback.steps } else { &plan.change };
    let step = steps.iter().find(|step| step.number == point.step)?;
    let (side, statement) = match &point.trigger {
        Trigger::Step(side) | Trigger::Replica { side, .. } => (Some(*side), None),
        Trigger::Wire { mark, .. } => (Some(wire_side(mark)), wire_statement(mark)),
        Trigger::Statement { number, side } => (Some(*side), Some(*number)),
        Trigger::Log { .. } | Trigger::Fact(_) | Trigger::After(_) => (None, None),
    };
    let (on, statements) = match (&step.action, &point.trigger) {
        (Action::Sql { database, statements, .. }, _) => {
            (Some(database.clone()), Some(u32::try_from(statements.len()).unwrap_or(u32::MAX)))
        }
        (_, Trigger::Log { service, .. }) => (service.clone(), None),
        (_, Trigger::Wire { mark, .. }) => (Some(mark.service.clone()), None),
        _ => (None, None),
    };
    let (completed, text, held) = match &run.point {
        Some(Point::Reached { completed, text, held }) => (Some(*completed), Some(text.clone()), *held),
        Some(Point::Missed { .. }) | None => (None, None, false),
    };
    let side = side.map(|side| match side {
        Side::Before => "before",
        Side::After => "after",
    });
    let what = match &point.trigger {
        Trigger::Wire { words, .. } => Some(words.clone()),
        Trigger::Replica { number, .. } => Some(format!("replica {number} of step {}", point.step)),
        _ => None,
    };
    Some(PointVerdict {
        in_rollback,
        what,
        step: point.step,
        on,
        side,
        statement,
        statements,
        completed,
        text,
        held,
    })
}

fn wire_side(mark: &Mark) -> Side {
    match mark.side {
        control::Side::Before => Side::Before,
        control::Side::After => Side::After,
    }
}

fn wire_statement(mark: &Mark) -> Option<u32> {
    match mark.what {
        What::Ask(number) => u32::try_from(number).ok(),
        What::Matching(..) | What::Commit(_) | What::Rows(_) | What::Bytes(_) => None,
    }
}

pub(super) fn fault_verdicts(plan: &Plan, run: &Run) -> Vec<FaultVerdict> {
    let planned = plan.failure.iter().flat_map(|failure| &failure.faults);
    let seen = (0..).zip(planned).filter_map(|(position, planned)| {
        let seen = run.faults.get(&position)?;
        Some(FaultVerdict {
            kind: planned.fault.word(),
            on: planned.fault.service().map(str::to_owned),
            acted: seen.acted == Some(true) && seen.in_time,
            evidence: seen.evidence.clone(),
        })
    });
    seen.collect()
}

//! Was the point reached, and was the change interrupted there?

use crate::journal::event::{Completed, Ending, Operation};
use crate::outcome::{Check, Outcome};
use crate::plan::Plan;
use crate::sweep::Swept;
use crate::verdict::model::Finding;
use crate::verdict::timeline::{Point, Run};

/// For interrupted runs.
pub(in crate::verdict) fn check(plan: &Plan, run: &Run) -> Vec<Finding> {
    let Some(failure) = &plan.failure else { return Vec::new() };
    let at = &failure.point.at;
    let finding = match &run.point {
        None => return Vec::new(),
        Some(Point::Missed { seen, completed }) => {
            let message = format!("the point was not reached: {seen}");
            Finding::new(Check::Point, Outcome::Inconclusive, message)
                .seen([format!("the change had come to {}", shown(*completed))])
                .next("look at the change's own output in the journal, and aim at what it really does")
        }
        Some(Point::Reached { .. }) if finished(run) => {
            let message = "the change finished in spite of the fault: it was not interrupted";
            Finding::new(Check::Point, Outcome::Inconclusive, message)
                .next("aim at an earlier point, or choose a fault that the change does not survive")
        }
        Some(Point::Reached { held, completed, text }) => {
            let how = if *held { "held at" } else { "seen at" };
            let message = format!("the change was {how}: {text}");
            Finding::new(Check::Point, Outcome::Pass, message)
                .seen([format!("it had come to {}", shown(*completed))])
        }
    };
    vec![finding.at(at)]
}

fn finished(run: &Run) -> bool {
    let in_rollback = run.case.as_ref().is_some_and(|case| case.operation == Swept::Rollback);
    let broken =
        if in_rollback { run.broken_rollback.as_ref() } else { run.operations.get(&Operation::Change) };
    broken.is_some_and(|broken| broken.ending == Ending::Ok)
}

/// How far an operation had come, in words.
pub(in crate::verdict) fn shown(completed: Completed) -> String {
    let Completed { steps, statements } = completed;
    let plural = |count: u32| if count == 1 { "" } else { "s" };
    match statements {
        0 => format!("{steps} whole step{}", plural(steps)),
        _ => format!("{steps} whole step{} and {statements} statement{}", plural(steps), plural(statements)),
    }
}

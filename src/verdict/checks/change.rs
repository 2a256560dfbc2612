//! Did the change, with nothing in its way, go as the scenario says?

use super::rollback::time_was_over;
use crate::journal::event::{Ending, Operation};
use crate::outcome::{Check, Outcome};
use crate::plan::Plan;
use crate::verdict::model::Finding;
use crate::verdict::timeline::Run;

/// For control and finished runs.
pub(in crate::verdict) fn check(plan: &Plan, run: &Run) -> Vec<Finding> {
    let Some(change) = run.operations.get(&Operation::Change) else { return Vec::new() };
    let succeeded = change.ending == Ending::Ok;
    let step = change.failed_step.and_then(|step| plan.change.iter().find(|known| known.number == step));
    let said = change.error.clone().into_iter();
    match (succeeded, plan.expect.change_fails) {
        (true, false) => vec![Finding::new(Check::Change, Outcome::Pass, "the whole change was applied")],
        (false, true) => {
            vec![
                Finding::new(Check::Change, Outcome::Pass, "the change fails by itself, as expected")
                    .seen(said),
            ]
        }
        (true, true) => vec![
            Finding::new(Check::Change, Outcome::Fail, "the change was expected to fail, and succeeded")
                .at(&plan.expect.at),
        ],
        (false, false) => {
            let message = match (change.ending, step) {
                (Ending::TimedOut, step) => format!("the change ended by itself: {}", time_was_over(step)),
                (_, Some(step)) => format!("the change failed by itself: {}", step.title),
                (_, None) => "the change failed by itself".to_owned(),
            };
            let finding = Finding::new(Check::Change, Outcome::Inconclusive, message).seen(said);
            let finding = step.iter().fold(finding, |finding, step| finding.at(&step.at));
            let next =
                "mend the change, or say `change: fails` under `expect` if a bad release is what is drilled";
            vec![finding.next(next)]
        }
    }
}

//! Had the interrupted change's sessions ended before the state was captured and rolled back?

use crate::outcome::{Check, Outcome};
use crate::plan::Plan;
use crate::verdict::model::Finding;
use crate::verdict::timeline::Run;

/// For interrupted runs.
pub(in crate::verdict) fn check(plan: &Plan, run: &Run) -> Vec<Finding> {
    match (&run.settled, &plan.failure) {
        (Some((false, lingering)), Some(failure)) => {
            let message = "sessions of the interrupted change were still at work when the rollback began";
            let finding = Finding::new(Check::Settle, Outcome::Inconclusive, message)
                .seen(lingering.iter().cloned())
                .at(&failure.at)
                .next("give them longer with `settle:`, or say `settle: none` if that is the case you drill");
            vec![finding]
        }
        _ => Vec::new(),
    }
}

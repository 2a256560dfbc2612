//! Did the run get through, or did the engine or the stage stop it?

use crate::journal::event::Moment;
use crate::outcome::{Check, Outcome};
use crate::verdict::deeds::in_rollback;
use crate::verdict::model::Finding;
use crate::verdict::timeline::Run;

/// One finding per trouble; one for a run whose journal ends too early.
pub(in crate::verdict) fn check(run: &Run) -> Vec<Finding> {
    let mut findings: Vec<Finding> = run
        .troubles
        .iter()
        .map(|(message, evidence)| {
            Finding::new(Check::Stage, Outcome::Inconclusive, message.clone()).seen(evidence.iter().cloned())
        })
        .collect();
    // A rollback that was broken may have taken a store down itself: that it goes on from there is to be shown.
    let needed = |moment: Moment| moment != Moment::Failed || !in_rollback(run);
    for (moment, error) in run.unknown.iter().filter(|(moment, _)| needed(**moment)) {
        let message = format!("the state {} could not be captured", word(*moment));
        findings.push(Finding::new(Check::Stage, Outcome::Inconclusive, message).seen([error.clone()]));
    }
    let cut_short = findings.is_empty() && !(run.is_whole() && run.ended_ms.is_some());
    if cut_short {
        let message = "the run was stopped before its end";
        findings.push(Finding::new(Check::Stage, Outcome::Inconclusive, message));
    }
    findings
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

//! What has been proven (S3), cumulative.

use super::model::{Counts, RunVerdict};
use crate::journal::event::RunKind;
use crate::outcome::Outcome;

/// The level of a scenario. Levels 3 and 4 need every point, which a single interrupted run is not.
pub(super) fn level(runs: &[RunVerdict]) -> u8 {
    let passed = |kind| runs.iter().any(|run| run.kind == kind && run.outcome == Outcome::Pass);
    let sound = passed(RunKind::Idle);
    if !sound || !passed(RunKind::Finished) || !passed(RunKind::Control) {
        return 0;
    }
    let points: Vec<&RunVerdict> = runs.iter().filter(|run| run.kind == RunKind::Interrupted).collect();
    let all_pass = points.iter().all(|run| run.outcome == Outcome::Pass);
    let with_effect = points.iter().any(|run| run.effect == Some(true));
    if all_pass && with_effect { 2 } else { 1 }
}

/// Points by how they ended.
pub(super) fn counts(runs: &[RunVerdict]) -> Counts {
    let mut counts = Counts::default();
    for run in runs.iter().filter(|run| run.kind == RunKind::Interrupted) {
        match run.outcome {
            Outcome::Pass => counts.pass += 1,
            Outcome::Fail => counts.fail += 1,
            Outcome::Inconclusive => counts.unknown += 1,
        }
    }
    counts
}

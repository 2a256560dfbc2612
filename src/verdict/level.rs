//! What has been proven (S3), cumulative.

use super::model::{Counts, RunVerdict, SweepVerdict};
use crate::journal::event::RunKind;
use crate::outcome::Outcome;

/// The level of a scenario. Level 4 needs live writes, which no run has without traffic.
pub(super) fn level(runs: &[RunVerdict], sweep: Option<&SweepVerdict>, has_traffic: bool) -> u8 {
    let passed = |kind| runs.iter().any(|run| run.kind == kind && run.outcome == Outcome::Pass);
    let sound = passed(RunKind::Idle);
    if !sound || !passed(RunKind::Finished) || !passed(RunKind::Control) {
        return 0;
    }
    let points: Vec<&RunVerdict> = runs.iter().filter(|run| run.kind == RunKind::Interrupted).collect();
    let all_pass = points.iter().all(|run| run.outcome == Outcome::Pass);
    let with_effect = points.iter().any(|run| run.effect == Some(true));
    let of_the_change =
        points.iter().filter(|run| !run.point.as_ref().is_some_and(|point| point.in_rollback));
    let every_way_back = sweep.is_some_and(|sweep| sweep.every_way_back);
    match (all_pass && with_effect, sweep.is_some_and(|sweep| sweep.every_point)) {
        (true, true) if of_the_change.count() > 0 => 3 + u8::from(has_traffic && every_way_back),
        (true, _) => 2,
        (false, _) => 1,
    }
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

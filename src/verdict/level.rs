//! What has been proven (S3), cumulative.

use super::model::{Counts, RunVerdict, SweepVerdict};
use crate::journal::event::RunKind;
use crate::outcome::Outcome;

/// The level of a scenario. Above level 2 nothing may have been done unseen (S26); level 4 needs live writes, which no
/// run has without traffic.
pub(super) fn level(
    runs: &[RunVerdict],
    sweep: Option<&SweepVerdict>,
    accounted: bool,
    has_traffic: bool,
) -> u8 {
    let passed = |kind| runs.iter().any(|run| run.kind == kind && run.outcome == Outcome::Pass);
    let sound = passed(RunKind::Idle);
    if !sound || !passed(RunKind::Finished) || !passed(RunKind::Control) {
        return 0;
    }
    let points: Vec<&RunVerdict> = runs.iter().filter(|run| run.kind == RunKind::Interrupted).collect();
    let all_pass = points.iter().all(|run| run.outcome == Outcome::Pass);
    let every_way_back = sweep.is_some_and(|sweep| sweep.every_way_back);
    match (all_pass && had_effect(runs), sweep.is_some_and(|sweep| sweep.every_point)) {
        (true, true) if accounted => 3 + u8::from(has_traffic && every_way_back),
        (true, _) => 2,
        (false, _) => 1,
    }
}

/// See [`super::ScenarioVerdict::had_effect`].
pub(super) fn had_effect(runs: &[RunVerdict]) -> bool {
    let in_rollback = |run: &RunVerdict| run.point.as_ref().is_some_and(|point| point.in_rollback);
    let of_the_change = runs.iter().filter(|run| run.kind == RunKind::Interrupted && !in_rollback(run));
    of_the_change.filter(|run| run.effect == Some(true)).count() > 0
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

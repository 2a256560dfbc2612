//! Which cases stand for which points.
//!
//! Points of one key lead to one state and are tried once: inside a transaction at its end, where most
//! has been done; elsewhere where the key is first met. Of transactions that repeat one shape the first,
//! the second, the middle and the last are tried. Nothing else is left out.

use std::collections::BTreeMap;

use super::list::{Found, Key, Recorded, Standing, list};
use super::model::{Case, Listed, Spot, Survey, Swept, Tried};
use crate::gateway::control::{Mark, Side, What};
use crate::plan::Plan;
use crate::plan::model::{self, Failure, Fault, Heal, PlannedFault, Point, Trigger};

/// How long an interrupted operation's sessions may take to end, in milliseconds, where the scenario
/// says nothing.
const SETTLE: u64 = 30_000;

/// Lists the points of a scenario, and the cases that try them: one for each point when it is exhaustive.
/// The last case makes the change again after a rollback, from the scenario's own point and from the end of
/// the change: what stays behind from anywhere else is part of what stays behind from there.
pub fn survey(plan: &Plan, recorded: &[Recorded<'_>], exhaustive: bool) -> Survey {
    let mut gaps = Vec::new();
    let mut found = list(Swept::Change, &plan.change, recorded, &mut gaps);
    found.extend(list(Swept::Rollback, &plan.rollback.steps, recorded, &mut gaps));
    let groups = if exhaustive { (0..found.len()).map(|at| vec![at]).collect() } else { reduced(&found) };
    let mut points: Vec<Listed> = found.into_iter().map(|found| found.listed).collect();
    let mut cases = Vec::new();
    for (number, group) in (1..).zip(groups) {
        let tried = group[0];
        let failure = failure(plan, &points[tried]);
        let operation = points[tried].operation;
        cases.push(Case { number, tried: Tried::Point(tried), operation, failure });
        for at in group {
            points[at].case = number;
        }
    }
    cases.extend(again(plan, &points, u32::try_from(cases.len() + 1).unwrap_or(u32::MAX)));
    Survey { points, cases, gaps }
}

/// Broken at the scenario's own point, else at the last one of the change, where most has been done. A
/// change that is expected to fail is not made again.
fn again(plan: &Plan, points: &[Listed], number: u32) -> Option<Case> {
    let last = || points.iter().rfind(|point| point.operation == Swept::Change);
    let failure = plan.failure.clone().or_else(|| Some(failure(plan, last()?)))?;
    let case = Case { number, tried: Tried::Again, operation: Swept::Change, failure };
    (!plan.expect.change_fails).then_some(case)
}

/// The points that are tried together; the first of each is the one that is tried.
fn reduced(found: &[Found]) -> Vec<Vec<usize>> {
    let mut by_key: BTreeMap<&Key, Vec<usize>> = BTreeMap::new();
    for (at, found) in found.iter().enumerate() {
        by_key.entry(&found.key).or_default().push(at);
    }
    let mut groups: Vec<Vec<usize>> = by_key.into_values().collect();
    for group in &mut groups {
        if found[group[0]].key.standing == Standing::Inside {
            group.reverse();
        }
    }
    groups.sort_by_key(|group| group.iter().min().copied());
    thin(found, groups)
}

/// Of groups that repeat one shape, the first, the second, the middle and the last stay; the middle one
/// stands for those that go.
fn thin(found: &[Found], groups: Vec<Vec<usize>>) -> Vec<Vec<usize>> {
    let mut alike: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for (number, group) in groups.iter().enumerate() {
        let Found { listed, key, done, .. } = &found[group[0]];
        let service = if let Spot::Ask { service, .. } = &listed.spot { Some(service) } else { None };
        let shape = (listed.operation, listed.step, service, key.standing, done);
        alike.entry(shape).or_default().push(number);
    }
    let mut stands_in: BTreeMap<usize, usize> = BTreeMap::new();
    for numbers in alike.into_values().filter(|numbers| numbers.len() > 4) {
        let (middle, last) = (numbers.len() / 2, numbers.len() - 1);
        let gone = (2..last).filter(|at| *at != middle);
        stands_in.extend(gone.map(|at| (numbers[at], numbers[middle])));
    }
    let mut kept: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (number, group) in groups.iter().enumerate() {
        if !stands_in.contains_key(&number) {
            kept.insert(number, group.clone());
        }
    }
    for (gone, stays) in stands_in {
        kept.entry(stays).or_default().extend(&groups[gone]);
    }
    kept.into_values().collect()
}

/// The scenario's own faults at this point; without any the operation is aborted.
fn failure(plan: &Plan, point: &Listed) -> Failure {
    let steps = match point.operation {
        Swept::Change => &plan.change,
        Swept::Rollback => &plan.rollback.steps,
    };
    let step =
        steps.iter().find(|step| step.number == point.step).expect("points are listed from these steps");
    let at = plan.failure.as_ref().map_or(&step.at, |failure| &failure.at).clone();
    let place = Point { step: step.number, trigger: trigger(point), within: step.timeout, at: at.clone() };
    match &plan.failure {
        Some(own) => Failure { point: place, ..own.clone() },
        None => {
            let abort = PlannedFault { fault: Fault::Abort, heal: Heal::BeforeRollback, at: at.clone() };
            Failure { point: place, faults: vec![abort], stop: true, settle_ms: Some(SETTLE), at }
        }
    }
}

fn trigger(point: &Listed) -> Trigger {
    let side = match point.side {
        Side::Before => model::Side::Before,
        Side::After => model::Side::After,
    };
    match &point.spot {
        Spot::Gap => Trigger::Step(side),
        Spot::Statement { number } => Trigger::Statement { number: *number, side },
        Spot::Replica { number } => Trigger::Replica { number: *number, side },
        Spot::Ask { service, number, pattern, nth } => {
            let what = What::Matching(pattern.clone(), *nth);
            let mark = Mark { service: service.clone(), what, side: point.side, all: true };
            Trigger::Wire { mark, words: format!("statement {number}") }
        }
    }
}

//! The service as its clients saw it: phases, windows of mixed versions, recovery.

use super::model::{Phase, TrafficVerdict};
use super::timeline::{Run, Served, State};
use crate::plan::Plan;
use crate::plan::model::{Action, Step};
use crate::traffic::{Counts, Histogram, Part, Segment};

/// One verdict for each traffic of a run. `changed` is the state that the whole change leaves.
pub(super) fn verdicts(plan: &Plan, run: &Run, changed: Option<&State>) -> Vec<TrafficVerdict> {
    let has_windows =
        !run.before().zip(changed).is_some_and(|(before, changed)| is_one_schema(before, changed));
    let known = plan.traffic.iter().filter_map(|traffic| Some((traffic, run.traffic.get(&traffic.name)?)));
    let verdicts = known.map(|(traffic, served)| TrafficVerdict {
        name: traffic.name.clone(),
        phases: phases(&served.segments),
        windows: if has_windows { windows(plan, &served.segments) } else { Vec::new() },
        well_after_ms: well_after(run, served),
        back: served.back.clone(),
        behind_us: served.behind.quantile(0.99),
    });
    verdicts.collect()
}

/// Whether old and new code stand on the same schema.
fn is_one_schema(before: &State, changed: &State) -> bool {
    let mut stores = before.stores.iter();
    stores.all(|(name, store)| changed.stores.get(name).is_some_and(|changed| changed.schema == store.schema))
}

/// The phase that a part belongs to.
fn phase(part: Part) -> &'static str {
    match part {
        Part::Before => "before",
        Part::Change(_) | Part::Changed(_) => "change",
        Part::Failed => "failure",
        Part::Rollback(_) | Part::RolledBack(_) => "rollback",
        Part::After => "after",
    }
}

fn phases(segments: &[Segment]) -> Vec<Phase> {
    let mut phases: Vec<Phase> = Vec::new();
    for segment in segments {
        let name = phase(segment.part);
        match phases.iter_mut().find(|known| known.name == name) {
            Some(known) => known.add(segment),
            None => phases.push(Phase::of(name, segment)),
        }
    }
    phases.retain(|phase| phase.counts.all() > 0);
    phases
}

impl Phase {
    fn of(name: &str, segment: &Segment) -> Self {
        let (counts, latency) = (Counts::default(), Histogram::default());
        let mut phase = Self { name: name.to_owned(), counts, latency, failures: Vec::new() };
        phase.add(segment);
        phase
    }

    fn add(&mut self, segment: &Segment) {
        self.counts.merge(&segment.counts);
        self.latency.merge(&segment.latency);
        for (wrong, count) in &segment.failures {
            match self.failures.iter_mut().find(|(known, _)| known == wrong) {
                Some((_, known)) => *known += count,
                None => self.failures.push((wrong.clone(), *count)),
            }
        }
    }
}

/// Which half of a release is new at a moment; none in between.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Old,
    New,
}

/// What `deploy` steps change; everything else changes what the code stands on.
fn is_code(step: &Step) -> bool {
    matches!(step.action, Action::Deploy(_))
}

fn is_schema(step: &Step) -> bool {
    match step.action {
        Action::Run { .. }
        | Action::Sql { .. }
        | Action::Exec { .. }
        | Action::Restore(_)
        | Action::Host { .. } => true,
        Action::Deploy(_) | Action::Http(_) | Action::Wait(_) | Action::Volume { .. } | Action::Backup(_) => {
            false
        }
    }
}

/// Where one kind of steps stands after so many steps.
fn side(steps: &[Step], done: u32, of_kind: fn(&Step) -> bool, before: Side, after: Side) -> Option<Side> {
    let all = steps.iter().filter(|step| of_kind(step)).count();
    let done = steps.iter().filter(|step| of_kind(step) && step.number <= done).count();
    match done {
        _ if all == 0 => None,
        0 => Some(before),
        done if done == all => Some(after),
        _ => None,
    }
}

/// The name of the window that a part is in; none where code and schema are of one age.
fn window(plan: &Plan, part: Part) -> Option<&'static str> {
    let (steps, done, before, after) = match part {
        Part::Changed(done) => (&plan.change, done, Side::Old, Side::New),
        Part::RolledBack(done) => (&plan.rollback.steps, done, Side::New, Side::Old),
        Part::Before | Part::Change(_) | Part::Failed | Part::Rollback(_) | Part::After => return None,
    };
    let code = side(steps, done, is_code, before, after)?;
    let schema = side(steps, done, is_schema, before, after)?;
    match (code, schema) {
        (Side::Old, Side::New) => Some("old code on the new schema"),
        (Side::New, Side::Old) => Some("new code on the old schema"),
        _ => None,
    }
}

fn windows(plan: &Plan, segments: &[Segment]) -> Vec<Phase> {
    let mut windows: Vec<Phase> = Vec::new();
    for segment in segments {
        let Some(name) = window(plan, segment.part) else { continue };
        match windows.iter_mut().find(|known| known.name == name) {
            Some(known) => known.add(segment),
            None => windows.push(Phase::of(name, segment)),
        }
    }
    windows.retain(|window| window.counts.all() > 0);
    windows
}

/// From the failure, else the beginning of the rollback, to the first moment from which no request failed
/// any more. None when the last requests failed.
fn well_after(run: &Run, served: &Served) -> Option<u64> {
    let failed =
        run.point_ms.or_else(|| run.began.get(&crate::journal::event::Operation::Rollback).copied())?;
    let mut since = served.spells.iter().filter(|spell| spell.to_ms.is_none_or(|to| to >= failed));
    match since.next_back() {
        None => Some(0),
        Some(last) => last.to_ms.map(|to| to - failed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::model::Deploy;
    use crate::state::model::Definition;
    use crate::traffic::Spell;
    use crate::verdict::testing::{deploy, plan};

    fn released() -> Plan {
        let mut plan = plan();
        let (up, down) = (plan.change[0].clone(), plan.rollback.steps[0].clone());
        plan.change = vec![up, deploy(2, "api")];
        plan.rollback.steps = vec![deploy(1, "api"), Step { number: 2, ..down }];
        plan
    }

    #[test]
    fn between_schema_and_code_there_is_a_window() {
        let plan = released();
        let names = [Part::Changed(1), Part::Changed(2), Part::Change(2), Part::RolledBack(1), Part::After];
        let old = Some("old code on the new schema");
        assert_eq!(names.map(|part| window(&plan, part)), [old, None, None, old, None]);
        let mut plan = plan;
        plan.rollback.steps.reverse();
        plan.rollback.steps[0].number = 1;
        plan.rollback.steps[1].number = 2;
        assert_eq!(window(&plan, Part::RolledBack(1)), Some("new code on the old schema"));
        plan.change.retain(|step| !matches!(step.action, Action::Deploy(Deploy { .. })));
        assert_eq!(window(&plan, Part::Changed(1)), None, "nothing else than the schema changes");
    }

    #[test]
    fn there_are_no_windows_where_the_change_leaves_the_schema_as_it_is() {
        let traffic = crate::verdict::testing::traffic();
        let plan = Plan { traffic: vec![traffic.clone()], ..released() };
        let mut run = crate::verdict::testing::run();
        let counts = Counts { acknowledged: 3, ..Counts::default() };
        let (latency, failures) = (Histogram::default(), [].into());
        let segment = Segment { part: Part::Changed(1), from_ms: 0, counts, latency, failures };
        run.traffic.insert(traffic.name, Served { segments: vec![segment], ..Served::default() });
        let state = |tables: &[&str]| {
            let named = |name: &&str| format!("table: {name}").try_into().unwrap();
            let mut store = crate::verdict::testing::store(10, "1");
            store.schema = tables.iter().map(|name| (named(name), Definition::default())).collect();
            State { stores: [("db".to_owned(), store)].into(), ..State::default() }
        };
        run.states.insert(crate::journal::event::Moment::Before, state(&["orders"]));
        let seen = |changed: Option<&State>| verdicts(&plan, &run, changed)[0].windows.len();
        assert_eq!(seen(Some(&state(&["orders"]))), 0);
        assert_eq!(seen(Some(&state(&["orders", "refunds"]))), 1);
        assert_eq!(seen(None), 1, "nobody knows");
    }

    #[test]
    fn recovery_lasts_until_the_last_failure_is_over() {
        let mut run = crate::verdict::testing::run();
        run.point_ms = Some(100);
        let spell = |from_ms, to_ms| Spell { from_ms, to_ms, failed: 1 };
        let served = |spells: &[Spell]| Served { spells: spells.to_vec(), ..Served::default() };
        assert_eq!(well_after(&run, &served(&[spell(10, Some(20))])), Some(0));
        assert_eq!(well_after(&run, &served(&[spell(90, Some(150)), spell(200, Some(260))])), Some(160));
        assert_eq!(well_after(&run, &served(&[spell(150, None)])), None);
    }
}

//! Whole verdicts on changes without a way back, from histories written by hand.

use super::judge;
use super::model::{ScenarioVerdict, Verdict};
use super::testing::{captured, ended, entry, events, forward, journal, place, store, traffic};
use super::timeline::Timeline;
use crate::journal::event::{Ending, Event, Moment, Operation, RowsDiffer, RunKind};
use crate::outcome::{Check, Outcome};
use crate::plan::Plan;
use crate::plan::recovery::Recovery;
use crate::plan::traffic::{Belongs, Touch, Traffic};
use crate::state::rows::RowCounts;
use crate::traffic::{Few, Reach, ReadBack};

type Runs = Vec<(RunKind, Vec<Event>)>;

/// Billing is there, untouched, in each state, and what must be asked before is.
fn with_billing(kind: RunKind, usual: Vec<Event>) -> Vec<Event> {
    let with = |event: Event| match event {
        Event::Captured { moment, system, mut stores, strays } => {
            stores.insert("billing".to_owned(), store(10, "b"));
            Event::Captured { moment, system, stores, strays }
        }
        event => event,
    };
    let mut all: Vec<Event> = usual.into_iter().map(with).collect();
    if kind == RunKind::Precheck {
        return all;
    }
    all.insert(2, ended(Operation::Precheck, Ending::Ok));
    all.push(Event::Watched { expectation: 0, looks: 9, unknown: 0, violation: None });
    all
}

fn tried(asked: Ending) -> Vec<Event> {
    let broken = [ended(Operation::Breaking, Ending::Ok), ended(Operation::Precheck, asked)];
    let before = [Event::StageUp, captured(Moment::Before, store(1000, "1"))];
    before.into_iter().chain(broken).chain([Event::RunEnded { left: Vec::new() }]).collect()
}

fn all_well() -> Runs {
    let run = |kind, after: &str| (kind, with_billing(kind, events(kind, store(1000, after))));
    vec![
        run(RunKind::Control, "3"),
        run(RunKind::Finished, "1"),
        run(RunKind::Interrupted, "1"),
        (RunKind::Precheck, tried(Ending::Failed)),
        run(RunKind::Idle, "1"),
    ]
}

fn verdict(plan: Plan, runs: Runs) -> Verdict {
    let mut records = journal(entry(plan), runs);
    for record in &mut records {
        if let Event::RunStarted { kind: RunKind::Precheck, precheck, .. } = &mut record.event {
            *precheck = Some(0);
        }
    }
    judge(&Timeline::new(&records).expect("a journal begins with its plan"))
}

/// A change without a way back, whose pre-check never says no, and whose recovery lost too much.
pub(crate) fn ungated() -> Verdict {
    let mut runs = all_well();
    runs[3].1 = tried(Ending::Ok);
    let mut plan = forward();
    let at = place(60);
    plan.expect.recovery = Some(Recovery { rto_ms: Some(1), rpo_ms: None, lost: None, at });
    verdict(plan, runs)
}

fn judged(plan: Plan, runs: Runs) -> ScenarioVerdict {
    verdict(plan, runs).scenarios.remove(0)
}

fn failing(scenario: &ScenarioVerdict, outcome: Outcome) -> Vec<&'static str> {
    let findings = scenario.all_findings().filter(|finding| finding.outcome == outcome);
    let mut words: Vec<&str> = findings.map(|finding| finding.check.word()).collect();
    words.sort_unstable();
    words.dedup();
    words
}

#[test]
fn a_recovery_that_works_behind_gates_that_hold_passes() {
    let scenario = judged(forward(), all_well());
    assert_eq!(
        (scenario.outcome, scenario.level),
        (Outcome::Pass, 2),
        "{:#?}",
        failing(&scenario, Outcome::Inconclusive)
    );
    assert_eq!(scenario.forward_only.as_ref().unwrap().because, "the notes cannot be brought back");
    let tried = scenario.run(RunKind::Precheck).unwrap();
    assert_eq!(tried.precheck.as_ref().unwrap().says_no, Some(true));
}

#[test]
fn a_pre_check_that_never_says_no_fails_the_scenario() {
    let mut runs = all_well();
    runs[3].1 = tried(Ending::Ok);
    let scenario = judged(forward(), runs);
    assert_eq!(failing(&scenario, Outcome::Fail), ["prechecks"]);
}

#[test]
fn a_pre_check_that_was_not_tried_is_no_pass() {
    let mut runs = all_well();
    runs.remove(3);
    assert_eq!(judged(forward(), runs).outcome, Outcome::Inconclusive);
    let mut runs = all_well();
    runs[3].1.truncate(3);
    let cut = judged(forward(), runs);
    assert_eq!(cut.outcome, Outcome::Inconclusive, "its run was cut short");
}

#[test]
fn without_anything_in_its_place_the_verdict_is_fail_and_says_what_is_missing() {
    let mut plan = forward();
    plan.rollback.steps.clear();
    let forward_only = plan.forward_only.as_mut().unwrap();
    (forward_only.isolation, forward_only.recovers) = (None, false);
    forward_only.prechecks.clear();
    let not = |event: &Event| !matches!(event, Event::OperationEnded { operation: Operation::Rollback, .. });
    let none = Event::Triggered { happened: false, seen: "no recovery is declared".to_owned(), took_ms: 0 };
    let runs = super::testing::all_well().into_iter().map(|(kind, events)| {
        let mut events: Vec<Event> = events.into_iter().filter(not).collect();
        if matches!(kind, RunKind::Finished | RunKind::Interrupted) {
            events.insert(events.len() - 2, none.clone());
        }
        (kind, events)
    });
    let scenario = judged(plan, runs.collect());
    assert_eq!(failing(&scenario, Outcome::Fail), ["forward_only"]);
    let rollback = scenario.all_findings().find(|found| found.check == Check::Rollback).unwrap();
    assert_eq!(rollback.message, "the recovery was not invoked: no recovery is declared");
}

#[test]
fn a_change_that_was_not_begun_shows_nothing_and_is_not_called_vacuous() {
    let refuse = |(kind, events): (RunKind, Vec<Event>)| {
        let refused = events.into_iter().filter_map(|event| match event {
            Event::OperationEnded { operation: Operation::Precheck, .. } if kind != RunKind::Precheck => {
                Some(ended(Operation::Precheck, Ending::Failed))
            }
            Event::OperationEnded { operation: Operation::Change | Operation::Rollback, .. } => None,
            Event::Captured { moment: Moment::After, .. } if kind == RunKind::Control => {
                Some(captured(Moment::After, store(1000, "1")))
            }
            event => Some(event),
        });
        (kind, refused.collect())
    };
    let scenario = judged(forward(), all_well().into_iter().map(refuse).collect());
    assert_eq!((scenario.outcome, scenario.level), (Outcome::Inconclusive, 0));
    assert_eq!(failing(&scenario, Outcome::Fail), [""; 0]);
    assert_eq!(failing(&scenario, Outcome::Inconclusive), ["prechecks"]);
}

/// A recovery that took back two of the writes that clients were promised.
fn losing(recovery: Option<Recovery>) -> ScenarioVerdict {
    let mut plan = forward();
    let at = place(3);
    let touch = Touch {
        database: "db".to_owned(),
        table: "public.orders".to_owned(),
        by: Belongs::One("id".to_owned()),
        at,
    };
    plan.traffic = vec![Traffic { touches: vec![touch], ..traffic() }];
    plan.expect.recovery = recovery;
    let data = plan.expect.states.get_mut(&crate::plan::model::StateKind::Data).unwrap();
    data.reference = crate::plan::model::Reference::BeforePlusAcknowledged;
    let name = plan.traffic[0].name.clone();
    let lost = Few { count: 2, from_ms: 900, to_ms: 1_000, ..Few::default() };
    let served = |lost: &Few| {
        let back = ReadBack { present: 50, lost: lost.clone(), ..ReadBack::default() };
        let (segments, spells, behind) = (Vec::new(), Vec::new(), Default::default());
        let told = Event::Trafficked { traffic: name.clone(), segments, spells, behind };
        [told, Event::ReadBack { traffic: name.clone(), back: Box::new(back) }]
    };
    let reach = |lost: &Few| Reach {
        column: "id".to_owned(),
        rows: 48,
        kept: 48,
        lost: lost.clone(),
        ..Reach::default()
    };
    let rows = |lost: &Few| Event::RowsCompared {
        store: "db".to_owned(),
        from: Moment::Before,
        to: Moment::After,
        rows: RowsDiffer {
            table: "public.orders".to_owned(),
            counts: RowCounts { extra: 48, ..RowCounts::default() },
            reach: vec![reach(lost)],
            ..RowsDiffer::default()
        },
    };
    let runs = all_well().into_iter().map(|(kind, mut events)| {
        if kind == RunKind::Precheck {
            return (kind, events);
        }
        let is_back =
            |event: &Event| matches!(event, Event::OperationEnded { operation: Operation::Rollback, .. });
        if let Some(at) = events.iter().position(is_back) {
            let (operation, step, title) = (Operation::Rollback, 1, String::new());
            events.insert(at, Event::StepStarted { operation, step, title });
            events.insert(at + 2, Event::Waited { health: Default::default(), well: true });
        }
        let lost = if matches!(kind, RunKind::Finished | RunKind::Interrupted) {
            lost.clone()
        } else {
            Few::default()
        };
        let at = events
            .iter()
            .position(|event| matches!(event, Event::Captured { moment: Moment::After, .. }))
            .unwrap();
        if kind != RunKind::Control {
            events[at] =
                with_billing(RunKind::Precheck, vec![captured(Moment::After, store(1048, "2"))]).remove(0);
        }
        if kind != RunKind::Control {
            events.insert(at + 1, rows(&lost));
        }
        let served = served(&lost);
        served.into_iter().rev().for_each(|event| events.insert(at, event));
        (kind, events)
    });
    judged(plan, runs.collect())
}

#[test]
fn what_may_be_lost_is_held_against_nobody_and_what_may_not_is() {
    let may = |rpo_ms, lost| Some(Recovery { rto_ms: None, rpo_ms, lost, at: place(60) });
    let allowed = losing(may(Some(60_000), Some(2)));
    assert_eq!(failing(&allowed, Outcome::Fail), [""; 0]);
    assert_eq!(failing(&allowed, Outcome::Inconclusive), [""; 0]);
    let promises = allowed.all_findings().find(|found| found.message.contains("as allowed")).unwrap();
    assert_eq!(promises.message, "orders: 50 acknowledged, 2 gone, as allowed");
    let recovery = allowed.run(RunKind::Finished).unwrap().recovery.clone().unwrap();
    assert_eq!((recovery.gone, recovery.is_read_back), (2, true));
    for too_much in [may(Some(60_000), Some(1)), may(Some(0), None), None] {
        assert_eq!(
            failing(&losing(too_much.clone()), Outcome::Fail),
            ["data", "promises", "recovery"],
            "{too_much:?}"
        );
    }
}

//! Tiny histories of one alert: the failure is at 10 s, the rollback lasts from 20 s to 22 s.

use std::time::Duration;

use super::*;
use crate::journal::event::Event;
use crate::plan::model::HttpCall;
use crate::verdict::model::ScenarioVerdict;
use crate::verdict::testing::{all_well, entry, place, plan, run, traffic, verdict};

const QUIET: Option<bool> = Some(false);
const FIRES: Option<bool> = Some(true);

fn alerting() -> Plan {
    let call = HttpCall {
        service: "am".to_owned(),
        port: 9093,
        method: "GET".to_owned(),
        path: "/".to_owned(),
        headers: std::collections::BTreeMap::new(),
        body: None,
        status: None,
        contains: None,
    };
    let mut plan = plan();
    plan.expect.alerts = vec![Alert {
        name: "Errors".to_owned(),
        call,
        fires_within: Duration::from_secs(10),
        resolves_within: Duration::from_secs(10),
        at: place(7),
    }];
    plan
}

fn turned(turns: &[(u64, Option<bool>)]) -> Vec<Turn> {
    turns.iter().map(|(second, is)| Turn { ms: second * 1000, is: *is, seen: format!("{is:?}") }).collect()
}

/// A run in which the alert turned at these seconds, watched until the last of them.
fn history(turns: &[(u64, Option<bool>)], until: u64) -> Run {
    let mut run = run();
    (run.began_ms, run.point_ms) = (0, Some(10_000));
    run.began.insert(Operation::Rollback, 20_000);
    run.ended.insert(Operation::Rollback, 22_000);
    run.signs.insert(Sign::Alert(0), turned(turns));
    run.signs.insert(Sign::Services, turned(&[(10, FIRES)]));
    run.alerts_watched = Some((99, until * 1000));
    run
}

#[track_caller]
fn one(run: &Run) -> Finding {
    let mut findings = check(&alerting(), run, &[]);
    assert_eq!(findings.len(), 1);
    let finding = findings.remove(0);
    assert_eq!((finding.check, finding.at.as_ref().map(|at| at.line)), (Check::Alerts, Some(7)));
    finding
}

#[track_caller]
fn says(run: &Run, outcome: Outcome, message: &str) {
    let finding = one(run);
    assert!(finding.outcome == outcome && finding.message.contains(message), "{finding:#?}");
}

const WELL: &[(u64, Option<bool>)] = &[(1, QUIET), (12, FIRES), (25, QUIET)];

#[test]
fn an_alert_that_fires_in_time_and_resolves_in_time_passes_with_its_time_to_detect() {
    let run = history(WELL, 26);
    says(&run, Outcome::Pass, "Errors fired 2.0 s after the failure, and resolved 15.0 s after it");
    let told = verdicts(&alerting(), &run);
    assert_eq!((told[0].fired_ms, told[0].resolved_ms), (Some(2000), Some(15_000)));
}

#[test]
fn an_alert_that_does_not_fire_in_its_time_fails() {
    says(&history(&[(1, QUIET)], 40), Outcome::Fail, "Errors did not fire: 10 s were allowed");
    assert_eq!(verdicts(&alerting(), &history(&[(1, QUIET)], 40))[0].fired_ms, None);
}

#[test]
fn an_alert_that_fires_before_the_failure_fails_also_where_it_fires_again() {
    let before = "Errors fired before the failure";
    says(&history(&[(1, QUIET), (4, FIRES), (25, QUIET)], 26), Outcome::Fail, before);
    says(&history(&[(1, FIRES), (4, QUIET), (12, FIRES), (25, QUIET)], 26), Outcome::Fail, before);
}

#[test]
fn an_alert_that_fires_after_its_time_fails() {
    let run = history(&[(1, QUIET), (21, FIRES), (25, QUIET)], 26);
    says(&run, Outcome::Fail, "Errors fired too late: 11.0 s after the failure, 10 s are allowed");
}

#[test]
fn an_alert_that_does_not_resolve_in_its_time_fails() {
    says(&history(&[(1, QUIET), (12, FIRES)], 32), Outcome::Fail, "Errors never resolved: 10 s were allowed");
    let late = history(&[(1, QUIET), (12, FIRES), (33, QUIET)], 34);
    says(&late, Outcome::Fail, "Errors resolved too late: 11.0 s after the rollback");
    says(&history(&[(1, QUIET), (12, FIRES)], 30), Outcome::Inconclusive, "whether Errors resolved");
}

#[test]
fn an_alert_that_resolves_before_the_system_is_well_fails_whoever_says_so() {
    let early = "Errors resolved before the system was well";
    for sign in [Sign::Services, Sign::Http(0)] {
        let mut run = history(WELL, 40);
        run.signs.insert(sign, turned(&[(10, FIRES), (11, QUIET), (24, FIRES)]));
        assert_eq!(one(&run).outcome, Outcome::Pass);
        run.signs.insert(sign, turned(&[(10, FIRES), (11, QUIET), (29, FIRES)]));
        says(&run, Outcome::Fail, early);
        run.signs.insert(sign, turned(&[(10, QUIET)]));
        says(&run, Outcome::Fail, early);
        run.signs.insert(sign, turned(&[(10, QUIET), (11, None)]));
        says(&run, Outcome::Inconclusive, "whether the system was well");
    }
}

#[test]
fn an_alert_that_resolves_while_clients_are_refused_fails() {
    let served = |well_after_ms| TrafficVerdict {
        name: traffic().name,
        phases: Vec::new(),
        windows: Vec::new(),
        well_after_ms,
        back: None,
        behind_us: None,
    };
    let judged = |well_after_ms| {
        let findings = check(&alerting(), &history(WELL, 40), &[served(well_after_ms)]);
        (findings[0].outcome, findings[0].evidence.clone())
    };
    assert_eq!(judged(Some(14_000)).0, Outcome::Pass);
    let (outcome, evidence) = judged(Some(17_000));
    let last = "well since 17.0 s after the failure: the last request of orders that failed";
    assert_eq!((outcome, evidence.last().unwrap().as_str()), (Outcome::Fail, last));
    assert_eq!(judged(None).0, Outcome::Fail);
}

#[test]
fn an_alertmanager_that_cannot_be_asked_makes_it_unknown_and_never_a_pass() {
    let unknown = |turns: &[(u64, Option<bool>)]| {
        let finding = one(&history(turns, 40));
        assert_eq!(finding.outcome, Outcome::Inconclusive, "{turns:?}: {finding:#?}");
    };
    unknown(&[(1, None)]);
    unknown(&[(1, None), (2, QUIET), (12, FIRES), (25, QUIET)]);
    unknown(&[(11, QUIET), (12, FIRES), (25, QUIET)]);
    unknown(&[(1, QUIET), (11, None)]);
    unknown(&[(1, QUIET), (11, None), (30, QUIET)]);
    unknown(&[(1, QUIET), (11, None), (21, FIRES), (25, QUIET)]);
    unknown(&[(1, QUIET), (12, FIRES), (13, None)]);
    let mut cut = history(WELL, 40);
    cut.alerts_watched = None;
    assert_eq!(one(&cut).outcome, Outcome::Inconclusive);
    // What was seen is known, whatever happened between.
    assert_eq!(one(&history(&[(1, QUIET), (11, None), (12, FIRES), (25, QUIET)], 40)).outcome, Outcome::Pass);
}

#[test]
fn an_alert_that_a_quick_rollback_gave_no_time_is_not_blamed() {
    let mut run = history(&[(1, QUIET)], 40);
    run.began.insert(Operation::Rollback, 13_000);
    says(&run, Outcome::Inconclusive, "Errors had no time to fire: it was over 3.0 s after the failure");
}

#[test]
fn where_nobody_rolled_back_only_the_firing_is_judged() {
    let mut run = history(&[(1, QUIET), (12, FIRES)], 40);
    run.began.clear();
    run.ended.clear();
    assert_eq!(one(&run).outcome, Outcome::Pass);
    run.signs.insert(Sign::Alert(0), turned(&[(1, QUIET)]));
    says(&run, Outcome::Fail, "Errors did not fire");
}

#[test]
fn an_alert_that_fires_in_an_idle_run_is_named_but_not_where_a_fault_may_be_the_reason() {
    let outcome = |plan: &Plan, run: &Run| idle(plan, run)[0].outcome;
    let mut run = history(&[(1, QUIET), (4, FIRES)], 9);
    run.fault_ms = Some(3000);
    let mut plan = alerting();
    assert_eq!(outcome(&plan, &run), Outcome::Fail);
    plan.failure.as_mut().unwrap().faults[0].fault = Fault::Pause { service: "api".to_owned() };
    assert_eq!(outcome(&plan, &run), Outcome::Pass);
    run.fault_ms = Some(5000);
    assert_eq!(outcome(&plan, &run), Outcome::Fail);
    run.signs.clear();
    assert_eq!(outcome(&plan, &run), Outcome::Inconclusive);
}

#[test]
fn other_runs_and_the_other_points_of_a_sweep_are_not_asked_who_notices() {
    let mut run = history(&[(1, QUIET)], 40);
    run.kind = RunKind::Finished;
    assert!(check(&alerting(), &run, &[]).is_empty() && verdicts(&alerting(), &run).is_empty());
}

/// Runs in which all goes well and the alert turns as said: quiet, failure, `fires`, rollback, quiet; and in
/// the idle run only `idle`.
fn runs(fires: Option<bool>, idle: Option<bool>) -> Vec<(RunKind, Vec<Event>)> {
    let turned = |is| Event::Turned { sign: Sign::Alert(0), is, seen: format!("{is:?}") };
    let watch = |(kind, events): (RunKind, Vec<Event>)| {
        let watched = events.into_iter().flat_map(|event| {
            let turn = match (&event, kind) {
                (Event::StageUp, RunKind::Interrupted) => Some(turned(QUIET)),
                (Event::StageUp, RunKind::Idle) => Some(turned(idle)),
                (Event::PointReached { .. }, _) => Some(turned(fires)),
                (Event::OperationEnded { operation: Operation::Rollback, .. }, RunKind::Interrupted) => {
                    Some(turned(QUIET))
                }
                (Event::RunEnded { .. }, RunKind::Interrupted | RunKind::Idle) => {
                    return vec![Event::AlertsWatched { looks: 9 }, event];
                }
                _ => None,
            };
            std::iter::once(event).chain(turn).collect()
        });
        (kind, watched.collect())
    };
    all_well().into_iter().map(watch).collect()
}

fn judged(plan: Plan, runs: Vec<(RunKind, Vec<Event>)>) -> ScenarioVerdict {
    verdict(entry(plan), runs).scenarios.remove(0)
}

#[test]
fn s5_what_the_journal_says_of_an_alert_is_judged_in_the_interrupted_run_only() {
    let well = judged(alerting(), runs(FIRES, QUIET));
    assert_eq!((well.outcome, well.level), (Outcome::Pass, 2));
    let told: Vec<usize> = well.runs.iter().map(|run| run.alerts.len()).collect();
    assert_eq!(
        (told, well.run(RunKind::Interrupted).unwrap().alerts[0].fired_ms),
        (vec![0, 0, 0, 1], Some(100))
    );
    let mut hasty = alerting();
    hasty.expect.alerts[0].fires_within = Duration::from_millis(50);
    let unnoticed = judged(hasty, runs(QUIET, QUIET));
    let failed: Vec<&str> = unnoticed
        .all_findings()
        .filter(|finding| finding.outcome == Outcome::Fail)
        .map(|finding| finding.check.word())
        .collect();
    assert_eq!(failed, ["alerts"]);
}

#[test]
fn s1_an_alert_that_fires_by_itself_makes_the_scenario_unsound() {
    for idle in [FIRES, None] {
        let unsound = judged(alerting(), runs(FIRES, idle));
        assert_eq!(unsound.outcome, Outcome::Inconclusive, "{idle:?}");
        let found = unsound.all_findings().find(|finding| finding.check == Check::Unsound).unwrap();
        assert!(found.message.starts_with("on the untouched stage: "), "{found:#?}");
    }
}

//! Alerts: watched where the change is broken, given their time, and what starts the rollback.

use super::*;
use crate::journal::event::Sign;

/// A change broken before its third statement, with an alert that may take `fires` to fire, and a rollback
/// that starts as said.
fn alerting(fires: &str, when: &str) -> Plan {
    let text = format!(
        "format: 1\nname: s\nstaging: {{ compose: compose.yaml }}\nobserve:\n  alerts: {{ service: api }}\n  databases: \
         [ {{ service: db, engine: postgres, database: d, user: u, password: {{ env: POSTGRES_PASSWORD }} }} ]\n\
         change:\n{THREE}\nfailure:\n  at: {{ step: 1, statement: 3 }}\n  inject: [ {{ abort: {{}} }} ]\n\
         rollback:\n  when: {when}\n{BACK}\nexpect:\n  data: as_before\n  alerts: [ {{ name: Bad, fires_within: \
         {fires}, resolves_within: 400ms }} ]\n"
    );
    planned(&text)
}

async fn walked(plan: Plan, noticed: Option<&'static str>) -> Walked {
    let world = FakeWorld { noticed, ..world(&plan) };
    world.stage.set_address("api", 9093, ([127, 0, 0, 1], 9).into());
    walk(plan, world, None).await
}

/// What became of the alert and the rollback in a kind of run, in order.
fn told(walked: &Walked, kind: RunKind) -> Vec<String> {
    let word = |event: &Event| {
        Some(match event {
            Event::Turned { sign: Sign::Alert(0), is, .. } => format!("alert {is:?}"),
            Event::PointReached { .. } => "failure".to_owned(),
            Event::Triggered { happened, .. } => format!("triggered {happened}"),
            Event::OperationEnded { operation: Operation::Rollback, .. } => "rollback".to_owned(),
            Event::AlertsWatched { .. } => "watched".to_owned(),
            _ => return None,
        })
    };
    walked.run(kind).into_iter().filter_map(word).collect()
}

fn triggered(walked: &Walked) -> (bool, String, u64) {
    let found = walked.run(RunKind::Interrupted).into_iter().find_map(|event| match event {
        Event::Triggered { happened, seen, took_ms } => Some((*happened, seen.clone(), *took_ms)),
        _ => None,
    });
    found.expect("it was waited for what starts the rollback")
}

#[tokio::test]
async fn s5_an_alert_that_arrives_starts_the_rollback_and_is_given_its_time_to_resolve() {
    let walked = walked(alerting("2s", "{ alert: Bad, within: 2s }"), Some("two")).await;
    let order = told(&walked, RunKind::Interrupted);
    let expected = [
        "alert Some(false)",
        "failure",
        "alert Some(true)",
        "triggered true",
        "rollback",
        "alert Some(false)",
        "watched",
    ];
    assert_eq!(order, expected);
    assert_eq!(triggered(&walked).1, "the alert Bad");
}

#[tokio::test]
async fn s5_an_alert_that_does_not_arrive_starts_nothing() {
    let walked = walked(alerting("300ms", "{ alert: Bad, within: 300ms }"), Some("three")).await;
    assert_eq!(
        told(&walked, RunKind::Interrupted),
        ["alert Some(false)", "failure", "triggered false", "watched"]
    );
    let (_, seen, took_ms) = triggered(&walked);
    assert_eq!(seen, "Bad did not fire within 0.3 s");
    assert!(took_ms >= 300, "{took_ms}");
}

#[tokio::test]
async fn an_alertmanager_that_cannot_be_asked_starts_nothing_and_says_so() {
    let walked = walked(alerting("300ms", "{ alert: Bad, within: 300ms }"), None).await;
    let order = told(&walked, RunKind::Interrupted);
    assert_eq!(order, ["alert None", "failure", "triggered false", "watched"]);
    assert_eq!(triggered(&walked).1, "nobody can say whether Bad fires");
}

#[tokio::test]
async fn a_rollback_at_once_gives_alerts_their_time_and_no_more_than_they_need() {
    let patient = walked(alerting("500ms", "at_once"), Some("three")).await;
    let (happened, _, took_ms) = triggered(&patient);
    assert!(happened && took_ms >= 500, "{took_ms}");
    let quick = walked(alerting("60s", "at_once"), Some("two")).await;
    let (happened, _, took_ms) = triggered(&quick);
    assert!(happened && took_ms < 30_000, "{took_ms}");
}

#[tokio::test]
async fn alerts_are_watched_without_a_failure_too_and_in_no_finished_run() {
    let walked = walked(alerting("300ms", "at_once"), Some("two")).await;
    assert_eq!(told(&walked, RunKind::Idle), ["alert Some(false)", "watched"]);
    assert_eq!(told(&walked, RunKind::Finished), ["rollback"]);
}

#[tokio::test]
async fn services_are_looked_at_from_the_failure_on() {
    let walked = walked(alerting("300ms", "at_once"), Some("two")).await;
    let signs = |kind| {
        let events = walked.run(kind);
        let failed = events.iter().position(|event| matches!(event, Event::PointReached { .. }));
        let services = events
            .iter()
            .position(|event| matches!(event, Event::Turned { sign: Sign::Services, is: Some(true), .. }));
        (failed, services)
    };
    let (failed, services) = signs(RunKind::Interrupted);
    assert!(services > failed && failed.is_some(), "{failed:?} {services:?}");
    assert_eq!(signs(RunKind::Idle), (None, None));
}

#[tokio::test]
async fn at_the_other_points_of_a_sweep_nobody_waits_for_the_alert() {
    let plan = alerting("20s", "{ alert: Bad, within: 20s }");
    let world = FakeWorld { noticed: Some("never"), ..world(&plan) };
    world.stage.set_address("api", 9093, ([127, 0, 0, 1], 9).into());
    let mut plan = plan;
    // Its own point, at which it would be waited for, is not what this is about.
    plan.expect.alerts[0].fires_within = Duration::from_millis(100);
    plan.rollback.when = model::When::Alert { alert: 0, within_ms: 100 };
    let walked = walk_as(plan, world, None, Some(Sweep { exhaustive: false }), None).await;
    let cases = walked.records.iter().filter(|record| match &record.event {
        Event::Triggered { happened, seen, .. } => *happened && seen.ends_with("Bad is not waited for here"),
        _ => false,
    });
    assert!(cases.count() > 1);
}

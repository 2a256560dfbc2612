//! A change without a way back, as it is planned.

use super::*;

const FORWARD: &str = "forward_only:
  because: the notes must go
  prechecks:
    - name: no old code
      steps: [ { exec: { service: api, command: gate } }, { exec: { service: api, command: log } } ]
      broken_by: [ { deploy: { service: api, image: 'shop:0' } } ]
    - name: a fresh backup
      steps: [ { sql: { on: db, text: SELECT 1 } } ]
      broken_by: [ { sql: { on: db, text: SELECT 2 } } ]
  isolation: { as_before: [api, db], http: [ { on: api, get: /healthz } ], always: [ { on: db, query: SELECT 3 } ] }
  recovery: { within: 30s, steps: [ { sql: { on: db, file: down.sql } } ] }
";
const ROLLBACK: &str = "rollback:\n  steps:\n    - sql: { on: db, file: down.sql }\n";

/// The good scenario, without a way back.
fn forward(from: &str, to: &str) -> String {
    assert!(FORWARD.contains(from), "{from}");
    with(ROLLBACK, &FORWARD.replacen(from, to, 1))
}

#[track_caller]
fn wrong(from: &str, to: &str, expected: &str) {
    let found = mistakes(&forward(from, to));
    assert!(found.len() == 1 && found[0].contains(expected), "{found:#?}");
}

#[test]
fn the_recovery_is_planned_as_a_rollback_and_steps_are_numbered_through_all_pre_checks() {
    let plan = plan(&forward("", ""));
    assert_eq!(
        (plan.way_back(), plan.rollback.within.as_secs(), plan.rollback.steps.len()),
        ("recovery", 30, 1)
    );
    assert_eq!(plan.rollback.at.line, 24);
    let forward_only = plan.forward_only.as_ref().unwrap();
    let numbers = |steps: &mut dyn Iterator<Item = &super::super::model::Step>| {
        steps.map(|step| step.number).collect::<Vec<u32>>()
    };
    assert_eq!(numbers(&mut forward_only.precheck_steps()), [1, 2, 3]);
    assert_eq!(numbers(&mut forward_only.breaking_steps()), [1, 2]);
    assert_eq!(forward_only.precheck_of(3).unwrap().name, "a fresh backup");
    let isolation = forward_only.isolation.as_ref().unwrap();
    assert_eq!(isolation.services, ["api".to_owned(), "db".to_owned()].into());
    assert_eq!(isolation.stores, ["db".to_owned()].into());
    let watched: Vec<&str> = plan.watched().map(|one| one.title.as_str()).collect();
    assert_eq!(watched, ["GET /healthz on api is 2xx", "`SELECT 3` on db is t"]);
    assert!(plan.expect.always.is_empty(), "what must not be touched is asked apart");
}

#[test]
fn what_is_not_declared_is_no_mistake_and_the_verdict_says_so() {
    let bare = plan(&with(ROLLBACK, "forward_only: { because: it must go }\n"));
    let forward_only = bare.forward_only.as_ref().unwrap();
    assert!(forward_only.prechecks.is_empty() && forward_only.isolation.is_none() && !forward_only.recovers);
    assert!(bare.rollback.steps.is_empty());
    let empty = plan(&with(ROLLBACK, "forward_only: { because: it must go, isolation: {} }\n"));
    assert_eq!(empty.forward_only.unwrap().isolation, None, "nothing is named");
}

#[test]
fn a_change_has_a_way_back_or_none_and_not_both() {
    let found = mistakes(&with(ROLLBACK, &format!("{ROLLBACK}{FORWARD}")));
    assert_eq!(found.len(), 1, "{found:#?}");
    let both = "a change has a way back, or it is `forward_only`; leave `rollback` out, or `forward_only`";
    assert!(found[0].ends_with(both), "{found:#?}");
    let found = mistakes(&with(ROLLBACK, ""));
    assert!(found[0].contains("or say under `forward_only` why there is none"), "{found:#?}");
}

#[test]
fn a_pre_check_that_could_not_be_tried_is_refused_with_its_place() {
    wrong("the notes must go", "' '", "a reason is missing");
    wrong("a fresh backup", "no old code", "another pre-check has this name already");
    wrong("a fresh backup", "''", "a pre-check has a name");
    wrong(
        "steps: [ { sql: { on: db, text: SELECT 1 } } ]",
        "steps: []",
        "a pre-check without steps always says yes",
    );
    let nothing = "nothing breaks its condition, so nobody would know whether it ever says no";
    wrong("broken_by: [ { sql: { on: db, text: SELECT 2 } } ]", "broken_by: []", nothing);
    wrong("service: api, command: gate", "service: apj, command: gate", "there is no service `apj`");
    wrong(
        "as_before: [api, db]",
        "as_before: [apj]",
        "`apj` is neither a service nor an observed store; did you mean `api`?",
    );
    wrong(
        "{ within: 30s, steps: [ { sql: { on: db, file: down.sql } } ] }",
        "{ within: 30s }",
        "the way back has no step",
    );
}

#[test]
fn objectives_need_somebody_who_writes() {
    let recovery = |text: &str| with("data: as_before\n", &format!("data: as_before\n  recovery: {text}\n"));
    let planned = plan(&recovery("{ rto: 30s }")).expect.recovery.unwrap();
    assert_eq!((planned.rto_ms, planned.rpo_ms, planned.lost), (Some(30_000), None, None));
    let found = mistakes(&recovery("{ rpo: 0s, lost: 3 }"));
    assert!(found.len() == 2 && found.iter().all(|one| one.contains("nobody writes")), "{found:#?}");
    assert!(mistakes(&recovery("{}"))[0].contains("nothing is asked of the recovery"));
    assert!(
        mistakes(&recovery("{ rpo: 0 }"))[0].contains("length of time"),
        "{:#?}",
        mistakes(&recovery("{ rpo: 0 }"))
    );
}

//! A change without a way back: what is asked before it, and how it is recovered from.

use super::*;

const RECOVERY: &str = "  recovery: { steps: [ { sql: { on: db, text: undo } } ] }\n";

/// A change behind two pre-checks, broken before its third statement.
fn forward(first: &str, recovery: &str) -> Plan {
    let text = format!(
        "format: 1\nname: s\nstaging: {{ compose: compose.yaml }}\nobserve:\n  databases: [ {{ service: db, engine: \
         postgres, database: d, user: u, password: {{ env: POSTGRES_PASSWORD }} }} ]\nchange:\n{THREE}\nfailure:\n  \
         at: {{ step: 1, statement: 3 }}\n  inject: [ {{ abort: {{}} }} ]\nforward_only:\n  because: it must go\n  \
         prechecks:\n    - name: first\n      steps: [ {{ sql: {{ on: db, text: {first} }} }} ]\n      broken_by: [ \
         {{ sql: {{ on: db, text: break first }} }} ]\n    - name: second\n      steps: [ {{ sql: {{ on: db, text: \
         ask second }} }} ]\n      broken_by: [ {{ sql: {{ on: db, text: break second }} }} ]\n{recovery}expect:\n  \
         data: as_before\n"
    );
    planned(&text)
}

/// What the run that tries a pre-check did, but for captures.
fn tried(walked: &Walked, precheck: u32) -> Vec<String> {
    let is_meant = |record: &&Record| matches!(&record.event, Event::RunStarted { precheck: Some(at), .. } if *at == precheck);
    let number = walked.records.iter().find(is_meant).and_then(|record| record.run);
    let of_run = walked.records.iter().filter(|record| record.run == number);
    let word = |event: &Event| match event {
        Event::StepStarted { operation, step, .. } => Some(format!("{} {step}", operation.word())),
        Event::OperationEnded { operation, ending, .. } if *operation != Operation::Seed => {
            Some(format!("{} {ending:?}", operation.word()))
        }
        _ => None,
    };
    of_run.filter_map(|record| word(&record.event)).collect()
}

#[tokio::test]
async fn pre_checks_are_asked_before_the_change_in_every_run() {
    let walked = interrupted(forward("ask first", RECOVERY)).await;
    let order = walked.order();
    assert_eq!(order[..3], ["capture Before", "pre-check Ok", "held"], "{order:?}");
    assert_eq!(order[order.len() - 2..], ["rollback Ok", "capture After"], "{order:?}");
    for kind in [RunKind::Finished, RunKind::Idle] {
        let words: Vec<String> = walked.run(kind).into_iter().filter_map(word).collect();
        assert_eq!(words[1], "pre-check Ok", "{kind:?}: {words:?}");
    }
}

#[tokio::test]
async fn each_pre_check_is_tried_alone_where_its_condition_is_broken_and_the_change_is_not_begun() {
    let plan = forward("ask first", RECOVERY);
    let world = world(&plan);
    let memory = Arc::clone(&world.memory);
    let walked = walk(plan, world, None).await;
    assert_eq!(tried(&walked, 0), ["breaking 1", "breaking Ok", "pre-check 1", "pre-check Ok"]);
    assert_eq!(tried(&walked, 1), ["breaking 2", "breaking Ok", "pre-check 2", "pre-check Ok"]);
    let all = memory.all.lock().unwrap().clone();
    let broken = all.iter().position(|word| word == "break second").unwrap();
    let until_idle = all[broken..].iter().take_while(|word| *word != "ask first");
    let sent: Vec<&String> =
        until_idle.filter(|word| !["open", "close", "capture"].contains(&word.as_str())).collect();
    assert_eq!(sent, ["break second", "ask second"], "nothing else is done, whatever it says");
}

#[tokio::test]
async fn a_change_that_a_pre_check_forbids_is_not_begun_in_any_run() {
    let plan = forward("fails", RECOVERY);
    let world = world(&plan);
    let memory = Arc::clone(&world.memory);
    let walked = walk(plan, world, None).await;
    assert_eq!(walked.order(), ["capture Before", "pre-check Failed", "capture After"]);
    let all = memory.all.lock().unwrap().clone();
    assert!(!all.iter().any(|word| word == "one" || word == "undo"), "{all:?}");
}

#[tokio::test]
async fn without_a_declared_recovery_nothing_takes_the_system_back() {
    let walked = interrupted(forward("ask first", "")).await;
    let order = walked.order();
    assert!(order.contains(&"triggered false".to_owned()), "{order:?}");
    assert!(!order.iter().any(|word| word.starts_with("rollback")), "{order:?}");
    let finished: Vec<String> = walked.run(RunKind::Finished).into_iter().filter_map(word).collect();
    assert!(finished.contains(&"triggered false".to_owned()), "{finished:?}");
}

#[tokio::test]
async fn what_must_not_be_touched_is_looked_at_all_the_time() {
    let isolated = format!("  isolation: {{ always: [ {{ on: db, query: SELECT 3 }} ] }}\n{RECOVERY}");
    let plan = forward("ask first", &isolated);
    let world = world(&plan);
    world.memory.slow.lock().unwrap().insert("one".to_owned(), Duration::from_millis(100));
    let walked = walk(plan, world, None).await;
    let watched = |kind| {
        let found = walked.run(kind).into_iter().find_map(|event| match event {
            Event::Watched { expectation: 0, looks, .. } => Some(*looks),
            _ => None,
        });
        found.unwrap_or_default()
    };
    assert!(watched(RunKind::Interrupted) > 0 && watched(RunKind::Finished) > 0);
}

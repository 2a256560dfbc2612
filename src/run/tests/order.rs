//! What is done in a run, and in which order (S5 to S8).

use super::*;

#[tokio::test]
async fn s5_an_abort_at_a_statement_is_held_settled_captured_and_rolled_back_in_order() {
    let walked =
        interrupted(scenario(THREE, "  at: { step: 1, statement: 3 }\n  inject: [ { abort: {} } ]", BACK))
            .await;
    assert_eq!(
        walked.order(),
        and_back(&["capture Before", "held", "intend 0", "change Interrupted", "fault 0 true true"])
    );
    let Some(Event::PointReached { completed, text, .. }) = walked
        .run(RunKind::Interrupted)
        .into_iter()
        .find(|event| matches!(event, Event::PointReached { .. }))
    else {
        panic!("not reached")
    };
    assert_eq!((completed.steps, completed.statements, text.as_str()), (0, 2, "three"));
}

#[tokio::test]
async fn s7_s8_the_statement_at_the_point_is_never_sent_and_the_socket_is_cut() {
    let plan = scenario(THREE, "  at: { step: 1, statement: 3 }\n  inject: [ { abort: {} } ]", BACK);
    let world = world(&plan);
    let memory = Arc::clone(&world.memory);
    walk(plan, world, None).await;
    let all = memory.all.lock().unwrap().clone();
    let cut = all.iter().position(|word| word == "sever").expect("the session is severed");
    assert_eq!(all[cut - 4..cut], ["capture", "open", "one", "two"]);
    // Fresh connections for the rollback, and only once the old session is gone (S5).
    assert_eq!(all[cut + 1..cut + 6], ["gone [7]", "capture", "open", "undo", "close"]);
}

#[tokio::test]
async fn s8_after_a_statement_it_is_done_and_the_next_is_not_sent() {
    let failure = "  at: { step: 1, statement: 2, hold: after }\n  inject: [ { abort: {} } ]";
    let walked = interrupted(scenario(THREE, failure, BACK)).await;
    let ended = walked.run(RunKind::Interrupted).into_iter().find_map(|event| match event {
        Event::OperationEnded { operation: Operation::Change, completed, .. } => Some(completed.statements),
        _ => None,
    });
    assert_eq!(ended, Some(2));
}

#[tokio::test]
async fn s5_a_fault_is_injected_while_the_change_is_held_and_healed_before_the_rollback() {
    let failure = "  at: { step: 1, statement: 2 }\n  inject: [ { pause: { service: api } } ]";
    let walked = interrupted(scenario(THREE, failure, BACK)).await;
    assert_eq!(
        walked.order(),
        and_back(&[
            "capture Before",
            "held",
            "intend 0",
            "fault 0 true true",
            "change Interrupted",
            "heal 0",
            "healed true"
        ])
    );
    assert!(
        walked.calls.contains(&"pause api".to_owned()) && walked.calls.contains(&"unpause api".to_owned())
    );
}

#[tokio::test]
async fn s5_a_fault_inside_a_database_is_injected_and_healed_there() {
    let failure = "  at: { step: 1, statement: 2 }\n  inject: [ { lock: { service: db, table: t } } ]\n  then: continue";
    let plan = scenario(THREE, failure, BACK);
    let world = world(&plan);
    let memory = Arc::clone(&world.memory);
    let walked = walk(plan, world, None).await;
    assert!(walked.order().contains(&"fault 0 true true".to_owned()), "{:?}", walked.order());
    let all = memory.all.lock().unwrap().clone();
    let locked = all.iter().position(|word| word == "inject lock").expect("the fault reached the database");
    assert_eq!(all[locked - 1..locked + 5], ["one", "inject lock", "two", "three", "close", "heal lock"]);
}

#[tokio::test]
async fn s5_a_fault_may_stay_until_after_the_rollback() {
    let failure =
        "  at: { step: 1, statement: 2 }\n  inject: [ { pause: { service: api } } ]\n  heal: after_rollback";
    let order = interrupted(scenario(THREE, failure, BACK)).await.order();
    let at = |word: &str| order.iter().position(|known| known == word).unwrap();
    assert!(at("rollback Ok") < at("heal 0"), "{order:?}");
}

#[tokio::test]
async fn s5_a_change_that_continues_goes_on_to_its_end() {
    let failure =
        "  at: { step: 1, statement: 2 }\n  inject: [ { pause: { service: api } } ]\n  then: continue";
    let order = interrupted(scenario(THREE, failure, BACK)).await.order();
    assert!(order.contains(&"change Ok".to_owned()), "{order:?}");
}

#[tokio::test]
async fn s5_a_fault_that_does_not_act_is_recorded_as_such() {
    let plan =
        scenario(THREE, "  at: { step: 1, statement: 2 }\n  inject: [ { stop: { service: api } } ]", BACK);
    let world = world(&plan);
    world.stage.refuse("stop", "api", "no such container");
    let order = walk(plan, world, None).await.order();
    assert!(order.contains(&"fault 0 false true".to_owned()), "{order:?}");
}

#[tokio::test]
async fn a_line_of_output_triggers_the_fault_while_the_step_runs() {
    let failure = "  at: { step: 1, log: 'chunk 2' }\n  inject: [ { kill: { service: api } } ]";
    // Unbroken, the step runs into its deadline.
    let plan = scenario("  - run: { service: job, timeout: 500ms }", failure, BACK);
    let world = world(&plan);
    world.stage.script("job", &[], Script::new().say("chunk 1").say("chunk 2").hang());
    let walked = walk(plan, world, None).await;
    let order = walked.order();
    assert_eq!(order[1..5], ["seen", "intend 0", "fault 0 true true", "change Interrupted"], "{order:?}");
}

#[tokio::test]
async fn a_point_that_is_not_reached_says_how_far_the_change_came() {
    let failure = "  at: { step: 1, log: 'chunk 9' }\n  inject: [ { abort: {} } ]";
    let plan = scenario("  - run: { service: job }", failure, BACK);
    let world = world(&plan);
    world.stage.script("job", &[], Script::new().say("chunk 1").end(0));
    let walked = walk(plan, world, None).await;
    let missed = walked.run(RunKind::Interrupted).into_iter().find_map(|event| match event {
        Event::PointMissed { seen, .. } => Some(seen.clone()),
        _ => None,
    });
    assert_eq!(missed.as_deref(), Some("the change ended before the point was seen"));
}

#[tokio::test]
async fn s6_a_rollback_past_its_time_is_late_and_goes_on_until_it_is_given_up() {
    let back = "  within: 50ms\n  give_up: 5s\n  steps: [ { sql: { on: db, text: undo } } ]";
    let failure = "  at: { step: 1, statement: 3 }\n  inject: [ { abort: {} } ]";
    let plan = scenario(THREE, failure, back);
    let slow = world(&plan);
    slow.memory.slow.lock().unwrap().insert("undo".to_owned(), Duration::from_millis(200));
    let order = walk(plan, slow, None).await.order();
    let tail = &order[order.len() - 3..];
    assert_eq!(tail, ["late", "rollback Ok", "capture After"]);

    let plan = scenario(THREE, failure, &back.replace("5s", "100ms"));
    let never = world(&plan);
    never.memory.slow.lock().unwrap().insert("undo".to_owned(), Duration::from_secs(3600));
    let walked = walk(plan, never, None).await;
    let order = walked.order();
    assert_eq!(order[order.len() - 3..], ["late", "rollback Interrupted", "capture After"]);
}

#[tokio::test]
async fn s6_a_step_past_its_deadline_is_killed() {
    let change = "  - sql: { on: db, text: 'one; two', timeout: 50ms }";
    let failure = "  at: { step: 1, statement: 2 }\n  inject: [ { abort: {} } ]";
    let plan = scenario(change, failure, BACK);
    let world = world(&plan);
    world.memory.slow.lock().unwrap().insert("one".to_owned(), Duration::from_secs(3600));
    let walked = walk(plan, world, None).await;
    let finished: Vec<String> = walked.run(RunKind::Finished).into_iter().filter_map(word).collect();
    assert!(finished.contains(&"change TimedOut".to_owned()), "{finished:?}");
}

#[tokio::test]
async fn s5_a_rollback_that_nobody_starts_is_not_invoked() {
    let back = "  when: facilitator\n  steps: [ { sql: { on: db, text: undo } } ]";
    let plan = scenario(THREE, "  at: { step: 1, statement: 2 }\n  inject: [ { abort: {} } ]", back);
    let order = interrupted(plan).await.order();
    assert!(order.contains(&"triggered false".to_owned()), "{order:?}");
    assert!(!order.iter().any(|word| word.starts_with("rollback")), "{order:?}");
}

#[tokio::test]
async fn s5_a_rollback_that_the_facilitator_starts_is_invoked() {
    let back = "  when: facilitator\n  steps: [ { sql: { on: db, text: undo } } ]";
    let plan = scenario(THREE, "  at: { step: 1, statement: 2 }\n  inject: [ { abort: {} } ]", back);
    let world = FakeWorld { facilitator: true, ..world(&plan) };
    let order = walk(plan, world, None).await.order();
    let at = |word: &str| order.iter().position(|known| known == word).unwrap();
    assert!(at("triggered true") < at("rollback Ok"), "{order:?}");
}

/// What was lingering when the interrupted change was waited for, and whose end was waited for.
async fn settled(deaf: &[&'static str], busy: &[i32]) -> (bool, Vec<String>, Vec<String>) {
    settled_after("inject: [ { abort: {} } ]", deaf, busy).await
}

async fn settled_after(
    inject: &str,
    deaf: &[&'static str],
    busy: &[i32],
) -> (bool, Vec<String>, Vec<String>) {
    let failure = format!("  at: {{ step: 1, statement: 2 }}\n  settle: 300ms\n  {inject}");
    let plan = scenario(THREE, &failure, BACK);
    let world = world(&plan);
    let memory = Arc::clone(&world.memory);
    *memory.deaf.lock().unwrap() = deaf.to_vec();
    *memory.busy.lock().unwrap() = busy.to_vec();
    let walked = walk(plan, world, None).await;
    let settled = walked.run(RunKind::Interrupted).into_iter().find_map(|event| match event {
        Event::Settled { gone, lingering } => Some((*gone, lingering.clone())),
        _ => None,
    });
    let (gone, lingering) = settled.unwrap();
    let waited = memory.all.lock().unwrap().iter().filter(|word| word.starts_with("gone")).cloned().collect();
    (gone, lingering, waited)
}

#[tokio::test]
async fn s5_only_sessions_that_came_with_the_change_are_waited_for() {
    let (gone, lingering, waited) = settled(&[], &[OLD, 8]).await;
    assert!(gone && lingering.is_empty(), "{lingering:?}");
    assert_eq!(waited, ["gone [7, 8]"]);
}

#[tokio::test]
async fn s5_a_database_that_cannot_be_asked_counts_as_lingering() {
    let (gone, lingering, waited) = settled(&["busy"], &[]).await;
    assert!(!gone);
    assert_eq!(lingering, ["db: no answer to busy"]);
    // The session that the change is known to have opened is waited for all the same.
    assert_eq!(waited, ["gone [7]"]);
}

#[tokio::test]
async fn s5_a_database_that_answers_late_is_asked_until_it_does() {
    let plan = scenario(THREE, "  at: { step: 1, statement: 2 }\n  inject: [ { abort: {} } ]", BACK);
    let world = world(&plan);
    let memory = Arc::clone(&world.memory);
    *memory.deaf.lock().unwrap() = vec!["busy", "busy"];
    memory.recovers.store(true, Ordering::SeqCst);
    let walked = walk(plan, world, None).await;
    let settled =
        |event: &Event| matches!(event, Event::Settled { gone: true, lingering } if lingering.is_empty());
    assert!(walked.run(RunKind::Interrupted).into_iter().any(settled));
}

#[tokio::test]
async fn s5_sessions_of_a_server_that_is_down_are_gone() {
    let inject = "heal: after_rollback\n  inject: [ { kill: { service: db } }, { abort: {} } ]";
    let (gone, lingering, waited) = settled_after(inject, &["busy"], &[]).await;
    assert!(gone && lingering.is_empty() && waited.is_empty(), "{lingering:?} {waited:?}");
}

#[tokio::test]
async fn s5_sessions_that_were_not_known_before_the_change_are_not_taken_for_new_ones() {
    let (gone, lingering, waited) = settled(&["sessions"], &[OLD]).await;
    assert!(!gone);
    assert_eq!(lingering, ["db: its sessions before the change are not known: no answer to sessions"]);
    assert_eq!(waited, ["gone [7]"]);
}

#[tokio::test]
async fn s1_the_idle_run_injects_and_heals_and_changes_nothing() {
    let failure = "  at: { step: 1, statement: 2 }\n  inject: [ { stop: { service: api } }, { abort: {} } ]";
    let walked = interrupted(scenario(THREE, failure, BACK)).await;
    let idle: Vec<String> = walked.run(RunKind::Idle).into_iter().filter_map(word).collect();
    assert_eq!(
        idle,
        ["capture Before", "intend 0", "fault 0 true true", "heal 0", "healed true", "capture After"]
    );
    assert_eq!(walked.sent, ["capture", "capture"]);
}

#[tokio::test]
async fn s21_a_signal_heals_the_fault_and_removes_the_stage() {
    let failure =
        "  at: { step: 1, statement: 2 }\n  inject: [ { pause: { service: api } } ]\n  heal: after_rollback";
    let back = "  within: 5ms\n  give_up: 10ms\n  steps: [ { sql: { on: db, text: undo } } ]";
    let plan = scenario(THREE, failure, back);
    let world = world(&plan);
    world.memory.slow.lock().unwrap().insert("undo".to_owned(), Duration::from_secs(3600));
    let (sender, stop) = watch::channel(None);
    let stage = world.stage.clone();
    tokio::spawn(async move {
        while !stage.calls().contains(&"pause api".to_owned()) {
            tokio::task::yield_now().await;
        }
        sender.send_replace(Some("SIGTERM".to_owned()));
        std::future::pending::<()>().await;
    });
    let walked = walk(plan, world, Some(stop)).await;
    assert_eq!(walked.ended, Ended::Stopped);
    let last: Vec<&String> = walked.calls.iter().rev().take(3).collect();
    assert_eq!(last[0], "down", "{:?}", walked.calls);
    assert!(walked.calls.contains(&"unpause api".to_owned()), "{:?}", walked.calls);
    assert!(
        walked
            .records
            .iter()
            .any(|record| matches!(&record.event, Event::Signal { name } if name == "SIGTERM"))
    );
}

#[tokio::test]
async fn a_stage_that_does_not_come_up_is_trouble_and_is_removed() {
    let plan = scenario(THREE, "  at: { step: 1, statement: 2 }\n  inject: [ { abort: {} } ]", BACK);
    let world = world(&plan);
    world.stage.refuse("up", "", "no space left");
    let walked = walk(plan, world, None).await;
    let trouble = walked
        .run(RunKind::Finished)
        .into_iter()
        .any(|event| matches!(event, Event::Trouble { message, .. } if message.contains("no space left")));
    assert!(trouble);
    assert_eq!(walked.calls.last().map(String::as_str), Some("down"));
}

#[tokio::test]
async fn a_rolling_deploy_is_held_between_two_containers() {
    let change = "  - deploy: { service: api, replicas: 3 }\n  \
                  - deploy: { service: api, env: { NEW: \"on\" }, strategy: rolling }";
    let failure = "  at: { step: 2, replica: 3 }\n  inject: [ { abort: {} } ]";
    let back = "  steps: [ { deploy: { service: api, env: { NEW: null }, strategy: rolling } }, \
                { deploy: { service: api, replicas: 1 } } ]";
    let walked = interrupted(scenario(change, failure, back)).await;
    let at = |wanted: Moment| {
        walked.run(RunKind::Interrupted).into_iter().find_map(|event| match event {
            Event::Captured { moment, system, .. } if *moment == wanted => Some(system["api"].clone()),
            _ => None,
        })
    };
    let half = at(Moment::Failed).unwrap();
    assert_eq!((half.environment["NEW"].as_str(), half.replicas), ("(none), on", 3), "two of three are new");
    assert_eq!(at(Moment::After), at(Moment::Before));
    let Some(Event::PointReached { text, completed, .. }) = walked
        .run(RunKind::Interrupted)
        .into_iter()
        .find(|event| matches!(event, Event::PointReached { .. }))
    else {
        panic!("not reached")
    };
    assert_eq!((text.as_str(), completed.steps), ("replica 3 of 3 of api", 1));
}

#[tokio::test]
async fn a_rolling_deploy_of_what_is_scaled_to_zero_is_what_comes_up_later() {
    let change = "  - deploy: { service: api, replicas: 0 }\n  \
                  - deploy: { service: api, env: { NEW: \"on\" }, strategy: rolling }\n  \
                  - deploy: { service: api, replicas: 1 }\n  - sql: { on: db, text: one }";
    let failure = "  at: { step: 4 }\n  inject: [ { abort: {} } ]";
    let back = "  steps: [ { deploy: { service: api, env: { NEW: null } } } ]";
    let walked = interrupted(scenario(change, failure, back)).await;
    let failed = walked.run(RunKind::Interrupted).into_iter().find_map(|event| match event {
        Event::Captured { moment: Moment::Failed, system, .. } => Some(system["api"].clone()),
        _ => None,
    });
    let up = failed.unwrap();
    assert_eq!((up.environment.get("NEW").map(String::as_str), up.replicas), (Some("on"), 1));
}

#[tokio::test]
async fn messages_that_are_under_way_are_waited_for_before_the_end_is_captured() {
    let text = "format: 1\nname: s\nstaging: { compose: compose.yaml }\nobserve:\n  databases:\n    - { service: db, \
                engine: postgres, database: d, user: u, password: { env: POSTGRES_PASSWORD } }\n  rabbitmq: [ { \
                service: api, user: u } ]\nchange:\n  - sql: { on: db, text: one }\nrollback: { steps: [ { sql: { on: \
                db, text: undo } } ] }\nexpect: { data: as_before, queue: [ { on: api, queue: orders } ] }\n";
    let plan = planned(text);
    let world = world(&plan);
    let memory = Arc::clone(&world.memory);
    let walked = walk(plan, world, None).await;
    let events = walked.run(RunKind::Finished);
    let at =
        |is: fn(&Event) -> bool| events.iter().position(|event| is(event)).expect("it is in the journal");
    let observed = at(|event| matches!(event, Event::Observed { held: Some(true), .. }));
    assert!(observed < at(|event| matches!(event, Event::Captured { moment: Moment::After, .. })));
    let back = at(|event| matches!(event, Event::OperationEnded { operation: Operation::Rollback, .. }));
    assert!(back < observed, "it is the rollback's end");
    let observed = events.iter().filter(|event| matches!(event, Event::Observed { .. })).count();
    assert_eq!(observed, 1, "and looked at once");
    let all = memory.all.lock().unwrap().clone();
    let last = all.iter().rposition(|word| word == "depth").expect("it was asked how deep it is");
    assert_eq!(all[last - 2..=last], ["depth"; 3], "until it is empty");
}

/// Each list of reference steps is walked on a stage of its own, and the run says which it is.
#[tokio::test]
async fn every_distinct_list_of_reference_steps_has_a_run_of_its_own() {
    let text = "format: 1\nname: s\nstaging: { compose: compose.yaml }\nobserve:\n  databases:\n    - { service: db, engine: \
                postgres, database: d, user: u, password: { env: POSTGRES_PASSWORD } }\nchange:\n  - sql: { on: db, text: one }\n\
                rollback:\n  steps: [ { sql: { on: db, text: undo } } ]\nexpect:\n  schema: { as_after: [ { sql: { on: db, text: first } } ] }\n  \
                data: { as_after: [ { sql: { on: db, text: second } } ] }\n";
    let plan = planned(text);
    let world = world(&plan);
    let memory = Arc::clone(&world.memory);
    let walked = walk(plan, world, None).await;
    let twins: Vec<u32> = walked
        .records
        .iter()
        .filter_map(|record| match record.event {
            Event::RunStarted { kind: RunKind::Reference, twin, .. } => twin,
            _ => None,
        })
        .collect();
    assert_eq!(twins, [0, 1]);
    let sent = memory.all.lock().unwrap().clone();
    for text in ["first", "second"] {
        assert_eq!(sent.iter().filter(|word| *word == text).count(), 1, "{sent:?}");
    }
}

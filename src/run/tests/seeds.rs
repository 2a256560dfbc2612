//! Stages that begin on copies of one that was seeded.

use super::*;
use crate::plan::model::Action;

/// A plan whose seed takes longer than bringing up a stage in memory does.
fn seeding() -> (Plan, FakeWorld) {
    let mut plan = scenario(THREE, "  at: { step: 1, statement: 2 }\n  inject: [ { abort: {} } ]", BACK);
    let fill = scenario(
        "  - sql: { on: db, text: fill }",
        "  at: { step: 1, statement: 1 }\n  inject: [ { abort: {} } ]",
        BACK,
    );
    plan.seed = fill.change;
    let world = world(&plan);
    world.memory.slow.lock().unwrap().insert("fill".to_owned(), Duration::from_millis(50));
    (plan, world)
}

/// What was decided about copies.
pub(super) fn copied(walked: &Walked) -> Vec<(bool, String)> {
    let decided = walked.records.iter().filter_map(|record| match &record.event {
        Event::Copied { copied, why, .. } => Some((*copied, why.clone())),
        _ => None,
    });
    decided.collect()
}

fn count(walked: &Walked, is_meant: impl Fn(&Event) -> bool) -> usize {
    walked.records.iter().filter(|record| is_meant(&record.event)).count()
}

fn seeds(walked: &Walked) -> usize {
    count(walked, |event| matches!(event, Event::OperationEnded { operation: Operation::Seed, .. }))
}

#[tokio::test]
async fn a_slow_seed_is_run_once_and_the_other_runs_begin_on_its_copies() {
    let (plan, world) = seeding();
    let walked = walk(plan, world, None).await;
    // Finished, interrupted, idle.
    assert_eq!(
        (seeds(&walked), count(&walked, |event| matches!(event, Event::OnCopies { run: 1, .. }))),
        (1, 2)
    );
    let copied = copied(&walked);
    assert!(matches!(&copied[..], [(true, why)] if why.ends_with("and 2 stages are to come")), "{copied:?}");
    assert_eq!(walked.calls.last().map(String::as_str), Some("discard"));
    assert_eq!(count(&walked, |event| matches!(event, Event::Discarded { left } if left.is_empty())), 1);
}

#[tokio::test]
async fn lanes_begin_on_the_same_copies() {
    let (plan, world) = seeding();
    let walked = walk_as(plan, world, None, Some(Sweep { exhaustive: false }), None).await;
    assert_eq!(seeds(&walked), 1, "{:?}", walked.calls);
    let first = walked.records.iter().find_map(|record| match &record.event {
        Event::Reset { rebuilt, restored, .. } => Some((rebuilt.clone(), restored.clone())),
        _ => None,
    });
    assert_eq!(first, Some((None, Some("it is the first, on copies of the stage of run 1".to_owned()))));
}

#[tokio::test]
async fn a_seed_that_reaches_beyond_volumes_is_run_for_each_stage_and_the_journal_says_why() {
    let (mut plan, world) = seeding();
    let mut host = plan.seed[0].clone();
    host.number = 2;
    host.action = Action::Exec {
        service: "api".to_owned(),
        command: vec!["fill".to_owned()],
        environment: Default::default(),
    };
    plan.seed.push(host);
    let walked = walk(plan, world, None).await;
    assert_eq!(seeds(&walked), 3);
    let copied = copied(&walked);
    assert!(
        copied.iter().all(|(copied, why)| !copied
            && why.contains("seed step 2")
            && why.contains("api may hold in memory")),
        "{copied:?}"
    );
    assert!(!copied.is_empty() && !walked.calls.contains(&"keep".to_owned()), "{:?}", walked.calls);
}

#[tokio::test]
async fn a_stage_that_cannot_be_kept_is_made_and_seeded_once_more() {
    let (plan, world) = seeding();
    world.stage.refuse("keep", "", "it did not stop in time");
    let walked = walk(plan, world, None).await;
    assert_eq!(seeds(&walked), 1 + 3, "for nothing, and for each run");
    let copied = copied(&walked);
    assert!(matches!(&copied[..], [(false, why)] if why.contains("it did not stop in time")), "{copied:?}");
}

#[tokio::test]
async fn a_stage_that_does_not_come_up_on_the_copies_is_seeded() {
    let (plan, world) = seeding();
    world.stage.refuse("up on copies", "", "no space left");
    let walked = walk(plan, world, None).await;
    assert_eq!(seeds(&walked), 3);
    assert_eq!(count(&walked, |event| matches!(event, Event::OnCopies { .. })), 1, "it is tried once");
    let last = copied(&walked).pop().unwrap();
    assert!(!last.0 && last.1.contains("no space left"), "{last:?}");
    assert_eq!(count(&walked, |event| matches!(event, Event::Captured { moment: Moment::After, .. })), 3);
}

/// What is wrong with copies is never taken for what a run did.
#[tokio::test]
async fn a_stage_on_copies_that_is_not_as_the_seeded_one_was_is_seeded() {
    let (plan, world) = seeding();
    world.stage.set_health_on_copies("api", crate::stage::Health::Exited(1));
    let walked = walk(plan, world, None).await;
    assert_eq!(seeds(&walked), 3);
    let last = copied(&walked).pop().unwrap();
    assert!(!last.0 && last.1.contains("is not as the seeded one was: service api differs"), "{last:?}");
    assert_eq!(count(&walked, |event| matches!(event, Event::Captured { moment: Moment::Before, .. })), 3);
}

#[tokio::test]
async fn two_scenarios_that_are_seeded_alike_share_the_copies() {
    let (plan, world) = seeding();
    let twin = Plan { path: "twin".to_owned(), ..plan.clone() };
    let walked = walk_all(vec![plan.clone(), twin.clone()], world, None, None, None).await;
    assert_eq!(seeds(&walked), 1);
    assert_eq!(walked.calls.iter().filter(|call| *call == "discard").count(), 1);
    let (_, world) = seeding();
    let mut other = twin;
    other.seed.push(other.seed[0].clone());
    let walked = walk_all(vec![plan, other], world, None, None, None).await;
    assert_eq!(seeds(&walked), 2);
    assert_eq!(walked.calls.iter().filter(|call| *call == "discard").count(), 2);
}

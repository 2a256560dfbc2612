//! The runs of a sweep, on stages that are put back.

use super::seeds::copied;
use super::*;

fn cases(walked: &Walked) -> Vec<u32> {
    let case = |record: &Record| match &record.event {
        Event::RunStarted { case: Some(case), .. } => Some(case.number),
        _ => None,
    };
    walked.records.iter().filter_map(case).collect()
}

/// The order of what matters in the last case of a kind.
fn order_of(walked: &Walked, is_meant: impl Fn(&Case) -> bool) -> Vec<String> {
    let started = |record: &&Record| matches!(&record.event, Event::RunStarted { case: Some(case), .. } if is_meant(case));
    let number = walked.records.iter().rfind(started).and_then(|record| record.run);
    let of_run = walked.records.iter().filter(|record| record.run == number);
    of_run.filter_map(|record| word(&record.event)).collect()
}

const SWEPT: &str = "  - sql: { on: db, text: 'BEGIN; UPDATE a SET b = 1; COMMIT; DROP TABLE c' }";

fn swept() -> Plan {
    scenario(SWEPT, "  at: { step: 1, statement: 2 }\n  inject: [ { abort: {} } ]", BACK)
}

#[tokio::test]
async fn a_sweep_tries_each_case_on_a_stage_that_is_put_back_and_ends_with_an_idle_run() {
    let (plan, sweep) = (swept(), Some(Sweep { exhaustive: false }));
    let world = world(&plan);
    let memory = Arc::clone(&world.memory);
    let walked = walk_as(plan, world, None, sweep, None).await;
    // The change: the gap, inside, unheard, before DROP. The rollback: the gap, as its one statement ends it.
    // Then the change again.
    assert_eq!(cases(&walked), [1, 2, 3, 4, 5, 6]);
    let all = memory.all.lock().unwrap().clone();
    let count = |word: &str| all.iter().filter(|one| *one == word).count();
    assert_eq!((count("snapshot"), count("reset")), (1, 6), "{all:?}");
    let reset = |record: &&Record| matches!(&record.event, Event::Reset { rebuilt: None, .. });
    assert_eq!(walked.records.iter().filter(reset).count(), 6);
    let idle = walked.run(RunKind::Idle);
    assert!(idle.iter().any(|event| matches!(event, Event::Reset { .. })), "{idle:?}");
    assert_eq!(
        walked.calls.iter().filter(|call| call.starts_with("up")).count(),
        3 + 6,
        "{:?}",
        walked.calls
    );
}

#[tokio::test]
async fn what_is_doubted_is_tried_once_more_on_a_stage_built_anew() {
    let (plan, sweep) = (swept(), Some(Sweep { exhaustive: false }));
    let world = world(&plan);
    let asked: Arc<Mutex<Vec<u32>>> = Arc::default();
    let heard = Arc::clone(&asked);
    let doubts = Doubts(Arc::new(move |run| {
        let mut asked = heard.lock().unwrap();
        asked.push(run);
        [2, 3].contains(&asked.len())
    }));
    let walked = walk_as(plan, world, None, sweep, Some(doubts)).await;
    assert_eq!(cases(&walked), [1, 2, 2, 3, 4, 5, 6]);
    let anew = |record: &&Record| matches!(&record.event, Event::Reset { rebuilt: Some(_), .. });
    let reasons: Vec<&Record> = walked.records.iter().filter(anew).collect();
    assert_eq!(reasons.len(), 2, "{reasons:?}");
    assert_eq!(asked.lock().unwrap().len(), 7, "the second look is doubted in vain");
}

#[tokio::test]
async fn a_rollback_is_broken_after_the_whole_change_and_then_invoked_again() {
    let plan = scenario(THREE, "  at: { step: 1, statement: 2 }\n  inject: [ { abort: {} } ]", BACK);
    let world = world(&plan);
    let memory = Arc::clone(&world.memory);
    let walked = walk_as(plan, world, None, Some(Sweep { exhaustive: true }), None).await;
    let order = order_of(&walked, |case| case.operation == Swept::Rollback);
    assert_eq!(
        order,
        and_back(&["change Ok", "held", "intend 0", "rollback Interrupted", "fault 0 true true"])
    );
    assert!(memory.all.lock().unwrap().iter().any(|word| word == "undo"));
}

#[tokio::test]
async fn up_down_up_down_after_the_failure_at_the_scenarios_own_point() {
    let plan = swept();
    let world = world(&plan);
    let memory = Arc::clone(&world.memory);
    let walked = walk_as(plan, world, None, Some(Sweep { exhaustive: false }), None).await;
    assert_eq!(
        order_of(&walked, |case| case.tried == Tried::Again),
        [
            "held",
            "intend 0",
            "change Interrupted",
            "fault 0 true true",
            "settled",
            "capture Failed",
            "triggered true",
            "rollback Ok",
            "capture Back",
            "change again Ok",
            "capture Changed",
            "rollback again Ok",
            "capture Back",
            "change again Ok",
            "capture Changed",
            "rollback again Ok",
            "capture After"
        ]
    );
    let all = memory.all.lock().unwrap().clone();
    let count = |word: &str| all.iter().filter(|one| *one == word).count();
    assert_eq!(
        count("DROP TABLE c"),
        4,
        "the finished run, the broken rollback, the change again, twice: {all:?}"
    );
    let finished = walked.run(RunKind::Finished).into_iter().filter_map(word).collect::<Vec<_>>();
    assert!(finished.contains(&"capture Changed".to_owned()), "{finished:?}");
}

#[tokio::test]
async fn whoever_writes_rests_while_a_state_on_the_way_is_captured() {
    let traffic = Traffic { update: None, delete: None, ..crate::traffic::testing::traffic() };
    let plan = Plan { traffic: vec![traffic], ..swept() };
    let world = world(&plan);
    world.stage.set_address("api", 8080, ([127, 0, 0, 1], 9).into());
    *world.memory.patience.lock().unwrap() = Duration::from_millis(100);
    let walked = walk_as(plan, world, None, Some(Sweep { exhaustive: false }), None).await;
    let asked_during = |wanted: &[Moment]| {
        let captures = walked.records.iter().filter_map(|record| match &record.event {
            Event::Captured { moment, stores, .. } if wanted.contains(moment) => {
                Some(!stores["db"].server.version.is_empty())
            }
            _ => None,
        });
        captures.collect::<Vec<_>>()
    };
    // In the finished run once, and when the change is made again twice both times.
    assert_eq!(asked_during(&[Moment::Back, Moment::Changed]), [false; 5]);
    let failed = asked_during(&[Moment::Failed]);
    assert!(
        !failed.is_empty() && failed.iter().all(|asked| *asked),
        "after a failure they go on: {failed:?}"
    );
}

/// A sweep of a plan with a store that keeps nothing inside itself: how the stage was made for each run,
/// built anew or put back from copies, with the reason.
async fn with_unkept(deaf: &[&'static str]) -> (Walked, Vec<(Option<String>, Option<String>)>) {
    let (mut plan, sweep) = (swept(), Some(Sweep { exhaustive: false }));
    let (service, at) = ("cache".to_owned(), plan.expect.at.clone());
    let cache = Redis { service, port: 6379, user: None, password: None, at };
    plan.stores.insert("cache".to_owned(), Observed::Redis(cache));
    let world = world(&plan);
    *world.memory.deaf.lock().unwrap() = deaf.to_vec();
    let memory = Arc::clone(&world.memory);
    let walked = walk_as(plan, world, None, sweep, None).await;
    assert_eq!(cases(&walked), [1, 2, 3, 4, 5, 6]);
    let all = memory.all.lock().unwrap().clone();
    assert!(!all.iter().any(|word| word == "snapshot" || word == "reset"), "{all:?}");
    let kept = |record: &&Record| matches!(&record.event, Event::SnapshotIntended { .. });
    assert_eq!(walked.records.iter().filter(kept).count(), 0);
    let resets = walked.records.iter().filter_map(|record| match &record.event {
        Event::Reset { rebuilt, restored, .. } => Some((rebuilt.clone(), restored.clone())),
        _ => None,
    });
    let resets = resets.collect();
    (walked, resets)
}

const UNKEPT: &str = "cache cannot be kept: it cannot be put back inside its own server";

#[tokio::test]
async fn a_stage_with_a_store_that_cannot_be_put_back_inside_is_put_back_from_copies() {
    let (walked, resets) = with_unkept(&[]).await;
    let rebuilt = resets.iter().filter(|(rebuilt, _)| rebuilt.is_some()).count();
    assert_eq!(rebuilt, 1, "the first, which is copied: {resets:?}");
    let restored: Vec<&String> = resets.iter().filter_map(|(_, restored)| restored.as_ref()).collect();
    assert_eq!(restored, [UNKEPT; 6]);
    let captured = walked.run(RunKind::Idle).into_iter().find_map(|event| match event {
        Event::Captured { stores, .. } => Some(stores.keys().cloned().collect::<Vec<_>>()),
        _ => None,
    });
    assert_eq!(captured.unwrap(), ["cache", "db"]);
}

#[tokio::test]
async fn what_does_not_come_back_with_its_volume_has_its_stage_built_anew_each_time() {
    let (walked, resets) = with_unkept(&["restored"]).await;
    let rebuilt: Vec<&String> = resets.iter().filter_map(|(rebuilt, _)| rebuilt.as_ref()).collect();
    assert_eq!(rebuilt.len(), 7, "{resets:?}");
    assert_eq!(rebuilt[1..], [UNKEPT; 6]);
    let copied = copied(&walked);
    assert!(matches!(&copied[..], [(false, why)] if why.contains("store cache: no answer")), "{copied:?}");
    assert_eq!(walked.calls.iter().filter(|call| *call == "discard").count(), 1, "{:?}", walked.calls);
}

#[tokio::test]
async fn what_a_run_wrote_into_a_databases_container_goes_with_it() {
    let (plan, sweep) = (swept(), Some(Sweep { exhaustive: false }));
    let world = world(&plan);
    world.stage.set_written("db", "/etc/left");
    let walked = walk_as(plan, world, None, sweep, None).await;
    let resets = walked.records.iter().filter_map(|record| match &record.event {
        Event::Reset { rebuilt, restored, .. } => rebuilt.clone().or_else(|| restored.clone()),
        _ => None,
    });
    let reasons: Vec<String> = resets.collect();
    let written = "service db: /etc/left was written in its container, not in a volume";
    assert_eq!(reasons.len(), 7, "none is put back inside: {reasons:?}");
    assert!(reasons[1..].iter().all(|why| why == written), "{reasons:?}");
}

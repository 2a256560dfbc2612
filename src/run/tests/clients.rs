//! Clients during a run.

use super::*;

/// A plan whose clients write while it runs.
fn with_traffic(plan: Plan) -> Plan {
    let traffic = Traffic { delete: None, ..crate::traffic::testing::traffic() };
    Plan { traffic: vec![traffic], ..plan }
}

#[tokio::test]
async fn clients_write_from_before_the_change_until_after_the_rollback_and_are_read_back() {
    let failure = "  at: { step: 1, statement: 3 }\n  inject: [ { abort: {} } ]";
    let plan = with_traffic(scenario(THREE, failure, BACK));
    let world = world(&plan);
    world.stage.set_address("api", 8080, ([127, 0, 0, 1], 9).into());
    let walked = walk(plan, world, None).await;
    let told = |event: &&Event| match event {
        Event::TrafficStarted { .. } => Some("start"),
        Event::OperationEnded { operation: Operation::Change, .. } => Some("change"),
        Event::OperationEnded { operation: Operation::Rollback, .. } => Some("rollback"),
        Event::Trafficked { .. } => Some("stop"),
        Event::ReadBack { .. } => Some("back"),
        Event::Captured { moment: Moment::After, .. } => Some("after"),
        _ => None,
    };
    let interrupted = walked.run(RunKind::Interrupted);
    let order: Vec<&str> = interrupted.iter().filter_map(told).collect();
    assert_eq!(order, ["start", "change", "rollback", "stop", "back", "after"]);
    let back = interrupted.iter().find_map(|event| match event {
        Event::ReadBack { back, .. } => Some(back),
        _ => None,
    });
    let back = back.unwrap();
    assert!(back.present > 0, "{back:?}");
    assert_eq!((back.lost.count, back.corrupt.count, back.unanswered.count), (0, 0, 0), "{back:?}");
}

#[tokio::test]
async fn traffic_that_nobody_answers_stops_the_run_before_the_change() {
    let failure = "  at: { step: 1, statement: 3 }\n  inject: [ { abort: {} } ]";
    let mut plan = with_traffic(scenario(THREE, failure, BACK));
    plan.traffic[0].timeout = Duration::from_millis(20);
    let world = world(&plan);
    let walked = walk(plan, world, None).await;
    let interrupted = walked.run(RunKind::Interrupted);
    let trouble = interrupted.iter().find_map(|event| match event {
        Event::Trouble { message, .. } => Some(message.as_str()),
        _ => None,
    });
    assert!(trouble.is_some_and(|message| message.contains("`orders` is not answered well")), "{trouble:?}");
    assert!(!walked.sent.contains(&"one".to_owned()), "{:?}", walked.sent);
}

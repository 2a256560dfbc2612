//! Messages in a real RabbitMQ that nobody can read.

use serde_json::json;

use crate::support::backout::{checks, drill, run_of, scenario};
use crate::support::edited::Edited;

/// Instead of being thrown away, what cannot be read goes back to its place in the queue, for ever.
#[test]
fn a_message_that_is_put_back_for_ever_leaves_its_queue_undrained() {
    let edited = Edited::of("unread-messages/wrong")
        .edit("../shop/shop.py", "requeue=False", "requeue=True")
        .edit("scenario.yaml", "within: 20s", "within: 5s");
    let (output, reports) = drill(&edited.arguments(&[]));
    assert_eq!(output.code, 1, "{}\n{}", output.stdout, output.stderr);
    let card = reports.scorecard();
    let poisoned = scenario(&card, edited.path());
    assert_eq!(checks(poisoned, "fail"), ["data", "queue"], "{}", output.stdout);
    for kind in ["finished", "interrupted"] {
        let run = run_of(poisoned, kind);
        assert_eq!((&run["class"], &run["rollback"]["exit_code"]), (&json!("silent"), &json!(0)), "{kind}");
        let findings = run["findings"].as_array().unwrap();
        let queue = findings.iter().find(|found| found["check"] == "queue").unwrap();
        assert_eq!(queue["message"], "does not hold: orders on mq holds 0 messages");
        assert!(
            queue["evidence"][0].as_str().unwrap().starts_with("after 5."),
            "it was given its time: {queue}"
        );
    }
    assert_eq!(run_of(poisoned, "idle")["verdict"], "pass", "the old version reads its own: {card:#}");
}

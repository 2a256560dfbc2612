//! What steps do without being seen, and what a service says when it starts.

use serde_json::{Value, json};

use crate::support::backout::{backout, drill, run_of, scenario};

const FIXTURE: &str = "tests/fixtures/unseen";

#[test]
fn s26_a_service_that_migrates_when_it_starts_is_broken_inside_and_what_nobody_saw_is_a_gap() {
    let (output, reports) = drill(&[FIXTURE]);
    assert_eq!(output.code, 0, "{}\n{}", output.stdout, output.stderr);
    let card = reports.scorecard();
    let found = scenario(&card, "unseen");
    let interrupted = run_of(found, "interrupted");
    let point = &interrupted["point"];
    assert_eq!((&point["on"], &point["statement"]), (&json!("db"), &json!(2)), "{interrupted:#}");
    assert_eq!(point["completed"], 2);
    assert_eq!(point["text"], "UPDATE orders SET status = 'open'");
    // Nothing more of the change was sent: the third statement makes a table.
    assert_eq!((&interrupted["effect"], &interrupted["class"]), (&json!(true), &json!("restored")));
    let gaps: Vec<(&Value, &Value, &Value)> = found["gaps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|gap| (&gap["operation"], &gap["step"], &gap["what"]))
        .collect();
    // The deploy explains itself by its statements, and the `sql` step of the rollback by its own.
    assert_eq!(gaps, [(&json!("change"), &json!(1), &json!(["rows of public.orders"]))]);
    assert!(
        output.stdout.contains("gap: change step 1 changed db (rows of public.orders)"),
        "{}",
        output.stdout
    );
}

#[test]
fn what_will_not_be_seen_is_said_before_anything_runs() {
    let output = backout(&["check", FIXTURE]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    let told = output.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains("change step 1 (exec in db: psql"), "{told}");
    assert!(told.contains("passes no gateway"), "{told}");
    assert!(!told.contains("step 2"), "a deploy is seen: {told}");
}

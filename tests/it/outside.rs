//! Calls to the outside, recorded in drills from end to end: HTTP to a sandbox, and mail to nobody.

use serde_json::{Value, json};

use crate::support::backout::{Output, Reports, checks, drill, run_of, scenario};
use crate::support::edited::Edited;

const OWN: &str = "at: { step: 1, service: payments, request: POST /charges, nth: 2, hold: after }";

/// Drills an edited scenario without its control.
fn drilled(edited: &Edited) -> (Output, Reports, Value) {
    let (output, reports) = drill(&edited.arguments(&["--no-control"]));
    let card = reports.scorecard();
    let scenario = scenario(&card, edited.path()).clone();
    (output, reports, scenario)
}

/// The calls of a run with this beginning, as operation, step, key, status and part.
fn calls(run: &Value, call: &str) -> Vec<Value> {
    let calls = run["outside"].as_array().unwrap().iter();
    let calls = calls.filter(|one| one["call"].as_str().unwrap().starts_with(call));
    calls.map(|one| json!([one["during"], one["step"], one["key"], one["status"], one["part"]])).collect()
}

#[test]
fn every_call_is_told_with_its_step_its_key_and_its_answer_and_no_content_leaves_the_gateway() {
    let (output, reports) = drill(&["scenarios/charge-twice/right"]);
    assert_eq!(output.code, 0, "{}\n{}", output.stdout, output.stderr);
    let card = reports.scorecard();
    let right = scenario(&card, "charge-twice/right");
    let run = run_of(right, "interrupted");
    let charges = calls(run, "POST /charges");
    let charge = |during: &str, key: &str| json!([during, 1, key, 201, "effect"]);
    let expected = [("change", "1"), ("change", "2"), ("rollback", "2")];
    assert_eq!(charges, expected.map(|(during, key)| charge(during, key)), "{run:#}");
    let refunds = ["1", "2"].map(|key| json!(["rollback", 1, key, 201, "compensation"]));
    assert_eq!(calls(run, "POST /refunds"), refunds);
    let mail = |during: &str, subject: &str| json!([during, 1, subject, 250, "effect"]);
    let mails = [mail("change", "Receipt for order 1"), mail("rollback", "Refund for order 1")];
    assert_eq!(calls(run, "MAIL "), mails, "who had no receipt hears nothing");
    let journal = reports.text("journal.jsonl");
    assert!(journal.contains("\"sender\":\"shop@shop.example\""));
    assert!(!journal.contains("Your shop"), "the content of a mail");
    assert!(!journal.contains("{\\\"order\\\""), "the body of a request");
    let control = run_of(right, "control");
    let vacuous = control["findings"].as_array().unwrap().iter().find(|found| found["check"] == "vacuous");
    assert_eq!(vacuous.unwrap()["message"], "without the rollback 3 of 7 expectations fail", "{control:#}");
}

#[test]
fn a_call_that_nobody_declared_fails_by_its_name() {
    let mail = "    - call: { service: mail, to: \"*@customers.example\", key: { header: Subject } }\n      stays: { because: \
                \"a mail cannot be called back; whoever gets a refund is told so by another\" }\n";
    let edited = Edited::of("charge-twice/right").edit("scenario.yaml", mail, "");
    let (output, _, scenario) = drilled(&edited);
    assert_eq!(checks(&scenario, "fail"), ["outside"], "{}\n{}", output.stdout, output.stderr);
    let told = "mail was called, and nothing says what makes up for it: MAIL reader-1@customers.example";
    assert!(
        output.stdout.split_whitespace().collect::<Vec<_>>().join(" ").contains(told),
        "{}",
        output.stdout
    );
}

#[test]
fn a_job_is_killed_when_its_mail_was_taken_and_it_has_not_heard_of_it() {
    let edited = Edited::of("charge-twice/right").edit(
        "scenario.yaml",
        OWN,
        "at: { step: 1, service: mail, matching: MAIL, nth: 1, hold: after }",
    );
    let (output, _, scenario) = drilled(&edited);
    let run = run_of(&scenario, "interrupted");
    assert_eq!(run["verdict"], "pass", "{}\n{}", output.stdout, output.stderr);
    assert_eq!(
        (&run["point"]["held"], &run["point"]["text"]),
        (&json!(true), &json!("MAIL reader-1@customers.example"))
    );
    let told = |during: &str, subject: &str| json!([during, 1, subject, 250, "effect"]);
    let expected = [told("change", "Receipt for order 1"), told("rollback", "Refund for order 1")];
    assert_eq!(calls(run, "MAIL reader-1@"), expected);
}

/// The provider dies over the second charge: nobody knows whether it was done.
#[test]
fn a_call_without_an_answer_that_is_sent_again_without_a_key_may_have_been_done_twice() {
    let dies = "charged[order] += 1\n    if order == 2 and charged[order] == 1:\n        raise ConnectionAbortedError";
    let edited =
        Edited::of("charge-twice/wrong").edit("../provider/payments.py", "charged[order] += 1", dies);
    let (output, _, scenario) = drilled(&edited);
    let run = run_of(&scenario, "finished");
    let expected = json!([
        ["change", 1, "1", 201, "effect"],
        ["change", 1, "2", null, "effect"],
        ["rollback", 1, "2", 201, "effect"]
    ]);
    assert_eq!(json!(calls(run, "POST /charges")[..3]), expected, "{run:#}");
    assert_eq!(checks(&scenario, "fail"), ["outside"], "{}\n{}", output.stdout, output.stderr);
    let told = output.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(told.contains("POST /charges on payments may have been done twice for 2"), "{}", output.stdout);
}

/// A worker that runs all the time calls through the gateway where it is named.
#[test]
fn a_long_lived_service_is_heard_between_the_steps() {
    let worker = "  worker:\n    build: ../images/python\n    depends_on: { payments: { condition: service_healthy } }\n    command: [-c, \"import \
                  http.client, time; [(time.sleep(0.2), http.client.HTTPConnection('payments', 8080).request('POST', \
                  '/charges', '{\\\"order\\\": 9}')) for _ in iter(int, 1)]\"]\n\n  job:\n";
    let edited = Edited::of("charge-twice/right").edit("../compose.yaml", "  job:\n", worker).edit(
        "scenario.yaml",
        "{ service: payments }",
        "{ service: payments, clients: [job, worker] }",
    );
    let (output, _, scenario) = drilled(&edited);
    let unsound = checks(&scenario, "inconclusive").iter().any(|check| check == "unsound");
    assert!(unsound, "it calls by itself: {}\n{}", output.stdout, output.stderr);
    let idle = run_of(&scenario, "idle");
    let by_itself = calls(idle, "POST /charges");
    assert!(by_itself.len() > 2 && by_itself[0][0] == Value::Null, "{by_itself:?}");
}

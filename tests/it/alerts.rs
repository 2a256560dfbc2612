//! A real Prometheus and a real Alertmanager: did anyone notice?

use serde_json::{Value, json};

use crate::support::backout::{checks, drill, run_of, scenario};
use crate::support::edited::Edited;

/// The findings of a check in a run.
fn findings<'r>(run: &'r Value, check: &str) -> Vec<&'r Value> {
    run["findings"].as_array().unwrap().iter().filter(|found| found["check"] == check).collect()
}

#[test]
fn an_alert_on_what_the_failure_does_not_move_leaves_the_rollback_uninvoked() {
    let (output, reports) = drill(&["scenarios/unnoticed/wrong"]);
    assert_eq!(output.code, 1, "{}\n{}", output.stdout, output.stderr);
    let card = reports.scorecard();
    let wrong = scenario(&card, "unnoticed/wrong");
    assert_eq!(checks(wrong, "fail"), ["alerts"], "{}", output.stdout);
    let interrupted = run_of(wrong, "interrupted");
    let alerts = findings(interrupted, "alerts");
    assert_eq!(alerts[0]["message"], "ShopDown did not fire: 12 s were allowed after the failure");
    assert_eq!(alerts[0]["at"]["file"], "scenarios/unnoticed/wrong/scenario.yaml");
    let evidence = alerts[0]["evidence"].to_string();
    assert!(evidence.contains("it is quiet") && evidence.contains("requests of orders failed"), "{evidence}");
    assert_eq!(interrupted["alerts"][0]["fired_seconds"], Value::Null);
    assert_eq!(interrupted["rollback"]["result"], "not_invoked");
    let rollback = &findings(interrupted, "rollback")[0]["message"];
    assert_eq!(rollback, "the rollback was not invoked: ShopDown did not fire within 12 s");
    // What it did not see was there to be seen.
    let refused = interrupted["traffic"][0]["phases"].as_array().unwrap();
    let refused = refused.iter().find(|phase| phase["name"] == "failure").unwrap();
    assert!(refused["unknown"].as_u64() > Some(10), "{refused}");
    // The way back itself works; nobody started it.
    assert_eq!(run_of(wrong, "finished")["verdict"], "pass");
}

#[test]
fn an_alert_on_what_clients_are_told_starts_the_rollback_and_resolves_after_it() {
    let (output, reports) = drill(&["scenarios/unnoticed/right"]);
    assert_eq!(output.code, 0, "{}\n{}", output.stdout, output.stderr);
    let card = reports.scorecard();
    let right = scenario(&card, "unnoticed/right");
    assert_eq!((&right["verdict"], &right["level"]), (&json!("pass"), &json!(2)));
    assert!(right["exercised"]["failed"].as_u64() > Some(0), "{}", output.stdout);
    let interrupted = run_of(right, "interrupted");
    let alert = &interrupted["alerts"][0];
    let (fired, resolved) =
        (alert["fired_seconds"].as_f64().unwrap(), alert["resolved_seconds"].as_f64().unwrap());
    assert!(0.0 < fired && fired < 12.0 && fired < resolved, "{alert}");
    let found = findings(interrupted, "alerts")[0];
    let message = found["message"].as_str().unwrap();
    assert!(message.starts_with(&format!("OrdersFail fired {fired:.1} s after the failure")), "{message}");
    let evidence = found["evidence"].to_string();
    assert!(evidence.contains("severity=page: more than one request in ten fails"), "{evidence}");
    let detected = format!("OrdersFail fired {fired:.1} s after");
    assert!(output.stdout.contains("noticed") && output.stdout.contains(&detected), "{}", output.stdout);
    // The alert itself started the rollback.
    let journal = reports.text("journal.jsonl");
    assert!(journal.contains(r#""seen":"the alert OrdersFail""#), "nobody waited for the alert");
    assert_eq!(run_of(right, "finished")["alerts"], json!([]));
}

#[test]
fn an_alertmanager_that_is_gone_makes_the_outcome_unknown_and_never_a_pass() {
    let gone = "inject: [ { abort: {} }, { stop: { service: alertmanager } } ]\n  heal: after_rollback";
    let edited = Edited::of("unnoticed/right").edit("scenario.yaml", "inject: [ { abort: {} } ]", gone);
    let arguments = edited.arguments(&["--no-control"]);
    let (output, reports) = drill(&arguments);
    assert_eq!(output.code, 2, "{}\n{}", output.stdout, output.stderr);
    let card = reports.scorecard();
    let scenario = scenario(&card, edited.path());
    assert_eq!(checks(scenario, "fail"), [""; 0], "{}", output.stdout);
    let interrupted = run_of(scenario, "interrupted");
    let alert = findings(interrupted, "alerts")[0];
    assert_eq!(alert["outcome"], "inconclusive");
    assert_eq!(alert["message"], "nobody can say whether OrdersFail fired in its time");
    let rollback = &findings(interrupted, "rollback")[0]["message"];
    assert_eq!(rollback, "the rollback was not invoked: nobody can say whether OrdersFail fires");
}

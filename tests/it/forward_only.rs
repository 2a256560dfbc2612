//! Changes without a way back, on real servers: what is missing, and what is touched that must not be.

use serde_json::{Value, json};

use crate::support::backout::{backout, checks, drill, run_of, scenario};
use crate::support::edited::Edited;

/// The findings of a check in a run.
fn finding<'r>(run: &'r Value, check: &str) -> &'r Value {
    run["findings"].as_array().unwrap().iter().find(|found| found["check"] == check).unwrap()
}

#[test]
fn what_must_not_be_touched_is_looked_at_after_the_failure_and_judged_again_from_the_journal() {
    let touches = "  - exec: { service: sessions, command: [redis-cli, -e, set, 'session:1', nobody] }\n";
    let edited = Edited::of("forward-only/right")
        .edit(
            "scenario.yaml",
            "  - sql: { service: db, file: ../up.sql }\n",
            &format!("{touches}  - sql: {{ service: db, file: ../up.sql }}\n"),
        )
        .edit("scenario.yaml", "at: { step: 1, statement: 2,", "at: { step: 2, statement: 2,");
    let arguments = edited.arguments(&["--no-control"]);
    let (output, reports) = drill(&arguments);
    assert_eq!(output.code, 1, "{}\n{}", output.stdout, output.stderr);
    let card = reports.scorecard();
    let touched = scenario(&card, edited.path());
    assert_eq!(checks(touched, "fail"), ["data", "isolation"], "{}", output.stdout);
    let isolation = finding(run_of(touched, "interrupted"), "isolation");
    let message = isolation["message"].as_str().unwrap();
    assert!(message.starts_with("touched after the failure: sessions.db0:"), "{message}");
    assert!(isolation["evidence"].to_string().contains("session:1"), "{isolation:#}");
    let again = backout(&["judge", reports.argument()]);
    assert_eq!(again.code, 1, "{}\n{}", again.stdout, again.stderr);
    assert_eq!(reports.scorecard()["scenarios"], card["scenarios"]);
}

#[test]
fn a_change_that_only_says_why_it_has_no_way_back_fails_and_is_told_what_is_missing() {
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/forward-only/right/scenario.yaml");
    let shipped = std::fs::read_to_string(shipped).unwrap();
    let (first, rest) = shipped.split_once("forward_only:\n").unwrap();
    let (_, last) = rest.split_once("\nexpect:").unwrap();
    let bare = format!("{first}forward_only: {{ because: the notes must go }}\n\nexpect:{last}");
    let edited = Edited::of("forward-only/right").write("scenario.yaml", &bare);
    let arguments = edited.arguments(&["--no-control"]);
    let (output, reports) = drill(&arguments);
    assert_eq!(output.code, 1, "{}\n{}", output.stdout, output.stderr);
    let card = reports.scorecard();
    let bare = scenario(&card, edited.path());
    assert_eq!(checks(bare, "fail"), ["forward_only"], "{}", output.stdout);
    let message =
        &bare["findings"].as_array().unwrap().iter().find(|found| found["check"] == "forward_only").unwrap()
            ["message"];
    assert_eq!(
        *message,
        "there is no way back, and nothing in its place: without pre-checks, isolation, a recovery"
    );
    assert!(output.stdout.contains("WITHOUT SAFEGUARDS"), "{}", output.stdout);
    for kind in ["finished", "interrupted"] {
        let run = run_of(bare, kind);
        assert_eq!(run["rollback"]["result"], json!("not_invoked"), "{kind}");
        assert_eq!(
            finding(run, "rollback")["message"],
            "the recovery was not invoked: no recovery is declared"
        );
    }
}

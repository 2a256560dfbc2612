//! Every kind of step, a point at a line of output, and a server that is killed there.

use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::support::backout::{checks, copy_of_scenarios, drill, run_of, scenario};

#[test]
fn every_step_works_and_a_killed_database_comes_back_by_its_restart_policy() {
    let copy = copy_of_scenarios();
    let folder = copy.path().join("scenarios/every-step");
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/every-step");
    assert!(Command::new("cp").arg("-a").arg(from).arg(&folder).status().unwrap().success());
    std::fs::write(folder.join("hello"), "hello\n").unwrap();
    let mut tar = Command::new("tar");
    assert!(tar.args(["cf", "files.tar", "hello"]).current_dir(&folder).status().unwrap().success());
    let arguments = ["--allow-host", "--root", copy.path().to_str().unwrap(), folder.to_str().unwrap()];

    let (output, reports) = drill(&arguments);
    let card = reports.scorecard();
    assert_eq!(output.code, 0, "{}\n{}", output.stdout, output.stderr);
    let scenario = scenario(&card, "every-step");
    assert_eq!((&scenario["verdict"], &scenario["level"]), (&json!("pass"), &json!(2)));
    let interrupted = run_of(scenario, "interrupted");
    assert_eq!(interrupted["fault"][0]["acted"], true);
    // The job may see its connection die before it is stopped.
    assert!(
        ["interrupted", "failed"].contains(&interrupted["change"]["result"].as_str().unwrap()),
        "{interrupted:#}"
    );
    assert_eq!(interrupted["class"], "restored");
    assert!(!interrupted.to_string().contains("restart policy suspended"), "{interrupted:#}");
    // The order that was posted advanced the sequence, and is gone: ahead is shown, and no difference (S14).
    assert_eq!(interrupted["state"]["sequences"], "same");
    assert!(interrupted.to_string().contains("went on: its next value was 7"), "{interrupted:#}");
    assert_eq!(checks(scenario, "inconclusive"), [] as [&str; 0]);
}

#[test]
fn a_host_step_needs_the_command_line_too() {
    let copy = copy_of_scenarios();
    let folder = copy.path().join("scenarios/every-step");
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/every-step");
    assert!(Command::new("cp").arg("-a").arg(from).arg(&folder).status().unwrap().success());
    std::fs::write(folder.join("files.tar"), "").unwrap();
    let output = crate::support::backout::backout(&[
        "run",
        "--root",
        copy.path().to_str().unwrap(),
        folder.to_str().unwrap(),
    ]);
    assert_eq!(output.code, 3);
    assert!(output.stderr.contains("nobody has allowed it"), "{}", output.stderr);
    assert!(output.stderr.contains("--allow-host"), "{}", output.stderr);
}

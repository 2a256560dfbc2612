//! Points and faults on the wire, in drills from end to end.

use std::process::Command;

use serde_json::{Value, json};

use crate::support::backout::{Reports, drill, run_of, scenario, start};
use crate::support::edited::Edited;
use crate::support::traces::{Followed, intended_by, wait_for};

const OWN: &str = "at: { step: 1, service: db, commit: 1, hold: after }\n  inject: [ { abort: {} } ]";

/// Walks the scenario with another failure; its interrupted run, and the journal.
fn interrupted(edited: &Edited) -> (Value, String) {
    let (output, reports) = drill(&edited.arguments(&["--no-control"]));
    let card = reports.scorecard();
    let run = run_of(scenario(&card, edited.path()), "interrupted").clone();
    assert_eq!(run["verdict"], "pass", "{}\n{}\n{run:#}", output.stdout, output.stderr);
    (run, reports.text("journal.jsonl"))
}

#[test]
fn a_tool_is_broken_in_the_middle_of_the_rows_that_it_copies() {
    let rows: String = (1..=2_000).map(|row| format!("copied {row}\n")).collect();
    let up = format!(
        "ALTER TABLE orders ADD COLUMN status text;\nCOPY orders (customer) FROM STDIN;\n{rows}\\.\n"
    );
    let down = "ALTER TABLE orders DROP COLUMN IF EXISTS status;\n\
                DELETE FROM orders WHERE customer LIKE 'copied %';\n";
    let edited = Edited::of("unheard-commit/right")
        .write("../migrations/up.sql", &up)
        .write("../migrations/down-by-looking.sql", down)
        .edit("scenario.yaml", OWN, "at: { step: 1, service: db, rows: 1000 }\n  inject: [ { abort: {} } ]");
    let (run, _) = interrupted(&edited);
    assert_eq!((&run["point"]["held"], &run["effect"]), (&json!(true), &json!(true)), "{run:#}");
    // What was copied went with the transaction, and the column had been there before it.
    assert_eq!(run["state"]["data"], "same", "{run:#}");
    assert_eq!(run["class"], "restored");
}

#[test]
fn a_tool_is_broken_after_so_many_bytes() {
    // Logging in takes some 250 bytes; the transaction has 500 of ALTER and UPDATE before its COMMIT.
    let edited = Edited::of("unheard-commit/right")
        .edit("../migrations/up.sql", "UPDATE orders", &format!("/* {} */ UPDATE orders", "x".repeat(400)))
        .edit("scenario.yaml", OWN, "at: { step: 1, service: db, bytes: 450 }\n  inject: [ { abort: {} } ]");
    let (run, _) = interrupted(&edited);
    assert_eq!((&run["point"]["held"], &run["effect"]), (&json!(true), &json!(false)), "{run:#}");
    assert_eq!(run["class"], "restored");
}

/// A tool that gives up after a time meets a wire that is slower than that, in two ways at once.
#[test]
fn a_tool_that_gives_up_on_a_delayed_and_throttled_answer_is_rolled_back() {
    let slow = "at: { step: 1, service: db, commit: 1, hold: after }\n  then: continue\n  heal: before_rollback\n  \
                inject: [ { delay: { service: db, by: 10m } }, { throttle: { service: db, bytes_per_second: 1 } } ]";
    let edited = Edited::of("unheard-commit/right")
        .edit("../compose.yaml", "entrypoint: [psql,", "entrypoint: [timeout, '10', psql,")
        .edit("scenario.yaml", OWN, slow);
    let (run, journal) = interrupted(&edited);
    assert_eq!((&run["change"]["result"], &run["effect"]), (&json!("failed"), &json!(true)), "{run:#}");
    assert_eq!(run["change"]["error"], "exit code 124", "{run:#}");
    assert_eq!(run["class"], "restored");
    let healed = journal.lines().filter(|line| line.contains("\"healed\":true"));
    let acted = healed.filter(|line| line.contains("it acted") && !line.contains("it acted 0 times"));
    assert_eq!(acted.count(), 2, "each acts in the interrupted run, and neither in the idle one");
}

/// The gateway of the drill with this journal, once the change is under way.
fn gateway_of(journal: &mut Followed) -> Option<String> {
    let is_change = |record: &Value| record["event"]["step_started"]["operation"] == "change";
    if !journal.look().iter().any(is_change) {
        return None;
    }
    let list = ["ps", "--filter", "label=backout.role=gateway", "--format", "{{.Names}}"];
    let output = Command::new("docker").args(list).output().unwrap();
    let ours = intended_by(journal.look());
    let running = String::from_utf8(output.stdout).unwrap();
    running.lines().find(|name| ours.contains(*name)).map(str::to_owned)
}

#[test]
fn a_gateway_that_dies_during_a_step_leaves_the_run_inconclusive() {
    // Long enough to be met by the kill; nobody waits for its end.
    let edited = Edited::of("unheard-commit/right").edit(
        "../migrations/up.sql",
        "COMMIT;",
        "SELECT pg_sleep(600);\nCOMMIT;",
    );
    let reports = Reports::new();
    let journal = reports.path().join("journal.jsonl");
    let arguments = edited.arguments(&["run", "--no-control", "--report-dir", reports.argument()]);
    let mut child = start(&arguments);
    let mut journal = Followed::new(&journal);
    assert!(wait_for(&mut child, || gateway_of(&mut journal).is_some()), "the drill ended before its change");
    let gateway = gateway_of(&mut journal).unwrap();
    let killed = Command::new("docker").args(["kill", &gateway]).output().unwrap();
    assert!(killed.status.success(), "{killed:?}");
    let is_trouble = |record: &Value| record["event"]["trouble"].is_object();
    assert!(
        wait_for(&mut child, || journal.look().iter().any(is_trouble)),
        "the drill ended without trouble"
    );
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::TERM)
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(143));
    let card = reports.scorecard();
    let run = run_of(scenario(&card, edited.path()), "finished");
    assert_eq!(run["verdict"], "inconclusive", "{run:#}");
    let findings = run["findings"].as_array().unwrap();
    let said = format!("gateway {gateway}");
    let is_named =
        |finding: &Value| finding["check"] == "stage" && finding["message"].as_str().unwrap().contains(&said);
    assert!(findings.iter().any(is_named), "{findings:#?}");
}

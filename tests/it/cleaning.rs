//! Nothing is left behind: after SIGKILL, after a signal, after `--keep` (S21). One test, because
//! `clean` removes what every dead runner has left, and a kept stage is one of them.

use std::process::Command;

use backout::traffic::{Ledger, Standing};

use crate::support::backout::{Reports, backout, drill, run_of, scenario, start};
use crate::support::edited::Edited;
use crate::support::killing::{announces, helped_after, kill_at, kill_when, length_of_a_drill};
use crate::support::traces::{Followed, intended, present, wait_for};

#[test]
fn s21_nothing_is_left_after_a_kill_a_signal_or_keep() {
    killed_runs_are_undone();
    a_runner_killed_over_copies_leaves_none();
    a_signal_removes_everything_and_reports_what_is_known();
    a_kept_stage_stays_until_clean();
    a_killed_runner_leaves_what_its_clients_were_told();
}

fn killed_runs_are_undone() {
    let length = length_of_a_drill();
    for part in 1..=4 {
        kill_at(length * part / 5);
    }
}

/// While the copies are made, while a stage is put back from them, and while another is made of them.
fn a_runner_killed_over_copies_leaves_none() {
    // Whatever the rollback writes there goes only with the container, so that copies are needed.
    let step = "  steps:\n    - exec: { service: db, command: [touch, /etc/left] }\n";
    let written = Edited::of("unheard-commit/right").edit("scenario.yaml", "  steps:\n", step);
    let lanes = |lanes: &str| written.arguments(&["sweep", "--lanes", lanes]);
    kill_when(&lanes("1"), "keeping", |records| helped_after(records, |record| announces(record, ".kept.")));
    kill_when(&lanes("1"), "putting back", |records| {
        helped_after(records, |record| record["event"]["copied"]["copied"] == true)
    });
    kill_when(&lanes("2"), "standing on copies", |records| {
        let on = records.iter().position(|record| record["event"]["on_copies"].is_object());
        on.is_some_and(|on| helped_after(&records[on..], |record| announces(record, ".db-1.")))
    });
}

fn a_signal_removes_everything_and_reports_what_is_known() {
    let reports = Reports::new();
    let journal = reports.path().join("journal.jsonl");
    let mut child = start(&[
        "run",
        "--no-control",
        "--report-dir",
        reports.argument(),
        "scenarios/interrupted-migration/right",
    ]);
    let mut followed = Followed::new(&journal);
    let in_second_run = || {
        let second = |record: &serde_json::Value| record["run"] == 2 && record["event"] == "stage_up";
        followed.look().iter().any(second)
    };
    assert!(wait_for(&mut child, in_second_run));
    let status = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(status.success());
    let asked = std::time::Instant::now();
    assert_eq!(child.wait().unwrap().code(), Some(143));
    assert!(asked.elapsed().as_secs() < 20, "{:?}", asked.elapsed());
    assert_eq!(present(&intended(&journal)), [] as [&str; 0]);
    let card = reports.scorecard();
    let scenario = scenario(&card, "interrupted-migration/right");
    assert_eq!(run_of(scenario, "finished")["verdict"], "pass");
    assert_eq!(scenario["verdict"], "inconclusive");
}

fn a_killed_runner_leaves_what_its_clients_were_told() {
    let reports = Reports::new();
    let ledger = reports.path().join("ledger-1-1.jsonl");
    let arguments = ["run", "--no-control", "--report-dir", reports.argument(), "scenarios/restore/right"];
    let mut child = start(&arguments);
    let ended = || std::fs::read_to_string(&ledger).is_ok_and(|text| text.matches("\"ended\"").count() > 10);
    assert!(wait_for(&mut child, ended));
    child.kill().unwrap();
    child.wait().unwrap();
    let standings = Ledger::recall(&ledger).unwrap();
    assert!(standings.values().any(|standing| *standing == Standing::Present), "{standings:?}");
    let output = backout(&["clean"]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    assert_eq!(present(&intended(&reports.path().join("journal.jsonl"))), [] as [&str; 0]);
}

fn a_kept_stage_stays_until_clean() {
    let (output, reports) = drill(&["--keep", "--no-control", "scenarios/interrupted-migration/right"]);
    assert!(output.stdout.contains("backout clean"), "{}", output.stdout);
    let made = intended(&reports.path().join("journal.jsonl"));
    let kept = present(&made);
    assert!(kept.iter().any(|name| name.contains("-db-")), "{kept:?}");
    let (_, _next) = drill(&["--no-control", "scenarios/interrupted-migration/right"]);
    assert_eq!(present(&made), kept, "another drill leaves a kept stage alone");
    let output = backout(&["clean"]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    assert!(output.stdout.contains("removed"), "{}", output.stdout);
    assert_eq!(present(&made), [] as [&str; 0]);
}

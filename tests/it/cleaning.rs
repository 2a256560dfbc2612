//! Nothing is left behind: after SIGKILL, after a signal, after `--keep` (S21). One test, because
//! `clean` removes what every dead runner has left, and a kept stage is one of them.

use std::process::Command;

use crate::support::backout::{Reports, backout, drill, run_of, scenario, start};
use crate::support::killing::{kill_at, length_of_a_drill};
use crate::support::traces::{intended, present, records, wait_for};

#[test]
fn s21_nothing_is_left_after_a_kill_a_signal_or_keep() {
    killed_runs_are_undone();
    a_signal_removes_everything_and_reports_what_is_known();
    a_kept_stage_stays_until_clean();
}

fn killed_runs_are_undone() {
    let length = length_of_a_drill();
    for part in 1..=4 {
        kill_at(length * part / 5);
    }
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
    let in_second_run = || {
        let second = |record: &serde_json::Value| record["run"] == 2 && record["event"] == "stage_up";
        records(&journal).iter().any(second)
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

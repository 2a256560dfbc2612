//! Kills the runner in the middle of a drill and looks at what is left.

use super::backout::{Reports, backout, start};
use super::traces::{intended, present, records, wait_for_records};

const SCENARIO: &str = "scenarios/interrupted-migration/right";

/// How many records the journal of an undisturbed drill has.
pub(crate) fn length_of_a_drill() -> usize {
    let reports = Reports::new();
    let output = backout(&["run", "--no-control", "--report-dir", reports.argument(), SCENARIO]);
    assert_eq!(output.code, 2, "{}", output.stderr);
    records(&reports.path().join("journal.jsonl")).len()
}

/// SIGKILL once the journal holds so many records; then `clean` must leave nothing of it.
pub(crate) fn kill_at(count: usize) {
    let reports = Reports::new();
    let journal = reports.path().join("journal.jsonl");
    let mut child = start(&["run", "--no-control", "--report-dir", reports.argument(), SCENARIO]);
    let there = wait_for_records(&journal, count, &mut child);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(there, "the drill ended before record {count}");
    let made = intended(&journal);
    // The engine still carries out a call that the runner had made when it died; nothing tells when.
    std::thread::sleep(std::time::Duration::from_secs(1));
    let output = backout(&["clean"]);
    assert_eq!(output.code, 0, "killed at record {count}: {}{}", output.stdout, output.stderr);
    assert_eq!(present(&made), [] as [&str; 0], "killed at record {count}; clean said: {}", output.stdout);
}

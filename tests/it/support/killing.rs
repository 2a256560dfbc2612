//! Kills the runner in the middle of a drill and looks at what is left.

use super::backout::{Reports, backout, start};
use serde_json::Value;

use super::traces::{Followed, intended, present, records, wait_for};

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
    let at = format!("record {count}");
    kill_when(&["run", "--no-control", SCENARIO], &at, |records| records.len() >= count);
}

/// SIGKILL as soon as the journal shows that it is time; then `clean` must leave nothing of it.
pub(crate) fn kill_when(arguments: &[impl AsRef<str>], at: &str, is_time: impl Fn(&[Value]) -> bool) {
    let reports = Reports::new();
    let journal = reports.path().join("journal.jsonl");
    let (first, rest) = arguments.split_first().unwrap();
    let mut all = vec![first.as_ref(), "--report-dir", reports.argument()];
    all.extend(rest.iter().map(AsRef::as_ref));
    let mut child = start(&all);
    let mut followed = Followed::new(&journal);
    let there = wait_for(&mut child, || is_time(followed.look()));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(there, "the drill ended before {at}");
    let made = intended(&journal);
    // The engine still carries out a call that the runner had made when it died; nothing tells when.
    std::thread::sleep(std::time::Duration::from_secs(1));
    let output = backout(&["clean"]);
    assert_eq!(output.code, 0, "killed at {at}: {}{}", output.stdout, output.stderr);
    assert_eq!(present(&made), [] as [&str; 0], "killed at {at}; clean said: {}", output.stdout);
}

/// Whether a helper was about to be made after a record of which this is so, by the run of that record.
pub(crate) fn helped_after(records: &[Value], so: impl Fn(&Value) -> bool) -> bool {
    let Some(first) = records.iter().position(so) else { return false };
    let helper = |record: &&Value| {
        let made = record["event"]["intent"]["resources"].as_array();
        made.is_some_and(|made| made.iter().any(|one| one["name"].as_str().unwrap().contains(".helper-")))
    };
    records[first..]
        .iter()
        .filter(|record| record["run"] == records[first]["run"])
        .any(|record| helper(&record))
}

/// Whether a record announces a volume with this in its name.
pub(crate) fn announces(record: &Value, part: &str) -> bool {
    let made = record["event"]["intent"]["resources"].as_array();
    made.is_some_and(|made| made.iter().any(|one| one["name"].as_str().unwrap().contains(part)))
}

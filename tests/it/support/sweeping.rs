//! Sweeps from outside, and what they came to.

use serde_json::{Value, json};

use super::backout::{Output, Reports, backout, scenario};

/// Sweeps to its end, with these arguments.
#[track_caller]
pub(crate) fn sweep(arguments: &[impl AsRef<str>]) -> (Output, Value) {
    let (output, reports) = sweep_with_reports(arguments);
    (output, reports.scorecard())
}

/// The same, with all of its reports.
#[track_caller]
pub(crate) fn sweep_with_reports(arguments: &[impl AsRef<str>]) -> (Output, Reports) {
    let reports = Reports::new();
    let mut all = vec!["sweep", "--report-dir", reports.argument()];
    all.extend(arguments.iter().map(AsRef::as_ref));
    let output = backout(&all);
    assert!([0, 1].contains(&output.code), "{}\n{}", output.stdout, output.stderr);
    (output, reports)
}

/// The events of one kind, in order.
pub(crate) fn events(reports: &Reports, kind: &str) -> Vec<Value> {
    let journal = reports.text("journal.jsonl");
    let records = journal.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    records.map(|record| record["event"][kind].clone()).filter(Value::is_object).collect()
}

/// The cases of a sweep that do not pass, by where they are.
pub(crate) fn failing(scenario: &Value) -> Vec<String> {
    let wrong = cases(scenario).iter().filter(|case| case["verdict"] != "pass");
    wrong
        .map(|case| {
            let word = |name: &str| case[name].as_str().unwrap().to_owned();
            format!("{} {}: {}", word("operation"), word("place"), word("text"))
        })
        .collect()
}

/// Everything that a sweep says of a scenario and that neither time nor chance may change.
pub(crate) fn outcomes(card: &Value, path: &str) -> Value {
    let scenario = scenario(card, path);
    let of_case = |case: &Value| {
        let kept = ["operation", "place", "text", "also", "verdict"].map(|name| case[name].clone());
        json!([kept, run(scenario, &case["run"])])
    };
    let kept = ["verdict", "level", "counts"].map(|name| scenario[name].clone());
    let again = run(scenario, &scenario["sweep"]["again"]["run"]);
    json!([kept, cases(scenario).iter().map(of_case).collect::<Vec<_>>(), again])
}

/// The findings of all runs that fail, each once.
pub(crate) fn failures(scenario: &Value) -> Vec<String> {
    let runs = scenario["runs"].as_array().unwrap();
    let findings = runs.iter().flat_map(|run| run["findings"].as_array().unwrap());
    let failing = findings.filter(|finding| finding["outcome"] == "fail");
    let mut found: Vec<String> = failing.map(said).collect();
    found.sort();
    found.dedup();
    found
}

fn cases(scenario: &Value) -> &Vec<Value> {
    scenario["sweep"]["cases"].as_array().unwrap()
}

fn run(scenario: &Value, number: &Value) -> Value {
    let mut runs = scenario["runs"].as_array().unwrap().iter();
    let run = runs.find(|run| run["number"] == *number).unwrap();
    let kept = ["effect", "state", "class", "verdict"].map(|name| run[name].clone());
    let ended = ["change", "rollback"].map(|name| json!([run[name]["result"], run[name]["exit_code"]]));
    let findings: Vec<String> = run["findings"].as_array().unwrap().iter().map(said).collect();
    json!([kept, ended, findings])
}

/// A finding without its figures: how long something took is not the same twice.
fn said(finding: &Value) -> String {
    let message = finding["message"].as_str().unwrap();
    let words = message.split(|c: char| c.is_ascii_digit() || c == '.').filter(|word| !word.is_empty());
    format!(
        "{}: {}",
        finding["check"].as_str().unwrap(),
        words.collect::<Vec<_>>().join("#").replace(" ms", " s")
    )
}

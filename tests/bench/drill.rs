//! What Backout costs: ratios of figures taken in one run, alternating. Names on the command line choose:
//! `cargo bench --bench drill -- reaction`.
//!
//! - an interrupted run against the same work typed as a shell script (`interrupted.sh`);
//! - from a line of a service to the service being killed, against a bare kill call (`reaction.rs`);
//! - `backout check` on a scenario of 500 lines, and `backout --help`, in milliseconds.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on should stop there")]
#![expect(clippy::print_stdout, reason = "its figures are what it is for")]

mod reaction;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const ROUNDS: usize = 5;

fn main() {
    // `cargo test --benches` builds and calls this too; nothing is measured then.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let all: [(&str, fn()); 3] =
        [("commands", commands), ("reaction", reaction::reaction), ("interrupted", interrupted)];
    let named: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    for (name, measure) in all {
        if named.is_empty() || named.iter().any(|wanted| wanted == name) {
            measure();
        }
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn timed(command: &mut Command) -> Duration {
    let began = Instant::now();
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    assert!(status.success(), "{command:?}");
    began.elapsed()
}

fn backout(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_backout"));
    command.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

fn commands() {
    let folder = tempfile::tempdir().unwrap();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/drop-column");
    for file in ["seed.sql", "up.sql", "right/down.sql"] {
        let name = Path::new(file).file_name().unwrap();
        std::fs::copy(shipped.join(file), folder.path().join(name)).unwrap();
    }
    std::fs::write(folder.path().join("compose.yaml"), "services:\n  db:\n    image: pg\n    environment: { POSTGRES_PASSWORD: x }\n  api:\n    image: shop\n    expose: ['80']\n").unwrap();
    let text = std::fs::read_to_string(shipped.join("right/scenario.yaml")).unwrap().replace("../", "");
    let (head, _) = text.split_once("  http:").unwrap();
    let expectations = "    - { service: api, get: /healthz, status: 200, within: 5s }\n";
    let lines = 500 - head.lines().count() - 1;
    std::fs::write(
        folder.path().join("scenario.yaml"),
        format!("{head}  http:\n{}", expectations.repeat(lines)),
    )
    .unwrap();
    let path = folder.path().to_str().unwrap();
    let check = median((0..20).map(|_| timed(&mut backout(&["check", path]))).collect());
    let help = median((0..20).map(|_| timed(&mut backout(&["--help"]))).collect());
    println!("check of a 500-line scenario: {:.1} ms (at most 20)", check.as_secs_f64() * 1000.0);
    println!("--help: {:.1} ms (at most 10)", help.as_secs_f64() * 1000.0);
}

fn interrupted() {
    let card = drill();
    let images = card["scenarios"][0]["images"].as_array().unwrap();
    let ids: Vec<&str> = images.iter().filter_map(|image| image["id"].as_str()).collect();
    let (api, db) = (ids[0], ids[1]);
    let (mut ours, mut script) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let mut by_hand = Command::new("tests/bench/interrupted.sh");
        script.push(timed(by_hand.args([db, api]).current_dir(env!("CARGO_MANIFEST_DIR"))));
        let card = drill();
        let runs = card["scenarios"][0]["runs"].as_array().unwrap();
        let run = runs.iter().find(|run| run["kind"] == "interrupted").unwrap();
        ours.push(Duration::from_secs_f64(run["seconds"].as_f64().unwrap()));
    }
    let (ours, script) = (median(ours), median(script));
    println!(
        "interrupted run: {:.2} s, by hand: {:.2} s, ratio {:.2} (at most 1.1)",
        ours.as_secs_f64(),
        script.as_secs_f64(),
        ours.as_secs_f64() / script.as_secs_f64()
    );
}

fn drill() -> Value {
    let folder = tempfile::tempdir().unwrap();
    let reports = folder.path().to_str().unwrap();
    let mut command =
        backout(&["run", "--no-control", "--report-dir", reports, "scenarios/drop-column/right"]);
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    assert_eq!(status.code(), Some(2), "without a control run the verdict is inconclusive");
    serde_json::from_str(&std::fs::read_to_string(folder.path().join("scorecard.json")).unwrap()).unwrap()
}

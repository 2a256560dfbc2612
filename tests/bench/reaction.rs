//! From a line that a service prints to the death of that service, against a bare engine kill call.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{backout, median};

const ROUNDS: usize = 10;
const IMAGE: &str = "debian:bookworm-slim";

/// The line carries the time at which it was printed, by the clock that the journal's times come from.
const SCENARIO: &str = r#"format: 1
name: reaction
staging: { compose: compose.yaml }
change:
  - exec: { service: talker, command: [sh, -c, 'echo "half-way $(date +%s%N)" > /proc/1/fd/1; sleep 2'] }
failure:
  at: { step: 1, service: talker, log: half-way }
  inject: [ { kill: { service: talker } } ]
rollback: { steps: [ { exec: { service: talker, command: ['true'] } } ] }
expect: { system: as_before }
"#;

/// Prints the ratio of the two medians.
pub(super) fn reaction() {
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours.push(from_line_to_death());
        bare.push(killed());
    }
    let (ours, bare) = (median(ours), median(bare));
    println!(
        "from a line to a dead process: {:.0} ms, bare kill call: {:.0} ms, ratio {:.2} (at most 1.3)",
        ours.as_secs_f64() * 1000.0,
        bare.as_secs_f64() * 1000.0,
        ours.as_secs_f64() / bare.as_secs_f64()
    );
}

/// One drill: from the time on the line to the record that says that the process was seen dead.
fn from_line_to_death() -> Duration {
    let folder = tempfile::tempdir().unwrap();
    let (scenario, reports) = (folder.path().join("scenario"), folder.path().join("reports"));
    std::fs::create_dir(&scenario).unwrap();
    let compose =
        format!("services: {{ talker: {{ image: '{IMAGE}', init: true, command: [sleep, infinity] }} }}\n");
    std::fs::write(scenario.join("compose.yaml"), compose).unwrap();
    std::fs::write(scenario.join("scenario.yaml"), SCENARIO).unwrap();
    let (scenario, shown) = (scenario.to_str().unwrap(), reports.to_str().unwrap());
    let mut command = backout(&["run", "--no-control", "--report-dir", shown, scenario]);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
    let events = interrupted(&reports);
    let reached = events.iter().find_map(|record| record["event"]["point_reached"]["text"].as_str()).unwrap();
    let dead = events.iter().find(|record| record["event"]["fault_injected"]["acted"] == true).unwrap();
    let printed: i128 = reached.split(' ').next_back().unwrap().parse().unwrap();
    let seen: jiff::Timestamp = dead["at"].as_str().unwrap().parse().unwrap();
    Duration::from_nanos(u64::try_from(seen.as_nanosecond() - printed).unwrap())
}

/// The records of the interrupted run.
fn interrupted(reports: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(reports.join("journal.jsonl")).unwrap();
    let records: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let started = |record: &&Value| record["event"]["run_started"]["kind"] == "interrupted";
    let number = records.iter().find(started).unwrap()["run"].clone();
    records.into_iter().filter(|record| record["run"] == number).collect()
}

/// One call that kills a container of the same kind; it returns when the process is dead.
fn killed() -> Duration {
    let run = ["run", "--detach", "--init", "--label", "backout.test=1", IMAGE, "sleep", "infinity"];
    let output = Command::new("docker").args(run).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let container = String::from_utf8(output.stdout).unwrap().trim().to_owned();
    let host = std::env::var("DOCKER_HOST").unwrap_or_else(|_| "unix:///var/run/docker.sock".to_owned());
    let socket = host.strip_prefix("unix://").expect("the bare call is made on the engine's own socket");
    let began = Instant::now();
    let mut stream = UnixStream::connect(socket).unwrap();
    let head = "Host: docker\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    write!(stream, "POST /containers/{container}/kill HTTP/1.1\r\n{head}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let took = began.elapsed();
    assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
    let mut remove = Command::new("docker");
    remove.args(["rm", "--force", "--volumes", &container]).stdout(Stdio::null());
    assert!(remove.status().unwrap().success());
    took
}

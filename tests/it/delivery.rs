//! What `drills/ci/` offers to copy is run here as it is written there, with another drill.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use backout::diagnostic::Source;
use backout::files::MemoryFiles;
use backout::pipeline::Request;

const NIGHTLY: &str = "drills/nightly.yaml";

fn offered(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("drills/ci").join(name);
    std::fs::read_to_string(path).unwrap()
}

/// The shell and what it is given, for a job of a pipeline with another drill.
fn job(name: &str, job: &str, drill: &str) -> Vec<String> {
    let text = offered(name);
    assert!(text.contains(NIGHTLY), "{name} does not run the nightly drill");
    let source = Source::new(name, text.replace(NIGHTLY, drill));
    let variables = [("CI_PIPELINE_SOURCE".to_owned(), "schedule".to_owned())].into();
    let read = backout::pipeline::read(Request {
        source: &source,
        path: &Path::new("/").join(name),
        files: &MemoryFiles::default(),
        job,
        given: &BTreeMap::new(),
        service: "runner",
        around: &BTreeMap::new(),
        variables: &variables,
        skip: &[],
    });
    read.unwrap_or_else(|all| panic!("{}", backout::diagnostic::render(&all))).command()
}

/// The one command of the Jenkins stage, in the shell that Jenkins uses.
fn stage(drill: &str) -> Vec<String> {
    let text = offered("Jenkinsfile");
    let (_, rest) = text.split_once("sh '").unwrap();
    let (command, rest) = rest.split_once('\'').unwrap();
    assert!(!rest.contains("sh '") && text.contains(&format!("DRILL = '{NIGHTLY}'")));
    ["sh", "-xe", "-c", &format!("DRILL={drill}; {command}")].map(str::to_owned).to_vec()
}

/// The command of the systemd unit, as systemd would expand it.
fn unit(drill: &str) -> Vec<String> {
    let text = offered("backout-nightly.service");
    assert!(text.contains(&format!("Environment=DRILL={NIGHTLY}\n")));
    let command = text.lines().find_map(|line| line.strip_prefix("ExecStart=/usr/local/bin/")).unwrap();
    command.split(' ').map(|word| word.replace("${DRILL}", drill)).collect()
}

/// Runs it in a folder of its own, with the program on the path.
fn run(command: &[String], folder: &Path) -> Output {
    let program = Path::new(env!("CARGO_BIN_EXE_backout")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let mut process = Command::new(&command[0]);
    process.args(&command[1..]).current_dir(folder).env("PATH", path).env("CI", "true");
    process.env("GITHUB_STEP_SUMMARY", folder.join("summary.md")).output().unwrap()
}

#[test]
fn in_every_pipeline_the_exit_code_of_the_drill_is_the_gate() {
    let folder = tempfile::tempdir().unwrap();
    let drill = "no-such-drill.yaml";
    let all = [
        job("github-actions.yml", "drills", drill),
        job("gitlab-ci.yml", "rollback drills", drill),
        stage(drill),
        unit(drill),
    ];
    for command in all {
        let output = run(&command, folder.path());
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{command:?}: {said}");
        assert!(said.contains(drill), "{command:?}: {said}");
    }
}

#[test]
fn the_workflow_shows_the_scorecard_as_the_summary_of_its_job() {
    let folder = tempfile::tempdir().unwrap();
    let drill = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("drills/demo.yaml");
    let output = run(&job("github-actions.yml", "drills", drill.to_str().unwrap()), folder.path());
    assert!(output.status.success(), "{output:?}");
    let summary = std::fs::read_to_string(folder.path().join("summary.md")).unwrap();
    assert!(summary.contains("drop-column/wrong") && summary.contains("drop-column/right"), "{summary}");
    let junit = std::fs::read_to_string(folder.path().join("reports/junit.xml")).unwrap();
    assert!(junit.contains("drop-column/wrong"), "{junit}");
}

#[test]
fn the_timer_starts_the_unit_every_night_also_after_one_that_was_missed() {
    let timer = offered("backout-nightly.timer");
    for line in ["OnCalendar=*-*-* 03:00:00", "Persistent=true", "WantedBy=timers.target"] {
        assert!(timer.lines().any(|found| found == line), "{line}");
    }
}

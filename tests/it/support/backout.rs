//! The binary under test, in a folder of its own.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// How the program ended.
pub(crate) struct Output {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// The program with a clean environment, started in the repository.
pub(crate) fn command(arguments: &[impl AsRef<OsStr>]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_backout"));
    command.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null());
    command.env_remove("CI").env_remove("NO_COLOR").env_remove("POSTGRES_PASSWORD");
    command
}

/// Runs it to its end.
pub(crate) fn backout(arguments: &[&str]) -> Output {
    run(&mut command(arguments))
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    Output {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Starts it with its output thrown away.
pub(crate) fn start(arguments: &[impl AsRef<OsStr>]) -> Child {
    command(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// The report folder of a drill, removed with this value.
pub(crate) struct Reports(tempfile::TempDir);

impl Reports {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn argument(&self) -> &str {
        self.0.path().to_str().unwrap()
    }

    pub(crate) fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.path().join(name)).unwrap_or_default()
    }

    pub(crate) fn scorecard(&self) -> Value {
        serde_json::from_str(&self.text("scorecard.json")).unwrap()
    }
}

/// Runs a drill and gives its output with its reports.
pub(crate) fn drill(arguments: &[impl AsRef<str>]) -> (Output, Reports) {
    let reports = Reports::new();
    let mut all = vec!["run", "--report-dir", reports.argument()];
    all.extend(arguments.iter().map(AsRef::as_ref));
    let output = backout(&all);
    (output, reports)
}

/// One scenario of a scorecard.
#[track_caller]
pub(crate) fn scenario<'s>(scorecard: &'s Value, path: &str) -> &'s Value {
    let scenarios = scorecard["scenarios"].as_array().unwrap();
    scenarios
        .iter()
        .find(|scenario| scenario["path"] == path)
        .unwrap_or_else(|| panic!("{path}: {scorecard:#}"))
}

/// One run of a scenario.
#[track_caller]
pub(crate) fn run_of<'s>(scenario: &'s Value, kind: &str) -> &'s Value {
    let runs = scenario["runs"].as_array().unwrap();
    runs.iter().find(|run| run["kind"] == kind).unwrap_or_else(|| panic!("{kind}: {scenario:#}"))
}

/// The words of the checks with this outcome, each once.
pub(crate) fn checks(scenario: &Value, outcome: &str) -> Vec<String> {
    let of = |findings: &Value| -> Vec<String> {
        let findings = findings.as_array().cloned().unwrap_or_default();
        let found = findings.iter().filter(|finding| finding["outcome"] == outcome);
        found.filter_map(|finding| finding["check"].as_str().map(str::to_owned)).collect()
    };
    let mut words = of(&scenario["findings"]);
    for run in scenario["runs"].as_array().unwrap() {
        words.extend(of(&run["findings"]));
    }
    words.sort();
    words.dedup();
    words
}

/// A copy of shipped scenarios that a test may edit, with the images beside them.
pub(crate) fn copy_of_scenarios() -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    let from = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let status = Command::new("cp").arg("-a").arg(from).arg(copy.path()).status().unwrap();
    assert!(status.success());
    copy
}

/// Replaces a text in a file; the text must be there.
#[track_caller]
pub(crate) fn edit(file: &Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(file).unwrap();
    assert!(text.contains(from), "{} does not hold {from}", file.display());
    std::fs::write(file, text.replacen(from, to, 1)).unwrap();
}

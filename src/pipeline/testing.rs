//! Jobs out of texts, and what a real shell does with them.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::{Job, Request, Skip, read};
use crate::diagnostic::{Diagnostic, Source};
use crate::files::MemoryFiles;

/// A job and what a scenario says of it.
pub(super) struct Case {
    name: String,
    text: String,
    files: Vec<(String, String)>,
    job: String,
    given: BTreeMap<String, Value>,
    around: BTreeMap<String, String>,
    variables: BTreeMap<String, String>,
    skip: Vec<Skip>,
}

impl Case {
    pub(super) fn new(name: &str, job: &str, text: &str) -> Self {
        Self {
            name: name.to_owned(),
            text: text.to_owned(),
            files: Vec::new(),
            job: job.to_owned(),
            given: BTreeMap::new(),
            around: BTreeMap::new(),
            variables: BTreeMap::new(),
            skip: Vec::new(),
        }
    }

    pub(super) fn file(mut self, path: &str, text: &str) -> Self {
        self.files.push((path.to_owned(), text.to_owned()));
        self
    }

    pub(super) fn given(mut self, context: &str, value: Value) -> Self {
        self.given.insert(context.to_owned(), value);
        self
    }

    /// A variable of the service.
    pub(super) fn around(mut self, name: &str, value: &str) -> Self {
        self.around.insert(name.to_owned(), value.to_owned());
        self
    }

    /// A variable of the scenario.
    pub(super) fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    pub(super) fn skip(mut self, step: &str, outputs: &[(&str, &str)]) -> Self {
        let outputs = outputs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        self.skip.push(Skip {
            step: step.to_owned(),
            because: "it is there".to_owned(),
            outputs: outputs.collect(),
        });
        self
    }

    fn try_read(&self) -> Result<Job, Vec<Diagnostic>> {
        let mut files: Vec<(&str, &str)> =
            self.files.iter().map(|(path, text)| (&path[..], &text[..])).collect();
        let path = format!("/r/{}", self.name);
        files.push((&path, &self.text));
        read(Request {
            source: &Source::new(self.name.as_str(), self.text.as_str()),
            path: Path::new(&path),
            files: &MemoryFiles::new(files),
            job: &self.job,
            given: &self.given,
            service: "runner",
            around: &self.around,
            variables: &self.variables,
            skip: &self.skip,
        })
    }

    #[track_caller]
    pub(super) fn read(&self) -> Job {
        self.try_read().unwrap_or_else(|all| panic!("{}", crate::diagnostic::render(&all)))
    }

    /// Line and text of every mistake.
    #[track_caller]
    pub(super) fn mistakes(&self) -> Vec<String> {
        let mistakes = self.try_read().expect_err("the job can be read");
        mistakes.iter().map(|one| format!("{}: {}", one.place().line, one.message)).collect()
    }

    /// What is noted beside mistakes.
    #[track_caller]
    pub(super) fn notes(&self) -> Vec<String> {
        let mistakes = self.try_read().expect_err("the job can be read");
        mistakes.into_iter().filter_map(|one| one.note).collect()
    }

    /// The ways out of every mistake.
    #[track_caller]
    pub(super) fn help(&self) -> Vec<String> {
        let mistakes = self.try_read().expect_err("the job can be read");
        mistakes.into_iter().flat_map(|one| one.help).collect()
    }

    /// Exit code and output of the job in a folder of its own that holds `sub/file`.
    #[track_caller]
    pub(super) fn run(&self) -> (i32, String) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("sub")).unwrap();
        std::fs::write(folder.path().join("sub/file"), "below\n").unwrap();
        std::fs::write(folder.path().join("build.env"), "VERSION=7\nPLACE = from build\n").unwrap();
        self.run_in(folder.path())
    }

    #[track_caller]
    pub(super) fn run_in(&self, folder: &Path) -> (i32, String) {
        let command = self.read().command();
        let mut shell = Command::new(&command[0]);
        shell.args(&command[1..]).current_dir(folder).env_clear().env("PATH", "/usr/bin:/bin");
        let output = shell.envs(&self.around).envs(&self.variables).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap(), String::from_utf8(said).unwrap())
    }
}

/// What a scenario would give to a job.
pub(super) fn on_main() -> Value {
    json!({ "ref": "refs/heads/main", "sha": "abc", "repository": "us/shop" })
}

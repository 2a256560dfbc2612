//! Jobs of delivery pipelines, as the one shell script that they are: what is drilled is then what will run.

mod expression;
mod github;
mod gitlab;
mod reading;
mod script;
#[cfg(test)]
mod testing;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::diagnostic::{Diagnostic, Place, Source};
use crate::files::Files;

/// A job to be read, and what the scenario says of it.
#[derive(Clone, Copy)]
pub struct Request<'r> {
    /// The pipeline's file.
    pub source: &'r Arc<Source>,
    /// Where that file is.
    pub path: &'r Path,
    /// Where the files are that it brings in.
    pub files: &'r dyn Files,
    /// The job's name; `caller/job` for one of several jobs in a workflow that the caller uses.
    pub job: &'r str,
    /// Values of GitHub's contexts, by the name of the context: `inputs`, `github`, `needs`, `matrix`.
    pub given: &'r BTreeMap<String, Value>,
    /// The service that stands for the pipeline's runner.
    pub service: &'r str,
    /// The variables of that service.
    pub around: &'r BTreeMap<String, String>,
    /// The variables that the scenario adds: those of the project and of the pipeline.
    pub variables: &'r BTreeMap<String, String>,
    /// What is passed over.
    pub skip: &'r [Skip],
}

/// A step that is passed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skip {
    /// Its name, its `id` or its action.
    pub step: String,
    /// Why that is right.
    pub because: String,
    /// What it would have handed on.
    pub outputs: BTreeMap<String, String>,
}

/// A job of a pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// The shell, with its options up to and with `-c`.
    pub shell: Vec<String>,
    /// The job.
    pub script: String,
    /// What the script is given: its own name and what the pipeline's runner does around it.
    pub arguments: Vec<String>,
    /// How long it may take, where the pipeline says it.
    pub timeout: Option<Duration>,
    /// What of the job is not run, with the reason.
    pub passed_over: Vec<PassedOver>,
    /// The other files that were read.
    pub sources: Vec<Arc<Source>>,
    /// Which of the request's `skip` no step is called.
    pub unused: Vec<usize>,
    /// What could be passed over.
    pub names: Vec<String>,
}

impl Job {
    /// The whole command.
    pub fn command(&self) -> Vec<String> {
        self.shell.iter().chain([&self.script]).chain(&self.arguments).cloned().collect()
    }
}

/// A part of a job that is not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassedOver {
    /// What it is called.
    pub what: String,
    /// Why it is not run.
    pub because: String,
    /// Where it is written.
    pub at: Place,
}

/// Reads a job of a pipeline's file: GitHub Actions where the file has `jobs`, else GitLab CI.
///
/// # Errors
/// What is wrong with the file, and everything that the job asks for that cannot be had here.
pub fn read(request: Request<'_>) -> Result<Job, Vec<Diagnostic>> {
    let mut reading = reading::Reading::new(request);
    let (head, root) = gitlab::parse(request.source)?;
    let job = if root.get("jobs").is_some() {
        github::job(&mut reading, &root)
    } else {
        gitlab::job(&mut reading, head.as_ref(), root)
    };
    reading.finish(job)
}

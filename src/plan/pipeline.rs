//! `job` steps: a job of a delivery pipeline, run in a service that stands for the pipeline's runner.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::context::{Context, hex};
use super::model::{Action, PassedOver};
use crate::pipeline::{self, Job, Request, Skip};
use crate::scenario::step::{Given, JobStep, Scalar, SkippedStep};

/// What a step comes to.
pub(super) struct Resolved {
    pub(super) title: String,
    pub(super) action: Action,
    /// How long it may take, where a pipeline says it.
    pub(super) timeout: Option<Duration>,
    /// What of a pipeline's job is not run.
    pub(super) passed_over: Vec<PassedOver>,
}

/// Resolves a `job` step.
pub(super) fn step(context: &mut Context<'_>, at: &str, step: &JobStep) -> Option<Resolved> {
    if !context.service(&format!("{at}.service"), &step.service) {
        return None;
    }
    let source = context.text(&format!("{at}.file"), &step.file)?;
    let around = context.project.services[&step.service].environment.clone();
    let environment = texts(&step.env);
    let given = given(&step.given);
    let skip: Vec<Skip> = step.skip.iter().map(skip).collect();
    let read = pipeline::read(Request {
        source: &source,
        path: &context.folder.join(&step.file),
        files: context.files,
        job: &step.job,
        given: &given,
        service: &step.service,
        around: &around,
        variables: &environment,
        skip: &skip,
    });
    let job = match read {
        Ok(job) => job,
        Err(mistakes) => {
            context.mistakes.extend(mistakes);
            return None;
        }
    };
    unused(context, at, step, &job);
    for source in &job.sources {
        let digest = Sha256::digest(source.text.as_bytes());
        context.digests.insert(source.name.clone(), hex(&digest));
    }
    let title = format!("job {} of {} in {}", step.job, step.file, step.service);
    let command = Some(job.command());
    let action = Action::Run { service: step.service.clone(), command, environment };
    let passed_over = job.passed_over.into_iter().map(passed_over).collect();
    Some(Resolved { title, action, timeout: job.timeout, passed_over })
}

/// The contexts of which anything is given, by their names.
fn given(given: &Given) -> BTreeMap<String, Value> {
    let Given { inputs, github, needs, matrix, runner, strategy } = given;
    let named = [
        ("inputs", inputs),
        ("github", github),
        ("needs", needs),
        ("matrix", matrix),
        ("runner", runner),
        ("strategy", strategy),
    ];
    let said = named.into_iter().filter(|(_, values)| !values.is_empty());
    said.map(|(name, values)| (name.to_owned(), values.clone().into_iter().collect())).collect()
}

fn passed_over(it: pipeline::PassedOver) -> PassedOver {
    PassedOver { what: it.what, because: it.because, at: it.at }
}

fn skip(step: &SkippedStep) -> Skip {
    Skip { step: step.step.clone(), because: step.because.clone(), outputs: texts(&step.outputs) }
}

/// Something that is to be skipped and that the job does not have.
fn unused(context: &mut Context<'_>, at: &str, step: &JobStep, job: &Job) {
    for number in &job.unused {
        let name = &step.skip[*number].step;
        let mistake = context.spot(&format!("{at}.skip.{number}.step"));
        let mistake = mistake.mistake(format!("there is no step `{name}` in the job `{}`", step.job));
        context.mistakes.push(mistake.suggest(name, job.names.iter().map(String::as_str)));
    }
}

fn texts(scalars: &BTreeMap<String, Scalar>) -> BTreeMap<String, String> {
    scalars.iter().map(|(name, value)| (name.clone(), value.0.clone())).collect()
}

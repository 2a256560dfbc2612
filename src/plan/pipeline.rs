//! `job` steps: a job of a delivery pipeline, run in a service that stands for the pipeline's runner.

use std::collections::BTreeMap;

use super::context::Context;
use super::model::Action;
use crate::pipeline;
use crate::scenario::step::JobStep;

/// Resolves a `job` step.
pub(super) fn step(context: &mut Context<'_>, at: &str, step: &JobStep) -> Option<(String, Action)> {
    let known = context.service(&format!("{at}.service"), &step.service);
    let source = context.text(&format!("{at}.file"), &step.file)?;
    let job = match pipeline::read(&source, &step.job) {
        Ok(job) => job,
        Err(mistakes) => {
            context.mistakes.extend(mistakes);
            return None;
        }
    };
    let title = format!("job {} of {} in {}", step.job, step.file, step.service);
    let command = job.shell.into_iter().chain([job.script]).collect();
    let environment: BTreeMap<String, String> =
        step.env.iter().map(|(name, value)| (name.clone(), value.0.clone())).collect();
    known.then(|| (title, Action::Run { service: step.service.clone(), command: Some(command), environment }))
}

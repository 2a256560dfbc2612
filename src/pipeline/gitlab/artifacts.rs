//! What other jobs hand to a job (docs.gitlab.com/ci/yaml, `needs`, `dependencies`, `artifacts`): variables come from
//! their `dotenv` reports, files are those of the service.

use super::merge::Configuration;
use super::rules::Rules;
use crate::pipeline::reading::Reading;
use crate::yaml::{Node, Spot};

/// The stages of a pipeline that names none.
const STAGES: [&str; 3] = ["build", "test", "deploy"];

/// What a job gets from others.
#[derive(Debug, Default)]
pub(super) struct Handed {
    /// Files of variables, each with the job that writes it.
    pub(super) files: Vec<(String, String)>,
    /// Where it is written that the job gets files.
    pub(super) paths: Option<Spot>,
}

/// A job that hands something on, and where that is written.
struct Source {
    name: String,
    spot: Spot,
    /// Whether the pipeline may be without it.
    optional: bool,
}

/// What a job gets from the jobs before it.
pub(super) fn of(
    reading: &mut Reading<'_>,
    configuration: &Configuration<'_>,
    job: &Node,
    name: &str,
    rules: &Rules,
) -> Handed {
    let mut handed = Handed::default();
    let needs = rules.needs.as_ref().or_else(|| job.get("needs"));
    let sources = match (job.get("dependencies"), needs) {
        (Some(dependencies), _) => listed(reading, dependencies),
        (None, Some(needs)) => listed(reading, needs),
        (None, None) => before(reading, configuration, job, name),
    };
    for source in sources {
        one(reading, configuration, &source, &mut handed);
    }
    handed
}

fn one(reading: &mut Reading<'_>, configuration: &Configuration<'_>, source: &Source, handed: &mut Handed) {
    let is_job = configuration.jobs().any(|job| job == source.name);
    let job = if is_job { configuration.job(reading, &source.name) } else { None };
    let artifacts = job.as_ref().and_then(|job| job.get("artifacts"));
    let dotenv = artifacts.and_then(|artifacts| artifacts.get("reports")?.get("dotenv"));
    if (is_job || source.optional) && artifacts.is_none() {
        return;
    }
    if let Some(skip) = reading.skip(&[&source.name]) {
        let what = format!("artifacts of {}", source.name);
        reading.pass_over(&source.spot, what, skip.because.clone());
        return;
    }
    if !is_job {
        let help =
            format!("skip it by name with a reason: `skip: [ {{ step: \"{}\", because: … }} ]`", source.name);
        let message = format!("what `{}` hands on is not known here: there is no such job", source.name);
        reading.obstacle(&source.spot, message, help);
        return;
    }
    let files = dotenv
        .into_iter()
        .flat_map(|files| files.text().into_iter().chain(files.items().iter().filter_map(Node::text)));
    handed.files.extend(files.map(|file| (file.to_owned(), source.name.clone())));
    if artifacts.is_some_and(|artifacts| artifacts.get("paths").is_some()) {
        handed.paths = Some(source.spot.clone());
        let because = format!("the files of `{}` stand for them", reading.request.service);
        reading.pass_over(&source.spot, format!("artifacts of {}", source.name), because);
    }
}

/// The jobs that `needs` or `dependencies` name, but for those of which nothing is taken.
fn listed(reading: &mut Reading<'_>, list: &Node) -> Vec<Source> {
    let mut sources = Vec::new();
    for item in list.items() {
        let flag = |key: &str| item.get(key).and_then(Node::text);
        if flag("artifacts") == Some("false") {
            continue;
        }
        let optional = flag("optional") == Some("true");
        let name = item.text().or_else(|| flag("job"));
        if let Some(elsewhere) = flag("project").or_else(|| flag("pipeline")) {
            from_elsewhere(reading, item, elsewhere, name);
        } else if let Some(name) = name {
            sources.push(Source { name: name.to_owned(), spot: item.spot.clone(), optional });
        }
    }
    sources
}

fn from_elsewhere(reading: &mut Reading<'_>, item: &Node, elsewhere: &str, name: Option<&str>) {
    if let Some(skip) = reading.skip(&[elsewhere, name.unwrap_or_default()]) {
        reading.pass_over(&item.spot, format!("artifacts of {elsewhere}"), skip.because.clone());
        return;
    }
    let help = format!("skip it by name with a reason: `skip: [ {{ step: \"{elsewhere}\", because: … }} ]`");
    reading.obstacle(&item.spot, format!("what `{elsewhere}` hands on is not known here"), help);
}

/// The jobs of the stages before, where a job names none.
fn before(
    reading: &mut Reading<'_>,
    configuration: &Configuration<'_>,
    job: &Node,
    name: &str,
) -> Vec<Source> {
    let stages = configuration.top(reading, "stages");
    let stages: Vec<String> = match &stages {
        Some(stages) => stages.items().iter().filter_map(Node::text).map(str::to_owned).collect(),
        None => STAGES.map(str::to_owned).to_vec(),
    };
    let rank = |job: &Node| match job.get("stage").and_then(Node::text).unwrap_or("test") {
        ".pre" => Some(0),
        ".post" => Some(stages.len() + 1),
        stage => stages.iter().position(|known| known == stage).map(|at| at + 1),
    };
    let own = rank(job);
    let names: Vec<&str> = configuration.jobs().filter(|other| *other != name).collect();
    let mut sources = Vec::new();
    for other in names {
        let Some(node) = configuration.quietly(other) else { continue };
        if rank(&node) < own && node.get("artifacts").is_some() {
            sources.push(Source { name: other.to_owned(), spot: job.spot.clone(), optional: true });
        }
    }
    sources
}

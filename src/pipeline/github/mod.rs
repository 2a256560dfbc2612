//! GitHub Actions (docs.github.com/actions, *Workflow syntax*): a job with its steps, the local actions and workflows
//! that it uses, its conditions, and the files by which steps hand something on.

mod actions;
mod contexts;
mod inputs;
mod job;
mod shells;
mod steps;
mod values;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use contexts::{Lookup, Scope};
use values::Values;

use super::Job;
use super::expression::Term;
use super::reading::{Reading, inside};
use crate::yaml::{Entry, Node};

/// What GitHub's runner does around the steps.
const RUNNER: &str = include_str!("runner.sh");
/// How deep workflows may use each other, as at GitHub.
const DEPTH: usize = 10;

/// A workflow of which one job is read.
struct Workflow<'n> {
    root: &'n Node,
    /// The job's name in it.
    job: String,
    /// The inputs that are set: from the scenario, from a workflow around it, or by their defaults.
    inputs: contexts::Inputs,
    /// What a workflow around it hands over as secrets; none where all of the service's are at hand.
    secrets: Option<BTreeMap<String, Term>>,
    /// What has started it, as far as the file says it.
    events: Vec<String>,
    /// Variables of the service that inputs and secrets are made of.
    handed: BTreeSet<String>,
}

/// Reads a job.
pub(super) fn job(reading: &mut Reading<'_>, root: &Node) -> Option<Job> {
    let mut names = reading.request.job.split('/').map(str::trim);
    let job = names.next().unwrap_or_default().to_owned();
    let inputs = inputs::from_scenario(reading, root);
    let (events, handed) = (inputs::events(root), BTreeSet::new());
    let workflow = Workflow { root, job, inputs, secrets: None, events, handed };
    let rest: Vec<&str> = names.collect();
    called(reading, &workflow, &rest, 0)
}

/// A job of a workflow, or of the workflow that it uses.
fn called(reading: &mut Reading<'_>, workflow: &Workflow<'_>, rest: &[&str], depth: usize) -> Option<Job> {
    let node = named(reading, workflow.root, &workflow.job)?;
    let Some(uses) = node.get("uses") else {
        if let [name, ..] = rest {
            let message = format!("the job `{}` uses no other workflow, so it has no `{name}`", workflow.job);
            reading.wrong(node.spot.mistake(message));
        }
        return job::write(reading, workflow, node);
    };
    job::conditions(reading, workflow, node);
    let named = node.get("secrets").is_some_and(|secrets| secrets.text() != Some("inherit"));
    reading.expects(node, if named { &["secrets", "with"] } else { &["with"] }, &[]);
    let path = uses.text().unwrap_or_default();
    let Some(local) = path.strip_prefix("./").filter(|_| depth < DEPTH) else {
        let help = "drill the job in that repository's file, or copy the file";
        reading.obstacle(&uses.spot, format!("the workflow `{path}` is not in this repository"), help);
        return None;
    };
    let at = reading.repository(".github").join(local);
    let root = reading.open(&at, &uses.spot)?;
    let job = chosen(reading, node, &root, rest.first().copied())?;
    let inner = handed_on(reading, workflow, node, (&root, job));
    called(reading, &inner, rest.get(1..).unwrap_or_default(), depth + 1)
}

fn named<'n>(reading: &mut Reading<'_>, root: &'n Node, name: &str) -> Option<&'n Node> {
    let jobs = root.get("jobs")?;
    let found = jobs.get(name);
    if found.is_none() {
        let known = jobs.entries().iter().map(|entry| entry.key.as_str());
        let mistake = jobs.spot.mistake(format!("there is no job `{name}` in {}", jobs.spot.source.name));
        reading.wrong(mistake.suggest(name, known));
    }
    found
}

/// The job of a workflow that is used: the one that is named, or the only one.
fn chosen(reading: &mut Reading<'_>, node: &Node, root: &Node, named: Option<&str>) -> Option<String> {
    let jobs: Vec<&str> = root.get("jobs")?.entries().iter().map(|entry| entry.key.as_str()).collect();
    match (named, &jobs[..]) {
        (Some(name), _) => Some(name.to_owned()),
        (None, [only]) => Some((*only).to_owned()),
        (None, _) => {
            let name = &reading.request.job;
            let help = format!(
                "say which is drilled: {}",
                jobs.iter().map(|job| format!("`{name}/{job}`")).collect::<Vec<_>>().join(", ")
            );
            let message = format!("the workflow that `{name}` uses has {} jobs", jobs.len());
            let spot = node.get("uses").map_or(&node.spot, |uses| &uses.spot).clone();
            reading.obstacle(&spot, message, help);
            None
        }
    }
}

/// The workflow that a job uses, with the inputs and secrets that it hands over.
fn handed_on<'n>(
    reading: &mut Reading<'_>,
    workflow: &Workflow<'_>,
    node: &Node,
    (root, job): (&'n Node, String),
) -> Workflow<'n> {
    let scope = Scope::default();
    let lookup = Lookup::new(reading.request, workflow, &scope);
    let mut values = Values { reading, lookup: &lookup };
    let mut given = BTreeMap::new();
    for entry in node.get("with").into_iter().flat_map(Node::entries) {
        // What is in the way of a value is noted already.
        let term = values.typed(&entry.value).unwrap_or(Term::Unknown);
        given.insert(entry.key.to_lowercase(), term);
    }
    let secrets = match node.get("secrets") {
        Some(inherit) if inherit.text() == Some("inherit") => workflow.secrets.clone(),
        secrets => {
            let entries = secrets.into_iter().flat_map(Node::entries);
            let secret = |entry: &Entry| Some((entry.key.to_lowercase(), values.term(&entry.value)?));
            Some(entries.filter_map(secret).collect())
        }
    };
    let inputs = inputs::declared(root, &["workflow_call"], given);
    let handed = workflow.handed.union(&lookup.handed()).cloned().collect();
    Workflow { root, job, inputs, secrets, events: workflow.events.clone(), handed }
}

/// The keys of a mapping that nobody here has decided about.
fn unknown_keys(reading: &mut Reading<'_>, node: &Node, what: &str, known: &[&str]) {
    for entry in node.entries().iter().filter(|entry| !known.contains(&entry.key.as_str())) {
        let help = "leave it out, or drill the commands with `run` steps";
        reading.obstacle(&entry.key_spot, format!("`{}` of a {what} is not known here", entry.key), help);
    }
}

/// A text with one of GitHub's old commands in it.
const COMMANDS: [&str; 4] = ["::set-output", "::set-env", "::add-path", "::save-state"];

/// Notes what a script prints for GitHub to act on, and would be printed in vain here.
fn old_commands(reading: &mut Reading<'_>, run: &Node) {
    let text = run.text().unwrap_or_default();
    for command in COMMANDS.iter().filter(|command| text.contains(**command)) {
        let help = "write to \"$GITHUB_OUTPUT\", \"$GITHUB_ENV\" or \"$GITHUB_PATH\"";
        reading.obstacle(
            &inside(run, command),
            format!("`{command}` is an old command, and not heard here"),
            help,
        );
    }
}

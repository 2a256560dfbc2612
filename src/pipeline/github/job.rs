//! A job: what holds for all of its steps.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use super::contexts::{Lookup, Scope};
use super::steps::Writer;
use super::values::Values;
use super::{RUNNER, Workflow, unknown_keys};
use crate::pipeline::expression::{Piece, Term, pieces, quoted, shown, truthy};
use crate::pipeline::reading::Reading;
use crate::pipeline::script::{Script, is_name, literal};
use crate::pipeline::{Job, Request};
use crate::yaml::{Entry, Node};

const KEYS: [&str; 19] = [
    "concurrency",
    "container",
    "continue-on-error",
    "defaults",
    "env",
    "environment",
    "if",
    "name",
    "needs",
    "outputs",
    "permissions",
    "runs-on",
    "secrets",
    "services",
    "steps",
    "strategy",
    "timeout-minutes",
    "uses",
    "with",
];

/// Writes a job as a script.
pub(super) fn write(reading: &mut Reading<'_>, workflow: &Workflow<'_>, node: &Node) -> Option<Job> {
    conditions(reading, workflow, node);
    stand_ins(reading, node);
    reading.expects(workflow.root, &["defaults", "env"], &[]);
    reading.expects(node, &["defaults", "env", "services"], &["steps"]);
    if let Some(container) = node.get("container").filter(|container| container.text().is_none()) {
        reading.expects(container, &["env"], &[]);
    }
    let steps = node.get("steps").filter(|steps| !steps.items().is_empty());
    let Some(steps) = steps else {
        let message = format!("the job `{}` has no `steps`", workflow.job);
        reading.wrong(node.spot.mistake(message));
        return None;
    };
    let shell = default_shell(reading, node);
    let mut writer = Writer::new(reading, workflow, node, shell);
    variables(&mut writer, node);
    let mut scope = Scope::default();
    writer.steps(steps.items(), &mut scope);
    let goes_on = goes_on(&mut writer, node);
    writer.script.line(&format!("finish {goes_on}"));
    if writer.ran == 0 {
        let message = format!("nothing of the job `{}` is left to run", workflow.job);
        let help = "put what takes a release back into `run` commands: those can be drilled";
        writer.reading.obstacle(&steps.spot, message, help);
    }
    let body = writer.script;
    let handed = writer.handed;
    let script = header(reading.request, workflow, &handed, &body);
    let shell = ["bash", "--noprofile", "--norc", "-c"].map(str::to_owned).to_vec();
    let arguments = vec!["job".to_owned(), RUNNER.to_owned()];
    let timeout = timeout(reading, node);
    Some(Job {
        shell,
        script: script.text(),
        arguments,
        timeout,
        passed_over: Vec::new(),
        sources: Vec::new(),
        unused: Vec::new(),
        names: Vec::new(),
    })
}

/// Whether the job would run at all, and whether it is one job.
pub(super) fn conditions(reading: &mut Reading<'_>, workflow: &Workflow<'_>, node: &Node) {
    unknown_keys(reading, node, "job", &KEYS);
    if let Some(condition) = node.get("if") {
        let scope = Scope::default();
        let mut lookup = Lookup::new(reading.request, workflow, &scope);
        lookup.before = true;
        let text = condition.text().unwrap_or_default().trim();
        let inner = match pieces(text)[..] {
            [Piece::Expression { inside, .. }] => inside,
            _ => text,
        };
        let term = Values { reading, lookup: &lookup }.expression(condition, inner);
        if term.truth() == Some(false) {
            let help = "drill a job that would run, or change what is `given`";
            let message = format!(
                "the pipeline would not run `{}`: its `if` is false with what is given",
                workflow.job
            );
            reading.obstacle(&condition.spot, message, help);
        }
    }
    let matrix = node.get("strategy").and_then(|strategy| strategy.get("matrix"));
    if let Some(matrix) = matrix.filter(|_| !reading.request.given.contains_key("matrix")) {
        let keys: Vec<&str> = matrix.entries().iter().map(|entry| entry.key.as_str()).collect();
        let keys: Vec<String> = keys
            .iter()
            .filter(|key| !["include", "exclude"].contains(key))
            .map(|key| format!("{key}: …"))
            .collect();
        let help = format!("say which is drilled: `given: {{ matrix: {{ {} }} }}`", keys.join(", "));
        reading.obstacle(&matrix.spot, "the job runs once for each combination of its matrix", help);
    }
}

/// What the scenario's services stand for.
fn stand_ins(reading: &mut Reading<'_>, node: &Node) {
    let service = reading.request.service;
    if let Some(container) = node.entry("container") {
        let because = format!("the service `{service}` stands for it");
        reading.pass_over(&container.key_spot, "container", because);
    }
    for entry in node.get("services").into_iter().flat_map(Node::entries) {
        let what = format!("service {}", entry.key);
        reading.pass_over(&entry.key_spot, what, "the scenario's own services stand for it");
    }
}

/// The shell of steps that name none.
fn default_shell(reading: &mut Reading<'_>, node: &Node) -> &'static str {
    let runner = node.get("runs-on").map(|runner| format!("{:?}", runner.to_json())).unwrap_or_default();
    if runner.to_lowercase().contains("windows") {
        let spot = node.get("runs-on").map_or(&node.spot, |runner| &runner.spot).clone();
        let help = "only what runs on Linux can be drilled";
        reading.obstacle(&spot, "the job runs on Windows", help);
    }
    if node.get("container").is_some() { "sh" } else { "bash -e" }
}

/// The variables of the workflow, of the job's container and of the job.
fn variables(writer: &mut Writer<'_, '_>, node: &Node) {
    let scope = Scope::default();
    let container = node.get("container");
    let held = [Some(writer.workflow.root), container, Some(node)];
    for entry in held.into_iter().flatten().filter_map(|node| node.get("env")).flat_map(Node::entries) {
        if let Some((name, term)) = variable(writer, &scope, entry) {
            writer.script.export(&name, &quoted(&term));
            writer.variables.insert(name);
        }
    }
}

/// A variable and its value.
pub(super) fn variable(writer: &mut Writer<'_, '_>, scope: &Scope, entry: &Entry) -> Option<(String, Term)> {
    if !is_name(&entry.key) {
        let message = format!("`{}` is no variable of a shell", entry.key);
        writer.reading.obstacle(&entry.key_spot, message, "give it a name of letters, digits and `_`");
        return None;
    }
    let term = writer.with_values(scope, |values| values.term(&entry.value))?;
    Some((entry.key.clone(), term))
}

/// Whether the workflow goes on where the job fails.
fn goes_on(writer: &mut Writer<'_, '_>, node: &Node) -> String {
    let Some(goes_on) = node.get("continue-on-error") else { return "false".to_owned() };
    let scope = Scope::default();
    writer.with_values(&scope, |values| values.word(goes_on)).unwrap_or_default()
}

fn timeout(reading: &mut Reading<'_>, node: &Node) -> Option<Duration> {
    let minutes = node.get("timeout-minutes")?;
    let read = minutes.text().and_then(|text| text.parse::<u64>().ok());
    if read.is_none() {
        let help = "say `timeout` beside `job` in the scenario, and the number of minutes here";
        reading.obstacle(&minutes.spot, "not a number of minutes", help);
    }
    read.map(|minutes| Duration::from_secs(minutes * 60))
}

/// What stands before the steps.
fn header(request: Request<'_>, workflow: &Workflow<'_>, handed: &BTreeSet<String>, body: &Script) -> Script {
    let mut script = Script::default();
    script.line(&format!(
        "# The job {} of {}, as GitHub Actions runs it; $1 is its runner.",
        workflow.job, request.source.name
    ));
    script.line("eval \"$1\"");
    if !handed.is_empty() {
        script.line("# Secrets and variables of the project: a step sees those that the job hands to it.");
    }
    for name in handed {
        script.line(&format!("handed_{name}=${{{name}-}}; unset {name}"));
    }
    script.export("GITHUB_JOB", &literal(&workflow.job));
    for (name, value) in known(request, workflow) {
        script.export(&format!("GITHUB_{}", name.to_uppercase()), &literal(&value));
    }
    script.add(body);
    script
}

/// What is known of the run, by the names of the context `github`.
pub(super) fn known(request: Request<'_>, workflow: &Workflow<'_>) -> Vec<(String, String)> {
    let given = request.given.get("github").and_then(Value::as_object).into_iter().flatten();
    let scalar = |value: &Value| !value.is_object() && !value.is_array();
    let given = given.filter(|(name, value)| scalar(value) && is_name(name) && *name != "token");
    let mut known: Vec<(String, String)> = given.map(|(name, value)| (name.clone(), shown(value))).collect();
    let scope = Scope::default();
    let lookup = Lookup::new(request, workflow, &scope);
    for name in ["event_name", "ref_name", "ref_type", "repository_owner", "workflow"] {
        use crate::pipeline::expression::Contexts;
        if known.iter().any(|(known, _)| known == name) {
            continue;
        }
        if let Ok(Term::Known(value)) = lookup.look_up("github", &[name.to_owned()]) {
            known.extend(truthy(&value).then(|| (name.to_owned(), shown(&value))));
        }
    }
    known
}

//! GitLab CI (docs.gitlab.com/ci/yaml): a job with the files that the pipeline includes, what it extends and refers
//! to, its defaults, variables and rules, its scripts, and the variables that other jobs hand to it.

mod artifacts;
mod conditions;
mod include;
mod inputs;
mod merge;
mod rules;
mod unset;
mod variables;

#[cfg(test)]
mod tests;

use std::time::Duration;

pub(super) use inputs::parse;
use merge::Configuration;
use variables::Variables;

use super::Job;
use super::reading::{Reading, inside};
use super::script::{Script, asked_for, literal};
use crate::yaml::{Node, Value};

/// What GitLab's runner does around a job.
const RUNNER: &str = include_str!("runner.sh");

/// Keys at the top that are not jobs.
const GLOBAL: [&str; 12] = [
    "after_script",
    "before_script",
    "cache",
    "default",
    "image",
    "include",
    "services",
    "spec",
    "stages",
    "types",
    "variables",
    "workflow",
];
/// Keys of a job that are read, or that only say when, where and after what it runs.
const KEYS: [&str; 35] = [
    "after_script",
    "allow_failure",
    "artifacts",
    "before_script",
    "cache",
    "coverage",
    "dependencies",
    "environment",
    "except",
    "extends",
    "id_tokens",
    "image",
    "inherit",
    "interruptible",
    "manual_confirmation",
    "needs",
    "only",
    "pages",
    "parallel",
    "publish",
    "release",
    "resource_group",
    "retry",
    "rules",
    "script",
    "secrets",
    "services",
    "stage",
    "start_in",
    "tags",
    "timeout",
    "trigger",
    "variables",
    "when",
    "dast_configuration",
];

/// Reads a job.
pub(super) fn job(reading: &mut Reading<'_>, head: Option<&Node>, root: Node) -> Option<Job> {
    let name = reading.request.job;
    let given = reading.request.given.get("inputs").and_then(|inputs| inputs.as_object());
    let given = given.into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())).collect();
    let root = inputs::filled_in(reading, head, root, &given);
    let root = include::whole(reading, &root);
    let configuration = Configuration::new(&root);
    let known: Vec<&str> = configuration.jobs().collect();
    if !known.contains(&name) {
        let mistake = root.spot.mistake(format!("there is no job `{name}` in {}", root.spot.source.name));
        reading.wrong(mistake.suggest(name, known));
        return None;
    }
    let job = configuration.job(reading, name)?;
    reading.expects(&root, &["default", "variables", "workflow"], &["stages"]);
    let mappings = ["artifacts", "id_tokens", "inherit", "secrets", "variables"];
    reading.expects(&job, &mappings, &["dependencies", "needs", "rules"]);
    let defaults = configuration.defaults(reading, &job);
    let rules = rules::of(reading, &configuration, &job);
    let variables = Variables::of(reading, &configuration, &job, &rules);
    looked_at(reading, &job, &defaults);
    let handed = artifacts::of(reading, &configuration, &job, name, &rules);
    let mut script = header(reading, name, &job);
    variables.write(reading, &mut script, &handed);
    let main = merge::own(&job, "script").filter(|script| !script.is_null());
    let Some(main) = main else {
        let help = "a job that only triggers others cannot be drilled by itself";
        reading.obstacle(&job.spot, format!("the job `{name}` has no `script`"), help);
        return None;
    };
    let before = merge::own(&job, "before_script").or_else(|| defaults.get("before_script"));
    let after = merge::own(&job, "after_script").or_else(|| defaults.get("after_script"));
    let text =
        [before, Some(main)].into_iter().flatten().map(|node| commands(reading, node)).collect::<String>();
    script.reading("commands script", &text);
    if let Some(text) = after.map(|after| commands(reading, after)).filter(|text| !text.is_empty()) {
        script.reading("commands after_script", &text);
    }
    for node in [before, Some(main), after].into_iter().flatten() {
        names_of_gitlab(reading, &variables, node);
        if handed.files.is_empty() {
            unset::note(reading, &variables, &text, node);
        }
    }
    let allowed = rules.allow_failure.as_ref().or_else(|| merge::own(&job, "allow_failure"));
    script.line(format!("finish {}", allowed.map(exit_codes).unwrap_or_default()).trim_end());
    let timeout = merge::own(&job, "timeout").or_else(|| defaults.get("timeout"));
    Some(Job {
        shell: ["bash", "--noprofile", "--norc", "-c"].map(str::to_owned).to_vec(),
        script: script.text(),
        arguments: vec!["job".to_owned(), RUNNER.to_owned()],
        timeout: timeout.and_then(|timeout| duration(reading, timeout)),
        passed_over: Vec::new(),
        sources: Vec::new(),
        unused: Vec::new(),
        names: Vec::new(),
    })
}

/// What stands before the variables.
fn header(reading: &Reading<'_>, name: &str, job: &Node) -> Script {
    let mut script = Script::default();
    let file = &reading.request.source.name;
    script.line(&format!("# The job {name} of {file}, as GitLab runs it; $1 is its runner."));
    script.line("eval \"$1\"");
    let stage = job.get("stage").and_then(Node::text).unwrap_or("test");
    for (variable, value) in [("CI_JOB_NAME", name), ("CI_JOB_STAGE", stage)] {
        if !reading.request.variables.contains_key(variable) {
            script.export(variable, &literal(value));
        }
    }
    script
}

/// What of a job and its defaults is not run: refused, or passed over with its reason.
fn looked_at(reading: &mut Reading<'_>, job: &Node, defaults: &Node) {
    for entry in job.entries().iter().filter(|entry| !KEYS.contains(&entry.key.as_str())) {
        let help = "leave it out, or drill the commands with `script`";
        reading.obstacle(&entry.key_spot, format!("`{}` of a job is not known here", entry.key), help);
    }
    let of =
        |key: &str| job.entry(key).or_else(|| defaults.entry(key)).filter(|entry| !entry.value.is_null());
    if let Some(entry) = of("hooks") {
        reading.obstacle(
            &entry.key_spot,
            "`hooks` are not run here",
            "put their commands into `before_script`",
        );
    }
    if let Some(entry) = of("trigger") {
        let help = "drill the jobs of the pipeline that it starts";
        reading.obstacle(&entry.key_spot, "the job starts another pipeline", help);
    }
    if let Some(entry) = of("when").filter(|entry| entry.value.text() == Some("never")) {
        reading.obstacle(
            &entry.value.spot,
            "the pipeline would never run this job",
            "drill one that it runs",
        );
    }
    if let Some(entry) = of("release") {
        match reading.skip(&["release"]) {
            Some(skip) => reading.pass_over(&entry.key_spot, "release", skip.because.clone()),
            None => {
                let help = "say why it may be left out: `skip: [ { step: release, because: … } ]`";
                reading.obstacle(&entry.key_spot, "only GitLab itself makes a `release`", help);
            }
        }
    }
    if let Some(entry) = of("services").filter(|entry| !entry.value.items().is_empty()) {
        reading.pass_over(&entry.key_spot, "services", "the scenario's own services stand for them");
    }
    if let Some(entry) = of("retry").filter(|entry| entry.value.text() != Some("0")) {
        reading.pass_over(&entry.key_spot, "retry", "the first try is drilled");
    }
}

/// A command, a list of them, or lists inside lists, each on lines of its own.
fn commands(reading: &mut Reading<'_>, node: &Node) -> String {
    match &node.value {
        Value::Scalar { .. } if node.is_null() => String::new(),
        Value::Scalar { text, .. } => format!("{}\n", text.trim_end_matches('\n')),
        Value::Sequence(items) => items.iter().map(|item| commands(reading, item)).collect(),
        Value::Mapping(_) => {
            let help = "put it in quotes: a `: ` in it makes it a mapping";
            reading.obstacle(&node.spot, "a command is a text", help);
            String::new()
        }
    }
}

/// Variables that GitLab sets, that a script asks for and that nobody has said.
fn names_of_gitlab(reading: &mut Reading<'_>, variables: &Variables, node: &Node) {
    for item in node.items() {
        names_of_gitlab(reading, variables, item);
    }
    for name in node.text().into_iter().flat_map(asked_for) {
        let is_gitlabs = name.starts_with("CI_") || name.starts_with("GITLAB_");
        if is_gitlabs && name != "CI_JOB_STATUS" && !variables.is_known(reading, name) {
            let help = format!("set `{name}` under `env` beside `job`");
            reading.obstacle(&inside(node, name), format!("`${name}` is not known here"), help);
        }
    }
}

/// With which exit codes the pipeline goes on.
fn exit_codes(allowed: &Node) -> String {
    let codes = allowed.get("exit_codes");
    let several = codes.into_iter().flat_map(|codes| codes.items()).filter_map(Node::text);
    let codes: Vec<&str> = codes.and_then(Node::text).into_iter().chain(several).collect();
    match allowed.text() {
        Some("true") => "any".to_owned(),
        _ => codes.join(" "),
    }
}

/// `90m`, `1h 30m`, `3 hours 30 minutes`.
fn duration(reading: &mut Reading<'_>, node: &Node) -> Option<Duration> {
    let text = node.text().unwrap_or_default();
    let read = seconds(text);
    if read.is_none() {
        let help = "say it like `1h 30m`, or `timeout` beside `job` in the scenario";
        reading.obstacle(&node.spot, format!("`{text}` is no time"), help);
    }
    read.map(Duration::from_secs)
}

fn seconds(text: &str) -> Option<u64> {
    let mut seconds = 0;
    let mut rest = text.trim();
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (number, behind) = rest.split_at(digits);
        let behind = behind.trim_start();
        let letters = behind.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(letters);
        let unit = match unit {
            "s" | "sec" | "secs" | "second" | "seconds" | "" => 1,
            "m" | "min" | "mins" | "minute" | "minutes" => 60,
            "h" | "hr" | "hrs" | "hour" | "hours" => 3600,
            "d" | "day" | "days" => 86400,
            "w" | "week" | "weeks" => 604_800,
            _ => return None,
        };
        seconds += number.parse::<u64>().ok()? * unit;
        rest = behind.trim_start_matches([' ', ',']).trim_start_matches("and ");
    }
    Some(seconds)
}

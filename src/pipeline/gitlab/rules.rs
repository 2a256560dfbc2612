//! `rules`: whether a job would run, and what the rule that holds brings to it.

use std::collections::BTreeSet;

use super::conditions::{Truth, holds};
use super::merge::Configuration;
use super::variables;
use crate::pipeline::reading::Reading;
use crate::yaml::{Node, Value};

/// What rules bring to a job.
#[derive(Debug, Default)]
pub(super) struct Rules {
    /// Variables of the pipeline, from `workflow`.
    pub(super) workflow: Option<Node>,
    /// Variables of the job.
    pub(super) variables: Option<Node>,
    /// Whether the pipeline goes on where the job fails.
    pub(super) allow_failure: Option<Node>,
    /// What the job needs.
    pub(super) needs: Option<Node>,
}

/// The rules that hold for a job.
pub(super) fn of(reading: &mut Reading<'_>, configuration: &Configuration<'_>, job: &Node) -> Rules {
    let global = configuration.top(reading, "variables");
    let workflow = configuration.top(reading, "workflow");
    let layers: Vec<&Node> = global.iter().chain(job.get("variables")).collect();
    let of_workflow = workflow.as_ref().and_then(|workflow| workflow.get("rules"));
    let of_workflow =
        of_workflow.and_then(|rules| that_holds(reading, &layers, rules, "there would be no pipeline"));
    let of_job = job
        .get("rules")
        .and_then(|rules| that_holds(reading, &layers, rules, "the pipeline would not run this job"));
    let of = |rule: &Option<Node>, key: &str| rule.as_ref().and_then(|rule| rule.get(key)).cloned();
    Rules {
        workflow: of(&of_workflow, "variables"),
        variables: of(&of_job, "variables"),
        allow_failure: of(&of_job, "allow_failure"),
        needs: of(&of_job, "needs"),
    }
}

/// Whether an include with rules is made.
pub(super) fn applies(reading: &mut Reading<'_>, root: &Node, rules: &Node) -> Truth {
    let layers: Vec<&Node> = root.get("variables").into_iter().collect();
    for rule in flat(rules) {
        let never = rule.get("when").and_then(Node::text) == Some("never");
        match truth(reading, &layers, rule) {
            Truth::No => {}
            Truth::Yes => return if never { Truth::No } else { Truth::Yes },
            open @ Truth::Unknown(_) => return open,
        }
    }
    Truth::No
}

/// Names for a sentence.
pub(super) fn listed(names: &BTreeSet<String>) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// The rule that holds. Where several may, any of them does if they bring the same: when a job runs is the scenario's
/// to say, so that a rule by which it never runs holds only where that is certain.
fn that_holds(reading: &mut Reading<'_>, layers: &[&Node], rules: &Node, otherwise: &str) -> Option<Node> {
    let mut possible: Vec<&Node> = Vec::new();
    let mut open = BTreeSet::new();
    for rule in flat(rules) {
        let truth = truth(reading, layers, rule);
        let never = rule.get("when").and_then(Node::text) == Some("never");
        if let Truth::Unknown(names) = &truth {
            open.extend(names.iter().cloned());
        }
        if truth != Truth::No && !never {
            possible.push(rule);
        }
        if truth == Truth::Yes {
            break;
        }
    }
    let Some(first) = possible.first() else {
        let message = format!("{otherwise}: no rule holds with what is known");
        reading.obstacle(&rules.spot, message, "change what is set under `env` beside `job`");
        return None;
    };
    if possible.iter().any(|rule| brings(rule) != brings(first)) {
        let message = "which rule holds is not known here, and they bring different things to the job";
        let help = format!("set {} under `env` beside `job`", listed(&open));
        reading.obstacle(&rules.spot, message, help);
    }
    Some((*first).clone())
}

/// What a rule brings to a job.
fn brings(rule: &Node) -> [Option<serde_json::Value>; 3] {
    ["variables", "allow_failure", "needs"].map(|key| rule.get(key).map(Node::to_json))
}

/// Rules, and those inside of lists that references brought.
fn flat(rules: &Node) -> Vec<&Node> {
    match &rules.value {
        Value::Sequence(items) => items.iter().flat_map(flat).collect(),
        Value::Mapping(_) => vec![rules],
        Value::Scalar { .. } => Vec::new(),
    }
}

fn truth(reading: &mut Reading<'_>, layers: &[&Node], rule: &Node) -> Truth {
    let files = rule.get("changes").is_some() || rule.get("exists").is_some();
    // Which files a commit changed is the scenario's to say, as when the job runs is.
    let files = if files { Truth::Unknown(BTreeSet::new()) } else { Truth::Yes };
    let Some(condition) = rule.get("if") else { return files };
    let text = condition.text().unwrap_or_default();
    let request = reading.request;
    match holds(text, &|name| variables::value(request, layers, name)) {
        Ok(truth) => truth.and(files),
        Err(why) => {
            let help = "see *CI/CD variable expressions* in GitLab's documentation";
            reading.obstacle(&condition.spot, format!("not a condition: {why}"), help);
            files
        }
    }
}

//! Variables: which of several of one name wins, what they refer to, and in which order they can be set.

use std::collections::BTreeSet;

use super::artifacts::Handed;
use super::merge::{Configuration, inherits};
use super::rules::Rules;
use crate::pipeline::Request;
use crate::pipeline::reading::Reading;
use crate::pipeline::script::{Script, inside_quotes, is_name, literal};
use crate::yaml::{Entry, Node, Spot, Value};

/// What GitLab's runner sets here for every job.
const SET: [&str; 6] = ["CI", "CI_JOB_NAME", "CI_JOB_STAGE", "CI_PROJECT_DIR", "CI_SERVER", "GITLAB_CI"];
/// How deep variables may refer to each other.
const DEPTH: usize = 20;

/// The variables of a job, each name once.
pub(super) struct Variables(Vec<Variable>);

struct Variable {
    name: String,
    text: String,
    /// Whether other variables are filled in.
    expands: bool,
    spot: Spot,
}

impl Variables {
    /// Those of the pipeline, of its rules, of the job and of the job's rules, the later ones winning.
    pub(super) fn of(
        reading: &mut Reading<'_>,
        configuration: &Configuration<'_>,
        job: &Node,
        rules: &Rules,
    ) -> Self {
        let mut variables = Self(Vec::new());
        variables.environment(job);
        let inherit = job.get("inherit").and_then(|inherit| inherit.get("variables"));
        let global = configuration.top(reading, "variables");
        let global = global.iter().flat_map(Node::entries).filter(|entry| inherits(inherit, &entry.key));
        let layers = [rules.workflow.as_ref(), job.get("variables"), rules.variables.as_ref()];
        for entry in global.chain(layers.into_iter().flatten().flat_map(Node::entries)) {
            if let Some(variable) = variable(reading, entry) {
                variables.set(variable);
            }
        }
        brought(reading, job);
        variables
    }

    /// Whether a variable has a value when the job runs.
    pub(super) fn is_known(&self, reading: &Reading<'_>, name: &str) -> bool {
        SET.contains(&name) || reading.is_handed_over(name) || self.0.iter().any(|known| known.name == name)
    }

    /// Writes them so that each is set after those that it refers to.
    pub(super) fn write(&self, reading: &mut Reading<'_>, script: &mut Script, handed: &Handed) {
        let outside: Vec<&str> = reading.request.variables.keys().map(String::as_str).collect();
        for (file, job) in &handed.files {
            let words = [literal(file), literal(job), literal(&outside.join(" "))];
            script.line(&format!("dotenv {}", words.join(" ")));
        }
        let mut written = BTreeSet::new();
        for variable in &self.0 {
            self.one(reading, script, handed, variable, &mut written, 0);
        }
        let strategy = reading.request.variables.get("GIT_STRATEGY").map(String::as_str);
        let strategy = strategy.or_else(|| Some(self.named("GIT_STRATEGY")?.text.as_str()));
        if matches!(strategy, Some("none" | "empty")) {
            if let (Some(spot), Some(variable)) = (&handed.paths, self.named("GIT_STRATEGY")) {
                let help =
                    "let the job fetch the repository, or skip the job that hands files on by its name";
                reading.obstacle(
                    spot,
                    format!("with GIT_STRATEGY `{}` only these files are there", variable.text),
                    help,
                );
            }
            script.line("without_files");
        }
    }

    fn named(&self, name: &str) -> Option<&Variable> {
        self.0.iter().find(|known| known.name == name)
    }

    fn set(&mut self, variable: Variable) {
        self.0.retain(|known| known.name != variable.name);
        self.0.push(variable);
    }

    /// What a job's `environment` sets.
    fn environment(&mut self, job: &Node) {
        let Some(environment) = job.get("environment") else { return };
        let of = |key: &str| environment.get(key).filter(|node| node.text().is_some());
        let name = of("name").or(Some(environment).filter(|node| node.text().is_some()));
        let named = [
            ("CI_ENVIRONMENT_NAME", name),
            ("CI_ENVIRONMENT_URL", of("url")),
            ("CI_ENVIRONMENT_ACTION", of("action")),
        ];
        for (name, node) in named {
            let Some(node) = node else { continue };
            let text = node.text().unwrap_or_default().to_owned();
            self.set(Variable { name: name.to_owned(), text, expands: true, spot: node.spot.clone() });
        }
    }

    fn one(
        &self,
        reading: &mut Reading<'_>,
        script: &mut Script,
        handed: &Handed,
        variable: &Variable,
        written: &mut BTreeSet<String>,
        depth: usize,
    ) {
        let is_outside = reading.request.variables.contains_key(&variable.name);
        if is_outside || !written.insert(variable.name.clone()) {
            return;
        }
        let parts = if variable.expands { parts(&variable.text) } else { vec![Part::Text(&variable.text)] };
        let mut word = String::new();
        for part in parts {
            match part {
                Part::Text(text) => word.push_str(&inside_quotes(text)),
                Part::Name(name) => {
                    self.referred_to(reading, handed, variable, name);
                    if let Some(other) = self.named(name).filter(|_| depth < DEPTH) {
                        self.one(reading, script, handed, other, written, depth + 1);
                    }
                    word.push_str(&format!("${{{name}-}}"));
                }
            }
        }
        let guard = if handed.files.is_empty() {
            String::new()
        } else {
            format!("is_handed_on {} || ", variable.name)
        };
        script.line(&format!("{guard}export {}=\"{word}\"", variable.name));
    }

    fn referred_to(&self, reading: &mut Reading<'_>, handed: &Handed, variable: &Variable, name: &str) {
        if name == variable.name || self.refers(name, &variable.name, 0) {
            let message = format!("`{}` refers to itself, and GitLab then fills in nothing", variable.name);
            let help = format!("set `{}` under `env` beside `job`, or in the script", variable.name);
            reading.obstacle(&variable.spot, message, help);
        } else if !self.is_known(reading, name) && handed.files.is_empty() {
            let service = reading.request.service;
            let help = format!("set `{name}` in the environment of `{service}`, or under `env` beside `job`");
            reading.obstacle(&variable.spot, format!("`${name}` is not known here"), help);
        }
    }

    /// Whether a variable refers to another, over others, too.
    fn refers(&self, name: &str, to: &str, depth: usize) -> bool {
        let Some(variable) = self.named(name).filter(|variable| variable.expands && depth < DEPTH) else {
            return false;
        };
        parts(&variable.text).iter().any(|part| match part {
            Part::Text(_) => false,
            Part::Name(name) => *name == to || self.refers(name, to, depth + 1),
        })
    }
}

/// Variables that only GitLab or a choice of one of several jobs can bring, and that nobody has set.
fn brought(reading: &mut Reading<'_>, job: &Node) {
    let matrix = job.get("parallel").and_then(|parallel| parallel.get("matrix"));
    let matrix = matrix.into_iter().flat_map(Node::items).flat_map(Node::entries);
    let kept = ["id_tokens", "secrets"].into_iter().filter_map(|key| job.get(key)).flat_map(Node::entries);
    let entries: Vec<&Entry> = matrix.chain(kept).collect();
    for entry in entries {
        if !reading.is_handed_over(&entry.key) {
            let help = format!("set `{}` under `env` beside `job`", entry.key);
            reading.obstacle(
                &entry.key_spot,
                format!("which `{}` the job gets is not known here", entry.key),
                help,
            );
        }
    }
    if let Some(count) = job.get("parallel").filter(|count| count.text().is_some_and(|count| count != "1")) {
        for name in ["CI_NODE_INDEX", "CI_NODE_TOTAL"] {
            if !reading.is_handed_over(name) {
                let help = format!("set `{name}` under `env` beside `job`");
                reading.obstacle(
                    &count.spot,
                    format!("the job runs several times, and `{name}` is not known here"),
                    help,
                );
            }
        }
    }
}

fn variable(reading: &mut Reading<'_>, entry: &Entry) -> Option<Variable> {
    let node = entry.value.get("value").unwrap_or(&entry.value);
    let expands = entry.value.get("expand").and_then(Node::text) != Some("false");
    let text = match &node.value {
        Value::Scalar { .. } if node.is_null() => String::new(),
        Value::Scalar { text, plain } => {
            if let Some(read) = read_otherwise(node).filter(|_| *plain) {
                let message = format!("GitLab reads `{text}` as {read}");
                reading.obstacle(&node.spot, message, "put it in quotes");
            }
            text.clone()
        }
        Value::Mapping(entries)
            if entries.iter().all(|entry| entry.key == "description" || entry.key == "options") =>
        {
            String::new()
        }
        _ => {
            reading.wrong(node.spot.mistake(format!("`{}` is no variable with a text", entry.key)));
            return None;
        }
    };
    if !is_name(&entry.key) {
        reading.wrong(entry.key_spot.mistake(format!("`{}` is no variable of a shell", entry.key)));
        return None;
    }
    Some(Variable { name: entry.key.clone(), text, expands, spot: node.spot.clone() })
}

/// What a plain scalar is to GitLab, which reads YAML 1.1, where its text is another one.
fn read_otherwise(node: &Node) -> Option<String> {
    let text = node.text()?;
    match text {
        "yes" | "Yes" | "YES" | "on" | "On" | "ON" => return Some("true".to_owned()),
        "no" | "No" | "NO" | "off" | "Off" | "OFF" => return Some("false".to_owned()),
        _ => {}
    }
    let octal = text.len() > 1 && text.starts_with('0') && text.chars().all(|c| c.is_digit(8));
    if octal {
        return u64::from_str_radix(text, 8).ok().map(|number| number.to_string());
    }
    match node.to_json() {
        serde_json::Value::Number(number) if number.to_string() != text => Some(number.to_string()),
        _ => None,
    }
}

enum Part<'t> {
    Text(&'t str),
    Name(&'t str),
}

/// Cuts at `$NAME` and `${NAME}`; `$$` is a `$`.
fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut from = 0;
    let mut at = 0;
    while let Some(next) = text[at..].find('$') {
        let dollar = at + next;
        let behind = &text[dollar + 1..];
        if behind.starts_with('$') {
            parts.push(Part::Text(&text[from..=dollar]));
            (from, at) = (dollar + 2, dollar + 2);
            continue;
        }
        let (name, length) = match behind.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
            Some((name, _)) => (name, name.len() + 2),
            None => {
                let end =
                    behind.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(behind.len());
                (&behind[..end], end)
            }
        };
        at = dollar + 1;
        if is_name(name) {
            parts.push(Part::Text(&text[from..dollar]));
            parts.push(Part::Name(name));
            at = dollar + 1 + length;
            from = at;
        }
    }
    parts.push(Part::Text(&text[from..]));
    parts
}

/// The value of a variable as conditions see it, none where nobody has said it.
pub(super) fn value(request: Request<'_>, layers: &[&Node], name: &str) -> Option<String> {
    value_at(request, layers, name, 0)
}

fn value_at(request: Request<'_>, layers: &[&Node], name: &str, depth: usize) -> Option<String> {
    if let Some(value) = request.variables.get(name) {
        return Some(value.clone());
    }
    match name {
        "CI" | "GITLAB_CI" => return Some("true".to_owned()),
        "CI_JOB_NAME" => return Some(request.job.to_owned()),
        _ => {}
    }
    let node = layers.iter().rev().find_map(|layer| layer.get(name));
    let Some(node) = node else { return request.around.get(name).cloned() };
    let text = node.get("value").unwrap_or(node).text().unwrap_or_default();
    let mut value = String::new();
    for part in parts(text) {
        match part {
            Part::Text(text) => value.push_str(text),
            Part::Name(other) if depth < DEPTH && other != name => {
                value.push_str(&value_at(request, layers, other, depth + 1)?);
            }
            Part::Name(_) => return None,
        }
    }
    Some(value)
}

//! `spec: inputs` (docs.gitlab.com/ci/inputs): a file with a head of its own, and the values that take the place of
//! `$[[ inputs.name ]]` in it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value as Json;

use crate::diagnostic::{Diagnostic, Source};
use crate::pipeline::expression::shown;
use crate::pipeline::reading::{Reading, inside};
use crate::yaml::{self, Entry, Limits, Node, Value};

/// What is handed to a file: values by name.
pub(super) type Given = BTreeMap<String, Json>;

/// Head and body of a file, each at its own lines; without a head all of it is body.
pub(in crate::pipeline) fn parse(source: &Arc<Source>) -> Result<(Option<Node>, Node), Vec<Diagnostic>> {
    let Some(at) = end_of_head(&source.text) else {
        return yaml::parse(source, Limits::default()).map(|body| (None, body));
    };
    let part = |text: String| yaml::parse(&Source::new(source.name.clone(), text), Limits::default());
    let head = part(source.text[..at].to_owned())?;
    let blank: String = source.text[..at].chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect();
    let body = part(format!("{blank}{}", &source.text[at..]))?;
    Ok((Some(head), body))
}

/// Where the `---` stands that ends a head with `spec:`.
fn end_of_head(text: &str) -> Option<usize> {
    let first = text.lines().find(|line| {
        let line = line.trim();
        !line.is_empty() && !line.starts_with('#') && line != "---"
    });
    first.filter(|line| line.starts_with("spec:"))?;
    let spec = text.find("spec:")?;
    text[spec..].find("\n---").map(|at| spec + at + 1)
}

/// A file's body with its inputs filled in.
pub(super) fn filled_in(reading: &mut Reading<'_>, head: Option<&Node>, body: Node, given: &Given) -> Node {
    let declared = head.and_then(|head| head.get("spec")?.get("inputs"));
    let known: Vec<&str> =
        declared.into_iter().flat_map(Node::entries).map(|entry| entry.key.as_str()).collect();
    for name in given.keys().filter(|name| !known.contains(&name.as_str())) {
        let mistake = declared
            .unwrap_or(&body)
            .spot
            .mistake(format!("the file takes no input `{name}`, which is given"));
        reading.wrong(mistake.suggest(name, known.iter().copied()));
    }
    if head.is_none() {
        return body;
    }
    let mut values = Given::new();
    for entry in declared.into_iter().flat_map(Node::entries) {
        let default = entry.value.get("default").map(Node::to_json);
        match given.get(&entry.key).cloned().or(default) {
            Some(value) => {
                allowed(reading, entry, &value);
                values.insert(entry.key.clone(), value);
            }
            None => {
                let help = format!("say it in the scenario: `given: {{ inputs: {{ {}: … }} }}`", entry.key);
                reading.obstacle(&entry.key_spot, format!("the input `{}` is not given", entry.key), help);
                values.insert(entry.key.clone(), Json::Null);
            }
        }
    }
    put(reading, body, &values)
}

/// Whether an input takes a value.
fn allowed(reading: &mut Reading<'_>, declared: &Entry, value: &Json) {
    let options = declared.value.get("options").map(Node::to_json);
    let allowed = options.as_ref().and_then(Json::as_array).is_none_or(|options| options.contains(value));
    let pattern = declared.value.get("regex").and_then(Node::text).map(|pattern| pattern.trim_matches('/'));
    let pattern = pattern.and_then(|pattern| regex::Regex::new(pattern).ok());
    if !allowed || pattern.is_some_and(|pattern| !pattern.is_match(&shown(value))) {
        let message =
            format!("the input `{}` does not take `{}`, which is given", declared.key, shown(value));
        reading.wrong(declared.key_spot.mistake(message));
    }
}

fn put(reading: &mut Reading<'_>, mut node: Node, values: &Given) -> Node {
    match &mut node.value {
        Value::Scalar { text, .. } if text.contains("$[[") => {
            let written = text.clone();
            return scalar(reading, node, &written, values);
        }
        Value::Scalar { .. } => {}
        Value::Sequence(items) => {
            for item in items {
                *item = put(reading, item.clone(), values);
            }
        }
        Value::Mapping(entries) => {
            for entry in entries {
                entry.value = put(reading, entry.value.clone(), values);
                if entry.key.contains("$[[") {
                    let key =
                        Node { value: text(&entry.key, false), spot: entry.key_spot.clone(), tag: None };
                    let filled = scalar(reading, key, &entry.key.clone(), values);
                    entry.key = filled.text().unwrap_or_default().to_owned();
                }
            }
        }
    }
    node
}

fn text(text: &str, plain: bool) -> Value {
    Value::Scalar { text: text.to_owned(), plain }
}

/// A text with its inputs; one that is nothing but an input has that one's kind.
fn scalar(reading: &mut Reading<'_>, node: Node, written: &str, values: &Given) -> Node {
    let mut filled = String::new();
    let mut rest = written;
    while let Some((before, after)) = rest.split_once("$[[") {
        let Some((inside_brackets, behind)) = after.split_once("]]") else { break };
        let value = one(reading, &node, inside_brackets.trim(), values);
        let is_all = before.is_empty() && filled.is_empty() && behind.is_empty();
        if let (true, Json::Array(_) | Json::Bool(_) | Json::Number(_)) = (is_all, &value) {
            return of_json(&node, &value);
        }
        filled.push_str(before);
        filled.push_str(&shown(&value));
        rest = behind;
    }
    filled.push_str(rest);
    Node { value: text(&filled, false), ..node }
}

fn of_json(node: &Node, value: &Json) -> Node {
    let value = match value {
        Json::Array(items) => Value::Sequence(items.iter().map(|item| of_json(node, item)).collect()),
        Json::String(it) => text(it, false),
        other => text(&shown(other), true),
    };
    Node { value, spot: node.spot.clone(), tag: None }
}

/// The value of `inputs.name`.
fn one(reading: &mut Reading<'_>, node: &Node, expression: &str, values: &Given) -> Json {
    let (path, function) =
        expression.split_once('|').map_or((expression, ""), |(path, rest)| (path.trim(), rest.trim()));
    let value = path.strip_prefix("inputs.").and_then(|name| values.get(name));
    // Variables are filled in where the value is used, as all others.
    let is_read = function.is_empty() || function == "expand_vars";
    match value.filter(|_| is_read) {
        Some(value) => value.clone(),
        None => {
            let help = "only `inputs.NAME` and `expand_vars` are filled in";
            reading.obstacle(
                &inside(node, expression),
                format!("`{expression}` is not filled in here"),
                help,
            );
            Json::Null
        }
    }
}

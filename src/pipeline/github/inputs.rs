//! The inputs of workflows and actions: what is given, else their defaults.

use std::collections::BTreeMap;

use serde_json::Value;

use super::contexts::Inputs;
use crate::pipeline::expression::{Obstacle, Term, shown};
use crate::pipeline::reading::Reading;
use crate::yaml::{Entry, Node};

/// The events that start a workflow.
pub(super) fn events(root: &Node) -> Vec<String> {
    let Some(on) = root.get("on") else { return Vec::new() };
    let listed = on.items().iter().filter_map(Node::text);
    let mapped = on.entries().iter().map(|entry| entry.key.as_str());
    on.text().into_iter().chain(listed).chain(mapped).map(str::to_owned).collect()
}

/// The inputs of a workflow that the scenario starts.
pub(super) fn from_scenario(reading: &mut Reading<'_>, root: &Node) -> Inputs {
    let given = reading.request.given;
    let event = given.get("github").and_then(|github| github.get("event_name")).and_then(Value::as_str);
    let events: &[&str] = match &event {
        None => &["workflow_dispatch", "workflow_call"],
        Some(event @ ("workflow_dispatch" | "workflow_call")) => std::slice::from_ref(event),
        // Another event sets none.
        Some(_) => &[],
    };
    let said = given.get("inputs").and_then(Value::as_object).into_iter().flatten();
    let mut set = BTreeMap::new();
    for (name, value) in said {
        match events.iter().find_map(|event| declaration(root, event, name)) {
            Some(declared) => {
                let value = of_its_kind(reading, declared, value);
                set.insert(name.to_lowercase(), Term::Known(value));
            }
            None => not_declared(reading, root, name),
        }
    }
    declared(root, events, set)
}

fn declaration<'n>(root: &'n Node, event: &str, name: &str) -> Option<&'n Entry> {
    let inputs = root.get("on")?.get(event)?.get("inputs")?;
    inputs.entries().iter().find(|entry| entry.key.eq_ignore_ascii_case(name))
}

/// GitHub starts no workflow with an input that it does not have.
fn not_declared(reading: &mut Reading<'_>, root: &Node, name: &str) {
    let inputs =
        root.get("on").into_iter().flat_map(Node::entries).filter_map(|event| event.value.get("inputs"));
    let known: Vec<&str> = inputs.flat_map(Node::entries).map(|entry| entry.key.as_str()).collect();
    let spot = &root.get("on").unwrap_or(root).spot;
    let mistake = spot.mistake(format!("the workflow takes no input `{name}`, which is given"));
    reading.wrong(mistake.suggest(name, known));
}

/// A value as GitHub would hand it over: it takes only those that an input allows.
fn of_its_kind(reading: &mut Reading<'_>, declared: &Entry, value: &Value) -> Value {
    let text = shown(value);
    let of = |key: &str| declared.value.get(key);
    let options: Vec<&str> = of("options").into_iter().flat_map(Node::items).filter_map(Node::text).collect();
    let read = match of("type").and_then(Node::text).unwrap_or("string") {
        "boolean" => text.parse().ok().map(Value::Bool),
        "number" => text.parse().ok().map(Value::Number),
        "choice" => options.contains(&text.as_str()).then(|| text.clone().into()),
        _ => Some(text.clone().into()),
    };
    read.unwrap_or_else(|| {
        let message = format!("the input `{}` does not take `{text}`, which is given", declared.key);
        let mistake = declared.key_spot.mistake(message);
        reading.wrong(if options.is_empty() { mistake } else { mistake.suggest(&text, options) });
        Value::Null
    })
}

/// What is set, and the defaults of what is not.
pub(super) fn declared(root: &Node, events: &[&str], set: BTreeMap<String, Term>) -> Inputs {
    let mut inputs = Inputs::new();
    for event in events {
        let entries = root.get("on").and_then(|on| on.get(event)).and_then(|event| event.get("inputs"));
        for entry in entries.into_iter().flat_map(Node::entries) {
            let value = default(&entry.key, &entry.value);
            inputs.entry(entry.key.to_lowercase()).or_insert(value);
        }
    }
    inputs.extend(set.into_iter().map(|(name, term)| (name, Ok(term))));
    inputs
}

/// What an input is where nobody sets it.
fn default(name: &str, declared: &Node) -> Result<Term, Obstacle> {
    let of = |key: &str| declared.get(key);
    if let Some(default) = of("default") {
        return Ok(Term::Known(default.to_json()));
    }
    if of("required").and_then(Node::text) == Some("true") {
        let message = format!("the input `{name}` is required and not given");
        return Err(Obstacle::new(
            message,
            format!("say it in the scenario: `given: {{ inputs: {{ {name}: … }} }}`"),
        ));
    }
    Ok(Term::Known(match of("type").and_then(Node::text) {
        Some("boolean") => false.into(),
        Some("number") => 0.into(),
        Some("choice") => {
            of("options").and_then(|options| options.items().first()?.text()).unwrap_or_default().into()
        }
        _ => "".into(),
    }))
}

//! Nodes to plain serde types, with every mistake instead of the first.
//!
//! Serde stops at its first error. Here the part at fault is cut out and the rest is read again,
//! until nothing is left to say; what is missing only because it was cut is not reported.

use std::collections::BTreeSet;

use serde::de::DeserializeOwned;
use serde_path_to_error::{Path, Segment};

use super::tree::{Node, Spot, Value};
use crate::diagnostic::{Diagnostic, nearest};

/// More mistakes than this are not looked for.
const MOST: usize = 50;

/// What could be read, and what could not.
pub struct Decoded<T> {
    /// The value without the parts at fault; none when too little was left.
    pub value: Option<T>,
    /// The tree that `value` was read from: paths of `value` lead to places here.
    pub tree: Node,
    /// Every mistake with its place.
    pub mistakes: Vec<Diagnostic>,
}

/// Reads a value of type `T`.
///
/// # Errors
/// Every mistake with its place. The value is never half read.
pub fn decode<T: DeserializeOwned>(root: &Node) -> Result<T, Vec<Diagnostic>> {
    let decoded = decode_partly(root);
    match decoded.value {
        Some(value) if decoded.mistakes.is_empty() => Ok(value),
        _ => Err(decoded.mistakes),
    }
}

/// Reads what can be read of a value of type `T`, for those who look for further mistakes in it.
pub fn decode_partly<T: DeserializeOwned>(root: &Node) -> Decoded<T> {
    let mut tree = root.clone();
    let mut cut = Cut::new();
    let mut mistakes = Vec::new();
    loop {
        let (path, error) = match serde_path_to_error::deserialize(tree.to_json()) {
            Ok(value) => return Decoded { value: Some(value), tree, mistakes },
            Err(error) => (keys(error.path()), error.inner().to_string()),
        };
        let fault = Fault::find(&tree, &path, &error);
        if !fault.missing.as_ref().is_some_and(|field| cut.contains(&(start(&fault.parent), field.clone()))) {
            mistakes.push(fault.diagnostic);
        }
        // Whoever wrote `gt` meant `get`, and is not told that `get` is missing as well.
        if let Some(meant) = fault.meant {
            cut.insert((start(&fault.parent), meant));
        }
        if mistakes.len() >= MOST || !prune(&mut tree, &fault.path, &mut cut) {
            return Decoded { value: None, tree, mistakes };
        }
    }
}

fn start(spot: &Spot) -> (String, usize) {
    (spot.source.name.clone(), spot.span.start)
}

fn keys(path: &Path) -> Vec<String> {
    path.iter()
        .filter_map(|segment| match segment {
            Segment::Seq { index } => Some(index.to_string()),
            Segment::Map { key } => Some(key.clone()),
            Segment::Enum { variant } => Some(variant.clone()),
            Segment::Unknown => None,
        })
        .collect()
}

/// One error of serde, found again in the tree.
struct Fault {
    path: Vec<String>,
    parent: Spot,
    missing: Option<String>,
    meant: Option<String>,
    diagnostic: Diagnostic,
}

impl Fault {
    fn find(tree: &Node, path: &[String], error: &str) -> Self {
        let error = error.strip_prefix("Error: ").unwrap_or(error);
        let borrowed: Vec<&str> = path.iter().map(String::as_str).collect();
        let node = tree.nearest(&borrowed);
        if let Some(field) = quoted_after(error, "missing field ") {
            let diagnostic = key_of(tree, &borrowed)
                .mistake(format!("`{field}` is missing{}", inside(&borrowed)))
                .label(format!("needs `{field}`"));
            return Self {
                path: path.to_vec(),
                parent: node.spot.clone(),
                missing: Some(field),
                meant: None,
                diagnostic,
            };
        }
        for unknown in ["unknown field ", "unknown variant "] {
            if let Some(name) = quoted_after(error, unknown) {
                return Self::unknown(tree, path, &name, error);
            }
        }
        let diagnostic = value_spot(tree, &borrowed).mistake(plain_words(error));
        Self { path: path.to_vec(), parent: node.spot.clone(), missing: None, meant: None, diagnostic }
    }

    fn unknown(tree: &Node, path: &[String], name: &str, error: &str) -> Self {
        let mut path = path.to_vec();
        let borrowed: Vec<&str> = path.iter().map(String::as_str).collect();
        let parent_path = match borrowed.split_last() {
            Some((last, parent)) if *last == name => parent,
            _ => &borrowed[..],
        };
        let parent = tree.nearest(parent_path);
        let as_key = parent.entry(name);
        let (what, spot) = match as_key {
            Some(entry) => ("key", entry.key_spot.clone()),
            None => ("value", parent.spot.clone()),
        };
        let mut diagnostic =
            spot.mistake(format!("unknown {what} `{name}`{}", inside(parent_path))).label("not known here");
        let known: Vec<String> = known_names(error);
        diagnostic = diagnostic.suggest(name, known.iter().map(String::as_str));
        let parent = parent.spot.clone();
        path.truncate(parent_path.len());
        if as_key.is_some() {
            path.push(name.to_owned());
        }
        let meant = nearest(name, known.iter().map(String::as_str)).map(str::to_owned);
        Self { path, parent, missing: None, meant, diagnostic }
    }
}

/// Where a value stands; for an empty value its key, which can be seen.
fn value_spot(tree: &Node, path: &[&str]) -> Spot {
    let node = tree.nearest(path);
    if node.spot.span.is_empty() { key_of(tree, path) } else { node.spot.clone() }
}

/// Where the key of the value at a path stands; for list items and the root the value itself.
fn key_of(tree: &Node, path: &[&str]) -> Spot {
    let Some((last, parent)) = path.split_last() else { return tree.spot.clone() };
    let parent = tree.nearest(parent);
    parent.entry(last).map_or_else(|| tree.nearest(path).spot.clone(), |entry| entry.key_spot.clone())
}

fn inside(path: &[&str]) -> String {
    match path.iter().rev().find(|key| key.parse::<usize>().is_err()) {
        Some(key) => format!(" in `{key}`"),
        None => String::new(),
    }
}

fn quoted_after(error: &str, words: &str) -> Option<String> {
    let rest = error.split_once(words)?.1.strip_prefix('`')?;
    Some(rest.split_once('`')?.0.to_owned())
}

/// The names in the second half of serde's "unknown field `a`, expected one of `b`, `c`".
fn known_names(error: &str) -> Vec<String> {
    let Some((_, expected)) = error.split_once(", expected ") else { return Vec::new() };
    expected.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn plain_words(error: &str) -> String {
    let Some((found, expected)) = error.split_once(", expected ") else { return error.to_owned() };
    let found = found.trim_start_matches("invalid type: ").trim_start_matches("invalid value: ");
    let found = match found {
        "null" => "nothing",
        "sequence" => "a list",
        "map" => "a mapping",
        other => other,
    };
    let expected = match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, not negative",
        "i32" | "i64" => "a whole number",
        "a string" => "text",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        "a map" => "a mapping",
        "string or map" => "a name or a mapping",
        other if other.starts_with("struct ") || other.starts_with("enum ") => "a mapping",
        other => other,
    };
    format!("expected {expected}, found {found}")
}

/// What was cut: the start of the mapping it stood in, and its key.
type Cut = BTreeSet<((String, usize), String)>;

/// Cuts the value at a path, and what is left empty by that; false when nothing can be cut.
fn prune(node: &mut Node, path: &[String], cut: &mut Cut) -> bool {
    match path {
        [] => false,
        [last] => remove(node, last, cut),
        [first, rest @ ..] => {
            let Some(child) = child(node, first) else { return false };
            prune(child, rest, cut) && (!is_empty(child) || remove(node, first, cut))
        }
    }
}

fn child<'n>(node: &'n mut Node, key: &str) -> Option<&'n mut Node> {
    match &mut node.value {
        Value::Mapping(entries) => {
            entries.iter_mut().find(|entry| entry.key == key).map(|entry| &mut entry.value)
        }
        Value::Sequence(items) => key.parse::<usize>().ok().and_then(|index| items.get_mut(index)),
        Value::Scalar { .. } => None,
    }
}

fn is_empty(node: &Node) -> bool {
    matches!(&node.value, Value::Mapping(entries) if entries.is_empty())
}

fn remove(node: &mut Node, key: &str, cut: &mut Cut) -> bool {
    let from = start(&node.spot);
    match &mut node.value {
        Value::Mapping(entries) => {
            let position = entries.iter().position(|entry| entry.key == key);
            position.map(|position| entries.remove(position)).is_some() && {
                cut.insert((from, key.to_owned()));
                true
            }
        }
        Value::Sequence(items) => {
            let position = key.parse::<usize>().ok().filter(|index| *index < items.len());
            position.map(|position| items.remove(position)).is_some()
        }
        Value::Scalar { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::diagnostic::Source;
    use crate::yaml::{Limits, parse};

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "read only to be refused")]
    struct File {
        name: String,
        steps: Vec<Step>,
        #[serde(default)]
        count: u32,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "snake_case")]
    #[expect(dead_code, reason = "read only to be refused")]
    enum Step {
        Run(Run),
        Kill(Run),
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "read only to be refused")]
    struct Run {
        service: String,
        #[serde(default)]
        args: Vec<String>,
    }

    fn errors(text: &str) -> Vec<String> {
        let root = parse(&Source::new("t.yaml", text), Limits::default()).unwrap();
        decode::<File>(&root)
            .unwrap_err()
            .into_iter()
            .map(|d| format!("{} {} {}", d.place(), d.message, d.help.join(" ")))
            .collect()
    }

    #[test]
    fn every_mistake_is_found_at_once_with_its_place() {
        let found = errors(
            "name: x\ncount: many\nsteps:\n  - runn: {service: a}\n  - run: {servce: a}\n  - kill: {service: [1]}\n  - run: {service: a, args: [b, [c]]}\n",
        );
        assert_eq!(
            found,
            [
                "t.yaml:2:8 expected a whole number, not negative, found string \"many\" ",
                "t.yaml:4:5 unknown key `runn` in `steps` did you mean `run`?",
                "t.yaml:5:11 unknown key `servce` in `run` did you mean `service`?",
                "t.yaml:6:21 expected text, found a list ",
                "t.yaml:7:33 expected text, found a list ",
            ]
            .map(str::to_owned)
        );
    }

    #[test]
    fn a_missing_key_points_at_what_needs_it() {
        assert_eq!(
            errors("name: x\nsteps: [{run: {args: []}}]\n"),
            ["t.yaml:2:10 `service` is missing in `run` "]
        );
    }

    #[test]
    fn what_is_missing_because_it_was_wrong_is_said_once() {
        assert_eq!(errors("name: [1]\nsteps: []\n"), ["t.yaml:1:7 expected text, found a list "]);
    }
}

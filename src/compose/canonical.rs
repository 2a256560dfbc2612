//! Short forms to long ones: one shape for each key, so that files merge and are read alike.

use super::pattern::KeyPath;
use crate::diagnostic::Diagnostic;
use crate::yaml::{Entry, Node, Value};

/// Mappings of names to values that may be written as lists of `NAME=value`.
pub(super) const PAIRS: [&str; 14] = [
    "services.*.environment",
    "services.*.labels",
    "services.*.annotations",
    "services.*.sysctls",
    "services.*.storage_opt",
    "services.*.build.args",
    "services.*.build.labels",
    "services.*.build.additional_contexts",
    "services.*.deploy.labels",
    "services.*.volumes.[].volume.labels",
    "networks.*.labels",
    "volumes.*.labels",
    "secrets.*.labels",
    "configs.*.labels",
];

/// Mappings by name that may be written as lists of names.
const NAMED: [&str; 3] = ["services.*.depends_on", "services.*.networks", "services.*.models"];

/// Lists that may be written as their only item.
const LISTS: [&str; 8] = [
    "services.*.env_file",
    "services.*.label_file",
    "services.*.tmpfs",
    "services.*.dns",
    "services.*.dns_opt",
    "services.*.dns_search",
    "include.[].path",
    "include.[].env_file",
];

/// Mappings that may be written as the value of one of their keys.
const WRAPPED: [(&str, &str); 3] =
    [("services.*.build", "context"), ("services.*.extends", "service"), ("include.[]", "path")];

/// Host entries, which may be a mapping but must stay a list: a name can have several addresses.
const HOSTS: [&str; 2] = ["services.*.extra_hosts", "services.*.build.extra_hosts"];

/// The same tree in long form.
pub(super) fn canonical(root: Node, mistakes: &mut Vec<Diagnostic>) -> Node {
    Canonical { mistakes }.node(root, &mut KeyPath::default())
}

struct Canonical<'m> {
    mistakes: &'m mut Vec<Diagnostic>,
}

impl Canonical<'_> {
    fn node(&mut self, node: Node, path: &mut KeyPath) -> Node {
        let mut node = self.reshaped(node, path);
        match &mut node.value {
            Value::Mapping(entries) => {
                let old = std::mem::take(entries);
                entries.extend(old.into_iter().map(|mut entry| {
                    entry.value = path.within(&entry.key, |path| self.node(entry.value, path));
                    entry
                }));
            }
            Value::Sequence(items) => {
                let old = std::mem::take(items);
                let new = old.into_iter().map(|item| path.within("[]", |path| self.node(item, path)));
                items.extend(new);
            }
            Value::Scalar { .. } => {}
        }
        node
    }

    fn reshaped(&mut self, node: Node, path: &KeyPath) -> Node {
        let is_scalar = matches!(node.value, Value::Scalar { .. }) && !node.is_null();
        let is_list = matches!(node.value, Value::Sequence(_));
        let wrapped = WRAPPED.iter().find(|(pattern, _)| path.is_any(&[pattern]));
        match wrapped {
            Some((_, key)) if is_scalar => wrap(node, key),
            _ if is_list && path.is_any(&PAIRS) => self.pairs(node),
            _ if is_list && path.is_any(&NAMED) => self.named(node),
            _ if is_scalar && path.is_any(&LISTS) => list_of(node),
            _ if path.is_any(&HOSTS) => hosts(node),
            _ => node,
        }
    }

    /// A list of `NAME=value` as a mapping; a name alone has no value. The last of a name counts.
    fn pairs(&mut self, node: Node) -> Node {
        let mut entries: Vec<Entry> = Vec::new();
        for item in node.items() {
            let Some(text) = item.text().filter(|text| !text.is_empty() && !text.starts_with('=')) else {
                self.mistakes.push(
                    item.spot
                        .mistake("expected `NAME=value`")
                        .help("write `- NAME=value`, or `NAME: value` without the dash"),
                );
                continue;
            };
            let (key, value) = match text.split_once('=') {
                Some((key, value)) => (key, scalar_like(item, value, false)),
                None => (text, scalar_like(item, "", true)),
            };
            entries.retain(|entry| entry.key != key);
            entries.push(Entry { key: key.to_owned(), key_spot: item.spot.clone(), value });
        }
        Node { value: Value::Mapping(entries), ..node }
    }

    /// A list of names as a mapping of those names to nothing.
    fn named(&mut self, node: Node) -> Node {
        let mut entries: Vec<Entry> = Vec::new();
        for item in node.items() {
            match item.text() {
                Some(name) if entries.iter().any(|entry| entry.key == name) => {}
                Some(name) => entries.push(Entry {
                    key: name.to_owned(),
                    key_spot: item.spot.clone(),
                    value: scalar_like(item, "", true),
                }),
                None => self.mistakes.push(
                    item.spot.mistake("expected a name").help("leave out the dash to write a mapping here"),
                ),
            }
        }
        Node { value: Value::Mapping(entries), ..node }
    }
}

fn wrap(node: Node, key: &str) -> Node {
    let spot = node.spot.clone();
    // A tag such as `!override` is about the whole, not about the value inside.
    let tag = node.tag.clone().filter(|tag| tag != super::tree::UNSET);
    let value = Node { tag: node.tag.clone().filter(|tag| tag == super::tree::UNSET), ..node };
    let entry = Entry { key: key.to_owned(), key_spot: spot.clone(), value };
    Node { value: Value::Mapping(vec![entry]), spot, tag }
}

fn list_of(node: Node) -> Node {
    let spot = node.spot.clone();
    let tag = node.tag.clone().filter(|tag| tag != super::tree::UNSET);
    let value = Node { tag: node.tag.clone().filter(|tag| tag == super::tree::UNSET), ..node };
    Node { value: Value::Sequence(vec![value]), spot, tag }
}

fn hosts(node: Node) -> Node {
    let mut entries: Vec<&Entry> = node.entries().iter().collect();
    if entries.is_empty() {
        return node;
    }
    entries.sort_by(|a, b| a.key.cmp(&b.key));
    let mut items = Vec::new();
    for entry in entries {
        let addresses = match &entry.value.value {
            Value::Sequence(addresses) => addresses.iter().collect(),
            _ => vec![&entry.value],
        };
        items.extend(addresses.into_iter().map(|address| {
            let text = format!("{}={}", entry.key, address.text().unwrap_or_default());
            scalar_like(address, &text, false)
        }));
    }
    Node { value: Value::Sequence(items), ..node }
}

/// A scalar in the place of another, with its spot and tag.
fn scalar_like(node: &Node, text: &str, plain: bool) -> Node {
    Node {
        value: Value::Scalar { text: text.to_owned(), plain },
        spot: node.spot.clone(),
        tag: node.tag.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::diagnostic::Source;
    use crate::yaml::{Limits, parse};

    fn read(text: &str) -> (serde_json::Value, Vec<String>) {
        let root = parse(&Source::new("c.yaml", text), Limits::default()).unwrap();
        let mut mistakes = Vec::new();
        let json = canonical(root, &mut mistakes).to_json();
        (json, mistakes.iter().map(|d| format!("{} {}", d.place(), d.message)).collect())
    }

    #[test]
    fn short_forms_become_long_ones() {
        for (short, long) in [
            ("{build: ./x}", json!({"build": {"context": "./x"}})),
            ("{extends: b}", json!({"extends": {"service": "b"}})),
            (
                "{environment: [A=1, B, C=x=y, A=2]}",
                json!({"environment": {"B": null, "C": "x=y", "A": "2"}}),
            ),
            ("{depends_on: [a, b, a]}", json!({"depends_on": {"a": null, "b": null}})),
            ("{networks: [a]}", json!({"networks": {"a": null}})),
            ("{env_file: a.env}", json!({"env_file": ["a.env"]})),
            (
                "{extra_hosts: {b: [1.1.1.1, 2.2.2.2], a: ::1}}",
                json!({"extra_hosts": ["a=::1", "b=1.1.1.1", "b=2.2.2.2"]}),
            ),
            ("{build: {args: [A=1]}}", json!({"build": {"args": {"A": "1"}}})),
        ] {
            let (json, mistakes) = read(&format!("services: {{s: {short}}}"));
            assert_eq!((&json["services"]["s"], &mistakes[..]), (&long, &[][..]), "{short}");
        }
        assert_eq!(read("include: [a.yaml]").0["include"], json!([{"path": ["a.yaml"]}]));
    }

    #[test]
    fn items_of_a_wrong_shape_are_mistakes() {
        let (_, mistakes) = read(
            "services:\n  s:\n    environment:\n      - A: 1\n      - =x\n    depends_on:\n      - a: {}\n",
        );
        assert_eq!(
            mistakes,
            [
                "c.yaml:4:9 expected `NAME=value`",
                "c.yaml:5:9 expected `NAME=value`",
                "c.yaml:7:9 expected a name"
            ]
        );
    }
}

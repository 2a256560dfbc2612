//! One configuration out of many parts: `extends` merges mappings, `!reference` brings in what stands elsewhere, and
//! `default` fills in what a job does not say.

use super::GLOBAL;
use crate::pipeline::reading::Reading;
use crate::yaml::{Entry, Node, Value};

/// How deep jobs may extend each other, as in GitLab.
const EXTENDS: usize = 11;
/// How deep references may lead to references, as in GitLab.
const REFERENCES: usize = 10;
/// Keys that stand at the top as defaults, too.
const OLD_DEFAULTS: [&str; 5] = ["after_script", "before_script", "cache", "image", "services"];

/// The whole pipeline, all of its files.
pub(super) struct Configuration<'n> {
    root: &'n Node,
}

/// Two mappings as one, the second winning; anything else is replaced.
pub(super) fn merged(base: Node, over: Node) -> Node {
    let (Value::Mapping(mut entries), Value::Mapping(others)) = (base.value.clone(), over.value.clone())
    else {
        return over;
    };
    for other in others {
        match entries.iter_mut().find(|entry| entry.key == other.key) {
            Some(entry) => {
                entry.value = merged(entry.value.clone(), other.value);
                entry.key_spot = other.key_spot;
            }
            None => entries.push(other),
        }
    }
    Node { value: Value::Mapping(entries), spot: over.spot, tag: over.tag }
}

/// What a job says itself under a key.
pub(super) fn own<'n>(job: &'n Node, key: &str) -> Option<&'n Node> {
    job.get(key)
}

impl<'n> Configuration<'n> {
    pub(super) fn new(root: &'n Node) -> Self {
        Self { root }
    }

    /// What stands under a key at the top, references followed.
    pub(super) fn top(&self, reading: &mut Reading<'_>, key: &str) -> Option<Node> {
        Some(self.followed(reading, self.root.get(key)?.clone(), 0))
    }

    /// The names of the jobs that a pipeline can run.
    pub(super) fn jobs(&self) -> impl Iterator<Item = &'n str> {
        let names = self.root.entries().iter().filter(|entry| !entry.value.entries().is_empty());
        names.map(|entry| entry.key.as_str()).filter(|name| !GLOBAL.contains(name) && !name.starts_with('.'))
    }

    /// A job with all that it extends and refers to.
    pub(super) fn job(&self, reading: &mut Reading<'_>, name: &str) -> Option<Node> {
        let extended = self.extended(reading, self.root.get(name)?, 0);
        Some(self.followed(reading, extended, 0))
    }

    /// A job with all that it extends, of which no mistake is noted: another one is drilled.
    pub(super) fn quietly(&self, name: &str) -> Option<Node> {
        self.root.get(name).map(|node| self.merged_with(node, 0))
    }

    fn merged_with(&self, node: &Node, depth: usize) -> Node {
        let own = without(node.clone(), |key| key == "extends");
        let extends = node.get("extends").filter(|_| depth < EXTENDS);
        let names = extends
            .into_iter()
            .flat_map(|it| it.text().into_iter().chain(it.items().iter().filter_map(Node::text)));
        let parents =
            names.filter_map(|name| self.root.get(name)).map(|parent| self.merged_with(parent, depth + 1));
        parents.chain([own]).reduce(merged).unwrap_or_else(|| node.clone())
    }

    /// The defaults that hold for a job.
    pub(super) fn defaults(&self, reading: &mut Reading<'_>, job: &Node) -> Node {
        let old = self.root.entries().iter().filter(|entry| OLD_DEFAULTS.contains(&entry.key.as_str()));
        let old =
            Node { value: Value::Mapping(old.cloned().collect()), spot: self.root.spot.clone(), tag: None };
        let all = match self.root.get("default") {
            Some(default) => {
                let newer = default.entries().iter().map(|entry| entry.key.as_str()).collect::<Vec<_>>();
                let old = without(old, |key| newer.contains(&key));
                merged(old, default.clone())
            }
            None => old,
        };
        let all = self.followed(reading, all, 0);
        let inherit = job.get("inherit").and_then(|inherit| inherit.get("default"));
        without(all, |key| !inherits(inherit, key))
    }

    /// A job with all that it extends, and what is wrong on the way.
    fn extended(&self, reading: &mut Reading<'_>, node: &Node, depth: usize) -> Node {
        self.parents(reading, node, depth);
        self.merged_with(node, depth)
    }

    fn parents(&self, reading: &mut Reading<'_>, node: &Node, depth: usize) {
        let Some(extends) = node.get("extends").filter(|extends| !extends.is_null()) else { return };
        if depth >= EXTENDS {
            reading.wrong(extends.spot.mistake("too many jobs extend each other"));
            return;
        }
        for name in extends.text().into_iter().chain(extends.items().iter().filter_map(Node::text)) {
            match self.root.get(name) {
                Some(parent) => self.parents(reading, parent, depth + 1),
                None => {
                    let known = self.root.entries().iter().map(|entry| entry.key.as_str());
                    let mistake = extends.spot.mistake(format!("there is no job `{name}` to extend"));
                    reading.wrong(mistake.suggest(name, known.filter(|key| !GLOBAL.contains(key))));
                }
            }
        }
    }

    /// A node in which every `!reference` is what it leads to.
    fn followed(&self, reading: &mut Reading<'_>, mut node: Node, depth: usize) -> Node {
        if node.tag.as_deref() == Some("reference") {
            return self.target(reading, &node, depth);
        }
        match &mut node.value {
            Value::Mapping(entries) => {
                for Entry { value, .. } in entries {
                    *value = self.followed(reading, value.clone(), depth);
                }
            }
            Value::Sequence(items) => {
                for item in items {
                    *item = self.followed(reading, item.clone(), depth);
                }
            }
            Value::Scalar { .. } => {}
        }
        node
    }

    fn target(&self, reading: &mut Reading<'_>, reference: &Node, depth: usize) -> Node {
        let path: Vec<&str> = reference.items().iter().filter_map(Node::text).collect();
        let nothing = Node { value: Value::Sequence(Vec::new()), spot: reference.spot.clone(), tag: None };
        if depth >= REFERENCES {
            reading.wrong(reference.spot.mistake("too many references lead to each other"));
            return nothing;
        }
        let first = path.first().and_then(|name| self.root.get(name));
        let mut found = first.map(|node| self.extended(reading, node, 0));
        for key in path.iter().skip(1) {
            found = found.and_then(|node| node.get(key).cloned());
        }
        match found {
            Some(node) => self.followed(reading, node, depth + 1),
            None => {
                let message = format!("there is nothing at `{}`", path.join("`, `"));
                reading.wrong(reference.spot.mistake(message));
                nothing
            }
        }
    }
}

/// Whether `inherit` lets a key through: all of them, none, or those that it lists.
pub(super) fn inherits(inherit: Option<&Node>, key: &str) -> bool {
    match inherit {
        None => true,
        Some(node) if node.items().is_empty() => node.text() != Some("false"),
        Some(node) => node.items().iter().any(|item| item.text() == Some(key)),
    }
}

/// A mapping without some of its keys.
pub(super) fn without(mut node: Node, is_left_out: impl Fn(&str) -> bool) -> Node {
    if let Value::Mapping(entries) = &mut node.value {
        entries.retain(|entry| !is_left_out(&entry.key));
    }
    node
}

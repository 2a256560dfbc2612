//! Two trees in long form to one, by the rules of the Compose specification: mappings merge, lists
//! append (each item once), and single values, commands and health tests are replaced.

use std::collections::BTreeMap;

use super::canonical::PAIRS;
use super::mount;
use super::pattern::KeyPath;
use super::tree::{OVERRIDE, is_reset};
use crate::diagnostic::Diagnostic;
use crate::yaml::{Entry, Node, Value};

/// Keys whose value is replaced as a whole.
const REPLACED: [&str; 3] = ["services.*.command", "services.*.entrypoint", "services.*.healthcheck.test"];

/// Keys that may be a scalar here and a mapping there.
const LOOSE: [&str; 2] = ["services.*.ulimits.*", "networks.*.external"];

/// Lists whose items are told apart by the path they are mounted at.
const MOUNTED: [(&str, &str); 3] =
    [("services.*.volumes", ""), ("services.*.secrets", "/run/secrets/"), ("services.*.configs", "/")];

/// Merges the tree of a later file over that of an earlier one. `!reset` stays in the result, for
/// the trees that this one is merged over in turn.
pub(super) fn merge(base: Node, over: Node, mistakes: &mut Vec<Diagnostic>) -> Node {
    Merge { mistakes }.node(base, over, &mut KeyPath::default())
}

/// Merges what one service extends, and the service.
pub(super) fn merge_service(base: Node, over: Node, mistakes: &mut Vec<Diagnostic>) -> Node {
    let mut path = KeyPath::default();
    path.within("services", |path| path.within("*", |path| Merge { mistakes }.node(base, over, path)))
}

struct Merge<'m> {
    mistakes: &'m mut Vec<Diagnostic>,
}

impl Merge<'_> {
    fn node(&mut self, base: Node, over: Node, path: &mut KeyPath) -> Node {
        let replaces = is_reset(&over)
            || is_reset(&base)
            || over.tag.as_deref() == Some(OVERRIDE)
            || base.is_null()
            || path.is_any(&REPLACED)
            || path.is_in_any(&PAIRS);
        if replaces {
            return over;
        }
        if over.is_null() {
            return base;
        }
        let Node { value, spot, tag } = over;
        let value = match (base.value, value) {
            (Value::Mapping(base), Value::Mapping(new)) => Value::Mapping(self.entries(base, new, path)),
            (Value::Sequence(base), Value::Sequence(new)) => Value::Sequence(append(base, new, path)),
            (Value::Scalar { .. }, value @ Value::Scalar { .. }) => value,
            (_, value) if path.is_any(&LOOSE) => value,
            (base, value) => {
                let (here, before) = (kind(&value), kind(&base));
                let message = format!("`{}` is {here} here and {before} before", path.shown());
                let help = "put `!override` in front to replace the earlier one";
                self.mistakes.push(spot.mistake(message).help(help));
                value
            }
        };
        Node { value, spot, tag }
    }

    fn entries(&mut self, base: Vec<Entry>, over: Vec<Entry>, path: &mut KeyPath) -> Vec<Entry> {
        let mut over: Vec<Option<Entry>> = over.into_iter().map(Some).collect();
        let names =
            over.iter().enumerate().flat_map(|(index, entry)| Some((entry.as_ref()?.key.clone(), index)));
        let index: BTreeMap<String, usize> = names.collect();
        let mut merged = Vec::new();
        for old in base {
            merged.push(match index.get(&old.key).and_then(|index| over[*index].take()) {
                Some(new) => {
                    let value = path.within(&new.key, |path| self.node(old.value, new.value, path));
                    Entry { key: new.key, key_spot: new.key_spot, value }
                }
                None => old,
            });
        }
        merged.extend(over.into_iter().flatten());
        merged
    }
}

/// The items of both lists; an item that stands for the same thing as an earlier one replaces it.
fn append(base: Vec<Node>, over: Vec<Node>, path: &KeyPath) -> Vec<Node> {
    let mut items = base;
    let known = items.iter().enumerate().filter_map(|(index, item)| Some((identity(item, path)?, index)));
    let mut index: BTreeMap<String, usize> = known.collect();
    for new in over {
        let identity = identity(&new, path);
        match identity.as_ref().and_then(|identity| index.get(identity)) {
            Some(same) => items[*same] = new,
            None => {
                index.extend(identity.map(|identity| (identity, items.len())));
                items.push(new);
            }
        }
    }
    items
}

fn identity(item: &Node, path: &KeyPath) -> Option<String> {
    let mounted = MOUNTED.iter().find(|(pattern, _)| path.is_any(&[pattern]));
    match mounted {
        Some((_, "")) => mount::target(item),
        Some((_, folder)) => mounted_at(item, folder),
        None if path.is_any(&["services.*.env_file"]) => {
            item.get("path").and_then(Node::text).or(item.text()).map(str::to_owned)
        }
        None => item.text().map(str::to_owned),
    }
}

fn mounted_at(item: &Node, folder: &str) -> Option<String> {
    let target = item.get("target").or(item.get("source")).and_then(Node::text).or(item.text())?;
    Some(if target.starts_with('/') { target.to_owned() } else { format!("{folder}{target}") })
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Scalar { .. } => "a single value",
        Value::Sequence(_) => "a list",
        Value::Mapping(_) => "a mapping",
    }
}

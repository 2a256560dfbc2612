//! What services share: networks, volumes, secrets and configs.

use std::collections::BTreeMap;

use super::model::{FileObject, Network, Volume};
use super::read::Reader;
use super::service::{check_name, own_labels};
use super::values;
use crate::files::FileKind;
use crate::yaml::{Entry, Node};

/// Reads a network.
pub(super) fn network(reader: &mut Reader<'_>, entry: &Entry) -> Option<Network> {
    let node = named(reader, entry);
    let internal = reader.at(node, "internal", |reader, node| reader.parsed(node, values::flag));
    Some(Network { internal: internal.unwrap_or(false), labels: labels(reader, node) })
}

/// Reads a volume.
pub(super) fn volume(reader: &mut Reader<'_>, entry: &Entry) -> Option<Volume> {
    let node = named(reader, entry);
    let options = reader.at(node, "driver_opts", |reader, node| Some(reader.pairs(node))).unwrap_or_default();
    if let Some(at) = node.entry("driver_opts")
        && !options.is_empty()
        && options.get("type").map(String::as_str) != Some("tmpfs")
    {
        let device = options.get("device").map_or("something else", String::as_str);
        let message = format!(
            "the volume `{}` is refused: it mounts `{device}`, which Backout did not create",
            entry.key
        );
        reader.push(at.key_spot.mistake(message).help("leave `driver_opts` out, or use `type: tmpfs`"));
    }
    Some(Volume { driver_opts: options, labels: labels(reader, node) })
}

/// Reads a secret.
pub(super) fn secret(reader: &mut Reader<'_>, entry: &Entry) -> Option<FileObject> {
    object(reader, entry, &["file", "environment"])
}

/// Reads a config.
pub(super) fn config(reader: &mut Reader<'_>, entry: &Entry) -> Option<FileObject> {
    object(reader, entry, &["file", "environment", "content"])
}

/// A mapping's value under a name that can be part of a name on the engine.
fn named<'e>(reader: &mut Reader<'_>, entry: &'e Entry) -> &'e Node {
    check_name(reader, entry);
    reader.entries(&entry.value);
    &entry.value
}

fn labels(reader: &mut Reader<'_>, node: &Node) -> BTreeMap<String, String> {
    reader.at(node, "labels", |reader, node| Some(own_labels(reader, node))).unwrap_or_default()
}

fn object(reader: &mut Reader<'_>, entry: &Entry, keys: &[&str]) -> Option<FileObject> {
    let node = named(reader, entry);
    let given: Vec<&Entry> =
        keys.iter().filter_map(|key| node.entry(key)).filter(|given| !given.value.is_null()).collect();
    let refused = ["external", "driver", "content"].iter().any(|key| node.get(key).is_some());
    match given[..] {
        [one] => from(reader, one),
        [] if refused => None,
        _ => {
            let message = format!("`{}` needs one of {}", entry.key, keys.join(", "));
            reader.push(entry.key_spot.mistake(message));
            None
        }
    }
}

fn from(reader: &mut Reader<'_>, given: &Entry) -> Option<FileObject> {
    let text = reader.text(&given.value)?;
    match given.key.as_str() {
        "content" => Some(FileObject::Content(text)),
        "environment" => variable(reader, &given.value, text),
        _ => {
            let located = reader.locate(&given.value.spot, &text)?;
            if located.kind != FileKind::File {
                reader.mistake(&given.value, format!("`{text}` is not a file"));
                return None;
            }
            Some(FileObject::File(located.path))
        }
    }
}

fn variable(reader: &mut Reader<'_>, node: &Node, name: String) -> Option<FileObject> {
    if reader.scopes.of(&node.spot).lookup(&name).is_some() {
        return Some(FileObject::Environment(name));
    }
    reader.push(
        node.spot
            .mistake(format!("the variable `{name}` is not set"))
            .help(format!("set it in the environment or with --set {name}=…")),
    );
    None
}

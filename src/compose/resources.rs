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

/// A variable of the runner by its name, because its value may be a secret. One that only an
/// environment file knows cannot be asked of the runner later, so its value is taken.
fn variable(reader: &mut Reader<'_>, node: &Node, name: String) -> Option<FileObject> {
    if reader.scopes.runner().contains_key(&name) {
        return Some(FileObject::Environment(name));
    }
    let value = reader.scopes.of(&node.spot).lookup(&name);
    if value.is_none() {
        let mistake = node.spot.mistake(format!("the variable `{name}` is not set"));
        reader.push(mistake.help(format!("set it in the environment, in `.env` or with --set {name}=…")));
    }
    value.map(FileObject::Content)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{errors, project_with, texts};
    use super::*;

    #[test]
    fn shared_things_are_read() {
        let project = project_with(
            "
services: {s: {image: i}}
networks: {a: {internal: true, labels: [x=1]}, b: {driver: bridge, external: false}, c: }
volumes: {a: {labels: {x: 1}}, b: {driver: local, driver_opts: {type: tmpfs, o: size=1m}}, c: }
secrets: {a: {file: ./pw}, b: {environment: HOST_SET}}
configs: {a: {file: ./pw}, b: {environment: HOST_SET}, c: {content: \"x ${HOST_SET}\"}}
",
            &[("/shop/pw", "secret")],
        );
        assert_eq!(project.networks["a"], Network { internal: true, labels: texts([("x", "1")]) });
        assert_eq!(project.networks["b"], project.networks["c"]);
        assert_eq!(project.volumes["a"].labels, texts([("x", "1")]));
        assert_eq!(project.volumes["b"].driver_opts, texts([("type", "tmpfs"), ("o", "size=1m")]));
        for objects in [&project.secrets, &project.configs] {
            assert_eq!(objects["a"], FileObject::File("/shop/pw".into()));
            assert_eq!(objects["b"], FileObject::Environment("HOST_SET".into()));
        }
        assert_eq!(project.configs["c"], FileObject::Content("x from the host".into()));
    }

    #[test]
    fn a_variable_of_an_environment_file_is_taken_at_once() {
        let text =
            "services: {s: {image: i}}\nsecrets: {a: {environment: E}}\nconfigs: {a: {environment: E}}";
        let project = project_with(text, &[("/shop/.env", "E=1")]);
        assert_eq!(project.secrets["a"], FileObject::Content("1".into()));
        assert_eq!(project.configs["a"], FileObject::Content("1".into()));
    }

    #[test]
    fn what_backout_did_not_create_is_refused() {
        let service = "services: {s: {image: i}}\n";
        for (text, error) in [
            (
                "networks: {a: {external: true}}",
                "2:16 `networks.a.external` is refused: Backout acts only on what it created · declare the network without `external`; the run gets its own",
            ),
            (
                "networks: {a: {driver: macvlan}}",
                "2:16 `networks.a.driver` is refused: other drivers reach networks that Backout did not create · leave it out",
            ),
            (
                "volumes: {a: {external: true}}",
                "2:15 `volumes.a.external` is refused: Backout acts only on what it created · declare the volume without `external` and fill it with a `volume` seed",
            ),
            (
                "volumes: {a: {driver: rexray}}",
                "2:15 `volumes.a.driver` is refused: the data of other drivers lives outside of the run · leave it out",
            ),
            (
                "volumes: {a: {driver_opts: {type: none, o: bind, device: /srv}}}",
                "2:15 the volume `a` is refused: it mounts `/srv`, which Backout did not create · leave `driver_opts` out, or use `type: tmpfs`",
            ),
            (
                "secrets: {a: {external: true}}",
                "2:15 `secrets.a.external` is refused: Backout acts only on what it created · name a `file` or a variable of the `environment`",
            ),
            (
                "secrets: {a: {content: x}}",
                "2:15 `secrets.a.content` is refused: a secret that stands in the file is none · name a `file` or a variable of the `environment`",
            ),
            ("secrets: {a: {}}", "2:11 `a` needs one of file, environment"),
            ("configs: {a: {file: x, content: y}}", "2:11 `a` needs one of file, environment, content"),
            ("configs: {a: {file: none}}", "2:21 `shop/none` does not exist"),
            (
                "secrets: {a: {environment: NONE}}",
                "2:28 the variable `NONE` is not set · set it in the environment, in `.env` or with --set NONE=…",
            ),
            (
                "volumes: {a/b: }",
                "2:11 `a/b` is not a name · names are made of letters, digits, `.`, `_` and `-`",
            ),
            (
                "networks: {a: {labels: {backout.owner: x}}}",
                "2:25 the label `backout.owner` is refused · labels that begin with `backout.` say what Backout may remove",
            ),
            ("volumes: [a]", "2:10 expected a mapping, found a list"),
        ] {
            assert_eq!(errors(&format!("{service}{text}")), [format!("shop/compose.yaml:{error}")], "{text}");
        }
    }
}

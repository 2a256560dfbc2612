//! Mounts: `[source:]target[:options]` and the long form.

use std::path::{Path, PathBuf};

use super::model::{Mount, MountSource};
use super::read::Reader;
use super::tree::within;
use super::values;
use crate::files::{FileKind, clean};
use crate::yaml::{Node, Value};

/// Options that change nothing, because bind mounts are copied into the run.
const WITHOUT_MEANING: [&str; 11] = [
    "z",
    "Z",
    "cached",
    "delegated",
    "consistent",
    "private",
    "rprivate",
    "shared",
    "rshared",
    "slave",
    "rslave",
];

/// The mounts of a service in the order of the file.
pub(super) fn mounts(reader: &mut Reader<'_>, list: &Node) -> Vec<Mount> {
    let mut mounts: Vec<Mount> = Vec::new();
    for item in reader.items(list) {
        let mount = match item.value {
            Value::Mapping(_) => long(reader, item),
            _ => short(reader, item),
        };
        let Some(mount) = mount else { continue };
        if mounts.iter().any(|other| other.target == mount.target) {
            reader.mistake(item, format!("`{}` is mounted twice", mount.target));
        }
        mounts.push(mount);
    }
    mounts
}

/// The path at which an item of `volumes` is mounted, short or long.
pub(super) fn target(item: &Node) -> Option<String> {
    let written = match item.text() {
        Some(text) => parts(text).1,
        None => item.get("target")?.text()?,
    };
    Some(tidy(written))
}

fn short(reader: &mut Reader<'_>, item: &Node) -> Option<Mount> {
    let text = reader.text(item)?;
    let (source, target, options) = parts(&text);
    let target = reader.checked(item, absolute(target))?;
    let read_only = reader.checked(item, read_only(options.unwrap_or_default()))?;
    let source = match source {
        None => MountSource::Anonymous,
        Some(source) if is_path(source) => MountSource::Bind(bind(reader, item, source)?),
        Some(source) => named(reader, item, source)?,
    };
    Some(Mount { target, source, read_only })
}

/// Source, target and options of the short form.
fn parts(text: &str) -> (Option<&str>, &str, Option<&str>) {
    match text.split_once(':') {
        None => (None, text, None),
        Some((source, rest)) => match rest.split_once(':') {
            None => (Some(source), rest, None),
            Some((target, options)) => (Some(source), target, Some(options)),
        },
    }
}

fn read_only(options: &str) -> Result<bool, String> {
    let mut read_only = false;
    for option in options.split(',').filter(|option| !option.is_empty()) {
        match option {
            "ro" => read_only = true,
            "rw" => read_only = false,
            "nocopy" => {
                return Err("`nocopy` is refused: the engine fills an empty volume from the image".to_owned());
            }
            other if WITHOUT_MEANING.contains(&other) => {}
            other => return Err(format!("unknown option `{other}`; known are ro and rw")),
        }
    }
    Ok(read_only)
}

fn long(reader: &mut Reader<'_>, item: &Node) -> Option<Mount> {
    let kind = reader.need(item, "type", Reader::text);
    let target = reader.need(item, "target", |reader, node| reader.parsed(node, absolute));
    let read_only = reader.at(item, "read_only", |reader, node| reader.parsed(node, values::flag));
    let source = match kind?.as_str() {
        "volume" if item.get("source").is_none_or(Node::is_null) => Some(MountSource::Anonymous),
        "volume" => reader.need(item, "source", |reader, node| {
            let name = reader.text(node)?;
            named(reader, node, &name)
        }),
        "bind" => reader.need(item, "source", |reader, node| {
            let path = reader.text(node)?;
            bind(reader, node, &path).map(MountSource::Bind)
        }),
        "tmpfs" => Some(tmpfs(reader, item)),
        other => {
            let spot = item.get("type").map_or(&item.spot, |node| &node.spot);
            let mistake = spot.mistake(format!("the mount type `{other}` is refused"));
            reader.push(mistake.help("use `volume`, `bind` or `tmpfs`"));
            None
        }
    };
    Some(Mount { target: target?, source: source?, read_only: read_only.unwrap_or(false) })
}

fn tmpfs(reader: &mut Reader<'_>, item: &Node) -> MountSource {
    let Some(options) = item.get("tmpfs") else { return MountSource::Tmpfs { size: None, mode: None } };
    let size = reader.at(options, "size", |reader, node| reader.parsed(node, values::size));
    let mode = reader.at(options, "mode", Reader::mode);
    MountSource::Tmpfs { size, mode }
}

fn named(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<MountSource> {
    let known = reader.refer("volumes", name, &within(&node.spot, name), "volume");
    known.then(|| MountSource::Volume(name.to_owned()))
}

/// The real path of a bind mount's source.
fn bind(reader: &mut Reader<'_>, node: &Node, written: &str) -> Option<PathBuf> {
    let spot = within(&node.spot, written);
    if written.ends_with("docker.sock") {
        let mistake =
            spot.mistake("the engine's socket is refused: whoever has it controls the whole engine");
        reader.push(mistake.help("take the service out of the drill with `!reset`"));
        return None;
    }
    if written.starts_with('~') || written.starts_with('\\') || written.get(1..3) == Some(":\\") {
        let mistake = spot.mistake(format!("`{written}` is a path of one machine only"));
        reader.push(mistake.help("copy what is needed into the scenario's folder"));
        return None;
    }
    let located = reader.locate(&spot, written)?;
    if located.kind == FileKind::Special {
        reader.push(spot.mistake(format!("`{written}` is neither a file nor a folder")));
        return None;
    }
    Some(located.path)
}

fn is_path(source: &str) -> bool {
    source.starts_with(['.', '/', '~', '\\'])
}

/// A path in a container, without a slash at its end.
pub(super) fn absolute(text: &str) -> Result<String, String> {
    if text.starts_with('/') {
        Ok(tidy(text))
    } else {
        Err(format!("`{text}` is not an absolute path in the container"))
    }
}

fn tidy(path: &str) -> String {
    clean(Path::new(path)).display().to_string()
}

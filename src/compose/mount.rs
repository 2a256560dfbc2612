//! Mounts: `[source:]target[:options]` and the long form.

use std::path::Path;

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
        Some(source) if is_path(source) => bind(reader, item, source, true)?,
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
        "bind" => {
            let options = item.get("bind").and_then(|bind| bind.get("create_host_path"));
            let may_make = options.is_none_or(|option| option.text() != Some("false"));
            reader.need(item, "source", |reader, node| {
                let path = reader.text(node)?;
                bind(reader, node, &path, may_make)
            })
        }
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
    reader.entries(options);
    let size = reader.at(options, "size", |reader, node| reader.parsed(node, values::size));
    let mode = reader.at(options, "mode", Reader::mode);
    MountSource::Tmpfs { size, mode }
}

fn named(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<MountSource> {
    let spot = within(&node.spot, name);
    if name.contains('/') {
        let mistake = spot.mistake(format!("`{name}` is neither a volume nor a path"));
        reader.push(mistake.help(format!("a path begins with a dot: `./{name}`")));
        return None;
    }
    let known = reader.refer("volumes", name, &spot, "volume");
    known.then(|| MountSource::Volume(name.to_owned()))
}

/// The source of a bind mount: what is really there, or a folder that Compose would make.
fn bind(reader: &mut Reader<'_>, node: &Node, written: &str, may_make: bool) -> Option<MountSource> {
    let spot = within(&node.spot, written);
    let home = written.strip_prefix("~/").zip(reader.scopes.runner().get("HOME"));
    let of_home = home.map(|(rest, home)| format!("{home}/{rest}"));
    let written = of_home.as_deref().unwrap_or(written);
    if written.starts_with('~') || written.starts_with('\\') || written.get(1..3) == Some(":\\") {
        let mistake = spot.mistake(format!("`{written}` is a path of one machine only"));
        reader.push(mistake.help("copy what is needed into the scenario's folder"));
        return None;
    }
    let path = clean(&reader.scopes.path(&spot, written));
    if !reader.is_lent(&spot, &path) {
        return None;
    }
    if may_make && !reader.files.exists(&path) {
        let text =
            format!("`{written}` is not there: an empty folder stands in its place, as Compose makes one");
        reader.remark(spot.mistake(text));
        return Some(MountSource::Made(path));
    }
    let located = reader.locate(&spot, written)?;
    if located.kind == FileKind::Special {
        reader.push(spot.mistake(format!("`{written}` is neither a file nor a folder")));
        return None;
    }
    reader.is_lent(&spot, &located.path).then_some(MountSource::Bind(located.path))
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{assert_service_errors, load_files, one_service, project_with, service_with};
    use super::*;

    const FILES: [(&str, &str); 2] = [("/shop/conf/a.conf", ""), ("/shop/f.txt", "")];

    fn mounted(volumes: &str) -> serde_json::Value {
        let mounts = service_with(&format!("volumes: [{volumes}]"), &FILES).mounts;
        serde_json::to_value(&mounts).unwrap()
    }

    #[test]
    fn short_and_long_forms_are_read() {
        let bind = |path: &str| json!({"bind": path});
        for (written, target, source, read_only) in [
            ("'data:/d'", "/d", json!({"volume": "data"}), false),
            ("'data:/d/:ro'", "/d", json!({"volume": "data"}), true),
            ("'data:/d:rw,z'", "/d", json!({"volume": "data"}), false),
            ("/d", "/d", json!("anonymous"), false),
            ("'./conf:/d:ro,cached'", "/d", bind("/shop/conf"), true),
            ("'conf/../f.txt:/d'", "/d", bind("/shop/f.txt"), false),
            ("'.:/d'", "/d", bind("/shop"), false),
            (
                "{type: volume, source: data, target: /d, read_only: true}",
                "/d",
                json!({"volume": "data"}),
                true,
            ),
            ("{type: volume, target: /d}", "/d", json!("anonymous"), false),
            (
                "{type: bind, source: conf/a.conf, target: /d, bind: {create_host_path: true}}",
                "/d",
                bind("/shop/conf/a.conf"),
                false,
            ),
            (
                "{type: tmpfs, target: /d, tmpfs: {size: 1m, mode: 01777}}",
                "/d",
                json!({"tmpfs": {"size": 1 << 20, "mode": 0o1777}}),
                false,
            ),
            ("{type: tmpfs, target: /d}", "/d", json!({"tmpfs": {"size": null, "mode": null}}), false),
        ] {
            // A short form that does not start with `.` or `/` names a volume.
            let written = written.replace("'conf/", "'./conf/");
            let expected = json!([{"target": target, "source": source, "read_only": read_only}]);
            assert_eq!(mounted(&written), expected, "{written}");
        }
    }

    #[test]
    fn what_cannot_be_mounted_is_named() {
        assert_service_errors(&[
            ("volumes: ['dta:/d']", "3:16 there is no volume `dta` · did you mean `data`?"),
            (
                "volumes: [{type: volume, source: dta, target: /d}]",
                "3:38 there is no volume `dta` · did you mean `data`?",
            ),
            (
                "volumes: ['a/b:/d']",
                "3:16 `a/b` is neither a volume nor a path · a path begins with a dot: `./a/b`",
            ),
            (
                "volumes: [{type: bind, source: ./none, target: /d, bind: {create_host_path: false}}]",
                "3:36 `shop/none` does not exist",
            ),
            ("volumes: ['data:d']", "3:15 `d` is not an absolute path in the container"),
            ("volumes: ['data:ro']", "3:15 `ro` is not an absolute path in the container"),
            ("volumes: ['data:/d:row']", "3:15 unknown option `row`; known are ro and rw"),
            (
                "volumes: ['data:/d:nocopy']",
                "3:15 `nocopy` is refused: the engine fills an empty volume from the image",
            ),
            (
                "volumes: ['/var/run/docker.sock:/s']",
                "3:16 `/var/run/docker.sock` is never lent to a run: whoever has the engine's socket controls the engine · take the mount out in a Compose file of the drill, with `!reset`, or the service",
            ),
            (
                "volumes: ['../proc/1/environ:/d']",
                "3:16 `/proc/1/environ` is never lent to a run: it is this machine itself · take the mount out in a Compose file of the drill, with `!reset`, or the service",
            ),
            (
                "volumes: [{type: bind, source: /, target: /host}]",
                "3:36 `/` is never lent to a run: all of this machine, or its user's home, would be copied · take the mount out in a Compose file of the drill, with `!reset`, or the service",
            ),
            (
                "volumes: ['~/.aws:/d']",
                "3:16 `~/.aws` is a path of one machine only · copy what is needed into the scenario's folder",
            ),
            ("volumes: ['data:/d', {type: tmpfs, target: /d/}]", "3:26 `/d` is mounted twice"),
            (
                "volumes: [{type: npipe, source: a, target: /d}]",
                "3:22 the mount type `npipe` is refused · use `volume`, `bind` or `tmpfs`",
            ),
            ("volumes: [{type: bind, target: /d}]", "3:15 `source` is missing"),
            ("volumes: [{source: data, target: /d}]", "3:15 `type` is missing"),
            ("volumes: [{type: volume, source: data}]", "3:15 `target` is missing"),
            (
                "volumes: [{type: volume, source: data, target: /d, volume: {subpath: a}}]",
                "3:65 `services.s.volumes.volume.subpath` is refused: engines before API 1.45 mount whole volumes · give that folder a volume of its own",
            ),
            (
                "volumes: [{type: tmpfs, target: /d, tmpfs: {mode: 755}}]",
                "3:55 the mode 755 would be read as a decimal number; write 0755",
            ),
            (
                "volumes: [{type: volume, source: data, target: /d, raed_only: true}]",
                "3:56 unknown key `raed_only` in `services.s.volumes` · did you mean `read_only`? · begin the name of an extension with `x-`",
            ),
        ]);
    }

    #[test]
    fn a_folder_that_is_not_there_is_made_and_said() {
        for source in ["./none", "/elsewhere/data"] {
            let text = one_service(&format!("volumes: ['{source}:/d']"));
            let project = project_with(&text, &FILES);
            let path = clean(&Path::new("/shop").join(source));
            assert_eq!(project.services["s"].mounts[0].source, MountSource::Made(path));
            assert_eq!(
                project.remarks[0].to_string(),
                format!(
                    "`{source}` is not there: an empty folder stands in its place, as Compose makes one \
                     (shop/compose.yaml:3:16)"
                )
            );
        }
    }

    #[test]
    fn the_home_of_the_user_is_never_lent_nor_what_holds_it() {
        let refused = |home: &str| {
            let text = one_service("volumes: ['.:/d']");
            let files = [("/shop/compose.yaml", text.as_str())];
            let found = load_files(&files, &[("HOME", home), ("HOST_SET", "x")], &[]);
            found.err().is_some_and(|found| found[0].message.contains("its user's home"))
        };
        assert!(refused("/shop") && refused("/shop/me") && !refused("/"));
        assert!(!refused("/home/me"));
        let text = one_service("volumes: ['~/data:/d']");
        let files = [("/shop/compose.yaml", text.as_str())];
        let project = load_files(&files, &[("HOME", "/home/me"), ("HOST_SET", "x")], &[]).unwrap();
        assert_eq!(project.services["s"].mounts[0].source, MountSource::Made("/home/me/data".into()));
    }

    #[test]
    fn the_target_of_both_forms_is_found() {
        let source = crate::diagnostic::Source::new("v", "['a:/d/:ro', /d, {target: /d}]");
        let list = crate::yaml::parse(&source, crate::yaml::Limits::default()).unwrap();
        assert!(list.items().iter().all(|item| target(item).as_deref() == Some("/d")));
    }
}

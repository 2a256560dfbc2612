//! One service out of its tree.

use std::collections::BTreeMap;

use super::attachment::{dependencies, network_mode, networks};
use super::build::build;
use super::command::{command, healthcheck};
use super::environment::{environment, labels};
use super::model::{FileMount, Mount, PullPolicy, Restart, Service, Ulimit};
use super::mount::{absolute, mounts};
use super::port::{exposed, ports};
use super::read::Reader;
use super::tree::within;
use super::values;
use crate::yaml::{Entry, Node, Value};

/// Milliseconds that Compose waits between the stop signal and SIGKILL.
const GRACE_MS: u64 = 10_000;

/// Reads a service.
pub(super) fn service(reader: &mut Reader<'_>, entry: &Entry) -> Service {
    let node = &entry.value;
    reader.entries(node);
    let environment = environment(reader, node);
    let mut service = Service {
        image: text(reader, node, "image"),
        build: reader.at(node, "build", build),
        platform: text(reader, node, "platform"),
        command: reader.at(node, "command", command),
        entrypoint: reader.at(node, "entrypoint", command),
        environment: environment.values,
        secret_environment: environment.secret,
        ports: list(reader, node, "ports", ports),
        expose: list(reader, node, "expose", exposed),
        mounts: list(reader, node, "volumes", mounts),
        networks: networks(reader, node),
        network_mode: reader.at(node, "network_mode", network_mode),
        depends_on: dependencies(reader, node),
        healthcheck: reader.at(node, "healthcheck", healthcheck),
        user: text(reader, node, "user"),
        working_dir: text(reader, node, "working_dir"),
        cap_add: texts(reader, node, "cap_add"),
        cap_drop: texts(reader, node, "cap_drop"),
        security_opt: list(reader, node, "security_opt", super::security::options),
        read_only: flag(reader, node, "read_only"),
        tmpfs: list(reader, node, "tmpfs", tmpfs),
        shm_size: reader.at(node, "shm_size", |reader, node| reader.parsed(node, values::size)),
        ulimits: list(reader, node, "ulimits", ulimits),
        sysctls: list(reader, node, "sysctls", Reader::pairs),
        init: flag(reader, node, "init"),
        hostname: text(reader, node, "hostname"),
        labels: service_labels(reader, node),
        extra_hosts: list(reader, node, "extra_hosts", hosts),
        restart: restart(reader, node),
        stop_signal: text(reader, node, "stop_signal"),
        stop_grace_period_ms: duration(reader, node, "stop_grace_period").unwrap_or(GRACE_MS),
        profiles: texts(reader, node, "profiles"),
        secrets: files(reader, node, "secrets", "secret", "/run/secrets/"),
        configs: files(reader, node, "configs", "config", "/"),
        replicas: replicas(reader, node),
        tty: flag(reader, node, "tty"),
        stdin_open: flag(reader, node, "stdin_open"),
        pull_policy: PullPolicy::default(),
        at: Some(entry.key_spot.source.place(entry.key_spot.span.start)),
    };
    service.pull_policy = pull_policy(reader, node);
    check_name(reader, entry);
    check_image(reader, entry);
    check_mounted_once(reader, node, &service.mounts, &service.tmpfs);
    service
}

fn text(reader: &mut Reader<'_>, node: &Node, key: &str) -> Option<String> {
    reader.at(node, key, Reader::text)
}

fn texts(reader: &mut Reader<'_>, node: &Node, key: &str) -> Vec<String> {
    list(reader, node, key, Reader::texts)
}

fn flag(reader: &mut Reader<'_>, node: &Node, key: &str) -> bool {
    reader.at(node, key, |reader, node| reader.parsed(node, values::flag)).unwrap_or(false)
}

/// Milliseconds.
pub(super) fn duration(reader: &mut Reader<'_>, node: &Node, key: &str) -> Option<u64> {
    reader.at(node, key, |reader, node| reader.parsed(node, values::duration))
}

fn list<'r, T: Default>(
    reader: &mut Reader<'r>,
    node: &Node,
    key: &str,
    read: impl FnOnce(&mut Reader<'r>, &Node) -> T,
) -> T {
    reader.at(node, key, |reader, node| Some(read(reader, node))).unwrap_or_default()
}

fn tmpfs(reader: &mut Reader<'_>, list: &Node) -> BTreeMap<String, String> {
    let mut mounts = BTreeMap::new();
    for item in reader.items(list) {
        let Some(text) = reader.text(item) else { continue };
        let (path, options) = text.split_once(':').unwrap_or((&text, ""));
        let Some(path) = reader.checked(item, absolute(path)) else { continue };
        if mounts.insert(path.clone(), options.to_owned()).is_some() {
            reader.mistake(item, format!("`{path}` is mounted twice"));
        }
    }
    mounts
}

fn ulimits(reader: &mut Reader<'_>, node: &Node) -> BTreeMap<String, Ulimit> {
    let mut limits = BTreeMap::new();
    for entry in reader.entries(node) {
        let limit = match entry.value.value {
            Value::Mapping(_) => soft_and_hard(reader, &entry.value),
            _ => reader.parsed(&entry.value, values::integer).map(|both| Ulimit { soft: both, hard: both }),
        };
        limits.extend(limit.map(|limit| (entry.key.clone(), limit)));
    }
    limits
}

fn soft_and_hard(reader: &mut Reader<'_>, node: &Node) -> Option<Ulimit> {
    let soft = reader.need(node, "soft", |reader, node| reader.parsed(node, values::integer));
    let hard = reader.need(node, "hard", |reader, node| reader.parsed(node, values::integer));
    let limit = Ulimit { soft: soft?, hard: hard? };
    if limit.hard != -1 && (limit.soft == -1 || limit.soft > limit.hard) {
        reader.mistake(node, "the soft limit is above the hard one");
    }
    Some(limit)
}

fn service_labels(reader: &mut Reader<'_>, node: &Node) -> BTreeMap<String, String> {
    let mut all = list(reader, node, "label_file", labels);
    all.extend(list(reader, node, "labels", own_labels));
    all
}

/// Labels, those of Backout excepted.
pub(super) fn own_labels(reader: &mut Reader<'_>, node: &Node) -> BTreeMap<String, String> {
    for entry in node.entries().iter().filter(|entry| entry.key.starts_with("backout.")) {
        let mistake = entry.key_spot.mistake(format!("the label `{}` is refused", entry.key));
        reader.push(mistake.help("labels that begin with `backout.` say what Backout may remove"));
    }
    reader.pairs(node)
}

fn hosts(reader: &mut Reader<'_>, list: &Node) -> Vec<String> {
    let mut hosts = Vec::new();
    for item in reader.items(list) {
        hosts.extend(reader.parsed(item, host));
    }
    hosts
}

/// `name=address` or `name:address` as `name:address`.
fn host(text: &str) -> Result<String, String> {
    let (name, address) = text.split_once('=').or(text.split_once(':')).unwrap_or((text, ""));
    let address = address.trim_start_matches('[').trim_end_matches(']');
    if name.is_empty() || (address != "host-gateway" && address.parse::<std::net::IpAddr>().is_err()) {
        return Err(format!("`{text}` is not a host entry; write name=address"));
    }
    Ok(format!("{name}:{address}"))
}

fn restart(reader: &mut Reader<'_>, node: &Node) -> Restart {
    if node.get("restart").is_some_and(|restart| !restart.is_null()) {
        return reader.at(node, "restart", |reader, node| reader.parsed(node, policy)).unwrap_or_default();
    }
    let Some(policy) = node.get("deploy").and_then(|deploy| deploy.get("restart_policy")) else {
        return Restart::No;
    };
    let attempts = reader.at(policy, "max_attempts", |reader, node| reader.parsed(node, values::integer));
    let condition = reader.at(policy, "condition", |reader, node| reader.parsed(node, condition));
    match condition.unwrap_or(Restart::Always) {
        Restart::OnFailure(_) => Restart::OnFailure(attempts.unwrap_or(0)),
        other => other,
    }
}

fn policy(text: &str) -> Result<Restart, String> {
    let (name, attempts) = text.split_once(':').map_or((text, None), |(name, n)| (name, Some(n)));
    match (name, attempts) {
        ("no", None) => Ok(Restart::No),
        ("always", None) => Ok(Restart::Always),
        ("unless-stopped", None) => Ok(Restart::UnlessStopped),
        ("on-failure", attempts) => attempts.map_or(Ok(0), values::integer).map(Restart::OnFailure),
        _ => Err(format!(
            "unknown restart policy `{text}`; known are no, always, unless-stopped, on-failure[:times]"
        )),
    }
}

fn condition(text: &str) -> Result<Restart, String> {
    match text {
        "none" => Ok(Restart::No),
        "on-failure" => Ok(Restart::OnFailure(0)),
        "any" => Ok(Restart::Always),
        _ => Err(format!("unknown condition `{text}`; known are none, on-failure and any")),
    }
}

fn replicas(reader: &mut Reader<'_>, node: &Node) -> u32 {
    let read = |reader: &mut Reader<'_>, node: &Node| reader.parsed(node, values::integer::<u32>);
    let scale = reader.at(node, "scale", read);
    let deployed = node.get("deploy").and_then(|deploy| reader.at(deploy, "replicas", read));
    if let (Some(scale), Some(deployed), Some(at)) = (scale, deployed, node.entry("scale"))
        && scale != deployed
    {
        let message = format!("`scale` says {scale} and `deploy.replicas` {deployed}");
        reader.push(at.key_spot.mistake(message).help("leave one of them out"));
    }
    scale.or(deployed).unwrap_or(1)
}

fn pull_policy(reader: &mut Reader<'_>, node: &Node) -> PullPolicy {
    let has_build = node.get("build").is_some_and(|build| !build.is_null());
    let read = |text: &str| match text {
        "missing" | "if_not_present" => Ok(PullPolicy::Missing),
        "always" => Ok(PullPolicy::Always),
        "never" => Ok(PullPolicy::Never),
        "build" if has_build => Ok(PullPolicy::Missing),
        "build" => Err("`pull_policy: build` without `build`".to_owned()),
        _ => Err(format!(
            "unknown pull policy `{text}`; known are missing, if_not_present, always, never and build"
        )),
    };
    reader.at(node, "pull_policy", |reader, node| reader.parsed(node, read)).unwrap_or_default()
}

/// Secrets or configs, short or long.
fn files(reader: &mut Reader<'_>, node: &Node, key: &str, what: &str, folder: &str) -> Vec<FileMount> {
    let mut mounts = Vec::new();
    let Some(list) = node.get(key).filter(|list| !list.is_null()) else { return mounts };
    for item in reader.items(list) {
        let mount = match item.value {
            Value::Mapping(_) => file_mount(reader, item, folder),
            _ => reader.text(item).map(|source| FileMount {
                target: format!("{folder}{source}"),
                source,
                mode: None,
                uid: None,
                gid: None,
            }),
        };
        let Some(mount) = mount else { continue };
        let at = item.get("source").unwrap_or(item);
        if reader.refer(key, &mount.source, &at.spot, what) {
            mounts.push(mount);
        }
    }
    mounts
}

fn file_mount(reader: &mut Reader<'_>, item: &Node, folder: &str) -> Option<FileMount> {
    let target = text(reader, item, "target");
    let mode = reader.at(item, "mode", Reader::mode);
    let uid = reader.at(item, "uid", |reader, node| reader.parsed(node, values::integer));
    let gid = reader.at(item, "gid", |reader, node| reader.parsed(node, values::integer));
    let source = reader.need(item, "source", Reader::text)?;
    let target = target.unwrap_or_else(|| source.clone());
    let target = if target.starts_with('/') { target } else { format!("{folder}{target}") };
    Some(FileMount { source, target, mode, uid, gid })
}

/// Names become parts of names on the engine.
pub(super) fn check_name(reader: &mut Reader<'_>, entry: &Entry) {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if entry.key.is_empty() || !entry.key.chars().all(allowed) {
        let mistake = entry.key_spot.mistake(format!("`{}` is not a name", entry.key));
        reader.push(mistake.help("names are made of letters, digits, `.`, `_` and `-`"));
    }
}

fn check_image(reader: &mut Reader<'_>, entry: &Entry) {
    let has = |key| entry.value.get(key).is_some_and(|value| !value.is_null());
    if !has("image") && !has("build") {
        let mistake =
            entry.key_spot.mistake(format!("the service `{}` has neither `image` nor `build`", entry.key));
        reader.push(mistake.label("what does it run?"));
    }
}

fn check_mounted_once(
    reader: &mut Reader<'_>,
    node: &Node,
    mounts: &[Mount],
    tmpfs: &BTreeMap<String, String>,
) {
    let twice = mounts.iter().find(|mount| tmpfs.contains_key(&mount.target));
    if let (Some(mount), Some(at)) = (twice, node.entry("tmpfs")) {
        let message = format!("`{}` is mounted twice", mount.target);
        let spot = within(&at.value.spot, &mount.target);
        reader.push(spot.mistake(message).help("it stands in `volumes` as well"));
    }
}

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
use super::values;
use crate::yaml::{Entry, Node, Value};

/// Milliseconds that Compose waits between the stop signal and SIGKILL.
const GRACE_MS: u64 = 10_000;

/// Reads a service.
pub(super) fn service(reader: &mut Reader<'_>, entry: &Entry) -> Service {
    let node = &entry.value;
    reader.entries(node);
    let environment = environment(reader, node);
    let service = Service {
        image: text(reader, node, "image"),
        build: reader.at(node, "build", build),
        pull_policy: pull_policy(reader, node),
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
        at: Some(entry.key_spot.source.place(entry.key_spot.span.start)),
    };
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
    reader.entries(policy);
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
    let deployed = reader.at(node, "deploy", |reader, deploy| {
        reader.entries(deploy);
        reader.at(deploy, "replicas", read)
    });
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
    let has = |key| entry.value.get(key).is_some_and(|value| !value.is_null() && value.text() != Some(""));
    if reader.complete && !has("image") && !has("build") {
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
    let (Some(mount), Some(list)) = (twice, node.get("tmpfs")) else { return };
    let is_it = |item: &&Node| item.text().is_some_and(|text| text.starts_with(&mount.target));
    let at = list.items().iter().find(is_it).unwrap_or(list);
    let mistake = at.spot.mistake(format!("`{}` is mounted twice", mount.target));
    reader.push(mistake.help("it stands in `volumes` as well"));
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::super::testing::{assert_service_errors, project, service_with};

    const FILES: [(&str, &str); 3] = [
        ("/shop/l.env", "team=shop\n"),
        ("/shop/seccomp.json", "{\n  \"defaultAction\": \"SCMP_ACT_ALLOW\"\n}\n"),
        ("/shop/inner/f", ""),
    ];

    fn read(keys: &str, field: &str) -> Json {
        serde_json::to_value(service_with(keys, &FILES)).unwrap()[field].clone()
    }

    #[test]
    fn every_key_that_is_acted_on_arrives_in_the_model() {
        for (keys, field, value) in [
            ("x-a: 1", "image", json!("i")),
            ("platform: linux/arm64", "platform", json!("linux/arm64")),
            ("pull_policy: if_not_present", "pull_policy", json!("missing")),
            ("pull_policy: always", "pull_policy", json!("always")),
            ("pull_policy: never", "pull_policy", json!("never")),
            ("x-a: 1", "command", json!(null)),
            ("command: ", "command", json!(null)),
            ("command: []", "command", json!([])),
            ("command: a 'b c'", "command", json!(["a", "b c"])),
            ("command: [a, b c, 3]", "command", json!(["a", "b c", "3"])),
            ("entrypoint: ''", "entrypoint", json!([])),
            ("entrypoint: [sh, -c]", "entrypoint", json!(["sh", "-c"])),
            (
                "ports: [80, {target: 53, protocol: udp, published: '5353', host_ip: ::1}]",
                "ports",
                json!([{"target": 53, "protocol": "udp"}, {"target": 80, "protocol": "tcp"}]),
            ),
            ("ports: ['80:80', '8080:80']", "ports", json!([{"target": 80, "protocol": "tcp"}])),
            ("expose: ['9000-9001', 80/udp]", "expose", json!(["80/udp", "9000/tcp", "9001/tcp"])),
            ("user: 1000:1000", "user", json!("1000:1000")),
            ("user: 1000", "user", json!("1000")),
            ("working_dir: /app", "working_dir", json!("/app")),
            ("cap_add: [NET_ADMIN, NET_ADMIN]", "cap_add", json!(["NET_ADMIN"])),
            ("cap_drop: [ALL]", "cap_drop", json!(["ALL"])),
            (
                "security_opt: ['label:disable', no-new-privileges, 'no-new-privileges:true', seccomp=unconfined]",
                "security_opt",
                json!(["label=disable", "no-new-privileges", "no-new-privileges=true", "seccomp=unconfined"]),
            ),
            (
                "security_opt: ['seccomp=./seccomp.json']",
                "security_opt",
                json!(["seccomp={\"defaultAction\":\"SCMP_ACT_ALLOW\"}"]),
            ),
            ("read_only: true", "read_only", json!(true)),
            ("read_only: 'true'", "read_only", json!(true)),
            ("tmpfs: /run", "tmpfs", json!({"/run": ""})),
            (
                "tmpfs: ['/run:size=64m,mode=1777', /tmp/]",
                "tmpfs",
                json!({"/run": "size=64m,mode=1777", "/tmp": ""}),
            ),
            ("shm_size: 64mb", "shm_size", json!(64 << 20)),
            ("shm_size: 1024", "shm_size", json!(1024)),
            (
                "ulimits: {nproc: 65535, nofile: {soft: 20000, hard: -1}}",
                "ulimits",
                json!({"nproc": {"soft": 65535, "hard": 65535}, "nofile": {"soft": 20000, "hard": -1}}),
            ),
            ("sysctls: [net.core.somaxconn=1024]", "sysctls", json!({"net.core.somaxconn": "1024"})),
            ("sysctls: {net.core.somaxconn: 1024}", "sysctls", json!({"net.core.somaxconn": "1024"})),
            ("init: true", "init", json!(true)),
            ("hostname: h", "hostname", json!("h")),
            ("labels: [a=b, c]", "labels", json!({"a": "b", "c": ""})),
            ("labels: {a: 1, d: }", "labels", json!({"a": "1", "d": ""})),
            ("label_file: l.env, labels: {a: b}", "labels", json!({"a": "b", "team": "shop"})),
            (
                "extra_hosts: ['a:1.2.3.4', 'b=[::1]', 'c:::1', 'd:host-gateway']",
                "extra_hosts",
                json!(["a:1.2.3.4", "b:::1", "c:::1", "d:host-gateway"]),
            ),
            (
                "extra_hosts: {b: 1.1.1.1, a: [1.2.3.4, ::1]}",
                "extra_hosts",
                json!(["a:1.2.3.4", "a:::1", "b:1.1.1.1"]),
            ),
            ("x-a: 1", "restart", json!("no")),
            ("restart: no", "restart", json!("no")),
            ("restart: 'no'", "restart", json!("no")),
            ("restart: always", "restart", json!("always")),
            ("restart: unless-stopped", "restart", json!("unless_stopped")),
            ("restart: on-failure", "restart", json!({"on_failure": 0})),
            ("restart: on-failure:3", "restart", json!({"on_failure": 3})),
            (
                "deploy: {restart_policy: {condition: on-failure, max_attempts: 2}}",
                "restart",
                json!({"on_failure": 2}),
            ),
            ("deploy: {restart_policy: {}}", "restart", json!("always")),
            ("restart: always, deploy: {restart_policy: {condition: none}}", "restart", json!("always")),
            ("stop_signal: SIGINT", "stop_signal", json!("SIGINT")),
            ("x-a: 1", "stop_grace_period_ms", json!(10_000)),
            ("stop_grace_period: 1m30s", "stop_grace_period_ms", json!(90_000)),
            ("stop_grace_period: 0s", "stop_grace_period_ms", json!(0)),
            ("profiles: [debug]", "profiles", json!(["debug"])),
            (
                "secrets: [key]",
                "secrets",
                json!([{"source": "key", "target": "/run/secrets/key", "mode": null, "uid": null, "gid": null}]),
            ),
            (
                "secrets: [{source: key, target: k, mode: 0400, uid: '7', gid: 8}]",
                "secrets",
                json!([{"source": "key", "target": "/run/secrets/k", "mode": 0o400, "uid": 7, "gid": 8}]),
            ),
            (
                "configs: [conf]",
                "configs",
                json!([{"source": "conf", "target": "/conf", "mode": null, "uid": null, "gid": null}]),
            ),
            (
                "configs: [{source: conf, target: /etc/c, mode: '0644'}]",
                "configs",
                json!([{"source": "conf", "target": "/etc/c", "mode": 0o644, "uid": null, "gid": null}]),
            ),
            ("x-a: 1", "replicas", json!(1)),
            ("scale: 2", "replicas", json!(2)),
            ("deploy: {replicas: 0}", "replicas", json!(0)),
            ("deploy: {replicas: 3}, scale: 3", "replicas", json!(3)),
            ("tty: true", "tty", json!(true)),
            ("stdin_open: true", "stdin_open", json!(true)),
        ] {
            assert_eq!(read(keys, field), value, "{keys}");
        }
    }

    #[test]
    fn a_wrong_value_is_named_with_its_place() {
        assert_service_errors(&[
            ("working_dir: [a]", "3:18 expected text, found a list"),
            ("platform: {}", "3:15 expected text, found a mapping"),
            (
                "pull_policy: daily",
                "3:18 unknown pull policy `daily`; known are missing, if_not_present, always, never and build",
            ),
            ("pull_policy: build", "3:18 `pull_policy: build` without `build`"),
            ("command: {a: b}", "3:14 expected text, found a mapping"),
            (
                "command: a && b",
                "3:14 no shell reads this text, so `&` has no meaning; write [\"sh\", \"-c\", \"…\"], or quote it",
            ),
            ("command: [a, [b]]", "3:18 expected text, found a list"),
            ("ports: 80", "3:12 expected a list, found a single value"),
            ("ports: [{published: 80}]", "3:13 `target` is missing"),
            (
                "ports: [{target: 80, protocol: tpc}]",
                "3:36 unknown protocol `tpc`; known are tcp, udp and sctp",
            ),
            ("expose: [x]", "3:14 `x` is not a port; write for example 8080, 8080:80 or 127.0.0.1:53:53/udp"),
            ("read_only: maybe", "3:16 expected true or false, found `maybe`"),
            ("tmpfs: run", "3:12 `run` is not an absolute path in the container"),
            ("tmpfs: [/run, /run/]", "3:19 `/run` is mounted twice"),
            (
                "tmpfs: [/d], volumes: ['data:/d']",
                "3:13 `/d` is mounted twice · it stands in `volumes` as well",
            ),
            ("shm_size: big", "3:15 `big` is not a size; write for example 64mb, 1.5g or a number of bytes"),
            ("ulimits: {nofile: many}", "3:23 expected a whole number, found `many`"),
            ("ulimits: {nofile: {soft: 1}}", "3:23 `hard` is missing"),
            ("ulimits: {nofile: {soft: 2, hard: 1}}", "3:23 the soft limit is above the hard one"),
            (
                "labels: {backout.run: x}",
                "3:14 the label `backout.run` is refused · labels that begin with `backout.` say what Backout may remove",
            ),
            (
                "labels: [a: b]",
                "3:14 expected `NAME=value` · write `- NAME=value`, or `NAME: value` without the dash",
            ),
            ("extra_hosts: [a]", "3:19 `a` is not a host entry; write name=address"),
            ("extra_hosts: ['a:db']", "3:19 `a:db` is not a host entry; write name=address"),
            (
                "restart: sometimes",
                "3:14 unknown restart policy `sometimes`; known are no, always, unless-stopped, on-failure[:times]",
            ),
            ("restart: on-failure:x", "3:14 expected a whole number, found `x`"),
            (
                "deploy: {restart_policy: {condition: sometimes}}",
                "3:42 unknown condition `sometimes`; known are none, on-failure and any",
            ),
            ("stop_grace_period: 30", "3:24 `30` is not a duration; write for example 1m30s, 500ms or 2h"),
            ("stop_grace_period: -1s", "3:24 `-1s` is not a duration; write for example 1m30s, 500ms or 2h"),
            ("profiles: debug", "3:15 expected a list, found a single value"),
            ("secrets: [kye]", "3:15 there is no secret `kye` · did you mean `key`?"),
            (
                "secrets: [{source: key, mode: 440}]",
                "3:35 the mode 440 would be read as a decimal number; write 0440",
            ),
            ("secrets: [{target: x}]", "3:15 `source` is missing"),
            ("configs: [{source: cnf}]", "3:24 there is no config `cnf` · did you mean `conf`?"),
            (
                "scale: 2, deploy: {replicas: 3}",
                "3:5 `scale` says 2 and `deploy.replicas` 3 · leave one of them out",
            ),
            ("deploy: 3", "3:13 expected a mapping, found a single value"),
            ("deploy: {restart_policy: always}", "3:30 expected a mapping, found a single value"),
            ("scale: -1", "3:12 -1 is out of range"),
            (
                "security_opt: [systempaths=unconfined]",
                "3:20 `systempaths` is refused: it reaches out into the engine's host",
            ),
            ("security_opt: [seccomp=none.json]", "3:20 `shop/none.json` does not exist"),
            ("security_opt: [what]", "3:20 `what` is not a security option; write name=value"),
        ]);
    }

    #[test]
    fn a_service_has_a_name_and_something_to_run() {
        let found = super::super::testing::errors("services: {a b: {image: i}, c: {}, d: 3}");
        assert_eq!(
            found,
            [
                "shop/compose.yaml:1:12 `a b` is not a name · names are made of letters, digits, `.`, `_` and `-`",
                "shop/compose.yaml:1:29 the service `c` has neither `image` nor `build`",
                "shop/compose.yaml:1:36 the service `d` has neither `image` nor `build`",
                "shop/compose.yaml:1:39 expected a mapping, found a single value",
            ]
        );
        assert!(project("services: {a.b_c-1: {image: i}}").services.contains_key("a.b_c-1"));
    }
}

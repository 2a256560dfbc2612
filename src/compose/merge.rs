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

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::super::testing::{errors_of, load_files};

    /// The service `s` of two files, with one key of the model.
    fn merged(base: &str, over: &str, field: &str) -> Json {
        let file = |keys: &str| {
            format!(
                "services: {{s: {{image: i, {keys}}}, db: {{image: i}}, q: {{image: i}}}}\nvolumes: {{a: , b: }}\nnetworks: {{n: , m: }}\nsecrets: {{k: {{environment: E}}, l: {{environment: E}}}}\n"
            )
        };
        let files = [("/shop/compose.yaml", &*file(base)), ("/shop/compose.drill.yaml", &*file(over))];
        let loaded = load_files(&files, &[("E", "e")], &[]);
        let project = loaded.unwrap_or_else(|mistakes| panic!("{}", crate::diagnostic::render(&mistakes)));
        serde_json::to_value(&project.services["s"]).unwrap()[field].clone()
    }

    #[test]
    fn files_merge_by_the_rules_of_the_specification() {
        for (base, over, field, value) in [
            ("x-a: 1", "user: u", "user", json!("u")),
            ("user: u", "x-a: 1", "user", json!("u")),
            ("user: u", "user: ", "user", json!("u")),
            (
                "environment: [A=1, B=1]",
                "environment: {B: 2, C: 3}",
                "environment",
                json!({"A": "1", "B": "2", "C": "3"}),
            ),
            ("environment: {A: 1}", "environment: [A]", "environment", json!({})),
            ("labels: {a: 1}", "labels: [b=2]", "labels", json!({"a": "1", "b": "2"})),
            ("command: [a, b]", "command: c d", "command", json!(["c", "d"])),
            ("command: [a, b]", "command: ", "command", json!(null)),
            ("entrypoint: a", "entrypoint: [b]", "entrypoint", json!(["b"])),
            ("expose: ['80']", "expose: ['81', '80']", "expose", json!(["80/tcp", "81/tcp"])),
            (
                "ports: ['80']",
                "ports: ['1:81']",
                "ports",
                json!([{"target": 80, "protocol": "tcp"}, {"target": 81, "protocol": "tcp"}]),
            ),
            ("cap_add: [A, B]", "cap_add: [B, C]", "cap_add", json!(["A", "B", "C"])),
            (
                "depends_on: [db]",
                "depends_on: {q: {condition: service_healthy}}",
                "depends_on",
                json!({"db": {"condition": "service_started", "required": true}, "q": {"condition": "service_healthy", "required": true}}),
            ),
            (
                "depends_on: [db]",
                "depends_on: {db: {condition: service_healthy}}",
                "depends_on",
                json!({"db": {"condition": "service_healthy", "required": true}}),
            ),
            (
                "networks: [n]",
                "networks: {m: {aliases: [x]}}",
                "networks",
                json!({"n": {"aliases": []}, "m": {"aliases": ["x"]}}),
            ),
            ("networks: {n: {aliases: [x]}}", "networks: [n]", "networks", json!({"n": {"aliases": ["x"]}})),
            (
                "networks: {n: {aliases: [x]}}",
                "networks: {n: {aliases: [y, x]}}",
                "networks",
                json!({"n": {"aliases": ["x", "y"]}}),
            ),
            ("tmpfs: /a", "tmpfs: [/b]", "tmpfs", json!({"/a": "", "/b": ""})),
            (
                "ulimits: {nproc: 1, nofile: {soft: 1, hard: 2}}",
                "ulimits: {nproc: {soft: 1, hard: 3}, nofile: {hard: 4}}",
                "ulimits",
                json!({"nproc": {"soft": 1, "hard": 3}, "nofile": {"soft": 1, "hard": 4}}),
            ),
            (
                "extra_hosts: ['a=1.1.1.1']",
                "extra_hosts: {b: 2.2.2.2, a: 1.1.1.1}",
                "extra_hosts",
                json!(["a:1.1.1.1", "b:2.2.2.2"]),
            ),
            ("deploy: {replicas: 2}", "scale: 2", "replicas", json!(2)),
            ("profiles: [p]", "profiles: [q, p]", "profiles", json!(["p", "q"])),
            ("sysctls: [a=1]", "sysctls: {a: 2}", "sysctls", json!({"a": "2"})),
        ] {
            assert_eq!(merged(base, over, field), value, "{base} + {over}");
        }
    }

    #[test]
    fn mounts_are_told_apart_by_their_target() {
        let targets = |value: Json| -> Vec<String> {
            let items = value.as_array().unwrap().clone();
            items.iter().map(|i| format!("{} {}", i["target"].as_str().unwrap(), i["source"])).collect()
        };
        let volumes = merged(
            "volumes: ['a:/x', /y]",
            "volumes: [{type: volume, source: b, target: /x/}, 'b:/z']",
            "mounts",
        );
        assert_eq!(targets(volumes), ["/x {\"volume\":\"b\"}", "/y \"anonymous\"", "/z {\"volume\":\"b\"}"]);
        let secrets = merged("secrets: [k]", "secrets: [{source: l, target: /run/secrets/k}]", "secrets");
        assert_eq!(targets(secrets), ["/run/secrets/k \"l\""]);
    }

    #[test]
    fn a_health_check_keeps_what_is_not_replaced() {
        let check =
            merged("healthcheck: {test: [CMD, a], retries: 3}", "healthcheck: {test: b}", "healthcheck");
        assert_eq!((&check["test"], &check["retries"]), (&json!(["CMD-SHELL", "b"]), &json!(3)));
    }

    #[test]
    fn reset_takes_away_and_override_replaces() {
        assert_eq!(merged("ports: ['80']", "ports: !reset []", "ports"), json!([]));
        assert_eq!(
            merged("ports: ['80']", "ports: !override ['81']", "ports"),
            json!([{"target": 81, "protocol": "tcp"}])
        );
        assert_eq!(
            merged("environment: {A: 1, B: 2}", "environment: {A: !reset , C: 3}", "environment"),
            json!({"B": "2", "C": "3"})
        );
        assert_eq!(
            merged("environment: {A: 1}", "environment: !override {B: 2}", "environment"),
            json!({"B": "2"})
        );
        assert_eq!(merged("tmpfs: /a", "tmpfs: !override /b", "tmpfs"), json!({"/b": ""}));
        assert_eq!(merged("privileged: true, user: u", "privileged: !reset false", "user"), json!("u"));
        assert_eq!(merged("user: u", "user: !reset null", "user"), json!(null));
    }

    #[test]
    fn what_was_reset_can_be_given_again() {
        let file = |ports: &str| format!("services: {{s: {{image: i, ports: {ports}}}}}");
        let (one, two, three) = (file("['80']"), file("!reset ['99']"), file("['81']"));
        let files =
            [("/shop/compose.yaml", &*one), ("/shop/compose.2.yaml", &two), ("/shop/compose.3.yaml", &three)];
        let ports = load_files(&files, &[], &[]).unwrap().services["s"].ports.clone();
        assert_eq!(ports.iter().map(|port| port.target).collect::<Vec<_>>(), [81]);
    }

    #[test]
    fn a_whole_service_can_be_taken_away() {
        let project = load_files(
            &[
                ("/shop/compose.yaml", "services: {a: {image: i}, b: {image: i, devices: [/dev/kvm]}}"),
                ("/shop/compose.drill.yaml", "services: {b: !reset null}"),
            ],
            &[],
            &[],
        );
        assert_eq!(project.unwrap().services.into_keys().collect::<Vec<_>>(), ["a"]);
    }

    #[test]
    fn what_has_another_shape_is_named_with_both() {
        let base = "services: {s: {image: i, cap_add: [A], healthcheck: {retries: 1}}}";
        let over = "services: {s: {cap_add: {A: 1}, healthcheck: none}}";
        let found = errors_of(&[("/shop/compose.yaml", base), ("/shop/compose.drill.yaml", over)]);
        let help = "put `!override` in front to replace the earlier one";
        assert!(found.contains(&format!("shop/compose.drill.yaml:1:25 `services.s.cap_add` is a mapping here and a list before · {help}")), "{found:#?}");
        assert!(found.contains(&format!("shop/compose.drill.yaml:1:46 `services.s.healthcheck` is a single value here and a mapping before · {help}")), "{found:#?}");
    }
}

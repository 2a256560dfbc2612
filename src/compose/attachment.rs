//! What a service has to do with others: networks and dependencies.

use std::collections::BTreeMap;

use super::model::{Attachment, Condition, Dependency};
use super::read::Reader;
use super::tree::{is_unset, within};
use super::values;
use crate::yaml::{Entry, Node};

/// The network that a service is attached to when it names none.
pub(super) const DEFAULT: &str = "default";

/// A service's networks.
pub(super) fn networks(reader: &mut Reader<'_>, service: &Node) -> BTreeMap<String, Attachment> {
    let written = |key| service.entry(key).filter(|entry| !entry.value.is_null());
    let named = written("networks").filter(|entry| !is_empty(&entry.value));
    match (written("network_mode"), named) {
        (Some(mode), Some(_)) => {
            let mistake = mode.key_spot.mistake("`network_mode` and `networks` exclude each other");
            reader.push(mistake.help("leave one of them out"));
            BTreeMap::new()
        }
        (Some(_), None) => BTreeMap::new(),
        (None, None) => BTreeMap::from([(DEFAULT.to_owned(), Attachment::default())]),
        (None, Some(named)) => attachments(reader, &named.value),
    }
}

fn is_empty(node: &Node) -> bool {
    !is_unset(node) && node.text().is_none() && node.entries().is_empty() && node.items().is_empty()
}

fn attachments(reader: &mut Reader<'_>, node: &Node) -> BTreeMap<String, Attachment> {
    let mut networks = BTreeMap::new();
    for entry in reader.entries(node) {
        if is_unset(&entry.value) {
            continue;
        }
        if entry.key != DEFAULT {
            reader.refer("networks", &entry.key, &entry.key_spot, "network");
        }
        reader.entries(&entry.value);
        let aliases = reader.at(&entry.value, "aliases", |reader, node| Some(reader.texts(node)));
        networks.insert(entry.key.clone(), Attachment { aliases: aliases.unwrap_or_default() });
    }
    networks
}

/// `none` or `service:NAME`.
pub(super) fn network_mode(reader: &mut Reader<'_>, node: &Node) -> Option<String> {
    let mode = reader.text(node)?;
    if let Some(name) = mode.strip_prefix("service:") {
        return reader.refer("services", name, &within(&node.spot, name), "service").then_some(mode);
    }
    if mode == "none" {
        return Some(mode);
    }
    let mistake =
        node.spot.mistake(format!("`network_mode: {mode}` is refused: it leaves the networks of the run"));
    reader.push(mistake.help("use `none`, `service:NAME`, or `networks`"));
    None
}

/// What must be so before a service starts; the service whose network it shares included.
pub(super) fn dependencies(reader: &mut Reader<'_>, service: &Node) -> BTreeMap<String, Dependency> {
    let listed = reader.at(service, "depends_on", |reader, node| Some(reader.entries(node).to_vec()));
    let mut dependencies = BTreeMap::new();
    for entry in listed.unwrap_or_default() {
        dependencies.extend(dependency(reader, &entry).map(|dependency| (entry.key.clone(), dependency)));
    }
    let mode = service.get("network_mode").filter(|mode| !is_unset(mode)).and_then(Node::text);
    if let Some(name) = mode.and_then(|mode| mode.strip_prefix("service:")) {
        let started = Dependency { condition: Condition::ServiceStarted, required: true };
        dependencies.entry(name.to_owned()).or_insert(started);
    }
    dependencies
}

fn dependency(reader: &mut Reader<'_>, entry: &Entry) -> Option<Dependency> {
    let node = &entry.value;
    if is_unset(node) {
        return None;
    }
    reader.entries(node);
    let condition = reader.at(node, "condition", |reader, node| reader.parsed(node, condition));
    let required = reader.at(node, "required", |reader, node| reader.parsed(node, values::flag));
    let required = required.unwrap_or(true);
    let exists = reader.root.get("services").is_some_and(|services| services.entry(&entry.key).is_some());
    let kept = exists || (required && reader.refer("services", &entry.key, &entry.key_spot, "service"));
    kept.then(|| Dependency { condition: condition.unwrap_or_default(), required })
}

fn condition(text: &str) -> Result<Condition, String> {
    match text {
        "service_started" => Ok(Condition::ServiceStarted),
        "service_healthy" => Ok(Condition::ServiceHealthy),
        "service_completed_successfully" => Ok(Condition::ServiceCompletedSuccessfully),
        _ => Err(format!(
            "unknown condition `{text}`; known are service_started, service_healthy and \
             service_completed_successfully"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{assert_service_errors, project, service};
    use super::*;

    #[test]
    fn networks_are_listed_or_mapped_and_default_to_one() {
        let names = |keys: &str| service(keys).networks.into_keys().collect::<Vec<_>>();
        assert_eq!(names("x-a: 1"), ["default"]);
        assert_eq!(names("networks: []"), ["default"]);
        assert_eq!(names("networks: [back, default]"), ["back", "default"]);
        assert_eq!(names("networks: {back: }"), ["back"]);
        assert_eq!(names("network_mode: none"), [""; 0]);
        let aliased = service("networks: {back: {aliases: [a, b, a]}}").networks;
        assert_eq!(aliased["back"].aliases, ["a", "b"]);
    }

    #[test]
    fn the_default_network_is_there_when_it_is_used() {
        assert!(project("services: {a: {image: i}}").networks.contains_key("default"));
        let own = project("services: {a: {image: i}}\nnetworks: {default: {internal: true}}");
        assert!(own.networks["default"].internal);
    }

    #[test]
    fn dependencies_are_listed_mapped_or_follow_from_a_shared_network() {
        let started = Dependency { condition: Condition::ServiceStarted, required: true };
        assert_eq!(service("depends_on: [db]").depends_on["db"], started);
        assert_eq!(service("depends_on: {db: {condition: service_started}}").depends_on["db"], started);
        let optional = "depends_on: {db: {condition: service_completed_successfully, required: false}, none: {condition: service_healthy, required: false}}";
        let optional = service(optional).depends_on;
        assert_eq!(optional.len(), 1, "an optional service that is not there is left out");
        assert!(!optional["db"].required);
        let sharing = service("network_mode: 'service:db'");
        assert_eq!(sharing.network_mode.as_deref(), Some("service:db"));
        assert_eq!(sharing.depends_on["db"], started);
    }

    #[test]
    fn dangling_names_and_foreign_networks_are_refused() {
        assert_service_errors(&[
            ("networks: [bakc]", "3:16 there is no network `bakc` · did you mean `back`?"),
            ("networks: {bakc: {}}", "3:16 there is no network `bakc` · did you mean `back`?"),
            (
                "networks: {back: {ipv4_address: 10.0.0.2}}",
                "3:23 `services.s.networks.back.ipv4_address` is refused: every run has its own subnets · reach the service by its name or an alias",
            ),
            ("depends_on: [bd]", "3:18 there is no service `bd` · did you mean `db`?"),
            (
                "depends_on: {db: {condition: service_helthy}}",
                "3:34 unknown condition `service_helthy`; known are service_started, service_healthy and service_completed_successfully",
            ),
            (
                "network_mode: host",
                "3:19 `network_mode: host` is refused: it leaves the networks of the run · use `none`, `service:NAME`, or `networks`",
            ),
            (
                "network_mode: 'container:x'",
                "3:19 `network_mode: container:x` is refused: it leaves the networks of the run · use `none`, `service:NAME`, or `networks`",
            ),
            ("network_mode: 'service:bd'", "3:28 there is no service `bd` · did you mean `db`?"),
            (
                "network_mode: none, networks: [back]",
                "3:5 `network_mode` and `networks` exclude each other · leave one of them out",
            ),
        ]);
    }
}

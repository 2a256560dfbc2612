//! What a virtual host is besides queues and messages: exchanges, bindings, policies, parameters; and who
//! else is on its server.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::api::{Api, Refusal};
use crate::state::bytes;
use crate::state::model::{
    Definition, Leftover, LeftoverKind, LeftoverName, Leftovers, ObjectKind, ObjectName,
};

/// What the server makes for itself.
const OWN: &str = "amq.";
/// Parameters that name the server and not what it does.
const INTERNAL: &str = "internal_";

/// The objects of a virtual host.
pub(super) struct Definitions {
    pub(super) objects: BTreeMap<ObjectName, Definition>,
    pub(super) bindings: Vec<Binding>,
    /// Those of users and those of operators.
    pub(super) policies: Vec<Policy>,
}

#[derive(Deserialize)]
struct Exchange {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    durable: bool,
    auto_delete: bool,
    internal: bool,
    arguments: Value,
}

/// A way from an exchange to a queue or another exchange.
#[derive(Deserialize)]
pub(super) struct Binding {
    source: String,
    destination: String,
    destination_type: String,
    routing_key: String,
    arguments: Value,
    /// The routing key, with a digest of the arguments where there are any.
    properties_key: String,
}

/// What the queues or exchanges of a pattern are told to do.
#[derive(Deserialize)]
pub(super) struct Policy {
    name: String,
    pattern: String,
    #[serde(rename = "apply-to")]
    apply_to: String,
    definition: Value,
    #[serde(default)]
    priority: i64,
}

#[derive(Deserialize)]
struct Parameter {
    component: String,
    vhost: String,
    name: String,
    value: Value,
}

#[derive(Deserialize)]
struct GlobalParameter {
    name: String,
    value: Value,
}

#[derive(Deserialize)]
struct User {
    name: String,
    #[serde(default)]
    password_hash: String,
    #[serde(default)]
    tags: Value,
    #[serde(default)]
    limits: Value,
}

#[derive(Deserialize)]
struct Permission {
    user: String,
    vhost: String,
    /// Of a topic permission.
    exchange: Option<String>,
    configure: Option<String>,
    write: String,
    read: String,
}

#[derive(Deserialize)]
struct Vhost {
    name: String,
    #[serde(default)]
    metadata: Value,
    #[serde(default)]
    tracing: bool,
}

impl Policy {
    /// Whether it may set something for a queue. A pattern that cannot be read here may mean any.
    pub(super) fn sets(&self, queue: &str, setting: &str) -> bool {
        let covers = regex::Regex::new(&self.pattern).map_or(true, |pattern| pattern.is_match(queue));
        self.apply_to != "exchanges" && covers && self.definition.get(setting).is_some()
    }

    fn object(&self, kind: ObjectKind) -> (ObjectName, Definition) {
        let attributes = [
            ("pattern", self.pattern.clone()),
            ("apply_to", self.apply_to.clone()),
            ("priority", self.priority.to_string()),
            ("definition", text(&self.definition)),
        ];
        object(kind, self.name.clone(), &attributes)
    }
}

/// Reads everything that defines the virtual host; queues are read with their depth.
pub(super) async fn read(api: &Api<'_>) -> Result<Definitions, String> {
    let vhost = &api.vhost;
    let mut objects = BTreeMap::new();
    let exchanges: Vec<Exchange> = api.get(&format!("exchanges/{vhost}")).await?;
    let own = |name: &str| name.is_empty() || name.starts_with(OWN);
    objects.extend(exchanges.iter().filter(|exchange| !own(&exchange.name)).map(exchange));
    let bindings = api.get(&format!("bindings/{vhost}")).await?;
    let [users, operators] = both_policies(api).await?;
    objects.extend(users.iter().map(|policy| policy.object(ObjectKind::Policy)));
    objects.extend(operators.iter().map(|policy| policy.object(ObjectKind::OperatorPolicy)));
    let policies = users.into_iter().chain(operators).collect();
    objects.extend(parameters(api).await?);
    Ok(Definitions { objects, bindings, policies })
}

/// Every policy, those of users and those of operators.
pub(super) async fn policies(api: &Api<'_>) -> Result<Vec<Policy>, String> {
    Ok(both_policies(api).await?.into_iter().flatten().collect())
}

async fn both_policies(api: &Api<'_>) -> Result<[Vec<Policy>; 2], String> {
    let users = api.get(&format!("policies/{}", api.vhost)).await?;
    Ok([users, api.get(&format!("operator-policies/{}", api.vhost)).await?])
}

/// The bindings that somebody made and that do not go with a connection's queue.
pub(super) fn lasting(
    bindings: &[Binding],
    passing: impl Fn(&str) -> bool,
) -> impl Iterator<Item = (ObjectName, Definition)> {
    // Every queue is bound to the exchange without a name, by its own name.
    bindings.iter().filter(move |one| !one.source.is_empty() && !passing(&one.destination)).map(binding)
}

fn exchange(exchange: &Exchange) -> (ObjectName, Definition) {
    let attributes = [
        ("type", exchange.kind.clone()),
        ("durable", exchange.durable.to_string()),
        ("auto_delete", exchange.auto_delete.to_string()),
        ("internal", exchange.internal.to_string()),
        ("arguments", text(&exchange.arguments)),
    ];
    object(ObjectKind::Exchange, exchange.name.clone(), &attributes)
}

fn binding(binding: &Binding) -> (ObjectName, Definition) {
    let Binding { source, destination, destination_type, properties_key, .. } = binding;
    let name = format!("{source} to {destination_type} {destination} by {properties_key}");
    let attributes = [("routing_key", binding.routing_key.clone()), ("arguments", text(&binding.arguments))];
    object(ObjectKind::Binding, name, &attributes)
}

/// Settings that plug-ins and the virtual host were given at run time, its limits among them.
async fn parameters(api: &Api<'_>) -> Result<Vec<(ObjectName, Definition)>, String> {
    let of = |name: String, value: &Value| object(ObjectKind::Parameter, name, &[("value", text(value))]);
    let mut found = Vec::new();
    let parameters: Vec<Parameter> = api.get("parameters").await?;
    let is_policy = |one: &Parameter| one.component == "operator_policy";
    let here =
        parameters.iter().filter(|one| super::api::segment(&one.vhost) == api.vhost && !is_policy(one));
    found.extend(here.map(|one| of(format!("{} {}", one.component, one.name), &one.value)));
    let global: Vec<GlobalParameter> = api.get("global-parameters").await?;
    let kept = global.iter().filter(|one| !one.name.starts_with(INTERNAL));
    found.extend(kept.map(|one| of(format!("global {}", one.name), &one.value)));
    Ok(found)
}

fn object(kind: ObjectKind, name: String, attributes: &[(&str, String)]) -> (ObjectName, Definition) {
    let attributes = attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
    (ObjectName { kind, name: bytes::text(name.as_bytes()) }, attributes.collect())
}

/// JSON in one way for the same content.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::Null => "{}".to_owned(),
        // What has no fields is an empty list to the server.
        Value::Array(none) if none.is_empty() => "{}".to_owned(),
        other => other.to_string(),
    }
}

/// Users with what they may, and virtual hosts; what may not be seen is said.
pub(super) async fn leftovers(api: &Api<'_>) -> Result<Leftovers, String> {
    let mut leftovers = Leftovers::default();
    match api.get::<Vec<Vhost>>("vhosts").await {
        Ok(vhosts) => leftovers.found.extend(vhosts.iter().map(vhost)),
        Err(refusal) => unseen(&mut leftovers, "virtual hosts", refusal)?,
    }
    match users(api).await {
        Ok(users) => leftovers.found.extend(users),
        Err(refusal) => unseen(&mut leftovers, "users", refusal)?,
    }
    Ok(leftovers)
}

fn unseen(leftovers: &mut Leftovers, what: &str, refusal: Refusal) -> Result<(), String> {
    match refusal {
        Refusal::Forbidden(words) => leftovers.unseen.push(format!("{what}: {words}")),
        Refusal::Failed(words) => return Err(words),
    }
    Ok(())
}

fn vhost(vhost: &Vhost) -> (LeftoverName, Leftover) {
    let definition = format!("metadata {}, tracing {}", text(&vhost.metadata), vhost.tracing);
    one(LeftoverKind::VirtualHost, &vhost.name, definition)
}

async fn users(api: &Api<'_>) -> Result<Vec<(LeftoverName, Leftover)>, Refusal> {
    let users: Vec<User> = api.get("users").await?;
    let mut permissions: Vec<Permission> = api.get("permissions").await?;
    permissions.extend(api.get::<Vec<Permission>>("topic-permissions").await?);
    Ok(users.iter().map(|user| self::user(user, &permissions)).collect())
}

fn user(user: &User, permissions: &[Permission]) -> (LeftoverName, Leftover) {
    let digest = Sha256::digest(user.password_hash.as_bytes());
    let password = match &*user.password_hash {
        "" => "none".to_owned(),
        // Enough to see a change, too little to guess from.
        _ => format!("#{:02x}{:02x}", digest[0], digest[1]),
    };
    let tags = match &user.tags {
        Value::String(tags) => tags.clone(),
        other => text(other),
    };
    let mut parts = vec![format!("tags {tags}, password {password}, limits {}", text(&user.limits))];
    let mut own: Vec<String> =
        permissions.iter().filter(|one| one.user == user.name).map(permission).collect();
    own.sort();
    parts.extend(own);
    one(LeftoverKind::Role, &user.name, parts.join("; "))
}

fn permission(permission: &Permission) -> String {
    let Permission { vhost, write, read, .. } = permission;
    let on = permission.exchange.as_ref().map_or_else(String::new, |exchange| format!(" on {exchange}"));
    let configure = permission.configure.as_ref();
    let configure = configure.map_or_else(String::new, |pattern| format!(" configure {pattern}"));
    format!("{vhost}{on}:{configure} write {write} read {read}")
}

fn one(kind: LeftoverKind, name: &str, definition: String) -> (LeftoverName, Leftover) {
    let name = bytes::text(name.as_bytes());
    (LeftoverName { kind, name }, Leftover { count: 1, definition, seen: Vec::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s20_neither_passwords_nor_their_hashes_are_told() {
        let of = |hash: &str| {
            let json = format!(r#"{{"name": "app", "password_hash": "{hash}", "tags": ["management"]}}"#);
            user(&serde_json::from_str(&json).unwrap(), &[]).1.definition
        };
        assert!(!of("SGFzaA").contains("SGFzaA"), "{}", of("SGFzaA"));
        assert_ne!(of("SGFzaA"), of("SGFzaB"));
    }

    #[test]
    fn the_order_of_names_is_none_and_nothing_is_nothing() {
        let of = |json: &str| text(&serde_json::from_str(json).unwrap());
        assert_eq!(of(r#"{"b": 1, "a": [2, 1]}"#), of(r#"{"a": [2, 1], "b": 1}"#));
        assert_ne!(of(r#"{"a": [2, 1]}"#), of(r#"{"a": [1, 2]}"#));
        assert_eq!(of("[]"), of("{}"));
    }
}

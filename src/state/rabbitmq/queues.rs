//! The queues of a virtual host: what defines them, how deep they are, and whether they can be read
//! without harm.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::Value;

use super::api::{Api, PAUSE, Refusal};
use super::definitions::{Policy, text};
use super::messages::MOST;
use crate::state::bytes;
use crate::state::model::{Definition, Leftover, LeftoverKind, LeftoverName, ObjectKind, ObjectName};

/// How long a queue may take to say how deep it is.
const PATIENCE: Duration = Duration::from_secs(10);
/// What a queue may do to messages that are put back, or take for use: the length could be exceeded by what
/// came meanwhile, and a queue that is read does not expire.
const LIMITS: [&str; 3] = ["max-length", "max-length-bytes", "expires"];
/// Queues that the server names.
const UNNAMED: &str = "amq.gen-";

/// One queue.
pub(super) struct Queue {
    pub(super) name: String,
    /// Whether it belongs to one connection and goes with it.
    pub(super) exclusive: bool,
    /// Messages that can be had.
    pub(super) ready: u64,
    /// Messages that somebody holds.
    pub(super) unacknowledged: u64,
    kind: String,
    /// A setting that forbids to read it.
    limit: Option<String>,
    definition: Definition,
}

#[derive(Deserialize)]
struct Listed {
    name: String,
    #[serde(default)]
    durable: bool,
    #[serde(default)]
    auto_delete: bool,
    #[serde(default)]
    exclusive: bool,
    #[serde(default)]
    arguments: Value,
    #[serde(rename = "type", default)]
    kind: Option<String>,
}

#[derive(Deserialize)]
struct Depth {
    name: String,
    messages_ready: Option<u64>,
    messages_unacknowledged: Option<u64>,
}

/// Every queue with its depth of now. What the server counts for its charts, consumers among it, is seconds
/// old and not asked for.
pub(super) async fn read(api: &Api<'_>, policies: &[Policy]) -> Result<Vec<Queue>, String> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let listed: Vec<Listed> = api.get(&format!("queues/{}?disable_stats=true", api.vhost)).await?;
        let depths = depths(api).await?;
        // A queue that is slow to answer is left out of the depths, and only there.
        match listed.iter().find(|queue| !depths.contains_key(&queue.name)) {
            None => {
                let queue = |listed: Listed| Queue::of(listed, &depths, policies);
                return Ok(listed.into_iter().map(queue).collect());
            }
            Some(slow) if Instant::now() >= deadline => {
                return Err(format!("queue {} does not say how deep it is", slow.name));
            }
            Some(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// Messages that can be had and messages that are held, by queue.
pub(super) async fn depths(api: &Api<'_>) -> Result<BTreeMap<String, (u64, u64)>, Refusal> {
    let path = format!("queues/{}?disable_stats=true&enable_queue_totals=true", api.vhost);
    let depths = api.get::<Vec<Depth>>(&path).await?.into_iter();
    let known = |depth: Depth| Some((depth.name, (depth.messages_ready?, depth.messages_unacknowledged?)));
    Ok(depths.filter_map(known).collect())
}

impl Queue {
    fn of(listed: Listed, depths: &BTreeMap<String, (u64, u64)>, policies: &[Policy]) -> Self {
        let (ready, unacknowledged) = depths.get(&listed.name).copied().unwrap_or_default();
        let kind = listed.kind.clone().unwrap_or_else(|| "classic".to_owned());
        let is_set = |limit: &&&str| {
            listed.arguments.get(format!("x-{limit}")).is_some()
                || policies.iter().any(|policy| policy.sets(&listed.name, limit))
        };
        let definition = [
            ("type", kind.clone()),
            ("durable", listed.durable.to_string()),
            ("auto_delete", listed.auto_delete.to_string()),
            ("arguments", text(&listed.arguments)),
        ];
        Self {
            exclusive: listed.exclusive,
            ready,
            unacknowledged,
            kind,
            limit: LIMITS.iter().find(is_set).map(|limit| (*limit).to_owned()),
            definition: Definition::from_iter(definition.map(|(name, value)| (name.to_owned(), value))),
            name: listed.name,
        }
    }

    /// What makes it unsafe to read its messages and put them back.
    pub(super) fn harm(&self) -> Option<String> {
        match (&*self.kind, &self.limit) {
            // Who consumes a queue that is not empty holds messages of it.
            ("classic", _) if self.unacknowledged > 0 => Some("somebody consumes it".to_owned()),
            ("classic", Some(limit)) => Some(format!("it has `{limit}`")),
            ("classic", None) if self.ready > MOST => Some(format!("more than {MOST} messages")),
            ("classic", None) => None,
            // Each reading is a delivery, and a message that was delivered too often is dropped.
            ("quorum", _) => Some("a quorum queue counts deliveries".to_owned()),
            (other, _) => Some(format!("a {other} queue is not read")),
        }
    }

    /// Of other kinds than this the server tells what they hold seconds late.
    pub(super) fn is_classic(&self) -> bool {
        self.kind == "classic"
    }

    /// What counts of a queue whose messages are not read.
    pub(super) fn depth(&self, why: &str) -> String {
        if self.is_classic() {
            format!("{}, not compared: {why}", self.ready)
        } else {
            format!("not compared: {why}")
        }
    }

    pub(super) fn object(&self) -> (ObjectName, Definition) {
        let name = bytes::text(self.name.as_bytes());
        (ObjectName { kind: ObjectKind::Queue, name }, self.definition.clone())
    }
}

/// Queues that go with their connection.
pub(super) fn leftovers(queues: &[Queue]) -> BTreeMap<LeftoverName, Leftover> {
    let mut found: BTreeMap<LeftoverName, Leftover> = BTreeMap::new();
    for queue in queues.iter().filter(|queue| queue.exclusive) {
        let shown = match queue.name.strip_prefix(UNNAMED) {
            Some(_) => format!("{UNNAMED}*"),
            None => bytes::text(queue.name.as_bytes()),
        };
        let name = format!("exclusive queue {shown}");
        found.entry(LeftoverName { kind: LeftoverKind::TemporaryObject, name }).or_default().count += 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(arguments: &str, held: u64, ready: u64, policies: &[Policy]) -> Queue {
        let json = format!(r#"{{"name": "orders", "arguments": {arguments}}}"#);
        let depths = [("orders".to_owned(), (ready, held))].into();
        Queue::of(serde_json::from_str(&json).unwrap(), &depths, policies)
    }

    #[test]
    fn only_what_can_be_put_back_without_harm_is_read() {
        let policy = |json: &str| serde_json::from_str::<Policy>(json).unwrap();
        let limiting = policy(
            r#"{"name": "p", "pattern": "^ord", "apply-to": "queues", "definition": {"max-length": 9}}"#,
        );
        let harmless = policy(
            r#"{"name": "p", "pattern": "^ord", "apply-to": "all", "definition": {"message-ttl": 9}}"#,
        );
        let others =
            policy(r#"{"name": "p", "pattern": "^pay", "apply-to": "all", "definition": {"max-length": 9}}"#);
        assert_eq!(queue("{}", 0, MOST, &[harmless, others]).harm(), None);
        for (unsafe_, why) in [
            (queue("{}", 1, 0, &[]), "somebody consumes it"),
            (queue("{}", 0, MOST + 1, &[]), "more than 5000 messages"),
            (queue("{}", 0, 0, &[limiting]), "it has `max-length`"),
            (queue(r#"{"x-expires": 1000}"#, 0, 0, &[]), "it has `expires`"),
        ] {
            assert_eq!(unsafe_.harm().as_deref(), Some(why));
        }
    }
}

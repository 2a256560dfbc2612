//! Keys of stores, and what must hold of them across stores.

use serde::{Deserialize, Serialize};

use super::context::Context;
use super::observe::Observed;
use crate::scenario::expect as written;

/// Each key of one store is in at least one of others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Across {
    /// What must hold, in a few words.
    #[serde(serialize_with = "crate::secret::word")]
    pub name: String,
    /// Where the keys come from.
    pub every: KeySource,
    /// Where each must be, in the order in which they are read.
    pub among: Vec<KeySource>,
}

/// Keys of an observed store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeySource {
    /// The store.
    #[serde(serialize_with = "crate::secret::word")]
    pub on: String,
    /// Which keys.
    pub keys: Keys,
}

/// What the keys of a store are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Keys {
    /// The first column of a query.
    Query(String),
    /// Names between a beginning and an end.
    Named {
        /// The beginning.
        begins: String,
        /// The end.
        ends: String,
    },
    /// A value in the messages of a queue.
    Messages {
        /// The queue.
        #[serde(serialize_with = "crate::secret::word")]
        queue: String,
        /// The JSON pointer of the value.
        #[serde(serialize_with = "crate::secret::word")]
        pointer: String,
    },
}

impl KeySource {
    /// What it is, in a few words.
    pub fn words(&self) -> String {
        match &self.keys {
            Keys::Query(query) => {
                format!("`{}` on {}", query.split_whitespace().collect::<Vec<_>>().join(" "), self.on)
            }
            Keys::Named { begins, ends } => format!("{begins}*{ends} on {}", self.on),
            Keys::Messages { queue, pointer } => format!("{pointer} in {queue} on {}", self.on),
        }
    }
}

/// Resolves one expectation across stores.
pub(super) fn build(
    context: &mut Context<'_>,
    path: &str,
    written: &written::AcrossExpectation,
) -> Option<Across> {
    if written.in_.is_empty() {
        let diagnostic = context.wrong(&format!("{path}.in"), "in which stores must each key be?");
        diagnostic.help.push("name at least one, as under `every`".to_owned());
    }
    let every = source(context, &format!("{path}.every"), &written.every);
    let among: Vec<Option<KeySource>> = written
        .in_
        .iter()
        .enumerate()
        .map(|(index, one)| source(context, &format!("{path}.in.{index}"), one))
        .collect();
    let among = among.into_iter().collect::<Option<Vec<KeySource>>>()?;
    Some(Across { name: written.name.clone(), every: every?, among })
}

fn source(context: &mut Context<'_>, path: &str, written: &written::KeySource) -> Option<KeySource> {
    let keys = match (&written.query, &written.keys, &written.queue) {
        (Some(query), None, None) => {
            context.database(&format!("{path}.on"), &written.on).then(|| Keys::Query(query.clone()))
        }
        (None, Some(pattern), None) => {
            let is_redis = |store: &Observed| matches!(store, Observed::Redis(_));
            let named = named(context, &format!("{path}.keys"), pattern);
            store(context, path, &written.on, "redis", is_redis).then_some(named).flatten()
        }
        (None, None, Some(queue)) => {
            let pointer = pointer(context, path, written.at.as_ref());
            let known = rabbitmq(context, path, &written.on);
            known.then_some(pointer).flatten().map(|pointer| Keys::Messages { queue: queue.clone(), pointer })
        }
        _ => {
            let diagnostic = context.wrong_key(path, "exactly one of `query`, `keys` and `queue` is given");
            diagnostic.help.push("a database has a query, a Redis keys, a RabbitMQ a queue".to_owned());
            None
        }
    };
    if written.at.is_some() && written.queue.is_none() {
        context.wrong(&format!("{path}.at"), "`at` is for messages of a `queue`");
    }
    Some(KeySource { on: written.on.clone(), keys: keys? })
}

/// Whether a RabbitMQ is observed under this name.
pub(super) fn rabbitmq(context: &mut Context<'_>, path: &str, name: &str) -> bool {
    store(context, path, name, "rabbitmq", |store| matches!(store, Observed::RabbitMq(_)))
}

/// Whether a store of this kind is observed under this name.
fn store(
    context: &mut Context<'_>,
    path: &str,
    name: &str,
    kind: &str,
    is_kind: impl Fn(&Observed) -> bool,
) -> bool {
    let known = context.stores.get(name).is_some_and(is_kind);
    if !known {
        let message = format!("`{name}` is not observed under `observe.{kind}`");
        let diagnostic = context.wrong(&format!("{path}.on"), message);
        diagnostic.help.push(format!("name it there: `{kind}: [ {{ service: {name}, … }} ]`"));
    }
    known
}

fn named(context: &mut Context<'_>, path: &str, pattern: &str) -> Option<Keys> {
    match pattern.split_once('*') {
        Some((begins, ends)) if !ends.contains('*') => {
            Some(Keys::Named { begins: begins.to_owned(), ends: ends.to_owned() })
        }
        _ => {
            let diagnostic = context.wrong(path, "a pattern of keys has one `*`, which stands for the key");
            diagnostic.help.push("write it as `order:*`".to_owned());
            None
        }
    }
}

fn pointer(context: &mut Context<'_>, path: &str, at: Option<&String>) -> Option<String> {
    match at {
        Some(pointer) if pointer.starts_with('/') => Some(pointer.clone()),
        Some(other) => {
            let diagnostic = context.wrong(&format!("{path}.at"), "a JSON pointer starts with `/`");
            diagnostic.help.push(format!("write `/{}`", other.replace('.', "/")));
            None
        }
        None => {
            let diagnostic = context.wrong_key(&format!("{path}.queue"), "where in a message is the key?");
            diagnostic.help.push("say it as a JSON pointer: `at: /id`".to_owned());
            None
        }
    }
}

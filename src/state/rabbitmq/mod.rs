//! RabbitMQ 3.8 and later, through its management interface: one virtual host with its exchanges, queues,
//! bindings, policies and messages.
//!
//! The store itself is a table with a row per queue, `mq`. The messages of a queue that can be read without
//! harm are a table of their own, `mq.orders`; of any other the depth counts, and its row says why.

mod api;
mod definitions;
mod messages;
mod queues;

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::bytes;
use super::gather::{Layout, Wanted, matches};
use super::model::{Depth, Leftovers, ServerFacts, StoreCapture, TableData, Unread};
use api::Api;
use messages::Message;
use queues::Queue;

const LAYOUT: Layout = Layout { columns: &["messages", "queue", "unacknowledged"], key: "queue" };
/// What the row of a queue says whose messages are rows themselves.
const EACH: &str = "each compared";

/// The management interface of a server.
#[async_trait]
pub trait Management: Send + Sync {
    /// Sends a request to a path below `/api`: a POST where there is a body, else a GET. Returns status and
    /// body of the answer.
    async fn ask(&self, path: &str, body: Option<String>) -> Result<(u16, String), String>;
}

/// What is observed of a server, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    /// The virtual host.
    pub vhost: String,
    /// Patterns of queues whose messages are not read; a `*` is any text.
    pub depth_only: Vec<String>,
}

/// Captures a virtual host; its tables are called after the store.
///
/// # Errors
/// When nobody answers in time, or something may not be seen that must be.
pub async fn capture(
    server: &dyn Management,
    store: &str,
    scope: &Scope,
    wanted: &Wanted,
) -> Result<StoreCapture, String> {
    let api = Api::open(server, scope).await?;
    let definitions = definitions::read(&api).await?;
    let queues = queues::read(&api, &definitions.policies).await?;
    let mut tables = BTreeMap::new();
    let mut unread = BTreeMap::new();
    let mut rows = wanted.table(store, LAYOUT);
    for queue in queues.iter().filter(|queue| !queue.exclusive) {
        let table = format!("{store}.{}", queue.name);
        let depth = match content(&api, scope, queue).await? {
            Ok(messages) => {
                tables.insert(table.clone(), gather(&table, messages, wanted)?);
                EACH.to_owned()
            }
            Err(why) => {
                unread.insert(table, Unread::Unsafe);
                queue.depth(&why)
            }
        };
        let name = bytes::text(queue.name.as_bytes());
        let held = queue.is_classic().then(|| queue.unacknowledged.to_string());
        let row = [Some(&*depth), Some(&*name), held.as_deref()];
        rows.row(&row).map_err(|error| format!("{store}: {error}"))?;
    }
    tables.insert(store.to_owned(), rows.finish().map_err(|error| format!("{store}: {error}"))?);
    let mut schema = definitions.objects;
    schema.extend(queues.iter().filter(|queue| !queue.exclusive).map(Queue::object));
    let passing = |name: &str| queues.iter().any(|queue| queue.exclusive && queue.name == name);
    schema.extend(definitions::lasting(&definitions.bindings, passing));
    let leftovers = leftovers_of(&api, &queues).await?;
    let (version, user) = (api.version.clone(), api.user.clone());
    let server = ServerFacts { version, database: scope.vhost.clone(), user };
    Ok(StoreCapture { server, schema, tables, sequences: BTreeMap::new(), leftovers, unread })
}

/// What can be left behind besides queues and messages.
///
/// # Errors
/// As [`capture`].
pub async fn leftovers(server: &dyn Management, scope: &Scope) -> Result<Leftovers, String> {
    let api = Api::open(server, scope).await?;
    let queues = queues::read(&api, &[]).await?;
    leftovers_of(&api, &queues).await
}

/// A value in each message of a queue, as text; messages that have none there are left out.
///
/// # Errors
/// As [`capture`]; and when not every message of the queue can be read.
pub async fn keys(
    server: &dyn Management,
    scope: &Scope,
    queue: &str,
    pointer: &str,
) -> Result<Vec<String>, String> {
    let api = Api::open(server, scope).await?;
    let policies = definitions::policies(&api).await?;
    let queues = queues::read(&api, &policies).await?;
    let queue = queues.iter().find(|one| one.name == queue).ok_or("there is no such queue")?;
    if queue.unacknowledged > 0 {
        return Err(format!("{} messages are held by a client", queue.unacknowledged));
    }
    let messages = content(&api, scope, queue).await?.map_err(|why| format!("not read: {why}"))?;
    Ok(messages.iter().filter_map(|message| message.value(pointer)).collect())
}

/// How many messages a queue holds; none where there is no such queue.
///
/// # Errors
/// As [`capture`].
pub async fn depth(server: &dyn Management, scope: &Scope, queue: &str) -> Result<Option<Depth>, String> {
    let api = Api::open(server, scope).await?;
    let queues = queues::read(&api, &[]).await?;
    let depth = |queue: &Queue| Depth { waiting: queue.ready, held: queue.unacknowledged };
    Ok(queues.iter().find(|one| one.name == queue).map(depth))
}

async fn leftovers_of(api: &Api<'_>, queues: &[Queue]) -> Result<Leftovers, String> {
    let mut leftovers = definitions::leftovers(api).await?;
    leftovers.found.extend(queues::leftovers(queues));
    Ok(leftovers)
}

/// The messages of a queue, or why they are not read.
async fn content(
    api: &Api<'_>,
    scope: &Scope,
    queue: &Queue,
) -> Result<Result<Vec<Message>, String>, String> {
    if scope.depth_only.iter().any(|pattern| matches(pattern, &queue.name)) {
        return Ok(Err("`depth_only` names it".to_owned()));
    }
    match queue.harm() {
        Some(why) => Ok(Err(why)),
        None => messages::read(api, queue).await,
    }
}

fn gather(table: &str, messages: Vec<Message>, wanted: &Wanted) -> Result<TableData, String> {
    let mut rows = wanted.table(table, messages::LAYOUT);
    let taken = messages.iter().try_for_each(|message| {
        let row = message.row();
        rows.row(&row.each_ref().map(|cell| Some(cell.as_str())))
    });
    taken.and_then(|()| rows.finish()).map_err(|error| format!("{table}: {error}"))
}

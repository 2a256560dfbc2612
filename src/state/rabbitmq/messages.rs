//! The messages of a queue, read and put back.
//!
//! They are got unacknowledged and put back by the server where they had been. What changes by that is the
//! mark that they were delivered before, which is not compared.

use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Value, json};

use super::api::{Api, PAUSE, segment};
use super::definitions::text;
use super::queues::{self, Queue};
use crate::state::bytes;
use crate::state::gather::Layout;

/// The most messages that are read of a queue.
pub(super) const MOST: u64 = 5000;
/// The most bytes that the bodies of a queue's messages may have together.
const BYTES: u64 = 16 << 20;
/// How long the server may take to put messages back.
const PATIENCE: Duration = Duration::from_secs(10);

/// A message is told from others by its body.
pub(super) const LAYOUT: Layout =
    Layout { columns: &["encoding", "exchange", "message", "properties", "routing_key"], key: "message" };

/// One message, without what reading changes.
#[derive(Deserialize)]
pub(super) struct Message {
    payload_bytes: u64,
    /// How many were behind it.
    message_count: u64,
    exchange: String,
    routing_key: String,
    properties: Value,
    payload: String,
    /// `string`, or `base64` for bytes that are no text.
    payload_encoding: String,
}

impl Message {
    /// The values of the layout's columns.
    pub(super) fn row(&self) -> [String; 5] {
        let encoding = if self.is_text() { "text" } else { &self.payload_encoding };
        let name = |name: &str| bytes::text(name.as_bytes());
        [
            encoding.to_owned(),
            name(&self.exchange),
            bytes::shown(&bytes::text(self.payload.as_bytes())),
            bytes::shown(&text(&self.properties)),
            name(&self.routing_key),
        ]
    }

    /// A value of its body, which is JSON, as text.
    pub(super) fn value(&self, pointer: &str) -> Option<String> {
        let body: Value = serde_json::from_str(&self.payload).ok().filter(|_| self.is_text())?;
        match body.pointer(pointer)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }

    fn is_text(&self) -> bool {
        self.payload_encoding == "string"
    }
}

/// Every message of a queue; or why they are too many to be read.
pub(super) async fn read(api: &Api<'_>, queue: &Queue) -> Result<Result<Vec<Message>, String>, String> {
    if queue.ready == 0 {
        return Ok(Ok(Vec::new()));
    }
    let sizes = get(api, queue, Some(0)).await?;
    if let Some(why) = too_many(&sizes) {
        return Ok(Err(why));
    }
    let messages = get(api, queue, None).await?;
    Ok(too_many(&messages).map_or(Ok(messages), Err))
}

fn too_many(messages: &[Message]) -> Option<String> {
    if messages.last().is_some_and(|last| last.message_count > 0) {
        return Some(format!("more than {MOST} messages"));
    }
    let bytes: u64 = messages.iter().map(|message| message.payload_bytes).sum();
    (bytes > BYTES).then(|| format!("more than {} MiB of messages", BYTES >> 20))
}

/// Gets messages, of whose bodies only so much is sent, and waits until they are back.
async fn get(api: &Api<'_>, queue: &Queue, truncate: Option<u64>) -> Result<Vec<Message>, String> {
    let mut wanted = json!({ "count": MOST, "ackmode": "ack_requeue_true", "encoding": "auto" });
    if let Some(most) = truncate {
        wanted["truncate"] = json!(most);
    }
    let path = format!("queues/{}/{}/get", api.vhost, segment(&queue.name));
    let messages = api.ask(&path, Some(wanted.to_string())).await;
    put_back(api, queue).await?;
    Ok(messages?)
}

/// The server has told what it has before it has put it back.
async fn put_back(api: &Api<'_>, queue: &Queue) -> Result<(), String> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let held = queues::depths(api).await?.get(&queue.name).map(|(_, held)| *held);
        match held {
            Some(held) if held <= queue.unacknowledged => return Ok(()),
            None if Instant::now() >= deadline => {
                return Err(format!("queue {} does not say how deep it is", queue.name));
            }
            Some(held) if Instant::now() >= deadline => {
                let read = held - queue.unacknowledged;
                return Err(format!("queue {}: {read} messages that were read are not back", queue.name));
            }
            Some(_) | None => tokio::time::sleep(PAUSE).await,
        }
    }
}

//! The keys of one database, page by page.

use std::hash::{BuildHasher, RandomState};

use redis::Value;

use super::connect::Server;
use super::value;
use crate::state::bytes;
use crate::state::gather::{Gather, Layout, Wanted};
use crate::state::model::TableData;

const PAGE: &str = include_str!("page.lua");
/// How many keys the server looks at for one page.
const KEYS: u32 = 1000;
/// Strings up to so many bytes come with their page.
const STRING: u32 = 16 << 10;
/// Everything else comes with its page up to so many elements.
const ELEMENTS: u32 = 256;
/// How often a database is read before its keys are called unsteady.
const TRIES: u32 = 3;

const LAYOUT: Layout = Layout { columns: &["expires", "key", "type", "value"], key: "key" };

/// Reads every key. While a table of keys shrinks the server may give one twice: then all is read again.
pub(super) async fn read(server: &mut Server, table: &str, wanted: &Wanted) -> Result<TableData, String> {
    for _ in 0..TRIES {
        let mut pass =
            Pass { gather: wanted.table(table, LAYOUT), seen: Vec::new(), hashes: RandomState::new() };
        pass.read(server).await?;
        if pass.is_steady() {
            return pass.gather.finish().map_err(|error| error.to_string());
        }
    }
    Err(format!("keys came twice in each of {TRIES} readings: they are moving"))
}

/// What stands between a beginning and an end in the names of keys.
pub(super) async fn named(
    server: &mut Server,
    begins: &str,
    ends: &str,
    most: usize,
) -> Result<Vec<String>, String> {
    let pattern = format!("{}*{}", literal(begins), literal(ends));
    let (mut cursor, mut found) = (b"0".to_vec(), Vec::new());
    loop {
        let mut page = redis::cmd("SCAN");
        page.arg(&cursor).arg("MATCH").arg(&pattern).arg("COUNT").arg(KEYS);
        let (next, names): (Vec<u8>, Vec<Vec<u8>>) = server.ask(&page).await?;
        let between =
            |name: &Vec<u8>| bytes::text(name).strip_prefix(begins)?.strip_suffix(ends).map(str::to_owned);
        found.extend(names.iter().filter_map(between));
        cursor = next;
        if cursor == b"0" || found.len() > most {
            return Ok(found);
        }
    }
}

/// A text in a pattern of keys that stands for itself.
fn literal(text: &str) -> String {
    let escaped = text.chars().map(|c| match c {
        '*' | '?' | '[' | ']' | '^' | '\\' => format!("\\{c}"),
        other => other.to_string(),
    });
    escaped.collect()
}

/// One reading of all keys.
struct Pass {
    gather: Gather,
    /// A hash of every key.
    seen: Vec<u64>,
    hashes: RandomState,
}

impl Pass {
    async fn read(&mut self, server: &mut Server) -> Result<(), String> {
        let mut ahead = server.clone();
        let mut page = Page::ask(&mut ahead, b"0").await?;
        loop {
            if page.next == b"0" {
                return self.take(server, page.keys).await;
            }
            // The server reads the next page while this one is taken in.
            let (next, taken) = tokio::join!(Page::ask(&mut ahead, &page.next), self.take(server, page.keys));
            taken?;
            page = next?;
        }
    }

    async fn take(&mut self, server: &mut Server, keys: Vec<Value>) -> Result<(), String> {
        let mut keys = keys.into_iter();
        while let Some(key) = keys.next() {
            let (key, kind) = (of_text(Some(key))?, bytes::text(&of_text(keys.next())?));
            let expires = keys.next().unwrap_or_default();
            let found = match keys.next() {
                None | Some(Value::Nil) => alone(server, &key, &kind).await?,
                Some(found) => found,
            };
            self.row(&key, &kind, &expires, found)?;
        }
        Ok(())
    }

    fn row(&mut self, key: &[u8], kind: &str, expires: &Value, found: Value) -> Result<(), String> {
        if found == Value::Nil {
            // It expired or was deleted since its page was read.
            return Ok(());
        }
        self.seen.push(self.hashes.hash_one(key));
        let expires = value::moment(expires)?;
        let (key, content) = (bytes::text(key), bytes::shown(&value::canonical(kind, found)?));
        let row = [expires.as_deref(), Some(&key), Some(kind), Some(&content)];
        self.gather.row(&row).map_err(|error| error.to_string())
    }

    fn is_steady(&mut self) -> bool {
        self.seen.sort_unstable();
        self.seen.windows(2).all(|pair| pair[0] != pair[1])
    }
}

/// What the server gives at once.
struct Page {
    /// Where the next one begins.
    next: Vec<u8>,
    /// Key, type, expiry and value of each.
    keys: Vec<Value>,
}

impl Page {
    async fn ask(server: &mut Server, cursor: &[u8]) -> Result<Self, String> {
        let mut page = redis::cmd("EVAL_RO");
        page.arg(PAGE).arg(0).arg(cursor).arg(KEYS).arg(STRING).arg(ELEMENTS);
        let mut keys: Vec<Value> = server.ask(&page).await?;
        let next = (!keys.is_empty()).then(|| keys.remove(0));
        Ok(Self { next: of_text(next)?, keys })
    }
}

/// A value that is too large for its page, or whose type only its module understands.
async fn alone(server: &mut Server, key: &[u8], kind: &str) -> Result<Value, String> {
    let command: &[&str] = match kind {
        "string" => &["GET"],
        "list" => &["LRANGE"],
        "set" => &["SMEMBERS"],
        "hash" => &["HGETALL"],
        "zset" => &["ZRANGE"],
        "stream" => &["XINFO", "STREAM"],
        _ => &["DUMP"],
    };
    let behind: &[&str] = match kind {
        "list" => &["0", "-1"],
        "zset" => &["0", "-1", "WITHSCORES"],
        "stream" => &["FULL", "COUNT", "0"],
        _ => &[],
    };
    let mut asked = redis::Cmd::new();
    asked.arg(command).arg(key).arg(behind);
    server.ask(&asked).await
}

fn of_text(value: Option<Value>) -> Result<Vec<u8>, String> {
    match value {
        Some(Value::BulkString(bytes)) => Ok(bytes),
        Some(Value::SimpleString(text)) => Ok(text.into_bytes()),
        other => Err(format!("a text was expected, and this came: {other:?}")),
    }
}

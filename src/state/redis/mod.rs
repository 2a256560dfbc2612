//! Redis 7 and later: every key of every database, functions, users and settings.
//!
//! A database is a table, `cache.db0`, and a key is a row: its type, its content in a form that does not
//! depend on how the server encodes it, and the moment at which it expires. A time to live that merely
//! ticks down is the same; a key that was given a new one is not.

mod connect;
mod definitions;
mod keys;
mod value;

use std::collections::BTreeMap;

pub use connect::RedisTarget;

use super::gather::Wanted;
use super::model::{ServerFacts, StoreCapture};
use connect::Server;

/// What stands between a beginning and an end in the names of database 0's keys; no more than one more than
/// `most`.
///
/// # Errors
/// When nobody answers, or the names may not be read.
pub async fn keys_named(
    target: &RedisTarget,
    begins: &str,
    ends: &str,
    most: usize,
) -> Result<Vec<String>, String> {
    let mut server = Server::connect(target, 0).await?;
    keys::named(&mut server, begins, ends, most).await
}

/// Captures a server; its tables are called after the store.
///
/// # Errors
/// When nobody answers, the server is too old or part of a cluster, or something may not be read.
pub async fn capture(target: &RedisTarget, store: &str, wanted: &Wanted) -> Result<StoreCapture, String> {
    let mut server = Server::connect(target, 0).await?;
    let facts = server.facts().await?;
    let mut tables = BTreeMap::new();
    for database in facts.databases {
        let table = format!("{store}.db{database}");
        let mut connection = Server::connect(target, database).await?;
        let read = keys::read(&mut connection, &table, wanted).await;
        tables.insert(table.clone(), read.map_err(|error| format!("{table}: {error}"))?);
    }
    let schema = definitions::functions(&mut server).await?;
    let leftovers = definitions::leftovers(&mut server).await;
    let user = target.user.clone().unwrap_or_else(|| "default".to_owned());
    let server = ServerFacts { version: facts.version, database: "all".to_owned(), user };
    Ok(StoreCapture {
        server,
        schema,
        tables,
        sequences: BTreeMap::new(),
        leftovers,
        unread: BTreeMap::new(),
    })
}

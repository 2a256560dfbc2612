//! MariaDB 10.5 and later: schema, rows, auto-increment and what is left behind.
//!
//! Rows are read in one consistent snapshot, and fingerprinted as they come; tables whose engine knows no
//! transactions are read as they are at that moment.

mod connect;
mod fingerprint;
mod keep;
mod leftovers;
mod line;
mod schema;
mod sequences;
mod session;
mod sessions;
mod tables;

use std::collections::BTreeMap;

pub use connect::MariaTarget;
pub use leftovers::leftovers;
pub use session::{Session, SessionError};
pub use sessions::{busy, rows, sessions, value, wait_gone};

use super::gather::{Keeping, LeftOut};
use super::model::{StoreCapture, TableData};
use connect::Server;

/// How a capture is made.
#[derive(Debug, Clone, Default)]
pub struct CaptureOptions {
    /// What the second fingerprints leave out, by table: columns, and SQL conditions in the place of keys.
    pub except: BTreeMap<String, LeftOut>,
    /// Where rows are kept; nowhere if none.
    pub keeping: Option<Keeping>,
    /// The tables of the capture to compare with: one that equals its reference is not kept.
    pub reference: BTreeMap<String, TableData>,
}

/// Captures a database.
///
/// # Errors
/// When nobody answers, the server is no MariaDB or too old, somebody's lock is in the way, or something may
/// not be read.
pub async fn capture(target: &MariaTarget, options: &CaptureOptions) -> Result<StoreCapture, String> {
    let mut server = Server::connect(target).await?;
    let captured = read(&mut server, target, options).await;
    server.close().await;
    captured
}

async fn read(
    server: &mut Server,
    target: &MariaTarget,
    options: &CaptureOptions,
) -> Result<StoreCapture, String> {
    let facts = server.facts().await?;
    server.run("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY").await?;
    let listed = tables::list(server, &target.database).await?;
    let mut tables = BTreeMap::new();
    for table in &listed {
        let left_out = options.except.get(&table.name);
        let mut data = fingerprint::read(server, table, left_out).await?;
        if let Some(keeping) = &options.keeping {
            let reference = options.reference.get(&table.name);
            data.kept = keep::keep(server, table, left_out, &data, keeping, reference).await?;
        }
        tables.insert(table.name.clone(), data);
    }
    let schema = schema::read(server, &target.database).await?;
    let sequences = sequences::read(server, &target.database).await?;
    let leftovers = leftovers::read(server, &target.ours).await?;
    Ok(StoreCapture { server: facts, schema, tables, sequences, leftovers, unread: BTreeMap::new() })
}

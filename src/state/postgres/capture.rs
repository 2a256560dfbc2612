//! Everything that a database holds, in one snapshot.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::connect::PostgresTarget;
use super::error::StoreError;
use super::fingerprint::{self, LeftOut};
use super::leftovers::{self, OwnBackends};
use super::snapshot::Snapshot;
use super::tables::{self, Table};
use super::{batch, keep, large_objects, schema, sequences};
use crate::state::model::{Deal, Kept, StoreCapture, TableData, is_called, is_in_schema};

/// The tables that an exception is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tables {
    /// `schema.table`, or `table` for one in `public`.
    Named(String),
    /// All of a schema.
    In(String),
}

impl Tables {
    fn is_about(&self, table: &str) -> bool {
        match self {
            Self::Named(written) => is_called(table, written),
            Self::In(schema) => is_in_schema(table, schema),
        }
    }
}

/// What a comparison of data leaves out of tables.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableException {
    /// Which tables.
    pub of: Tables,
    /// The columns to leave out.
    pub columns: Vec<String>,
    /// An SQL condition; rows that fulfil it are left out.
    pub where_: Option<String>,
}

/// Where rows are kept, so that they can be shown when they are gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeepRows {
    /// An existing folder; one file a table, readable by the owner only.
    pub dir: PathBuf,
    /// The size of all files together that is not to be exceeded.
    pub max_bytes: u64,
    /// The tables of the capture to compare with: a table that equals its reference is not kept, and the
    /// others are put in the reference's order.
    pub reference: Option<BTreeMap<String, TableData>>,
    /// The database of the same server that holds everything as it was at the first capture, or why there
    /// is none. Of tables that are too large for the folder, the rows that differ are fetched from there.
    pub copy: Result<String, String>,
}

/// How a capture is made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CaptureOptions {
    /// What the second fingerprints leave out.
    pub exceptions: Vec<TableException>,
    /// Where rows are kept; nowhere if none.
    pub keep_rows: Option<KeepRows>,
    /// The sessions that are no leftovers because they are ours.
    pub own: OwnBackends,
}

/// Captures a database: schema, data, sequences, leftovers.
///
/// # Errors
/// When nobody answers, somebody's lock is in the way, a table may not be read, the server is too old, or
/// the database holds nothing while others of the server may be meant.
pub async fn capture(target: &PostgresTarget, options: &CaptureOptions) -> Result<StoreCapture, StoreError> {
    let snapshot = Snapshot::open(target).await?;
    match read(&snapshot, options).await {
        Ok(captured) => {
            snapshot.close().await;
            Ok(captured)
        }
        Err((error, table)) => Err(snapshot.explain(error, table.as_deref()).await),
    }
}

/// Whether the tables of a database take more than so many bytes on its server's disk, indexes left out, or
/// are too many for a file each.
///
/// # Errors
/// When the server cannot be asked.
pub async fn is_large(target: &PostgresTarget, bytes: u64) -> Result<bool, StoreError> {
    let snapshot = Snapshot::open(target).await?;
    let listed = tables::list(snapshot.client()).await?;
    snapshot.close().await;
    let size: u64 = listed.iter().map(|table| table.size).sum();
    Ok(size > bytes || listed.len() > keep::MOST)
}

/// An error with the table that was being read.
pub(super) type Failure = (StoreError, Option<String>);

async fn read(snapshot: &Snapshot, options: &CaptureOptions) -> Result<StoreCapture, Failure> {
    let client = snapshot.client();
    let server = snapshot.server().await.map_err(of_no_table)?;
    let listed = tables::list(client).await.map_err(of_no_table)?;
    if listed.is_empty() {
        refuse_wrong_database(snapshot).await.map_err(of_no_table)?;
    }
    let schema = schema::read(client, snapshot.version).await.map_err(of_no_table)?;
    let deals = match &options.keep_rows {
        Some(keep_rows) => keep::deals(client, &listed, keep_rows).await.map_err(of_no_table)?,
        None => BTreeMap::new(),
    };
    let mut tables = read_tables(snapshot, &listed, &options.exceptions, &deals).await?;
    let sequences = sequences::read(client).await.map_err(of_no_table)?;
    let leftovers = leftovers::read(client, &options.own).await.map_err(of_no_table)?;
    if let Some(keep_rows) = &options.keep_rows {
        keep::keep(snapshot, &listed, &options.exceptions, keep_rows, &mut tables)
            .await
            .map_err(of_no_table)?;
    }
    Ok(StoreCapture { server, schema, tables, sequences, leftovers, unread: BTreeMap::new() })
}

pub(super) fn of_no_table(error: StoreError) -> Failure {
    (error, None)
}

async fn read_tables(
    snapshot: &Snapshot,
    listed: &[Table],
    exceptions: &[TableException],
    deals: &BTreeMap<String, Deal>,
) -> Result<BTreeMap<String, TableData>, Failure> {
    let mut tables = BTreeMap::new();
    let (mut small, mut large) = (Vec::new(), Vec::new());
    for table in listed {
        let deal = deals.get(&table.name);
        let is_plain = table.is_small()
            && deal.is_none_or(|deal| *deal == Deal::Whole)
            && left_out(table, exceptions).is_none();
        if is_plain { small.push((table, deal)) } else { large.push(table) }
    }
    for batch in small.chunks(batch::MOST) {
        tables.extend(read_small(snapshot, batch).await?);
    }
    for table in large {
        let read = read_table(snapshot, table, exceptions, deals.get(&table.name)).await;
        tables.insert(table.name.clone(), read.map_err(|error| (error, Some(table.name.clone())))?);
    }
    let large = large_objects::read(snapshot.client()).await;
    let large = large.map_err(|error| (error, Some("pg_largeobject".to_owned())))?;
    tables.extend(large.map(|large| (large_objects::NAME.to_owned(), large)));
    Ok(tables)
}

/// Reads small tables of which nothing is left out: all in one statement, or, where that is refused, one by
/// one.
pub(super) async fn read_small(
    snapshot: &Snapshot,
    batch: &[(&Table, Option<&Deal>)],
) -> Result<Vec<(String, TableData)>, Failure> {
    let read = fingerprint::read_many(snapshot.client(), batch).await;
    let mut tables = Vec::new();
    if let Some(read) = read.map_err(of_no_table)? {
        for ((table, _), read) in batch.iter().zip(read) {
            let mut data = TableData::empty(table);
            data.take(read);
            tables.push((table.name.clone(), data));
        }
        return Ok(tables);
    }
    for (table, deal) in batch {
        let read = read_table(snapshot, table, &[], *deal).await;
        tables.push((table.name.clone(), read.map_err(|error| (error, Some(table.name.clone())))?));
    }
    Ok(tables)
}

pub(super) async fn read_table(
    snapshot: &Snapshot,
    table: &Table,
    exceptions: &[TableException],
    deal: Option<&Deal>,
) -> Result<TableData, StoreError> {
    let client = snapshot.client();
    let mut data = TableData::empty(table);
    let Some(left_out) = left_out(table, exceptions) else {
        data.take(fingerprint::read(client, table, None, deal).await?);
        return Ok(data);
    };
    client.batch_execute("SAVEPOINT exceptions").await.map_err(|e| StoreError::query("a savepoint", &e))?;
    match fingerprint::read(client, table, Some(&left_out), deal).await {
        Ok(read) => {
            data.take(read);
            // A snapshot cannot be shared out of a savepoint.
            let released = client.batch_execute("RELEASE SAVEPOINT exceptions").await;
            released.map_err(|e| StoreError::query("releasing a savepoint", &e))?;
        }
        Err(StoreError::Query { error, .. }) if is_of_the_condition(error.sqlstate.as_deref()) => {
            let back = "ROLLBACK TO SAVEPOINT exceptions; RELEASE SAVEPOINT exceptions";
            let back = client.batch_execute(back).await;
            back.map_err(|e| StoreError::query("going back to a savepoint", &e))?;
            data.take(fingerprint::read(client, table, None, None).await?);
            data.exception_error = Some(error.to_string());
        }
        Err(error) => return Err(error),
    }
    Ok(data)
}

/// Whether the server's refusal is about the condition's text or values, not about us.
fn is_of_the_condition(sqlstate: Option<&str>) -> bool {
    sqlstate.is_some_and(|state| state != "42501" && (state.starts_with("42") || state.starts_with("22")))
}

/// What the exceptions leave out of this table; none if none names it.
pub(super) fn left_out(table: &Table, exceptions: &[TableException]) -> Option<LeftOut> {
    let mut named = exceptions.iter().filter(|exception| exception.of.is_about(&table.name)).peekable();
    named.peek()?;
    let mut left_out = LeftOut::default();
    for exception in named {
        left_out.columns.extend(exception.columns.iter().cloned());
        left_out.conditions.extend(exception.where_.clone());
    }
    Some(left_out)
}

/// A database without a table is an error when the server has others: the wrong one is being observed.
async fn refuse_wrong_database(snapshot: &Snapshot) -> Result<(), StoreError> {
    let query = "SELECT current_database()::text, string_agg(quote_ident(datname), ', ' ORDER BY datname)
        FROM pg_database WHERE datname <> current_database() AND datname <> 'postgres' AND NOT datistemplate";
    let row = snapshot.client().query_one(query, &[]).await;
    let row = row.map_err(|error| StoreError::query("listing the databases", &error))?;
    match row.get::<_, Option<String>>(1) {
        Some(others) if row.get::<_, &str>(0) == "postgres" => Err(StoreError::Unsuitable(format!(
            "database `postgres` holds no table, and nothing can be compared; observe one of: {others}"
        ))),
        _ => Ok(()),
    }
}

impl TableData {
    fn empty(table: &Table) -> Self {
        Self { unlogged: table.unlogged, key: table.key.clone(), ..Self::default() }
    }

    fn take(&mut self, read: fingerprint::Read) {
        let fingerprint::Read { raw, excepted, chunks } = read;
        (self.raw, self.excepted, self.chunks) = (raw, excepted, chunks.map(Arc::new));
    }
}

impl Default for TableData {
    fn default() -> Self {
        Self {
            raw: crate::state::model::Fingerprint { rows: 0, sum: "0".to_owned(), columns: Vec::new() },
            excepted: None,
            exception_error: None,
            unlogged: false,
            key: Vec::new(),
            kept: Kept::Nothing { because: "nobody asked for its rows".to_owned() },
            chunks: None,
        }
    }
}

//! Writing the rows of tables to files, sorted, so that their values survive the change.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::pin::pin;

use futures_util::TryStreamExt;
use tokio_postgres::Client;

use super::capture::{KeepRows, TableException, left_out};
use super::chunks::{self, Within};
use super::differing::Differing;
use super::error::StoreError;
use super::fingerprint::LeftOut;
use super::snapshot::Snapshot;
use super::tables::{Column, Table};
use crate::state::model::{Deal, Kept, TableData};
use crate::state::rows::{KeptHeader, KeyColumn, file_name};

/// How many tables are kept in files where there is a copy of the database.
pub(super) const MOST: usize = 1_000;
const TEXTS: [&str; 2] = ["text", "varchar"];

/// How the tables are dealt out to chunks that are too large to be kept, or too many: as in the reference,
/// or, where there is a copy of the database, in a way that is new. The smaller tables are kept first.
pub(super) async fn deals(
    client: &Client,
    listed: &[Table],
    options: &KeepRows,
) -> Result<BTreeMap<String, Deal>, StoreError> {
    if let Some(reference) = &options.reference {
        let dealt = reference.iter().filter_map(|(name, data)| Some((name.clone(), data.chunks.as_ref()?)));
        return Ok(dealt.map(|(name, chunks)| (name, chunks.deal.clone())).collect());
    }
    let mut deals = BTreeMap::new();
    if options.copy.is_err() {
        return Ok(deals);
    }
    let mut room = options.max_bytes;
    let mut large = by_size(listed);
    let many = listed.len() > MOST;
    large.retain(|table| {
        let fits = table.size <= room && !many;
        room = room.saturating_sub(if fits { table.size } else { 0 });
        !fits
    });
    for table in &large {
        deals.insert(table.name.clone(), chunks::deal(client, table, large.len()).await?);
    }
    Ok(deals)
}

/// Keeps the rows of the tables, smallest first, as long as there is room; of those that were dealt out to
/// chunks, the rows in chunks that are not as in the reference.
pub(super) async fn keep(
    snapshot: &Snapshot,
    listed: &[Table],
    exceptions: &[TableException],
    options: &KeepRows,
    tables: &mut BTreeMap<String, TableData>,
) -> Result<(), StoreError> {
    let mut room = options.max_bytes;
    let mut dealt = Vec::new();
    for table in by_size(listed) {
        let Some(data) = tables.get_mut(&table.name) else { continue };
        let reference = options.reference.as_ref().and_then(|reference| reference.get(&table.name));
        data.kept = if reference.is_some_and(|reference| reference.raw == data.raw) {
            Kept::Nothing { because: "they are as before".to_owned() }
        } else if reference.is_some_and(|reference| reference.chunks.is_some()) {
            dealt.push(table);
            continue;
        } else if data.chunks.is_some() {
            Kept::Copied
        } else {
            let left_out = left_out(table, exceptions).filter(|_| data.exception_error.is_none());
            let plan = Plan::of(table, left_out.unwrap_or_default(), reference);
            match keep_table(snapshot.client(), &plan, &options.dir, room).await? {
                Kept::Nothing { because } => Kept::Nothing { because: uncopied(because, options) },
                kept => kept,
            }
        };
        if let Kept::Rows { bytes } = data.kept {
            room = room.saturating_sub(bytes);
        }
    }
    if let Some(reference) = &options.reference {
        let differing = Differing { snapshot, exceptions, options, reference };
        differing.keep(&dealt, tables).await?;
        // Only what others are compared with is asked for its chunks.
        tables.values_mut().for_each(|data| data.chunks = None);
    }
    Ok(())
}

fn uncopied(because: String, options: &KeepRows) -> String {
    match &options.copy {
        Err(why) => format!("{because}, and its server has no copy of the database: {why}"),
        Ok(_) => because,
    }
}

fn by_size(listed: &[Table]) -> Vec<&Table> {
    let mut by_size: Vec<&Table> = listed.iter().collect();
    by_size.sort_by_key(|table| table.size);
    by_size
}

/// How the rows of one table are written.
pub(super) struct Plan<'t> {
    table: &'t Table,
    columns: Vec<&'t Column>,
    key: Vec<&'t Column>,
    from: String,
    stays: String,
}

impl<'t> Plan<'t> {
    /// The reference's key comes first: files are compared only in one order.
    pub(super) fn of(table: &'t Table, left_out: LeftOut, reference: Option<&TableData>) -> Self {
        let columns = left_out.remaining(table);
        let names = reference.map_or(&table.key, |reference| &reference.key);
        let found = names.iter().map(|name| columns.iter().copied().find(|column| column.name == *name));
        let key = found.collect::<Option<Vec<_>>>().unwrap_or_default();
        Self { table, columns, key, from: format!("ONLY {}", table.name), stays: left_out.stays() }
    }

    /// The same, of the rows in some chunks.
    pub(super) fn within(self, within: Within) -> Self {
        let Within { from, condition } = within;
        Self { from, stays: format!("{} AND {condition}", self.stays), ..self }
    }

    fn header(&self) -> KeptHeader {
        let key = self
            .key
            .iter()
            .map(|column| KeyColumn { name: column.name.clone(), integer: column.is_integer() });
        KeptHeader {
            table: self.table.name.clone(),
            columns: self.columns.iter().map(|column| column.name.clone()).collect(),
            types: self.columns.iter().map(|column| column.type_name.clone()).collect(),
            key: key.collect(),
        }
    }

    fn copy(&self) -> String {
        let list = self.columns.iter().map(|column| column.quoted.as_str()).collect::<Vec<_>>().join(", ");
        let sorted_by = if self.key.is_empty() { &self.columns } else { &self.key };
        let order = sorted_by.iter().map(|column| order(column, self.key.is_empty()));
        let (order, stays) = (order.collect::<Vec<_>>().join(", "), &self.stays);
        let from = &self.from;
        format!("COPY (SELECT {list} FROM {from} WHERE {stays} ORDER BY {order}) TO STDOUT")
    }
}

/// The order in which the reader of the file compares: by value for integers of a key, else by the bytes of
/// the text that is written. `format` gives that text for every type; NULL, which it cannot tell from an
/// empty text, sorts last.
fn order(column: &Column, whole_row: bool) -> String {
    let quoted = &column.quoted;
    match column.builtin.as_deref() {
        Some(_) if column.is_integer() && !whole_row => quoted.clone(),
        Some(name) if TEXTS.contains(&name) => format!("{quoted}::text COLLATE \"C\""),
        _ => format!("CASE WHEN num_nulls({quoted}) = 0 THEN format('%s', {quoted}) END COLLATE \"C\""),
    }
}

async fn keep_table(client: &Client, plan: &Plan<'_>, dir: &Path, room: u64) -> Result<Kept, StoreError> {
    if plan.columns.is_empty() {
        return Ok(Kept::Nothing { because: "it has no columns".to_owned() });
    }
    let too_large = || Kept::Nothing { because: format!("it is larger than the {room} bytes that are left") };
    if plan.table.size > room {
        return Ok(too_large());
    }
    match write(client, plan, dir, room).await? {
        Some(bytes) => Ok(Kept::Rows { bytes }),
        None => Ok(too_large()),
    }
}

/// Writes the rows to the table's file in a folder; none, and no file, when there is no room for them.
pub(super) async fn write(
    client: &Client,
    plan: &Plan<'_>,
    dir: &Path,
    room: u64,
) -> Result<Option<u64>, StoreError> {
    let path = dir.join(file_name(&plan.table.name));
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path);
    let file = file.map_err(|error| file_error(&path, &error))?;
    let written = stream(client, plan, file, &path, room).await?;
    if written.is_none() {
        std::fs::remove_file(&path).map_err(|error| file_error(&path, &error))?;
    }
    Ok(written)
}

/// Streams the rows into the file; none when there is no room for all of them.
async fn stream(
    client: &Client,
    plan: &Plan<'_>,
    file: File,
    path: &Path,
    room: u64,
) -> Result<Option<u64>, StoreError> {
    let failed = |error| StoreError::query(format!("keeping the rows of {}", plan.table.name), &error);
    let broken = |error: std::io::Error| file_error(path, &error);
    let mut file = BufWriter::with_capacity(1 << 16, file);
    let mut header = serde_json::to_vec(&plan.header()).map_err(|error| broken(error.into()))?;
    header.push(b'\n');
    file.write_all(&header).map_err(broken)?;
    let mut bytes = header.len() as u64;
    let mut rows = pin!(client.copy_out(&plan.copy()).await.map_err(failed)?);
    while let Some(row) = rows.try_next().await.map_err(failed)? {
        bytes += row.len() as u64;
        if bytes > room {
            return Ok(None);
        }
        file.write_all(&row).map_err(broken)?;
    }
    file.flush().map_err(broken)?;
    Ok(Some(bytes))
}

fn file_error(path: &Path, error: &std::io::Error) -> StoreError {
    StoreError::File {
        doing: "cannot keep rows in".to_owned(),
        path: path.display().to_string(),
        reason: error.to_string(),
    }
}

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
use super::error::StoreError;
use super::fingerprint::LeftOut;
use super::tables::{Column, Table};
use crate::state::model::{Kept, TableData};
use crate::state::rows::{KeptHeader, KeyColumn, file_name};

const INTEGERS: [&str; 3] = ["int2", "int4", "int8"];
const TEXTS: [&str; 2] = ["text", "varchar"];

/// Keeps the rows of the tables, smallest first, as long as there is room.
pub(super) async fn keep(
    client: &Client,
    listed: &[Table],
    exceptions: &[TableException],
    options: &KeepRows,
    tables: &mut BTreeMap<String, TableData>,
) -> Result<(), StoreError> {
    let mut by_size: Vec<&Table> = listed.iter().collect();
    by_size.sort_by_key(|table| table.size);
    let mut room = options.max_bytes;
    for table in by_size {
        let Some(data) = tables.get_mut(&table.name) else { continue };
        let reference = options.reference.as_ref().and_then(|reference| reference.get(&table.name));
        data.kept = if reference.is_some_and(|reference| reference.raw == data.raw) {
            Kept::Nothing { because: "they are as before".to_owned() }
        } else {
            let left_out = left_out(table, exceptions).filter(|_| data.exception_error.is_none());
            let plan = Plan::of(table, left_out.unwrap_or_default(), reference);
            keep_table(client, &plan, &options.dir, room).await?
        };
        if let Kept::Rows { bytes } = data.kept {
            room = room.saturating_sub(bytes);
        }
    }
    Ok(())
}

/// How the rows of one table are written.
struct Plan<'t> {
    table: &'t Table,
    columns: Vec<&'t Column>,
    key: Vec<&'t Column>,
    stays: String,
}

impl<'t> Plan<'t> {
    /// The reference's key comes first: files are compared only in one order.
    fn of(table: &'t Table, left_out: LeftOut, reference: Option<&TableData>) -> Self {
        let columns = left_out.remaining(table);
        let names = reference.map_or(&table.key, |reference| &reference.key);
        let found = names.iter().map(|name| columns.iter().copied().find(|column| column.name == *name));
        let key = found.collect::<Option<Vec<_>>>().unwrap_or_default();
        Self { table, columns, key, stays: left_out.stays() }
    }

    fn header(&self) -> KeptHeader {
        let key = self
            .key
            .iter()
            .map(|column| KeyColumn { name: column.name.clone(), integer: is_integer(column) });
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
        let table = &self.table.name;
        format!("COPY (SELECT {list} FROM ONLY {table} WHERE {stays} ORDER BY {order}) TO STDOUT")
    }
}

fn is_integer(column: &Column) -> bool {
    column.builtin.as_deref().is_some_and(|name| INTEGERS.contains(&name))
}

/// The order in which the reader of the file compares: by value for integers of a key, else by the bytes of
/// the text that is written. `format` gives that text for every type; NULL, which it cannot tell from an
/// empty text, sorts last.
fn order(column: &Column, whole_row: bool) -> String {
    let quoted = &column.quoted;
    match column.builtin.as_deref() {
        Some(_) if is_integer(column) && !whole_row => quoted.clone(),
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
    let path = dir.join(file_name(&plan.table.name));
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path);
    let file = file.map_err(|error| file_error(&path, &error))?;
    match write(client, plan, file, &path, room).await? {
        Some(bytes) => Ok(Kept::Rows { bytes }),
        None => {
            std::fs::remove_file(&path).map_err(|error| file_error(&path, &error))?;
            Ok(too_large())
        }
    }
}

/// Streams the rows into the file; none when there is no room for all of them.
async fn write(
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

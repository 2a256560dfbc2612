//! Which tables hold rows, with what their fingerprints need to know of their columns.

use tokio_postgres::{Client, Row};

use super::error::StoreError;

const INTEGERS: [&str; 3] = ["int2", "int4", "int8"];

/// How many bytes of a table are read in no time.
const SMALL: u64 = 1 << 19;

/// A table, leaf partition or populated materialised view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    /// `schema.table` as SQL writes it.
    pub(super) name: String,
    /// Whether the server empties it when it crashes.
    pub(super) unlogged: bool,
    /// Its size on disk in bytes, indexes left out.
    pub(super) size: u64,
    /// Its columns in order of name.
    pub(super) columns: Vec<Column>,
    /// The columns that tell its rows apart, in order of the key; empty without a key.
    pub(super) key: Vec<String>,
}

/// One column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    /// Its name without quotes.
    pub(super) name: String,
    /// Its name as SQL writes it.
    pub(super) quoted: String,
    /// Its type as SQL writes it.
    pub(super) type_name: String,
    /// The name of its type, domains resolved, when it is one of the server's own.
    pub(super) builtin: Option<String>,
}

impl Table {
    /// Whether it takes no time to read all of it.
    pub(super) fn is_small(&self) -> bool {
        self.size <= SMALL
    }
}

impl Column {
    /// Whether its values are whole numbers that the server sorts by value.
    pub(super) fn is_integer(&self) -> bool {
        self.builtin.as_deref().is_some_and(|name| INTEGERS.contains(&name))
    }
}

/// Lists the tables in order of name.
pub(super) async fn list(client: &Client) -> Result<Vec<Table>, StoreError> {
    let doing = "listing the tables";
    let failed = |error| StoreError::query(doing, &error);
    let rows = client.query(include_str!("tables.sql"), &[]).await.map_err(failed)?;
    let mut tables: Vec<Table> = Vec::new();
    for row in rows {
        let (table, column) = (table(&row).map_err(failed)?, column(&row).map_err(failed)?);
        match tables.last_mut() {
            Some(last) if last.name == table.name => last.columns.extend(column),
            _ => tables.push(Table { columns: Vec::from_iter(column), ..table }),
        }
    }
    Ok(tables)
}

fn table(row: &Row) -> Result<Table, tokio_postgres::Error> {
    Ok(Table {
        name: row.try_get(0)?,
        unlogged: row.try_get(1)?,
        size: row.try_get::<_, i64>(2)?.unsigned_abs(),
        key: row.try_get::<_, Option<Vec<String>>>(3)?.unwrap_or_default(),
        columns: Vec::new(),
    })
}

/// A table may have no columns at all.
fn column(row: &Row) -> Result<Option<Column>, tokio_postgres::Error> {
    let Some(name) = row.try_get::<_, Option<String>>(4)? else { return Ok(None) };
    Ok(Some(Column { name, quoted: row.try_get(5)?, type_name: row.try_get(6)?, builtin: row.try_get(7)? }))
}

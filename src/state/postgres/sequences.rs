//! Sequences: what defines them, where they stand, and how far their columns have got.

use std::collections::BTreeMap;

use tokio_postgres::{Client, Row};

use super::error::StoreError;
use super::schema::{SEQUENCES, read_family};
use crate::state::model::{Definition, SequenceState};

const DOING: &str = "reading the sequences";

/// Reads all sequences by name.
pub(super) async fn read(client: &Client) -> Result<BTreeMap<String, SequenceState>, StoreError> {
    let definitions = read_family(client, "sequences", SEQUENCES).await?;
    let mut definitions: BTreeMap<String, Definition> =
        definitions.into_iter().map(|(object, definition)| (object.name, definition)).collect();
    let rows = client.query(include_str!("positions.sql"), &[]).await.map_err(failed)?;
    let mut sequences = BTreeMap::new();
    for row in rows {
        let name: String = row.try_get(0).map_err(failed)?;
        let definition = definitions.remove(&name).unwrap_or_default();
        let state = position(client, &name, &row, definition).await?;
        sequences.insert(name, state);
    }
    Ok(sequences)
}

async fn position(
    client: &Client,
    name: &str,
    row: &Row,
    definition: Definition,
) -> Result<SequenceState, StoreError> {
    let increment: i64 = row.try_get(1).map_err(failed)?;
    let unlogged = row.try_get(2).map_err(failed)?;
    let belongs_to: (Option<String>, Option<String>) =
        (row.try_get(3).map_err(failed)?, row.try_get(4).map_err(failed)?);
    let stands = client.query_one(&format!("SELECT last_value, is_called FROM {name}"), &[]).await;
    let stands = stands.map_err(|error| StoreError::query(format!("reading sequence {name}"), &error))?;
    let column_reaches = match belongs_to {
        (Some(table), Some(column)) => farthest(client, &table, &column, increment).await?,
        _ => None,
    };
    let (last_value, is_called) = (stands.get(0), stands.get(1));
    Ok(SequenceState { definition, increment, last_value, is_called, column_reaches, unlogged })
}

/// The column's value that is farthest in the direction of the sequence.
async fn farthest(
    client: &Client,
    table: &str,
    column: &str,
    increment: i64,
) -> Result<Option<i64>, StoreError> {
    let end = if increment < 0 { "min" } else { "max" };
    let query = format!("SELECT {end}({column})::int8 FROM {table}");
    let row = client.query_one(&query, &[]).await;
    row.map(|row| row.get(0))
        .map_err(|error| StoreError::query(format!("reading {end}({column}) of {table}"), &error))
}

fn failed(error: tokio_postgres::Error) -> StoreError {
    StoreError::query(DOING, &error)
}

//! Sequences: what defines them, where they stand, and how far their columns have got.

use std::collections::BTreeMap;

use tokio_postgres::{Client, Row};

use super::batch;
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
    let listed: Vec<Listed> = rows.iter().map(Listed::of).collect::<Result<_, _>>().map_err(failed)?;
    let mut sequences = BTreeMap::new();
    for batch in listed.chunks(batch::MOST) {
        for (sequence, position) in batch.iter().zip(positions(client, batch).await?) {
            let Listed { name, increment, unlogged, .. } = sequence;
            let Position { last_value, is_called, column_reaches } = position;
            let definition = definitions.remove(name).unwrap_or_default();
            let (increment, unlogged) = (*increment, *unlogged);
            let state =
                SequenceState { definition, increment, last_value, is_called, column_reaches, unlogged };
            sequences.insert(name.clone(), state);
        }
    }
    Ok(sequences)
}

/// A sequence, and the column that it belongs to.
struct Listed {
    name: String,
    increment: i64,
    unlogged: bool,
    of: Option<(String, String)>,
}

/// Where a sequence stands, and its column's value that is farthest in its direction.
struct Position {
    last_value: i64,
    is_called: bool,
    column_reaches: Option<i64>,
}

/// Where the sequences stand, in their order. One that cannot be read is named.
async fn positions(client: &Client, batch: &[Listed]) -> Result<Vec<Position>, StoreError> {
    let questions: Vec<String> = batch.iter().map(Listed::question).collect();
    if let Some(answers) = batch::ask(client, &questions).await.map_err(failed)? {
        return batch.iter().zip(answers).map(|(sequence, answer)| sequence.position(&answer)).collect();
    }
    let mut positions = Vec::new();
    for (sequence, question) in batch.iter().zip(&questions) {
        let doing = format!("reading sequence {} and how far its column has got", sequence.name);
        let row = client.query_one(question, &[]).await.map_err(|error| StoreError::query(doing, &error))?;
        let answer: Vec<Option<String>> = (0..row.len()).map(|at| row.get(at)).collect();
        positions.push(sequence.position(&answer)?);
    }
    Ok(positions)
}

impl Listed {
    fn of(row: &Row) -> Result<Self, tokio_postgres::Error> {
        let (table, column): (Option<String>, Option<String>) = (row.try_get(3)?, row.try_get(4)?);
        let (name, increment, unlogged) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        Ok(Self { name, increment, unlogged, of: table.zip(column) })
    }

    fn question(&self) -> String {
        let end = if self.increment < 0 { "min" } else { "max" };
        let reaches = match &self.of {
            Some((table, column)) => format!("(SELECT {end}({column})::int8::text FROM {table})"),
            None => "NULL".to_owned(),
        };
        format!("SELECT last_value::text, is_called::text, {reaches} AS reaches FROM {}", self.name)
    }

    fn position(&self, answer: &[Option<String>]) -> Result<Position, StoreError> {
        let number = |at: usize| answer.get(at)?.as_ref()?.parse::<i64>().ok();
        let last_value = number(0)
            .ok_or_else(|| StoreError::Unsuitable(format!("sequence {} stands nowhere", self.name)))?;
        let is_called = answer.get(1).is_some_and(|called| called.as_deref() == Some("true"));
        Ok(Position { last_value, is_called, column_reaches: number(2) })
    }
}

fn failed(error: tokio_postgres::Error) -> StoreError {
    StoreError::query(DOING, &error)
}

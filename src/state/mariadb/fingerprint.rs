//! The rows of a table folded into one number, as they come.
//!
//! The server only sends them. To hash them itself it would have to make one text of each row first, and that
//! alone takes as long as a whole dump; so it makes the next rows while those that are here are hashed.

use super::connect::{Server, cells};
use super::tables::{Column, Table};
use crate::state::gather::{LeftOut, Sum};
use crate::state::model::{Fingerprint, TableData};

/// Fingerprints all rows; with exceptions also those that stay. One that cannot be applied is told.
pub(super) async fn read(
    server: &mut Server,
    table: &Table,
    left_out: Option<&LeftOut>,
) -> Result<TableData, String> {
    let all: Vec<&Column> = table.columns.iter().collect();
    let raw = sum(server, table, &all, "TRUE").await?;
    let mut data = TableData { raw, key: table.key.clone(), ..TableData::default() };
    if let Some(left_out) = left_out {
        let stays = stays(left_out);
        match sum(server, table, &remaining(table, left_out), &stays).await {
            Ok(excepted) => data.excepted = Some(excepted),
            Err(error) => data.exception_error = Some(error),
        }
    }
    Ok(data)
}

/// The columns that stay in.
pub(super) fn remaining<'t>(table: &'t Table, left_out: &LeftOut) -> Vec<&'t Column> {
    table.columns.iter().filter(|column| !left_out.columns.contains(&column.name)).collect()
}

/// The SQL condition that a row stays in.
pub(super) fn stays(left_out: &LeftOut) -> String {
    let conditions = left_out.keys.iter().map(|condition| format!("(\n{condition}\n) IS NOT TRUE"));
    let all: Vec<String> = conditions.collect();
    if all.is_empty() { "TRUE".to_owned() } else { all.join(" AND ") }
}

async fn sum(
    server: &mut Server,
    table: &Table,
    columns: &[&Column],
    stays: &str,
) -> Result<Fingerprint, String> {
    let mut sum = Sum::default();
    let query = format!("SELECT {} FROM {} WHERE {stays}", select_list(columns), table.quoted);
    let sent = server.sent(&query, |row| sum.add(cells(&row))).await;
    sent.map_err(|error| format!("{}: {error}", table.name))?;
    Ok(sum.fingerprint(columns.iter().map(|column| column.name.clone()).collect()))
}

/// The columns as a query sends them. Rows of which nothing is looked at are still counted.
pub(super) fn select_list(columns: &[&Column]) -> String {
    let sent: Vec<String> = columns.iter().map(|column| column.sent()).collect();
    if sent.is_empty() { "NULL".to_owned() } else { sent.join(", ") }
}

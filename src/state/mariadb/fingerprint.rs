//! The rows of a table folded into one number inside the server.
//!
//! A row is hashed as one text in which no two rows look alike: numbers and times between commas, then
//! everything else behind its length. The sum of the hashes' first 64 bits knows no order.
//!
//! Making that text takes most of the time. So no value is made into text twice.

use super::connect::Server;
use super::tables::{Column, Table};
use crate::state::gather::LeftOut;
use crate::state::model::{Fingerprint, TableData};

/// What goes in for a row whose hash is NULL: a value beyond `max_allowed_packet` turns into that. No sum
/// of hashes is as large.
const UNREAD: &str = "10000000000000000000000000000000000";

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
    let query = format!(
        "SELECT COUNT(*), COALESCE(SUM(COALESCE(CAST(CONV(LEFT({}, 16), 16, 10) AS UNSIGNED), {UNREAD})), 0) \
         FROM {} WHERE {stays}",
        hash(columns),
        table.quoted
    );
    let rows = server.rows(&query).await.map_err(|error| format!("{}: {error}", table.name))?;
    let mut row = rows.into_iter().flatten().map(Option::unwrap_or_default);
    let (count, sum) = (row.next().unwrap_or_default(), row.next().unwrap_or_default());
    if sum.len() >= UNREAD.len() {
        return Err(format!("{}: a row is larger than the server's max_allowed_packet", table.name));
    }
    let rows = count.parse().map_err(|_| format!("{}: `{count}` rows", table.name))?;
    let columns = columns.iter().map(|column| column.name.clone()).collect();
    Ok(Fingerprint { rows, sum, columns })
}

fn hash(columns: &[&Column]) -> String {
    let (plain, others): (Vec<&Column>, Vec<&Column>) = columns.iter().partition(|column| column.is_plain());
    let mut parts = Vec::new();
    if !plain.is_empty() {
        let values: Vec<String> = plain.into_iter().map(between_commas).collect();
        parts.push(format!("CONCAT_WS(',', {}), ','", values.join(", ")));
    }
    parts.extend(others.into_iter().map(behind_length));
    format!("SHA2(CONCAT({}), 256)", if parts.is_empty() { "''".to_owned() } else { parts.join(", ") })
}

/// No number and no time is an empty text.
fn between_commas(column: &Column) -> String {
    let name = super::connect::quoted(&column.name);
    if column.is_nullable { format!("IFNULL({name}, '')") } else { name }
}

/// A value beyond `max_allowed_packet` is NULL though its column is not; then so is all of it. What is no text
/// has no comma in it.
fn behind_length(column: &Column) -> String {
    let (name, value) = (super::connect::quoted(&column.name), column.value());
    if column.is_nullable {
        format!("IFNULL(CHAR_LENGTH({name}), 'N'), ':', IFNULL({value}, IF({name} IS NULL, '', NULL)), ','")
    } else {
        format!("CHAR_LENGTH({name}), ':', {value}, ','")
    }
}

//! The rows of a table folded into one number: the sum of the hashes of its rows.
//!
//! A sum of 64-bit hashes is a fingerprint of the multiset: no order enters, a row more or less changes it,
//! and the server adds it up in parallel and in constant memory.

use tokio_postgres::{Client, SimpleQueryMessage};

use super::error::StoreError;
use super::tables::{Column, Table};
use crate::state::model::Fingerprint;

/// The types whose hash changes exactly when their bytes do.
///
/// Everything else goes in as the text that the type's output function gives: numbers with a scale,
/// floats with their zeros, intervals, JSON, arrays and composites (their hash forgets bounds), and enums
/// (their hash is that of an object identifier).
const HASHED_AS_THEY_ARE: &[&str] = &[
    "bool",
    "bytea",
    "char",
    "cidr",
    "date",
    "inet",
    "int2",
    "int4",
    "int8",
    "macaddr",
    "macaddr8",
    "name",
    "oid",
    "pg_lsn",
    "text",
    "time",
    "timestamp",
    "timestamptz",
    "timetz",
    "uuid",
    "varchar",
];

/// What is left out of a table's second fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct LeftOut {
    /// Columns, by name.
    pub(super) columns: Vec<String>,
    /// Conditions; a row that fulfils one is left out.
    pub(super) conditions: Vec<String>,
}

impl LeftOut {
    /// The columns of the table that stay in.
    pub(super) fn remaining<'t>(&self, table: &'t Table) -> Vec<&'t Column> {
        table.columns.iter().filter(|column| !self.columns.contains(&column.name)).collect()
    }

    /// The SQL condition that a row stays in.
    pub(super) fn stays(&self) -> String {
        let conditions = self.conditions.iter().map(|condition| format!("(\n{condition}\n) IS NOT TRUE"));
        let all: Vec<String> = conditions.collect();
        if all.is_empty() { "true".to_owned() } else { all.join(" AND ") }
    }
}

/// Fingerprints all rows; with `left_out` also those that stay when it is left out, in the same pass.
pub(super) async fn read(
    client: &Client,
    version: i32,
    table: &Table,
    left_out: Option<&LeftOut>,
) -> Result<(Fingerprint, Option<Fingerprint>), StoreError> {
    let all: Vec<&Column> = table.columns.iter().collect();
    let mut select = aggregate(&all, version, "true");
    let remaining = left_out.map(|left_out| (left_out.remaining(table), left_out.stays()));
    if let Some((columns, stays)) = &remaining {
        select = format!("{select}, {}", aggregate(columns, version, stays));
    }
    let numbers = numbers(client, &format!("SELECT {select} FROM ONLY {}", table.name)).await;
    let numbers =
        numbers.map_err(|error| StoreError::query(format!("fingerprinting table {}", table.name), &error))?;
    let raw = fingerprint(&numbers[..2], &all);
    Ok((raw, remaining.map(|(columns, _)| fingerprint(&numbers[2..], &columns))))
}

/// The number of rows and the sum of their hashes, for the rows that stay.
fn aggregate(columns: &[&Column], version: i32, stays: &str) -> String {
    let filter = if stays == "true" { String::new() } else { format!(" FILTER (WHERE {stays})") };
    format!("count(*){filter}, coalesce(sum({}){filter}, 0)", hash(columns, version))
}

/// The hash of one row: its columns in order of name, those that go in as text together behind the others.
fn hash(columns: &[&Column], version: i32) -> String {
    if columns.is_empty() {
        return "0".to_owned();
    }
    // Records can be hashed since version 14.
    let as_they_are = |column: &Column| {
        version >= 14_00_00
            && column.builtin.as_deref().is_some_and(|name| HASHED_AS_THEY_ARE.contains(&name))
    };
    let (direct, text): (Vec<&Column>, Vec<&Column>) = columns.iter().partition(|column| as_they_are(column));
    let text = (!text.is_empty()).then(|| format!("ROW({})::text", list(&text)));
    match (direct.is_empty(), text) {
        (true, text) => format!("hashtextextended({}, 0)", text.unwrap_or_default()),
        (false, None) => format!("hash_record_extended(ROW({}), 0)", list(&direct)),
        (false, Some(text)) => format!("hash_record_extended(ROW({}, {text}), 0)", list(&direct)),
    }
}

fn list(columns: &[&Column]) -> String {
    columns.iter().map(|column| column.quoted.as_str()).collect::<Vec<_>>().join(", ")
}

fn fingerprint(numbers: &[String], columns: &[&Column]) -> Fingerprint {
    Fingerprint {
        rows: numbers[0].parse().unwrap_or(0),
        sum: numbers[1].clone(),
        columns: columns.iter().map(|column| column.name.clone()).collect(),
    }
}

async fn numbers(client: &Client, query: &str) -> Result<Vec<String>, tokio_postgres::Error> {
    let mut numbers = Vec::new();
    for message in client.simple_query(query).await? {
        if let SimpleQueryMessage::Row(row) = message {
            for at in 0..row.len() {
                numbers.push(row.try_get(at)?.unwrap_or("0").to_owned());
            }
        }
    }
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, builtin: Option<&str>) -> Column {
        Column { name: name.to_owned(), quoted: format!("\"{name}\""), builtin: builtin.map(str::to_owned) }
    }

    #[track_caller]
    fn check(columns: &[(&str, Option<&str>)], version: i32, expected: &str) {
        let columns: Vec<Column> = columns.iter().map(|(name, builtin)| column(name, *builtin)).collect();
        assert_eq!(hash(&columns.iter().collect::<Vec<_>>(), version), expected);
    }

    #[test]
    fn s13_what_is_equal_without_being_the_same_goes_in_as_text() {
        let columns = [("a", Some("int4")), ("b", Some("numeric")), ("c", Some("text")), ("d", None)];
        check(&columns, 15_00_00, r#"hash_record_extended(ROW("a", "c", ROW("b", "d")::text), 0)"#);
        check(&columns[..1], 15_00_00, r#"hash_record_extended(ROW("a"), 0)"#);
        check(&columns[1..2], 15_00_00, r#"hashtextextended(ROW("b")::text, 0)"#);
        check(&columns[..2], 13_00_00, r#"hashtextextended(ROW("a", "b")::text, 0)"#);
        check(&[], 15_00_00, "0");
    }

    #[test]
    fn s16_rows_that_fulfil_a_condition_are_left_out() {
        let left_out = LeftOut { columns: vec!["b".to_owned()], conditions: vec!["a > 1 -- old".to_owned()] };
        assert_eq!(left_out.stays(), "(\na > 1 -- old\n) IS NOT TRUE");
        assert_eq!(
            aggregate(&[&column("a", Some("int4"))], 15_00_00, "(x) IS NOT TRUE"),
            r#"count(*) FILTER (WHERE (x) IS NOT TRUE), coalesce(sum(hash_record_extended(ROW("a"), 0)) FILTER (WHERE (x) IS NOT TRUE), 0)"#
        );
    }
}

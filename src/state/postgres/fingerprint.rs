//! The rows of a table folded into one number: the sum of the hashes of its rows.
//!
//! A sum of 64-bit hashes is a fingerprint of the multiset: no order enters, a row more or less changes it,
//! and the server adds it up in parallel and in constant memory. Three traits of the server's own hashes
//! would make it blind, and are mended here:
//!
//! - `hash_record_extended` is a linear combination of its columns' hashes, and a sum of those is the same
//!   when two rows exchange a value. So each row's hash goes, as the seed, through one more hash.
//! - Hashes of 64-bit integers and times fold both halves into 32 bits: -1 and 4294967295 collide. So the
//!   upper half of an integer goes in once more, and times go in as their bytes.
//! - Numbers are hashed without sign and scale, enums by object identifier, arrays without bounds, floats
//!   and intervals by value. So these go in as bytes or as the text of their output function.

use tokio_postgres::{Client, SimpleQueryMessage};

use super::error::StoreError;
use super::tables::{Column, Table};
use crate::state::model::Fingerprint;

/// The types whose hash changes exactly when their bytes do.
const HASHED_AS_THEY_ARE: &[&str] = &[
    "bool", "bytea", "char", "cidr", "date", "inet", "int2", "int4", "macaddr", "macaddr8", "name", "oid",
    "text", "uuid", "varchar",
];

/// The types that go in as their bytes, with the function that gives these.
const HASHED_AS_BYTES: &[(&str, &str)] = &[
    ("interval", "interval_send"),
    ("numeric", "numeric_send"),
    ("pg_lsn", "pg_lsn_send"),
    ("time", "time_send"),
    ("timestamp", "timestamp_send"),
    ("timestamptz", "timestamptz_send"),
    ("timetz", "timetz_send"),
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
    // Records can be hashed since version 14. The hash of a whole text is not linear.
    if version < 14_00_00 {
        return format!("hashtextextended(ROW({})::text, 0)", list(columns));
    }
    let mut hashed: Vec<String> = columns.iter().filter_map(|column| hashed(column)).collect();
    let text: Vec<&Column> =
        columns.iter().copied().filter(|column| self::hashed(column).is_none()).collect();
    if !text.is_empty() {
        hashed.push(format!("ROW({})::text", list(&text)));
    }
    format!("hashint4extended(0, hash_record_extended(ROW({}), 0))", hashed.join(", "))
}

/// What of a column is hashed; none for what goes in as text.
fn hashed(column: &Column) -> Option<String> {
    let (name, quoted) = (column.builtin.as_deref()?, &column.quoted);
    if HASHED_AS_THEY_ARE.contains(&name) {
        return Some(quoted.clone());
    }
    if name == "int8" {
        return Some(format!("{quoted}, {quoted} >> 32"));
    }
    let bytes = HASHED_AS_BYTES.iter().find(|(known, _)| *known == name);
    bytes.map(|(_, function)| format!("{function}({quoted})"))
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
        Column {
            name: name.to_owned(),
            quoted: format!("\"{name}\""),
            type_name: String::new(),
            builtin: builtin.map(str::to_owned),
        }
    }

    #[track_caller]
    fn check(columns: &[(&str, Option<&str>)], version: i32, expected: &str) {
        let columns: Vec<Column> = columns.iter().map(|(name, builtin)| column(name, *builtin)).collect();
        assert_eq!(hash(&columns.iter().collect::<Vec<_>>(), version), expected);
    }

    #[test]
    fn s13_what_is_equal_without_being_the_same_goes_in_as_bytes_or_text() {
        let columns = [("a", Some("int4")), ("b", Some("numeric")), ("c", Some("int8")), ("d", None)];
        check(
            &columns,
            15_00_00,
            r#"hashint4extended(0, hash_record_extended(ROW("a", numeric_send("b"), "c", "c" >> 32, ROW("d")::text), 0))"#,
        );
        check(&columns[..1], 15_00_00, r#"hashint4extended(0, hash_record_extended(ROW("a"), 0))"#);
        check(
            &columns[3..],
            15_00_00,
            r#"hashint4extended(0, hash_record_extended(ROW(ROW("d")::text), 0))"#,
        );
        check(&columns[..2], 13_00_00, r#"hashtextextended(ROW("a", "b")::text, 0)"#);
        check(&[], 15_00_00, "0");
    }

    #[test]
    fn s16_rows_that_fulfil_a_condition_are_left_out() {
        let left_out = LeftOut { columns: vec!["b".to_owned()], conditions: vec!["a > 1 -- old".to_owned()] };
        assert_eq!(left_out.stays(), "(\na > 1 -- old\n) IS NOT TRUE");
        assert_eq!(
            aggregate(&[&column("a", Some("int4"))], 15_00_00, "(x) IS NOT TRUE"),
            r#"count(*) FILTER (WHERE (x) IS NOT TRUE), coalesce(sum(hashint4extended(0, hash_record_extended(ROW("a"), 0))) FILTER (WHERE (x) IS NOT TRUE), 0)"#
        );
    }
}

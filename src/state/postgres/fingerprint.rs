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

use std::pin::pin;

use futures_util::TryStreamExt;
use tokio_postgres::{Client, SimpleQueryMessage};

use super::error::StoreError;
use super::tables::{Column, Table};
use super::{batch, chunks};
use crate::state::model::{ChunkSum, Chunks, Deal, Fingerprint};

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

/// What was read of a table.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Read {
    /// All rows.
    pub(super) raw: Fingerprint,
    /// Those that stay when something is left out.
    pub(super) excepted: Option<Fingerprint>,
    /// What counts of it, in chunks; where it was dealt out.
    pub(super) chunks: Option<Chunks>,
}

/// Fingerprints all rows; with `left_out` also those that stay when it is left out, with a `deal` also chunk
/// by chunk, all in the same pass.
pub(super) async fn read(
    client: &Client,
    version: i32,
    table: &Table,
    left_out: Option<&LeftOut>,
    deal: Option<&Deal>,
) -> Result<Read, StoreError> {
    let doing = || format!("fingerprinting table {}", table.name);
    let all = all(table);
    let remaining = left_out.map(|left_out| (left_out.remaining(table), left_out.stays()));
    let kept = remaining.as_ref().map(|(columns, stays)| (columns.as_slice(), stays.as_str()));
    let dealt = deal.and_then(|deal| Some((deal, chunks::number(deal, table, version)?)));
    let query = match &dealt {
        None => whole(table, version, &all, kept),
        Some((_, number)) => by_chunk(table, version, &all, kept, number),
    };
    let mut sums = Sums { dealt: dealt.is_some(), ..Sums::default() };
    let failed = |error| StoreError::query(doing(), &error);
    let mut rows = pin!(client.simple_query_raw(&query).await.map_err(failed)?);
    while let Some(message) = rows.try_next().await.map_err(failed)? {
        if let SimpleQueryMessage::Row(row) = message {
            let number = |at: usize| row.try_get(at).ok().flatten().and_then(|text| text.parse().ok());
            let numbers: Option<Vec<i128>> = (0..row.len()).map(number).collect();
            sums.add(&numbers.ok_or_else(|| StoreError::Unsuitable(format!("{}: no numbers", doing())))?);
        }
    }
    let chunks = dealt.map(|(deal, _)| Chunks { deal: deal.clone(), sums: sums.in_order() });
    let raw = sums.raw.fingerprint(&all);
    let excepted = remaining.map(|(columns, _)| sums.excepted.fingerprint(&columns));
    Ok(Read { raw, excepted, chunks })
}

/// The same for many small tables, nothing left out; none when one of them may not be read.
pub(super) async fn read_many(
    client: &Client,
    version: i32,
    tables: &[(&Table, Option<&Deal>)],
) -> Result<Option<Vec<Read>>, StoreError> {
    let questions = tables.iter().map(|(table, _)| whole(table, version, &all(table), None));
    let answers = batch::ask(client, &questions.collect::<Vec<_>>()).await;
    let answers = answers.map_err(|error| StoreError::query("fingerprinting tables", &error))?;
    let Some(answers) = answers else { return Ok(None) };
    let mut read = Vec::new();
    for ((table, deal), answer) in tables.iter().zip(answers) {
        let numbers = answer.iter().flatten().map(|text| text.parse().ok());
        let numbers: Option<Vec<i128>> = numbers.collect();
        let mut sums = Sums { dealt: deal.is_some(), ..Sums::default() };
        let numbers = numbers.filter(|numbers| numbers.len() == 2).map(|numbers| match deal {
            Some(_) => vec![0, numbers[0], numbers[1]],
            None => numbers,
        });
        let none = || StoreError::Unsuitable(format!("fingerprinting table {}: no numbers", table.name));
        sums.add(&numbers.ok_or_else(none)?);
        let chunks = deal.map(|deal| Chunks { deal: deal.clone(), sums: sums.in_order() });
        read.push(Read { raw: sums.raw.fingerprint(&all(table)), excepted: None, chunks });
    }
    Ok(Some(read))
}

fn all(table: &Table) -> Vec<&Column> {
    table.columns.iter().collect()
}

/// What stays of a table, and the condition on which.
type Remaining<'t> = (&'t [&'t Column], &'t str);

fn whole(table: &Table, version: i32, all: &[&Column], remaining: Option<Remaining<'_>>) -> String {
    let mut select = aggregate(&hash(all, version), "true");
    if let Some((columns, stays)) = remaining {
        select = format!("{select}, {}", aggregate(&hash(columns, version), stays));
    }
    format!("SELECT {select} FROM ONLY {}", table.name)
}

/// The same for each chunk. A planner that looked through to the columns would expect as many chunks as
/// there are rows, and let nobody help; it does not look through what is volatile.
fn by_chunk(
    table: &Table,
    version: i32,
    all: &[&Column],
    remaining: Option<Remaining<'_>>,
    number: &str,
) -> String {
    let mut inner = format!("{number} AS chunk, {} AS hash", hash(all, version));
    let mut outer = aggregate("hash", "true");
    if let Some((columns, stays)) = remaining {
        inner = format!("{inner}, {} AS left_hash, {stays} AS stays", hash(columns, version));
        outer = format!("{outer}, {}", aggregate("left_hash", "stays"));
    }
    format!(
        "SELECT chunk, {outer} FROM (SELECT {inner}, pg_is_in_recovery() FROM ONLY {}) dealt GROUP BY chunk",
        table.name
    )
}

/// The sums of a table on their way in.
#[derive(Default)]
struct Sums {
    /// Whether the first number is that of a chunk.
    dealt: bool,
    raw: Sum,
    excepted: Sum,
    chunks: Vec<ChunkSum>,
}

/// A number of rows and the sum of their hashes.
#[derive(Default)]
struct Sum {
    rows: i128,
    sum: i128,
}

impl Sums {
    fn add(&mut self, numbers: &[i128]) {
        let (chunk, numbers) = if self.dealt { numbers.split_at(1) } else { (&[][..], numbers) };
        // What counts is the last: that without the exceptions, where there are any.
        for (total, pair) in [&mut self.raw, &mut self.excepted].into_iter().zip(numbers.chunks_exact(2)) {
            (total.rows, total.sum) = (total.rows + pair[0], total.sum + pair[1]);
        }
        if let ([chunk], [.., rows, sum]) = (chunk, numbers)
            && *rows > 0
        {
            let low = |number: i128| number.rem_euclid(1 << 64).try_into().unwrap_or_default();
            let chunk = u32::try_from(*chunk).unwrap_or_default();
            self.chunks.push(ChunkSum { chunk, rows: low(*rows), sum: low(*sum) });
        }
    }

    fn in_order(&mut self) -> Vec<ChunkSum> {
        self.chunks.sort_unstable_by_key(|sum| sum.chunk);
        std::mem::take(&mut self.chunks)
    }
}

impl Sum {
    fn fingerprint(&self, columns: &[&Column]) -> Fingerprint {
        Fingerprint {
            rows: u64::try_from(self.rows).unwrap_or(0),
            sum: self.sum.to_string(),
            columns: columns.iter().map(|column| column.name.clone()).collect(),
        }
    }
}

/// The number of rows and the sum of their hashes, for the rows that stay.
fn aggregate(hash: &str, stays: &str) -> String {
    let filter = if stays == "true" { String::new() } else { format!(" FILTER (WHERE {stays})") };
    format!("count(*){filter}, coalesce(sum({hash}){filter}, 0)")
}

/// The hash of one row: its columns in order of name, those that go in as text together behind the others.
pub(super) fn hash(columns: &[&Column], version: i32) -> String {
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
            aggregate("h", "(x) IS NOT TRUE"),
            "count(*) FILTER (WHERE (x) IS NOT TRUE), coalesce(sum(h) FILTER (WHERE (x) IS NOT TRUE), 0)"
        );
    }
}

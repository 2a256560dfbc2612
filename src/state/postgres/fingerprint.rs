//! The rows of a table folded into one number: the sum of the hashes of its rows.
//!
//! A sum of 64-bit hashes is a fingerprint of the multiset: no order enters, a row more or less changes it,
//! and the server adds it up in parallel and in constant memory. The server's own hash of a record would take
//! longer than all of its columns' hashes, and a sum of those would be blind. So:
//!
//! - Each column is hashed with a seed of its own, the exclusive or of these is the row's, and that goes, as
//!   the seed, through one more hash. Without it two rows could exchange a value, and the sum would be the same:
//!   wherever no bit differs in both columns, which is once in (4/3)^64 times.
//! - The server's hashes of 64-bit integers and times fold both halves into 32 bits: -1 and 4294967295 collide.
//!   So such an integer goes in as a seed, which is taken whole, and times go in as their bytes.
//! - Numbers are hashed without sign and scale, enums by object identifier, arrays without bounds, floats
//!   and intervals by value. So these go in as bytes or as the text of their output function.
//! - Something that is NULL adds nothing; that a value's hash is nothing is as likely as any other.

use std::pin::pin;

use futures_util::TryStreamExt;
use tokio_postgres::{Client, SimpleQueryMessage};

use super::error::StoreError;
use super::tables::{Column, Table};
use super::{batch, chunks};
use crate::state::model::{ChunkSum, Chunks, Deal, Fingerprint};

/// The types whose hash changes exactly when their bytes do, with the function that gives it.
const HASHED_AS_THEY_ARE: &[(&str, &str)] = &[
    ("char", "hashcharextended"),
    ("cidr", "hashinetextended"),
    ("inet", "hashinetextended"),
    ("int2", "hashint2extended"),
    ("int4", "hashint4extended"),
    ("macaddr", "hashmacaddrextended"),
    ("macaddr8", "hashmacaddr8extended"),
    ("name", "hashnameextended"),
    ("oid", "hashoidextended"),
    ("text", "hashtextextended"),
    ("uuid", "uuid_hash_extended"),
    ("varchar", "hashtextextended"),
];

/// The types that go in as their bytes, with the function that gives these.
const HASHED_AS_BYTES: &[(&str, &str)] = &[
    ("date", "date_send"),
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
    table: &Table,
    left_out: Option<&LeftOut>,
    deal: Option<&Deal>,
) -> Result<Read, StoreError> {
    let doing = || format!("fingerprinting table {}", table.name);
    let all = all(table);
    let remaining = left_out.map(|left_out| (left_out.remaining(table), left_out.stays()));
    let kept = remaining.as_ref().map(|(columns, stays)| (columns.as_slice(), stays.as_str()));
    let dealt = deal.and_then(|deal| Some((deal, chunks::number(deal, table)?)));
    let query = match &dealt {
        None => whole(table, &all, kept),
        Some((_, number)) => by_chunk(table, &all, kept, number),
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
    tables: &[(&Table, Option<&Deal>)],
) -> Result<Option<Vec<Read>>, StoreError> {
    let questions = tables.iter().map(|(table, _)| whole(table, &all(table), None));
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

fn whole(table: &Table, all: &[&Column], remaining: Option<Remaining<'_>>) -> String {
    let mut select = aggregate(&hash(all), "true");
    if let Some((columns, stays)) = remaining {
        select = format!("{select}, {}", aggregate(&hash(columns), stays));
    }
    format!("SELECT {select} FROM ONLY {}", table.name)
}

/// The same for each chunk. A planner that looked through to the columns would expect as many chunks as
/// there are rows, and let nobody help; it does not look through what is volatile.
fn by_chunk(table: &Table, all: &[&Column], remaining: Option<Remaining<'_>>, number: &str) -> String {
    let mut inner = format!("{number} AS chunk, {} AS hash", hash(all));
    let mut outer = aggregate("hash", "true");
    if let Some((columns, stays)) = remaining {
        inner = format!("{inner}, {} AS left_hash, {stays} AS stays", hash(columns));
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

/// The hash of one row: that of its columns in order of name, those that go in as bytes and as text together
/// behind the others.
pub(super) fn hash(columns: &[&Column]) -> String {
    let (mut parts, mut as_bytes, mut as_text) = (Vec::new(), Vec::new(), Vec::new());
    for column in columns {
        if let Some(hash) = hashed(column, parts.len() + 1) {
            parts.push(format!("coalesce({hash}, 0)"));
        } else if let Some(bytes) = bytes(column) {
            as_bytes.push(bytes);
        } else {
            as_text.push(column.quoted.as_str());
        }
    }
    if !as_bytes.is_empty() {
        parts.push(format!("hash_array_extended(ARRAY[{}], {})", as_bytes.join(", "), parts.len() + 1));
    }
    if !as_text.is_empty() {
        parts.push(format!("hashtextextended(ROW({})::text, {})", as_text.join(", "), parts.len() + 1));
    }
    if parts.is_empty() { "0".to_owned() } else { format!("hashint4extended(0, {})", exclusive_or(&parts)) }
}

/// The hash of a column that goes in as it is.
fn hashed(column: &Column, seed: usize) -> Option<String> {
    let (name, quoted) = (column.builtin.as_deref()?, &column.quoted);
    match name {
        "bool" => Some(format!("hashint4extended({quoted}::int4, {seed})")),
        "int8" => Some(format!("hashint4extended({seed}, {quoted})")),
        _ => {
            let (_, function) = HASHED_AS_THEY_ARE.iter().find(|(known, _)| *known == name)?;
            Some(format!("{function}({quoted}, {seed})"))
        }
    }
}

/// The bytes of a column that goes in as such.
fn bytes(column: &Column) -> Option<String> {
    let (name, quoted) = (column.builtin.as_deref()?, &column.quoted);
    if name == "bytea" {
        return Some(format!("{quoted}::bytea"));
    }
    let (_, function) = HASHED_AS_BYTES.iter().find(|(known, _)| *known == name)?;
    Some(format!("{function}({quoted})"))
}

/// All of them in one, no deeper than a server with so many columns can read.
fn exclusive_or(parts: &[String]) -> String {
    match parts {
        [one] => one.clone(),
        _ => {
            let (first, second) = parts.split_at(parts.len() / 2);
            format!("({} # {})", exclusive_or(first), exclusive_or(second))
        }
    }
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
    fn check(columns: &[(&str, Option<&str>)], expected: &str) {
        let columns: Vec<Column> = columns.iter().map(|(name, builtin)| column(name, *builtin)).collect();
        assert_eq!(hash(&columns.iter().collect::<Vec<_>>()), expected);
    }

    #[test]
    fn s13_what_is_equal_without_being_the_same_goes_in_as_bytes_or_text() {
        let columns = [
            ("a", Some("int4")),
            ("b", Some("numeric")),
            ("c", Some("int8")),
            ("d", None),
            ("e", Some("bool")),
            ("f", Some("bytea")),
        ];
        check(
            &columns,
            "hashint4extended(0, ((coalesce(hashint4extended(\"a\", 1), 0) # coalesce(hashint4extended(2, \"c\"), 0)) \
             # (coalesce(hashint4extended(\"e\"::int4, 3), 0) \
             # (hash_array_extended(ARRAY[numeric_send(\"b\"), \"f\"::bytea], 4) \
             # hashtextextended(ROW(\"d\")::text, 5)))))",
        );
        check(&columns[..1], r#"hashint4extended(0, coalesce(hashint4extended("a", 1), 0))"#);
        check(&columns[3..4], r#"hashint4extended(0, hashtextextended(ROW("d")::text, 1))"#);
        check(&[], "0");
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

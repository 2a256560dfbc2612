//! Large tables in chunks: which chunk a row is in, and which chunks differ between two captures.
//!
//! Rows are dealt out by ranges of a key of whole numbers, for what changes together often lies together, and
//! by the hash of their key or of all columns where there is no such key. Both depend on the row alone.

use tokio_postgres::Client;

use super::error::StoreError;
use super::fingerprint;
use super::tables::{Column, Table};
use crate::state::model::{ChunkSum, Chunks, Deal};

/// About how many bytes of a table go into one chunk.
const CHUNK: u64 = 16 << 10;
/// The most chunks of one table.
const MOST: i64 = 1 << 16;
/// The most chunks of all tables of a capture together.
const MOST_OF_ALL: i64 = 1 << 20;

/// How to deal out a table, one of so many, whose rows are not kept.
pub(super) async fn deal(client: &Client, table: &Table, tables: usize) -> Result<Deal, StoreError> {
    if table.is_small() {
        return Ok(Deal::Whole);
    }
    let share = MOST_OF_ALL / i64::try_from(tables.max(1)).unwrap_or(i64::MAX);
    let most = MOST.min(share.max(1));
    let wanted = i64::try_from(table.size / CHUNK).unwrap_or(i64::MAX).clamp(1, most);
    if let [key] = table.key.as_slice()
        && let Some(column) = table.columns.iter().find(|column| column.name == *key)
        && column.is_integer()
    {
        return range(client, table, column, wanted).await;
    }
    let all = || table.columns.iter().map(|column| column.name.clone()).collect();
    let columns = if table.key.is_empty() { all() } else { table.key.clone() };
    // A power of two that is not more than what is wanted.
    Ok(Deal::Hash { columns, count: 1 << wanted.ilog2() })
}

async fn range(client: &Client, table: &Table, column: &Column, wanted: i64) -> Result<Deal, StoreError> {
    let key = &column.quoted;
    let query = format!("SELECT min({key})::int8, max({key})::int8 FROM ONLY {}", table.name);
    let ends = client.query_one(&query, &[]).await;
    let ends = ends.map_err(|error| {
        StoreError::query(format!("reading the ends of the key of {}", table.name), &error)
    })?;
    let (min, max): (Option<i64>, Option<i64>) = (ends.get(0), ends.get(1));
    let (min, max) = (min.unwrap_or(0), max.unwrap_or(0));
    let step = (i128::from(max) - i128::from(min)) / i128::from(wanted) + 1;
    let step = i64::try_from(step).unwrap_or(i64::MAX);
    Ok(Deal::Range { column: column.name.clone(), step, first: min / step, last: max / step })
}

/// The SQL expression for the number of a row's chunk; none where its columns are not there any more.
pub(super) fn number(deal: &Deal, table: &Table) -> Option<String> {
    let find = |name: &String| table.columns.iter().find(|column| column.name == *name);
    match deal {
        Deal::Whole => Some("0".to_owned()),
        Deal::Range { column, step, first, last } => {
            let column = find(column).filter(|column| column.is_integer())?;
            let key = &column.quoted;
            Some(format!("(least(greatest({key} / {step}::int8, {first}), {last}) - {first})::int4"))
        }
        Deal::Hash { columns, count } => {
            let columns: Vec<&Column> = columns.iter().map(find).collect::<Option<_>>()?;
            Some(format!("({} & {})::int4", fingerprint::hash(&columns), count - 1))
        }
    }
}

/// Where the rows of a table are found that are in some of its chunks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Within {
    /// What SQL reads from.
    pub(super) from: String,
    /// What holds of them.
    pub(super) condition: String,
}

/// Where the rows are that are in one of these chunks, which are in order. An index finds nothing by a
/// quotient, so each range of keys is asked for. The planner may not make one join of that: it expects a ninth
/// of the table in every range, and would compare every row with all of them.
pub(super) fn within(deal: &Deal, table: &Table, chunks: &[u32]) -> Option<Within> {
    let (number, from) = (number(deal, table)?, format!("ONLY {}", table.name));
    match deal {
        Deal::Whole => Some(Within { from, condition: "true".to_owned() }),
        Deal::Hash { .. } => {
            let chunks = array(chunks.iter().map(ToString::to_string));
            Some(Within { from, condition: format!("{number} = ANY ({chunks}::int4[])") })
        }
        Deal::Range { column, step, first, last } => {
            let key = &table.columns.iter().find(|known| known.name == *column)?.quoted;
            let runs = neighbours(chunks);
            let begins = runs.iter().map(|(begin, _)| first + i64::from(*begin));
            let begins = begins.map(|at| if at > *first { lowest(at, *step) } else { i64::MIN });
            let ends = runs.iter().map(|(_, end)| first + i64::from(*end));
            let ends = ends.map(|at| if at < *last { lowest(at + 1, *step) - 1 } else { i64::MAX });
            let begins = array(begins.map(|key| key.to_string()));
            let ends = array(ends.map(|key| key.to_string()));
            let ranges = format!(
                "unnest({begins}::int8[], {ends}::int8[]) AS ranges (\"backout from\", \"backout to\")"
            );
            let rows =
                format!("SELECT * FROM {from} WHERE {key} >= \"backout from\" AND {key} <= \"backout to\"");
            let join = format!("CROSS JOIN LATERAL ({rows} OFFSET 0) AS {}", unqualified(&table.name));
            Some(Within { from: format!("{ranges} {join}"), condition: "true".to_owned() })
        }
    }
}

/// A table's name without its schema.
fn unqualified(name: &str) -> &str {
    let mut is_quoted = false;
    let dot = name.find(|c| {
        is_quoted ^= c == '"';
        c == '.' && !is_quoted
    });
    dot.map_or(name, |dot| &name[dot + 1..])
}

fn array(elements: impl Iterator<Item = String>) -> String {
    format!("'{{{}}}'", elements.collect::<Vec<_>>().join(","))
}

/// The lowest key whose quotient, cut off towards zero, is this one.
fn lowest(quotient: i64, step: i64) -> i64 {
    if quotient > 0 { quotient * step } else { (quotient - 1) * step + 1 }
}

/// Runs of numbers that follow each other, each as its first and last.
fn neighbours(numbers: &[u32]) -> Vec<(u32, u32)> {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for number in numbers {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == *number => *last = *number,
            _ => runs.push((*number, *number)),
        }
    }
    runs
}

/// A chunk that differs, and the most rows that one side has in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Apart {
    pub(super) chunk: u32,
    pub(super) rows: u64,
}

/// The chunks in which two sides differ, in order.
pub(super) fn apart(before: &Chunks, after: &Chunks) -> Vec<Apart> {
    let (mut before, mut after) = (before.sums.iter().peekable(), after.sums.iter().peekable());
    let mut apart = Vec::new();
    loop {
        let next = [before.peek(), after.peek()].into_iter().flatten().map(|sum| sum.chunk).min();
        let Some(chunk) = next else { return apart };
        let was = before.next_if(|sum| sum.chunk == chunk);
        let is = after.next_if(|sum| sum.chunk == chunk);
        if was != is {
            let rows = |side: Option<&ChunkSum>| side.map_or(0, |sum| sum.rows);
            apart.push(Apart { chunk, rows: rows(was).max(rows(is)) });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let column = |name: &str, builtin: &str| Column {
            name: name.to_owned(),
            quoted: format!("\"{name}\""),
            type_name: builtin.to_owned(),
            builtin: Some(builtin.to_owned()),
        };
        Table {
            name: "public.t".to_owned(),
            unlogged: false,
            size: 2 << 20,
            columns: vec![column("a", "text"), column("id", "int8")],
            key: vec!["id".to_owned()],
        }
    }

    fn range(step: i64, first: i64, last: i64) -> Deal {
        Deal::Range { column: "id".to_owned(), step, first, last }
    }

    fn chunks(sums: &[(u32, u64, u64)]) -> Chunks {
        let sums = sums.iter().map(|(chunk, rows, sum)| ChunkSum { chunk: *chunk, rows: *rows, sum: *sum });
        Chunks { deal: range(1, 0, 9), sums: sums.collect() }
    }

    #[test]
    fn chunks_that_differ_are_found_on_either_side() {
        let before = chunks(&[(0, 1, 1), (1, 2, 2), (2, 3, 3)]);
        let after = chunks(&[(1, 2, 2), (2, 4, 3), (3, 5, 5)]);
        let found: Vec<(u32, u64)> = apart(&before, &after).iter().map(|one| (one.chunk, one.rows)).collect();
        assert_eq!(found, [(0, 1), (2, 4), (3, 5)]);
        assert_eq!(apart(&before, &before), []);
    }

    #[test]
    fn ranges_are_cut_towards_zero_and_open_at_their_ends() {
        let within = |deal: &Deal, chunks: &[u32]| {
            let within = within(deal, &table(), chunks).unwrap();
            let (begins, rest) = within.from.split_once(", ").unwrap();
            let (ends, rest) = rest.split_once(") AS ").unwrap();
            assert!(
                rest.ends_with(
                    r#" CROSS JOIN LATERAL (SELECT * FROM ONLY public.t WHERE "id" >= "backout from" AND "id" <= "backout to" OFFSET 0) AS t"#
                )
            );
            format!("{begins} {ends}").replace("unnest(", "").replace("::int8[]", "").replace('\'', "")
        };
        // Quotients -2 to 2: keys to -20, to -10, to 9, to 19, from 20.
        let deal = range(10, -2, 2);
        let (min, max) = (i64::MIN, i64::MAX);
        assert_eq!(within(&deal, &[0]), format!("{{{min}}} {{-20}}"));
        assert_eq!(within(&deal, &[1]), "{-19} {-10}");
        assert_eq!(within(&deal, &[2]), "{-9} {9}");
        assert_eq!(within(&deal, &[0, 3, 4]), format!("{{{min},10}} {{-20,{max}}}"));
        assert_eq!(within(&deal, &[0, 1, 2, 3, 4]), format!("{{{min}}} {{{max}}}"));
        assert_eq!(within(&deal, &[]), "{} {}");
    }

    #[test]
    fn a_key_that_is_gone_gives_no_chunks() {
        let mut table = table();
        table.columns.pop();
        assert_eq!(number(&range(10, 0, 9), &table), None);
        let hash = Deal::Hash { columns: vec!["a".to_owned()], count: 8 };
        assert!(number(&hash, &table).unwrap().ends_with(" & 7)::int4"));
    }
}

//! Semantic S13 on a real server, for tables of any shape and columns of any type: every edit is found and
//! shown as the rows that it made different, and nothing else is.

use std::collections::BTreeMap;
use std::path::Path;

use backout::state::compare::compare;
use backout::state::model::StoreCapture;
use backout::state::postgres::{CaptureOptions, KeepRows, capture};
use backout::state::rows::{RowCounts, diff};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::support::postgres::Database;

/// Types with values of which no two are the same, though many are equal.
const TYPES: &[(&str, &[&str])] = &[
    ("numeric", &["0", "1.5", "1.50", "-1.5", "NaN", "Infinity", "-Infinity"]),
    ("numeric[]", &["{}", "{1.0}", "{1.00}", "{{1.0}}", "{NULL}"]),
    ("float8", &["0", "-0", "NaN", "Infinity", "-Infinity", "0.1", "0.10000000149011612"]),
    ("float4", &["0", "-0", "NaN", "0.1"]),
    ("int8", &["-1", "4294967295", "0", "4294967297"]),
    ("int2", &["-1", "0", "1"]),
    ("bool", &["true", "false"]),
    ("text", &["", "a", "a ", "A", "\t", "\\N", "\n", "é", "e\u{301}"]),
    ("text COLLATE ci", &["a", "A", "á", "b"]),
    ("char(3)", &["a", "b", ""]),
    ("text[]", &["{NULL}", "{\"NULL\"}", "{}", "[0:0]={a}", "{a}"]),
    ("bytea", &["\\x", "\\x00", "\\x0000", "\\xff"]),
    ("json", &["{\"a\":1}", "{\"a\": 1}", "[]", "null"]),
    ("jsonb", &["{\"a\": 1.0}", "{\"a\": 1.00}", "null", "\"\""]),
    ("xml", &["<a/>", "<a></a>", "x"]),
    ("date", &["infinity", "-infinity", "epoch", "0044-03-15 BC"]),
    ("timestamptz", &["epoch", "infinity", "2000-01-01 00:00+00", "2000-01-01 01:11:34.967297+00"]),
    ("timetz", &["10:00+00", "11:00+01"]),
    ("interval", &["1 month", "30 days", "720:00", "1 day", "24:00"]),
    ("numrange", &["[1.0,2)", "[1.00,2)", "empty", "(,)"]),
    ("int4multirange", &["{}", "{[1,3)}", "{[1,3),[5,7)}"]),
    ("point", &["(1,0)", "(1,-0)", "(1,2)"]),
    ("box", &["(1,1),(0,0)", "(1,1.5),(0,0)"]),
    ("path", &["((0,0),(1,1))", "[(0,0),(1,1)]"]),
    ("inet", &["10.0.0.1/8", "10.0.0.1/16", "::1"]),
    ("bit(3)", &["101", "100"]),
    ("varbit", &["", "1", "10"]),
    ("money", &["1.00", "1.01"]),
    ("tsvector", &["a:1", "a:2", ""]),
    ("uuid", &["00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002"]),
    ("mood", &["z", "a", "m"]),
    ("mood[]", &["{z}", "{a}", "{z,a}"]),
    ("amount", &["1.0", "1.00", "-1"]),
    ("pair", &["(1.0,x)", "(1.00,x)", "(,)", "(,\"\")"]),
    ("pair[]", &["{}", "{\"(1.0,x)\"}", "{\"(1.00,x)\"}"]),
];

const PREPARE: &str = "CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
    CREATE TYPE mood AS ENUM ('z', 'a', 'm'); CREATE DOMAIN amount AS numeric CHECK (VALUE IS NULL OR VALUE < 9);
    CREATE TYPE pair AS (n numeric, t text);";

/// A row: its key, and for each column which of the type's values it holds.
type Row = (usize, Vec<Option<usize>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Keyed,
    Keyless,
    /// With a column that the server computes, and a key that it gives.
    Generated,
    Partitioned,
    /// Half of the rows lie in a table that inherits.
    Inherited,
}

#[derive(Debug, Clone)]
struct Table {
    shape: Shape,
    columns: Vec<usize>,
    rows: Vec<Vec<Option<usize>>>,
    edits: Vec<Edit>,
}

#[derive(Debug, Clone)]
enum Edit {
    Set(usize, usize, Option<usize>),
    Insert(Vec<Option<usize>>),
    Delete(usize),
    Exchange(usize, usize),
}

/// The most columns of a table.
const WIDTH: usize = 4;
/// How many tables there are at once.
const TABLES: usize = 8;

fn cells() -> impl Strategy<Value = Vec<Option<usize>>> {
    prop::collection::vec(prop::option::weighted(0.8, 0..9usize), WIDTH)
}

fn table() -> impl Strategy<Value = Table> {
    let shape = prop::sample::select(vec![
        Shape::Keyed,
        Shape::Keyless,
        Shape::Generated,
        Shape::Partitioned,
        Shape::Inherited,
    ]);
    let edit = prop_oneof![
        (0..9usize, 0..WIDTH, prop::option::of(0..9usize))
            .prop_map(|(at, column, to)| Edit::Set(at, column, to)),
        cells().prop_map(Edit::Insert),
        (0..9usize).prop_map(Edit::Delete),
        (0..9usize, 0..9usize).prop_map(|(a, b)| Edit::Exchange(a, b)),
    ];
    let columns = prop::collection::vec(0..TYPES.len(), 1..=WIDTH);
    let rows = prop::collection::vec(cells(), 1..7);
    (shape, columns, rows, prop::collection::vec(edit, 0..3))
        .prop_map(|(shape, columns, rows, edits)| Table { shape, columns, rows, edits })
}

impl Table {
    /// The value that a cell holds: as many cells and values as there are.
    fn row(&self, cells: &[Option<usize>]) -> Vec<Option<usize>> {
        let columns = self.columns.iter().zip(cells);
        columns.map(|(of, cell)| cell.map(|cell| cell % TYPES[*of].1.len())).collect()
    }

    fn before(&self) -> Vec<Row> {
        self.rows.iter().map(|cells| self.row(cells)).enumerate().collect()
    }

    fn after(&self) -> Vec<Row> {
        let mut rows = self.before();
        for (number, edit) in self.edits.iter().enumerate() {
            let count = rows.len();
            match edit {
                Edit::Insert(cells) => rows.push((100 + number, self.row(cells))),
                _ if count == 0 => {}
                Edit::Set(at, column, to) => {
                    let column = column % self.columns.len();
                    let values = TYPES[self.columns[column]].1.len();
                    rows[at % count].1[column] = to.map(|to| to % values);
                }
                Edit::Delete(at) => drop(rows.remove(at % count)),
                Edit::Exchange(a, b) => {
                    let (one, other) = (rows[a % count].1.clone(), rows[b % count].1.clone());
                    (rows[a % count].1, rows[b % count].1) = (other, one);
                }
            }
        }
        rows
    }

    fn create(&self, at: usize) -> String {
        let columns = self.columns.iter().enumerate();
        let columns: String = columns.map(|(column, of)| format!(", c{column} {}", TYPES[*of].0)).collect();
        match self.shape {
            Shape::Keyed => format!("CREATE TABLE t{at} (k int PRIMARY KEY{columns});"),
            Shape::Keyless => format!("CREATE TABLE t{at} (k int{columns});"),
            Shape::Generated => format!(
                "CREATE TABLE t{at} (k int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
                 g int GENERATED ALWAYS AS (k * 2) STORED{columns});"
            ),
            Shape::Partitioned => format!(
                "CREATE TABLE t{at} (k int PRIMARY KEY{columns}) PARTITION BY RANGE (k);
                 CREATE TABLE t{at}_low PARTITION OF t{at} FOR VALUES FROM (MINVALUE) TO (3);
                 CREATE TABLE t{at}_high PARTITION OF t{at} FOR VALUES FROM (3) TO (MAXVALUE);"
            ),
            Shape::Inherited => format!(
                "CREATE TABLE t{at} (k int PRIMARY KEY{columns});
                 CREATE TABLE t{at}_child (PRIMARY KEY (k)) INHERITS (t{at});"
            ),
        }
    }

    /// Writes the rows anew, in another order.
    fn fill(&self, at: usize, rows: &[Row]) -> String {
        let names: String = (0..self.columns.len()).map(|column| format!(", c{column}")).collect();
        let mut sql = format!("DELETE FROM t{at};");
        for (key, cells) in rows.iter().rev() {
            let child = if self.shape == Shape::Inherited && key % 2 == 1 { "_child" } else { "" };
            let values = self.columns.iter().zip(cells).map(|(of, cell)| match cell {
                None => ", NULL".to_owned(),
                Some(value) => format!(", '{}'", TYPES[*of].1[*value]),
            });
            let values: String = values.collect();
            sql.push_str(&format!("INSERT INTO t{at}{child} (k{names}) VALUES ({key}{values});"));
        }
        sql
    }

    /// How many rows differ, told without any hash.
    fn differing(&self) -> RowCounts {
        let (before, after) = (self.before(), self.after());
        let mut counts = RowCounts::default();
        if self.shape == Shape::Keyless {
            let mut balance: BTreeMap<&Row, i64> = BTreeMap::new();
            before.iter().for_each(|row| *balance.entry(row).or_default() += 1);
            after.iter().for_each(|row| *balance.entry(row).or_default() -= 1);
            for count in balance.values() {
                counts.missing += u64::try_from(*count).unwrap_or(0);
                counts.extra += u64::try_from(-count).unwrap_or(0);
            }
            return counts;
        }
        let (before, after): (BTreeMap<_, _>, BTreeMap<_, _>) =
            (before.into_iter().collect(), after.into_iter().collect());
        counts.missing = before.keys().filter(|key| !after.contains_key(*key)).count() as u64;
        counts.extra = after.keys().filter(|key| !before.contains_key(*key)).count() as u64;
        let both = before.iter().filter_map(|(key, row)| Some((row, after.get(key)?)));
        counts.changed = both.filter(|(was, is)| was != is).count() as u64;
        counts
    }
}

async fn kept(database: &Database, dir: &Path, reference: Option<&StoreCapture>) -> StoreCapture {
    let reference = reference.map(|reference| reference.tables.clone());
    let copy = Err("none was made".to_owned());
    let keep_rows = Some(KeepRows { dir: dir.to_owned(), max_bytes: 1 << 30, reference, copy });
    let options = CaptureOptions { keep_rows, ..CaptureOptions::default() };
    capture(&database.target, &options).await.unwrap()
}

/// The rows that are shown to differ, by number of the table.
async fn shown(tables: &[Table]) -> BTreeMap<usize, RowCounts> {
    let database = Database::new().await;
    let all = tables.iter().enumerate();
    let create: String =
        all.clone().map(|(at, table)| table.create(at) + &table.fill(at, &table.before())).collect();
    database.run(&format!("{PREPARE} {create}")).await;
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let before = kept(&database, from.path(), None).await;
    database.run(&all.map(|(at, table)| table.fill(at, &table.after())).collect::<String>()).await;
    let after = kept(&database, to.path(), Some(&before)).await;
    let mut shown: BTreeMap<usize, RowCounts> = BTreeMap::new();
    for differing in compare(&before, &after).tables {
        let name = differing.table.strip_prefix("public.t").unwrap();
        let number = name.split('_').next().unwrap().parse().unwrap();
        let counts = diff(&differing.table, Some(from.path()), Some(to.path()), &mut |_| Ok(())).unwrap();
        let of_table = shown.entry(number).or_default();
        of_table.changed += counts.changed;
        of_table.missing += counts.missing;
        of_table.extra += counts.extra;
    }
    shown
}

#[test]
fn s13_every_edit_of_any_table_is_shown_and_nothing_else_is() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let config = ProptestConfig { cases: 10, failure_persistence: None, ..ProptestConfig::default() };
    let tried = TestRunner::new(config).run(&prop::collection::vec(table(), TABLES), |tables| {
        let shown = runtime.block_on(shown(&tables));
        for (at, table) in tables.iter().enumerate() {
            let expected = Some(table.differing()).filter(|counts| *counts != RowCounts::default());
            prop_assert_eq!(shown.get(&at).copied(), expected, "{:?}", table);
        }
        Ok(())
    });
    tried.unwrap();
}

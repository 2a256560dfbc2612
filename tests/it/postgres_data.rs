//! Semantics S13, S14, S16 on a real server: every change to the data is found, and nothing else is.

use backout::state::compare::{SequenceChange, StoreDifferences, TableDifference, compare};
use backout::state::model::StoreCapture;
use backout::state::postgres::{CaptureOptions, PostgresTarget, StoreError, TableException, Tables, capture};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::support::postgres::{Database, statement};

async fn captured(database: &Database) -> StoreCapture {
    capture(&database.target, &CaptureOptions::default()).await.unwrap()
}

async fn differences(prepare: &str, change: &str) -> StoreDifferences {
    let database = Database::new().await;
    database.run(prepare).await;
    let before = captured(&database).await;
    database.run(change).await;
    compare(&before, &captured(&database).await)
}

async fn check(prepare: &str, change: &str, expected: &[&str]) {
    let found = differences(prepare, change).await;
    let summaries: Vec<String> = found.tables.iter().map(TableDifference::summary).collect();
    assert_eq!(summaries, expected, "after: {change}");
}

#[tokio::test]
async fn s13_values_that_are_equal_without_being_the_same_differ() {
    let database = Database::new().await;
    let values = [
        ("numeric", "1.0", "1.00"),
        ("numeric(10, 2)", "5", "-5"),
        ("numeric", "'NaN'", "NULL"),
        ("float8", "'0'", "'-0'"),
        ("float8", "'NaN'", "'Infinity'"),
        ("float8", "'Infinity'", "'-Infinity'"),
        ("float8", "0.1::float8", "0.1::float4::float8"),
        ("float4", "'0'", "'-0'"),
        ("interval", "'1 month'", "'30 days'"),
        ("interval", "'1 day'", "'24 hours'"),
        ("jsonb", "'{\"a\": 1.0}'", "'{\"a\": 1.00}'"),
        ("json", "'{\"a\":1}'", "'{\"a\": 1}'"),
        ("numeric[]", "'{1.0}'", "'{1.00}'"),
        ("int[]", "'{1,2,3,4}'", "'{{1,2},{3,4}}'"),
        ("int[]", "'[0:1]={1,2}'", "'{1,2}'"),
        ("bpchar", "'a'", "'a  '"),
        ("char(4)", "'a'", "'b'"),
        ("text", "''", "NULL"),
        ("text", "'a'", "'a '"),
        ("text", "'é'", "U&'e\\0301'"),
        ("bytea", "'\\x00'", "'\\x0000'"),
        ("bit(3)", "B'101'", "B'100'"),
        ("varbit", "B'1'", "B'10'"),
        ("money", "'1.00'", "'1.01'"),
        ("tsvector", "'a:1'::tsvector", "'a:2'::tsvector"),
        ("xml", "'<a/>'::xml", "'<a></a>'::xml"),
        ("point", "'(1,2)'", "'(1,3)'"),
        ("box", "'(0,0),(1,1)'", "'(0,0),(1,1.5)'"),
        ("timestamptz", "'2026-01-01 00:00+00'", "'2026-01-01 00:00+01'"),
        ("timetz", "'10:00+00'", "'11:00+01'"),
        ("date", "'infinity'", "'-infinity'"),
        ("inet", "'10.0.0.1/8'", "'10.0.0.1/16'"),
        ("int4range", "'[1,3)'", "'[1,4)'"),
        ("numrange", "'[1.0,2)'", "'[1.00,2)'"),
        ("tsrange", "'[2026-01-01,2026-01-02)'", "'[2026-01-01,2026-01-02]'"),
        ("uuid", "'00000000-0000-0000-0000-000000000001'", "'00000000-0000-0000-0000-000000000002'"),
        ("regclass", "'pg_class'", "'pg_type'"),
        ("oid", "7", "8"),
        ("int8", "1", "2"),
        // The server's own hashes of these pairs are equal.
        ("int8", "-1", "4294967295"),
        ("int8", "0", "4294967297"),
        ("timestamptz", "'2000-01-01 00:00+00'", "'2000-01-01 01:11:34.967297+00'"),
        ("timestamp", "'2000-01-01 00:00'", "'2000-01-01 01:11:34.967297'"),
        ("time", "'00:00'", "'01:11:34.967297'"),
        ("pg_lsn", "'0/0'", "'1/1'"),
        ("big", "0", "4294967297"),
        ("bool", "true", "false"),
        ("\"char\"", "'a'", "'b'"),
        ("name", "'a'", "'b'"),
        ("pg_lsn", "'0/1'", "'0/2'"),
        ("hstoreless", "ROW(1.0, 'x')::hstoreless", "ROW(1.00, 'x')::hstoreless"),
        ("amount", "1.0", "1.00"),
        ("short", "'a'", "'b'"),
        ("blind", "'a'", "'A'"),
        ("text COLLATE ci", "'a'", "'A'"),
        ("blind COLLATE \"C\"", "'a'", "'A'"),
    ];
    database
        .run(
            "CREATE TYPE hstoreless AS (n numeric, t text); CREATE DOMAIN amount AS numeric;
             CREATE DOMAIN short AS varchar(5); CREATE DOMAIN big AS int8;
             CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
             CREATE DOMAIN blind AS text COLLATE ci;",
        )
        .await;
    for (at, (column_type, before, _)) in values.iter().enumerate() {
        let filled = format!("INSERT INTO v{at:02} VALUES (1, {before}), (2, NULL)");
        database.run(&format!("CREATE TABLE v{at:02} (a int, b {column_type}); {filled}")).await;
    }
    let first = captured(&database).await;
    for (at, (_, before, _)) in values.iter().enumerate() {
        database.run(&format!("UPDATE v{at:02} SET b = {before} WHERE a = 1")).await;
    }
    assert_eq!(compare(&first, &captured(&database).await).tables, [], "the same values written again");
    for (at, (_, _, after)) in values.iter().enumerate() {
        database.run(&format!("UPDATE v{at:02} SET b = {after} WHERE a = 1")).await;
    }
    let found = compare(&first, &captured(&database).await).tables;
    for (at, value) in values.iter().enumerate() {
        let table = format!("public.v{at:02}");
        assert!(found.iter().any(|difference| difference.table == table), "{value:?} is not found");
    }
}

#[tokio::test]
async fn s13_rows_are_a_multiset_of_names_and_values() {
    let table = "CREATE TABLE t (a int, b int); INSERT INTO t VALUES (1, 2), (1, 2), (3, 4);";
    check(table, "TRUNCATE t; INSERT INTO t VALUES (3, 4), (1, 2), (1, 2)", &[]).await;
    check(table, "DELETE FROM t WHERE ctid = '(0,1)'", &["public.t held 3 rows and holds 2"]).await;
    check(
        table,
        "UPDATE t SET a = 3, b = 4 WHERE ctid = '(0,1)'",
        &["the 3 rows of public.t are not as before"],
    )
    .await;
    check(table, "UPDATE t SET a = b, b = a", &["the 3 rows of public.t are not as before"]).await;
    // A sum of sums would not see this.
    check(
        table,
        "UPDATE t SET b = CASE a WHEN 1 THEN 4 ELSE 2 END WHERE ctid > '(0,1)'",
        &["the 3 rows of public.t are not as before"],
    )
    .await;
    // Nor would the sum of the exclusive ors of the columns' hashes: of these, no bit differs in both columns.
    check(
        "CREATE TABLE t (a int, b int); INSERT INTO t VALUES (18, 143), (356, 199);",
        "UPDATE t SET b = CASE a WHEN 18 THEN 199 ELSE 143 END",
        &["the 2 rows of public.t are not as before"],
    )
    .await;
    check(table, "ALTER TABLE t RENAME a TO c", &["the 3 rows of public.t lost a and gained c"]).await;
    check(table, "ALTER TABLE t ADD c int", &["the 3 rows of public.t gained c"]).await;
    check(table, "DROP TABLE t", &["public.t is gone with its 3 rows"]).await;
    check(table, "CREATE TABLE u AS SELECT * FROM t", &["public.u was not there before and holds 3 rows"])
        .await;
    check(table, "CREATE TABLE u (a int)", &[]).await;
}

#[tokio::test]
async fn s13_a_column_added_again_in_another_place_with_its_values_is_equal() {
    let table = "CREATE TABLE t (id int PRIMARY KEY, note text, n int);
        INSERT INTO t SELECT g, 'note ' || g, g FROM generate_series(1, 100) g;";
    check(
        table,
        "CREATE TABLE kept AS SELECT id, note FROM t; ALTER TABLE t DROP note; ALTER TABLE t ADD note text;
         UPDATE t SET note = kept.note FROM kept WHERE kept.id = t.id; DROP TABLE kept",
        &[],
    )
    .await;
    check(
        table,
        "ALTER TABLE t DROP note; ALTER TABLE t ADD note text",
        &["the 100 rows of public.t are not as before"],
    )
    .await;
}

#[tokio::test]
async fn s13_an_enum_made_anew_with_the_same_labels_is_equal() {
    let table = "CREATE TYPE mood AS ENUM ('sad', 'happy'); CREATE TABLE t (m mood, all_of_them mood[]);
        INSERT INTO t VALUES ('sad', '{happy,sad}');";
    check(
        table,
        "ALTER TABLE t ALTER m TYPE text, ALTER all_of_them TYPE text[]; DROP TYPE mood;
         CREATE TYPE mood AS ENUM ('sad', 'happy');
         ALTER TABLE t ALTER m TYPE mood USING m::mood, ALTER all_of_them TYPE mood[] USING all_of_them::mood[]",
        &[],
    )
    .await;
    check(
        table,
        "ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'",
        &["the 1 rows of public.t are not as before"],
    )
    .await;
}

#[tokio::test]
async fn s13_partitions_children_views_and_large_objects_each_count_once() {
    let partitioned = "CREATE TABLE p (a int, b int) PARTITION BY RANGE (a);
        CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (1) TO (5);
        CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (5) TO (9); INSERT INTO p VALUES (1, 1), (5, 5);";
    check(partitioned, "UPDATE p SET b = 7 WHERE a = 5", &["the 1 rows of public.p2 are not as before"])
        .await;
    let inherited = "CREATE TABLE p (a int); CREATE TABLE c () INHERITS (p); INSERT INTO c VALUES (1);";
    check(inherited, "UPDATE p SET a = 2", &["the 1 rows of public.c are not as before"]).await;
    let view =
        "CREATE TABLE t (a int); INSERT INTO t VALUES (1); CREATE MATERIALIZED VIEW m AS SELECT * FROM t;";
    check(
        view,
        "UPDATE t SET a = 2; REFRESH MATERIALIZED VIEW m; UPDATE t SET a = 1",
        &["the 1 rows of public.m are not as before"],
    )
    .await;
    check(view, "REFRESH MATERIALIZED VIEW m WITH NO DATA", &["public.m is gone with its 1 rows"]).await;
    check(
        "SELECT lo_from_bytea(4711, 'abc')",
        "SELECT lo_put(4711, 0, 'x')",
        &["the 1 rows of large objects are not as before"],
    )
    .await;
    check("SELECT 1", "SELECT lo_create(0)", &["large objects was not there before and holds 1 rows"]).await;
}

#[tokio::test]
async fn s14_unlogged_tables_and_sequences_are_marked() {
    let unlogged =
        "CREATE UNLOGGED TABLE u (id serial, a int); INSERT INTO u VALUES (1, 1); CREATE TABLE t (a int);";
    let found = differences(unlogged, "TRUNCATE u; INSERT INTO t VALUES (1)").await;
    let marks: Vec<(&str, bool)> = found.tables.iter().map(|d| (d.table.as_str(), d.unlogged)).collect();
    assert_eq!(marks, [("public.t", false), ("public.u", true)]);
}

#[tokio::test]
async fn s13_odd_names_are_no_trouble() {
    check(
        "CREATE SCHEMA \"Odd; --\"; CREATE TABLE \"Odd; --\".\"t\"\"x\" (\"select\" int PRIMARY KEY, \"a'b\" text, \"$1\" numeric);
         INSERT INTO \"Odd; --\".\"t\"\"x\" VALUES (1, 'x', 2); CREATE TABLE none (); INSERT INTO none DEFAULT VALUES;",
        "UPDATE \"Odd; --\".\"t\"\"x\" SET \"a'b\" = 'y'; INSERT INTO none DEFAULT VALUES",
        &["the 1 rows of \"Odd; --\".\"t\"\"x\" are not as before", "public.\"none\" held 1 rows and holds 2"],
    )
    .await;
}

#[tokio::test]
async fn s13_a_table_that_may_not_be_read_is_an_error_that_names_it() {
    let database = Database::new().await;
    database
        .run(
            "DO $$ BEGIN CREATE ROLE reader LOGIN PASSWORD 'r'; EXCEPTION WHEN OTHERS THEN NULL; END $$;
             CREATE TABLE open (a int); GRANT SELECT ON open TO reader; CREATE TABLE closed (a int);",
        )
        .await;
    let reader = PostgresTarget {
        user: "reader".to_owned(),
        password: Some("r".to_owned()),
        ..database.target.clone()
    };
    let error = capture(&reader, &CaptureOptions::default()).await.unwrap_err();
    assert!(matches!(&error, StoreError::Unreadable { table, .. } if table == "public.closed"), "{error}");
    database.run("GRANT SELECT ON closed TO reader").await;
    capture(&reader, &CaptureOptions::default()).await.unwrap();
    database.run("ALTER TABLE closed ENABLE ROW LEVEL SECURITY").await;
    let error = capture(&reader, &CaptureOptions::default()).await.unwrap_err();
    let shown = error.to_string();
    assert!(shown.starts_with("table public.closed may not be read by `reader`: "), "{shown}");
}

#[tokio::test]
async fn s6_a_blocked_capture_says_who_blocks_it() {
    let database = Database::new().await;
    database.run("CREATE TABLE t (a int)").await;
    let mut locker = backout::state::postgres::Session::open(&database.named("the locker")).await.unwrap();
    locker.execute(&statement("BEGIN")).await.unwrap();
    locker.execute(&statement("LOCK TABLE t")).await.unwrap();
    let error = capture(&database.target, &CaptureOptions::default()).await.unwrap_err();
    assert!(error.is_blocked(), "{error}");
    let holder = format!(
        "AccessExclusiveLock on public.t is held by session {} (the locker as postgres, idle in transaction)",
        locker.backend_pid()
    );
    assert!(error.to_string().contains(&holder), "{error}");
}

#[tokio::test]
async fn s13_a_capture_is_one_snapshot() {
    let database = Database::new().await;
    database.run("CREATE TABLE a (n int); CREATE TABLE b (n int); INSERT INTO a VALUES (0); INSERT INTO b VALUES (0);").await;
    let mut writer = database.session().await;
    let stop = std::sync::atomic::AtomicBool::new(false);
    let writing = async {
        while !stop.load(std::sync::atomic::Ordering::Relaxed) {
            let both = "WITH x AS (UPDATE a SET n = n + 1 RETURNING n) UPDATE b SET n = x.n FROM x";
            writer.execute(&statement(both)).await.unwrap();
        }
    };
    let looking = async {
        for _ in 0..20 {
            let captured = captured(&database).await;
            let sums = ["public.a", "public.b"].map(|table| captured.tables[table].raw.sum.clone());
            assert_eq!(sums[0], sums[1]);
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    };
    tokio::join!(writing, looking);
}

#[tokio::test]
async fn s14_ahead_is_shown_behind_is_wrong() {
    let serial = "CREATE TABLE t (id serial PRIMARY KEY, a int); INSERT INTO t (a) VALUES (1), (2);";
    let found = differences(serial, "BEGIN; INSERT INTO t (a) VALUES (3); ROLLBACK").await;
    assert_eq!(found.sequences.len(), 1);
    assert!(!found.sequences[0].is_wrong());
    assert_eq!(found.tables, []);
    let found = differences(serial, "SELECT setval('t_id_seq', 1)").await;
    assert!(matches!(&found.sequences[0].change, SequenceChange::Behind { .. }), "{found:?}");
    let found = differences(serial, "INSERT INTO t VALUES (3, 3)").await;
    assert_eq!(
        found.sequences[0].summary(),
        "sequence public.t_id_seq is behind its column: its next value is 3, the column has reached 3"
    );
    let found = differences(serial, "ALTER SEQUENCE t_id_seq MAXVALUE 99").await;
    assert!(matches!(&found.sequences[0].change, SequenceChange::Definition { .. }), "{found:?}");
    let found = differences("CREATE SEQUENCE s", "DROP SEQUENCE s").await;
    assert_eq!(found.sequences[0].change, SequenceChange::Missing);
}

async fn with_exception(
    columns: &[&str],
    where_: Option<&str>,
    change: &str,
) -> (Vec<TableDifference>, StoreCapture) {
    let database = Database::new().await;
    database
        .run(
            "CREATE TABLE t (id int PRIMARY KEY, note text, seen timestamptz);
             INSERT INTO t SELECT g, 'x', 'epoch' FROM generate_series(1, 5) g;",
        )
        .await;
    let exception = TableException {
        of: Tables::Named("t".to_owned()),
        columns: columns.iter().map(|name| (*name).to_owned()).collect(),
        where_: where_.map(str::to_owned),
    };
    let options = CaptureOptions { exceptions: vec![exception], ..CaptureOptions::default() };
    let before = capture(&database.target, &options).await.unwrap();
    database.run(change).await;
    let after = capture(&database.target, &options).await.unwrap();
    (compare(&before, &after).tables, after)
}

#[tokio::test]
async fn s16_exceptions_leave_columns_and_rows_out_and_the_raw_fact_stays() {
    let (found, _) = with_exception(&["seen"], None, "UPDATE t SET seen = now()").await;
    assert_eq!((found.len(), found[0].excepted), (1, true));
    let (found, _) =
        with_exception(&["seen"], None, "UPDATE t SET seen = now(), note = 'y' WHERE id = 1").await;
    assert_eq!((found.len(), found[0].excepted), (1, false));
    let (found, _) = with_exception(&[], Some("id > 3"), "DELETE FROM t WHERE id = 4").await;
    assert_eq!((found.len(), found[0].excepted), (1, true));
    let (found, _) = with_exception(&[], Some("id > 3"), "DELETE FROM t WHERE id = 3").await;
    assert_eq!((found.len(), found[0].excepted), (1, false));
    let (found, _) = with_exception(&["seen"], None, "ALTER TABLE t DROP seen").await;
    assert_eq!((found.len(), found[0].excepted), (1, true));
}

#[tokio::test]
async fn s16_a_schema_is_left_out_with_all_its_tables_and_no_other() {
    let database = Database::new().await;
    database
        .run(
            "CREATE SCHEMA audit; CREATE TABLE audit.t (a int, seen int); CREATE TABLE audit.gone (a int);
             CREATE TABLE t (a int, seen int); INSERT INTO audit.t VALUES (1, 1); INSERT INTO t VALUES (1, 1);
             INSERT INTO audit.gone VALUES (1);",
        )
        .await;
    let of = |columns: &[&str]| TableException {
        of: Tables::In("audit".to_owned()),
        columns: columns.iter().map(|name| (*name).to_owned()).collect(),
        where_: columns.is_empty().then(|| "true".to_owned()),
    };
    let options =
        |columns: &[&str]| CaptureOptions { exceptions: vec![of(columns)], ..CaptureOptions::default() };
    let before = capture(&database.target, &options(&[])).await.unwrap();
    let column = capture(&database.target, &options(&["seen"])).await.unwrap();
    database
        .run(
            "UPDATE audit.t SET seen = 2; DROP TABLE audit.gone; UPDATE t SET seen = 2;
             CREATE TABLE audit.more AS SELECT 1 AS a;",
        )
        .await;
    let excepted = |before: &StoreCapture, after: &StoreCapture| -> Vec<(String, bool)> {
        compare(before, after).tables.into_iter().map(|one| (one.table, one.excepted)).collect()
    };
    let after = capture(&database.target, &options(&[])).await.unwrap();
    let of = |found: [(&str, bool); 4]| found.map(|(table, excepted)| (table.to_owned(), excepted)).to_vec();
    let expected = [("audit.gone", true), ("audit.more", true), ("audit.t", true), ("public.t", false)];
    assert_eq!(excepted(&before, &after), of(expected));
    let after = capture(&database.target, &options(&["seen"])).await.unwrap();
    let expected = [("audit.gone", false), ("audit.more", false), ("audit.t", true), ("public.t", false)];
    assert_eq!(excepted(&column, &after), of(expected));
}

#[tokio::test]
async fn s16_an_exception_that_cannot_be_applied_excepts_nothing_and_says_why() {
    let (found, after) = with_exception(&[], Some("note = 'x'"), "ALTER TABLE t DROP note").await;
    assert_eq!((found.len(), found[0].excepted), (1, false));
    let said = found[0].exception_error.clone().unwrap();
    assert!(said.contains("column \"note\" does not exist"), "{said}");
    assert_eq!(after.tables["public.t"].raw.rows, 5);
}

#[tokio::test]
async fn s13_an_empty_database_beside_others_is_an_error_that_names_them() {
    let database = Database::new().await;
    let target = PostgresTarget { database: "postgres".to_owned(), ..database.target.clone() };
    let error = capture(&target, &CaptureOptions::default()).await.unwrap_err();
    let shown = error.to_string();
    assert!(shown.starts_with("database `postgres` holds no table"), "{shown}");
    assert!(shown.contains(&database.target.database), "{shown}");
}

/// A random small table, and one random edit of it.
#[derive(Debug, Clone)]
struct Edit {
    rows: Vec<(i32, Option<String>, String)>,
    change: Change,
}

#[derive(Debug, Clone)]
enum Change {
    Insert((i32, Option<String>, String)),
    Delete(usize),
    SetText(usize, Option<String>),
    SetNumber(usize, String),
    Exchange(usize, usize),
    Reorder,
}

fn row() -> impl Strategy<Value = (i32, Option<String>, String)> {
    let numbers = prop::sample::select(vec!["0", "-0.0", "1", "1.0", "1.00", "NaN", "0.1", "Infinity"]);
    (0..3i32, prop::option::of("[ab'é\\\\]{0,2}"), numbers.prop_map(str::to_owned))
}

fn edit() -> impl Strategy<Value = Edit> {
    let change = prop_oneof![
        row().prop_map(Change::Insert),
        any::<usize>().prop_map(Change::Delete),
        (any::<usize>(), prop::option::of("[ab'é\\\\]{0,2}"))
            .prop_map(|(at, text)| Change::SetText(at, text)),
        (any::<usize>(), row()).prop_map(|(at, row)| Change::SetNumber(at, row.2)),
        (any::<usize>(), any::<usize>()).prop_map(|(a, b)| Change::Exchange(a, b)),
        Just(Change::Reorder),
    ];
    (prop::collection::vec(row(), 1..6), change).prop_map(|(rows, change)| Edit { rows, change })
}

impl Edit {
    fn after(&self) -> Vec<(i32, Option<String>, String)> {
        let mut rows = self.rows.clone();
        let count = rows.len();
        match &self.change {
            Change::Insert(row) => rows.push(row.clone()),
            Change::Delete(at) => drop(rows.remove(at % count)),
            Change::SetText(at, text) => rows[at % count].1.clone_from(text),
            Change::SetNumber(at, number) => rows[at % count].2.clone_from(number),
            Change::Exchange(a, b) => {
                let texts = (rows[a % count].1.clone(), rows[b % count].1.clone());
                (rows[b % count].1, rows[a % count].1) = texts;
            }
            Change::Reorder => rows.reverse(),
        }
        rows
    }
}

fn fill(table: usize, rows: &[(i32, Option<String>, String)]) -> String {
    let quote = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let values = rows.iter().map(|(a, b, c)| {
        let b = b.as_deref().map_or("NULL".to_owned(), quote);
        format!("INSERT INTO t{table} VALUES ({a}, {b}, '{c}', '{c}');")
    });
    format!("TRUNCATE t{table}; {}", values.collect::<String>())
}

/// What the server holds, said without any hash.
fn model(rows: &[(i32, Option<String>, String)]) -> Vec<(i32, Option<String>, String)> {
    let number = |text: &String| if text == "-0.0" { "-0".to_owned() } else { text.clone() };
    let mut rows: Vec<_> = rows.iter().map(|(a, b, c)| (*a, b.clone(), number(c))).collect();
    rows.sort();
    rows
}

/// How many tables are edited at once.
const TABLES: usize = 25;

#[test]
fn s13_every_edit_is_found_and_no_edit_is_not() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let database = runtime.block_on(Database::new());
    let create = |at| format!("CREATE TABLE t{at} (a int, b text, c text, d float8);");
    runtime.block_on(database.run(&(0..TABLES).map(create).collect::<String>()));
    let config = ProptestConfig { cases: 6, failure_persistence: None, ..ProptestConfig::default() };
    let edits = prop::collection::vec(edit(), TABLES);
    let tried = TestRunner::new(config).run(&edits, |edits| {
        let before: String = edits.iter().enumerate().map(|(at, edit)| fill(at, &edit.rows)).collect();
        let after: String = edits.iter().enumerate().map(|(at, edit)| fill(at, &edit.after())).collect();
        let found = runtime.block_on(async {
            database.run(&before).await;
            let first = captured(&database).await;
            database.run(&after).await;
            compare(&first, &captured(&database).await).tables
        });
        for (at, edit) in edits.iter().enumerate() {
            let table = format!("public.t{at}");
            let is_found = found.iter().any(|difference| difference.table == table);
            prop_assert_eq!(is_found, model(&edit.rows) != model(&edit.after()), "{:?}", edit);
        }
        Ok(())
    });
    tried.unwrap();
}

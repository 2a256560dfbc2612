//! The differing rows of tables, from rows kept before and after on a real server.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use backout::state::compare::compare;
use backout::state::model::{Kept, StoreCapture};
use backout::state::postgres::{CaptureOptions, KeepRows, TableException, Tables, capture};
use backout::state::rows::{Cell, RowCounts, RowDifference, diff, file_name};

use crate::support::postgres::Database;

struct Kits {
    before: tempfile::TempDir,
    after: tempfile::TempDir,
}

fn keep(dir: &Path, max_bytes: u64, reference: Option<&StoreCapture>) -> CaptureOptions {
    let reference = reference.map(|reference| reference.tables.clone());
    let keep_rows = Some(KeepRows { dir: dir.to_owned(), max_bytes, reference, copy: none() });
    CaptureOptions { keep_rows, ..CaptureOptions::default() }
}

fn none() -> Result<String, String> {
    Err("none was made".to_owned())
}

async fn around(database: &Database, change: &str, exceptions: &[TableException]) -> Kits {
    let kits = Kits { before: tempfile::tempdir().unwrap(), after: tempfile::tempdir().unwrap() };
    let options = |dir: &Path, reference: Option<&StoreCapture>| CaptureOptions {
        exceptions: exceptions.to_vec(),
        ..keep(dir, 1 << 30, reference)
    };
    let before = capture(&database.target, &options(kits.before.path(), None)).await.unwrap();
    database.run(change).await;
    let after = options(kits.after.path(), Some(&before));
    let after = capture(&database.target, &after).await.unwrap();
    assert_ne!(compare(&before, &after).tables, [], "{change}");
    kits
}

fn rows(table: &str, kits: &Kits) -> (RowCounts, Vec<RowDifference>) {
    let mut found = Vec::new();
    let counts = diff(table, Some(kits.before.path()), Some(kits.after.path()), &mut |difference| {
        found.push(difference);
        Ok(())
    });
    (counts.unwrap(), found)
}

fn value(text: &str) -> Cell {
    Cell::Value(text.to_owned())
}

/// `key: column before -> after, …`, one line a row.
pub(crate) fn lines(found: &[RowDifference]) -> Vec<String> {
    let cell = |cell: &Cell| match cell {
        Cell::Absent => "-".to_owned(),
        Cell::Null => "NULL".to_owned(),
        Cell::Value(value) => format!("{value:?}"),
    };
    let line = |row: &RowDifference| {
        let key: Vec<String> =
            row.key.iter().map(|(name, value)| format!("{name} {}", cell(value))).collect();
        let columns: Vec<String> = row
            .columns
            .iter()
            .map(|column| format!("{} {} -> {}", column.name, cell(&column.before), cell(&column.after)))
            .collect();
        format!("{:?} {}: {}", row.change, key.join(" "), columns.join(", "))
    };
    found.iter().map(line).collect()
}

const TABLE: &str = "CREATE TABLE t (id int PRIMARY KEY, note text, price numeric);
    INSERT INTO t SELECT g, 'note ' || g, g FROM generate_series(1, 12) g;";

#[tokio::test]
async fn changed_missing_and_extra_rows_are_told_apart_by_key_in_order_of_number() {
    let database = Database::new().await;
    database.run(TABLE).await;
    let change = "UPDATE t SET price = '2.0' WHERE id = 2; UPDATE t SET note = NULL WHERE id = 10;
        UPDATE t SET note = '' WHERE id = 11; DELETE FROM t WHERE id = 9; INSERT INTO t VALUES (13, E'a\\tb\\\\N\\n', 1)";
    let (counts, found) = rows("public.t", &around(&database, change, &[]).await);
    assert_eq!(counts, RowCounts { changed: 3, missing: 1, extra: 1 });
    assert_eq!(
        lines(&found),
        [
            r#"Changed id "2": price "2" -> "2.0""#,
            r#"Missing id "9": id "9" -> -, note "note 9" -> -, price "9" -> -"#,
            r#"Changed id "10": note "note 10" -> NULL"#,
            r#"Changed id "11": note "note 11" -> """#,
            r#"Extra id "13": id - -> "13", note - -> "a\tb\\N\n", price - -> "1""#,
        ]
    );
}

#[tokio::test]
async fn values_lost_with_their_column_are_shown() {
    let database = Database::new().await;
    database.run(TABLE).await;
    let kits = around(&database, "ALTER TABLE t DROP note; ALTER TABLE t ADD note text", &[]).await;
    let (counts, found) = rows("public.t", &kits);
    assert_eq!(counts, RowCounts { changed: 12, ..RowCounts::default() });
    assert_eq!(lines(&found)[0], r#"Changed id "1": note "note 1" -> NULL"#);
    let kits = around(&database, "ALTER TABLE t DROP price", &[]).await;
    assert_eq!(lines(&rows("public.t", &kits).1)[11], r#"Changed id "12": price "12" -> -"#);
}

#[tokio::test]
async fn keys_of_every_kind_are_sorted_as_the_files_are_read() {
    let database = Database::new().await;
    database
        .run(
            "CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
             CREATE TYPE mood AS ENUM ('z', 'a', 'm');
             CREATE TABLE texts (k text COLLATE \"en-x-icu\", c char(3), v int, PRIMARY KEY (k, c));
             INSERT INTO texts SELECT k, c, 1 FROM unnest('{a,B,\"b c\",\"\",é,Z,_,\"a b\",\"a\tb\",\"a\\\\\"}'::text[]) k,
                 unnest('{a,\" b\",\"\u{1}\"}'::text[]) c;
             CREATE TABLE moods (m mood, n bigint, v int, PRIMARY KEY (m, n));
             INSERT INTO moods SELECT m, n, 1 FROM unnest('{z,a,m}'::mood[]) m, unnest('{-10,-9,0,9,10,100}'::int[]) n;
             CREATE TABLE stamps (s timestamptz, b bytea, v int, PRIMARY KEY (s, b));
             INSERT INTO stamps SELECT s, b, 1 FROM unnest('{-infinity,2026-01-01,infinity,\"0044-03-15 BC\"}'::timestamptz[]) s,
                 unnest('{\"\\\\x00\",\"\\\\xff\",\"\"}'::bytea[]) b;
             CREATE TABLE blind (k text COLLATE ci PRIMARY KEY, v int); INSERT INTO blind VALUES ('B', 1), ('a', 1), ('C', 1);
             CREATE TABLE numbers (n numeric PRIMARY KEY, v int); INSERT INTO numbers VALUES (10, 1), (9.5, 1), ('NaN', 1), (-1, 1);",
        )
        .await;
    let tables = ["texts", "moods", "stamps", "blind", "numbers"];
    // One row of each is changed, and the whole table written anew in another order.
    let change: String = tables
        .iter()
        .map(|table| {
            format!(
                "CREATE TABLE x AS SELECT * FROM {table}; DELETE FROM {table}; INSERT INTO {table} SELECT * FROM x ORDER BY random();
                 DROP TABLE x; UPDATE {table} SET v = 2 WHERE ctid = (SELECT min(ctid) FROM {table});"
            )
        })
        .collect();
    let kits = around(&database, &change, &[]).await;
    for table in tables {
        let (counts, found) = rows(&format!("public.{table}"), &kits);
        assert_eq!(counts, RowCounts { changed: 1, ..RowCounts::default() }, "{table}: {:?}", lines(&found));
    }
}

#[tokio::test]
async fn tables_without_a_key_are_multisets() {
    let database = Database::new().await;
    database.run("CREATE TABLE t (a numeric, b text); INSERT INTO t VALUES (1, 'x'), (1, 'x'), (NULL, ''), (2, NULL);").await;
    let change = "DELETE FROM t WHERE ctid = '(0,1)'; INSERT INTO t VALUES (1.0, 'x')";
    let (counts, found) = rows("public.t", &around(&database, change, &[]).await);
    assert_eq!(counts, RowCounts { changed: 0, missing: 1, extra: 1 });
    assert_eq!(
        lines(&found),
        [r#"Missing : a "1" -> -, b "x" -> -"#, r#"Extra : a - -> "1.0", b - -> "x""#,]
    );
}

#[tokio::test]
async fn a_key_that_the_change_took_away_still_tells_rows_apart() {
    let database = Database::new().await;
    database.run(TABLE).await;
    let change = "ALTER TABLE t DROP CONSTRAINT t_pkey; UPDATE t SET note = 'y' WHERE id = 5; INSERT INTO t VALUES (5, 'twice', 5)";
    let (counts, found) = rows("public.t", &around(&database, change, &[]).await);
    assert_eq!(counts, RowCounts { changed: 1, missing: 0, extra: 1 }, "{:?}", lines(&found));
    let (counts, _) = rows("public.t", &around(&database, "ALTER TABLE t DROP id", &[]).await);
    assert_eq!(counts, RowCounts { changed: 0, missing: 13, extra: 13 });
}

#[tokio::test]
async fn s16_what_is_excepted_is_not_among_the_rows() {
    let database = Database::new().await;
    database.run(TABLE).await;
    let exception = TableException {
        of: Tables::Named("t".to_owned()),
        columns: vec!["note".to_owned()],
        where_: Some("id > 10".to_owned()),
    };
    let change = "UPDATE t SET note = 'y'; UPDATE t SET price = 0 WHERE id IN (3, 11)";
    let (_, found) = rows("public.t", &around(&database, change, &[exception]).await);
    assert_eq!(lines(&found), [r#"Changed id "3": price "3" -> "0""#]);
}

#[tokio::test]
async fn only_what_fits_is_kept_smallest_first_and_the_rest_is_said_not_to_be() {
    let database = Database::new().await;
    database
        .run(
            "CREATE TABLE large (a text); INSERT INTO large SELECT repeat('x', 100) FROM generate_series(1, 5000);
             CREATE TABLE small (a text); INSERT INTO small VALUES ('x');
             CREATE TABLE packed (a text); INSERT INTO packed VALUES (repeat('x', 300000));",
        )
        .await;
    let dir = tempfile::tempdir().unwrap();
    let captured = capture(&database.target, &keep(dir.path(), 100_000, None)).await.unwrap();
    let kept = |table: &str| captured.tables[table].kept.clone();
    assert!(matches!(kept("public.small"), Kept::Rows { .. }));
    for table in ["public.large", "public.packed"] {
        let Kept::Nothing { because } = kept(table) else { panic!("{table} was kept") };
        assert!(because.starts_with("it is larger than the "), "{because}");
        assert!(!dir.path().join(file_name(table)).exists(), "{table} left a file");
    }
    let mode = dir.path().join(file_name("public.small")).metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn a_table_that_is_as_before_is_not_written_again() {
    let database = Database::new().await;
    database.run(&format!("{TABLE} CREATE TABLE u (a int); INSERT INTO u VALUES (1);")).await;
    let kits = around(&database, "UPDATE u SET a = 2", &[]).await;
    assert!(kits.before.path().join(file_name("public.t")).exists());
    assert!(!kits.after.path().join(file_name("public.t")).exists());
    let all_gone = diff("public.t", Some(kits.before.path()), None, &mut |_| Ok(())).unwrap();
    assert_eq!(all_gone.missing, 12);
    assert_eq!(value("1"), Cell::Value("1".to_owned()));
}

//! PostgreSQL at the size that it is made for: a table of five million rows, and ten thousand tables.

use backout::state::compare::{StoreDifferences, compare};
use backout::state::model::{Kept, StoreCapture};
use backout::state::postgres::{
    CaptureOptions, KeepRows, PostgresTarget, Session, TableException, Tables, capture, template,
};
use backout::state::rows::{BEFORE, RowChange, RowCounts, diff};

use crate::postgres_server::{Database, server, statement};

const ROWS: u64 = 5_000_000;
const TABLES: usize = 10_000;
/// A hundredth of what the large table takes.
const ROOM: u64 = 4 << 20;
/// The most memory that a runner may take, in MiB.
const MEMORY: u64 = 96;

/// A database, and the copy of it in its server.
struct Held {
    database: Database,
    copy: String,
    exceptions: Vec<TableException>,
}

impl Held {
    async fn of(prepare: &str, exceptions: Vec<TableException>) -> Self {
        let database = Database::new().await;
        database.run(prepare).await;
        let copy = format!("kept_{}", database.target.database);
        database.leave().await;
        template::keep(&database.target, &copy, "unused").await.unwrap();
        Self { database, copy, exceptions }
    }

    async fn capture(&self, dir: &std::path::Path, reference: Option<&StoreCapture>) -> StoreCapture {
        let reference = reference.map(|reference| reference.tables.clone());
        let copy = Ok(self.copy.clone());
        let keep_rows = Some(KeepRows { dir: dir.to_owned(), max_bytes: ROOM, reference, copy });
        let exceptions = self.exceptions.clone();
        let options = CaptureOptions { keep_rows, exceptions, ..CaptureOptions::default() };
        capture(&self.database.target, &options).await.unwrap()
    }
}

/// The keys of the rows of a table that are shown to differ, and how many of which kind they are.
fn shown(table: &str, dir: &std::path::Path) -> (RowCounts, Vec<String>) {
    let mut keys = Vec::new();
    let counts = diff(table, Some(&dir.join(BEFORE)), Some(dir), &mut |row| {
        let change = match row.change {
            RowChange::Changed => "changed",
            RowChange::Missing => "missing",
            RowChange::Extra => "extra",
        };
        keys.push(format!("{change} {:?}", row.key[0].1));
        Ok(())
    });
    (counts.unwrap(), keys)
}

/// The most memory that this process ever used, in MiB; what runs beside a test counts too.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}

/// In the copy a row in the middle waits for a lock. There the session that reads is ended by somebody else,
/// and before the lock is let go of, somebody writes.
#[tokio::test]
async fn five_million_rows_are_told_apart_in_chunks_though_a_read_is_cut_off_in_the_middle() {
    let middle = ROWS / 2 + 1;
    let waits = TableException {
        of: Tables::Named("t".to_owned()),
        columns: Vec::new(),
        where_: Some(format!(
            "CASE WHEN id = {middle} THEN pg_advisory_xact_lock_shared(77) IS NULL ELSE false END"
        )),
    };
    let prepare = format!(
        "CREATE TABLE t (id bigint PRIMARY KEY, note text, price numeric, made timestamptz);
         INSERT INTO t SELECT g, 'note ' || g, g / 7.0, 'epoch'::timestamptz + g * '1 minute'::interval
            FROM generate_series(1, {ROWS}) g;
         VACUUM ANALYZE t;"
    );
    let held = Held::of(&prepare, vec![waits]).await;
    let before = {
        let dir = tempfile::tempdir().unwrap();
        let before = held.capture(dir.path(), None).await;
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "nothing is written before");
        before
    };
    let table = &before.tables["public.t"];
    assert_eq!((table.raw.rows, &table.kept), (ROWS, &Kept::Copied));
    let chunks = table.chunks.as_ref().unwrap();
    assert!(chunks.sums.len() > 10_000, "{} chunks", chunks.sums.len());
    assert_eq!(chunks.sums.iter().map(|sum| sum.rows).sum::<u64>(), ROWS);

    // Every fifty thousandth row, and among them the one in the middle.
    held.database.run("UPDATE t SET note = 'other' WHERE id % 50000 = 1").await;
    let copy = PostgresTarget { database: held.copy.clone(), ..held.database.named("the locker") };
    let mut locker = Session::open(&copy).await.unwrap();
    locker.execute(&statement("SELECT pg_advisory_lock(77)")).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let meddling = async {
        let mut watcher = Session::open(&server().target("postgres")).await.unwrap();
        let end = format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = '{}' AND query LIKE 'COPY %' AND wait_event_type = 'Lock'",
            held.copy
        );
        while watcher.execute(&statement(&end)).await.unwrap().rows.is_empty() {}
        held.database.run("UPDATE t SET note = 'too late' WHERE id = 2").await;
        locker.execute(&statement("SELECT pg_advisory_unlock(77)")).await.unwrap();
    };
    let (after, ()) = tokio::join!(held.capture(dir.path(), Some(&before)), meddling);
    assert!(matches!(after.tables["public.t"].kept, Kept::Differing { rest: None, .. }));
    let (counts, keys) = shown("public.t", dir.path());
    let expected: Vec<String> =
        (0..ROWS / 50_000).map(|at| format!("changed Value(\"{}\")", at * 50_000 + 1)).collect();
    assert_eq!(keys, expected);
    println!("{ROWS} rows in {} chunks: {counts:?}, peak memory {} MiB", chunks.sums.len(), peak_memory());
    assert!(peak_memory() < MEMORY, "{} MiB", peak_memory());
}

#[tokio::test]
async fn among_ten_thousand_tables_exactly_those_are_found_that_were_changed() {
    let prepare = format!(
        "DO $$ BEGIN FOR n IN 1..{TABLES} LOOP
           EXECUTE format('CREATE TABLE m%s (id int PRIMARY KEY, note text)', n);
           EXECUTE format('INSERT INTO m%s VALUES (1, %L), (2, NULL)', n, n);
           IF n % 500 = 0 THEN COMMIT; END IF;
         END LOOP; END $$;"
    );
    let held = Held::of(&prepare, Vec::new()).await;
    let [first, second, third] = [(); 3].map(|()| tempfile::tempdir().unwrap());
    let before = held.capture(first.path(), None).await;
    assert_eq!((before.tables.len(), before.rows()), (TABLES, 2 * TABLES as u64));
    let same = held.capture(second.path(), Some(&before)).await;
    let mut differ = compare(&before, &same);
    differ.leftovers.clear();
    assert_eq!(differ, StoreDifferences::default(), "nobody changed anything");

    held.database
        .run(
            "UPDATE m7 SET note = 'other' WHERE id = 1; DELETE FROM m5000 WHERE id = 2;
             INSERT INTO m9999 VALUES (3, ''); UPDATE m10000 SET note = '' WHERE id = 2",
        )
        .await;
    let after = held.capture(third.path(), Some(&before)).await;
    let differ = compare(&before, &after);
    let tables: Vec<&str> = differ.tables.iter().map(|table| table.table.as_str()).collect();
    assert_eq!(tables, ["public.m10000", "public.m5000", "public.m7", "public.m9999"]);
    assert_eq!((differ.schema.len(), differ.sequences.len()), (0, 0));
    let keys: Vec<String> = tables.iter().flat_map(|table| shown(table, third.path()).1).collect();
    assert_eq!(
        keys,
        ["changed Value(\"2\")", "missing Value(\"2\")", "changed Value(\"1\")", "extra Value(\"3\")"]
    );
    println!("{TABLES} tables: {tables:?} differ, peak memory {} MiB", peak_memory());
    assert!(peak_memory() < MEMORY, "{} MiB", peak_memory());
}

//! Tables with more rows than are kept: chunks that differ, and their rows of both sides.

use backout::state::compare::compare;
use backout::state::model::{Kept, StoreCapture};
use backout::state::postgres::{CaptureOptions, KeepRows, TableException, Tables, capture, template};
use backout::state::rows::{BEFORE, RowChange, RowCounts, RowDifference, diff, file_name};

use crate::postgres_rows::lines;
use crate::support::postgres::{Database, server, statement};

/// Less than the tables here take, and more than the rows that differ.
const ROOM: u64 = 1 << 20;

/// 40,000 rows, which take some 3 MB.
fn fill(table: &str, key: &str) -> String {
    format!(
        "INSERT INTO {table} SELECT {key}, 'note ' || g, g / 7.0, 'epoch'::timestamptz + g * '1 hour'::interval
         FROM generate_series(1, 40000) g;"
    )
}

const COLUMNS: &str = "note text, price numeric, made timestamptz";

/// A database that is kept as a template, and its first capture.
struct Before {
    database: Database,
    copy: String,
    exceptions: Vec<TableException>,
    before: StoreCapture,
}

/// What the capture after a change holds, and where.
struct Seen {
    after: StoreCapture,
    dir: tempfile::TempDir,
}

impl Before {
    async fn of(prepare: &str, exceptions: &[TableException]) -> Self {
        let database = Database::new().await;
        database.run(prepare).await;
        let (copy, spare) =
            (format!("kept_{}", database.target.database), format!("next_{}", database.target.database));
        database.leave().await;
        template::keep(&database.target, &copy, &spare).await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        let mut kept = Self { before: empty(), exceptions: exceptions.to_vec(), copy, database };
        kept.before = kept.capture(dir.path(), None).await;
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "nothing is written before");
        kept
    }

    async fn capture(&self, dir: &std::path::Path, reference: Option<&StoreCapture>) -> StoreCapture {
        let reference = reference.map(|reference| reference.tables.clone());
        let copy = Ok(self.copy.clone());
        let keep_rows = Some(KeepRows { dir: dir.to_owned(), max_bytes: ROOM, reference, copy });
        let exceptions = self.exceptions.clone();
        let options = CaptureOptions { keep_rows, exceptions, ..CaptureOptions::default() };
        capture(&self.database.target, &options).await.unwrap()
    }

    async fn after(&self, change: &str) -> Seen {
        self.database.run(change).await;
        let dir = tempfile::tempdir().unwrap();
        let after = self.capture(dir.path(), Some(&self.before)).await;
        assert_ne!(compare(&self.before, &after).tables, [], "{change}");
        Seen { after, dir }
    }
}

fn empty() -> StoreCapture {
    serde_json::from_str(
        r#"{"server":{"version":"","database":"","user":""},"schema":{},"tables":{},"sequences":{},
            "leftovers":{"found":{}}}"#,
    )
    .unwrap()
}

impl Seen {
    fn rest(&self, table: &str) -> Option<String> {
        match &self.after.tables[table].kept {
            Kept::Differing { rest, .. } => rest.clone(),
            other => panic!("{other:?}"),
        }
    }

    fn rows(&self, table: &str) -> (RowCounts, Vec<RowDifference>) {
        let kept = self.after.tables.get(table).map(|data| &data.kept);
        assert!(matches!(kept, None | Some(Kept::Differing { .. })), "{kept:?}");
        let mut found = Vec::new();
        let (before, after) = (self.dir.path().join(BEFORE), self.dir.path());
        let after = self.after.tables.contains_key(table).then_some(after);
        let counts = diff(table, Some(&before), after, &mut |difference| {
            found.push(difference);
            Ok(())
        });
        (counts.unwrap(), found)
    }

    fn bytes(&self, table: &str) -> u64 {
        let name = file_name(table);
        let paths = [self.dir.path().join(BEFORE).join(&name), self.dir.path().join(&name)];
        paths.iter().map(|path| path.metadata().unwrap().len()).sum()
    }
}

#[tokio::test]
async fn rows_of_a_large_table_that_differ_are_named_with_their_values_before() {
    let table = format!("CREATE TABLE t (id bigint PRIMARY KEY, {COLUMNS}); {}", fill("t", "g - 20000"));
    let kept = Before::of(&table, &[]).await;
    assert_eq!(kept.before.tables["public.t"].kept, Kept::Copied);
    let chunks = kept.before.tables["public.t"].chunks.clone().unwrap();
    assert!(chunks.sums.len() > 100, "{}", chunks.sums.len());
    assert_eq!(chunks.sums.iter().map(|sum| sum.rows).sum::<u64>(), 40_000);
    let seen = kept
        .after(
            "UPDATE t SET note = 'other' WHERE id % 1000 = 0; DELETE FROM t WHERE id = -7;
             INSERT INTO t VALUES (-9000000000000000000, 'far', 1), (9000000000000000000, NULL, 2), (20001, 'next', 3)",
        )
        .await;
    let (counts, found) = seen.rows("public.t");
    assert_eq!(counts, RowCounts { changed: 40, missing: 1, extra: 3 });
    assert_eq!(seen.rest("public.t"), None);
    let lines = lines(&found);
    assert_eq!(lines[1], r#"Changed id "-19000": note "note 1000" -> "other""#);
    assert!(lines[0].starts_with(r#"Extra id "-9000000000000000000": "#), "{}", lines[0]);
    let missing = found.iter().position(|row| row.change == RowChange::Missing).unwrap();
    assert!(
        lines[missing].starts_with(r#"Missing id "-7": id "-7" -> -, made "1972-"#),
        "{}",
        lines[missing]
    );
    assert!(seen.bytes("public.t") < 2 * ROOM, "{}", seen.bytes("public.t"));
}

#[tokio::test]
async fn rows_of_one_of_a_thousand_small_tables_are_named_too() {
    let tables = "DO $$ BEGIN FOR n IN 1..1050 LOOP
        EXECUTE format('CREATE TABLE m%s (id int PRIMARY KEY, note text)', n);
        EXECUTE format('INSERT INTO m%s VALUES (1, %L), (2, NULL)', n, n);
        END LOOP; END $$;";
    let kept = Before::of(tables, &[]).await;
    let seen = kept.after("UPDATE m7 SET note = 'other' WHERE id = 1").await;
    let (counts, found) = seen.rows("public.m7");
    assert_eq!(counts, RowCounts { changed: 1, missing: 0, extra: 0 });
    assert_eq!(lines(&found), [r#"Changed id "1": note "7" -> "other""#]);
}

#[tokio::test]
async fn keys_of_every_kind_and_none_tell_the_rows_of_large_tables_apart() {
    let prepare = format!(
        "CREATE TABLE texts (id text PRIMARY KEY, {COLUMNS}); {}
         CREATE TABLE pairs (a int, b uuid, {COLUMNS}, PRIMARY KEY (a, b)); {}
         CREATE TABLE small (id smallint PRIMARY KEY, note text, price numeric, made timestamptz, filling text);
         INSERT INTO small SELECT g, 'note ' || g, g, 'epoch', repeat('x', 60) FROM generate_series(-20000, 20000) g;
         CREATE TABLE keyless (a int, {COLUMNS}); {} INSERT INTO keyless SELECT * FROM keyless WHERE a < 5;",
        fill("texts", "'k' || g * 7919 % 40009"),
        fill("pairs", "g % 3, md5(g::text)::uuid"),
        fill("keyless", "g")
    );
    let kept = Before::of(&prepare, &[]).await;
    let change = ["texts", "pairs", "small", "keyless"].map(|table| {
        format!("UPDATE {table} SET price = price + 0.5 WHERE note IN ('note 7', 'note 1234', 'note 20000')")
    });
    let seen = kept.after(&change.join("; ")).await;
    for table in ["public.texts", "public.pairs", "public.small"] {
        let (counts, found) = seen.rows(table);
        assert_eq!(counts, RowCounts { changed: 3, ..RowCounts::default() }, "{table}: {:?}", lines(&found));
        assert_eq!((seen.rest(table), found[0].columns[0].name.as_str()), (None, "price"));
    }
    let (counts, found) = seen.rows("public.keyless");
    assert_eq!(counts, RowCounts { changed: 0, missing: 3, extra: 3 }, "{:?}", lines(&found));
}

#[tokio::test]
async fn values_of_a_large_table_that_lost_a_column_are_shown_as_far_as_there_is_room() {
    let table = format!("CREATE TABLE t (id int PRIMARY KEY, {COLUMNS}); {}", fill("t", "g"));
    let kept = Before::of(&table, &[]).await;
    let seen = kept.after("ALTER TABLE t DROP note").await;
    let (counts, found) = seen.rows("public.t");
    assert!((5_000..40_000).contains(&counts.changed), "{counts:?}");
    assert_eq!(lines(&found)[0], r#"Changed id "1": note "note 1" -> -"#);
    let rest = seen.rest("public.t").unwrap();
    assert!(rest.starts_with("shown are the rows of the first "), "{rest}");
    assert!(seen.bytes("public.t") < 2 * ROOM);
}

#[tokio::test]
async fn the_first_rows_of_a_large_table_that_is_gone_are_shown() {
    let table = format!("CREATE TABLE t (id int PRIMARY KEY, {COLUMNS}); {}", fill("t", "g"));
    let kept = Before::of(&table, &[]).await;
    let seen = kept.after("DROP TABLE t").await;
    let (counts, found) = seen.rows("public.t");
    assert!((5_000..40_000).contains(&counts.missing), "{counts:?}");
    assert!(lines(&found)[0].contains(r#"note "note 1" -> -"#), "{}", lines(&found)[0]);
}

#[tokio::test]
async fn s16_what_is_excepted_does_not_make_a_chunk_differ() {
    let table = format!("CREATE TABLE t (id int PRIMARY KEY, {COLUMNS}); {}", fill("t", "g"));
    let exception = TableException {
        of: Tables::Named("t".to_owned()),
        columns: vec!["made".to_owned()],
        where_: Some("id > 39000".to_owned()),
    };
    let kept = Before::of(&table, &[exception]).await;
    let seen = kept
        .after(
            "UPDATE t SET made = now(); DELETE FROM t WHERE id > 39900; UPDATE t SET note = 'y' WHERE id = 5",
        )
        .await;
    let (_, found) = seen.rows("public.t");
    assert_eq!(lines(&found), [r#"Changed id "5": note "note 5" -> "y""#]);
    assert!(seen.bytes("public.t") < 100_000, "{}", seen.bytes("public.t"));
}

/// A condition that waits for a lock in the copy keeps the capture where it reads what rows were; its session
/// there is ended by somebody else, and in the meantime somebody writes.
#[tokio::test]
async fn a_read_that_is_cut_off_is_made_again_in_the_same_snapshot() {
    let table = format!("CREATE TABLE t (id int PRIMARY KEY, {COLUMNS}); {}", fill("t", "g"));
    let waits = TableException {
        of: Tables::Named("t".to_owned()),
        columns: Vec::new(),
        where_: Some("pg_advisory_xact_lock_shared(77) IS NULL".to_owned()),
    };
    let kept = Before::of(&table, &[waits]).await;
    kept.database.run("UPDATE t SET note = 'other' WHERE id = 77").await;
    let copy = backout::state::postgres::PostgresTarget {
        database: kept.copy.clone(),
        ..kept.database.named("the locker")
    };
    let mut locker = backout::state::postgres::Session::open(&copy).await.unwrap();
    locker.execute(&statement("SELECT pg_advisory_lock(77)")).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let meddling = async {
        let mut watcher = server_session().await;
        let end = format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = '{}' AND query LIKE 'COPY %' AND wait_event_type = 'Lock'",
            kept.copy
        );
        while watcher.execute(&statement(&end)).await.unwrap().rows.is_empty() {}
        kept.database.run("UPDATE t SET note = 'too late' WHERE id = 78").await;
        locker.execute(&statement("SELECT pg_advisory_unlock(77)")).await.unwrap();
    };
    let (after, ()) = tokio::join!(kept.capture(dir.path(), Some(&kept.before)), meddling);
    let seen = Seen { after, dir };
    assert_eq!(lines(&seen.rows("public.t").1), [r#"Changed id "77": note "note 77" -> "other""#]);
}

async fn server_session() -> backout::state::postgres::Session {
    let target = server().target("postgres");
    backout::state::postgres::Session::open(&target).await.unwrap()
}

#[tokio::test]
async fn without_a_copy_it_is_said_why_no_rows_are_shown() {
    let database = Database::new().await;
    database.run(&format!("CREATE TABLE t (id int PRIMARY KEY, {COLUMNS}); {}", fill("t", "g"))).await;
    let dir = tempfile::tempdir().unwrap();
    let copy = Err("permission denied to create database".to_owned());
    let keep_rows = Some(KeepRows { dir: dir.path().to_owned(), max_bytes: ROOM, reference: None, copy });
    let options = CaptureOptions { keep_rows, ..CaptureOptions::default() };
    let before = capture(&database.target, &options).await.unwrap();
    let Kept::Nothing { because } = &before.tables["public.t"].kept else { panic!("it was kept") };
    assert!(because.ends_with("no copy of the database: permission denied to create database"), "{because}");
    assert_eq!(before.tables["public.t"].chunks, None);
}

/// What the server has logged of a capture of so many tables, each with a sequence.
async fn statements(tables: u32) -> usize {
    let database = Database::new().await;
    let create = format!(
        "DO $$ BEGIN FOR n IN 1..{tables} LOOP
           EXECUTE format('CREATE TABLE m%s (id serial PRIMARY KEY, note text)', n);
           EXECUTE format('INSERT INTO m%s (note) VALUES (%L)', n, n);
         END LOOP; END $$;
         ALTER DATABASE {} SET log_statement = 'all';",
        database.target.database
    );
    database.run(&create).await;
    let client = format!("counted {tables}");
    let target = database.named(&client);
    let captured = capture(&target, &CaptureOptions::default()).await.unwrap();
    assert_eq!((captured.tables.len(), captured.rows()), (tables as usize, u64::from(tables)));
    assert_eq!(captured.sequences.len(), tables as usize);
    assert!(captured.sequences.values().all(|sequence| sequence.column_reaches == Some(1)));
    database.run("UPDATE m7 SET note = 'other'; SELECT setval('m8_id_seq', 1, false)").await;
    let after = capture(&database.target, &CaptureOptions::default()).await.unwrap();
    let differ = compare(&captured, &after);
    assert_eq!((differ.tables.len(), differ.tables[0].table.as_str()), (1, "public.m7"));
    assert_eq!((differ.sequences.len(), differ.sequences[0].sequence.as_str()), (1, "public.m8_id_seq"));
    server().log().iter().filter(|entry| entry.client == client && entry.text.starts_with("LOG:")).count()
}

#[tokio::test]
async fn a_thousand_tables_take_hardly_more_statements_than_ten() {
    let (few, many) = (statements(10).await, statements(1_100).await);
    // A hundred tables or sequences at a time, the first of which are in the count of the few.
    assert!(many - few <= 22, "{few} statements for ten tables, {many} for 1,100");
    assert!(few > 10, "{few} statements: nothing was logged");
}

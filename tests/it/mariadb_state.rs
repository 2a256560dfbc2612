//! What is captured of a real MariaDB.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use backout::gateway::control::Protocol;
use backout::stage::Stage;
use backout::state::compare::{StoreDifferences, compare};
use backout::state::gather::{Keeping, LeftOut};
use backout::state::mariadb::{CaptureOptions, MariaTarget, busy, capture, sessions, value, wait_gone};
use backout::state::model::StoreCapture;
use backout::state::rows::{diff, file_name};

use crate::support::wire::{Wire, with_wire};

const PORT: u16 = 3306;
const ROOT: &str = "mariadb --user=root";

async fn target(wire: &Wire) -> MariaTarget {
    let host = wire.stage.address("store", PORT).await.unwrap();
    let (database, user) = ("shop".to_owned(), "watch".to_owned());
    MariaTarget { host, database, user, password: Some("watch".to_owned()), ours: Vec::new() }
}

async fn run(wire: &Wire, script: &str) -> String {
    wire.inside(&format!(
        "{ROOT} --batch --skip-column-names --default-character-set=utf8mb4 shop <<'END'\n{script}\nEND"
    ))
    .await
}

async fn with_shop<F>(test: impl FnOnce(Wire) -> F)
where
    F: Future<Output = ()>,
{
    with_wire("store", PORT, Protocol::Mysql, |wire| async move {
        run(&wire, "GRANT ALL ON *.* TO watch IDENTIFIED BY 'watch'").await;
        test(wire).await;
    })
    .await;
}

/// What differs after a script, and the rows of `shop.t`.
async fn around(wire: &Wire, script: &str) -> (StoreDifferences, Vec<String>) {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let options = |folder: &Path, reference: Option<&StoreCapture>| CaptureOptions {
        keeping: Some(Keeping { folder: folder.to_owned(), room: 1 << 20 }),
        reference: reference.map(|reference| reference.tables.clone()).unwrap_or_default(),
        ..CaptureOptions::default()
    };
    let target = target(wire).await;
    let was = capture(&target, &options(folders[0].path(), None)).await.unwrap();
    run(wire, script).await;
    let is = capture(&target, &options(folders[1].path(), Some(&was))).await.unwrap();
    assert!(is.leftovers.unseen.is_empty(), "{:?}", is.leftovers.unseen);
    let mut differ = compare(&was, &is);
    // The health check comes and goes.
    differ.leftovers.retain(|one| !one.leftover.kind.is_passing());
    let mut rows = Vec::new();
    if differ.tables.iter().any(|table| table.table == "shop.t") {
        let counted = diff("shop.t", Some(folders[0].path()), Some(folders[1].path()), &mut |row| {
            let columns = row.columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join(" ");
            rows.push(format!("{:?} {:?} {columns}", row.change, row.key[0].1));
            Ok(())
        });
        counted.unwrap();
    }
    (differ, rows)
}

const TYPES: &str = "CREATE TABLE t (id bigint PRIMARY KEY AUTO_INCREMENT, s varchar(20), c char(5), l longtext, b blob,
    v varbinary(9), n decimal(9,2), f float, d double, bits bit(9), day date, at datetime(6), ts timestamp(6) NULL,
    y year, e enum('a', 'b'), st set('a', 'b'), j json, g geometry, u uuid, i6 inet6, latin varchar(9) CHARACTER SET latin1,
    big bigint unsigned, ci varchar(9) COLLATE utf8mb4_general_ci, gen int AS (id + 1) VIRTUAL);
SET SESSION sql_mode = '';
INSERT INTO t VALUES (1, 'a', 'x', 'long', 'b', 'v', 1.50, 0.1, 0.1, b'101', '2024-02-29', '2024-02-29 12:00:00.000001',
    '2024-02-29 12:00:00.000001', 2024, 'a', 'a,b', '{\"a\": 1}', POINT(1, 2), '123e4567-e89b-12d3-a456-426655440000',
    '::1', 'gr\u{fc}n', 18446744073709551615, 'Case', DEFAULT), (10, 'ten', '', '', '', '', 0, 0, 0, b'0', '0000-00-00',
    '0000-00-00', '0000-00-00', 0, 'b', '', '[]', NULL, NULL, NULL, '', 0, '', DEFAULT), (2, NULL, NULL, NULL, NULL, NULL,
    NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, DEFAULT);";

#[tokio::test]
async fn s13_every_type_differs_by_its_value_and_only_by_that() {
    with_shop(|wire| async move {
        run(&wire, TYPES).await;
        let (differ, _) = around(&wire, "SELECT * FROM t; UPDATE t SET s = s; ANALYZE TABLE t").await;
        assert_eq!(differ, StoreDifferences::default(), "reading changes nothing");
        for (set, column) in [
            ("s = 'A'", "s"),
            ("s = 'a '", "s"),
            ("s = ''", "s"),
            ("s = NULL", "s"),
            ("ci = 'case'", "ci"),
            ("c = 'y'", "c"),
            ("l = repeat('x', 100000)", "l"),
            ("b = 'B'", "b"),
            ("v = 'v\\0'", "v"),
            ("n = 1.51", "n"),
            ("f = 0.10000001", "f"),
            ("d = 0.10000000000000002", "d"),
            ("bits = b'100'", "bits"),
            ("day = '0000-00-00'", "day"),
            ("at = '2024-02-29 12:00:00.000002'", "at"),
            ("ts = '2024-02-29 12:00:00.000002'", "ts"),
            ("y = 2025", "y"),
            ("e = 'b'", "e"),
            ("st = 'a'", "st"),
            ("j = '{\\\"a\\\":1}'", "j"),
            ("g = POINT(1, 3)", "g"),
            ("u = '123e4567-e89b-12d3-a456-426655440001'", "u"),
            ("i6 = '::2'", "i6"),
            ("latin = 'gr\u{fc}ner'", "latin"),
            ("big = 18446744073709551614", "big"),
        ] {
            let (differ, rows) =
                around(&wire, &format!("SET sql_mode = ''; UPDATE t SET ts = ts, {set} WHERE id = 1")).await;
            assert_eq!(rows, [format!("Changed Value(\"1\") {column}")], "{set}");
            assert_eq!(
                (differ.schema.len(), differ.sequences.len(), differ.leftovers.len()),
                (0, 0, 0),
                "{set}"
            );
        }
        let (_, rows) =
            around(&wire, "DELETE FROM t WHERE id = 10; INSERT INTO t (id, s) VALUES (3, 'x')").await;
        let keys: Vec<&str> = rows.iter().map(|row| row.split(')').next().unwrap()).collect();
        assert_eq!(keys, ["Extra Value(\"3\"", "Missing Value(\"10\""], "in the order of numbers");
        // Two rows exchange a value: each column's sum stays the same.
        let (differ, _) =
            around(&wire, "CREATE TABLE x (a int, b int); INSERT INTO x VALUES (1, 2), (3, 4)").await;
        assert_eq!(differ.tables.len(), 1);
        let (differ, _) = around(&wire, "UPDATE x SET b = 6 - b").await;
        assert_eq!(differ.tables.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn s13_a_value_larger_than_the_server_takes_now_differs_by_its_last_byte() {
    with_shop(|wire| async move {
        let target = target(&wire).await;
        run(&wire, "SET GLOBAL max_allowed_packet = 64 << 20").await;
        run(&wire, "CREATE TABLE t (id int PRIMARY KEY, l longtext, b longblob)").await;
        // Beyond what one packet of the protocol carries.
        run(&wire, "INSERT INTO t VALUES (1, CONCAT(REPEAT('x', 17 << 20), 'a'), REPEAT('y', 17 << 20))")
            .await;
        let folder = tempfile::tempdir().unwrap();
        let keeping = Some(Keeping { folder: folder.path().to_owned(), room: 256 << 20 });
        let options = CaptureOptions { keeping, ..CaptureOptions::default() };
        for change in ["l = CONCAT(LEFT(l, 17 << 20), 'b')", "b = CONCAT(LEFT(b, (17 << 20) - 1), 'z')"] {
            run(&wire, "SET GLOBAL max_allowed_packet = 1 << 20").await;
            let before = capture(&target, &CaptureOptions::default()).await.unwrap();
            run(&wire, "SET GLOBAL max_allowed_packet = 64 << 20").await;
            run(&wire, &format!("UPDATE t SET {change}")).await;
            run(&wire, "SET GLOBAL max_allowed_packet = 1 << 20").await;
            let after = capture(&target, &options).await.unwrap();
            assert_eq!(compare(&before, &after).tables.len(), 1, "{change}");
            let kept = std::fs::read(folder.path().join(file_name("shop.t"))).unwrap();
            assert!(kept.len() > 3 * (17 << 20), "{change}: {} bytes, one as two digits", kept.len());
        }
    })
    .await;
}

#[tokio::test]
async fn s12_what_defines_a_database_is_compared_by_name() {
    with_shop(|wire| async move {
        for (change, expected) in [
            ("CREATE TABLE o (id int PRIMARY KEY) ENGINE=InnoDB", "table shop.o was not there before"),
            ("ALTER TABLE o ADD note varchar(9)", "column shop.o.note was not there before"),
            ("ALTER TABLE o MODIFY note varchar(9) COLLATE utf8mb4_bin", "column shop.o.note: definition"),
            ("ALTER TABLE o ADD first int FIRST", "column shop.o.first was not there before"),
            ("ALTER TABLE o ENGINE=Aria", "table shop.o: definition"),
            ("ALTER TABLE o ENGINE=InnoDB", "table shop.o: definition"),
            ("CREATE INDEX n ON o (note)", "index shop.o.n was not there before"),
            ("ALTER TABLE o ADD CONSTRAINT positive CHECK (id > 0)", "constraint shop.o.positive was not"),
            ("CREATE VIEW w AS SELECT id FROM o", "view shop.w was not there before"),
            (
                "CREATE TRIGGER g BEFORE INSERT ON o FOR EACH ROW SET NEW.note = 'x'",
                "trigger g was not there",
            ),
            ("CREATE PROCEDURE p() SELECT 1", "procedure shop.p was not there before"),
            ("CREATE FUNCTION f() RETURNS int RETURN 1", "function shop.f was not there before"),
            ("CREATE OR REPLACE FUNCTION f() RETURNS int RETURN 2", "function shop.f: definition"),
            ("CREATE EVENT v ON SCHEDULE EVERY 1 DAY DISABLE DO SELECT 1", "event v was not there before"),
            ("ALTER DATABASE shop CHARACTER SET latin1", "database shop: charset"),
            ("CREATE DATABASE other", "database other was not there before"),
            ("CREATE USER u IDENTIFIED BY 'hunter2'", "role 'u'@'%' was not there before"),
            ("GRANT SELECT ON shop.* TO u", "role 'u'@'%': GRANT"),
            ("SET GLOBAL max_connections = 77", "setting max_connections was not there before"),
            ("CREATE SEQUENCE q", "sequence shop.q was not there before"),
        ] {
            let (differ, _) = around(&wire, change).await;
            let mut said: Vec<String> = differ.schema.iter().map(|one| one.summary()).collect();
            said.extend(differ.leftovers.iter().map(|one| one.summary()));
            assert!(said.iter().any(|line| line.starts_with(expected)), "{change}: {said:?}");
            assert!(!said.concat().contains("hunter2"), "{said:?}");
        }
        let (differ, _) =
            around(&wire, "ALTER TABLE o DROP first, DROP INDEX n, ADD first int, ADD INDEX n (note)").await;
        let said: Vec<String> = differ.schema.iter().map(|one| one.summary()).collect();
        let order = "table shop.o: column order first, id, note → id, note, first";
        assert_eq!(said, [order], "of the order of columns alone is told, and that of indexes is none");
    })
    .await;
}

#[tokio::test]
async fn s14_numbers_that_go_back_differ_and_those_that_went_on_are_shown() {
    with_shop(|wire| async move {
        run(&wire, "CREATE TABLE t (id int PRIMARY KEY AUTO_INCREMENT); INSERT INTO t VALUES (5)").await;
        let (differ, _) = around(&wire, "INSERT INTO t VALUES (); DELETE FROM t WHERE id = 6").await;
        let said: Vec<(String, bool)> =
            differ.sequences.iter().map(|one| (one.summary(), one.is_wrong())).collect();
        assert_eq!(said, [("sequence shop.t.id went on: its next value was 6 and is 7".to_owned(), false)]);
        let (differ, _) = around(&wire, "ALTER TABLE t AUTO_INCREMENT = 6").await;
        assert!(differ.sequences[0].is_wrong(), "{differ:?}");
        assert_eq!(differ.schema, [], "a position is no definition");
    })
    .await;
}

#[tokio::test]
async fn s16_exceptions_leave_columns_and_rows_out() {
    with_shop(|wire| async move {
        run(&wire, "CREATE TABLE t (id int PRIMARY KEY, seen int); INSERT INTO t VALUES (1, 1), (9, 9)")
            .await;
        let target = target(&wire).await;
        for (left_out, change, excepted) in [
            (
                LeftOut { columns: vec!["seen".to_owned()], keys: Vec::new() },
                "UPDATE t SET seen = seen + 1",
                true,
            ),
            (
                LeftOut { columns: Vec::new(), keys: vec!["id > 5".to_owned()] },
                "DELETE FROM t WHERE id = 9",
                true,
            ),
            (
                LeftOut { columns: Vec::new(), keys: vec!["id > 5".to_owned()] },
                "DELETE FROM t WHERE id = 1",
                false,
            ),
            (
                LeftOut { columns: Vec::new(), keys: vec!["nothing > 5".to_owned()] },
                "INSERT INTO t VALUES (7, 7)",
                false,
            ),
        ] {
            let except = BTreeMap::from([("shop.t".to_owned(), left_out)]);
            let options = CaptureOptions { except, ..CaptureOptions::default() };
            let before = capture(&target, &options).await.unwrap();
            run(&wire, change).await;
            let found = compare(&before, &capture(&target, &options).await.unwrap()).tables;
            assert_eq!((found.len(), found[0].excepted), (1, excepted), "{change}: {found:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn sessions_are_seen_waited_for_and_left_behind() {
    with_shop(|wire| async move {
        let target = target(&wire).await;
        run(&wire, "CREATE TABLE t (id int); INSERT INTO t VALUES (1)").await;
        let quiet = capture(&target, &CaptureOptions::default()).await.unwrap();
        assert_eq!(value(&target, "SELECT id FROM t", Duration::from_secs(60)).await.unwrap().unwrap(), "1");
        let sleeper = format!(
            "({ROOT} --execute 'SELECT SLEEP(600)' shop > /dev/null 2>&1 &)
             until {ROOT} --skip-column-names --execute \"SELECT id FROM information_schema.processlist \
             WHERE info LIKE 'SELECT SLEEP%'\" | grep .; do :; done"
        );
        // The health check's session may be there too.
        let sleeper: i32 = wire.inside(&sleeper).await.parse().unwrap();
        assert!(sessions(&target).await.unwrap().contains(&sleeper));
        assert!(busy(&target).await.unwrap().contains(&sleeper));
        let left = wait_gone(&target, &[sleeper], Duration::from_millis(100)).await.unwrap();
        assert_eq!(left, [sleeper]);
        let after = capture(&target, &CaptureOptions::default()).await.unwrap();
        let said: Vec<String> = compare(&quiet, &after).leftovers.iter().map(|one| one.summary()).collect();
        assert!(said.contains(&"session root in shop was not there before".to_owned()), "{said:?}");
        wire.inside(&format!("{ROOT} --execute 'KILL {sleeper}'")).await;
        let left = wait_gone(&target, &[sleeper], Duration::from_secs(60)).await.unwrap();
        assert!(left.is_empty(), "{left:?}");
    })
    .await;
}

//! A glance after a failure: it reads no more than it must, and never less.

use backout::state::compare::compare;
use backout::state::model::{StoreCapture, Unread};
use backout::state::postgres::{CaptureOptions, OwnBackends, Since, capture, glance};

use crate::support::postgres::Database;

const SEED: &str = "CREATE TABLE small (id int PRIMARY KEY); INSERT INTO small VALUES (1);
    CREATE TABLE named (id int PRIMARY KEY); INSERT INTO named SELECT generate_series(1, 5000);
    CREATE TABLE large (id int PRIMARY KEY); INSERT INTO large SELECT generate_series(1, 9000)";

/// What a glance sees after a change that may name tables. Other tests commit on the same server all the
/// time, so it never is certain that nothing was committed.
async fn after(change: &str, likely: &[&str]) -> (StoreCapture, StoreCapture) {
    let database = Database::new().await;
    database.run(SEED).await;
    let since = Since::now(&database.target).await.unwrap();
    let before = capture(&database.target, &CaptureOptions::default()).await.unwrap();
    database.run(change).await;
    let own = OwnBackends::default();
    let seen = glance(&database.target, &own, &before, Some(&since), likely).await.unwrap();
    (before, seen)
}

fn unread(seen: &StoreCapture) -> Vec<&str> {
    assert!(seen.unread.values().all(|why| *why == Unread::Enough), "{:?}", seen.unread);
    seen.unread.keys().map(String::as_str).collect()
}

#[tokio::test]
async fn s2_where_nothing_differs_every_table_is_read() {
    let (before, seen) = after("UPDATE small SET id = 1", &[]).await;
    assert_eq!(unread(&seen), [""; 0]);
    let all = ["public.large", "public.named", "public.small"];
    assert_eq!(seen.tables.keys().collect::<Vec<_>>(), all);
    assert_eq!(compare(&before, &seen).tables, []);
}

#[tokio::test]
async fn s2_one_table_that_differs_is_enough_and_a_named_one_is_read_first() {
    let (before, seen) = after("DELETE FROM named WHERE id = 7", &["delete from NAMED"]).await;
    assert_eq!(unread(&seen), ["large objects", "public.large", "public.small"]);
    let differing: Vec<String> = compare(&before, &seen).tables.iter().map(|one| one.summary()).collect();
    assert_eq!(differing, ["public.named held 5000 rows and holds 4999"]);
}

#[tokio::test]
async fn s2_a_difference_that_nothing_announces_is_found_in_the_last_table() {
    let (before, seen) = after("UPDATE large SET id = 9001 WHERE id = 1", &["named"]).await;
    assert_eq!(unread(&seen), ["large objects"]);
    assert_eq!(compare(&before, &seen).tables.len(), 1);
}

#[tokio::test]
async fn s2_a_schema_that_differs_is_enough() {
    let (before, seen) = after("ALTER TABLE small ADD COLUMN note text", &[]).await;
    assert_eq!(unread(&seen), ["large objects", "public.large", "public.named", "public.small"]);
    assert!(compare(&before, &seen).tables.is_empty());
    assert_eq!(compare(&before, &seen).schema.len(), 1);
}

/// A crash may empty it with no transaction, and that alone is laid to the fault.
#[tokio::test]
async fn s14_an_unlogged_table_is_always_read_and_never_enough() {
    let database = Database::new().await;
    database.run(&format!("{SEED}; CREATE UNLOGGED TABLE fleeting AS SELECT 1 AS id")).await;
    let before = capture(&database.target, &CaptureOptions::default()).await.unwrap();
    database.run("TRUNCATE fleeting").await;
    let seen = glance(&database.target, &OwnBackends::default(), &before, None, &[]).await.unwrap();
    assert_eq!(unread(&seen), [""; 0]);
    database.run("ALTER TABLE small ADD COLUMN note text").await;
    let seen = glance(&database.target, &OwnBackends::default(), &before, None, &[]).await.unwrap();
    assert_eq!(seen.tables.keys().collect::<Vec<_>>(), ["public.fleeting"]);
}

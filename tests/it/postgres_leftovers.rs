//! Semantic S15 on a real server. Roles, databases and slots belong to the whole server, which other tests
//! use too: each test looks for its own names only.

use std::collections::BTreeSet;

use backout::state::compare::{LeftoverDifference, compare_leftovers};
use backout::state::model::{LeftoverKind, Leftovers};
use backout::state::postgres::{OwnBackends, PostgresTarget, Session, leftovers};

use crate::support::postgres::{Database, statement};

async fn look(database: &Database) -> Leftovers {
    leftovers(&database.target, &OwnBackends::default()).await.unwrap()
}

/// The differences that contain a text, in words.
fn about(mark: &str, before: &Leftovers, after: &Leftovers) -> Vec<String> {
    let found = compare_leftovers(before, after);
    found.iter().map(LeftoverDifference::summary).filter(|summary| summary.contains(mark)).collect()
}

/// Looks before and after a change, then makes it undone.
async fn check(database: &Database, mark: &str, change: &str, undo: &str, expected: &[&str]) {
    let before = look(database).await;
    database.run(change).await;
    let after = look(database).await;
    database.run(undo).await;
    assert_eq!(about(mark, &before, &after), expected, "{change}");
    assert_eq!(about(mark, &before, &look(database).await), Vec::<String>::new(), "{undo}");
}

async fn client(database: &Database, name: &str, statements: &[&str]) -> Session {
    let mut session = Session::open(&database.named(name)).await.unwrap();
    for sql in statements {
        session.execute(&statement(sql)).await.unwrap();
    }
    session
}

#[tokio::test]
async fn s15_a_forgotten_session_with_its_transaction_and_locks_is_named() {
    let database = Database::new().await;
    database.run("CREATE TABLE t (a int)").await;
    let before = look(&database).await;
    let forgotten =
        client(&database, "worker 7", &["BEGIN", "INSERT INTO t VALUES (1)", "SELECT pg_advisory_lock(42)"])
            .await;
    let after = look(&database).await;
    assert_eq!(
        about("worker 7", &before, &after),
        [
            "session worker 7 as postgres was not there before",
            "open transaction worker 7 as postgres was not there before",
            "lock RowExclusiveLock on public.t of worker 7 as postgres was not there before",
            "lock advisory 42 of worker 7 as postgres was not there before",
        ]
    );
    let found = compare_leftovers(&before, &after);
    let transaction = found
        .iter()
        .find(|d| d.leftover.kind == LeftoverKind::OpenTransaction && d.leftover.name.contains("worker 7"));
    let transaction = transaction.unwrap();
    assert!(transaction.seen[0].contains("idle in transaction since"), "{transaction:?}");
    forgotten.close().await;
    while !about("worker 7", &before, &look(&database).await).is_empty() {}
}

#[tokio::test]
async fn s15_one_session_more_of_a_known_client_is_counted() {
    let database = Database::new().await;
    let first = client(&database, "worker 8", &[]).await;
    let before = look(&database).await;
    let second = client(&database, "worker 8", &[]).await;
    let after = look(&database).await;
    assert_eq!(about("worker 8", &before, &after), ["session worker 8 as postgres: 2, and 1 before"]);
    assert_eq!(about("worker 8", &after, &before), ["session worker 8 as postgres: 1, and 2 before"]);
    drop((first, second));
}

#[tokio::test]
async fn s15_our_own_sessions_are_excluded_by_exact_name_and_number() {
    let database = Database::new().await;
    let ours = client(&database, "runner", &[]).await;
    let numbered = client(&database, "numbered", &[]).await;
    let similar = client(&database, "runner 2", &[]).await;
    let own = OwnBackends {
        databases: BTreeSet::new(),
        application_names: BTreeSet::from(["runner".to_owned()]),
        pids: BTreeSet::from([numbered.backend_pid()]),
    };
    let found = leftovers(&database.target, &own).await.unwrap();
    let names: Vec<&str> = found
        .found
        .keys()
        .filter(|leftover| leftover.kind == LeftoverKind::Session)
        .map(|leftover| leftover.name.as_str())
        .filter(|name| name.contains("runner") || name.contains("numbered"))
        .collect();
    assert_eq!(names, ["runner 2 as postgres"]);
    drop((ours, similar));
}

#[tokio::test]
async fn s15_prepared_transactions_and_their_locks() {
    let database = Database::new().await;
    database.run("CREATE TABLE t (a int)").await;
    let before = look(&database).await;
    database.run("BEGIN; INSERT INTO t VALUES (1); PREPARE TRANSACTION 'tx one'").await;
    let after = look(&database).await;
    assert_eq!(about("tx one", &before, &after), ["prepared transaction 'tx one' was not there before"]);
    assert_eq!(
        about("a prepared transaction", &before, &after),
        ["lock RowExclusiveLock on public.t of a prepared transaction was not there before",]
    );
    database.run("ROLLBACK PREPARED 'tx one'").await;
}

#[tokio::test]
async fn s15_temporary_objects() {
    let database = Database::new().await;
    let before = look(&database).await;
    let holder = client(&database, "temp holder", &["CREATE TEMP TABLE scratch (a serial)"]).await;
    let after = look(&database).await;
    assert_eq!(
        about("scratch", &before, &after),
        [
            "temporary object scratch was not there before",
            "temporary object scratch_a_seq was not there before",
        ]
    );
    holder.close().await;
}

#[tokio::test]
async fn s15_roles_databases_and_slots() {
    let database = Database::new().await;
    let role = "role left_role was not there before";
    check(&database, "left_role", "CREATE ROLE left_role", "DROP ROLE left_role", &[role]).await;
    database.run("CREATE ROLE left_user LOGIN").await;
    let member = "role left_user: login → login, member of pg_monitor";
    check(
        &database,
        "left_user",
        "GRANT pg_monitor TO left_user",
        "REVOKE pg_monitor FROM left_user",
        &[member],
    )
    .await;
    let alter = ("ALTER ROLE left_user CREATEDB", "ALTER ROLE left_user NOCREATEDB");
    check(&database, "left_user", alter.0, alter.1, &["role left_user: login → login, create database"])
        .await;
    let gone = ["role left_user is gone"];
    check(&database, "left_user", "DROP ROLE left_user", "CREATE ROLE left_user LOGIN", &gone).await;
    let made = "database left_database was not there before";
    check(
        &database,
        "left_database",
        "CREATE DATABASE left_database",
        "DROP DATABASE left_database",
        &[made],
    )
    .await;
    let slot = (
        "SELECT pg_create_physical_replication_slot('left_slot')",
        "SELECT pg_drop_replication_slot('left_slot')",
    );
    check(&database, "left_slot", slot.0, slot.1, &["replication slot left_slot was not there before"]).await;
}

#[tokio::test]
async fn s15_settings_of_the_server_databases_and_roles() {
    let database = Database::new().await;
    let system = ("ALTER SYSTEM SET work_mem = '7MB'", "ALTER SYSTEM RESET work_mem");
    let named = "setting work_mem by ALTER SYSTEM was not there before";
    check(&database, "work_mem by", system.0, system.1, &[named]).await;
    let name = &database.target.database;
    let set = format!("ALTER DATABASE {name} SET statement_timeout = '9s'");
    let reset = format!("ALTER DATABASE {name} RESET statement_timeout");
    let named = format!("setting statement_timeout of database {name} was not there before");
    check(&database, &format!("of database {name}"), &set, &reset, &[&named]).await;
    database.run("CREATE ROLE set_user; ALTER ROLE set_user SET work_mem = '1MB'").await;
    let other = ("ALTER ROLE set_user SET work_mem = '2MB'", "ALTER ROLE set_user SET work_mem = '1MB'");
    let named = "setting work_mem of role set_user: 1MB → 2MB";
    check(&database, "set_user", other.0, other.1, &[named]).await;
}

#[tokio::test]
async fn s15_what_may_not_be_seen_is_said() {
    let database = Database::new().await;
    database.run("CREATE ROLE half_blind LOGIN PASSWORD 'r'").await;
    let target = PostgresTarget {
        user: "half_blind".to_owned(),
        password: Some("r".to_owned()),
        ..database.target.clone()
    };
    let found = leftovers(&target, &OwnBackends::default()).await.unwrap();
    assert_eq!(
        found.unseen,
        [
            "settings made by ALTER SYSTEM (observe as a superuser)",
            "transactions of other roles (grant pg_read_all_stats)",
        ]
    );
    assert_eq!(look(&database).await.unseen, Vec::<String>::new());
}

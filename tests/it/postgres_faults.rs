//! Faults inside a real server: each is seen to act on somebody else, and undone to the letter.

use std::time::Duration;

use backout::state::compare::compare;
use backout::state::postgres::{
    CaptureOptions, FaultSeen, Granted, Kind, LOCKER, Lock, OwnBackends, PostgresTarget, Privileges,
    ReadOnly, Session, Sessions, capture, leftovers, terminate, unlock, wait_sessions_gone,
};
use regex::Regex;

use crate::support::postgres::{Database, statement};

const SOON: Duration = Duration::from_secs(10);

fn ours(database: &Database) -> PostgresTarget {
    database.named("backout")
}

/// What a session of its own is told.
async fn tries(target: &PostgresTarget, sql: &str) -> Result<(), String> {
    let mut session = Session::open(target).await.map_err(|error| error.to_string())?;
    session.execute(&statement("SET lock_timeout = 300")).await.unwrap();
    let done = session.execute(&statement(sql)).await;
    session.close().await;
    done.map(drop).map_err(|error| error.to_string())
}

async fn with_orders() -> Database {
    let database = Database::new().await;
    database.run("CREATE TABLE orders (id int PRIMARY KEY, note text)").await;
    database.run("INSERT INTO orders VALUES (1, 'a'), (2, 'b'), (3, 'c')").await;
    database
}

/// Locks, and shows from outside that it does; gives the lock.
async fn locked(database: &Database, rows: Option<&str>) -> (Lock, FaultSeen) {
    let lock = Lock::open(&ours(database)).await.unwrap();
    let seen = lock.take("orders", rows).await.unwrap();
    assert!(seen.acted, "{}", seen.evidence);
    (lock, seen)
}

#[tokio::test]
async fn a_locked_table_lets_nobody_in_until_the_heal() {
    let database = with_orders().await;
    let (lock, seen) = locked(&database, None).await;
    assert!(seen.evidence.contains("AccessExclusiveLock granted"), "{}", seen.evidence);
    let error = tries(&database.target, "SELECT FROM orders").await.unwrap_err();
    assert!(error.contains("lock timeout"), "{error}");
    for _ in 0..2 {
        unlock(&ours(&database), lock.number(), SOON).await.unwrap();
    }
    tries(&database.target, "SELECT FROM orders").await.unwrap();
}

#[tokio::test]
async fn locked_rows_can_be_read_and_not_changed_and_other_rows_are_free() {
    let database = with_orders().await;
    let (lock, seen) = locked(&database, Some("id < 3")).await;
    assert!(seen.evidence.contains("holds 2 rows of public.orders"), "{}", seen.evidence);
    let update = |id: u32| format!("UPDATE orders SET note = 'x' WHERE id = {id}");
    assert!(tries(&database.target, &update(2)).await.unwrap_err().contains("lock timeout"));
    tries(&database.target, &update(3)).await.unwrap();
    tries(&database.target, "SELECT FROM orders").await.unwrap();
    unlock(&ours(&database), lock.number(), SOON).await.unwrap();
    tries(&database.target, &update(2)).await.unwrap();
}

#[tokio::test]
async fn a_lock_ends_with_its_client() {
    let database = with_orders().await;
    let (lock, _) = locked(&database, None).await;
    let number = lock.number();
    drop(lock);
    let left = wait_sessions_gone(&database.target, &[number], SOON).await.unwrap();
    assert_eq!(left, []);
    tries(&database.target, "SELECT FROM orders").await.unwrap();
}

#[tokio::test]
async fn a_lock_that_cannot_be_taken_says_who_is_in_the_way() {
    let database = with_orders().await;
    let mut other = Session::open(&database.named("worker 9")).await.unwrap();
    other.execute(&statement("BEGIN")).await.unwrap();
    other.execute(&statement("UPDATE orders SET note = 'y' WHERE id = 1")).await.unwrap();
    let lock = Lock::open(&ours(&database)).await.unwrap();
    let seen = lock.take("orders", None).await.unwrap();
    assert!(!seen.acted && seen.evidence.contains("(worker 9) holds RowExclusiveLock"), "{}", seen.evidence);
    let seen = lock.take("orders", Some("id > 7")).await.unwrap();
    assert!(!seen.acted && seen.evidence.contains("no row of public.orders meets id > 7"));
    other.close().await;
    let lock = Lock::open(&ours(&database)).await.unwrap();
    let seen = lock.take("order", None).await.unwrap();
    assert!(!seen.acted && seen.evidence.contains("there is no table `order`"), "{}", seen.evidence);
}

#[tokio::test]
async fn s15_the_session_that_holds_a_lock_is_no_leftover() {
    let database = with_orders().await;
    let names = |names: &[&str]| OwnBackends {
        application_names: names.iter().map(ToString::to_string).collect(),
        ..OwnBackends::default()
    };
    let (lock, _) = locked(&database, None).await;
    let mentions = |found: &backout::state::model::Leftovers| {
        found.found.keys().any(|leftover| leftover.name.contains(LOCKER))
    };
    assert!(mentions(&leftovers(&database.target, &names(&["backout"])).await.unwrap()));
    assert!(!mentions(&leftovers(&database.target, &names(&["backout", LOCKER])).await.unwrap()));
    unlock(&ours(&database), lock.number(), SOON).await.unwrap();
}

#[tokio::test]
async fn only_the_sessions_that_are_meant_are_ended() {
    let database = with_orders().await;
    let mut migration = Session::open(&database.named("psql")).await.unwrap();
    migration.execute(&statement("BEGIN")).await.unwrap();
    migration.execute(&statement("ALTER   TABLE orders ADD total int")).await.unwrap();
    let mut api = Session::open(&database.named("psql")).await.unwrap();
    api.execute(&statement("SELECT 1")).await.unwrap();

    let matching = Some(Regex::new(r"(?is)alter\s+table").unwrap());
    let whose = Sessions { application: Some("psql".to_owned()), user: None, matching };
    let seen = terminate(&ours(&database), &whose, SOON).await.unwrap();
    assert!(seen.acted && seen.evidence.contains("(psql as postgres: "), "{}", seen.evidence);
    assert!(migration.execute(&statement("COMMIT")).await.is_err());
    api.execute(&statement("SELECT 1")).await.unwrap();
    tries(&database.target, "SELECT id, note FROM orders").await.unwrap();

    let seen = terminate(&ours(&database), &whose, SOON).await.unwrap();
    assert!(!seen.acted, "{}", seen.evidence);
    let other = format!("session {} (psql as postgres", api.backend_pid());
    assert!(seen.evidence.contains(&other), "{}", seen.evidence);
}

/// A role of this test alone, and the target that logs in as it.
async fn role(database: &Database, name: &str) -> PostgresTarget {
    database.run(&format!("DROP ROLE IF EXISTS {name}")).await;
    database.run(&format!("CREATE ROLE {name} LOGIN PASSWORD 'drill'")).await;
    PostgresTarget { user: name.to_owned(), password: Some("drill".to_owned()), ..database.target.clone() }
}

fn on_orders(privileges: &[&str], role: &str) -> Privileges {
    Privileges {
        privileges: privileges.iter().map(ToString::to_string).collect(),
        kind: Kind::Relation,
        object: "orders".to_owned(),
        role: role.to_owned(),
    }
}

async fn granted(database: &Database, asked: &Privileges) -> Granted {
    asked.granted(&ours(database)).await.unwrap().expect("there is such a table and role")
}

#[tokio::test]
async fn what_is_revoked_is_missed_and_given_back_as_it_was() {
    let database = with_orders().await;
    let (app, clerk) = (role(&database, "fault_app").await, role(&database, "fault_clerk").await);
    database.run("GRANT SELECT, UPDATE ON orders TO fault_clerk WITH GRANT OPTION").await;
    database.run("GRANT INSERT ON orders TO fault_app; GRANT UPDATE (note) ON orders TO fault_app").await;
    let mut by_clerk = Session::open(&clerk).await.unwrap();
    by_clerk.execute(&statement("GRANT SELECT ON orders TO fault_app WITH GRANT OPTION")).await.unwrap();
    by_clerk.close().await;
    let before = capture(&database.target, &CaptureOptions::default()).await.unwrap();

    let asked = on_orders(&["SELECT", "INSERT", "UPDATE"], "fault_app");
    let earlier = granted(&database, &asked).await;
    let seen = earlier.revoke(&ours(&database)).await.unwrap();
    assert!(seen.acted && seen.evidence.contains("granted by fault_clerk, postgres"), "{}", seen.evidence);
    for sql in ["SELECT FROM orders", "INSERT INTO orders VALUES (9)", "UPDATE orders SET note = 'z'"] {
        let error = tries(&app, sql).await.unwrap_err();
        assert!(error.contains("permission denied"), "{sql}: {error}");
    }
    tries(&clerk, "SELECT FROM orders").await.unwrap();

    for _ in 0..2 {
        earlier.grant(&ours(&database)).await.unwrap();
    }
    tries(&app, "SELECT FROM orders").await.unwrap();
    let after = capture(&database.target, &CaptureOptions::default()).await.unwrap();
    assert_eq!(compare(&before, &after).schema, []);
    assert_eq!(granted(&database, &asked).await, earlier);
    database.run("DROP OWNED BY fault_app CASCADE; DROP OWNED BY fault_clerk CASCADE").await;
    database.run("DROP ROLE fault_app; DROP ROLE fault_clerk").await;
}

#[tokio::test]
async fn a_privilege_that_was_never_granted_or_has_another_way_is_not_said_to_be_revoked() {
    let database = with_orders().await;
    role(&database, "fault_other").await;
    let asked = on_orders(&["INSERT"], "fault_other");
    let seen = granted(&database, &asked).await.revoke(&ours(&database)).await.unwrap();
    assert!(!seen.acted && seen.evidence.contains("was never granted INSERT"), "{}", seen.evidence);

    database.run("GRANT INSERT ON orders TO fault_other, PUBLIC").await;
    let earlier = granted(&database, &asked).await;
    let seen = earlier.revoke(&ours(&database)).await.unwrap();
    assert!(!seen.acted && seen.evidence.contains("still has INSERT"), "{}", seen.evidence);
    earlier.grant(&ours(&database)).await.unwrap();

    let everybody = on_orders(&["INSERT"], "public");
    assert!(granted(&database, &everybody).await.revoke(&ours(&database)).await.unwrap().acted);
    assert_eq!(on_orders(&["INSERT"], "nobody_at_all").granted(&ours(&database)).await.unwrap(), None);
    database.run("DROP OWNED BY fault_other CASCADE; DROP ROLE fault_other").await;
}

#[tokio::test]
async fn schemas_databases_and_sequences_have_privileges_too() {
    let database = with_orders().await;
    let app = role(&database, "fault_third").await;
    database.run("CREATE SCHEMA shop; CREATE SEQUENCE numbers").await;
    database.run("GRANT USAGE ON SCHEMA shop TO fault_third; GRANT USAGE ON numbers TO fault_third").await;
    let name = app.database.clone();
    database.run(&format!("GRANT CONNECT ON DATABASE {name} TO fault_third")).await;
    database.run(&format!("REVOKE CONNECT ON DATABASE {name} FROM PUBLIC")).await;
    for (kind, object, privilege) in [
        (Kind::Schema, "shop", "USAGE"),
        (Kind::Relation, "numbers", "USAGE"),
        (Kind::Database, name.as_str(), "CONNECT"),
    ] {
        let role = "fault_third".to_owned();
        let asked =
            Privileges { privileges: vec![privilege.to_owned()], kind, object: object.to_owned(), role };
        let earlier = granted(&database, &asked).await;
        let seen = earlier.revoke(&ours(&database)).await.unwrap();
        assert!(seen.acted, "{object}: {}", seen.evidence);
        earlier.grant(&ours(&database)).await.unwrap();
    }
    tries(&app, "SELECT nextval('numbers')").await.unwrap();
    database.run("DROP OWNED BY fault_third CASCADE; DROP ROLE fault_third").await;
}

#[tokio::test]
async fn new_sessions_of_a_read_only_database_cannot_write_until_the_earlier_setting_is_back() {
    let database = with_orders().await;
    let name = database.target.database.clone();
    let insert = "INSERT INTO orders VALUES (8)";
    for earlier in [None, Some("off"), Some("on")] {
        if let Some(value) = earlier {
            let set = format!("ALTER DATABASE {name} SET default_transaction_read_only = {value}");
            database.run(&set).await;
        }
        let before = leftovers(&database.target, &OwnBackends::default()).await.unwrap();
        let setting = ReadOnly::look(&ours(&database)).await.unwrap();
        let seen = setting.set(&ours(&database)).await.unwrap();
        assert!(seen.acted, "{}", seen.evidence);
        assert!(
            seen.evidence.contains("1 sessions that were open before can still write"),
            "{}",
            seen.evidence
        );
        let error = tries(&database.target, insert).await.unwrap_err();
        assert!(error.contains("read-only transaction"), "{error}");

        for _ in 0..2 {
            setting.restore(&ours(&database)).await.unwrap();
        }
        let after = leftovers(&database.target, &OwnBackends::default()).await.unwrap();
        let settings = |found: &backout::state::model::Leftovers| -> Vec<String> {
            let of_ours = found.found.iter().filter(|(leftover, _)| leftover.name.contains(&name));
            of_ours.map(|(leftover, seen)| format!("{}={}", leftover.name, seen.definition)).collect()
        };
        assert_eq!(settings(&before), settings(&after), "{earlier:?}");
        assert_eq!(
            tries(&database.target, "CREATE TABLE IF NOT EXISTS t ()").await.is_ok(),
            earlier != Some("on")
        );
    }
}

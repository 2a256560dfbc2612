//! Clients of PostgreSQL.

use backout::gateway::control::Protocol;

use super::Trial;
use crate::support::wire::with_wire;

const RESET: &str = "psql -Xqv ON_ERROR_STOP=1 -U postgres shop <<'END'
SET client_min_messages = warning;
DROP TABLE IF EXISTS orders, status, alembic_version;
CREATE TABLE orders (id int PRIMARY KEY, paid bool NOT NULL);
INSERT INTO orders VALUES (1, false), (2, true), (3, false), (4, true);
END";

/// The columns of orders and the names of all tables: what can be seen while somebody has locked them.
const CATALOG: &str = "psql -XAtqU postgres shop <<'END'
SELECT string_agg(attname, ',' ORDER BY attnum)
    || '; ' || (SELECT string_agg(tablename, ',' ORDER BY tablename) FROM pg_tables WHERE schemaname = 'public')
FROM pg_attribute WHERE attrelid = 'orders'::regclass AND attnum > 0 AND NOT attisdropped;
END";

/// All rows of all tables.
const ROWS: &str = "psql -XAtqU postgres shop <<'END'
SELECT string_agg(tablename || ' ' || coalesce(substring(query_to_xml(format(
    'SELECT string_agg(t::text, '' '' ORDER BY t::text) AS n FROM %I t', tablename), false, true, '')::text
    FROM '<n>(.*)</n>'), 'empty'), '; ' ORDER BY tablename) FROM pg_tables WHERE schemaname = 'public';
END";

/// Returns when nobody is at work.
const QUIET: &str = "until [ \"$(psql -XAtqU postgres shop -c \"SELECT count(*) FROM pg_stat_activity
WHERE datname = 'shop' AND pid <> pg_backend_pid()\")\" = 0 ]; do :; done";

/// Before any change.
const BARE: &str = "id,paid; orders\norders (1,f) (2,t) (3,f) (4,t)";

/// A client that locks what it changes: while it is held, only the catalog can be read.
fn of_schema<'a>(command: &'a [&'a str], state: &'a str) -> Trial<'a> {
    Trial { command, reset: RESET, state, state_when_held: CATALOG }
}

fn state() -> String {
    format!("{QUIET}\n{CATALOG}\n{ROWS}")
}

#[tokio::test]
async fn psql_with_a_file() {
    const MADE: &str = "id,paid; orders,status\norders (1,f) (2,t) (3,f) (4,t); status empty";
    const MARKED: &str =
        "id,paid,status; orders,status\norders (1,f,1) (2,t,1) (3,f,1) (4,t,1); status empty";
    const FILLED: &str =
        "id,paid,status; orders,status\norders (1,f,1) (2,t,1) (3,f,1) (4,t,1); status (1,open) (2,paid)";
    with_wire("db", 5432, Protocol::Postgres, |wire| async move {
        let state = state();
        let trial = of_schema(&["psql", "-Xqv", "ON_ERROR_STOP=1", "-f", "up.sql"], &state);
        let talk = trial.talk(&wire).await;
        assert_eq!(
            talk.asks,
            [
                "none commits: CREATE TABLE status (id int PRIMARY KEY, word text)",
                "none: BEGIN",
                "open: ALTER TABLE orders ADD COLUMN status int",
                "open: UPDATE orders SET status = 1",
                "open commits: COMMIT",
                "none commits: COPY status FROM stdin",
            ]
        );
        let states = [BARE, MADE, MADE, MADE, MADE, MARKED, FILLED];
        trial.sweep(&wire, 1..states.len(), &states).await;
    })
    .await;
}

#[tokio::test]
async fn psql_with_a_single_transaction() {
    const DONE: &str = "id,paid,status; orders\norders (1,f,open) (2,t,open) (3,f,open) (4,t,open)";
    with_wire("db", 5432, Protocol::Postgres, |wire| async move {
        let state = state();
        let command = ["psql", "-Xqv", "ON_ERROR_STOP=1", "--single-transaction", "-f", "single.sql"];
        let trial = of_schema(&command, &state);
        let talk = trial.talk(&wire).await;
        assert_eq!(
            talk.asks,
            [
                "none: BEGIN",
                "open: ALTER TABLE orders ADD COLUMN status text",
                "open: UPDATE orders SET status = 'open'",
                "open: CREATE INDEX orders_by_status ON orders (status)",
                "open commits: COMMIT",
            ]
        );
        let states = [BARE, BARE, BARE, BARE, BARE, DONE];
        trial.sweep(&wire, 1..states.len(), &states).await;
    })
    .await;
}

/// What SQLAlchemy and Alembic ask before they change anything.
const ALEMBIC_LOOKS: usize = 12;

#[tokio::test]
async fn alembic_with_psycopg2() {
    const MADE: &str =
        "id,paid; alembic_version,orders\nalembic_version empty; orders (1,f) (2,t) (3,f) (4,t)";
    const FIRST: &str = "id,paid,status; alembic_version,orders\n\
                         alembic_version (0001); orders (1,f,) (2,t,) (3,f,) (4,t,)";
    const SECOND: &str = "id,paid,status; alembic_version,orders\n\
                          alembic_version (0002); orders (1,f,open) (2,t,paid) (3,f,open) (4,t,paid)";
    with_wire("db", 5432, Protocol::Postgres, |wire| async move {
        let state = state();
        let trial = of_schema(&["alembic", "upgrade", "head"], &state);
        let talk = trial.talk(&wire).await;
        let (looks, changes) = talk.asks.split_at(ALEMBIC_LOOKS);
        assert!(looks.iter().all(|ask| !ask.contains("commits")), "{looks:#?}");
        assert_eq!(
            changes,
            [
                "open: CREATE TABLE alembic_version (\n\tversion_num VARCHAR(32) NOT NULL, \n\t\
                 CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)\n)",
                "open commits: COMMIT",
                "none: BEGIN",
                "open: ALTER TABLE orders ADD COLUMN status TEXT",
                "open: INSERT INTO alembic_version (version_num) VALUES ('0001') \
                 RETURNING alembic_version.version_num",
                "open commits: COMMIT",
                "none: BEGIN",
                "open: UPDATE orders SET status = CASE WHEN paid THEN 'paid' ELSE 'open' END",
                "open: ALTER TABLE orders ALTER COLUMN status SET NOT NULL",
                "open: UPDATE alembic_version SET version_num='0002' \
                 WHERE alembic_version.version_num = '0001'",
                "open commits: COMMIT",
            ]
        );
        let states = [&[BARE; 14][..], &[MADE; 4], &[FIRST; 5], &[SECOND]].concat();
        trial.sweep(&wire, [1, 14, 17, 18, 19, 23], &states).await;
    })
    .await;
}

/// A client that changes rows, which can be read all the time.
fn of_rows<'a>(command: &'a [&'a str], state: &'a str, state_when_held: &'a str) -> Trial<'a> {
    Trial { command, reset: RESET, state, state_when_held }
}

fn state_when_held() -> String {
    format!("{CATALOG}\n{ROWS}")
}

#[tokio::test]
async fn a_batch_job_that_deletes_in_chunks() {
    const DELETE: &str =
        "open: DELETE FROM orders WHERE id IN (SELECT id FROM orders WHERE paid ORDER BY id LIMIT 1)";
    const ONE: &str = "id,paid; orders\norders (1,f) (3,f) (4,t)";
    const BOTH: &str = "id,paid; orders\norders (1,f) (3,f)";
    with_wire("db", 5432, Protocol::Postgres, |wire| async move {
        let (state, held) = (state(), state_when_held());
        let trial = of_rows(&["python3", "delete_in_chunks.py"], &state, &held);
        let talk = trial.talk(&wire).await;
        assert_eq!(talk.asks, ["none: BEGIN", DELETE, "open commits: COMMIT"].repeat(3));
        let states = [&[BARE; 3][..], &[ONE; 3], &[BOTH; 4]].concat();
        trial.sweep(&wire, 1..states.len(), &states).await;
    })
    .await;
}

#[tokio::test]
async fn psycopg_3_in_pipeline_mode() {
    const FIRST: &str = "id,paid; orders\norders (1,t) (2,t) (3,f) (4,t) (5,t)";
    const SECOND: &str = "id,paid; orders\norders (1,t) (2,t) (3,f) (4,t) (5,t) (6,t) (7,t)";
    const THIRD: &str = "id,paid; orders\norders (1,t) (2,t) (3,f) (4,t) (6,t) (7,t)";
    with_wire("db", 5432, Protocol::Postgres, |wire| async move {
        let (state, held) = (state(), state_when_held());
        let trial = of_rows(&["python3", "pipeline.py"], &state, &held);
        let talk = trial.talk(&wire).await;
        assert_eq!(
            talk.asks,
            [
                "none: BEGIN",
                "open: INSERT INTO orders VALUES ($1, $2)",
                "open: UPDATE orders SET paid = true WHERE id = $1",
                "open commits: COMMIT",
                "none commits: INSERT INTO orders VALUES ($1, $2)",
                "open commits: INSERT INTO orders VALUES ($1, $2)",
                "none commits: DELETE FROM orders WHERE id = $1",
            ]
        );
        // Without a transaction of its own, what lies between two Syncs becomes permanent as one.
        assert_eq!(
            talk.answers[3..],
            ["ok committed: COMMIT", "ok: INSERT 0 1", "ok committed: INSERT 0 1", "ok committed: DELETE 1"]
        );
        let states = [&[BARE; 4][..], &[FIRST; 2], &[SECOND, THIRD]].concat();
        trial.sweep(&wire, 1..states.len(), &states).await;
    })
    .await;
}

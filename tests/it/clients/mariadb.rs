//! A client of MariaDB.

use backout::gateway::control::Protocol;

use super::Trial;
use crate::support::wire::with_wire;

const LOOK: &str = "mariadb -N shop -e \"SELECT concat((SELECT group_concat(table_name ORDER BY table_name) \
                    FROM information_schema.tables WHERE table_schema = 'shop'), '; ', \
                    (SELECT group_concat(id, ':', paid ORDER BY id SEPARATOR ' ') FROM orders))\"";

const QUIET: &str = "until [ \"$(mariadb -N -e \"SELECT count(*) FROM information_schema.processlist \
                     WHERE user = 'app' AND host NOT LIKE '127.%'\")\" = 0 ]; do :; done";

const RESET: &str = "mariadb shop -e \"DROP TABLE IF EXISTS orders, status; \
                     CREATE TABLE orders (id int PRIMARY KEY, paid bool NOT NULL); \
                     INSERT INTO orders VALUES (1, false), (2, true), (3, false)\"";

#[tokio::test]
async fn the_mariadb_client() {
    with_wire("store", 3306, Protocol::Mysql, |wire| async move {
        let state = format!("{QUIET}; {LOOK}");
        let command =
            ["sh", "-c", "exec mariadb --host=store --user=app --password=app shop < up.mariadb.sql"];
        let trial = Trial { command: &command, reset: RESET, state: &state, state_when_held: LOOK };
        let talk = trial.talk(&wire).await;
        assert_eq!(
            talk.asks,
            [
                "none commits: CREATE TABLE status (id int PRIMARY KEY, word text)",
                "none: START TRANSACTION",
                "open: INSERT INTO orders VALUES (5, true)",
                "open: UPDATE orders SET paid = true WHERE id = 1",
                "open commits: COMMIT",
                "none commits: DELETE FROM orders WHERE id = 2",
            ]
        );
        assert_eq!(
            talk.answers,
            [
                "ok committed: OK",
                "ok: OK",
                "ok: OK, 1 row affected",
                "ok: OK, 1 row affected",
                "ok committed: OK",
                "ok committed: OK, 1 row affected",
            ]
        );
        let bare = "orders; 1:0 2:1 3:0";
        let made = "orders,status; 1:0 2:1 3:0";
        let written = "orders,status; 1:1 2:1 3:0 5:1";
        let deleted = "orders,status; 1:1 3:0 5:1";
        let states = [bare, made, made, made, made, written, deleted];
        trial.sweep(&wire, 1..states.len(), &states).await;
    })
    .await;
}

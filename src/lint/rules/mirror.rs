//! A rollback does not answer its change.

use super::{Astray, Check, Found, Pair, Rule};
use crate::lint::catalog::{Catalog, Left, Remains};
use crate::lint::model::Class;
use crate::lint::operation::Thing;

pub(super) const RULE: Rule =
    Rule { name: "mirror", page: include_str!("mirror.md"), check: Check::Pair(check) };

fn check(pair: &Pair<'_>) -> Vec<Astray> {
    let Some(rollback) = pair.rollback else { return Vec::new() };
    // What is not read may answer everything.
    if rollback.iter().chain(pair.change).any(|operation| operation.what.is_unread()) {
        return Vec::new();
    }
    let mut catalog = Catalog::default();
    for (number, operation) in pair.change.iter().enumerate() {
        catalog.after(number, &operation.what);
    }
    catalog.begin_rollback();
    for (number, operation) in rollback.iter().enumerate() {
        catalog.after(number, &operation.what);
    }
    let mut left = catalog.left();
    if rollback.iter().all(|operation| operation.what.is_idle()) && !left.is_empty() {
        let found = does_nothing(left.len());
        return vec![Astray { in_rollback: false, operation: left.remove(0).operation, found }];
    }
    let left = left.into_iter().map(|remains| {
        let found = unanswered(&remains);
        Astray { in_rollback: false, operation: remains.operation, found }
    });
    let strangers = catalog.strangers().into_iter().map(|(operation, thing)| {
        let found = stranger(&thing);
        Astray { in_rollback: true, operation, found }
    });
    left.chain(strangers).collect()
}

const INSTEAD: &str = "let the rollback undo each operation of the change, the last one first";

/// A rollback without a statement is one finding, and not one for each thing that it leaves.
fn does_nothing(left: usize) -> Found {
    let why = match left {
        1 => "after it all is as the change left it".to_owned(),
        left => format!("after it all is as the change left it, {left} things from here on"),
    };
    Found::new(Class::Irreversible, "the rollback does nothing", why, INSTEAD)
}

fn unanswered(remains: &Remains) -> Found {
    let Remains { how, thing, .. } = remains;
    let message = match how {
        Left::Made => format!("the rollback does not drop {thing}"),
        Left::Dropped => format!("the rollback does not bring back {thing}"),
        Left::Renamed => format!("the rollback does not give {thing} its name back"),
        Left::Retyped => format!("the rollback does not give {thing} its type back"),
        Left::Redefined => format!("the rollback does not touch {thing}, which the change makes anew"),
        Left::Required => format!("the rollback does not let {thing} be empty again"),
        Left::Allowed => format!("the rollback does not require a value in {thing} again"),
        Left::Attached => format!("the rollback does not detach {thing}"),
        Left::Detached => format!("the rollback does not attach {thing}"),
    };
    if *how == Left::Redefined {
        let why = "whether it is another one than before is not known";
        return Found::new(Class::Unknown, message, why, INSTEAD);
    }
    if remains.is_sure {
        let why = "after the rollback it is still as the change left it";
        return Found::new(Class::Irreversible, message, why, INSTEAD);
    }
    let why = "whether it was there before is not known: IF EXISTS leaves that open";
    Found::new(Class::Unknown, message + ", if there was one", why, INSTEAD)
}

/// What a rollback drops and its change did not make: another name than was meant.
fn stranger(thing: &Thing) -> Found {
    let why =
        "the change makes nothing of this name, so the rollback fails here, or takes what was there before";
    let instead = "drop exactly what the change makes";
    Found::new(Class::Irreversible, format!("the change does not make {thing}"), why, instead)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::read::{Dialect, operations};
    use crate::lint::unit::Expected;

    #[track_caller]
    fn finds(change: &str, rollback: &str, expected: &[&str]) {
        finds_in(Dialect::Postgres, change, rollback, expected);
    }

    #[track_caller]
    fn finds_in(dialect: Dialect, change: &str, rollback: &str, expected: &[&str]) {
        let read = |sql: &str| operations(dialect, sql, 0);
        let (change_read, rollback_read) = (read(change), read(rollback));
        let pair =
            Pair { change: &change_read, rollback: Some(&rollback_read), expected: Expected::ByLayout };
        let found: Vec<String> = check(&pair).into_iter().map(|astray| astray.found.message).collect();
        assert_eq!(found, expected, "{change} / {rollback}");
    }

    #[test]
    fn a_rollback_that_undoes_everything_is_right() {
        finds("CREATE TABLE t (a int); CREATE INDEX i ON t (a)", "DROP TABLE t", &[]);
        finds("ALTER TABLE t ADD a int, ADD b int", "ALTER TABLE t DROP b, DROP a", &[]);
        finds("ALTER TABLE t RENAME a TO b", "ALTER TABLE t RENAME b TO a", &[]);
        finds("ALTER TABLE t DROP a; DROP INDEX i", "ALTER TABLE t ADD a int; CREATE INDEX i ON t (a)", &[]);
        finds("ALTER TABLE t ALTER a SET NOT NULL", "ALTER TABLE t ALTER a DROP NOT NULL", &[]);
        finds("DROP TABLE t", "CREATE TABLE t (a int)", &[]);
        finds("CREATE SCHEMA s; CREATE TABLE s.t (a int)", "DROP SCHEMA s CASCADE", &[]);
        finds("CREATE TABLE k (a int); DROP TABLE k", "SELECT 1", &[]);
        finds("CREATE TEMP TABLE k (a int)", "SELECT 1", &[]);
        finds("CREATE TABLE t (a int); ALTER TABLE t RENAME TO u", "DROP TABLE u", &[]);
    }

    #[test]
    fn what_is_left_and_what_is_missing_is_named() {
        finds(
            "CREATE TABLE a (x int); CREATE TABLE b (x int)",
            "DROP TABLE a",
            &["the rollback does not drop table `b`"],
        );
        finds(
            "ALTER TABLE t DROP a",
            "DROP TABLE IF EXISTS zzz",
            &["the rollback does not bring back column `t.a`"],
        );
        finds(
            "ALTER TABLE t RENAME a TO b",
            "DROP TABLE IF EXISTS zzz",
            &["the rollback does not give column `t.a` its name back"],
        );
        finds(
            "ALTER TABLE t ALTER a TYPE text",
            "DROP TABLE IF EXISTS zzz",
            &["the rollback does not give column `t.a` its type back"],
        );
        finds(
            "CREATE TABLE t (a int)",
            "DROP TABLE t; DROP TABLE u",
            &["the change does not make table `u`"],
        );
    }

    #[test]
    fn what_goes_along_with_something_needs_no_line_of_its_own() {
        finds("ALTER TABLE t ADD a int; CREATE INDEX i ON t (a, b)", "ALTER TABLE t DROP a", &[]);
        finds("ALTER TABLE t ADD a int REFERENCES u(id) UNIQUE", "ALTER TABLE t DROP a", &[]);
        finds("ALTER TABLE t ADD a int, ADD CONSTRAINT c CHECK (a > b)", "ALTER TABLE t DROP a", &[]);
        finds(
            "CREATE TABLE t (id int); CREATE SEQUENCE s; ALTER SEQUENCE s OWNED BY t.id",
            "DROP TABLE t",
            &[],
        );
        finds("ALTER TABLE t ADD a int; CREATE SEQUENCE s OWNED BY t.a", "ALTER TABLE t DROP a", &[]);
        finds("CREATE VIEW v AS SELECT 1; CREATE INDEX i ON v (a)", "DROP VIEW v", &[]);
        let trigger = "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'x'; CREATE TRIGGER g BEFORE UPDATE ON t EXECUTE FUNCTION f()";
        finds(trigger, "DROP FUNCTION f() CASCADE", &[]);
        finds(trigger, "DROP TRIGGER g ON t; DROP FUNCTION f()", &[]);
        finds(trigger, "DROP TRIGGER g ON t", &["the rollback does not drop routine or rule `f`"]);
        finds("CREATE TABLE t (a int); CREATE VIEW v AS SELECT a FROM t", "DROP TABLE t CASCADE", &[]);
        finds("CREATE TYPE m AS ENUM ('a'); ALTER TABLE t ADD a m", "DROP TYPE m CASCADE", &[]);
        let partition =
            "CREATE TABLE t (a int) PARTITION BY RANGE (a); CREATE TABLE p PARTITION OF t DEFAULT";
        finds(partition, "DROP TABLE t", &[]);
        let left = ["the rollback does not drop index `i`"];
        finds("ALTER TABLE t ADD a int; CREATE INDEX i ON t (b)", "ALTER TABLE t DROP a", &left);
        let my = "ALTER TABLE t ADD COLUMN a INT, ADD COLUMN b INT, ADD INDEX i (a, b)";
        finds_in(Dialect::Mariadb, my, "ALTER TABLE t DROP COLUMN a, DROP COLUMN b", &[]);
    }

    #[test]
    fn triggers_of_one_name_belong_each_to_its_table() {
        let both = "CREATE TRIGGER g BEFORE UPDATE ON t EXECUTE FUNCTION f(); CREATE TRIGGER g BEFORE UPDATE ON u EXECUTE FUNCTION f()";
        finds(both, "DROP TRIGGER g ON u; DROP TRIGGER g ON t", &[]);
        finds(both, "DROP TRIGGER g ON t", &["the rollback does not drop routine or rule `g`"]);
    }

    #[test]
    fn what_is_replaced_is_put_back_by_replacing_it() {
        let f = |body: &str| format!("CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS '{body}'");
        finds(&f("SELECT 2"), &f("SELECT 1"), &[]);
        finds(&f("SELECT 2"), "DROP FUNCTION f()", &[]);
        finds(
            &f("SELECT 2"),
            "DROP TABLE IF EXISTS zzz",
            &["the rollback does not drop routine or rule `f`"],
        );
        finds("CREATE OR REPLACE VIEW v AS SELECT 2", "CREATE OR REPLACE VIEW v AS SELECT 1", &[]);
        let drop = "DROP TRIGGER IF EXISTS g ON t; CREATE TRIGGER g BEFORE UPDATE ON t EXECUTE FUNCTION f()";
        finds(drop, "DROP TRIGGER g ON t", &[]);
    }

    #[test]
    fn the_order_of_renames_and_other_changes_does_not_matter() {
        let change = "ALTER TABLE t RENAME a TO b; ALTER TABLE t ALTER b TYPE text";
        finds(change, "ALTER TABLE t RENAME b TO a; ALTER TABLE t ALTER a TYPE int", &[]);
        finds(change, "ALTER TABLE t ALTER b TYPE int; ALTER TABLE t RENAME b TO a", &[]);
        finds(
            change,
            "ALTER TABLE t RENAME b TO a",
            &["the rollback does not give column `t.a` its type back"],
        );
        finds(
            "ALTER TABLE t RENAME TO u; ALTER TABLE u ADD a int",
            "ALTER TABLE u DROP a; ALTER TABLE u RENAME TO t",
            &[],
        );
        finds(
            "ALTER TABLE t RENAME TO u; ALTER TABLE u ADD a int",
            "ALTER TABLE u RENAME TO t; ALTER TABLE t DROP a",
            &[],
        );
        finds("ALTER TABLE t SET SCHEMA s", "ALTER TABLE s.t SET SCHEMA public", &[]);
        finds("CREATE TABLE t (a int)", "DROP TABLE app.t", &[]);
    }

    #[test]
    fn a_column_that_is_made_anew_under_its_name_is_the_same_again() {
        let fill =
            "ALTER TABLE t ADD n text; UPDATE t SET n = a; ALTER TABLE t DROP a; ALTER TABLE t RENAME n TO a";
        finds("ALTER TABLE t ADD b int", &format!("{fill}; ALTER TABLE t DROP b"), &[]);
        finds(fill, fill, &[]);
        finds("ALTER TABLE t DROP a", "ALTER TABLE t ADD x int; ALTER TABLE t RENAME x TO a", &[]);
    }

    #[test]
    fn names_that_the_server_makes_are_known() {
        finds("ALTER TABLE t ADD PRIMARY KEY (a)", "ALTER TABLE t DROP CONSTRAINT t_pkey", &[]);
        finds(
            "ALTER TABLE t ADD a int UNIQUE",
            "ALTER TABLE t DROP CONSTRAINT t_a_key; ALTER TABLE t DROP a",
            &[],
        );
        finds("CREATE INDEX ON t (a)", "DROP INDEX t_a_idx", &[]);
        finds("ALTER TABLE t DROP CONSTRAINT t_pkey", "ALTER TABLE t ADD PRIMARY KEY (a)", &[]);
        finds(
            "ALTER TABLE t ADD CHECK (a > 0)",
            "DROP TABLE IF EXISTS zzz",
            &["the rollback does not drop a constraint of `t` without a name"],
        );
        finds(
            "ALTER TABLE t ADD a int",
            "ALTER TABLE t DROP CONSTRAINT c, DROP a",
            &["the change does not make constraint `t.c`"],
        );
        finds_in(
            Dialect::Mariadb,
            "ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES u (id)",
            "ALTER TABLE t DROP FOREIGN KEY t_ibfk_1, DROP INDEX a",
            &[],
        );
    }

    #[test]
    fn a_requirement_is_taken_back_by_its_opposite() {
        let left = ["the rollback does not let column `t.a` be empty again"];
        finds("ALTER TABLE t ALTER a SET NOT NULL", "ALTER TABLE t ALTER a TYPE text", &left);
        finds("ALTER TABLE t ALTER a DROP NOT NULL", "ALTER TABLE t ALTER a SET NOT NULL", &[]);
        finds_in(Dialect::Mariadb, "ALTER TABLE t MODIFY a INT NOT NULL", "ALTER TABLE t MODIFY a INT", &[]);
    }

    #[test]
    fn a_redefined_constraint_has_to_be_put_back() {
        let change = "ALTER TABLE t DROP CONSTRAINT c, ADD CONSTRAINT c CHECK (a > 1)";
        let back = "ALTER TABLE t DROP CONSTRAINT c, ADD CONSTRAINT c CHECK (a > 0)";
        finds(change, back, &[]);
        finds(
            change,
            "DROP TABLE IF EXISTS zzz",
            &["the rollback does not touch constraint `t.c`, which the change makes anew"],
        );
    }

    #[test]
    fn a_rollback_without_a_statement_is_one_finding() {
        finds(
            "ALTER TABLE t ADD a int; ALTER TABLE t ADD b int",
            "-- nothing",
            &["the rollback does nothing"],
        );
        finds("CREATE TABLE k (a int); DROP TABLE k", "SELECT 1", &[]);
        finds("INSERT INTO t VALUES (1)", "", &[]);
    }

    #[test]
    fn a_thing_that_was_rebuilt_has_to_be_rebuilt_again() {
        let rebuilt =
            "ALTER TABLE t RENAME TO o; CREATE TABLE t (a bigint); CREATE INDEX i ON t (a); DROP TABLE o";
        finds(
            rebuilt,
            "DROP TABLE IF EXISTS o",
            &["the rollback does not touch table `t`, which the change makes anew"],
        );
        finds(rebuilt, "DROP TABLE t; CREATE TABLE t (a int)", &[]);
        let label = "ALTER TYPE m RENAME TO m2; CREATE TYPE m AS ENUM ('a'); ALTER TABLE t ALTER a TYPE m; DROP TYPE m2";
        finds("ALTER TYPE m ADD VALUE 'b'", label, &[]);
        let merged = "CREATE TABLE n AS SELECT 1 AS a; CREATE INDEX i ON n (a); DROP TABLE t; DROP TABLE u";
        finds(merged, "ALTER TABLE n RENAME TO t; ALTER INDEX i RENAME TO j; CREATE TABLE u (a int)", &[]);
        let moved = "ALTER TABLE t DROP a; ALTER TABLE t ALTER b SET NOT NULL; ALTER TABLE t RENAME b TO a";
        finds(moved, "ALTER TABLE t ADD b int", &[]);
        let numbered = "ALTER TABLE t RENAME TO u; ALTER SEQUENCE t_id_seq RENAME TO u_id_seq";
        finds(numbered, "CREATE TABLE t (id serial); DROP TABLE u", &[]);
        let statistics = "CREATE TABLE t (a int, b int); CREATE STATISTICS s ON a, b FROM t";
        finds(statistics, "DROP TABLE t", &[]);
        finds(
            "CREATE VIEW v AS SELECT 1",
            "DROP VIEW IF EXISTS w CASCADE; CREATE VIEW v AS SELECT 0; DROP VIEW v",
            &[],
        );
    }

    #[test]
    fn of_what_may_not_have_been_there_that_is_said() {
        finds(
            "ALTER TABLE t DROP CONSTRAINT IF EXISTS c, ADD a int",
            "ALTER TABLE t DROP a",
            &["the rollback does not bring back constraint `t.c`, if there was one"],
        );
    }

    #[test]
    fn a_part_is_left_with_its_whole() {
        let change =
            "CREATE TABLE t (a int); CREATE INDEX i ON t (a); ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0)";
        finds(change, "DROP TABLE IF EXISTS zzz", &["the rollback does not drop table `t`"]);
    }

    #[test]
    fn not_null_may_have_a_name() {
        let named = "ALTER TABLE t ADD CONSTRAINT t_a_not_null NOT NULL a";
        finds("ALTER TABLE t ALTER a DROP NOT NULL", named, &[]);
        finds(named, "ALTER TABLE t DROP CONSTRAINT t_a_not_null, ALTER a DROP NOT NULL", &[]);
    }

    #[test]
    fn also_names_that_no_code_uses_are_given_back() {
        finds("ALTER INDEX i RENAME TO j", "ALTER INDEX j RENAME TO i", &[]);
        let left = ["the rollback does not give index `i` its name back"];
        finds("ALTER INDEX i RENAME TO j", "DROP TABLE IF EXISTS zzz", &left);
    }

    #[test]
    fn what_cannot_be_read_may_answer_everything() {
        finds("CREATE TABLE t (a int)", "SELECT bring_back_all()", &[]);
        finds("CREATE TABLE t (a int)", "DO $$ BEGIN DROP TABLE t; END $$", &[]);
    }
}

//! The extended query protocol, and pipelines.

use super::testing::{
    Talk, bind, columns, complete, describe_portal, error, execute, message, parse, query, ran, ready, row,
    run, sync,
};

#[test]
fn a_change_is_known_to_be_permanent_when_its_sync_was_answered() {
    Talk::new()
        .client(&[run("INSERT INTO t VALUES ($1);"), sync()])
        .server(&[ran("INSERT 0 1"), ready(b'I')])
        .client(&[run("INSERT INTO t VALUES (1)"), message(b'H', b"")])
        .server(&[ran("INSERT 0 1")])
        .client(&[sync()])
        .server(&[ready(b'I')])
        .check(&[
            "ask none commits: INSERT INTO t VALUES ($1)",
            "ok committed: INSERT 0 1",
            "ask none commits: INSERT INTO t VALUES (1)",
            "ok: INSERT 0 1",
        ]);
}

#[test]
fn the_last_change_before_a_sync_carries_the_commit() {
    Talk::new()
        .client(&[run("INSERT INTO t VALUES (1)"), run("DELETE FROM t"), run("SELECT 1"), sync()])
        .server(&[ran("INSERT 0 1"), ran("DELETE 1"), ran("SELECT 1"), ready(b'I')])
        .check(&[
            "ask none commits: INSERT INTO t VALUES (1)",
            "ask open commits: DELETE FROM t",
            "ask open: SELECT 1",
            "ok: INSERT 0 1",
            "ok committed: DELETE 1",
            "ok: SELECT 1",
        ]);
}

#[test]
fn an_implicit_transaction_that_fails_at_its_commit_was_not_done() {
    Talk::new()
        .client(&[run("INSERT INTO t VALUES (1)"), sync(), run("SELECT 1"), sync()])
        .server(&[ran("INSERT 0 1"), error("23503", "deferred"), ready(b'I')])
        .server(&[ran("SELECT 1"), ready(b'I')])
        .check(&[
            "ask none commits: INSERT INTO t VALUES (1)",
            "ask none: SELECT 1",
            "failed: SQLSTATE 23503: deferred",
            "ok: SELECT 1",
        ]);
}

#[test]
fn an_error_after_a_success_takes_the_commit_away() {
    Talk::new()
        .client(&[run("INSERT INTO t VALUES (1)"), run("SELECT 1/0"), sync()])
        .server(&[ran("INSERT 0 1"), message(b'1', b""), message(b'2', b""), columns()])
        .server(&[error("22012", "division by zero"), ready(b'I')])
        .check(&[
            "ask none commits: INSERT INTO t VALUES (1)",
            "ask open: SELECT 1/0",
            "ok: INSERT 0 1",
            "failed: SQLSTATE 22012: division by zero",
        ]);
}

#[test]
fn a_commit_inside_a_pipeline_is_permanent_at_once() {
    Talk::new()
        .client(&[run("BEGIN"), run("INSERT INTO t VALUES (1)"), run("COMMIT"), run("SELECT 1"), sync()])
        .server(&[ran("BEGIN"), ran("INSERT 0 1"), ran("COMMIT"), ran("SELECT 1"), ready(b'I')])
        .client(&[run("DELETE FROM t"), run("COMMIT"), sync()])
        .server(&[ran("DELETE 1"), ran("COMMIT"), ready(b'I')])
        .check(&[
            "ask none: BEGIN",
            "ask open: INSERT INTO t VALUES (1)",
            "ask open commits: COMMIT",
            "ask none: SELECT 1",
            "ok: BEGIN",
            "ok: INSERT 0 1",
            "ok committed: COMMIT",
            "ok: SELECT 1",
            "ask none commits: DELETE FROM t",
            "ask open commits: COMMIT",
            "ok: DELETE 1",
            "ok committed: COMMIT",
        ]);
}

#[test]
fn an_error_in_a_pipeline_skips_to_the_next_sync_and_no_further() {
    Talk::new()
        .client(&[run("SELECT 1"), run("SELEC 2"), run("SELECT 3"), sync(), run("SELECT 4"), sync()])
        .server(&[ran("SELECT 1"), error("42601", "syntax error")])
        .server(&[ready(b'I'), ran("SELECT 1"), ready(b'I')])
        .check(&[
            "ask none: SELECT 1",
            "ask open commits: SELEC 2",
            "ask open: SELECT 3",
            "ask none: SELECT 4",
            "ok: SELECT 1",
            "failed: SQLSTATE 42601: syntax error",
            "failed: skipped",
            "ok: SELECT 1",
        ]);
}

#[test]
fn what_is_sent_after_an_error_is_skipped_too() {
    Talk::new()
        .client(&[run("BEGIN"), run("SELECT 1/0")])
        .server(&[ran("BEGIN"), error("22012", "division by zero")])
        .client(&[run("SELECT 2"), query("SELECT 3"), sync(), run("SELECT 4"), sync()])
        .server(&[ready(b'E'), error("25P02", "aborted"), ready(b'E')])
        .client(&[query("ROLLBACK")])
        .server(&[complete("ROLLBACK"), ready(b'I')])
        .check(&[
            "ask none: BEGIN",
            "ask open: SELECT 1/0",
            "ok: BEGIN",
            "failed: SQLSTATE 22012: division by zero",
            "ask failed: SELECT 2",
            "ask failed: SELECT 3",
            "ask failed: SELECT 4",
            "failed: skipped",
            "failed: skipped",
            "failed: SQLSTATE 25P02: aborted",
            "ask failed: ROLLBACK",
            "ok: ROLLBACK",
        ]);
}

#[test]
fn an_error_in_preparing_belongs_to_no_ask_of_another_sync() {
    Talk::new()
        .client(&[parse("s", "SELEC"), sync(), run("SELECT 1"), sync()])
        .server(&[error("42601", "syntax error"), ready(b'I'), ran("SELECT 1"), ready(b'I')])
        .check(&["ask none: SELECT 1", "ok: SELECT 1"]);
}

#[test]
fn an_error_in_preparing_skips_a_query_too() {
    Talk::new()
        .client(&[parse("a", "SELECT 1"), parse("b", "SELEC"), query("SELECT 2"), query("SELECT 3"), sync()])
        .client(&[query("SELECT 4")])
        .server(&[message(b'1', b""), error("42601", "syntax error"), ready(b'I')])
        .server(&[complete("SELECT 1"), ready(b'I')])
        .check(&[
            "ask none: SELECT 2",
            "ask none: SELECT 3",
            "ask none: SELECT 4",
            "failed: SQLSTATE 42601: syntax error",
            "failed: skipped",
            "ok: SELECT 1",
        ]);
}

#[test]
fn a_commit_too_far_behind_its_change_is_not_known() {
    let rows: Vec<u8> = row(&[b'x'; 1000]).repeat(100);
    Talk::new()
        .client(&[run("INSERT INTO t VALUES (1)"), run("SELECT a FROM t"), sync()])
        .server(&[
            ran("INSERT 0 1"),
            [message(b'1', b""), message(b'2', b""), columns(), rows].concat(),
            complete("SELECT 100"),
            ready(b'I'),
        ])
        .check(&[
            "ask none commits: INSERT INTO t VALUES (1)",
            "ask open: SELECT a FROM t",
            "ok: INSERT 0 1",
            "ok: SELECT 100",
        ]);
}

#[test]
fn prepared_statements_and_portals_are_known_by_name() {
    let close = |what: &str| message(b'C', format!("{what}\0").as_bytes());
    Talk::new()
        .client(&[parse("a", "SELECT 1"), parse("b", "DELETE FROM t"), sync()])
        .server(&[message(b'1', b""), message(b'1', b""), ready(b'I')])
        .client(&[bind("p", "b"), bind("", "a"), execute("", 0), execute("p", 0), sync()])
        .server(&[message(b'2', b""), message(b'2', b""), complete("SELECT 1"), complete("DELETE 0")])
        .server(&[ready(b'I')])
        .client(&[close("Sa"), bind("", "a"), execute("", 0), execute("c", 5), sync()])
        .server(&[message(b'3', b""), error("26000", "no such statement"), ready(b'I')])
        .client(&[parse("e", ""), bind("", "e"), execute("", 0), sync()])
        .server(&[message(b'1', b""), message(b'2', b""), message(b'I', b""), ready(b'I')])
        .check(&[
            "ask none: SELECT 1",
            "ask open commits: DELETE FROM t",
            "ok: SELECT 1",
            "ok committed: DELETE 0",
            "ask none commits: prepared statement \"a\"",
            "ask open: portal \"c\"",
            "failed: SQLSTATE 26000: no such statement",
            "failed: skipped",
            "ask none: ",
            "ok: empty query",
        ]);
}

#[test]
fn a_portal_that_is_fetched_in_parts_is_one_ask() {
    let suspended = || message(b's', b"");
    Talk::new()
        .client(&[query("BEGIN")])
        .server(&[complete("BEGIN"), ready(b'T')])
        .client(&[parse("", "SELECT a FROM t"), bind("p", ""), execute("p", 1), sync()])
        .server(&[message(b'1', b""), message(b'2', b""), row(b"1"), suspended(), ready(b'T')])
        .client(&[execute("p", 1), sync()])
        .server(&[row(b"2"), suspended(), ready(b'T')])
        .client(&[execute("p", 1), sync()])
        .server(&[complete("SELECT 0"), ready(b'T')])
        .check(&["ask none: BEGIN", "ok: BEGIN", "ask open: SELECT a FROM t", "ok: SELECT 0"]);
}

#[test]
fn a_portal_left_unfinished_is_answered_before_what_comes_next() {
    let suspended = || message(b's', b"");
    let begin = parse("", "DELETE FROM t RETURNING a");
    Talk::new()
        .client(&[begin.clone(), bind("", ""), execute("", 1), sync()])
        .server(&[message(b'1', b""), message(b'2', b""), row(b"1"), suspended(), ready(b'I')])
        .client(&[query("BEGIN")])
        .server(&[complete("BEGIN"), ready(b'T')])
        .client(&[begin, bind("p", ""), execute("p", 1), sync()])
        .server(&[message(b'1', b""), message(b'2', b""), row(b"1"), suspended(), ready(b'T')])
        .client(&[run("SELECT 1"), execute("p", 0), sync()])
        .server(&[ran("SELECT 1"), complete("DELETE 3"), ready(b'T')])
        .check(&[
            "ask none commits: DELETE FROM t RETURNING a",
            "ok committed: suspended",
            "ask none: BEGIN",
            "ok: BEGIN",
            "ask open: DELETE FROM t RETURNING a",
            "ask open: SELECT 1",
            "ok: suspended",
            "ok: SELECT 1",
        ]);
}

#[test]
fn a_sync_sent_while_the_server_reads_rows_is_not_answered() {
    let copy = || run("COPY t FROM STDIN");
    let started = || [message(b'1', b""), message(b'2', b""), message(b'n', b""), message(b'G', &[0, 0, 0])];
    Talk::new()
        .client(&[copy(), sync()])
        .server(&started())
        .client(&[message(b'd', b"1\n"), sync(), message(b'c', b""), sync()])
        .server(&[complete("COPY 1"), ready(b'I')])
        .client(&[run("SELECT 1/0"), sync()])
        .server(&[error("22012", "division by zero"), ready(b'I')])
        .client(&[copy(), sync(), message(b'd', b"1\n"), message(b'c', b""), sync(), run("SELECT 1"), sync()])
        .server(&started())
        .server(&[complete("COPY 1"), ready(b'I'), ran("SELECT 1"), ready(b'I')])
        .check(&[
            "ask none commits: COPY t FROM STDIN",
            "ok committed: COPY 1",
            "ask none: SELECT 1/0",
            "failed: SQLSTATE 22012: division by zero",
            "ask none commits: COPY t FROM STDIN",
            "ask none: SELECT 1",
            "ok committed: COPY 1",
            "ok: SELECT 1",
        ]);
}

#[test]
fn a_copy_in_a_pipeline_that_fails_skips_to_the_sync_after_its_data() {
    Talk::new()
        .client(&[run("COPY t FROM STDIN"), sync()])
        .server(&[message(b'1', b""), message(b'2', b""), message(b'n', b""), message(b'G', &[0, 0, 0])])
        .client(&[message(b'd', b"x\n")])
        .server(&[error("22P02", "invalid")])
        .client(&[sync(), run("SELECT 1"), sync()])
        .server(&[ready(b'I'), ran("SELECT 1"), ready(b'I')])
        .check(&[
            "ask none commits: COPY t FROM STDIN",
            "failed: SQLSTATE 22P02: invalid",
            "ask none: SELECT 1",
            "ok: SELECT 1",
        ]);
}

#[test]
fn a_sync_among_the_rows_of_a_copy_that_fails_leaves_the_order_unknown() {
    Talk::new()
        .client(&[run("COPY t FROM STDIN"), sync()])
        .server(&[message(b'1', b""), message(b'2', b""), message(b'n', b""), message(b'G', &[0, 0, 0])])
        .client(&[message(b'd', b"x\n"), sync(), message(b'd', b"y\n"), message(b'c', b""), sync()])
        .server(&[error("22P02", "invalid"), ready(b'I'), ready(b'I')])
        .check(&[
            "ask none commits: COPY t FROM STDIN",
            "failed: SQLSTATE 22P02: invalid",
            "opaque: a Sync among the rows of a COPY that failed",
        ]);
}

#[test]
fn a_simple_query_ends_the_implicit_transaction_of_a_pipeline() {
    Talk::new()
        .client(&[run("DELETE FROM t"), query("SELECT 1"), describe_portal("x"), sync()])
        .server(&[ran("DELETE 1"), complete("SELECT 1"), ready(b'I')])
        .server(&[error("34000", "no such portal"), ready(b'I')])
        .check(&[
            "ask none commits: DELETE FROM t",
            "ask open commits: SELECT 1",
            "ok: DELETE 1",
            "ok committed: SELECT 1",
        ]);
}

#[test]
fn deallocated_names_are_forgotten() {
    Talk::new()
        .client(&[parse("a", "SELECT 1"), parse("b", "SELECT 2"), sync()])
        .server(&[message(b'1', b""), message(b'1', b""), ready(b'I')])
        .client(&[query("DEALLOCATE \"a\"")])
        .server(&[complete("DEALLOCATE"), ready(b'I')])
        .client(&[bind("", "a"), execute("", 0), sync(), bind("", "b"), execute("", 0), sync()])
        .server(&[error("26000", "none"), ready(b'I'), message(b'2', b""), complete("SELECT 1"), ready(b'I')])
        .check(&[
            "ask none: DEALLOCATE \"a\"",
            "ok: DEALLOCATE",
            "ask none commits: prepared statement \"a\"",
            "ask none: SELECT 2",
            "failed: SQLSTATE 26000: none",
            "ok: SELECT 1",
        ]);
}

#[test]
fn what_is_kept_of_a_connection_is_bounded() {
    let prepare =
        |count: u32| -> Vec<Vec<u8>> { (0..count).map(|n| parse(&format!("s{n}"), "SELECT 1")).collect() };
    Talk::new().client(&prepare(4096)).check(&[]);
    Talk::new().client(&prepare(4097)).check(&["opaque: more than 4096 prepared statements or portals"]);
    let long = format!("SELECT '{}'", "x".repeat(9000));
    Talk::new().client(&vec![parse("s", &long); 1500]).check(&[]);
    let portals: Vec<_> = (0..4200).map(|n| [bind(&format!("p{n}"), "s"), sync()].concat()).collect();
    Talk::new().client(&portals).check(&[]);
    let syncs = vec![sync(); (1 << 16) + 1];
    Talk::new().client(&syncs[1..]).check(&[]);
    Talk::new().client(&syncs).check(&["opaque: too much was sent that is not answered"]);
    let long = "x".repeat(1025);
    Talk::new().client(&[parse(&long, "SELECT 1")]).check(&["opaque: a name of more than 1024 bytes"]);
}

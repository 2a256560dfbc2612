//! Startup, simple queries, copies.

use super::Postgres;
use super::testing::{Talk, columns, complete, error, message, query, ready, row, startup};
use crate::gateway::reader::{LOOK, Next, Reader, TEXT, Toward};
use crate::gateway::testing::{Said, hear};

const TLS: u32 = 80_877_103;
const GSS: u32 = 80_877_104;

#[test]
fn encryption_is_declined_and_the_client_goes_on_in_plain_text() {
    let plain = startup(196_608, b"user\0a\0\0");
    let talk = [startup(GSS, b""), startup(TLS, b""), plain.clone()].concat();
    for piece in [1, 3, 8, 100] {
        let mut reader = Postgres::new();
        let heard = hear(&mut reader, &[(Toward::Server, &talk)], &mut || piece);
        assert_eq!(heard.passed, [plain.clone(), b"NN".to_vec()]);
        assert!(heard.said.is_empty() && !reader.insists_on_tls());
    }
}

#[test]
fn a_client_that_gives_up_without_encryption_insisted_on_it() {
    let mut reader = Postgres::new();
    assert!(!reader.insists_on_tls());
    let heard = hear(&mut reader, &[(Toward::Server, &startup(TLS, b""))], &mut || 100);
    assert_eq!(heard.passed, [b"".to_vec(), b"N".to_vec()]);
    assert!(reader.insists_on_tls());

    let mut reader = Postgres::new();
    let hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
    let heard = hear(&mut reader, &[(Toward::Server, hello)], &mut || 100);
    assert_eq!(heard.said, [Said::Opaque("TLS from the first byte".to_owned())]);
    assert!(reader.insists_on_tls());
}

#[test]
fn cancel_requests_other_versions_and_passwords_pass() {
    Talk::default().client(&[startup(80_877_102, &[0; 8])]).check(&[]);
    Talk::default().client(&[startup(196_610, b"user\0a\0\0"), message(b'p', b"secret\0")]).check(&[]);
    Talk::default().client(&[startup(131_072, &[0; 288])]).check(&["opaque: protocol 2.0"]);
    Talk::default()
        .client(&[b"GET / HTTP/1.1\r\n".to_vec()])
        .check(&["opaque: a startup message of 1195725856 bytes"]);
}

#[test]
fn a_change_outside_a_transaction_commits_and_a_read_does_not() {
    Talk::new()
        .client(&[query("INSERT INTO t VALUES (1)")])
        .server(&[complete("INSERT 0 1"), ready(b'I')])
        .client(&[query("SELECT 1;")])
        .server(&[columns(), row(b"1"), complete("SELECT 1"), ready(b'I')])
        .client(&[query(" ; -- nothing"), message(b'X', b"")])
        .server(&[message(b'I', b""), ready(b'I')])
        .check(&[
            "ask none commits: INSERT INTO t VALUES (1)",
            "ok committed: INSERT 0 1",
            "ask none: SELECT 1",
            "ok: SELECT 1",
        ]);
}

#[test]
fn a_transaction_commits_at_its_end_alone() {
    Talk::new()
        .client(&[query("BEGIN")])
        .server(&[complete("BEGIN"), ready(b'T')])
        .client(&[query("INSERT INTO t VALUES (1)")])
        .server(&[complete("INSERT 0 1"), ready(b'T')])
        .client(&[query("COMMIT")])
        .server(&[complete("COMMIT"), ready(b'I')])
        .client(&[query("COMMIT")])
        .server(&[message(b'N', b"\0"), complete("COMMIT"), ready(b'I')])
        .check(&[
            "ask none: BEGIN",
            "ok: BEGIN",
            "ask open: INSERT INTO t VALUES (1)",
            "ok: INSERT 0 1",
            "ask open commits: COMMIT",
            "ok committed: COMMIT",
            "ask none: COMMIT",
            "ok: COMMIT",
        ]);
}

#[test]
fn a_failed_transaction_is_not_committed() {
    Talk::new()
        .client(&[query("BEGIN; INSERT INTO t VALUES (1); SELECT 2")])
        .server(&[complete("BEGIN"), error("23505", "duplicate key"), ready(b'E')])
        .client(&[query("COMMIT")])
        .server(&[complete("ROLLBACK"), ready(b'I')])
        .check(&[
            "ask none: BEGIN",
            "ask open rides: INSERT INTO t VALUES (1)",
            "ask open rides: SELECT 2",
            "ok: BEGIN",
            "failed: SQLSTATE 23505: duplicate key",
            "failed: skipped",
            "ask failed: COMMIT",
            "ok: ROLLBACK",
        ]);
}

#[test]
fn a_commit_that_fails_leaves_no_transaction() {
    Talk::new()
        .client(&[query("BEGIN; INSERT INTO t VALUES (1)")])
        .server(&[complete("BEGIN"), complete("INSERT 0 1"), ready(b'T')])
        .client(&[query("COMMIT")])
        .server(&[error("23503", "deferred")])
        .client(&[query("INSERT INTO t VALUES (2)")])
        .server(&[ready(b'I'), complete("INSERT 0 1"), ready(b'I')])
        .check(&[
            "ask none: BEGIN",
            "ask open rides: INSERT INTO t VALUES (1)",
            "ok: BEGIN",
            "ok: INSERT 0 1",
            "ask open commits: COMMIT",
            "failed: SQLSTATE 23503: deferred",
            "ask none commits: INSERT INTO t VALUES (2)",
            "ok committed: INSERT 0 1",
        ]);
}

#[test]
fn a_transaction_that_the_server_rolls_back_was_not_committed() {
    Talk::new()
        .client(&[query("BEGIN")])
        .server(&[complete("BEGIN"), ready(b'T')])
        .client(&[query("COMMIT")])
        .server(&[complete("ROLLBACK"), ready(b'I')])
        .check(&["ask none: BEGIN", "ok: BEGIN", "ask open commits: COMMIT", "ok: ROLLBACK"]);
}

#[test]
fn a_savepoint_heals_a_failed_transaction() {
    Talk::new()
        .client(&[query("COMMIT AND CHAIN"), query("BEGIN; SAVEPOINT a; SELECT 1/0")])
        .server(&[error("2D000", "no transaction"), ready(b'I'), complete("BEGIN"), complete("SAVEPOINT")])
        .server(&[error("22012", "division by zero"), ready(b'E')])
        .client(&[query("ROLLBACK TO a"), query("SELECT 1")])
        .server(&[complete("ROLLBACK"), ready(b'T'), complete("SELECT 1"), ready(b'T')])
        .check(&[
            "ask none: COMMIT AND CHAIN",
            "ask none: BEGIN",
            "ask open rides: SAVEPOINT a",
            "ask open rides: SELECT 1/0",
            "failed: SQLSTATE 2D000: no transaction",
            "ok: BEGIN",
            "ok: SAVEPOINT",
            "failed: SQLSTATE 22012: division by zero",
            "ask failed: ROLLBACK TO a",
            "ask open: SELECT 1",
            "ok: ROLLBACK",
            "ok: SELECT 1",
        ]);
}

#[test]
fn statements_of_one_message_share_an_implicit_transaction() {
    Talk::new()
        .client(&[query("INSERT INTO t VALUES (1); SELECT 2")])
        .server(&[complete("INSERT 0 1"), columns(), row(b"2"), complete("SELECT 1"), ready(b'I')])
        .client(&[query("DELETE FROM t; COMMIT; DELETE FROM u; ROLLBACK; SELECT 1")])
        .server(&[complete("DELETE 1"), complete("COMMIT"), complete("DELETE 1"), complete("ROLLBACK")])
        .server(&[columns(), row(b"1"), complete("SELECT 1"), ready(b'I')])
        .client(&[query("DELETE FROM t; BEGIN; SAVEPOINT a; COMMIT AND CHAIN")])
        .server(&[complete("DELETE 1"), complete("BEGIN"), complete("SAVEPOINT"), complete("COMMIT")])
        .server(&[ready(b'T')])
        .check(&[
            "ask none: INSERT INTO t VALUES (1)",
            "ask open commits rides: SELECT 2",
            "ok: INSERT 0 1",
            "ok committed: SELECT 1",
            "ask none: DELETE FROM t",
            "ask open commits rides: COMMIT",
            "ask none rides: DELETE FROM u",
            "ask open rides: ROLLBACK",
            "ask none rides: SELECT 1",
            "ok: DELETE 1",
            "ok committed: COMMIT",
            "ok: DELETE 1",
            "ok: ROLLBACK",
            "ok: SELECT 1",
            "ask none: DELETE FROM t",
            "ask open rides: BEGIN",
            "ask open rides: SAVEPOINT a",
            "ask open commits rides: COMMIT AND CHAIN",
            "ok: DELETE 1",
            "ok: BEGIN",
            "ok: SAVEPOINT",
            "ok committed: COMMIT",
        ]);
}

#[test]
fn a_message_that_the_server_cannot_parse_is_one_failed_ask_and_the_rest_skipped() {
    Talk::new()
        .client(&[query("INSERT INTO t VALUES (1); SELEC 2")])
        .server(&[error("42601", "syntax error"), ready(b'I')])
        .client(&[query("SELECT 'never closed; SELECT 2")])
        .server(&[error("42601", "unterminated quoted string"), ready(b'I')])
        .check(&[
            "ask none: INSERT INTO t VALUES (1)",
            "ask open commits rides: SELEC 2",
            "failed: SQLSTATE 42601: syntax error",
            "failed: skipped",
            "ask none: SELECT 'never closed; SELECT 2",
            "failed: SQLSTATE 42601: unterminated quoted string",
        ]);
}

#[test]
fn a_fatal_error_answers_the_oldest_ask_and_ends() {
    let fatal = message(b'E', b"SFATAL\0VFATAL\0C57P01\0Mterminating\0\0");
    Talk::new().client(&[query("SELECT 1; SELECT 2")]).server(std::slice::from_ref(&fatal)).check(&[
        "ask none: SELECT 1",
        "ask open rides: SELECT 2",
        "failed: SQLSTATE 57P01: terminating",
    ]);
    Talk::new().server(&[fatal]).check(&[]);
}

#[test]
fn a_message_too_long_to_be_read_is_one_ask_that_ends_with_the_last_answer() {
    let text = format!("INSERT INTO t VALUES ('{}'); DELETE FROM t", "x".repeat(2 * LOOK));
    let first = &text[..TEXT];
    Talk::new()
        .client(&[query(&text)])
        .server(&[complete("INSERT 0 1"), message(b'N', b"\0"), complete("DELETE 1"), ready(b'I')])
        .client(&[query(&text)])
        .server(&[complete("INSERT 0 1"), error("42501", "no"), ready(b'I')])
        .check(&[
            &format!("ask none commits: {first}"),
            "ok committed: DELETE 1",
            &format!("ask none commits: {first}"),
            "failed: SQLSTATE 42501: no",
        ]);
}

#[test]
fn of_a_long_message_only_the_beginning_is_judged_however_much_is_seen() {
    let text = format!("SELECT '{}'; DELETE FROM t", "x".repeat(2 * LOOK));
    let many = "SELECT 1; ".repeat(LOOK / 5);
    Talk::new()
        .client(&[query(&text)])
        .server(&[complete("SELECT 1"), complete("DELETE 1"), ready(b'T')])
        .client(&[query("SELECT 2")])
        .server(&[complete("SELECT 1"), ready(b'T')])
        .client(&[query(&many)])
        .server(&[complete("SELECT 1"), complete("SELECT 1"), complete("SELECT 1"), ready(b'T')])
        .check(&[
            &format!("ask none: {}", &text[..TEXT]),
            "ok: DELETE 1",
            "ask open: SELECT 2",
            "ok: SELECT 1",
            &format!("ask open: {}", &many[..TEXT]),
            "ok: SELECT 1",
        ]);
}

#[test]
fn rows_of_both_copies_pass_and_are_counted_only_when_asked() {
    let copy = Talk::new()
        .client(&[query("COPY t FROM STDIN; SELECT 1")])
        .server(&[message(b'G', &[0, 0, 0])])
        .client(&[message(b'd', b"a\nb\\\n"), message(b'd', b"b\nc\nd\n"), message(b'c', b"")])
        .server(&[complete("COPY 4"), columns(), row(b"1"), complete("SELECT 1"), ready(b'I')])
        .client(&[query("COPY t TO STDOUT")])
        .server(&[message(b'H', &[0, 0, 0]), message(b'd', b"a\n"), message(b'c', b""), complete("COPY 1")])
        .server(&[ready(b'I')]);
    let all = [
        "ask none: COPY t FROM STDIN",
        "ask open commits rides: SELECT 1",
        "row 3",
        "ok: COPY 4",
        "ok committed: SELECT 1",
        "ask none: COPY t TO STDOUT",
        "ok: COPY 1",
    ];
    let stopping = || {
        let mut reader = Postgres::new();
        reader.stop_at_row(Some(3));
        reader
    };
    copy.check_with(&stopping, &all);
    let uncounted: Vec<&str> = all.into_iter().filter(|line| *line != "row 3").collect();
    copy.check(&uncounted);
}

#[test]
fn a_row_is_said_between_its_last_byte_and_the_next() {
    for (statement, two, third) in [
        ("COPY t FROM STDIN CSV", "1,\"a\nb\"\n2,c\n", "3,d\n"),
        ("COPY t FROM STDIN", "1\ta\\\nb\\\\\n2\tc\n", "3\td\n"),
        ("COPY t FROM STDIN", "1\n2\n", ""),
    ] {
        let head = Talk::new().client(&[query(statement)]).server(&[message(b'G', &[0, 0, 0])]);
        let data = [message(b'd', [two, third].concat().as_bytes()), message(b'c', b"")].concat();
        for piece in [1, 4, 1000] {
            let mut reader = Postgres::new();
            reader.stop_at_row(Some(2));
            head.cut(&mut reader, &mut || usize::MAX);
            assert_eq!(passed_before_row(&mut reader, &data, piece), 5 + two.len(), "{statement}, {piece}");
        }
    }
}

/// How many bytes pass before the reader says row 2, when they are shown so many at a time.
fn passed_before_row(reader: &mut Postgres, data: &[u8], piece: usize) -> usize {
    let mut passed = 0;
    for shown in (piece..).step_by(piece) {
        let shown = shown.min(data.len());
        while passed < shown {
            match reader.next(Toward::Server, &data[passed..shown]) {
                Next::Pass(count) => passed += count,
                Next::Row(2) => return passed,
                Next::More => break,
                other => panic!("{other:?}"),
            }
        }
        assert!(shown < data.len(), "row 2 was never said");
    }
    passed
}

#[test]
fn binary_rows_are_never_counted_and_each_copy_counts_anew() {
    let one = |format: u8| {
        Talk::default()
            .client(&[query("COPY t FROM STDIN")])
            .server(&[message(b'G', &[format, 0, 0])])
            .client(&[message(b'd', b"a\nb\n"), message(b'c', b"")])
            .server(&[complete("COPY 2"), ready(b'I')])
    };
    let mut talk = Talk::new();
    for format in [1, 0, 0] {
        talk.0.extend(one(format).0);
    }
    let stopping = || {
        let mut reader = Postgres::new();
        reader.stop_at_row(Some(3));
        reader
    };
    let (ask, answer) = ("ask none commits: COPY t FROM STDIN", "ok committed: COPY 2");
    talk.check_with(&stopping, &[ask, answer, ask, answer, ask, answer]);
}

#[test]
fn a_copy_that_the_server_refuses_ends_there() {
    Talk::new()
        .client(&[query("COPY t FROM STDIN")])
        .server(&[message(b'G', &[0, 0, 0])])
        .client(&[message(b'd', b"x\n")])
        .server(&[error("22P02", "invalid"), ready(b'I')])
        .client(&[message(b'd', b"y\n"), message(b'c', b""), query("SELECT 1")])
        .server(&[columns(), complete("SELECT 0"), ready(b'I')])
        .client(&[query("COPY t FROM STDIN")])
        .server(&[message(b'G', &[0, 0, 0])])
        .client(&[message(b'f', b"gave up\0")])
        .server(&[error("57014", "COPY from stdin failed: gave up"), ready(b'I')])
        .check(&[
            "ask none commits: COPY t FROM STDIN",
            "failed: SQLSTATE 22P02: invalid",
            "ask none: SELECT 1",
            "ok: SELECT 0",
            "ask none commits: COPY t FROM STDIN",
            "failed: SQLSTATE 57014: COPY from stdin failed: gave up",
        ]);
}

#[test]
fn a_function_call_is_known_to_be_permanent_when_the_server_is_ready() {
    let call = message(b'F', &[0, 0, 0x04, 0xd2, 0, 0, 0, 0, 0, 0]);
    let result = message(b'V', &[0xff; 4]);
    Talk::new()
        .client(std::slice::from_ref(&call))
        .server(&[result.clone(), ready(b'I')])
        .client(std::slice::from_ref(&call))
        .server(&[result, error("23503", "deferred"), ready(b'I')])
        .client(&[call])
        .server(&[error("42883", "no such function"), ready(b'I')])
        .check(&[
            "ask none commits: function call 1234",
            "ok committed: function result",
            "ask none commits: function call 1234",
            "failed: SQLSTATE 23503: deferred",
            "ask none commits: function call 1234",
            "failed: SQLSTATE 42883: no such function",
        ]);
}

#[test]
fn notices_parameters_and_replication_streams_pass() {
    Talk::new()
        .client(&[query("START_REPLICATION SLOT s LOGICAL 0/0")])
        .server(&[
            message(b'N', b"\0"),
            message(b'S', b"a\0b\0"),
            message(b'A', &[0; 6]),
            message(b'W', &[0; 3]),
        ])
        .client(&[message(b'd', b"r"), message(b'c', b"")])
        .server(&[message(b'd', b"w"), message(b'c', b""), complete("COPY 0"), ready(b'I')])
        .check(&["ask none commits: START_REPLICATION SLOT s LOGICAL 0/0", "ok committed: COPY 0"]);
}

#[test]
fn what_is_no_message_is_opaque() {
    Talk::new().client(&[b"Q\0\0\0\x03".to_vec()]).check(&["opaque: a message `Q` of 3 bytes"]);
    Talk::new().client(&[b"!\0\0\0\x04".to_vec()]).check(&["opaque: a message `!` from the client"]);
    Talk::new().server(&[b"Y\0\0\0\x04".to_vec()]).check(&["opaque: a message `Y` from the server"]);
    Talk::new().server(&[b"Z\0\0\0\x05?".to_vec()]).check(&["opaque: a ReadyForQuery without a status"]);
    Talk::new().client(&[b"C\0\0\0\x04".to_vec()]).check(&["opaque: an empty Close"]);
    Talk::new().client(&[b"B\0\0\0\x05x".to_vec()]).check(&["opaque: a Bind without names"]);
}

//! Conversations of real clients with a real server; the server's own log says what it executed.

use super::*;
use crate::gateway::testing::recorded;

/// A recording: what was said, and what the server logged.
struct Recording {
    talk: Talk,
    log: Vec<String>,
}

pub(super) const ALL: &[&str] = &[
    include_str!("../../../../tests/fixtures/wire/mysql/client-file.txt"),
    include_str!("../../../../tests/fixtures/wire/mysql/client-several.txt"),
    include_str!("../../../../tests/fixtures/wire/mysql/client-error.txt"),
    include_str!("../../../../tests/fixtures/wire/mysql/client-autocommit.txt"),
    include_str!("../../../../tests/fixtures/wire/mysql/client-dump-restored.txt"),
    include_str!("../../../../tests/fixtures/wire/mysql/pymysql-local-infile.txt"),
    include_str!("../../../../tests/fixtures/wire/mysql/connector-python-prepared.txt"),
    include_str!("../../../../tests/fixtures/wire/mysql/connector-c.txt"),
    include_str!("../../../../tests/fixtures/wire/mysql/plain-deprecate-eof.txt"),
    EXECUTE,
    TLS,
];
const EXECUTE: &str = include_str!("../../../../tests/fixtures/wire/mysql/client-execute.txt");
const TLS: &str = include_str!("../../../../tests/fixtures/wire/mysql/client-insists-on-tls.txt");

fn read(text: &str) -> Recording {
    let log = text.lines().filter_map(|line| line.strip_prefix("= "));
    let log = log.map(|logged| logged.replace(r"\n", "\n").replace(r"\\", r"\")).collect();
    Recording { talk: recorded(text), log }
}

pub(super) fn talk(text: &str) -> Talk {
    recorded(text)
}

/// Whether the server logged that statement; it puts values in place of question marks.
fn fits(ask: &str, logged: &str) -> bool {
    let mut rest = logged;
    ask.split('?').all(|part| match rest.find(part) {
        Some(at) => {
            rest = &rest[at + part.len()..];
            true
        }
        None => false,
    })
}

/// The asks that the server got to, but for COM_INIT_DB and failed executions, which it does not log.
fn executed(heard: &Heard) -> Vec<&str> {
    let all = heard.asks().into_iter().zip(heard.answers());
    let logged = all.filter(|(ask, answer)| {
        !ask.text.starts_with("USE ") && answer.said != "skipped" && !answer.said.starts_with("1243 ")
    });
    logged.map(|(ask, _)| ask.text.as_str()).collect()
}

#[test]
fn every_statement_that_the_server_logged_was_asked() {
    for text in ALL.iter().filter(|text| **text != EXECUTE && **text != TLS) {
        let recording = read(text);
        let heard = heard(&recording.talk);
        let executed = executed(&heard);
        assert_eq!(executed.len(), recording.log.len(), "{executed:#?}");
        for (ask, logged) in executed.iter().zip(&recording.log) {
            assert!(fits(ask, logged), "{ask:?} is not {logged:?}");
        }
        assert_eq!(heard.asks().len(), heard.answers().len());
    }
}

#[test]
fn all_but_the_greeting_passes_as_it_came() {
    for text in ALL {
        let talk = talk(text);
        let heard = heard(&talk);
        assert_eq!(heard.passed[0], sent(&talk, UP));
        let (came, passed) = (sent(&talk, DOWN), &heard.passed[1]);
        let greeting = 4 + usize::from(came[0]);
        assert_eq!(came[greeting..], passed[greeting..]);
        let altered: Vec<(u8, u8)> =
            came.iter().zip(passed).filter(|(a, b)| a != b).map(|(a, b)| (*a, a ^ b)).collect();
        assert_eq!(altered, [(0xfe, 0x20), (0xff, 0x08)], "CLIENT_COMPRESS and CLIENT_SSL");
    }
}

#[test]
fn answers_are_those_of_the_server() {
    let said = |at: usize| said(&heard(&talk(ALL[at]))).join(", then ");
    assert_eq!(
        said(0),
        "OK, then OK, 2 rows affected, then OK, 1 row affected, then OK, then result set, then OK, then OK, \
         then OK, then OK, 1 row affected"
    );
    assert_eq!(
        said(1),
        "result set, then OK, 2 rows affected, then OK, 1 row affected, then result set, then OK, then OK, \
         then OK, then OK, 1 row affected, then OK, then result set"
    );
    assert_eq!(said(2), "result set, then 1062 (23000): Duplicate entry '1' for key 'PRIMARY', then skipped");
    let heard = heard(&talk(EXECUTE));
    assert_eq!(texts(&heard)[..3], ["PREPARE s FROM 'CALL q()'", "EXECUTE s", "SELECT 1"]);
    assert_eq!(super::said(&heard)[0], "OK");
    assert!(super::said(&heard)[1..].iter().all(|said| said.ends_with(", for several statements together")));
}

#[test]
fn commits_are_seen_where_they_happen() {
    let committed = |at: usize| -> Vec<String> {
        let heard = heard(&talk(ALL[at]));
        let all = heard.asks().into_iter().zip(heard.answers());
        let kept = all.filter(|(_, answer)| answer.committed);
        kept.map(|(ask, _)| ask.text.chars().take(20).collect()).collect()
    };
    assert_eq!(committed(8), ["UPDATE orders SET no", "CALL p()", "COMMIT", "DELETE FROM orders W"]);
    let procedures = ["CREATE OR REPLACE PR"; 3];
    assert_eq!(committed(0), [&["COMMIT"], &procedures[..], &["CALL p()"]].concat());
    let expected = ["CALL p()", "INSERT INTO orders V", "CALL r()", "BEGIN NOT ATOMIC SEL", "COMMIT"];
    assert_eq!(committed(1), expected);
    assert_eq!(committed(3), ["COMMIT"]);
    assert_eq!(committed(5), ["COMMIT", "COMMIT"]);
    assert_eq!(committed(6), ["COMMIT", "COMMIT"]);
}

#[test]
fn a_real_client_that_insists_on_tls_is_told() {
    let talk = talk(TLS);
    let talk: Vec<(Toward, &[u8])> = talk.iter().map(|(toward, bytes)| (*toward, bytes.as_slice())).collect();
    let mut reader = Mysql::new();
    assert_eq!(hear(&mut reader, &talk, &mut || usize::MAX).said, []);
    assert!(reader.insists_on_tls());
}

mod login;
mod props;
mod recorded;
mod refusals;
mod several;

use super::login::{flag, tests::greeting};
use super::*;
use crate::gateway::reader::{Answer, Ask, Transaction};
use crate::gateway::testing::{Heard, Said, hear};

const UP: Toward = Toward::Server;
const DOWN: Toward = Toward::Client;

/// What MariaDB 10.11 and its clients agree on, as far as it matters here.
const USUAL: u64 = flag::PROTOCOL_41 | flag::MULTI_STATEMENTS | flag::DEPRECATE_EOF;

type Talk = Vec<(Toward, Vec<u8>)>;

/// A packet.
fn packet(sequence: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_le_bytes();
    [&[length[0], length[1], length[2], sequence], payload].concat()
}

fn ok(sequence: u8, affected: u8, status: u16) -> (Toward, Vec<u8>) {
    let [low, high] = status.to_le_bytes();
    (DOWN, packet(sequence, &[0, affected, 0, low, high, 0, 0]))
}

fn error(sequence: u8, code: u16, rest: &str) -> (Toward, Vec<u8>) {
    (DOWN, packet(sequence, &[&[0xff], &code.to_le_bytes()[..], rest.as_bytes()].concat()))
}

fn query(text: &str) -> (Toward, Vec<u8>) {
    (UP, packet(0, &[b"\x03", text.as_bytes()].concat()))
}

/// One column, one row, and the end in the way of these capabilities.
fn rows(status: u16, capabilities: u64) -> Talk {
    let [low, high] = status.to_le_bytes();
    let mut talk = vec![packet(1, &[1]), packet(2, b"\x03def\0\0\0\x011\0\x0c?\0\x01\0\0\0\x03\x81\0\0\0\0")];
    if capabilities & flag::DEPRECATE_EOF == 0 {
        talk.push(packet(3, &[0xfe, 0, 0, low, high]));
        talk.push(packet(4, b"\x011"));
        talk.push(packet(5, &[0xfe, 0, 0, low, high]));
    } else {
        talk.push(packet(3, b"\x011"));
        talk.push(packet(4, &[0xfe, 0, 0, low, high, 0, 0]));
    }
    talk.into_iter().map(|bytes| (DOWN, bytes)).collect()
}

fn response(capabilities: u64) -> (Toward, Vec<u8>) {
    let bytes = capabilities.to_le_bytes();
    let mut payload = bytes[..4].to_vec();
    payload.extend([0; 24]);
    payload.extend(&bytes[4..]);
    payload.extend(b"root\0\0mysql_native_password\0");
    (UP, packet(1, &payload))
}

/// A login with these capabilities on both sides, then the talk.
fn logged_in(capabilities: u64, talk: impl IntoIterator<Item = (Toward, Vec<u8>)>) -> Talk {
    let mut all = vec![(DOWN, packet(0, &greeting(capabilities))), response(capabilities), ok(2, 0, 2)];
    all.extend(talk);
    all
}

fn heard(talk: &Talk) -> Heard {
    hear_in(talk, &mut || usize::MAX)
}

fn hear_in(talk: &Talk, cuts: &mut dyn FnMut() -> usize) -> Heard {
    let talk: Vec<(Toward, &[u8])> = talk.iter().map(|(toward, bytes)| (*toward, bytes.as_slice())).collect();
    hear(&mut Mysql::new(), &talk, cuts)
}

fn texts(heard: &Heard) -> Vec<&str> {
    heard.asks().into_iter().map(|ask| ask.text.as_str()).collect()
}

fn said(heard: &Heard) -> Vec<&str> {
    heard.answers().into_iter().map(|answer| answer.said.as_str()).collect()
}

/// All bytes of one direction.
fn sent(talk: &Talk, toward: Toward) -> Vec<u8> {
    talk.iter().filter(|(to, _)| *to == toward).flat_map(|(_, bytes)| bytes.clone()).collect()
}

#[test]
fn a_query_is_asked_and_answered() {
    let talk = logged_in(USUAL, [query("INSERT INTO t VALUES (1)"), ok(1, 3, 2)]);
    let heard = heard(&talk);
    let ask = Ask {
        kind: crate::gateway::reader::Kind::Statement,
        text: "INSERT INTO t VALUES (1)".to_owned(),
        transaction: Transaction::None,
        commits: true,
        rides: false,
    };
    assert_eq!(heard.asks(), [&ask]);
    let answer = Answer { ok: true, said: "OK, 3 rows affected".to_owned(), committed: true };
    assert_eq!(heard.answers(), [&answer]);
    assert_eq!(heard.passed, [sent(&talk, UP), sent(&talk, DOWN)]);
}

#[test]
fn rows_end_with_an_eof_or_an_ok() {
    for capabilities in [USUAL, USUAL & !flag::DEPRECATE_EOF] {
        let mut talk = logged_in(capabilities, [query("SELECT 1")]);
        talk.extend(rows(2, capabilities));
        talk.extend([query("SELECT x"), error(1, 1054, "#42S22Unknown column 'x'")]);
        let heard = heard(&talk);
        assert_eq!(texts(&heard), ["SELECT 1", "SELECT x"]);
        assert_eq!(said(&heard), ["result set", "1054 (42S22): Unknown column 'x'"]);
    }
}

#[test]
fn autocommit_and_status_flags_say_what_is_open() {
    let talk = logged_in(
        USUAL,
        [
            query("SET autocommit=0"),
            ok(1, 0, 0),
            query("UPDATE t SET a=1"),
            ok(1, 1, 1),
            query("COMMIT"),
            ok(1, 0, 0),
            query("SET autocommit=1"),
            ok(1, 0, 2),
            query("BEGIN"),
            ok(1, 0, 3),
            query("BEGIN"),
            ok(1, 0, 3),
            query("INSERT INTO t VALUES (1)"),
            ok(1, 1, 3),
            query("ALTER TABLE t ADD b INT"),
            ok(1, 0, 2),
        ],
    );
    let heard = heard(&talk);
    let open: Vec<bool> = heard.asks().iter().map(|ask| ask.transaction == Transaction::Open).collect();
    assert_eq!(open, [false, false, true, false, false, true, true, true]);
    let commits: Vec<bool> = heard.asks().iter().map(|ask| ask.commits).collect();
    assert_eq!(commits, [false, false, true, false, false, true, false, true]);
    let committed: Vec<bool> = heard.answers().iter().map(|answer| answer.committed).collect();
    assert_eq!(committed, commits);
}

#[test]
fn a_change_that_leaves_a_transaction_open_committed_nothing() {
    let heard = heard(&logged_in(USUAL, [query("CALL p()"), ok(1, 0, 3)]));
    assert!(heard.asks()[0].commits && !heard.answers()[0].committed);
}

#[test]
fn a_deadlock_ends_the_transaction() {
    let talk = [query("BEGIN"), ok(1, 0, 3), query("UPDATE t SET a=1"), error(1, 1213, "#40001Deadlock")];
    let talk = logged_in(USUAL, talk.into_iter().chain([query("UPDATE t SET a=1"), ok(1, 1, 2)]));
    assert!(heard(&talk).answers()[2].committed);
}

#[test]
fn a_pipeline_keeps_its_answers_in_order() {
    let mut talk = logged_in(USUAL, [query("SELECT 1"), (UP, packet(0, &[0x0e])), query("DELETE FROM t")]);
    talk.extend(rows(2, USUAL));
    talk.extend([ok(1, 0, 2), error(1, 1146, "#42S02No such table")]);
    let heard = heard(&talk);
    assert_eq!(texts(&heard), ["SELECT 1", "DELETE FROM t"]);
    assert_eq!(said(&heard), ["result set", "1146 (42S02): No such table"]);
}

#[test]
fn a_progress_report_ends_nothing() {
    let progress = error(1, 0xffff, "\x01\x01\x02\0\0\0\x03one");
    let talk = [query("ALTER TABLE t ADD b INT"), progress, ok(2, 0, 2)];
    assert_eq!(said(&heard(&logged_in(USUAL | flag::PROGRESS, talk.clone()))), ["OK"]);
    assert!(said(&heard(&logged_in(USUAL, talk)))[0].starts_with("65535: "));
}

#[test]
fn rows_that_begin_like_an_end_are_rows() {
    let capabilities = USUAL & !flag::DEPRECATE_EOF;
    let mut talk = logged_in(capabilities, [query("SELECT 1")]);
    talk.extend(rows(2, capabilities));
    // A row whose first column has its length in eight bytes.
    let row = (DOWN, packet(4, b"\xfe\x03\0\0\0\0\0\0\0abc"));
    let at = talk.len() - 1;
    talk.insert(at, row);
    assert_eq!(said(&heard(&talk)), ["result set"]);
    assert!(!heard(&talk).said.iter().any(|said| matches!(said, Said::Opaque(_))));
}

#[test]
fn a_row_of_several_packets_is_one_row() {
    let mut talk = logged_in(USUAL, [query("SELECT 1")]);
    talk.extend(rows(2, USUAL));
    let mut row = packet(3, &vec![b'x'; packet::FULL]);
    // What looks like an error in the middle of it.
    row.extend(packet(4, b"\xff\x01\x04#HY000no"));
    let at = talk.len() - 2;
    talk[at] = (DOWN, row);
    let heard = heard(&talk);
    assert_eq!(said(&heard), ["result set"]);
    assert_eq!(heard.passed[1].len(), sent(&talk, DOWN).len());
}

#[test]
fn a_long_text_is_decided_by_its_beginning() {
    let long = format!("INSERT INTO t VALUES ('{}'); COMMIT", ";".repeat(300_000));
    let talk = logged_in(USUAL, [query("BEGIN"), ok(1, 0, 3), query(&long), ok(1, 1, 11), ok(2, 0, 2)]);
    let heard = hear_in(&talk, &mut || 5_000);
    assert_eq!(heard.asks()[1].text, long[..crate::gateway::reader::TEXT]);
    assert_eq!(said(&heard), ["OK", "OK"]);
    assert_eq!(heard.passed[0], sent(&talk, UP));
    let hidden = format!("/*{}*/ UPDATE t SET a=1", "x".repeat(100_000));
    let behind = super::tests::heard(&logged_in(USUAL, [query(&hidden), ok(1, 1, 2)]));
    assert!(behind.asks()[0].commits && said(&behind) == ["OK, 1 row affected"]);
    // Two packets.
    let huge = format!("SELECT '{}", "x".repeat(packet::FULL));
    let text = [b"\x03", huge.as_bytes()].concat();
    let bytes = [packet(0, &text[..packet::FULL]), packet(1, &text[packet::FULL..])].concat();
    let heard = super::tests::heard(&logged_in(USUAL, [(UP, bytes), error(2, 1064, "#42000no"), query("x")]));
    assert_eq!(texts(&heard)[1], "x");
    assert_eq!(said(&heard), ["1064 (42000): no"]);
}

#[test]
fn the_attributes_of_a_query_are_no_text() {
    let capabilities = USUAL | flag::QUERY_ATTRIBUTES | flag::MYSQL;
    let bytes = (UP, packet(0, b"\x03\x01\x01\0\x01\x03\0\x01a\x07\0\0\0SELECT 7"));
    assert_eq!(texts(&heard(&logged_in(capabilities, [bytes]))), ["SELECT 7"]);
    let cut = (UP, packet(0, b"\x03\x01\x01\0\x01\x03\0\x05a"));
    let why = "the attributes of a query cannot be read";
    assert_eq!(heard(&logged_in(capabilities, [cut])).said, [Said::Opaque(why.to_owned())]);
}

#[test]
fn columns_without_descriptions_are_followed_by_rows() {
    let capabilities = USUAL | flag::OPTIONAL_METADATA | flag::MYSQL;
    let none = [query("SELECT 1"), (DOWN, packet(1, &[0, 1])), (DOWN, packet(2, b"\x011"))];
    let end = (DOWN, packet(3, &[0xfe, 0, 0, 2, 0, 0, 0]));
    let talk = logged_in(capabilities, none.into_iter().chain([end, query("DO 1"), ok(1, 0, 2)]));
    assert_eq!(said(&heard(&talk)), ["result set", "OK"]);
    let cached = USUAL | flag::CACHE_METADATA;
    let none = [query("SELECT 1"), (DOWN, packet(1, &[1, 0])), (DOWN, packet(2, b"\x011"))];
    let end = (DOWN, packet(3, &[0xfe, 0, 0, 2, 0, 0, 0]));
    assert_eq!(said(&heard(&logged_in(cached, none.into_iter().chain([end])))), ["result set"]);
}

#[test]
fn a_file_is_asked_for_and_sent() {
    let file = [packet(2, b"\x03a,b\n"), packet(3, b"\x03c"), packet(4, b"")].concat();
    let load = query("LOAD DATA LOCAL INFILE 'a' INTO TABLE t");
    let talk = [load, (DOWN, packet(1, b"\xfba")), (UP, file), ok(5, 2, 2), query("SELECT 2"), ok(1, 0, 2)];
    let heard = heard(&logged_in(USUAL, talk));
    assert_eq!(texts(&heard), ["LOAD DATA LOCAL INFILE 'a' INTO TABLE t", "SELECT 2"]);
    assert_eq!(said(&heard), ["OK, 2 rows affected", "OK"]);
}

#[test]
fn what_the_server_says_unasked_passes_if_it_is_an_error() {
    let talk = logged_in(USUAL, [error(0, 4031, "#HY000inactive")]);
    let heard_error = heard(&talk);
    assert_eq!((heard_error.said.len(), heard_error.passed), (0, [sent(&talk, UP), sent(&talk, DOWN)]));
    let why = "the server answers what was not asked";
    assert_eq!(heard(&logged_in(USUAL, [ok(1, 0, 2)])).said, [Said::Opaque(why.to_owned())]);
}

#[test]
fn what_is_not_understood_passes_with_the_reason() {
    let opaque = |command: &[u8], sequence| {
        let talk = logged_in(USUAL, [(UP, packet(sequence, command)), (DOWN, b"binary".to_vec())]);
        let heard = heard(&talk);
        assert_eq!(heard.passed, [sent(&talk, UP), sent(&talk, DOWN)]);
        let Some(Said::Opaque(why)) = heard.said.last() else { panic!("{:?}", heard.said) };
        why.clone()
    };
    assert_eq!(opaque(b"\x12\x04\0\0\0", 0), "a binary log is sent");
    assert_eq!(opaque(b"\x42", 0), "the command 0x42 is unknown");
    assert_eq!(opaque(b"\x03SELECT 1", 3), "the client sends what is no command");
    assert_eq!(opaque(b"", 0), "the client sends what is no command");
}

#[test]
fn what_is_remembered_has_a_bound() {
    let pings = packet(0, &[0x0e]).repeat(MOST + 1);
    let heard_pings = heard(&logged_in(USUAL, [(UP, pings)]));
    let why = format!("more than {MOST} commands wait for an answer");
    assert_eq!(heard_pings.said, [Said::Opaque(why)]);
    let mut talk = logged_in(USUAL, []);
    for number in 0..5000_u32 {
        talk.push((UP, packet(0, b"\x16SELECT 1")));
        talk.push((DOWN, packet(1, &[&[0], &number.to_le_bytes()[..], &[0; 7]].concat())));
    }
    let heard = heard(&talk);
    assert!(matches!(&heard.said[..], [Said::Opaque(why)] if why.starts_with("more than 4096 prepared")));
}

#[test]
fn closed_statements_are_forgotten() {
    let long = packet(0, format!("\x16SELECT '{}'", "x".repeat(8000)).as_bytes());
    let mut talk = logged_in(USUAL, []);
    for number in 0..1200_u32 {
        talk.push((UP, long.clone()));
        talk.push((DOWN, packet(1, &[&[0], &number.to_le_bytes()[..], &[0; 7]].concat())));
        talk.push((UP, packet(0, &[&[0x19], &number.to_le_bytes()[..]].concat())));
    }
    talk.push((UP, packet(0, b"\x17\x07\0\0\0\0\x01\0\0\0")));
    assert_eq!(texts(&heard(&talk)), ["EXECUTE 7"]);
}

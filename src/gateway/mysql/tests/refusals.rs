//! Errors in the server's place.

use super::*;

fn refusal(code: &str) -> Refusal {
    Refusal { code: code.to_owned(), message: "held by a drill".to_owned() }
}

/// A reader that has just said the ask of the last message, and that message.
fn asked(capabilities: u64, talk: Talk) -> (Mysql, Vec<u8>) {
    let mut reader = Mysql::new();
    let mut all = logged_in(capabilities, talk);
    let (_, last) = all.pop().unwrap();
    let all: Vec<(Toward, &[u8])> = all.iter().map(|(toward, bytes)| (*toward, bytes.as_slice())).collect();
    hear(&mut reader, &all, &mut || usize::MAX);
    assert!(matches!(reader.next(UP, &last), Next::Ask(_)));
    (reader, last)
}

#[test]
fn a_refused_query_never_reaches_the_server() {
    let (mut reader, last) = asked(USUAL, vec![query("UPDATE t SET a=1")]);
    let bytes = reader.refuse(&refusal("1213")).unwrap();
    assert_eq!(bytes, [b"\x18\0\0\x01\xff\xbd\x04#40001held by a drill".as_slice()].concat());
    assert_eq!(reader.next(UP, &last), Next::Drop(last.len()));
    let later = [query("SELECT 1"), ok(1, 0, 2)];
    let later: Vec<(Toward, &[u8])> =
        later.iter().map(|(toward, bytes)| (*toward, bytes.as_slice())).collect();
    let heard = hear(&mut reader, &later, &mut || 3);
    assert_eq!((texts(&heard), said(&heard)), (vec!["SELECT 1"], vec!["OK"]));
    assert_eq!(heard.passed, [later[0].1, later[1].1]);
}

#[test]
fn what_is_dropped_may_come_in_pieces() {
    let (mut reader, last) = asked(USUAL, vec![query("UPDATE t SET a=1")]);
    reader.refuse(&refusal("1205")).unwrap();
    assert_eq!(reader.next(UP, &last[..9]), Next::Drop(9));
    assert_eq!(reader.next(UP, &last[9..]), Next::Drop(last.len() - 9));
    assert!(matches!(reader.next(UP, &last), Next::Ask(_)));
}

#[test]
fn statements_that_ride_behind_a_refused_one_are_never_asked() {
    let (mut reader, last) = asked(USUAL, vec![query("UPDATE t SET a=1; COMMIT")]);
    reader.refuse(&refusal("1062")).unwrap();
    assert_eq!(reader.next(UP, &last), Next::Drop(last.len()));
    // Once both are said, the message cannot be refused any more.
    let (mut reader, last) = asked(USUAL, vec![query("UPDATE t SET a=1; COMMIT")]);
    assert!(matches!(reader.next(UP, &last), Next::Ask(ask) if ask.rides));
    assert!(reader.refuse(&refusal("1062")).is_err());
    assert_eq!(reader.next(UP, &last), Next::Pass(last.len()));
}

#[test]
fn an_execution_is_refused_likewise() {
    let prepared = (DOWN, packet(1, &[0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]));
    let execute = (UP, packet(0, b"\x17\x07\0\0\0\0\x01\0\0\0"));
    let talk = vec![(UP, packet(0, b"\x16DELETE FROM t")), prepared, execute];
    let (mut reader, last) = asked(USUAL, talk);
    assert_eq!(reader.refuse(&refusal("3024")).unwrap()[..13], *b"\x18\0\0\x01\xff\xd0\x0b#HY000");
    assert_eq!(reader.next(UP, &last), Next::Drop(last.len()));
}

#[test]
fn what_cannot_be_refused_says_why_and_goes_on() {
    for code in ["0", "65535", "70000", "40001x", ""] {
        let (mut reader, last) = asked(USUAL, vec![query("SELECT 1")]);
        assert_eq!(reader.refuse(&refusal(code)), Err(format!("`{code}` is no error number of MariaDB")));
        assert_eq!(reader.next(UP, &last), Next::Pass(last.len()));
    }
    assert_eq!(Mysql::new().refuse(&refusal("1062")), Err("nothing is being asked".to_owned()));
    let pinged = vec![(UP, packet(0, &[0x0e])), query("SELECT 1")];
    let early = "an earlier command of the connection has no answer yet";
    assert_eq!(asked(USUAL, pinged).0.refuse(&refusal("1062")), Err(early.to_owned()));
    let long = [b"\x03", vec![b' '; packet::FULL - 1].as_slice()].concat();
    let long = [b"\x03SELECT", &long[7..]].concat();
    let (mut reader, _) = asked(USUAL, vec![(UP, packet(0, &long))]);
    let why = "a message of 16 MB or more cannot be refused";
    assert_eq!(reader.refuse(&refusal("1062")), Err(why.to_owned()));
}

#[test]
fn a_long_message_is_cut_between_characters() {
    let (mut reader, _) = asked(USUAL, vec![query("SELECT 1")]);
    let message = format!("x{}", "é".repeat(400));
    let bytes = reader.refuse(&Refusal { code: "1062".to_owned(), message }).unwrap();
    assert_eq!(bytes.len(), 4 + 9 + 511);
    assert!(std::str::from_utf8(&bytes[13..]).is_ok());
}

#[test]
fn a_refused_statement_did_nothing_to_the_transaction() {
    let (mut reader, last) = asked(USUAL, vec![query("BEGIN")]);
    reader.refuse(&refusal("1205")).unwrap();
    reader.next(UP, &last);
    let Next::Ask(ask) = reader.next(UP, &query("DELETE FROM t").1) else { panic!("no ask") };
    assert_eq!((ask.transaction, ask.commits), (Transaction::None, true));
}

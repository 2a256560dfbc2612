//! What was recorded between real clients and a real server.

use super::super::super::testing::recorded;
use super::{Heard, Said, Toward, UP, answers, array, asks, assert_untouched, cut, opaque, whole};

fn recording(text: &str) -> Heard {
    let pieces = recorded(text);
    let talk: Vec<(Toward, &[u8])> = pieces.iter().map(|(toward, bytes)| (*toward, &bytes[..])).collect();
    let heard = whole(&talk);
    assert_untouched(&heard, &talk);
    assert_eq!(cut(&talk, &mut || 1), heard);
    heard
}

macro_rules! recording {
    ($name:literal) => {
        recording(include_str!(concat!("../../../../tests/fixtures/wire/redis/", $name, ".txt")))
    };
}

#[test]
fn a_session_of_redis_cli_is_understood() {
    let heard = recording!("resp2-session");
    let expected = [
        ("!SET flag:checkout on", "!OK"),
        ("GET flag:checkout", "2 bytes"),
        ("!DEL cart:17", "!0"),
        ("!SET big \"hello world\"", "!OK"),
        ("!LPUSH flag:checkout x", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ("!HSET h a 1 b 2", "!2"),
        ("HGETALL h", "4 elements"),
        ("MULTI", "OK"),
        ("~INCR n", "QUEUED"),
        ("~SET k \\x00\\xff", "QUEUED"),
        ("~!EXEC", "!2 elements"),
        ("MULTI", "OK"),
        ("~GET", "-ERR wrong number of arguments for 'get' command"),
        ("xSET k 2", "QUEUED"),
        ("x!EXEC", "-EXECABORT Transaction discarded because of previous errors."),
        ("MULTI", "OK"),
        ("~SET k 3", "QUEUED"),
        ("~DISCARD", "OK"),
        ("!CONFIG SET requirepass ***", "!OK"),
        ("AUTH ***", "OK"),
        ("!CONFIG SET requirepass ***", "!OK"),
    ];
    assert_eq!(asks(&heard), expected.map(|(ask, _)| ask));
    assert_eq!(answers(&heard), expected.map(|(_, answer)| answer));
}

#[test]
fn a_session_in_resp3_is_understood() {
    let heard = recording!("resp3-session");
    let expected = [
        ("HELLO 3", "7 pairs"),
        ("!HSET h a 1", "!0"),
        ("HGETALL h", "2 pairs"),
        ("!SADD s a b", "!2"),
        ("SMEMBERS s", "2 elements"),
        ("!ZADD z 1.5 m", "!1"),
        ("ZSCORE z m", "1.5"),
        ("GET none", "null"),
    ];
    assert_eq!(asks(&heard), expected.map(|(ask, _)| ask));
    assert_eq!(answers(&heard), expected.map(|(_, answer)| answer));
}

#[test]
fn a_pipeline_keeps_its_answers_in_order() {
    let heard = recording!("pipeline");
    let expected = [
        ("!SET a 1", "!OK"),
        ("MULTI", "OK"),
        ("~INCR a", "QUEUED"),
        ("~GET a", "QUEUED"),
        ("~!EXEC", "!2 elements"),
        ("!DEL a b", "!1"),
        ("!EVAL \"return redis.error_reply(\\\"MY no\\\")\" 0", "-MY no"),
    ];
    assert_eq!(asks(&heard), expected.map(|(ask, _)| ask));
    assert_eq!(answers(&heard), expected.map(|(_, answer)| answer));
}

#[test]
fn a_changed_key_means_that_nothing_was_executed() {
    let heard = recording!("watched-key-changes");
    let not = "-EXEC was not run: a watched key changed";
    let once = ["OK", "OK", "QUEUED", not];
    assert_eq!(answers(&heard), [&once[..], &["7 pairs"], &once[..]].concat());
    assert_eq!(asks(&heard)[..4], ["WATCH a", "MULTI", "~SET a 2", "~!EXEC"]);
}

#[test]
fn every_kind_of_resp3_is_followed_and_pushes_answer_nothing() {
    let heard = recording!("resp3-kinds");
    assert!(!matches!(heard.said.last(), Some(Said::Opaque(_))), "{:?}", heard.said.last());
    let expected = [
        ("HELLO 3", "7 pairs"),
        ("CLIENT TRACKING ON", "OK"),
        ("GET a", "1 bytes"),
        ("!SET a 5", "!OK"),
        ("!DEBUG PROTOCOL attrib", "!39 bytes"),
        ("!DEBUG PROTOCOL push", "!40 bytes"),
        ("!DEBUG PROTOCOL map", "!3 pairs"),
        ("!DEBUG PROTOCOL set", "!3 elements"),
        ("!DEBUG PROTOCOL verbatim", "!29 bytes"),
        ("!DEBUG PROTOCOL bignum", "!1234567999999999999999999999999999999"),
        ("!DEBUG PROTOCOL double", "!3.141"),
        ("!DEBUG PROTOCOL true", "!true"),
        ("!DEBUG PROTOCOL null", "!null"),
        ("SUBSCRIBE x y", "subscribe"),
        ("!PUBLISH x hi", "!1"),
        ("GET a", "1 bytes"),
        ("UNSUBSCRIBE x y", "unsubscribe"),
        ("PING", "PONG"),
    ];
    assert_eq!(asks(&heard), expected.map(|(ask, _)| ask));
    assert_eq!(answers(&heard), expected.map(|(_, answer)| answer));
}

#[test]
fn modes_without_answers_become_opaque_once_the_server_enters_them() {
    let heard = recording!("resp2-subscribe");
    assert_eq!(answers(&heard), ["PONG", "subscribe"]);
    assert!(opaque(&heard).contains("RESP2"));
    let heard = recording!("monitor");
    assert_eq!(
        (asks(&heard), answers(&heard)),
        (vec!["GET \"a b\"".into(), "MONITOR".into()], vec!["null".into(), "OK".into()])
    );
    assert!(opaque(&heard).contains("MONITOR"));
    for (words, why) in [
        (&[&b"psync"[..], b"?", b"-1"][..], "replication"),
        (&[&b"SYNC"[..]][..], "replication"),
        (&[&b"client"[..], b"reply", b"off"][..], "without replies"),
        (&[&b"CLIENT"[..], b"REPLY", b"SKIP"][..], "without replies"),
    ] {
        let bytes = array(words);
        let heard = whole(&[(UP, &bytes)]);
        assert_eq!(heard.asks().len(), 1);
        assert!(opaque(&heard).contains(why));
    }
    let heard = whole(&[(UP, b"MULTI\r\nSUBSCRIBE a\r\n")]);
    assert!(opaque(&heard).contains("inside MULTI"));
}

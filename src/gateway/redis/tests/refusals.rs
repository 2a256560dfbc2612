//! Answers in the place of the server.

use super::{Answer, DOWN, Next, Reader, Redis, Refusal, UP, array};

fn refusal(code: &str) -> Refusal {
    Refusal { code: code.to_owned(), message: "Redis is loading\r\n+OK".to_owned() }
}

fn ask(reader: &mut Redis, bytes: &[u8]) {
    assert!(matches!(reader.next(UP, bytes), Next::Ask(_)), "{}", bytes.escape_ascii());
}

/// Drives a command and its reply through.
fn done(reader: &mut Redis, bytes: &[u8], reply: &[u8]) -> Answer {
    ask(reader, bytes);
    assert_eq!(reader.next(UP, bytes), Next::Pass(bytes.len()));
    let Next::Answer(answer) = reader.next(DOWN, reply) else { panic!("no answer") };
    assert_eq!(reader.next(DOWN, reply), Next::Pass(reply.len()));
    answer
}

#[test]
fn a_refused_command_is_dropped_and_the_connection_goes_on() {
    let mut reader = Redis::new();
    let value = [b'v'; 100];
    let whole = array(&[b"SET", b"k", &value]);
    let (command, rest) = whole.split_at(100);
    ask(&mut reader, command);
    let told = reader.refuse(&refusal("LOADING")).unwrap();
    assert_eq!(told.escape_ascii().to_string(), "-LOADING Redis is loading  +OK\\r\\n");
    assert_eq!(reader.next(UP, command), Next::Drop(command.len()));
    assert_eq!(reader.next(UP, &[rest, b"PING\r\n"].concat()), Next::Drop(rest.len()));
    assert_eq!(done(&mut reader, b"PING\r\n", b"+PONG\r\n").said, "PONG");
    ask(&mut reader, b"MULTI\r\n");
    reader.refuse(&refusal("OOM")).unwrap();
    assert_eq!(reader.next(UP, b"MULTI\r\n"), Next::Drop(7));
    assert!(done(&mut reader, b"SET a 1\r\n", b"+OK\r\n").committed, "no transaction was begun");
}

#[test]
fn a_refusal_inside_multi_makes_the_real_transaction_fail() {
    let mut reader = Redis::new();
    done(&mut reader, b"MULTI\r\n", b"+OK\r\n");
    ask(&mut reader, b"SET a 1\r\n");
    reader.refuse(&refusal("OOM")).unwrap();
    let Next::Insert(UP, bytes) = reader.next(UP, b"SET a 1\r\n") else { panic!("nothing inserted") };
    assert_eq!(bytes, b"*1\r\n$3\r\nGET\r\n");
    assert_eq!(reader.next(UP, b"SET a 1\r\n"), Next::Drop(9));
    ask(&mut reader, b"EXEC\r\n");
    assert_eq!(reader.next(UP, b"EXEC\r\n"), Next::Pass(6));
    let replies = b"-ERR wrong number\r\n-EXECABORT no\r\n";
    assert_eq!(reader.next(DOWN, replies), Next::Drop(19), "the client has heard its error");
    let Next::Answer(answer) = reader.next(DOWN, &replies[19..]) else { panic!("no answer") };
    assert_eq!((answer.ok, &answer.said[..]), (false, "EXECABORT no"));
}

#[test]
fn a_refused_exec_discards_as_a_server_does() {
    let mut reader = Redis::new();
    done(&mut reader, b"MULTI\r\n", b"+OK\r\n");
    ask(&mut reader, b"EXEC\r\n");
    reader.refuse(&refusal("LOADING")).unwrap();
    assert_eq!(reader.next(UP, b"EXEC\r\n"), Next::Insert(UP, b"*1\r\n$7\r\nDISCARD\r\n".to_vec()));
    assert_eq!(reader.next(UP, b"EXEC\r\n"), Next::Drop(6));
    assert_eq!(reader.next(DOWN, b"+O"), Next::Drop(2));
    assert_eq!(reader.next(DOWN, b"K\r\n"), Next::Drop(3));
    assert!(done(&mut reader, b"SET a 1\r\n", b"+OK\r\n").committed);
}

#[test]
fn what_cannot_be_refused_says_so() {
    let mut reader = Redis::new();
    assert!(reader.refuse(&refusal("ERR")).unwrap_err().contains("no command"));
    ask(&mut reader, b"GET a\r\n");
    for code in ["", "err", "ERR x", "ERR\r\n"] {
        assert!(reader.refuse(&refusal(code)).unwrap_err().contains("no error word"), "{code}");
    }
    assert_eq!(reader.next(UP, b"GET a\r\n"), Next::Pass(7));
    let half = b"$9\r\nabc";
    assert!(matches!(reader.next(DOWN, half), Next::Answer(_)));
    assert_eq!(reader.next(DOWN, half), Next::Pass(half.len()));
    ask(&mut reader, b"GET a\r\n");
    assert!(reader.refuse(&refusal("ERR")).unwrap_err().contains("on its way"));
}

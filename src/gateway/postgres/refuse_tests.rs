//! Errors in the server's place.

use super::Postgres;
use super::testing::{
    Talk, bind, complete, describe_portal, error, execute, message, parse, query, ready, run, sync,
};
use crate::gateway::reader::{Next, Reader, Refusal, Toward, Transaction};

/// A relay in small: shows a reader bytes and keeps what comes of it, per side; refuses what is told.
struct Relay {
    reader: Postgres,
    passed: [Vec<u8>; 2],
    asks: Vec<String>,
    refuses: &'static str,
    refused: Vec<Result<Vec<u8>, String>>,
}

impl Relay {
    fn new(refuses: &'static str) -> Self {
        let mut reader = Postgres::new();
        Talk::new().cut(&mut reader, &mut || usize::MAX);
        Self { reader, passed: Default::default(), asks: Vec::new(), refuses, refused: Vec::new() }
    }

    fn show(&mut self, toward: Toward, bytes: &[u8]) {
        let mut unread = bytes;
        while !unread.is_empty() {
            match self.reader.next(toward, unread) {
                Next::Pass(count) => {
                    self.passed[toward as usize].extend(&unread[..count]);
                    unread = &unread[count..];
                }
                Next::Drop(count) => unread = &unread[count..],
                Next::Insert(side, bytes) => self.passed[side as usize].extend(bytes),
                Next::Ask(ask) => {
                    let refuse = ask.text == self.refuses;
                    self.asks.push(ask.text);
                    if refuse {
                        self.refuse();
                    }
                }
                Next::Answer(answer) => self.asks.push(answer.said),
                other => panic!("{other:?}"),
            }
        }
    }

    fn refuse(&mut self) {
        let refusal = Refusal { code: "40001".to_owned(), message: "could not serialize".to_owned() };
        let refused = self.reader.refuse(&refusal);
        if let Ok(bytes) = &refused {
            self.passed[Toward::Client as usize].extend(bytes);
        }
        self.refused.push(refused);
    }

    fn client(&mut self, messages: &[Vec<u8>]) {
        self.show(Toward::Server, &messages.concat());
    }

    fn server(&mut self, messages: &[Vec<u8>]) {
        self.show(Toward::Client, &messages.concat());
    }

    /// What reached the server, and the client, since last asked.
    #[track_caller]
    fn check(&mut self, server: &[Vec<u8>], client: &[Vec<u8>]) {
        let [to_server, to_client] = std::mem::take(&mut self.passed);
        assert_eq!(to_server.escape_ascii().to_string(), server.concat().escape_ascii().to_string());
        assert_eq!(to_client.escape_ascii().to_string(), client.concat().escape_ascii().to_string());
    }
}

fn ours() -> Vec<u8> {
    error("40001", "could not serialize")
}

/// What the server gets in the place of a refused Execute, and says to it.
fn instead() -> Vec<u8> {
    execute("refused by the gateway", 0)
}

fn theirs() -> Vec<u8> {
    error("34000", "portal \"refused by the gateway\" does not exist")
}

fn prepared() -> Vec<u8> {
    [message(b'1', b""), message(b'2', b""), message(b'n', b"")].concat()
}

/// [`run`] without its Execute.
fn prepare(text: &str) -> Vec<u8> {
    [parse("", text), bind("", ""), describe_portal("")].concat()
}

#[test]
fn a_query_that_is_refused_outside_a_block_never_reaches_the_server() {
    let mut relay = Relay::new("DELETE FROM t");
    relay.client(&[query("DELETE FROM t; SELECT 1")]);
    relay.check(&[], &[ours(), ready(b'I')]);
    relay.client(&[query("SELECT 2")]);
    relay.check(&[query("SELECT 2")], &[]);
    assert_eq!(relay.asks, ["DELETE FROM t", "SELECT 2"]);
}

#[test]
fn a_query_that_is_refused_inside_a_block_fails_the_block() {
    let mut relay = Relay::new("DELETE FROM t");
    relay.client(&[query("BEGIN"), query("DELETE FROM t"), query("COMMIT")]);
    relay.check(&[query("BEGIN"), instead(), sync(), query("COMMIT")], &[]);
    let rest = || [ready(b'E'), complete("ROLLBACK"), ready(b'I')].concat();
    relay.server(&[complete("BEGIN"), ready(b'T'), theirs(), rest()]);
    relay.check(&[], &[complete("BEGIN"), ready(b'T'), ours(), rest()]);
    relay.client(&[query("BEGIN; SELECT 1/0")]);
    relay.server(&[complete("BEGIN"), error("22012", "division by zero"), ready(b'E')]);
    relay.passed = Default::default();
    relay.client(&[query("DELETE FROM t")]);
    relay.check(&[], &[ours(), ready(b'E')]);
}

#[test]
fn a_long_query_is_dropped_to_its_last_byte() {
    let text = format!("DELETE FROM t{}", " ".repeat(300_000));
    let mut reader = Postgres::new();
    Talk::new().cut(&mut reader, &mut || usize::MAX);
    let bytes = [query(&text), query("SELECT 1")].concat();
    let whole = query(&text).len();
    assert!(matches!(reader.next(Toward::Server, &bytes[..70_000]), Next::Ask(_)));
    let refusal = Refusal { code: "57014".to_owned(), message: "no".to_owned() };
    assert!(reader.refuse(&refusal).is_ok());
    assert_eq!(reader.next(Toward::Server, &bytes[..70_000]), Next::Drop(70_000));
    assert_eq!(reader.next(Toward::Server, &bytes[70_000..]), Next::Drop(whole - 70_000));
    assert!(matches!(reader.next(Toward::Server, &bytes[whole..]), Next::Ask(_)));
}

#[test]
fn a_refused_execute_fails_where_the_server_would_fail() {
    let mut relay = Relay::new("DELETE FROM t");
    let after = || [run("SELECT 2"), query("SELECT 3"), sync(), run("SELECT 4"), sync()].concat();
    relay.client(&[run("INSERT INTO t VALUES (1)"), message(b'H', b"")]);
    relay.server(&[prepared(), complete("INSERT 0 1")]);
    relay.passed = Default::default();
    relay.client(&[run("DELETE FROM t"), after()]);
    relay.check(&[prepare("DELETE FROM t"), instead(), after()], &[]);
    let rest = || [ready(b'I'), prepared(), complete("SELECT 1"), ready(b'I')].concat();
    relay.server(&[prepared(), theirs(), rest()]);
    relay.check(&[], &[prepared(), ours(), rest()]);
    let said =
        ["INSERT INTO t VALUES (1)", "INSERT 0 1", "DELETE FROM t", "SELECT 2", "SELECT 3", "SELECT 4"];
    assert_eq!(relay.asks, [&said[..], &["skipped", "skipped", "SELECT 1"]].concat());
}

#[test]
fn what_follows_a_refusal_finds_the_transaction_failed() {
    let mut reader = Postgres::new();
    Talk::new().cut(&mut reader, &mut || usize::MAX);
    let bytes = [run("BEGIN"), run("DELETE FROM t"), sync(), run("COMMIT")].concat();
    let mut unread = &bytes[..];
    let mut states = Vec::new();
    while !unread.is_empty() {
        match reader.next(Toward::Server, unread) {
            Next::Pass(count) | Next::Drop(count) => unread = &unread[count..],
            Next::Ask(ask) => {
                states.push((ask.transaction, ask.commits));
                if ask.text == "DELETE FROM t" {
                    let refusal = Refusal { code: "57014".to_owned(), message: "no".to_owned() };
                    assert_eq!(reader.refuse(&refusal), Ok(Vec::new()));
                }
            }
            _ => {}
        }
    }
    assert_eq!(
        states,
        [(Transaction::None, false), (Transaction::Open, false), (Transaction::Failed, false)]
    );
}

#[test]
fn an_error_of_the_server_that_comes_first_takes_the_place_of_ours() {
    let mut relay = Relay::new("DELETE FROM t");
    let rest = || [ready(b'I'), complete("SELECT 1"), ready(b'I')].concat();
    relay.client(&[run("DELETE FROM t"), sync(), query("SELECT 1")]);
    relay.server(&[error("42P01", "no such table"), rest()]);
    relay.passed[Toward::Server as usize].clear();
    relay.check(&[], &[error("42P01", "no such table"), rest()]);
    assert_eq!(relay.asks, ["DELETE FROM t", "SELECT 1", "SELECT 1"]);
}

#[test]
fn a_server_that_ends_the_connection_is_not_hidden_by_a_refusal() {
    let mut relay = Relay::new("DELETE FROM t");
    let fatal = || message(b'E', b"SFATAL\0VFATAL\0C57P01\0Mterminating\0\0");
    relay.client(&[run("DELETE FROM t"), sync()]);
    relay.server(&[prepared(), fatal()]);
    relay.passed[Toward::Server as usize].clear();
    relay.check(&[], &[prepared(), fatal()]);
}

#[test]
fn refusals_of_several_syncs_keep_their_places() {
    let mut relay = Relay::new("DELETE FROM t");
    relay.client(&[parse("a", "SELEC"), sync(), run("DELETE FROM t"), sync(), run("DELETE FROM t"), sync()]);
    assert_eq!(relay.refused, [Ok(Vec::new()), Ok(Vec::new())]);
    relay.passed = Default::default();
    relay.server(&[error("42601", "no"), ready(b'I'), prepared(), theirs(), ready(b'I')]);
    relay.server(&[prepared(), theirs(), ready(b'I')]);
    let one = || [prepared(), ours(), ready(b'I')].concat();
    relay.check(&[], &[error("42601", "no"), ready(b'I'), one(), one()]);
}

#[test]
fn a_function_call_is_refused_like_a_query() {
    let mut relay = Relay::new("function call 1");
    relay.client(&[message(b'F', &[0, 0, 0, 1, 0, 0, 0, 0, 0, 0])]);
    relay.check(&[], &[ours(), ready(b'I')]);
}

#[test]
fn what_cannot_be_refused_says_so() {
    let mut relay = Relay::new("SELECT 2");
    relay.refuse();
    relay.client(&[run("SELECT 1/0")]);
    relay.server(&[error("22012", "division by zero")]);
    relay.client(&[run("SELECT 2"), sync(), run("SELECT 2"), run("SELECT 2")]);
    let wrong = Refusal { code: "4000".to_owned(), message: String::new() };
    relay.refused.push(relay.reader.refuse(&wrong));
    let skips = || Err("the server skips this because of an earlier error".to_owned());
    assert_eq!(
        relay.refused,
        [
            Err("nothing is being asked".to_owned()),
            skips(),
            Ok(Vec::new()),
            skips(),
            Err("`4000` is no SQLSTATE: five digits or capital letters".to_owned()),
        ]
    );
}

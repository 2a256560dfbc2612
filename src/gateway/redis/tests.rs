mod cuts;
mod recordings;
mod refusals;

use super::super::reader::LOOK;
use super::super::testing::{Heard, Said, assert_untouched, hear};
use super::*;

const UP: Toward = Toward::Server;
const DOWN: Toward = Toward::Client;

fn whole(talk: &[(Toward, &[u8])]) -> Heard {
    cut(talk, &mut || usize::MAX)
}

fn cut(talk: &[(Toward, &[u8])], cuts: &mut dyn FnMut() -> usize) -> Heard {
    hear(&mut Redis::new(), talk, cuts)
}

/// What was asked: `~` inside a transaction, `x` inside a failed one, `!` for what commits.
fn asks(heard: &Heard) -> Vec<String> {
    let told = |ask: &&Ask| {
        let inside = match ask.transaction {
            Transaction::None => "",
            Transaction::Open => "~",
            Transaction::Failed => "x",
        };
        format!("{inside}{}{}", if ask.commits { "!" } else { "" }, ask.text)
    };
    heard.asks().iter().map(told).collect()
}

/// What was answered: `-` for not ok, `!` for committed.
fn answers(heard: &Heard) -> Vec<String> {
    let sign = |yes, sign| if yes { sign } else { "" };
    let told =
        |answer: &&Answer| format!("{}{}{}", sign(!answer.ok, "-"), sign(answer.committed, "!"), answer.said);
    heard.answers().iter().map(told).collect()
}

fn opaque(heard: &Heard) -> &str {
    match heard.said.last() {
        Some(Said::Opaque(why)) => why,
        other => panic!("not opaque: {other:?}"),
    }
}

fn assert_clear(heard: &Heard, talk: &[(Toward, &[u8])]) {
    assert!(!matches!(heard.said.last(), Some(Said::Opaque(_))), "{:?}", heard.said.last());
    assert_untouched(heard, talk);
}

/// A command as clients send it.
fn array(words: &[&[u8]]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend(format!("${}\r\n", word.len()).bytes());
        bytes.extend(*word);
        bytes.extend(b"\r\n");
    }
    bytes
}

/// The text of one command.
fn text(words: &[&[u8]]) -> String {
    let bytes = array(words);
    let talk: &[(Toward, &[u8])] = &[(UP, &bytes)];
    let heard = whole(talk);
    assert_clear(&heard, talk);
    heard.asks()[0].text.clone()
}

#[test]
fn a_subscription_that_is_refused_goes_on() {
    let talk: &[(Toward, &[u8])] = &[
        (UP, b"SUBSCRIBE\r\nMONITOR\r\nUNSUBSCRIBE\r\nPING\r\n"),
        (DOWN, b"-ERR wrong number\r\n-NOPERM no\r\n*3\r\n$11\r\nunsubscribe\r\n$-1\r\n:0\r\n+PONG\r\n"),
    ];
    let heard = whole(talk);
    assert_clear(&heard, talk);
    assert_eq!(answers(&heard), ["-ERR wrong number", "-NOPERM no", "unsubscribe", "PONG"]);
}

#[test]
fn a_transaction_that_did_not_begin_is_none() {
    let talk: &[(Toward, &[u8])] = &[
        (UP, b"MULTI\r\n"),
        (DOWN, b"-NOAUTH Authentication required.\r\n"),
        (UP, b"SET a 1\r\nMULTI\r\nMULTI\r\nWATCH a\r\n"),
        (DOWN, b"+OK\r\n+OK\r\n-ERR MULTI calls can not be nested\r\n-ERR WATCH inside MULTI\r\n"),
        (UP, b"SET a 2\r\nEXEC\r\nEXEC\r\nreset\r\n"),
        (DOWN, b"+QUEUED\r\n*1\r\n+OK\r\n-ERR EXEC without MULTI\r\n+RESET\r\n"),
    ];
    let heard = whole(talk);
    assert_clear(&heard, talk);
    let expected =
        ["MULTI", "!SET a 1", "MULTI", "~MULTI", "~WATCH a", "~SET a 2", "~!EXEC", "EXEC", "RESET"];
    assert_eq!(asks(&heard), expected);
    assert_eq!(answers(&heard)[6..], ["!1 elements", "-ERR EXEC without MULTI", "RESET"]);
}

#[test]
fn nothing_of_a_message_is_passed_before_its_mark() {
    let mut reader = Redis::new();
    let command = b"*2\r\n$3\r\nDEL\r\n$2\r\nk1\r\nGET";
    assert_eq!(reader.next(UP, &command[..16]), Next::More);
    assert!(matches!(reader.next(UP, command), Next::Ask(_)));
    assert_eq!(reader.next(UP, command), Next::Pass(command.len() - 3));
    assert_eq!(reader.next(DOWN, b"-ERR"), Next::More);
    let reply = b"-ERR no\r\n+next";
    assert!(matches!(reader.next(DOWN, reply), Next::Answer(_)));
    assert_eq!(reader.next(DOWN, reply), Next::Pass(reply.len() - 5));
}

#[test]
fn a_text_shows_the_key_and_never_a_password() {
    assert_eq!(text(&[b"del", b"cart:17"]), "DEL cart:17");
    assert_eq!(text(&[b"auth", b"user", b"hunter2"]), "AUTH ***");
    assert_eq!(
        text(&[b"HELLO", b"3", b"auth", b"u", b"hunter2", b"SETNAME", b"me"]),
        "HELLO 3 auth *** SETNAME me"
    );
    assert_eq!(
        text(&[b"CONFIG", b"SET", b"maxmemory", b"1", b"RequirePass", b"hunter2"]),
        "CONFIG SET maxmemory 1 RequirePass ***"
    );
    assert_eq!(text(&[b"ACL", b"SETUSER", b"bob", b"on", b">hunter2"]), "ACL SETUSER bob ***");
    assert_eq!(text(&[b"SENTINEL", b"SET", b"m", b"auth-pass", b"hunter2"]), "SENTINEL SET m auth-pass ***");
    let migrate: &[&[u8]] =
        &[b"MIGRATE", b"h", b"1", b"k", b"0", b"9", b"AUTH2", b"u", b"hunter2", b"KEYS", b"k"];
    assert_eq!(text(migrate), "MIGRATE h 1 k 0 9 AUTH2 *** KEYS k");
    assert_eq!(text(&[b"SET", b"", b"a\"b\r\n\x07"]), "SET \"\" \"a\\\"b\\r\\n\\x07\"");
    let inline: &[(Toward, &[u8])] = &[(UP, b"\r\n  auth 'hunt er2'\nset \"\\x41\\n\" 'it\\'s' \r\n\n")];
    let heard = whole(inline);
    assert_clear(&heard, inline);
    assert_eq!(asks(&heard), ["AUTH ***", "!SET A\\n it's"]);
}

#[test]
fn a_long_argument_is_cut_between_characters_and_says_its_length() {
    let long = "é".repeat(100);
    assert_eq!(
        text(&[b"SET", b"k", &long.as_bytes()[1..]]),
        format!("SET k \\xa9{}…«199 bytes»", "é".repeat(31))
    );
    assert_eq!(text(&[b"SET", long.as_bytes(), b"v"]), format!("SET {long} v"), "a key may be longer");
    let many = vec![&b"k"[..]; 40];
    assert_eq!(text(&many), format!("K{} … 24 more", " k".repeat(15)));
}

#[test]
fn a_value_of_any_length_is_streamed() {
    let value = vec![b'v'; 3 * LOOK];
    let mut command = array(&[b"SET", b"k", &value, b"EX", b"9"]);
    command.extend(b"PING\r\n");
    let reply = [&b"*2\r\n$196608\r\n"[..], &value, b"\r\n$-1\r\n"].concat();
    let talk: &[(Toward, &[u8])] =
        &[(UP, &command), (DOWN, b"+OK\r\n"), (DOWN, b"+PONG\r\n"), (UP, b"MGET k n\r\n"), (DOWN, &reply)];
    let heard = whole(talk);
    assert_clear(&heard, talk);
    assert_eq!(cut(talk, &mut || 999), heard);
    let shown = format!("!SET k {}…«196608 bytes» … 2 more", "v".repeat(64));
    assert_eq!(asks(&heard), [&shown[..], "PING", "MGET k n"]);
    assert_eq!(answers(&heard), ["!OK", "PONG", "2 elements"]);
    let mut reader = Redis::new();
    assert!(matches!(reader.next(UP, &command[..200]), Next::Ask(_)), "said long before it has come in full");
}

#[test]
fn replies_in_parts_and_nested_ones_are_followed() {
    let deep = format!("{}:1\r\n", "*1\r\n".repeat(32));
    let cases = [
        "$?\r\n;4\r\nHell\r\n;1\r\no\r\n;0\r\n",
        "*?\r\n:1\r\n*0\r\n%?\r\n+a\r\n*-1\r\n.\r\n.\r\n",
        "|1\r\n+ttl\r\n:3\r\n*2\r\n|0\r\n|1\r\n+a\r\n*1\r\n_\r\n:1\r\n*1\r\n~2\r\n$0\r\n\r\n=5\r\ntxt:a\r\n",
        ">2\r\n+message\r\n:1\r\n%1\r\n+k\r\n$-1\r\n",
        "*3\r\n!3\r\nERR\r\n-ERR x\r\n#f\r\n",
        &deep,
    ];
    for case in cases {
        let replies = format!("{case}+PONG\r\n");
        let talk: &[(Toward, &[u8])] = &[(UP, b"GET a\r\nPING\r\n"), (DOWN, replies.as_bytes())];
        let heard = whole(talk);
        assert_clear(&heard, talk);
        assert_eq!(heard.answers().len(), 2, "{case}");
        assert_eq!(answers(&heard)[1], "PONG", "{case}");
        assert_eq!(cut(talk, &mut || 1), heard);
    }
    let talk: &[(Toward, &[u8])] = &[(UP, b"GET a\r\n"), (DOWN, b"!8\r\nERR a\r\nb\r\n")];
    assert_eq!(answers(&whole(talk)), ["-ERR a\r\nb"]);
}

#[test]
fn what_is_no_resp_is_opaque() {
    let deep = "*1\r\n".repeat(33);
    let cases: &[(&[u8], &[u8], &str)] = &[
        (b"\x16\x03\x01", b"", "no Redis command"),
        (b"*1\r\n:1\r\n", b"", "no string"),
        (b"*1\r\n$-1\r\n", b"", "no length"),
        (b"*1x\r\n", b"", "a length"),
        (b"*11111111111111111111111111111111111", b"", "a length"),
        (b"*1\r\n$4\r\nPINGxx", b"", "longer"),
        (b"set \"a\n", b"", "quotes"),
        (b"", b"-ERR max number of clients reached\r\n", "nobody asked"),
        (b"PING\r\n", b"?", "no Redis reply"),
        (b"PING\r\n", b"*1\r\n>1\r\n", "a push inside"),
        (b"PING\r\n", b"*2\r\n:1\r\n.\r\n", "no Redis reply"),
        (b"PING\r\n", deep.as_bytes(), "deeper"),
        (b"PING\r\n", b"*99999999999999999999\r\n", "a length"),
        (b"PING\r\n", b"%18446744073709551615\r\n", "a length"),
    ];
    for (up, down, why) in cases {
        let talk = &[(UP, *up), (DOWN, *down)];
        let heard = whole(talk);
        assert_untouched(&heard, talk);
        assert!(opaque(&heard).contains(why), "{}: {}", up.escape_ascii(), opaque(&heard));
    }
    let long = vec![b'x'; LOOK + 1];
    assert!(opaque(&whole(&[(UP, &long)])).contains("64 KiB"));
}

#[test]
fn an_endless_pipeline_is_opaque() {
    let talk = b"SUBSCRIBE a\n".repeat(SUBSCRIPTIONS + 1);
    let heard = whole(&[(UP, &talk)]);
    assert_eq!(heard.asks().len(), SUBSCRIPTIONS);
    assert!(opaque(&heard).contains("without a reply"));
}

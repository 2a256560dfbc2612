mod cuts;
mod recordings;
mod refusals;

use super::super::testing::{Heard, Said, assert_untouched, hear};
use super::*;

const UP: Toward = Toward::Server;
const DOWN: Toward = Toward::Client;

/// A conversation.
type Talk<'a> = &'a [(Toward, &'a [u8])];

fn whole(talk: &[(Toward, &[u8])]) -> Heard {
    cut(talk, &mut || usize::MAX)
}

fn cut(talk: &[(Toward, &[u8])], cuts: &mut dyn FnMut() -> usize) -> Heard {
    hear(&mut Http::new(), talk, cuts)
}

fn texts(heard: &Heard) -> Vec<&str> {
    heard.asks().iter().map(|ask| ask.text.as_str()).collect()
}

/// What was answered: `+` for ok, `!` for committed.
fn answers(heard: &Heard) -> Vec<String> {
    let sign = |yes, sign| if yes { sign } else { "" };
    let told =
        |answer: &&Answer| format!("{}{}{}", sign(answer.ok, "+"), sign(answer.committed, "!"), answer.said);
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

#[test]
fn a_change_is_asked_for_and_committed_by_its_status() {
    let talk: &[(Toward, &[u8])] = &[
        (UP, b"POST /flags?dry=no HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\non=1"),
        (DOWN, b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok"),
        (UP, b"GET /flags HTTP/1.1\r\nHost: x\r\n\r\n"),
        (DOWN, b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\non\n"),
        (UP, b"DELETE /flags HTTP/1.1\r\nHost: x\r\n\r\n"),
        (DOWN, b"HTTP/1.1 503 \r\ncontent-length: 0\r\n\r\n"),
    ];
    let heard = whole(talk);
    assert_clear(&heard, talk);
    assert_eq!(texts(&heard), ["POST /flags?dry=no", "GET /flags", "DELETE /flags"]);
    assert_eq!(heard.asks().iter().map(|ask| ask.commits).collect::<Vec<_>>(), [true, false, true]);
    assert!(heard.asks().iter().all(|ask| ask.kind == Kind::Request && !ask.rides));
    assert_eq!(answers(&heard), ["+!201 Created", "+200 OK", "503"]);
}

#[test]
fn nothing_of_a_message_is_passed_before_its_mark() {
    let mut reader = Http::new();
    let request = b"PUT /a HTTP/1.1\r\nContent-Length: 1\r\n\r\nxGET";
    assert_eq!(reader.next(UP, &request[..30]), Next::More);
    assert!(matches!(reader.next(UP, request), Next::Ask(_)));
    assert_eq!(
        reader.next(UP, request),
        Next::Pass(request.len() - 3),
        "head and body, not the next request"
    );
    let response = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx";
    assert_eq!(reader.next(DOWN, &response[..20]), Next::More);
    assert!(matches!(reader.next(DOWN, response), Next::Answer(_)));
    assert_eq!(reader.next(DOWN, response), Next::Pass(response.len()));
}

#[test]
fn what_requests_hold_is_kept_without_their_framing_where_that_is_asked_for() {
    let head = "POST /charges HTTP/1.1\r\nIdempotency-Key: k\r\nTransfer-Encoding: chunked\r\n\r\n";
    let talk = format!(
        "{head}8;x=y\r\n{{\"order\"\r\n4\r\n: 7}}\r\n0\r\nT: 1\r\n\r\nGET / HTTP/1.1\r\n\r\n{head}5\r\nhal"
    );
    let fields = [Field::Json("order".to_owned()), Field::Header("idempotency-key".to_owned())];
    for length in 1..talk.len() {
        let mut reader = Http::keeping(fields.iter().cloned().collect());
        let heard = hear(&mut reader, &[(UP, talk.as_bytes())], &mut || length);
        assert_untouched(&heard, &[(UP, talk.as_bytes())]);
        let charge = reader.content().unwrap();
        assert_eq!(charge.fields["json order"], "7");
        assert_eq!((charge.fields["header idempotency-key"].as_str(), charge.bytes), ("k", 12));
        assert_eq!(reader.content().map(|read| (read.fields.len(), read.bytes)), Some((0, 0)));
        assert_eq!(reader.content(), None, "what is not whole is not told");
    }
    let mut reader = Http::new();
    hear(&mut reader, &[(UP, talk.as_bytes())], &mut || usize::MAX);
    assert_eq!(reader.content(), None);
}

#[test]
fn a_pipeline_keeps_its_answers_in_order() {
    let talk: &[(Toward, &[u8])] = &[
        (UP, b"HEAD /a HTTP/1.1\r\n\r\n\r\nGET /b HTTP/1.1\r\n\r\nPOST /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nT: 1\r\n\r\nGET /d HTTP/1.1\r\n\r\n"),
        (DOWN, b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nHTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\nHTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 404 Not Found\r\nTransfer-Encoding: gzip, chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"),
    ];
    let heard = whole(talk);
    assert_clear(&heard, talk);
    assert_eq!(texts(&heard), ["HEAD /a", "GET /b", "POST /c", "GET /d"]);
    assert_eq!(answers(&heard), ["+200 OK", "+304 Not Modified", "+!204 No Content", "404 Not Found"]);
}

#[test]
fn interim_responses_are_not_the_answer() {
    let talk: &[(Toward, &[u8])] = &[
        (UP, b"POST /a HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"),
        (DOWN, b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"),
        (UP, b"hello"),
        (DOWN, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
        (UP, b"GET /b HTTP/1.1\r\n\r\n"),
    ];
    let heard = whole(talk);
    assert_clear(&heard, talk);
    assert_eq!(texts(&heard), ["POST /a", "GET /b"]);
    assert_eq!(answers(&heard), ["+!200 OK"]);
}

#[test]
fn a_refused_expectation_leaves_open_whether_the_body_comes() {
    let head = b"POST /a HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n";
    let no = b"HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n";
    let talk: &[(Toward, &[u8])] = &[(UP, head), (DOWN, no), (UP, b"hello")];
    let heard = whole(talk);
    assert_untouched(&heard, talk);
    assert_eq!(answers(&heard), ["417 Expectation Failed"]);
    assert!(opaque(&heard).contains("before the body"));
    let talk: &[(Toward, &[u8])] = &[(UP, head), (UP, b"he"), (DOWN, no), (UP, b"lloGET / HTTP/1.1\r\n\r\n")];
    let heard = whole(talk);
    assert_clear(&heard, talk);
    assert_eq!(texts(&heard), ["POST /a", "GET /"]);
}

#[test]
fn an_early_answer_does_not_end_the_request() {
    let talk: &[(Toward, &[u8])] = &[
        (UP, b"POST /a HTTP/1.1\r\nContent-Length: 8\r\n\r\nGET "),
        (DOWN, b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n"),
        (UP, b"/ HTGET /b HTTP/1.1\r\n\r\n"),
    ];
    let heard = whole(talk);
    assert_clear(&heard, talk);
    assert_eq!(texts(&heard), ["POST /a", "GET /b"]);
}

#[test]
fn a_response_without_a_length_goes_on_until_the_end() {
    let talk: &[(Toward, &[u8])] = &[
        (UP, b"GET /a HTTP/1.0\r\n\r\n"),
        (DOWN, b"HTTP/1.0 200\r\n\r\nHTTP/1.1 500 this is text\r\n\r\n"),
        (DOWN, b"and more"),
    ];
    let heard = whole(talk);
    assert_clear(&heard, talk);
    assert_eq!(answers(&heard), ["+200"]);
}

#[test]
fn lenient_forms_are_read_as_parsers_read_them() {
    let talk: &[(Toward, &[u8])] = &[
        (UP, b"\r\n\nPOST /a HTTP/1.1\nX: a\n\tfolded: 9\ncontent-length:\t2 \nContent-Length: 2, 2\n\nokGET /\xc3\xa9 HTTP/1.1\r\n\r\n"),
        (DOWN, b"HTTP/1.1 200 OK\nTransfer-Encoding: Chunked\n\n2\nok\n0\n\n"),
    ];
    let heard = whole(talk);
    assert_clear(&heard, talk);
    assert_eq!(texts(&heard), ["POST /a", "GET /é"]);
    assert_eq!(answers(&heard), ["+!200 OK"]);
}

#[test]
fn what_parsers_disagree_about_is_opaque() {
    for (fields, why) in [
        ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "both"),
        ("Content-Length: 5\r\nContent-Length: 6\r\n", "two values"),
        ("Content-Length: +5\r\n", "no number"),
        ("Content-Length: 99999999999999999999\r\n", "no number"),
        ("Content-Length : 5\r\n", "no name"),
        ("Content-Length\r\n", "without a colon"),
        ("Transfer-Encoding:\r\n chunked\r\n", "fold"),
        (" Host: x\r\n", "fold"),
        ("Transfer-Encoding: chunked, gzip\r\n", "after chunked"),
        ("Transfer-Encoding: gzip\r\n", "not chunked"),
        ("X: a\rb\r\n", "carriage return"),
        ("X: a\0b\r\n", "control character"),
    ] {
        let request = format!("POST / HTTP/1.1\r\n{fields}\r\nhello");
        let talk: &[(Toward, &[u8])] = &[(UP, request.as_bytes()), (DOWN, b"HTTP/1.1 200 OK\r\n\r\n")];
        let heard = whole(talk);
        assert_untouched(&heard, talk);
        assert!(heard.asks().is_empty(), "{fields}");
        assert!(opaque(&heard).contains(why), "{fields}: {}", opaque(&heard));
    }
}

#[test]
fn an_answer_is_told_even_where_its_end_is_unclear() {
    let talk: &[(Toward, &[u8])] = &[
        (UP, b"POST / HTTP/1.1\r\n\r\n"),
        (DOWN, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ];
    let heard = whole(talk);
    assert_untouched(&heard, talk);
    assert_eq!(answers(&heard), ["+!200 OK"]);
    assert!(opaque(&heard).contains("both"));
}

#[test]
fn tunnels_and_other_protocols_are_opaque() {
    let tls = b"\x16\x03\x01\x02\x00";
    let cases: &[(Talk<'_>, &[&str], &str)] = &[
        (
            &[
                (UP, b"CONNECT db:5432 HTTP/1.1\r\n\r\n"),
                (DOWN, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"),
                (UP, tls),
            ],
            &["+!200 OK"],
            "tunnel",
        ),
        (
            &[
                (UP, b"GET /ws HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"),
                (DOWN, b"HTTP/1.1 101 Switching Protocols\r\n\r\n\x81\x05"),
            ],
            &["+101 Switching Protocols"],
            "101",
        ),
        (&[(UP, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")], &[], "other than 1"),
        (&[(UP, tls)], &[], "control character"),
        (&[(UP, b"SSH-2.0-x\r\n")], &[], "no HTTP request"),
        (&[(UP, b"GET /old\r\n")], &[], "request line"),
        (&[(UP, b"{\"a\"")], &[], "no HTTP request"),
        (&[(DOWN, b"220 mail")], &[], "without a request"),
        (&[(UP, b"GET / HTTP/1.1\r\n\r\n"), (DOWN, b"ICY 200")], &[], "no HTTP response"),
    ];
    for (talk, told, why) in cases {
        let heard = whole(talk);
        assert_untouched(&heard, talk);
        assert_eq!(answers(&heard), *told);
        assert!(opaque(&heard).contains(why), "{}", opaque(&heard));
    }
}

#[test]
fn a_connect_that_fails_goes_on() {
    let talk: &[(Toward, &[u8])] = &[
        (UP, b"CONNECT db:1 HTTP/1.1\r\n\r\n"),
        (DOWN, b"HTTP/1.1 407 No\r\nContent-Length: 1\r\n\r\nx"),
        (UP, b"GET / HTTP/1.1\r\n\r\n"),
        (DOWN, b"HTTP/1.1 200 OK\r\n\r\n"),
    ];
    let heard = whole(talk);
    assert_clear(&heard, talk);
    assert_eq!(answers(&heard), ["407 No", "+200 OK"]);
}

#[test]
fn a_head_beyond_the_look_is_opaque_and_a_body_is_not() {
    let head = format!("GET / HTTP/1.1\r\nCookie: {}\r\n\r\n", "x".repeat(LOOK));
    let talk: &[(Toward, &[u8])] = &[(UP, head.as_bytes())];
    let heard = whole(talk);
    assert_untouched(&heard, talk);
    assert!(opaque(&heard).contains("a head of more"));
    let body = vec![b'x'; 3 * LOOK];
    let head = format!("PUT / HTTP/1.1\r\nContent-Length: {}\r\n\r\n", body.len());
    let talk: &[(Toward, &[u8])] = &[(UP, head.as_bytes()), (UP, &body), (UP, b"GET / HTTP/1.1\r\n\r\n")];
    let heard = whole(talk);
    assert_clear(&heard, talk);
    assert_eq!(texts(&heard), ["PUT /", "GET /"]);
}

#[test]
fn an_endless_pipeline_is_opaque() {
    let talk = b"GET / HTTP/1.1\r\n\r\n".repeat(PIPELINE + 1);
    let heard = whole(&[(UP, &talk)]);
    assert_eq!(heard.asks().len(), PIPELINE);
    assert!(opaque(&heard).contains("without a response"));
}

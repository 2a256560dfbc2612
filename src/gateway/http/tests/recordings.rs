//! What was recorded between curl and real servers.

use super::super::super::testing::recorded;
use super::{Toward, answers, assert_clear, cut, whole};

fn told(recording: &str) -> (Vec<String>, Vec<String>) {
    let pieces = recorded(recording);
    let talk: Vec<(Toward, &[u8])> = pieces.iter().map(|(toward, bytes)| (*toward, &bytes[..])).collect();
    let heard = whole(&talk);
    assert_clear(&heard, &talk);
    assert_eq!(cut(&talk, &mut || 1), heard);
    (heard.asks().iter().map(|ask| ask.text.clone()).collect(), answers(&heard))
}

#[test]
fn curl_and_an_old_server_are_understood() {
    let (asked, answered) = told(include_str!("../../../../tests/fixtures/wire/http/get-from-http-1.0.txt"));
    assert_eq!((&asked[..], &answered[..]), (&["GET /a.txt".to_owned()][..], &["+200 OK".to_owned()][..]));
    let (asked, answered) =
        told(include_str!("../../../../tests/fixtures/wire/http/post-is-unsupported.txt"));
    assert_eq!(asked, ["POST /flags"]);
    assert_eq!(answered, ["501 Unsupported method ('POST')"]);
}

#[test]
fn curl_and_a_server_of_chunks_are_understood_on_one_connection() {
    let (asked, answered) =
        told(include_str!("../../../../tests/fixtures/wire/http/keep-alive-in-chunks.txt"));
    let expected = [
        ("GET /a?x=1", "+200 OK"),
        ("HEAD /h", "+200 OK"),
        ("POST /flags", "+!201 Created"),
        ("DELETE /flags", "+!204 No Content"),
        ("PUT /flags", "409 Conflict"),
        ("POST /expect", "+!201 Created"),
        ("POST /upload", "+!201 Created"),
    ];
    assert_eq!(asked, expected.map(|(ask, _)| ask));
    assert_eq!(answered, expected.map(|(_, answer)| answer));
}

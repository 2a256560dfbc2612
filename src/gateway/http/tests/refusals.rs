//! Answers in the place of the server.

use super::{DOWN, Http, Next, Reader, Refusal, UP};

fn refusal(code: &str) -> Refusal {
    Refusal { code: code.to_owned(), message: "no längre".to_owned() }
}

/// Drives the client's side until its ask.
fn ask(reader: &mut Http, bytes: &[u8]) {
    assert!(matches!(reader.next(UP, bytes), Next::Ask(_)));
}

#[test]
fn a_refused_request_never_reaches_the_server() {
    let mut reader = Http::new();
    let request = b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhe";
    ask(&mut reader, request);
    let told = String::from_utf8(reader.refuse(&refusal("503")).unwrap()).unwrap();
    assert_eq!(
        told,
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\n\
         Content-Length: 10\r\nConnection: close\r\n\r\nno längre"
    );
    assert_eq!(reader.next(UP, request), Next::Drop(request.len()));
    assert_eq!(reader.next(UP, b"llo"), Next::Drop(3));
    assert_eq!(reader.next(DOWN, b"HTTP/1.1 408 Late\r\n\r\n"), Next::Drop(21), "the client has its answer");
}

#[test]
fn a_refused_head_has_no_body() {
    let mut reader = Http::new();
    ask(&mut reader, b"HEAD / HTTP/1.1\r\n\r\n");
    let told = reader.refuse(&refusal("429")).unwrap();
    assert!(told.starts_with(b"HTTP/1.1 429 Too Many Requests\r\n") && told.ends_with(b"close\r\n\r\n"));
}

#[test]
fn what_cannot_be_refused_says_so_and_goes_on() {
    let mut reader = Http::new();
    let request = b"GET / HTTP/1.1\r\n\r\n";
    assert!(reader.refuse(&refusal("503")).unwrap_err().contains("no request"));
    ask(&mut reader, request);
    for code in ["200", "600", "4", "E503", ""] {
        assert!(reader.refuse(&refusal(code)).is_err(), "{code}");
    }
    assert_eq!(reader.next(UP, request), Next::Pass(request.len()));
    let response = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf";
    assert!(matches!(reader.next(DOWN, response), Next::Answer(_)));
    assert_eq!(reader.next(DOWN, response), Next::Pass(response.len()));
    ask(&mut reader, request);
    assert!(reader.refuse(&refusal("503")).unwrap_err().contains("on its way"));
    assert_eq!(reader.next(UP, request), Next::Pass(request.len()));
}

//! The connection's beginning.

use super::*;

fn after(talk: &[(Toward, Vec<u8>)]) -> (Mysql, Heard) {
    let mut reader = Mysql::new();
    let talk: Vec<(Toward, &[u8])> = talk.iter().map(|(toward, bytes)| (*toward, bytes.as_slice())).collect();
    let heard = hear(&mut reader, &talk, &mut || 7);
    (reader, heard)
}

fn opaque(heard: &Heard) -> &str {
    let [Said::Opaque(why)] = &heard.said[..] else { panic!("{:?}", heard.said) };
    why
}

fn offer(capabilities: u64) -> (Toward, Vec<u8>) {
    (DOWN, packet(0, &greeting(capabilities)))
}

#[test]
fn tls_and_compression_are_not_offered() {
    let zstd = flag::SSL | flag::COMPRESS | flag::ZSTD;
    let (_, heard) = after(&[offer(USUAL | zstd)]);
    assert_eq!(heard.passed[1], packet(0, &greeting(USUAL)));
}

#[test]
fn a_client_that_goes_away_at_the_greeting_insists_on_tls() {
    let (reader, _) = after(&[offer(USUAL | flag::SSL)]);
    assert!(reader.insists_on_tls());
    let (reader, _) = after(&[offer(USUAL)]);
    assert!(!reader.insists_on_tls(), "there was no TLS to insist on");
    let (reader, _) = after(&[offer(USUAL | flag::SSL), response(USUAL)]);
    assert!(!reader.insists_on_tls());
}

#[test]
fn a_client_that_asks_for_tls_unoffered_insists_and_is_not_read() {
    let request = [&(USUAL | flag::SSL).to_le_bytes()[..4], &[0; 28]].concat();
    let (reader, heard) =
        after(&[offer(USUAL | flag::SSL), (UP, packet(1, &request)), (UP, b"\x16\x03\x01".to_vec())]);
    assert!(reader.insists_on_tls());
    assert_eq!(opaque(&heard), "the client asks for TLS, which was not offered");
    assert_eq!(heard.passed[0], [packet(1, &request), b"\x16\x03\x01".to_vec()].concat());
}

#[test]
fn passwords_are_exchanged_until_an_ok() {
    let switch = (DOWN, packet(2, b"\xfecaching_sha2_password\0abcdefghijklmnopqrst\0"));
    let full = (DOWN, packet(4, &[1, 4]));
    let mut talk = vec![offer(USUAL | flag::SSL), response(USUAL), switch, (UP, packet(3, &[7; 32])), full];
    let (reader, _) = after(&talk);
    assert!(reader.insists_on_tls(), "the server waits for a password that is given over TLS only");
    // A client may ask for the server's public key instead.
    talk.extend([(UP, packet(5, &[2])), (DOWN, packet(6, b"\x01-----BEGIN")), (UP, packet(7, &[9; 256]))]);
    talk.extend([ok(8, 0, 2), query("SELECT 1"), ok(1, 0, 2)]);
    let (reader, heard) = after(&talk);
    assert!(!reader.insists_on_tls());
    assert_eq!((texts(&heard), said(&heard)), (vec!["SELECT 1"], vec!["OK"]));
}

#[test]
fn a_server_that_takes_nobody_is_passed() {
    let talk = [error(0, 1040, "Too many connections")];
    let (_, heard) = after(&talk);
    assert_eq!((heard.said.len(), heard.passed[1].as_slice()), (0, talk[0].1.as_slice()));
    let denied = [offer(USUAL), response(USUAL), error(2, 1045, "#28000Access denied")];
    let (_, heard) = after(&denied);
    assert_eq!((heard.said.len(), &heard.passed[1]), (0, &sent(&denied.to_vec(), DOWN)));
}

#[test]
fn a_change_of_user_is_a_login_again() {
    let prepare = (UP, packet(0, b"\x16DELETE FROM t"));
    let number = (DOWN, packet(1, &[0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]));
    let change = (UP, packet(0, b"\x11root\0\0db\0"));
    let switch = (DOWN, packet(1, b"\xfemysql_native_password\0abcdefghijklmnopqrst\0"));
    let execute = (UP, packet(0, b"\x17\x07\0\0\0\0\x01\0\0\0"));
    let talk = [prepare, number, change, switch, (UP, packet(2, &[5; 20])), ok(3, 0, 2), execute];
    assert_eq!(texts(&heard(&logged_in(USUAL, talk))), ["EXECUTE 7"]);
}

#[test]
fn what_is_no_greeting_or_response_is_not_read() {
    let (_, heard) = after(&[(DOWN, packet(0, b"\x09old"))]);
    assert_eq!(opaque(&heard), "the server does not greet with protocol version 10");
    // Told at once: an SSH client waits for this line.
    let mut reader = Mysql::new();
    assert!(matches!(reader.next(DOWN, b"SSH-2.0-x\r\n"), Next::Opaque(_)));
    let (_, heard) = after(&[(UP, b"GET / HTTP/1.1".to_vec())]);
    assert_eq!(opaque(&heard), "the client speaks first");
    let (_, heard) = after(&[offer(USUAL), response(0)]);
    assert_eq!(opaque(&heard), "a client from before MySQL 4.1");
    let (_, heard) = after(&[offer(USUAL | flag::COMPRESS), response(USUAL | flag::COMPRESS)]);
    assert_eq!(opaque(&heard), "the client compresses, which was not offered");
}

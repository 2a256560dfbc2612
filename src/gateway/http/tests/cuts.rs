//! Anything, cut anyhow.

use proptest::prelude::*;

use super::super::Http;
use crate::gateway::testing::{assert_cuts_change_nothing, babble, lengths};

/// Pieces of which most put together mean something.
const PIECES: &[&str] = &[
    "GET / HTTP/1.1\r\n",
    "HEAD /h HTTP/1.1\r\n",
    "POST /p HTTP/1.0\r\n",
    "CONNECT a:1 HTTP/1.1\r\n",
    "HTTP/1.1 200 OK\r\n",
    "HTTP/1.1 100 Continue\r\n\r\n",
    "HTTP/1.1 404\n",
    "HTTP/1.1 204 No\r\n",
    "Content-Length: 5\r\n",
    "Content-Length: 0\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Expect: 100-continue\r\n",
    "X: y\r\n z\r\n",
    "\r\n",
    "\n",
    "\r",
    "5\r\nhello\r\n",
    "0\r\n\r\n",
    "hello",
    ";e=1",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_cut_of_anything_is_heard_alike_and_passed_untouched(
        talk in babble(PIECES, 8), cuts in lengths(),
    ) {
        assert_cuts_change_nothing(Http::new, &talk, &cuts);
    }
}

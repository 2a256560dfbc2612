//! Anything, cut anyhow.

use proptest::prelude::*;

use super::super::Redis;
use crate::gateway::testing::{assert_cuts_change_nothing, babble, lengths};

/// Pieces of which most put together mean something.
const PIECES: &[&str] = &[
    "PING\r\n",
    "*1\r\n$5\r\nMULTI\r\n",
    "*1\r\n$4\r\nEXEC\r\n",
    "*2\r\n$9\r\nSUBSCRIBE\r\n$1\r\na\r\n",
    "UNSUBSCRIBE\r\n",
    "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n",
    "$5\r\nhello\r\n",
    "MONITOR\n",
    "+OK\r\n",
    "+QUEUED\r\n",
    "-ERR no\r\n",
    "*-1\r\n",
    "*2\r\n",
    "%1\r\n",
    "|1\r\n",
    ">3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n",
    ">1\r\n",
    "$?\r\n",
    ";2\r\nab\r\n",
    ";0\r\n",
    "*?\r\n",
    ".\r\n",
    ":1\r\n",
    "_\r\n",
    "$-1\r\n",
    "!3\r\nERR\r\n",
    "\r\n",
    "*0\r\n",
    "\"a",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_cut_of_anything_is_heard_alike_and_passed_untouched(
        talk in babble(PIECES, 12), cuts in lengths(),
    ) {
        assert_cuts_change_nothing(Redis::new, &talk, &cuts);
    }
}

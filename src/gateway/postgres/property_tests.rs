//! What holds for every cut and for every garbage.

use proptest::prelude::*;

use super::Postgres;
use super::testing::{
    Talk, bind, columns, complete, describe_portal, error, execute, message, parse, query, ready, row, run,
    startup, sync,
};
use crate::gateway::reader::{LOOK, Next, Reader, Refusal, Toward};

/// What a client may send, sensible or not.
fn from_client() -> impl Strategy<Value = Vec<u8>> {
    let texts = prop::sample::select(vec![
        "BEGIN; INSERT INTO t VALUES (1)",
        "COMMIT",
        "ROLLBACK AND CHAIN",
        "SELECT 1; DELETE FROM t; SELECT 2",
        "COPY t FROM STDIN CSV",
        "DEALLOCATE ALL",
        "'",
        "",
    ]);
    let names = || prop::sample::select(vec!["", "a", "b"]);
    prop_oneof![
        6 => texts.clone().prop_map(query),
        6 => texts.clone().prop_map(run),
        6 => (names(), texts).prop_map(|(name, text)| parse(name, text)),
        6 => (names(), names()).prop_map(|(portal, statement)| bind(portal, statement)),
        6 => names().prop_map(describe_portal),
        6 => names().prop_map(|name| execute(name, 1)),
        6 => names().prop_map(|name| message(b'C', format!("P{name}\0").as_bytes())),
        6 => Just(sync()),
        6 => prop::sample::select(b"HcfFX".to_vec()).prop_map(|kind| message(kind, &[0; 8])),
        6 => "[a\n\"\\\\]{0,9}".prop_map(|rows| message(b'd', rows.as_bytes())),
        6 => (70_000..140_000_usize).prop_map(|length| query(&"SELECT 1;".repeat(length / 9))),
        1 => prop::collection::vec(any::<u8>(), 0..20),
    ]
}

/// What a server may send, sensible or not.
fn from_server() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => prop::sample::select(vec!["INSERT 0 1", "COMMIT", "ROLLBACK", "SELECT 1"]).prop_map(complete),
        6 => prop::sample::select(b"ITE".to_vec()).prop_map(ready),
        6 => prop::sample::select(b"123ntIsVNAGHWdc".to_vec()).prop_map(|kind| message(kind, &[0; 3])),
        6 => Just(columns()),
        6 => Just(error("40001", "no")),
        6 => Just(message(b'E', b"VFATAL\0C57P01\0Mend\0\0")),
        6 => (0..100_000_usize).prop_map(|length| row(&vec![b'x'; length])),
        1 => prop::collection::vec(any::<u8>(), 0..20),
    ]
}

fn talk() -> impl Strategy<Value = Talk> {
    let turn = prop_oneof![
        4 => from_client().prop_map(|bytes| (Toward::Server, bytes)),
        4 => from_server().prop_map(|bytes| (Toward::Client, bytes)),
    ];
    prop::collection::vec(turn, 0..40).prop_map(|turns| {
        let mut talk = Talk::default().client(&[startup(196_608, b"user\0a\0\0")]).server(&[ready(b'I')]);
        talk.0.extend(turns);
        talk
    })
}

fn stopping(row: u64) -> Postgres {
    let mut reader = Postgres::new();
    reader.stop_at_row(Some(row));
    reader
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn cutting_changes_nothing_and_every_byte_passes(
        talk in talk(),
        cuts in prop::collection::vec(prop_oneof![1..20_usize, 1..100_000_usize], 1..20),
        row in 1..4_u64,
    ) {
        let whole = talk.cut(&mut stopping(row), &mut || usize::MAX);
        for side in [Toward::Server, Toward::Client] {
            prop_assert!(whole.passed[side as usize] == talk.sent(side), "what came was not passed");
        }
        let mut cuts = cuts.iter().copied().cycle();
        let cut = talk.cut(&mut stopping(row), &mut || cuts.next().unwrap_or(1));
        prop_assert_eq!(super::testing::lines(&cut), super::testing::lines(&whole));
        prop_assert!(cut.passed == whole.passed, "other bytes were passed");
    }

    #[test]
    fn garbage_from_the_first_byte_on_passes(
        turns in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 1..300)), 0..8),
    ) {
        let mut talk = Talk::default();
        for (client, bytes) in turns {
            talk = if client { talk.client(&[bytes]) } else { talk.server(&[bytes]) };
        }
        let heard = talk.cut(&mut Postgres::new(), &mut || 7);
        for side in [Toward::Server, Toward::Client] {
            prop_assert_eq!(&heard.passed[side as usize], &talk.sent(side));
        }
    }

    #[test]
    fn refusals_stop_no_conversation(talk in talk(), refused in prop::collection::vec(any::<bool>(), 1..9)) {
        let refusal = Refusal { code: "40001".to_owned(), message: "no".to_owned() };
        let mut refused = refused.into_iter().cycle();
        let mut reader = Postgres::new();
        let mut unread = [Vec::new(), Vec::new()];
        for (toward, bytes) in &talk.0 {
            let unread = &mut unread[*toward as usize];
            unread.extend_from_slice(bytes);
            let mut marks = 0;
            while !unread.is_empty() {
                marks += 1;
                prop_assert!(marks < 100_000, "a reader does not get on");
                match reader.next(*toward, unread) {
                    Next::More => {
                        prop_assert!(unread.len() < LOOK);
                        break;
                    }
                    Next::Pass(count) | Next::Drop(count) => drop(unread.drain(..count)),
                    Next::Ask(_) if refused.next() == Some(true) => drop(reader.refuse(&refusal)),
                    _ => {}
                }
            }
        }
    }

    #[test]
    fn each_ask_is_answered_at_most_once(talk in talk()) {
        let heard = talk.cut(&mut Postgres::new(), &mut || usize::MAX);
        prop_assert!(heard.answers().len() <= heard.asks().len());
    }
}

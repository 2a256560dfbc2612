use proptest::prelude::*;

use super::super::testing::{
    Heard, Said, assert_cuts_change_nothing, assert_untouched, babble, hear, lengths,
};
use super::*;

const UP: Toward = Toward::Server;
const DOWN: Toward = Toward::Client;

/// A conversation.
type Talk<'a> = &'a [(Toward, &'a [u8])];

/// One mail to two, of whom one is refused; then another.
const TALK: Talk<'static> = &[
    (DOWN, b"220 mx\r\n"),
    (UP, b"EHLO x\r\n"),
    (DOWN, b"250-mx\r\n250 8BITMIME\r\n"),
    (UP, b"MAIL FROM:<shop@x>\r\n"),
    (DOWN, b"250 ok\r\n"),
    (UP, b"RCPT TO:<a@y>\r\n"),
    (DOWN, b"250 ok\r\n"),
    (UP, b"rcpt to: <b@y> NOTIFY=NEVER\r\n"),
    (DOWN, b"550 nobody\r\n"),
    (UP, b"DATA\r\n"),
    (DOWN, b"354 go on\r\n"),
    (UP, b"Subject: your order 7\r\n\r\n..hidden: x\r\n.\r\n"),
    (DOWN, b"250 2.0.0 taken\r\n"),
    (UP, b"MAIL FROM:<>\r\nRCPT TO:<c@y>\r\nDATA\r\n"),
    (DOWN, b"250 ok\r\n250 ok\r\n452 full\r\n"),
    (UP, b"QUIT\r\n"),
    (DOWN, b"221 bye\r\n"),
];

fn told(heard: &Heard) -> Vec<String> {
    let told = heard.said.iter().map(|said| match said {
        Said::Ask(ask) => ask.text.clone(),
        Said::Answer(answer) => format!("{} {}", answer.committed, answer.said),
        Said::Row(_) => "row".to_owned(),
        Said::Opaque(why) => format!("opaque: {why}"),
    });
    told.collect()
}

#[test]
fn a_mail_is_asked_for_with_those_who_get_it_and_answered_when_it_is_taken() {
    let mut reader = Smtp::keeping([Field::Header("Subject".to_owned())].into());
    let heard = hear(&mut reader, TALK, &mut || usize::MAX);
    assert_untouched(&heard, TALK);
    assert_eq!(told(&heard), ["MAIL a@y", "true 250 2.0.0 taken", "MAIL c@y", "false 452 full"]);
    let first = reader.content().unwrap();
    assert_eq!(first.fields["header Subject"], "your order 7");
    assert_eq!((first.fields["sender"].as_str(), first.bytes), ("shop@x", 37));
    let second = reader.content().unwrap();
    assert_eq!((second.fields["sender"].as_str(), second.bytes), ("", 0));
    assert_eq!(reader.content(), None);
}

#[test]
fn a_conversation_that_changes_into_something_else_is_opaque() {
    let greeting: (Toward, &[u8]) = (DOWN, b"220 mx\r\n");
    let cases: &[(Talk<'_>, &str)] = &[
        (&[greeting, (UP, b"STARTTLS\r\n"), (DOWN, b"220 go\r\n"), (UP, b"\x16\x03")], "TLS"),
        (&[greeting, (UP, b"AUTH LOGIN\r\n"), (DOWN, b"334 VXNl\r\n")], "authentication"),
        (&[greeting, (UP, b"BDAT 9 LAST\r\n"), (DOWN, b"250 ok\r\n")], "BDAT"),
        (&[greeting, (UP, b"DATA\r\nx")], "content before"),
        (&[(DOWN, b"HTTP/1.1 400\r\n")], "no SMTP reply"),
        (&[greeting, (DOWN, b"250 ok\r\n")], "without a command"),
    ];
    for (talk, why) in cases {
        let heard = hear(&mut Smtp::new(), talk, &mut || usize::MAX);
        assert_untouched(&heard, talk);
        assert!(told(&heard).last().unwrap().contains(why), "{why}: {:?}", told(&heard));
    }
    let refused: Talk<'_> = &[greeting, (UP, b"STARTTLS\r\n"), (DOWN, b"502 no\r\n")];
    assert!(hear(&mut Smtp::new(), refused, &mut || usize::MAX).said.is_empty());
}

#[test]
fn a_mail_can_be_refused_in_the_server_s_place_and_the_connection_goes_on() {
    let refusal = Refusal { code: "451".to_owned(), message: "try\nlater".to_owned() };
    let mut reader = Smtp::new();
    hear(&mut reader, &TALK[..7], &mut || usize::MAX);
    assert!(reader.refuse(&refusal).is_err(), "there is no mail yet");
    assert!(matches!(reader.next(UP, b"DATA\r\n"), Next::Ask(_)));
    assert_eq!(reader.refuse(&refusal).unwrap(), b"451 try later\r\n");
    assert_eq!(reader.next(UP, b"DATA\r\nRSET\r\n"), Next::Drop(6));
    assert_eq!(reader.next(UP, b"RSET\r\n"), Next::Pass(6));
    assert_eq!(reader.next(DOWN, b"250 ok\r\n"), Next::Pass(8));
    assert!(reader.refuse(&Refusal { code: "250".to_owned(), ..refusal }).is_err());
}

/// Pieces of which most put together mean something.
const PIECES: &[&str] = &[
    "220 mx\r\n",
    "250 ok\r\n",
    "250-a\r\n",
    "354 go\r\n",
    "550 no\r\n",
    "EHLO x\r\n",
    "MAIL FROM:<a@x>\r\n",
    "RCPT TO:<b@y>\r\n",
    "DATA\r\n",
    "Subject: s\r\n",
    "\r\n",
    ".",
    "\r",
    "\n",
    ".\r\n",
    "RSET\r\n",
    "QUIT\r\n",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_cut_of_anything_is_heard_alike_and_passed_untouched(
        talk in babble(PIECES, 8), cuts in lengths(),
    ) {
        assert_cuts_change_nothing(Smtp::new, &talk, &cuts);
    }

    #[test]
    fn a_conversation_is_heard_alike_however_it_is_cut(cuts in lengths()) {
        let talk: Vec<(Toward, Vec<u8>)> =
            TALK.iter().map(|(toward, bytes)| (*toward, bytes.to_vec())).collect();
        assert_cuts_change_nothing(Smtp::new, &talk, &cuts);
    }
}

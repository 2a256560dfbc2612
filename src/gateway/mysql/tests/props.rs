//! However the bytes are cut, and whatever they are.

use proptest::prelude::*;

use super::recorded::{ALL, talk};
use super::*;

fn is_opaque(heard: &Heard) -> bool {
    heard.said.iter().any(|said| matches!(said, Said::Opaque(_)))
}

/// Cuts in turn, over and over.
fn cutter(cuts: Vec<usize>) -> impl FnMut() -> usize {
    let mut at = 0;
    move || {
        at += 1;
        cuts[at % cuts.len()]
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn cuts_change_nothing(which in 0..ALL.len(), cuts in prop::collection::vec(1_usize..400, 1..20)) {
        let talk = talk(ALL[which]);
        prop_assert_eq!(hear_in(&talk, &mut cutter(cuts)), heard(&talk));
    }

    #[test]
    fn garbage_passes(
        talk in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 1..60)), 0..12),
        capabilities in any::<u64>(),
        cut in 1_usize..70,
    ) {
        let talk = talk.into_iter().map(|(up, bytes)| (if up { UP } else { DOWN }, bytes));
        let alone: Talk = talk.clone().collect();
        let heard = hear_in(&alone, &mut || cut);
        prop_assert_eq!(heard.passed[0].len(), sent(&alone, UP).len());
        prop_assert_eq!(heard.passed[1].len(), sent(&alone, DOWN).len());
        let hidden = flag::SSL | flag::COMPRESS | flag::ZSTD;
        let capabilities = capabilities & !hidden | flag::PROTOCOL_41;
        let late = logged_in(capabilities, talk);
        let heard = hear_in(&late, &mut || cut);
        prop_assert_eq!(heard.passed, [sent(&late, UP), sent(&late, DOWN)]);
    }

    #[test]
    fn garbled_conversations_pass(
        which in 0..ALL.len(),
        garbles in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in 1_usize..500,
    ) {
        let mut talk = talk(ALL[which]);
        // Behind the greeting, which is altered.
        let later = talk.len() - 1;
        prop_assume!(later > 0);
        for (message, at, byte) in garbles {
            let bytes = &mut talk[1 + message.index(later)].1;
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let heard = hear_in(&talk, &mut || cut);
        prop_assert_eq!(&heard.passed[0], &sent(&talk, UP));
        let greeting = talk[0].1.len();
        prop_assert_eq!(&heard.passed[1][greeting..], &sent(&talk, DOWN)[greeting..]);
        prop_assert!(is_opaque(&heard) || heard.answers().len() <= heard.asks().len());
    }

    #[test]
    fn texts_are_cut_within_their_bounds(text in r#"[a;'"`\\#*/! \n-]{0,40}"#) {
        let heard = heard(&logged_in(USUAL, [query(&text)]));
        let whole: usize = texts(&heard).iter().map(|text| text.len()).sum();
        prop_assert!(whole <= text.len());
        prop_assert!(!is_opaque(&heard));
    }
}

//! Text made fit to be shown: what a program under test printed, and numbers and times for people.

use std::iter::Peekable;
use std::str::Chars;

const ESCAPE: char = '\u{1b}';

/// Takes out terminal escapes, control characters and characters that turn the direction of
/// writing; keeps line ends and lets a tab be a space.
pub fn clean(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            ESCAPE => skip_escape(&mut rest),
            '\u{9b}' => skip_control_sequence(&mut rest),
            '\u{90}' | '\u{98}' | '\u{9d}' | '\u{9e}' | '\u{9f}' => skip_string(&mut rest),
            '\n' => clean.push('\n'),
            // A progress bar returns to the beginning of its line; each state is a line here.
            '\r' if rest.peek() != Some(&'\n') => clean.push('\n'),
            '\t' => clean.push(' '),
            c if !hidden(c) => clean.push(c),
            _ => {}
        }
    }
    clean
}

/// The same, on one line.
pub fn one_line(text: &str) -> String {
    clean(text).split('\n').map(str::trim_end).collect::<Vec<_>>().join(" ").trim_end().to_owned()
}

/// A number with its digits in groups of three.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A count with its noun: `1 table`, `2 tables`.
pub fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(count as u64))
}

/// A time of so many milliseconds, as a person says it.
pub fn time(ms: u64) -> String {
    match ms {
        0..1000 => format!("{ms} ms"),
        1000..100_000 if ms.is_multiple_of(1000) => format!("{} s", ms / 1000),
        1000..100_000 => format!("{:.1} s", ms as f64 / 1000.0),
        _ => format!("{} min {} s", ms / 60_000, ms % 60_000 / 1000),
    }
}

/// Controls, what turns the direction of writing, and what no XML may hold.
fn hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        || matches!(c, '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

/// What follows ESC: a control sequence, a string, or a sequence of intermediates and one final.
fn skip_escape(rest: &mut Peekable<Chars<'_>>) {
    match rest.peek() {
        Some('[') => {
            rest.next();
            skip_control_sequence(rest);
        }
        Some(']' | 'P' | 'X' | '^' | '_') => {
            rest.next();
            skip_string(rest);
        }
        _ => {
            while rest.next_if(|c| matches!(c, ' '..='/')).is_some() {}
            rest.next_if(|c| matches!(c, '0'..='~'));
        }
    }
}

/// Parameters, intermediates and a final byte. Anything else is text again.
fn skip_control_sequence(rest: &mut Peekable<Chars<'_>>) {
    while rest.next_if(|c| matches!(c, ' '..='?')).is_some() {}
    rest.next_if(|c| matches!(c, '@'..='~'));
}

/// Up to BEL or ST, but never past the line: a torn string must not swallow what follows.
fn skip_string(rest: &mut Peekable<Chars<'_>>) {
    while let Some(c) = rest.next_if(|c| *c != '\n') {
        match c {
            '\u{7}' | '\u{9c}' => return,
            ESCAPE if rest.next_if_eq(&'\\').is_some() => return,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn escapes_and_controls_are_gone_and_words_stay() {
        assert_eq!(clean("\u{1b}[1;31mred\u{1b}[0m"), "red");
        assert_eq!(clean("\u{1b}]0;title\u{7}after"), "after");
        assert_eq!(clean("\u{1b}]8;;http://x\u{1b}\\link\u{1b}]8;;\u{1b}\\"), "link");
        assert_eq!(clean("\u{9b}2Ja\u{0}b\u{8}c\u{7f}"), "abc");
        assert_eq!(clean("\u{1b}(Bx\u{1b}c"), "x");
        assert_eq!(clean("name\tvalue"), "name value");
        assert_eq!(clean("übung → 'né'"), "übung → 'né'");
    }

    #[test]
    fn nothing_turns_the_direction_of_writing() {
        assert_eq!(clean("a\u{202e}b\u{2066}c\u{200f}"), "abc");
    }

    #[test]
    fn each_state_of_a_progress_bar_is_a_line() {
        assert_eq!(clean("10%\r20%\r\ndone"), "10%\n20%\ndone");
        assert_eq!(one_line("10%\r20%\r\ndone\n"), "10% 20% done");
    }

    #[test]
    fn a_torn_string_ends_with_its_line() {
        assert_eq!(clean("\u{1b}]0;never ended\nnext"), "\nnext");
    }

    #[test]
    fn numbers_and_times_are_written_for_people() {
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(grouped(999), "999");
        assert_eq!(counted(1, "table"), "1 table");
        assert_eq!(time(412), "412 ms");
        assert_eq!(time(60_000), "60 s");
        assert_eq!(time(1_460), "1.5 s");
        assert_eq!(time(192_000), "3 min 12 s");
    }

    proptest! {
        #[test]
        fn no_control_character_survives_and_cleaning_twice_changes_nothing(text in any::<String>()) {
            let cleaned = clean(&text);
            prop_assert!(cleaned.chars().all(|c| c == '\n' || !hidden(c)));
            prop_assert_eq!(clean(&cleaned), cleaned);
        }

        #[test]
        fn plain_text_is_left_alone(text in "[a-zA-Z0-9 äé‹›'\\]\\[<>&]*") {
            prop_assert_eq!(clean(&text), text);
        }
    }
}

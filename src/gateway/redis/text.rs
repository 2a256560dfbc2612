//! A command as it is shown: its name, its key, the beginning of its other arguments; never a password.

use std::fmt::Write as _;

use super::command::{Argument, Command};

/// The text of a command. Arguments that were cut say how long they are.
pub(super) fn shown(command: &Command<'_>) -> String {
    let arguments = command.arguments();
    let mut text = String::with_capacity(64);
    let mut was_hidden = false;
    for (at, argument) in arguments.iter().enumerate() {
        let hide = is_secret(arguments, at);
        if hide && was_hidden {
            continue;
        }
        was_hidden = hide;
        if at > 0 {
            text.push(' ');
        }
        match at {
            _ if hide => text.push_str("***"),
            0 => push(
                &mut text,
                &Argument { beginning: &argument.beginning.to_ascii_uppercase(), ..*argument },
            ),
            _ => push(&mut text, argument),
        }
    }
    let left = command.count - u64::try_from(arguments.len()).unwrap_or(command.count);
    if left > 0 && !was_hidden {
        // Writing to a string cannot fail.
        let _ = write!(text, " … {left} more");
    }
    text
}

/// Whether the argument at a place is a password, or may hold one.
fn is_secret(arguments: &[Argument<'_>], at: usize) -> bool {
    let is =
        |place: usize, word| arguments.get(place).is_some_and(|argument: &Argument<'_>| argument.is(word));
    let follows = |word, within| at > 1 && (1..=within).any(|back| at > back && is(at - back, word));
    if at == 0 {
        return false;
    }
    if is(0, "AUTH") {
        return true;
    }
    if is(0, "HELLO") {
        return follows("AUTH", 2);
    }
    if is(0, "ACL") {
        return is(1, "SETUSER") && at > 2;
    }
    if is(0, "MIGRATE") {
        return follows("AUTH", 1) || follows("AUTH2", 2);
    }
    (is(0, "CONFIG") || is(0, "SENTINEL")) && at > 2 && names_a_secret(arguments[at - 1].beginning)
}

/// `requirepass`, `masterauth`, `tls-key-file-pass`, `auth-pass` and their like.
fn names_a_secret(name: &[u8]) -> bool {
    let name = name.to_ascii_lowercase();
    [&b"pass"[..], b"auth"].iter().any(|word| name.windows(word.len()).any(|part| part == *word))
}

fn push(text: &mut String, argument: &Argument<'_>) {
    let beginning = argument.beginning;
    let was_cut = u64::try_from(beginning.len()).is_ok_and(|kept| kept < argument.length);
    let quote = beginning.is_empty() || beginning.iter().any(|byte| matches!(byte, b' ' | b'"'));
    if quote {
        text.push('"');
    }
    let mut chunks = beginning.utf8_chunks().peekable();
    while let Some(chunk) = chunks.next() {
        chunk.valid().chars().for_each(|one| push_char(text, one));
        // A character that the cut has split is no binary.
        if was_cut && chunks.peek().is_none() && chunk.invalid().len() < 4 && is_split(chunk.invalid()) {
            break;
        }
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    if quote {
        text.push('"');
    }
    if was_cut {
        let _ = write!(text, "…«{} bytes»", argument.length);
    }
}

/// Whether these bytes could be the beginning of a character.
fn is_split(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}

fn push_char(text: &mut String, one: char) {
    match one {
        '"' => text.push_str("\\\""),
        '\n' => text.push_str("\\n"),
        '\r' => text.push_str("\\r"),
        '\t' => text.push_str("\\t"),
        one if one.is_control() => {
            let _ = write!(text, "\\x{:02x}", u32::from(one));
        }
        one => text.push(one),
    }
}

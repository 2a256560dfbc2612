//! A command written as one text, cut into words as Compose does.
//!
//! Compose has no shell: it knows quotes and backslashes, and silently drops what follows `|`, `;`,
//! `&`, `<` or `>`. Here those are mistakes.

/// The words of a command.
///
/// # Errors
/// A quote is open at the end, or an unquoted character means something only to a shell.
pub(super) fn split(text: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match (quote, c) {
            (None | Some('"'), '\\') => {
                let escaped = characters.next().ok_or("the text ends with a backslash")?;
                word.get_or_insert_default().push(match escaped {
                    't' => '\t',
                    'n' => '\n',
                    other => other,
                });
            }
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (Some(open), c) if c == open => quote = None,
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (None, '|' | '&' | ';' | '<' | '>' | '(' | ')' | '`') => return Err(no_shell(c)),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    if let Some(quote) = quote {
        return Err(format!("the closing {quote} is missing"));
    }
    words.extend(word);
    Ok(words)
}

fn no_shell(c: char) -> String {
    format!("no shell reads this text, so `{c}` has no meaning; write [\"sh\", \"-c\", \"…\"], or quote it")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_are_cut_at_white_space_outside_of_quotes() {
        for (text, words) in [
            ("", &[][..]),
            ("  bundle   exec\nthin -p 3000 ", &["bundle", "exec", "thin", "-p", "3000"]),
            ("sh -c 'echo \"a b\"; ls'", &["sh", "-c", "echo \"a b\"; ls"]),
            ("a\"b c\"d '' e\\ f", &["ab cd", "", "e f"]),
            ("\"x\\\"y\" 'x\\y'", &["x\"y", "x\\y"]),
            ("echo $$HOME", &["echo", "$$HOME"]),
        ] {
            assert_eq!(split(text).unwrap(), words, "{text}");
        }
    }

    #[test]
    fn what_only_a_shell_understands_is_refused() {
        for text in ["a && b", "a | b", "a; b", "a > b", "a < b", "$(a)", "`a`"] {
            assert!(split(text).unwrap_err().starts_with("no shell reads this text"), "{text}");
        }
        assert_eq!(split("'a").unwrap_err(), "the closing ' is missing");
        assert_eq!(split("a\\").unwrap_err(), "the text ends with a backslash");
    }

    proptest! {
        #[test]
        fn quoted_words_come_back(words in prop::collection::vec("[^'\\\\]*", 0..6)) {
            let text: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
            prop_assert_eq!(split(&text.join(" ")), Ok(words));
        }
    }
}

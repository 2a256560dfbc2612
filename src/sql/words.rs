//! The words that a text of SQL mentions, wherever they stand: what it may touch is among them.

use std::collections::BTreeSet;

use super::lex::{Kind, Lexer};

/// Every word of a text in lower case: key words, names with and without quotes, and what strings and the bodies of
/// functions hold. Comments say nothing. A text that cannot be read to its end is taken as it stands from there.
pub fn words(text: &str) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    let mut lexer = Lexer::new(text);
    loop {
        let at = lexer.at();
        match lexer.next() {
            Ok(Some(token)) => match token.kind {
                Kind::Word | Kind::Quoted => split(&text[token.span], &mut words),
                Kind::Space | Kind::Comment | Kind::Number | Kind::Symbol(_) => {}
            },
            Ok(None) => return words,
            Err(_) => {
                split(text.get(at..).unwrap_or_default(), &mut words);
                return words;
            }
        }
    }
}

fn split(text: &str, words: &mut BTreeSet<String>) {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    let parts = text.split(|c| !is_part(c)).map(|word| word.trim_matches('$'));
    words.extend(parts.filter(|word| !word.is_empty()).map(str::to_lowercase));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_in_quotes_strings_and_bodies_and_not_in_comments() {
        let text =
            r#"/* invoices */ DO $body$ BEGIN EXECUTE 'DELETE FROM "Shop".orders' ; END $body$ -- users"#;
        let words = words(text);
        for word in ["do", "execute", "delete", "shop", "orders"] {
            assert!(words.contains(word), "{word}: {words:?}");
        }
        assert!(!words.contains("invoices") && !words.contains("users"), "{words:?}");
        let cut = super::words("UPDATE a SET b = 'never closed");
        assert!(cut.contains("a") && cut.contains("closed"), "{cut:?}");
    }
}

//! A statement on one line, for reports and journals.

use super::lex::{Kind, Lexer};

/// The longest fingerprint, in characters.
const LONGEST: usize = 120;

/// The statement without comments, white space between tokens folded, at most 120 characters.
///
/// Strings keep their white space but for newlines. A text that cannot be read to its end keeps its rest.
pub fn fingerprint(statement: &str) -> String {
    let mut folded = String::new();
    let mut lexer = Lexer::new(statement);
    let mut gap = false;
    while let Some(token) = lexer.next().unwrap_or_default() {
        if token.is_text() {
            if gap && !folded.is_empty() {
                folded.push(' ');
            }
            push_on_one_line(&mut folded, &statement[token.span.clone()], token.kind);
        }
        gap = !token.is_text();
        if folded.len() > LONGEST * 4 {
            break;
        }
    }
    shorten(&folded)
}

fn push_on_one_line(folded: &mut String, text: &str, kind: Kind) {
    match kind {
        Kind::Quoted => folded.extend(text.chars().map(|c| if c.is_control() { ' ' } else { c })),
        _ => folded.push_str(text),
    }
}

fn shorten(text: &str) -> String {
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(LONGEST - 1).collect();
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_go_and_white_space_folds() {
        assert_eq!(
            fingerprint("ALTER TABLE  orders -- why\n\tDROP /* x */ COLUMN\nnote"),
            "ALTER TABLE orders DROP COLUMN note"
        );
        assert_eq!(fingerprint("SELECT 'a  -- b\nc' ;"), "SELECT 'a  -- b c' ;");
    }

    #[test]
    fn a_long_statement_is_cut_with_a_mark() {
        let long = fingerprint(&format!("SELECT {}", "é, ".repeat(500)));
        assert_eq!(long.chars().count(), 120);
        assert!(long.ends_with('…'));
    }
}

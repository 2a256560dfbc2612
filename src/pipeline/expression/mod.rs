//! GitHub's expressions (docs.github.com/actions, *Evaluate expressions in workflows and actions*): what is known is
//! computed here, the rest becomes words and tests of the shell.

mod compile;
mod functions;
mod parse;
mod term;

pub(super) use compile::{Compiler, Contexts, Obstacle};
pub(super) use parse::parse;
pub(super) use term::{Term, quoted, shown, truthy};

/// A piece of a text that may hold `${{ … }}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece<'t> {
    /// Text as it stands.
    Text(&'t str),
    /// The inside of an expression, with the braces around it.
    Expression {
        /// What stands between the braces.
        inside: &'t str,
        /// The braces included.
        whole: &'t str,
    },
}

/// Cuts a text at its expressions; one that does not end is text, as GitHub would refuse the file.
pub(super) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(from) = rest.find("${{") {
        let Some(length) = end(&rest[from + 3..]) else { break };
        let whole = &rest[from..from + 3 + length + 2];
        pieces.push(Piece::Text(&rest[..from]));
        pieces.push(Piece::Expression { inside: rest[from + 3..from + 3 + length].trim(), whole });
        rest = &rest[from + whole.len()..];
    }
    pieces.push(Piece::Text(rest));
    pieces.retain(|piece| *piece != Piece::Text(""));
    pieces
}

/// Where `}}` stands, outside of quotes.
fn end(text: &str) -> Option<usize> {
    let mut quoted = false;
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        match c {
            '\'' => quoted = !quoted,
            '}' if before == '}' && !quoted => return Some(at - 1),
            _ => {}
        }
        before = c;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_at_its_expressions() {
        let one = Piece::Expression { inside: "format('}}', a)", whole: "${{ format('}}', a) }}" };
        assert_eq!(pieces("x ${{ format('}}', a) }}y"), [Piece::Text("x "), one, Piece::Text("y")]);
        assert_eq!(pieces("${{ open"), [Piece::Text("${{ open")]);
        assert_eq!(pieces(""), []);
    }
}

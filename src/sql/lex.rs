//! Tokens of SQL text, with the boundaries that the server's lexer and psql's would give them.
//!
//! Only what decides where a statement ends is told apart: quotes of every kind, comments, words and
//! numbers (so that the `E` of `fooE'..'` is not taken for an escape string), and single characters.
//! `standard_conforming_strings` is taken to be on, as it is unless somebody turned it off.

use std::ops::Range;

use super::split::SplitError;

/// What a stretch of SQL text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// White space.
    Space,
    /// `-- …` or a nested `/* … */`.
    Comment,
    /// A key word or an unquoted identifier.
    Word,
    /// A number, or a parameter such as `$1`.
    Number,
    /// A string or a quoted identifier, continuation lines included.
    Quoted,
    /// Any other character, alone.
    Symbol(u8),
}

/// One stretch of SQL text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    /// What it is.
    pub(super) kind: Kind,
    /// Its bytes.
    pub(super) span: Range<usize>,
}

impl Token {
    /// Whether the token says something to the server.
    pub(super) fn is_text(&self) -> bool {
        !matches!(self.kind, Kind::Space | Kind::Comment)
    }
}

/// Walks over SQL text token by token.
#[derive(Debug)]
pub(super) struct Lexer<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Lexer<'a> {
    /// A lexer at the beginning of the text.
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, bytes: text.as_bytes(), at: 0 }
    }

    /// The byte at which the next token begins.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Goes on at another byte, past text that is not SQL.
    pub(super) fn jump(&mut self, at: usize) {
        self.at = at;
    }

    /// The next token; none at the end of the text.
    pub(super) fn next(&mut self) -> Result<Option<Token>, SplitError> {
        let start = self.at;
        let Some(first) = self.peek(0) else { return Ok(None) };
        let kind = self.take(first, start)?;
        Ok(Some(Token { kind, span: start..self.at }))
    }

    fn take(&mut self, first: u8, start: usize) -> Result<Kind, SplitError> {
        match first {
            0 => return Err(SplitError::nul(start)),
            byte if is_space(byte) => self.skip_while(is_space),
            b'-' if self.peek(1) == Some(b'-') => self.skip_while(|byte| !is_newline(byte)),
            b'/' if self.peek(1) == Some(b'*') => self.block_comment()?,
            b'\'' => self.string(1, false)?,
            b'"' => self.quoted_identifier(1)?,
            b'$' => return self.dollar(),
            byte if is_identifier_start(byte) => return self.word_or_prefixed_quote(byte),
            byte if byte.is_ascii_digit() => {
                self.number();
                return Ok(Kind::Number);
            }
            byte => {
                self.at += 1;
                return Ok(Kind::Symbol(byte));
            }
        }
        Ok(match first {
            byte if is_space(byte) => Kind::Space,
            b'-' | b'/' => Kind::Comment,
            _ => Kind::Quoted,
        })
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    fn skip_while(&mut self, wanted: impl Fn(u8) -> bool) {
        while self.peek(0).is_some_and(&wanted) {
            self.at += 1;
        }
    }

    fn block_comment(&mut self) -> Result<(), SplitError> {
        let start = self.at;
        let mut depth = 0;
        loop {
            match (self.peek(0), self.peek(1)) {
                (Some(b'/'), Some(b'*')) => (depth, self.at) = (depth + 1, self.at + 2),
                (Some(b'*'), Some(b'/')) => (depth, self.at) = (depth - 1, self.at + 2),
                (Some(_), _) => self.at += 1,
                (None, _) => return Err(SplitError::unterminated("comment", start..start + 2, "*/")),
            }
            if depth == 0 {
                return Ok(());
            }
        }
    }

    /// `E'…'`, `B'…'`, `X'…'`, `N'…'`, `U&'…'`, `U&"…"`, else a word.
    fn word_or_prefixed_quote(&mut self, first: u8) -> Result<Kind, SplitError> {
        match (first.to_ascii_lowercase(), self.peek(1), self.peek(2)) {
            (b'e', Some(b'\''), _) => self.string(2, true)?,
            (b'b' | b'x' | b'n', Some(b'\''), _) => self.string(2, false)?,
            (b'u', Some(b'&'), Some(b'\'')) => self.string(3, false)?,
            (b'u', Some(b'&'), Some(b'"')) => self.quoted_identifier(3)?,
            _ => {
                self.skip_while(is_identifier_part);
                return Ok(Kind::Word);
            }
        }
        Ok(Kind::Quoted)
    }

    /// A string whose text begins `opening` bytes ahead, and the strings that continue it on later lines.
    fn string(&mut self, opening: usize, escapes: bool) -> Result<(), SplitError> {
        let start = self.at;
        self.at += opening;
        loop {
            match self.peek(0) {
                None => {
                    return Err(SplitError::unterminated("quoted string", start..start + opening, "'"));
                }
                Some(b'\\') if escapes => self.at = (self.at + 2).min(self.bytes.len()),
                Some(b'\'') if self.peek(1) == Some(b'\'') => self.at += 2,
                Some(b'\'') => {
                    self.at += 1;
                    let Some(next) = self.continuation() else { return Ok(()) };
                    self.at = next;
                }
                Some(_) => self.at += 1,
            }
        }
    }

    /// Where the text of a continuing string begins: after white space with a newline and a quote.
    fn continuation(&self) -> Option<usize> {
        let mut at = self.at;
        let mut newline = false;
        loop {
            match self.bytes.get(at).copied() {
                Some(byte) if is_space(byte) => {
                    newline |= is_newline(byte);
                    at += 1;
                }
                Some(b'-') if self.bytes.get(at + 1) == Some(&b'-') => {
                    at += self.bytes[at..].iter().position(|byte| is_newline(*byte))?;
                }
                Some(b'\'') if newline => return Some(at + 1),
                _ => return None,
            }
        }
    }

    fn quoted_identifier(&mut self, opening: usize) -> Result<(), SplitError> {
        let start = self.at;
        self.at += opening;
        loop {
            match self.peek(0) {
                None => {
                    let opened = start..start + opening;
                    return Err(SplitError::unterminated("quoted identifier", opened, "\""));
                }
                Some(b'"') if self.peek(1) == Some(b'"') => self.at += 2,
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(_) => self.at += 1,
            }
        }
    }

    /// `$tag$…$tag$`, a parameter `$1`, or a lone dollar sign.
    fn dollar(&mut self) -> Result<Kind, SplitError> {
        if self.peek(1).is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
            self.skip_while(|byte| byte.is_ascii_digit());
            self.junk();
            return Ok(Kind::Number);
        }
        let Some(tag) = self.dollar_tag() else {
            self.at += 1;
            return Ok(Kind::Symbol(b'$'));
        };
        let start = self.at;
        let body = start + tag.len();
        match self.text[body..].find(tag) {
            Some(length) => self.at = body + length + tag.len(),
            None => return Err(SplitError::unterminated("dollar-quoted string", start..body, tag)),
        }
        Ok(Kind::Quoted)
    }

    fn dollar_tag(&self) -> Option<&'a str> {
        let rest = &self.bytes[self.at + 1..];
        let length = rest.iter().position(|byte| !is_identifier_part(*byte) || *byte == b'$')?;
        let well_formed = length == 0 || is_identifier_start(rest[0]);
        (rest[length] == b'$' && well_formed).then(|| &self.text[self.at..self.at + length + 2])
    }

    /// Digits with what sticks to them: the server reads `1.5e3`, `1E` before a quote, and `1E-` before
    /// another dash (which then begins no comment) as one token.
    fn number(&mut self) {
        self.skip_while(|byte| byte.is_ascii_digit());
        if self.peek(0) == Some(b'.') && self.peek(1) != Some(b'.') {
            self.at += 1;
            self.skip_while(|byte| byte.is_ascii_digit());
        }
        if let (Some(b'e' | b'E'), Some(b'+' | b'-')) = (self.peek(0), self.peek(1)) {
            self.at += 2;
            if !self.peek(0).is_some_and(|byte| byte.is_ascii_digit()) {
                return;
            }
            self.skip_while(|byte| byte.is_ascii_digit());
        }
        self.junk();
    }

    /// Letters right behind a number, which the server reads with it and refuses.
    fn junk(&mut self) {
        if self.peek(0).is_some_and(is_identifier_start) {
            self.skip_while(is_identifier_part);
        }
    }
}

/// White space to the server's lexer.
pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

fn is_newline(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

fn is_identifier_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}

fn is_identifier_part(byte: u8) -> bool {
    is_identifier_start(byte) || byte.is_ascii_digit() || byte == b'$'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[(Kind, &str)]) {
        let mut lexer = Lexer::new(text);
        let mut found = Vec::new();
        while let Some(token) = lexer.next().unwrap() {
            if token.is_text() {
                found.push((token.kind, &text[token.span]));
            }
        }
        assert_eq!(found, expected);
    }

    #[test]
    fn a_letter_before_a_quote_is_a_prefix_only_at_the_start_of_a_token() {
        check(r"E'\''", &[(Kind::Quoted, r"E'\''")]);
        check(r"fooE'\' 1", &[(Kind::Word, "fooE"), (Kind::Quoted, r"'\'"), (Kind::Number, "1")]);
        check(r"1E'\'", &[(Kind::Number, "1E"), (Kind::Quoted, r"'\'")]);
        check(r"1.e'\'", &[(Kind::Number, "1.e"), (Kind::Quoted, r"'\'")]);
        check(r"t.e'\''", &[(Kind::Word, "t"), (Kind::Symbol(b'.'), "."), (Kind::Quoted, r"e'\''")]);
        check(r#"U&"a""b" u&'\'"#, &[(Kind::Quoted, r#"U&"a""b""#), (Kind::Quoted, r"u&'\'")]);
    }

    #[test]
    fn the_sign_of_an_exponent_begins_no_comment() {
        check("1E--;", &[(Kind::Number, "1E-"), (Kind::Symbol(b'-'), "-"), (Kind::Symbol(b';'), ";")]);
        check("1E--2--;", &[(Kind::Number, "1E-"), (Kind::Symbol(b'-'), "-"), (Kind::Number, "2")]);
        check("1.5e-3x--;", &[(Kind::Number, "1.5e-3x")]);
        check("$1E--;", &[(Kind::Number, "$1E")]);
        check(
            "1..2 1x--;",
            &[
                (Kind::Number, "1"),
                (Kind::Symbol(b'.'), "."),
                (Kind::Symbol(b'.'), "."),
                (Kind::Number, "2"),
                (Kind::Number, "1x"),
            ],
        );
    }

    #[test]
    fn a_string_continued_on_the_next_line_keeps_its_kind() {
        check("E'a' -- c\n '\\''", &[(Kind::Quoted, "E'a' -- c\n '\\''")]);
        check("E'a' '\\'", &[(Kind::Quoted, "E'a'"), (Kind::Quoted, "'\\'")]);
        check("'a'\n-- c\n'b'", &[(Kind::Quoted, "'a'\n-- c\n'b'")]);
        check("'a' /* \n */ 'b'", &[(Kind::Quoted, "'a'"), (Kind::Quoted, "'b'")]);
    }

    #[test]
    fn dollars_quote_number_or_belong_to_a_name() {
        check("$$a'b$$", &[(Kind::Quoted, "$$a'b$$")]);
        check("$a$ $x$a$", &[(Kind::Quoted, "$a$ $x$a$")]);
        check("$1$a$x$a$", &[(Kind::Number, "$1"), (Kind::Quoted, "$a$x$a$")]);
        check("a$b$c", &[(Kind::Word, "a$b$c")]);
        check("1$$;$$", &[(Kind::Number, "1"), (Kind::Quoted, "$$;$$")]);
        check("$é$;$é$", &[(Kind::Quoted, "$é$;$é$")]);
    }

    #[test]
    fn comments_nest_and_begin_inside_operators() {
        check("a /* ' /* ; */ \" */ b", &[(Kind::Word, "a"), (Kind::Word, "b")]);
        check("a +--;\n b", &[(Kind::Word, "a"), (Kind::Symbol(b'+'), "+"), (Kind::Word, "b")]);
    }
}

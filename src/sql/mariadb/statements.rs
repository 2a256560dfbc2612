//! A text cut into statements as the server's lexer cuts it, for clients that send several in one
//! message (CLIENT_MULTI_STATEMENTS).
//!
//! From MariaDB's `sql_lex.cc` and `sql_yacc.yy`: quotes with backslashes (unless the server says
//! NO_BACKSLASH_ESCAPES), backticks, `#`, `-- ` and `/* */` comments, executed comments `/*! */` and
//! `/*M! */` by version. A semicolon inside the body of a stored program cuts nothing. Bodies of
//! `sql_mode=ORACLE` (declarations before BEGIN) are cut too often, and client character sets in which
//! a backslash is half a character are not known; the reader's answers bear both.

use std::ops::Range;

use super::body::Body;

/// How the server reads text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialect {
    /// Whether it is MariaDB, and not MySQL.
    pub mariadb: bool,
    /// Its version, as in `/*!` comments: 101119 is 10.11.19.
    pub version: u32,
    /// Whether a backslash escapes inside a string.
    pub backslash: bool,
    /// Whether `"…"` is a name and not a string.
    pub ansi_quotes: bool,
}

impl Dialect {
    /// What a server does that calls itself so, in its default mode.
    pub fn of(version: &[u8]) -> Self {
        let text = String::from_utf8_lossy(version);
        // What MariaDB 10 puts in front for old replicas.
        let number = text.strip_prefix("5.5.5-").unwrap_or(&text);
        let end = number.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(number.len());
        let part = |part: &str| part.parse().unwrap_or(0).min(99_u32);
        let version = number[..end].split('.').chain(["0", "0", "0"]).take(3).map(part);
        Self {
            mariadb: text.contains("MariaDB"),
            version: version.fold(0, |all, part| all * 100 + part),
            backslash: true,
            ansi_quotes: false,
        }
    }

    /// Whether `/*!12345 … */` is executed.
    fn executes(self, version: u32) -> bool {
        // MySQL's versions that MariaDB never was.
        let foreign = self.mariadb && (50_700..=99_999).contains(&version);
        version <= self.version && !foreign
    }
}

/// What a stretch of text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A key word or an unquoted name.
    Word,
    /// A word behind `@` or `.`, which is never a key word.
    Name,
    /// A string or a quoted name.
    Quoted,
    /// Any other character.
    Symbol(u8),
}

/// A stretch of text; comments and white space are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token<'a> {
    /// What it is.
    pub(super) kind: Kind,
    /// Its bytes.
    pub(super) text: &'a [u8],
    /// Where it begins.
    pub(super) start: usize,
}

impl Token<'_> {
    /// Whether it is this key word (given in capitals).
    pub(super) fn is(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(word.as_bytes())
    }

    /// Whether it is one of these key words.
    pub(super) fn is_any(&self, words: &[&str]) -> bool {
        self.kind == Kind::Word && words.iter().any(|word| self.text.eq_ignore_ascii_case(word.as_bytes()))
    }
}

/// The tokens of a text, one after the other.
#[derive(Debug, Clone)]
pub(super) struct Tokens<'a> {
    bytes: &'a [u8],
    at: usize,
    dialect: Dialect,
    /// Inside an executed comment, which began there.
    opened: Option<usize>,
    /// Where the last executed comment ended.
    closed: usize,
    /// The last token was `@` or `.`.
    names: bool,
}

impl<'a> Tokens<'a> {
    /// The tokens from a byte on.
    pub(super) fn new(bytes: &'a [u8], at: usize, dialect: Dialect) -> Self {
        Self { bytes, at, dialect, opened: None, closed: at, names: false }
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    fn skip_while(&mut self, wanted: impl Fn(u8) -> bool) {
        while self.peek(0).is_some_and(&wanted) {
            self.at += 1;
        }
    }

    /// Steps over white space and comments.
    fn skip_blank(&mut self) {
        loop {
            match (self.peek(0), self.peek(1)) {
                (Some(byte), _) if is_space(byte) => self.at += 1,
                (Some(b'#'), _) => self.skip_while(|byte| byte != b'\n'),
                (Some(b'-'), Some(b'-')) if self.peek(2).is_none_or(|c| is_space(c) || c < b' ') => {
                    self.skip_while(|byte| byte != b'\n');
                }
                (Some(b'/'), Some(b'*')) => self.comment(),
                (Some(b'*'), Some(b'/')) if self.opened.is_some() => {
                    self.at += 2;
                    (self.opened, self.closed) = (None, self.at);
                }
                _ => return,
            }
        }
    }

    /// Steps over a comment, or into one that is executed.
    fn comment(&mut self) {
        let mark = match (self.peek(2), self.peek(3)) {
            (Some(b'!'), _) => 3,
            (Some(b'M'), Some(b'!')) if self.dialect.mariadb => 4,
            _ => 0,
        };
        let start = self.at;
        if mark == 0 {
            self.at += 2;
            return self.close(false);
        }
        self.at += mark;
        let digits = self.bytes[self.at..].iter().take(6).take_while(|byte| byte.is_ascii_digit()).count();
        let number = if digits < 5 { 0 } else { digits };
        let version = self.bytes[self.at..self.at + number]
            .iter()
            .fold(0, |version, digit| version * 10 + u32::from(digit - b'0'));
        self.at += number;
        if self.dialect.executes(version) {
            self.opened = Some(start);
        } else {
            self.close(true);
        }
    }

    /// Goes behind the end of a comment; one that is not executed may hold others.
    fn close(&mut self, nests: bool) {
        let mut depth = 1;
        while depth > 0 {
            match (self.peek(0), self.peek(1)) {
                (Some(b'*'), Some(b'/')) => (depth, self.at) = (depth - 1, self.at + 2),
                (Some(b'/'), Some(b'*')) if nests && depth == 1 => (depth, self.at) = (2, self.at + 2),
                (Some(_), _) => self.at += 1,
                (None, _) => return,
            }
        }
    }

    /// Goes behind the closing quote. A doubled one reads as two strings, which cuts no differently.
    fn quoted(&mut self, quote: u8) {
        let name = quote == b'`' || quote == b'"' && self.dialect.ansi_quotes;
        let escapes = self.dialect.backslash && !name;
        self.at += 1;
        while let Some(byte) = self.peek(0) {
            self.at += if byte == b'\\' && escapes { 2 } else { 1 };
            if byte == quote {
                break;
            }
        }
        self.at = self.at.min(self.bytes.len());
    }
}

impl Tokens<'_> {
    /// Where the next token begins, executed comments included; the end of the text if there is none.
    pub(super) fn upcoming(&mut self) -> usize {
        self.skip_blank();
        self.opened.unwrap_or(self.at)
    }

    /// Goes on at another byte, past text that is not SQL.
    pub(super) fn jump(&mut self, at: usize) {
        *self = Self::new(self.bytes, at, self.dialect);
    }

    /// Behind the last token.
    pub(super) fn end(&self) -> usize {
        self.at
    }

    /// Behind the last executed comment.
    pub(super) fn closed(&self) -> usize {
        self.closed
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        self.skip_blank();
        let start = self.at;
        let first = self.peek(0)?;
        let kind = match first {
            b'\'' | b'"' | b'`' => {
                self.quoted(first);
                Kind::Quoted
            }
            byte if is_word(byte) => {
                self.skip_while(is_word);
                if self.names { Kind::Name } else { Kind::Word }
            }
            byte => {
                self.at += 1;
                Kind::Symbol(byte)
            }
        };
        self.names = matches!(kind, Kind::Symbol(b'@' | b'.'));
        Some(Token { kind, text: &self.bytes[start..self.at], start })
    }
}

/// One statement of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Its bytes without the semicolon and the comments around it, but for executed ones; empty when
    /// there are only comments.
    pub span: Range<usize>,
    /// Where the next one begins; none after the last.
    pub next: Option<usize>,
}

/// The statement that begins at that byte of a text that was stripped.
pub fn cut(text: &[u8], at: usize, dialect: Dialect) -> Piece {
    let mut tokens = Tokens::new(text, at, dialect);
    let mut body = Body::default();
    let mut span = None;
    let mut next = None;
    while let Some(token) = tokens.next() {
        if token.kind == Kind::Symbol(b';') && body.is_over() {
            next = (tokens.at < text.len()).then_some(tokens.at);
            break;
        }
        body.read(&token);
        let (start, _) = span.unwrap_or((tokens.opened.unwrap_or(token.start), 0));
        span = Some((start, tokens.at));
    }
    let span = span.map_or(at..at, |(start, end)| start..end.max(tokens.closed));
    Piece { span, next }
}

/// The text without the white space and semicolons at its end, as the server takes them off first.
pub fn strip(text: &[u8]) -> &[u8] {
    let end = text.iter().rposition(|byte| !is_space(*byte) && *byte != b';').map_or(0, |last| last + 1);
    &text[..end]
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || byte >= 0x80
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARIADB: Dialect = Dialect { mariadb: true, version: 101_119, backslash: true, ansi_quotes: false };
    const MYSQL: Dialect = Dialect { mariadb: false, version: 80_036, backslash: true, ansi_quotes: false };

    fn pieces(text: &str, dialect: Dialect) -> Vec<&str> {
        let (mut found, mut at) = (Vec::new(), Some(0));
        while let Some(from) = at {
            let piece = cut(strip(text.as_bytes()), from, dialect);
            found.push(&text[piece.span]);
            at = piece.next;
        }
        found
    }

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        assert_eq!(pieces(text, MARIADB), expected);
    }

    #[test]
    fn quotes_of_every_kind_keep_their_semicolons() {
        check("SELECT ';'; SELECT 2", &["SELECT ';'", "SELECT 2"]);
        check(r"SELECT 'a\';b'; x", &[r"SELECT 'a\';b'", "x"]);
        check("SELECT 'it''s;'; x", &["SELECT 'it''s;'", "x"]);
        check(r#"SELECT "\";" ; x"#, &[r#"SELECT "\";""#, "x"]);
        check(r"SELECT `a\`; x", &[r"SELECT `a\`", "x"]);
        check("SELECT 'open; x", &["SELECT 'open; x"]);
    }

    #[test]
    fn the_servers_mode_decides_about_backslashes() {
        let plain = Dialect { backslash: false, ..MARIADB };
        assert_eq!(pieces(r"SELECT '\'; x", plain), [r"SELECT '\'", "x"]);
        let ansi = Dialect { ansi_quotes: true, ..MARIADB };
        assert_eq!(pieces(r#"SELECT "\"; x"#, ansi), [r#"SELECT "\""#, "x"]);
        assert_eq!(pieces(r"SELECT '\'; x'", ansi), [r"SELECT '\'; x'"]);
    }

    #[test]
    fn comments_hide_semicolons() {
        check("a # ; \n b; c", &["a # ; \n b", "c"]);
        check("a -- ;\n b; c", &["a -- ;\n b", "c"]);
        check("a --; c", &["a --", "c"]);
        check("a /* ; ' */ b; /* x */ c", &["a /* ; ' */ b", "c"]);
        check("a /* /* ; */ b; c", &["a /* /* ; */ b", "c"]);
        check("a; -- done", &["a", ""]);
        check("-- first\n a -- last\n; b", &["a", "b"]);
        check("a;;b; ;", &["a", "", "b"]);
        check(" ; ", &[""]);
    }

    #[test]
    fn executed_comments_are_text_and_others_are_not() {
        check("/*!40101 SET x='*/;' */; y", &["/*!40101 SET x='*/;' */", "y"]);
        check("/*!80000 ; */ a; b", &["a", "b"]);
        check("/*M!100100 SET a */; b", &["/*M!100100 SET a */", "b"]);
        assert_eq!(pieces("/*!80000 SET a */; /*M! ; */ b", MYSQL), ["/*!80000 SET a */", "b"]);
        assert_eq!(pieces("/*!80400 /* ; */ ; */ b; c", MYSQL), ["b", "c"]);
    }

    #[test]
    fn versions_are_read_from_what_servers_call_themselves() {
        assert_eq!(Dialect::of(b"5.5.5-10.11.19-MariaDB-log"), MARIADB);
        assert_eq!(Dialect::of(b"8.0.36"), MYSQL);
        assert_eq!(Dialect::of(b"11.4.2-MariaDB").version, 110_402);
        assert_eq!(Dialect::of(b"\xff\xfe").version, 0);
    }

    #[test]
    fn the_last_piece_ends_where_the_text_does() {
        check("SELECT 1 /*!40000 , 2 */ ; ", &["SELECT 1 /*!40000 , 2 */"]);
        check("", &[""]);
    }
}

//! A file of SQL cut into statements as the `mariadb` client cuts it, DELIMITER lines included; but the
//! bodies of stored programs are known, so that they need none.
//!
//! From the client's `mysql.cc`: a delimiter line is one whose first word, where a statement may begin, is
//! DELIMITER; inside quotes and comments a delimiter is text.

use super::body::Body;
use super::effect::{Effect, effect};
use super::statements::{Dialect, Kind, Token, Tokens};
use crate::sql::split::LineCounter;
use crate::sql::{SplitError, Statement};

/// Commands of the client that stand where a statement may begin, and a way out.
const CLIENT: [(&str, &str); 4] = [
    ("SOURCE", "name the other file in an `sql` step of its own"),
    ("CONNECT", "write one `sql` step per database"),
    ("SYSTEM", "use a `host`, `exec` or `run` step"),
    ("TEE", "remove it"),
];

/// Cuts a text into its statements; empty ones are skipped, the last needs no delimiter.
///
/// # Errors
/// A quote or a body that is opened and never closed, commands of the client, a DELIMITER line without one.
pub fn split(text: &str) -> Result<Vec<Statement>, SplitError> {
    let start = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    if let Some(at) = text.find('\0') {
        return Err(SplitError::nul(at));
    }
    let tokens = Tokens::new(text.as_bytes(), start, dialect());
    let lines = LineCounter::new(text);
    Script { text, tokens, lines, delimiter: ";".to_owned(), statements: Vec::new() }.run()
}

/// Whether the statement starts or ends a transaction (savepoints stay inside one).
pub fn is_transaction_control(statement: &str) -> bool {
    matches!(done_by(statement), Some(Effect::Begins | Effect::Commits(_) | Effect::RollsBack(_)))
}

/// Whether the server commits what is open before the statement, whatever comes of it.
pub fn commits_by_itself(statement: &str) -> bool {
    matches!(done_by(statement), Some(Effect::Defines | Effect::Ends))
}

fn done_by(statement: &str) -> Option<Effect> {
    effect(statement.as_bytes(), dialect()).map(|(effect, _)| effect)
}

fn dialect() -> Dialect {
    Dialect::of(b"11.0.0-MariaDB")
}

/// The walk over one text.
struct Script<'a> {
    text: &'a str,
    tokens: Tokens<'a>,
    lines: LineCounter<'a>,
    delimiter: String,
    statements: Vec<Statement>,
}

impl Script<'_> {
    fn run(mut self) -> Result<Vec<Statement>, SplitError> {
        loop {
            let start = self.tokens.upcoming();
            if start >= self.text.len() {
                return Ok(self.statements);
            }
            let word = self.text[start..].split(char::is_whitespace).next().unwrap_or_default();
            if word.eq_ignore_ascii_case("delimiter") {
                self.delimit(start, word.len())?;
            } else {
                refuse_client_command(start, word)?;
                self.statement(start)?;
            }
        }
    }

    /// `DELIMITER //`: the first word behind it, to the end of the line.
    fn delimit(&mut self, start: usize, length: usize) -> Result<(), SplitError> {
        let rest = &self.text[start + length..];
        let line = rest.split('\n').next().unwrap_or_default();
        let Some(delimiter) = line.split_whitespace().next() else {
            return Err(SplitError {
                message: "DELIMITER without a delimiter".to_owned(),
                span: start..start + length,
                label: "nothing follows on this line".to_owned(),
                help: "name one: `DELIMITER //`".to_owned(),
            });
        };
        delimiter.clone_into(&mut self.delimiter);
        self.tokens.jump(start + length + line.len());
        Ok(())
    }

    /// Reads to the next delimiter that is no part of a body, or to the end of the text.
    fn statement(&mut self, start: usize) -> Result<(), SplitError> {
        let mut body = Body::default();
        let mut end = start;
        while let Some(token) = self.tokens.next() {
            check_closed(&token)?;
            let cut = self.delimiter_in(&token).filter(|_| self.delimiter != ";" || body.is_over());
            let closed = self.tokens.closed().min(token.start);
            if let Some(at) = cut {
                end = if at > token.start { at } else { end.max(closed) };
                self.tokens.jump(at + self.delimiter.len());
                self.finish(start, end);
                return Ok(());
            }
            body.read(&token);
            end = self.tokens.end();
        }
        if self.delimiter == ";" && !body.is_over() {
            return Err(SplitError::unterminated("body of BEGIN or a loop", start..end, "END"));
        }
        self.finish(start, end.max(self.tokens.closed()));
        Ok(())
    }

    fn finish(&mut self, start: usize, end: usize) {
        let text = self.text[start..end].trim_end();
        if !text.is_empty() {
            let (span, line) = (start..start + text.len(), self.lines.line_of(start));
            self.statements.push(Statement { text: text.to_owned(), span, line, copy_data: None });
        }
    }

    /// Where the delimiter begins in, or at, a token that is not quoted.
    fn delimiter_in(&self, token: &Token<'_>) -> Option<usize> {
        let text = &self.text[token.start..];
        match token.kind {
            Kind::Quoted => None,
            Kind::Symbol(_) => text.starts_with(&self.delimiter).then_some(token.start),
            Kind::Word | Kind::Name => {
                let word = &text[..token.text.len()];
                let found = (0..word.len()).filter(|at| word.is_char_boundary(*at));
                let mut found = found.filter(|at| text[*at..].starts_with(&self.delimiter));
                found.next().map(|at| token.start + at)
            }
        }
    }
}

fn check_closed(token: &Token<'_>) -> Result<(), SplitError> {
    let (first, last) = (token.text[0], token.text[token.text.len() - 1]);
    if token.kind == Kind::Quoted && (token.text.len() == 1 || first != last) {
        let closing = char::from(first).to_string();
        return Err(SplitError::unterminated("quoted text", token.start..token.start + 1, &closing));
    }
    Ok(())
}

fn refuse_client_command(start: usize, word: &str) -> Result<(), SplitError> {
    let known = CLIENT.iter().find(|(command, _)| word.trim_end_matches(';').eq_ignore_ascii_case(command));
    let way_out = match known {
        Some((_, way_out)) => way_out,
        None if word.starts_with('\\') => "remove it, or run the `mariadb` client itself in a `run` step",
        None => return Ok(()),
    };
    Err(SplitError {
        message: format!("`{word}` is a command of the mariadb client, not SQL"),
        span: start..start + word.len(),
        label: "only the client understands this".to_owned(),
        help: way_out.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let found: Vec<String> = split(text).unwrap().into_iter().map(|statement| statement.text).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn statements_end_where_the_client_ends_them() {
        check(
            "INSERT INTO t VALUES ('a;\\'b');\nUPDATE t SET a = 1",
            &["INSERT INTO t VALUES ('a;\\'b')", "UPDATE t SET a = 1"],
        );
        check("# first;\nSELECT 1; -- done;\n/* ; */ SELECT `a;b` ;;\n", &["SELECT 1", "SELECT `a;b`"]);
        check("/*!40101 SET NAMES utf8mb4 */;\nSELECT 1;", &["/*!40101 SET NAMES utf8mb4 */", "SELECT 1"]);
        check("SELECT 1 -- done\n; SELECT 2 # done", &["SELECT 1", "SELECT 2"]);
        check("", &[]);
    }

    #[test]
    fn a_delimiter_line_sets_another_and_bodies_need_none() {
        let text = "DELIMITER $$\nCREATE PROCEDURE p()\nBEGIN\n  SELECT 1;\nEND$$\ndelimiter ;\nCALL p();";
        check(text, &["CREATE PROCEDURE p()\nBEGIN\n  SELECT 1;\nEND", "CALL p()"]);
        check("DELIMITER //\nSELECT '//'; SELECT 2 // SELECT 3//", &["SELECT '//'; SELECT 2", "SELECT 3"]);
        check(
            "CREATE PROCEDURE p() BEGIN SELECT 1; END; CALL p()",
            &["CREATE PROCEDURE p() BEGIN SELECT 1; END", "CALL p()"],
        );
    }

    #[test]
    fn lines_count_from_one() {
        let lines: Vec<usize> =
            split("\n-- a\nSELECT 1;\n\nSELECT\n2;").unwrap().iter().map(|s| s.line).collect();
        assert_eq!(lines, [3, 5]);
    }

    #[test]
    fn what_is_never_closed_and_what_only_the_client_knows_is_refused() {
        let message = |text: &str| split(text).unwrap_err().message;
        assert_eq!(message("SELECT 'a; SELECT 2"), "unterminated quoted text");
        assert_eq!(message("CREATE PROCEDURE p() BEGIN SELECT 1;"), "unterminated body of BEGIN or a loop");
        assert_eq!(
            message("SELECT 1;\nsource other.sql"),
            "`source` is a command of the mariadb client, not SQL"
        );
        assert_eq!(message("\\. other.sql"), "`\\.` is a command of the mariadb client, not SQL");
        assert_eq!(message("DELIMITER\nSELECT 1"), "DELIMITER without a delimiter");
    }

    #[test]
    fn a_transaction_does_not_hold_what_commits_by_itself() {
        assert!(is_transaction_control("START TRANSACTION") && is_transaction_control("commit"));
        assert!(!is_transaction_control("SAVEPOINT a") && !is_transaction_control("BEGIN NOT ATOMIC x; END"));
        assert!(commits_by_itself("ALTER TABLE t ADD a INT") && commits_by_itself("TRUNCATE t"));
        assert!(
            !commits_by_itself("CREATE TEMPORARY TABLE t (a INT)") && !commits_by_itself("DELETE FROM t")
        );
    }
}

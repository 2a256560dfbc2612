//! SQL files cut into statements exactly where psql and the server's lexer would cut them.

use std::ops::Range;

use super::lex::{Kind, Lexer, Token};

/// One statement of an SQL text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The statement from its first to its last token, without the semicolon.
    pub text: String,
    /// The bytes of `text` in the file.
    pub span: Range<usize>,
    /// The line of its first token, counted from 1.
    pub line: usize,
    /// The data lines that follow a `COPY … FROM STDIN`, without the closing `\.`.
    pub copy_data: Option<String>,
}

/// Why a text cannot be cut into statements, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SplitError {
    /// What is wrong: a lowercase fragment.
    pub message: String,
    /// The bytes at fault.
    pub span: Range<usize>,
    /// What to say beside them.
    pub label: String,
    /// What to do about it.
    pub help: String,
}

impl SplitError {
    /// Something was opened and the text ended before it was closed.
    pub(super) fn unterminated(what: &str, opened: Range<usize>, closing: &str) -> Self {
        Self {
            message: format!("unterminated {what}"),
            span: opened,
            label: "opened here".to_owned(),
            help: format!("close it with `{closing}`"),
        }
    }

    /// A NUL byte, which no PostgreSQL text can hold.
    pub(super) fn nul(at: usize) -> Self {
        Self {
            message: "a NUL byte in SQL text".to_owned(),
            span: at..at + 1,
            label: "no text in PostgreSQL can hold it".to_owned(),
            help: "save the file as UTF-8 text".to_owned(),
        }
    }
}

/// Cuts a text into its statements; empty ones are skipped, the last needs no semicolon.
///
/// # Errors
/// Whatever is opened and never closed, psql meta-commands, and `COPY … FROM STDIN` without its data.
pub fn split(text: &str) -> Result<Vec<Statement>, SplitError> {
    Splitter::new(text, Source::Script).run()
}

/// Cuts the text of one message to a server into its statements, as [`split`] does a file: but the data
/// of a `COPY … FROM STDIN` is not in it, and a backslash or a byte order mark is nothing special.
///
/// # Errors
/// Whatever is opened and never closed; the server refuses such a text as a whole.
pub fn split_message(text: &str) -> Result<Vec<Statement>, SplitError> {
    Splitter::new(text, Source::Message).run()
}

/// Whether the statement starts or ends a transaction block (savepoints stay inside one).
pub fn is_transaction_control(statement: &str) -> bool {
    let words = leading_words(statement, 4);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["begin" | "abort", ..] | ["start" | "prepare", "transaction", ..] => true,
        ["commit" | "rollback", "prepared", ..] => false,
        ["rollback", "to", ..] | ["rollback", "work" | "transaction", "to", ..] => false,
        ["commit" | "end" | "rollback", ..] => true,
        _ => false,
    }
}

/// Whether the statement is a `COPY … TO STDOUT`, whose result comes as a stream and not as rows.
pub fn is_copy_out(statement: &str) -> bool {
    let mut lexer = Lexer::new(statement);
    let mut current = Current::default();
    while let Ok(Some(token)) = lexer.next() {
        if token.is_text() {
            current.add(&token, &statement[token.span.clone()]);
        }
    }
    current.writes_stdout
}

/// The first words of a statement in lower case, up to the first token that is none.
fn leading_words(statement: &str, most: usize) -> Vec<String> {
    let mut lexer = Lexer::new(statement);
    let mut words = Vec::new();
    while words.len() < most {
        let Ok(Some(token)) = lexer.next() else { break };
        match token.kind {
            Kind::Space | Kind::Comment => {}
            Kind::Word => words.push(statement[token.span].to_ascii_lowercase()),
            _ => break,
        }
    }
    words
}

/// Where a text comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    /// A file as psql reads it.
    Script,
    /// What psql would send.
    Message,
}

/// The walk over one text.
struct Splitter<'a> {
    text: &'a str,
    source: Source,
    lexer: Lexer<'a>,
    current: Current,
    statements: Vec<Statement>,
    lines: LineCounter<'a>,
}

impl<'a> Splitter<'a> {
    fn new(text: &'a str, source: Source) -> Self {
        let mut lexer = Lexer::new(text);
        if source == Source::Script && text.starts_with('\u{feff}') {
            lexer.jump('\u{feff}'.len_utf8());
        }
        let lines = LineCounter::new(text);
        Self { text, source, lexer, current: Current::default(), statements: Vec::new(), lines }
    }

    fn run(mut self) -> Result<Vec<Statement>, SplitError> {
        while let Some(token) = self.lexer.next()? {
            match token.kind {
                Kind::Space | Kind::Comment => {}
                Kind::Symbol(b'\\') if self.source == Source::Script => self.backslash(token.span.start)?,
                Kind::Symbol(b';') if self.current.is_top_level() => self.finish()?,
                _ => self.current.add(&token, &self.text[token.span.clone()]),
            }
        }
        self.current.check_closed()?;
        self.finish()?;
        Ok(self.statements)
    }

    fn finish(&mut self) -> Result<(), SplitError> {
        let current = std::mem::take(&mut self.current);
        let Some(span) = current.span else { return Ok(()) };
        let line = self.lines.line_of(span.start);
        let has_data = current.reads_stdin && self.source == Source::Script;
        let copy_data = if has_data { Some(self.copy_data(&span)?) } else { None };
        self.statements.push(Statement { text: self.text[span.clone()].to_owned(), span, line, copy_data });
        Ok(())
    }

    /// The lines between `COPY … FROM STDIN;` and `\.`; the lexer goes on behind them.
    fn copy_data(&mut self, copy: &Range<usize>) -> Result<String, SplitError> {
        let start = self.end_of_copy_line()?;
        let mut at = start;
        for line in self.text[start..].split_inclusive('\n') {
            if line.trim_end_matches(['\r', '\n']) == "\\." {
                self.lexer.jump(at + line.len());
                return Ok(self.text[start..at].to_owned());
            }
            at += line.len();
        }
        Err(SplitError {
            message: "the data of COPY … FROM STDIN has no end".to_owned(),
            span: copy.clone(),
            label: "reads the lines after it".to_owned(),
            help: "end the data with a line that holds only `\\.`".to_owned(),
        })
    }

    fn end_of_copy_line(&mut self) -> Result<usize, SplitError> {
        let at = self.lexer.at();
        let length = self.text[at..].find('\n').map_or(self.text.len() - at, |newline| newline + 1);
        let rest = self.text[at..at + length].trim_start();
        if rest.is_empty() || rest.starts_with("--") {
            return Ok(at + length);
        }
        let from = at + length - rest.len();
        Err(SplitError {
            message: "text after COPY … FROM STDIN on its own line".to_owned(),
            span: from..from + rest.trim_end().len(),
            label: "the data begins on the next line".to_owned(),
            help: "put this behind the `\\.` that ends the data".to_owned(),
        })
    }

    /// A psql meta-command: refused, but for the two that `pg_dump` writes around every dump.
    fn backslash(&mut self, at: usize) -> Result<(), SplitError> {
        let line_end = self.text[at..].find('\n').map_or(self.text.len(), |newline| at + newline);
        let command = self.text[at..line_end].trim_end();
        let name = command.split(char::is_whitespace).next().unwrap_or(command);
        if self.current.span.is_none() && matches!(name, "\\restrict" | "\\unrestrict") {
            self.lexer.jump(line_end);
            return Ok(());
        }
        Err(SplitError {
            message: format!("`{name}` is a psql meta-command, not SQL"),
            span: at..at + name.len().max(1),
            label: "only psql understands this".to_owned(),
            help: way_out(name).to_owned(),
        })
    }
}

fn way_out(meta_command: &str) -> &'static str {
    match meta_command {
        "\\i" | "\\ir" | "\\include" | "\\include_relative" => {
            "name the other file in an `sql` step of its own"
        }
        "\\copy" => "use COPY … FROM STDIN with its data and a line `\\.` below it",
        "\\." => "it ends the data of COPY … FROM STDIN; there is none above it",
        "\\c" | "\\connect" => "write one `sql` step per database",
        "\\set" => "write the value itself",
        name if name.starts_with("\\;") => "write `;` alone",
        _ => "remove it, or run psql itself in an `exec` or `run` step",
    }
}

/// What is known of the statement being read.
#[derive(Debug, Default)]
struct Current {
    span: Option<Range<usize>>,
    parentheses: Vec<Range<usize>>,
    routine: Routine,
    words: Vec<String>,
    previous: String,
    reads_stdin: bool,
    writes_stdout: bool,
}

impl Current {
    fn is_top_level(&self) -> bool {
        self.parentheses.is_empty() && self.routine.body.is_empty()
    }

    fn add(&mut self, token: &Token, text: &str) {
        let start = self.span.as_ref().map_or(token.span.start, |span| span.start);
        self.span = Some(start..token.span.end);
        match token.kind {
            Kind::Symbol(b'(') => self.parentheses.push(token.span.clone()),
            Kind::Symbol(b')') => drop(self.parentheses.pop()),
            Kind::Word if self.parentheses.is_empty() => self.word(token, text.to_ascii_lowercase()),
            _ => {}
        }
        self.previous.clear();
        self.previous.push_str(text);
    }

    fn word(&mut self, token: &Token, word: String) {
        if self.words.len() < 4 {
            self.words.push(word.clone());
        }
        if self.words[0] == "copy" {
            let previous = self.previous.to_ascii_lowercase();
            self.reads_stdin |= previous == "from" && word == "stdin";
            self.writes_stdout |= previous == "to" && word == "stdout";
        }
        if is_routine_definition(&self.words) {
            self.routine.word(&word, &self.previous, &token.span);
        }
    }

    fn check_closed(&self) -> Result<(), SplitError> {
        if let Some(opened) = self.parentheses.first() {
            return Err(SplitError::unterminated("parenthesis", opened.clone(), ")"));
        }
        match self.routine.body.first() {
            Some(opened) => Err(SplitError::unterminated("BEGIN ATOMIC body", opened.clone(), "END")),
            None => Ok(()),
        }
    }
}

/// `CREATE [OR REPLACE] FUNCTION | PROCEDURE`: the only statements with semicolons of their own.
fn is_routine_definition(words: &[String]) -> bool {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    matches!(
        words.as_slice(),
        ["create", "function" | "procedure", ..] | ["create", "or", "replace", "function" | "procedure"]
    )
}

/// The open `BEGIN ATOMIC` and `CASE` blocks of an SQL-standard function body.
#[derive(Debug, Default)]
struct Routine {
    body: Vec<Range<usize>>,
}

impl Routine {
    fn word(&mut self, word: &str, previous: &str, span: &Range<usize>) {
        // `AS end` and `t.case` are names, not key words.
        if previous == "." || previous.eq_ignore_ascii_case("as") {
            return;
        }
        match word {
            "atomic" if self.body.is_empty() && previous.eq_ignore_ascii_case("begin") => {
                self.body.push(span.clone());
            }
            "case" if !self.body.is_empty() => self.body.push(span.clone()),
            "end" => drop(self.body.pop()),
            _ => {}
        }
    }
}

/// Counts lines once over the whole text, not anew for each statement.
pub(super) struct LineCounter<'a> {
    text: &'a str,
    at: usize,
    line: usize,
}

impl<'a> LineCounter<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0, line: 1 }
    }

    /// The line of a byte that is not before the last one asked for.
    pub(super) fn line_of(&mut self, offset: usize) -> usize {
        self.line += self.text[self.at..offset].matches('\n').count();
        self.at = offset;
        self.line
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let statements = split(text).unwrap();
        let texts: Vec<&str> = statements.iter().map(|statement| statement.text.as_str()).collect();
        assert_eq!(texts, expected);
        for statement in &statements {
            assert_eq!(&text[statement.span.clone()], statement.text);
        }
    }

    #[track_caller]
    fn refused(text: &str, message: &str, at: &str) -> SplitError {
        let error = split(text).unwrap_err();
        assert_eq!((error.message.as_str(), &text[error.span.clone()]), (message, at));
        error
    }

    #[test]
    fn s8_statements_end_at_semicolons_and_empty_ones_are_skipped() {
        check("BEGIN;; SELECT 1 ;\n;-- only a comment;\n;COMMIT", &["BEGIN", "SELECT 1", "COMMIT"]);
        check("", &[]);
        check("\u{feff}SELECT 1;", &["SELECT 1"]);
    }

    #[test]
    fn s8_semicolons_inside_quotes_and_comments_end_nothing() {
        check(
            "SELECT ';', E'\\';', \";\", $$;$$, $a$;$$;$a$;",
            &["SELECT ';', E'\\';', \";\", $$;$$, $a$;$$;$a$"],
        );
        check(
            "SELECT 1 /* ; /* ; */ ; */ + 2; -- ;\nSELECT '''';",
            &["SELECT 1 /* ; /* ; */ ; */ + 2", "SELECT ''''"],
        );
        check("SELECT $1; SELECT a$b$c;SELECT $b$;$b$", &["SELECT $1", "SELECT a$b$c", "SELECT $b$;$b$"]);
        check("SELECT E'a'\n'\\';'; SELECT 2", &["SELECT E'a'\n'\\';'", "SELECT 2"]);
        check(
            r"SELECT '\'; SELECT B'1', X'f', U&'\0041', N'x'",
            &[r"SELECT '\'", r"SELECT B'1', X'f', U&'\0041', N'x'"],
        );
    }

    #[test]
    fn s8_a_rule_with_several_actions_is_one_statement() {
        let rule = "CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2)";
        check(&format!("{rule}; SELECT 3"), &[rule, "SELECT 3"]);
    }

    #[test]
    fn s8_a_begin_atomic_body_is_part_of_its_function() {
        let function = "CREATE OR REPLACE FUNCTION f(a int) RETURNS int BEGIN ATOMIC\n\
                        SELECT CASE WHEN a > 0 THEN (CASE a WHEN 1 THEN 2 END) ELSE CASE WHEN true THEN 3 END END;\n\
                        SELECT a AS end; END";
        check(&format!("{function}; SELECT 3"), &[function, "SELECT 3"]);
        check(
            "CREATE FUNCTION begin() RETURNS int AS 'x'; END",
            &["CREATE FUNCTION begin() RETURNS int AS 'x'", "END"],
        );
        check(
            "BEGIN; CREATE TABLE begin(atomic int); END",
            &["BEGIN", "CREATE TABLE begin(atomic int)", "END"],
        );
        let procedure = "create procedure p() begin atomic insert into t values (1); end";
        check(&format!("{procedure};{procedure}"), &[procedure, procedure]);
    }

    #[test]
    fn s8_copy_data_belongs_to_its_statement() {
        let text =
            "COPY t (a, \"b;\") FROM stdin WITH (FORMAT csv);  -- data below\n1;'x\n\\\\.\n\\.\nSELECT 1;";
        let statements = split(text).unwrap();
        assert_eq!(statements[0].copy_data.as_deref(), Some("1;'x\n\\\\.\n"));
        assert_eq!((statements[1].text.as_str(), statements[1].line), ("SELECT 1", 5));
        assert!(is_copy_out("COPY (SELECT 1) TO STDOUT") && is_copy_out("copy t to /* x */ stdout csv"));
        assert!(!is_copy_out("COPY t FROM STDIN") && !is_copy_out("SELECT 1 AS to, stdout"));
        let empty = split("COPY t FROM STDIN;\r\n\\.\r\n").unwrap();
        assert_eq!(empty[0].copy_data.as_deref(), Some(""));
        assert_eq!(split("COPY (SELECT 1 FROM stdin) TO STDOUT").unwrap()[0].copy_data, None);
    }

    #[test]
    fn s8_copy_data_without_an_end_points_at_its_statement() {
        refused("COPY t FROM STDIN;\n1\n", "the data of COPY … FROM STDIN has no end", "COPY t FROM STDIN");
        refused(
            "COPY t FROM STDIN; SELECT 1;\n\\.\n",
            "text after COPY … FROM STDIN on its own line",
            "SELECT 1;",
        );
    }

    #[test]
    fn s8_meta_commands_are_refused_with_a_way_out() {
        let error = refused("SELECT 1;\n\\i other.sql\n", "`\\i` is a psql meta-command, not SQL", "\\i");
        assert_eq!(error.help, "name the other file in an `sql` step of its own");
        refused("SELECT 1 \\gx\n", "`\\gx` is a psql meta-command, not SQL", "\\gx");
        let error = refused("1;\n\\.\n", "`\\.` is a psql meta-command, not SQL", "\\.");
        assert!(error.help.contains("there is none above it"), "{}", error.help);
        refused("SELECT 1 \\; SELECT 2", "`\\;` is a psql meta-command, not SQL", "\\;");
        check("\\restrict abc\nSELECT 1;\n\\unrestrict abc\n", &["SELECT 1"]);
    }

    #[test]
    fn s8_what_is_never_closed_is_reported_where_it_was_opened() {
        refused("SELECT 'a;\n", "unterminated quoted string", "'");
        refused("SELECT E'a\\';\n", "unterminated quoted string", "E'");
        refused("SELECT \"a;\n", "unterminated quoted identifier", "\"");
        refused("SELECT /* /* */ 1", "unterminated comment", "/*");
        refused("DO $x$ ; $y$", "unterminated dollar-quoted string", "$x$");
        refused("SELECT (1; SELECT 2;", "unterminated parenthesis", "(");
        refused("CREATE FUNCTION f() BEGIN ATOMIC SELECT 1;", "unterminated BEGIN ATOMIC body", "ATOMIC");
        refused("SELECT \0", "a NUL byte in SQL text", "\0");
    }

    #[test]
    fn a_message_has_no_copy_data_and_no_meta_commands() {
        let texts = |text: &str| -> Vec<String> {
            split_message(text).unwrap().into_iter().map(|statement| statement.text).collect()
        };
        assert_eq!(texts("COPY t FROM STDIN; SELECT 1;\n"), ["COPY t FROM STDIN", "SELECT 1"]);
        assert_eq!(texts("SELECT 1 \\gx; SELECT 2"), ["SELECT 1 \\gx", "SELECT 2"]);
        assert_eq!(texts("\u{feff}SELECT 1"), ["\u{feff}SELECT 1"]);
        assert_eq!(texts(" ; -- nothing\n"), [""; 0]);
        assert!(split_message("SELECT 'a; SELECT 2").is_err());
    }

    #[test]
    fn the_line_is_that_of_the_first_token() {
        let statements = split("-- head\n\nSELECT 1;\n/* a\nb */ SELECT\n2;").unwrap();
        assert_eq!(statements.iter().map(|s| s.line).collect::<Vec<_>>(), [3, 5]);
    }

    #[test]
    fn transaction_control_starts_or_ends_a_block() {
        for yes in [
            "begin",
            "/* x */ BEGIN ISOLATION LEVEL SERIALIZABLE",
            "START TRANSACTION",
            "COMMIT",
            "end",
            "ROLLBACK",
            "abort work",
            "PREPARE TRANSACTION 'x'",
            "rollback and chain",
        ] {
            assert!(is_transaction_control(yes), "{yes}");
        }
        for no in [
            "SAVEPOINT a",
            "ROLLBACK TO a",
            "rollback work to savepoint a",
            "COMMIT PREPARED 'x'",
            "PREPARE p AS SELECT 1",
            "RELEASE a",
            "\"begin\"",
            "SELECT 1",
        ] {
            assert!(!is_transaction_control(no), "{no}");
        }
    }

    fn fragment() -> impl Strategy<Value = String> {
        let fixed = prop::sample::select(vec![
            "SELECT",
            "a$b",
            "';'",
            "E'\\';'",
            "$$;$$",
            "$q$ $$; $q$",
            "\";\"",
            "( ; )",
            "/* ; /* ' */ */",
            "-- ;\n",
            "\n",
            "1.5e3",
            "$1",
            "::",
            "x'1f'",
            "U&'\\0041'",
            "'a'\n'b'",
            "é",
            "CASE",
            "END",
            "create",
            "function",
        ]);
        fixed.prop_map(str::to_owned)
    }

    proptest! {
        #[test]
        fn joining_statements_and_splitting_again_changes_nothing(
            statements in prop::collection::vec(prop::collection::vec(fragment(), 1..8), 0..6),
        ) {
            let text: String = statements.iter().map(|parts| format!("{} ;\n", parts.join(" "))).collect();
            let first = split(&text).unwrap();
            let joined: String = first.iter().map(|statement| format!("{};\n", statement.text)).collect();
            let again = split(&joined).unwrap();
            let texts = |all: &[Statement]| all.iter().map(|s| s.text.clone()).collect::<Vec<_>>();
            prop_assert_eq!(texts(&first), texts(&again));
        }

        #[test]
        fn no_text_makes_it_panic(text in "[a-eE$'\"\\\\/*;()é\n -]{0,40}") {
            let _ = split(&text);
        }
    }
}

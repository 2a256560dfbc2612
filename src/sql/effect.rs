//! What a statement does to the transaction around it, told from its text.

use super::lex::{Kind, Lexer};

/// What a statement does when it succeeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// BEGIN, START TRANSACTION.
    Begin,
    /// COMMIT, END.
    Commit {
        /// AND CHAIN: another transaction begins at once.
        chain: bool,
    },
    /// ROLLBACK, ABORT.
    Rollback {
        /// AND CHAIN: another transaction begins at once.
        chain: bool,
    },
    /// PREPARE TRANSACTION: it leaves the session and waits for COMMIT PREPARED.
    PrepareTransaction,
    /// COMMIT PREPARED, ROLLBACK PREPARED.
    ResolvePrepared,
    /// SAVEPOINT, RELEASE.
    Savepoint,
    /// ROLLBACK TO a savepoint, which heals a failed transaction.
    RollbackTo,
    /// Nothing that the text tells would change the database: SELECT, SHOW, SET, FETCH, COPY … TO.
    Read,
    /// COPY … FROM: it changes the database and may take its rows from the client.
    CopyIn {
        /// Whether the rows are CSV.
        csv: bool,
    },
    /// Anything else, which may change the database.
    Change,
}

impl Effect {
    /// Whether it may change the database.
    pub fn is_change(self) -> bool {
        matches!(self, Self::Change | Self::CopyIn { .. })
    }

    /// Whether it is a transaction control statement to the server, savepoints included.
    pub fn is_control(self) -> bool {
        !self.is_change() && self != Self::Read
    }
}

/// What the statement does. A SELECT is taken to read, although a function that it calls may write;
/// EXECUTE and EXPLAIN ANALYZE are taken to change. A text that is cut is judged by its beginning.
pub fn effect(statement: &str) -> Effect {
    let mut words = Words::new(statement);
    let Some(first) = words.next() else { return Effect::Read };
    let Some(verb) = VERBS.iter().find(|(word, _)| is(first, word)) else { return Effect::Change };
    match verb.1 {
        Verb::Begin => Effect::Begin,
        Verb::Start => change_unless(words.next_is("transaction"), Effect::Begin),
        Verb::Commit => end(words, |chain| Effect::Commit { chain }),
        Verb::Rollback => end(words, |chain| Effect::Rollback { chain }),
        Verb::Prepare if words.next_is("transaction") => Effect::PrepareTransaction,
        Verb::Savepoint => Effect::Savepoint,
        Verb::Prepare | Verb::Read => Effect::Read,
        Verb::Select => change_unless(!selects_into(words), Effect::Read),
        Verb::With => change_unless(!writes(words), Effect::Read),
        Verb::Explain => change_unless(!analyzes(words), Effect::Read),
        Verb::Copy => copy(words),
    }
}

/// What DEALLOCATE and DISCARD forget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deallocated {
    /// Every prepared statement.
    All,
    /// The one of this name.
    One(String),
}

/// Which prepared statements the statement deallocates, if it does.
pub fn deallocated(statement: &str) -> Option<Deallocated> {
    let mut words = Words::new(statement);
    let first = words.next()?;
    let mut name = words.next()?;
    if is(first, "discard") {
        return is(name, "all").then_some(Deallocated::All);
    }
    if !is(first, "deallocate") {
        return None;
    }
    if is(name, "prepare") {
        name = words.next().unwrap_or(name);
    }
    if is(name, "all") {
        return Some(Deallocated::All);
    }
    let quoted = name.strip_prefix('"').and_then(|name| name.strip_suffix('"'));
    let name = quoted.map_or_else(|| name.to_ascii_lowercase(), |name| name.replace("\"\"", "\""));
    Some(Deallocated::One(name))
}

#[derive(Debug, Clone, Copy)]
enum Verb {
    Begin,
    Start,
    Commit,
    Rollback,
    Prepare,
    Savepoint,
    Read,
    Select,
    With,
    Explain,
    Copy,
}

const VERBS: &[(&str, Verb)] = &[
    ("select", Verb::Select),
    ("begin", Verb::Begin),
    ("commit", Verb::Commit),
    ("end", Verb::Commit),
    ("rollback", Verb::Rollback),
    ("abort", Verb::Rollback),
    ("start", Verb::Start),
    ("prepare", Verb::Prepare),
    ("savepoint", Verb::Savepoint),
    ("release", Verb::Savepoint),
    ("with", Verb::With),
    ("explain", Verb::Explain),
    ("copy", Verb::Copy),
    ("set", Verb::Read),
    ("show", Verb::Read),
    ("reset", Verb::Read),
    ("values", Verb::Read),
    ("table", Verb::Read),
    ("declare", Verb::Read),
    ("fetch", Verb::Read),
    ("move", Verb::Read),
    ("close", Verb::Read),
    ("listen", Verb::Read),
    ("unlisten", Verb::Read),
    ("notify", Verb::Read),
    ("deallocate", Verb::Read),
    ("discard", Verb::Read),
    ("lock", Verb::Read),
    ("load", Verb::Read),
    ("checkpoint", Verb::Read),
];

fn is(word: &str, expected: &str) -> bool {
    word.eq_ignore_ascii_case(expected)
}

fn change_unless(harmless: bool, effect: Effect) -> Effect {
    if harmless { effect } else { Effect::Change }
}

/// COMMIT and ROLLBACK with what may follow them.
fn end(words: Words<'_>, ends: impl Fn(bool) -> Effect) -> Effect {
    let (mut and, mut chain) = (false, false);
    for word in words {
        match () {
            () if is(word, "prepared") => return Effect::ResolvePrepared,
            () if is(word, "to") => return Effect::RollbackTo,
            () if is(word, "and") => and = true,
            () if is(word, "no") => and = false,
            () if is(word, "chain") => chain = and,
            () => {}
        }
    }
    ends(chain)
}

fn selects_into(mut words: Words<'_>) -> bool {
    while let Some(word) = words.next() {
        if words.depth == 0 && is(word, "into") {
            return true;
        }
    }
    false
}

/// Whether a part of the statement writes; `FOR UPDATE` and `FOR NO KEY UPDATE` only lock.
fn writes(words: Words<'_>) -> bool {
    let mut previous = "";
    for word in words {
        let locks = is(previous, "for") || is(previous, "key");
        if is(word, "update") && !locks
            || ["insert", "delete", "merge", "into"].iter().any(|verb| is(word, verb))
        {
            return true;
        }
        previous = word;
    }
    false
}

/// EXPLAIN with its options in parentheses or as words before the statement.
fn analyzes(mut words: Words<'_>) -> bool {
    while let Some(word) = words.next() {
        if is(word, "analyze") || is(word, "analyse") {
            return true;
        }
        if words.depth == 0 && !is(word, "verbose") {
            return false;
        }
    }
    false
}

fn copy(mut words: Words<'_>) -> Effect {
    while let Some(word) = words.next() {
        if words.depth > 0 {
            if ["insert", "update", "delete", "merge"].iter().any(|verb| is(word, verb)) {
                return Effect::Change;
            }
        } else if is(word, "from") {
            let csv = words.any(|word| is(word.trim_matches('\''), "csv"));
            return Effect::CopyIn { csv };
        } else if is(word, "to") {
            return Effect::Read;
        }
    }
    Effect::Change
}

/// The words, names and strings of one statement; parentheses are counted, all else is left out.
struct Words<'a> {
    text: &'a str,
    lexer: Lexer<'a>,
    /// How many parentheses are open around the last word.
    depth: usize,
}

impl<'a> Words<'a> {
    fn new(text: &'a str) -> Self {
        let mut words = Self { text, lexer: Lexer::new(text), depth: 0 };
        // `(SELECT 1)`: parentheses before the verb enclose nothing.
        let mut ahead = Lexer::new(text);
        while let Ok(Some(token)) = ahead.next() {
            match token.kind {
                Kind::Space | Kind::Comment | Kind::Symbol(b'(' | b';') => words.lexer.jump(ahead.at()),
                _ => break,
            }
        }
        words
    }

    fn next_is(&mut self, expected: &str) -> bool {
        self.next().is_some_and(|word| is(word, expected))
    }
}

impl<'a> Iterator for Words<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        while let Ok(Some(token)) = self.lexer.next() {
            match token.kind {
                Kind::Symbol(b'(') => self.depth += 1,
                Kind::Symbol(b')') => self.depth = self.depth.saturating_sub(1),
                Kind::Symbol(b';') if self.depth == 0 => break,
                Kind::Word | Kind::Quoted => return Some(&self.text[token.span]),
                _ => {}
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(expected: Effect, texts: &[&str]) {
        for text in texts {
            assert_eq!(effect(text), expected, "{text}");
        }
    }

    #[test]
    fn transaction_control_is_told_apart() {
        check(Effect::Begin, &["BEGIN", "/* a */ begin isolation level serializable", "START TRANSACTION"]);
        check(
            Effect::Commit { chain: false },
            &["COMMIT", "end", "COMMIT WORK AND NO CHAIN", "COMMIT; ROLLBACK TO a"],
        );
        check(Effect::Commit { chain: true }, &["COMMIT AND CHAIN", "END TRANSACTION AND CHAIN"]);
        check(Effect::Rollback { chain: false }, &["ROLLBACK", "ABORT WORK"]);
        check(Effect::Rollback { chain: true }, &["ROLLBACK AND CHAIN"]);
        check(Effect::RollbackTo, &["ROLLBACK TO a", "rollback work to savepoint a"]);
        check(Effect::ResolvePrepared, &["COMMIT PREPARED 'x'", "ROLLBACK PREPARED 'x'"]);
        check(Effect::PrepareTransaction, &["PREPARE TRANSACTION 'x'"]);
        check(Effect::Savepoint, &["SAVEPOINT a", "RELEASE SAVEPOINT a"]);
    }

    #[test]
    fn what_only_reads_is_told_from_what_may_change() {
        let reads = [
            "SELECT 1",
            "(SELECT 1) UNION (SELECT 2)",
            "SELECT (SELECT 'into' FROM t) FROM t FOR UPDATE",
            "WITH a AS (SELECT 1) SELECT * FROM a FOR NO KEY UPDATE",
            "TABLE t",
            "VALUES (1)",
            "SHOW all",
            "SET a = 1",
            "EXPLAIN INSERT INTO t VALUES (1)",
            "EXPLAIN (VERBOSE) DELETE FROM analyze",
            "PREPARE p AS INSERT INTO t VALUES (1)",
            "COPY t TO STDOUT",
            "COPY (SELECT 1 FROM t) TO STDOUT",
            "DECLARE c CURSOR FOR SELECT 1",
            "",
            "-- nothing",
        ];
        check(Effect::Read, &reads);
        let changes = [
            "INSERT INTO t VALUES (1)",
            "WITH a AS (DELETE FROM t RETURNING 1) SELECT * FROM a",
            "WITH a AS (SELECT 1) UPDATE t SET a = 1",
            "SELECT 1 AS a INTO t",
            "EXPLAIN ANALYZE DELETE FROM t",
            "EXPLAIN (COSTS OFF, ANALYZE) DELETE FROM t",
            "COPY (DELETE FROM t RETURNING 1) TO STDOUT",
            "DO $$ BEGIN END $$",
            "CALL p()",
            "EXECUTE p",
            "VACUUM",
            "\"select\"",
        ];
        check(Effect::Change, &changes);
        check(Effect::CopyIn { csv: false }, &["COPY t (a, b) FROM STDIN", "copy \"csv\" from '/csv'"]);
        check(
            Effect::CopyIn { csv: true },
            &["COPY t FROM STDIN (FORMAT csv)", "COPY t FROM STDIN CSV HEADER"],
        );
    }

    #[test]
    fn deallocate_and_discard_name_what_they_forget() {
        let one = |name: &str| Some(Deallocated::One(name.to_owned()));
        assert_eq!(deallocated("DEALLOCATE Foo"), one("foo"));
        assert_eq!(deallocated("deallocate prepare \"F\"\"oo\""), one("F\"oo"));
        assert_eq!(deallocated("DEALLOCATE PREPARE ALL"), Some(Deallocated::All));
        assert_eq!(deallocated("DISCARD ALL"), Some(Deallocated::All));
        assert_eq!(deallocated("DISCARD PLANS"), None);
        assert_eq!(deallocated("SELECT foo"), None);
    }
}

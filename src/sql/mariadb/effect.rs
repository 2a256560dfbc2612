//! What a statement does to the connection's transaction, told from its first words.
//!
//! From the MariaDB manual, "SQL Statements That Cause an Implicit Commit", with MySQL's additions.

use super::statements::{Dialect, Kind, Token, Tokens};

/// What a statement does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Nothing to a transaction, not even begin one.
    Nothing,
    /// Reads tables.
    Reads,
    /// Changes rows, or may: a procedure, an EXECUTE.
    Changes,
    /// BEGIN: commits what is open and begins a transaction.
    Begins,
    /// COMMIT; whether a new transaction begins at once.
    Commits(bool),
    /// ROLLBACK; whether a new transaction begins at once.
    RollsBack(bool),
    /// Commits what is open and is itself permanent: DDL.
    Defines,
    /// Commits what is open and changes nothing itself: LOCK TABLES, FLUSH.
    Ends,
    /// SET autocommit.
    Autocommit(bool),
    /// XA COMMIT, which makes a prepared transaction permanent.
    XaCommit,
}

/// How many results the server gives for a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Yields {
    /// One, of rows or not.
    One,
    /// Any number with rows, then one without: CALL and compound statements.
    Several,
    /// One, or as CALL does: the text does not say.
    Unknown,
}

/// The statement at the front of a text: what it does and how it is answered. Without a token in it, none.
pub fn effect(text: &[u8], dialect: Dialect) -> Option<(Effect, Yields)> {
    let mut tokens = Tokens::new(text, 0, dialect);
    let first = tokens.find(|token| token.kind != Kind::Symbol(b'('))?;
    let inner = verb(first, &mut tokens);
    let yields = yields(first, inner, tokens.clone());
    match of(inner, tokens) {
        // A block with a label.
        Effect::Nothing if yields == Yields::Several => Some((Effect::Changes, yields)),
        effect => Some((effect, yields)),
    }
}

/// The word that says what is done: behind WITH …, SET STATEMENT … FOR, ANALYZE FORMAT=JSON.
fn verb<'a>(first: Token<'a>, tokens: &mut Tokens<'a>) -> Token<'a> {
    let mut ahead = tokens.clone();
    let found = if first.is("WITH") {
        behind(&mut ahead, &["SELECT", "UPDATE", "DELETE", "INSERT", "REPLACE", "VALUES", "TABLE"])
    } else if first.is("SET") && ahead.next().is_some_and(|next| next.is("STATEMENT")) {
        behind(&mut ahead, &["FOR"]).and_then(|_| ahead.next())
    } else if first.is("ANALYZE") {
        behind(&mut ahead, &["SELECT", "UPDATE", "DELETE", "INSERT", "REPLACE", "TABLE", "WITH"])
            .filter(|found| !found.is("TABLE"))
    } else {
        None
    };
    if found.is_some() {
        *tokens = ahead;
    }
    found.unwrap_or(first)
}

/// The first of these words outside parentheses.
fn behind<'a>(tokens: &mut Tokens<'a>, words: &[&str]) -> Option<Token<'a>> {
    let mut depth = 0_u32;
    tokens.find(|token| {
        match token.kind {
            Kind::Symbol(b'(') => depth += 1,
            Kind::Symbol(b')') => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && token.is_any(words)
    })
}

fn of(verb: Token<'_>, rest: Tokens<'_>) -> Effect {
    if verb.kind != Kind::Word {
        return Effect::Nothing;
    }
    let mut word = [0; 16];
    let Some(word) = word.get_mut(..verb.text.len()) else { return Effect::Nothing };
    word.copy_from_slice(verb.text);
    word.make_ascii_uppercase();
    let next_is = |word: &str| rest.clone().next().is_some_and(|next| next.is(word));
    let follows = |words: &[&str]| rest.clone().take(6).any(|token| token.is_any(words));
    match &*word {
        b"SELECT" | b"VALUES" | b"TABLE" | b"WITH" => Effect::Reads,
        b"INSERT" | b"UPDATE" | b"DELETE" | b"REPLACE" | b"CALL" | b"EXECUTE" | b"BINLOG" | b"IF"
        | b"CASE" | b"LOOP" | b"WHILE" | b"REPEAT" | b"FOR" => Effect::Changes,
        b"LOAD" if next_is("INDEX") => Effect::Ends,
        b"LOAD" => Effect::Changes,
        b"BEGIN" if follows(&["ATOMIC"]) => Effect::Changes,
        b"BEGIN" => Effect::Begins,
        b"START" if next_is("TRANSACTION") => Effect::Begins,
        b"COMMIT" => Effect::Commits(chains(rest)),
        b"ROLLBACK" if follows(&["TO"]) => Effect::Nothing,
        b"ROLLBACK" => Effect::RollsBack(chains(rest)),
        b"CREATE" | b"DROP" if is_temporary(rest.clone()) => Effect::Nothing,
        b"CREATE" | b"DROP" | b"ALTER" | b"RENAME" | b"TRUNCATE" | b"GRANT" | b"REVOKE" | b"ANALYZE"
        | b"OPTIMIZE" | b"REPAIR" | b"INSTALL" | b"UNINSTALL" | b"CHANGE" | b"IMPORT" => Effect::Defines,
        b"LOCK" | b"UNLOCK" | b"FLUSH" | b"RESET" | b"CHECK" | b"CACHE" | b"START" | b"STOP"
        | b"SHUTDOWN" | b"BACKUP" => Effect::Ends,
        b"SET" => set(rest),
        b"XA" => xa(rest.clone().next()),
        _ => Effect::Nothing,
    }
}

/// Whether TEMPORARY follows, perhaps behind OR REPLACE.
fn is_temporary(mut rest: Tokens<'_>) -> bool {
    let next = rest.next();
    let next = if next.is_some_and(|next| next.is("OR")) { rest.nth(1) } else { next };
    next.is_some_and(|next| next.is("TEMPORARY"))
}

/// Whether AND CHAIN follows, and not AND NO CHAIN.
fn chains(rest: Tokens<'_>) -> bool {
    let mut no = false;
    for token in rest.take(4) {
        if token.is("CHAIN") {
            return !no;
        }
        no = token.is("NO");
    }
    false
}

fn set(rest: Tokens<'_>) -> Effect {
    let mut last = None;
    let mut tokens = rest.clone();
    if tokens.next().is_some_and(|next| next.is_any(&["PASSWORD", "DEFAULT"])) {
        return Effect::Defines;
    }
    let mut tokens = rest;
    while let Some(token) = tokens.next() {
        if token.text.eq_ignore_ascii_case(b"autocommit") && token.kind != Kind::Quoted {
            let value = tokens.find(|token| !matches!(token.kind, Kind::Symbol(b'=' | b':')));
            last = value.map(|value| !value.is_any(&["0", "OFF", "FALSE"]));
        }
    }
    last.map_or(Effect::Nothing, Effect::Autocommit)
}

fn xa(next: Option<Token<'_>>) -> Effect {
    match next {
        Some(next) if next.is("COMMIT") => Effect::XaCommit,
        Some(next) if next.is("ROLLBACK") => Effect::RollsBack(false),
        Some(next) if next.is_any(&["START", "BEGIN"]) => Effect::Begins,
        _ => Effect::Nothing,
    }
}

fn yields(first: Token<'_>, verb: Token<'_>, mut rest: Tokens<'_>) -> Yields {
    let labelled = matches!(first.kind, Kind::Word | Kind::Quoted)
        && rest.clone().next().is_some_and(|next| next.kind == Kind::Symbol(b':'));
    if verb.is("EXECUTE") {
        return Yields::Unknown;
    }
    let blocks = verb.is_any(&["CALL", "IF", "CASE", "LOOP", "WHILE", "REPEAT", "FOR"]);
    let begins = verb.is("BEGIN") && rest.next().is_some_and(|next| next.is("NOT"));
    if blocks || begins || labelled { Yields::Several } else { Yields::One }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Effect) {
        let (effect, _) = effect(text.as_bytes(), Dialect::of(b"10.11.19-MariaDB")).unwrap();
        assert_eq!(effect, expected, "{text}");
    }

    #[test]
    fn the_first_words_say_what_a_statement_does() {
        check("select 1", Effect::Reads);
        check("(SELECT 1) UNION (SELECT 2)", Effect::Reads);
        check("/* x */ INSERT INTO t VALUES (1)", Effect::Changes);
        check("/*!40101 SET NAMES utf8 */", Effect::Nothing);
        check("/*!40000 ALTER TABLE t DISABLE KEYS */", Effect::Defines);
        check("CREATE OR REPLACE TEMPORARY TABLE t (a INT)", Effect::Nothing);
        check("CREATE TABLE t (temporary INT)", Effect::Defines);
        check("DROP TEMPORARY TABLE t", Effect::Nothing);
        check("SET autocommit=0", Effect::Autocommit(false));
        check("SET @@session.autocommit = ON, x = 2", Effect::Autocommit(true));
        check("SET @x := 1", Effect::Nothing);
        check("SET PASSWORD = 'x'", Effect::Defines);
        check("BEGIN", Effect::Begins);
        check("BEGIN NOT ATOMIC SELECT 1; END", Effect::Changes);
        check("START TRANSACTION READ ONLY", Effect::Begins);
        check("START SLAVE", Effect::Ends);
        check("COMMIT AND CHAIN", Effect::Commits(true));
        check("COMMIT WORK AND NO CHAIN", Effect::Commits(false));
        check("ROLLBACK TO SAVEPOINT a", Effect::Nothing);
        check("ROLLBACK", Effect::RollsBack(false));
        check("LOAD DATA LOCAL INFILE 'x' INTO TABLE t", Effect::Changes);
        check("LOAD INDEX INTO CACHE t", Effect::Ends);
        check("XA COMMIT 'a'", Effect::XaCommit);
        check("XA PREPARE 'a'", Effect::Nothing);
        check("DO SLEEP(1)", Effect::Nothing);
    }

    #[test]
    fn the_verb_may_come_later() {
        check("WITH c AS (SELECT 1) SELECT * FROM c", Effect::Reads);
        check("WITH c AS (SELECT 1) DELETE FROM t", Effect::Changes);
        check("SET STATEMENT max_statement_time=1 FOR UPDATE t SET a=1", Effect::Changes);
        check("SET STATEMENT max_statement_time=1 FOR COMMIT AND CHAIN", Effect::Commits(true));
        check("ANALYZE FORMAT=JSON UPDATE t SET a=1", Effect::Changes);
        check("ANALYZE TABLE t", Effect::Defines);
        check("EXPLAIN DELETE FROM t", Effect::Nothing);
    }

    #[test]
    fn only_procedures_and_blocks_give_several_results() {
        let yields = |text: &str| effect(text.as_bytes(), Dialect::of(b"8.0.1")).unwrap().1;
        assert_eq!(yields("CALL p()"), Yields::Several);
        assert_eq!(yields("BEGIN NOT ATOMIC SELECT 1; END"), Yields::Several);
        assert_eq!(yields("l: LOOP SELECT 1; END LOOP"), Yields::Several);
        assert_eq!(yields("EXECUTE s"), Yields::Unknown);
        assert_eq!(
            (yields("BEGIN"), yields("SELECT 1"), yields("UPDATE t SET a=1")),
            (Yields::One, Yields::One, Yields::One)
        );
    }
}

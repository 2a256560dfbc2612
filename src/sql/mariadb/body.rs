//! Whether a semicolon is inside the body of a stored program, or of a compound statement.
//!
//! The server knows from its grammar; here the key words that open and close blocks are counted.

use super::statements::{Kind, Token};

/// The deepest nesting that is followed; below it the rest of a text counts as one statement.
const DEEPEST: u32 = 64;

/// What a statement has shown of itself so far.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// Nothing yet.
    #[default]
    Fresh,
    /// CREATE or ALTER of something.
    Makes,
    /// A word that may be a label.
    Word,
    /// A label with its colon.
    Label,
    /// BEGIN, which is a transaction's unless NOT ATOMIC follows.
    Begins,
    /// One that has no body.
    Plain,
    /// A stored program before its body.
    Header,
    /// Inside a body, or behind it.
    Body,
    /// A package, which is not followed.
    Package,
}

/// What the token before was.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Before {
    #[default]
    Other,
    /// A statement may begin.
    Statement,
    /// A statement may begin if this is the header of a stored program.
    Clause,
    /// END, so that a word names what ends.
    End,
    /// BEFORE, AFTER, OR and the like: what follows is a trigger's event.
    Event,
    /// XA, so that BEGIN opens no block.
    Xa,
}

/// Follows one statement token by token.
#[derive(Debug, Default)]
pub(super) struct Body {
    shape: Shape,
    before: Before,
    depth: u32,
    /// One bit for each open block, the innermost lowest: it is a CASE inside an expression.
    expressions: u64,
}

const LOOPS: &[&str] = &["IF", "CASE", "LOOP", "WHILE", "REPEAT", "FOR"];
const PROGRAMS: &[&str] = &["PROCEDURE", "FUNCTION", "TRIGGER", "EVENT"];
const OTHERS: &[&str] =
    &["TABLE", "VIEW", "DATABASE", "SCHEMA", "INDEX", "USER", "ROLE", "SEQUENCE", "SERVER"];
const VERBS: &[&str] =
    &["SELECT", "INSERT", "UPDATE", "DELETE", "REPLACE", "SET", "CALL", "RETURN", "WITH", "VALUES"];

impl Body {
    /// Whether a semicolon here ends the statement.
    pub(super) fn is_over(&self) -> bool {
        self.depth == 0 && self.shape != Shape::Package
    }

    /// Reads the next token of the statement.
    pub(super) fn read(&mut self, token: &Token<'_>) {
        let opening = matches!(self.shape, Shape::Fresh | Shape::Label);
        self.shape = match self.shape {
            Shape::Fresh => Self::first(token),
            Shape::Makes if token.is_any(PROGRAMS) => Shape::Header,
            Shape::Makes if token.is("PACKAGE") => Shape::Package,
            Shape::Makes if token.is_any(OTHERS) => Shape::Plain,
            Shape::Word if token.kind == Kind::Symbol(b':') => Shape::Label,
            Shape::Label if token.is("BEGIN") || token.is_any(LOOPS) => Shape::Body,
            Shape::Word | Shape::Label => Shape::Plain,
            Shape::Begins if token.is("NOT") => return self.open(false, Shape::Body),
            Shape::Begins => Shape::Plain,
            Shape::Header if token.is_any(VERBS) && self.before != Before::Event => Shape::Body,
            shape => shape,
        };
        if matches!(self.shape, Shape::Header | Shape::Body) {
            if opening {
                self.before = Before::Statement;
            }
            self.follow(token);
        }
    }

    fn first(token: &Token<'_>) -> Shape {
        match token.kind {
            Kind::Word if token.is_any(&["CREATE", "ALTER"]) => Shape::Makes,
            Kind::Word if token.is("BEGIN") => Shape::Begins,
            Kind::Word if token.is_any(LOOPS) => Shape::Body,
            Kind::Word | Kind::Quoted => Shape::Word,
            _ => Shape::Plain,
        }
    }

    fn open(&mut self, expression: bool, shape: Shape) {
        self.shape = if self.depth == DEEPEST { Shape::Package } else { shape };
        self.expressions = self.expressions << 1 | u64::from(expression);
        self.depth += 1;
        self.before = Before::Statement;
    }

    fn follow(&mut self, token: &Token<'_>) {
        let starts = match self.before {
            Before::Statement => true,
            Before::Clause => self.shape == Shape::Header || self.depth > 0,
            _ => false,
        };
        let before = self.before;
        self.before = self.next_before(token);
        if token.is("END") {
            self.depth = self.depth.saturating_sub(1);
            self.expressions >>= 1;
        } else if token.is("BEGIN") && before != Before::Xa {
            self.open(false, Shape::Body);
        } else if token.is("CASE") && before != Before::End {
            self.open(!starts, Shape::Body);
            self.before = Before::Other;
        } else if starts && token.is_any(LOOPS) && before != Before::End {
            self.open(false, Shape::Body);
            self.before = if token.is_any(&["LOOP", "REPEAT"]) { Before::Statement } else { Before::Other };
        }
    }

    fn next_before(&self, token: &Token<'_>) -> Before {
        match token.kind {
            Kind::Symbol(b';' | b':') => Before::Statement,
            Kind::Symbol(b')') | Kind::Quoted if self.shape == Shape::Header => Before::Clause,
            Kind::Symbol(b',') if self.shape == Shape::Header => Before::Event,
            Kind::Word => self.behind_word(token),
            _ => Before::Other,
        }
    }

    fn behind_word(&self, token: &Token<'_>) -> Before {
        const CLAUSES: &[&str] = &["DETERMINISTIC", "SQL", "DATA", "DEFINER", "INVOKER", "ROW"];
        const HANDLED: &[&str] = &["FOUND", "SQLEXCEPTION", "SQLWARNING"];
        let expression = self.expressions & 1 == 1 && self.depth > 0;
        if token.is_any(&["THEN", "ELSE"]) {
            return if expression { Before::Other } else { Before::Statement };
        }
        match () {
            () if token.is_any(&["DO", "ATOMIC"]) => Before::Statement,
            () if token.is("END") => Before::End,
            () if token.is("XA") => Before::Xa,
            () if token.is_any(&["BEFORE", "AFTER", "OR"]) => Before::Event,
            () if token.is_any(HANDLED) => Before::Clause,
            () if token.is_any(CLAUSES) && self.shape == Shape::Header => Before::Clause,
            () => Before::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::sql::mariadb::statements::{Dialect, cut, strip};

    #[track_caller]
    fn check(text: &str, expected: usize) {
        let dialect = Dialect::of(b"10.11.19-MariaDB");
        let (mut count, mut at) = (0, Some(0));
        while let Some(from) = at {
            at = cut(strip(text.as_bytes()), from, dialect).next;
            count += 1;
        }
        assert_eq!(count, expected, "{text}");
    }

    #[test]
    fn the_body_of_a_program_is_one_statement() {
        check("CREATE PROCEDURE p() BEGIN SELECT 1; SELECT 2; END; SELECT 3", 2);
        check("CREATE PROCEDURE p() SELECT 1; SELECT 3", 2);
        check("CREATE OR REPLACE DEFINER=`a`@`b` FUNCTION f(a INT) RETURNS INT DETERMINISTIC RETURN a; x", 2);
        check("CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW BEGIN SET @a=1; SET @b=2; END; x", 2);
        check("CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW IF 1 THEN SET @a=1; END IF; x", 2);
        check("CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO BEGIN DELETE FROM a; DELETE FROM b; END; x; y", 3);
        check(
            "/*!50003 CREATE*/ /*!50003 TRIGGER t BEFORE INSERT ON a FOR EACH ROW BEGIN a; b; END */; x",
            2,
        );
        check("CREATE PACKAGE BODY p AS PROCEDURE a AS BEGIN x; END; END; y", 1);
    }

    #[test]
    fn blocks_nest_and_close_by_name() {
        check("CREATE PROCEDURE p() BEGIN IF a THEN b; ELSEIF c THEN d; ELSE e; END IF; END; x", 2);
        check("CREATE PROCEDURE p() BEGIN l: LOOP IF a THEN LEAVE l; END IF; END LOOP l; END; x", 2);
        check("CREATE PROCEDURE p() BEGIN WHILE a DO b; END WHILE; REPEAT c; UNTIL d END REPEAT; END; x", 2);
        check("CREATE PROCEDURE p() BEGIN CASE a WHEN 1 THEN b; ELSE c; END CASE; END; x", 2);
        check("CREATE PROCEDURE p() BEGIN FOR i IN 1..3 DO a; END FOR; SELECT 1 FOR UPDATE; END; x", 2);
        check("CREATE PROCEDURE p() BEGIN DECLARE EXIT HANDLER FOR NOT FOUND BEGIN a; END; b; END; x", 2);
        check("CREATE PROCEDURE p() IF a THEN b; END IF; x", 2);
        check("CREATE PROCEDURE p() WHILE a DO b; END WHILE; x", 2);
    }

    #[test]
    fn functions_with_the_names_of_blocks_open_none() {
        check("CREATE PROCEDURE p() BEGIN SET a = IF(b, 1, 2); SET c = REPEAT('x', 3); END; x", 2);
        check("CREATE PROCEDURE p() BEGIN SELECT CASE WHEN a THEN IF(b,1,2) ELSE IF(c,1,2) END; END; x", 2);
        check("CREATE PROCEDURE IF NOT EXISTS p() BEGIN a; END; x", 2);
        check("CREATE PROCEDURE p() SELECT f(1) FOR UPDATE; x", 2);
        check("CREATE FUNCTION f() RETURNS INT RETURN IF(a, 1, 2); x", 2);
        check("CREATE FUNCTION f() RETURNS INT RETURN CASE a WHEN 1 THEN 2 END; x", 2);
        check("CREATE PROCEDURE p() BEGIN SET @begin = t.end; SELECT `end`; END; x", 2);
    }

    #[test]
    fn compound_statements_need_no_program() {
        check("BEGIN; SELECT 1; COMMIT", 3);
        check("BEGIN WORK; SELECT 1", 2);
        check("BEGIN NOT ATOMIC SELECT 1; SELECT 2; END; SELECT 3", 2);
        check("IF a THEN b; END IF; x", 2);
        check("l: WHILE a DO b; END WHILE l; x", 2);
        check("lab: BEGIN NOT ATOMIC a; END; x", 2);
        check("CREATE TABLE t (a INT); CREATE VIEW v AS SELECT CASE a WHEN 1 THEN 2 END FROM t; x", 3);
        check("UPDATE t SET a = CASE b WHEN 1 THEN 2 END; SELECT IF(a, 1, 2); x", 3);
    }
}

//! A statement whose literals may not be seen.

use super::lex::{Kind, Lexer};

/// What statements begin with that speak of the schema and not of rows.
const SCHEMA: [&str; 13] = [
    "alter",
    "begin",
    "comment",
    "commit",
    "create",
    "drop",
    "grant",
    "lock",
    "revoke",
    "rollback",
    "savepoint",
    "set",
    "start",
];

/// The statement with each string and number of it replaced by another string, which `veil` makes of what the
/// literal is and says. Statements that speak of the schema stay as they are.
pub fn veil(statement: &str, veil: impl Fn(&str, &str) -> String) -> String {
    if speaks_of_schema(statement) {
        return statement.to_owned();
    }
    let mut shown = String::with_capacity(statement.len());
    let hide = |kind: &str, value: &str| format!("'{}'", veil(kind, value));
    let mut lexer = Lexer::new(readable(statement));
    let (mut at, mut before) = (0, Before::default());
    while let Ok(Some(token)) = lexer.next() {
        let text = &statement[token.span.clone()];
        at = token.span.end;
        let literal = match token.kind {
            Kind::Number if !text.starts_with('$') => Some(("number", text)),
            Kind::Quoted => string(text, before.is_value()).map(|inner| ("text", inner)),
            _ => None,
        };
        match literal {
            Some((kind, value)) => shown.push_str(&hide(kind, value)),
            None => shown.push_str(text),
        }
        if token.is_text() {
            before.see(token.kind, text);
        }
    }
    // What cannot be read is shown to nobody: a literal that was cut off.
    if at < statement.len() {
        shown.push_str(&hide("text", &statement[at..]));
    }
    shown
}

/// What is surely read as its server reads it: with a quote behind a backslash, servers differ in where a string
/// ends.
fn readable(statement: &str) -> &str {
    let differs = statement.contains("\\'").then(|| statement.find('\'')).flatten();
    &statement[..differs.unwrap_or(statement.len())]
}

/// What came before a token.
#[derive(Default)]
struct Before {
    values: bool,
    equals: bool,
}

impl Before {
    fn see(&mut self, kind: Kind, text: &str) {
        self.values |= kind == Kind::Word && text.eq_ignore_ascii_case("values");
        self.equals = matches!(kind, Kind::Symbol(b'=' | b'<' | b'>'));
    }

    /// Whether double quotes here stand around a string, where they do so for the server.
    fn is_value(&self) -> bool {
        self.values || self.equals
    }
}

fn speaks_of_schema(statement: &str) -> bool {
    let mut lexer = Lexer::new(statement);
    let mut words = std::iter::from_fn(|| lexer.next().ok().flatten())
        .filter(|token| token.kind == Kind::Word)
        .map(|token| statement[token.span.clone()].to_ascii_lowercase());
    let first = words.next().unwrap_or_default();
    SCHEMA.contains(&first.as_str()) && !words.any(|word| matches!(word.as_str(), "select" | "values"))
}

/// What stands between the quotes of a string; none for a quoted identifier.
fn string(text: &str, is_value: bool) -> Option<&str> {
    let start = text.find(['\'', '"', '$', '`'])?;
    let is_name = matches!((text.as_bytes()[start], is_value), (b'"', false) | (b'`', _));
    let inner = &text[start + 1..];
    (!is_name).then(|| inner.strip_suffix(['\'', '"', '$']).unwrap_or(inner))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn veiled(statement: &str, expected: &str) {
        assert_eq!(veil(statement, |kind, _| format!("<{kind}>")), expected);
    }

    #[test]
    fn s20_literals_of_rows_are_not_seen() {
        veiled(
            "INSERT INTO t (a) VALUES ('Jane', 4711, $1)",
            "INSERT INTO t (a) VALUES ('<text>', '<number>', $1)",
        );
        veiled(
            "UPDATE \"T\" SET a = E'x' WHERE id1 = 7",
            "UPDATE \"T\" SET a = '<text>' WHERE id1 = '<number>'",
        );
        veiled("INSERT INTO `t` VALUES (\"Jane\")", "INSERT INTO `t` VALUES ('<text>')");
        veiled("UPDATE t SET a = 'it\\'s Jane'", "UPDATE t SET a = '<text>'");
        veiled("DO $$ BEGIN INSERT INTO t VALUES ('Jane'); END $$", "DO '<text>'");
        veiled("INSERT INTO t VALUES ('Jan", "INSERT INTO t VALUES ('<text>'");
        veiled("CREATE TABLE u AS SELECT 'Jane'", "CREATE TABLE u AS SELECT '<text>'");
    }

    #[test]
    fn statements_of_the_schema_stay() {
        veiled("ALTER TABLE t ADD a varchar(40) DEFAULT 'x'", "ALTER TABLE t ADD a varchar(40) DEFAULT 'x'");
        veiled("BEGIN", "BEGIN");
    }
}

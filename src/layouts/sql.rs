//! What a text of SQL does, as far as it can be seen.

use super::Form;
use crate::sql;

/// Words by which people say in a comment that there is no way back.
const REFUSALS: [&str; 6] = [
    "irreversible",
    "not reversible",
    "cannot be undone",
    "can't be undone",
    "no way back",
    "cannot be reverted",
];

/// The form of a down migration's text.
pub(super) fn form(text: &str) -> Form {
    let refused = REFUSALS.iter().any(|words| text.to_lowercase().contains(words));
    let statements: Vec<String> = match sql::split(text) {
        Ok(statements) => statements.into_iter().map(|statement| statement.text.to_string()).collect(),
        // Another dialect: there is something where a line is no comment.
        Err(_) => text.lines().filter(|line| !is_comment(line)).map(str::to_owned).collect(),
    };
    let acts: Vec<&String> = statements.iter().filter(|statement| !is_idle(statement)).collect();
    match &acts[..] {
        [] if refused => Form::Refuses,
        [] => Form::Empty,
        [only] if raises(only) => Form::Refuses,
        _ => Form::Acts,
    }
}

fn is_comment(line: &str) -> bool {
    let line = line.trim();
    line.is_empty() || ["--", "#", "/*", "*/", "\\"].iter().any(|start| line.starts_with(start))
}

/// Whether a statement changes nothing and asks nothing: `BEGIN`, `COMMIT`, `SELECT 1`.
fn is_idle(statement: &str) -> bool {
    let words = statement.trim().trim_end_matches(';').to_lowercase();
    sql::is_transaction_control(statement) || words.is_empty() || words == "select 1"
}

/// Whether a statement does nothing but raise an error.
fn raises(statement: &str) -> bool {
    let words = statement.to_lowercase();
    let acts = ["alter ", "create ", "drop ", "insert ", "update ", "delete ", "truncate "];
    let raises = words.contains("raise exception") || words.starts_with("signal sqlstate");
    raises && !acts.iter().any(|act| words.contains(act))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_does_something_acts() {
        for (text, form) in [
            ("DROP TABLE a;", Form::Acts),
            ("ALTER TABLE `a` DROP COLUMN `b`;", Form::Acts),
            ("-- not reversible without the backup\nDROP TABLE a;", Form::Acts),
            ("", Form::Empty),
            ("-- This file should undo anything in `up.sql`\n", Form::Empty),
            ("/* nothing */ BEGIN; COMMIT;", Form::Empty),
            ("SELECT 1;", Form::Empty),
            ("-- irreversible: the values are gone\n", Form::Refuses),
            ("DO $$ BEGIN RAISE EXCEPTION 'no way back'; END $$;", Form::Refuses),
        ] {
            assert_eq!(super::form(text), form, "{text}");
        }
    }
}

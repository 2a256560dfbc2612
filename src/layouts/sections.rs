//! Files that hold both halves below lines of comment: dbmate, goose, sql-migrate, node-pg-migrate.

use std::ops::Range;

use super::tree::is_sql;
use super::{Form, Migration, Text, Tool, Tree, sql};

/// The comments that begin the two halves, in lower case, without `--` and blanks before it.
pub(super) struct Marks {
    pub up: &'static str,
    pub down: &'static str,
}

/// The migrations of a tree with these marks.
pub(super) fn find(tree: &Tree, tool: Tool, marks: &Marks) -> Vec<Migration> {
    let files = tree.texts().filter(|(path, _)| is_sql(path));
    files.filter_map(|(path, text)| of_file(path, text, tool, marks)).collect()
}

fn of_file(path: &str, text: &str, tool: Tool, marks: &Marks) -> Option<Migration> {
    let change = section(text, marks, marks.up)?;
    let rollback = section(text, marks, marks.down);
    let form = rollback.clone().map_or(Form::Missing, |part| sql::form(&text[part]));
    let rollback = rollback.map(|part| Text::part(path, part));
    Some(Migration::pair(tool, Text::part(path, change), rollback, form))
}

/// The text between a mark's line and the next mark.
fn section(text: &str, marks: &Marks, wanted: &str) -> Option<Range<usize>> {
    let mut began = None;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let next = at + line.len();
        match (mark(line, marks), began) {
            (Some(_), Some(began)) => return Some(began..at),
            (Some(mark), None) if mark == wanted => began = Some(next),
            _ => {}
        }
        at = next;
    }
    began.map(|began| began..text.len())
}

/// The mark that a line is; words may follow it.
fn mark(line: &str, marks: &Marks) -> Option<&'static str> {
    let comment = line.trim_start().strip_prefix("--")?.trim_start_matches('-').trim().to_lowercase();
    let is =
        |mark: &&str| comment.strip_prefix(mark).is_some_and(|rest| !rest.starts_with(char::is_alphanumeric));
    [marks.up, marks.down].into_iter().find(is)
}

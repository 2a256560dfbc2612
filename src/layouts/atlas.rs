//! Atlas: SQL listed in `atlas.sum`, or archives of texts (`-- atlas:txtar`) with `migration.sql` and `down.sql`.

use std::ops::Range;

use super::tree::{is_sql, join, split};
use super::{Form, Migration, Text, Tool, Tree, sql};

pub(super) fn find(tree: &Tree) -> Vec<Migration> {
    let files = tree.texts().filter(|(path, text)| {
        let listed = tree.text(&join(split(path).0, "atlas.sum")).is_some();
        is_sql(path) && (listed || is_archive(text))
    });
    files.map(|(path, text)| of_file(path, text)).collect()
}

fn is_archive(text: &str) -> bool {
    text.lines().next().is_some_and(|line| line.trim_start_matches('-').trim() == "atlas:txtar")
}

/// Without a text of its own Atlas works out the way back when it is asked.
fn of_file(path: &str, text: &str) -> Migration {
    if !is_archive(text) {
        return Migration::pair(Tool::Atlas, Text::sql(path, text), None, Form::Optional);
    }
    let change = member(text, "migration.sql").unwrap_or(0..0);
    let rollback = member(text, "down.sql");
    let form = rollback.clone().map_or(Form::Optional, |part| sql::form(&text[part]));
    Migration::pair(Tool::Atlas, Text::part(path, change), rollback.map(|part| Text::part(path, part)), form)
}

/// The text of a member of an archive: below its line `-- name --`.
fn member(text: &str, name: &str) -> Option<Range<usize>> {
    let mut began = None;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let next = at + line.len();
        let head = line.trim_end().strip_prefix("-- ").and_then(|line| line.strip_suffix(" --"));
        match (head, began) {
            (Some(_), Some(began)) => return Some(began..at),
            (Some(head), None) if head.trim() == name => began = Some(next),
            _ => {}
        }
        at = next;
    }
    began.map(|began| began..text.len())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{found, halves, tree_of};

    #[test]
    fn an_archive_holds_both_halves_and_a_listed_file_one() {
        let archive = "-- atlas:txtar\n\n-- checks.sql --\nSELECT 1;\n\n-- migration.sql --\nDROP TABLE a;\n\n-- down.sql --\nCREATE TABLE a (b int);\n";
        let tree = tree_of(&[("m/1.sql", archive), ("n/atlas.sum", "h1:x\n"), ("n/1.sql", "DROP TABLE b;")]);
        assert_eq!(found(&tree), ["m/1.sql Atlas Acts"]);
        assert_eq!(halves(&tree), ["DROP TABLE a; -> CREATE TABLE a (b int);", "DROP TABLE b;"]);
    }
}

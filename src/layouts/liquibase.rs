//! Liquibase: change sets in SQL with `--rollback` comments, or in XML, YAML and JSON, of which some kinds of
//! changes are taken back without a word.

use std::ops::Range;

use super::tree::is_sql;
use super::{Code, Form, Migration, Text, Tool, Tree, sql};

pub(super) fn find(tree: &Tree) -> Vec<Migration> {
    tree.texts().flat_map(|(path, text)| of_file(path, text)).collect()
}

fn of_file(path: &str, text: &str) -> Vec<Migration> {
    let kind = path.rsplit_once('.').map_or("", |(_, kind)| kind);
    let described = |sets: Vec<&str>, rollback: &str| {
        let form = described_form(&sets, rollback)?;
        Some(Migration::code(path, Tool::Liquibase, form))
    };
    match kind {
        _ if is_sql(path) => formatted(path, text),
        "xml" if text.contains("<databaseChangeLog") => {
            described(split_at(text, "<changeSet"), "<rollback").into_iter().collect()
        }
        "yaml" | "yml" if text.contains("databaseChangeLog:") => {
            described(split_at(text, "changeSet:"), "rollback:").into_iter().collect()
        }
        "json" if text.contains("\"databaseChangeLog\"") => {
            described(split_at(text, "\"changeSet\""), "\"rollback\"").into_iter().collect()
        }
        _ => Vec::new(),
    }
}

/// The texts behind each of these words.
fn split_at<'t>(text: &'t str, word: &str) -> Vec<&'t str> {
    text.split(word).skip(1).collect()
}

/// Changes that Liquibase cannot turn round by itself.
const ONE_WAY: [&str; 17] = [
    "sql",
    "sqlFile",
    "dropTable",
    "dropColumn",
    "dropView",
    "dropProcedure",
    "dropSequence",
    "dropIndex",
    "dropForeignKeyConstraint",
    "dropUniqueConstraint",
    "dropPrimaryKey",
    "insert",
    "update",
    "delete",
    "loadData",
    "modifyDataType",
    "createProcedure",
];

/// The form of a description: the worst of its change sets; none where it has no change set.
fn described_form(sets: &[&str], rollback: &str) -> Option<Form> {
    let form = |set: &&str| {
        if let Some(at) = set.find(rollback) {
            return if is_blank(&set[at + rollback.len()..]) { Form::Empty } else { Form::Acts };
        }
        let names = |change: &&str| {
            ["<", "- ", "\""].iter().any(|before| {
                let head = format!("{before}{change}");
                set.match_indices(&head)
                    .any(|(at, _)| !set[at + head.len()..].starts_with(char::is_alphanumeric))
            })
        };
        if ONE_WAY.iter().any(names) { Form::Missing } else { Form::Acts }
    };
    let forms: Vec<Form> = sets.iter().map(form).collect();
    let worst = [Form::Missing, Form::Empty].into_iter().find(|worst| forms.contains(worst));
    (!forms.is_empty()).then(|| worst.unwrap_or(Form::Acts))
}

/// Whether a rollback that begins here says nothing: `/>`, `></rollback>`, `""`, `[]`.
fn is_blank(behind: &str) -> bool {
    let behind: String = behind.chars().filter(|c| !c.is_whitespace()).take(12).collect();
    ["/>", "></rollback>", ":\"\"", ":[]", "''", "\"\"", "[]", "empty"]
        .iter()
        .any(|blank| behind.starts_with(blank))
}

/// The change sets of a file of formatted SQL.
fn formatted(path: &str, text: &str) -> Vec<Migration> {
    let is_formatted = text.lines().take(5).any(|line| comment(line) == Some("liquibase formatted sql"));
    if !is_formatted {
        return Vec::new();
    }
    let mut starts = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if comment(line).is_some_and(|comment| comment.to_lowercase().starts_with("changeset ")) {
            starts.push(at);
        }
        at += line.len();
    }
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    starts.iter().zip(ends).map(|(start, end)| change_set(path, text, *start..end)).collect()
}

fn change_set(path: &str, text: &str, part: Range<usize>) -> Migration {
    let (back, is_said) = rollback(&text[part.clone()]);
    let form = match (back.trim().to_lowercase().as_str(), is_said) {
        (_, false) => Form::Missing,
        ("" | "empty" | "not required" | ";", true) => Form::Empty,
        (text, true) if text.starts_with("not possible") => Form::Refuses,
        _ => sql::form(&back),
    };
    let text_of = |code| Text { path: path.to_owned(), part: part.clone(), code };
    let rollback = (form == Form::Acts).then(|| text_of(Code::Unmarked(back)));
    let rollback = rollback.or_else(|| is_said.then(|| text_of(Code::Unmarked(" ".repeat(part.len())))));
    Migration::pair(Tool::Liquibase, text_of(Code::Sql), rollback, form)
}

/// What the rollback comments of a change set say, with blanks for everything else, and whether there are any.
fn rollback(set: &str) -> (String, bool) {
    let mut back = String::with_capacity(set.len());
    let (mut in_block, mut is_said) = (false, false);
    for line in set.split_inclusive('\n') {
        let lower = line.trim_start().to_lowercase();
        let kept =
            if in_block { line.split_once("*/").map_or(line.len(), |(inside, _)| inside.len()) } else { 0 };
        let opens = lower.starts_with("/*") && lower.contains("liquibase rollback");
        let from = match comment(line).filter(|comment| comment.to_lowercase().starts_with("rollback")) {
            Some(comment) if !in_block => line.len() - comment_tail(line, comment).len(),
            _ if kept > 0 => 0,
            _ => line.len(),
        };
        let to = if in_block { kept } else { line.len() };
        is_said |= opens || from < line.len();
        for (at, c) in line.char_indices() {
            let keep = c == '\n' || at >= from && at < to;
            // A character of several bytes leaves as many blanks.
            if keep { back.push(c) } else { back.extend(std::iter::repeat_n(' ', c.len_utf8())) }
        }
        in_block = (in_block || opens) && !line.contains("*/");
    }
    (back, is_said)
}

/// The rest of a line behind the word `rollback`.
fn comment_tail<'l>(line: &'l str, comment: &str) -> &'l str {
    let at = line.find(comment).unwrap_or_default();
    line[at + "rollback".len()..].trim_start_matches([':', ' '])
}

/// What a line of comment says.
fn comment(line: &str) -> Option<&str> {
    line.trim().strip_prefix("--").map(|comment| comment.trim_start_matches('-').trim())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{found, halves, tree_of};

    #[test]
    fn comments_of_formatted_sql_are_the_way_back_of_their_change_set() {
        let tree = tree_of(&[(
            "c.sql",
            "-- liquibase formatted sql\n\n--changeset me:1\nCREATE TABLE a (b int);\n--rollback DROP TABLE a;\n\n\
             --changeset me:2\nDROP TABLE b;\n\n-- changeset me:3\nSELECT 3;\n/* liquibase rollback\n  DROP TABLE c;\n*/\n\
             --changeset me:4\nSELECT 4;\n--rollback empty\n",
        )]);
        assert_eq!(
            found(&tree),
            [
                "c.sql Liquibase Acts",
                "c.sql Liquibase Missing",
                "c.sql Liquibase Acts",
                "c.sql Liquibase Empty"
            ]
        );
        let halves = halves(&tree);
        assert!(halves[0].ends_with("-> DROP TABLE a;"), "{halves:?}");
        assert!(halves[2].ends_with("-> DROP TABLE c;"), "{halves:?}");
    }

    #[test]
    fn a_description_is_as_its_worst_change_set() {
        let xml = |sets: &str| format!("<databaseChangeLog>{sets}</databaseChangeLog>");
        let set = |inside: &str| format!("<changeSet id='1'>{inside}</changeSet>");
        let tree = tree_of(&[
            ("1.xml", &xml(&set("<addColumn tableName='a'/>"))),
            ("2.xml", &xml(&(set("<addColumn/>") + &set("<dropColumn/>")))),
            ("3.xml", &xml(&set("<sql>DELETE</sql><rollback/>"))),
            ("4.xml", &xml(&set("<sql>DELETE</sql><rollback><sql>INSERT</sql></rollback>"))),
            ("5.xml", &xml("<include file='1.xml'/>")),
            ("6.yaml", "databaseChangeLog:\n- changeSet:\n    changes:\n    - sql:\n        sql: DELETE\n"),
            (
                "7.yaml",
                "databaseChangeLog:\n- changeSet:\n    changes:\n    - addColumn:\n        tableName: a\n",
            ),
        ]);
        assert_eq!(
            found(&tree),
            [
                "1.xml Liquibase Acts",
                "2.xml Liquibase Missing",
                "3.xml Liquibase Empty",
                "4.xml Liquibase Acts",
                "6.yaml Liquibase Missing",
                "7.yaml Liquibase Acts"
            ]
        );
    }
}

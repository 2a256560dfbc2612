//! dbmate: one file with a section `-- migrate:up` and a section `-- migrate:down`.

use super::{Artefact, Form, Tool, Tree, sql};

pub(super) fn find(tree: &Tree) -> Vec<Artefact> {
    let files = tree.texts().filter(|(path, text)| path.ends_with(".sql") && section(text, "up").is_some());
    files.map(|(path, text)| Artefact::alone(path, Tool::Dbmate, form(text))).collect()
}

fn form(text: &str) -> Form {
    section(text, "down").map_or(Form::Missing, sql::form)
}

/// The text between a section's line and the next section.
fn section<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let mut began = None;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let marked = line.trim().strip_prefix("--").and_then(|rest| rest.trim().strip_prefix("migrate:"));
        match (marked, began) {
            (Some(_), Some(began)) => return text.get(began..at),
            (Some(marked), None) if marked.split_whitespace().next() == Some(name) => {
                began = Some(at + line.len());
            }
            _ => {}
        }
        at += line.len();
    }
    text.get(began?..)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{found, tree_of};

    #[test]
    fn the_section_below_down_is_the_way_back() {
        let up = "-- migrate:up transaction:false\nCREATE TABLE a (b int);\n";
        let tree = tree_of(&[
            ("db/1.sql", &format!("{up}\n-- migrate:down\nDROP TABLE a;\n")),
            ("db/2.sql", &format!("{up}\n-- migrate:down\n\n")),
            ("db/3.sql", up),
            ("db/4.sql", "CREATE TABLE a (b int);"),
        ]);
        assert_eq!(
            found(&tree),
            ["db/1.sql dbmate Acts", "db/2.sql dbmate Empty", "db/3.sql dbmate Missing"]
        );
    }
}

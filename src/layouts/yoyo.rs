//! yoyo: `name.sql` and `name.rollback.sql`, or steps in Python that hold both.

use super::tree::{split, without_sql};
use super::{Form, Migration, Text, Tool, Tree, python, sql};

pub(super) fn find(tree: &Tree) -> Vec<Migration> {
    let files = tree.texts().filter_map(|(path, text)| of_change(tree, path, text));
    let is_program = |(path, text): &(&str, &str)| path.ends_with(".py") && text.contains("from yoyo import");
    let programs = tree.texts().filter(is_program);
    files
        .chain(programs.filter_map(|(path, text)| Some(Migration::code(path, Tool::Yoyo, form(text)?))))
        .collect()
}

fn of_change(tree: &Tree, path: &str, text: &str) -> Option<Migration> {
    let stem = without_sql(path)?;
    let folder = split(path).0;
    let others = |path: &str| split(path).0 == folder && path.ends_with(".rollback.sql");
    if stem.ends_with(".rollback") || !tree.texts().any(|(path, _)| others(path)) {
        return None;
    }
    let back = format!("{stem}.rollback.sql");
    let rollback = tree.text(&back);
    let form = rollback.map_or(Form::Missing, sql::form);
    let rollback = rollback.map(|text| Text::sql(&back, text));
    Some(Migration::pair(Tool::Yoyo, Text::sql(path, text), rollback, form))
}

/// The worst of its steps: one without a second half does not go back.
fn form(text: &str) -> Option<Form> {
    let bare = python::bare(text);
    let steps = python::calls(&bare, "step");
    if steps.is_empty() {
        return None;
    }
    let goes_back = |step: &Vec<&str>| {
        step.iter().any(|argument| argument.starts_with("rollback"))
            || step.get(1).is_some_and(|second| !second.contains('=') && *second != "None")
    };
    Some(if steps.iter().all(goes_back) { Form::Acts } else { Form::Missing })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{found, halves, tree_of};

    #[test]
    fn files_and_steps_are_paired() {
        let python = |steps: &str| format!("from yoyo import step\nsteps = [{steps}]\n");
        let tree = tree_of(&[
            ("m/1.sql", "CREATE TABLE a (b int);"),
            ("m/1.rollback.sql", "DROP TABLE a;"),
            ("m/2.sql", "DROP TABLE b;"),
            ("m/3.py", &python("step('CREATE', 'DROP')")),
            ("m/4.py", &python("step('CREATE', 'DROP'), step('X')")),
            ("plain/1.sql", "SELECT 2"),
        ]);
        assert_eq!(
            found(&tree),
            ["m/1.rollback.sql yoyo Acts", "m/2.sql yoyo Missing", "m/3.py yoyo Acts", "m/4.py yoyo Missing"]
        );
        assert_eq!(halves(&tree)[0], "CREATE TABLE a (b int); -> DROP TABLE a;");
    }
}

//! goose: one file with `-- +goose Up` and `-- +goose Down`, or a program in Go that registers both.

use super::sections::{self, Marks};
use super::{Form, Migration, Tool, Tree, braces};

const MARKS: Marks = Marks { up: "+goose up", down: "+goose down" };

pub(super) fn find(tree: &Tree) -> Vec<Migration> {
    let is_program =
        |(path, text): &(&str, &str)| path.ends_with(".go") && text.contains("goose.AddMigration");
    let programs = tree.texts().filter(is_program);
    let programs = programs.map(|(path, text)| Migration::code(path, Tool::Goose, form(text)));
    sections::find(tree, Tool::Goose, &MARKS).into_iter().chain(programs).collect()
}

/// What the second function that is registered does.
fn form(text: &str) -> Form {
    let bare = braces::bare(text, braces::Language::Go);
    let at = bare.find("goose.AddMigration").unwrap_or_default();
    let arguments = bare[at..].split_once('(').map(|(_, rest)| braces::arguments(rest));
    match arguments.unwrap_or_default().get(1).copied() {
        None | Some("nil") => Form::Missing,
        Some(name) => braces::function(&bare, name).map_or(Form::Acts, braces::form),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{found, halves, tree_of};

    #[test]
    fn sections_of_sql_and_functions_of_go_are_both_halves() {
        let go = |down: &str| {
            format!(
                "package m\nfunc init() {{\n\tgoose.AddMigrationContext(up, {down})\n}}\nfunc down(tx *sql.Tx) error {{\n\treturn nil\n}}\n"
            )
        };
        let tree = tree_of(&[
            (
                "1.sql",
                "-- +goose Up\n-- +goose StatementBegin\nSELECT 2;\n-- +goose StatementEnd\n\n-- +goose Down\nDROP TABLE a;\n",
            ),
            ("2.sql", "-- +goose NO TRANSACTION\n-- +goose Up\nCREATE INDEX i ON t (a);\n"),
            ("3.go", &go("nil")),
            ("4.go", &go("down")),
        ]);
        assert_eq!(
            found(&tree),
            ["1.sql goose Acts", "2.sql goose Missing", "3.go goose Missing", "4.go goose Empty"]
        );
        assert_eq!(halves(&tree)[0], "SELECT 2; -> DROP TABLE a;");
    }
}

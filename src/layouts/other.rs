//! Programs in a folder of migrations that have an `up` and a `down`, and whose tool is not known here.

use super::braces::{self, Language};
use super::tree::split;
use super::{Form, Migration, Tool, Tree, javascript};

pub(super) fn find(tree: &Tree) -> Vec<Migration> {
    let files = tree.texts().filter(|(path, _)| is_among_migrations(path));
    files.filter_map(|(path, text)| Some(Migration::code(path, Tool::Other, form(path, text)?))).collect()
}

fn is_among_migrations(path: &str) -> bool {
    split(path).0.split('/').any(|part| part.to_lowercase().contains("migration"))
}

/// The form of what takes back a file that defines both halves.
fn form(path: &str, text: &str) -> Option<Form> {
    let kind = path.rsplit_once('.').map_or("", |(_, kind)| kind);
    let of = |language, names: &[&str]| {
        let bare = braces::bare(text, language);
        names.iter().find_map(|name| braces::function(&bare, name)).map(braces::form)
    };
    match kind {
        "js" | "ts" | "mjs" | "cjs" | "mts" | "cts" => {
            javascript::form(text).filter(|form| *form != Form::Missing)
        }
        "php" => of(Language::Php, &["down", "safeDown"]),
        "cs" => of(Language::CSharp, &["Down"]),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{found, tree_of};

    #[test]
    fn a_program_with_both_halves_is_one_of_some_tool() {
        let tree = tree_of(&[
            (
                "db/migrations/1.php",
                "<?php class M extends AbstractMigration { function up() {} function down() { $this->table('a')->drop(); } }",
            ),
            ("db/migrations/2.ts", "export async function up(db) { a() }\nexport async function down(db) {}"),
            ("db/migrations/run.ts", "export function run() {}"),
            ("src/lift.ts", "export function up() { a() }\nexport function down() { b() }"),
        ]);
        assert_eq!(
            found(&tree),
            ["db/migrations/1.php another tool Acts", "db/migrations/2.ts another tool Empty"]
        );
    }
}

//! diesel: a folder per migration, with `up.sql` and `down.sql`, whose name begins with a version.

use super::tree::{join, split};
use super::{Form, Migration, Text, Tool, Tree, sql};

pub(super) fn find(tree: &Tree) -> Vec<Migration> {
    tree.texts().filter_map(|(path, text)| of_up(tree, path, text)).collect()
}

fn of_up(tree: &Tree, path: &str, text: &str) -> Option<Migration> {
    let (folder, name) = split(path);
    if name != "up.sql" || !split(folder).1.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let down = join(folder, "down.sql");
    let rollback = tree.text(&down);
    let form = rollback.map_or(Form::Missing, sql::form);
    let rollback = rollback.map(|text| Text::sql(&down, text));
    Some(Migration::pair(Tool::Diesel, Text::sql(path, text), rollback, form))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{found, tree_of};

    #[test]
    fn a_folder_with_a_version_is_a_migration() {
        let tree = tree_of(&[
            ("migrations/2026-01-01-000000_a/up.sql", "CREATE TABLE a (b int)"),
            ("migrations/2026-01-01-000000_a/down.sql", "DROP TABLE a"),
            ("migrations/2026-01-02-000000_b/up.sql", "CREATE TABLE b (b int)"),
            ("migrations/2026-01-02-000000_b/down.sql", "-- This file should undo anything in `up.sql`"),
            ("migrations/2026-01-03-000000_c/up.sql", "DROP TABLE c"),
            ("plain/up.sql", "DROP TABLE c"),
        ]);
        assert_eq!(
            found(&tree),
            [
                "migrations/2026-01-01-000000_a/down.sql diesel Acts",
                "migrations/2026-01-02-000000_b/down.sql diesel Empty",
                "migrations/2026-01-03-000000_c/up.sql diesel Missing",
            ]
        );
    }
}

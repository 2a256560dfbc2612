//! diesel: a folder per migration, with `up.sql` and `down.sql`, whose name begins with a version.

use super::tree::{join, split};
use super::{Artefact, Form, Tool, Tree, sql};

pub(super) fn find(tree: &Tree) -> Vec<Artefact> {
    tree.texts().filter_map(|(path, _)| of_up(tree, path)).collect()
}

fn of_up(tree: &Tree, path: &str) -> Option<Artefact> {
    let (folder, name) = split(path);
    if name != "up.sql" || !split(folder).1.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let down = join(folder, "down.sql");
    Some(match tree.text(&down) {
        Some(text) => {
            Artefact { path: down, tool: Tool::Diesel, up: Some(path.to_owned()), form: sql::form(text) }
        }
        None => Artefact::alone(path, Tool::Diesel, Form::Missing),
    })
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

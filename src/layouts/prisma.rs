//! Prisma: a folder per migration with `migration.sql`, beside which some keep a `down.sql`.

use super::tree::{join, split};
use super::{Form, Migration, Text, Tool, Tree, sql};

pub(super) fn find(tree: &Tree) -> Vec<Migration> {
    tree.texts().filter_map(|(path, text)| of_change(tree, path, text)).collect()
}

fn of_change(tree: &Tree, path: &str, text: &str) -> Option<Migration> {
    let (folder, name) = split(path);
    if name != "migration.sql" {
        return None;
    }
    let down = join(folder, "down.sql");
    let rollback = tree.text(&down);
    let form = rollback.map_or_else(|| missing(tree, folder), sql::form);
    let rollback = rollback.map(|text| Text::sql(&down, text));
    Some(Migration::pair(Tool::Prisma, Text::sql(path, text), rollback, form))
}

/// Prisma has no way back of its own: one is missed only beside others.
fn missing(tree: &Tree, folder: &str) -> Form {
    let all = split(folder).0;
    let is_down = |path: &str| {
        let (folder, name) = split(path);
        name == "down.sql" && split(folder).0 == all && tree.text(&join(folder, "migration.sql")).is_some()
    };
    if tree.texts().any(|(path, _)| is_down(path)) { Form::Missing } else { Form::Optional }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{found, halves, tree_of};

    #[test]
    fn a_down_beside_a_migration_is_its_way_back_and_missed_where_there_are_others() {
        let tree = tree_of(&[
            ("prisma/migrations/1_a/migration.sql", "CREATE TABLE a (b int)"),
            ("prisma/migrations/1_a/down.sql", "DROP TABLE a"),
            ("prisma/migrations/2_b/migration.sql", "DROP TABLE b"),
            ("other/migrations/1_a/migration.sql", "CREATE TABLE a (b int)"),
        ]);
        assert_eq!(
            found(&tree),
            [
                "prisma/migrations/1_a/down.sql Prisma Acts",
                "prisma/migrations/2_b/migration.sql Prisma Missing"
            ]
        );
        assert_eq!(halves(&tree)[1], "CREATE TABLE a (b int) -> DROP TABLE a");
    }
}

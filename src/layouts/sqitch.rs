//! sqitch: `deploy/name.sql`, `revert/name.sql` and `verify/name.sql` beside a `sqitch.plan`.

use super::tree::{is_sql, join, split};
use super::{Form, Migration, Text, Tool, Tree, sql};

pub(super) fn find(tree: &Tree) -> Vec<Migration> {
    tree.texts().filter_map(|(path, text)| of_deploy(tree, path, text)).collect()
}

fn of_deploy(tree: &Tree, path: &str, text: &str) -> Option<Migration> {
    let (top, name) = deployed(path)?;
    let half = |half: &str| join(&join(top, half), name);
    let (back, verify) = (half("revert"), half("verify"));
    let is_sqitch = tree.text(&join(top, "sqitch.plan")).is_some() || tree.text(&back).is_some();
    if !is_sql(path) || !is_sqitch {
        return None;
    }
    let rollback = tree.text(&back);
    let form = rollback.map_or(Form::Missing, sql::form);
    let rollback = rollback.map(|text| Text::sql(&back, text));
    let mut migration = Migration::pair(Tool::Sqitch, Text::sql(path, text), rollback, form);
    migration.also.extend(tree.text(&verify).map(|_| verify));
    Some(migration)
}

/// The folder above the outermost `deploy`, and the path below that.
fn deployed(path: &str) -> Option<(&str, &str)> {
    if let Some(name) = path.strip_prefix("deploy/") {
        return Some(("", name));
    }
    let at = path.find("/deploy/")?;
    debug_assert!(!split(path).0.is_empty(), "there is a folder");
    Some((&path[..at], &path[at + "/deploy/".len()..]))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{found, halves, tree_of};

    #[test]
    fn a_deploy_has_its_revert_and_its_verify_is_neither() {
        let tree = tree_of(&[
            ("db/sqitch.plan", "%project=a\n"),
            ("db/deploy/users.sql", "BEGIN; CREATE TABLE a (b int); COMMIT;"),
            ("db/revert/users.sql", "BEGIN; DROP TABLE a; COMMIT;"),
            ("db/verify/users.sql", "SELECT b FROM a;"),
            ("db/deploy/deep/roles.sql", "CREATE ROLE a;"),
        ]);
        assert_eq!(
            found(&tree),
            ["db/deploy/deep/roles.sql sqitch Missing", "db/revert/users.sql sqitch Acts"]
        );
        assert!(halves(&tree)[1].ends_with("-> BEGIN; DROP TABLE a; COMMIT;"));
        assert!(super::super::plain(&tree, &super::super::migrations(&tree)).is_empty());
    }
}

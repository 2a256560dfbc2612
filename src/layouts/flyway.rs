//! Flyway: `V1__name.sql`, and `U1__name.sql` that undoes it. Undo migrations are bought apart, so a missing
//! one is named only in a folder that has some.

use super::tree::{split, without_sql};
use super::{Form, Migration, Text, Tool, Tree, sql};

pub(super) fn find(tree: &Tree) -> Vec<Migration> {
    let changes = tree.texts().filter_map(|(path, text)| of_change(tree, path, text));
    let undos = tree.texts().filter_map(|(path, text)| alone(tree, path, text));
    changes.chain(undos).collect()
}

fn of_change(tree: &Tree, path: &str, text: &str) -> Option<Migration> {
    let version = version(path, 'V')?;
    let mut undos = versions(tree, split(path).0, 'U').peekable();
    let has_undos = undos.peek().is_some();
    let undo = undos.find(|(other, _)| *other == version);
    let missing = if has_undos { Form::Missing } else { Form::Optional };
    let undo = undo.and_then(|(_, path)| Some((path, tree.text(path)?)));
    let form = undo.map_or(missing, |(_, text)| sql::form(text));
    let rollback = undo.map(|(path, text)| Text::sql(path, text));
    Some(Migration::pair(Tool::Flyway, Text::sql(path, text), rollback, form))
}

/// An undo whose change is not there.
fn alone(tree: &Tree, path: &str, text: &str) -> Option<Migration> {
    let version = version(path, 'U')?;
    let has_change = versions(tree, split(path).0, 'V').any(|(other, _)| other == version);
    (!has_change).then(|| Migration::alone(Tool::Flyway, Text::sql(path, text), sql::form(text)))
}

/// The versioned files of a kind in a folder.
fn versions<'t>(tree: &'t Tree, folder: &'t str, kind: char) -> impl Iterator<Item = (&'t str, &'t str)> {
    let inside = tree.texts().map(|(path, _)| path).filter(move |path| split(path).0 == folder);
    inside.filter_map(move |path| Some((version(path, kind)?, path)))
}

/// The version in a name of this kind: `1_2` of `U1_2__name.sql`.
fn version(path: &str, kind: char) -> Option<&str> {
    let (version, _) = split(without_sql(path)?).1.strip_prefix(kind)?.split_once("__")?;
    version.starts_with(|c: char| c.is_ascii_digit()).then_some(version)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{found, halves, tree_of};

    #[test]
    fn an_undo_is_paired_and_missed_where_there_are_others() {
        let tree = tree_of(&[
            ("sql/V1__a.sql", "CREATE TABLE a (b int)"),
            ("sql/U1__x.sql", "DROP TABLE a"),
            ("sql/V2__b.sql", "CREATE TABLE b (b int)"),
            ("sql/U2__b.sql", "-- nothing"),
            ("sql/V3__c.sql", "CREATE TABLE c (b int)"),
            ("free/V1__a.sql", "CREATE TABLE a (b int)"),
            ("free/Update__x.sql", "DROP TABLE a"),
        ]);
        assert_eq!(
            found(&tree),
            ["sql/U1__x.sql Flyway Acts", "sql/U2__b.sql Flyway Empty", "sql/V3__c.sql Flyway Missing"]
        );
        assert_eq!(halves(&tree)[1], "CREATE TABLE a (b int) -> DROP TABLE a");
    }
}

//! Flyway: `V1__name.sql`, and `U1__name.sql` that undoes it. Undo migrations are bought apart, so a missing
//! one is named only in a folder that has some.

use super::tree::{join, split};
use super::{Artefact, Form, Tool, Tree, sql};

pub(super) fn find(tree: &Tree) -> Vec<Artefact> {
    let undos = tree.texts().filter_map(|(path, text)| undo(tree, path, text));
    let missing = tree.texts().filter_map(|(path, _)| missing(tree, path));
    undos.chain(missing).collect()
}

fn undo(tree: &Tree, path: &str, text: &str) -> Option<Artefact> {
    let version = version(path, 'U')?;
    let up = versions(tree, split(path).0, 'V').find(|(other, _)| *other == version).map(|(_, up)| up);
    Some(Artefact { path: path.to_owned(), tool: Tool::Flyway, up, form: sql::form(text) })
}

fn missing(tree: &Tree, path: &str) -> Option<Artefact> {
    let version = version(path, 'V')?;
    let mut undos = versions(tree, split(path).0, 'U').map(|(version, _)| version).peekable();
    let is_missing = undos.peek().is_some() && !undos.any(|other| other == version);
    is_missing.then(|| Artefact::alone(path, Tool::Flyway, Form::Missing))
}

/// The versioned files of a kind in a folder.
fn versions<'t>(tree: &'t Tree, folder: &'t str, kind: char) -> impl Iterator<Item = (&'t str, String)> {
    let inside = tree.texts().map(|(path, _)| path).filter(move |path| split(path).0 == folder);
    inside.filter_map(move |path| Some((version(path, kind)?, join(folder, split(path).1))))
}

/// The version in a name of this kind: `1_2` of `U1_2__name.sql`.
fn version(path: &str, kind: char) -> Option<&str> {
    let (version, _) = split(path).1.strip_suffix(".sql")?.strip_prefix(kind)?.split_once("__")?;
    version.starts_with(|c: char| c.is_ascii_digit()).then_some(version)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{found, tree_of};

    #[test]
    fn an_undo_is_paired_and_missed_where_there_are_others() {
        let tree = tree_of(&[
            ("sql/V1__a.sql", "CREATE TABLE a (b int)"),
            ("sql/U1__a.sql", "DROP TABLE a"),
            ("sql/V2__b.sql", "CREATE TABLE b (b int)"),
            ("sql/U2__b.sql", "-- nothing"),
            ("sql/V3__c.sql", "CREATE TABLE c (b int)"),
            ("free/V1__a.sql", "CREATE TABLE a (b int)"),
            ("free/Update__x.sql", "DROP TABLE a"),
        ]);
        assert_eq!(
            found(&tree),
            ["sql/U1__a.sql Flyway Acts", "sql/U2__b.sql Flyway Empty", "sql/V3__c.sql Flyway Missing"]
        );
        assert_eq!(super::find(&tree)[0].up.as_deref(), Some("sql/V1__a.sql"));
    }
}

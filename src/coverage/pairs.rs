//! golang-migrate and sqlx: `VERSION_NAME.up.sql` and `VERSION_NAME.down.sql` in one folder.

use super::tree::{join, split};
use super::{Artefact, Form, Tool, Tree, sql};

pub(super) fn find(tree: &Tree) -> Vec<Artefact> {
    let ups = tree.texts().filter_map(|(path, _)| of_up(tree, path));
    let alone = tree.texts().filter_map(|(path, text)| without_up(tree, path, text));
    ups.chain(alone).collect()
}

fn of_up(tree: &Tree, path: &str) -> Option<Artefact> {
    let down = format!("{}.down.sql", versioned(path, ".up.sql")?);
    let artefact = match tree.text(&down) {
        Some(text) => {
            Artefact { path: down, tool: tool(tree, path), up: Some(path.to_owned()), form: sql::form(text) }
        }
        None => Artefact::alone(path, tool(tree, path), Form::Missing),
    };
    Some(artefact)
}

fn without_up(tree: &Tree, path: &str, text: &str) -> Option<Artefact> {
    let up = format!("{}.up.sql", versioned(path, ".down.sql")?);
    let is_alone = tree.text(&up).is_none();
    is_alone.then(|| Artefact::alone(path, tool(tree, path), sql::form(text)))
}

/// A path without its ending, where its name begins with a version.
fn versioned<'p>(path: &'p str, ending: &str) -> Option<&'p str> {
    let stem = path.strip_suffix(ending)?;
    split(stem).1.starts_with(|c: char| c.is_ascii_digit()).then_some(stem)
}

/// Both tools share one layout: it is sqlx where the nearest Rust package uses that.
fn tool(tree: &Tree, path: &str) -> Tool {
    let mut folder = split(path).0;
    loop {
        if let Some(manifest) = tree.text(&join(folder, "Cargo.toml")) {
            return if manifest.contains("sqlx") { Tool::Sqlx } else { Tool::GolangMigrate };
        }
        if folder.is_empty() {
            return Tool::GolangMigrate;
        }
        folder = split(folder).0;
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{found, tree_of};

    #[test]
    fn a_down_is_paired_an_empty_one_and_a_missing_one_are_named() {
        let tree = tree_of(&[
            ("db/1_a.up.sql", "CREATE TABLE a (b int)"),
            ("db/1_a.down.sql", "DROP TABLE a"),
            ("db/2_b.up.sql", "DROP TABLE b"),
            ("db/2_b.down.sql", ""),
            ("db/3_c.up.sql", "DROP TABLE c"),
            ("rust/Cargo.toml", "[dependencies]\nsqlx = \"0.8\""),
            ("rust/migrations/20260101000000_d.up.sql", "CREATE TABLE d (e int)"),
            ("rust/migrations/20260101000000_d.down.sql", "DROP TABLE d"),
        ]);
        assert_eq!(
            found(&tree),
            [
                "db/1_a.down.sql golang-migrate Acts",
                "db/2_b.down.sql golang-migrate Empty",
                "db/3_c.up.sql golang-migrate Missing",
                "rust/migrations/20260101000000_d.down.sql sqlx Acts",
            ]
        );
        assert_eq!(super::find(&tree)[0].up.as_deref(), Some("db/1_a.up.sql"));
    }
}

//! golang-migrate, sqlx and their like: `VERSION_NAME.up.sql` and `VERSION_NAME.down.sql` in one folder. Halves
//! belong together by their names, else by their version; a half may be a program, as `up.go` beside `down.sql`.

use super::tree::{is_sql, join, split};
use super::{Form, Migration, Text, Tool, Tree, dialect, sql};

pub(super) fn find(tree: &Tree) -> Vec<Migration> {
    let halves =
        |word: &str| tree.texts().filter_map(|(path, text)| Half::of(path, text, word)).collect::<Vec<_>>();
    let (ups, downs) = (halves("up"), halves("down"));
    let mut found = Vec::new();
    for up in &ups {
        found.push(pair(tree, up, partner(up, &downs, &ups)));
    }
    let is_paired =
        |down: &Half<'_>| found.iter().any(|one: &Migration| one.paths().any(|path| path == down.path));
    let alone: Vec<&Half<'_>> = downs.iter().filter(|down| !is_paired(down)).collect();
    let alone = alone.into_iter().filter(|down| down.is_sql()).map(|down| {
        Migration::alone(tool(tree, down.path), Text::of_file(down.path, down.text), down.form())
    });
    let alone: Vec<Migration> = alone.collect();
    found.extend(alone);
    found
}

fn pair(tree: &Tree, up: &Half<'_>, down: Option<&Half<'_>>) -> Migration {
    let rollback = down.map(|down| Text::of_file(down.path, down.text));
    let form = down.map_or(Form::Missing, Half::form);
    Migration::pair(tool(tree, up.path), Text::of_file(up.path, up.text), rollback, form)
}

/// One half of a migration.
struct Half<'t> {
    path: &'t str,
    text: &'t str,
    folder: &'t str,
    /// Its name without what says which half it is and whose SQL, and the word that says that.
    stem: &'t str,
    server: &'t str,
}

impl<'t> Half<'t> {
    /// The half of this kind that a file is: `.up.sql`, `.up.go`, `.up.fizz`.
    fn of(path: &'t str, text: &'t str, word: &str) -> Option<Self> {
        let (folder, name) = split(path);
        let (name, kind) = name.rsplit_once('.')?;
        let stem = name.strip_suffix(word)?.strip_suffix('.')?;
        if !is_sql(path) && !["go", "fizz", "py", "js", "ts"].contains(&kind) {
            return None;
        }
        let (stem, server) = match stem.rsplit_once('.') {
            Some((stem, server)) if dialect::word(server).is_some() => (stem, server),
            _ => (stem, ""),
        };
        Some(Self { path, text, folder, stem, server })
    }

    fn version(&self) -> &'t str {
        let end = self.stem.trim_start_matches(['V', 'v']);
        let end = end.find(|c: char| !c.is_ascii_digit()).map_or("", |at| &end[at..]);
        &self.stem[..self.stem.len() - end.len()]
    }

    fn is_sql(&self) -> bool {
        is_sql(self.path)
    }

    fn form(&self) -> Form {
        if self.is_sql() { sql::form(self.text) } else { Form::Acts }
    }
}

/// What takes a change back: by its whole name, else by its version where that is its alone; for the same server,
/// else for any.
fn partner<'h, 't>(up: &Half<'t>, downs: &'h [Half<'t>], ups: &[Half<'t>]) -> Option<&'h Half<'t>> {
    let same_server = |down: &&&Half<'t>| down.server == up.server;
    let inside: Vec<&Half<'t>> = downs.iter().filter(|down| down.folder == up.folder).collect();
    let by_name: Vec<&&Half<'t>> = inside.iter().filter(|down| down.stem == up.stem).collect();
    if let Some(down) = by_name
        .iter()
        .find(|down| same_server(down))
        .or_else(|| by_name.iter().find(|down| down.server.is_empty()))
    {
        return Some(down);
    }
    let is_free =
        |down: &&&Half<'t>| !ups.iter().any(|other| other.folder == down.folder && other.stem == down.stem);
    let version = up.version();
    let numbered = !version.trim_start_matches(['V', 'v']).is_empty();
    let mut by_version = inside.iter().filter(|down| numbered && down.version() == version).filter(is_free);
    let found =
        by_version.clone().find(same_server).or_else(|| by_version.find(|down| down.server.is_empty()));
    found.copied()
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
    use super::super::testing::{found, halves, tree_of};

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
    }

    #[test]
    fn halves_belong_together_by_version_and_for_their_server() {
        let tree = tree_of(&[
            ("1_add_input.up.sql", "a"),
            ("1_add_inputs.down.sql", "no a"),
            ("2_b.mysql.up.sql", "my b"),
            ("2_b.postgres.up.sql", "pg b"),
            ("2_b.mysql.down.sql", "no my b"),
            ("2_b.down.sql", "no b"),
            ("V3.C.up.sql", "c"),
            ("V3.C.down.sql", "no c"),
        ]);
        assert_eq!(halves(&tree), ["a -> no a", "my b -> no my b", "pg b -> no b", "c -> no c"]);
    }

    #[test]
    fn a_half_may_be_a_program() {
        let tree = tree_of(&[
            ("1_a.up.go", "package m"),
            ("1_a.down.sql", "DROP TABLE a"),
            ("2_b.down.sql", "DROP TABLE b"),
        ]);
        assert_eq!(found(&tree), ["1_a.down.sql golang-migrate Acts", "2_b.down.sql golang-migrate Acts"]);
        assert_eq!(halves(&tree), ["(code) -> DROP TABLE a", "() -> DROP TABLE b"]);
    }
}

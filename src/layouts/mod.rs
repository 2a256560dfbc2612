//! How tools lay out migrations: which file, or which part of one, is a change and which takes it back.
//!
//! One file per tool. Each knows its own files in a [`Tree`] and says what they are; where two tools know a
//! file, the first in `LAYOUTS` has it.

mod alembic;
mod atlas;
mod blocks;
mod bookkeeping;
mod braces;
mod compose;
mod dbmate;
mod dialect;
mod diesel;
mod django;
mod ecto;
mod ef_core;
mod flyway;
mod goose;
mod javascript;
mod knex;
mod laravel;
mod liquibase;
pub mod model;
mod node_pg_migrate;
mod other;
mod pairs;
mod prisma;
mod python;
mod rails;
mod script;
mod sections;
mod sequelize;
mod sqitch;
mod sql;
mod sql_migrate;
#[cfg(test)]
pub mod testing;
mod tree;
mod typeorm;
mod yoyo;

use std::collections::BTreeSet;

pub use bookkeeping::is_bookkeeping;
pub use dialect::{Named, named_dialect};
pub use model::{Code, Form, Migration, Text, Tool};
pub use tree::{Tree, around, tree};

/// What one layout finds in a tree.
type Layout = fn(&Tree) -> Vec<Migration>;

/// The layouts. Where two claim a file, the first has it.
const LAYOUTS: [Layout; 24] = [
    dbmate::find,
    goose::find,
    sql_migrate::find,
    liquibase::find,
    node_pg_migrate::find,
    sqitch::find,
    pairs::find,
    diesel::find,
    prisma::find,
    flyway::find,
    yoyo::find,
    atlas::find,
    alembic::find,
    rails::find,
    django::find,
    typeorm::find,
    sequelize::find,
    knex::find,
    laravel::find,
    ef_core::find,
    ecto::find,
    compose::find,
    script::find,
    other::find,
];

/// The layouts that are known, for people.
pub const KNOWN: &str = "golang-migrate, sqlx, dbmate, goose, sql-migrate, node-pg-migrate, diesel, Prisma, Flyway, \
                         sqitch, yoyo, Liquibase, Atlas, Alembic, Rails, Django, Knex, TypeORM, Sequelize, Laravel, \
                         EF Core, Ecto";

/// All migrations of a tree, and what else takes something back there.
pub fn migrations(tree: &Tree) -> Vec<Migration> {
    let mut claimed: BTreeSet<String> = BTreeSet::new();
    let mut found = Vec::new();
    for layout in LAYOUTS {
        let mut new = layout(tree);
        new.retain(|migration| !migration.paths().any(|path| claimed.contains(path)));
        claimed.extend(new.iter().flat_map(Migration::paths).map(str::to_owned));
        found.extend(new);
    }
    found
}

/// The files of SQL in a tree that none of these migrations is made of, each a change by itself.
pub fn plain(tree: &Tree, migrations: &[Migration]) -> Vec<Migration> {
    let claimed: BTreeSet<&str> = migrations.iter().flat_map(Migration::paths).collect();
    let rest = tree.texts().filter(|(path, _)| tree::is_sql(path) && !claimed.contains(path));
    let plain = |(path, text)| Migration::pair(Tool::Plain, Text::sql(path, text), None, Form::Optional);
    rest.map(plain).collect()
}

/// The folders of migrations by their names in which no layout knows a file, with how many files each has.
pub fn unknown(tree: &Tree, migrations: &[Migration]) -> Vec<(String, usize)> {
    let known: BTreeSet<&str> =
        migrations.iter().flat_map(Migration::paths).map(|path| tree::split(path).0).collect();
    let is_known = |folder: &str| known.iter().any(|known| tree::is_below(known, folder));
    let unknown = tree.named_migrations().filter(|(folder, _)| !is_known(folder));
    unknown.map(|(folder, count)| (folder.to_owned(), count)).collect()
}

#[cfg(test)]
mod tests {
    use super::testing::{found, tree_of};

    #[test]
    fn a_file_that_two_layouts_know_is_listed_once() {
        let tree = tree_of(&[("m/1_a.up.sql", "CREATE TABLE a (b int)"), ("m/1_a.down.sql", "DROP TABLE a")]);
        assert_eq!(found(&tree), ["m/1_a.down.sql golang-migrate Acts"]);
    }

    #[test]
    fn what_is_no_way_back_is_not_listed() {
        let tree = tree_of(&[
            ("README.md", "rollback"),
            ("docs/rollback.md", "how"),
            ("src/undo.rs", "fn undo() {}"),
            ("bin/shutdown.sh", "halt"),
            ("bin/tear-down.sh", "rm"),
            ("bin/countdown.sh", "sleep 1"),
            ("bin/add-down-migrations.sh", "for f in *; do touch $f; done"),
            ("spec/rails_helper.rb", "ActiveRecord::Migration.maintain_test_schema!"),
            ("spec/rollback_spec.rb", "#!/usr/bin/env ruby\nputs 1"),
            ("tests/test_rollback.py", "#!/usr/bin/env python\nprint(1)"),
            ("app/undo.py", "class Undo: ..."),
            ("src/migration.ts", "export function up() {}\nexport const shown = 1;"),
            ("seed.sql", "SELECT 1"),
            ("m/add_rollback_reason.sql", "ALTER TABLE a ADD rollback_reason text"),
            ("compose.yaml", "services: { a: { image: b } }"),
            ("compose.override.yaml", "services: { a: { image: b } }"),
            ("app/models.py", "class A: pass"),
            ("node_modules/x/rollback.sh", "true"),
        ]);
        assert_eq!(found(&tree), Vec::<String>::new());
    }

    #[test]
    fn a_folder_of_migrations_that_no_layout_knows_is_named() {
        let tree = tree_of(&[
            ("db/migrations/1.lua", "return { up = 1 }"),
            ("db/migrations/deep/2.lua", "return { up = 1 }"),
            ("ok/migrations/1_a.up.sql", "SELECT 1"),
            ("ok/migrations/lib.rs", "fn run() {}"),
        ]);
        let known = super::migrations(&tree);
        assert_eq!(super::unknown(&tree, &known), [("db/migrations".to_owned(), 2)]);
    }
}

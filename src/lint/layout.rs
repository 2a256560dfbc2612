//! Migrations as units to be judged: SQL with its dialect, and what is said of the rest, which is not read.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::operation::{Operation, What};
use super::read::Dialect;
use super::unit::{Expected, Half, Part, Script, Unit};
use crate::diagnostic::Source;
use crate::layouts::{self, Code, Form, Migration, Named, Text, Tool};

/// The units of migrations, each with its dialect where its name says it, in the order in which they are made.
pub fn units(
    migrations: Vec<Migration>,
    sources: &BTreeMap<String, Arc<Source>>,
) -> Vec<(Unit, Option<Dialect>)> {
    let mut migrations = migrations;
    migrations.retain(|migration| !is_script(migration));
    migrations.sort_by_cached_key(order);
    let neighbours = folders_with_ways_back(&migrations);
    let mut units = Vec::new();
    let mut unread: BTreeMap<(String, String), Vec<Migration>> = BTreeMap::new();
    for migration in migrations {
        match why_unread(&migration) {
            Some(what) => {
                let folder = folder(migration.path()).to_owned();
                unread.entry((folder, what)).or_default().push(migration);
            }
            None => {
                let (next, key) = (unit(&migration, &neighbours, sources), part_of(&migration));
                let whole = units.iter_mut().rev().find(|(_, known)| key.is_some() && *known == key);
                match whole {
                    Some((whole, _)) => join(whole, next),
                    None => units.push((next, key)),
                }
            }
        }
    }
    let mut units: Vec<_> = units.into_iter().map(|(unit, _)| unit).collect();
    let unread =
        unread.into_iter().map(|((folder, what), all)| (not_read(&folder, &what, &all, sources), None));
    units.extend(unread);
    units
}

/// What parts of one migration have in common. Tools that write one migration as several files count them behind the
/// time in their names, and undo them as a whole: `20260101000000` and six digits.
fn part_of(migration: &Migration) -> Option<String> {
    let path = &migration.change.as_ref()?.path;
    let start = folder(path).len() + usize::from(path.contains('/'));
    let digits = path[start..].bytes().take_while(u8::is_ascii_digit).count();
    (digits == 20).then(|| format!("{}{}", &path[..start + 14], &path[start + 20..]))
}

/// The next part of a migration: made after what came before, and taken back before it.
fn join((whole, _): &mut (Unit, Option<Dialect>), (part, _): (Unit, Option<Dialect>)) {
    whole.change.extend(part.change);
    if let Some(rollback) = part.rollback {
        whole.rollback.get_or_insert_default().splice(0..0, rollback);
    }
}

/// Whether a migration is no migration, but a program that somebody runs by hand.
fn is_script(migration: &Migration) -> bool {
    let mut texts = migration.change.iter().chain(&migration.rollback);
    [Tool::Script, Tool::Compose].contains(&migration.tool) && texts.all(|text| text.code == Code::Foreign)
}

/// What is said of a path where nothing was found that could be read.
pub fn nothing(path: &str) -> Unit {
    let source = Source::new(path, "");
    let what = What::NotRead {
        what: format!("nothing in `{path}`"),
        why: format!(
            "no file there holds SQL or is a migration of a layout that is known ({})",
            layouts::KNOWN
        ),
        prints: None,
    };
    Unit { change: vec![foreign(&source, what)], rollback: None, expected: Expected::Nothing }
}

/// Paths in the order in which people count: numbers by their value.
fn order(migration: &Migration) -> (Vec<Chunk>, usize) {
    let first = migration.change.as_ref().or(migration.rollback.as_ref());
    let path = first.map_or("", |text| &text.path);
    // The description of `V1__a` comes before the second number of `V1.1__b`.
    (natural(&path.replace("__", "\0")), first.map_or(0, |text| text.part.start))
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Chunk {
    Number(u128),
    Word(String),
}

fn natural(path: &str) -> Vec<Chunk> {
    let mut chunks = Vec::new();
    let mut rest = path;
    while let Some(first) = rest.chars().next() {
        let is_number = first.is_ascii_digit();
        let end = rest.find(|c: char| c.is_ascii_digit() != is_number).unwrap_or(rest.len());
        let (chunk, behind) = rest.split_at(end);
        chunks.push(match chunk.parse() {
            Ok(number) if is_number => Chunk::Number(number),
            _ => Chunk::Word(chunk.to_owned()),
        });
        rest = behind;
    }
    chunks
}

/// Where there are ways back of a tool: the folder of the folder, for tools with a folder for each migration.
fn folders_with_ways_back(migrations: &[Migration]) -> Vec<(Tool, String)> {
    let with = migrations.iter().filter(|migration| migration.rollback.is_some());
    with.map(|migration| (migration.tool, place(migration))).collect()
}

fn place(migration: &Migration) -> String {
    let path = migration.change.as_ref().map_or(migration.path(), |text| &text.path);
    let own = folder(path);
    match migration.tool {
        Tool::Diesel | Tool::Prisma => folder(own).to_owned(),
        _ => own.to_owned(),
    }
}

fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// What nobody can read of a migration, in words; none where its change or its rollback is SQL that is read.
fn why_unread(migration: &Migration) -> Option<String> {
    let texts = || migration.change.iter().chain(&migration.rollback);
    if texts().all(|text| text.code == Code::Foreign) {
        return Some(migration.tool.word().to_owned());
    }
    texts().find_map(|text| match layouts::named_dialect(&text.path) {
        Some(Named::Other(server)) => Some(format!("SQL for {server}")),
        _ => None,
    })
}

fn dialect(migration: &Migration) -> Option<Dialect> {
    match layouts::named_dialect(migration.path())? {
        Named::Postgres => Some(Dialect::Postgres),
        Named::Mariadb => Some(Dialect::Mariadb),
        Named::Other(_) => None,
    }
}

fn unit(
    migration: &Migration,
    neighbours: &[(Tool, String)],
    sources: &BTreeMap<String, Arc<Source>>,
) -> (Unit, Option<Dialect>) {
    let half = |text: &Text| half(text, migration.tool, &sources[&text.path]);
    let expected = match migration.form {
        Form::Missing if neighbours.contains(&(migration.tool, place(migration))) => Expected::AsNeighbours,
        Form::Missing => Expected::ByLayout,
        _ => Expected::Nothing,
    };
    let change = migration.change.as_ref().map_or_else(|| absent(migration, sources), half);
    let rollback = migration.rollback.as_ref().map(|text| vec![half(text)]);
    let unit = Unit { change: vec![change], rollback, expected };
    (unit, dialect(migration))
}

fn half(text: &Text, tool: Tool, source: &Arc<Source>) -> Half {
    let part = text.part.clone();
    match &text.code {
        Code::Sql => Half::Sql(Script { source: Arc::clone(source), part, unmarked: None }),
        Code::Unmarked(unmarked) => {
            Half::Sql(Script { source: Arc::clone(source), part, unmarked: Some(unmarked.as_str().into()) })
        }
        Code::Foreign => foreign(source, program(&format!("`{}`", text.path), tool.prints_sql())),
    }
}

/// The change of a way back that is alone.
fn absent(migration: &Migration, sources: &BTreeMap<String, Arc<Source>>) -> Half {
    foreign(&sources[migration.path()], What::Absent)
}

fn program(what: &str, prints: Option<&'static str>) -> What {
    let why = "its tool turns it into SQL only while it runs".to_owned();
    What::NotRead { what: what.to_owned(), why, prints }
}

fn foreign(source: &Arc<Source>, what: What) -> Half {
    let span = 0..0;
    let operations = vec![Operation { what, span: span.clone(), statement: span }];
    Half::Done(Part { script: Script::whole(source), operations, has_comments: false })
}

/// One remark for all migrations of a folder that cannot be read for the same reason, at the first of them.
fn not_read(folder: &str, what: &str, all: &[Migration], sources: &BTreeMap<String, Arc<Source>>) -> Unit {
    let count = all.len();
    let plural = if count == 1 { "migration" } else { "migrations" };
    let place = if folder.is_empty() { ".".to_owned() } else { folder.to_owned() };
    let what = program(&format!("{count} {plural} of {what} in `{place}`"), all[0].tool.prints_sql());
    let change = foreign(&sources[all[0].path()], what);
    Unit { change: vec![change], rollback: None, expected: Expected::Nothing }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layouts::testing::tree_of;

    /// Each change, an arrow, and its rollback; `!` where one is missing, and `!!` where its neighbours have one.
    #[track_caller]
    fn check(files: &[(&str, &str)], expected: &[&str]) {
        let tree = tree_of(files);
        let mut migrations = layouts::migrations(&tree);
        migrations.extend(layouts::plain(&tree, &migrations));
        let source = |(path, text): (&str, &str)| (path.to_owned(), Source::new(path, text));
        let sources = tree.texts().map(source).collect();
        let text = |half: &Half| match half {
            Half::Sql(script) => {
                let lines = script.sql().lines().map(str::trim);
                lines.filter(|line| !line.is_empty() && !line.starts_with("--")).collect::<Vec<_>>().join(" ")
            }
            Half::Done(part) => match &part.operations[0].what {
                What::NotRead { what, .. } => format!("({what})"),
                _ => String::new(),
            },
        };
        let shown = units(migrations, &sources).into_iter().map(|(unit, _)| {
            let missing = match unit.expected {
                Expected::Nothing => "",
                Expected::ByLayout => " -> !",
                Expected::AsNeighbours => " -> !!",
            };
            let all = |halves: &Vec<Half>| halves.iter().map(text).collect::<Vec<_>>().join("; ");
            let back = unit.rollback.as_ref().map_or(missing.to_owned(), |back| format!(" -> {}", all(back)));
            all(&unit.change) + &back
        });
        assert_eq!(shown.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn pairs_come_in_the_order_of_their_numbers() {
        check(
            &[("m/10_b.up.sql", "b"), ("m/10_b.down.sql", "no b"), ("m/9_a.up.sql", "a")],
            &["a -> !!", "b -> no b"],
        );
        check(
            &[("m/10_a/up.sql", "a"), ("m/10_a/down.sql", "no a"), ("m/9_b/up.sql", "b")],
            &["b -> !!", "a -> no a"],
        );
        check(&[("2.sql", "b"), ("10.sql", "c"), ("1.psql", "a")], &["a", "b", "c"]);
        check(&[("1_a.up.sql", "a"), ("2_b.up.sql", "b")], &["a -> !", "b -> !"]);
    }

    #[test]
    fn the_parts_of_one_migration_are_taken_back_as_a_whole() {
        let (one, two) = ("20260101000000000000_a", "20260101000000000001_a");
        let files = [
            (format!("{one}.mysql.up.sql"), "a"),
            (format!("{one}.mysql.down.sql"), "no b"),
            (format!("{one}.postgres.up.sql"), "c"),
            (format!("{one}.postgres.down.sql"), "no c"),
            (format!("{two}.mysql.up.sql"), "b"),
            (format!("{two}.mysql.down.sql"), "no a"),
        ];
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
        check(&files, &["a; b -> no a; no b", "c -> no c"]);
    }

    #[test]
    fn flyway_needs_rollbacks_only_where_some_are() {
        check(&[("V1__a.sql", "a"), ("V1.1__b.sql", "b"), ("V2__c.sql", "c")], &["a", "b", "c"]);
        check(&[("V1__a.sql", "a"), ("V2__b.sql", "b"), ("U2__x.sql", "no b")], &["a -> !!", "b -> no b"]);
    }

    #[test]
    fn both_halves_may_stand_in_one_file() {
        check(&[("1.sql", "-- migrate:up\na\n-- migrate:down\nno a")], &["a -> no a"]);
        check(&[("1.sql", "-- +goose Up\na\n-- +goose Down\nno a\n")], &["a -> no a"]);
        check(&[("1.sql", "-- migrate:up transaction:false\na")], &["a -> !"]);
    }

    #[test]
    fn a_rollback_alone_and_one_of_a_program_are_read_too() {
        check(&[("1_a.down.sql", "no a")], &[" -> no a"]);
        check(&[("1_a.up.go", "package m"), ("1_a.down.sql", "no a")], &["(`1_a.up.go`) -> no a"]);
    }

    #[test]
    fn what_is_not_read_is_said_once_for_each_folder_and_reason() {
        let knex = "exports.up = (knex) => a();\nexports.down = (knex) => b();";
        check(
            &[("m/1.js", knex), ("m/2.js", knex), ("n/1_a.sqlite.up.sql", "a"), ("rollback.sh", "x")],
            &["(2 migrations of Knex in `m`)", "(1 migration of SQL for SQLite in `n`)"],
        );
    }
}

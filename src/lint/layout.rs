//! Folders of migrations: which file, or which half of one, is the change and which its rollback.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::unit::{Script, Unit};
use crate::diagnostic::Source;

/// Which half of a migration a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Half {
    Change,
    Rollback,
}

/// The changes in these files, in the order in which they are made. Files are told by their names, and
/// those of dbmate and goose by their comments.
pub fn units(sources: &[Arc<Source>]) -> Vec<Unit> {
    let mut pairs: BTreeMap<Key, Halves> = BTreeMap::new();
    for source in sources {
        let (key, half) = named(&source.name);
        let halves = pairs.entry(key).or_default();
        match half {
            Some(Half::Rollback) => halves.rollback = Some(Script::whole(source)),
            Some(Half::Change) => halves.change = Some((source, true)),
            None => halves.change = Some((source, false)),
        }
    }
    // Flyway's rollbacks are an extra that few projects have.
    let flyway_goes_back = pairs.iter().any(|(key, halves)| key.is_flyway && halves.rollback.is_some());
    pairs.into_iter().filter_map(|(key, halves)| halves.unit(key.is_flyway && !flyway_goes_back)).collect()
}

/// The other names that the other half of a file may have.
pub fn other_half(path: &str) -> Vec<String> {
    let (folder, name) = path.rsplit_once('/').map_or(("", path), |(folder, name)| (folder, name));
    let other = match name {
        "up.sql" => "down.sql".to_owned(),
        "down.sql" => "up.sql".to_owned(),
        _ if name.ends_with(".up.sql") => name.replace(".up.sql", ".down.sql"),
        _ if name.ends_with(".down.sql") => name.replace(".down.sql", ".up.sql"),
        _ => return Vec::new(),
    };
    vec![if folder.is_empty() { other } else { format!("{folder}/{other}") }]
}

/// What files of one migration have in common; ordered as migrations are.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    folder: String,
    version: Vec<u64>,
    name: String,
    is_flyway: bool,
}

#[derive(Debug, Default)]
struct Halves<'a> {
    /// And whether its name says that there is another half.
    change: Option<(&'a Arc<Source>, bool)>,
    rollback: Option<Script>,
}

impl Halves<'_> {
    /// A rollback alone is read as one of a change that does nothing.
    fn unit(self, may_lack: bool) -> Option<Unit> {
        let Some((source, by_name)) = self.change else {
            let rollback = self.rollback?;
            let change = Script { source: Arc::clone(&rollback.source), part: 0..0 };
            return Some(Unit { change, rollback: Some(rollback), expects_rollback: true });
        };
        let script = |part| Script { source: Arc::clone(source), part };
        Some(match marked(&source.text) {
            Some((up, down)) => {
                Unit { change: script(up), rollback: down.map(script), expects_rollback: true }
            }
            None => Unit {
                change: Script::whole(source),
                expects_rollback: (by_name || self.rollback.is_some()) && !may_lack,
                rollback: self.rollback,
            },
        })
    }
}

/// What a file's name says: `1_x.up.sql`, `up.sql`, `V1__x.sql`, `U1__x.sql`.
fn named(path: &str) -> (Key, Option<Half>) {
    let (folder, file) = path.rsplit_once('/').map_or(("", path), |(folder, file)| (folder, file));
    let stem = file.strip_suffix(".sql").unwrap_or(file);
    let key = |name: &str, is_flyway| Key {
        folder: folder.to_owned(),
        version: version(name),
        name: name.to_owned(),
        is_flyway,
    };
    if let Some(name) = stem.strip_suffix(".up") {
        return (key(name, false), Some(Half::Change));
    }
    if let Some(name) = stem.strip_suffix(".down") {
        return (key(name, false), Some(Half::Rollback));
    }
    match stem {
        "up" => return (key("", false), Some(Half::Change)),
        "down" => return (key("", false), Some(Half::Rollback)),
        _ => {}
    }
    // The description may differ between Flyway's two halves.
    let numbered = |rest: &str| {
        let (number, _) = rest.split_once("__")?;
        number.starts_with(|c: char| c.is_ascii_digit()).then(|| number.to_owned())
    };
    if let Some(number) = stem.strip_prefix('V').and_then(numbered) {
        return (key(&number, true), Some(Half::Change));
    }
    if let Some(number) = stem.strip_prefix('U').and_then(numbered) {
        return (key(&number, true), Some(Half::Rollback));
    }
    (key(stem, false), None)
}

/// The numbers at the beginning of a name.
fn version(name: &str) -> Vec<u64> {
    let end = name.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '_').unwrap_or(name.len());
    name[..end].split(['.', '_']).filter_map(|part| part.parse().ok()).collect()
}

/// The halves of a file that holds both: `-- migrate:up` of dbmate, `-- +goose Up` of goose.
fn marked(text: &str) -> Option<(Range<usize>, Option<Range<usize>>)> {
    let marks = marks(text);
    let (_, up) = marks.iter().find(|(half, _)| *half == Half::Change)?;
    let down = marks.iter().find(|(half, _)| *half == Half::Rollback).map(|(_, at)| *at);
    let end_of = |start: usize| {
        let next = marks.iter().map(|(_, at)| *at).filter(|at| *at > start).min();
        next.unwrap_or(text.len())
    };
    Some((*up..end_of(*up), down.map(|down| down..end_of(down))))
}

fn marks(text: &str) -> Vec<(Half, usize)> {
    let mut marks = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let comment = line.trim_start().strip_prefix("--").map(|comment| comment.trim().to_lowercase());
        let comment = comment.unwrap_or_default();
        if comment.starts_with("migrate:up") || comment == "+goose up" {
            marks.push((Half::Change, at));
        } else if comment.starts_with("migrate:down") || comment == "+goose down" {
            marks.push((Half::Rollback, at));
        }
        at += line.len();
    }
    marks
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each change, an arrow, and its rollback; `!` where one is missing.
    #[track_caller]
    fn check(files: &[(&str, &str)], expected: &[&str]) {
        let sources: Vec<Arc<Source>> = files.iter().map(|(name, text)| Source::new(*name, *text)).collect();
        let text = |script: &Script| {
            let part = script.source.text[script.part.clone()].lines();
            part.filter(|line| !line.starts_with("--")).collect::<Vec<_>>().join(" ")
        };
        let shown = units(&sources).into_iter().map(|unit| match &unit.rollback {
            Some(rollback) => format!("{} -> {}", text(&unit.change), text(rollback)),
            None if unit.expects_rollback => format!("{} -> !", text(&unit.change)),
            None => text(&unit.change),
        });
        assert_eq!(shown.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn pairs_are_told_by_their_names_and_come_in_the_order_of_their_numbers() {
        check(
            &[("m/10_b.up.sql", "b"), ("m/10_b.down.sql", "no b"), ("m/9_a.up.sql", "a")],
            &["a -> !", "b -> no b"],
        );
        check(&[("m/1_a/up.sql", "a"), ("m/1_a/down.sql", "no a")], &["a -> no a"]);
        check(&[("1.sql", "a"), ("2.sql", "b")], &["a", "b"]);
    }

    #[test]
    fn flyway_needs_rollbacks_only_where_some_are() {
        check(&[("V1__a.sql", "a"), ("V1.1__b.sql", "b"), ("V2__c.sql", "c")], &["a", "b", "c"]);
        check(&[("V1__a.sql", "a"), ("V2__b.sql", "b"), ("U2__x.sql", "no b")], &["a -> !", "b -> no b"]);
    }

    #[test]
    fn both_halves_may_stand_in_one_file() {
        check(&[("1.sql", "-- migrate:up\na\n-- migrate:down\nno a")], &["a -> no a"]);
        check(&[("1.sql", "-- +goose Up\na\n-- +goose Down\nno a\n")], &["a -> no a"]);
        check(&[("1.sql", "-- migrate:up transaction:false\na")], &["a -> !"]);
    }

    #[test]
    fn a_rollback_alone_is_read_too() {
        check(&[("1_a.down.sql", "no a")], &[" -> no a"]);
        assert_eq!(other_half("m/1_a.up.sql"), ["m/1_a.down.sql"]);
        assert_eq!(other_half("m/1/down.sql"), ["m/1/up.sql"]);
        assert!(other_half("V1__a.sql").is_empty());
    }
}

//! A rollback does not answer its change.

use super::{Astray, Check, Found, Pair, Rule};
use crate::lint::model::Class;
use crate::lint::operation::{Object, Operation, Thing, What};

pub(super) const RULE: Rule =
    Rule { name: "mirror", page: include_str!("mirror.md"), check: Check::Pair(check) };

fn check(pair: &Pair<'_>) -> Vec<Astray> {
    let Some(rollback) = pair.rollback else { return Vec::new() };
    // What is not read may answer everything.
    if rollback.iter().chain(pair.change).any(|operation| is_unread(&operation.what)) {
        return Vec::new();
    }
    let mut astray = Vec::new();
    for (number, operation) in pair.change.iter().enumerate() {
        let answered = wanted(&operation.what).is_none_or(|wanted| {
            let wanted = by_its_last_name(wanted, &pair.change[number + 1..]);
            undone_later(pair.change, number) || rollback.iter().any(|back| answers(&back.what, &wanted))
        });
        if !answered {
            astray.push(Astray { in_rollback: false, operation: number, found: unanswered(&operation.what) });
        }
    }
    astray.extend(strangers(pair.change, rollback));
    astray
}

fn is_unread(what: &What) -> bool {
    matches!(
        what,
        What::Hides { .. }
            | What::Unread { .. }
            | What::Runs { .. }
            | What::PutsBack { .. }
            | What::NotRead { .. }
            | What::Absent
    )
}

/// What a rollback has to do about something.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Wanted {
    Drop(Thing),
    Make(Thing),
    Name(Thing),
    Type(Thing),
    Loosen(Thing),
    Tighten(Thing),
    Attach(Thing),
    Detach(Thing),
}

fn wanted(what: &What) -> Option<Wanted> {
    Some(match what {
        // A label stays, as `enum-value` says.
        What::Creates { thing, .. } if thing.object == Object::Label => return None,
        What::Creates { temporary: true, .. } => return None,
        What::Creates { thing, .. } => Wanted::Drop(thing.clone()),
        What::Drops { thing, .. } => Wanted::Make(thing.clone()),
        What::Renames { thing, to } => Wanted::Name(Thing { name: to.clone(), ..thing.clone() }),
        What::Retypes { column, .. } => Wanted::Type(column.clone()),
        What::Requires(column) => Wanted::Loosen(column.clone()),
        What::Allows(column) => Wanted::Tighten(column.clone()),
        What::Detaches(partition) => Wanted::Attach(partition.clone()),
        What::Attaches(partition) => Wanted::Detach(partition.clone()),
        _ => return None,
    })
}

fn answers(back: &What, wanted: &Wanted) -> bool {
    match (back, wanted) {
        (What::Drops { thing, cascade, .. }, Wanted::Drop(made)) => drops(thing, *cascade, made),
        // With the table goes what was changed in it.
        (What::Drops { thing, .. }, Wanted::Loosen(of) | Wanted::Tighten(of) | Wanted::Type(of)) => {
            thing == of || thing.object == Object::Table && of.of.as_ref() == Some(&thing.name)
        }
        (What::Creates { thing, columns, .. }, Wanted::Make(gone)) => {
            let own = gone.of.as_ref() == Some(&thing.name) || thing.of.is_some() && thing.of == gone.of;
            let as_column = own && columns.iter().any(|(column, _)| *column == gone.name);
            thing == gone || same_but_table(thing, gone) || as_column
        }
        // Constraints without a name of their own.
        (What::Nothing | What::Requires(_), Wanted::Make(gone)) => gone.object == Object::Constraint,
        (What::Renames { thing, .. }, Wanted::Name(named)) => thing == named,
        (What::Renames { thing, to }, Wanted::Make(gone)) => {
            thing.object == gone.object && thing.of == gone.of && *to == gone.name
        }
        (What::Retypes { column, .. }, Wanted::Type(changed)) => column == changed,
        (What::Allows(column) | What::Retypes { column, .. }, Wanted::Loosen(of)) => column == of,
        (What::Requires(column), Wanted::Tighten(of)) => column == of,
        (What::Attaches(partition), Wanted::Attach(of)) => partition == of,
        (What::Detaches(partition), Wanted::Detach(of)) => partition == of,
        _ => false,
    }
}

fn drops(thing: &Thing, cascade: bool, made: &Thing) -> bool {
    let with_table = thing.object == Object::Table && made.of.as_ref() == Some(&thing.name);
    let with_schema =
        thing.object == Object::Schema && cascade && made.name.starts_with(&format!("{}.", thing.name));
    // Routines and indexes go with a table that the text does not name.
    let goes_along = thing.object == Object::Table && matches!(made.object, Object::Index | Object::Code);
    thing == made || same_but_table(thing, made) || with_table || with_schema || goes_along
}

/// Indexes are dropped with and without the name of their table.
fn same_but_table(one: &Thing, other: &Thing) -> bool {
    one.object == other.object && one.object == Object::Index && one.name == other.name
}

/// What the change makes and renames has to go by its new name.
fn by_its_last_name(wanted: Wanted, later: &[Operation]) -> Wanted {
    let Wanted::Drop(mut made) = wanted else { return wanted };
    for operation in later {
        if let What::Renames { thing, to } = &operation.what
            && *thing == made
        {
            to.clone_into(&mut made.name);
        }
    }
    Wanted::Drop(made)
}

/// Whether the change itself takes it back, or made what it is done to.
fn undone_later(change: &[Operation], number: usize) -> bool {
    let what = &change[number].what;
    let Some(wanted) = wanted(what) else { return true };
    let is_undone = |later: &Operation| later.what != What::Nothing && answers(&later.what, &wanted);
    let target = match what {
        What::Drops { thing, .. } | What::Renames { thing, .. } => Some(thing),
        What::Retypes { column, .. } | What::Requires(column) | What::Allows(column) => Some(column),
        _ => None,
    };
    let made = target.is_some_and(|thing| change[..number].iter().any(|before| makes(&before.what, thing)));
    made || change[number + 1..].iter().any(is_undone)
}

/// Whether an operation makes a thing or the table that it belongs to.
fn makes(what: &What, thing: &Thing) -> bool {
    let What::Creates { thing: made, .. } = what else { return false };
    made == thing || made.object == Object::Table && thing.of.as_ref() == Some(&made.name)
}

fn unanswered(what: &What) -> Found {
    let why = "after the rollback it is still as the change left it";
    let instead = "let the rollback undo each operation of the change, the last one first";
    let message = match what {
        What::Creates { thing, .. } => format!("the rollback does not drop {thing}"),
        What::Drops { thing, .. } => format!("the rollback does not bring back {thing}"),
        What::Renames { thing, .. } => format!("the rollback does not give {thing} its name back"),
        What::Retypes { column, .. } => format!("the rollback does not give {column} its type back"),
        What::Requires(column) => format!("the rollback does not let {column} be empty again"),
        What::Allows(column) => format!("the rollback does not require a value in {column} again"),
        What::Detaches(partition) => format!("the rollback does not attach {partition}"),
        What::Attaches(partition) => format!("the rollback does not detach {partition}"),
        _ => "the rollback does not undo it".to_owned(),
    };
    Found::new(Class::Irreversible, message, why, instead)
}

/// What a rollback drops and its change did not make: another name than was meant.
fn strangers(change: &[Operation], rollback: &[Operation]) -> Vec<Astray> {
    let mut astray = Vec::new();
    for (number, operation) in rollback.iter().enumerate() {
        // With IF EXISTS it is `if-exists-in-rollback` that says so.
        let What::Drops { thing, if_exists: false, cascade } = &operation.what else { continue };
        let known =
            change.iter().chain(&rollback[..number]).any(|before| is_known(&before.what, thing, *cascade));
        if !known {
            let why = "the change makes nothing of this name, so the rollback fails here, or takes what was there before";
            let instead = "drop exactly what the change makes";
            let found =
                Found::new(Class::Irreversible, format!("the change does not make {thing}"), why, instead);
            astray.push(Astray { in_rollback: true, operation: number, found });
        }
    }
    astray
}

fn is_known(before: &What, dropped: &Thing, cascade: bool) -> bool {
    match before {
        What::Creates { thing, .. } => drops(dropped, cascade, thing),
        What::Renames { thing, to } => thing.object == dropped.object && *to == dropped.name,
        // A constraint or index whose name the server made.
        What::Nothing => matches!(dropped.object, Object::Constraint | Object::Index),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::read::{Dialect, operations};
    use crate::lint::unit::Expected;

    #[track_caller]
    fn finds(change: &str, rollback: &str, expected: &[&str]) {
        let read = |sql: &str| operations(Dialect::Postgres, sql, 0);
        let (change_read, rollback_read) = (read(change), read(rollback));
        let pair =
            Pair { change: &change_read, rollback: Some(&rollback_read), expected: Expected::ByLayout };
        let found: Vec<String> = check(&pair).into_iter().map(|astray| astray.found.message).collect();
        assert_eq!(found, expected, "{change} / {rollback}");
    }

    #[test]
    fn a_rollback_that_undoes_everything_is_right() {
        finds("CREATE TABLE t (a int); CREATE INDEX i ON t (a)", "DROP TABLE t", &[]);
        finds("ALTER TABLE t ADD a int, ADD b int", "ALTER TABLE t DROP b, DROP a", &[]);
        finds("ALTER TABLE t RENAME a TO b", "ALTER TABLE t RENAME b TO a", &[]);
        finds("ALTER TABLE t DROP a; DROP INDEX i", "ALTER TABLE t ADD a int; CREATE INDEX i ON t (a)", &[]);
        finds("ALTER TABLE t ALTER a SET NOT NULL", "ALTER TABLE t ALTER a DROP NOT NULL", &[]);
        finds("DROP TABLE t", "CREATE TABLE t (a int)", &[]);
        finds("CREATE SCHEMA s; CREATE TABLE s.t (a int)", "DROP SCHEMA s CASCADE", &[]);
        finds("CREATE TABLE k (a int); DROP TABLE k", "SELECT 1", &[]);
        finds("CREATE TEMP TABLE k (a int)", "SELECT 1", &[]);
        finds("CREATE TABLE t (a int); ALTER TABLE t RENAME TO u", "DROP TABLE u", &[]);
    }

    #[test]
    fn what_is_left_and_what_is_missing_is_named() {
        finds(
            "CREATE TABLE a (x int); CREATE TABLE b (x int)",
            "DROP TABLE a",
            &["the rollback does not drop table `b`"],
        );
        finds("ALTER TABLE t DROP a", "SELECT 1", &["the rollback does not bring back column `t.a`"]);
        finds(
            "ALTER TABLE t RENAME a TO b",
            "SELECT 1",
            &["the rollback does not give column `t.a` its name back"],
        );
        finds(
            "ALTER TABLE t ALTER a TYPE text",
            "SELECT 1",
            &["the rollback does not give column `t.a` its type back"],
        );
        finds(
            "CREATE TABLE t (a int)",
            "DROP TABLE t; DROP TABLE u",
            &["the change does not make table `u`"],
        );
    }

    #[test]
    fn also_names_that_no_code_uses_are_given_back() {
        finds("ALTER INDEX i RENAME TO j", "ALTER INDEX j RENAME TO i", &[]);
        let left = ["the rollback does not give index `i` its name back"];
        finds("ALTER INDEX i RENAME TO j", "SELECT 1", &left);
    }

    #[test]
    fn what_cannot_be_read_may_answer_everything() {
        finds("CREATE TABLE t (a int)", "SELECT bring_back_all()", &[]);
        finds("CREATE TABLE t (a int)", "DO $$ BEGIN DROP TABLE t; END $$", &[]);
    }
}

//! `backup` and `restore`: the way back that loses what was written since, by the tools that come with a
//! server, inside its service.

use std::collections::BTreeMap;

use super::context::Context;
use super::model::{Action, Database, Dump, Engine};
use super::statements;
use crate::diagnostic::Source;
use crate::scenario::step::{BackupStep, RestoreStep};

/// Resolves a `backup` step.
pub(super) fn backup(context: &mut Context<'_>, at: &str, step: &BackupStep) -> Option<(String, Action)> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if step.id.is_empty() || !step.id.chars().all(is_plain) {
        let diagnostic = context.wrong(&format!("{at}.id"), "the name of a backup is that of a file");
        diagnostic.help.push("use letters, digits, `-` and `_`".to_owned());
        return None;
    }
    if !context.database(&format!("{at}.on"), &step.on) {
        return None;
    }
    context.backups.insert(step.id.clone(), step.on.clone());
    let database = &context.databases[&step.on];
    let dump = Dump {
        database: step.on.clone(),
        command: writing(database, &path(&step.id)),
        environment: password(database),
    };
    Some((format!("backup of {} as {}", step.on, step.id), Action::Backup(dump)))
}

/// Resolves a `restore` step.
pub(super) fn restore(context: &mut Context<'_>, at: &str, step: &RestoreStep) -> Option<(String, Action)> {
    match (&step.backup, &step.file) {
        (Some(backup), None) => of_backup(context, at, &step.on, backup),
        (None, Some(file)) => of_file(context, at, &step.on, file),
        (given, _) => {
            let both = if given.is_some() { "both are" } else { "neither is" };
            context.wrong_key(at, format!("`restore` takes a `backup` or a `file`; {both} given"));
            None
        }
    }
}

fn of_backup(context: &mut Context<'_>, at: &str, on: &str, backup: &str) -> Option<(String, Action)> {
    if !context.database(&format!("{at}.on"), on) {
        return None;
    }
    match context.backups.get(backup) {
        Some(of) if of == on => {}
        Some(of) => {
            let message = format!("the backup `{backup}` is one of `{of}`, not of `{on}`");
            context.wrong(&format!("{at}.backup"), message);
            return None;
        }
        None => {
            let known: Vec<&str> = context.backups.keys().map(String::as_str).collect();
            let diagnostic = context
                .spot(&format!("{at}.backup"))
                .mistake(format!("no `backup` step before this one has the id `{backup}`"))
                .suggest(backup, known)
                .help("make it in the seed or the change: `- backup: { id: before, service: db }`");
            context.mistakes.push(diagnostic);
            return None;
        }
    }
    let database = &context.databases[on];
    let dump = Dump {
        database: on.to_owned(),
        command: reading(database, &path(backup)),
        environment: password(database),
    };
    Some((format!("restore {on} from the backup {backup}"), Action::Restore(dump)))
}

fn of_file(context: &mut Context<'_>, at: &str, on: &str, file: &str) -> Option<(String, Action)> {
    let known = context.database(&format!("{at}.on"), on);
    let source = context.text(&format!("{at}.file"), file)?;
    // pg_dump 13.22 and later guard their output with these two meta-commands; they hold no SQL.
    let harmless = |line: &str| line.starts_with("\\restrict ") || line.starts_with("\\unrestrict ");
    let lines = source.text.lines().map(|line| if harmless(line) { "" } else { line });
    let text = lines.collect::<Vec<_>>().join("\n");
    let cut = statements::cut(context, at, on, &Source::new(source.name.clone(), text), true)?;
    let action = Action::Sql { database: on.to_owned(), file: Some(source.name.clone()), statements: cut };
    known.then(|| (format!("restore {file} on {on}"), action))
}

/// Where a backup lies inside its service.
fn path(id: &str) -> String {
    format!("/tmp/backout-{id}.dump")
}

fn password(database: &Database) -> BTreeMap<String, String> {
    let name = match database.engine {
        Engine::Postgres => "PGPASSWORD",
        Engine::Mariadb => "MYSQL_PWD",
    };
    let password = database.password.as_ref().map(|password| password.reveal().to_owned());
    password.map(|password| (name.to_owned(), password)).into_iter().collect()
}

fn writing(database: &Database, path: &str) -> Vec<String> {
    let Database { engine, port, database, user, .. } = database;
    match engine {
        Engine::Postgres => vec![
            "pg_dump".to_owned(),
            format!("--port={port}"),
            format!("--username={user}"),
            "--format=custom".to_owned(),
            format!("--file={path}"),
            format!("--dbname={database}"),
        ],
        Engine::Mariadb => vec![
            "mariadb-dump".to_owned(),
            format!("--port={port}"),
            format!("--user={user}"),
            "--single-transaction".to_owned(),
            "--routines".to_owned(),
            "--triggers".to_owned(),
            "--events".to_owned(),
            format!("--result-file={path}"),
            database.clone(),
        ],
    }
}

fn reading(database: &Database, path: &str) -> Vec<String> {
    let Database { engine, port, database, user, .. } = database;
    match engine {
        Engine::Postgres => vec![
            "pg_restore".to_owned(),
            format!("--port={port}"),
            format!("--username={user}"),
            "--clean".to_owned(),
            "--if-exists".to_owned(),
            "--single-transaction".to_owned(),
            format!("--dbname={database}"),
            path.to_owned(),
        ],
        Engine::Mariadb => vec![
            "mariadb".to_owned(),
            format!("--port={port}"),
            format!("--user={user}"),
            format!("--execute=source {path}"),
            database.clone(),
        ],
    }
}

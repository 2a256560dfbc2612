//! `sql` steps: texts cut into the statements that are sent.

use std::sync::Arc;

use super::context::Context;
use super::model::{Action, Engine, Statement};
use crate::diagnostic::{Diagnostic, Source};
use crate::scenario::step as file;
use crate::sql::{self, mariadb};

/// Resolves a `sql` step.
pub(super) fn step(context: &mut Context<'_>, at: &str, step: &file::SqlStep) -> Option<(String, Action)> {
    let known = context.database(&format!("{at}.on"), &step.on);
    let (source, file) = match (&step.file, &step.text) {
        (Some(file), None) => {
            let source = context.text(&format!("{at}.file"), file)?;
            (source.clone(), Some(source.name.clone()))
        }
        (None, Some(text)) => (Source::new("text", text.clone()), None),
        (given, _) => {
            let both = if given.is_some() { "both are" } else { "neither is" };
            context.wrong_key(at, format!("`sql` takes a `file` or a `text`; {both} given"));
            return None;
        }
    };
    let mut statements = cut(context, at, &step.on, &source, file.is_some())?;
    if step.transaction {
        wrap(context, at, &step.on, &mut statements);
    }
    let count = statements.len();
    let plural = if count == 1 { "" } else { "s" };
    let name = step.file.as_deref().unwrap_or("text");
    let title = format!("sql on {}: {name}, {count} statement{plural}", step.on);
    known.then(|| (title, Action::Sql { database: step.on.clone(), file, statements }))
}

/// Cuts a text as the server of this database reads it.
pub(super) fn cut(
    context: &mut Context<'_>,
    at: &str,
    database: &str,
    source: &Arc<Source>,
    in_file: bool,
) -> Option<Vec<Statement>> {
    let split = match engine(context, database) {
        Engine::Postgres => sql::split,
        Engine::Mariadb => mariadb::split,
    };
    let cut = match split(&source.text) {
        Ok(cut) => cut,
        Err(error) => {
            let diagnostic = if in_file {
                Diagnostic::at(source, error.span.clone(), error.message)
            } else {
                context.spot(&format!("{at}.text")).mistake(error.message)
            };
            context.mistakes.push(diagnostic.label(error.label).help(error.help));
            return None;
        }
    };
    if cut.is_empty() {
        let field = if in_file { "file" } else { "text" };
        context.wrong(&format!("{at}.{field}"), "there is no statement in it");
        return None;
    }
    let statement =
        |cut: sql::Statement| Statement { text: cut.text, line: cut.line, copy_data: cut.copy_data };
    Some(cut.into_iter().map(statement).collect())
}

/// Puts BEGIN before and COMMIT behind; both count as statements (S8).
fn wrap(context: &mut Context<'_>, at: &str, database: &str, statements: &mut Vec<Statement>) {
    let engine = engine(context, database);
    let is_control = match engine {
        Engine::Postgres => sql::is_transaction_control,
        Engine::Mariadb => mariadb::is_transaction_control,
    };
    let commits =
        |statement: &&Statement| engine == Engine::Mariadb && mariadb::commits_by_itself(&statement.text);
    if let Some(statement) = statements.iter().find(commits).cloned() {
        let message = format!(
            "MariaDB commits by itself around `{}` on line {}: no transaction holds it",
            sql::fingerprint(&statement.text),
            statement.line
        );
        let help = "leave out `transaction: true`, and see with a point after each statement what is left";
        context.wrong(&format!("{at}.transaction"), message).help.push(help.to_owned());
    }
    let inner = statements.iter().find(|statement| is_control(&statement.text)).cloned();
    if let Some(inner) = inner {
        let message =
            format!("the SQL controls transactions itself: `{}` on line {}", inner.text, inner.line);
        context
            .wrong(&format!("{at}.transaction"), message)
            .help
            .push("leave out `transaction: true`".to_owned());
    }
    let bare = |text: &str, line| Statement { text: text.to_owned(), line, copy_data: None };
    let last = statements.last().map_or(1, |statement| statement.line);
    statements.insert(0, bare("BEGIN", 1));
    statements.push(bare("COMMIT", last));
}

/// The kind of server; PostgreSQL where nothing is observed, which was reported.
fn engine(context: &Context<'_>, database: &str) -> Engine {
    context.databases.get(database).map(|known| known.engine).unwrap_or_default()
}

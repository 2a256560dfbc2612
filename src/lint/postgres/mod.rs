//! PostgreSQL's statements as operations, from squawk's typed tree.

mod alter;
mod drop;
mod make;
mod rows;
mod text;

use std::ops::Range;

use squawk_syntax::SourceFile;
use squawk_syntax::ast::{AstNode, Stmt};

use super::operation::What;
use text::{calls, flat, span};

/// What is done, and the bytes of the statement that say so.
pub(super) type Read = (What, Range<usize>);

/// The operations of one statement. What cannot be read is said to be so, and never left out.
pub(super) fn operations(statement: &str) -> Vec<Read> {
    let whole = 0..statement.len();
    let parse = SourceFile::parse(statement);
    let statements: Vec<Stmt> = parse.tree().stmts().collect();
    // The body of a routine is only kept for later: mistakes in it are not those of this statement.
    let keeps_text = matches!(statements[..], [Stmt::CreateFunction(_) | Stmt::CreateProcedure(_)]);
    match parse.errors().first() {
        Some(error) if !keeps_text => {
            let why = error.to_string().lines().next().unwrap_or_default().to_lowercase();
            vec![(What::Unread { why: format!("it cannot be read: {why}") }, whole)]
        }
        _ => told(statements.iter().flat_map(operation).collect(), whole),
    }
}

/// Where nothing was understood, that is said.
fn told(read: Vec<Read>, whole: Range<usize>) -> Vec<Read> {
    if read.is_empty() {
        return vec![(What::Unread { why: "nothing in it is known here".to_owned() }, whole)];
    }
    read
}

fn operation(statement: &Stmt) -> Vec<Read> {
    let of_rows = rows::read(statement);
    let read = of_rows.or_else(|| alter::read(statement)).or_else(|| drop::read(statement));
    read.or_else(|| make::read(statement)).unwrap_or_else(|| vec![(other(statement), span(statement))])
}

/// Statements that are told by their kind alone. What is not named here is not known, and never safe.
fn other(statement: &Stmt) -> What {
    let hides = |how: &str| What::Hides { how: how.to_owned() };
    match statement {
        Stmt::Do(_) => hides("a `DO` block"),
        Stmt::Call(call) => hides(&format!("`{}`", short(&flat(call.syntax())))),
        Stmt::Execute(_) => hides("`EXECUTE` of a prepared statement"),
        Stmt::Explain(explain) if flat(explain.syntax()).contains("analyze") => hides("`EXPLAIN ANALYZE`"),
        Stmt::Notify(notify) => What::Calls { whom: format!("`{}`", short(&flat(notify.syntax()))) },
        Stmt::Select(_) | Stmt::CompoundSelect(_) | Stmt::ParenSelect(_) | Stmt::Values(_) => {
            query(statement)
        }
        Stmt::Explain(_)
        | Stmt::Analyze(_)
        | Stmt::Begin(_)
        | Stmt::Checkpoint(_)
        | Stmt::Close(_)
        | Stmt::Cluster(_)
        | Stmt::CommentOn(_)
        | Stmt::Commit(_)
        | Stmt::Deallocate(_)
        | Stmt::Declare(_)
        | Stmt::Discard(_)
        | Stmt::EmptyStmt(_)
        | Stmt::Fetch(_)
        | Stmt::Grant(_)
        | Stmt::Listen(_)
        | Stmt::Lock(_)
        | Stmt::Move(_)
        | Stmt::Prepare(_)
        | Stmt::Reassign(_)
        | Stmt::Refresh(_)
        | Stmt::Reindex(_)
        | Stmt::ReleaseSavepoint(_)
        | Stmt::Reset(_)
        | Stmt::ResetRole(_)
        | Stmt::ResetSessionAuth(_)
        | Stmt::Revoke(_)
        | Stmt::Rollback(_)
        | Stmt::SavepointCreate(_)
        | Stmt::SecurityLabel(_)
        | Stmt::Set(_)
        | Stmt::SetConstraints(_)
        | Stmt::SetRole(_)
        | Stmt::SetSessionAuth(_)
        | Stmt::SetTransaction(_)
        | Stmt::Show(_)
        | Stmt::Table(_)
        | Stmt::Unlisten(_)
        | Stmt::Vacuum(_) => What::Nothing,
        _ => What::Unread { why: "this kind of statement is not known here".to_owned() },
    }
}

/// Functions that change nothing; those of a query with a FROM are taken to read.
const HARMLESS: &[&str] = &[
    "clock_timestamp",
    "coalesce",
    "concat",
    "count",
    "current_database",
    "current_schema",
    "current_schemas",
    "current_setting",
    "format",
    "gen_random_uuid",
    "has_schema_privilege",
    "has_table_privilege",
    "hashtext",
    "inet_server_addr",
    "inet_server_port",
    "lower",
    "max",
    "min",
    "now",
    "nullif",
    "obj_description",
    "pg_advisory_lock",
    "pg_advisory_unlock",
    "pg_advisory_unlock_all",
    "pg_advisory_xact_lock",
    "pg_backend_pid",
    "pg_encoding_to_char",
    "pg_get_serial_sequence",
    "pg_is_in_recovery",
    "pg_sleep",
    "pg_try_advisory_lock",
    "pg_try_advisory_xact_lock",
    "set_config",
    "sum",
    "to_regclass",
    "to_regnamespace",
    "to_regtype",
    "txid_current",
    "upper",
    "version",
];

/// Functions that tell somebody outside.
const OUTSIDE: &[&str] = &["dblink", "dblink_exec", "http_get", "http_post", "pg_notify"];

/// A SELECT that calls a function may do anything.
fn query(statement: &Stmt) -> What {
    let calls = calls(statement.syntax());
    if let Some((_, sequence)) = calls.iter().find(|(name, _)| name == "setval") {
        let sequence = sequence.trim_matches('\'').to_owned();
        return What::Restarts { sequence };
    }
    if let Some((name, _)) = calls.iter().find(|(name, _)| OUTSIDE.contains(&name.as_str())) {
        return What::Calls { whom: format!("`{name}()`") };
    }
    let reads = matches!(statement, Stmt::Select(select) if select.from_clause().is_some());
    let unknown = calls.iter().find(|(name, _)| !HARMLESS.contains(&name.as_str()));
    match unknown {
        Some((name, _)) if !reads => What::Hides { how: format!("`SELECT {name}()`") },
        _ => What::Nothing,
    }
}

/// The beginning of a long text.
fn short(text: &str) -> String {
    match text.char_indices().nth(40) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text.to_owned(),
    }
}

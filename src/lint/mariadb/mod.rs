//! MariaDB's statements as operations, from sqlparser's tree.

mod alter;
mod rows;

use std::ops::Range;

use sqlparser::ast::{ColumnDef, CreateTable, Expr, ObjectName, ObjectType, Statement};
use sqlparser::dialect::MySqlDialect;
use sqlparser::parser::Parser;

use super::operation::{Object, Thing, What};

/// The operations of one statement, all of them said by the whole of it. What cannot be read is said to be
/// so, and never left out.
pub(super) fn operations(statement: &str) -> Vec<(What, Range<usize>)> {
    let whole = 0..statement.len();
    let done = by_words(statement).unwrap_or_else(|| match Parser::parse_sql(&MySqlDialect {}, statement) {
        Ok(parsed) => parsed.iter().flat_map(operation).collect(),
        Err(error) => vec![unread(&format!("it cannot be read: {}", short(&error.to_string())))],
    });
    let done = if done.is_empty() { vec![unread("nothing in it is known here")] } else { done };
    done.into_iter().map(|what| (what, whole.clone())).collect()
}

fn unread(why: &str) -> What {
    What::Unread { why: why.to_owned() }
}

fn short(message: &str) -> String {
    let message = message.trim_start_matches("sql parser error: ");
    message.split(" at Line").next().unwrap_or_default().to_lowercase()
}

/// Statements that are told by their first words, whose bodies the parser need not know.
fn by_words(statement: &str) -> Option<Vec<What>> {
    let words: Vec<String> = statement.split_whitespace().take(12).map(|word| word.to_lowercase()).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let hides = |how: &str| Some(vec![What::Hides { how: how.to_owned() }]);
    match words.as_slice() {
        ["create", rest @ ..] => {
            routine(rest).map(|name| vec![What::creates(Thing::new(Object::Code, name))])
        }
        ["begin", "not", ..] => hides("a compound statement"),
        ["call", name, ..] => hides(&format!("`CALL {}`", name.split('(').next().unwrap_or_default())),
        ["execute", ..] => hides("`EXECUTE`, whose text is made while it runs"),
        ["alter", "sequence", name, rest @ ..] if rest.iter().any(|word| word.starts_with("restart")) => {
            Some(vec![What::Restarts { sequence: bare(name) }])
        }
        ["alter", "table", table, "drop", "partition", ..] => {
            Some(dropped_partitions(&bare(table), statement))
        }
        ["analyze", kind, ..] if *kind != "table" => hides("`ANALYZE`, which runs what it explains"),
        ["analyze" | "optimize" | "check" | "flush" | "lock" | "unlock" | "prepare" | "deallocate", ..] => {
            Some(vec![What::Nothing])
        }
        ["drop", "trigger" | "event" | "function" | "procedure", rest @ ..] => {
            let if_exists = rest.first() == Some(&"if");
            let name = bare(rest.get(if if_exists { 2 } else { 0 })?);
            let thing = Thing::new(Object::Code, name);
            Some(vec![What::Drops { thing, if_exists, cascade: false }])
        }
        _ => None,
    }
}

/// DROP PARTITION, which the parser knows of other servers only.
fn dropped_partitions(table: &str, statement: &str) -> Vec<What> {
    let at = statement.to_lowercase().find("partition").map_or(0, |at| at + "partition".len());
    let (names, if_exists) = match statement[at..].trim().to_lowercase().strip_prefix("if exists") {
        Some(rest) => (rest.to_owned(), true),
        None => (statement[at..].to_owned(), false),
    };
    let drop = |name: &str| What::Drops {
        thing: Thing::of(Object::Partition, table, bare(name.trim())),
        if_exists,
        cascade: false,
    };
    names.split(',').map(drop).collect()
}

/// The name in CREATE … PROCEDURE, FUNCTION, TRIGGER or EVENT.
fn routine(words: &[&str]) -> Option<String> {
    let kinds = ["procedure", "function", "trigger", "event"];
    let others = ["table", "view", "index", "database", "schema", "sequence", "user", "role"];
    // What comes first says what is made: a table may be called `event`.
    let at = words.iter().position(|word| kinds.contains(word) || others.contains(word))?;
    if others.contains(&words[at]) {
        return None;
    }
    let rest: Vec<&&str> =
        words[at + 1..].iter().filter(|word| !["if", "not", "exists"].contains(word)).collect();
    rest.first().map(|name| bare(name.split('(').next().unwrap_or_default()))
}

fn bare(name: &str) -> String {
    name.trim_matches(['`', ';', '(', ')']).to_lowercase()
}

/// A name without backticks, in lower case, as most servers compare it.
fn name(name: &impl ToString) -> String {
    name.to_string().replace('`', "").to_lowercase()
}

/// An expression as text that can be compared.
fn flat(expression: &Expr) -> String {
    name(expression)
}

fn operation(statement: &Statement) -> Vec<What> {
    if let Some(done) = rows::read(statement) {
        return done;
    }
    match statement {
        Statement::AlterTable(alter) => alter::read(alter),
        Statement::RenameTable(renames) => renames
            .iter()
            .map(|rename| What::Renames {
                thing: Thing::table(name(&rename.old_name)),
                to: name(&rename.new_name),
            })
            .collect(),
        Statement::CreateTable(create) => created(create),
        Statement::CreateView(create) => vec![What::creates(Thing::new(Object::View, name(&create.name)))],
        Statement::CreateIndex(create) => {
            let named = create.name.as_ref();
            let table = name(&create.table_name);
            vec![
                named.map_or(What::Nothing, |index| {
                    What::creates(Thing::of(Object::Index, table, name(index)))
                }),
            ]
        }
        Statement::CreateSequence { name: sequence, .. } => {
            vec![What::creates(Thing::new(Object::Sequence, name(sequence)))]
        }
        Statement::CreateDatabase { db_name, .. } => {
            vec![What::creates(Thing::new(Object::Database, name(db_name)))]
        }
        Statement::Drop { object_type, if_exists, names, cascade, temporary, table, .. } => names
            .iter()
            .map(|dropped| {
                dropped_one(*object_type, dropped, table.as_ref(), *if_exists, *cascade, *temporary)
            })
            .collect(),
        other => vec![by_kind(other)],
    }
}

/// Statements that are told by their kind alone. What is not named here is not known, and never safe.
fn by_kind(statement: &Statement) -> What {
    match statement {
        Statement::Explain { analyze: true, .. } => What::Hides { how: "`ANALYZE`".to_owned() },
        Statement::Set(_)
        | Statement::Use(_)
        | Statement::StartTransaction { .. }
        | Statement::Commit { .. }
        | Statement::Rollback { .. }
        | Statement::Savepoint { .. }
        | Statement::ReleaseSavepoint { .. }
        | Statement::Grant(_)
        | Statement::Revoke(_)
        | Statement::CreateUser(_)
        | Statement::CreateRole(_)
        | Statement::Explain { .. }
        | Statement::ExplainTable { .. }
        | Statement::ShowVariables { .. }
        | Statement::ShowCreate { .. }
        | Statement::ShowColumns { .. }
        | Statement::ShowTables { .. }
        | Statement::LockTables { .. }
        | Statement::UnlockTables
        | Statement::Query(_) => What::Nothing,
        _ => unread("this kind of statement is not known here"),
    }
}

fn dropped_one(
    kind: ObjectType,
    dropped: &ObjectName,
    table: Option<&ObjectName>,
    if_exists: bool,
    cascade: bool,
    temporary: bool,
) -> What {
    let object = match kind {
        ObjectType::Table if temporary => return What::Nothing,
        ObjectType::Table => Object::Table,
        ObjectType::View | ObjectType::MaterializedView => Object::View,
        ObjectType::Index => Object::Index,
        // A schema is a database there.
        ObjectType::Schema | ObjectType::Database => Object::Database,
        ObjectType::Role | ObjectType::User => Object::Role,
        ObjectType::Sequence => Object::Sequence,
        _ => return unread("this kind of statement is not known here"),
    };
    let thing = Thing { object, of: table.map(name), name: name(dropped) };
    What::Drops { thing, if_exists, cascade }
}

fn created(create: &CreateTable) -> Vec<What> {
    let table = name(&create.name);
    let columns = create.columns.iter().map(|column| (name(&column.name), type_of(column))).collect();
    let mut done = vec![What::Creates {
        thing: Thing::table(&table),
        columns,
        if_not_exists: create.if_not_exists,
        replaces: create.or_replace,
        temporary: create.temporary,
    }];
    let query = create.query.as_ref().filter(|_| !create.temporary);
    done.extend(query.and_then(|query| rows::copied(query, &table)));
    done
}

fn type_of(column: &ColumnDef) -> String {
    column.data_type.to_string().to_lowercase()
}

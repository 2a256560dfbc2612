//! MariaDB's statements as operations, from sqlparser's tree.

mod alter;
mod rows;

use std::ops::Range;

use sqlparser::ast::{ColumnDef, CreateTable, Expr, ObjectName, ObjectType, Statement};
use sqlparser::dialect::MySqlDialect;
use sqlparser::parser::Parser;

use super::operation::{Object, Thing, Ties, What};

/// The operations of one statement, all of them said by the whole of it. What cannot be read is said to be
/// so, and never left out.
pub(super) fn operations(statement: &str) -> Vec<(What, Range<usize>)> {
    let whole = 0..statement.len();
    let done = by_words(statement).unwrap_or_else(|| {
        match Parser::parse_sql(&MySqlDialect {}, unpartitioned(statement)) {
            Ok(parsed) => parsed.iter().flat_map(operation).collect(),
            Err(error) => vec![unread(&format!("it cannot be read: {}", short(&error.to_string())))],
        }
    });
    let done = if done.is_empty() { vec![unread("nothing in it is known here")] } else { done };
    done.into_iter().map(|what| (what, whole.clone())).collect()
}

/// A CREATE TABLE without how it is parted, which the parser does not know: its partitions come and go with it.
fn unpartitioned(statement: &str) -> &str {
    let lower = statement.to_ascii_lowercase();
    let parts = lower.rfind("partition by").filter(|_| lower.trim_start().starts_with("create table"));
    // Inside brackets or quotes it is no clause.
    let is_clause = |at: &usize| {
        let before = &statement[..*at];
        before.matches('(').count() == before.matches(')').count()
            && before.matches('\'').count().is_multiple_of(2)
    };
    parts.filter(is_clause).map_or(statement, |at| &statement[..at])
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
        ["create", "fulltext" | "spatial", "index" | "key", index, "on", table, ..] => {
            let (table, columns) = (bare(table.split('(').next()?), listed(statement));
            let thing = Thing::of(Object::Index, &table, bare(index));
            Some(vec![What::tied(thing, alter::goes_with_all(&table, columns))])
        }
        ["create", "user" | "role", rest @ ..] => {
            let name = rest.iter().find(|word| !["if", "not", "exists"].contains(*word))?;
            Some(vec![What::creates(Thing::new(Object::Role, bare(name)))])
        }
        ["create", rest @ ..] => {
            let ties = Ties { redefines: rest.first() == Some(&"or"), ..Ties::default() };
            routine(rest).map(|name| vec![What::tied(Thing::new(Object::Code, name), ties)])
        }
        ["begin", "not", ..] => hides("a compound statement"),
        ["call", name, ..] => hides(&format!("`CALL {}`", name.split('(').next().unwrap_or_default())),
        ["execute", ..] => hides("`EXECUTE`, whose text is made while it runs"),
        ["alter", "sequence", name, rest @ ..] if rest.iter().any(|word| word.starts_with("restart")) => {
            Some(vec![What::Restarts { sequence: bare(name) }])
        }
        ["alter", "table", table, "rename", to] if *to != "to" => {
            Some(vec![What::Renames { thing: Thing::table(bare(table)), to: bare(to) }])
        }
        ["begin"] | ["begin", "work"] => Some(vec![What::Begins]),
        ["alter", "table", table, rest @ ..] => {
            partitions(&bare(table), rest, statement).or_else(|| options(rest))
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

/// The names in the last list of a statement.
fn listed(statement: &str) -> Vec<String> {
    let list = statement.rsplit_once('(').map_or("", |(_, list)| list);
    list.split([',', ')']).map(|part| bare(part.trim())).filter(|part| !part.is_empty()).collect()
}

/// What is done to the partitions of a table, which the parser knows of other servers only.
fn partitions(table: &str, words: &[&str], statement: &str) -> Option<Vec<What>> {
    let partition = |name: &&str| bare(name.trim_end_matches(','));
    Some(match words {
        ["drop", "partition", ..] => dropped_partitions(table, statement),
        ["add", "partition", ..] => added_partitions(table, statement),
        // Its rows go and the partition stays.
        ["truncate", "partition", name, ..] => {
            vec![What::Truncates { table: format!("{table} partition {}", partition(name)), cascade: false }]
        }
        // Rows move within the table, or to another one that has those of the partition.
        [
            "reorganize" | "coalesce" | "exchange" | "rebuild" | "analyze" | "check" | "optimize" | "repair",
            "partition",
            ..,
        ]
        | ["remove", "partitioning", ..]
        | ["partition", "by", ..] => vec![What::Nothing],
        _ => return None,
    })
}

/// Options of a table that change nothing of what it holds, where nothing else stands beside them.
fn options(words: &[&str]) -> Option<Vec<What>> {
    const OPTIONS: [&str; 6] =
        ["engine", "comment", "row_format", "force", "key_block_size", "stats_persistent"];
    let option = words.first()?.split('=').next()?;
    // Behind a comma stands something that has to be read.
    let is_alone = words.iter().all(|word| !word.ends_with(','));
    (OPTIONS.contains(&option) && is_alone).then(|| vec![What::Nothing])
}

/// The partitions that are added: `(PARTITION p1 VALUES …, PARTITION p2 VALUES …)`.
fn added_partitions(table: &str, statement: &str) -> Vec<What> {
    let lower = statement.to_lowercase();
    let names = lower.split("partition ").skip(2).filter_map(|rest| rest.split_whitespace().next());
    let made: Vec<What> =
        names.map(|name| What::creates(Thing::of(Object::Partition, table, bare(name)))).collect();
    if made.is_empty() { vec![What::Nothing] } else { made }
}

/// DROP PARTITION with its names.
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
        Statement::CreateView(create) => {
            let ties = Ties { redefines: create.or_replace, ..Ties::default() };
            vec![What::tied(Thing::new(Object::View, name(&create.name)), ties)]
        }
        Statement::CreateIndex(create) => {
            let named = create.name.as_ref();
            let table = name(&create.table_name);
            let ties = alter::goes_with_all(&table, alter::keyed(&create.columns));
            vec![What::tied(Thing::of(Object::Index, &table, named.map(name).unwrap_or_default()), ties)]
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
        Statement::StartTransaction { .. } => What::Begins,
        Statement::Commit { .. } | Statement::Rollback { savepoint: None, .. } => What::Ends,
        Statement::Set(_)
        | Statement::Use(_)
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
        ties: Ties::default(),
    }];
    let query = create.query.as_ref().filter(|_| !create.temporary);
    done.extend(query.and_then(|query| rows::copied(query, &table)));
    done
}

fn type_of(column: &ColumnDef) -> String {
    column.data_type.to_string().to_lowercase()
}

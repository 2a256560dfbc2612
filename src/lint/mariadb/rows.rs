//! Statements that write rows, and what they say about where rows were kept.

use sqlparser::ast::{
    Assignment, AssignmentTarget, Delete, Expr, FromTable, GroupByExpr, Insert, OnInsert, Query, SelectItem,
    SetExpr, Statement, TableFactor, TableObject, TableWithJoins, Update,
};

use super::{flat, name};
use crate::lint::operation::{Rows, What};

/// The operations of a statement on rows.
pub(super) fn read(statement: &Statement) -> Option<Vec<What>> {
    match statement {
        Statement::Insert(insert) => Some(inserted(insert)),
        Statement::Update(update) => Some(updated(update)),
        Statement::Delete(delete) => Some(deleted(delete)),
        Statement::Truncate(truncate) => {
            let table = |target: &sqlparser::ast::TruncateTableTarget| name(&target.name);
            let one = |table| What::Truncates { table, cascade: false };
            Some(truncate.table_names.iter().map(table).map(one).collect())
        }
        Statement::Query(query) => match query.body.as_ref() {
            SetExpr::Update(inner) | SetExpr::Delete(inner) | SetExpr::Insert(inner) => read(inner),
            SetExpr::Select(select) if select.from.is_empty() => called(&select.projection),
            _ => None,
        },
        _ => None,
    }
}

/// A SELECT without a table that calls a function may do anything.
fn called(projection: &[SelectItem]) -> Option<Vec<What>> {
    const HARMLESS: [&str; 17] = [
        "connection_id",
        "current_user",
        "if",
        "ifnull",
        "schema",
        "user",
        "uuid",
        "now",
        "version",
        "database",
        "sleep",
        "last_insert_id",
        "row_count",
        "concat",
        "coalesce",
        "get_lock",
        "release_lock",
    ];
    let functions = projection.iter().filter_map(|item| match item {
        SelectItem::UnnamedExpr(Expr::Function(function))
        | SelectItem::ExprWithAlias { expr: Expr::Function(function), .. } => Some(function),
        _ => None,
    });
    let mut unknown = functions.filter(|function| !HARMLESS.contains(&name(&function.name).as_str()));
    let function = unknown.next()?;
    let called = name(&function.name);
    if called == "setval" {
        return Some(vec![What::Restarts { sequence: "the one that `SETVAL` names".to_owned() }]);
    }
    Some(vec![What::Hides { how: format!("`SELECT {called}()`") }])
}

fn inserted(insert: &Insert) -> Vec<What> {
    let TableObject::TableName(table) = &insert.table else {
        return vec![super::unread("it does not name the table that it writes")];
    };
    let table = name(table);
    let mut done = vec![What::Inserts { table: table.clone() }];
    match &insert.on {
        Some(OnInsert::DuplicateKeyUpdate(_)) => {
            done.push(What::Overwrites { table, how: "ON DUPLICATE KEY UPDATE" });
        }
        _ if insert.replace_into => done.push(What::Overwrites { table, how: "REPLACE" }),
        // What IGNORE leaves out is not kept.
        _ if insert.ignore => {}
        _ => done.extend(insert.source.as_ref().and_then(|query| copied(query, &table))),
    }
    done
}

fn updated(update: &Update) -> Vec<What> {
    let Some(table) = updated_table(update) else {
        return vec![super::unread("it updates several tables at once")];
    };
    let targets = update.assignments.iter().filter_map(target);
    let mut moved: Vec<(String, String)> = update.assignments.iter().filter_map(moved).collect();
    // Some rows only, and nobody knows which.
    if update.limit.is_some() || update.from.is_some() || !update.table.joins.is_empty() {
        moved.clear();
    }
    let condition = update.selection.as_ref().map(flat);
    vec![What::Updates { table, columns: targets.collect(), moved, condition }]
}

/// The one table whose columns are set; in a join that is the one, by its name or its alias, that they name.
fn updated_table(update: &Update) -> Option<String> {
    if update.table.joins.is_empty() {
        return only_table(&update.table);
    }
    let of = |assignment: &Assignment| match &assignment.target {
        AssignmentTarget::ColumnName(column) => Some(name(column).rsplit_once('.')?.0.to_owned()),
        AssignmentTarget::Tuple(_) => None,
    };
    let mut named = update.assignments.iter().map(of);
    let first = named.next()??;
    if !named.all(|other| other.as_ref() == Some(&first)) {
        return None;
    }
    let joined = update.table.joins.iter().map(|join| &join.relation);
    std::iter::once(&update.table.relation).chain(joined).find_map(|relation| match relation {
        TableFactor::Table { name: table, alias, .. } => {
            let is_it =
                name(table) == first || alias.as_ref().is_some_and(|alias| name(&alias.name) == first);
            is_it.then(|| name(table))
        }
        _ => None,
    })
}

fn target(assignment: &Assignment) -> Option<String> {
    match &assignment.target {
        AssignmentTarget::ColumnName(column) => Some(last(&name(column))),
        AssignmentTarget::Tuple(_) => None,
    }
}

fn moved(assignment: &Assignment) -> Option<(String, String)> {
    let source = match &assignment.value {
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) => last(&flat(&assignment.value)),
        _ => return None,
    };
    Some((target(assignment)?, source))
}

fn last(path: &str) -> String {
    path.rsplit('.').next().unwrap_or_default().to_owned()
}

fn deleted(delete: &Delete) -> Vec<What> {
    let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = &delete.from;
    let named: Vec<String> = delete.tables.iter().map(name).collect();
    let tables = if named.is_empty() { from.iter().filter_map(only_table).collect() } else { named };
    if tables.is_empty() {
        return vec![super::unread("it does not name the table that it empties")];
    }
    let condition = delete.selection.as_ref().map(flat);
    let one = |table| What::Deletes { table, condition: condition.clone() };
    tables.into_iter().map(one).collect()
}

fn only_table(from: &TableWithJoins) -> Option<String> {
    match &from.relation {
        TableFactor::Table { name: table, .. } if from.joins.is_empty() => Some(name(table)),
        _ => None,
    }
}

/// The rows that a query reads from one table as they are.
pub(super) fn copied(query: &Query, into: &str) -> Option<What> {
    let SetExpr::Select(select) = query.body.as_ref() else { return None };
    let is_grouped = !matches!(&select.group_by, GroupByExpr::Expressions(by, _) if by.is_empty());
    if query.with.is_some() || query.limit_clause.is_some() || is_grouped || select.distinct.is_some() {
        return None;
    }
    let [from] = select.from.as_slice() else { return None };
    let table = only_table(from)?;
    let is_star =
        |item: &SelectItem| matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(_, _));
    let column = |item: &SelectItem| match item {
        SelectItem::UnnamedExpr(value @ (Expr::Identifier(_) | Expr::CompoundIdentifier(_)))
        | SelectItem::ExprWithAlias {
            expr: value @ (Expr::Identifier(_) | Expr::CompoundIdentifier(_)),
            ..
        } => Some(last(&flat(value))),
        _ => None,
    };
    let all = select.projection.iter().any(is_star);
    let columns = (!all).then(|| select.projection.iter().filter_map(column).collect());
    let condition = select.selection.as_ref().map(flat);
    Some(What::Copies { rows: Rows { table, columns, condition }, into: into.to_owned() })
}

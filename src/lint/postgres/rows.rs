//! Statements that write rows, and what they say about where rows were kept.

use squawk_syntax::ast::{self, AstNode, SelectVariant, Stmt};
use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::Read;
use super::text::{flat, name, names, span};
use crate::lint::operation::{Rows, What};

/// The operations of a statement on rows.
pub(super) fn read(statement: &Stmt) -> Option<Vec<Read>> {
    if let Stmt::Truncate(truncate) = statement {
        return Some(truncated(truncate));
    }
    if let Stmt::Copy(copy) = statement {
        return Some(vec![(copy_rows(copy), span(copy))]);
    }
    let own = writes(statement.syntax());
    let inner = inner(statement.syntax());
    let writes = own.is_some() || !inner.is_empty();
    // What a WITH clause moves is kept before it goes.
    writes.then(|| moved(statement).into_iter().chain(inner).chain(own.into_iter().flatten()).collect())
}

/// The writing parts of the WITH clauses below a node.
pub(super) fn inner(node: &SyntaxNode) -> Vec<Read> {
    let tables = node.descendants().filter_map(ast::WithTable::cast);
    let queries = tables.filter_map(|table| table.query());
    queries.filter_map(|query| writes(query.syntax())).flatten().collect()
}

/// What an INSERT, UPDATE, DELETE or MERGE does itself.
fn writes(node: &SyntaxNode) -> Option<Vec<Read>> {
    if let Some(insert) = ast::Insert::cast(node.clone()) {
        return Some(inserted(&insert));
    }
    let what = if let Some(update) = ast::Update::cast(node.clone()) {
        updated(&update)?
    } else if let Some(delete) = ast::Delete::cast(node.clone()) {
        deleted(&delete)?
    } else {
        let merge = ast::Merge::cast(node.clone())?;
        What::Overwrites { table: name(&merge.table_relation_name()?.table_name_ref()?), how: "MERGE" }
    };
    let range = node.text_range();
    Some(vec![(what, range.start().into()..range.end().into())])
}

fn truncated(truncate: &ast::Truncate) -> Vec<Read> {
    let Some(list) = truncate.table_list() else { return Vec::new() };
    let cascade = matches!(truncate.drop_behavior(), Some(ast::DropBehavior::Cascade(_)));
    let restarts = matches!(truncate.identity_action(), Some(ast::IdentityAction::RestartIdentity(_)));
    let mut read = Vec::new();
    for table in list.table_relation_names().filter_map(|table| table.table_name_ref()) {
        let table = name(&table);
        if restarts {
            let sequence = format!("those of {table}");
            read.push((What::Restarts { sequence }, span(truncate)));
        }
        read.push((What::Truncates { table, cascade }, span(truncate)));
    }
    read
}

fn copy_rows(copy: &ast::Copy) -> What {
    let table = copy.copy_table().and_then(|table| table.table_name_ref()).map(|table| name(&table));
    if copy.syntax().descendants().any(|node| ast::CopyProgram::can_cast(node.kind())) {
        return What::Calls { whom: "a program of the server".to_owned() };
    }
    match (copy.copy_direction(), table) {
        (Some(ast::CopyDirection::CopyFrom(_)), Some(table)) => What::Inserts { table },
        (Some(ast::CopyDirection::CopyTo(_)), Some(table)) => {
            let columns = copy.copy_table().and_then(|table| table.column_ref_list());
            let file = copy.syntax().descendants().find(|node| node.kind() == SyntaxKind::LITERAL);
            match file {
                Some(file) => What::Copies {
                    rows: Rows {
                        table,
                        columns: columns.map(|list| names(std::iter::once(list))),
                        condition: None,
                    },
                    into: format!("the file {}", file.text()),
                },
                None => What::Nothing,
            }
        }
        _ => What::Nothing,
    }
}

fn inserted(insert: &ast::Insert) -> Vec<Read> {
    let Some(table) = insert.relation_name_ref() else { return Vec::new() };
    let table = name(&table);
    let mut read = vec![(What::Inserts { table: table.clone() }, span(insert))];
    let overwrites = insert.on_conflict_clause().and_then(|clause| clause.conflict_action());
    if matches!(overwrites, Some(ast::ConflictAction::ConflictDoUpdateSet(_))) {
        let how = "ON CONFLICT DO UPDATE";
        read.push((What::Overwrites { table, how }, span(insert)));
        return read;
    }
    if let Some(ast::InsertSource::SelectVariant(query)) = insert.insert_source() {
        read.extend(copied(&query, &table).map(|what| (what, span(insert))));
    }
    read
}

fn updated(update: &ast::Update) -> Option<What> {
    let table = name(&update.relation_name()?.relation_name_ref()?);
    let mut columns = Vec::new();
    let mut moved = Vec::new();
    for set in update.set_clause()?.set_column_list()?.set_columns() {
        match set {
            ast::SetColumn::SetSingleColumn(single) => {
                let target = name(&single.column_target()?);
                let source = single.set_expr().and_then(|value| bare_column(value.syntax()));
                moved.extend(source.map(|source| (target.clone(), source)));
                columns.push(target);
            }
            ast::SetColumn::SetMultipleColumns(several) => {
                columns.extend(names(several.column_target_list()?.column_targets()));
            }
        }
    }
    if update.from_clause().is_some() {
        moved.clear();
    }
    let condition = update.where_clause_or_current_of().map(|clause| condition(clause.syntax()));
    Some(What::Updates { table, columns, moved, condition })
}

fn deleted(delete: &ast::Delete) -> Option<What> {
    let table = name(&delete.relation_name()?.relation_name_ref()?);
    let condition = delete.where_clause_or_current_of().map(|clause| condition(clause.syntax()));
    Some(What::Deletes { table, condition })
}

/// A condition without its WHERE.
fn condition(clause: &SyntaxNode) -> String {
    let text = flat(clause);
    text.strip_prefix("where ").or(text.strip_prefix("where")).map(str::to_owned).unwrap_or(text)
}

/// A node that is nothing but a column's name.
fn bare_column(node: &SyntaxNode) -> Option<String> {
    let text = flat(node);
    let is_name = text.starts_with(|c: char| c.is_alphabetic() || c == '_' || c == '"')
        && text.chars().all(|c| c.is_alphanumeric() || "_.\"".contains(c));
    let is_value = ["null", "true", "false", "default", "current_timestamp", "current_date"];
    (is_name && !is_value.contains(&text.as_str())).then(|| last(&text))
}

fn last(path: &str) -> String {
    path.rsplit('.').next().unwrap_or_default().trim_matches('"').to_owned()
}

/// The rows that a query reads from one table as they are.
pub(super) fn copied(query: &SelectVariant, into: &str) -> Option<What> {
    let rows = match query {
        SelectVariant::Select(select) => {
            let grouped = select.group_by_clause().is_some() || select.tail_clauses().next().is_some();
            let from = select.from_clause()?;
            plain(select.select_clause()?, &from, select.where_clause(), grouped)?
        }
        SelectVariant::SelectInto(select) => {
            let grouped = select.group_by_clause().is_some() || select.tail_clauses().next().is_some();
            let from = select.from_clause()?;
            plain(select.select_clause()?, &from, select.where_clause(), grouped)?
        }
        SelectVariant::Table(table) => {
            Rows { table: name(&table.relation_name()?.relation_name_ref()?), columns: None, condition: None }
        }
        _ => return None,
    };
    Some(What::Copies { rows, into: into.to_owned() })
}

fn plain(
    select: ast::SelectClause,
    from: &ast::FromClause,
    only: Option<ast::WhereClause>,
    grouped: bool,
) -> Option<Rows> {
    let mut items = from.items();
    let (Some(ast::FromListItem::FromItem(ast::FromItem::RelationFromItem(item))), None) =
        (items.next(), items.next())
    else {
        return None;
    };
    if grouped || select.select_quantifier().is_some() || item.tablesample_clause().is_some() {
        return None;
    }
    let targets: Vec<String> =
        select.target_list()?.targets().map(|target| value(&target)).collect::<Vec<_>>();
    let is_star = targets.iter().any(|target| target == "*" || target.ends_with(".*"));
    let columns = targets.iter().filter(|target| !target.is_empty()).map(|target| last(target)).collect();
    Some(Rows {
        table: name(&item.relation_name_ref()?),
        columns: (!is_star).then_some(columns),
        condition: only.map(|clause| condition(clause.syntax())),
    })
}

/// A column or star that is read as it is; empty for anything computed.
fn value(target: &ast::Target) -> String {
    match target.expr() {
        Some(expr) => bare_column(expr.syntax()).unwrap_or_default(),
        None => flat(target.syntax()),
    }
}

/// `WITH gone AS (DELETE FROM t RETURNING *) INSERT INTO kept SELECT * FROM gone`: rows that are moved.
fn moved(statement: &Stmt) -> Option<Read> {
    let Stmt::Insert(insert) = statement else { return None };
    let Some(ast::InsertSource::SelectVariant(query)) = insert.insert_source() else { return None };
    let into = name(&insert.relation_name_ref()?);
    let What::Copies { rows, .. } = copied(&query, &into)? else { return None };
    if rows.columns.is_some() || rows.condition.is_some() {
        return None;
    }
    let mut tables = insert.with_clause()?.with_tables();
    let table = tables.find(|table| table.name().is_some_and(|cte| name(&cte) == rows.table))?;
    let Some(ast::WithQuery::Delete(delete)) = table.query() else { return None };
    if flat(delete.returning_clause()?.syntax()) != "returning*" {
        return None;
    }
    let What::Deletes { table, condition } = deleted(&delete)? else { return None };
    Some((What::Copies { rows: Rows { table, columns: None, condition }, into }, span(insert)))
}

//! CREATE statements, as far as somebody may drop or keep rows in what they make.

use squawk_syntax::SyntaxNode;
use squawk_syntax::ast::{self, AstNode, Persistence, Stmt, TableArg};

use super::Read;
use super::rows;
use super::text::{flat, name, span};
use crate::lint::operation::{Object, Thing, What};

/// The operations of a CREATE statement.
pub(super) fn read(statement: &Stmt) -> Option<Vec<Read>> {
    match statement {
        Stmt::CreateTableAs(create) => return Some(table_as(statement, create)),
        Stmt::SelectInto(select) => return Some(select_into(statement, select)),
        _ => {}
    }
    let what = thing(statement).map(|thing| made(statement.syntax(), thing));
    let what = what.or_else(|| is_harmless(statement).then_some(What::Nothing))?;
    Some(vec![(what, span(statement))])
}

fn thing(statement: &Stmt) -> Option<Thing> {
    let (object, name) = match statement {
        Stmt::CreateTable(create) => (Object::Table, name(&create.table_name()?)),
        Stmt::CreateForeignTable(create) => (Object::Table, name(&create.table_name()?)),
        Stmt::CreateView(create) => (Object::View, name(&create.view()?)),
        Stmt::CreateMaterializedView(create) => (Object::View, name(&create.view()?)),
        Stmt::CreateIndex(create) => (Object::Index, name(&create.index()?)),
        Stmt::CreateSequence(create) => (Object::Sequence, name(&create.sequence()?)),
        Stmt::CreateType(create) => (Object::Type, name(&create.type_name()?)),
        Stmt::CreateDomain(create) => (Object::Type, name(&create.domain()?)),
        Stmt::CreateSchema(create) => (Object::Schema, schema(create)?),
        Stmt::CreateFunction(create) => (Object::Code, name(&create.name()?)),
        Stmt::CreateProcedure(create) => (Object::Code, name(&create.name()?)),
        Stmt::CreateTrigger(create) => (Object::Code, name(&create.trigger()?)),
        Stmt::CreatePolicy(create) => (Object::Code, name(&create.policy()?)),
        Stmt::CreateRule(create) => (Object::Code, name(&create.rule()?)),
        Stmt::CreateExtension(create) => (Object::Extension, name(&create.extension()?)),
        Stmt::CreateRole(create) => (Object::Role, name(&create.role()?)),
        Stmt::CreateUser(create) => (Object::Role, name(&create.role()?)),
        _ => return None,
    };
    Some(Thing::new(object, name))
}

/// What comes without rows, and whose name nobody asks for later.
fn is_harmless(statement: &Stmt) -> bool {
    let unnamed_index = matches!(statement, Stmt::CreateIndex(_));
    unnamed_index
        || matches!(
            statement,
            Stmt::CreateAggregate(_)
                | Stmt::CreateCast(_)
                | Stmt::CreateCollation(_)
                | Stmt::CreateDatabase(_)
                | Stmt::CreateEventTrigger(_)
                | Stmt::CreateForeignDataWrapper(_)
                | Stmt::CreateGroup(_)
                | Stmt::CreateOperator(_)
                | Stmt::CreatePublication(_)
                | Stmt::CreateServer(_)
                | Stmt::CreateStatistics(_)
                | Stmt::CreateSubscription(_)
                | Stmt::CreateUserMapping(_)
                | Stmt::CreateSchema(_)
        )
}

fn schema(create: &ast::CreateSchema) -> Option<String> {
    match create.create_schema_target()? {
        ast::CreateSchemaTarget::NamedSchema(named) => named.schema().map(|schema| name(&schema)),
        ast::CreateSchemaTarget::AuthorizationSchema(_) => None,
    }
}

fn made(node: &SyntaxNode, thing: Thing) -> What {
    let has = |can_cast: fn(squawk_syntax::SyntaxKind) -> bool| node.children().any(|c| can_cast(c.kind()));
    What::Creates {
        columns: node.children().find_map(ast::TableArgList::cast).map(columns).unwrap_or_default(),
        if_not_exists: has(ast::IfNotExists::can_cast),
        // A view or a routine that is replaced has its text in the change that made it.
        replaces: false,
        temporary: has(ast::Temp::can_cast),
        thing,
    }
}

fn columns(list: ast::TableArgList) -> Vec<(String, String)> {
    let column = |argument| match argument {
        TableArg::Column(column) => Some((name(&column.name()?), flat(column.ty()?.syntax()))),
        TableArg::LikeClause(_) | TableArg::TableConstraint(_) => None,
    };
    list.args().filter_map(column).collect()
}

/// CREATE TABLE AS: a new table, and rows of others in it.
fn table_as(statement: &Stmt, create: &ast::CreateTableAs) -> Vec<Read> {
    let Some(table) = create.table_name() else { return Vec::new() };
    let table = name(&table);
    let mut read = vec![(made(create.syntax(), Thing::table(&table)), span(statement))];
    let temporary = matches!(create.persistence(), Some(Persistence::Temp(_)));
    let is_empty = create.data_option().is_some_and(|option| flat(option.syntax()) == "with no data");
    if let Some(ast::CreateTableAsQuery::SelectVariant(query)) = create.query() {
        read.extend(rows::inner(query.syntax()));
        if !temporary && !is_empty {
            read.extend(rows::copied(&query, &table).map(|what| (what, span(statement))));
        }
    }
    read
}

/// SELECT INTO, the older way to write it.
fn select_into(statement: &Stmt, select: &ast::SelectInto) -> Vec<Read> {
    let Some(into) = select.into_clause() else { return Vec::new() };
    let Some(table) = into.table_name() else { return Vec::new() };
    let table = name(&table);
    let temporary = matches!(into.persistence(), Some(Persistence::Temp(_)));
    let mut read = vec![(What::creates(Thing::table(&table)), span(statement))];
    let query = ast::SelectVariant::SelectInto(select.clone());
    if !temporary {
        read.extend(rows::copied(&query, &table).map(|what| (what, span(statement))));
    }
    read
}

//! CREATE statements, as far as somebody may drop or keep rows in what they make.

use squawk_syntax::SyntaxNode;
use squawk_syntax::ast::{self, AstNode, Persistence, Stmt, TableArg};

use super::Read;
use super::rows;
use super::text::{behind, flat, name, span, words};
use crate::lint::operation::{Object, Thing, Ties, What};

/// The operations of a CREATE statement.
pub(super) fn read(statement: &Stmt) -> Option<Vec<Read>> {
    match statement {
        Stmt::CreateTableAs(create) => return Some(table_as(statement, create)),
        Stmt::SelectInto(select) => return Some(select_into(statement, select)),
        _ => {}
    }
    let what = thing(statement).map(|thing| made(statement, thing));
    let what = what.or_else(|| is_harmless(statement).then_some(What::Nothing))?;
    Some(vec![(what, span(statement))])
}

fn thing(statement: &Stmt) -> Option<Thing> {
    let (object, name) = match statement {
        Stmt::CreateTable(create) => (Object::Table, name(&create.table_name()?)),
        Stmt::CreateForeignTable(create) => (Object::Table, name(&create.table_name()?)),
        Stmt::CreateView(create) => (Object::View, name(&create.view()?)),
        Stmt::CreateMaterializedView(create) => (Object::View, name(&create.view()?)),
        // A name that the server makes is empty.
        Stmt::CreateIndex(create) => {
            (Object::Index, create.index().map(|index| name(&index)).unwrap_or_default())
        }
        Stmt::CreateDatabase(create) => (Object::Database, name(&create.database()?)),
        Stmt::CreateSequence(create) => (Object::Sequence, name(&create.sequence()?)),
        Stmt::CreateType(create) => (Object::Type, name(&create.type_name()?)),
        Stmt::CreateDomain(create) => (Object::Type, name(&create.domain()?)),
        Stmt::CreateSchema(create) => (Object::Schema, schema(create)?),
        Stmt::CreateFunction(create) => (Object::Code, name(&create.name()?)),
        Stmt::CreateProcedure(create) => (Object::Code, name(&create.name()?)),
        Stmt::CreateTrigger(create) => return Some(of_table(statement, name(&create.trigger()?), "on")),
        Stmt::CreatePolicy(create) => return Some(of_table(statement, name(&create.policy()?), "on")),
        Stmt::CreateRule(create) => return Some(of_table(statement, name(&create.rule()?), "to")),
        Stmt::CreateExtension(create) => (Object::Extension, name(&create.extension()?)),
        Stmt::CreateRole(create) => (Object::Role, name(&create.role()?)),
        Stmt::CreateUser(create) => (Object::Role, name(&create.role()?)),
        Stmt::CreateAggregate(_)
        | Stmt::CreateCast(_)
        | Stmt::CreateCollation(_)
        | Stmt::CreateEventTrigger(_)
        | Stmt::CreateForeignDataWrapper(_)
        | Stmt::CreateOperator(_)
        | Stmt::CreatePublication(_)
        | Stmt::CreateServer(_)
        | Stmt::CreateStatistics(_)
        | Stmt::CreateSubscription(_) => {
            let text = flat(statement.syntax());
            let named = text.strip_prefix("create ").and_then(super::drop::unkinded)?;
            (Object::Other, named.to_owned())
        }
        _ => return None,
    };
    Some(Thing::new(object, name))
}

/// Code of a table: its name is taken once in each.
fn of_table(statement: &Stmt, name: String, before_table: &str) -> Thing {
    Thing { object: Object::Code, of: behind(statement.syntax(), before_table), name }
}

/// What something that is made belongs together with.
fn ties(statement: &Stmt, thing: &Thing) -> Ties {
    let node = statement.syntax();
    let mut goes_with = Vec::new();
    match statement {
        Stmt::CreateIndex(create) => {
            let table = create.table_relation_name().and_then(|relation| relation.table_name_ref());
            let table = table.map(|table| name(&table)).unwrap_or_default();
            let parts = [
                create.partition_item_list().map(|list| words(list.syntax())),
                create.where_clause().map(|clause| words(clause.syntax())),
            ];
            goes_with
                .extend(parts.into_iter().flatten().flatten().map(|word| vec![Thing::column(&table, word)]));
            goes_with.push(vec![Thing::table(&table)]);
        }
        Stmt::CreateTrigger(create) => {
            let function = create.call_expr().and_then(|call| call.expr()).map(|function| name(&function));
            goes_with.extend(function.map(|function| vec![Thing::new(Object::Code, function)]));
        }
        Stmt::CreateStatistics(_) => {
            goes_with.extend(behind(node, "from").map(|table| vec![Thing::table(table)]));
        }
        Stmt::CreateTable(create) => {
            let whole = create.partition_of().and_then(|of| of.table_name_ref());
            goes_with.extend(whole.map(|whole| vec![Thing::table(name(&whole))]));
        }
        Stmt::CreateSequence(_) => {
            let text = flat(node);
            let owner = text.split(" owned by ").nth(1).and_then(|owner| column(owner.split(' ').next()?));
            goes_with.extend(owner.map(|owner| vec![owner]));
        }
        _ => {}
    }
    let has_words = matches!(thing.object, Object::View | Object::Code);
    let redefines = flat(node).starts_with("create or replace ");
    Ties {
        goes_with,
        mentions: if has_words { words(node) } else { Vec::new() },
        redefines,
        brings: numbered(node, &thing.name),
        ..Ties::default()
    }
}

/// The sequences that number the columns of a new table.
fn numbered(node: &SyntaxNode, table: &str) -> Vec<Thing> {
    let Some(list) = node.children().find_map(ast::TableArgList::cast) else { return Vec::new() };
    let bare = table.rsplit('.').next().unwrap_or(table);
    let column = |argument| match argument {
        TableArg::Column(column) => {
            let text = flat(column.syntax());
            let is_numbered = text.contains("serial") || text.contains("as identity");
            let named = column.name().filter(|_| is_numbered)?;
            Some(Thing::new(Object::Sequence, format!("{bare}_{}_seq", name(&named))))
        }
        TableArg::LikeClause(_) | TableArg::TableConstraint(_) => None,
    };
    list.args().filter_map(column).collect()
}

/// The column that a path such as `public.orders.id` names.
pub(super) fn column(path: &str) -> Option<Thing> {
    let path = path.replace('"', "");
    let (table, column) = path.rsplit_once('.')?;
    Some(Thing::column(table.strip_prefix("public.").unwrap_or(table), column))
}

/// What comes without rows, and whose name nobody asks for later.
fn is_harmless(statement: &Stmt) -> bool {
    matches!(
        statement,
        Stmt::CreateAggregate(_)
            | Stmt::CreateCast(_)
            | Stmt::CreateCollation(_)
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

fn made(statement: &Stmt, thing: Thing) -> What {
    let node = statement.syntax();
    made_by(node, ties(statement, &thing), thing)
}

fn made_by(node: &SyntaxNode, ties: Ties, thing: Thing) -> What {
    let has = |can_cast: fn(squawk_syntax::SyntaxKind) -> bool| node.children().any(|c| can_cast(c.kind()));
    What::Creates {
        columns: node.children().find_map(ast::TableArgList::cast).map(columns).unwrap_or_default(),
        if_not_exists: has(ast::IfNotExists::can_cast),
        // A view or a routine that is replaced has its text in the change that made it.
        replaces: false,
        temporary: has(ast::Temp::can_cast),
        ties,
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
    let mut read = vec![(made_by(create.syntax(), Ties::default(), Thing::table(&table)), span(statement))];
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

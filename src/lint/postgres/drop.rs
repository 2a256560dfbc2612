//! DROP statements.

use squawk_syntax::SyntaxNode;
use squawk_syntax::ast::{self, AstNode, DropBehavior, Stmt};

use super::Read;
use super::text::{behind, flat, name, names, span};
use crate::lint::operation::{Object, Thing, What};

/// The operations of a DROP statement: one for each name.
pub(super) fn read(statement: &Stmt) -> Option<Vec<Read>> {
    let things = things(statement)?;
    let node = statement.syntax();
    let if_exists = node.children().any(|child| ast::IfExists::can_cast(child.kind()));
    let behavior = node.children().find_map(DropBehavior::cast);
    let cascade = matches!(behavior, Some(DropBehavior::Cascade(_)));
    let drop = |thing| (What::Drops { thing, if_exists, cascade }, span(statement));
    Some(things.into_iter().map(drop).collect())
}

fn things(statement: &Stmt) -> Option<Vec<Thing>> {
    let all = |object, names: Vec<String>| {
        Some(names.into_iter().map(|name| Thing::new(object, name)).collect::<Vec<_>>())
    };
    match statement {
        Stmt::DropTable(drop) => all(Object::Table, names(drop.table_name_refs())),
        Stmt::DropForeignTable(drop) => all(Object::Table, names(drop.table_name_refs())),
        Stmt::DropView(drop) => all(Object::View, names(drop.view_refs())),
        Stmt::DropMaterializedView(drop) => all(Object::View, names(drop.view_refs())),
        Stmt::DropIndex(drop) => all(Object::Index, names(drop.index_refs())),
        Stmt::DropSequence(drop) => all(Object::Sequence, names(drop.sequence_refs())),
        Stmt::DropType(drop) => all(Object::Type, names(drop.type_name_refs())),
        Stmt::DropDomain(drop) => all(Object::Type, names(drop.domain_refs())),
        Stmt::DropSchema(drop) => all(Object::Schema, names(drop.schema_refs())),
        Stmt::DropDatabase(drop) => all(Object::Database, names(drop.database_ref().into_iter())),
        Stmt::DropExtension(drop) => all(Object::Extension, names(drop.extension_refs())),
        Stmt::DropRole(drop) => all(Object::Role, names(drop.role_refs())),
        Stmt::DropUser(drop) => all(Object::Role, names(drop.role_refs())),
        Stmt::DropGroup(drop) => all(Object::Role, names(drop.role_refs())),
        Stmt::DropFunction(_) | Stmt::DropProcedure(_) | Stmt::DropRoutine(_) => {
            all(Object::Code, routines(statement))
        }
        Stmt::DropTrigger(drop) => of_table(name(&drop.trigger_ref()?), statement),
        Stmt::DropPolicy(drop) => of_table(name(&drop.policy_ref()?), statement),
        Stmt::DropRule(drop) => of_table(name(&drop.rule_ref()?), statement),
        Stmt::DropAggregate(_)
        | Stmt::DropCast(_)
        | Stmt::DropCollation(_)
        | Stmt::DropEventTrigger(_)
        | Stmt::DropOperator(_)
        | Stmt::DropPublication(_)
        | Stmt::DropServer(_)
        | Stmt::DropStatistics(_)
        | Stmt::DropSubscription(_) => all(Object::Other, last_names(statement)),
        _ => None,
    }
}

/// Code of a table: its name is taken once in each.
fn of_table(named: String, statement: &Stmt) -> Option<Vec<Thing>> {
    let table = behind(statement.syntax(), "on");
    Some(vec![Thing { object: Object::Code, of: table, name: named }])
}

/// Routines by their names without arguments.
fn routines(statement: &Stmt) -> Vec<String> {
    let is_signature = |node: &SyntaxNode| {
        ast::FunctionSig::can_cast(node.kind())
            || ast::ProcedureSig::can_cast(node.kind())
            || ast::RoutineSig::can_cast(node.kind())
    };
    let bare = |node: SyntaxNode| {
        let whole = flat(&node);
        let name = whole.split('(').next().unwrap_or_default();
        name.strip_prefix("public.").unwrap_or(name).to_owned()
    };
    statement.syntax().descendants().filter(is_signature).map(bare).collect()
}

/// What stands behind the kind of an object that has no rows.
fn last_names(statement: &Stmt) -> Vec<String> {
    let text = flat(statement.syntax());
    let text = text.strip_prefix("drop ").unwrap_or(&text);
    unkinded(text).unwrap_or(text).split(',').map(str::to_owned).collect()
}

/// The kinds of objects without rows, as they are written.
const KINDS: [&str; 13] = [
    "aggregate",
    "cast",
    "collation",
    "event trigger",
    "foreign data wrapper",
    "operator class",
    "operator family",
    "operator",
    "publication",
    "server",
    "statistics",
    "subscription",
    "user mapping",
];

/// What stands behind the kind of an object, and behind IF EXISTS.
pub(super) fn unkinded(text: &str) -> Option<&str> {
    let text = text.strip_prefix("or replace ").unwrap_or(text);
    let rest = KINDS.iter().find_map(|kind| text.strip_prefix(kind))?.trim_start();
    let rest = rest.strip_prefix("if exists ").or(rest.strip_prefix("if not exists ")).unwrap_or(rest);
    Some(rest.split(['(', ' ', ';']).next().unwrap_or(rest))
}

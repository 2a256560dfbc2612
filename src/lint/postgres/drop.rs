//! DROP statements.

use squawk_syntax::SyntaxNode;
use squawk_syntax::ast::{self, AstNode, DropBehavior, Stmt};

use super::Read;
use super::text::{flat, names, span};
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
        Stmt::DropTrigger(drop) => all(Object::Code, names(drop.trigger_ref().into_iter())),
        Stmt::DropPolicy(drop) => all(Object::Code, names(drop.policy_ref().into_iter())),
        Stmt::DropRule(drop) => all(Object::Code, names(drop.rule_ref().into_iter())),
        Stmt::DropAggregate(_)
        | Stmt::DropCast(_)
        | Stmt::DropCollation(_)
        | Stmt::DropEventTrigger(_)
        | Stmt::DropOperator(_)
        | Stmt::DropPublication(_)
        | Stmt::DropServer(_)
        | Stmt::DropStatistics(_)
        | Stmt::DropSubscription(_) => all(Object::Other, vec![last_name(statement)]),
        _ => None,
    }
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

/// The last part of a statement's text, where its kind has no rows and the name is only shown.
fn last_name(statement: &Stmt) -> String {
    let last = statement.syntax().children().filter(|child| !ast::IfExists::can_cast(child.kind())).last();
    last.map(|node| node.text().to_string()).unwrap_or_default()
}

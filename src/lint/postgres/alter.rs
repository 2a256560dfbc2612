//! ALTER statements.

use squawk_syntax::ast::{self, AlterColumnOption, AlterTableAction, AstNode, Constraint, Stmt};

use super::Read;
use super::text::{behind, flat, name, span, words};
use crate::lint::operation::{Object, Thing, Ties, What};

/// The operations of an ALTER statement: one for each action.
pub(super) fn read(statement: &Stmt) -> Option<Vec<Read>> {
    let whole = |what: What| Some(vec![(what, span(statement))]);
    match statement {
        Stmt::AlterTable(alter) => {
            let table = alter.table_relation_name().and_then(|relation| relation.table_name_ref());
            Some(of_table(&name(&table?), alter.actions()))
        }
        Stmt::AlterForeignTable(alter) => {
            let table = alter.table_relation_name().and_then(|relation| relation.table_name_ref());
            Some(of_table(&name(&table?), alter.actions()))
        }
        Stmt::AlterType(alter) => whole(of_type(alter)?),
        Stmt::AlterSequence(alter) => Some(of_sequence(alter)),
        Stmt::AlterView(alter) => {
            let view = name(&alter.view_ref()?);
            let what = match alter.action() {
                Some(ast::AlterViewAction::ViewRenameTo(to)) => {
                    What::Renames { thing: Thing::new(Object::View, view), to: name(&to.view()?) }
                }
                Some(ast::AlterViewAction::RenameColumn(rename)) => renamed_column(&view, &rename)?,
                _ => What::Nothing,
            };
            whole(what)
        }
        Stmt::AlterSchema(alter) => {
            let thing = Thing::new(Object::Schema, name(&alter.schema_ref()?));
            match alter.action() {
                Some(ast::AlterSchemaAction::SchemaRenameTo(to)) => {
                    whole(What::Renames { thing, to: name(&to.schema()?) })
                }
                _ => whole(What::Nothing),
            }
        }
        Stmt::AlterDomain(alter) => {
            let text = flat(alter.syntax());
            let drops = text.contains(" drop constraint ");
            let thing = Thing::of(Object::Constraint, name(&alter.domain_ref()?), last_word(&text));
            let what = What::Drops { thing, if_exists: text.contains(" if exists "), cascade: false };
            whole(if drops { what } else { What::Nothing })
        }
        Stmt::AlterMaterializedView(_) => whole(by_text(Object::View, &flat(statement.syntax()))),
        Stmt::AlterFunction(_) | Stmt::AlterProcedure(_) => {
            whole(by_text(Object::Code, &flat(statement.syntax())))
        }
        Stmt::AlterIndex(_) => whole(by_text(Object::Index, &flat(statement.syntax()))),
        Stmt::AlterPolicy(_)
        | Stmt::AlterPublication(_)
        | Stmt::AlterDefaultPrivileges(_)
        | Stmt::AlterStatistics(_)
        | Stmt::AlterTrigger(_) => whole(What::Nothing),
        _ => None,
    }
}

/// A change of something without rows, of which only a new name matters.
fn by_text(object: Object, text: &str) -> What {
    match text.split_once("rename to ") {
        Some((before, to)) => {
            let name = last_word(before.trim_end()).split('(').next().unwrap_or_default().to_owned();
            What::Renames { thing: Thing::new(object, name), to: to.to_owned() }
        }
        None => What::Nothing,
    }
}

fn last_word(text: &str) -> String {
    text.rsplit(' ').find(|word| !["cascade", "restrict"].contains(word)).unwrap_or_default().to_owned()
}

fn of_table(table: &str, actions: impl Iterator<Item = AlterTableAction>) -> Vec<Read> {
    let mut read = Vec::new();
    for action in actions {
        let at = span(&action);
        let done = done(table, &action).unwrap_or_else(|| {
            let why = "this part of ALTER TABLE is not known here".to_owned();
            vec![What::Unread { why }]
        });
        read.extend(done.into_iter().map(|what| (what, at.clone())));
    }
    read
}

fn done(table: &str, action: &AlterTableAction) -> Option<Vec<What>> {
    let partition = |part: &str| Thing::of(Object::Partition, table, part);
    let one = |what: What| Some(vec![what]);
    match action {
        AlterTableAction::AddColumn(add) => added(table, add),
        AlterTableAction::DropColumn(drop) => one(What::Drops {
            thing: Thing::column(table, name(&drop.column_name_ref()?)),
            if_exists: drop.if_exists().is_some(),
            cascade: matches!(drop.drop_behavior(), Some(ast::DropBehavior::Cascade(_))),
        }),
        AlterTableAction::AddConstraint(add) => one(constrained(table, &add.constraint()?)),
        AlterTableAction::DropConstraint(drop) => one(What::Drops {
            thing: Thing::of(Object::Constraint, table, name(&drop.constraint_name_ref()?)),
            if_exists: drop.if_exists().is_some(),
            cascade: matches!(drop.drop_behavior(), Some(ast::DropBehavior::Cascade(_))),
        }),
        AlterTableAction::AlterColumn(alter) => {
            let column = Thing::column(table, name(&alter.column_name_ref()?));
            one(of_column(column, &alter.option()?)?)
        }
        AlterTableAction::RenameColumn(rename) => one(renamed_column(table, rename)?),
        AlterTableAction::RenameConstraint(rename) => one(What::Renames {
            thing: Thing::of(Object::Constraint, table, name(&rename.constraint_name_ref()?)),
            to: name(&rename.constraint_name()?),
        }),
        AlterTableAction::TableRenameTo(to) => {
            one(What::Renames { thing: Thing::table(table), to: name(&to.table_name()?) })
        }
        AlterTableAction::SetSchema(set) => {
            let schema = last_word(&flat(set.syntax()));
            let bare = table.rsplit('.').next().unwrap_or(table);
            let to = if schema == "public" { bare.to_owned() } else { format!("{schema}.{bare}") };
            one(What::Renames { thing: Thing::table(table), to })
        }
        AlterTableAction::DetachPartition(detach) => {
            one(What::Detaches(partition(&name(&detach.table_name_ref()?))))
        }
        AlterTableAction::AttachPartition(attach) => {
            one(What::Attaches(partition(&name(&attach.table_name_ref()?))))
        }
        AlterTableAction::SetUnlogged(_) => one(What::Unlogs { table: table.to_owned() }),
        AlterTableAction::MergePartitions(_) | AlterTableAction::SplitPartition(_) => None,
        AlterTableAction::SetWithoutOids(_) => None,
        _ => one(What::Nothing),
    }
}

/// A constraint that is added; one by an index takes its place.
fn constrained(table: &str, constraint: &Constraint) -> What {
    if let Constraint::NotNullConstraint(_) = constraint
        && let Some(column) = behind(constraint.syntax(), "null")
    {
        return What::Requires(Thing::column(table, column));
    }
    let named = constraint.constraint_name().map(|named| name(&named)).unwrap_or_default();
    let index = match constraint {
        Constraint::UniqueConstraint(unique) => unique.using_index(),
        Constraint::PrimaryKeyConstraint(key) => key.using_index(),
        _ => None,
    };
    if let Some(index) = index.and_then(|index| behind(index.syntax(), "index")) {
        let to = if named.is_empty() { index.clone() } else { named };
        return What::Renames { thing: Thing::new(Object::Index, index), to };
    }
    let columns = words(constraint.syntax()).into_iter().map(|word| vec![Thing::column(table, word)]);
    let mentions = behind(constraint.syntax(), "references").into_iter().collect();
    let ties = Ties { goes_with: columns.collect(), mentions, ..Ties::default() };
    What::tied(Thing::of(Object::Constraint, table, named), ties)
}

/// What comes and goes with a column: its constraints, and the sequence that numbers it.
fn brought(table: &str, column: &str, add: &ast::AddColumn, numbered: bool) -> Vec<Thing> {
    let is_kept = |constraint: &Constraint| {
        matches!(
            constraint,
            Constraint::CheckConstraint(_)
                | Constraint::ForeignKeyConstraint(_)
                | Constraint::PrimaryKeyConstraint(_)
                | Constraint::ReferencesConstraint(_)
                | Constraint::UniqueConstraint(_)
        )
    };
    let named = |constraint: Constraint| {
        let named = constraint.constraint_name().map(|named| name(&named)).unwrap_or_default();
        Thing::of(Object::Constraint, table, named)
    };
    let bare = table.rsplit('.').next().unwrap_or(table);
    let sequence = numbered.then(|| Thing::new(Object::Sequence, format!("{bare}_{column}_seq")));
    add.constraints().filter(is_kept).map(named).chain(sequence).collect()
}

fn added(table: &str, add: &ast::AddColumn) -> Option<Vec<What>> {
    let column = name(&add.column_name()?);
    let thing = Thing::column(table, &column);
    let mut required = false;
    let mut filled = false;
    for constraint in add.constraints() {
        match constraint {
            Constraint::NotNullConstraint(_) | Constraint::PrimaryKeyConstraint(_) => required = true,
            Constraint::DefaultConstraint(_) | Constraint::GeneratedConstraint(_) => filled = true,
            _ => {}
        }
    }
    let of = add.ty().map(|ty| flat(ty.syntax())).unwrap_or_default();
    let numbered = of.contains("serial");
    let if_not_exists = add.if_not_exists().is_some();
    let ties = Ties { brings: brought(table, &column, add, numbered), ..Ties::default() };
    let columns = vec![(column, of)];
    let (replaces, temporary) = (false, false);
    let creates = What::Creates { thing: thing.clone(), columns, if_not_exists, replaces, temporary, ties };
    let lacks_value = required && !filled && !numbered;
    Some(lacks_value.then_some(What::NeedsValue(thing)).into_iter().chain([creates]).collect())
}

fn of_column(column: Thing, option: &AlterColumnOption) -> Option<What> {
    let sequence =
        |column: &Thing| format!("that of {}.{}", column.of.as_deref().unwrap_or("?"), column.name);
    Some(match option {
        AlterColumnOption::SetType(set) => What::Retypes {
            to: flat(set.ty()?.syntax()),
            using: set.using_expr().and_then(|using| using.expr()).map(|expr| flat(expr.syntax())),
            column,
            whole: false,
            strict: true,
        },
        AlterColumnOption::AddGenerated(_) => What::creates(Thing::new(Object::Sequence, sequence(&column))),
        AlterColumnOption::SetNotNull(_) => What::Requires(column),
        AlterColumnOption::DropNotNull(_) => What::Allows(column),
        AlterColumnOption::Restart(_) => What::Restarts { sequence: sequence(&column) },
        AlterColumnOption::DropIdentity(drop) => What::Drops {
            thing: Thing::new(Object::Sequence, sequence(&column)),
            if_exists: drop.if_exists().is_some(),
            cascade: false,
        },
        AlterColumnOption::DropExpression(_) | AlterColumnOption::SetExpression(_) => What::Updates {
            table: column.of?,
            columns: vec![column.name],
            moved: Vec::new(),
            condition: None,
        },
        _ => What::Nothing,
    })
}

fn renamed_column(table: &str, rename: &ast::RenameColumn) -> Option<What> {
    let thing = Thing::column(table, name(&rename.column_name_ref()?));
    Some(What::Renames { thing, to: name(&rename.column_name()?) })
}

fn of_type(alter: &ast::AlterType) -> Option<What> {
    let of = name(&alter.type_name_ref()?);
    let quoted = |literal: ast::Literal| literal.syntax().text().to_string().trim_matches('\'').to_owned();
    Some(match alter.action()? {
        ast::AlterTypeAction::AddValue(add) => {
            What::creates(Thing::of(Object::Label, of, quoted(add.literal()?)))
        }
        ast::AlterTypeAction::RenameValue(rename) => What::Renames {
            thing: Thing::of(Object::Label, of, quoted(rename.from()?)),
            to: quoted(rename.to()?),
        },
        ast::AlterTypeAction::TypeRenameTo(to) => {
            What::Renames { thing: Thing::new(Object::Type, of), to: name(&to.type_name()?) }
        }
        ast::AlterTypeAction::AlterTypeAttributeActionList(_) => {
            let why = "what it does to columns of this type is not read".to_owned();
            What::Unread { why }
        }
        _ => What::Nothing,
    })
}

fn of_sequence(alter: &ast::AlterSequence) -> Vec<Read> {
    let Some(sequence) = alter.sequence_ref() else { return Vec::new() };
    let sequence = name(&sequence);
    let mut read = Vec::new();
    for action in alter.actions() {
        let what = match &action {
            ast::AlterSequenceAction::SequenceOption(ast::SequenceOption::OptionOwnedBy(owned)) => {
                let text = flat(owned.syntax());
                let owner = text.strip_prefix("owned by ").and_then(super::make::column);
                owner.map_or(What::Nothing, |by| What::Owns { sequence: sequence.clone(), by })
            }
            ast::AlterSequenceAction::SequenceOption(ast::SequenceOption::OptionRestart(_)) => {
                What::Restarts { sequence: sequence.clone() }
            }
            ast::AlterSequenceAction::SequenceRenameTo(to) => What::Renames {
                thing: Thing::new(Object::Sequence, &sequence),
                to: to.sequence().map(|to| name(&to)).unwrap_or_default(),
            },
            _ => What::Nothing,
        };
        read.push((what, span(&action)));
    }
    read
}

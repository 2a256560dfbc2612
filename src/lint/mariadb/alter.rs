//! ALTER TABLE.

use sqlparser::ast::{
    AlterColumnOperation, AlterTable, AlterTableOperation, ColumnDef, ColumnOption, Ident, IndexColumn,
    RenameTableNameKind, TableConstraint,
};

use super::{name, type_of};
use crate::lint::operation::{Object, Thing, Ties, What};

/// The operations of an ALTER TABLE: one or more for each action.
pub(super) fn read(alter: &AlterTable) -> Vec<What> {
    let table = name(&alter.name);
    alter.operations.iter().flat_map(|operation| done(&table, operation)).collect()
}

fn done(table: &str, operation: &AlterTableOperation) -> Vec<What> {
    match operation {
        AlterTableOperation::AddColumn { column_def, if_not_exists, column_position, .. } => {
            added(table, column_def, *if_not_exists, column_position.is_some())
        }
        AlterTableOperation::DropColumn { column_names, if_exists, .. } => {
            column_names.iter().map(|column| drops(Object::Column, table, column, *if_exists)).collect()
        }
        AlterTableOperation::DropConstraint { name: constraint, if_exists, .. } => {
            vec![drops(Object::Constraint, table, constraint, *if_exists)]
        }
        AlterTableOperation::DropForeignKey { name: key, .. } => {
            vec![drops(Object::Constraint, table, key, false)]
        }
        AlterTableOperation::DropPrimaryKey { .. } => {
            vec![drops(Object::Constraint, table, &Ident::new("primary key"), false)]
        }
        AlterTableOperation::DropIndex { name: index } => vec![drops(Object::Index, table, index, false)],
        AlterTableOperation::ChangeColumn { old_name, new_name, data_type, options, .. } => {
            changed(table, old_name, new_name, &data_type.to_string().to_lowercase(), options)
        }
        AlterTableOperation::ModifyColumn { col_name, data_type, options, .. } => {
            changed(table, col_name, col_name, &data_type.to_string().to_lowercase(), options)
        }
        AlterTableOperation::RenameColumn { old_column_name, new_column_name } => vec![What::Renames {
            thing: Thing::column(table, name(old_column_name)),
            to: name(new_column_name),
        }],
        AlterTableOperation::RenameTable { table_name } => {
            let (RenameTableNameKind::As(to) | RenameTableNameKind::To(to)) = table_name;
            vec![What::Renames { thing: Thing::table(table), to: name(to) }]
        }
        AlterTableOperation::AlterColumn { column_name, op } => {
            vec![altered(Thing::column(table, name(column_name)), op)]
        }
        AlterTableOperation::AddConstraint { constraint, .. } => vec![constrained(table, constraint)],
        AlterTableOperation::AutoIncrement { .. } => {
            vec![What::Restarts { sequence: format!("that of {table}") }]
        }
        AlterTableOperation::Algorithm { .. }
        | AlterTableOperation::Lock { .. }
        | AlterTableOperation::AddPartitions { .. } => vec![What::Nothing],
        _ => vec![super::unread("this part of ALTER TABLE is not known here")],
    }
}

fn drops(object: Object, table: &str, dropped: &Ident, if_exists: bool) -> What {
    What::Drops { thing: Thing::of(object, table, name(dropped)), if_exists, cascade: false }
}

fn added(table: &str, column: &ColumnDef, if_not_exists: bool, is_placed: bool) -> Vec<What> {
    let thing = Thing::column(table, name(&column.name));
    let filled = column.options.iter().any(|option| {
        matches!(option.option, ColumnOption::Default(_) | ColumnOption::Generated { .. })
            || option.to_string().to_lowercase().contains("auto_increment")
    });
    let is_key = |option: &ColumnOption| {
        matches!(
            option,
            ColumnOption::Unique(_)
                | ColumnOption::PrimaryKey(_)
                | ColumnOption::ForeignKey(_)
                | ColumnOption::Check(_)
        )
    };
    let unnamed = || Thing::of(Object::Constraint, table, "");
    let brings = column.options.iter().filter(|option| is_key(&option.option)).map(|_| unnamed()).collect();
    let creates = What::Creates {
        thing: thing.clone(),
        columns: vec![(name(&column.name), type_of(column))],
        if_not_exists,
        replaces: false,
        temporary: false,
        ties: Ties { brings, is_placed, ..Ties::default() },
    };
    let required = column.options.iter().any(|option| option.option == ColumnOption::NotNull);
    let lacks_value = required && !filled;
    lacks_value.then_some(What::NeedsValue(thing)).into_iter().chain([creates]).collect()
}

/// CHANGE and MODIFY say the whole column anew.
fn changed(table: &str, old: &Ident, new: &Ident, to: &str, options: &[ColumnOption]) -> Vec<What> {
    let column = Thing::column(table, name(old));
    let mut done = vec![What::Retypes {
        column: column.clone(),
        to: to.to_owned(),
        using: None,
        whole: true,
        strict: false,
    }];
    if options.contains(&ColumnOption::NotNull) {
        done.push(What::Requires(column.clone()));
    }
    if name(old) != name(new) {
        done.push(What::Renames { thing: column, to: name(new) });
    }
    done
}

fn altered(column: Thing, operation: &AlterColumnOperation) -> What {
    match operation {
        AlterColumnOperation::SetNotNull => What::Requires(column),
        AlterColumnOperation::DropNotNull => What::Allows(column),
        AlterColumnOperation::SetDataType { data_type, .. } => {
            let to = data_type.to_string().to_lowercase();
            What::Retypes { column, to, using: None, whole: true, strict: false }
        }
        AlterColumnOperation::SetDefault { .. }
        | AlterColumnOperation::DropDefault
        | AlterColumnOperation::AddGenerated { .. } => What::Nothing,
    }
}

fn constrained(table: &str, constraint: &TableConstraint) -> What {
    let (object, named, columns) = match constraint {
        TableConstraint::Index(index) => (Object::Index, index.name.as_ref(), keyed(&index.columns)),
        TableConstraint::FulltextOrSpatial(index) => {
            (Object::Index, index.opt_index_name.as_ref(), keyed(&index.columns))
        }
        TableConstraint::Unique(unique) => {
            (Object::Index, unique.name.as_ref().or(unique.index_name.as_ref()), keyed(&unique.columns))
        }
        TableConstraint::PrimaryKey(key) => {
            let thing = Thing::of(Object::Constraint, table, "primary key");
            return What::tied(thing, goes_with_all(table, keyed(&key.columns)));
        }
        TableConstraint::ForeignKey(key) => {
            (Object::Constraint, key.name.as_ref(), key.columns.iter().map(name).collect())
        }
        TableConstraint::Check(check) => (Object::Constraint, check.name.as_ref(), Vec::new()),
        _ => (Object::Constraint, None, Vec::new()),
    };
    let thing = Thing::of(object, table, named.map(name).unwrap_or_default());
    What::tied(thing, goes_with_all(table, columns))
}

/// The columns of a key, by their names.
pub(super) fn keyed(columns: &[IndexColumn]) -> Vec<String> {
    columns.iter().map(|column| name(&column.column.expr)).collect()
}

/// An index loses the columns that go, and goes with the last of them.
pub(super) fn goes_with_all(table: &str, columns: Vec<String>) -> Ties {
    let all = columns.into_iter().map(|column| Thing::column(table, column)).collect();
    Ties { goes_with: vec![all, vec![Thing::table(table)]], ..Ties::default() }
}

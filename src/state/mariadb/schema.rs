//! What defines a database, object by object, as the server itself writes it.

use std::collections::BTreeMap;

use regex::Regex;

use super::connect::{Row, Server, literal, quoted};
use crate::state::model::{COLUMN_ORDER, Definition, ObjectKind, ObjectName};

type Objects = BTreeMap<ObjectName, Definition>;

/// Everything that defines a database.
pub(super) async fn read(server: &mut Server, database: &str) -> Result<Objects, String> {
    let mut objects = Objects::new();
    let schema = literal(database);
    let query = format!(
        "SELECT schema_name, default_character_set_name, default_collation_name \
         FROM information_schema.schemata WHERE schema_name = {schema}"
    );
    named(server, &query, &mut objects, ObjectKind::Database, &["charset", "collation"]).await?;
    tables(server, database, &mut objects).await?;
    let query = format!(
        "SELECT trigger_name, event_object_table, action_timing, event_manipulation, action_order, \
         action_statement, definer, sql_mode, character_set_client, collation_connection \
         FROM information_schema.triggers WHERE trigger_schema = {schema}"
    );
    let attributes =
        ["table", "timing", "event", "order", "statement", "definer", "sql_mode", "charset", "collation"];
    named(server, &query, &mut objects, ObjectKind::Trigger, &attributes).await?;
    let query = format!(
        "SELECT event_name, definer, time_zone, event_definition, event_type, execute_at, interval_value, \
         interval_field, starts, ends, status, on_completion, sql_mode, event_comment \
         FROM information_schema.events WHERE event_schema = {schema}"
    );
    let attributes = [
        "definer",
        "time_zone",
        "statement",
        "type",
        "at",
        "every",
        "unit",
        "starts",
        "ends",
        "status",
        "on_completion",
        "sql_mode",
        "comment",
    ];
    named(server, &query, &mut objects, ObjectKind::Event, &attributes).await?;
    routines(server, database, &mut objects).await?;
    Ok(objects)
}

/// Objects of one kind: a name, then its attributes.
async fn named(
    server: &mut Server,
    query: &str,
    objects: &mut Objects,
    kind: ObjectKind,
    attributes: &[&str],
) -> Result<(), String> {
    for row in server.rows(query).await? {
        let mut row = row.into_iter();
        let name = row.next().flatten().unwrap_or_default();
        let defined = attributes.iter().zip(row);
        let defined = defined.filter_map(|(attribute, value)| Some(((*attribute).to_owned(), value?)));
        objects.insert(ObjectName { kind, name }, defined.collect());
    }
    Ok(())
}

/// Tables with their columns, indexes and constraints; views; sequences.
async fn tables(server: &mut Server, database: &str, objects: &mut Objects) -> Result<(), String> {
    let query = format!(
        "SELECT table_name, table_type FROM information_schema.tables WHERE table_schema = {}",
        literal(database)
    );
    for row in server.rows(&query).await? {
        let [Some(name), Some(kind)] = &row[..] else { continue };
        let shown = format!("{database}.{name}");
        let sql = format!("SHOW CREATE TABLE {}.{}", quoted(database), quoted(name));
        let Some(created) = created(&server.rows(&sql).await?, 1) else {
            return Err(format!("{shown}: its definition may not be seen"));
        };
        match kind.as_str() {
            "VIEW" => add(objects, ObjectKind::View, shown, created),
            "SEQUENCE" => add(objects, ObjectKind::Sequence, shown, created),
            _ => table(&shown, &created, objects),
        }
    }
    Ok(())
}

async fn routines(server: &mut Server, database: &str, objects: &mut Objects) -> Result<(), String> {
    let query = format!(
        "SELECT routine_name, routine_type FROM information_schema.routines WHERE routine_schema = {}",
        literal(database)
    );
    for row in server.rows(&query).await? {
        let [Some(name), Some(kind)] = &row[..] else { continue };
        let sql = format!("SHOW CREATE {kind} {}.{}", quoted(database), quoted(name));
        let rows = server.rows(&sql).await?;
        let Some(created) = created(&rows, 2) else {
            return Err(format!("{} {database}.{name}: its body may not be seen", kind.to_lowercase()));
        };
        let (kind, name) = match kind.as_str() {
            "PROCEDURE" => (ObjectKind::Procedure, format!("{database}.{name}")),
            "FUNCTION" => (ObjectKind::Function, format!("{database}.{name}")),
            other => (ObjectKind::Function, format!("{} {database}.{name}", other.to_lowercase())),
        };
        let mode = created_mode(&rows);
        add(objects, kind, name, format!("{created} /* sql_mode {mode} */"));
    }
    Ok(())
}

/// A column of the answer to SHOW CREATE.
fn created(rows: &[Row], at: usize) -> Option<String> {
    rows.first()?.get(at)?.clone()
}

fn created_mode(rows: &[Row]) -> String {
    created(rows, 1).unwrap_or_default()
}

fn add(objects: &mut Objects, kind: ObjectKind, name: String, definition: String) {
    let definition = BTreeMap::from([("definition".to_owned(), definition)]);
    objects.insert(ObjectName { kind, name }, definition.into());
}

/// A table as SHOW CREATE TABLE writes it: a line for each column, index and constraint, then its options.
/// The order of its columns is an attribute of the table; how far its numbers have got does not enter.
fn table(shown: &str, created: &str, objects: &mut Objects) {
    let mut lines = created.lines().skip(1);
    let (mut options, mut order) = (Vec::new(), Vec::new());
    for line in lines.by_ref() {
        if line.starts_with(')') {
            options.push(without_position(line.trim_start_matches(')')));
            break;
        }
        let line = line.trim().trim_end_matches(',');
        let (kind, name) = part(line);
        let name = if name.is_empty() { line.to_owned() } else { name };
        if kind == ObjectKind::Column {
            order.push(name.clone());
        }
        add(objects, kind, format!("{shown}.{name}"), line.to_owned());
    }
    options.extend(lines.map(str::to_owned));
    let attributes = [
        ("definition".to_owned(), options.join(" ").trim().to_owned()),
        (COLUMN_ORDER.to_owned(), order.join(", ")),
    ];
    let name = ObjectName { kind: ObjectKind::Table, name: shown.to_owned() };
    objects.insert(name, attributes.into_iter().collect());
}

fn without_position(options: &str) -> String {
    match Regex::new(" AUTO_INCREMENT=[0-9]+") {
        Ok(position) => position.replace(options, "").into_owned(),
        Err(_) => options.to_owned(),
    }
}

/// What a line of a table defines.
fn part(line: &str) -> (ObjectKind, String) {
    let name = |text: &str| {
        let inside = text.split_once('`').map(|(_, rest)| rest.replace("``", "\u{1}"));
        let inside = inside.unwrap_or_default();
        inside.split('`').next().unwrap_or_default().replace('\u{1}', "`")
    };
    match line.split(' ').next().unwrap_or_default() {
        word if word.starts_with('`') => (ObjectKind::Column, name(line)),
        "PRIMARY" => (ObjectKind::Index, "PRIMARY".to_owned()),
        "CONSTRAINT" => (ObjectKind::Constraint, name(line)),
        "KEY" | "UNIQUE" | "FULLTEXT" | "SPATIAL" => (ObjectKind::Index, name(line)),
        _ => (ObjectKind::Constraint, String::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_its_columns_indexes_constraints_and_options() {
        let created = "CREATE TABLE `t` (\n  `id` int(11) NOT NULL AUTO_INCREMENT,\n  `a``b` varchar(9) DEFAULT NULL,\n  \
             PRIMARY KEY (`id`),\n  UNIQUE KEY `one` (`a``b`),\n  CONSTRAINT `c` CHECK (`id` > 0)\n\
             ) ENGINE=InnoDB AUTO_INCREMENT=7 DEFAULT CHARSET=utf8mb4\n PARTITION BY HASH (`id`)\nPARTITIONS 2";
        let mut objects = Objects::new();
        table("shop.t", created, &mut objects);
        let shown: Vec<String> = objects.iter().map(|(name, it)| format!("{name}: {it}")).collect();
        assert_eq!(
            shown,
            [
                "table shop.t: column order id, a`b, definition ENGINE=InnoDB DEFAULT CHARSET=utf8mb4  PARTITION BY HASH (`id`) PARTITIONS 2",
                "column shop.t.a`b: definition `a``b` varchar(9) DEFAULT NULL",
                "column shop.t.id: definition `id` int(11) NOT NULL AUTO_INCREMENT",
                "constraint shop.t.c: definition CONSTRAINT `c` CHECK (`id` > 0)",
                "index shop.t.PRIMARY: definition PRIMARY KEY (`id`)",
                "index shop.t.one: definition UNIQUE KEY `one` (`a``b`)",
            ]
        );
    }
}

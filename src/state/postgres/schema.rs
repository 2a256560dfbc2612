//! What a database's schema is, object by object, by name.
//!
//! One SQL file for each family of objects; each row is a kind, a name and the attributes that define the
//! object. Objects that belong to an extension are left out: the extension counts, with its version.

use std::collections::BTreeMap;

use serde_json::Value;
use tokio_postgres::Client;

use super::error::StoreError;
use crate::state::model::{Definition, ObjectKind, ObjectName};

/// One query for a family of objects, and when it is worth asking.
struct Family {
    name: &'static str,
    sql: &'static str,
    since: i32,
    before: i32,
    /// The catalogs that hold such objects; empty if they are always asked for. Planning a query for
    /// nothing takes longer than all that it would find.
    catalogs: &'static [&'static str],
}

impl Family {
    const fn new(name: &'static str, sql: &'static str, catalogs: &'static [&'static str]) -> Self {
        Self { name, sql, since: 0, before: i32::MAX, catalogs }
    }

    fn is_understood_by(&self, version: i32) -> bool {
        (self.since..self.before).contains(&version)
    }

    /// An SQL condition that is false only when the query would find nothing: what the server was born
    /// with has identifiers below 16384.
    fn may_find_something(&self) -> String {
        if self.catalogs.is_empty() {
            return "true".to_owned();
        }
        let some = self.catalogs.iter().map(|catalog| match *catalog {
            // Labels have no identifiers, and those of subscriptions are hidden from most roles.
            "pg_seclabel" | "pg_shseclabel" | "pg_subscription" => format!("EXISTS (SELECT FROM {catalog})"),
            _ => format!("EXISTS (SELECT FROM {catalog} WHERE oid >= 16384)"),
        });
        some.collect::<Vec<_>>().join(" OR ")
    }
}

const PUBLICATIONS: &[&str] = &["pg_publication"];

const FAMILIES: &[Family] = &[
    Family::new("the database", include_str!("schema/database.sql"), &[]),
    Family::new("extensions", include_str!("schema/extensions.sql"), &[]),
    Family::new("schemas", include_str!("schema/schemas.sql"), &[]),
    Family::new("relations", include_str!("schema/relations.sql"), &[]),
    Family::new("columns", include_str!("schema/columns.sql"), &[]),
    Family::new("constraints", include_str!("schema/constraints.sql"), &[]),
    Family::new("indexes", include_str!("schema/indexes.sql"), &[]),
    Family::new("sequences", SEQUENCES, &["pg_class"]),
    Family::new("triggers", include_str!("schema/triggers.sql"), &["pg_trigger"]),
    Family::new("rules", include_str!("schema/rules.sql"), &["pg_rewrite"]),
    Family::new("policies", include_str!("schema/policies.sql"), &["pg_policy"]),
    Family::new("functions", include_str!("schema/functions.sql"), &["pg_proc"]),
    Family::new("aggregates", include_str!("schema/aggregates.sql"), &["pg_proc"]),
    Family::new("types", include_str!("schema/types.sql"), &["pg_type"]),
    Family::new(
        "operators",
        include_str!("schema/operators.sql"),
        &["pg_cast", "pg_operator", "pg_opclass", "pg_opfamily"],
    ),
    Family::new(
        "text objects",
        include_str!("schema/texts.sql"),
        &["pg_collation", "pg_conversion", "pg_ts_config", "pg_ts_dict"],
    ),
    Family::new("statistics objects", include_str!("schema/statistics.sql"), &["pg_statistic_ext"]),
    Family::new(
        "languages",
        include_str!("schema/languages.sql"),
        &["pg_language", "pg_am", "pg_event_trigger"],
    ),
    Family::new(
        "foreign objects",
        include_str!("schema/foreign.sql"),
        &["pg_foreign_data_wrapper", "pg_foreign_server"],
    ),
    Family {
        since: 15_00_00,
        ..Family::new("publications", include_str!("schema/publications.sql"), PUBLICATIONS)
    },
    Family {
        before: 15_00_00,
        ..Family::new("publications", include_str!("schema/publications_before_15.sql"), PUBLICATIONS)
    },
    Family::new("subscriptions", include_str!("schema/subscriptions.sql"), &["pg_subscription"]),
    Family::new("default privileges", include_str!("schema/default_privileges.sql"), &["pg_default_acl"]),
    Family::new(
        "security labels",
        include_str!("schema/security_labels.sql"),
        &["pg_seclabel", "pg_shseclabel"],
    ),
];

/// What defines sequences; their positions are read elsewhere.
pub(super) const SEQUENCES: &str = include_str!("schema/sequences.sql");

/// Reads the whole schema.
pub(super) async fn read(
    client: &Client,
    version: i32,
) -> Result<BTreeMap<ObjectName, Definition>, StoreError> {
    let mut objects = BTreeMap::new();
    for family in worth_asking(client, version).await? {
        for (object, definition) in read_family(client, family.name, family.sql).await? {
            add(&mut objects, object, definition);
        }
    }
    // Put together anew: what grows one by one is half empty inside.
    Ok(objects.into_iter().collect())
}

async fn worth_asking(client: &Client, version: i32) -> Result<Vec<&'static Family>, StoreError> {
    let understood: Vec<&Family> =
        FAMILIES.iter().filter(|family| family.is_understood_by(version)).collect();
    let conditions: Vec<String> = understood.iter().map(|family| family.may_find_something()).collect();
    let row = client.query_one(&format!("SELECT {}", conditions.join(", ")), &[]).await;
    let row = row.map_err(|error| StoreError::query("looking which kinds of objects there are", &error))?;
    Ok(understood.into_iter().enumerate().filter(|(at, _)| row.get(*at)).map(|(_, family)| family).collect())
}

/// Reads the objects that one query lists.
pub(super) async fn read_family(
    client: &Client,
    name: &str,
    sql: &str,
) -> Result<Vec<(ObjectName, Definition)>, StoreError> {
    let doing = format!("reading the {name} of the schema");
    let query = format!(
        "SELECT kind::text, name::text, jsonb_strip_nulls(attributes)::text FROM (\n{sql}) AS o (kind, name, attributes)"
    );
    let rows = client.query(&query, &[]).await.map_err(|error| StoreError::query(&doing, &error))?;
    let mut objects = Vec::new();
    let mut known: BTreeMap<String, Definition> = BTreeMap::new();
    for row in rows {
        let text =
            |at: usize| row.try_get::<_, String>(at).map_err(|error| StoreError::query(&doing, &error));
        let kind = text(0)?;
        let kind = ObjectKind::parse(&kind)
            .ok_or_else(|| StoreError::Unsuitable(format!("{doing}: unknown kind `{kind}`")))?;
        let json = text(2)?;
        let definition = match known.get(&json) {
            Some(definition) => definition.clone(),
            None => known.entry(json.clone()).or_insert(definition(&json)?).clone(),
        };
        objects.push((ObjectName { kind, name: text(1)? }, definition));
    }
    Ok(objects)
}

fn definition(json: &str) -> Result<Definition, StoreError> {
    let attributes: BTreeMap<String, Value> = serde_json::from_str(json)
        .map_err(|error| StoreError::Unsuitable(format!("unreadable attributes {json}: {error}")))?;
    Ok(attributes.into_iter().map(|(name, value)| (name, in_words(&value))).collect())
}

fn in_words(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Bool(yes) => if *yes { "yes" } else { "no" }.to_owned(),
        Value::Array(values) => values.iter().map(in_words).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// Two objects of one kind and name would hide each other; the second gets a number.
fn add(objects: &mut BTreeMap<ObjectName, Definition>, mut object: ObjectName, definition: Definition) {
    let name = object.name.clone();
    let mut number = 1;
    while objects.contains_key(&object) {
        number += 1;
        object.name = format!("{name} #{number}");
    }
    objects.insert(object, definition);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_become_words() {
        let read = definition(r#"{"a":"x, y","b":true,"c":["p","q"],"d":7}"#).unwrap();
        assert_eq!(read.to_string(), "a x, y, b yes, c p, q, d 7");
    }

    #[test]
    fn every_version_has_one_query_for_publications() {
        for version in [13_00_00, 14_05_00, 15_00_00, 17_02_00] {
            let publications = FAMILIES.iter().filter(|family| family.name == "publications");
            assert_eq!(publications.filter(|family| family.is_understood_by(version)).count(), 1);
        }
    }

    #[test]
    fn objects_of_one_name_are_all_kept() {
        let mut objects = BTreeMap::new();
        for _ in 0..3 {
            let object = ObjectName { kind: ObjectKind::Cast, name: "x".to_owned() };
            add(&mut objects, object, Definition::default());
        }
        let names: Vec<&str> = objects.keys().map(|object| object.name.as_str()).collect();
        assert_eq!(names, ["x", "x #2", "x #3"]);
    }
}

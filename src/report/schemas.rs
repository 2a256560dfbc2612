//! The JSON Schemas of the file formats, draft 2020-12, made from the types that read or write them.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

use super::json::Scorecard;
use crate::scenario::{DrillFile, ScenarioFile};

/// Of `scenario.yaml`.
pub fn scenario() -> Value {
    let about = "What a drill rehearses: a staging system, a change, a failure in the middle of it, the \
                 rollback, and what must hold afterwards.";
    read::<ScenarioFile>("scenario", "A scenario of Backout", about)
}

/// Of a drill file.
pub fn drill() -> Value {
    let about = "Which scenarios run, and what they must reach.";
    read::<DrillFile>("drill", "A drill of Backout", about)
}

/// Of `scorecard.json`.
pub fn scorecard() -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let schema = settings.into_generator().into_root_schema_for::<Scorecard>().to_value();
    named(schema, "scorecard", "A scorecard of Backout", "What a drill has shown, with its evidence.")
}

fn read<T: JsonSchema>(name: &str, title: &str, about: &str) -> Value {
    let schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>().to_value();
    named(schema, name, title, about)
}

/// Puts the schema under its own name, with what it is for in front.
fn named(schema: Value, name: &str, title: &str, about: &str) -> Value {
    let Value::Object(mut rest) = schema else { return schema };
    let mut named = Map::new();
    if let Some(dialect) = rest.remove("$schema") {
        named.insert("$schema".to_owned(), dialect);
    }
    named.insert("$id".to_owned(), format!("urn:backout:{name}:1").into());
    named.insert("title".to_owned(), title.into());
    named.insert("description".to_owned(), about.into());
    rest.remove("title");
    rest.remove("description");
    named.extend(rest);
    Value::Object(named)
}

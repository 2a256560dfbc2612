//! JSON Schemas of the file formats.

use serde_json::Value;

/// Of `scenario.yaml`.
pub fn scenario() -> Value {
    schemars::schema_for!(crate::scenario::ScenarioFile).to_value()
}

/// Of a drill file.
pub fn drill() -> Value {
    schemars::schema_for!(crate::scenario::DrillFile).to_value()
}

/// Of `scorecard.json`.
pub fn scorecard() -> Value {
    Value::Null
}

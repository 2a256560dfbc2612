//! `service` and `store` were both called `on` before, which is *true* to readers of YAML 1.1. It is still read.

use schemars::Schema;
use serde_json::{Value, json};

/// Lets a schema take `on` in the place of the key that was called so.
pub(super) fn or_on(schema: &mut Schema) {
    let Some(object) = schema.as_object_mut() else { return };
    let Some(properties) = object.get_mut("properties").and_then(Value::as_object_mut) else { return };
    let Some(key) = ["service", "store"].into_iter().find(|key| properties.contains_key(*key)) else {
        return;
    };
    let mut on = properties[key].clone();
    if let Some(on) = on.as_object_mut() {
        on.insert("description".to_owned(), json!(format!("What `{key}` was called before.")));
        on.insert("deprecated".to_owned(), json!(true));
    }
    properties.insert("on".to_owned(), on);
    let Some(required) = object.get_mut("required").and_then(Value::as_array_mut) else { return };
    let before = required.len();
    required.retain(|name| name != key);
    if required.len() == before {
        return;
    }
    let either = json!({ "oneOf": [{ "required": [key] }, { "required": ["on"] }] });
    if let Some(all) = object.entry("allOf").or_insert_with(|| json!([])).as_array_mut() {
        all.push(either);
    }
}

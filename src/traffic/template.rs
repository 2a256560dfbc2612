//! Requests from their templates: the same number always makes the same request.

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::plan::model::HttpCall;
use crate::plan::traffic::Request;

/// What fills the gaps of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Values {
    pub(super) key: String,
    pub(super) uuid: String,
    pub(super) n: u64,
    pub(super) word: String,
    /// A number from 0 up to 100 that is drawn with the others.
    pub(super) chance: u64,
    /// Any number.
    pub(super) dice: u64,
}

impl Values {
    /// Of request `n` of a load with this seed, about something new whose key has this template.
    pub(super) fn new(seed: &str, n: u64, key: &str) -> Self {
        let digest = Sha256::digest(format!("{seed} {n}"));
        let number = |from: usize| u64::from_be_bytes(std::array::from_fn(|at| digest[from + at]));
        let word = digest[16..24].iter().map(|byte| char::from(b'a' + byte % 26)).collect();
        let mut values = Self {
            key: String::new(),
            uuid: uuid(&digest),
            n,
            word,
            chance: number(16) % 100,
            dice: number(24),
        };
        values.key = fill(key, &values);
        values
    }

    /// The same about what has this key.
    pub(super) fn about(self, key: &str) -> Self {
        Self { key: key.to_owned(), ..self }
    }
}

/// The form of RFC 9562, version 8: bytes of our own making.
fn uuid(bytes: &[u8]) -> String {
    let mut hex: Vec<char> =
        bytes[..16].iter().flat_map(|byte| format!("{byte:02x}").chars().collect::<Vec<_>>()).collect();
    hex[12] = '8';
    hex[16] = ['8', '9', 'a', 'b'][usize::from(bytes[8] & 3)];
    let part = |range: std::ops::Range<usize>| hex[range].iter().collect::<String>();
    [part(0..8), part(8..12), part(12..16), part(16..20), part(20..32)].join("-")
}

/// A text with its gaps filled.
pub(super) fn fill(text: &str, values: &Values) -> String {
    text.replace("{{key}}", &values.key)
        .replace("{{uuid}}", &values.uuid)
        .replace("{{n}}", &values.n.to_string())
        .replace("{{word}}", &values.word)
}

/// JSON with the gaps of its strings filled.
pub(super) fn fill_json(json: &Value, values: &Values) -> Value {
    match json {
        Value::String(text) => Value::String(fill(text, values)),
        Value::Array(items) => Value::Array(items.iter().map(|item| fill_json(item, values)).collect()),
        Value::Object(fields) => {
            fields.iter().map(|(name, field)| (fill(name, values), fill_json(field, values))).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => json.clone(),
    }
}

/// A request with its gaps filled.
pub(super) fn fill_request(request: &Request, values: &Values) -> Request {
    match request {
        Request::Http(call) => Request::Http(HttpCall {
            path: fill(&call.path, values),
            headers: call.headers.iter().map(|(name, text)| (name.clone(), fill(text, values))).collect(),
            body: call.body.as_ref().map(|body| fill(body, values)),
            ..call.clone()
        }),
        Request::Sql { database, text } => {
            Request::Sql { database: database.clone(), text: fill(text, values) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_always_makes_the_same_request_and_another_makes_another() {
        let values = Values::new("run 1 orders", 7, "o-{{uuid}}");
        assert_eq!(values, Values::new("run 1 orders", 7, "o-{{uuid}}"));
        assert_ne!(values.uuid, Values::new("run 1 orders", 8, "").uuid);
        assert_ne!(values.uuid, Values::new("run 2 orders", 7, "").uuid);
        assert_eq!(values.key, format!("o-{}", values.uuid));
        assert_eq!((values.uuid.len(), &values.uuid[14..15]), (36, "8"));
    }

    #[test]
    fn gaps_are_filled_wherever_they_stand() {
        let values = Values::new("s", 3, "k{{n}}").about("mine");
        let json = serde_json::json!({ "id": "{{key}}", "list": ["{{n}}", 1, null], "w": "x{{word}}" });
        let filled =
            serde_json::json!({ "id": "mine", "list": ["3", 1, null], "w": format!("x{}", values.word) });
        assert_eq!(fill_json(&json, &values), filled);
    }
}

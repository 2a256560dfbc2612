//! What a key holds, as text that is the same for the same content, however the server encodes it.

use redis::Value;
use sha2::{Digest, Sha256};

use crate::state::bytes::{hex, text};

/// What a stream says of itself that is not content: how it is stored.
const STORAGE: [&str; 2] = ["radix-tree-keys", "radix-tree-nodes"];
/// Times at which somebody asked, which no rollback can put back.
const TIMES: [&str; 2] = ["seen-time", "active-time"];

/// When a key expires, in UTC; none if never.
pub(super) fn moment(expires: &Value) -> Result<Option<String>, String> {
    let Value::Int(ms) = expires else { return Err(format!("no time of expiry: {expires:?}")) };
    if *ms < 0 {
        return Ok(None);
    }
    let moment = jiff::Timestamp::from_millisecond(*ms).map_err(|error| error.to_string())?;
    Ok(Some(moment.to_string()))
}

/// The content of a key of this type.
pub(super) fn canonical(kind: &str, value: Value) -> Result<String, String> {
    match (kind, value) {
        ("string", value) => scalar(&value),
        ("list", Value::Array(items)) => {
            Ok(listed(&items.iter().map(quoted).collect::<Result<Vec<_>, _>>()?))
        }
        ("set", Value::Array(items) | Value::Set(items)) => {
            let mut items = items.iter().map(quoted).collect::<Result<Vec<_>, _>>()?;
            items.sort();
            Ok(listed(&items))
        }
        ("hash", value) => pairs(value),
        ("zset", value) => pairs(value),
        ("stream", value) => stream(value),
        // The form in which it is saved, which is all there is to see.
        (_, Value::BulkString(dump)) => Ok(format!("#{}", hex(&Sha256::digest(dump)))),
        (kind, other) => Err(format!("a {kind} was expected, and this came: {other:?}")),
    }
}

fn scalar(value: &Value) -> Result<String, String> {
    match value {
        Value::BulkString(bytes) => Ok(text(bytes)),
        Value::SimpleString(simple) => Ok(text(simple.as_bytes())),
        Value::Int(number) => Ok(number.to_string()),
        Value::Double(number) => Ok(number.to_string()),
        Value::Nil => Ok("none".to_owned()),
        other => Err(format!("a text was expected, and this came: {other:?}")),
    }
}

fn quoted(value: &Value) -> Result<String, String> {
    let text = scalar(value)?;
    serde_json::to_string(&text).map_err(|error| error.to_string())
}

fn listed(items: &[String]) -> String {
    format!("[{}]", items.join(", "))
}

/// Names with values, in order of name.
fn pairs(value: Value) -> Result<String, String> {
    let mut named = Vec::new();
    for (name, value) in of_map(value)? {
        named.push(format!("{}: {}", quoted(&name)?, quoted(&value)?));
    }
    named.sort();
    Ok(format!("{{{}}}", named.join(", ")))
}

/// A map, which older protocols write as a list of names and values.
fn of_map(value: Value) -> Result<Vec<(Value, Value)>, String> {
    match value {
        Value::Map(pairs) => Ok(pairs),
        Value::Array(items) => {
            let mut items = items.into_iter();
            let mut pairs = Vec::new();
            while let (Some(name), Some(value)) = (items.next(), items.next()) {
                pairs.push((name, value));
            }
            Ok(pairs)
        }
        other => Err(format!("names with values were expected, and this came: {other:?}")),
    }
}

/// Entries, positions, groups with their consumers and what these have not acknowledged.
fn stream(value: Value) -> Result<String, String> {
    let mut parts = Vec::new();
    for (name, value) in of_map(value)? {
        let name = scalar(&name)?;
        if STORAGE.contains(&name.as_str()) {
            continue;
        }
        let part = match (name.as_str(), value) {
            ("groups", Value::Array(groups)) => {
                let groups = groups.into_iter().map(group).collect::<Result<Vec<_>, _>>()?;
                listed(&groups)
            }
            (_, value) => nested(&value)?,
        };
        parts.push(format!("{name}: {part}"));
    }
    Ok(parts.join(", "))
}

fn group(value: Value) -> Result<String, String> {
    let mut parts = Vec::new();
    for (name, value) in of_map(value)? {
        let name = scalar(&name)?;
        let part = match (name.as_str(), value) {
            // Id, consumer, time of delivery, number of deliveries.
            ("pending", Value::Array(pending)) => without_times(&pending, 2)?,
            ("consumers", Value::Array(consumers)) => {
                listed(&consumers.into_iter().map(consumer).collect::<Result<Vec<_>, _>>()?)
            }
            (_, value) => nested(&value)?,
        };
        parts.push(format!("{name}: {part}"));
    }
    Ok(format!("{{{}}}", parts.join(", ")))
}

fn consumer(value: Value) -> Result<String, String> {
    let mut parts = Vec::new();
    for (name, value) in of_map(value)? {
        let name = scalar(&name)?;
        if TIMES.contains(&name.as_str()) {
            continue;
        }
        let part = match (name.as_str(), value) {
            // Id, time of delivery, number of deliveries.
            ("pending", Value::Array(pending)) => without_times(&pending, 1)?,
            (_, value) => nested(&value)?,
        };
        parts.push(format!("{name}: {part}"));
    }
    Ok(format!("{{{}}}", parts.join(", ")))
}

/// What was delivered and not acknowledged, without the time that stands at this place.
fn without_times(pending: &[Value], time: usize) -> Result<String, String> {
    let mut entries = Vec::new();
    for entry in pending {
        let Value::Array(fields) = entry else { return nested(entry) };
        let kept = fields.iter().enumerate().filter(|(at, _)| *at != time);
        entries.push(listed(&kept.map(|(_, field)| nested(field)).collect::<Result<Vec<_>, _>>()?));
    }
    Ok(listed(&entries))
}

fn nested(value: &Value) -> Result<String, String> {
    match value {
        Value::Array(items) => Ok(listed(&items.iter().map(nested).collect::<Result<Vec<_>, _>>()?)),
        Value::Int(number) => Ok(number.to_string()),
        Value::Nil => Ok("none".to_owned()),
        other => quoted(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    fn array(items: &[&str]) -> Value {
        Value::Array(items.iter().map(|item| bulk(item)).collect())
    }

    #[test]
    fn the_order_of_lists_counts_and_that_of_sets_and_hashes_does_not() {
        let of = |kind: &str, items: &[&str]| canonical(kind, array(items)).unwrap();
        assert_ne!(of("list", &["a", "b"]), of("list", &["b", "a"]));
        assert_eq!(of("set", &["a", "b"]), of("set", &["b", "a"]));
        assert_eq!(of("hash", &["a", "1", "b", "2"]), of("hash", &["b", "2", "a", "1"]));
        assert_ne!(of("hash", &["a", "1", "b", "2"]), of("hash", &["a", "2", "b", "1"]));
        assert_ne!(of("set", &["a, b"]), of("set", &["a", "b"]));
        assert_eq!(of("zset", &["m", "1.5"]), r#"{"m": "1.5"}"#);
    }

    #[test]
    fn a_moment_is_absolute_and_none_is_never() {
        assert_eq!(moment(&Value::Int(-1)).unwrap(), None);
        assert_eq!(moment(&Value::Int(1_700_000_000_123)).unwrap().unwrap(), "2023-11-14T22:13:20.123Z");
    }
}

//! A JSON document that stands for state: feature flags, the settings of a configuration service.
//!
//! Every value is a row under its JSON pointer. Numbers are compared as they are written, and the order of
//! a list counts.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::gather::{Gather, Layout, Wanted, matches};
use super::model::{Leftovers, ServerFacts, StoreCapture};

const LAYOUT: Layout = Layout { columns: &["pointer", "type", "value"], key: "pointer" };

/// Captures a document as its server sent it. Pointers that are ignored leave out everything below them;
/// a `*` in one stands for any text between two slashes.
///
/// # Errors
/// When it is no JSON, or its rows cannot be kept.
pub fn capture(store: &str, body: &str, ignore: &[String], wanted: &Wanted) -> Result<StoreCapture, String> {
    let document =
        serde_json::from_str(body).map_err(|error| format!("{store}: this is no JSON: {error}"))?;
    let mut reading = Reading { ignore, gather: wanted.table(store, LAYOUT) };
    reading.value("", document).map_err(|error| format!("{store}: {error}"))?;
    let data = reading.gather.finish().map_err(|error| format!("{store}: {error}"))?;
    let server = ServerFacts { version: "JSON".to_owned(), database: store.to_owned(), user: String::new() };
    Ok(StoreCapture {
        unread: BTreeMap::new(),
        server,
        schema: BTreeMap::new(),
        tables: BTreeMap::from([(store.to_owned(), data)]),
        sequences: BTreeMap::new(),
        leftovers: Leftovers::default(),
    })
}

struct Reading<'r> {
    ignore: &'r [String],
    gather: Gather,
}

impl Reading<'_> {
    fn value(&mut self, pointer: &str, raw: &RawValue) -> Result<(), String> {
        if self.ignore.iter().any(|ignored| covers(ignored, pointer)) {
            return Ok(());
        }
        let text = raw.get();
        match text.as_bytes().first() {
            Some(b'{') => {
                let entries: BTreeMap<String, &RawValue> = parse(text)?;
                let entries = entries.into_iter().map(|(name, value)| (escaped(&name), value));
                self.list(pointer, "object", entries.collect())
            }
            Some(b'[') => {
                let items: Vec<&RawValue> = parse(text)?;
                let items = items.into_iter().enumerate().map(|(at, value)| (at.to_string(), value));
                self.list(pointer, "list", items.collect())
            }
            Some(b'"') => self.row(pointer, "string", &parse::<String>(text)?),
            Some(b't' | b'f') => self.row(pointer, "boolean", text),
            Some(b'n') => self.row(pointer, "null", text),
            _ => self.row(pointer, "number", text),
        }
    }

    /// An object or list without anything in it is a row of its own.
    fn list(&mut self, pointer: &str, kind: &str, inside: Vec<(String, &RawValue)>) -> Result<(), String> {
        if inside.is_empty() {
            return self.row(pointer, kind, "");
        }
        inside.iter().try_for_each(|(name, value)| self.value(&format!("{pointer}/{name}"), value))
    }

    fn row(&mut self, pointer: &str, kind: &str, value: &str) -> Result<(), String> {
        let row = [Some(pointer), Some(kind), Some(value)];
        self.gather.row(&row).map_err(|error| error.to_string())
    }
}

fn parse<'t, T: serde::Deserialize<'t>>(text: &'t str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

/// A name as JSON pointers write it.
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// Whether a pattern is a pointer or leads to it.
fn covers(pattern: &str, pointer: &str) -> bool {
    let mut pointer = pointer.split('/');
    pattern.split('/').all(|part| pointer.next().is_some_and(|found| matches(part, found)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::compare::compare;

    fn differs(before: &str, after: &str, ignore: &[&str]) -> bool {
        let ignore: Vec<String> = ignore.iter().map(|one| (*one).to_owned()).collect();
        let of = |body: &str| capture("flags", body, &ignore, &Wanted::default()).unwrap();
        !compare(&of(before), &of(after)).tables.is_empty()
    }

    #[test]
    fn every_value_counts_and_neither_order_of_names_nor_blanks_do() {
        let flags = r#"{"a": 1, "b": [true, null], "c": {"d/e": "x"}, "f": {}}"#;
        assert!(!differs(flags, r#"{"f":{},"c":{"d/e":"x"},"b":[true,null],"a":1}"#, &[]));
        for other in [
            r#"{"a": 1.0, "b": [true, null], "c": {"d/e": "x"}, "f": {}}"#,
            r#"{"a": "1", "b": [true, null], "c": {"d/e": "x"}, "f": {}}"#,
            r#"{"a": 1, "b": [null, true], "c": {"d/e": "x"}, "f": {}}"#,
            r#"{"a": 1, "b": [true, null], "c": {"d": {"e": "x"}}, "f": {}}"#,
            r#"{"a": 1, "b": [true, null], "c": {"d/e": "x"}, "f": []}"#,
            r#"{"a": 1, "b": [true, null], "c": {"d/e": "x"}}"#,
        ] {
            assert!(differs(flags, other, &[]), "{other}");
        }
        assert!(differs("[10000000000000000000000001]", "[10000000000000000000000002]", &[]), "as written");
    }

    #[test]
    fn what_is_ignored_is_left_out_with_everything_below() {
        let (one, other) = (
            r#"{"at": 1, "flags": {"x": {"on": true, "seen": [1]}, "y": {"on": false, "seen": [2, 3]}}}"#,
            r#"{"at": 2, "flags": {"x": {"on": true, "seen": [4]}, "y": {"on": false, "seen": []}}}"#,
        );
        assert!(!differs(one, other, &["/at", "/flags/*/seen"]));
        assert!(differs(one, other, &["/at", "/flags/x/seen"]));
        assert!(differs(one, other, &["/at", "/*/seen"]), "one * is one name");
        let on = other.replace("\"on\": false", "\"on\": true");
        assert!(differs(one, &on, &["/at", "/flags/*/seen"]));
    }

    #[test]
    fn what_is_no_json_is_an_error() {
        let error = capture("flags", "<html>", &[], &Wanted::default()).unwrap_err();
        assert!(error.starts_with("flags: this is no JSON: expected value at line 1"), "{error}");
    }
}

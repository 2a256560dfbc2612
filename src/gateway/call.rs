//! Calls to the outside, as the gateway in front of it tells of them: what they were known by, and a digest
//! of what they held. Their bodies never leave the gateway.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The most bytes of a content in which fields are looked for. All of it is in the digest.
const READ: usize = 256 * 1024;

/// A field of a call by which it is known.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// What the `*` in the path of the call stands for.
    Path,
    /// A header of the request or mail.
    Header(String),
    /// A field of the body, which is JSON: its name, or a JSON pointer that begins with `/`.
    Json(String),
    /// A field of the body, which is a form (`application/x-www-form-urlencoded`).
    Form(String),
}

impl Field {
    /// What it is, in a few words: `header Idempotency-Key`.
    pub fn words(&self) -> String {
        match self {
            Self::Path => "path".to_owned(),
            Self::Header(name) => format!("header {name}"),
            Self::Json(name) => format!("json {name}"),
            Self::Form(name) => format!("form {name}"),
        }
    }
}

/// A call begins: the server is about to see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calling {
    /// The route's service.
    #[serde(serialize_with = "crate::secret::word")]
    pub service: String,
    /// Its number since the gateway began.
    pub number: u64,
    /// When, in microseconds since 1970 by the clock of the engine's machine, which all gateways share.
    pub at_us: u64,
    /// `POST`; `MAIL` for a mail.
    #[serde(serialize_with = "crate::secret::word")]
    pub method: String,
    /// The path without its query; a mail's recipients, with commas.
    pub path: String,
}

/// What a call held, when all of it has passed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// The fields that were asked for and are there, by their words.
    pub fields: BTreeMap<String, String>,
    /// The body's length, in bytes.
    pub bytes: u64,
    /// The body's SHA-256, in hexadecimal digits.
    #[serde(serialize_with = "crate::secret::word")]
    pub digest: String,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Called {
    /// The route's service.
    #[serde(serialize_with = "crate::secret::word")]
    pub service: String,
    /// Its number.
    pub number: u64,
    /// What it held; none when it did not come to its end.
    pub content: Option<Content>,
    /// The status of the answer; none when none came.
    pub status: Option<u16>,
}

/// Takes in what a call holds, bit by bit.
#[derive(Debug, Default)]
pub(super) struct Keeper {
    wanted: BTreeSet<Field>,
    fields: BTreeMap<String, String>,
    begin: Vec<u8>,
    bytes: u64,
    digest: Sha256,
}

impl Keeper {
    /// Looks for these fields.
    pub(super) fn new(wanted: &BTreeSet<Field>) -> Self {
        Self { wanted: wanted.clone(), ..Self::default() }
    }

    /// The lines of a head, without its first line where that is none of a field's. The first of several
    /// equal names counts.
    pub(super) fn head(&mut self, lines: &[u8]) {
        let lines = lines.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        for line in lines.take_while(|line| !line.is_empty()) {
            let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
            let name = line[..colon].trim_ascii();
            let value = super::reader::text_of(line[colon + 1..].trim_ascii());
            let wanted = self.wanted.iter().find(|field| match field {
                Field::Header(wanted) => wanted.as_bytes().eq_ignore_ascii_case(name),
                Field::Path | Field::Json(_) | Field::Form(_) => false,
            });
            if let Some(field) = wanted {
                self.fields.entry(field.words()).or_insert(value);
            }
        }
    }

    /// A fact that is known otherwise.
    pub(super) fn fact(&mut self, name: &str, value: &str) {
        self.fields.insert(name.to_owned(), value.to_owned());
    }

    /// More of the body.
    pub(super) fn body(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        self.digest.update(bytes);
        let room = READ.saturating_sub(self.begin.len());
        self.begin.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// The first bytes of the body.
    pub(super) fn beginning(&self) -> &[u8] {
        &self.begin
    }

    /// That was all.
    pub(super) fn end(mut self) -> Content {
        let json: Option<serde_json::Value> = serde_json::from_slice(&self.begin).ok();
        for field in &self.wanted {
            let value = match field {
                Field::Json(name) => json.as_ref().and_then(|json| of_json(json, name)),
                Field::Form(name) => of_form(&self.begin, name),
                Field::Path | Field::Header(_) => None,
            };
            if let Some(value) = value {
                self.fields.insert(field.words(), value);
            }
        }
        let mut digest = String::new();
        for byte in self.digest.finalize() {
            let _ = write!(digest, "{byte:02x}");
        }
        Content { fields: self.fields, bytes: self.bytes, digest }
    }
}

/// A text, number or truth value; what holds others is no key.
fn of_json(json: &serde_json::Value, name: &str) -> Option<String> {
    use serde_json::Value;
    let value = if name.starts_with('/') { json.pointer(name) } else { json.get(name) };
    match value? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn of_form(body: &[u8], name: &str) -> Option<String> {
    let pairs = body.split(|byte| *byte == b'&');
    let mut pairs = pairs.map(|pair| match pair.iter().position(|byte| *byte == b'=') {
        Some(at) => (decoded(&pair[..at]), decoded(&pair[at + 1..])),
        None => (decoded(pair), String::new()),
    });
    pairs.find(|(key, _)| key == name).map(|(_, value)| value)
}

fn decoded(text: &[u8]) -> String {
    let digit = |at: usize| text.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    let (mut bytes, mut at) = (Vec::new(), 0);
    while let Some(byte) = text.get(at) {
        let coded = digit(at + 1).zip(digit(at + 2)).filter(|_| *byte == b'%');
        let coded = coded.and_then(|(high, low)| u8::try_from(high * 16 + low).ok());
        bytes.push(coded.unwrap_or(if *byte == b'+' { b' ' } else { *byte }));
        at += if coded.is_some() { 3 } else { 1 };
    }
    super::reader::text_of(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(wanted: &[Field], head: &str, body: &str) -> Content {
        let mut keeper = Keeper::new(&wanted.iter().cloned().collect());
        keeper.head(head.as_bytes());
        let (one, other) = body.split_at(body.len() / 2);
        keeper.body(one.as_bytes());
        keeper.body(other.as_bytes());
        keeper.end()
    }

    fn field(kept: &Content, words: &str) -> Option<String> {
        kept.fields.get(words).cloned()
    }

    #[test]
    fn only_the_fields_that_are_asked_for_are_kept() {
        let wanted = [Field::Header("Idempotency-Key".to_owned()), Field::Json("order".to_owned())];
        let head = "POST /charges HTTP/1.1\r\nidempotency-key:  k 1 \r\nAuthorization: s3cret\r\n\r\n";
        let kept = kept(&wanted, head, r#"{"order": 7, "card": "4111"}"#);
        assert_eq!(field(&kept, "header Idempotency-Key").as_deref(), Some("k 1"));
        assert_eq!(field(&kept, "json order").as_deref(), Some("7"));
        assert_eq!((kept.fields.len(), kept.bytes), (2, 28));
        let digest = Sha256::digest(br#"{"order": 7, "card": "4111"}"#);
        assert_eq!(kept.digest[..2], format!("{:02x}", digest[0]));
    }

    #[test]
    fn pointers_and_forms_are_read_and_what_is_no_value_is_no_key() {
        let pointer = Field::Json("/order/id".to_owned());
        assert_eq!(
            field(&kept(&[pointer], "", r#"{"order":{"id":"a"}}"#), "json /order/id").as_deref(),
            Some("a")
        );
        let order = Field::Json("order".to_owned());
        for body in [r#"{"order":{"id":"a"}}"#, r#"{"order":null}"#, "order=7", ""] {
            assert_eq!(field(&kept(std::slice::from_ref(&order), "", body), "json order"), None, "{body}");
        }
        let form = Field::Form("order id".to_owned());
        let read = kept(&[form], "", "amount=5&order+id=a%2F%c3%a9%zz&x");
        assert_eq!(field(&read, "form order id").as_deref(), Some("a/é%zz"));
    }
}

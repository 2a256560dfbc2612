//! Secrets leave an event before it is written, so no report can show what it never had (S20, S28).

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use regex::Regex;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::secret::{self, Text};
use crate::sql;

/// Texts shorter than this are hidden only where they stand alone: they occur in everything.
const SHORT: usize = 4;
/// The shortest line of a secret of several lines that is hidden by itself.
const LINE: usize = 8;

/// Replaces secrets in free texts, each by a mark of its own: that a secret is another one than before is no
/// secret.
pub struct Redactor {
    /// The number of each known secret, in every form in which it may be written.
    known: BTreeMap<String, usize>,
    /// Finds the known ones that are long enough.
    within: Option<Regex>,
    /// The numbers of those that were found by what stood around them.
    found: Mutex<BTreeMap<String, usize>>,
    /// Whether values of rows are hidden in statements too.
    hide_values: bool,
}

impl Redactor {
    /// Hides these texts, and what looks like a secret.
    pub fn new(secrets: &BTreeSet<String>) -> Self {
        let mut known = BTreeMap::new();
        for (number, secret) in (1..).zip(secrets.iter().filter(|secret| !secret.is_empty())) {
            for form in forms(secret) {
                known.entry(form).or_insert(number);
            }
        }
        let mut long: Vec<&String> = known.keys().filter(|secret| secret.len() >= SHORT).collect();
        // Of two that begin alike the longer one is hidden whole.
        long.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        let within = long.iter().map(|secret| regex::escape(secret)).collect::<Vec<_>>().join("|");
        let within = (!long.is_empty()).then(|| Regex::new(&within).expect("escaped texts are a pattern"));
        Self { known, within, found: Mutex::default(), hide_values: false }
    }

    /// Hides the literals of statements and the rows of files too (`--values hidden`).
    #[must_use]
    pub fn hiding_values(self, hide_values: bool) -> Self {
        Self { hide_values, ..self }
    }

    /// The event, row or whatever else without secrets: only its free texts are searched.
    ///
    /// # Errors
    /// When what is left could not be read back.
    pub fn clean<T: Serialize + DeserializeOwned>(&self, value: &T) -> Result<T, serde_json::Error> {
        self.json(value).and_then(serde_json::from_value)
    }

    /// The same as JSON.
    ///
    /// # Errors
    /// When it has no form in JSON.
    pub fn json<T: Serialize>(&self, value: &T) -> Result<Value, serde_json::Error> {
        secret::changed(value, &|kind, text| match kind {
            Text::Statement if self.hide_values => self.text(&sql::veil(text, secret::veiled)),
            Text::Data if self.hide_values => secret::veiled("rows", text),
            Text::Secret(_) if !secret::says_nothing(text) => self.mark(text),
            Text::Free | Text::Secret(_) | Text::Statement | Text::Data => self.text(text),
        })
    }

    /// The text without secrets.
    pub fn text(&self, text: &str) -> String {
        if let Some(number) = self.known.get(text) {
            return mark(*number);
        }
        let mut hidden = String::new();
        let mut at = 0;
        for place in self.places(text) {
            hidden.push_str(&text[at..place.start]);
            hidden.push_str(&self.mark(&text[place.clone()]));
            at = place.end;
        }
        hidden.push_str(&text[at..]);
        hidden
    }

    /// Where secrets stand in a text, in order; those that overlap are one.
    fn places(&self, text: &str) -> Vec<Range<usize>> {
        let known = self.within.iter().flat_map(|within| within.find_iter(text)).map(|found| found.range());
        let mut places: Vec<Range<usize>> = known.chain(secret::places(text)).collect();
        places.sort_by_key(|place| place.start);
        let mut apart: Vec<Range<usize>> = Vec::new();
        for place in places {
            match apart.last_mut() {
                Some(last) if place.start < last.end => last.end = last.end.max(place.end),
                _ => apart.push(place),
            }
        }
        apart
    }

    /// What stands in the place of a secret that is known, or is from now on.
    fn mark(&self, secret: &str) -> String {
        if secret.starts_with('‹') {
            return secret.to_owned();
        }
        if let Some(number) = self.known.get(secret) {
            return mark(*number);
        }
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let next = self.known.values().max().unwrap_or(&0) + found.len() + 1;
        mark(*found.entry(secret.to_owned()).or_insert(next))
    }
}

/// A record with all marks of secrets alike: whether two are the same but for the secrets.
pub fn but_for_secrets(record: &Value) -> String {
    let marks = Regex::new(r"‹secret \d+›").expect("the pattern is right");
    marks.replace_all(&record.to_string(), secret::HIDDEN).into_owned()
}

fn mark(number: usize) -> String {
    format!("‹secret {number}›")
}

/// A secret as it may be written: in a URL, in JSON, in SQL, or line by line.
fn forms(secret: &str) -> BTreeSet<String> {
    let mut forms = BTreeSet::from([secret.to_owned(), secret.trim().to_owned(), encoded(secret)]);
    forms.extend(secret::percent_decoded(secret));
    forms.insert(secret.replace('\'', "''"));
    let json = Value::from(secret).to_string();
    forms.insert(json[1..json.len() - 1].to_owned());
    if secret.contains('\n') {
        forms.extend(secret.lines().map(str::trim).filter(|line| line.len() >= LINE).map(str::to_owned));
    }
    forms.remove("");
    forms
}

fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Event;
    use crate::journal::sample::{KEY, Sampler, TEXT};

    /// So often an enum that has many variants is come to in each place.
    const TURNS: usize = 10_000;

    fn hide(secrets: &[&str], text: &str) -> String {
        Redactor::new(&secrets.iter().map(|secret| (*secret).to_owned()).collect()).text(text)
    }

    #[test]
    fn s20_declared_secrets_and_passwords_in_urls_are_hidden() {
        assert_eq!(hide(&["hunter2"], "password=hunter2;"), "password=‹secret 1›;");
        assert_eq!(hide(&[], "postgres://app:s3cret@db/shop"), "postgres://app:‹secret 1›@db/shop");
        assert_eq!(hide(&["hunter2", "hunter2-long"], "hunter2-long"), "‹secret 2›");
    }

    #[test]
    fn s20_a_short_secret_is_hidden_where_it_stands_alone() {
        assert_eq!(hide(&["a"], "a cat"), "a cat");
        assert_eq!(hide(&["a"], "a"), "‹secret 1›");
    }

    #[test]
    fn s28_a_secret_is_hidden_as_it_may_be_written() {
        for (secret, text) in [
            ("p%40ss word", "as p@ss word"),
            ("p@ss/word", "as p%40ss%2Fword"),
            ("it's one", "as it''s one"),
            ("a\"b\\cd", r#"as a\"b\\cd"#),
            ("first-line\nother-line\n", "as other-line"),
        ] {
            assert_eq!(hide(&[secret], text), "as ‹secret 1›", "{secret}");
        }
    }

    #[test]
    fn another_secret_has_another_mark() {
        let redactor = Redactor::new(&BTreeSet::from(["known".to_owned()]));
        let [old, new] = ["a://u:old-one@h", "a://u:new-one@h"].map(|url| redactor.text(url));
        assert_ne!(old, new);
        assert_eq!(redactor.text("a://u:old-one@h"), old);
        assert_eq!(redactor.text("a://u:known@h"), "a://u:‹secret 1›@h");
        assert_eq!(
            redactor.text("a://u:x-known@h"),
            "a://u:‹secret 4›@h",
            "what is left of it is hidden too"
        );
    }

    #[test]
    fn s20_an_event_is_hidden_wherever_the_text_stands() {
        let redactor = Redactor::new(&BTreeSet::from(["hunter2".to_owned()]));
        let event =
            Event::Trouble { message: "no hunter2".to_owned(), evidence: vec!["x hunter2 y".to_owned()] };
        let written = redactor.json(&event).unwrap().to_string();
        assert!(!written.contains("hunter2"), "{written}");
        assert_eq!(written.matches("‹secret 1›").count(), 2);
    }

    #[test]
    fn s28_every_word_of_the_format_may_be_a_secret() {
        let sampler = Sampler::default();
        let events: Vec<Event> = (0..TURNS).map(|_| sampler.make()).collect();
        let mut words = sampler.words.into_inner();
        words.retain(|word| !KEY.contains(word.as_str()));
        assert!(words.len() > 300, "only {} words", words.len());
        for word in ["step_ended", "change", "after", "sequences", "matching", "copy_data"] {
            assert!(words.contains(word), "{word}");
        }
        let redactor = Redactor::new(&words);
        for event in events {
            assert_eq!(redactor.json(&event).unwrap(), serde_json::to_value(&event).unwrap());
            assert!(redactor.clean(&event).is_ok());
        }
    }

    /// Fields by which one record is held against another.
    const NAMES: [&str; 9] =
        ["scenario", "service", "store", "database", "table", "column", "traffic", "sha256", "digest"];

    fn names(value: &Value, found: &mut BTreeMap<String, BTreeSet<String>>) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| names(item, found)),
            Value::Object(map) => {
                for (key, value) in map {
                    if let (true, Some(text)) = (NAMES.contains(&key.as_str()), value.as_str()) {
                        found.entry(key.clone()).or_default().insert(text.to_owned());
                    }
                    names(value, found);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    #[test]
    fn s28_a_secret_is_hidden_in_the_free_texts_of_every_event_and_in_no_name() {
        let sampler = Sampler::default();
        let redactor = Redactor::new(&BTreeSet::from([TEXT.to_owned()]));
        let (mut hidden, mut found) = (0, BTreeMap::new());
        for event in (0..TURNS).map(|_| sampler.make::<Event>()) {
            let json = redactor.json(&event).unwrap();
            hidden += json.to_string().matches("‹secret 1›").count();
            names(&json, &mut found);
        }
        assert!(hidden > TURNS, "{hidden}");
        let expected = NAMES.map(|name| (name.to_owned(), BTreeSet::from([TEXT.to_owned()])));
        assert_eq!(found, BTreeMap::from(expected));
    }
}

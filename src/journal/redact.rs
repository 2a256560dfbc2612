//! Secrets leave an event before it is written, so no report can show what it never had (S20).

use std::collections::BTreeSet;

use regex::Regex;
use serde_json::Value;

use super::event::Event;
use crate::secret::HIDDEN;

/// Texts shorter than this are hidden only where they stand alone: they occur in everything.
const SHORT: usize = 4;

/// Replaces secrets in events.
pub struct Redactor {
    /// Longest first, so that a secret that holds another is hidden whole.
    secrets: Vec<String>,
    in_url: Regex,
}

impl Redactor {
    /// Hides these texts, and every password in a URL.
    pub fn new(secrets: &BTreeSet<String>) -> Self {
        let mut secrets: Vec<String> = secrets.iter().filter(|secret| !secret.is_empty()).cloned().collect();
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        let in_url =
            Regex::new(r"([a-zA-Z][a-zA-Z0-9+.-]*://[^\s/:@]*:)[^\s/@]+@").expect("the pattern is right");
        Self { secrets, in_url }
    }

    /// The event without secrets.
    pub fn event(&self, event: &Event) -> Event {
        let mut value = serde_json::to_value(event).expect("an event has only text keys");
        self.value(&mut value);
        serde_json::from_value(value).expect("hiding a text leaves a text")
    }

    /// The text without secrets.
    pub fn text(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.secrets {
            if text == *secret {
                return HIDDEN.to_owned();
            }
            if secret.len() >= SHORT && text.contains(secret.as_str()) {
                text = text.replace(secret.as_str(), HIDDEN);
            }
        }
        match self.in_url.replace_all(&text, format!("${{1}}{HIDDEN}@")) {
            std::borrow::Cow::Borrowed(_) => text,
            std::borrow::Cow::Owned(hidden) => hidden,
        }
    }

    fn value(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.text(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.value(item)),
            Value::Object(map) => map.values_mut().for_each(|item| self.value(item)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hide(secrets: &[&str], text: &str) -> String {
        Redactor::new(&secrets.iter().map(|secret| (*secret).to_owned()).collect()).text(text)
    }

    #[test]
    fn s20_declared_secrets_and_passwords_in_urls_are_hidden() {
        assert_eq!(hide(&["hunter2"], "password=hunter2;"), format!("password={HIDDEN};"));
        assert_eq!(hide(&[], "postgres://app:s3cret@db/shop"), format!("postgres://app:{HIDDEN}@db/shop"));
        assert_eq!(hide(&["hunter2", "hunter2-long"], "hunter2-long"), HIDDEN);
    }

    #[test]
    fn s20_a_short_secret_is_hidden_where_it_stands_alone() {
        assert_eq!(hide(&["a"], "a cat"), "a cat");
        assert_eq!(hide(&["a"], "a"), HIDDEN);
    }

    #[test]
    fn s20_an_event_is_hidden_wherever_the_text_stands() {
        let redactor = Redactor::new(&BTreeSet::from(["hunter2".to_owned()]));
        let event =
            Event::Trouble { message: "no hunter2".to_owned(), evidence: vec!["x hunter2 y".to_owned()] };
        let written = serde_json::to_string(&redactor.event(&event)).unwrap();
        assert!(!written.contains("hunter2"), "{written}");
        assert_eq!(written.matches(HIDDEN).count(), 2);
    }
}

//! What an expression comes to: a value that is known now, or words and tests of the shell.

use serde_json::{Number, Value};

use crate::pipeline::script::inside_quotes;

/// What an expression comes to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Term {
    /// A value.
    Known(Value),
    /// Known only while the job runs.
    Shell(Shell),
    /// Nobody has said it.
    Unknown,
}

/// A value that the shell knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shell {
    /// Its text, to stand inside double quotes.
    pub(crate) text: String,
    /// A command that ends well where the value counts as true.
    pub(crate) test: String,
    pub(crate) kind: Kind,
}

/// Kinds of values that the shell knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Truth,
    /// One or the other, depending on a test.
    Either,
}

impl Term {
    /// A text that the shell expands inside double quotes.
    pub(crate) fn text(text: impl Into<String>) -> Self {
        let text = text.into();
        let test = format!("[[ -n \"{text}\" ]]");
        Self::Shell(Shell { text, test, kind: Kind::Text })
    }

    /// A truth that a command finds out.
    pub(crate) fn test(test: impl Into<String>) -> Self {
        let test = test.into();
        let text = format!("$(if {test}; then echo true; else echo false; fi)");
        Self::Shell(Shell { text, test, kind: Kind::Truth })
    }

    /// Whether it counts as true, where that is known.
    pub(crate) fn truth(&self) -> Option<bool> {
        match self {
            Self::Known(value) => Some(truthy(value)),
            Self::Shell(_) | Self::Unknown => None,
        }
    }

    /// The same as the shell knows it; nothing for what nobody has said.
    pub(crate) fn shell(&self) -> Option<Shell> {
        match self {
            Self::Known(value) => {
                let test = if truthy(value) { "true" } else { "false" }.to_owned();
                let kind = if value.is_boolean() { Kind::Truth } else { Kind::Text };
                Some(Shell { text: inside_quotes(&shown(value)), test, kind })
            }
            Self::Shell(shell) => Some(shell.clone()),
            Self::Unknown => None,
        }
    }
}

/// A value as a text, as GitHub writes it.
pub(crate) fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(truth) => truth.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        Value::Array(_) => "Array".to_owned(),
        Value::Object(_) => "Object".to_owned(),
    }
}

/// A term as one word of the shell, quotes included.
pub(crate) fn quoted(term: &Term) -> String {
    match term {
        Term::Known(value) => crate::pipeline::script::literal(&shown(value)),
        Term::Shell(shell) => format!("\"{}\"", shell.text),
        Term::Unknown => "''".to_owned(),
    }
}

/// Whether a value counts as true.
pub(crate) fn truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(truth) => *truth,
        Value::Number(number) => number.as_f64().is_some_and(|number| number != 0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(_) | Value::Object(_) => true,
    }
}

/// A value as a number: an empty text is 0, what is no number is none.
pub(crate) fn number(value: &Value) -> f64 {
    match value {
        Value::Null => 0.0,
        Value::Bool(truth) => f64::from(u8::from(*truth)),
        Value::Number(number) => number.as_f64().unwrap_or(f64::NAN),
        Value::String(text) if text.trim().is_empty() => 0.0,
        Value::String(text) => match text.trim().strip_prefix("0x") {
            Some(digits) => u32::from_str_radix(digits, 16).map_or(f64::NAN, f64::from),
            None => text.trim().parse().unwrap_or(f64::NAN),
        },
        Value::Array(_) | Value::Object(_) => f64::NAN,
    }
}

/// A number as a value, whole where it is whole.
#[expect(clippy::cast_possible_truncation, reason = "only whole numbers that fit are cast")]
pub(crate) fn json(number: f64) -> Option<Value> {
    let whole = number.fract() == 0.0 && number.abs() < 9e15;
    let number = if whole { Some(Number::from(number as i64)) } else { Number::from_f64(number) };
    number.map(Value::Number)
}

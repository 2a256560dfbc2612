//! ErrorResponse: what it says, and one of our own.
//!
//! Source: PostgreSQL documentation, "Error and Notice Message Fields".

use super::frame::{string_or_all, write};
use crate::gateway::reader::{Refusal, text_of};

/// An ErrorResponse.
#[derive(Debug, Default)]
pub(super) struct Trouble<'a> {
    severity: &'a [u8],
    code: &'a [u8],
    message: &'a [u8],
}

impl<'a> Trouble<'a> {
    /// Reads the body of an ErrorResponse, as far as it can be seen.
    pub(super) fn read(mut body: &'a [u8]) -> Self {
        let mut trouble = Self::default();
        while let Some((&field, rest)) = body.split_first().filter(|(field, _)| **field != 0) {
            body = rest;
            let value = string_or_all(&mut body);
            match field {
                b'S' if trouble.severity.is_empty() => trouble.severity = value,
                // The severity that is never translated (since 9.6).
                b'V' => trouble.severity = value,
                b'C' => trouble.code = value,
                b'M' => trouble.message = value,
                _ => {}
            }
        }
        trouble
    }

    /// Whether the server ends the connection with it.
    pub(super) fn is_fatal(&self) -> bool {
        matches!(self.severity, b"FATAL" | b"PANIC")
    }

    /// `SQLSTATE 23505: duplicate key value …`.
    pub(super) fn said(&self) -> String {
        format!("SQLSTATE {}: {}", text_of(self.code), text_of(self.message))
    }
}

/// The ErrorResponse of a refusal.
///
/// # Errors
/// A code that is no SQLSTATE.
pub(super) fn response(refusal: &Refusal) -> Result<Vec<u8>, String> {
    let code = refusal.code.as_bytes();
    if code.len() != 5 || !code.iter().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase()) {
        return Err(format!("`{}` is no SQLSTATE: five digits or capital letters", refusal.code));
    }
    let message = refusal.message.replace('\0', " ");
    let mut body = Vec::new();
    for (field, value) in [(b'S', "ERROR"), (b'V', "ERROR"), (b'C', &refusal.code), (b'M', &message)] {
        body.push(field);
        body.extend(value.as_bytes());
        body.push(0);
    }
    body.push(0);
    let mut bytes = Vec::new();
    write(&mut bytes, b'E', &body);
    Ok(bytes)
}

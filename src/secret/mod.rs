//! Values that must not be seen: not in a log, not in the journal, not in a report.

pub mod files;
mod found;
mod typed;

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

pub use found::{is_secret_name, percent_decoded, places, says_nothing};
pub use typed::{Text, Word, changed, data, keys, statement, word};

/// What stands in the place of a secret that is known by nothing else.
pub const HIDDEN: &str = "‹secret›";

/// What stands in the place of a value that may not be seen: equal values look equal.
pub fn veiled(type_name: &str, value: &str) -> String {
    let digest = Sha256::digest(value.as_bytes());
    format!("‹{type_name}, {} bytes, #{:02x}{:02x}›", value.len(), digest[0], digest[1])
}

/// A secret text.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one call that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(HIDDEN)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_shown_nowhere() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret:?}"), HIDDEN);
        assert_eq!(serde_json::to_string(&secret).unwrap(), format!("\"{HIDDEN}\""));
        assert_eq!(secret.reveal(), "hunter2");
    }
}

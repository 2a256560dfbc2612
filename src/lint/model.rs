//! What the lint says: classes, and remarks with their places.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::diagnostic::Place;

/// Whether what an operation does can be taken back. Ordered: the worst is the greatest.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// The opposite operation brings everything back.
    Reversible,
    /// It can be taken back as long as something that was kept is there.
    NeedsKeptData,
    /// What it does to rows cannot be read from the text.
    Unknown,
    /// Values are gone.
    Lossy,
    /// There is no way back.
    Irreversible,
}

impl Class {
    /// All of them, the mildest first.
    pub const ALL: [Self; 5] =
        [Self::Reversible, Self::NeedsKeptData, Self::Unknown, Self::Lossy, Self::Irreversible];

    /// The words in texts for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Reversible => "reversible",
            Self::NeedsKeptData => "needs kept data",
            Self::Unknown => "unknown",
            Self::Lossy => "lossy",
            Self::Irreversible => "irreversible",
        }
    }

    /// The word in JSON and SARIF.
    pub fn word(self) -> &'static str {
        match self {
            Self::NeedsKeptData => "needs_kept_data",
            other => other.words(),
        }
    }

    /// Whether somebody has to do something about it, or say why not.
    pub fn is_grave(self) -> bool {
        self >= Self::Unknown
    }
}

/// One operation that somebody should know of before anything runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remark {
    /// The rule's name, such as `drop-column`.
    #[serde(serialize_with = "crate::secret::word")]
    pub rule: String,
    /// Whether it can be taken back.
    pub class: Class,
    /// Where it is written.
    pub at: Place,
    /// The bytes that are underlined in the file.
    pub span: Range<usize>,
    /// Those bytes as one short line.
    pub text: String,
    /// What it does: a lowercase fragment without a final stop.
    pub message: String,
    /// Why that cannot simply be taken back.
    pub why: String,
    /// The safe way to do it.
    pub instead: String,
    /// The tables whose rows it may lose; none where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[serde(serialize_with = "crate::secret::word")]
    pub table: Option<String>,
    /// Whether it is the rollback that does it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_rollback: bool,
    /// Why it is allowed all the same, where somebody said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed: Option<String>,
}

impl Remark {
    /// Whether it is grave, and nobody has allowed it.
    pub fn counts(&self) -> bool {
        self.class.is_grave() && self.allowed.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_is_written_as_its_word() {
        for class in Class::ALL {
            assert_eq!(serde_json::to_value(class).unwrap(), class.word());
        }
    }

    #[test]
    fn what_is_unknown_is_never_safe() {
        let grave: Vec<Class> = Class::ALL.into_iter().filter(|class| class.is_grave()).collect();
        assert_eq!(grave, [Class::Unknown, Class::Lossy, Class::Irreversible]);
    }
}

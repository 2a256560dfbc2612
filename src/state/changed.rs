//! The names of what differs between two captures of a store: what a step changed. Pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::compare::{self, SchemaDifference, StoreDifferences};
use super::model::{ObjectName, StoreCapture};

/// What of a store is not as it was. Sessions and locks come and go, and a sequence goes on by itself: neither
/// counts here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    /// Objects of the schema.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub objects: BTreeMap<ObjectName, ObjectChange>,
    /// Tables whose rows are others, as `schema.table`.
    #[serde(default, skip_serializing_if = "Vec::is_empty", serialize_with = "crate::secret::word")]
    pub tables: Vec<String>,
    /// Sequences that came, went, went back or are defined in another way.
    #[serde(default, skip_serializing_if = "Vec::is_empty", serialize_with = "crate::secret::word")]
    pub sequences: Vec<String>,
    /// Roles, settings and the like, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty", serialize_with = "crate::secret::word")]
    pub settings: Vec<String>,
}

/// What became of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ObjectChange {
    /// It was not there before.
    Came,
    /// It is gone.
    Went,
    /// It is defined in another way.
    Altered,
}

impl ObjectChange {
    fn of(one: &SchemaDifference) -> Self {
        match (&one.before, &one.after) {
            (None, _) => Self::Came,
            (Some(_), None) => Self::Went,
            (Some(_), Some(_)) => Self::Altered,
        }
    }
}

impl Changed {
    /// What differs between two captures of one store.
    pub fn between(before: &StoreCapture, after: &StoreCapture) -> Self {
        let StoreDifferences { schema, tables, sequences, leftovers } = compare::compare(before, after);
        let sequences = sequences.into_iter().filter(compare::SequenceDifference::is_wrong);
        let settings = leftovers.into_iter().filter(|one| !one.leftover.kind.is_passing());
        let mut changed = Self {
            objects: schema.into_iter().map(|one| (one.object.clone(), ObjectChange::of(&one))).collect(),
            tables: tables.into_iter().map(|one| one.table).collect(),
            sequences: sequences.map(|one| one.sequence).collect(),
            settings: settings.map(|one| one.leftover.to_string()).collect(),
        };
        changed.sequences.dedup();
        changed
    }

    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
            && self.tables.is_empty()
            && self.sequences.is_empty()
            && self.settings.is_empty()
    }
}

//! How long a recovery may take, and how much it may lose.

use serde::{Deserialize, Serialize};

use super::context::Context;
use crate::diagnostic::Place;
use crate::scenario::expect::RecoveryExpectation;

/// The objectives of a recovery; what is none is not asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovery {
    /// Milliseconds from the failure until all is well.
    pub rto_ms: Option<u64>,
    /// Milliseconds whose acknowledged writes may be gone.
    pub rpo_ms: Option<u64>,
    /// How many acknowledged writes may be gone.
    pub lost: Option<u64>,
    /// Where it is written.
    pub at: Place,
}

/// Resolves `expect.recovery`.
pub(super) fn build(context: &mut Context<'_>, written: &RecoveryExpectation, has_traffic: bool) -> Recovery {
    let asks_of_clients = [("rpo", written.rpo.is_some()), ("lost", written.lost.is_some())];
    for (key, _) in asks_of_clients.iter().filter(|(_, asks)| *asks && !has_traffic) {
        let path = format!("expect.recovery.{key}");
        let diagnostic = context.wrong_key(&path, "nobody writes, so nobody can say what is lost");
        diagnostic.help.push("say under `traffic` what clients do".to_owned());
    }
    if written.rto.is_none() && asks_of_clients.iter().all(|(_, asks)| !asks) {
        let diagnostic = context.wrong_key("expect.recovery", "nothing is asked of the recovery");
        diagnostic.help.push("say at least one of `rto`, `rpo` and `lost`".to_owned());
    }
    Recovery {
        rto_ms: written.rto.map(|span| crate::millis::of(span.0)),
        rpo_ms: written.rpo.map(|span| crate::millis::of(span.0)),
        lost: written.lost,
        at: context.place("expect.recovery"),
    }
}

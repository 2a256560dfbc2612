//! What must hold all the time, looked at again and again while a run goes on.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::fact;
use super::scribe::Scribe;
use super::walk::Ground;
use crate::journal::event::Violation;
use crate::journal::{Event, JournalError};

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(100);

/// What was seen of one of them.
#[derive(Debug, Clone, Default)]
struct Seen {
    looks: u64,
    unknown: u64,
    violation: Option<Violation>,
}

/// Everything that must hold all the time.
pub(super) struct Always(Mutex<Vec<Seen>>);

impl Always {
    /// Nothing was seen yet.
    pub(super) fn of(ground: &Ground) -> Self {
        Self(Mutex::new(vec![Seen::default(); ground.plan.watched().count()]))
    }

    /// Looks for ever; the caller ends it. Who cannot be asked, in the middle of a failure, is unknown.
    pub(super) async fn watch(&self, ground: &Ground, scribe: &Scribe) {
        if ground.plan.watched().next().is_none() {
            return std::future::pending().await;
        }
        loop {
            for (at, expectation) in ground.plan.watched().enumerate() {
                let asked_ms = scribe.now_ms();
                let look = fact::look(ground, &expectation.fact).await;
                let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                let seen = &mut all[at];
                seen.looks += 1;
                match look.held {
                    Some(true) => {}
                    Some(false) => {
                        seen.violation.get_or_insert(Violation { ms: asked_ms, seen: look.what });
                    }
                    None => seen.unknown += 1,
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Notes what was seen.
    pub(super) fn note(&self, scribe: &Scribe) -> Result<(), JournalError> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for (expectation, Seen { looks, unknown, violation }) in (0..).zip(all) {
            scribe.note(&Event::Watched { expectation, looks, unknown, violation })?;
        }
        Ok(())
    }
}

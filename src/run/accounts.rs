//! What each step changed (S26): after a step every observed store is captured, and what differs from the
//! capture before is noted by name. What explains it is the verdict's to say.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::capture::Taken;
use super::scribe::Scribe;
use super::walk::Ground;
use crate::journal::event::Operation;
use crate::journal::{Event, JournalError};
use crate::state::changed::Changed;
use crate::state::model::StoreCapture;

/// The account of one run.
pub(super) struct Accounts {
    inner: Mutex<Inner>,
}

struct Inner {
    /// What each store held when it was last looked at.
    last: BTreeMap<String, StoreCapture>,
    /// When was looked, and how long: the steps are not charged for it.
    looks: Vec<(Instant, Duration)>,
}

impl Accounts {
    /// Nothing was changed yet since this was captured.
    pub(super) fn since(before: &Taken) -> Self {
        let (last, looks) = (before.stores().clone(), Vec::new());
        Self { inner: Mutex::new(Inner { last, looks }) }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long was looked since a moment.
    pub(super) fn looked_since(&self, since: Instant) -> Duration {
        let inner = self.inner();
        inner.looks.iter().filter(|(began, _)| *began >= since).map(|(_, took)| *took).sum()
    }

    /// Looks at what a step has changed, and notes it.
    pub(super) async fn after(
        &self,
        (ground, scribe): (&Ground, &Scribe),
        (operation, step): (Operation, u32),
    ) -> Result<(), JournalError> {
        let began = Instant::now();
        let (mut changed, mut unknown) = (BTreeMap::new(), BTreeMap::new());
        for (name, store) in &ground.stores {
            let last = self.inner().last.get(name).cloned();
            match (store.capture(None, last.as_ref(), &[]).await, last) {
                (Ok(now), Some(last)) => {
                    let difference = Changed::between(&last, &now);
                    if !difference.is_empty() {
                        changed.insert(name.clone(), difference);
                    }
                    self.inner().last.insert(name.clone(), now);
                }
                (Ok(_), None) => drop(unknown.insert(name.clone(), "it was not captured before".to_owned())),
                (Err(why), _) => drop(unknown.insert(name.clone(), why)),
            }
        }
        self.inner().looks.push((began, began.elapsed()));
        scribe.note(&Event::Accounted { operation, step, changed, unknown })
    }
}

//! Faults with the journal around them, and the book of those that still have to be healed.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::scribe::Scribe;
use super::walk::Ground;
use super::world::Acted;
use crate::journal::{Event, JournalError};
use crate::plan::model::{Fault, Heal, PlannedFault};
use crate::stage::Killed;
use crate::stage::faults;

/// How long a fault may take to be seen, and to be undone.
const LIMIT: Duration = Duration::from_secs(20);

/// Faults that were injected and not yet healed, by position.
#[derive(Default)]
pub(super) struct Book(Mutex<BTreeSet<usize>>);

impl Book {
    fn add(&self, fault: usize) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(fault);
    }

    fn remove(&self, fault: usize) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&fault);
    }

    fn open(&self) -> Vec<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect()
    }
}

/// What was seen of a fault.
pub(super) struct Injection {
    acted: bool,
    evidence: String,
    took: Duration,
}

impl Injection {
    pub(super) fn event(self, fault: u32, in_time: bool) -> Event {
        let took_ms = crate::millis::of(self.took);
        Event::FaultInjected { fault, acted: self.acted, in_time, evidence: self.evidence, took_ms }
    }
}

/// Injects a fault on the stage and looks whether it acted. Its intent must be in the journal.
pub(super) async fn inject(ground: &Ground, position: usize) -> Injection {
    let began = Instant::now();
    let Some(planned) = planned(ground, position) else {
        return Injection { acted: false, evidence: "it is not planned".to_owned(), took: Duration::ZERO };
    };
    ground.faults.add(position);
    let (acted, evidence) = attempt(ground, &planned.fault).await;
    Injection { acted, evidence, took: began.elapsed() }
}

/// Whether it acted, and the evidence.
async fn attempt(ground: &Ground, fault: &Fault) -> (bool, String) {
    if let Fault::Database { service, fault } = fault {
        return match ground.database(service).inject(fault, LIMIT).await {
            Ok(Acted { acted, evidence }) => (acted, evidence),
            Err(error) => (false, error),
        };
    }
    match faults::inject(&*ground.stage, fault, LIMIT).await {
        Ok(injected) if injected.killed == Some(Killed::Engine) => {
            (injected.acted, format!("{}; restart policy suspended", injected.evidence))
        }
        Ok(injected) => (injected.acted, injected.evidence),
        Err(error) => (false, error.to_string()),
    }
}

/// Heals what is due at this moment, in reverse order.
pub(super) async fn heal(ground: &Ground, scribe: &Scribe, due: Heal) -> Result<(), JournalError> {
    for position in ground.faults.open().into_iter().rev() {
        if planned(ground, position).is_some_and(|planned| planned.heal == due) {
            heal_one(ground, scribe, position).await?;
        }
    }
    Ok(())
}

/// Heals everything that is still in place: the run is over.
pub(super) async fn heal_all(ground: &Ground, scribe: &Scribe) -> Result<(), JournalError> {
    for position in ground.faults.open().into_iter().rev() {
        heal_one(ground, scribe, position).await?;
    }
    Ok(())
}

async fn heal_one(ground: &Ground, scribe: &Scribe, position: usize) -> Result<(), JournalError> {
    let Some(planned) = planned(ground, position) else { return Ok(()) };
    let fault = number(position);
    scribe.note(&Event::HealIntended { fault })?;
    let done = match &planned.fault {
        Fault::Database { service, fault } => {
            ground.database(service).heal(fault, LIMIT).await.map(|()| String::new())
        }
        fault => faults::heal(&*ground.stage, fault, LIMIT).await.map_err(|error| error.to_string()),
    };
    let (healed, evidence) = match done {
        Ok(seen) => (true, undone(planned, &seen)),
        Err(error) => (false, error),
    };
    ground.faults.remove(position);
    scribe.note(&Event::Healed { fault, healed, evidence })
}

fn undone(planned: &PlannedFault, seen: &str) -> String {
    let undone = format!("{} is undone", planned.fault.word());
    if seen.is_empty() { undone } else { format!("{undone}; at its end: {seen}") }
}

fn planned(ground: &Ground, position: usize) -> Option<&PlannedFault> {
    ground.plan.failure.as_ref()?.faults.get(position)
}

/// A fault's position as the journal counts it.
pub(super) fn number(position: usize) -> u32 {
    u32::try_from(position).unwrap_or(u32::MAX)
}

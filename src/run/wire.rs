//! An operation's conversations with what it calls, seen and held by gateways.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;

use super::operation::Arrival;
use super::walk::Ground;
use crate::gateway::control::{Conversed, Count, Mark, Order, Report};
use crate::journal::Event;
use crate::journal::event::{Completed, Operation};
use crate::plan::model::{Action, Gateway, Step};
use crate::stage::{self, StageError};

/// How long a conversation may be held: as long as any fault takes to be seen.
const HELD: Duration = Duration::from_secs(120);

/// The most asks of one step that reach the journal; the count goes on.
const SHOWN: usize = 5_000;

/// The gateways that a step calls through, listened to from before its beginning.
pub(super) struct Ears {
    listened: Vec<(String, Arc<dyn stage::Gateway>, UnboundedReceiver<Report>)>,
}

impl Ears {
    /// Counts begin again: the step is about to start.
    pub(super) async fn of(ground: &Ground, step: &Step) -> Result<Self, StageError> {
        let mut listened = Vec::new();
        for (service, wanted) in ground.plan.gateways.iter().filter(|(_, gateway)| gateway.leads(step)) {
            let Some(gateway) = ground.stage.gateway(service) else { continue };
            let reports = gateway.listen();
            let apart = apart(ground, wanted, step).await?;
            gateway.order(Order::Begin { record: true, apart }).await?;
            listened.push((service.clone(), gateway, reports));
        }
        Ok(Self { listened })
    }

    /// What was heard, when the step is over.
    pub(super) async fn events(self, operation: Operation, step: u32) -> Vec<Event> {
        let mut events = Vec::new();
        for (service, gateway, mut reports) in self.listened {
            let counts = match gateway.order(Order::Count).await {
                Ok(done) => done.counts,
                // What was heard is not all: nothing may be concluded from what is missing.
                Err(error) => {
                    let (message, evidence) = (error.to_string(), error.evidence);
                    events.push(Event::Trouble { message, evidence });
                    Vec::new()
                }
            };
            let none = || Count { service: service.clone(), ..Count::default() };
            let count = counts.into_iter().find(|count| count.service == service).unwrap_or_else(none);
            let mut heard = Heard::default();
            while let Ok(report) = reports.try_recv() {
                heard.take(report);
            }
            let Heard { asks, notes, .. } = heard;
            events.push(Event::Conversed { operation, step, count, asks, notes });
        }
        events
    }
}

/// The addresses of services that were deployed before this step, and go about their own business.
async fn apart(ground: &Ground, gateway: &Gateway, step: &Step) -> Result<BTreeSet<IpAddr>, StageError> {
    let own = match &step.action {
        Action::Run { service, .. } | Action::Exec { service, .. } => Some(service),
        Action::Deploy(deploy) => Some(&deploy.service),
        _ => None,
    };
    let mut apart = BTreeSet::new();
    for service in gateway.deployed.iter().filter(|service| Some(*service) != own) {
        let instances = ground.stage.instances(service).await?;
        apart.extend(instances.into_iter().flat_map(|instance| instance.addresses));
    }
    Ok(apart)
}

/// Asks and their answers, put together.
#[derive(Default)]
struct Heard {
    asks: Vec<Conversed>,
    /// The place of an ask by its number on the wire.
    places: BTreeMap<u64, usize>,
    notes: Vec<String>,
}

impl Heard {
    fn take(&mut self, report: Report) {
        match report {
            Report::Asked(asked) if self.asks.len() < SHOWN => {
                self.places.insert(asked.number, self.asks.len());
                let (connection, asked_us) = (asked.connection, asked.at_us);
                self.asks.push(Conversed { connection, asked_us, ask: asked.ask, answer: None });
            }
            Report::Answered(answered) => {
                let place = self.places.get(&answered.number);
                if let Some(conversed) = place.and_then(|place| self.asks.get_mut(*place)) {
                    conversed.answer = Some(answered.answer);
                }
            }
            Report::Note(note) | Report::Untold(note) | Report::Missed(note) => self.notes.push(note),
            Report::Asked(_)
            | Report::Calling(_)
            | Report::Called(_)
            | Report::Held(_)
            | Report::Ready
            | Report::Done { .. }
            | Report::Failed { .. } => {}
        }
    }
}

/// A mark that a gateway looks for.
pub(super) struct Hold {
    gateway: Arc<dyn stage::Gateway>,
}

impl Hold {
    /// The step is about to start: from now on the gateway looks for the mark.
    pub(super) async fn at(ground: &Ground, mark: &Mark) -> Result<Self, String> {
        let none = || format!("there is no gateway in front of {}", mark.service);
        let gateway = ground.stage.gateway(&mark.service).ok_or_else(none)?;
        let within_ms = crate::millis::of(HELD);
        let order = Order::Hold { mark: mark.clone(), within_ms };
        gateway.order(order).await.map_err(|error| error.to_string())?;
        Ok(Self { gateway })
    }

    /// Waits until a conversation is held there.
    pub(super) async fn reached(&self, steps: u32) -> Result<Arrival, String> {
        let held = self.gateway.held().await?;
        let statements = u32::try_from(held.count.answers).unwrap_or(u32::MAX);
        let text = crate::sql::fingerprint(&held.text);
        Ok(Arrival { completed: Completed { steps, statements }, text })
    }

    /// What is held goes on.
    pub(super) async fn release(&self) {
        // A gateway that is gone holds nothing.
        let _ = self.gateway.order(Order::Release).await;
    }

    /// What is held back is never sent, and its connection is reset.
    pub(super) async fn sever(&self) {
        let _ = self.gateway.order(Order::Sever).await;
    }
}

//! Calls to the outside, heard from the gateways in front of it: who was called while which step was under
//! way, from before the change to the end of the run.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;
use tokio::sync::mpsc::UnboundedReceiver;

use super::scribe::Scribe;
use super::walk::Ground;
use crate::gateway::control::{Order, Report};
use crate::journal::event::{Operation, OutsideCall};
use crate::journal::{Event, JournalError};
use crate::stage::{Gateway, StageError};

/// How long calls that are under way at the end may take to be answered.
const ANSWER: Duration = Duration::from_secs(5);

/// The most calls to one host that reach the journal.
const MOST: usize = 5_000;

/// Listens to the outside of one run.
#[derive(Default)]
pub(super) struct Outside {
    ears: Mutex<Vec<Ear>>,
}

impl Outside {
    /// From here on calls count.
    pub(super) async fn open(&self, ground: &Ground) -> Result<(), StageError> {
        let mut ears = Vec::new();
        for host in &ground.plan.outside {
            let Some(gateway) = ground.stage.gateway(&host.service) else { continue };
            let mut reports = gateway.calls();
            gateway.order(Order::Count).await?;
            // What was said before that order was carried out is of the time before.
            while reports.try_recv().is_ok() {}
            ears.push(Ear::new(host.service.clone(), gateway, reports));
        }
        *self.ears.lock().await = ears;
        Ok(())
    }

    /// Notes what has ended; what has begun since the last time began during this step.
    pub(super) async fn hear(
        &self,
        scribe: &Scribe,
        during: Option<(Operation, u32)>,
    ) -> Result<(), JournalError> {
        for ear in self.ears.lock().await.iter_mut() {
            ear.listen(scribe, during).await?;
            ear.note(scribe, false)?;
        }
        Ok(())
    }

    /// Notes everything, once nothing is under way any more or its time is over: nobody answers then.
    pub(super) async fn end(&self, scribe: &Scribe) -> Result<(), JournalError> {
        let deadline = Instant::now() + ANSWER;
        for mut ear in self.ears.lock().await.drain(..) {
            ear.listen(scribe, None).await?;
            while !ear.open.is_empty() {
                match tokio::time::timeout_at(deadline.into(), ear.reports.recv()).await {
                    Ok(Some(report)) => ear.take(report, None),
                    Ok(None) | Err(_) => break,
                }
            }
            ear.give_up();
            ear.note(scribe, true)?;
        }
        Ok(())
    }
}

/// What is heard of one host.
struct Ear {
    service: String,
    gateway: Arc<dyn Gateway>,
    reports: UnboundedReceiver<Report>,
    /// Calls that have not ended, by number.
    open: BTreeMap<u64, OutsideCall>,
    ended: Vec<OutsideCall>,
    notes: Vec<String>,
    begun: usize,
}

impl Ear {
    fn new(service: String, gateway: Arc<dyn Gateway>, reports: UnboundedReceiver<Report>) -> Self {
        let (open, ended, notes) = (BTreeMap::new(), Vec::new(), Vec::new());
        Self { service, gateway, reports, open, ended, notes, begun: 0 }
    }

    /// Takes in what was said so far.
    async fn listen(
        &mut self,
        scribe: &Scribe,
        during: Option<(Operation, u32)>,
    ) -> Result<(), JournalError> {
        // When an order is carried out, everything that was said before it is here.
        if let Err(error) = self.gateway.order(Order::Count).await {
            scribe.note(&Event::Trouble { message: error.to_string(), evidence: error.evidence })?;
        }
        while let Ok(report) = self.reports.try_recv() {
            self.take(report, during);
        }
        Ok(())
    }

    fn take(&mut self, report: Report, during: Option<(Operation, u32)>) {
        match report {
            Report::Calling(call) => {
                self.begun += 1;
                if self.begun <= MOST {
                    let ended = OutsideCall { during, call, content: None, status: None };
                    self.open.insert(ended.call.number, ended);
                } else if self.begun == MOST + 1 {
                    self.notes.push(format!("after {MOST} calls no more are looked at"));
                }
            }
            Report::Called(called) => {
                if let Some(mut call) = self.open.remove(&called.number) {
                    (call.content, call.status) = (called.content, called.status);
                    self.ended.push(call);
                }
            }
            Report::Untold(why) => self.notes.push(why),
            // A host that cannot be reached was not called.
            Report::Note(_)
            | Report::Asked(_)
            | Report::Answered(_)
            | Report::Missed(_)
            | Report::Held(_)
            | Report::Ready
            | Report::Done { .. }
            | Report::Failed { .. } => {}
        }
    }

    /// What is still open has no answer.
    fn give_up(&mut self) {
        self.ended.extend(std::mem::take(&mut self.open).into_values());
    }

    fn note(&mut self, scribe: &Scribe, last: bool) -> Result<(), JournalError> {
        if self.ended.is_empty() && self.notes.is_empty() && !last {
            return Ok(());
        }
        let (calls, notes) = (std::mem::take(&mut self.ended), std::mem::take(&mut self.notes));
        scribe.note(&Event::Outside { service: self.service.clone(), calls, notes, last })
    }
}

//! A sweep: one run per point, on one lane or several.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::watch;

use super::drill::{Doubts, Ended, FORCED, stopped};
use super::fault;
use super::lane::{Lane, Site};
use super::scribe::Scribe;
use super::walk::{self, Halt};
use crate::journal::event::{Operation, RunKind};
use crate::journal::{Event, JournalError, Record, Writer};
use crate::plan::Plan;
use crate::plan::model::Sweep;
use crate::sweep::{self, Case, Recorded, Survey, Swept, Tried};

/// Everything that a sweep needs besides its cases.
pub(super) struct Sweeper<'a> {
    pub(super) site: Site,
    pub(super) writer: Arc<Writer>,
    pub(super) stop: watch::Receiver<Option<String>>,
    /// The number of the last run.
    pub(super) runs: &'a AtomicU32,
    pub(super) lanes: u32,
    pub(super) doubts: Option<Doubts>,
}

/// What the cases are taken from, and how long the longest took.
struct Queue {
    cases: Mutex<VecDeque<Case>>,
    longest: Mutex<Duration>,
}

impl Queue {
    fn next(&self) -> Option<Case> {
        self.cases.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    fn took(&self, window: Duration) {
        let mut longest = self.longest.lock().unwrap_or_else(PoisonError::into_inner);
        *longest = longest.max(window);
    }
}

/// How a run on a lane ended.
enum Walked {
    Done(Duration),
    Stopped,
}

/// Lists the points of a scenario from the recording that its finished run is.
pub(super) fn survey(writer: &Writer, plan: &Plan, sweep: Sweep) -> Survey {
    let records = writer.as_heard();
    let recorded = recorded(&records, &plan.path);
    sweep::survey(plan, &recorded, sweep.exhaustive)
}

/// What was heard on the wire in the last finished run of a scenario.
fn recorded<'r>(records: &'r [Record], path: &str) -> Vec<Recorded<'r>> {
    let conversed = finished(records, path).filter_map(|record| {
        let Event::Conversed { operation, step, count, asks, .. } = &record.event else { return None };
        let operation = match operation {
            Operation::Change => Swept::Change,
            Operation::Rollback => Swept::Rollback,
            Operation::Seed
            | Operation::Breaking
            | Operation::Precheck
            | Operation::Reference
            | Operation::ChangeAgain
            | Operation::RollbackAgain => return None,
        };
        let is_cut = count.asks > asks.len() as u64;
        Some(Recorded { operation, step: *step, service: &count.service, asks, is_cut })
    });
    conversed.collect()
}

/// The records of the last finished run of a scenario.
fn finished<'r>(records: &'r [Record], path: &str) -> impl Iterator<Item = &'r Record> {
    let is_finished = |record: &&Record| matches!(&record.event, Event::RunStarted { scenario, kind: RunKind::Finished, .. } if scenario == path);
    let run = records.iter().rev().find(is_finished).and_then(|record| record.run);
    records.iter().filter(move |record| run.is_some() && record.run == run)
}

impl Sweeper<'_> {
    /// Tries every case, then shows on a lane that nothing is left of them.
    pub(super) async fn sweep(&self, cases: Vec<Case>, at_least: Duration) -> Result<Ended, JournalError> {
        let lanes = self.lanes.clamp(1, u32::try_from(cases.len()).unwrap_or(u32::MAX).max(1));
        let queue = Queue { cases: Mutex::new(cases.into()), longest: Mutex::new(at_least) };
        self.site.seeded.expect(lanes);
        let walked = join_all((0..lanes).map(|number| self.lane(&queue, number == 0))).await;
        for ended in walked {
            if ended? == Ended::Stopped {
                return Ok(Ended::Stopped);
            }
        }
        Ok(Ended::Complete)
    }

    async fn lane(&self, queue: &Queue, is_first: bool) -> Result<Ended, JournalError> {
        let (run, scribe) = self.begin(RunKind::Lane, None)?;
        let mut lane = Lane::new(self.site.clone(), run, scribe);
        let ended = self.cases(&mut lane, queue, is_first).await;
        let closing = lane.close();
        let left = match &ended {
            Ok(Ended::Complete) => closing.await,
            // Somebody is waiting; what is not gone in time is left to the next start.
            Ok(Ended::Stopped) | Err(_) => tokio::time::timeout(FORCED, closing).await.unwrap_or_default(),
        };
        lane.end(&left)?;
        ended
    }

    async fn cases(&self, lane: &mut Lane, queue: &Queue, shows: bool) -> Result<Ended, JournalError> {
        while let Some(case) = queue.next() {
            let mut anew = false;
            loop {
                let (run, walked) = self.one(lane, Some(&case), Duration::ZERO, anew).await?;
                match walked {
                    Walked::Stopped => return Ok(Ended::Stopped),
                    Walked::Done(window) => queue.took(window),
                }
                // What failed is looked at once more on a stage that was built anew.
                let is_doubted = self.doubts.as_ref().is_some_and(|doubts| doubts.about(run));
                if anew || !is_doubted {
                    break;
                }
                anew = true;
            }
        }
        if !shows {
            return Ok(Ended::Complete);
        }
        let longest = *queue.longest.lock().unwrap_or_else(PoisonError::into_inner);
        match self.one(lane, None, longest, false).await?.1 {
            Walked::Stopped => Ok(Ended::Stopped),
            Walked::Done(_) => Ok(Ended::Complete),
        }
    }

    fn begin(&self, kind: RunKind, case: Option<&Case>) -> Result<(u32, Scribe), JournalError> {
        let run = self.runs.fetch_add(1, Ordering::Relaxed) + 1;
        let scribe = Scribe::new(Arc::clone(&self.writer), Some(run));
        let (scenario, case) = (self.site.plan.path.clone(), case.cloned().map(Box::new));
        scribe.note(&Event::RunStarted { scenario, kind, case, precheck: None, twin: None })?;
        Ok((run, scribe))
    }

    /// One run on a lane: a case, or nothing at all.
    async fn one(
        &self,
        lane: &mut Lane,
        case: Option<&Case>,
        at_least: Duration,
        anew: bool,
    ) -> Result<(u32, Walked), JournalError> {
        let kind = match case.map(|case| case.tried) {
            Some(Tried::Point(_)) => RunKind::Interrupted,
            Some(Tried::Again) => RunKind::Again,
            None => RunKind::Idle,
        };
        let (run, scribe) = self.begin(kind, case)?;
        let mut stop = self.stop.clone();
        let prepared = tokio::select! {
            biased;
            () = stopped(&mut stop) => return Ok((run, Walked::Stopped)),
            prepared = lane.prepare(&scribe, anew) => prepared,
        };
        match prepared {
            Ok(()) => {}
            Err(Halt::Journal(error)) => return Err(error),
            Err(Halt::Trouble) => {
                let message = "its stage could not be made; the lane says why".to_owned();
                scribe.note(&Event::Trouble { message, evidence: Vec::new() })?;
                scribe.note(&Event::RunEnded { left: Vec::new() })?;
                return Ok((run, Walked::Done(Duration::ZERO)));
            }
        }
        let plan = match case {
            Some(case) => {
                let failure = Some(case.failure.clone());
                Arc::new(Plan { failure, ..(*self.site.plan).clone() })
            }
            None => Arc::clone(&self.site.plan),
        };
        let Some((ground, before)) = lane.ground(&plan, run) else { return Ok((run, Walked::Stopped)) };
        let walked = tokio::select! {
            biased;
            () = stopped(&mut stop) => None,
            walked = walk::walk_on(&ground, &scribe, case, &before, at_least) => Some(walked),
        };
        fault::heal_all(&ground, &scribe).await?;
        super::capture::forget(&ground);
        let walked = match walked {
            None => Walked::Stopped,
            Some(Ok(window)) => Walked::Done(window),
            Some(Err(Halt::Trouble)) => Walked::Done(Duration::ZERO),
            Some(Err(Halt::Journal(error))) => return Err(error),
        };
        scribe.note(&Event::RunEnded { left: Vec::new() })?;
        Ok((run, walked))
    }
}

//! A drill: its scenarios, their runs, and what happens when somebody stops it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::fault;
use super::scribe::Scribe;
use super::walk::{self, Ground, Halt};
use super::world::{Images, World};
use crate::journal::event::RunKind;
use crate::journal::{Event, JournalError, Writer};
use crate::plan::model::{DrillPlan, Plan, Reference, Step};
use crate::stage::StageError;

/// How long removing everything may take after a signal (S21).
const FORCED: Duration = Duration::from_secs(8);

/// How a drill is run.
#[derive(Debug, Clone)]
pub struct Options {
    /// Leaves the stage of the last judged run standing.
    pub keep: bool,
    /// A folder for rows that are kept while a run lasts.
    pub work: PathBuf,
}

/// How a drill ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// All runs were made.
    Complete,
    /// It was stopped.
    Stopped,
}

/// Runs every scenario of a drill. `stop` turns to the name of a signal when somebody stops it.
///
/// # Errors
/// Only when the journal cannot be written; everything else is in it.
pub async fn drill(
    world: Arc<dyn World>,
    plan: &DrillPlan,
    writer: Arc<Writer>,
    stop: watch::Receiver<Option<String>>,
    options: &Options,
) -> Result<Ended, JournalError> {
    let mut drill = Drill { world, writer, stop, options, control: plan.control, run: 0 };
    for entry in &plan.scenarios {
        if drill.scenario(&Arc::new(entry.plan.clone())).await? == Ended::Stopped {
            return Ok(Ended::Stopped);
        }
    }
    Ok(Ended::Complete)
}

/// The steps of the plan's `as_after` reference.
pub(super) fn reference_steps(plan: &Plan) -> Vec<Step> {
    let after = plan.expect.states.values().find_map(|state| match &state.reference {
        Reference::After(steps) => Some(steps.clone()),
        Reference::Before | Reference::Exact | Reference::Any(_) => None,
    });
    after.unwrap_or_default()
}

struct Drill<'a> {
    world: Arc<dyn World>,
    writer: Arc<Writer>,
    stop: watch::Receiver<Option<String>>,
    options: &'a Options,
    control: bool,
    run: u32,
}

impl Drill<'_> {
    async fn scenario(&mut self, plan: &Arc<Plan>) -> Result<Ended, JournalError> {
        let mut stop = self.stop.clone();
        let images = tokio::select! {
            images = self.world.images(plan) => images,
            () = stopped(&mut stop) => return self.note_stop(),
        };
        let images = match images {
            Ok((images, resolved)) => {
                for image in resolved {
                    Scribe::new(Arc::clone(&self.writer), None).note(&Event::Image {
                        scenario: plan.path.clone(),
                        name: image.name,
                        id: image.id,
                        repo_digest: image.repo_digest,
                        built: image.built,
                    })?;
                }
                images
            }
            Err(error) => return self.without_images(plan, &error),
        };
        let mut longest = Duration::ZERO;
        for kind in self.kinds(plan) {
            match self.one(plan, &images, kind, longest).await? {
                Some(window) => longest = longest.max(window),
                None => return Ok(Ended::Stopped),
            }
        }
        Ok(Ended::Complete)
    }

    /// The idle run comes last: it must be as long as the longest of the others.
    fn kinds(&self, plan: &Plan) -> Vec<RunKind> {
        let mut kinds = Vec::new();
        if !reference_steps(plan).is_empty() {
            kinds.push(RunKind::Reference);
        }
        if self.control {
            kinds.push(RunKind::Control);
        }
        kinds.push(RunKind::Finished);
        if plan.failure.is_some() {
            kinds.push(RunKind::Interrupted);
        }
        kinds.push(RunKind::Idle);
        kinds
    }

    fn without_images(&mut self, plan: &Plan, error: &StageError) -> Result<Ended, JournalError> {
        self.run += 1;
        let scribe = Scribe::new(Arc::clone(&self.writer), Some(self.run));
        scribe.note(&Event::RunStarted { scenario: plan.path.clone(), kind: RunKind::Finished })?;
        give_up(&scribe, error)?;
        Ok(Ended::Complete)
    }

    fn note_stop(&self) -> Result<Ended, JournalError> {
        let name = self.stop.borrow().clone().unwrap_or_default();
        Scribe::new(Arc::clone(&self.writer), None).note(&Event::Signal { name })?;
        Ok(Ended::Stopped)
    }

    /// One run with its clean-up; none when it was stopped.
    async fn one(
        &mut self,
        plan: &Arc<Plan>,
        images: &Images,
        kind: RunKind,
        at_least: Duration,
    ) -> Result<Option<Duration>, JournalError> {
        self.run += 1;
        let scribe = Scribe::new(Arc::clone(&self.writer), Some(self.run));
        scribe.note(&Event::RunStarted { scenario: plan.path.clone(), kind })?;
        let ground = match self.ground(plan, images, &scribe) {
            Ok(ground) => ground,
            Err(error) => {
                give_up(&scribe, &error)?;
                return Ok(Some(Duration::ZERO));
            }
        };
        let mut stop = self.stop.clone();
        let walked = tokio::select! {
            biased;
            () = stopped(&mut stop) => None,
            walked = walk::walk(&ground, &scribe, kind, at_least) => Some(walked),
        };
        let ended = match walked {
            None => {
                self.note_stop()?;
                return self.force_down(&ground, &scribe).await;
            }
            Some(Ok(window)) => window,
            Some(Err(Halt::Trouble)) => Duration::ZERO,
            Some(Err(Halt::Journal(error))) => {
                let _ = fault::heal_all(&ground, &scribe).await;
                ground.stage.down().await;
                return Err(error);
            }
        };
        fault::heal_all(&ground, &scribe).await?;
        self.take_down(&ground, &scribe, kind).await?;
        Ok(Some(ended))
    }

    /// Somebody is waiting: faults are healed first, then everything is removed, and what is not gone in
    /// time is left to the next start.
    async fn force_down(&self, ground: &Ground, scribe: &Scribe) -> Result<Option<Duration>, JournalError> {
        let removal = async {
            fault::heal_all(ground, scribe).await?;
            Ok(ground.stage.down().await)
        };
        let left = match tokio::time::timeout(FORCED, removal).await {
            Ok(left) => left?.iter().map(ToString::to_string).collect(),
            Err(_) => vec![format!(
                "not everything was removed within {} s; `backout clean` does",
                FORCED.as_secs()
            )],
        };
        scribe.note(&Event::RunEnded { left })?;
        Ok(None)
    }

    fn ground(&self, plan: &Arc<Plan>, images: &Images, scribe: &Scribe) -> Result<Ground, StageError> {
        let stage = self.world.stage(plan, images, self.run, Arc::new(scribe.clone()))?;
        let stores = plan.databases.values().map(|database| {
            let store = self.world.store(Arc::clone(&stage), database, plan, self.options.work.clone());
            (database.service.clone(), store)
        });
        let stores = stores.collect();
        Ok(Ground::new(self.run, Arc::clone(plan), images.clone(), stage, Arc::clone(&self.world), stores))
    }

    async fn take_down(&self, ground: &Ground, scribe: &Scribe, kind: RunKind) -> Result<(), JournalError> {
        let kept = if ground.plan.failure.is_some() { RunKind::Interrupted } else { RunKind::Finished };
        if self.options.keep && kind == kept {
            let addresses = self.addresses(ground).await;
            scribe.note(&Event::Kept { addresses })?;
            return scribe.note(&Event::RunEnded { left: Vec::new() });
        }
        let left = ground.stage.down().await;
        scribe.note(&Event::RunEnded { left: left.iter().map(ToString::to_string).collect() })
    }

    async fn addresses(&self, ground: &Ground) -> Vec<String> {
        let mut addresses = Vec::new();
        for (service, ports) in &ground.plan.reach {
            for port in ports {
                if let Ok(address) = ground.stage.address(service, *port).await {
                    addresses.push(format!("{service}:{port} at {address}"));
                }
            }
        }
        addresses
    }
}

/// Notes why a run cannot be made.
fn give_up(scribe: &Scribe, error: &StageError) -> Result<(), JournalError> {
    scribe.note(&Event::Trouble { message: error.to_string(), evidence: error.evidence.clone() })?;
    scribe.note(&Event::RunEnded { left: Vec::new() })
}

/// Returns when the drill is to be stopped.
async fn stopped(stop: &mut watch::Receiver<Option<String>>) {
    if stop.wait_for(Option::is_some).await.is_err() {
        // Nobody is left who could stop it.
        std::future::pending::<()>().await;
    }
}

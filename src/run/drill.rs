//! A drill: its scenarios, their runs, and what happens when somebody stops it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::sync::watch;

use super::done::Done;
use super::fault;
use super::lane::Site;
use super::scribe::Scribe;
use super::seeded::{self, Seeded};
use super::sweep::Sweeper;
use super::walk::{self, Aim, Due, Ground, Halt};
use super::world::{Images, World};
use crate::journal::event::RunKind;
use crate::journal::{Event, JournalError, Record, Writer};
use crate::plan::model::{DrillPlan, Plan, Sweep};
use crate::stage::StageError;

/// How long removing everything may take after a signal (S21).
pub(super) const FORCED: Duration = Duration::from_secs(8);

/// How a drill is run.
#[derive(Debug, Clone)]
pub struct Options {
    /// Leaves the stage of the last judged run standing.
    pub keep: bool,
    /// A folder for rows that are kept while a run lasts.
    pub work: PathBuf,
    /// Whether a run of a sweep is to be looked at once more; without it none is.
    pub doubts: Option<Doubts>,
    /// The records of an earlier invocation that is gone on with: its whole runs are not repeated.
    pub earlier: Vec<Record>,
    /// Only records what points there are: no run but the finished one.
    pub survey: bool,
}

/// Says of a run of a sweep that is over, by its number, whether it is to be looked at once more. A second
/// look is asked about too, and has no third.
#[derive(Clone)]
pub struct Doubts(pub Arc<dyn Fn(u32) -> bool + Send + Sync>);

impl Doubts {
    pub(super) fn about(&self, run: u32) -> bool {
        (self.0)(run)
    }
}

impl std::fmt::Debug for Doubts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Doubts")
    }
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
    let (control, lanes, run) = (plan.control, plan.lanes, last(&options.earlier));
    let mut drill = Drill { world, writer, stop, options, control, lanes, run, seeded: None };
    let ended = drill.scenarios(plan).await;
    let discarded = drill.discard().await;
    let ended = ended?;
    discarded?;
    Ok(ended)
}

/// The number of the last run.
fn last(records: &[Record]) -> u32 {
    records.iter().filter_map(|record| record.run).max().unwrap_or_default()
}

/// Does not let somebody wait who has stopped the drill: what is not done in time, in words.
async fn within_forced<T>(removal: impl Future<Output = T>) -> Result<T, String> {
    let late = || format!("not everything was removed within {} s; `backout clean` does", FORCED.as_secs());
    tokio::time::timeout(FORCED, removal).await.map_err(|_| late())
}

fn count(due: &[Due]) -> u32 {
    u32::try_from(due.len()).unwrap_or(u32::MAX)
}

struct Drill<'a> {
    world: Arc<dyn World>,
    writer: Arc<Writer>,
    stop: watch::Receiver<Option<String>>,
    options: &'a Options,
    control: bool,
    lanes: u32,
    run: u32,
    /// What the stages of the last scenario began on.
    seeded: Option<Arc<Seeded>>,
}

impl Drill<'_> {
    async fn scenarios(&mut self, plan: &DrillPlan) -> Result<Ended, JournalError> {
        for entry in &plan.scenarios {
            if self.scenario(&Arc::new(entry.plan.clone()), entry.sweep).await? == Ended::Stopped {
                return Ok(Ended::Stopped);
            }
        }
        Ok(Ended::Complete)
    }

    /// What the stages of a scenario begin on: what those of the one before began on, where both are made and
    /// seeded in the same way.
    async fn seeded(&mut self, plan: &Plan, images: &Images) -> Result<Arc<Seeded>, JournalError> {
        let of = seeded::digest(plan, images);
        if let Some(seeded) = self.seeded.as_ref().filter(|seeded| seeded.of() == of) {
            return Ok(Arc::clone(seeded));
        }
        self.discard().await?;
        let seeded = Arc::new(Seeded::new(of));
        self.seeded = Some(Arc::clone(&seeded));
        Ok(seeded)
    }

    /// Removes the copies that nobody begins on any more.
    async fn discard(&mut self) -> Result<(), JournalError> {
        let Some(seeded) = self.seeded.take() else { return Ok(()) };
        let Some((run, keeper)) = seeded.withdraw() else { return Ok(()) };
        let left = if self.stop.borrow().is_some() {
            within_forced(keeper.discard()).await
        } else {
            Ok(keeper.discard().await)
        };
        let left = left.map_or_else(|late| vec![late], |left| left.iter().map(ToString::to_string).collect());
        Scribe::new(Arc::clone(&self.writer), Some(run)).note(&Event::Discarded { left })
    }

    async fn scenario(&mut self, plan: &Arc<Plan>, sweep: Option<Sweep>) -> Result<Ended, JournalError> {
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
        let done = Done::of(&self.options.earlier, &plan.path);
        let due = self.due(plan, sweep.is_some()).into_iter().filter(|due| !done.has(*due));
        let due: Vec<Due> = due.collect();
        let (world, work) = (Arc::clone(&self.world), self.options.work.clone());
        let seeded = self.seeded(plan, &images).await?;
        let site = Site { world, plan: Arc::clone(plan), images, seeded, work };
        let lanes = if sweep.is_some() && !self.options.survey { self.lanes } else { 0 };
        site.seeded.expect(count(&due) + lanes);
        for due in due {
            let is_swept = sweep.is_some() && !self.options.survey;
            let accounts = sweep.is_some() || !plan.gateways.is_empty();
            let aim = Aim { due, at_least: longest, is_swept, accounts };
            match self.one(&site, aim).await? {
                Some(window) => longest = longest.max(window),
                None => return Ok(Ended::Stopped),
            }
        }
        match sweep {
            Some(sweep) => self.sweep(site, sweep, longest, done).await,
            None => Ok(Ended::Complete),
        }
    }

    async fn sweep(
        &mut self,
        site: Site,
        sweep: Sweep,
        longest: Duration,
        mut done: Done,
    ) -> Result<Ended, JournalError> {
        let plan = &Arc::clone(&site.plan);
        let cases = match done.survey.take() {
            Some(survey) => {
                let doubts = self.options.doubts.as_ref();
                done.left(survey.cases, |run| doubts.is_some_and(|doubts| doubts.about(run)))
            }
            None => {
                let survey = super::sweep::survey(&self.writer, plan, sweep);
                let cases = survey.cases.clone();
                let surveyed = Event::Surveyed { scenario: plan.path.clone(), survey: Box::new(survey) };
                Scribe::new(Arc::clone(&self.writer), None).note(&surveyed)?;
                cases
            }
        };
        if cases.is_empty() && done.has(Due::of(RunKind::Idle)) {
            return Ok(Ended::Complete);
        }
        if self.options.survey {
            return Ok(Ended::Complete);
        }
        let runs = AtomicU32::new(self.run);
        let sweeper = Sweeper {
            site,
            writer: Arc::clone(&self.writer),
            stop: self.stop.clone(),
            runs: &runs,
            lanes: self.lanes,
            doubts: self.options.doubts.clone(),
        };
        let ended = sweeper.sweep(cases, longest).await?;
        self.run = runs.load(Ordering::Relaxed);
        if ended == Ended::Stopped {
            return self.note_stop();
        }
        Ok(ended)
    }

    /// The idle run comes last: it must be as long as the longest of the others. That of a sweep stands on
    /// a lane, after the cases.
    fn due(&self, plan: &Plan, sweeps: bool) -> Vec<Due> {
        if self.options.survey {
            return vec![Due::of(RunKind::Finished)];
        }
        let mut kinds = Vec::new();
        if self.control {
            kinds.push(RunKind::Control);
        }
        kinds.push(RunKind::Finished);
        if plan.failure.is_some() {
            kinds.push(RunKind::Interrupted);
        }
        let prechecks = plan.forward_only.as_ref().map_or(&[][..], |it| &it.prechecks);
        let broken = (0..).zip(prechecks).map(|(at, _)| Due::precheck(at));
        let twins = (0..).zip(plan.expect.twins()).map(|(at, _)| Due::twin(at));
        let idle = (!sweeps).then_some(Due::of(RunKind::Idle));
        twins.chain(kinds.into_iter().map(Due::of)).chain(broken).chain(idle).collect()
    }

    fn without_images(&mut self, plan: &Plan, error: &StageError) -> Result<Ended, JournalError> {
        self.run += 1;
        let scribe = Scribe::new(Arc::clone(&self.writer), Some(self.run));
        scribe.note(&Event::RunStarted {
            scenario: plan.path.clone(),
            kind: RunKind::Finished,
            case: None,
            precheck: None,
            twin: None,
        })?;
        give_up(&scribe, error)?;
        Ok(Ended::Complete)
    }

    fn note_stop(&self) -> Result<Ended, JournalError> {
        let name = self.stop.borrow().clone().unwrap_or_default();
        Scribe::new(Arc::clone(&self.writer), None).note(&Event::Signal { name })?;
        Ok(Ended::Stopped)
    }

    /// One run with its clean-up; none when it was stopped.
    async fn one(&mut self, site: &Site, aim: Aim) -> Result<Option<Duration>, JournalError> {
        let (plan, Due { kind, precheck, twin }) = (&site.plan, aim.due);
        self.run += 1;
        let scribe = Scribe::new(Arc::clone(&self.writer), Some(self.run));
        scribe.note(&Event::RunStarted { scenario: plan.path.clone(), kind, case: None, precheck, twin })?;
        let ground = match site.ground(plan, self.run, &scribe) {
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
            walked = walk::walk(&ground, &scribe, &site.seeded, aim) => Some(walked),
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
        let left = match within_forced(removal).await {
            Ok(left) => left?.iter().map(ToString::to_string).collect(),
            Err(late) => vec![late],
        };
        scribe.note(&Event::RunEnded { left })?;
        Ok(None)
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
pub(super) async fn stopped(stop: &mut watch::Receiver<Option<String>>) {
    if stop.wait_for(Option::is_some).await.is_err() {
        // Nobody is left who could stop it.
        std::future::pending::<()>().await;
    }
}

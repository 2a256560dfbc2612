//! One run from an empty engine to an empty engine: bring up, seed, capture, change, break, roll
//! back, capture, look, remove.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::sync::broadcast;

use super::capture::{self, Taken};
use super::fact;
use super::fault::{self, Book, number};
use super::interrupt::{Interrupt, Ongoing};
use super::operation::{Conduct, Held, Outcome, operation};
use super::point;
use super::scribe::Scribe;
use super::world::{Images, Store, World};
use crate::journal::event::{Ending, Moment, Operation, RunKind};
use crate::journal::{Event, JournalError};
use crate::plan::Plan;
use crate::plan::model::{Fact, Failure, Fault, Heal, Step, When};
use crate::stage::{Health, Lines, Stage, StageError};

/// How long services may take to be as before, after the rollback.
const RECOVER: Duration = Duration::from_secs(30);

/// Everything one run stands on.
pub(super) struct Ground {
    pub(super) run: u32,
    pub(super) plan: Arc<Plan>,
    pub(super) images: Images,
    pub(super) stage: Arc<dyn Stage>,
    pub(super) world: Arc<dyn World>,
    pub(super) stores: BTreeMap<String, Arc<dyn Store>>,
    pub(super) faults: Book,
    sessions: Mutex<Vec<i32>>,
}

impl Ground {
    pub(super) fn new(
        run: u32,
        plan: Arc<Plan>,
        images: Images,
        stage: Arc<dyn Stage>,
        world: Arc<dyn World>,
        stores: BTreeMap<String, Arc<dyn Store>>,
    ) -> Self {
        let (faults, sessions) = (Book::default(), Mutex::default());
        Self { run, plan, images, stage, world, stores, faults, sessions }
    }

    /// An observed database; the plan has checked its name.
    pub(super) fn store(&self, name: &str) -> &Arc<dyn Store> {
        self.stores.get(name).expect("the plan names only observed databases")
    }

    /// An `sql` step opened this session.
    pub(super) fn opened(&self, session: i32) {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner).push(session);
    }

    fn opened_so_far(&self) -> Vec<i32> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Why a run ended early.
#[derive(Debug)]
pub(super) enum Halt {
    /// The journal cannot be written: nothing more may be done.
    Journal(JournalError),
    /// Noted in the journal.
    Trouble,
}

impl From<JournalError> for Halt {
    fn from(error: JournalError) -> Self {
        Self::Journal(error)
    }
}

/// One run, up to but without its clean-up. Returns how long its window was, from the first capture
/// to the last.
pub(super) async fn walk(
    ground: &Ground,
    scribe: &Scribe,
    kind: RunKind,
    at_least: Duration,
) -> Result<Duration, Halt> {
    let run = Walk { ground, scribe };
    run.bring_up().await?;
    let before = run.capture(Moment::Before, None).await?;
    let began = Instant::now();
    let lines = run.follow().await;
    match kind {
        RunKind::Idle => run.idle(at_least).await?,
        RunKind::Control => {
            run.operation(Operation::Change, &ground.plan.change).await?;
        }
        RunKind::Finished => {
            run.operation(Operation::Change, &ground.plan.change).await?;
            run.rollback().await?;
        }
        RunKind::Interrupted => {
            if let Some(failure) = &ground.plan.failure {
                run.interrupted(failure, &before).await?;
            }
        }
        RunKind::Reference => {
            let steps = super::drill::reference_steps(&ground.plan);
            run.operation(Operation::Reference, &steps).await?;
        }
    }
    run.recover(&before).await?;
    let after = run.capture(Moment::After, Some(&before)).await?;
    let window = began.elapsed();
    capture::compare(ground, scribe, (Moment::Before, &before), (Moment::After, &after)).await?;
    run.observe(lines).await?;
    Ok(window)
}

struct Walk<'a> {
    ground: &'a Ground,
    scribe: &'a Scribe,
}

impl Walk<'_> {
    async fn bring_up(&self) -> Result<(), Halt> {
        let plan = &self.ground.plan;
        if let Err(error) = self.ground.stage.up(plan.up_within).await {
            return self.trouble(&error);
        }
        self.scribe.note(&Event::StageUp)?;
        let seeded = self.operation(Operation::Seed, &plan.seed).await?;
        if seeded.ending == Ending::Ok {
            return Ok(());
        }
        let message = "the stage could not be seeded; the step that failed says why".to_owned();
        self.scribe.note(&Event::Trouble { message, evidence: Vec::new() })?;
        Err(Halt::Trouble)
    }

    fn trouble<T>(&self, error: &StageError) -> Result<T, Halt> {
        let evidence = error.evidence.clone();
        self.scribe.note(&Event::Trouble { message: error.to_string(), evidence })?;
        Err(Halt::Trouble)
    }

    async fn capture(&self, moment: Moment, before: Option<&Taken>) -> Result<Taken, Halt> {
        capture::take(self.ground, self.scribe, moment, before).await?.ok_or(Halt::Trouble)
    }

    /// Follows the services whose lines are expected; what they print before the change does not count.
    async fn follow(&self) -> BTreeMap<usize, Lines> {
        let mut followed = BTreeMap::new();
        for (position, expectation) in self.ground.plan.expect.facts.iter().enumerate() {
            if let Fact::Log { service, .. } = &expectation.fact
                && let Ok(lines) = self.ground.stage.follow(service).await
            {
                followed.insert(position, lines);
            }
        }
        followed
    }

    async fn operation(&self, which: Operation, steps: &[Step]) -> Result<Outcome, Halt> {
        self.unheld(&Interrupt::new(), which, steps).await
    }

    /// An operation that is held nowhere and can be ended from outside.
    async fn unheld(&self, interrupt: &Interrupt, which: Operation, steps: &[Step]) -> Result<Outcome, Halt> {
        let (lines, _) = broadcast::channel(1);
        let (ground, scribe, held) = (self.ground, self.scribe, &Held::nowhere());
        let conduct = Conduct { ground, scribe, interrupt, held, lines: &lines };
        Ok(operation(&conduct, which, steps).await?)
    }

    /// The same faults, injected and healed; and at least as long as the longest other run.
    async fn idle(&self, at_least: Duration) -> Result<(), Halt> {
        let began = Instant::now();
        let faults = self.ground.plan.failure.as_ref().map_or(&[][..], |failure| &failure.faults);
        for (position, planned) in faults.iter().enumerate() {
            if planned.fault == Fault::Abort {
                continue;
            }
            self.scribe.note(&Event::FaultIntended { fault: number(position) })?;
            let injected = fault::inject(self.ground, position).await;
            self.scribe.note(&injected.event(number(position), true))?;
        }
        fault::heal_all(self.ground, self.scribe).await?;
        // Nothing announces that enough time has passed for what moves by itself to move.
        tokio::time::sleep(at_least.saturating_sub(began.elapsed())).await;
        Ok(())
    }

    async fn interrupted(&self, failure: &Failure, before: &Taken) -> Result<(), Halt> {
        let known = self.sessions().await;
        point::interrupted(self.ground, self.scribe, failure).await?;
        let failed_at = Instant::now();
        fault::heal(self.ground, self.scribe, Heal::BeforeRollback).await?;
        self.settle(failure, &known).await?;
        capture::take(self.ground, self.scribe, Moment::Failed, Some(before)).await?;
        if self.triggered(failed_at).await? {
            self.rollback().await?;
        }
        fault::heal(self.ground, self.scribe, Heal::AfterRollback).await?;
        Ok(())
    }

    async fn sessions(&self) -> BTreeMap<String, Vec<i32>> {
        let mut known = BTreeMap::new();
        for (name, store) in &self.ground.stores {
            known.insert(name.clone(), store.sessions().await.unwrap_or_default());
        }
        known
    }

    /// Waits until the sessions of the interrupted operation have ended (S5).
    async fn settle(&self, failure: &Failure, known: &BTreeMap<String, Vec<i32>>) -> Result<(), Halt> {
        let Some(limit) = failure.settle_ms.map(Duration::from_millis) else { return Ok(()) };
        let deadline = Instant::now() + limit;
        let mut lingering = Vec::new();
        for (name, store) in &self.ground.stores {
            let healthy = Fact::Healthy { service: name.clone() };
            let left = deadline.saturating_duration_since(Instant::now());
            fact::within(self.ground, &healthy, None, left).await;
            let mut sessions = self.ground.opened_so_far();
            let known = known.get(name).map_or(&[][..], |known| known);
            match store.busy(known).await {
                Ok(busy) => sessions.extend(busy),
                // Who cannot be asked is not known to be gone.
                Err(error) => lingering.push(format!("{name}: {error}")),
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if let Err(still) = store.gone(&sessions, left).await {
                lingering.extend(still.into_iter().map(|session| format!("{name}: {session}")));
            }
        }
        Ok(self.scribe.note(&Event::Settled { gone: lingering.is_empty(), lingering })?)
    }

    /// Waits for what starts the rollback.
    async fn triggered(&self, failed_at: Instant) -> Result<bool, Halt> {
        let (happened, seen) = match &self.ground.plan.rollback.when {
            When::AtOnce => (true, "the failure itself".to_owned()),
            When::Facilitator => {
                let go = self
                    .ground
                    .world
                    .facilitator("the change has failed; roll back when you are ready")
                    .await;
                (go, if go { "the facilitator" } else { "nobody answered" }.to_owned())
            }
            When::Fact { fact, within_ms } => {
                let limit = Duration::from_millis(*within_ms);
                match tokio::time::timeout(limit, fact::hold(self.ground, fact)).await {
                    Ok(seen) => (seen.held == Some(true), seen.what),
                    Err(_) => (false, format!("it did not happen within {} s", limit.as_secs_f64())),
                }
            }
        };
        let took_ms = crate::millis::of(failed_at.elapsed());
        self.scribe.note(&Event::Triggered { happened, seen, took_ms })?;
        Ok(happened)
    }

    /// The rollback, killed when it is given up (S6).
    async fn rollback(&self) -> Result<(), Halt> {
        let rollback = &self.ground.plan.rollback;
        let interrupt = Interrupt::new();
        let mut ongoing = Ongoing::new(self.unheld(&interrupt, Operation::Rollback, &rollback.steps));
        if ongoing.until(tokio::time::sleep(rollback.within)).await.is_some() {
            self.scribe.note(&Event::RollbackLate)?;
            let rest = rollback.give_up.saturating_sub(rollback.within);
            if ongoing.until(tokio::time::sleep(rest)).await.is_some() {
                interrupt.now();
            }
        }
        ongoing.end().await?;
        Ok(())
    }

    /// Waits until each service is as well as it was before, or time is up.
    async fn recover(&self, before: &Taken) -> Result<(), Halt> {
        let deadline = Instant::now() + RECOVER;
        loop {
            let mut health = BTreeMap::new();
            for service in before.system.keys() {
                match self.ground.stage.health(service).await {
                    Ok(now) => health.insert(service.clone(), now),
                    Err(error) => return self.trouble(&error),
                };
            }
            let well = before.system.iter().all(|(service, was)| as_well(was.health, health[service]));
            if well || Instant::now() >= deadline {
                return Ok(self.scribe.note(&Event::Waited { health, well })?);
            }
            self.ground.stage.changed().await;
        }
    }

    /// Looks at every explicit expectation, all at once.
    async fn observe(&self, mut lines: BTreeMap<usize, Lines>) -> Result<(), Halt> {
        let facts = &self.ground.plan.expect.facts;
        let looks = facts.iter().enumerate().map(|(position, expectation)| {
            let lines = lines.remove(&position);
            async move {
                let began = Instant::now();
                let seen = fact::within(self.ground, &expectation.fact, lines, expectation.within).await;
                (position, seen, began.elapsed())
            }
        });
        for (position, seen, took) in join_all(looks).await {
            self.scribe.note(&Event::Observed {
                expectation: number(position),
                held: seen.held,
                seen: seen.what,
                took_ms: crate::millis::of(took),
            })?;
        }
        Ok(())
    }
}

fn as_well(was: Health, is: Health) -> bool {
    if was.is_well() { is.is_well() } else { is == was || is.is_well() }
}

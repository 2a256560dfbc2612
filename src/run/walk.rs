//! One run from an empty engine to an empty engine: bring up, seed, capture, change, break, roll
//! back, capture, look, remove.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::sync::broadcast;

use super::accounts::Accounts;
use super::always::Always;
use super::begin::{Use, begin};
use super::capture::{self, Taken};
use super::clients::Clients;
use super::fact;
use super::fault::{self, Book, number};
use super::interrupt::{Interrupt, Ongoing};
use super::operation::{Conduct, Held, Outcome, operation};
use super::outside::Outside;
use super::point;
use super::scribe::Scribe;
use super::seeded::Seeded;
use super::signs::Signs;
use super::world::{Database, Images, NOT_INSIDE, Store, World};
use crate::journal::event::{Ending, Moment, Operation, RunKind};
use crate::journal::{Event, JournalError};
use crate::plan::Plan;
use crate::plan::model::{Fact, Failure, Fault, Heal, Step, When};
use crate::stage::{Health, Lines, Stage, StageError};
use crate::sweep::{Case, Swept, Tried};

/// How long services may take to be as before, after the rollback.
const RECOVER: Duration = Duration::from_secs(30);

/// Why nothing takes the system back.
const NO_RECOVERY: &str = "no recovery is declared";

/// Between two looks at sessions at work.
const REST: Duration = Duration::from_millis(20);
/// What is observed of a stage.
#[derive(Clone)]
pub(super) struct Observed {
    pub(super) stores: BTreeMap<String, Arc<dyn Store>>,
    pub(super) databases: BTreeMap<String, Arc<dyn Database>>,
}

/// Everything one run stands on.
pub(super) struct Ground {
    pub(super) run: u32,
    pub(super) plan: Arc<Plan>,
    pub(super) images: Images,
    pub(super) stage: Arc<dyn Stage>,
    pub(super) world: Arc<dyn World>,
    /// Everything that is observed, databases included, by name.
    pub(super) stores: BTreeMap<String, Arc<dyn Store>>,
    pub(super) databases: BTreeMap<String, Arc<dyn Database>>,
    pub(super) faults: Book,
    /// What `sql` steps opened, by database.
    sessions: Mutex<Vec<(String, i32)>>,
    clients: OnceLock<Clients>,
    signs: Signs,
    outside: Outside,
}

impl Ground {
    pub(super) fn new(
        run: u32,
        plan: Arc<Plan>,
        images: Images,
        stage: Arc<dyn Stage>,
        world: Arc<dyn World>,
        Observed { stores, databases }: Observed,
    ) -> Self {
        let (faults, sessions, clients) = (Book::default(), Mutex::default(), OnceLock::new());
        let (signs, outside) = (Signs::default(), Outside::default());
        Self { run, plan, images, stage, world, stores, databases, faults, sessions, clients, signs, outside }
    }

    /// What is heard of calls to the outside; nothing before the change.
    pub(super) fn outside(&self) -> &Outside {
        &self.outside
    }

    /// The clients of this run; nobody before they are started.
    pub(super) fn clients(&self) -> &Clients {
        self.clients.get_or_init(Clients::default)
    }

    /// An observed database; the plan has checked its name.
    pub(super) fn database(&self, name: &str) -> &Arc<dyn Database> {
        self.databases.get(name).expect("the plan names only observed databases")
    }

    /// An `sql` step opened this session.
    pub(super) fn opened(&self, database: &str, session: i32) {
        let opened = (database.to_owned(), session);
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner).push(opened);
    }

    /// The numbers of two servers' sessions have nothing to do with each other.
    fn opened_so_far(&self, database: &str) -> Vec<i32> {
        let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.iter().filter(|(of, _)| of == database).map(|(_, session)| *session).collect()
    }
}

/// The sessions of a database before the change; why they are not known, otherwise.
type Known = Result<Vec<i32>, String>;

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

/// A run on a stage of its own that belongs to the proof.
#[derive(Debug, Clone, Copy)]
pub(super) struct Due {
    pub(super) kind: RunKind,
    /// The pre-check that it tries, by position.
    pub(super) precheck: Option<u32>,
    /// The list of steps whose end it shows, by position among [`Expect::twins`].
    ///
    /// [`Expect::twins`]: crate::plan::model::Expect::twins
    pub(super) twin: Option<u32>,
}

impl Due {
    pub(super) fn of(kind: RunKind) -> Self {
        Self { kind, precheck: None, twin: None }
    }

    /// The run that tries a pre-check.
    pub(super) fn precheck(at: u32) -> Self {
        Self { precheck: Some(at), ..Self::of(RunKind::Precheck) }
    }

    /// The run that an `as_after` expectation is compared with.
    pub(super) fn twin(at: u32) -> Self {
        Self { twin: Some(at), ..Self::of(RunKind::Reference) }
    }
}

/// What a run on a stage of its own is there for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Aim {
    pub(super) due: Due,
    /// How long an idle run lasts at least.
    pub(super) at_least: Duration,
    /// Whether a sweep follows: a finished run then also captures what the whole change leaves.
    pub(super) is_swept: bool,
    /// Whether the steps of a finished run have to account for what they change: somebody listens to them, or would.
    pub(super) accounts: bool,
}

/// One run, up to but without its clean-up. Returns how long its window was, from the first capture
/// to the last.
pub(super) async fn walk(
    ground: &Ground,
    scribe: &Scribe,
    seeded: &Seeded,
    aim: Aim,
) -> Result<Duration, Halt> {
    let beginning = begin(ground, scribe, seeded, Use::Run).await?;
    let walk = Walk::new(ground, scribe);
    match aim.due.precheck {
        Some(position) => walk.asked(position).await,
        None => walk.course(Course::Of(aim), &beginning.before).await,
    }
}

/// Keeps what the stores hold, inside their servers; why that cannot be done, otherwise.
pub(super) async fn keep(ground: &Ground, scribe: &Scribe) -> Result<Option<String>, Halt> {
    for (store, observed) in &ground.stores {
        if observed.snapshot_name().is_none() {
            return Ok(Some(format!("{store} cannot be kept: {NOT_INSIDE}")));
        }
    }
    for (store, observed) in &ground.stores {
        if let Err(error) = keep_one(scribe, store, observed, true).await? {
            return Ok(Some(format!("{store} cannot be kept: {error}")));
        }
    }
    Ok(None)
}

/// Keeps what large stores hold, so that rows that differ can be shown as they were. Where that cannot be
/// done they are not shown, and the capture says why.
pub(super) async fn keep_large(ground: &Ground, scribe: &Scribe) -> Result<(), Halt> {
    for (store, observed) in &ground.stores {
        if observed.snapshot_name().is_some() && observed.is_large().await == Ok(true) {
            let _ = keep_one(scribe, store, observed, false).await?;
        }
    }
    Ok(())
}

async fn keep_one(
    scribe: &Scribe,
    store: &str,
    observed: &Arc<dyn Store>,
    resets: bool,
) -> Result<Result<(), String>, JournalError> {
    let spare = observed.spare_name().filter(|_| resets);
    for name in [observed.snapshot_name(), spare].into_iter().flatten() {
        scribe.note(&Event::SnapshotIntended { store: store.to_owned(), name })?;
    }
    Ok(observed.snapshot(resets).await)
}

/// A run of a sweep on a stage that is as it was when `before` was captured.
pub(super) async fn walk_on(
    ground: &Ground,
    scribe: &Scribe,
    case: Option<&Case>,
    before: &Taken,
    at_least: Duration,
) -> Result<Duration, Halt> {
    let idle = Aim { due: Due::of(RunKind::Idle), at_least, is_swept: true, accounts: false };
    let course = match case.map(|case| (case.tried, case.operation)) {
        Some((Tried::Point(_), operation)) => Course::Broken(operation),
        Some((Tried::Again, _)) => Course::Again,
        None => Course::Of(idle),
    };
    Walk::new(ground, scribe).course(course, before).await
}

/// What is done between the first capture and the last.
enum Course {
    Of(Aim),
    /// The operation that is broken at the failure of the ground's plan.
    Broken(Swept),
    /// The change broken there and rolled back, then made again and rolled back again.
    Again,
}

impl Course {
    /// Alerts are for the failure that the scenario is about; in an idle run they must be quiet.
    fn heeds(&self) -> bool {
        match self {
            Self::Of(aim) => matches!(aim.due.kind, RunKind::Idle | RunKind::Interrupted),
            Self::Broken(_) | Self::Again => false,
        }
    }
}

#[derive(Clone, Copy)]
pub(super) struct Walk<'a> {
    pub(super) ground: &'a Ground,
    scribe: &'a Scribe,
    /// Whether clients get their turn between two steps.
    dwells: bool,
    /// Whether alerts are watched, and given their time.
    heeds: bool,
    /// Where it is noted what each step changed.
    accounts: Option<&'a Accounts>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(ground: &'a Ground, scribe: &'a Scribe) -> Self {
        Self { ground, scribe, dwells: false, heeds: false, accounts: None }
    }
}

impl Walk<'_> {
    /// Returns how long its window was, from the first capture to the last.
    async fn course(&self, course: Course, before: &Taken) -> Result<Duration, Halt> {
        let began = Instant::now();
        let lines = self.follow().await;
        if let Err(error) = self.ground.outside.open(self.ground).await {
            return self.trouble(&error);
        }
        self.serve_clients().await?;
        let always = Always::of(self.ground);
        let run = Walk { heeds: course.heeds(), ..*self };
        tokio::select! {
            gone = run.there_and_back(course, before) => gone?,
            () = always.watch(self.ground, self.scribe) => {}
            halt = self.ground.signs.watch(self.ground, self.scribe, before), if run.heeds => return Err(halt),
        }
        always.note(self.scribe)?;
        self.ground.signs.note(self.scribe)?;
        // What is under way when the clients have stopped is still to be worked on: the end is when that is done.
        let is_queue = |fact: &Fact| matches!(fact, Fact::Queue { .. });
        self.observe(BTreeMap::new(), is_queue).await?;
        self.ground.outside.end(self.scribe).await?;
        let after = self.capture(Moment::After, Some(before)).await?;
        let window = began.elapsed();
        let (from, to) = ((Moment::Before, before), (Moment::After, &after));
        capture::compare(self.ground, self.scribe, from, to).await?;
        self.observe(lines, |fact| !is_queue(fact)).await?;
        Ok(window)
    }

    async fn serve_clients(&self) -> Result<(), Halt> {
        let clients = Clients::start(self.ground, self.scribe).await?;
        // Set once: each run has a ground of its own.
        let _ = self.ground.clients.set(clients);
        Ok(())
    }

    /// A run that tries a pre-check, under the same clients. They end with the run: what becomes of them where a
    /// condition is broken says nothing about it.
    async fn asked(&self, position: u32) -> Result<Duration, Halt> {
        let began = Instant::now();
        self.serve_clients().await?;
        self.tried(position).await?;
        Ok(began.elapsed())
    }

    /// What is done between the first capture and the last, until services are well and clients are done.
    async fn there_and_back(&self, course: Course, before: &Taken) -> Result<(), Halt> {
        if self.heeds {
            self.ground.signs.begun(self.ground.plan.expect.alerts.len()).await;
        }
        match course {
            Course::Of(aim) => self.act(aim, before).await?,
            Course::Broken(operation) => drop(self.broken(operation, before).await?),
            Course::Again => self.again(before).await?,
        }
        self.recover(before).await?;
        self.resolved().await;
        // Only those who are served after the way back can say whether the service is well.
        self.ground.clients().pass(self.scribe).await;
        self.ground.clients().finish(self.scribe).await
    }

    async fn act(&self, aim: Aim, before: &Taken) -> Result<(), Halt> {
        let plan = &self.ground.plan;
        match aim.due.kind {
            RunKind::Idle => {
                self.may_begin().await?;
                self.idle(aim.at_least).await
            }
            RunKind::Control if self.may_begin().await? => {
                self.operation(Operation::Change, &plan.change).await.map(drop)
            }
            RunKind::Finished if self.may_begin().await? => {
                let accounts = Accounts::since(before);
                let accounts = aim.accounts.then_some(&accounts);
                let run = Walk { dwells: true, accounts, ..*self };
                run.operation(Operation::Change, &plan.change).await?;
                if aim.is_swept {
                    run.look_at_rest(Moment::Changed, before).await?;
                }
                run.rollback(Operation::Rollback).await
            }
            RunKind::Interrupted => self.broken(Swept::Change, before).await.map(drop),
            RunKind::Reference => {
                let twins = plan.expect.twins();
                let at = aim.due.twin.and_then(|at| usize::try_from(at).ok()).unwrap_or_default();
                let steps = twins.get(at).copied().unwrap_or_default();
                self.operation(Operation::Reference, steps).await.map(drop)
            }
            // Nobody begins what a pre-check forbids. A lane is only provisioned, only a sweep makes a change
            // again, and a run that tries a pre-check has a course of its own.
            RunKind::Control | RunKind::Finished | RunKind::Lane | RunKind::Again | RunKind::Precheck => {
                Ok(())
            }
        }
    }

    /// An operation broken at the plan's failure, then the rollback. Returns whether that was invoked.
    async fn broken(&self, operation: Swept, before: &Taken) -> Result<bool, Halt> {
        let plan = &self.ground.plan;
        if !self.may_begin().await? {
            return Ok(false);
        }
        match operation {
            Swept::Change => self.interrupted(Operation::Change, &plan.change, before).await,
            Swept::Rollback => {
                self.operation(Operation::Change, &plan.change).await?;
                self.interrupted(Operation::Rollback, &plan.rollback.steps, before).await
            }
        }
    }

    /// Up, down, up: what was rolled back can be made, and rolled back again. Twice: from the point, and
    /// from the end, where all that the change makes is to be undone.
    async fn again(&self, before: &Taken) -> Result<(), Halt> {
        if !self.broken(Swept::Change, before).await? {
            return Ok(());
        }
        for _ in 0..2 {
            self.recover(before).await?;
            self.look_at_rest(Moment::Back, before).await?;
            if !self.may_begin().await? {
                break;
            }
            let change = self.operation(Operation::ChangeAgain, &self.ground.plan.change).await?;
            self.look_at_rest(Moment::Changed, before).await?;
            self.rollback(Operation::RollbackAgain).await?;
            if change.ending != Ending::Ok {
                break;
            }
        }
        Ok(())
    }

    /// Captures a state that is compared with others of its kind. What is under way is in no such state: clients rest
    /// meanwhile, and what they have begun is worked off, where that is expected of the end too.
    async fn look_at_rest(&self, moment: Moment, before: &Taken) -> Result<(), Halt> {
        if self.ground.plan.traffic.is_empty() {
            return self.look(moment, before).await;
        }
        self.ground.clients().rest().await;
        let expected = self.ground.plan.expect.facts.iter();
        let queues = expected.filter(|one| matches!(one.fact, Fact::Queue { .. }));
        join_all(queues.map(|one| fact::within(self.ground, &one.fact, None, one.within))).await;
        self.look(moment, before).await?;
        self.ground.clients().resume();
        Ok(())
    }

    /// Captures a state on the way; the journal says why where it cannot be. Where clients write, only the
    /// rows tell their doings from other differences.
    async fn look(&self, moment: Moment, before: &Taken) -> Result<(), Halt> {
        let taken = capture::take(self.ground, self.scribe, moment, Some(before)).await?;
        if let Some(taken) = taken.filter(|_| !self.ground.plan.traffic.is_empty()) {
            let (from, to) = ((Moment::Before, before), (moment, &taken));
            capture::compare(self.ground, self.scribe, from, to).await?;
        }
        Ok(())
    }

    pub(super) async fn bring_up(&self) -> Result<(), Halt> {
        if let Err(error) = self.ground.stage.up(self.ground.plan.up_within).await {
            return self.trouble(&error);
        }
        Ok(self.scribe.note(&Event::StageUp)?)
    }

    pub(super) async fn seed(&self) -> Result<(), Halt> {
        let seeded = self.operation(Operation::Seed, &self.ground.plan.seed).await?;
        if seeded.ending == Ending::Ok {
            return Ok(());
        }
        let message = "the stage could not be seeded; the step that failed says why".to_owned();
        self.scribe.note(&Event::Trouble { message, evidence: Vec::new() })?;
        Err(Halt::Trouble)
    }

    pub(super) fn trouble<T>(&self, error: &StageError) -> Result<T, Halt> {
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

    pub(super) async fn operation(&self, which: Operation, steps: &[Step]) -> Result<Outcome, Halt> {
        self.unheld(&Interrupt::new(), which, steps).await
    }

    /// An operation that is held nowhere and can be ended from outside.
    async fn unheld(&self, interrupt: &Interrupt, which: Operation, steps: &[Step]) -> Result<Outcome, Halt> {
        let (lines, _) = broadcast::channel(1);
        let (ground, scribe, held) = (self.ground, self.scribe, &Held::nowhere());
        let (dwells, accounts) = (self.dwells, self.accounts);
        let conduct = Conduct { ground, scribe, interrupt, held, lines: &lines, dwells, accounts };
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

    /// An operation broken at the plan's failure, then the rollback: again, where that was broken. Returns
    /// whether it was invoked.
    async fn interrupted(&self, which: Operation, steps: &[Step], before: &Taken) -> Result<bool, Halt> {
        let Some(failure) = &self.ground.plan.failure else { return Ok(false) };
        let known = self.sessions().await;
        point::interrupted(self.ground, self.scribe, failure, (which, steps)).await?;
        let failed_at = Instant::now();
        self.ground.signs.failed();
        fault::heal(self.ground, self.scribe, Heal::BeforeRollback).await?;
        self.settle(failure, &known).await?;
        self.note_effect(before, steps).await?;
        let invoked = self.triggered(failed_at).await?;
        if invoked {
            self.rollback(Operation::Rollback).await?;
            self.ground.signs.rolled_back();
        }
        fault::heal(self.ground, self.scribe, Heal::AfterRollback).await?;
        Ok(invoked)
    }

    /// Gives alerts their time to resolve, where there was a rollback.
    async fn resolved(&self) {
        let alerts = &self.ground.plan.expect.alerts;
        let longest = alerts.iter().map(|alert| alert.resolves_within).max();
        let since = self.ground.signs.rolled_back_at();
        if let Some((longest, since)) = longest.filter(|_| self.heeds).zip(since) {
            let all: Vec<usize> = (0..alerts.len()).collect();
            self.ground.signs.until(&all, false, since + longest).await;
        }
    }

    /// Gives alerts their time to fire: what is over before could not be noticed.
    async fn noticed(&self, since: Instant) {
        let alerts = &self.ground.plan.expect.alerts;
        let longest = alerts.iter().map(|alert| alert.fires_within).max();
        if let Some(longest) = longest.filter(|_| self.heeds) {
            let all: Vec<usize> = (0..alerts.len()).collect();
            self.ground.signs.until(&all, true, since + longest).await;
        }
    }

    /// Waits for the alert that starts the rollback; what was seen of it.
    async fn alerted(&self, alert: usize, since: Instant, within: Duration) -> (bool, String) {
        let name = &self.ground.plan.expect.alerts[alert].name;
        if !self.heeds {
            return (true, format!("the failure itself: {name} is not waited for here"));
        }
        let signs = &self.ground.signs;
        match (signs.until(&[alert], true, since + within).await, signs.of(alert)) {
            (true, _) => (true, format!("the alert {name}")),
            (false, None) => (false, format!("nobody can say whether {name} fires")),
            (false, Some(_)) => (false, format!("{name} did not fire within {} s", within.as_secs_f64())),
        }
    }

    /// Looks at what the failure left (S2).
    async fn note_effect(&self, before: &Taken, steps: &[Step]) -> Result<(), Halt> {
        let plan = &self.ground.plan;
        // What must not be touched is read in full.
        if plan.traffic.is_empty() && plan.forward_only.is_none() {
            return Ok(capture::glance(self.ground, self.scribe, before, steps).await?);
        }
        self.look(Moment::Failed, before).await
    }

    async fn sessions(&self) -> BTreeMap<String, Known> {
        let mut known = BTreeMap::new();
        for (name, database) in &self.ground.databases {
            known.insert(name.clone(), database.sessions().await);
        }
        known
    }

    /// Waits until the sessions of the interrupted operation have ended (S5).
    async fn settle(&self, failure: &Failure, known: &BTreeMap<String, Known>) -> Result<(), Halt> {
        let Some(limit) = failure.settle_ms.map(Duration::from_millis) else { return Ok(()) };
        let deadline = Instant::now() + limit;
        let mut lingering = Vec::new();
        for (name, database) in &self.ground.databases {
            if self.is_down(name).await {
                continue;
            }
            let healthy = Fact::Healthy { service: name.clone() };
            let left = deadline.saturating_duration_since(Instant::now());
            fact::within(self.ground, &healthy, None, left).await;
            let mut sessions = self.ground.opened_so_far(name);
            match self.newly_busy(name, database, known, deadline).await {
                Ok(busy) => sessions.extend(busy),
                // Who cannot be asked is not known to be gone.
                Err(error) => lingering.push(format!("{name}: {error}")),
            }
            if !self.ground.plan.traffic.is_empty() {
                sessions = self.at_rest(database, sessions, deadline).await;
                sessions.extend(self.ground.opened_so_far(name));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if let Err(still) = database.gone(&sessions, left).await {
                lingering.extend(still.into_iter().map(|session| format!("{name}: {session}")));
            }
        }
        Ok(self.scribe.note(&Event::Settled { gone: lingering.is_empty(), lingering })?)
    }

    /// Of these sessions, those that were never seen at rest. Where clients are served, a session at work
    /// may be a service's own, which stays; what an interrupted operation left at work does not rest.
    async fn at_rest(
        &self,
        database: &Arc<dyn Database>,
        mut sessions: Vec<i32>,
        deadline: Instant,
    ) -> Vec<i32> {
        loop {
            let Ok(busy) = database.busy(&[]).await else { return sessions };
            sessions.retain(|session| busy.contains(session));
            if sessions.is_empty() || Instant::now() >= deadline {
                return sessions;
            }
            tokio::time::sleep(REST).await;
        }
    }

    /// Whether a service has no container that runs, and gets none by itself: sessions end with their server.
    async fn is_down(&self, service: &str) -> bool {
        let health = self.ground.stage.health(service).await;
        matches!(health, Ok(Health::ScaledToZero | Health::Exited(_) | Health::Absent))
    }

    /// The sessions at work that were not there before the change. A server that has just been started answers
    /// only when it has read its log.
    async fn newly_busy(
        &self,
        name: &str,
        database: &Arc<dyn Database>,
        known: &BTreeMap<String, Known>,
        deadline: Instant,
    ) -> Result<Vec<i32>, String> {
        let known = match known.get(name) {
            Some(Ok(known)) => &known[..],
            // Without that answer a session of the change looks like any other.
            Some(Err(error)) => return Err(format!("its sessions before the change are not known: {error}")),
            None => &[],
        };
        loop {
            match database.busy(known).await {
                Err(_) if Instant::now() < deadline => tokio::time::sleep(REST).await,
                answered => return answered,
            }
        }
    }

    /// Waits for what starts the rollback.
    async fn triggered(&self, failed_at: Instant) -> Result<bool, Halt> {
        let rollback = &self.ground.plan.rollback;
        let (happened, seen) = match &rollback.when {
            _ if rollback.steps.is_empty() => (false, NO_RECOVERY.to_owned()),
            When::AtOnce => {
                self.noticed(failed_at).await;
                (true, "the failure itself".to_owned())
            }
            When::Alert { alert, within_ms } => {
                self.alerted(*alert, failed_at, Duration::from_millis(*within_ms)).await
            }
            When::Facilitator => {
                let question = "the change has failed; roll back when you are ready";
                match self.ground.world.facilitator(question).await {
                    Ok(()) => (true, "the facilitator".to_owned()),
                    Err(nobody) => (false, nobody),
                }
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
    async fn rollback(&self, which: Operation) -> Result<(), Halt> {
        let rollback = &self.ground.plan.rollback;
        if rollback.steps.is_empty() {
            let (happened, seen, took_ms) = (false, NO_RECOVERY.to_owned(), 0);
            return Ok(self.scribe.note(&Event::Triggered { happened, seen, took_ms })?);
        }
        let interrupt = Interrupt::new();
        let mut ongoing = Ongoing::new(self.unheld(&interrupt, which, &rollback.steps));
        let began = Instant::now();
        if ongoing.until(self.charged(began, rollback.within)).await.is_some() {
            self.scribe.note(&Event::RollbackLate)?;
            if ongoing.until(self.charged(began, rollback.give_up)).await.is_some() {
                interrupt.now();
            }
        }
        ongoing.end().await?;
        Ok(())
    }

    /// Returns when an operation has taken so long, without what looking at its steps took.
    async fn charged(&self, began: Instant, limit: Duration) {
        let looked = || self.accounts.map_or(Duration::ZERO, |accounts| accounts.looked_since(began));
        let left = || (limit + looked()).saturating_sub(began.elapsed());
        while !left().is_zero() {
            tokio::time::sleep(left()).await;
        }
    }

    /// Waits until each service is as well as it was before, or time is up.
    async fn recover(&self, before: &Taken) -> Result<(), Halt> {
        let deadline = Instant::now() + RECOVER;
        loop {
            let (health, well) = match health(self.ground, before).await {
                Ok(seen) => seen,
                Err(error) => return self.trouble(&error),
            };
            if well || Instant::now() >= deadline {
                return Ok(self.scribe.note(&Event::Waited { health, well })?);
            }
            self.ground.stage.changed().await;
        }
    }

    /// Looks at these explicit expectations, all at once.
    async fn observe(
        &self,
        mut lines: BTreeMap<usize, Lines>,
        which: impl Fn(&Fact) -> bool,
    ) -> Result<(), Halt> {
        let facts = &self.ground.plan.expect.facts;
        let looks = facts.iter().enumerate().filter(|(_, expectation)| which(&expectation.fact));
        let looks = looks.map(|(position, expectation)| {
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

/// How each service is, and whether each is as well as it was before.
pub(super) async fn health(
    ground: &Ground,
    before: &Taken,
) -> Result<(BTreeMap<String, Health>, bool), StageError> {
    let mut health = BTreeMap::new();
    for service in before.system.keys() {
        health.insert(service.clone(), ground.stage.health(service).await?);
    }
    let well = before.system.iter().all(|(service, was)| as_well(was.health, health[service]));
    Ok((health, well))
}

fn as_well(was: Health, is: Health) -> bool {
    if was.is_well() { is.is_well() } else { is == was || is.is_well() }
}

//! Runs walked in memory: a fake stage, and a database that remembers.

mod alerts;
mod clients;
mod forward_only;
mod order;
mod seeds;
mod sweeps;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::sync::watch;

use super::world::{
    Acted, Answer, CallFailure, Caller, Database, Images, ResolvedImage, Session, SqlFailure, Store, World,
};
use super::{Doubts, Ended, Options, drill};
use crate::files::MemoryFiles;
use crate::journal::event::{Event, Moment, Operation, RowsDiffer, RunKind};
use crate::journal::{Record, Redactor, Writer};
use crate::plan::database::DatabaseFault;
use crate::plan::model::{self, DrillPlan, Entry, Exception, HttpCall, Plan, Statement, Sweep};
use crate::plan::observe::{Observed, Redis};
use crate::plan::traffic::Traffic;
use crate::plan::{self, Input};
use crate::stage::fake::{FakeStage, Script};
use crate::stage::{Ledger, Process, Stage, StageError};
use crate::state::model::{Depth, Fingerprint, Leftovers, ServerFacts, StoreCapture, TableData};
use crate::sweep::{Case, Swept, Tried};
use crate::traffic::Keys;

const COMPOSE: &str = "services:
  db: { image: pg, environment: { POSTGRES_PASSWORD: pw } }
  api: { image: shop }
  job: { image: job, profiles: [tools] }
";

/// A scenario with these lines for change, failure and rollback.
fn scenario(change: &str, failure: &str, rollback: &str) -> Plan {
    let text = format!(
        "format: 1\nname: s\nstaging: {{ compose: compose.yaml }}\nobserve:\n  databases:\n    - {{ service: db, engine: \
         postgres, database: d, user: u, password: {{ env: POSTGRES_PASSWORD }} }}\nchange:\n{change}\nfailure:\n{failure}\n\
         rollback:\n{rollback}\nexpect: {{ data: as_before }}\n"
    );
    planned(&text)
}

fn planned(text: &str) -> Plan {
    let files = MemoryFiles::new([("/s/scenario.yaml", text), ("/s/compose.yaml", COMPOSE)]);
    let variables = BTreeMap::new();
    let input = Input { files: &files, variables: &variables, allow_host: false, records: false };
    match plan::scenario(input, Path::new("/s"), "s") {
        Ok(planned) => planned.plan,
        Err(mistakes) => panic!("{}", crate::diagnostic::render(&mistakes)),
    }
}

const THREE: &str = "  - sql: { on: db, text: 'one; two; three' }";
const BACK: &str = "  steps: [ { sql: { on: db, text: undo } } ]";

/// What the database was asked, in order; `undo` takes everything back.
#[derive(Default)]
struct Memory {
    /// Of this run.
    sent: Mutex<Vec<String>>,
    /// Of all runs.
    all: Mutex<Vec<String>>,
    slow: Mutex<BTreeMap<String, Duration>>,
    /// Of these questions the database says nothing.
    deaf: Mutex<Vec<&'static str>>,
    /// Whether each of these silences is for one question only.
    recovers: AtomicBool,
    /// Sessions at work, whoever they belong to.
    busy: Mutex<Vec<i32>>,
    /// Requests of clients, so far.
    requests: AtomicUsize,
    /// How long a capture lasts at most: until a client asks for something.
    patience: Mutex<Duration>,
}

impl Memory {
    fn note(&self, text: &str) {
        self.all.lock().unwrap().push(text.to_owned());
        self.sent.lock().unwrap().push(text.to_owned());
    }

    fn heard(&self, question: &str) -> Result<(), String> {
        let mut silences = self.deaf.lock().unwrap();
        let deaf = silences.iter().position(|silence| *silence == question);
        if let Some(at) = deaf.filter(|_| self.recovers.load(Ordering::SeqCst)) {
            silences.remove(at);
        }
        if deaf.is_some() { Err(format!("no answer to {question}")) } else { Ok(()) }
    }

    fn sent(&self) -> Vec<String> {
        self.sent.lock().unwrap().clone()
    }
}

/// A service that keeps what is put under a path.
struct Orders(Mutex<BTreeMap<String, String>>, Arc<Memory>);

#[async_trait]
impl Caller for Orders {
    async fn call(&self, _: SocketAddr, call: &HttpCall, _: Duration) -> Result<Answer, CallFailure> {
        self.1.requests.fetch_add(1, Ordering::SeqCst);
        let mut orders = self.0.lock().unwrap();
        if let Some(body) = &call.body {
            orders.insert(call.path.clone(), body.clone());
        }
        let kept = orders.get(&call.path);
        Ok(Answer { status: if kept.is_some() { 200 } else { 404 }, body: kept.cloned().unwrap_or_default() })
    }
}

struct FakeWorld {
    ledgers: tempfile::TempDir,
    stage: FakeStage,
    memory: Arc<Memory>,
    facilitator: bool,
    /// The statement whose failure the Alertmanager notices, until it is undone; without it nobody answers.
    noticed: Option<&'static str>,
}

#[async_trait]
impl World for FakeWorld {
    async fn images(&self, _: &Plan) -> Result<(Images, Vec<ResolvedImage>), StageError> {
        Ok((Images::default(), Vec::new()))
    }

    fn stage(&self, _: &Plan, _: &Images, _: u32, _: Arc<dyn Ledger>) -> Result<Arc<dyn Stage>, StageError> {
        self.memory.sent.lock().unwrap().clear();
        Ok(Arc::new(self.stage.clone()))
    }

    fn database(&self, _: Arc<dyn Stage>, _: &model::Database, _: &Plan, _: PathBuf) -> Arc<dyn Database> {
        Arc::new(FakeStore(Arc::clone(&self.memory)))
    }

    fn store(&self, _: Arc<dyn Stage>, _: &str, _: &Observed, _: &Plan, _: PathBuf) -> Arc<dyn Store> {
        Arc::new(Unkept(Arc::clone(&self.memory)))
    }

    async fn http(&self, _: SocketAddr, _: &HttpCall, _: Duration) -> Result<Answer, String> {
        // Long enough for a change that waits for nobody to have failed before.
        tokio::time::sleep(Duration::from_millis(50)).await;
        let noticed = self.noticed.ok_or("nobody listens")?;
        let sent = self.memory.sent();
        let has = |word: &str| sent.iter().any(|sent| sent == word);
        let body = if has(noticed) && !has("undo") { "[{}]" } else { "[]" };
        Ok(Answer { status: 200, body: body.to_owned() })
    }

    fn caller(&self) -> Result<Arc<dyn Caller>, String> {
        Ok(Arc::new(Orders(Mutex::default(), Arc::clone(&self.memory))))
    }

    fn ledger(&self, run: u32, _: usize) -> PathBuf {
        self.ledgers.path().join(format!("{run}.jsonl"))
    }

    async fn host(
        &self,
        _: &Path,
        _: &[String],
        _: &BTreeMap<String, String>,
    ) -> Result<Box<dyn Process>, StageError> {
        Err(StageError::new("start", "a command", "not in memory"))
    }

    async fn facilitator(&self, _: &str) -> Result<(), String> {
        if self.facilitator { Ok(()) } else { Err("nobody is there".to_owned()) }
    }
}

/// A session that was there before the change.
const OLD: i32 = 3;

struct FakeStore(Arc<Memory>);

#[async_trait]
impl Database for FakeStore {
    async fn open(&self) -> Result<Box<dyn Session>, SqlFailure> {
        self.0.note("open");
        Ok(Box::new(FakeSession(Arc::clone(&self.0))))
    }

    async fn visit(&self) -> Result<Box<dyn Session>, SqlFailure> {
        self.open().await
    }

    async fn value(&self, _: &str) -> Result<Option<String>, String> {
        Ok(None)
    }

    async fn busy(&self, known: &[i32]) -> Result<Vec<i32>, String> {
        self.0.heard("busy")?;
        let busy = self.0.busy.lock().unwrap().clone();
        Ok(busy.into_iter().filter(|session| !known.contains(session)).collect())
    }

    async fn sessions(&self) -> Result<Vec<i32>, String> {
        self.0.heard("sessions")?;
        Ok(vec![OLD])
    }

    async fn gone(&self, sessions: &[i32], _: Duration) -> Result<(), Vec<String>> {
        self.0.note(&format!("gone {sessions:?}"));
        Ok(())
    }

    async fn inject(&self, fault: &DatabaseFault, _: Duration) -> Result<Acted, String> {
        self.0.note(&format!("inject {}", fault.word()));
        Ok(Acted { acted: true, evidence: "it was seen".to_owned() })
    }

    async fn heal(&self, fault: &DatabaseFault, _: Duration) -> Result<(), String> {
        self.0.note(&format!("heal {}", fault.word()));
        Ok(())
    }
}

#[async_trait]
impl Store for FakeStore {
    async fn capture(
        &self,
        _: Option<&str>,
        _: Option<&StoreCapture>,
        _: &[Exception],
    ) -> Result<StoreCapture, String> {
        let words = self.0.sent();
        let done: Vec<String> =
            words.into_iter().filter(|word| ["one", "two", "three"].contains(&word.as_str())).collect();
        self.0.note("capture");
        let raw = Fingerprint { rows: 1, sum: done.join("+"), columns: Vec::new() };
        let requests = || self.0.requests.load(Ordering::SeqCst);
        let (before, began, patience) = (requests(), Instant::now(), *self.0.patience.lock().unwrap());
        while requests() == before && began.elapsed() < patience {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let version = if requests() == before { String::new() } else { "it was asked meanwhile".to_owned() };
        Ok(StoreCapture {
            server: ServerFacts { version, database: String::new(), user: String::new() },
            schema: BTreeMap::new(),
            tables: BTreeMap::from([("public.t".to_owned(), TableData { raw, ..TableData::default() })]),
            sequences: BTreeMap::new(),
            leftovers: Leftovers::default(),
            unread: BTreeMap::new(),
        })
    }

    fn snapshot_name(&self) -> Option<String> {
        Some("seed".to_owned())
    }

    async fn snapshot(&self, _: bool) -> Result<(), String> {
        self.0.note("snapshot");
        Ok(())
    }

    async fn reset(&self) -> Result<(), String> {
        self.0.note("reset");
        Ok(())
    }

    fn forget(&self, _: &str) {}

    async fn rows(
        &self,
        _: (&str, &StoreCapture),
        _: (&str, &StoreCapture),
        _: &Keys,
    ) -> Result<Vec<RowsDiffer>, String> {
        Ok(Vec::new())
    }
}

/// A store that keeps nothing inside itself.
struct Unkept(Arc<Memory>);

#[async_trait]
impl Store for Unkept {
    async fn capture(
        &self,
        keep: Option<&str>,
        reference: Option<&StoreCapture>,
        except: &[Exception],
    ) -> Result<StoreCapture, String> {
        FakeStore(Arc::clone(&self.0)).capture(keep, reference, except).await
    }

    async fn restored(&self, _: &StoreCapture) -> Result<(), String> {
        self.0.heard("restored")
    }

    /// Two messages are under way, and one is worked on between two looks.
    async fn depth(&self, _: &str) -> Result<Option<Depth>, String> {
        self.0.note("depth");
        let looks = self.0.sent().iter().filter(|word| *word == "depth").count() as u64;
        Ok(Some(Depth { waiting: 3_u64.saturating_sub(looks), held: 0 }))
    }

    fn forget(&self, _: &str) {}

    async fn rows(
        &self,
        _: (&str, &StoreCapture),
        _: (&str, &StoreCapture),
        _: &Keys,
    ) -> Result<Vec<RowsDiffer>, String> {
        Ok(Vec::new())
    }
}

struct FakeSession(Arc<Memory>);

#[async_trait]
impl Session for FakeSession {
    fn number(&self) -> i32 {
        7
    }

    async fn execute(&mut self, statement: &Statement) -> Result<Vec<String>, SqlFailure> {
        let slow = self.0.slow.lock().unwrap().get(&statement.text).copied();
        if let Some(slow) = slow {
            tokio::time::sleep(slow).await;
        }
        self.0.note(&statement.text);
        if statement.text == "fails" {
            return Err(SqlFailure { message: "42601 no".to_owned(), left_nothing: true });
        }
        Ok(Vec::new())
    }

    async fn ask(&mut self, statement: &Statement) -> Result<Vec<Option<String>>, SqlFailure> {
        self.execute(statement).await.map(|_| Vec::new())
    }

    async fn sever(self: Box<Self>) {
        self.0.note("sever");
    }

    async fn close(self: Box<Self>) {
        self.0.note("close");
    }
}

struct Walked {
    records: Vec<Record>,
    sent: Vec<String>,
    calls: Vec<String>,
    ended: Ended,
}

impl Walked {
    /// The events of one kind of run.
    fn run(&self, kind: RunKind) -> Vec<&Event> {
        let started =
            |record: &&Record| matches!(&record.event, Event::RunStarted { kind: this, .. } if *this == kind);
        let number = self.records.iter().find(started).and_then(|record| record.run);
        self.records.iter().filter(|record| record.run == number).map(|record| &record.event).collect()
    }

    /// The order of what matters in an interrupted run.
    fn order(&self) -> Vec<String> {
        self.run(RunKind::Interrupted).into_iter().filter_map(word).collect()
    }
}

fn word(event: &Event) -> Option<String> {
    Some(match event {
        Event::PointReached { held, .. } => if *held { "held" } else { "seen" }.to_owned(),
        Event::PointMissed { .. } => "missed".to_owned(),
        Event::FaultIntended { fault } => format!("intend {fault}"),
        Event::FaultInjected { fault, acted, in_time, .. } => format!("fault {fault} {acted} {in_time}"),
        Event::HealIntended { fault } => format!("heal {fault}"),
        Event::Healed { healed, .. } => format!("healed {healed}"),
        Event::OperationEnded { operation, ending, .. } if *operation != Operation::Seed => {
            format!("{} {ending:?}", operation.word())
        }
        Event::Settled { .. } => "settled".to_owned(),
        Event::Captured { moment, .. } => format!("capture {moment:?}"),
        Event::Triggered { happened, .. } => format!("triggered {happened}"),
        Event::RollbackLate => "late".to_owned(),
        _ => return None,
    })
}

/// These words, and then those of a rollback that has nothing in its way.
fn and_back(first: &[&str]) -> Vec<String> {
    let back = ["settled", "capture Failed", "triggered true", "rollback Ok", "capture After"];
    first.iter().chain(&back).map(|word| (*word).to_owned()).collect()
}

/// Walks one scenario.
async fn walk(plan: Plan, world: FakeWorld, stop: Option<watch::Receiver<Option<String>>>) -> Walked {
    walk_as(plan, world, stop, None, None).await
}

/// The same, perhaps as a sweep that has doubts about runs.
async fn walk_as(
    plan: Plan,
    world: FakeWorld,
    stop: Option<watch::Receiver<Option<String>>>,
    sweep: Option<Sweep>,
    doubts: Option<Doubts>,
) -> Walked {
    walk_all(vec![plan], world, stop, sweep, doubts).await
}

/// The same, of several scenarios.
async fn walk_all(
    plans: Vec<Plan>,
    world: FakeWorld,
    stop: Option<watch::Receiver<Option<String>>>,
    sweep: Option<Sweep>,
    doubts: Option<Doubts>,
) -> Walked {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let writer =
        Arc::new(Writer::create(&path, Arc::new(Redactor::new(&[].into())), Box::new(|_| {})).unwrap());
    let entry = |plan| Entry { plan, level: None, should_fail: false, because: Vec::new(), sweep };
    let plan = DrillPlan {
        name: "d".to_owned(),
        scenarios: plans.into_iter().map(entry).collect(),
        control: false,
        hide_values: false,
        timeout_ms: None,
        lanes: 1,
    };
    let (_never, usual) = watch::channel(None);
    let (memory, stage) = (Arc::clone(&world.memory), world.stage.clone());
    let options =
        Options { keep: false, work: folder.path().to_owned(), doubts, earlier: Vec::new(), survey: false };
    let stop = stop.unwrap_or(usual);
    let ended = drill(Arc::new(world), &plan, Arc::clone(&writer), stop, &options).await.unwrap();
    Walked { records: writer.records(), sent: memory.sent(), calls: stage.calls(), ended }
}

fn world(plan: &Plan) -> FakeWorld {
    FakeWorld {
        ledgers: tempfile::tempdir().unwrap(),
        stage: FakeStage::new(plan.project.clone()),
        memory: Arc::new(Memory::default()),
        facilitator: false,
        noticed: None,
    }
}

async fn interrupted(plan: Plan) -> Walked {
    let world = world(&plan);
    walk(plan, world, None).await
}

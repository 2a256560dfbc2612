//! The order of a run (S5 to S8), walked in memory: a fake stage, and a database that remembers.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;

use super::world::{Answer, Images, ResolvedImage, Session, SqlFailure, Store, World};
use super::{Ended, Options, drill};
use crate::files::MemoryFiles;
use crate::journal::event::{Event, Operation, RowsDiffer, RunKind};
use crate::journal::{Record, Redactor, Writer};
use crate::plan::model::{Database, DrillPlan, Entry, Exception, HttpCall, Plan, Statement};
use crate::plan::{self, Input};
use crate::stage::fake::{FakeStage, Script};
use crate::stage::{Ledger, Process, Stage, StageError};
use crate::state::model::{Fingerprint, Leftovers, ServerFacts, StoreCapture, TableData};

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
    let files = MemoryFiles::new([("/s/scenario.yaml", text.as_str()), ("/s/compose.yaml", COMPOSE)]);
    let variables = BTreeMap::new();
    let input = Input { files: &files, variables: &variables, allow_host: false };
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
}

impl Memory {
    fn note(&self, text: &str) {
        self.all.lock().unwrap().push(text.to_owned());
        self.sent.lock().unwrap().push(text.to_owned());
    }

    fn sent(&self) -> Vec<String> {
        self.sent.lock().unwrap().clone()
    }
}

struct FakeWorld {
    stage: FakeStage,
    memory: Arc<Memory>,
    facilitator: bool,
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

    fn store(&self, _: Arc<dyn Stage>, _: &Database, _: &Plan, _: PathBuf) -> Arc<dyn Store> {
        Arc::new(FakeStore(Arc::clone(&self.memory)))
    }

    async fn http(&self, _: SocketAddr, _: &HttpCall, _: Duration) -> Result<Answer, String> {
        Err("nobody listens".to_owned())
    }

    async fn host(
        &self,
        _: &Path,
        _: &[String],
        _: &BTreeMap<String, String>,
    ) -> Result<Box<dyn Process>, StageError> {
        Err(StageError::new("start", "a command", "not in memory"))
    }

    async fn facilitator(&self, _: &str) -> bool {
        self.facilitator
    }
}

struct FakeStore(Arc<Memory>);

#[async_trait]
impl Store for FakeStore {
    async fn open(&self) -> Result<Box<dyn Session>, SqlFailure> {
        self.0.note("open");
        Ok(Box::new(FakeSession(Arc::clone(&self.0))))
    }

    async fn value(&self, _: &str) -> Result<Option<String>, String> {
        Ok(None)
    }

    async fn busy(&self, _: &[i32]) -> Result<Vec<i32>, String> {
        Ok(Vec::new())
    }

    async fn sessions(&self) -> Result<Vec<i32>, String> {
        Ok(Vec::new())
    }

    async fn gone(&self, sessions: &[i32], _: Duration) -> Result<(), Vec<String>> {
        self.0.note(&format!("gone {sessions:?}"));
        Ok(())
    }

    async fn quiet(&self, _: &StoreCapture, _: Duration) -> Result<(), String> {
        Ok(())
    }

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
        Ok(StoreCapture {
            server: ServerFacts { version: String::new(), database: String::new(), user: String::new() },
            schema: BTreeMap::new(),
            tables: BTreeMap::from([("public.t".to_owned(), TableData { raw, ..TableData::default() })]),
            sequences: BTreeMap::new(),
            leftovers: Leftovers::default(),
        })
    }

    async fn rows(
        &self,
        _: (&str, &StoreCapture),
        _: (&str, &StoreCapture),
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
            return Err(SqlFailure { message: "42601 no".to_owned() });
        }
        Ok(Vec::new())
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

/// Walks one scenario.
async fn walk(plan: Plan, world: FakeWorld, stop: Option<watch::Receiver<Option<String>>>) -> Walked {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let writer = Arc::new(Writer::create(&path, Redactor::new(&[].into()), Box::new(|_| {})).unwrap());
    let entry = Entry { plan, level: None, should_fail: false, because: Vec::new() };
    let plan = DrillPlan {
        name: "d".to_owned(),
        scenarios: vec![entry],
        control: false,
        hide_values: false,
        timeout_ms: None,
    };
    let (_never, usual) = watch::channel(None);
    let (memory, stage) = (Arc::clone(&world.memory), world.stage.clone());
    let options = Options { keep: false, work: folder.path().to_owned() };
    let stop = stop.unwrap_or(usual);
    let ended = drill(Arc::new(world), &plan, Arc::clone(&writer), stop, &options).await.unwrap();
    Walked { records: writer.records(), sent: memory.sent(), calls: stage.calls(), ended }
}

fn world(plan: &Plan) -> FakeWorld {
    FakeWorld {
        stage: FakeStage::new(plan.project.clone()),
        memory: Arc::new(Memory::default()),
        facilitator: false,
    }
}

async fn interrupted(plan: Plan) -> Walked {
    let world = world(&plan);
    walk(plan, world, None).await
}

#[tokio::test]
async fn s5_an_abort_at_a_statement_is_held_settled_captured_and_rolled_back_in_order() {
    let walked =
        interrupted(scenario(THREE, "  at: { step: 1, statement: 3 }\n  inject: [ { abort: {} } ]", BACK))
            .await;
    assert_eq!(
        walked.order(),
        [
            "capture Before",
            "held",
            "intend 0",
            "change Interrupted",
            "fault 0 true true",
            "settled",
            "capture Failed",
            "triggered true",
            "rollback Ok",
            "capture After"
        ]
    );
    let Some(Event::PointReached { completed, text, .. }) = walked
        .run(RunKind::Interrupted)
        .into_iter()
        .find(|event| matches!(event, Event::PointReached { .. }))
    else {
        panic!("not reached")
    };
    assert_eq!((completed.steps, completed.statements, text.as_str()), (0, 2, "three"));
}

#[tokio::test]
async fn s7_s8_the_statement_at_the_point_is_never_sent_and_the_socket_is_cut() {
    let plan = scenario(THREE, "  at: { step: 1, statement: 3 }\n  inject: [ { abort: {} } ]", BACK);
    let world = world(&plan);
    let memory = Arc::clone(&world.memory);
    walk(plan, world, None).await;
    let all = memory.all.lock().unwrap().clone();
    let cut = all.iter().position(|word| word == "sever").expect("the session is severed");
    assert_eq!(all[cut - 4..cut], ["capture", "open", "one", "two"]);
    // Fresh connections for the rollback, and only once the old session is gone (S5).
    assert_eq!(all[cut + 1..cut + 6], ["gone [7]", "capture", "open", "undo", "close"]);
}

#[tokio::test]
async fn s8_after_a_statement_it_is_done_and_the_next_is_not_sent() {
    let failure = "  at: { step: 1, statement: 2, hold: after }\n  inject: [ { abort: {} } ]";
    let walked = interrupted(scenario(THREE, failure, BACK)).await;
    let ended = walked.run(RunKind::Interrupted).into_iter().find_map(|event| match event {
        Event::OperationEnded { operation: Operation::Change, completed, .. } => Some(completed.statements),
        _ => None,
    });
    assert_eq!(ended, Some(2));
}

#[tokio::test]
async fn s5_a_fault_is_injected_while_the_change_is_held_and_healed_before_the_rollback() {
    let failure = "  at: { step: 1, statement: 2 }\n  inject: [ { pause: { service: api } } ]";
    let walked = interrupted(scenario(THREE, failure, BACK)).await;
    assert_eq!(
        walked.order(),
        [
            "capture Before",
            "held",
            "intend 0",
            "fault 0 true true",
            "change Interrupted",
            "heal 0",
            "healed true",
            "settled",
            "capture Failed",
            "triggered true",
            "rollback Ok",
            "capture After"
        ]
    );
    assert!(
        walked.calls.contains(&"pause api".to_owned()) && walked.calls.contains(&"unpause api".to_owned())
    );
}

#[tokio::test]
async fn s5_a_fault_may_stay_until_after_the_rollback() {
    let failure =
        "  at: { step: 1, statement: 2 }\n  inject: [ { pause: { service: api } } ]\n  heal: after_rollback";
    let order = interrupted(scenario(THREE, failure, BACK)).await.order();
    let at = |word: &str| order.iter().position(|known| known == word).unwrap();
    assert!(at("rollback Ok") < at("heal 0"), "{order:?}");
}

#[tokio::test]
async fn s5_a_change_that_continues_goes_on_to_its_end() {
    let failure =
        "  at: { step: 1, statement: 2 }\n  inject: [ { pause: { service: api } } ]\n  then: continue";
    let order = interrupted(scenario(THREE, failure, BACK)).await.order();
    assert!(order.contains(&"change Ok".to_owned()), "{order:?}");
}

#[tokio::test]
async fn s5_a_fault_that_does_not_act_is_recorded_as_such() {
    let plan =
        scenario(THREE, "  at: { step: 1, statement: 2 }\n  inject: [ { stop: { service: api } } ]", BACK);
    let world = world(&plan);
    world.stage.refuse("stop", "api", "no such container");
    let order = walk(plan, world, None).await.order();
    assert!(order.contains(&"fault 0 false true".to_owned()), "{order:?}");
}

#[tokio::test]
async fn a_line_of_output_triggers_the_fault_while_the_step_runs() {
    let failure = "  at: { step: 1, log: 'chunk 2' }\n  inject: [ { kill: { service: api } } ]";
    // Unbroken, the step runs into its deadline.
    let plan = scenario("  - run: { service: job, timeout: 500ms }", failure, BACK);
    let world = world(&plan);
    world.stage.script("job", &[], Script::new().say("chunk 1").say("chunk 2").hang());
    let walked = walk(plan, world, None).await;
    let order = walked.order();
    assert_eq!(order[1..5], ["seen", "intend 0", "fault 0 true true", "change Interrupted"], "{order:?}");
}

#[tokio::test]
async fn a_point_that_is_not_reached_says_how_far_the_change_came() {
    let failure = "  at: { step: 1, log: 'chunk 9' }\n  inject: [ { abort: {} } ]";
    let plan = scenario("  - run: { service: job }", failure, BACK);
    let world = world(&plan);
    world.stage.script("job", &[], Script::new().say("chunk 1").end(0));
    let walked = walk(plan, world, None).await;
    let missed = walked.run(RunKind::Interrupted).into_iter().find_map(|event| match event {
        Event::PointMissed { seen, .. } => Some(seen.clone()),
        _ => None,
    });
    assert_eq!(missed.as_deref(), Some("the change ended before the point was seen"));
}

#[tokio::test]
async fn s6_a_rollback_past_its_time_is_late_and_goes_on_until_it_is_given_up() {
    let back = "  within: 50ms\n  give_up: 5s\n  steps: [ { sql: { on: db, text: undo } } ]";
    let failure = "  at: { step: 1, statement: 3 }\n  inject: [ { abort: {} } ]";
    let plan = scenario(THREE, failure, back);
    let slow = world(&plan);
    slow.memory.slow.lock().unwrap().insert("undo".to_owned(), Duration::from_millis(200));
    let order = walk(plan, slow, None).await.order();
    let tail = &order[order.len() - 3..];
    assert_eq!(tail, ["late", "rollback Ok", "capture After"]);

    let plan = scenario(THREE, failure, &back.replace("5s", "100ms"));
    let never = world(&plan);
    never.memory.slow.lock().unwrap().insert("undo".to_owned(), Duration::from_secs(3600));
    let walked = walk(plan, never, None).await;
    let order = walked.order();
    assert_eq!(order[order.len() - 3..], ["late", "rollback Interrupted", "capture After"]);
}

#[tokio::test]
async fn s6_a_step_past_its_deadline_is_killed() {
    let change = "  - sql: { on: db, text: 'one; two', timeout: 50ms }";
    let failure = "  at: { step: 1, statement: 2 }\n  inject: [ { abort: {} } ]";
    let plan = scenario(change, failure, BACK);
    let world = world(&plan);
    world.memory.slow.lock().unwrap().insert("one".to_owned(), Duration::from_secs(3600));
    let walked = walk(plan, world, None).await;
    let finished: Vec<String> = walked.run(RunKind::Finished).into_iter().filter_map(word).collect();
    assert!(finished.contains(&"change TimedOut".to_owned()), "{finished:?}");
}

#[tokio::test]
async fn s5_a_rollback_that_nobody_starts_is_not_invoked() {
    let back = "  when: facilitator\n  steps: [ { sql: { on: db, text: undo } } ]";
    let plan = scenario(THREE, "  at: { step: 1, statement: 2 }\n  inject: [ { abort: {} } ]", back);
    let order = interrupted(plan).await.order();
    assert!(order.contains(&"triggered false".to_owned()), "{order:?}");
    assert!(!order.iter().any(|word| word.starts_with("rollback")), "{order:?}");
}

#[tokio::test]
async fn s1_the_idle_run_injects_and_heals_and_changes_nothing() {
    let failure = "  at: { step: 1, statement: 2 }\n  inject: [ { stop: { service: api } }, { abort: {} } ]";
    let walked = interrupted(scenario(THREE, failure, BACK)).await;
    let idle: Vec<String> = walked.run(RunKind::Idle).into_iter().filter_map(word).collect();
    assert_eq!(
        idle,
        ["capture Before", "intend 0", "fault 0 true true", "heal 0", "healed true", "capture After"]
    );
    assert_eq!(walked.sent, ["capture", "capture"]);
}

#[tokio::test]
async fn s21_a_signal_heals_the_fault_and_removes_the_stage() {
    let failure =
        "  at: { step: 1, statement: 2 }\n  inject: [ { pause: { service: api } } ]\n  heal: after_rollback";
    let back = "  within: 5ms\n  give_up: 10ms\n  steps: [ { sql: { on: db, text: undo } } ]";
    let plan = scenario(THREE, failure, back);
    let world = world(&plan);
    world.memory.slow.lock().unwrap().insert("undo".to_owned(), Duration::from_secs(3600));
    let (sender, stop) = watch::channel(None);
    let stage = world.stage.clone();
    tokio::spawn(async move {
        while !stage.calls().contains(&"pause api".to_owned()) {
            tokio::task::yield_now().await;
        }
        sender.send_replace(Some("SIGTERM".to_owned()));
        std::future::pending::<()>().await;
    });
    let walked = walk(plan, world, Some(stop)).await;
    assert_eq!(walked.ended, Ended::Stopped);
    let last: Vec<&String> = walked.calls.iter().rev().take(3).collect();
    assert_eq!(last[0], "down", "{:?}", walked.calls);
    assert!(walked.calls.contains(&"unpause api".to_owned()), "{:?}", walked.calls);
    assert!(
        walked
            .records
            .iter()
            .any(|record| matches!(&record.event, Event::Signal { name } if name == "SIGTERM"))
    );
}

#[tokio::test]
async fn a_stage_that_does_not_come_up_is_trouble_and_is_removed() {
    let plan = scenario(THREE, "  at: { step: 1, statement: 2 }\n  inject: [ { abort: {} } ]", BACK);
    let world = world(&plan);
    world.stage.refuse("up", "", "no space left");
    let walked = walk(plan, world, None).await;
    let trouble = walked
        .run(RunKind::Finished)
        .into_iter()
        .any(|event| matches!(event, Event::Trouble { message, .. } if message.contains("no space left")));
    assert!(trouble);
    assert_eq!(walked.calls.last().map(String::as_str), Some("down"));
}

//! The clients of a run: they write and read from before the change until after the rollback.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::scribe::Scribe;
use super::walk::{Ground, Halt};
use super::world::{CallFailure, Caller, Database, Session};
use crate::journal::event::Operation;
use crate::journal::{Event, Record};
use crate::plan::model::{HttpCall, Statement};
use crate::plan::traffic::Request;
use crate::stage::Stage;
use crate::traffic::{
    Clock, Histogram, Keys, Ledger, Load, Part, Reply, Service, Turn, read_back, segments, spells,
};

/// How many requests must be answered well before the change begins, and between two of its steps.
const FIRST: usize = 5;
/// How long that may take, in times of what one answer may take.
const PATIENCE: u32 = 4;
/// Between two looks at it.
const PAUSE: Duration = Duration::from_millis(20);
/// How long reading everything back may take where services do not answer.
const BACK: Duration = Duration::from_secs(30);

/// The clients of one run; none where the scenario has no traffic.
#[derive(Default)]
pub(super) struct Clients {
    loads: Vec<Arc<Load>>,
    turn: watch::Sender<Turn>,
    /// Whether each rests.
    resting: Vec<watch::Receiver<bool>>,
    /// Ended with the clients, whoever drops them.
    tasks: tokio::sync::Mutex<JoinSet<(usize, std::io::Result<Vec<u64>>)>>,
}

impl Clients {
    /// Starts them, and waits until they are answered.
    pub(super) async fn start(ground: &Ground, scribe: &Scribe) -> Result<Self, Halt> {
        let mut clients = Self::default();
        if ground.plan.traffic.is_empty() {
            return Ok(clients);
        }
        match clients.begin(ground, scribe).await {
            Ok(()) => {}
            Err(why) => return trouble(scribe, format!("the traffic could not be started: {why}")),
        }
        let names = ground.plan.traffic.iter().map(|traffic| traffic.name.clone()).collect();
        scribe.note(&Event::TrafficStarted { names })?;
        match clients.flow(scribe).await {
            Ok(()) => Ok(clients),
            Err(why) => trouble(scribe, why),
        }
    }

    async fn begin(&mut self, ground: &Ground, scribe: &Scribe) -> Result<(), String> {
        let line = Arc::new(Line {
            stage: Arc::clone(&ground.stage),
            caller: ground.world.caller()?,
            databases: ground.databases.clone(),
            addresses: Mutex::default(),
            sessions: Mutex::default(),
        });
        let mut tasks = self.tasks.lock().await;
        for (at, traffic) in ground.plan.traffic.iter().enumerate() {
            let path = ground.world.ledger(ground.run, at);
            let ledger = Ledger::create(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            let load = Arc::new(Load {
                traffic: traffic.clone(),
                ledger,
                service: Arc::clone(&line) as Arc<dyn Service>,
                clock: Clock { origin: Instant::now(), origin_ms: scribe.now_ms() },
                seed: format!("run {} {}", ground.run, traffic.name),
            });
            self.loads.push(Arc::clone(&load));
            let (turn, resting) = (self.turn.subscribe(), watch::Sender::new(false));
            self.resting.push(resting.subscribe());
            tasks.spawn(async move { (at, load.drive(turn, resting).await) });
        }
        Ok(())
    }

    /// What they know of every key at a moment that began then, in milliseconds of the drill.
    pub(super) fn keys(&self, from_ms: u64) -> Keys {
        Keys::at(from_ms, self.loads.iter().map(|load| &**load))
    }

    /// Waits until each traffic was answered a few times from now on; else says of which that is not so.
    pub(super) async fn flow(&self, scribe: &Scribe) -> Result<(), String> {
        let (since, began) = (scribe.now_ms(), Instant::now());
        for load in &self.loads {
            let deadline = began + patience(load);
            while load.ledger.answered_since(since) < FIRST {
                if Instant::now() >= deadline {
                    let last = load.ledger.entries().into_iter().rev().find_map(|entry| entry.wrong);
                    let last = last.unwrap_or_else(|| "nothing was answered".to_owned());
                    let name = &load.traffic.name;
                    return Err(format!("traffic `{name}` is not answered well; the last: {last}"));
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
        Ok(())
    }

    /// Waits until each has made a few requests from now on, however they ended.
    pub(super) async fn pass(&self, scribe: &Scribe) {
        let (since, began) = (scribe.now_ms(), Instant::now());
        for load in &self.loads {
            let deadline = began + patience(load);
            while load.ledger.ended_since(since) < FIRST && Instant::now() < deadline {
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    /// Lets them make a pause, and waits until nothing of theirs is under way.
    pub(super) async fn rest(&self) {
        self.turn.send_replace(Turn::Rest);
        for resting in &self.resting {
            // Those who have ended rest as well; why they have is said when all finish.
            let _ = resting.clone().wait_for(|rests| *rests).await;
        }
    }

    /// Ends their pause.
    pub(super) fn resume(&self) {
        self.turn.send_replace(Turn::Serve);
    }

    /// Lets them finish, notes what they saw, and reads everything back.
    pub(super) async fn finish(&self, scribe: &Scribe) -> Result<(), Halt> {
        self.turn.send_replace(Turn::End);
        let mut late = BTreeMap::new();
        while let Some(ended) = self.tasks.lock().await.join_next().await {
            match ended {
                Ok((at, Ok(behind))) => drop(late.insert(at, behind)),
                Ok((_, Err(error))) => {
                    return trouble(scribe, format!("the ledger cannot be written: {error}"));
                }
                Err(error) => return trouble(scribe, format!("the traffic ended: {error}")),
            }
        }
        let marks = marks(&scribe.records());
        for (at, load) in self.loads.iter().enumerate() {
            let entries = load.ledger.entries();
            let mut behind = Histogram::default();
            late.get(&at).into_iter().flatten().for_each(|micros| behind.add(*micros));
            scribe.note(&Event::Trafficked {
                traffic: load.traffic.name.clone(),
                segments: segments(&marks, &entries),
                spells: spells(&entries),
                behind,
            })?;
            let back = Box::new(read_back(load, BACK).await);
            scribe.note(&Event::ReadBack { traffic: load.traffic.name.clone(), back })?;
        }
        Ok(())
    }
}

/// For the first few answers: those that are slow, and the time until they are due.
fn patience(load: &Load) -> Duration {
    load.traffic.timeout * PATIENCE + Duration::from_secs_f64(FIRST as f64 / load.traffic.per_second)
}

fn trouble<T>(scribe: &Scribe, message: String) -> Result<T, Halt> {
    scribe.note(&Event::Trouble { message, evidence: Vec::new() })?;
    Err(Halt::Trouble)
}

/// When which part of a run began.
fn marks(records: &[Record]) -> Vec<(u64, Part)> {
    let mut marks = vec![(0, Part::Before)];
    let mut has_failed = false;
    for record in records {
        let part = match &record.event {
            Event::PointReached { .. } => {
                has_failed = true;
                Some(Part::Failed)
            }
            Event::StepStarted { operation: Operation::Change, step, .. } if !has_failed => {
                Some(Part::Change(*step))
            }
            Event::StepEnded { operation: Operation::Change, step, .. } if !has_failed => {
                Some(Part::Changed(*step))
            }
            Event::StepStarted { operation: Operation::Rollback, step, .. } => Some(Part::Rollback(*step)),
            Event::StepEnded { operation: Operation::Rollback, step, .. } => Some(Part::RolledBack(*step)),
            Event::OperationEnded { operation: Operation::Rollback, .. } => Some(Part::After),
            _ => None,
        };
        marks.extend(part.map(|part| (record.ms, part)));
    }
    marks
}

/// Where clients' requests go: the stage of a run.
struct Line {
    stage: Arc<dyn Stage>,
    caller: Arc<dyn Caller>,
    databases: BTreeMap<String, Arc<dyn Database>>,
    /// Where ports were found; forgotten when nobody answers there.
    addresses: Mutex<BTreeMap<(String, u16), SocketAddr>>,
    /// Idle sessions, by database.
    sessions: Mutex<BTreeMap<String, Vec<Box<dyn Session>>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl Service for Line {
    async fn send(&self, request: &Request, limit: Duration) -> Reply {
        let sent = async {
            match request {
                Request::Http(call) => self.call(call, limit).await,
                Request::Sql { database, text } => self.execute(database, text).await,
            }
        };
        let late = || Reply::Lost("no answer in time".to_owned());
        tokio::time::timeout(limit, sent).await.unwrap_or_else(|_| late())
    }
}

impl Line {
    async fn call(&self, call: &HttpCall, limit: Duration) -> Reply {
        let place = (call.service.clone(), call.port);
        let known = lock(&self.addresses).get(&place).copied();
        let address = match known {
            Some(address) => address,
            None => match self.stage.address(&call.service, call.port).await {
                Ok(address) => address,
                Err(error) => return Reply::NotSent(error.cause),
            },
        };
        lock(&self.addresses).insert(place.clone(), address);
        let answer = self.caller.call(address, call, limit).await;
        if answer.is_err() {
            lock(&self.addresses).remove(&place);
        }
        match answer {
            Ok(answer) => Reply::Answered { status: answer.status, body: answer.body },
            Err(CallFailure::NotSent(why)) => Reply::NotSent(why),
            Err(CallFailure::Lost(why)) => Reply::Lost(why),
        }
    }

    /// A statement on a session of our clients.
    async fn execute(&self, database: &str, text: &str) -> Reply {
        let Some(observed) = self.databases.get(database) else {
            return Reply::NotSent(format!("{database} is not observed"));
        };
        let idle = lock(&self.sessions).get_mut(database).and_then(Vec::pop);
        let mut session = match idle {
            Some(session) => session,
            None => match observed.visit().await {
                Ok(session) => session,
                Err(failure) => return Reply::NotSent(failure.message),
            },
        };
        let statement = Statement { text: text.to_owned(), line: 1, copy_data: None };
        let reply = match session.ask(&statement).await {
            Ok(values) => Reply::Done { values },
            Err(failure) if failure.left_nothing => Reply::Failed(failure.message),
            Err(failure) => return Reply::Lost(failure.message),
        };
        lock(&self.sessions).entry(database.to_owned()).or_default().push(session);
        reply
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::event::{Completed, Ending};

    fn record(ms: u64, event: Event) -> Record {
        let (at, prev) = (String::new(), String::new());
        Record { seq: ms, at, ms, run: Some(1), event, prev }
    }

    fn started(operation: Operation, step: u32) -> Event {
        Event::StepStarted { operation, step, title: String::new() }
    }

    fn ended(operation: Operation, step: u32) -> Event {
        let (ending, exit_code, error) = (Ending::Ok, Some(0), None);
        let (tail, statements, took_ms) = (Vec::new(), None, 1);
        Event::StepEnded { operation, step, ending, exit_code, error, tail, statements, took_ms }
    }

    #[test]
    fn a_run_has_its_parts_and_what_follows_a_failure_is_no_step_of_the_change() {
        let completed = Completed::default();
        let records = [
            record(5, started(Operation::Change, 1)),
            record(6, ended(Operation::Change, 1)),
            record(7, started(Operation::Change, 2)),
            record(8, Event::PointReached { held: true, completed, text: String::new() }),
            record(9, ended(Operation::Change, 2)),
            record(10, started(Operation::Rollback, 1)),
            record(11, ended(Operation::Rollback, 1)),
        ];
        let expected = [
            (0, Part::Before),
            (5, Part::Change(1)),
            (6, Part::Changed(1)),
            (7, Part::Change(2)),
            (8, Part::Failed),
            (10, Part::Rollback(1)),
            (11, Part::RolledBack(1)),
        ];
        assert_eq!(marks(&records), expected);
    }
}

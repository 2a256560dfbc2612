//! An operation: its steps one after the other, held where a point says so.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use tokio::sync::{broadcast, oneshot};

use super::accounts::Accounts;
use super::act::{self, Act, Given};
use super::interrupt::Interrupt;
use super::scribe::Scribe;
use super::walk::Ground;
use super::wire::Ears;
use crate::journal::event::{Completed, Ending, Operation};
use crate::journal::{Event, JournalError};
use crate::plan::model::{Point, Side, Step, Trigger};
use crate::stage::StageError;

/// How an operation ended.
#[derive(Debug, Clone)]
pub(super) struct Outcome {
    pub(super) ending: Ending,
}

/// The operation has arrived at its point.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) completed: Completed,
    pub(super) text: String,
}

/// The two ends of a hold: the operation arrives, and goes on when it is released.
struct Hold {
    arrived: oneshot::Sender<Arrival>,
    released: oneshot::Receiver<()>,
}

/// Where an operation is held; nowhere, when there is no point.
pub(super) struct Held {
    point: Option<Point>,
    hold: Mutex<Option<Hold>>,
    completed: Mutex<Completed>,
}

impl Held {
    /// Not held.
    pub(super) fn nowhere() -> Self {
        Self { point: None, hold: Mutex::new(None), completed: Mutex::default() }
    }

    /// Held at an exact point: the receiver hears of the arrival, the sender releases.
    pub(super) fn at(point: &Point) -> (Self, oneshot::Receiver<Arrival>, oneshot::Sender<()>) {
        let (arrived, arrival) = oneshot::channel();
        let (release, released) = oneshot::channel();
        let hold = Mutex::new(Some(Hold { arrived, released }));
        (Self { point: Some(point.clone()), hold, completed: Mutex::default() }, arrival, release)
    }

    /// How far the operation has come.
    pub(super) fn completed(&self) -> Completed {
        *self.completed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn come_to(&self, completed: Completed) {
        *self.completed.lock().unwrap_or_else(PoisonError::into_inner) = completed;
    }

    pub(super) async fn before_statement(&self, done: u32, text: &str) {
        self.statement(done, done + 1, Side::Before, text).await;
    }

    pub(super) async fn after_statement(&self, done: u32, text: &str) {
        self.statement(done, done, Side::After, text).await;
    }

    async fn statement(&self, done: u32, number: u32, side: Side, text: &str) {
        let steps = self.completed().steps;
        self.come_to(Completed { steps, statements: done });
        self.arrive(steps + 1, &Trigger::Statement { number, side }, text).await;
    }

    /// At a container of a rolling deploy.
    pub(super) async fn replica(&self, number: u32, side: Side, text: &str) {
        let steps = self.completed().steps;
        self.arrive(steps + 1, &Trigger::Replica { number, side }, text).await;
    }

    async fn step(&self, step: &Step, side: Side) {
        let steps = if side == Side::Before { step.number - 1 } else { step.number };
        self.come_to(Completed { steps, statements: 0 });
        self.arrive(step.number, &Trigger::Step(side), &step.title).await;
    }

    async fn arrive(&self, step: u32, trigger: &Trigger, text: &str) {
        let here = self.point.as_ref().is_some_and(|point| point.step == step && point.trigger == *trigger);
        if !here {
            return;
        }
        let hold = self.hold.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(hold) = hold else { return };
        let arrival = Arrival { completed: self.completed(), text: crate::sql::fingerprint(text) };
        // When nobody waits any more, there is nothing to be held for.
        if hold.arrived.send(arrival).is_ok() {
            let _ = hold.released.await;
        }
    }
}

/// Everything an operation is run with.
pub(super) struct Conduct<'a> {
    pub(super) ground: &'a Ground,
    pub(super) scribe: &'a Scribe,
    pub(super) interrupt: &'a Interrupt,
    pub(super) held: &'a Held,
    pub(super) lines: &'a broadcast::Sender<String>,
    /// Whether clients get their turn after each step.
    pub(super) dwells: bool,
    /// Where it is noted what each step changed; nowhere in most runs.
    pub(super) accounts: Option<&'a Accounts>,
}

/// Does the steps of an operation until one does not succeed.
pub(super) async fn operation(
    conduct: &Conduct<'_>,
    operation: Operation,
    steps: &[Step],
) -> Result<Outcome, JournalError> {
    let began = Instant::now();
    let mut dwelt = Duration::ZERO;
    let mut last = Last { ending: Ending::Ok, exit_code: Some(0), failed_step: None, error: None };
    for step in steps {
        let ears = Ears::of(conduct.ground, step).await;
        conduct.held.step(step, Side::Before).await;
        if conduct.interrupt.is_set() {
            last = Last { ending: Ending::Interrupted, exit_code: None, failed_step: None, error: None };
            break;
        }
        last = do_step(conduct, operation, step, ears).await?;
        if let Some(accounts) = conduct.accounts {
            let looks = Instant::now();
            accounts.after((conduct.ground, conduct.scribe), (operation, step.number)).await?;
            dwelt += looks.elapsed();
        }
        if last.ending != Ending::Ok {
            break;
        }
        if conduct.dwells {
            // How the service fares between two steps is seen by those whom it answers, or not, there.
            let waits = Instant::now();
            conduct.ground.clients().pass(conduct.scribe).await;
            dwelt += waits.elapsed();
        }
        conduct.held.step(step, Side::After).await;
    }
    let completed = conduct.held.completed();
    conduct.scribe.note(&Event::OperationEnded {
        operation,
        ending: last.ending,
        exit_code: last.exit_code,
        failed_step: last.failed_step,
        error: last.error,
        completed,
        took_ms: crate::millis::of(began.elapsed().saturating_sub(dwelt)),
    })?;
    Ok(Outcome { ending: last.ending })
}

/// How the last step ended.
struct Last {
    ending: Ending,
    exit_code: Option<i64>,
    failed_step: Option<u32>,
    error: Option<String>,
}

async fn do_step(
    conduct: &Conduct<'_>,
    operation: Operation,
    step: &Step,
    ears: Result<Ears, StageError>,
) -> Result<Last, JournalError> {
    let began = Instant::now();
    let title = step.title.clone();
    let outside = conduct.ground.outside();
    outside.hear(conduct.scribe, None).await?;
    conduct.scribe.note(&Event::StepStarted { operation, step: step.number, title })?;
    let given = Given {
        ground: conduct.ground,
        interrupt: conduct.interrupt,
        held: conduct.held,
        lines: conduct.lines,
    };
    let act = match &ears {
        Ok(_) => act::act(&given, step).await,
        Err(error) => Act::from_stage(Err(error.clone())),
    };
    if let Ok(ears) = ears {
        for event in ears.events(operation, step.number).await {
            conduct.scribe.note(&event)?;
        }
    }
    outside.hear(conduct.scribe, Some((operation, step.number))).await?;
    let ending = act.ending.unwrap_or(Ending::Failed);
    conduct.scribe.note(&Event::StepEnded {
        operation,
        step: step.number,
        ending,
        exit_code: act.exit_code,
        error: act.error.clone(),
        tail: act.tail,
        statements: act.statements,
        took_ms: crate::millis::of(began.elapsed()),
    })?;
    let failed_step = (ending != Ending::Ok).then_some(step.number);
    Ok(Last { ending, exit_code: act.exit_code, failed_step, error: act.error })
}

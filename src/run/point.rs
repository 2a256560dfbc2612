//! The change up to its point, the faults there, and what becomes of it.

use std::time::{Duration, Instant};

use regex::Regex;
use tokio::sync::{broadcast, oneshot};

use super::fact;
use super::fault::{self, number};
use super::interrupt::{Interrupt, Ongoing};
use super::operation::{Arrival, Conduct, Held, Outcome, operation};
use super::scribe::Scribe;
use super::walk::Ground;
use super::wire::Hold;
use crate::gateway::control::Mark;
use crate::journal::event::{Ending, Operation};
use crate::journal::{Event, JournalError};
use crate::plan::model::{Action, Failure, Fault, Point, Side, Step, Trigger};

/// How many lines of output a watcher may lag behind.
const LINES: usize = 4096;

type Change<'a> = Ongoing<'a, Result<Outcome, JournalError>>;

/// Runs an operation, breaks it at the point, and returns how it ended.
pub(super) async fn interrupted(
    ground: &Ground,
    scribe: &Scribe,
    failure: &Failure,
    (which, steps): (Operation, &[Step]),
) -> Result<Outcome, JournalError> {
    let interrupt = Interrupt::new();
    let (lines, _) = broadcast::channel(LINES);
    let trigger = &failure.point.trigger;
    let exact = matches!(trigger, Trigger::Step(_) | Trigger::Statement { .. } | Trigger::Replica { .. });
    let hold = if exact { failure.point.clone() } else { start_of(&failure.point) };
    let (held, arrival, release) = Held::at(&hold);
    let conduct = Conduct {
        ground,
        scribe,
        interrupt: &interrupt,
        held: &held,
        lines: &lines,
        dwells: false,
        accounts: None,
    };
    let mut change = Ongoing::new(operation(&conduct, which, steps));
    let within = failure.point.within;
    let reached = match hold_at(&mut change, arrival, within).await {
        Err(seen) => Err(seen),
        Ok(arrival) if exact => Ok((arrival, Grip::Step(release))),
        Ok(arrival) => match trigger {
            Trigger::Wire { mark, .. } => {
                let wire =
                    hold_on_the_wire(&mut change, ground, mark, within, arrival.completed.steps, release);
                wire.await.map(|(arrival, hold)| (arrival, Grip::Wire(hold)))
            }
            _ => {
                let watch = Watch { ground, point: &failure.point, lines: &lines, held: &held };
                watch.until(&mut change, release).await.map(|arrival| (arrival, Grip::None))
            }
        },
    };
    match reached {
        Ok((arrival, grip)) => {
            scribe.note(&Event::PointReached {
                held: !matches!(grip, Grip::None),
                completed: arrival.completed,
                text: arrival.text,
            })?;
            let starting = starting(failure, steps);
            let broken = Broken { ground, scribe, failure, starting };
            broken.break_it(&mut change, &interrupt, grip).await
        }
        Err(seen) => {
            scribe.note(&Event::PointMissed { seen, completed: held.completed() })?;
            change.end().await
        }
    }
}

/// What holds the change.
enum Grip {
    /// It waits for the sender.
    Step(oneshot::Sender<()>),
    /// Its conversation is held by a gateway.
    Wire(Hold),
    /// Nothing does: the point was seen from outside.
    None,
}

/// The beginning of the point's step: there, what watches for the point is put in place.
fn start_of(point: &Point) -> Point {
    Point { trigger: Trigger::Step(Side::Before), ..point.clone() }
}

async fn hold_at(
    change: &mut Change<'_>,
    arrival: oneshot::Receiver<Arrival>,
    within: Duration,
) -> Result<Arrival, String> {
    match change.until(tokio::time::timeout(within, arrival)).await {
        Some(Ok(Ok(arrival))) => Ok(arrival),
        Some(Ok(Err(_))) | None => Err("the change ended before it came to the point".to_owned()),
        Some(Err(_)) => Err(format!("the change had not come to it within {} s", within.as_secs_f64())),
    }
}

/// Lets the step begin, and waits until its conversation is held at the mark.
async fn hold_on_the_wire(
    change: &mut Change<'_>,
    ground: &Ground,
    mark: &Mark,
    within: Duration,
    steps: u32,
    release: oneshot::Sender<()>,
) -> Result<(Arrival, Hold), String> {
    let hold = change.alongside(Hold::at(ground, mark)).await?;
    // The receiver is the operation that was just seen to wait for it.
    let _ = release.send(());
    match change.until(tokio::time::timeout(within, hold.reached(steps))).await {
        Some(Ok(arrival)) => Ok((arrival?, hold)),
        Some(Err(_)) => Err(format!("the change had not come to it within {} s", within.as_secs_f64())),
        None => Err("the change ended before it came to the point".to_owned()),
    }
}

/// The service that the broken step deploys: it is what speaks on the wire there.
fn starting<'s>(failure: &Failure, steps: &'s [Step]) -> Option<&'s str> {
    let step = steps.iter().find(|step| step.number == failure.point.step)?;
    match &step.action {
        Action::Deploy(deploy) => Some(&deploy.service),
        _ => None,
    }
}

/// Looks for a point from outside.
struct Watch<'a> {
    ground: &'a Ground,
    point: &'a Point,
    lines: &'a broadcast::Sender<String>,
    held: &'a Held,
}

impl Watch<'_> {
    async fn until(&self, change: &mut Change<'_>, release: oneshot::Sender<()>) -> Result<Arrival, String> {
        let heard = self.lines.subscribe();
        let followed = match &self.point.trigger {
            Trigger::Log { service: Some(service), .. } => {
                let lines = change.alongside(self.ground.stage.follow(service)).await;
                Some(lines.map_err(|error| error.to_string())?)
            }
            _ => None,
        };
        // The receiver is the operation that was just seen to wait for it.
        let _ = release.send(());
        let seen = tokio::time::timeout(self.point.within, self.sight(heard, followed));
        match change.until(seen).await {
            Some(Ok(Ok(text))) => Ok(Arrival { completed: self.held.completed(), text }),
            Some(Ok(Err(seen))) => Err(seen),
            Some(Err(_)) => Err(format!("it was not seen within {} s", self.point.within.as_secs_f64())),
            None => Err("the change ended before the point was seen".to_owned()),
        }
    }

    async fn sight(
        &self,
        heard: broadcast::Receiver<String>,
        followed: Option<crate::stage::Lines>,
    ) -> Result<String, String> {
        match &self.point.trigger {
            Trigger::Log { pattern, .. } => {
                let pattern = Regex::new(pattern).map_err(|error| error.to_string())?;
                match followed {
                    Some(lines) => follow(lines, &pattern).await,
                    None => hear(heard, &pattern).await,
                }
            }
            Trigger::Fact(fact) => Ok(fact::hold(self.ground, fact).await.what),
            Trigger::After(ms) => {
                let began = Instant::now();
                tokio::time::sleep(Duration::from_millis(*ms)).await;
                Ok(format!("{} ms after the step began", began.elapsed().as_millis()))
            }
            Trigger::Step(_) | Trigger::Statement { .. } | Trigger::Replica { .. } | Trigger::Wire { .. } => {
                Err("an exact point is not watched".to_owned())
            }
        }
    }
}

async fn hear(mut heard: broadcast::Receiver<String>, pattern: &Regex) -> Result<String, String> {
    loop {
        match heard.recv().await {
            Ok(line) if pattern.is_match(&line) => return Ok(line),
            Ok(_) => {}
            Err(broadcast::error::RecvError::Lagged(lines)) => {
                return Err(format!("{lines} lines came faster than they could be read"));
            }
            Err(broadcast::error::RecvError::Closed) => return Err("the step's output ended".to_owned()),
        }
    }
}

async fn follow(mut lines: crate::stage::Lines, pattern: &Regex) -> Result<String, String> {
    while let Some(line) = lines.recv().await {
        if pattern.is_match(&line.text) {
            return Ok(line.text);
        }
    }
    Err("the service's output ended".to_owned())
}

/// An operation that is at its point.
struct Broken<'a> {
    ground: &'a Ground,
    scribe: &'a Scribe,
    failure: &'a Failure,
    /// The service that the step at the point deploys.
    starting: Option<&'a str>,
}

impl Broken<'_> {
    /// Injects the faults while the change is held or goes on, then ends or releases it (S5).
    async fn break_it(
        &self,
        change: &mut Change<'_>,
        interrupt: &Interrupt,
        grip: Grip,
    ) -> Result<Outcome, JournalError> {
        let Self { ground, scribe, failure, .. } = *self;
        let mut abort = None;
        for (position, planned) in failure.faults.iter().enumerate() {
            if planned.fault == Fault::Abort {
                abort = Some(position);
                continue;
            }
            scribe.note(&Event::FaultIntended { fault: number(position) })?;
            let injected = change.alongside(fault::inject(ground, position)).await;
            // A change that ended well was too quick; one that the fault itself has ended was not.
            let in_time = !change
                .has_ended_with(|outcome| outcome.as_ref().is_ok_and(|outcome| outcome.ending == Ending::Ok));
            scribe.note(&injected.event(number(position), in_time))?;
        }
        if let Some(position) = abort {
            scribe.note(&Event::FaultIntended { fault: number(position) })?;
        }
        let began = Instant::now();
        if failure.stop {
            interrupt.now();
        }
        let outcome = self.go_on(change, grip).await?;
        if let Some(position) = abort {
            let acted = outcome.ending == Ending::Interrupted;
            scribe.note(&Event::FaultInjected {
                fault: number(position),
                acted,
                in_time: acted,
                evidence: if acted {
                    "the operation ended, and nothing more of it was sent".to_owned()
                } else {
                    "the operation had ended before".to_owned()
                },
                took_ms: crate::millis::of(began.elapsed()),
            })?;
        }
        Ok(outcome)
    }

    /// The fault is in place: lets go, and waits for the change to end. Of a change that is to stop, what a
    /// gateway holds back is never sent: its process is dead before its connection is reset.
    async fn go_on(&self, change: &mut Change<'_>, grip: Grip) -> Result<Outcome, JournalError> {
        match grip {
            // The change may have ended by the fault itself; then nothing waits.
            Grip::Step(release) => drop(release.send(())),
            Grip::Wire(hold) if self.failure.stop => {
                let outcome = change.end().await;
                self.end_what_starts().await?;
                hold.sever().await;
                return outcome;
            }
            Grip::Wire(hold) => change.alongside(hold.release()).await,
            Grip::None => {}
        }
        change.end().await
    }

    /// Of a deploy that is broken while the service speaks, the service is what has to end.
    async fn end_what_starts(&self) -> Result<(), JournalError> {
        let Some(service) = self.starting else { return Ok(()) };
        match self.ground.stage.end(service).await {
            Ok(()) => Ok(()),
            Err(error) => {
                let (message, evidence) = (error.to_string(), error.evidence);
                self.scribe.note(&Event::Trouble { message, evidence })
            }
        }
    }
}

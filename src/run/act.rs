//! One step: done, failed, timed out or interrupted, with its evidence.

use std::collections::VecDeque;
use std::time::Duration;

use super::fact;
use super::interrupt::Interrupt;
use super::operation::Held;
use super::walk::Ground;
use super::world::Session;
use crate::journal::event::Ending;
use crate::plan::model::{Action, Deploy, Dump, Fact, HttpCall, Side, Statement, Step, Strategy};
use crate::stage::{self, OneShot, Process, StageError};

/// How many lines of a step's output the journal keeps.
const TAIL: usize = 40;

/// What came of a step.
#[derive(Debug, Default)]
pub(super) struct Act {
    pub(super) ending: Option<Ending>,
    pub(super) exit_code: Option<i64>,
    pub(super) error: Option<String>,
    pub(super) tail: Vec<String>,
    pub(super) statements: Option<u32>,
}

impl Act {
    fn ok() -> Self {
        Self { ending: Some(Ending::Ok), exit_code: Some(0), ..Self::default() }
    }

    fn failed(error: impl Into<String>) -> Self {
        Self {
            ending: Some(Ending::Failed),
            exit_code: Some(1),
            error: Some(error.into()),
            ..Self::default()
        }
    }

    fn interrupted() -> Self {
        Self { ending: Some(Ending::Interrupted), ..Self::default() }
    }

    fn timed_out(limit: Duration) -> Self {
        let error = format!("not done after {} s", limit.as_secs_f64());
        Self { ending: Some(Ending::TimedOut), error: Some(error), ..Self::default() }
    }

    pub(super) fn from_stage(result: Result<(), StageError>) -> Self {
        match result {
            Ok(()) => Self::ok(),
            Err(error) => Self { tail: error.evidence.clone(), ..Self::failed(error.to_string()) },
        }
    }
}

/// What a step is given by its operation.
pub(super) struct Given<'a> {
    pub(super) ground: &'a Ground,
    pub(super) interrupt: &'a Interrupt,
    /// Where the operation is held inside this step.
    pub(super) held: &'a Held,
    /// Hears every line of output.
    pub(super) lines: &'a tokio::sync::broadcast::Sender<String>,
}

/// Does a step.
pub(super) async fn act(given: &Given<'_>, step: &Step) -> Act {
    let limit = step.timeout;
    match &step.action {
        Action::Run { service, command, environment } => {
            let request = OneShot {
                service: service.clone(),
                command: command.clone(),
                environment: environment.clone(),
            };
            process(given, limit, given.ground.stage.run_once(&request).await).await
        }
        Action::Exec { service, command, environment }
        | Action::Backup(Dump { database: service, command, environment })
        | Action::Restore(Dump { database: service, command, environment }) => {
            process(given, limit, given.ground.stage.exec_with(service, command, environment).await).await
        }
        Action::Host { command, environment } => {
            let ground = given.ground;
            let started = ground.world.host(&ground.plan.folder, command, environment).await;
            process(given, limit, started).await
        }
        Action::Sql { database, statements, .. } => sql(given, limit, database, statements).await,
        Action::Deploy(change) => bounded(given, limit, deploy(given, change)).await,
        Action::Http(call) => bounded(given, limit, http(given, call, limit)).await,
        Action::Wait(fact) => bounded(given, limit, until(given.ground, fact)).await,
        Action::Volume { volume, tar } => {
            let fill = async { Act::from_stage(given.ground.stage.fill_volume(volume, tar).await) };
            bounded(given, limit, fill).await
        }
    }
}

/// Ends work at its deadline, and at once when the operation is interrupted; a call that is under
/// way is dropped, which resets its connection (S7).
async fn bounded(given: &Given<'_>, limit: Duration, work: impl Future<Output = Act>) -> Act {
    tokio::select! {
        biased;
        () = given.interrupt.wait() => Act::interrupted(),
        act = tokio::time::timeout(limit, work) => act.unwrap_or_else(|_| Act::timed_out(limit)),
    }
}

async fn process(given: &Given<'_>, limit: Duration, started: Result<Box<dyn Process>, StageError>) -> Act {
    let mut process = match started {
        Ok(process) => process,
        Err(error) => return Act::from_stage(Err(error)),
    };
    let mut tail = VecDeque::new();
    let running = async {
        while let Some(line) = process.line().await {
            // Nobody may be listening, and that is fine.
            let _ = given.lines.send(line.text.clone());
            if tail.len() == TAIL {
                tail.pop_front();
            }
            tail.push_back(line.text);
        }
        process.wait().await
    };
    let ended = tokio::select! {
        biased;
        () = given.interrupt.wait() => Err(Act::interrupted()),
        ended = tokio::time::timeout(limit, running) => ended.map_err(|_| Act::timed_out(limit)),
    };
    let act = match ended {
        Ok(Ok(ended)) if ended.exit_code == 0 => Act::ok(),
        Ok(Ok(ended)) => exited(ended),
        Ok(Err(error)) => Act::from_stage(Err(error)),
        Err(act) => match process.kill().await {
            Ok(()) => act,
            Err(error) => Act { error: Some(error.to_string()), ..act },
        },
    };
    let tail = if tail.is_empty() { act.tail } else { tail.into() };
    Act { tail, ..act }
}

fn exited(ended: stage::Ended) -> Act {
    let memory = if ended.out_of_memory { ", out of memory" } else { "" };
    let error = format!("exit code {}{memory}", ended.exit_code);
    Act { exit_code: Some(ended.exit_code), ..Act::failed(error) }
}

async fn sql(given: &Given<'_>, limit: Duration, database: &str, statements: &[Statement]) -> Act {
    let opened = given.ground.database(database).open();
    let mut session = match tokio::time::timeout(limit, opened).await {
        Ok(Ok(session)) => session,
        Ok(Err(failure)) => return Act { statements: Some(0), ..Act::failed(failure.message) },
        Err(_) => return Act { statements: Some(0), ..Act::timed_out(limit) },
    };
    given.ground.opened(database, session.number());
    let mut done = 0;
    let mut tail = Vec::new();
    let work = send(given, &mut session, statements, &mut done, &mut tail);
    let ended = tokio::select! {
        biased;
        () = given.interrupt.wait() => Act::interrupted(),
        act = tokio::time::timeout(limit, work) => act.unwrap_or_else(|_| Act::timed_out(limit)),
    };
    match ended.ending {
        Some(Ending::Ok) => session.close().await,
        _ => session.sever().await,
    }
    let cut = tail.len().saturating_sub(TAIL);
    Act { statements: Some(done), tail: tail.split_off(cut), ..ended }
}

/// Sends the statements one by one; held before or after the one that the point names.
async fn send(
    given: &Given<'_>,
    session: &mut Box<dyn Session>,
    statements: &[Statement],
    done: &mut u32,
    tail: &mut Vec<String>,
) -> Act {
    for statement in statements {
        given.held.before_statement(*done, &statement.text).await;
        match session.execute(statement).await {
            Ok(said) => tail.extend(said),
            Err(failure) => {
                let at = format!("{} (line {})", crate::sql::fingerprint(&statement.text), statement.line);
                return Act::failed(format!("{} at {at}", failure.message));
            }
        }
        *done += 1;
        given.held.after_statement(*done, &statement.text).await;
    }
    Act::ok()
}

async fn deploy(given: &Given<'_>, change: &Deploy) -> Act {
    let ground = given.ground;
    let image = match &change.image {
        None => None,
        Some(image) => match ground.images.deployed(image) {
            Some(id) => Some(id),
            None => return Act::failed("the image was not resolved before the drill began"),
        },
    };
    let request = stage::Deploy {
        service: change.service.clone(),
        image,
        environment: change.environment.clone(),
        command: change.command.clone(),
        entrypoint: change.entrypoint.clone(),
        replicas: change.replicas,
    };
    if let Strategy::Rolling(_) = change.strategy {
        return roll(given, change, &request).await;
    }
    let started = Act::from_stage(ground.stage.deploy(&request).await);
    if !change.until_well || started.ending != Some(Ending::Ok) {
        return started;
    }
    until(ground, &Fact::Healthy { service: change.service.clone() }).await
}

/// Replaces containers one by one; the next only when the service is well.
async fn roll(given: &Given<'_>, change: &Deploy, request: &stage::Deploy) -> Act {
    let ground = given.ground;
    // A change that was broken may have left another number than the plan knows of.
    let replicas = match ground.stage.instances(&change.service).await {
        Ok(containers) => u32::try_from(containers.len()).unwrap_or(u32::MAX),
        Err(error) => return Act::from_stage(Err(error)),
    };
    if replicas == 0 {
        // There is none to replace, and those to come are to be what was deployed.
        return Act::from_stage(ground.stage.deploy(request).await);
    }
    for number in 1..=replicas {
        let text = format!("replica {number} of {replicas} of {}", change.service);
        given.held.replica(number, Side::Before, &text).await;
        let replaced = Act::from_stage(ground.stage.replace(request, number).await);
        if replaced.ending != Some(Ending::Ok) {
            return replaced;
        }
        if change.until_well {
            let well = until(ground, &Fact::Healthy { service: change.service.clone() }).await;
            if well.ending != Some(Ending::Ok) {
                return well;
            }
        }
        given.held.replica(number, Side::After, &text).await;
    }
    Act::ok()
}

async fn http(given: &Given<'_>, call: &HttpCall, limit: Duration) -> Act {
    match fact::call(given.ground, call, limit).await {
        Ok(answer) if fact::answers(call, &answer) => Act::ok(),
        Ok(answer) => {
            let tail = answer.body.lines().take(TAIL).map(str::to_owned).collect();
            Act { tail, ..Act::failed(format!("status {}", answer.status)) }
        }
        Err(error) => Act::failed(error),
    }
}

async fn until(ground: &Ground, fact: &Fact) -> Act {
    match fact::hold(ground, fact).await {
        seen if seen.held == Some(true) => Act::ok(),
        seen => Act::failed(seen.what),
    }
}

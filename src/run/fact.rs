//! Facts are looked at until they hold or their time is over. What was seen last is always said.

use std::time::{Duration, Instant};

use regex::Regex;

use super::across;
use super::walk::Ground;
use super::world::Answer;
use crate::plan::model::{Fact, HttpCall};
use crate::stage::Lines;
use crate::state::model::Depth;

/// Between two looks at a fact that nothing announces.
const PAUSE: Duration = Duration::from_millis(50);
/// How many lines of the past count for a wait.
const LOOK_BACK: usize = 1000;
/// For one HTTP call of a probe.
const CALL: Duration = Duration::from_secs(5);

/// What was seen of a fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    /// Whether it held; none when it could not be observed.
    pub(super) held: Option<bool>,
    pub(super) what: String,
}

impl Seen {
    pub(super) fn observed(held: bool, what: impl Into<String>) -> Self {
        Self { held: Some(held), what: what.into() }
    }

    pub(super) fn unknown(what: impl Into<String>) -> Self {
        Self { held: None, what: what.into() }
    }
}

/// Waits until a fact holds, for ever; the caller sets the deadline.
pub(super) async fn hold(ground: &Ground, fact: &Fact) -> Seen {
    if let Fact::Log { service, pattern, .. } = fact {
        return printed(ground, service, pattern).await;
    }
    loop {
        let seen = look(ground, fact).await;
        if seen.held == Some(true) {
            return seen;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Looks at a fact until it holds or its time is over. A log is read from `lines`, which were
/// followed since the rollback began.
pub(super) async fn within(ground: &Ground, fact: &Fact, lines: Option<Lines>, limit: Duration) -> Seen {
    if let (Fact::Log { pattern, absent, .. }, Some(lines)) = (fact, lines) {
        return log_within(lines, pattern, *absent, limit).await;
    }
    let deadline = Instant::now() + limit;
    loop {
        let seen = look(ground, fact).await;
        if seen.held == Some(true) || Instant::now() >= deadline {
            return seen;
        }
        tokio::time::sleep(PAUSE.min(deadline.saturating_duration_since(Instant::now()))).await;
    }
}

async fn log_within(lines: Lines, pattern: &str, absent: bool, limit: Duration) -> Seen {
    let seen = match tokio::time::timeout(limit, line(lines, pattern)).await {
        Ok(seen) => seen,
        Err(_) => Seen::observed(false, format!("no line matched /{pattern}/")),
    };
    Seen { held: seen.held.map(|printed| printed != absent), ..seen }
}

/// Waits for a line that a service has printed before or prints now.
async fn printed(ground: &Ground, service: &str, pattern: &str) -> Seen {
    // Followed first and looked back second, so that no line falls between.
    let lines = match ground.stage.follow(service).await {
        Ok(lines) => lines,
        Err(error) => return Seen::unknown(error.to_string()),
    };
    let before = ground.stage.tail(service, LOOK_BACK).await.unwrap_or_default();
    let found =
        Regex::new(pattern).ok().and_then(|pattern| before.into_iter().find(|text| pattern.is_match(text)));
    match found {
        Some(text) => Seen::observed(true, text),
        None => line(lines, pattern).await,
    }
}

/// One look.
pub(super) async fn look(ground: &Ground, fact: &Fact) -> Seen {
    match fact {
        Fact::Healthy { service } => match ground.stage.health(service).await {
            Ok(health) => Seen::observed(health.is_well(), format!("{service} is {health}")),
            Err(error) => Seen::unknown(error.to_string()),
        },
        Fact::Http(wanted) => match call(ground, wanted, CALL).await {
            Ok(answer) => Seen::observed(answers(wanted, &answer), shown(wanted, &answer)),
            // A service that does not answer does not answer as it should: that is known.
            Err(error) => Seen::observed(false, error),
        },
        Fact::Sql { database, query, equals } => match ground.database(database).value(query).await {
            Ok(Some(value)) => Seen::observed(value == *equals, format!("the query gives {value}")),
            Ok(None) => Seen::observed(false, "the query gives nothing"),
            Err(error) => Seen::unknown(error),
        },
        Fact::Across(across) => across::look(ground, across).await,
        Fact::Queue { store, queue, messages } => depth(ground, store, queue, *messages).await,
        Fact::Exec { service, command, exit_code, contains } => {
            exec(ground, service, command, *exit_code, contains.as_deref()).await
        }
        Fact::Log { .. } => Seen::unknown("lines are followed, not looked at"),
    }
}

async fn depth(ground: &Ground, store: &str, queue: &str, messages: u64) -> Seen {
    match ground.stores[store].depth(queue).await {
        Ok(Some(Depth { waiting, held })) => Seen::observed(
            waiting + held == messages,
            format!("{waiting} wait, {held} were delivered and are not acknowledged"),
        ),
        Ok(None) => Seen::observed(false, "there is no such queue"),
        Err(error) => Seen::unknown(error),
    }
}

async fn exec(ground: &Ground, service: &str, command: &[String], code: i64, contains: Option<&str>) -> Seen {
    let mut process = match ground.stage.exec(service, command).await {
        Ok(process) => process,
        Err(error) => return Seen::unknown(error.to_string()),
    };
    let mut output = String::new();
    while let Some(line) = process.line().await {
        output.push_str(&line.text);
        output.push('\n');
    }
    match process.wait().await {
        Ok(ended) => {
            let held = ended.exit_code == code && contains.is_none_or(|text| output.contains(text));
            let last = output.lines().last().unwrap_or("no output");
            Seen::observed(held, format!("exit code {}, last line: {last}", ended.exit_code))
        }
        Err(error) => Seen::unknown(error.to_string()),
    }
}

async fn line(mut lines: Lines, pattern: &str) -> Seen {
    let pattern = match Regex::new(pattern) {
        Ok(pattern) => pattern,
        Err(error) => return Seen::unknown(error.to_string()),
    };
    while let Some(line) = lines.recv().await {
        if pattern.is_match(&line.text) {
            return Seen::observed(true, line.text);
        }
    }
    Seen::observed(false, format!("the output ended without /{pattern}/"))
}

/// Calls a service of the stage.
pub(super) async fn call(ground: &Ground, call: &HttpCall, limit: Duration) -> Result<Answer, String> {
    let address = ground.stage.address(&call.service, call.port).await.map_err(|error| error.to_string())?;
    ground.world.http(address, call, limit).await
}

/// Whether an answer is the one that is asked for.
pub(super) fn answers(call: &HttpCall, answer: &Answer) -> bool {
    let status = call.status.map_or((200..300).contains(&answer.status), |wanted| wanted == answer.status);
    status && call.contains.as_ref().is_none_or(|text| answer.body.contains(text))
}

fn shown(call: &HttpCall, answer: &Answer) -> String {
    let lacks = call.contains.as_ref().filter(|text| !answer.body.contains(*text));
    match lacks {
        Some(text) => format!("status {}, body without `{text}`", answer.status),
        None => format!("status {}", answer.status),
    }
}

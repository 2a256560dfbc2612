//! Health checks asked by the stage itself.
//!
//! An engine asks a container's check once an interval, and for the first time when one interval is over. With
//! the usual thirty seconds a system of two layers takes a minute to come up, in each run; with half a second
//! its checks keep a processor busy for as long as it stands (each is a process of its own). So a container that
//! is not well yet is asked by whoever looks at it, and a pass counts until the engine has asked again itself.
//! From API 1.44 on engines have `StartInterval` for the first half of this.

use std::collections::BTreeMap;
use std::time::Duration;

use bollard::models::{ContainerInspectResponse, HealthStatusEnum};
use tokio::time::Instant;

use super::process::ExecProcess;
use super::{DockerStage, look};
use crate::stage::{Health, Process, StageError};

/// How long a check waits at least for its next turn.
const SHORTEST: Duration = Duration::from_millis(200);

/// What an engine gives a check that does not say how long it may take.
const USUAL_TIMEOUT: Duration = Duration::from_secs(30);

/// The containers that are not well, by ID.
pub(super) type Asked = BTreeMap<String, Spell>;

/// A time in which a container is not well as far as its engine knows.
#[derive(Debug)]
pub(super) struct Spell {
    /// When this life of the container began, in the engine's words.
    started: String,
    since: Instant,
    turn: Turn,
    answer: Option<Answer>,
}

/// Whether a container waits to be asked, or is being asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// From then on it may be asked.
    Due(Instant),
    /// Since then it is being asked.
    Asking(Instant),
}

/// What a check said to the stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    /// Behind which check of the engine's own, in the engine's words.
    after: Option<String>,
    exit_code: i64,
    said: String,
}

/// What the engine knows of a container that is not well.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Known {
    id: String,
    started: String,
    /// When it asked last.
    last: Option<String>,
}

impl Known {
    /// None where there is nothing to ask: the container is well, does not run, or has no check.
    fn of(inspected: &ContainerInspectResponse) -> Option<Self> {
        if !matches!(look::health(inspected), Health::Starting | Health::Unhealthy) {
            return None;
        }
        let state = inspected.state.as_ref()?;
        let last = state.health.as_ref().and_then(|health| health.log.as_ref()?.last());
        Some(Self {
            id: inspected.id.clone()?,
            started: state.started_at.clone().unwrap_or_default(),
            last: last.and_then(|last| last.start.clone()),
        })
    }
}

impl Spell {
    fn new(known: &Known, now: Instant) -> Self {
        Self { started: known.started.clone(), since: now, turn: Turn::Due(now), answer: None }
    }

    fn has_passed(&self, known: &Known) -> bool {
        self.answer.as_ref().is_some_and(|answer| answer.exit_code == 0 && answer.after == known.last)
    }

    /// The longer it takes, the less often it is asked: never later than by an eighth of the whole. And where
    /// to ask takes long, because others work, they have the processor for twice as long.
    fn pause(&self, now: Instant) -> Duration {
        let took = match self.turn {
            Turn::Asking(begun) => now - begun,
            Turn::Due(_) => Duration::ZERO,
        };
        SHORTEST.max((now - self.since) / 8).max(2 * took)
    }
}

/// Whether a container has passed its check, and whether it is to be asked now.
fn turn(asked: &mut Asked, known: &Known, now: Instant) -> (bool, bool) {
    let spell = asked.entry(known.id.clone()).or_insert_with(|| Spell::new(known, now));
    if spell.started != known.started {
        *spell = Spell::new(known, now);
    }
    if spell.has_passed(known) {
        return (true, false);
    }
    let is_due = matches!(spell.turn, Turn::Due(due) if due <= now);
    if is_due {
        spell.turn = Turn::Asking(now);
    }
    (false, is_due)
}

/// Keeps what a check said, unless the container has begun another life since.
fn answered(asked: &mut Asked, known: &Known, answer: Option<Answer>, now: Instant) {
    if let Some(spell) = asked.get_mut(&known.id).filter(|spell| spell.started == known.started) {
        spell.turn = Turn::Due(now + spell.pause(now));
        spell.answer = answer;
    }
}

impl DockerStage {
    /// Puts what the stage knows of a container's health besides the engine into the engine's words, and asks
    /// the container where it is time. What it answers is known at a later look.
    pub(super) fn consult(&self, inspected: &mut ContainerInspectResponse) {
        let Some(known) = Known::of(inspected) else {
            self.state().asked.remove(inspected.id.as_deref().unwrap_or_default());
            return;
        };
        let (has_passed, is_due) = turn(&mut self.state().asked, &known, Instant::now());
        if is_due && let Some(check) = Check::of(inspected) {
            let stage = self.clone();
            tokio::spawn(async move {
                let answer = stage.ask(&known, &check).await.ok();
                answered(&mut stage.state().asked, &known, answer, Instant::now());
            });
        }
        if has_passed && let Some(health) = inspected.state.as_mut().and_then(|state| state.health.as_mut()) {
            health.status = Some(HealthStatusEnum::HEALTHY);
        }
    }

    /// What a container's check said last, to the stage or else to the engine.
    pub(super) fn last_check(&self, inspected: &ContainerInspectResponse) -> Option<String> {
        let line =
            |code: i64, said: &str| format!("health check ended with exit code {code}: {}", said.trim());
        let ours = inspected.id.as_ref().and_then(|id| self.state().asked.get(id)?.answer.clone());
        if let Some(answer) = ours {
            return Some(line(answer.exit_code, &answer.said));
        }
        let last = inspected.state.as_ref()?.health.as_ref()?.log.as_ref()?.last()?;
        Some(line(last.exit_code.unwrap_or_default(), last.output.as_deref().unwrap_or_default()))
    }

    async fn ask(&self, known: &Known, check: &Check) -> Result<Answer, StageError> {
        let environment = BTreeMap::new();
        let mut process = self.start_command_in(known.id.clone(), &check.command, &environment).await?;
        let ended = tokio::time::timeout(check.timeout, said_by(&mut process)).await;
        let Ok(ended) = ended else {
            process.kill().await?;
            let said = format!("it did not end within {:?}", check.timeout);
            return Ok(Answer { after: known.last.clone(), exit_code: -1, said });
        };
        let (exit_code, said) = ended?;
        Ok(Answer { after: known.last.clone(), exit_code, said })
    }
}

/// The exit code of a process and what it printed.
async fn said_by(process: &mut ExecProcess) -> Result<(i64, String), StageError> {
    let mut said = Vec::new();
    while let Some(line) = process.line().await {
        said.push(line.text);
    }
    Ok((process.wait().await?.exit_code, said.join("\n")))
}

/// A check as it is to be executed.
#[derive(Debug, PartialEq, Eq)]
struct Check {
    command: Vec<String>,
    timeout: Duration,
}

impl Check {
    /// As the engine reads it, also what comes from the image.
    fn of(inspected: &ContainerInspectResponse) -> Option<Self> {
        let config = inspected.config.as_ref()?;
        let check = config.healthcheck.as_ref()?;
        let (kind, words) = check.test.as_deref()?.split_first()?;
        let command = match kind.as_str() {
            "CMD" => words.to_vec(),
            "CMD-SHELL" => {
                let usual = || vec!["/bin/sh".to_owned(), "-c".to_owned()];
                let shell = config.shell.clone().filter(|shell| !shell.is_empty());
                shell.unwrap_or_else(usual).into_iter().chain(words.iter().cloned()).collect()
            }
            _ => return None,
        };
        let timeout = check.timeout.and_then(|nanos| u64::try_from(nanos).ok()).filter(|nanos| *nanos > 0);
        Some(Self { command, timeout: timeout.map_or(USUAL_TIMEOUT, Duration::from_nanos) })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn known(started: &str, last: Option<&str>) -> Known {
        Known { id: "c".to_owned(), started: started.to_owned(), last: last.map(str::to_owned) }
    }

    fn passed(known: &Known) -> Option<Answer> {
        Some(Answer { after: known.last.clone(), exit_code: 0, said: String::new() })
    }

    fn failed(known: &Known) -> Option<Answer> {
        Some(Answer { after: known.last.clone(), exit_code: 1, said: "not yet".to_owned() })
    }

    #[test]
    fn it_is_asked_at_once_by_one_at_a_time_and_ever_less_often() {
        let (mut asked, begun) = (Asked::new(), Instant::now());
        let known = known("first", None);
        for (since, pause) in [(0, 200), (800, 200), (8_000, 1_000), (80_000, 10_000)] {
            let now = begun + Duration::from_millis(since);
            assert_eq!(turn(&mut asked, &known, now), (false, true));
            assert_eq!(turn(&mut asked, &known, now), (false, false), "somebody is asking");
            answered(&mut asked, &known, failed(&known), now);
            let due = now + Duration::from_millis(pause);
            assert_eq!(turn(&mut asked, &known, due - Duration::from_millis(1)), (false, false));
        }
    }

    #[test]
    fn on_a_busy_machine_it_is_asked_less_often() {
        let (mut asked, begun) = (Asked::new(), Instant::now());
        let known = known("first", None);
        turn(&mut asked, &known, begun);
        let answer = begun + Duration::from_millis(700);
        answered(&mut asked, &known, failed(&known), answer);
        let due = answer + Duration::from_millis(1400);
        assert_eq!(turn(&mut asked, &known, due - Duration::from_millis(1)), (false, false));
        assert_eq!(turn(&mut asked, &known, due), (false, true));
    }

    #[test]
    fn a_pass_counts_until_the_engine_asks_or_the_container_begins_anew() {
        let (mut asked, now) = (Asked::new(), Instant::now());
        let never = known("first", None);
        turn(&mut asked, &never, now);
        answered(&mut asked, &never, passed(&never), now);
        assert_eq!(turn(&mut asked, &never, now), (true, false));
        let later = now + Duration::from_secs(1);
        let asked_since = known("first", Some("10:00"));
        assert_eq!(turn(&mut asked, &asked_since, later), (false, true), "the engine has asked and says no");
        answered(&mut asked, &asked_since, passed(&asked_since), later);
        assert_eq!(turn(&mut asked, &asked_since, later), (true, false));
        let again = known("second", Some("10:00"));
        assert_eq!(turn(&mut asked, &again, later), (false, true), "that was another life");
        answered(&mut asked, &asked_since, passed(&asked_since), later);
        assert_eq!(turn(&mut asked, &again, later), (false, false), "nor does a late answer count");
    }

    fn inspected(state: Value, test: Value) -> ContainerInspectResponse {
        let config = json!({ "Healthcheck": { "Test": test, "Timeout": 3_000_000_000_u64 } });
        serde_json::from_value(json!({ "Id": "c", "State": state, "Config": config })).unwrap()
    }

    #[test]
    fn only_those_are_asked_that_run_and_are_not_well() {
        let of = |status: &str, health: &str| {
            let health = json!({ "Status": health, "Log": [{ "Start": "10:00", "ExitCode": 1 }] });
            let state = json!({ "Status": status, "StartedAt": "first", "Health": health });
            Known::of(&inspected(state, json!(["CMD", "true"])))
        };
        assert_eq!(of("running", "starting"), Some(known("first", Some("10:00"))));
        assert_eq!(of("running", "unhealthy"), Some(known("first", Some("10:00"))));
        for (status, health) in
            [("running", "healthy"), ("running", "none"), ("paused", "starting"), ("exited", "unhealthy")]
        {
            assert_eq!(of(status, health), None, "{status}, {health}");
        }
    }

    #[test]
    fn a_check_is_executed_as_the_engine_would() {
        let check = |test: Value| Check::of(&inspected(json!({}), test)).map(|check| check.command.join("|"));
        assert_eq!(check(json!(["CMD", "pg_isready", "-q"])).as_deref(), Some("pg_isready|-q"));
        assert_eq!(check(json!(["CMD-SHELL", "test -e /x"])).as_deref(), Some("/bin/sh|-c|test -e /x"));
        assert_eq!(check(json!(["NONE"])), None);
        assert_eq!(check(json!([])), None);
        let timeout = Check::of(&inspected(json!({}), json!(["CMD", "true"]))).unwrap().timeout;
        assert_eq!(timeout, Duration::from_secs(3));
    }
}

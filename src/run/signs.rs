//! Signs of how the system is, looked at again and again while a run goes on: alerts, and from the failure on
//! what tells whether the system is well.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::capture::Taken;
use super::fact::{self, Seen};
use super::fault::number;
use super::scribe::Scribe;
use super::walk::{self, Ground, Halt};
use super::world::Answer;
use crate::journal::event::Sign;
use crate::journal::{Event, JournalError};
use crate::plan::alerts::Alert;
use crate::plan::model::Fact;

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(200);
/// For one question.
const CALL: Duration = Duration::from_secs(5);

/// What was seen last of each sign. Whoever waits for a turn is woken by it.
pub(super) struct Signs {
    last: watch::Sender<BTreeMap<Sign, Option<bool>>>,
    failed: watch::Sender<bool>,
    rolled_back: OnceLock<Instant>,
    looks: AtomicU64,
}

impl Default for Signs {
    fn default() -> Self {
        let (last, failed) = (watch::Sender::default(), watch::Sender::default());
        Self { last, failed, rolled_back: OnceLock::new(), looks: AtomicU64::default() }
    }
}

impl Signs {
    /// Looks for ever; the caller ends it. The error is why it cannot go on.
    pub(super) async fn watch(&self, ground: &Ground, scribe: &Scribe, before: &Taken) -> Halt {
        if ground.plan.expect.alerts.is_empty() {
            return std::future::pending().await;
        }
        tokio::select! {
            halt = self.alerts(ground, scribe) => halt,
            halt = self.wellness(ground, scribe, before) => halt,
        }
    }

    async fn alerts(&self, ground: &Ground, scribe: &Scribe) -> Halt {
        loop {
            for (at, alert) in ground.plan.expect.alerts.iter().enumerate() {
                let seen = look(ground, alert).await;
                if let Err(error) = self.saw(scribe, Sign::Alert(number(at)), seen) {
                    return error.into();
                }
            }
            self.looks.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Before the failure nobody asks whether the system is well.
    async fn wellness(&self, ground: &Ground, scribe: &Scribe, before: &Taken) -> Halt {
        let mut failed = self.failed.subscribe();
        if failed.wait_for(|failed| *failed).await.is_err() {
            return std::future::pending().await;
        }
        loop {
            for (sign, seen) in well(ground, before).await {
                if let Err(error) = self.saw(scribe, sign, seen) {
                    return error.into();
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Notes a sign that turned.
    fn saw(&self, scribe: &Scribe, sign: Sign, seen: Seen) -> Result<(), JournalError> {
        if self.last.borrow().get(&sign) == Some(&seen.held) {
            return Ok(());
        }
        scribe.note(&Event::Turned { sign, is: seen.held, seen: seen.what })?;
        self.last.send_modify(|last| {
            last.insert(sign, seen.held);
        });
        Ok(())
    }

    /// Waits until each of so many alerts was asked for, or could not be: what fires before the failure is
    /// seen before it.
    pub(super) async fn begun(&self, alerts: usize) {
        let mut last = self.last.subscribe();
        let asked = last.wait_for(|last| last.len() >= alerts);
        // Each question has a deadline of its own, so this ends; and nobody else holds the other end.
        let _ = asked.await;
    }

    /// The failure has happened.
    pub(super) fn failed(&self) {
        self.failed.send_replace(true);
    }

    /// The rollback has ended.
    pub(super) fn rolled_back(&self) {
        // Set once: only the run that is broken at the scenario's own point asks for it.
        let _ = self.rolled_back.set(Instant::now());
    }

    /// When the rollback ended.
    pub(super) fn rolled_back_at(&self) -> Option<Instant> {
        self.rolled_back.get().copied()
    }

    /// Waits until each of these alerts was seen so, until a moment; whether that came.
    pub(super) async fn until(&self, alerts: &[usize], fires: bool, deadline: Instant) -> bool {
        let mut last = self.last.subscribe();
        let are = last.wait_for(|last| {
            alerts.iter().all(|alert| last.get(&Sign::Alert(number(*alert))) == Some(&Some(fires)))
        });
        matches!(tokio::time::timeout_at(deadline.into(), are).await, Ok(Ok(_)))
    }

    /// What was seen last of an alert: whether it fires.
    pub(super) fn of(&self, alert: usize) -> Option<bool> {
        self.last.borrow().get(&Sign::Alert(number(alert))).copied().flatten()
    }

    /// Notes how often was looked.
    pub(super) fn note(&self, scribe: &Scribe) -> Result<(), JournalError> {
        match self.looks.load(Ordering::Relaxed) {
            0 => Ok(()),
            looks => scribe.note(&Event::AlertsWatched { looks }),
        }
    }
}

/// One look at an alert. Who cannot be asked does not say that it is quiet.
async fn look(ground: &Ground, alert: &Alert) -> Seen {
    match fact::call(ground, &alert.call, CALL).await {
        Ok(answer) => firing(&answer),
        Err(error) => Seen::unknown(error),
    }
}

/// Whether an Alertmanager's answer lists any alert, and since when the first of them fires.
fn firing(answer: &Answer) -> Seen {
    if answer.status != 200 {
        return Seen::unknown(format!("status {}: {}", answer.status, answer.body.trim()));
    }
    match serde_json::from_str::<Vec<serde_json::Value>>(&answer.body) {
        Ok(alerts) if alerts.is_empty() => Seen::observed(false, "it is quiet"),
        Ok(alerts) => Seen::observed(true, words(&alerts)),
        Err(error) => Seen::unknown(format!("no list of alerts: {error}")),
    }
}

/// `it fires, severity=page: more than one request in ten fails`.
fn words(alerts: &[serde_json::Value]) -> String {
    let labels = alerts[0]["labels"].as_object().into_iter().flatten();
    let labels: String = labels
        .filter(|(label, _)| *label != "alertname")
        .filter_map(|(label, value)| Some(format!(", {label}={}", value.as_str()?)))
        .collect();
    let summary = alerts[0]["annotations"]["summary"].as_str().map(|summary| format!(": {summary}"));
    let more = if alerts.len() > 1 { format!(", and {} more", alerts.len() - 1) } else { String::new() };
    format!("it fires{labels}{}{more}", summary.unwrap_or_default())
}

/// Services and the expectations on HTTP: what tells that a system is well.
async fn well(ground: &Ground, before: &Taken) -> Vec<(Sign, Seen)> {
    let mut seen = vec![(Sign::Services, services(ground, before).await)];
    for (at, expectation) in ground.plan.expect.facts.iter().enumerate() {
        if matches!(expectation.fact, Fact::Http(_)) {
            seen.push((Sign::Http(number(at)), fact::look(ground, &expectation.fact).await));
        }
    }
    seen
}

async fn services(ground: &Ground, before: &Taken) -> Seen {
    match walk::health(ground, before).await {
        Ok((_, true)) => Seen::observed(true, "each is as well as before"),
        Ok((health, false)) => {
            let named = health.iter().filter(|(_, health)| !health.is_well());
            let named: Vec<String> =
                named.map(|(service, health)| format!("{service} is {health}")).collect();
            Seen::observed(false, named.join(", "))
        }
        Err(error) => Seen::unknown(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16, body: &str) -> Seen {
        firing(&Answer { status, body: body.to_owned() })
    }

    #[test]
    fn an_alert_fires_while_the_alertmanager_lists_it() {
        assert_eq!(answered(200, "[]").held, Some(false));
        let listed = r#"[{"labels":{"alertname":"E","severity":"page"},"annotations":{"summary":"bad"}},{}]"#;
        let fires = answered(200, listed);
        assert_eq!(fires, Seen::observed(true, "it fires, severity=page: bad, and 1 more"));
    }

    #[test]
    fn what_is_no_list_of_alerts_is_unknown_and_not_quiet() {
        for (status, body) in [(503, "[]"), (200, ""), (200, "{}"), (200, "[{")] {
            assert_eq!(answered(status, body).held, None, "{status} {body}");
        }
    }
}

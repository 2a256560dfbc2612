//! Did anyone notice? An alert fires in its time after the failure, not before, and resolves in its time after
//! the rollback, not before the system is well.

use crate::journal::event::{Operation, RunKind, Sign};
use crate::outcome::{Check, Outcome};
use crate::plan::Plan;
use crate::plan::alerts::Alert;
use crate::plan::model::Fault;
use crate::text::grouped;
use crate::verdict::model::{AlertVerdict, Finding, TrafficVerdict};
use crate::verdict::timeline::{Run, Turn};

/// Two signs are never looked at in the same moment: what lies closer together has no order.
const CLOSE_MS: u64 = 1000;

/// One finding per alert, for the run that is broken at the scenario's own point.
pub(in crate::verdict) fn check(plan: &Plan, run: &Run, traffic: &[TrafficVerdict]) -> Vec<Finding> {
    let Some(failed) = run.point_ms.filter(|_| heeds(run)) else { return Vec::new() };
    let all = (0..).zip(&plan.expect.alerts);
    all.map(|(at, alert)| {
        Watched::of(run, (at, alert), failed, traffic).judged(&well(plan, run, traffic, failed))
    })
    .collect()
}

/// One finding per alert for the idle run: what fires without a failure notices none. A fault that is injected
/// there too may set it off.
pub(in crate::verdict) fn idle(plan: &Plan, run: &Run) -> Vec<Finding> {
    let until = if breaks(plan) { run.fault_ms.unwrap_or(0) } else { u64::MAX };
    let all = (0..).zip(&plan.expect.alerts);
    all.map(|(at, alert)| {
        let turns = turns(run, at).iter().take_while(|turn| turn.ms < until);
        let worst = turns.max_by_key(|turn| (turn.is == Some(true), turn.is.is_none()));
        let name = &alert.name;
        let (outcome, message) = match worst.map(|turn| turn.is) {
            Some(Some(true)) => (Outcome::Fail, format!("{name} fires without any failure")),
            Some(Some(false)) => (Outcome::Pass, format!("{name} is quiet without a failure")),
            Some(None) | None => (Outcome::Inconclusive, format!("nobody can say whether {name} is quiet")),
        };
        let seen = worst
            .map(|turn| format!("{:.1} s after the run began: {}", since(run.began_ms, turn.ms), turn.seen));
        Finding::new(Check::Alerts, outcome, message).seen(seen).at(&alert.at)
    })
    .collect()
}

/// When each alert fired and resolved.
pub(in crate::verdict) fn verdicts(plan: &Plan, run: &Run) -> Vec<AlertVerdict> {
    let Some(failed) = run.point_ms.filter(|_| heeds(run)) else { return Vec::new() };
    let after =
        |turn: &Turn| i64::try_from(turn.ms).unwrap_or(i64::MAX) - i64::try_from(failed).unwrap_or(i64::MAX);
    let all = (0..).zip(&plan.expect.alerts).map(|(at, alert)| {
        let turns = turns(run, at);
        let fired = turns.iter().position(|turn| turn.is == Some(true));
        let last = turns.last().filter(|turn| fired.is_some() && turn.is == Some(false));
        AlertVerdict {
            name: alert.name.clone(),
            fired_ms: fired.map(|at| after(&turns[at])),
            resolved_ms: last.map(after),
        }
    });
    all.collect()
}

/// A sweep asks at its other points whether the way back works, and not who notices.
fn heeds(run: &Run) -> bool {
    run.kind == RunKind::Interrupted && run.case.is_none()
}

/// Whether the idle run is broken too: an abort has nothing there to end.
fn breaks(plan: &Plan) -> bool {
    plan.failure.iter().flat_map(|failure| &failure.faults).any(|planned| planned.fault != Fault::Abort)
}

fn turns(run: &Run, alert: u32) -> &[Turn] {
    run.signs.get(&Sign::Alert(alert)).map_or(&[], |turns| turns)
}

fn since(from: u64, to: u64) -> f64 {
    to.saturating_sub(from) as f64 / 1000.0
}

/// Since when the system is well.
enum Well {
    Since(u64, String),
    Never(String),
    Unknown(String),
}

/// What an alert did, between the failure and the end.
struct Watched<'r> {
    alert: &'r Alert,
    turns: &'r [Turn],
    failed: u64,
    /// When the rollback began and ended.
    rollback: (Option<u64>, Option<u64>),
    /// How often alerts were asked for, and until when.
    watched: Option<(u64, u64)>,
    traffic: &'r [TrafficVerdict],
}

/// The answer, or what is still to be asked.
type Answer<T> = Result<T, Box<Finding>>;

impl<'r> Watched<'r> {
    fn of(run: &'r Run, (at, alert): (u32, &'r Alert), failed: u64, traffic: &'r [TrafficVerdict]) -> Self {
        let rollback =
            (run.began.get(&Operation::Rollback).copied(), run.ended.get(&Operation::Rollback).copied());
        Self { alert, turns: turns(run, at), failed, rollback, watched: run.alerts_watched, traffic }
    }

    fn judged(&self, well: &Well) -> Finding {
        self.answer(well).unwrap_or_else(|finding| *finding).at(&self.alert.at)
    }

    fn answer(&self, well: &Well) -> Answer<Finding> {
        let name = &self.alert.name;
        let Some((looks, until)) = self.watched else {
            return Err(unknown(format!("{name} could not be watched"), "the run ended before"));
        };
        self.quiet_before()?;
        let fired = self.fired(until)?;
        let noticed = format!("{name} fired {:.1} s after the failure", since(self.failed, fired.ms));
        let Some(rolled_back) = self.rollback.1 else {
            return Ok(Finding::new(Check::Alerts, Outcome::Pass, noticed));
        };
        let resolved = self.resolved(rolled_back, until)?;
        self.not_early(resolved, well)?;
        let message = format!("{noticed}, and resolved {:.1} s after it", since(self.failed, resolved));
        let asked = format!("asked {} times", grouped(looks));
        Ok(Finding::new(Check::Alerts, Outcome::Pass, message).seen([fired.seen.clone(), asked]))
    }

    /// It did not fire before the failure.
    fn quiet_before(&self) -> Answer<()> {
        let name = &self.alert.name;
        let before = || self.turns.iter().take_while(|turn| turn.ms < self.failed);
        if let Some(turn) = before().find(|turn| turn.is == Some(true)) {
            let seen = format!("{:.1} s before the failure: {}", since(turn.ms, self.failed), turn.seen);
            let next = "find what else sets it off; or, where things break earlier, put the point there";
            return Err(wrong(format!("{name} fired before the failure"), [seen], next));
        }
        let unseen = match before().find(|turn| turn.is.is_none()) {
            Some(turn) => &turn.seen,
            None if before().next().is_none() => "it was not asked for before",
            None => return Ok(()),
        };
        Err(unknown(format!("nobody can say whether {name} fired before the failure"), unseen))
    }

    /// When it fired, in its time.
    fn fired(&self, until: u64) -> Answer<&Turn> {
        let (name, allowed) = (&self.alert.name, crate::millis::of(self.alert.fires_within));
        let (over, seconds) = (self.failed + allowed, allowed as f64 / 1000.0);
        // From the rollback on there is nothing left that it could notice.
        let end = over.min(until).min(self.rollback.0.unwrap_or(u64::MAX));
        let fired = self.turns.iter().find(|turn| turn.is == Some(true));
        match (fired, self.unseen(self.failed, end)) {
            (Some(fired), _) if fired.ms <= over => Ok(fired),
            (_, Some(unseen)) => {
                Err(unknown(format!("nobody can say whether {name} fired in its time"), &unseen.seen))
            }
            (Some(fired), None) => {
                let took = since(self.failed, fired.ms);
                let message =
                    format!("{name} fired too late: {took:.1} s after the failure, {seconds} s are allowed");
                let next = "evaluate its rule more often, or shorten its `for`";
                Err(wrong(message, [fired.seen.clone()], next))
            }
            (None, None) if end < over => {
                let had = since(self.failed, end);
                let message = format!("{name} had no time to fire: it was over {had:.1} s after the failure");
                let allowed =
                    format!("{seconds} s are allowed; a rollback `at_once` gives alerts their time");
                Err(unknown(message, &allowed))
            }
            (None, None) => {
                let message = format!("{name} did not fire: {seconds} s were allowed after the failure");
                let next =
                    "alert on what the failure moves: what clients are told, and not whether a process runs";
                Err(wrong(message, self.last_seen(), next))
            }
        }
    }

    /// When it resolved, in its time.
    fn resolved(&self, rolled_back: u64, until: u64) -> Answer<u64> {
        let (name, allowed) = (&self.alert.name, crate::millis::of(self.alert.resolves_within));
        let (over, seconds) = (rolled_back + allowed, allowed as f64 / 1000.0);
        let next = "look what keeps it: a `for` or a window that is long, or a metric that does not fall";
        match self.turns.last() {
            Some(Turn { is: Some(false), ms, .. }) if *ms <= over => Ok(*ms),
            Some(Turn { is: Some(false), ms, .. }) => {
                let took = since(rolled_back, *ms);
                let message = format!(
                    "{name} resolved too late: {took:.1} s after the rollback, {seconds} s are allowed"
                );
                Err(wrong(message, [], next))
            }
            Some(Turn { is: Some(true), seen, .. }) if until >= over => {
                let message = format!("{name} never resolved: {seconds} s were allowed after the rollback");
                let still = format!("{:.1} s after the rollback: {seen}", since(rolled_back, until));
                Err(wrong(message, [still], next))
            }
            last => {
                let seen = last.map_or("it was not asked for", |turn| &turn.seen);
                Err(unknown(format!("nobody can say whether {name} resolved"), seen))
            }
        }
    }

    /// It did not resolve while the system was not well.
    fn not_early(&self, resolved: u64, well: &Well) -> Answer<()> {
        let name = &self.alert.name;
        let after = |ms| format!("{:.1} s after the failure", since(self.failed, ms));
        let seen = match well {
            Well::Since(ms, what) if resolved + CLOSE_MS < *ms => {
                format!("well since {}: {what}", after(*ms))
            }
            Well::Since(..) => return Ok(()),
            Well::Never(what) => format!("never well: {what}"),
            Well::Unknown(what) => {
                let message = format!("nobody can say whether the system was well when {name} resolved");
                return Err(unknown(message, what));
            }
        };
        let message = format!("{name} resolved before the system was well");
        let next = "alert on what tells the failure from silence: without requests there is no error either";
        Err(wrong(message, [format!("quiet since {}", after(resolved)), seen], next))
    }

    /// The first moment of a span in which nobody could say.
    fn unseen(&self, from: u64, to: u64) -> Option<&Turn> {
        let ends = self.turns.iter().skip(1).map(|turn| turn.ms).chain([u64::MAX]);
        let unseen =
            self.turns.iter().zip(ends).find(|(turn, end)| turn.is.is_none() && *end > from && turn.ms < to);
        unseen.map(|(turn, _)| turn)
    }

    fn last_seen(&self) -> Vec<String> {
        let told = self.watched.map(|(looks, _)| format!("asked {} times", grouped(looks)));
        let last = self.turns.last().map(|turn| turn.seen.clone());
        last.into_iter().chain(told).chain(self.traffic.iter().filter_map(unserved)).collect()
    }
}

fn wrong(message: String, seen: impl IntoIterator<Item = String>, next: &str) -> Box<Finding> {
    Box::new(Finding::new(Check::Alerts, Outcome::Fail, message).seen(seen).next(next))
}

fn unknown(message: String, seen: &str) -> Box<Finding> {
    Box::new(Finding::new(Check::Alerts, Outcome::Inconclusive, message).seen([seen.to_owned()]))
}

/// What clients had to bear from the failure until the rollback.
fn unserved(served: &TrafficVerdict) -> Option<String> {
    let phase = served.phases.iter().find(|phase| phase.name == "failure")?;
    let (failed, all) = (grouped(phase.counts.failed()), grouped(phase.counts.all()));
    Some(format!("meanwhile {failed} of {all} requests of {} failed", served.name))
}

/// Since when services, expectations on HTTP and clients all say that the system is well: since the latest of
/// them. Who never said otherwise says nothing.
fn well(plan: &Plan, run: &Run, traffic: &[TrafficVerdict], failed: u64) -> Well {
    let signs = run.signs.iter().filter_map(|(sign, turns)| match sign {
        Sign::Alert(_) => None,
        Sign::Services => Some(("services".to_owned(), turns)),
        Sign::Http(at) => {
            let fact = usize::try_from(*at).ok().and_then(|at| plan.expect.facts.get(at));
            Some((fact.map_or("http".to_owned(), |fact| fact.title.clone()), turns))
        }
    });
    let mut all: Vec<Well> = signs.filter_map(|(what, turns)| well_again(what, turns)).collect();
    all.extend(traffic.iter().map(|served| match served.well_after_ms {
        Some(after) => {
            Well::Since(failed + after, format!("the last request of {} that failed", served.name))
        }
        None => Well::Never(format!("requests of {} fail", served.name)),
    }));
    let nothing = Well::Since(failed, "nothing was ever seen unwell".to_owned());
    all.into_iter().fold(nothing, latest)
}

fn well_again(what: String, turns: &[Turn]) -> Option<Well> {
    let last = turns.last()?;
    let said = format!("{what}: {}", last.seen);
    match last.is {
        // Who was well from the first look on was never unwell.
        Some(true) => (turns.len() > 1).then_some(Well::Since(last.ms, said)),
        Some(false) => Some(Well::Never(said)),
        None => Some(Well::Unknown(said)),
    }
}

fn latest(one: Well, other: Well) -> Well {
    match (one, other) {
        (Well::Since(one, what), Well::Since(other, _)) if one >= other => Well::Since(one, what),
        (Well::Since(..), other) => other,
        (never @ Well::Never(_), _) | (_, never @ Well::Never(_)) => never,
        (unknown, _) => unknown,
    }
}

#[cfg(test)]
mod tests;

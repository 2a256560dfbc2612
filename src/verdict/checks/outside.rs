//! What was done outside: was each call declared, was nothing done twice, and was each effect made up for exactly
//! once?

mod balance;

use std::collections::{BTreeMap, BTreeSet};

use balance::{Balance, Fate, Wrong};

use crate::gateway::call::Field;
use crate::outcome::{Check, Outcome};
use crate::plan::Plan;
use crate::plan::outside::{Call, Effect, End};
use crate::text::counted;
use crate::verdict::model::{CallVerdict, Finding, Part};
use crate::verdict::timeline::{OutsideCalled, Run};

/// The most calls that are shown of one finding.
const SHOWN: usize = 12;

/// One finding for each expectation, and for what nobody expected.
pub(in crate::verdict) fn check(plan: &Plan, run: &Run) -> Vec<Finding> {
    if plan.outside.is_empty() {
        return Vec::new();
    }
    let told = told(plan, run);
    let mut findings = unheard(plan, run);
    findings.extend(undeclared(plan, &told));
    for (position, effect) in plan.expect.outside.iter().enumerate() {
        findings.extend(judged(position, effect, &told));
    }
    findings
}

/// Expectations that no run of a scenario has tried: they say nothing, or the calls took another way.
pub(in crate::verdict) fn untried(plan: &Plan, runs: &[&Run]) -> Vec<Finding> {
    let whole = runs.iter().filter(|run| run.after().is_some() && !run.operations.is_empty());
    let calls: Vec<Told<'_>> = whole.clone().flat_map(|run| told(plan, run)).collect();
    if whole.count() == 0 {
        return Vec::new();
    }
    let effects = plan.expect.outside.iter().enumerate();
    let untried =
        effects.filter(|(position, _)| calls.iter().all(|call| call.part != Part::Effect(*position)));
    let finding = |(_, effect): (usize, &Effect)| {
        let message = format!("no run made a {}: the expectation proves nothing", effect.call.words());
        let next =
            "let the change call the host by its name, its port and without TLS; or remove the expectation";
        Finding::new(Check::Outside, Outcome::Inconclusive, message).at(&effect.at).next(next)
    };
    untried.map(finding).collect()
}

/// Every call of a run, in the order in which they began.
pub(in crate::verdict) fn verdicts(plan: &Plan, run: &Run) -> Vec<CallVerdict> {
    let verdict = |told: Told<'_>| CallVerdict {
        during: told.called.call.during,
        ms: told.called.call.call.at_us.saturating_sub(run.outside.calls[0].call.call.at_us) / 1000,
        on: told.called.call.call.service.clone(),
        call: format!("{} {}", told.called.call.call.method, told.called.call.call.path),
        key: told.key.clone(),
        status: told.called.call.status,
        part: told.part,
    };
    told(plan, run).into_iter().map(verdict).collect()
}

/// A call with what the plan says of it.
struct Told<'r> {
    called: &'r OutsideCalled,
    part: Part,
    /// What it is about.
    key: Option<String>,
    /// By which the host knows a repetition.
    idempotent: Option<String>,
    fate: Fate,
}

fn told<'r>(plan: &Plan, run: &'r Run) -> Vec<Told<'r>> {
    run.outside.calls.iter().map(|called| Told::new(plan, called)).collect()
}

impl<'r> Told<'r> {
    fn new(plan: &Plan, called: &'r OutsideCalled) -> Self {
        let made = &called.call;
        let fate = Fate::of(&made.call.method, made.status);
        let effects = || plan.expect.outside.iter().enumerate();
        let matches = |call: &Call| call.matches(&made.call.service, &made.call.method, &made.call.path);
        let effect = effects().find_map(|(at, one)| Some((Part::Effect(at), &one.call, matches(&one.call)?)));
        let declared = effect.or_else(|| {
            effects().find_map(|(at, one)| match &one.end {
                End::Compensated(other) => Some((Part::Compensation(at), other, matches(other)?)),
                End::Stays(_) => None,
            })
        });
        let Some((part, call, starred)) = declared else {
            let reads = matches!(made.call.method.as_str(), "GET" | "HEAD" | "OPTIONS" | "TRACE");
            let part = if reads { Part::Reads } else { Part::Undeclared };
            return Self { called, part, key: None, idempotent: None, fate };
        };
        let value = |field: Option<&Field>| match field? {
            Field::Path => Some(starred.clone()),
            field => made.content.as_ref()?.fields.get(&field.words()).cloned(),
        };
        Self {
            called,
            part,
            key: value(call.key.as_ref()),
            idempotent: value(call.idempotent_by.as_ref()),
            fate,
        }
    }

    /// `rollback, step 1: POST /charges about 3 (k1) → 201`.
    fn words(&self) -> String {
        let made = &self.called.call;
        let when = match made.during {
            Some((operation, step)) => format!("{}, step {step}", operation.word()),
            None => "between steps".to_owned(),
        };
        let about = self.key.as_ref().map(|key| format!(" about {key}")).unwrap_or_default();
        let known = self.idempotent.as_ref().map(|value| format!(" ({value})")).unwrap_or_default();
        let subject = made.content.as_ref().and_then(|content| content.fields.get("header Subject"));
        let subject = subject.map(|subject| format!(" `{subject}`")).unwrap_or_default();
        let answer = made.status.map_or("no answer".to_owned(), |status| status.to_string());
        format!("{when}: {} {}{subject}{about}{known} → {answer}", made.call.method, made.call.path)
    }
}

fn shown<'t>(calls: impl IntoIterator<Item = &'t Told<'t>>) -> Vec<String> {
    let mut lines: Vec<String> = calls.into_iter().map(Told::words).collect();
    let more = lines.len().saturating_sub(SHOWN);
    lines.truncate(SHOWN);
    lines.extend((more > 0).then(|| format!("… {more} more")));
    lines
}

/// Where not everything was heard, nothing can be said.
fn unheard(plan: &Plan, run: &Run) -> Vec<Finding> {
    let mut findings = Vec::new();
    for host in &plan.outside {
        let name = &host.service;
        let notes: Vec<String> =
            run.outside.notes.iter().filter(|(of, _)| of == name).map(|(_, note)| note.clone()).collect();
        let message = if !notes.is_empty() {
            format!("not every call to {name} was understood")
        } else if !run.outside.whole.contains(name) {
            format!("nobody listened to calls to {name} until the end")
        } else {
            continue;
        };
        let finding = Finding::new(Check::Outside, Outcome::Inconclusive, message);
        findings.push(finding.seen(notes).at(&host.at));
    }
    findings
}

fn undeclared(plan: &Plan, told: &[Told<'_>]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for host in &plan.outside {
        let of =
            |call: &&Told<'_>| call.part == Part::Undeclared && call.called.call.call.service == host.service;
        let calls: Vec<&Told<'_>> = told.iter().filter(of).collect();
        let kinds: BTreeSet<String> = calls
            .iter()
            .map(|call| format!("{} {}", call.called.call.call.method, call.called.call.call.path))
            .collect();
        if kinds.is_empty() {
            continue;
        }
        let kinds: Vec<String> = kinds.into_iter().collect();
        let message = format!(
            "{} was called, and nothing says what makes up for it: {}",
            host.service,
            kinds.join(", ")
        );
        let finding = Finding::new(Check::Outside, Outcome::Fail, message).seen(shown(calls)).at(&host.at);
        findings.push(finding.next("declare each call under `expect.outside`, with what compensates it"));
    }
    findings
}

fn judged(position: usize, effect: &Effect, told: &[Told<'_>]) -> Vec<Finding> {
    let belongs =
        |call: &&Told<'_>| matches!(call.part, Part::Effect(at) | Part::Compensation(at) if at == position);
    let calls: Vec<&Told<'_>> = told.iter().filter(belongs).collect();
    let mut findings = Vec::new();
    let is_nameless = |call: &&&Told<'_>| effect.call.key.is_some() && call.key.is_none();
    let nameless: Vec<&Told<'_>> =
        calls.iter().filter(is_nameless).filter(|call| call.fate != Fate::Refused).copied().collect();
    if !nameless.is_empty() {
        let message = format!("nobody can say what {} was about", counted(nameless.len(), "call"));
        findings.push(finding(effect, Outcome::Inconclusive, message).seen(shown(nameless)));
    }
    let things = things(effect, &calls);
    let done = things.values().filter(|thing| thing.balance.was_done()).count();
    let mut wrong: BTreeMap<Wrong, Vec<(String, Vec<&Told<'_>>)>> = BTreeMap::new();
    for ((_, key), thing) in things {
        for one in thing.balance.wrongs(matches!(effect.end, End::Compensated(_))) {
            wrong.entry(one).or_default().push((key.clone(), thing.calls.clone()));
        }
    }
    findings.extend(wrong.into_iter().map(|(wrong, things)| of_wrong(effect, wrong, &things)));
    if findings.is_empty() {
        let done = if effect.call.key.is_some() { done } else { calls.len() };
        findings.push(finding(effect, Outcome::Pass, well(effect, done)));
    }
    findings
}

fn finding(effect: &Effect, outcome: Outcome, message: String) -> Finding {
    Finding::new(Check::Outside, outcome, message).at(&effect.at)
}

/// What calls were about, and how that stands.
struct Thing<'t> {
    balance: Balance,
    calls: Vec<&'t Told<'t>>,
}

/// What stays is counted anew each time that the change is made again.
fn things<'t>(effect: &Effect, calls: &[&'t Told<'t>]) -> BTreeMap<(u32, String), Thing<'t>> {
    let mut things = BTreeMap::new();
    for call in calls {
        let Some(key) = call.key.clone() else { continue };
        let round = if matches!(effect.end, End::Stays(_)) { call.called.round } else { 0 };
        let none = || Thing { balance: Balance::default(), calls: Vec::new() };
        let thing: &mut Thing<'_> = things.entry((round, key)).or_insert_with(none);
        let idempotent = call.idempotent.as_deref();
        if matches!(call.part, Part::Effect(_)) {
            thing.balance.act(call.fate, idempotent);
        } else {
            thing.balance.make_up(call.fate, idempotent);
        }
        thing.calls.push(*call);
    }
    things
}

fn well(effect: &Effect, done: usize) -> String {
    let call = effect.call.words();
    match &effect.end {
        _ if done == 0 => format!("no {call} was made"),
        End::Compensated(other) => {
            format!("{call}: {}, each done and made up for once, by {}", counted(done, "key"), other.words())
        }
        End::Stays(because) => format!("{call}: {done}, which may stay: {because}"),
    }
}

fn of_wrong(effect: &Effect, wrong: Wrong, things: &[(String, Vec<&Told<'_>>)]) -> Finding {
    let call = effect.call.words();
    let by = match &effect.end {
        End::Compensated(other) => other.words(),
        End::Stays(_) => "anything".to_owned(),
    };
    let keys: Vec<&str> = things.iter().map(|(key, _)| key.as_str()).take(SHOWN).collect();
    let more = if things.len() > SHOWN { ", …" } else { "" };
    let about = format!("{}{more}", keys.join(", "));
    let once = "write a key before the call, send it with each try, and let the host know a repetition by it: \
                `idempotent_by`";
    let (outcome, message, next) = match wrong {
        Wrong::Twice => (Outcome::Fail, format!("{call} was done twice for {about}"), once),
        Wrong::PerhapsTwice => (Outcome::Fail, format!("{call} may have been done twice for {about}"), once),
        Wrong::Missing => (
            Outcome::Fail,
            format!("{call} was done for {about}, and not made up for by {by}"),
            "let the rollback make up for what was done, from what the change wrote down before it called",
        ),
        Wrong::PerhapsMissing => (
            Outcome::Inconclusive,
            format!("nobody can say whether {call} was done and made up for, for {about}"),
            "repeat the call that has no answer, with its key: the answer tells what became of it",
        ),
        Wrong::TooOften => (
            Outcome::Fail,
            format!("{by} made up more often for {about} than {call} was done"),
            "make up once for what was done, and only for that, with a key that the host knows again",
        ),
        Wrong::PerhapsTooOften => (
            Outcome::Fail,
            format!("{by} may have made up more often for {about} than {call} was done"),
            "repeat it with the key of the first try, so that the host does it only once",
        ),
    };
    let calls = things.iter().flat_map(|(_, calls)| calls.iter().copied());
    finding(effect, outcome, message).seen(shown(calls)).next(next)
}

#[cfg(test)]
mod tests;

//! `check`, `plan` and `list`: nothing is touched.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write;

use super::files::{self, How};
use super::{AppError, Surroundings, say};
use crate::cli::{Inputs, List};
use crate::gateway::control;
use crate::lint::report;
use crate::plan::forward_only::ForwardOnly;
use crate::plan::model::{Entry, Failure, Fault, Plan, Reference, StateKind, Step, Trigger, When};
use crate::plan::recovery::Recovery;
use crate::plan::unseen;

const PLAIN: How = How { control: true, hide_values: false, timeout_ms: None, sweep: None, lanes: None };

pub(super) fn check(inputs: &Inputs, around: &Surroundings, out: &mut dyn Write) -> Result<u8, AppError> {
    let planned = files::plan(inputs, PLAIN, around)?;
    let drill = planned.plan;
    let mut text = String::new();
    for entry in &drill.scenarios {
        let _ = writeln!(text, "ok  {}", entry.plan.path);
        if let Some(names) = planned.hidden_by_name.get(&entry.plan.path).filter(|names| !names.is_empty()) {
            let names = names.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
            let _ = writeln!(text, "    hidden, as the name is that of a secret: {names}");
        }
        for remark in warnings(&entry.plan) {
            let _ = writeln!(text, "    warning: {remark}");
        }
        for without in entry.plan.passed_over() {
            let _ = writeln!(text, "    note: {without}");
        }
    }
    let count = drill.scenarios.len();
    let plural = if count == 1 { "" } else { "s" };
    let _ = writeln!(text, "{count} scenario{plural}, no mistakes");
    say(out, &text)
}

/// What Compose would warn of, what the lint says of the change, and what a sweep will not see, in one line each;
/// `backout lint` shows more.
fn warnings(plan: &Plan) -> Vec<String> {
    let compose = plan.project.remarks.iter().map(ToString::to_string);
    let no_way_back = plan.forward_only.iter().map(|it| format!("forward only: {}", it.because));
    let lint = plan.lint.remarks.iter().filter(|remark| remark.class.is_grave()).map(report::brief);
    compose.chain(no_way_back).chain(lint).chain(unseen(plan)).collect()
}

pub(super) fn show(inputs: &Inputs, around: &Surroundings, out: &mut dyn Write) -> Result<u8, AppError> {
    let drill = files::plan(inputs, PLAIN, around)?.plan;
    let shown: Vec<String> = drill.scenarios.iter().map(scenario).collect();
    say(out, &shown.join("\n"))
}

pub(super) fn list(list: &List, around: &Surroundings, out: &mut dyn Write) -> Result<u8, AppError> {
    let inputs = Inputs { paths: list.paths.clone(), set: Vec::new(), root: None, allow_host: true };
    let drill = files::plan(&inputs, PLAIN, around)?.plan;
    let width = drill.scenarios.iter().map(|entry| entry.plan.path.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for Entry { plan, .. } in &drill.scenarios {
        let risks =
            if plan.risks.is_empty() { String::new() } else { format!(" ({})", plan.risks.join(", ")) };
        let _ = writeln!(text, "{:width$}  {}{risks}", plan.path, plan.summary);
    }
    say(out, &text)
}

fn scenario(entry: &Entry) -> String {
    let plan = &entry.plan;
    let mut text = format!("{}\n", plan.path);
    let mut line = |label: &str, value: String| {
        let _ = writeln!(text, "  {label:<11} {value}");
    };
    for (name, service) in &plan.project.services {
        let source = match (&service.build, &service.image) {
            (Some(build), _) => format!("built from {}", build.context.display()),
            (None, Some(image)) => image.clone(),
            (None, None) => String::new(),
        };
        line("service", format!("{name}: {source}"));
    }
    for database in plan.databases.values() {
        line("observes", format!("{} of {} as {}", database.database, database.service, database.user));
    }
    for (name, store) in &plan.stores {
        line("observes", format!("{name}: {}", store.words()));
    }
    for host in &plan.outside {
        line("outside", format!("{}, over {}", host.service, host.protocol.word()));
    }
    steps(&mut line, "seed", &plan.seed);
    steps(&mut line, "change", &plan.change);
    for declared in plan.impact.iter().flat_map(|impact| &impact.declared) {
        line("touches", format!("{} {}", declared.kind.word(), declared.name));
    }
    if let Some(failure) = &plan.failure {
        line("breaks", point(failure, plan));
        line("faults", faults(failure));
    }
    if let Some(it) = &plan.forward_only {
        forward_only(&mut line, it);
    }
    line(if plan.forward_only.is_some() { "recovers" } else { "rolls back" }, when(plan));
    steps(&mut line, plan.way_back(), &plan.rollback.steps);
    for kind in StateKind::ALL {
        if let Some(state) = plan.expect.states.get(&kind) {
            line("expects", format!("{} {}", kind.word(), reference(&state.reference, state.except.len())));
        }
    }
    for expectation in &plan.expect.facts {
        line("expects", expectation.title.clone());
    }
    for alert in &plan.expect.alerts {
        let (fires, resolves) = (alert.fires_within.as_secs_f64(), alert.resolves_within.as_secs_f64());
        line("expects", format!("alert {} fires within {fires} s, resolves within {resolves} s", alert.name));
    }
    if let Some(recovery) = &plan.expect.recovery {
        line("expects", objectives(recovery));
    }
    for effect in &plan.expect.outside {
        line("expects", effect.words());
    }
    let mut runs = vec!["control", "finished"];
    runs.extend(plan.failure.as_ref().map(|_| "interrupted"));
    runs.extend(plan.forward_only.iter().flat_map(|it| &it.prechecks).map(|_| "pre-check"));
    line("runs", [&runs[..], &["idle"]].concat().join(", "));
    for warning in warnings(plan) {
        line("warning", warning);
    }
    for without in plan.passed_over() {
        line("note", without);
    }
    text
}

fn steps(line: &mut impl FnMut(&str, String), label: &str, steps: &[Step]) {
    for step in steps {
        line(label, format!("{}. {} (at most {} s)", step.number, step.title, step.timeout.as_secs()));
        for command in step.script().into_iter().flat_map(str::lines) {
            line("", format!("| {command}"));
        }
    }
}

/// What stands in the place of a way back.
fn forward_only(line: &mut impl FnMut(&str, String), declared: &ForwardOnly) {
    for precheck in &declared.prechecks {
        line("pre-check", precheck.name.clone());
        steps(line, "pre-check", &precheck.steps);
        steps(line, "broken by", &precheck.broken_by);
    }
    if let Some(isolation) = &declared.isolation {
        let names: BTreeSet<&String> = isolation.services.iter().chain(&isolation.stores).collect();
        for name in names {
            line("isolates", format!("{name} as before"));
        }
        for watched in &isolation.always {
            line("isolates", watched.title.clone());
        }
    }
}

/// `recovered within 30 s, no more than 5 s of acknowledged writes lost`.
fn objectives(recovery: &Recovery) -> String {
    let seconds = |ms: u64| ms as f64 / 1000.0;
    let time = recovery.rto_ms.map(|ms| format!("within {} s", seconds(ms)));
    let span =
        recovery.rpo_ms.map(|ms| format!("no more than {} s of acknowledged writes lost", seconds(ms)));
    let count = recovery.lost.map(|lost| format!("no more than {lost} acknowledged writes lost"));
    let asked: Vec<String> = time.into_iter().chain(span).chain(count).collect();
    format!("recovered {}", asked.join(", "))
}

fn point(failure: &Failure, plan: &Plan) -> String {
    use crate::plan::model::Side;
    let side = |side: &Side| match side {
        Side::Before => "before",
        Side::After => "after",
    };
    let step = failure.point.step;
    match &failure.point.trigger {
        Trigger::Step(which) => format!("held {} step {step}", side(which)),
        Trigger::Statement { number, side: which } => {
            let text = statement(plan, step, *number).unwrap_or_default();
            format!("held {} statement {number} of step {step}: {text}", side(which))
        }
        Trigger::Replica { number, side: which } => {
            format!("held {} replica {number} of step {step}", side(which))
        }
        Trigger::Wire { mark, words } => {
            let side = if mark.side == control::Side::Before { "before" } else { "after" };
            format!("held {side} {words} of step {step} on {}", mark.service)
        }
        Trigger::Log { service, pattern } => {
            let of = service.clone().unwrap_or_else(|| format!("step {step}"));
            format!("when {of} prints /{pattern}/")
        }
        Trigger::Fact(_) => format!("when a probe turns true during step {step}"),
        Trigger::After(ms) => format!("{ms} ms after step {step} began"),
    }
}

fn statement(plan: &Plan, step: u32, number: u32) -> Option<String> {
    let step = plan.change.iter().find(|known| known.number == step)?;
    let crate::plan::model::Action::Sql { statements, .. } = &step.action else { return None };
    let statement = statements.get(usize::try_from(number).ok()?.checked_sub(1)?)?;
    Some(crate::sql::fingerprint(&statement.text))
}

fn faults(failure: &Failure) -> String {
    let named = failure.faults.iter().map(|planned| match planned.fault.service() {
        Some(service) => format!("{} {service}", planned.fault.word()),
        None if planned.fault == Fault::Abort => "abort the change".to_owned(),
        None => planned.fault.word().to_owned(),
    });
    let then = if failure.stop { "then stop" } else { "then continue" };
    format!("{}, {then}", named.collect::<Vec<_>>().join(", "))
}

fn when(plan: &Plan) -> String {
    match &plan.rollback.when {
        When::AtOnce if plan.expect.alerts.is_empty() => "at once after the failure".to_owned(),
        When::AtOnce => "after the failure, once alerts have had their time".to_owned(),
        When::Facilitator => "when the facilitator says so".to_owned(),
        When::Fact { .. } => "when a fact holds".to_owned(),
        When::Alert { alert, .. } => format!("when the alert {} fires", plan.expect.alerts[*alert].name),
    }
}

fn reference(reference: &Reference, exceptions: usize) -> String {
    let words = match reference {
        Reference::Before => "as before".to_owned(),
        Reference::BeforePlusAcknowledged => "as before, plus what clients were promised".to_owned(),
        Reference::Exact => "exactly as before".to_owned(),
        Reference::After(steps) => format!("as after {} reference steps", steps.len()),
        Reference::Any(because) => format!("not judged: {because}"),
    };
    match exceptions {
        0 => words,
        1 => format!("{words}, 1 exception"),
        many => format!("{words}, {many} exceptions"),
    }
}

//! The failure: a point that exists, faults that can act there, healing that makes sense.

use std::time::Duration;

use super::context::Context;
use super::facts;
use super::model::{Action, Failure, Fault, Heal, PlannedFault, Point, Side, Step, Trigger};
use crate::scenario::failure::{self as file, Settle, StepName};

/// How long sessions may take to end where nothing is said.
const SETTLE: Duration = Duration::from_secs(30);

/// Resolves `failure:`.
pub(super) fn build(context: &mut Context<'_>, failure: &file::Failure, change: &[Step]) -> Option<Failure> {
    let point = point(context, &failure.at, change);
    if failure.inject.is_empty() && context.is_whole {
        let diagnostic = context.wrong_key("failure.inject", "nothing is injected");
        diagnostic.help.push("name a fault, such as `- abort: {}`".to_owned());
    }
    let mut faults = Vec::new();
    for (index, written) in failure.inject.iter().enumerate() {
        faults.extend(fault(context, index, written, failure.heal));
    }
    let settle_ms = match failure.settle {
        Some(Settle::None) => None,
        Some(Settle::Within(span)) => Some(crate::millis::of(span.0)),
        None => Some(crate::millis::of(SETTLE)),
    };
    let stop = failure.then == file::Then::Stop;
    if !stop && faults.iter().any(|fault| fault.fault == Fault::Abort) {
        context.wrong("failure.then", "an aborted change cannot continue");
    }
    Some(Failure { point: point?, faults, stop, settle_ms, at: context.place("failure") })
}

fn point(context: &mut Context<'_>, point: &file::Point, change: &[Step]) -> Option<Point> {
    let step = step(context, point, change)?;
    let trigger = trigger(context, point, step, change)?;
    let within = point.within.map_or(step.timeout, |span| span.0);
    Some(Point { step: step.number, trigger, within, at: context.place("failure.at") })
}

fn step<'s>(context: &mut Context<'_>, point: &file::Point, change: &'s [Step]) -> Option<&'s Step> {
    let path = "failure.at.step";
    match &point.step {
        None if change.len() == 1 || point.log.is_some() => change.first(),
        None => {
            let diagnostic = context.wrong_key("failure.at", "`step` is missing: which step of the change?");
            diagnostic.help.push(format!("give a number from 1 to {}, or an id", change.len()));
            None
        }
        Some(StepName::Number(number)) => {
            let found = change.iter().find(|step| step.number == *number);
            if found.is_none() && !change.is_empty() {
                let message = format!("there is no step {number}: the change has {}", change.len());
                context.wrong(path, message);
            }
            found
        }
        Some(StepName::Id(id)) => {
            let found = change.iter().find(|step| step.id.as_ref() == Some(id));
            if found.is_none() {
                let known = change.iter().filter_map(|step| step.id.as_deref());
                let diagnostic =
                    context.spot(path).mistake(format!("no step of the change has the id `{id}`"));
                let diagnostic = diagnostic.suggest(id, known);
                context.mistakes.push(diagnostic);
            }
            found
        }
    }
}

fn trigger(context: &mut Context<'_>, point: &file::Point, step: &Step, change: &[Step]) -> Option<Trigger> {
    let given = [
        ("statement", point.statement.is_some()),
        ("log", point.log.is_some()),
        ("sql", point.sql.is_some()),
        ("http", point.http.is_some()),
        ("after", point.after.is_some()),
    ];
    let given: Vec<&str> = given.iter().filter(|(_, is)| *is).map(|(name, _)| *name).collect();
    if given.len() > 1 {
        let message = format!("one point has one of these: {}", given.join(", "));
        context.wrong_key("failure.at", message);
        return None;
    }
    if point.hold.is_some() && given.iter().any(|name| *name != "statement") {
        let message = format!("`{}` is seen from outside: it cannot hold the change", given[0]);
        let diagnostic = context.wrong_key("failure.at.hold", message);
        diagnostic.help.push("leave out `hold`, or aim at a step or a statement".to_owned());
    }
    let side = match point.hold.unwrap_or_default() {
        file::Side::Before => Side::Before,
        file::Side::After => Side::After,
    };
    match given.first() {
        None => gap(context, step, side, change),
        Some(&"statement") => statement(context, point, step, side, change),
        Some(&"log") => log(context, point),
        Some(&"sql") => {
            let fact = point.sql.as_ref()?;
            facts::sql(context, "failure.at.sql", fact).map(Trigger::Fact)
        }
        Some(&"http") => {
            let call = point.http.as_ref()?;
            let call = facts::http(context, "failure.at.http", call)?;
            Some(Trigger::Fact(super::model::Fact::Http(call)))
        }
        Some(_) => point.after.map(|span| Trigger::After(crate::millis::of(span.0))),
    }
}

fn is_last(step: &Step, change: &[Step]) -> bool {
    change.last().is_some_and(|last| last.number == step.number)
}

fn gap(context: &mut Context<'_>, step: &Step, side: Side, change: &[Step]) -> Option<Trigger> {
    if side == Side::After && is_last(step, change) {
        let message = "after the last step the change is finished: nothing is left to interrupt";
        let diagnostic = context.wrong_key("failure.at.hold", message);
        diagnostic.help.push("the finished run covers it; aim before it, or inside it".to_owned());
        return None;
    }
    Some(Trigger::Step(side))
}

fn statement(
    context: &mut Context<'_>,
    point: &file::Point,
    step: &Step,
    side: Side,
    change: &[Step],
) -> Option<Trigger> {
    let number = point.statement?;
    let Action::Sql { database, statements, .. } = &step.action else {
        let message = format!("step {} is no `sql` step: its statements cannot be counted", step.number);
        let diagnostic = context.wrong("failure.at.statement", message);
        diagnostic
            .help
            .push("aim at the step, at a line of its output (`log:`) or at a probe (`sql:`)".to_owned());
        return None;
    };
    if let Some(on) = point.on.as_ref().filter(|on| *on != database) {
        context.wrong("failure.at.on", format!("step {} is on `{database}`, not on `{on}`", step.number));
    }
    let count = u32::try_from(statements.len()).unwrap_or(u32::MAX);
    if number == 0 || number > count {
        let message = format!("there is no statement {number}: step {} has {count}", step.number);
        let diagnostic = context.wrong("failure.at.statement", message);
        diagnostic.help.push("statements are counted from 1, BEGIN and COMMIT included".to_owned());
        return None;
    }
    if number == count && side == Side::After && is_last(step, change) {
        let message = "after the last statement of the last step the change is finished";
        let diagnostic = context.wrong_key("failure.at.statement", message);
        diagnostic.help.push("the finished run covers it; hold before it instead".to_owned());
        return None;
    }
    Some(Trigger::Statement { number, side })
}

fn log(context: &mut Context<'_>, point: &file::Point) -> Option<Trigger> {
    let pattern = context.pattern("failure.at.log", point.log.as_ref()?);
    let known = point.on.as_ref().is_none_or(|on| context.service("failure.at.on", on));
    known.then(|| Trigger::Log { service: point.on.clone(), pattern })
}

fn fault(
    context: &mut Context<'_>,
    index: usize,
    written: &file::Fault,
    heal: Option<file::Heal>,
) -> Option<PlannedFault> {
    let path = |word: &str| format!("failure.inject.{index}.{word}");
    let (word, fault) = match written {
        file::Fault::Abort(_) => ("abort", Fault::Abort),
        file::Fault::Kill(kill) => ("kill", self::kill(context, &path("kill"), kill)?),
        file::Fault::Stop(on) => ("stop", Fault::Stop { service: on.service.clone() }),
        file::Fault::Pause(on) => ("pause", Fault::Pause { service: on.service.clone() }),
        file::Fault::Restart(on) => ("restart", Fault::Restart { service: on.service.clone() }),
        file::Fault::Disconnect(cut) => ("disconnect", disconnect(context, &path("disconnect"), cut)?),
        file::Fault::Exec(exec) => (
            "exec",
            Fault::Exec {
                service: exec.service.clone(),
                command: exec.command.0.clone(),
                verify: exec.verify.0.clone(),
                heal: exec.heal.as_ref().map(|command| command.0.clone()),
            },
        ),
    };
    let known =
        fault.service().is_none_or(|service| context.service(&format!("{}.service", path(word)), service));
    let heal = match heal {
        None | Some(file::Heal::BeforeRollback) => Heal::BeforeRollback,
        Some(file::Heal::AfterRollback) => Heal::AfterRollback,
        Some(file::Heal::Never) => Heal::Never,
    };
    let observed = fault.service().filter(|service| context.databases.contains_key(*service));
    if let (Heal::Never, Some(service)) = (heal, observed) {
        let message = format!("`{service}` is observed: with a fault that stays, its state cannot be read");
        let diagnostic = context.wrong("failure.heal", message);
        diagnostic.help.push("say `before_rollback` or `after_rollback`".to_owned());
    }
    known.then(|| PlannedFault { fault, heal, at: context.place(&path(word)) })
}

const SIGNALS: [&str; 8] =
    ["SIGKILL", "SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGABRT", "SIGSEGV", "SIGUSR1"];

fn kill(context: &mut Context<'_>, path: &str, kill: &file::Kill) -> Option<Fault> {
    let signal = kill.signal.clone().unwrap_or_else(|| "SIGKILL".to_owned()).to_uppercase();
    let signal = if signal.starts_with("SIG") { signal } else { format!("SIG{signal}") };
    if !SIGNALS.contains(&signal.as_str()) {
        let diagnostic =
            context.spot(&format!("{path}.signal")).mistake(format!("unknown signal `{signal}`"));
        context.mistakes.push(diagnostic.suggest(&signal, SIGNALS));
        return None;
    }
    Some(Fault::Kill { service: kill.service.clone(), signal })
}

fn disconnect(context: &mut Context<'_>, path: &str, cut: &file::Disconnect) -> Option<Fault> {
    let networks: Vec<String> = match context.project.services.get(&cut.service) {
        Some(service) => service.networks.keys().cloned().collect(),
        None => Vec::new(),
    };
    let network = match (&cut.network, &networks[..]) {
        (Some(network), known) if known.contains(network) => network.clone(),
        (None, [only]) => only.clone(),
        (None, []) => String::new(),
        (Some(network), known) => {
            let diagnostic = context
                .spot(&format!("{path}.network"))
                .mistake(format!("service `{}` is not on a network `{network}`", cut.service))
                .suggest(network, known.iter().map(String::as_str));
            context.mistakes.push(diagnostic);
            return None;
        }
        (None, several) => {
            let message = format!("service `{}` is on several networks: {}", cut.service, several.join(", "));
            context.wrong_key(path, message).help.push("say which one with `network:`".to_owned());
            return None;
        }
    };
    Some(Fault::Disconnect { service: cut.service.clone(), network })
}

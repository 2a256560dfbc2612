//! The failure's point: a place that exists.

use super::context::Context;
use super::model::{Action, Deploy, Point, Side, Statement, Step, Strategy, Trigger};
use super::{facts, wire};
use crate::scenario::failure::{self as file, StepName};

/// Resolves `failure.at`.
pub(super) fn build(context: &mut Context<'_>, point: &file::Point, change: &[Step]) -> Option<Point> {
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
    let given = given(point);
    if given.len() > 1 {
        let message = format!("one point has one of these: {}", given.join(", "));
        context.wrong_key("failure.at", message);
        return None;
    }
    let outside = given.first().filter(|name| ["log", "sql", "http", "after"].contains(name));
    if let (Some(name), true) = (outside, point.hold.is_some()) {
        let message = format!("`{name}` is seen from outside: it cannot hold the change");
        let diagnostic = context.wrong_key("failure.at.hold", message);
        diagnostic.help.push("leave out `hold`, or aim at a step or a statement".to_owned());
    }
    let side = match point.hold.unwrap_or_default() {
        file::Side::Before => Side::Before,
        file::Side::After => Side::After,
    };
    match given.first() {
        None => gap(context, step, side, change),
        Some(&"statement" | &"matching") if matches!(step.action, Action::Sql { .. }) => {
            statement(context, point, step, side, change)
        }
        Some(&"replica") => replica(context, point.replica?, step, side, change),
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
        Some(&"after") => point.after.map(|span| Trigger::After(crate::millis::of(span.0))),
        Some(name) => wire::trigger(context, name, point, step, side),
    }
}

/// What the point is aimed at: the keys of which one may be there.
fn given(point: &file::Point) -> Vec<&'static str> {
    let given = [
        ("statement", point.statement.is_some()),
        ("replica", point.replica.is_some()),
        ("matching", point.matching.is_some()),
        ("commit", point.commit.is_some()),
        ("request", point.request.is_some()),
        ("command", point.command.is_some()),
        ("rows", point.rows.is_some()),
        ("bytes", point.bytes.is_some()),
        ("log", point.log.is_some()),
        ("sql", point.sql.is_some()),
        ("http", point.http.is_some()),
        ("after", point.after.is_some()),
    ];
    given.into_iter().filter(|(_, is)| *is).map(|(name, _)| name).collect()
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

fn replica(
    context: &mut Context<'_>,
    number: u32,
    step: &Step,
    side: Side,
    change: &[Step],
) -> Option<Trigger> {
    let path = "failure.at.replica";
    let rolling = match &step.action {
        Action::Deploy(Deploy { strategy: Strategy::Rolling(count), .. }) => Some(*count),
        _ => None,
    };
    let Some(count) = rolling else {
        let message = format!("step {} does not replace containers one by one", step.number);
        let diagnostic = context.wrong(path, message);
        diagnostic.help.push("aim at a `deploy` step with `strategy: rolling`".to_owned());
        return None;
    };
    if number == 0 || number > count {
        context.wrong(path, format!("there is no replica {number}: step {} replaces {count}", step.number));
        return None;
    }
    if number == count && side == Side::After && is_last(step, change) {
        let message = "after the last replica of the last step the change is finished";
        let diagnostic = context.wrong_key(path, message);
        diagnostic.help.push("the finished run covers it; hold before it instead".to_owned());
        return None;
    }
    Some(Trigger::Replica { number, side })
}

fn statement(
    context: &mut Context<'_>,
    point: &file::Point,
    step: &Step,
    side: Side,
    change: &[Step],
) -> Option<Trigger> {
    let Action::Sql { database, statements, .. } = &step.action else { return None };
    if let Some(on) = point.on.as_ref().filter(|on| *on != database) {
        context.wrong("failure.at.on", format!("step {} is on `{database}`, not on `{on}`", step.number));
    }
    let count = u32::try_from(statements.len()).unwrap_or(u32::MAX);
    let number = match point.statement {
        Some(number) => number,
        None => matching(context, point, step, statements)?,
    };
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

/// The number of the statement of an `sql` step in which the point's pattern matches.
fn matching(
    context: &mut Context<'_>,
    point: &file::Point,
    step: &Step,
    statements: &[Statement],
) -> Option<u32> {
    let pattern = wire::pattern(context, point.matching.as_ref()?)?;
    let nth = usize::try_from(point.nth.unwrap_or(1)).ok()?;
    let fits = (1..).zip(statements).filter(|(_, statement)| pattern.is_match(&statement.text));
    let found = fits.map(|(number, _)| number).nth(nth.checked_sub(1)?);
    if found.is_none() {
        let message = format!("no statement of step {} matches", step.number);
        let diagnostic = context.wrong("failure.at.matching", message);
        let shown = statements.iter().take(3).map(|statement| crate::sql::fingerprint(&statement.text));
        diagnostic.help.push(format!("its statements: {}", shown.collect::<Vec<_>>().join("; ")));
    }
    found
}

fn log(context: &mut Context<'_>, point: &file::Point) -> Option<Trigger> {
    let pattern = context.pattern("failure.at.log", point.log.as_ref()?);
    let known = point.on.as_ref().is_none_or(|on| context.service("failure.at.on", on));
    known.then(|| Trigger::Log { service: point.on.clone(), pattern })
}

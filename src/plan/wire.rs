//! A point in a step's conversation with what it calls.

use regex::{Regex, RegexBuilder};

use super::context::Context;
use super::model::{Action, Side, Step, Trigger};
use crate::gateway::control::{self, Mark, Protocol, What};
use crate::scenario::failure as file;

/// Resolves a point that only a gateway can hold.
pub(super) fn trigger(
    context: &mut Context<'_>,
    name: &str,
    point: &file::Point,
    step: &Step,
    side: Side,
) -> Option<Trigger> {
    if !matches!(step.action, Action::Run { .. } | Action::Exec { .. } | Action::Deploy(_)) {
        let message = match name {
            "statement" => {
                format!(
                    "step {} is no `sql`, `run`, `exec` or `deploy` step: it has no statements",
                    step.number
                )
            }
            name => format!(
                "step {} calls nobody through a gateway: `{name}` needs a `run`, `exec` or `deploy` step",
                step.number
            ),
        };
        let diagnostic = context.wrong_key(&format!("failure.at.{name}"), message);
        diagnostic
            .help
            .push("aim at the step, at a line of its output (`log:`) or at a probe (`sql:`)".to_owned());
        return None;
    }
    let service = on(context, point, name)?;
    let (what, words) = what(context, name, point)?;
    let side = match side {
        _ if matches!(what, What::Rows(_) | What::Bytes(_)) => control::Side::After,
        Side::Before => control::Side::Before,
        Side::After => control::Side::After,
    };
    let mark = Mark { service, what, side, all: point.all };
    Some(Trigger::Wire { mark, words })
}

/// The service that is called: the one that is named, or the only one that can be meant.
fn on(context: &mut Context<'_>, point: &file::Point, name: &str) -> Option<String> {
    if let Some(on) = &point.on {
        return context.callee("failure.at.on", on).then(|| on.clone());
    }
    let is_sql = ["statement", "matching", "commit", "rows"].contains(&name);
    let mut databases = context.databases.keys();
    match (databases.next(), databases.next()) {
        (Some(only), None) if is_sql => Some(only.clone()),
        _ => {
            let diagnostic =
                context.wrong_key("failure.at", "`service` is missing: which service is called there?");
            diagnostic.help.push("name the Compose service, such as `service: db`".to_owned());
            None
        }
    }
}

/// What is looked for, and its words.
fn what(context: &mut Context<'_>, name: &str, point: &file::Point) -> Option<(What, String)> {
    let nth = u64::from(counted(context, "nth", point.nth.unwrap_or(1))?);
    let which = if nth == 1 { String::new() } else { format!(" (number {nth})") };
    let matching =
        |pattern: String, text: &str| (What::Matching(pattern, nth), format!("{name} `{text}`{which}"));
    match name {
        "statement" => {
            let number = counted(context, name, point.statement?)?;
            Some((What::Ask(number.into()), format!("statement {number}")))
        }
        "commit" => {
            let number = counted(context, name, point.commit?)?;
            Some((What::Commit(number.into()), format!("commit {number}")))
        }
        "matching" => {
            let text = point.matching.as_ref()?;
            let pattern = pattern(context, text)?;
            Some((What::Matching(pattern.as_str().to_owned(), nth), format!("statement `{text}`{which}")))
        }
        "request" => {
            let text = point.request.as_ref()?;
            Some(matching(format!(r"^{}(\?|$)", regex::escape(text)), text))
        }
        "command" => {
            let text = point.command.as_ref()?;
            Some(matching(format!(r"(?i)^{}( |$)", regex::escape(text)), text))
        }
        "rows" => Some((What::Rows(point.rows?), format!("row {}", point.rows?))),
        _ => Some((What::Bytes(point.bytes?), format!("byte {}", point.bytes?))),
    }
}

/// What can only be spoken where there are points of this kind.
pub(super) fn protocol(point: &file::Point) -> Option<Protocol> {
    match (&point.request, &point.command) {
        (Some(_), _) => Some(Protocol::Http),
        (_, Some(_)) => Some(Protocol::Redis),
        (None, None) => None,
    }
}

fn counted(context: &mut Context<'_>, name: &str, number: u32) -> Option<u32> {
    if number == 0 {
        context.wrong(&format!("failure.at.{name}"), "they are counted from 1");
        return None;
    }
    Some(number)
}

/// A pattern for statements: case does not matter, and a space stands for any white space.
pub(super) fn pattern(context: &mut Context<'_>, text: &str) -> Option<Regex> {
    pattern_at(context, "failure.at.matching", text)
}

/// The same, written at a path.
pub(super) fn pattern_at(context: &mut Context<'_>, path: &str, text: &str) -> Option<Regex> {
    let pattern = format!("(?is){}", text.replace(' ', r"\s+"));
    if let Ok(pattern) = RegexBuilder::new(&pattern).build() {
        return Some(pattern);
    }
    context.pattern(path, text);
    None
}

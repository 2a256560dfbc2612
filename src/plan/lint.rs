//! The steps of a change and its rollback, as operations that the lint reads.

use std::collections::BTreeMap;
use std::ops::Range;

use super::build::way_back;
use super::context::Context;
use super::model::{Action, Deploy, Engine, Image, Step};
use super::steps::word;
use crate::files::TEXT_LIMIT;
use crate::lint::operation::{Operation, What};
use crate::lint::{self, Dialect, Expected, Linted, Part, Remark, Script, Types, commands, rules};
use crate::scenario::ScenarioFile;
use crate::scenario::failure::StepName;
use crate::scenario::file::Allow;
use crate::scenario::step as file;
use crate::yaml::Spot;

/// A part of an operation, and the step that it is.
struct Stepped {
    number: u32,
    id: Option<String>,
    file: Option<String>,
    part: Part,
}

/// What the lint says of a scenario. Mistakes in what is allowed are noted like any other.
pub(super) fn build(
    context: &mut Context<'_>,
    scenario: &ScenarioFile,
    change: &[Step],
    rollback: &[Step],
) -> Linted {
    let (path, written) = way_back(scenario);
    let written = written.map_or(&[][..], |rollback| &rollback.steps);
    let change = parts(context, "change", &scenario.change, change);
    let rollback = parts(context, &format!("{path}.steps"), written, rollback);
    let bare = |stepped: &[Stepped]| stepped.iter().map(|one| one.part.clone()).collect::<Vec<_>>();
    let judged = lint::judge(&bare(&change), Some(&bare(&rollback)), Expected::Nothing, &mut Types::new());
    let mut linted = judged.unwrap_or_else(|mistakes| {
        context.mistakes.extend(mistakes);
        Linted::default()
    });
    let steps: Vec<Stepped> = change.into_iter().chain(rollback).collect();
    for (number, allow) in scenario.lint.allow.iter().enumerate() {
        apply(context, number, allow, &steps, &mut linted.remarks);
    }
    linted
}

fn parts(context: &Context<'_>, path: &str, written: &[file::Step], steps: &[Step]) -> Vec<Stepped> {
    let mut images: BTreeMap<String, String> = BTreeMap::new();
    let each = steps.iter().zip(written).map(|(step, written)| {
        let at = format!("{path}.{}", step.number - 1);
        let file = sql_file(written).map(str::to_owned);
        let part = match (&step.action, &file) {
            (Action::Sql { database, .. }, Some(file)) => in_file(context, database, file),
            (Action::Sql { database, statements, .. }, None) => {
                let texts = statements.iter().map(|statement| statement.text.as_str());
                Some(inline(context, &at, database, texts))
            }
            (action, _) => {
                Some(in_yaml(context, &format!("{at}.{}", word(written)), done(context, action, &mut images)))
            }
        };
        part.map(|part| Stepped { number: step.number, id: step.id.clone(), file, part })
    });
    each.flatten().collect()
}

fn sql_file(step: &file::Step) -> Option<&str> {
    match step {
        file::Step::Sql(step) => step.file.as_deref(),
        _ => None,
    }
}

fn dialect(context: &Context<'_>, database: &str) -> Dialect {
    match context.databases.get(database).map(|known| known.engine) {
        Some(Engine::Mariadb) => Dialect::Mariadb,
        Some(Engine::Postgres) | None => Dialect::Postgres,
    }
}

fn in_file(context: &Context<'_>, database: &str, name: &str) -> Option<Part> {
    let source = context.files.read(&context.folder.join(name), TEXT_LIMIT).ok()?;
    Some(Part::read(&Script::whole(&source), dialect(context, database)))
}

/// Statements that stand in the scenario itself.
fn inline<'t>(
    context: &Context<'_>,
    at: &str,
    database: &str,
    statements: impl Iterator<Item = &'t str>,
) -> Part {
    let spot = context.spot(&format!("{at}.sql.text"));
    let mut operations = Vec::new();
    for statement in statements {
        for operation in lint::read::operations(dialect(context, database), statement, 0) {
            let span = within(&spot, &statement[operation.span]);
            operations.push(Operation { statement: span.clone(), span, what: operation.what });
        }
    }
    part(&spot, operations)
}

/// Where a text stands in a value; the whole value where YAML writes it in another way.
fn within(spot: &Spot, text: &str) -> Range<usize> {
    let value = &spot.source.text[spot.span.clone()];
    let line = text.lines().next().unwrap_or_default();
    value.find(line).map_or(spot.span.clone(), |found| {
        let start = spot.span.start + found;
        start..start + line.len()
    })
}

fn in_yaml(context: &Context<'_>, at: &str, what: What) -> Part {
    let spot = context.key_spot(at);
    let operation = Operation { what, span: spot.span.clone(), statement: spot.span.clone() };
    part(&spot, vec![operation])
}

fn part(spot: &Spot, operations: Vec<Operation>) -> Part {
    Part { script: Script::whole(&spot.source), operations, has_comments: false }
}

/// What a step other than SQL does, as far as it can be told.
fn done(context: &Context<'_>, action: &Action, images: &mut BTreeMap<String, String>) -> What {
    match action {
        Action::Run { service, command, .. } => {
            let words = command.clone().unwrap_or_default();
            commands::effect(&[std::slice::from_ref(service), &words].concat())
        }
        Action::Exec { command, .. } | Action::Host { command, .. } => commands::effect(command),
        Action::Http(call) if ["GET", "HEAD", "OPTIONS"].contains(&call.method.as_str()) => What::Nothing,
        Action::Http(call) if context.is_observed(&call.service) => What::Nothing,
        Action::Http(call) => {
            What::Calls { whom: format!("`{} {}` on {}", call.method, call.path, call.service) }
        }
        Action::Deploy(deploy) => deployed(context, deploy, images),
        Action::Backup(dump) => What::BacksUp { into: format!("the backup of {}", dump.database) },
        Action::Restore(dump) => What::PutsBack { database: dump.database.clone() },
        Action::Sql { .. } | Action::Wait(_) | Action::Volume { .. } => What::Nothing,
    }
}

/// A newer server on the same files.
fn deployed(context: &Context<'_>, deploy: &Deploy, images: &mut BTreeMap<String, String>) -> What {
    let Some(Image::Reference { name: to, .. }) = &deploy.image else { return What::Nothing };
    let planned = context.project.services.get(&deploy.service).and_then(|service| service.image.clone());
    let from = images.insert(deploy.service.clone(), to.clone()).or(planned).unwrap_or_default();
    if commands::is_upgrade(&from, to) {
        return What::Upgrades { service: deploy.service.clone(), from, to: to.clone() };
    }
    What::Nothing
}

/// Marks what an entry of `lint.allow` allows.
fn apply(
    context: &mut Context<'_>,
    number: usize,
    allow: &Allow,
    steps: &[Stepped],
    remarks: &mut Vec<Remark>,
) {
    let at = format!("lint.allow.{number}");
    if rules::named(&allow.rule).is_none() {
        let known = rules::RULES.iter().map(|rule| rule.name);
        let mistake =
            context.spot(&format!("{at}.rule")).mistake(format!("there is no rule `{}`", allow.rule));
        context.mistakes.push(mistake.suggest(&allow.rule, known));
        return;
    }
    if allow.because.trim().is_empty() {
        context.wrong(&format!("{at}.because"), "what is allowed needs a reason");
        return;
    }
    let mut used = false;
    for remark in remarks.iter_mut().filter(|remark| remark.rule == allow.rule) {
        if steps.iter().any(|step| is_meant(allow, step) && is_of(remark, step)) {
            remark.allowed = Some(allow.because.clone());
            used = true;
        }
    }
    if !used {
        let spot = context.spot(&at);
        let rule = rules::named("unused-allow").expect("there is such a rule");
        remarks.push(lint::unit::remark(&spot.source, spot.span.clone(), rule, lint::unused(&allow.rule)));
    }
}

fn is_meant(allow: &Allow, step: &Stepped) -> bool {
    let by_step = match &allow.step {
        None => true,
        Some(StepName::Number(number)) => step.number == *number,
        Some(StepName::Id(id)) => step.id.as_ref() == Some(id),
    };
    by_step && allow.file.as_ref().is_none_or(|file| step.file.as_ref() == Some(file))
}

/// Whether a remark is about an operation of this step.
fn is_of(remark: &Remark, step: &Stepped) -> bool {
    let same_text = remark.at.file == step.part.script.source.name;
    same_text && step.part.operations.iter().any(|operation| operation.span == remark.span)
}

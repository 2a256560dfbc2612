//! The statements that a past run sent, as the gateways heard them: linted like a file, step by step.

use std::path::Path;
use std::sync::Arc;

use super::AppError;
use crate::diagnostic::{self, Source};
use crate::gateway::control::Conversed;
use crate::gateway::reader::{Kind, TEXT};
use crate::journal::event::{Operation as Of, RunKind};
use crate::journal::{self, Journal};
use crate::layouts;
use crate::lint::operation::{Operation, What};
use crate::lint::{self, Dialect, Expected, Linted, Part, Script, Types, commands, read};
use crate::plan::model::{Action, Engine, Plan, Step};
use crate::verdict::Timeline;
use crate::verdict::timeline::{Conversation, Run};

/// What is said of a run, with the texts that it is said of: one for each step and service, with a line for each
/// statement.
pub(super) struct Recorded {
    pub(super) linted: Linted,
    pub(super) texts: Vec<Arc<Source>>,
}

/// Lints what the change and the rollback of each scenario of a past run have sent.
pub(super) fn lint(file: &Path) -> Result<Recorded, AppError> {
    let refused =
        |why: String| AppError::Invalid(format!("error: {} cannot be linted: {why}\n", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| refused(error.to_string()))?;
    let Journal { records, .. } = journal::read(&text).map_err(|broken| refused(broken.to_string()))?;
    let timeline = Timeline::new(&records).ok_or_else(|| refused("it holds no plan".to_owned()))?;
    of_timeline(&timeline)
}

fn of_timeline(timeline: &Timeline) -> Result<Recorded, AppError> {
    let mut all = Recorded { linted: Linted::default(), texts: Vec::new() };
    for entry in &timeline.plan.scenarios {
        let run = finished(timeline, &entry.plan.path);
        let (change, rollback) =
            (halves(&entry.plan, run, Of::Change), halves(&entry.plan, run, Of::Rollback));
        all.texts.extend(change.iter().chain(&rollback).map(|part| Arc::clone(&part.script.source)));
        let linted = lint::judge(&change, Some(&rollback), Expected::Nothing, &mut Types::new());
        all.linted.extend(linted.map_err(|mistakes| AppError::Invalid(diagnostic::render(&mistakes)))?);
    }
    Ok(all)
}

/// The run that went all the way, as sweeps take their points from it; else any that has heard something.
fn finished<'t>(timeline: &'t Timeline, path: &'t str) -> Option<&'t Run> {
    let whole = timeline.runs_of(path).filter(|run| run.kind == RunKind::Finished).last();
    whole.or_else(|| timeline.runs_of(path).find(|run| !run.conversed.is_empty()))
}

/// The steps of an operation, each as what it has sent.
fn halves(plan: &Plan, run: Option<&Run>, of: Of) -> Vec<Part> {
    let (steps, word) = match of {
        Of::Change => (&plan.change, "change"),
        _ => (&plan.rollback.steps, plan.way_back()),
    };
    let heard = |step: &Step| {
        let conversed = run.into_iter().flat_map(|run| &run.conversed);
        conversed.filter(move |heard| heard.operation == of && heard.step == step.number).collect::<Vec<_>>()
    };
    steps
        .iter()
        .flat_map(|step| {
            parts(plan, &format!("{} {word} step {}", plan.path, step.number), step, &heard(step))
        })
        .collect()
}

fn parts(plan: &Plan, place: &str, step: &Step, heard: &[&Conversation]) -> Vec<Part> {
    if let Action::Sql { database, statements, .. } = &step.action {
        let texts: Vec<&str> = statements.iter().map(|statement| statement.text.as_str()).collect();
        return vec![part(&format!("{place}, {database}"), dialect(plan, database), &texts, None)];
    }
    let spoken: Vec<Part> = heard.iter().filter_map(|heard| conversation(plan, place, heard)).collect();
    if spoken.is_empty() { unheard(place, step).into_iter().collect() } else { spoken }
}

/// What a step has asked of a database; none where it asked nothing in SQL.
fn conversation(plan: &Plan, place: &str, heard: &Conversation) -> Option<Part> {
    let is_done = |asked: &&Conversed| {
        asked.ask.kind == Kind::Statement && asked.answer.as_ref().is_none_or(|answer| answer.ok)
    };
    let asks: Vec<&Conversed> = heard.asks.iter().filter(is_done).collect();
    let texts: Vec<&str> = asks.iter().map(|asked| asked.ask.text.as_str()).collect();
    let is_cut = heard.count.asks > heard.asks.len() as u64;
    let cut = is_cut.then_some("more was asked than was kept");
    let service = &heard.count.service;
    (!texts.is_empty()).then(|| part(&format!("{place}, {service}"), dialect(plan, service), &texts, cut))
}

fn dialect(plan: &Plan, service: &str) -> Dialect {
    match plan.databases.get(service).map(|database| database.engine) {
        Some(Engine::Mariadb) => Dialect::Mariadb,
        Some(Engine::Postgres) | None => Dialect::Postgres,
    }
}

/// A step of which nothing was heard, where it is a program: nobody knows what it does.
fn unheard(place: &str, step: &Step) -> Option<Part> {
    let what = match &step.action {
        Action::Run { service, command, .. } => commands::effect(
            &[std::slice::from_ref(service), command.as_deref().unwrap_or_default()].concat(),
        ),
        Action::Exec { command, .. } | Action::Host { command, .. } => commands::effect(command),
        _ => return None,
    };
    let source = Source::new(place, &step.title);
    let span = 0..source.text.len();
    let operations = vec![Operation { what, span: span.clone(), statement: span }];
    Some(Part { script: Script::whole(&source), operations, has_comments: false })
}

/// Statements as a text with a line for each, and what they do. What a tool notes for itself is left out.
fn part(name: &str, dialect: Dialect, statements: &[&str], cut: Option<&str>) -> Part {
    let one_line = |statement: &&str| statement.replace(['\n', '\r'], " ");
    let source = Source::new(name, statements.iter().map(one_line).collect::<Vec<_>>().join("\n"));
    let (mut operations, mut at) = (Vec::new(), 0);
    for statement in statements {
        let span = at..at + statement.len();
        let unread = |why: &str| Operation {
            what: What::Unread { why: why.to_owned() },
            span: span.clone(),
            statement: span.clone(),
        };
        if statement.len() + 3 >= TEXT {
            operations.push(unread("its text is longer than what a gateway keeps"));
        } else {
            let read = read::operations(dialect, statement, at);
            operations.extend(read.into_iter().filter(|operation| !is_bookkeeping(&operation.what)));
        }
        at = span.end + 1;
    }
    let end = source.text.len();
    let why = |why: &str| Operation {
        what: What::Unread { why: why.to_owned() },
        span: end..end,
        statement: end..end,
    };
    operations.extend(cut.map(why));
    Part { script: Script::whole(&source), operations, has_comments: false }
}

/// Whether it is about a table in which a tool notes which migrations it has made.
fn is_bookkeeping(what: &What) -> bool {
    what.table().is_some_and(layouts::is_bookkeeping)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::control::Count;
    use crate::gateway::reader::{Answer, Ask, Transaction};
    use crate::journal::event::Event;
    use crate::verdict::testing::{entry, journal, plan};

    fn heard(operation: Of, asked: &[(&str, bool)], more: u64) -> Event {
        let ask = |(text, ok): &(&str, bool)| {
            let (transaction, commits, rides) = (Transaction::None, false, false);
            let ask = Ask { kind: Kind::Statement, text: (*text).to_owned(), transaction, commits, rides };
            let answer = Some(Answer { ok: *ok, said: String::new(), committed: false });
            Conversed { connection: 1, asked_us: 0, ask, answer }
        };
        let asks: Vec<Conversed> = asked.iter().map(ask).collect();
        let count = asks.len() as u64 + more;
        let count = Count {
            service: "db".to_owned(),
            connections: 1,
            asks: count,
            answers: count,
            commits: 0,
            bytes: 0,
        };
        Event::Conversed { operation, step: 1, count, asks, notes: Vec::new() }
    }

    /// What is said of a change that is one program, and of its rollback, as `place rule`.
    fn said(events: Vec<Event>) -> Vec<String> {
        let mut plan = plan();
        let program = |step: &mut Step| {
            let (service, command) = ("api".to_owned(), Some(vec!["migrate".to_owned()]));
            step.action = Action::Run { service, command, environment: Default::default() };
        };
        plan.change.iter_mut().chain(&mut plan.rollback.steps).for_each(program);
        let records = journal(entry(plan), vec![(RunKind::Finished, events)]);
        let recorded =
            of_timeline(&Timeline::new(&records).unwrap()).unwrap_or_else(|error| panic!("{error}"));
        let line = |remark: &lint::Remark| format!("{} {}", remark.at, remark.rule);
        recorded.linted.remarks.iter().map(line).collect()
    }

    #[test]
    fn what_a_program_has_sent_is_read_with_its_step_and_statement_as_place() {
        let change = [
            ("BEGIN", true),
            ("UPDATE alembic_version SET version_num = 'b'", true),
            ("ALTER TABLE t\n  DROP COLUMN a", true),
            ("DROP TABLE nothing", false),
            ("ALTER TABLE t ADD b int", true),
        ];
        let rollback = [("ALTER TABLE t DROP b", true), ("ALTER TABLE t ADD a int", true)];
        assert_eq!(
            said(vec![heard(Of::Change, &change, 0), heard(Of::Rollback, &rollback, 0)]),
            [
                "drop-column/right change step 1, db:3:17 drop-column",
                "drop-column/right rollback step 1, db:2:15 column-order",
            ]
        );
    }

    #[test]
    fn a_program_that_nobody_heard_and_what_was_not_kept_stay_unknown() {
        assert_eq!(said(Vec::new()), ["drop-column/right change step 1:1:1 opaque-step"]);
        let cut = heard(Of::Change, &[("SELECT 1", true)], 1);
        assert_eq!(said(vec![cut]), ["drop-column/right change step 1, db:1:9 not-understood"]);
        let long = format!("INSERT INTO t VALUES ('{}')", "x".repeat(TEXT));
        let long = heard(Of::Change, &[(&long[..TEXT], true)], 0);
        assert_eq!(said(vec![long]), ["drop-column/right change step 1, db:1:1 not-understood"]);
    }
}

//! What was seen of a step's doings with one store.

use crate::gateway::control::Conversed;
use crate::gateway::reader::{Kind, TEXT, Transaction};
use crate::journal::event::Operation;
use crate::plan::Plan;
use crate::plan::model::{Action, Dump, Step};
use crate::plan::observe::Observed;
use crate::verdict::timeline::{Conversation, Run};

/// What was seen.
pub(super) enum Seen<'a> {
    /// Whatever the step changes there is its nature, or was seen and cannot be told apart.
    Everything,
    /// These statements.
    Texts(Vec<&'a str>),
}

/// What was seen of a step of the finished run.
pub(super) fn seen<'a>(
    plan: &'a Plan,
    run: &'a Run,
    store: &str,
    (operation, number): (Operation, u32),
) -> Seen<'a> {
    let steps = if operation == Operation::Change { &plan.change } else { &plan.rollback.steps };
    let Some(step) = steps.iter().find(|step| step.number == number) else { return Seen::Texts(Vec::new()) };
    let service = plan.stores.get(store).map_or(store, Observed::service);
    if by_nature(step, store, service) {
        return Seen::Everything;
    }
    let mut texts = statements(step, store);
    let of_step = |one: &&Conversation| {
        (one.operation, one.step, one.count.service.as_str()) == (operation, number, service)
    };
    for conversation in run.conversed.iter().filter(of_step) {
        if is_cut(conversation) || conversation.asks.iter().any(is_opaque_change) {
            return Seen::Everything;
        }
        texts.extend(
            conversation.asks.iter().filter(|asked| is_statement(asked)).map(|asked| &*asked.ask.text),
        );
    }
    Seen::Texts(texts)
}

/// The statements of a step on a database that were not refused, each outside of a transaction or in an `sql` step.
pub(super) fn statements_of<'a>(
    plan: &'a Plan,
    run: &'a Run,
    store: &str,
    (operation, number): (Operation, u32),
) -> Vec<&'a str> {
    let steps = if operation == Operation::Change { &plan.change } else { &plan.rollback.steps };
    let step = steps.iter().find(|step| step.number == number);
    let own = step.map(|step| statements(step, store)).unwrap_or_default();
    let of_step = |one: &&Conversation| {
        (one.operation, one.step, one.count.service.as_str()) == (operation, number, store)
    };
    let heard = run.conversed.iter().filter(of_step).flat_map(|one| &one.asks);
    let alone = heard.filter(|asked| is_statement(asked) && asked.ask.transaction == Transaction::None);
    own.into_iter().chain(alone.map(|asked| asked.ask.text.as_str())).collect()
}

/// Whether changing that store is what the step is there for, in one go.
fn by_nature(step: &Step, store: &str, service: &str) -> bool {
    match &step.action {
        Action::Restore(Dump { database, .. }) => database == store,
        Action::Deploy(deploy) => deploy.service == service,
        Action::Http(call) => call.service == service,
        Action::Run { .. }
        | Action::Exec { .. }
        | Action::Host { .. }
        | Action::Sql { .. }
        | Action::Wait(_)
        | Action::Volume { .. }
        | Action::Backup(_) => false,
    }
}

/// The statements of an `sql` step on that store.
fn statements<'a>(step: &'a Step, store: &str) -> Vec<&'a str> {
    match &step.action {
        Action::Sql { database, statements, .. } if database == store => {
            statements.iter().map(|statement| statement.text.as_str()).collect()
        }
        _ => Vec::new(),
    }
}

/// Whether more was asked than was kept.
fn is_cut(conversation: &Conversation) -> bool {
    conversation.count.asks > conversation.asks.len() as u64
}

/// A statement that was not refused.
fn is_statement(asked: &Conversed) -> bool {
    asked.ask.kind == Kind::Statement && asked.answer.as_ref().is_none_or(|answer| answer.ok)
}

/// A change whose text does not tell what it touches: a command, a request, or the beginning of a statement that is
/// too long to be kept.
fn is_opaque_change(asked: &Conversed) -> bool {
    let is_refused = asked.answer.as_ref().is_some_and(|answer| !answer.ok);
    !is_refused
        && match asked.ask.kind {
            Kind::Statement => {
                asked.ask.text.len() + 4 > TEXT && crate::sql::effect(&asked.ask.text).is_change()
            }
            Kind::Command => asked.ask.commits,
            Kind::Request => {
                let reads = ["GET ", "HEAD ", "OPTIONS ", "TRACE "];
                !reads.iter().any(|method| asked.ask.text.starts_with(method))
            }
            Kind::Mail | Kind::Connection => false,
        }
}

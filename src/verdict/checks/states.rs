//! The five states against their references.

use std::collections::BTreeMap;

use crate::journal::event::{Moment, RowsDiffer, RunKind};
use crate::outcome::{Check, Outcome};
use crate::plan::Plan;
use crate::plan::model::{Reference, StateExpectation, StateKind, Step};
use crate::state::model::Unread;
use crate::verdict::difference::{Difference, differences};
use crate::verdict::footprint;
use crate::verdict::model::{Finding, StateFact};
use crate::verdict::timeline::{Run, State};

/// The raw facts: each state compared with the one before, before any exception.
pub(in crate::verdict) fn raw(plan: &Plan, run: &Run, to: Option<&State>) -> BTreeMap<StateKind, StateFact> {
    StateKind::ALL
        .into_iter()
        .map(|kind| {
            let fact = match (run.before(), to) {
                (Some(before), Some(after)) => {
                    let rows = if is_end(run, after) { &run.rows[..] } else { run.rows_at(Moment::Failed) };
                    let differs =
                        differences(kind, plan, before, after, rows).iter().any(|found| found.counts);
                    if differs { StateFact::Differs } else { StateFact::Same }
                }
                _ => StateFact::Unknown,
            };
            (kind, fact)
        })
        .collect()
}

fn is_end(run: &Run, state: &State) -> bool {
    run.after().is_some_and(|after| std::ptr::eq(after, state))
}

/// The runs among which those are that `as_after` expectations are compared with.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::verdict) struct Twins<'t>(pub(in crate::verdict) &'t [&'t Run]);

impl<'t> Twins<'t> {
    /// The state after these steps. A journal of the time when there was one list only does not number its twin.
    fn after(&self, plan: &Plan, steps: &[Step]) -> Option<&'t State> {
        let at = plan.expect.twin_of(steps)?;
        let is_meant = |run: &&&Run| run.kind == RunKind::Reference && run.twin.unwrap_or_default() == at;
        self.0.iter().rev().find(is_meant)?.after()
    }
}

/// One finding per state that is judged.
pub(in crate::verdict) fn check(plan: &Plan, run: &Run, twins: &Twins<'_>) -> Vec<Finding> {
    let judged = plan.expect.states.iter();
    let end = Captured { state: run.after(), rows: &run.rows };
    judged.filter_map(|(kind, expectation)| finding(*kind, expectation, plan, run, end, twins)).collect()
}

/// One finding per state that is judged, as it was when the change was made again.
pub(in crate::verdict) fn check_back(plan: &Plan, run: &Run, twins: &Twins<'_>) -> Vec<Finding> {
    let judged = plan.expect.states.iter();
    let back = Captured { state: run.states.get(&Moment::Back), rows: run.rows_at(Moment::Back) };
    judged.filter_map(|(kind, expectation)| finding(*kind, expectation, plan, run, back, twins)).collect()
}

/// A state that is judged.
#[derive(Clone, Copy)]
struct Captured<'r> {
    state: Option<&'r State>,
    /// The rows that differ from those before, where they were compared.
    rows: &'r [(String, RowsDiffer)],
}

fn finding(
    kind: StateKind,
    expectation: &StateExpectation,
    plan: &Plan,
    run: &Run,
    to: Captured<'_>,
    twins: &Twins<'_>,
) -> Option<Finding> {
    let (reference, words) = match &expectation.reference {
        Reference::Any(_) => return None,
        Reference::Before | Reference::Exact => (run.before(), "as before"),
        Reference::BeforePlusAcknowledged => (run.before(), "as before plus acknowledged"),
        Reference::After(steps) => (twins.after(plan, steps), "as after the reference steps"),
    };
    let check = check_of(kind);
    let unknown =
        || Finding::new(check, Outcome::Inconclusive, format!("{} could not be compared", kind.word()));
    let finding = match (reference, to.state) {
        (Some(reference), Some(after)) => {
            // The rows that were compared are those of before and after, not those of the twin.
            let is_twin = matches!(expectation.reference, Reference::After(_));
            let rows = if is_twin { &[][..] } else { to.rows };
            let found = differences(kind, plan, reference, after, rows);
            let plus = expectation.reference == Reference::BeforePlusAcknowledged;
            if plus && !footprint::is_known(plan) {
                unlearnt(check, &found)
            } else {
                judged(kind, words, &found, after)
            }
        }
        _ => unknown(),
    };
    Some(finding.at(&expectation.at))
}

/// Nobody knows which rows are the clients'.
fn unlearnt(check: Check, found: &[Difference]) -> Finding {
    let message = "where clients' writes end up is neither declared nor was it learnt from an idle run";
    let seen = found.iter().map(|one| format!("{}: {}", one.subject, one.message));
    Finding::new(check, Outcome::Inconclusive, message)
        .seen(seen)
        .next("declare it: `touches: [ { table: orders, key: id } ]` under the traffic")
}

fn judged(kind: StateKind, words: &str, found: &[Difference], after: &State) -> Finding {
    let check = check_of(kind);
    let wrong: Vec<&Difference> = found.iter().filter(|one| one.counts && one.covered_by.is_none()).collect();
    let lines = |differences: &[&Difference]| -> Vec<String> {
        let line = |one: &&Difference| {
            let first = format!("{}: {}", one.subject, one.message);
            std::iter::once(first)
                .chain(one.evidence.iter().map(|line| format!("  {line}")))
                .collect::<Vec<_>>()
        };
        differences.iter().flat_map(line).collect()
    };
    if wrong.is_empty() {
        let shown: Vec<&Difference> = found.iter().collect();
        let breadth = breadth(kind, after);
        let message = match &breadth {
            Some(breadth) => format!("{} {words}, {breadth}", kind.word()),
            None => format!("{} {words}", kind.word()),
        };
        let finding = Finding::new(check, Outcome::Pass, message).seen(lines(&shown));
        let finding = if kind == StateKind::Data { finding.seen(not_read(after)) } else { finding };
        return breadth.into_iter().fold(finding, Finding::brief);
    }
    let message = match &wrong[..] {
        [one] => format!("{} is not {words}: {}: {}", kind.word(), one.subject, one.message),
        [one, rest @ ..] => {
            format!(
                "{} is not {words}: {}: {}, and {} more",
                kind.word(),
                one.subject,
                one.message,
                rest.len()
            )
        }
        [] => String::new(),
    };
    let next = next(kind, &wrong);
    let unknown = wrong.iter().all(|one| one.is_unknown);
    let outcome = if unknown { Outcome::Inconclusive } else { Outcome::Fail };
    Finding::new(check, outcome, message).seen(lines(&wrong)).brief(brief(&wrong)).next(next)
}

/// The first difference in a few words, and how many there are beside it.
fn brief(wrong: &[&Difference]) -> String {
    let first = wrong.first().map_or_else(String::new, |one| format!("{}: {}", one.subject, one.message));
    if wrong.len() > 1 { format!("{first}, and {} more", wrong.len() - 1) } else { first }
}

/// What cannot be read without harm, so that nobody takes it for compared.
fn not_read(after: &State) -> Vec<String> {
    let unread =
        after.stores.iter().flat_map(|(name, store)| store.unread.iter().map(move |one| (name, one)));
    let harmed = unread.filter(|(_, (_, why))| **why == Unread::Unsafe);
    harmed
        .map(|(name, (table, _))| format!("not read, and only its depth compared: {name}: {table}"))
        .collect()
}

/// How much was compared, so that a pass says what it is made of.
fn breadth(kind: StateKind, after: &State) -> Option<String> {
    let stores = after.stores.values();
    Some(match kind {
        StateKind::System => counted(after.system.len(), "service"),
        StateKind::Schema => counted(stores.map(|store| store.schema.len()).sum(), "object"),
        StateKind::Data => {
            let tables: usize = after.stores.values().map(|store| store.tables.len()).sum();
            let rows: u64 = stores.map(crate::state::model::StoreCapture::rows).sum();
            format!(
                "{}, {}",
                counted(tables, "table"),
                counted(usize::try_from(rows).unwrap_or(usize::MAX), "row")
            )
        }
        StateKind::Sequences => counted(stores.map(|store| store.sequences.len()).sum(), "sequence"),
        StateKind::Leftovers => return None,
    })
}

fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

fn next(kind: StateKind, wrong: &[&Difference]) -> &'static str {
    let only_missing_values = kind == StateKind::Data && wrong.iter().all(|one| one.lost_values);
    match kind {
        StateKind::Data if only_missing_values => {
            "the rollback brings the structure back and nothing puts its values back: keep them until the contract step"
        }
        StateKind::Data => {
            "see rows.jsonl beside the report for every row, then the step that should restore them"
        }
        StateKind::System => {
            "name what the change set (image, env, command, replicas) in the rollback's deploy"
        }
        StateKind::Schema => "compare the down step with the up step, object by object",
        StateKind::Sequences => "set the sequence with setval() to what its column holds",
        StateKind::Leftovers => "end or remove it in the rollback, or make the change clean up behind itself",
    }
}

/// The check that judges a state.
pub(in crate::verdict) fn check_of(kind: StateKind) -> Check {
    match kind {
        StateKind::System => Check::System,
        StateKind::Schema => Check::Schema,
        StateKind::Data => Check::Data,
        StateKind::Sequences => Check::Sequences,
        StateKind::Leftovers => Check::Leftovers,
    }
}

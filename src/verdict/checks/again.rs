//! Can the change be made again after a rollback, and does it end where it ended the first time?

use std::collections::BTreeSet;

use super::rollback::time_was_over;
use super::states::is_back;
use crate::journal::event::{Ending, Moment, Operation};
use crate::outcome::{Check, Outcome};
use crate::plan::Plan;
use crate::plan::model::{Reference, StateKind};
use crate::state::compare::{TableChange, TableDifference, compare};
use crate::verdict::difference::{Difference, differences};
use crate::verdict::model::Finding;
use crate::verdict::timeline::{OperationEnd, Run, State};

/// What is not asked of a change made again: leftovers are those of whoever is at work at the moment.
const COMPARED: [StateKind; 4] =
    [StateKind::System, StateKind::Schema, StateKind::Data, StateKind::Sequences];

/// States that other runs of the scenario ended in.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::verdict) struct Others<'t> {
    /// After the steps of an `as_after` reference.
    pub(in crate::verdict) twin: Option<&'t State>,
    /// After the whole change, in the control run.
    pub(in crate::verdict) changed: Option<&'t State>,
    /// The same in the finished run: what differs between the two differs by itself.
    pub(in crate::verdict) changed_too: Option<&'t State>,
}

/// For the run in which the change is made again.
pub(in crate::verdict) fn check(plan: &Plan, run: &Run, others: Others<'_>) -> Vec<Finding> {
    let Some(end) = run.operations.get(&Operation::ChangeAgain) else { return Vec::new() };
    let unknown = |message: &str| vec![Finding::new(Check::Again, Outcome::Inconclusive, message)];
    match is_back(plan, run, others.twin) {
        Some(true) => {}
        Some(false) => return unknown("the change cannot be tried again: the rollback does not come back"),
        None => return unknown("the state in which the change was made again is not known"),
    }
    if end.ending != Ending::Ok {
        return vec![failed(plan, run, end)];
    }
    let (Some(first), Some(second)) = (others.changed, run.states.get(&Moment::Changed)) else {
        return unknown("what the change left when it was made again could not be compared with the first");
    };
    let found = COMPARED.into_iter().flat_map(|kind| ended_elsewhere(kind, plan, first, second, others));
    let mut findings: Vec<Finding> = found.collect();
    if findings.is_empty() {
        let message = "after the rollback the change can be made again";
        findings.push(Finding::new(Check::Again, Outcome::Pass, message));
    }
    findings
}

fn failed(plan: &Plan, run: &Run, end: &OperationEnd) -> Finding {
    let step = end.failed_step.and_then(|step| plan.change.iter().find(|known| known.number == step));
    let title = step.map_or("", |step| &step.title);
    let message = match (end.ending, end.exit_code) {
        (Ending::TimedOut, _) => {
            format!("the change cannot be made again after the rollback: {}", time_was_over(step))
        }
        (_, Some(code)) => {
            format!("the change cannot be made again after the rollback: exit code {code} at: {title}")
        }
        (_, None) => format!("the change cannot be made again after the rollback: {title}"),
    };
    let mut steps = run.steps.iter().rev();
    let last = steps.find(|step| step.operation == Operation::ChangeAgain);
    let tail = last.map_or(&[][..], |step| &step.tail[step.tail.len().saturating_sub(5)..]);
    let finding = Finding::new(Check::Again, Outcome::Fail, message)
        .seen(end.error.iter().chain(tail).cloned())
        .next("the rollback leaves something behind that is in the change's way: remove it, or let the change expect it");
    step.iter().fold(finding, |finding, step| finding.at(&step.at))
}

/// What the change left otherwise than the first time, of one kind.
fn ended_elsewhere(
    kind: StateKind,
    plan: &Plan,
    first: &State,
    second: &State,
    others: Others<'_>,
) -> Option<Finding> {
    let judged = plan.expect.states.get(&kind);
    if judged.is_some_and(|state| matches!(state.reference, Reference::Any(_))) {
        return None;
    }
    let by_nature = if kind == StateKind::Data { free(first, second, others) } else { BTreeSet::new() };
    let found = differences(kind, plan, first, second, &[]);
    let is_wrong = |one: &&Difference| {
        one.counts && one.covered_by.is_none() && !by_nature.contains(one.subject.as_str())
    };
    let wrong: Vec<&Difference> = found.iter().filter(is_wrong).collect();
    let one = wrong.first()?;
    let message = format!(
        "made again, the change does not leave the {} that it left the first time: {}: {}",
        kind.word(),
        one.subject,
        one.message
    );
    let evidence = wrong.iter().map(|one| format!("{}: {}", one.subject, one.message));
    let finding = Finding::new(Check::Again, Outcome::Fail, message).seen(evidence);
    Some(finding.next("look for what the rollback leaves behind that the change asks for"))
}

/// Tables whose values may differ from one time to the next: those that did so in two runs of the same
/// change, and all of a database whose sequences have moved on. Their columns and numbers of rows are
/// compared all the same.
fn free(first: &State, second: &State, others: Others<'_>) -> BTreeSet<String> {
    let mut free = BTreeSet::new();
    for (database, was) in &first.stores {
        let Some(is) = second.stores.get(database) else { continue };
        let too = others.changed_too.and_then(|state| state.stores.get(database));
        let by_itself: BTreeSet<String> = match too {
            Some(too) => compare(was, too).tables.into_iter().map(|one| one.table).collect(),
            None => BTreeSet::new(),
        };
        let differ = compare(was, is);
        let moved_on = !differ.sequences.is_empty();
        let tables = differ.tables.into_iter().filter(has_other_values_only);
        free.extend(tables.map(|one| one.table).filter(|table| moved_on || by_itself.contains(table)));
    }
    free
}

fn has_other_values_only(one: &TableDifference) -> bool {
    one.change == TableChange::Rows && one.rows_before == one.rows_after
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::state::model::{Definition, SequenceState, StoreCapture};
    use crate::verdict::testing::store;

    /// One table with these rows, and a sequence that has come so far.
    fn state(rows: u64, sum: &str, last_value: i64) -> State {
        let sequence = SequenceState {
            definition: Definition::default(),
            increment: 1,
            last_value,
            is_called: true,
            column_reaches: None,
            unlogged: false,
        };
        let sequences = BTreeMap::from([("public.ids".to_owned(), sequence)]);
        let database = StoreCapture { sequences, ..store(rows, sum) };
        State {
            system: BTreeMap::new(),
            stores: BTreeMap::from([("db".to_owned(), database)]),
            strays: Vec::new(),
        }
    }

    fn free_tables(second: &State, too: &State) -> usize {
        let first = state(10, "1", 5);
        free(&first, second, Others { changed_too: Some(too), ..Others::default() }).len()
    }

    #[test]
    fn values_are_free_where_they_differ_by_themselves_or_a_sequence_has_moved_on() {
        let alike = state(10, "1", 5);
        assert_eq!(free_tables(&state(10, "2", 5), &alike), 0, "nothing explains it");
        assert_eq!(free_tables(&state(10, "2", 5), &state(10, "3", 5)), 1, "it differs by itself");
        assert_eq!(free_tables(&state(10, "2", 8), &alike), 1, "the sequence has moved on");
    }

    #[test]
    fn numbers_of_rows_are_never_free() {
        assert_eq!(free_tables(&state(11, "2", 8), &state(10, "3", 5)), 0);
    }
}

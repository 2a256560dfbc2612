//! Can the change be made again after a rollback, and does it end where it ended the first time?

use std::collections::BTreeSet;

use super::rollback::time_was_over;
use super::states::{Twins, check_back};
use crate::journal::event::{Ending, Moment, Operation, RowsDiffer};
use crate::outcome::{Check, Outcome};
use crate::plan::Plan;
use crate::plan::model::{Reference, StateKind};
use crate::plan::traffic::Belongs;
use crate::state::compare::{TableChange, TableDifference, compare};
use crate::state::model::SequenceState;
use crate::text::grouped;
use crate::verdict::difference::{Difference, differences, tables_of};
use crate::verdict::explain::{Explained, explain};
use crate::verdict::footprint;
use crate::verdict::model::Finding;
use crate::verdict::timeline::{OperationEnd, Run, State};

/// What is not asked of a change made again: leftovers are those of whoever is at work at the moment.
const COMPARED: [StateKind; 4] =
    [StateKind::System, StateKind::Schema, StateKind::Data, StateKind::Sequences];

/// States that other runs of the scenario ended in.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::verdict) struct Others<'t> {
    /// After the steps of an `as_after` reference.
    pub(in crate::verdict) twins: Twins<'t>,
    /// After the whole change, in the control run.
    pub(in crate::verdict) changed: Option<Left<'t>>,
    /// The same in the finished run: what differs between the two differs by itself.
    pub(in crate::verdict) changed_too: Option<&'t State>,
}

/// What a change has left.
#[derive(Debug, Clone, Copy)]
pub(in crate::verdict) struct Left<'t> {
    pub(in crate::verdict) state: &'t State,
    /// The rows that differ from those before it, where they were compared.
    pub(in crate::verdict) rows: &'t [(String, RowsDiffer)],
}

/// For the run in which the change is made again.
pub(in crate::verdict) fn check(plan: &Plan, run: &Run, others: Others<'_>) -> Vec<Finding> {
    let Some(end) = run.operations.get(&Operation::ChangeAgain) else { return Vec::new() };
    let unknown = |message: &str| vec![Finding::new(Check::Again, Outcome::Inconclusive, message)];
    let back = check_back(plan, run, &others.twins);
    let outcome = Outcome::worst(back.iter().map(|finding| finding.outcome));
    let message = match outcome {
        Outcome::Pass => None,
        Outcome::Fail => Some("the change cannot be tried again: the rollback does not come back"),
        Outcome::Inconclusive => Some("the state in which the change was made again is not known"),
    };
    if let Some(message) = message {
        let why = back.into_iter().filter(|finding| finding.outcome == outcome);
        let why = why.flat_map(|finding| std::iter::once(finding.message).chain(finding.evidence));
        return vec![Finding::new(Check::Again, Outcome::Inconclusive, message).seen(why)];
    }
    if end.ending != Ending::Ok {
        return vec![failed(plan, run, end)];
    }
    let second = run.states.get(&Moment::Changed);
    let second = second.map(|state| Left { state, rows: run.rows_at(Moment::Changed) });
    let (Some(first), Some(second), Some(before)) = (others.changed, second, run.before()) else {
        return unknown("what the change left when it was made again could not be compared with the first");
    };
    // How far sequences come is the clients' doing where there are any: then they may not have gone back.
    let from_before = positioned(first.state, before);
    let state = if plan.traffic.is_empty() { first.state } else { &from_before };
    let first = Left { state, ..first };
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
    first: Left<'_>,
    second: Left<'_>,
    others: Others<'_>,
) -> Option<Finding> {
    let judged = plan.expect.states.get(&kind);
    if judged.is_some_and(|state| matches!(state.reference, Reference::Any(_))) {
        return None;
    }
    let found = match kind {
        StateKind::Data => data(plan, first, second, others),
        _ => differences(kind, plan, first.state, second.state, &[]),
    };
    let by_itself = by_itself(kind, plan, first, others);
    // An exception speaks of the way back (S27): here it covers only what is not the same each time anyway.
    let is_covered = |one: &Difference| one.covered_by.is_some() && by_itself.contains(&one.subject);
    let wrong: Vec<&Difference> = found.iter().filter(|one| one.counts && !is_covered(one)).collect();
    let one = wrong.first()?;
    let message = format!(
        "made again, the change does not leave the {} that it left the first time: {}: {}",
        kind.word(),
        one.subject,
        one.message
    );
    let unknown = wrong.iter().all(|one| one.is_unknown);
    let outcome = if unknown { Outcome::Inconclusive } else { Outcome::Fail };
    let evidence = wrong.iter().map(|one| format!("{}: {}", one.subject, one.message));
    let finding = Finding::new(Check::Again, outcome, message).seen(evidence);
    Some(finding.next("look for what the rollback leaves behind that the change asks for"))
}

/// What differs between two runs of the same change that nothing was taken back of.
fn by_itself(kind: StateKind, plan: &Plan, first: Left<'_>, others: Others<'_>) -> BTreeSet<String> {
    let Some(too) = others.changed_too else { return BTreeSet::new() };
    differences(kind, plan, first.state, too, &[]).into_iter().map(|one| one.subject).collect()
}

/// Tables that differ, but for values that may differ from one time to the next: those that did so in two
/// runs of the same change, and all of a database whose sequences have moved on. Their columns and numbers of
/// rows are compared all the same; of a table that clients write to, the number of rows that are not theirs.
fn data(plan: &Plan, first: Left<'_>, second: Left<'_>, others: Others<'_>) -> Vec<Difference> {
    let mut found = Vec::new();
    for (database, was) in &first.state.stores {
        let Some(is) = second.state.stores.get(database) else { continue };
        let too = others.changed_too.and_then(|state| state.stores.get(database));
        let by_itself: BTreeSet<String> = match too {
            Some(too) => compare(was, too).tables.into_iter().map(|one| one.table).collect(),
            None => BTreeSet::new(),
        };
        let differ = compare(was, is);
        let moved_on = !differ.sequences.is_empty();
        let named = tables_of(plan, database, &differ);
        for (one, difference) in differ.tables.iter().zip(named) {
            let is_free = moved_on || by_itself.contains(&one.table);
            let [first_names, second_names] =
                [first, second].map(|left| names(plan, database, &one.table, left));
            if is_clients(plan, database, one) {
                let aside = |left| clients_aside(plan, database, &one.table, left);
                found.extend(beside_clients(aside(first), aside(second), difference));
            } else if let (Some(was), Some(is)) = (first_names, second_names) {
                found.extend(by_name(was, is, difference));
            } else if !(is_free && has_other_values_only(one)) {
                found.push(difference);
            }
        }
    }
    found
}

/// Which rows a change has made other than they were, where clients write and rows have names: those that are not the
/// clients'. None where they have no names, or more than are told.
fn names<'t>(plan: &Plan, database: &str, table: &str, left: Left<'t>) -> Option<&'t [String]> {
    let (_, rows) = left.rows.iter().find(|(of, rows)| of == database && rows.table == table)?;
    let named = rows.named.as_ref().filter(|named| named.more == 0 && named.declared.is_empty())?;
    (!plan.traffic.is_empty()).then_some(&named.others[..])
}

/// How such a table was left otherwise than the first time; none if it was not.
fn by_name(was: &[String], is: &[String], mut difference: Difference) -> Option<Difference> {
    let only = |here: &[String], there: &[String]| -> Vec<String> {
        here.iter().filter(|name| !there.contains(name)).cloned().collect()
    };
    let (gone, new) = (only(was, is), only(is, was));
    let of = |names: &[String], words: &str| {
        names.first().map(|name| format!("{} {words}, {name} first", grouped(names.len() as u64)))
    };
    let said: Vec<String> = of(&gone, "differed from before and do not now")
        .into_iter()
        .chain(of(&new, "differ from before now and did not"))
        .collect();
    difference.message = said.join("; ");
    (!said.is_empty()).then_some(difference)
}

fn has_other_values_only(one: &TableDifference) -> bool {
    one.change == TableChange::Rows && one.rows_before == one.rows_after
}

/// Whether how many rows it holds is the clients' doing.
fn is_clients(plan: &Plan, database: &str, one: &TableDifference) -> bool {
    !matches!(one.change, TableChange::Columns { .. })
        && !footprint::of(plan, database, &one.table).is_empty()
}

/// What a change did to a table, its clients' doings aside; none where that is not known: the rows were not
/// kept, or the change takes the column away by which they are told.
fn clients_aside(plan: &Plan, database: &str, table: &str, left: Left<'_>) -> Option<Explained> {
    let Some((_, rows)) = left.rows.iter().find(|(of, rows)| of == database && rows.table == table) else {
        return Some(Explained::default());
    };
    let columns = &left.state.stores.get(database)?.tables.get(table)?.raw.columns;
    let has_keys = |belongs: &&Belongs| match belongs {
        Belongs::One(column) | Belongs::Many(column) => columns.contains(column),
        Belongs::Column(_) => true,
    };
    let is_told = footprint::of(plan, database, table).iter().all(has_keys) && rows.not_kept.is_none();
    if is_told { explain(plan, database, rows) } else { None }
}

/// How a table that clients write to was left otherwise than the first time; none if it was not.
fn beside_clients(
    first: Option<Explained>,
    second: Option<Explained>,
    mut difference: Difference,
) -> Option<Difference> {
    let (Some(first), Some(second)) = (first, second) else {
        difference.is_unknown = true;
        difference.message.push_str(", and nothing tells which of its rows are the clients'");
        return Some(difference);
    };
    let mut said: Vec<String> =
        second.broken.difference(&first.broken).map(|one| (*one).to_owned()).collect();
    if first.strange != second.strange {
        let (was, is) = (grouped(first.strange), grouped(second.strange));
        said.insert(
            0,
            format!("of rows that are not the clients', {was} differed from before and {is} do now"),
        );
    }
    difference.message = said.join(", ");
    (!said.is_empty()).then_some(difference)
}

/// The same, but that its sequences stand where they do in another.
fn positioned(state: &State, as_in: &State) -> State {
    let mut positioned = state.clone();
    for (database, store) in &mut positioned.stores {
        let Some(others) = as_in.stores.get(database) else { continue };
        for (name, sequence) in &mut store.sequences {
            if let Some(other) = others.sequences.get(name) {
                let definition = sequence.definition.clone();
                *sequence = SequenceState { definition, ..other.clone() };
            }
        }
    }
    positioned
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::journal::event::Named;
    use crate::plan::traffic::{Touch, Traffic};
    use crate::state::model::{Definition, StoreCapture};
    use crate::state::rows::RowCounts;
    use crate::traffic::Reach;
    use crate::verdict::testing::{place, plan, store, traffic};

    /// A state with one index that is defined so.
    fn indexed(definition: &str) -> State {
        let mut state = state(10, "1", 5);
        let name = "index: public.a".to_owned().try_into().unwrap();
        let defined = [("definition".to_owned(), definition.to_owned())].into_iter().collect();
        state.stores.get_mut("db").unwrap().schema.insert(name, defined);
        state
    }

    #[test]
    fn s27_an_exception_does_not_cover_where_a_change_ends_that_is_made_again() {
        let mut plan = plan();
        let schema = plan.expect.states.get_mut(&StateKind::Schema).unwrap();
        let covers = crate::plan::model::Covers::Object("index public.a".to_owned());
        let because = "it may stay".to_owned();
        schema.except.push(crate::plan::model::Exception { covers, because, at: place(5) });
        let (first, second) = (indexed("on t (a)"), indexed("on t (b)"));
        let left = |state| Left { state, rows: &[] };
        let ended = |too: &State| {
            let others = Others { changed_too: Some(too), ..Others::default() };
            ended_elsewhere(StateKind::Schema, &plan, left(&first), left(&second), others)
        };
        assert_eq!(ended(&first).map(|finding| finding.outcome), Some(Outcome::Fail));
        assert_eq!(ended(&indexed("on t (c)")), None, "it is not the same each time anyway");
    }

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

    fn wrong(plan: &Plan, second: &State, too: &State, rows: [&[(String, RowsDiffer)]; 2]) -> Vec<String> {
        let first = state(10, "1", 5);
        let [first, second] =
            [(&first, rows[0]), (second, rows[1])].map(|(state, rows)| Left { state, rows });
        let found = data(plan, first, second, Others { changed_too: Some(too), ..Others::default() });
        found.into_iter().map(|one| one.message).collect()
    }

    fn wrong_values(second: &State, too: &State) -> usize {
        wrong(&plan(), second, too, [&[], &[]]).len()
    }

    #[test]
    fn values_are_free_where_they_differ_by_themselves_or_a_sequence_has_moved_on() {
        let alike = state(10, "1", 5);
        assert_eq!(wrong_values(&state(10, "2", 5), &alike), 1, "nothing explains it");
        assert_eq!(wrong_values(&state(10, "2", 5), &state(10, "3", 5)), 0, "it differs by itself");
        assert_eq!(wrong_values(&state(10, "2", 8), &alike), 0, "the sequence has moved on");
    }

    #[test]
    fn numbers_of_rows_are_never_free() {
        assert_eq!(wrong_values(&state(11, "2", 8), &state(10, "3", 5)), 1);
    }

    /// Rows of the table that differ from before; so many have a client's key.
    fn rows(counts: RowCounts, reached: u64) -> Vec<(String, RowsDiffer)> {
        let reach = Reach { column: "id".to_owned(), rows: reached, kept: reached, ..Reach::default() };
        let table = "public.orders".to_owned();
        vec![("db".to_owned(), RowsDiffer { table, counts, reach: vec![reach], ..RowsDiffer::default() })]
    }

    #[test]
    fn of_a_table_that_clients_write_to_only_what_is_not_theirs_must_be_as_the_first_time() {
        let touch = Touch {
            database: "db".to_owned(),
            table: "orders".to_owned(),
            by: Belongs::One("id".to_owned()),
            at: place(3),
        };
        let plan = Plan { traffic: vec![Traffic { touches: vec![touch], ..traffic() }], ..plan() };
        let counts = |changed, extra| RowCounts { changed, missing: 0, extra };
        let first = rows(counts(7, 17), 17);
        let found = |second: &[(String, RowsDiffer)]| {
            wrong(&plan, &state(1053, "9", 5), &state(10, "1", 5), [&first, second])
        };
        assert_eq!(found(&rows(counts(7, 53), 53)), [] as [&str; 0]);
        let said = "of rows that are not the clients', 7 differed from before and 8 do now";
        assert_eq!(found(&rows(counts(7, 54), 53)), [said]);
        let mut lost = rows(counts(7, 53), 53);
        lost[0].1.reach[0].lost.count = 1;
        assert_eq!(found(&lost), ["acknowledged and gone"]);
        let untold = "nothing tells which of its rows are the clients'";
        lost[0].1.not_kept = Some("too many".to_owned());
        assert!(found(&lost)[0].ends_with(untold));
        let mut renamed = state(1053, "9", 5);
        let table = renamed.stores.get_mut("db").unwrap().tables.get_mut("public.orders").unwrap();
        table.raw.columns = vec!["number".to_owned(), "note".to_owned()];
        let second = rows(counts(7, 53), 53);
        let found = wrong(&plan, &renamed, &state(10, "1", 5), [&second, &second]);
        assert!(found[0].starts_with("the 1053 rows of the table lost id"), "{found:?}");
    }

    #[test]
    fn where_rows_have_names_those_that_are_not_the_clients_must_be_the_same() {
        let rows = |names: &[&str]| {
            let others = names.iter().map(|name| (*name).to_owned()).collect();
            let named = Some(Named { others, ..Named::default() });
            let table = "public.orders".to_owned();
            vec![("db".to_owned(), RowsDiffer { table, named, ..RowsDiffer::default() })]
        };
        let plan = Plan { traffic: vec![traffic()], ..plan() };
        let first = rows(&["cart2:seed-1", "flag"]);
        let found =
            |second: &[&str]| wrong(&plan, &state(1053, "9", 5), &state(10, "3", 5), [&first, &rows(second)]);
        assert_eq!(found(&["cart2:seed-1", "flag"]), [] as [&str; 0], "the 1043 others are the clients'");
        assert_eq!(found(&["flag"]), ["1 differed from before and do not now, cart2:seed-1 first"]);
        let new = "1 differ from before now and did not, left first";
        assert_eq!(found(&["cart2:seed-1", "flag", "left"]), [new]);
    }

    #[test]
    fn where_clients_write_a_sequence_may_not_stand_behind_where_it_began() {
        let (first, before) = (state(10, "1", 60), state(10, "1", 5));
        let first = positioned(&first, &before);
        let found = |second: &State| {
            let found = differences(StateKind::Sequences, &plan(), &first, second, &[]);
            found.into_iter().filter(|one| one.counts).count()
        };
        assert_eq!(found(&state(10, "1", 40)), 0, "fewer writes than the first time");
        assert_eq!(found(&state(10, "1", 4)), 1, "it went back");
    }
}

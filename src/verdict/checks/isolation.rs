//! Is what must not be touched by a change without a way back as before, and was it there all the time?

use std::collections::{BTreeMap, BTreeSet};

use super::always;
use crate::journal::event::{Moment, RowsDiffer, RunKind};
use crate::outcome::{Check, Outcome};
use crate::plan::Plan;
use crate::plan::forward_only::Isolation;
use crate::plan::model::StateKind;
use crate::verdict::difference::{Difference, differences};
use crate::verdict::model::Finding;
use crate::verdict::timeline::{Run, State};

/// For runs with a recovery.
pub(in crate::verdict) fn check(plan: &Plan, run: &Run) -> Vec<Finding> {
    let Some(isolation) = isolation(plan) else { return Vec::new() };
    let names: BTreeSet<&String> = isolation.services.iter().chain(&isolation.stores).collect();
    let mut findings = Vec::new();
    if !names.is_empty() {
        let names = names.into_iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        findings.push(as_before(plan, isolation, run, &names).at(&isolation.at));
    }
    findings.extend(watched(plan, run));
    findings
}

/// What must hold all the time, for every run.
pub(in crate::verdict) fn watched(plan: &Plan, run: &Run) -> Vec<Finding> {
    let always = isolation(plan).map_or(&[][..], |isolation| &isolation.always);
    let first = u32::try_from(plan.expect.always.len()).unwrap_or(u32::MAX);
    let found = (first..).zip(always).map(|(position, expectation)| Finding {
        check: Check::Isolation,
        ..always::finding(expectation, run, run.watched.get(&position))
    });
    found.collect()
}

fn isolation(plan: &Plan) -> Option<&Isolation> {
    plan.forward_only.as_ref()?.isolation.as_ref()
}

fn as_before(plan: &Plan, isolation: &Isolation, run: &Run, names: &str) -> Finding {
    let mut moments = vec![(Moment::After, &run.rows[..], "at the end")];
    if run.kind != RunKind::Finished {
        moments.insert(0, (Moment::Failed, run.rows_at(Moment::Failed), "after the failure"));
    }
    let mut unknown = Vec::new();
    for (moment, rows, when) in &moments {
        let (Some(before), Some(then)) = (run.before(), run.states.get(moment)) else {
            unknown.push(*when);
            continue;
        };
        let (before, then) = (part(before, isolation), part(then, isolation));
        let found = differ(plan, isolation, (&before, &then), rows);
        if let Some(first) = found.first() {
            let more =
                if found.len() > 1 { format!(", and {} more", found.len() - 1) } else { String::new() };
            let message = format!("touched {when}: {}: {}{more}", first.subject, first.message);
            let seen = found.iter().flat_map(|one| {
                let first = format!("{}: {}", one.subject, one.message);
                std::iter::once(first).chain(one.evidence.iter().map(|line| format!("  {line}")))
            });
            return Finding::new(Check::Isolation, Outcome::Fail, message)
                .seen(seen)
                .next("keep the change away from it, or do not promise that it is left alone");
        }
    }
    if !unknown.is_empty() {
        let message =
            format!("nobody can say whether {names} were touched: no state {}", unknown.join(" and "));
        return Finding::new(Check::Isolation, Outcome::Inconclusive, message);
    }
    let when: Vec<&str> = moments.iter().map(|(_, _, when)| *when).collect();
    Finding::new(Check::Isolation, Outcome::Pass, format!("{names} as before, {}", when.join(" and ")))
}

/// Of a state, what must not be touched.
fn part(state: &State, isolation: &Isolation) -> State {
    State {
        system: kept(&state.system, &isolation.services),
        stores: kept(&state.stores, &isolation.stores),
        strays: Vec::new(),
    }
}

fn kept<T: Clone>(all: &BTreeMap<String, T>, names: &BTreeSet<String>) -> BTreeMap<String, T> {
    all.iter()
        .filter(|(name, _)| names.contains(*name))
        .map(|(name, one)| (name.clone(), one.clone()))
        .collect()
}

fn differ(
    plan: &Plan,
    isolation: &Isolation,
    (before, then): (&State, &State),
    rows: &[(String, RowsDiffer)],
) -> Vec<Difference> {
    let rows: Vec<_> = rows.iter().filter(|(store, _)| isolation.stores.contains(store)).cloned().collect();
    let kinds = [StateKind::System, StateKind::Schema, StateKind::Data, StateKind::Sequences];
    let found = kinds.into_iter().flat_map(|kind| differences(kind, plan, before, then, &rows));
    found.filter(|one| one.counts && one.covered_by.is_none()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Event;
    use crate::journal::event::Violation;
    use crate::verdict::testing::{captured, events, forward, run_of, store};

    fn outcomes(events: Vec<Event>) -> Vec<(Outcome, String)> {
        let found = check(&forward(), &run_of(RunKind::Interrupted, events));
        found.into_iter().map(|finding| (finding.outcome, finding.message)).collect()
    }

    /// An interrupted run of a change that alters `db`; `billing` was so after the failure, and is so at the end.
    fn leaving(failed: Option<&str>, after: &str) -> Vec<Event> {
        let with = |event: Event, sum: &str| match event {
            Event::Captured { moment, system, mut stores, strays } => {
                stores.insert("billing".to_owned(), store(10, sum));
                Event::Captured { moment, system, stores, strays }
            }
            event => event,
        };
        let usual = events(RunKind::Interrupted, store(1000, "1"));
        let all = usual.into_iter().filter_map(|event| match &event {
            Event::Captured { moment: Moment::Failed, .. } => failed.map(|sum| with(event, sum)),
            Event::Captured { moment: Moment::After, .. } => Some(with(event, after)),
            _ => Some(with(event, "b")),
        });
        all.collect()
    }

    fn watching(violation: Option<Violation>) -> Vec<Event> {
        let mut all = leaving(Some("b"), "b");
        all.push(Event::Watched { expectation: 0, looks: 9, unknown: 0, violation });
        all
    }

    #[test]
    fn what_is_named_is_as_before_after_the_failure_and_at_the_end() {
        let holds = "billing as before, after the failure and at the end".to_owned();
        assert_eq!(outcomes(leaving(Some("b"), "b"))[0], (Outcome::Pass, holds));
        let message = "touched after the failure: public.orders: the 10 rows of the table are not as before";
        assert_eq!(outcomes(leaving(Some("x"), "b"))[0], (Outcome::Fail, message.to_owned()));
        let message = "touched at the end: public.orders: the 10 rows of the table are not as before";
        assert_eq!(outcomes(leaving(Some("b"), "x"))[0], (Outcome::Fail, message.to_owned()));
        let message = "nobody can say whether billing were touched: no state after the failure";
        assert_eq!(outcomes(leaving(None, "b"))[0], (Outcome::Inconclusive, message.to_owned()));
    }

    #[test]
    fn one_moment_without_it_is_enough() {
        assert_eq!(outcomes(watching(None))[1].0, Outcome::Pass);
        let violation = Some(Violation { ms: 500, seen: "status 503".to_owned() });
        assert_eq!(outcomes(watching(violation))[1].0, Outcome::Fail);
        assert_eq!(outcomes(leaving(Some("b"), "b"))[1].0, Outcome::Inconclusive, "nobody looked");
    }

    #[test]
    fn what_is_not_named_may_be_touched() {
        let all = captured(Moment::Failed, store(1000, "2"));
        assert!(matches!(all, Event::Captured { .. }), "`db` differs after the failure in these runs");
        assert_eq!(outcomes(leaving(Some("b"), "b"))[0].0, Outcome::Pass);
    }
}

//! Were the change's conversations with an observed database seen by the gateway in front of it (S17)?

use std::collections::BTreeMap;

use crate::journal::event::Operation;
use crate::outcome::{Check, Outcome};
use crate::plan::Plan;
use crate::plan::model::{Action, Step};
use crate::state::compare::{StoreDifferences, TableDifference, compare};
use crate::state::model::StoreCapture;
use crate::verdict::footprint;
use crate::verdict::model::{Finding, Gap, GapReason};
use crate::verdict::timeline::{Run, State};

/// For the finished run, where each step is known by what it changed: a step that should have called through the
/// gateway changed what is behind it, and nothing of the whole change was seen there. Other steps excuse nothing.
pub(in crate::verdict) fn bypassed(plan: &Plan, run: Option<&Run>, gaps: &[Gap]) -> Vec<Finding> {
    let Some(run) = run else { return Vec::new() };
    let mut found: BTreeMap<&str, Finding> = BTreeMap::new();
    for gap in gaps {
        let (Some((Operation::Change, number)), GapReason::Unseen { store, .. }) = (gap.step, &gap.why)
        else {
            continue;
        };
        let step = plan.change.iter().find(|step| step.number == number);
        let should = |step: &&Step| {
            !matches!(step.action, Action::Deploy(_))
                && plan.gateways.get(store).is_some_and(|gateway| gateway.leads(step))
        };
        if let Some(step) = step.filter(should).filter(|_| !seen(run, store)) {
            found.entry(store).or_insert_with(|| finding(store, step));
        }
    }
    found.into_values().collect()
}

fn finding(service: &str, step: &Step) -> Finding {
    let message =
        format!("{service} changed, and none of the change's statements was seen: it bypassed the gateway");
    Finding::new(Check::Gateway, Outcome::Inconclusive, message).at(&step.at).next(
        "let the step call the service by its Compose name and port; `gateways:` names another port or more clients",
    )
}

/// For runs in which a change was left in place: `then` is the state that it left.
pub(in crate::verdict) fn check(plan: &Plan, run: &Run, then: Option<&State>) -> Vec<Finding> {
    let (Some(before), Some(then)) = (run.before(), then) else { return Vec::new() };
    let mut findings = Vec::new();
    for (service, gateway) in &plan.gateways {
        let (Some(was), Some(is)) = (before.stores.get(service), then.stores.get(service)) else {
            continue;
        };
        let calls = |step: &Step| match &step.action {
            Action::Run { service, .. } | Action::Exec { service, .. } => gateway.clients.contains(service),
            _ => false,
        };
        // Who else might have changed it?
        if !plan.change.iter().all(calls) || seen(run, service) || same(plan, service, was, is) {
            continue;
        }
        findings.push(finding(service, &plan.change[0]));
    }
    findings
}

fn seen(run: &Run, service: &str) -> bool {
    let conversed = run.conversed.iter().filter(|conversed| conversed.operation == Operation::Change);
    conversed.filter(|conversed| conversed.count.service == service).any(|conversed| conversed.count.asks > 0)
}

/// What clients write to is not held against the change.
fn same(plan: &Plan, service: &str, was: &StoreCapture, is: &StoreCapture) -> bool {
    let StoreDifferences { schema, tables, .. } = compare(was, is);
    let of_nobody = |table: &TableDifference| footprint::of(plan, service, &table.table).is_empty();
    schema.is_empty() && !tables.iter().any(of_nobody)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::event::{Moment, RunKind};
    use crate::plan::model::Gateway;
    use crate::plan::traffic::{Belongs, Touch, Traffic};
    use crate::verdict::testing::{events, place, plan, run_of, step, store, traffic};

    /// A change by one job, which calls the database through the gateway, and of which nothing was seen there.
    fn unseen(touched: &[&str]) -> Vec<Finding> {
        let (command, environment) = (None, Default::default());
        let action = Action::Run { service: "job".to_owned(), command, environment };
        let gateway = Gateway { clients: ["job".to_owned()].into(), ..Gateway::default() };
        let touch = |table: &&str| Touch {
            database: "db".to_owned(),
            table: (*table).to_owned(),
            by: Belongs::One("id".to_owned()),
            at: place(3),
        };
        let touches = touched.iter().map(touch).collect();
        let plan = Plan {
            change: vec![Step { action, ..step("run job", &[], 15) }],
            gateways: BTreeMap::from([("db".to_owned(), gateway)]),
            traffic: vec![Traffic { touches, ..traffic() }],
            ..plan()
        };
        let run = run_of(RunKind::Interrupted, events(RunKind::Interrupted, store(1000, "1")));
        check(&plan, &run, run.states.get(&Moment::Failed))
    }

    /// A step whose doings were not seen, and what it changed.
    fn gap(store: &str, step: u32) -> Gap {
        let what = vec!["rows of public.orders".to_owned()];
        Gap {
            step: Some((Operation::Change, step)),
            why: GapReason::Unseen { store: store.to_owned(), what },
        }
    }

    #[test]
    fn s17_other_steps_excuse_no_step_that_should_have_called_through_the_gateway() {
        let (command, environment) = (None, Default::default());
        let action = Action::Run { service: "job".to_owned(), command, environment };
        let gateway = Gateway { clients: ["job".to_owned()].into(), ..Gateway::default() };
        let plan = Plan {
            change: vec![
                Step { action, ..step("run job", &[], 15) },
                crate::verdict::testing::deploy(2, "api"),
            ],
            gateways: BTreeMap::from([("db".to_owned(), gateway)]),
            ..plan()
        };
        let run = run_of(RunKind::Finished, events(RunKind::Finished, store(1000, "1")));
        let found = |gap: Gap| bypassed(&plan, Some(&run), &[gap]).len();
        assert_eq!((found(gap("db", 1)), found(gap("db", 2)), found(gap("cache", 1))), (1, 0, 0));
        let mut seen = run.clone();
        let count =
            crate::gateway::control::Count { service: "db".to_owned(), asks: 1, ..Default::default() };
        let (operation, step, asks, notes) = (Operation::Change, 1, Vec::new(), Vec::new());
        seen.conversed.push(crate::verdict::timeline::Conversation { operation, step, count, asks, notes });
        assert_eq!(bypassed(&plan, Some(&seen), &[gap("db", 1)]), []);
    }

    #[test]
    fn what_changed_though_nothing_was_seen_came_by_another_way_but_for_what_clients_write() {
        let said = unseen(&["customers"]).remove(0).message;
        assert_eq!(said, "db changed, and none of the change's statements was seen: it bypassed the gateway");
        assert_eq!(unseen(&["orders"]), []);
    }
}

//! Were the change's conversations with an observed database seen by the gateway in front of it (S17)?

use crate::journal::event::Operation;
use crate::outcome::{Check, Outcome};
use crate::plan::Plan;
use crate::plan::model::{Action, Step};
use crate::state::compare::{StoreDifferences, TableDifference, compare};
use crate::state::model::StoreCapture;
use crate::verdict::footprint;
use crate::verdict::model::Finding;
use crate::verdict::timeline::{Run, State};

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
        let message = format!(
            "{service} changed, and none of the change's statements was seen: it bypassed the gateway"
        );
        let finding = Finding::new(Check::Gateway, Outcome::Inconclusive, message);
        findings.push(finding.at(&plan.change[0].at).next(
            "let the step call the service by its Compose name and port; `gateways:` names another port or more clients",
        ));
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
    use std::collections::BTreeMap;

    use super::*;
    use crate::journal::event::{Moment, RunKind};
    use crate::plan::model::Gateway;
    use crate::plan::traffic::{Belongs, Touch, Traffic};
    use crate::verdict::testing::{events, place, plan, run_of, step, store, traffic};

    /// A change by one job, which calls the database through the gateway, and of which nothing was seen there.
    fn unseen(touched: &[&str]) -> Vec<Finding> {
        let (command, environment) = (None, Default::default());
        let action = Action::Run { service: "job".to_owned(), command, environment };
        let gateway = Gateway { routes: Vec::new(), clients: ["job".to_owned()].into() };
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

    #[test]
    fn what_changed_though_nothing_was_seen_came_by_another_way_but_for_what_clients_write() {
        let said = unseen(&["customers"]).remove(0).message;
        assert_eq!(said, "db changed, and none of the change's statements was seen: it bypassed the gateway");
        assert_eq!(unseen(&["orders"]), []);
    }
}

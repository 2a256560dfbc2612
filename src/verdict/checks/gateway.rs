//! Were the change's conversations with an observed database seen by the gateway in front of it (S17)?

use crate::journal::event::Operation;
use crate::outcome::{Check, Outcome};
use crate::plan::Plan;
use crate::plan::model::{Action, Step};
use crate::state::compare::{StoreDifferences, compare};
use crate::state::model::StoreCapture;
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
        if !plan.change.iter().all(calls) || seen(run, service) || same(was, is) {
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

fn same(was: &StoreCapture, is: &StoreCapture) -> bool {
    let StoreDifferences { schema, tables, .. } = compare(was, is);
    schema.is_empty() && tables.is_empty()
}

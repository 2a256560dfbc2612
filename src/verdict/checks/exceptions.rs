//! Was every exception needed by some run? One that covers nothing may hide something tomorrow (S16).

use std::collections::BTreeSet;

use crate::outcome::{Check, Outcome};
use crate::plan::Plan;
use crate::verdict::difference::differences;
use crate::verdict::model::Finding;
use crate::verdict::timeline::Run;

/// For a scenario, over all its runs.
pub(in crate::verdict) fn check(plan: &Plan, runs: &[&Run]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (kind, state) in &plan.expect.states {
        let mut used = BTreeSet::new();
        let mut compared = false;
        for run in runs {
            if let (Some(before), Some(after)) = (run.before(), run.after()) {
                compared = true;
                let found = differences(*kind, plan, before, after, &run.rows);
                used.extend(found.iter().filter_map(|one| one.covered_by));
            }
        }
        for (position, exception) in state.except.iter().enumerate() {
            if compared && !used.contains(&position) {
                let message = format!("unused exception: no run needed it ({})", exception.because);
                let finding =
                    Finding::new(Check::Exceptions, Outcome::Inconclusive, message).at(&exception.at);
                findings.push(finding.next("remove it: what it would cover tomorrow, nobody would see"));
            }
        }
    }
    findings
}

//! The explicit expectations: HTTP, SQL, keys across stores, queues, commands, log lines.

use crate::outcome::{Check, Outcome};
use crate::plan::Plan;
use crate::plan::model::{Expectation, Fact};
use crate::verdict::model::Finding;
use crate::verdict::timeline::{Run, Seen};

/// One finding per expectation.
pub(in crate::verdict) fn check(plan: &Plan, run: &Run) -> Vec<Finding> {
    let facts = (0..).zip(&plan.expect.facts);
    facts.map(|(position, expectation)| finding(expectation, run.observed.get(&position))).collect()
}

fn finding(expectation: &Expectation, seen: Option<&Seen>) -> Finding {
    let title = &expectation.title;
    let check = check_of(&expectation.fact);
    let finding = match seen {
        None => Finding::new(check, Outcome::Inconclusive, format!("not looked at: {title}")),
        Some(Seen { held: None, what, .. }) => {
            Finding::new(check, Outcome::Inconclusive, format!("could not be observed: {title}"))
                .seen([what.clone()])
        }
        Some(Seen { held: Some(true), what, .. }) => {
            Finding::new(check, Outcome::Pass, title.clone()).seen([what.clone()])
        }
        Some(Seen { held: Some(false), what, took_ms }) => {
            let after = format!("after {:.1} s: {what}", *took_ms as f64 / 1000.0);
            Finding::new(check, Outcome::Fail, format!("does not hold: {title}")).seen([after])
        }
    };
    finding.at(&expectation.at)
}

fn check_of(fact: &Fact) -> Check {
    match fact {
        Fact::Http(_) | Fact::Healthy { .. } => Check::Http,
        Fact::Sql { .. } => Check::Sql,
        Fact::Across(_) => Check::Across,
        Fact::Queue { .. } => Check::Queue,
        Fact::Exec { .. } => Check::Exec,
        Fact::Log { .. } => Check::Log,
    }
}

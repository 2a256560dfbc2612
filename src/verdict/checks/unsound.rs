//! Does anything move by itself? Then nothing can be blamed on the rollback (S1).

use crate::outcome::{Check, Outcome};
use crate::plan::Plan;
use crate::plan::model::{Reference, StateKind};
use crate::verdict::difference::differences;
use crate::verdict::model::Finding;
use crate::verdict::timeline::Run;

/// For the idle run.
pub(in crate::verdict) fn check(
    plan: &Plan,
    run: &Run,
    facts: &[Finding],
    alerts: &[Finding],
) -> Vec<Finding> {
    let (Some(before), Some(after)) = (run.before(), run.after()) else { return Vec::new() };
    let mut findings = Vec::new();
    for kind in StateKind::ALL {
        let judged = plan.expect.states.get(&kind);
        if judged.is_some_and(|state| matches!(state.reference, Reference::Any(_))) {
            continue;
        }
        let found = differences(kind, plan, before, after, &run.rows);
        let moving: Vec<_> = found.iter().filter(|one| one.counts && one.covered_by.is_none()).collect();
        if moving.is_empty() {
            continue;
        }
        let names: Vec<&str> = moving.iter().map(|one| one.subject.as_str()).collect();
        let message = format!("{} moves by itself: {}", kind.word(), names.join(", "));
        let mut evidence: Vec<String> =
            moving.iter().map(|one| format!("{}: {}", one.subject, one.message)).collect();
        evidence.push(format!("to leave it out, under expect.{}:", kind.word()));
        evidence.push("as_before:".to_owned());
        evidence.push("  except:".to_owned());
        evidence.extend(moving.iter().map(|one| format!("    - {}", one.exception())));
        let finding = Finding::new(Check::Unsound, Outcome::Inconclusive, message).seen(evidence);
        let finding = judged.iter().fold(finding, |finding, state| finding.at(&state.at));
        findings.push(finding.next("find out what moves it, or paste the exception with your reason"));
    }
    // On another reference than the stage before, expectations need not hold here.
    let as_before = plan.expect.states.values().all(|state| !matches!(state.reference, Reference::After(_)));
    findings.extend(facts.iter().filter(|_| as_before).chain(alerts).filter_map(unmet));
    if findings.is_empty() {
        findings.push(Finding::new(Check::Unsound, Outcome::Pass, "nothing moves by itself"));
    }
    findings
}

/// An expectation that does not hold on the untouched stage can say nothing about a rollback.
fn unmet(fact: &Finding) -> Option<Finding> {
    let message = format!("on the untouched stage: {}", fact.message);
    let finding = Finding::new(Check::Unsound, Outcome::Inconclusive, message);
    let finding = finding.seen(fact.evidence.iter().cloned());
    (fact.outcome != Outcome::Pass).then(|| fact.at.iter().fold(finding, |finding, place| finding.at(place)))
}

//! Does the change touch what the scenario declares, and nothing else?
//!
//! What is touched and not declared fails: somebody has weighed the release by what was declared. What is declared
//! and not touched does not: a change may touch more in production than on a stage with its few rows. It is shown.

use crate::outcome::{Check, Outcome};
use crate::plan::Plan;
use crate::plan::impact::{Impact, Touchable};
use crate::text::counted;
use crate::verdict::model::{Finding, ImpactVerdict, Touched};

/// One finding for each thing that is touched and not declared; one alone where there is none, or nothing was seen.
pub(in crate::verdict) fn check(plan: &Plan, touched: Option<&ImpactVerdict>) -> Vec<Finding> {
    let Some(impact) = &plan.impact else { return Vec::new() };
    let Some(found) = touched else {
        let message = "what the change touches was not seen: no run holds the state after the whole change";
        let finding = Finding::new(Check::Impact, Outcome::Inconclusive, message).at(&impact.at);
        return vec![finding.next("run it without `--no-control`")];
    };
    let strange = found.touched.iter().filter(|one| one.declared == Some(false));
    let findings: Vec<Finding> = strange.map(|one| wider(impact, one)).collect();
    if !findings.is_empty() {
        return findings;
    }
    let things = counted(found.touched.len(), "thing");
    let message = format!("the change touches what is declared, {things}");
    let seen = found.touched.iter().map(Touched::words);
    vec![Finding::new(Check::Impact, Outcome::Pass, message).seen(seen).at(&impact.at)]
}

fn wider(impact: &Impact, one: &Touched) -> Finding {
    let (words, how) = (one.words(), one.how.iter().map(String::as_str).collect::<Vec<_>>().join(", "));
    if !one.is_whole {
        let message = format!("whether {words} is declared cannot be told ({how})");
        let finding = Finding::new(Check::Impact, Outcome::Inconclusive, message);
        return finding.seen(one.evidence.iter().cloned()).at(&impact.at);
    }
    let message = format!("the change touches {words} ({how}), which is not declared");
    let next = match one.kind {
        Touchable::Table => format!(
            "look for a trigger or a cascade that leads there; or declare it: `tables: [{}]`",
            one.name
        ),
        kind => format!("find what leads there; or declare it: `{}: [{}]`", kind.list(), one.name),
    };
    let finding = Finding::new(Check::Impact, Outcome::Fail, message);
    finding.seen(one.evidence.iter().cloned()).at(&impact.at).next(next)
}

#[cfg(test)]
mod tests;

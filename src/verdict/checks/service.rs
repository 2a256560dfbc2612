//! How did the service fare, in the eyes of its clients?

use crate::journal::event::RunKind;
use crate::outcome::{Check, Outcome};
use crate::plan::Plan;
use crate::text::{counted, grouped};
use crate::verdict::model::{Finding, Phase, TrafficVerdict};

/// Whether it is well again at the end, and what old and new code made of each other's schema.
pub(in crate::verdict) fn check(plan: &Plan, kind: RunKind, traffic: &[TrafficVerdict]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for served in traffic {
        let planned = plan.traffic.iter().find(|planned| planned.name == served.name);
        let may_fail = planned.and_then(|planned| planned.may_fail);
        let of_this = std::iter::once(recovery(served, may_fail))
            // A fault of ours would be laid to the mixture.
            .chain(served.windows.iter().filter(|_| kind == RunKind::Finished).map(compatibility));
        findings
            .extend(of_this.map(|finding| planned.iter().fold(finding, |finding, it| finding.at(&it.at))));
    }
    findings
}

fn recovery(served: &TrafficVerdict, may_fail: Option<u64>) -> Finding {
    let (all, failed) = served
        .phases
        .iter()
        .fold((0, 0), |(all, failed), phase| (all + phase.counts.all(), failed + phase.counts.failed()));
    let counted = format!("{} of {} requests of {} failed", grouped(failed), grouped(all), served.name);
    let brief = format!("{} of {} requests failed", grouped(failed), grouped(all));
    let evidence = served.phases.iter().map(line);
    match served.well_after_ms {
        Some(_) if may_fail.is_some_and(|most| failed > most) => {
            let most = may_fail.map_or_else(String::new, grouped);
            let message = format!("{counted}, and no more than {most} may");
            let brief = format!("{brief}, no more than {most} may");
            let finding = Finding::new(Check::Service, Outcome::Fail, message).brief(brief).seen(evidence);
            finding.next("let who calls it go elsewhere before it is stopped, and let what is under way end")
        }
        Some(after) => {
            let well = match (failed, after) {
                (0, _) => String::new(),
                (_, 0) => ", none after the failure".to_owned(),
                (_, after) => format!(", the last {:.1} s after the failure", after as f64 / 1000.0),
            };
            let finding = Finding::new(Check::Service, Outcome::Pass, format!("{counted}{well}"));
            finding.brief(format!("{brief}{well}")).seen(evidence)
        }
        None => {
            let message = format!("{counted}, and the last of them too: the service is not well again");
            Finding::new(Check::Service, Outcome::Fail, message).seen(evidence)
        }
    }
}

/// `rollback: 120 requests, 4 failed (status 503: 4), p50 2.1 ms, p99 40 ms`.
fn line(phase: &Phase) -> String {
    let millis = |share| phase.latency.quantile(share).map_or(0.0, |micros| micros as f64 / 1000.0);
    let failures: Vec<String> =
        phase.failures.iter().map(|(wrong, count)| format!("{wrong}: {count}")).collect();
    let failures = if failures.is_empty() { String::new() } else { format!(" ({})", failures.join(", ")) };
    format!(
        "{}: {}, {} failed{failures}, p50 {:.1} ms, p99 {:.1} ms",
        phase.name,
        counted(usize::try_from(phase.counts.all()).unwrap_or(usize::MAX), "request"),
        phase.counts.failed(),
        millis(0.5),
        millis(0.99)
    )
}

fn compatibility(window: &Phase) -> Finding {
    let (all, failed) = (window.counts.all(), window.counts.failed());
    if failed == 0 {
        let message = format!("{}: {} requests, none failed", window.name, grouped(all));
        return Finding::new(Check::Compatibility, Outcome::Pass, message);
    }
    let message = format!("{} fails: {} of {} requests", window.name, grouped(failed), grouped(all));
    Finding::new(Check::Compatibility, Outcome::Fail, message)
        .seen([line(window)])
        .next("expand first, contract last: let old and new code both live with the schema between them")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::{Counts, Histogram};

    fn served(failed: u64, well_after_ms: Option<u64>) -> TrafficVerdict {
        let counts = Counts { acknowledged: 100, unknown: failed, ..Counts::default() };
        let name = "rollback".to_owned();
        let phase = Phase { name, counts, latency: Histogram::default(), failures: Vec::new() };
        TrafficVerdict {
            name: "orders".to_owned(),
            phases: vec![phase],
            windows: Vec::new(),
            well_after_ms,
            back: None,
            behind_us: None,
        }
    }

    #[test]
    fn no_more_requests_may_fail_than_the_scenario_says() {
        let outcome = |failed, may_fail| recovery(&served(failed, Some(10)), may_fail).outcome;
        assert_eq!([outcome(3, None), outcome(3, Some(3))], [Outcome::Pass; 2]);
        assert_eq!([outcome(3, Some(2)), outcome(1, Some(0))], [Outcome::Fail; 2]);
        let message = recovery(&served(3, Some(10)), Some(2)).message;
        assert_eq!(message, "3 of 103 requests of orders failed, and no more than 2 may");
        assert_eq!(recovery(&served(3, None), Some(9)).outcome, Outcome::Fail, "it is not well again");
    }
}

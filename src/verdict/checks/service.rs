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
        let of_this = std::iter::once(recovery(served))
            // A fault of ours would be laid to the mixture.
            .chain(served.windows.iter().filter(|_| kind == RunKind::Finished).map(compatibility));
        findings
            .extend(of_this.map(|finding| planned.iter().fold(finding, |finding, it| finding.at(&it.at))));
    }
    findings
}

fn recovery(served: &TrafficVerdict) -> Finding {
    let (all, failed) = served
        .phases
        .iter()
        .fold((0, 0), |(all, failed), phase| (all + phase.counts.all(), failed + phase.counts.failed()));
    let counted = format!("{} of {} requests of {} failed", grouped(failed), grouped(all), served.name);
    let brief = format!("{} of {} requests failed", grouped(failed), grouped(all));
    let evidence = served.phases.iter().map(line);
    match served.well_after_ms {
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

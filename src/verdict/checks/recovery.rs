//! Was the system recovered in its time, and was no more lost than is allowed?

use crate::journal::event::{Operation, RunKind};
use crate::outcome::{Check, Outcome};
use crate::plan::Plan;
use crate::plan::recovery::Recovery;
use crate::text::grouped;
use crate::traffic::Few;
use crate::verdict::model::{Finding, RecoveryVerdict, TrafficVerdict};
use crate::verdict::timeline::Run;

/// How long the recovery took and what it lost; none where that is not asked, or nothing was recovered.
pub(in crate::verdict) fn verdict(
    plan: &Plan,
    run: &Run,
    traffic: &[TrafficVerdict],
) -> Option<RecoveryVerdict> {
    let asked = plan.expect.recovery.is_some() || plan.forward_only.is_some();
    let is_recovered = matches!(run.kind, RunKind::Finished | RunKind::Interrupted);
    let began = *run.began.get(&Operation::Rollback).filter(|_| asked && is_recovered)?;
    let failed = run.point_ms.unwrap_or(began);
    let services = run.recovered_ms.map(|took| (began + took).saturating_sub(failed));
    let clients = traffic.iter().map(|served| served.well_after_ms);
    let took_ms = clients.chain([services]).collect::<Option<Vec<u64>>>();
    let backs = || traffic.iter().filter_map(|served| served.back.as_ref());
    let gone: Vec<&Few> =
        backs().flat_map(|back| [&back.lost, &back.corrupt]).filter(|few| few.count > 0).collect();
    let from = gone.iter().map(|few| few.from_ms).min();
    let to = gone.iter().map(|few| few.to_ms).max().map(|to| to.max(failed));
    let objectives = plan.expect.recovery.as_ref();
    Some(RecoveryVerdict {
        took_ms: took_ms.and_then(|all| all.into_iter().max()),
        acknowledged: backs().map(|back| back.present).sum(),
        gone: gone.iter().map(|few| few.count).sum(),
        // A single write is some time, too.
        span_ms: from.zip(to).map_or(0, |(from, to)| to.saturating_sub(from).max(1)),
        is_read_back: backs().count() == plan.traffic.len() && backs().all(|back| back.unanswered.count == 0),
        rto_ms: objectives.and_then(|asked| asked.rto_ms),
        rpo_ms: objectives.and_then(|asked| asked.rpo_ms),
        lost: objectives.and_then(|asked| asked.lost),
    })
}

/// Whether something is gone, and no more than the scenario allows.
pub(in crate::verdict) fn excuses(recovered: Option<&RecoveryVerdict>) -> bool {
    recovered.is_some_and(|it| it.gone > 0 && !loses_too_much(it))
}

/// The run without what it may have lost: rows that are gone as the scenario allows are no difference.
pub(in crate::verdict) fn excused(run: &Run) -> Run {
    let mut run = run.clone();
    for (_, rows) in &mut run.rows {
        rows.reach.iter_mut().for_each(|reach| reach.lost = Few::default());
    }
    run
}

/// One finding for a run that was recovered.
pub(in crate::verdict) fn check(
    plan: &Plan,
    run: &Run,
    recovered: Option<&RecoveryVerdict>,
) -> Option<Finding> {
    let recovered = recovered?;
    let (late, loses) = (is_late(recovered), loses_too_much(recovered));
    let outcome = match (late || loses, recovered.is_read_back) {
        (true, _) => Outcome::Fail,
        (false, false) => Outcome::Inconclusive,
        (false, true) => Outcome::Pass,
    };
    let said = format!("{}; {}", time(recovered), loss(plan, run, recovered));
    let finding = Finding::new(Check::Recovery, outcome, said.clone()).brief(said).at(at(plan));
    Some(match (loses, late) {
        (true, _) => finding.next(
            "what is restored is as old as the last thing that was kept: keep what was written since (archive the \
             log and replay it, or keep the writes apart), or say that so much may be lost",
        ),
        (false, true) => finding.next("look at the recovery's steps in the journal for the one that takes so long"),
        (false, false) => finding,
    })
}

fn at(plan: &Plan) -> &crate::diagnostic::Place {
    plan.expect.recovery.as_ref().map_or(&plan.rollback.at, |Recovery { at, .. }| at)
}

fn is_late(recovered: &RecoveryVerdict) -> bool {
    recovered.rto_ms.is_some_and(|rto| recovered.took_ms.is_none_or(|took| took > rto))
}

/// Where nothing is said of what may be lost, nothing may be.
fn loses_too_much(recovered: &RecoveryVerdict) -> bool {
    let RecoveryVerdict { gone, span_ms, rpo_ms, lost, .. } = recovered;
    let too_long = rpo_ms.is_some_and(|rpo| *span_ms > rpo);
    let too_many = lost.is_some_and(|lost| *gone > lost);
    *gone > 0 && (too_long || too_many || (rpo_ms.is_none() && lost.is_none()))
}

fn seconds(ms: u64) -> String {
    format!("{:.1} s", ms as f64 / 1000.0)
}

fn time(recovered: &RecoveryVerdict) -> String {
    let allowed = recovered.rto_ms.map_or_else(String::new, |rto| format!(" (allowed {})", seconds(rto)));
    match recovered.took_ms {
        Some(took) => format!("all well {} after the failure{allowed}", seconds(took)),
        None => format!("not all is well at the end{allowed}"),
    }
}

fn loss(plan: &Plan, run: &Run, recovered: &RecoveryVerdict) -> String {
    if plan.traffic.is_empty() {
        let rows = run.rows.iter().map(|(_, rows)| &rows.counts);
        let differ: u64 = rows.map(|counts| counts.changed + counts.missing + counts.extra).sum();
        return format!("nobody wrote, {} rows are not as before", grouped(differ));
    }
    if !recovered.is_read_back {
        return "not everything that was written could be read back".to_owned();
    }
    let allowed = match (recovered.rpo_ms, recovered.lost) {
        (None, None) => "none may be".to_owned(),
        (Some(rpo), None) => format!("allowed {}", seconds(rpo)),
        (None, Some(lost)) => format!("allowed {}", grouped(lost)),
        (Some(rpo), Some(lost)) => format!("allowed {} of {}", grouped(lost), seconds(rpo)),
    };
    let all = format!("{} acknowledged writes", grouped(recovered.acknowledged));
    match recovered.gone {
        0 => format!("of {all} none is gone ({allowed})"),
        gone => format!("of {all} {} are gone, of {} ({allowed})", grouped(gone), seconds(recovered.span_ms)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::ReadBack;
    use crate::verdict::testing::{place, plan, run, traffic};

    fn asked(rto_ms: Option<u64>, rpo_ms: Option<u64>, lost: Option<u64>) -> Plan {
        let mut plan = plan();
        plan.traffic = vec![traffic()];
        plan.expect.recovery = Some(Recovery { rto_ms, rpo_ms, lost, at: place(40) });
        plan
    }

    /// A run that failed at 1 s and was well at 3 s; of 100 promises these were lost.
    fn recovered(plan: &Plan, lost: (u64, u64, u64), well_after_ms: Option<u64>) -> Option<Finding> {
        let mut run = run();
        run.point_ms = Some(1_000);
        run.began.insert(Operation::Rollback, 2_000);
        run.recovered_ms = Some(1_000);
        let (count, from_ms, to_ms) = lost;
        let lost = Few { count, from_ms, to_ms, ..Few::default() };
        let back = Some(ReadBack { present: 100, lost, ..ReadBack::default() });
        let (phases, windows, name) = (Vec::new(), Vec::new(), "orders".to_owned());
        let served = TrafficVerdict { name, phases, windows, well_after_ms, back, behind_us: None };
        check(plan, &run, verdict(plan, &run, &[served]).as_ref())
    }

    #[track_caller]
    fn finds(plan: &Plan, lost: (u64, u64, u64), outcome: Outcome, message: &str) {
        let found = recovered(plan, lost, Some(500)).unwrap();
        assert_eq!((found.outcome, found.message.as_str()), (outcome, message));
    }

    #[test]
    fn nothing_is_measured_where_nobody_asks() {
        assert_eq!(recovered(&Plan { traffic: vec![traffic()], ..plan() }, (0, 0, 0), Some(0)), None);
    }

    #[test]
    fn time_counts_from_the_failure_until_services_and_clients_are_well() {
        let in_time = "all well 2.0 s after the failure (allowed 2.0 s); of 100 acknowledged writes none is gone (none may be)";
        finds(&asked(Some(2_000), None, None), (0, 0, 0), Outcome::Pass, in_time);
        let late = "all well 2.0 s after the failure (allowed 1.9 s); of 100 acknowledged writes none is gone (none may be)";
        finds(&asked(Some(1_900), None, None), (0, 0, 0), Outcome::Fail, late);
        let never = recovered(&asked(Some(2_000), None, None), (0, 0, 0), None).unwrap();
        assert_eq!(never.outcome, Outcome::Fail, "clients are not served at the end: {}", never.message);
        let slow = recovered(&asked(Some(2_000), None, None), (0, 0, 0), Some(2_500)).unwrap();
        assert_eq!(slow.outcome, Outcome::Fail, "the last to be well counts: {}", slow.message);
    }

    #[test]
    fn a_loss_counts_from_the_first_that_is_gone_until_the_failure() {
        let five = (7, 200, 900);
        let gone = "all well 2.0 s after the failure; of 100 acknowledged writes 7 are gone, of 0.8 s (allowed 0.8 s)";
        finds(&asked(None, Some(800), None), five, Outcome::Pass, gone);
        let gone = "all well 2.0 s after the failure; of 100 acknowledged writes 7 are gone, of 0.8 s (allowed 0.7 s)";
        finds(&asked(None, Some(700), None), five, Outcome::Fail, gone);
        let many =
            "all well 2.0 s after the failure; of 100 acknowledged writes 7 are gone, of 0.8 s (allowed 6)";
        finds(&asked(None, None, Some(6)), five, Outcome::Fail, many);
    }

    #[test]
    fn where_nothing_is_allowed_one_write_is_too_much() {
        let gone = "all well 2.0 s after the failure; of 100 acknowledged writes 1 are gone, of 0.0 s (allowed 0.0 s)";
        finds(&asked(None, Some(0), None), (1, 1_000, 1_000), Outcome::Fail, gone);
        let gone = "all well 2.0 s after the failure (allowed 9.0 s); of 100 acknowledged writes 1 are gone, of 0.0 s (none may be)";
        finds(&asked(Some(9_000), None, None), (1, 1_000, 1_000), Outcome::Fail, gone);
    }

    #[test]
    fn what_cannot_be_read_back_is_unknown() {
        let plan = asked(None, Some(0), None);
        let mut run = run();
        run.began.insert(Operation::Rollback, 2_000);
        run.recovered_ms = Some(10);
        let found = check(&plan, &run, verdict(&plan, &run, &[]).as_ref()).unwrap();
        assert_eq!(found.outcome, Outcome::Inconclusive, "{}", found.message);
    }
}

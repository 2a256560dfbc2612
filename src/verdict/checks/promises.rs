//! Were the promises kept that clients were given?

use crate::outcome::{Check, Outcome};
use crate::plan::Plan;
use crate::plan::model::{Action, Step};
use crate::plan::traffic::Traffic;
use crate::text::grouped;
use crate::traffic::{Few, ReadBack};
use crate::verdict::explain::keys;
use crate::verdict::model::Finding;
use crate::verdict::timeline::Run;

/// One finding for each traffic. `may_lose`: what is gone is no more than the scenario allows.
pub(in crate::verdict) fn check(plan: &Plan, run: &Run, may_lose: bool) -> Vec<Finding> {
    let findings = plan.traffic.iter().map(|traffic| {
        let back = run.traffic.get(&traffic.name).and_then(|served| served.back.as_ref());
        let finding = match back {
            Some(back) => judged(traffic, back, restored(plan), may_lose),
            None => {
                let message = format!("what was written by {} was not read back", traffic.name);
                Finding::new(Check::Promises, Outcome::Inconclusive, message)
            }
        };
        finding.at(&traffic.at)
    });
    findings.collect()
}

/// The step of the rollback that puts a backup back.
fn restored(plan: &Plan) -> Option<&Step> {
    plan.rollback.steps.iter().find(|step| matches!(step.action, Action::Restore(_)))
}

fn judged(traffic: &Traffic, back: &ReadBack, restored: Option<&Step>, may_lose: bool) -> Finding {
    let excused = |few: &Few| may_lose && std::ptr::eq(few, &raw const back.lost);
    let broken: Vec<(&Few, &str)> = broken(back).into_iter().filter(|(few, _)| !excused(few)).collect();
    let promised = format!("{} acknowledged", grouped(back.present));
    if !broken.is_empty() {
        let said: Vec<String> =
            broken.iter().map(|(few, words)| format!("{} {words}", grouped(few.count))).collect();
        let message = format!("of what {} wrote, {promised}: {}", traffic.name, said.join(", "));
        let evidence = broken.iter().flat_map(|(few, words)| {
            let span = few.to_ms - few.from_ms;
            let head = format!("{words}: {} within {:.1} s", grouped(few.count), span as f64 / 1000.0);
            std::iter::once(head).chain(keys(few, "").into_iter().map(|line| format!("  {}", line.trim())))
        });
        return Finding::new(Check::Promises, Outcome::Fail, message)
            .seen(evidence)
            .brief(said.join(", "))
            .next(next(back, restored));
    }
    if back.unanswered.count > 0 {
        let message =
            format!("{} keys of {} were not answered for", grouped(back.unanswered.count), traffic.name);
        let seen = back.unanswered.first.iter().take(3).map(|found| format!("{}  {}", found.key, found.seen));
        return Finding::new(Check::Promises, Outcome::Inconclusive, message).seen(seen);
    }
    if back.present + back.absent + back.unknown == 0 {
        let message = format!("{} wrote nothing", traffic.name);
        return Finding::new(Check::Promises, Outcome::Inconclusive, message);
    }
    let unknown = match back.unknown {
        0 => String::new(),
        unknown => format!("; {unknown} of unknown fate, {} there", back.unknown_there),
    };
    let there = match back.lost.count {
        0 => "all there".to_owned(),
        lost => format!("{} gone, as allowed", grouped(lost)),
    };
    let brief = format!("{promised}, {there}{unknown}");
    Finding::new(Check::Promises, Outcome::Pass, format!("{}: {brief}", traffic.name)).brief(brief)
}

fn next(back: &ReadBack, restored: Option<&Step>) -> String {
    let lost = &back.lost;
    match restored {
        Some(step) if lost.count > 0 => format!(
            "rollback is not backup: `{}` took back {} acknowledged writes of {:.1} s; keep them apart and replay \
             them, or change the schema back and leave the rows",
            step.title,
            grouped(lost.count),
            (lost.to_ms - lost.from_ms) as f64 / 1000.0,
        ),
        _ => "rollback is not backup: what clients were promised since must be kept or replayed".to_owned(),
    }
}

/// The kinds of broken promises, with words for each.
pub(in crate::verdict) fn broken(back: &ReadBack) -> Vec<(&Few, &'static str)> {
    let all = [
        (&back.lost, "lost"),
        (&back.duplicated, "duplicated"),
        (&back.phantom, "phantom"),
        (&back.corrupt, "corrupt"),
        (&back.stale, "stale"),
    ];
    all.into_iter().filter(|(few, _)| few.count > 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::model::Dump;
    use crate::traffic::Found;
    use crate::verdict::testing::{step, traffic};

    fn few(count: u64) -> Few {
        let first = vec![Found { key: "k".to_owned(), since_ms: 5, seen: "status 404".to_owned() }];
        Few { count, first, from_ms: 5, to_ms: 2505 }
    }

    fn restore() -> Step {
        let dump = Dump { database: "db".to_owned(), command: Vec::new(), environment: Default::default() };
        Step { action: Action::Restore(dump), ..step("restore db from the backup before", &[], 20) }
    }

    fn outcome(back: ReadBack) -> (Outcome, String) {
        let finding = judged(&traffic(), &back, None, false);
        (finding.outcome, finding.message)
    }

    #[test]
    fn a_broken_promise_fails_and_an_unanswered_one_is_unknown() {
        let kept = ReadBack { present: 4812, unknown: 3, unknown_there: 1, ..ReadBack::default() };
        let (passed, said) = outcome(kept.clone());
        assert_eq!(passed, Outcome::Pass);
        assert_eq!(said, "orders: 4,812 acknowledged, all there; 3 of unknown fate, 1 there");
        let (failed, said) = outcome(ReadBack { lost: few(3), duplicated: few(1), ..kept.clone() });
        assert_eq!(failed, Outcome::Fail);
        assert_eq!(said, "of what orders wrote, 4,812 acknowledged: 3 lost, 1 duplicated");
        assert_eq!(outcome(ReadBack { unanswered: few(1), ..kept }).0, Outcome::Inconclusive);
        let back = ReadBack { lost: few(3), ..ReadBack::default() };
        assert_eq!(
            judged(&traffic(), &back, Some(&restore()), false).next.unwrap(),
            "rollback is not backup: `restore db from the backup before` took back 3 acknowledged writes of 2.5 s; \
             keep them apart and replay them, or change the schema back and leave the rows"
        );
        assert_eq!(outcome(ReadBack::default()).0, Outcome::Inconclusive, "nothing written proves nothing");
    }
}

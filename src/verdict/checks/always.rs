//! Did it hold all the time?

use crate::outcome::{Check, Outcome};
use crate::plan::Plan;
use crate::plan::model::Expectation;
use crate::text::grouped;
use crate::verdict::model::Finding;
use crate::verdict::timeline::{Run, Watched};

/// One finding per query that must hold all the time.
pub(in crate::verdict) fn check(plan: &Plan, run: &Run) -> Vec<Finding> {
    let always = (0..).zip(&plan.expect.always);
    always.map(|(position, expectation)| finding(expectation, run, run.watched.get(&position))).collect()
}

pub(super) fn finding(expectation: &Expectation, run: &Run, watched: Option<&Watched>) -> Finding {
    let title = &expectation.title;
    let finding = match watched {
        Some(Watched { violation: Some(violation), .. }) => {
            let since = violation.ms.saturating_sub(run.began_ms) as f64 / 1000.0;
            let moment = moment(run, violation.ms);
            Finding::new(Check::Always, Outcome::Fail, format!("does not always hold: {title}"))
                .seen([format!("first {moment}, {since:.1} s after the run began: {}", violation.seen)])
        }
        Some(Watched { looks, unknown, .. }) if looks > unknown => {
            let message = format!("{title}, at each of {} looks", grouped(looks - unknown));
            Finding::new(Check::Always, Outcome::Pass, message)
        }
        _ => Finding::new(Check::Always, Outcome::Inconclusive, format!("could not be watched: {title}")),
    };
    finding.at(&expectation.at)
}

/// Where in the run a moment lies.
fn moment(run: &Run, ms: u64) -> &'static str {
    use crate::journal::event::Operation;
    let began = |operation| run.began.get(&operation).is_some_and(|began| *began <= ms);
    match run.point_ms {
        _ if began(Operation::Rollback) => "since the rollback began",
        Some(point) if point <= ms => "after the failure",
        _ if began(Operation::Change) => "during the change",
        _ => "before the change",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::event::{Operation, Violation};
    use crate::plan::model::Fact;
    use crate::verdict::testing::{place, run};

    fn judged(watched: Option<Watched>) -> Finding {
        let fact = Fact::Sql { database: "db".to_owned(), query: "q".to_owned(), equals: "t".to_owned() };
        let (title, within) = ("`q` on db is t".to_owned(), std::time::Duration::ZERO);
        let mut run = run();
        run.point_ms = Some(40);
        run.began = [(Operation::Change, 20), (Operation::Rollback, 60)].into();
        finding(&Expectation { fact, within, title, at: place(3) }, &run, watched.as_ref())
    }

    #[test]
    fn one_violation_is_enough_and_its_moment_is_named() {
        let violated = |ms| {
            let violation = Some(Violation { ms, seen: "the query gives f".to_owned() });
            judged(Some(Watched { looks: 9, unknown: 1, violation }))
        };
        assert_eq!(violated(50).outcome, Outcome::Fail);
        let moments =
            [10, 30, 50, 70].map(|ms| violated(ms).evidence[0].split(',').next().unwrap().to_owned());
        let expected =
            ["before the change", "during the change", "after the failure", "since the rollback began"];
        assert_eq!(moments, expected.map(|moment| format!("first {moment}")));
    }

    #[test]
    fn what_was_never_seen_is_unknown() {
        let seen = |looks, unknown| judged(Some(Watched { looks, unknown, violation: None })).outcome;
        assert_eq!(
            (seen(5, 2), seen(5, 5), seen(0, 0)),
            (Outcome::Pass, Outcome::Inconclusive, Outcome::Inconclusive)
        );
        assert_eq!(judged(None).outcome, Outcome::Inconclusive);
    }
}

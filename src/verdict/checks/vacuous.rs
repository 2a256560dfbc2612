//! Do the expectations fail where there is no rollback? If none does, they prove nothing (S1).

use crate::outcome::{Check, Outcome};
use crate::plan::Plan;
use crate::verdict::model::Finding;

/// Judges the control run's own findings on state and expectations.
pub(in crate::verdict) fn check(plan: &Plan, judged: &[Finding]) -> Vec<Finding> {
    let failed = judged.iter().filter(|finding| finding.outcome == Outcome::Fail).count();
    let unknown = judged.iter().filter(|finding| finding.outcome == Outcome::Inconclusive).count();
    let held: Vec<String> = judged
        .iter()
        .filter(|finding| finding.outcome == Outcome::Pass)
        .map(|finding| format!("not exercised: {}", finding.message))
        .collect();
    let finding = if failed > 0 {
        let message = format!("without the rollback {failed} of {} expectations fail", judged.len());
        Finding::new(Check::Vacuous, Outcome::Pass, message)
    } else if unknown > 0 {
        let message =
            format!("{unknown} of {} expectations could not be observed without the rollback", judged.len());
        Finding::new(Check::Vacuous, Outcome::Inconclusive, message)
    } else {
        let message = "every expectation holds without any rollback: the scenario proves nothing";
        Finding::new(Check::Vacuous, Outcome::Fail, message)
            .next("expect something that the change really alters, or mend the change")
    };
    vec![finding.seen(held).at(&plan.expect.at)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::testing::plan;

    fn outcome(outcomes: &[Outcome]) -> Outcome {
        let findings: Vec<Finding> =
            outcomes.iter().map(|outcome| Finding::new(Check::Data, *outcome, "rows")).collect();
        check(&plan(), &findings)[0].outcome
    }

    #[test]
    fn s1_expectations_that_hold_without_a_rollback_are_vacuous() {
        assert_eq!(outcome(&[Outcome::Pass, Outcome::Pass]), Outcome::Fail);
        assert_eq!(outcome(&[Outcome::Pass, Outcome::Fail]), Outcome::Pass);
        assert_eq!(outcome(&[Outcome::Pass, Outcome::Inconclusive]), Outcome::Inconclusive);
    }

    #[test]
    fn s1_each_expectation_that_held_is_shown_as_not_exercised() {
        let held = Finding::new(Check::Schema, Outcome::Pass, "schema as before");
        let failed = Finding::new(Check::Data, Outcome::Fail, "rows");
        assert_eq!(check(&plan(), &[held, failed])[0].evidence, ["not exercised: schema as before"]);
    }
}

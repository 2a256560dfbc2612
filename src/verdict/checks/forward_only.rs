//! Does a change that says it has no way back also say what makes it safe?

use crate::outcome::{Check, Outcome};
use crate::plan::Plan;
use crate::verdict::model::Finding;

/// For a scenario, from its plan; nothing where there is a way back.
pub(in crate::verdict) fn check(plan: &Plan) -> Option<Finding> {
    let forward_only = plan.forward_only.as_ref()?;
    let parts = [
        ("pre-checks", forward_only.prechecks.is_empty()),
        ("isolation", forward_only.isolation.is_none()),
        ("a recovery", !forward_only.recovers),
    ];
    let missing: Vec<&str> = parts.iter().filter(|(_, missing)| *missing).map(|(part, _)| *part).collect();
    let because = &forward_only.because;
    let finding = if missing.is_empty() {
        Finding::new(Check::ForwardOnly, Outcome::Pass, format!("there is no way back: {because}"))
    } else {
        let message =
            format!("there is no way back, and nothing in its place: without {}", missing.join(", "));
        Finding::new(Check::ForwardOnly, Outcome::Fail, message).seen([format!("because {because}")]).next(
            "declare what must be so before (`prechecks`), what must not be touched (`isolation`), and how the \
             system is recovered (`recovery`): restore, replay or compensation",
        )
    };
    Some(finding.at(&forward_only.at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::testing::{forward, plan};

    #[test]
    fn whatever_is_missing_is_named_and_fails() {
        assert_eq!(check(&plan()), None, "there is a way back");
        assert_eq!(check(&forward()).unwrap().outcome, Outcome::Pass);
        let mut plan = forward();
        let forward_only = plan.forward_only.as_mut().unwrap();
        forward_only.isolation = None;
        forward_only.recovers = false;
        let finding = check(&plan).unwrap();
        let message = "there is no way back, and nothing in its place: without isolation, a recovery";
        assert_eq!((finding.outcome, finding.message.as_str()), (Outcome::Fail, message));
        plan.forward_only.as_mut().unwrap().prechecks.clear();
        let message =
            "there is no way back, and nothing in its place: without pre-checks, isolation, a recovery";
        assert_eq!(check(&plan).unwrap().message, message);
    }
}

//! Does each pre-check say no when its condition is broken, and yes when it is not?

use crate::journal::event::{Ending, Operation};
use crate::outcome::{Check, Outcome};
use crate::plan::Plan;
use crate::plan::forward_only::{ForwardOnly, Precheck};
use crate::plan::model::{Action, Step};
use crate::text::counted;
use crate::verdict::model::Finding;
use crate::verdict::timeline::{OperationEnd, Run};

/// Whether a pre-check kept the change from being begun.
pub(in crate::verdict) fn refused(run: &Run) -> bool {
    run.operations.get(&Operation::Precheck).is_some_and(|end| end.ending != Ending::Ok)
}

/// For runs in which nothing is broken before the change: all say yes.
pub(in crate::verdict) fn check(plan: &Plan, run: &Run) -> Option<Finding> {
    let forward_only = plan.forward_only.as_ref()?;
    let end = run.operations.get(&Operation::Precheck)?;
    let finding = if end.ending == Ending::Ok {
        let all = counted(forward_only.prechecks.len(), "pre-check");
        Finding::new(Check::Prechecks, Outcome::Pass, format!("the change may begin: {all}"))
            .at(&forward_only.at)
    } else {
        let said = failed(run, end).and_then(|step| forward_only.precheck_of(step));
        let name = said.map_or("a pre-check", |precheck| &precheck.name);
        let message = format!("nothing is broken, and a pre-check says no: {name}");
        let at = said.map_or(&forward_only.at, |precheck| &precheck.at);
        Finding::new(Check::Prechecks, Outcome::Inconclusive, message)
            .seen(words(run, Operation::Precheck, end))
            .at(at)
            .next("the change was not begun: make its condition hold on the seeded stage, or mend the pre-check")
    };
    Some(finding)
}

/// For the run that tries a pre-check.
pub(in crate::verdict) fn tried(plan: &Plan, run: &Run) -> Option<Finding> {
    let forward_only = plan.forward_only.as_ref()?;
    let precheck = of(forward_only, run)?;
    let name = &precheck.name;
    let told = |outcome, message: String| Finding::new(Check::Prechecks, outcome, message).at(&precheck.at);
    let broken = run.operations.get(&Operation::Breaking)?;
    if broken.ending != Ending::Ok {
        let message = format!("the condition could not be broken: {name}");
        let step = forward_only.breaking_steps().find(|step| failed(run, broken) == Some(step.number));
        let finding = told(Outcome::Inconclusive, message).seen(words(run, Operation::Breaking, broken));
        return Some(step.into_iter().fold(finding, |finding, step| finding.at(&step.at)));
    }
    let asked = run.operations.get(&Operation::Precheck)?;
    let step = failed(run, asked).and_then(|step| precheck.steps.iter().find(|known| known.number == step));
    Some(match (asked.ending, step) {
        _ if run.began.contains_key(&Operation::Change) => {
            told(Outcome::Fail, format!("the change was begun although its condition is broken: {name}"))
        }
        (Ending::Ok, _) => told(Outcome::Fail, format!("never says no: {name}"))
            .seen(broke(precheck))
            .seen(words(run, Operation::Precheck, asked))
            .next(
                "its condition was broken, and every step exited with 0: look at where the exit code comes from \
                 (a pipe gives that of its last command) and at what is really asked",
            ),
        (Ending::TimedOut, Some(step)) if !is_wait(step) => {
            told(Outcome::Inconclusive, format!("gave no answer in its time: {name}"))
                .seen(words(run, Operation::Precheck, asked))
        }
        (Ending::Failed | Ending::TimedOut | Ending::Interrupted, _) => {
            told(Outcome::Pass, format!("says no: {name}")).seen(words(run, Operation::Precheck, asked))
        }
    })
}

/// The pre-check that a run tries.
pub(in crate::verdict) fn of<'p>(forward_only: &'p ForwardOnly, run: &Run) -> Option<&'p Precheck> {
    forward_only.prechecks.get(usize::try_from(run.precheck?).ok()?)
}

/// A wait whose time is over has said which fact did not arrive.
fn is_wait(step: &Step) -> bool {
    matches!(step.action, Action::Wait(_))
}

/// The step that did not succeed.
fn failed(run: &Run, end: &OperationEnd) -> Option<u32> {
    let last = run.steps.iter().rev().find(|step| step.ending != Ending::Ok).map(|step| step.step);
    end.failed_step.or(last)
}

fn broke(precheck: &Precheck) -> impl Iterator<Item = String> + '_ {
    precheck.broken_by.iter().map(|step| format!("broken by: {}", step.title))
}

/// What an operation said.
fn words(run: &Run, which: Operation, end: &OperationEnd) -> Vec<String> {
    let last = run.steps.iter().rev().find(|step| step.operation == which);
    let tail = last.map_or(&[][..], |step| &step.tail[step.tail.len().saturating_sub(5)..]);
    end.error.iter().chain(tail).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Event;
    use crate::verdict::testing::{ended, forward, tried_run};

    #[track_caller]
    fn finds(events: Vec<Event>, outcome: Outcome, message: &str) {
        let found = tried(&forward(), &tried_run(events)).unwrap();
        assert_eq!((found.outcome, found.message.as_str()), (outcome, message));
    }

    fn broken_and(asked: Ending) -> Vec<Event> {
        vec![ended(Operation::Breaking, Ending::Ok), ended(Operation::Precheck, asked)]
    }

    #[test]
    fn a_pre_check_that_says_no_passes_and_one_that_never_does_fails() {
        finds(broken_and(Ending::Failed), Outcome::Pass, "says no: a fresh backup");
        finds(broken_and(Ending::Ok), Outcome::Fail, "never says no: a fresh backup");
    }

    #[test]
    fn what_was_not_answered_is_unknown() {
        finds(
            broken_and(Ending::TimedOut),
            Outcome::Inconclusive,
            "gave no answer in its time: a fresh backup",
        );
        let unbroken = vec![ended(Operation::Breaking, Ending::Failed)];
        finds(unbroken, Outcome::Inconclusive, "the condition could not be broken: a fresh backup");
    }

    #[test]
    fn a_change_that_is_begun_all_the_same_fails() {
        let mut events = broken_and(Ending::Failed);
        let (operation, step, title) = (Operation::Change, 1, String::new());
        events.push(Event::StepStarted { operation, step, title });
        let message = "the change was begun although its condition is broken: a fresh backup";
        finds(events, Outcome::Fail, message);
    }

    #[test]
    fn a_no_where_nothing_is_broken_is_unknown_and_names_who_said_it() {
        let run = tried_run(vec![ended(Operation::Precheck, Ending::Failed)]);
        let found = check(&forward(), &run).unwrap();
        assert_eq!(found.outcome, Outcome::Inconclusive);
        assert_eq!(found.message, "nothing is broken, and a pre-check says no: a fresh backup");
        assert!(refused(&run));
    }
}

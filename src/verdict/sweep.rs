//! What a sweep came to: each point is answered by the run of the case that stands for it.

use super::model::{AgainCase, CaseVerdict, Counts, Finding, RunVerdict, SweepVerdict};
use super::timeline::{Run, Timeline};
use crate::gateway::control::Side;
use crate::outcome::{Check, Outcome};
use crate::plan::Plan;
use crate::sweep::{Case, Listed, Spot, Survey, Swept, Tried};

/// Leaves one run of each case: a failure that a stage built anew did not show again is a reset leak.
pub(super) fn confirmed(happened: &[&Run], runs: Vec<RunVerdict>) -> Vec<RunVerdict> {
    let case_of =
        |number: u32| happened.iter().find(|run| run.number == number).and_then(|run| run.case.as_ref());
    let mut kept: Vec<RunVerdict> = Vec::new();
    for mut run in runs {
        let Some(case) = case_of(run.number) else {
            kept.push(run);
            continue;
        };
        run.case = Some(case.number);
        match kept.iter_mut().find(|known| known.case == run.case) {
            Some(known) => {
                if run.outcome != Outcome::Fail && run.outcome != known.outcome {
                    leak(&mut run, known.outcome);
                }
                *known = run;
            }
            None => kept.push(run),
        }
    }
    kept
}

fn leak(run: &mut RunVerdict, before: Outcome) {
    let message = format!(
        "reset leak: {} on a stage that was put back, {} on one built anew",
        before.word(),
        run.outcome.word()
    );
    let finding = Finding::new(Check::Stage, Outcome::Inconclusive, message);
    run.findings.push(finding.next(
        "either what a run leaves behind is not all put back, or the outcome hangs on time, as on a machine that is \
         too busy: sweep again with one lane and nothing beside it, and if it stays report it with the journal",
    ));
    run.outcome = Outcome::worst([run.outcome, Outcome::Inconclusive]);
}

/// The sweep of a scenario; none where there was none.
pub(super) fn verdict(timeline: &Timeline, plan: &Plan, runs: &[RunVerdict]) -> Option<SweepVerdict> {
    let survey = timeline.surveys.get(&plan.path)?;
    let of_case = |case: &Case| runs.iter().find(|run| run.case == Some(case.number));
    let (mut cases, mut again) = (Vec::new(), None);
    for case in &survey.cases {
        let run = of_case(case);
        let (number, outcome) = (run.map(|run| run.number), outcome(run));
        match case.tried {
            Tried::Point(tried) => cases.extend(case_verdict(plan, survey, (case, tried), run)),
            Tried::Again => again = Some(AgainCase { run: number, outcome }),
        }
    }
    let mut counts = Counts::default();
    for case in &cases {
        let all = match case.outcome {
            Outcome::Pass => &mut counts.pass,
            Outcome::Fail => &mut counts.fail,
            Outcome::Inconclusive => &mut counts.unknown,
        };
        *all += case.stands_for;
    }
    let gaps = survey.gaps.clone();
    let every = |operation: Swept| {
        let mut of_it = cases.iter().filter(|case| case.operation == operation.word()).peekable();
        gaps.is_empty() && of_it.peek().is_some() && of_it.all(|case| case.outcome == Outcome::Pass)
    };
    let (every_point, every_way_back) = (every(Swept::Change), every(Swept::Rollback));
    Some(SweepVerdict { counts, cases, gaps, again, every_point, every_way_back })
}

/// Cases that belong to the proof and were not tried: the drill was stopped before.
pub(super) fn untried(sweep: &SweepVerdict) -> Option<Finding> {
    let runs = sweep.cases.iter().map(|case| case.run).chain(sweep.again.map(|again| again.run));
    let (all, untried) = (runs.clone().count(), runs.filter(Option::is_none).count());
    let message = format!("not tried: {untried} of {all} cases of the sweep");
    (untried > 0).then(|| Finding::new(Check::Stage, Outcome::Inconclusive, message))
}

/// A case that was not tried is unknown.
fn outcome(run: Option<&RunVerdict>) -> Outcome {
    run.map_or(Outcome::Inconclusive, |run| run.outcome)
}

/// `tried` is the position of the point that answers for the others; none where there is no such point.
fn case_verdict(
    plan: &Plan,
    survey: &Survey,
    (case, tried): (&Case, usize),
    run: Option<&RunVerdict>,
) -> Option<CaseVerdict> {
    let point = survey.points.get(tried)?;
    let stands_for = |(at, other): &(usize, &Listed)| *at != tried && other.case == case.number;
    let others = survey.points.iter().enumerate().filter(stands_for);
    let also: Vec<String> = others.map(|(_, other)| format!("{}: {}", place(other), other.text)).collect();
    let steps = match case.operation {
        Swept::Change => &plan.change,
        Swept::Rollback => &plan.rollback.steps,
    };
    let step = steps.iter().find(|step| step.number == point.step);
    Some(CaseVerdict {
        number: case.number,
        operation: case.operation.word(),
        place: place(point),
        text: point.text.clone(),
        step: step.map(|step| step.title.clone()).unwrap_or_default(),
        inside: point.inside,
        stands_for: also.len() + 1,
        also,
        run: run.map(|run| run.number),
        outcome: outcome(run),
    })
}

/// A point in words: `step 1, before statement 3`.
fn place(point: &Listed) -> String {
    let side = match point.side {
        Side::Before => "before",
        Side::After => "after",
    };
    match &point.spot {
        Spot::Gap => format!("{side} step {}", point.step),
        Spot::Replica { number } => format!("step {}, {side} replica {number}", point.step),
        Spot::Statement { number } | Spot::Ask { number, .. } => {
            format!("step {}, {side} statement {number}", point.step)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::event::{Ending, Event, Moment, Operation, RunKind};
    use crate::state::model::StoreCapture;
    use crate::sweep::survey;
    use crate::verdict::ScenarioVerdict;
    use crate::verdict::testing::{captured, ended, events, plan, store, swept};

    /// Every point of the change and of the rollback, each a case of its own.
    fn every_point() -> Survey {
        let survey = survey(&plan(), &[], true);
        assert!(of(&survey, Swept::Change).len() > 3 && of(&survey, Swept::Rollback).len() > 1);
        survey
    }

    fn of(survey: &Survey, operation: Swept) -> Vec<u32> {
        let at_points = survey.cases.iter().filter(|case| case.tried != Tried::Again);
        let cases = at_points.filter(|case| case.operation == operation);
        cases.map(|case| case.number).collect()
    }

    /// A run of a case that ends with these rows; before is `1`.
    fn run(survey: &Survey, number: u32, sum: &str) -> (u32, Vec<Event>) {
        let case = survey.cases.iter().find(|case| case.number == number).unwrap();
        let usual = |kind| events(kind, store(1000, sum));
        let events = match (case.tried, case.operation) {
            (Tried::Again, _) => usual(RunKind::Again),
            (_, Swept::Change) => usual(RunKind::Interrupted),
            (_, Swept::Rollback) => usual(RunKind::Interrupted).into_iter().flat_map(in_rollback).collect(),
        };
        (number, events)
    }

    fn in_rollback(event: Event) -> Vec<Event> {
        match event {
            Event::Captured { moment: Moment::Before, .. } => {
                vec![event, ended(Operation::Change, Ending::Ok)]
            }
            Event::OperationEnded { operation: Operation::Change, .. } => {
                vec![ended(Operation::Rollback, Ending::Interrupted)]
            }
            event => vec![event],
        }
    }

    /// All cases are tried and pass, but for some that fail.
    fn judged(survey: &Survey, failing: &[u32]) -> ScenarioVerdict {
        let numbers = survey.cases.iter().map(|case| case.number);
        let tried =
            numbers.map(|number| run(survey, number, if failing.contains(&number) { "9" } else { "1" }));
        swept(survey, tried.collect()).scenarios.remove(0)
    }

    #[test]
    fn s3_every_point_tried_and_passing_is_level_3() {
        let survey = every_point();
        let scenario = judged(&survey, &[]);
        assert_eq!((scenario.outcome, scenario.level), (Outcome::Pass, 3));
        assert_eq!((scenario.counts.pass, scenario.counts.all()), (survey.points.len(), survey.points.len()));
    }

    #[test]
    fn s3_live_writes_and_every_way_back_are_level_4() {
        let scenario = judged(&every_point(), &[]);
        let level = |sweep: &SweepVerdict, has_traffic| {
            crate::verdict::level::level(&scenario.runs, Some(sweep), true, has_traffic)
        };
        let with_a_gap = crate::verdict::level::level(&scenario.runs, scenario.sweep.as_ref(), false, true);
        assert_eq!(with_a_gap, 2, "what a step did unseen may have had points of its own");
        let sweep = scenario.sweep.clone().unwrap();
        assert_eq!((level(&sweep, true), level(&sweep, false)), (4, 3));
        assert_eq!(level(&SweepVerdict { every_way_back: false, ..sweep }, true), 3);
    }

    #[test]
    fn s3_one_failing_point_of_change_or_rollback_is_a_failure_and_level_1() {
        let survey = every_point();
        for operation in [Swept::Change, Swept::Rollback] {
            let failing = of(&survey, operation)[1];
            let scenario = judged(&survey, &[failing]);
            assert_eq!((scenario.outcome, scenario.level), (Outcome::Fail, 1), "{operation:?}");
            let counts = scenario.counts;
            assert_eq!((counts.fail, counts.unknown, counts.all()), (1, 0, survey.points.len()));
            let case = scenario.sweep.unwrap().cases.into_iter().find(|case| case.number == failing);
            assert_eq!(case.unwrap().outcome, Outcome::Fail);
        }
    }

    #[test]
    fn s3_a_point_that_was_not_tried_is_unknown_and_the_verdict_inconclusive() {
        let survey = every_point();
        let untried = of(&survey, Swept::Change)[0];
        let tried = survey.cases.iter().map(|case| case.number).filter(|number| *number != untried);
        let tried = tried.map(|number| run(&survey, number, "1")).collect();
        let scenario = swept(&survey, tried).scenarios.remove(0);
        assert_eq!((scenario.outcome, scenario.level), (Outcome::Inconclusive, 2));
        assert_eq!((scenario.counts.unknown, scenario.counts.all()), (1, survey.points.len()));
        let messages: Vec<&str> = scenario.findings.iter().map(|one| one.message.as_str()).collect();
        assert_eq!(messages, [format!("not tried: 1 of {} cases of the sweep", survey.cases.len())]);
    }

    #[test]
    fn s3_what_a_broken_rollback_took_down_need_not_be_read_before_it_goes_on() {
        let survey = every_point();
        let unread = |broken: u32| {
            let tried = survey.cases.iter().map(|case| {
                let (number, events) = run(&survey, case.number, "1");
                let unread = |event: Event| match event {
                    Event::Captured { moment: Moment::Failed, .. } if number == broken => {
                        Event::CaptureFailed {
                            moment: Moment::Failed,
                            error: "db: nobody listens".to_owned(),
                        }
                    }
                    event => event,
                };
                (number, events.into_iter().map(unread).collect())
            });
            swept(&survey, tried.collect()).scenarios.remove(0).outcome
        };
        assert_eq!(unread(of(&survey, Swept::Rollback)[0]), Outcome::Pass);
        assert_eq!(unread(of(&survey, Swept::Change)[0]), Outcome::Inconclusive);
    }

    #[test]
    fn s3_points_that_could_not_be_listed_keep_the_scenario_from_level_3() {
        let mut survey = every_point();
        survey.gaps.push("step 1 asked more of db than could be listed".to_owned());
        let scenario = judged(&survey, &[]);
        assert_eq!((scenario.outcome, scenario.level), (Outcome::Pass, 2));
    }

    #[test]
    fn s3_a_point_stands_for_those_that_cannot_differ_and_they_count() {
        let survey = survey(&plan(), &[], false);
        assert!(survey.cases.len() < survey.points.len(), "something is reduced");
        let scenario = judged(&survey, &[]);
        assert_eq!(scenario.level, 3);
        assert_eq!(scenario.counts.pass, survey.points.len());
        let sweep = scenario.sweep.unwrap();
        assert_eq!(sweep.cases.len() + 1, survey.cases.len());
        assert_eq!(sweep.again.map(|again| again.outcome), Some(Outcome::Pass));
    }

    /// All cases pass, but for what happens in the run that makes the change again.
    fn again(with: impl Fn(Event) -> Event) -> ScenarioVerdict {
        let survey = every_point();
        let tried = survey.cases.iter().map(|case| {
            let (number, events) = run(&survey, case.number, "1");
            let is_again = case.tried == Tried::Again;
            (number, events.into_iter().map(|event| if is_again { with(event) } else { event }).collect())
        });
        swept(&survey, tried.collect()).scenarios.remove(0)
    }

    fn found(scenario: &ScenarioVerdict) -> (Outcome, Outcome, String) {
        let found = scenario.all_findings().find(|found| found.check == Check::Again).unwrap();
        (scenario.outcome, found.outcome, found.message.clone())
    }

    /// What the change leaves the second time; the first time it is `store(1000, "3")`.
    fn left(scenario: ScenarioVerdict, outcome: Outcome, message: &str) {
        assert_eq!(found(&scenario), (outcome, outcome, message.to_owned()));
    }

    #[test]
    fn a_change_that_cannot_be_made_again_fails_the_scenario_and_not_its_level() {
        let scenario = again(|event| match event {
            Event::OperationEnded { operation: Operation::ChangeAgain, .. } => {
                ended(Operation::ChangeAgain, Ending::Failed)
            }
            event => event,
        });
        assert_eq!((scenario.level, scenario.counts.fail), (3, 0));
        left(
            scenario,
            Outcome::Fail,
            "the change cannot be made again after the rollback: exit code 1 at: sql on db: up.sql, 3 statements",
        );
    }

    fn changed(second: StoreCapture) -> impl Fn(Event) -> Event {
        move |event| match event {
            Event::Captured { moment: Moment::Changed, .. } => captured(Moment::Changed, second.clone()),
            event => event,
        }
    }

    #[test]
    fn a_change_made_again_must_leave_what_it_left_the_first_time() {
        left(again(|event| event), Outcome::Pass, "after the rollback the change can be made again");
        let other_values = "made again, the change does not leave the data that it left the first time: \
                            public.orders: the 1000 rows of the table are not as before";
        left(again(changed(store(1000, "4"))), Outcome::Fail, other_values);
    }

    #[test]
    fn a_rollback_that_does_not_come_back_is_not_blamed_twice() {
        let scenario = again(|event| match event {
            Event::Captured { moment: Moment::Back, .. } => captured(Moment::Back, store(1000, "9")),
            Event::OperationEnded { operation: Operation::ChangeAgain, .. } => {
                ended(Operation::ChangeAgain, Ending::Failed)
            }
            event => event,
        });
        left(
            scenario,
            Outcome::Inconclusive,
            "the change cannot be tried again: the rollback does not come back",
        );
    }
}

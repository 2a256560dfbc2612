//! Tiny histories and what they are worth.

use super::*;
use crate::journal::event::{Ending, Event};
use crate::plan::model::PassedOver;
use crate::verdict::model::{Class, OperationResult};
use crate::verdict::testing::{all_well, captured, ended, entry, events, plan, store, verdict};

type Runs = Vec<(RunKind, Vec<Event>)>;

/// All goes well but for one run.
fn but(kind: RunKind, events: Vec<Event>) -> Runs {
    let others = all_well()
        .into_iter()
        .map(|(other, usual)| if other == kind { (other, events.clone()) } else { (other, usual) });
    others.collect()
}

fn judged(runs: Runs) -> ScenarioVerdict {
    verdict(entry(plan()), runs).scenarios.remove(0)
}

fn failing(scenario: &ScenarioVerdict, outcome: Outcome) -> Vec<&'static str> {
    let findings = scenario.all_findings().filter(|finding| finding.outcome == outcome);
    findings.map(|finding| finding.check.word()).collect()
}

fn replace(kind: RunKind, with: impl Fn(Event) -> Option<Event>) -> Runs {
    but(kind, events(kind, store(1000, "1")).into_iter().filter_map(with).collect())
}

#[test]
fn s3_all_runs_well_reach_level_2_with_counts() {
    let scenario = judged(all_well());
    assert_eq!((scenario.outcome, scenario.level), (Outcome::Pass, 2));
    assert_eq!((scenario.counts.pass, scenario.counts.all()), (1, 1));
    assert_eq!(scenario.run(RunKind::Finished).unwrap().class, Some(Class::Restored));
}

/// Whatever record the journal ends with, the last one included, it passes only as a whole.
#[test]
fn a_journal_that_was_cut_anywhere_never_passes() {
    let records = crate::verdict::testing::journal(entry(plan()), all_well());
    let outcome = |many: usize| super::judge(&Timeline::new(&records[..many]).unwrap()).outcome;
    assert_eq!(outcome(records.len()), Outcome::Pass);
    for many in 1..records.len() {
        assert_eq!(outcome(many), Outcome::Inconclusive, "{many} of {} records", records.len());
    }
    let cut = super::judge(&Timeline::new(&records[..records.len() - 1]).unwrap()).scenarios.remove(0);
    let said: Vec<&str> = cut.findings.iter().map(|finding| finding.message.as_str()).collect();
    assert_eq!(said, ["the journal ends before the drill did: what is missing cannot be told"]);
}

#[test]
fn s4_exit_0_with_wrong_rows_is_silent_and_fails() {
    let scenario = judged(but(RunKind::Finished, events(RunKind::Finished, store(1000, "9"))));
    assert_eq!((scenario.outcome, scenario.level), (Outcome::Fail, 0));
    assert_eq!(scenario.run(RunKind::Finished).unwrap().class, Some(Class::Silent));
    assert_eq!(failing(&scenario, Outcome::Fail), ["data"]);
}

#[test]
fn s4_the_right_state_with_an_error_fails_unless_it_may_refuse_without_effect() {
    let refuse = |effect: &str| {
        let failed = captured(Moment::Failed, store(1000, effect));
        replace(RunKind::Interrupted, move |event| match event {
            Event::Captured { moment: Moment::Failed, .. } => Some(failed.clone()),
            Event::OperationEnded { operation: Operation::Rollback, .. } => {
                Some(ended(Operation::Rollback, Ending::Failed))
            }
            other => Some(other),
        })
    };
    let strict = judged(refuse("1"));
    assert_eq!(strict.run(RunKind::Interrupted).unwrap().class, Some(Class::RestoredWithError));
    assert_eq!(failing(&strict, Outcome::Fail), ["rollback"]);
    let mut lenient = plan();
    lenient.rollback.may_refuse = true;
    let without_effect = verdict(entry(lenient.clone()), refuse("1")).scenarios.remove(0);
    assert_eq!(without_effect.outcome, Outcome::Pass);
    let with_effect = verdict(entry(lenient), refuse("2")).scenarios.remove(0);
    assert_eq!(failing(&with_effect, Outcome::Fail), ["rollback"]);
}

#[test]
fn s2_a_point_without_effect_is_no_evidence_for_level_2() {
    let scenario = judged(replace(RunKind::Interrupted, |event| match event {
        Event::Captured { moment: Moment::Failed, .. } => Some(captured(Moment::Failed, store(1000, "1"))),
        other => Some(other),
    }));
    assert_eq!(scenario.run(RunKind::Interrupted).unwrap().effect, Some(false));
    assert_eq!((scenario.outcome, scenario.level), (Outcome::Pass, 1));
}

#[test]
fn s1_what_moves_by_itself_makes_the_scenario_unsound_and_is_named_with_its_exception() {
    let scenario = judged(but(RunKind::Idle, events(RunKind::Idle, store(1001, "4"))));
    assert_eq!(scenario.outcome, Outcome::Inconclusive);
    let unsound = scenario.all_findings().find(|finding| finding.check == Check::Unsound).unwrap();
    assert_eq!(unsound.message, "data moves by itself: public.orders");
    assert!(
        unsound.evidence.contains(&"    - { table: public.orders, because: \"…\" }".to_owned()),
        "{:?}",
        unsound.evidence
    );
}

#[test]
fn s1_a_control_run_in_which_everything_holds_makes_the_scenario_vacuous() {
    let scenario = judged(but(RunKind::Control, events(RunKind::Control, store(1000, "1"))));
    assert_eq!((scenario.outcome, scenario.level), (Outcome::Fail, 0));
    assert_eq!(failing(&scenario, Outcome::Fail), ["vacuous"]);
}

#[test]
fn s1_without_a_control_run_the_verdict_is_inconclusive_at_best() {
    let runs: Runs = all_well().into_iter().filter(|(kind, _)| *kind != RunKind::Control).collect();
    let scenario = judged(runs);
    assert_eq!((scenario.outcome, scenario.level), (Outcome::Inconclusive, 0));
}

#[test]
fn s5_a_change_that_finished_in_spite_of_the_fault_was_not_interrupted() {
    let scenario = judged(replace(RunKind::Interrupted, |event| match event {
        Event::OperationEnded { operation: Operation::Change, .. } => {
            Some(ended(Operation::Change, Ending::Ok))
        }
        other => Some(other),
    }));
    assert_eq!(scenario.outcome, Outcome::Inconclusive);
    assert_eq!(failing(&scenario, Outcome::Inconclusive), ["point"]);
}

#[test]
fn s5_a_fault_that_did_not_act_proves_nothing() {
    let scenario = judged(replace(RunKind::Interrupted, |event| match event {
        Event::FaultInjected { fault, in_time, evidence, took_ms, .. } => {
            Some(Event::FaultInjected { fault, acted: false, in_time, evidence, took_ms })
        }
        other => Some(other),
    }));
    assert_eq!(failing(&scenario, Outcome::Inconclusive), ["fault"]);
}

#[test]
fn s5_a_heal_that_fails_makes_the_run_inconclusive() {
    let mut runs = all_well();
    let healed = Event::Healed { fault: 0, healed: false, evidence: "still paused".to_owned() };
    runs[2].1.insert(5, healed);
    assert_eq!(failing(&judged(runs), Outcome::Inconclusive), ["heal"]);
}

#[test]
fn s5_sessions_still_at_work_make_the_run_inconclusive() {
    let scenario = judged(replace(RunKind::Interrupted, |event| match event {
        Event::Settled { .. } => Some(Event::Settled { gone: false, lingering: vec!["pid 7".to_owned()] }),
        other => Some(other),
    }));
    assert_eq!(failing(&scenario, Outcome::Inconclusive), ["settle"]);
}

#[test]
fn s5_a_rollback_that_nobody_started_is_inconclusive_and_says_why() {
    let scenario = judged(replace(RunKind::Interrupted, |event| match event {
        Event::Triggered { .. } => {
            let seen = "a facilitator starts it, and standard input is no terminal".to_owned();
            Some(Event::Triggered { happened: false, seen, took_ms: 1 })
        }
        Event::OperationEnded { operation: Operation::Rollback, .. } => None,
        Event::Captured { moment: Moment::After, .. } => Some(captured(Moment::After, store(1000, "2"))),
        other => Some(other),
    }));
    assert_eq!((scenario.outcome, scenario.level), (Outcome::Inconclusive, 1));
    assert_eq!(failing(&scenario, Outcome::Inconclusive), ["rollback"]);
    let run = scenario.run(RunKind::Interrupted).unwrap();
    assert_eq!((run.rollback.result, run.class), (OperationResult::NotInvoked, Some(Class::Unknown)));
    let finding = run.findings.iter().find(|finding| finding.check == Check::Rollback).unwrap();
    assert_eq!(
        finding.message,
        "the rollback was not invoked: a facilitator starts it, and standard input is no terminal"
    );
    assert_eq!(finding.at.as_ref().unwrap().line, 24);
}

#[test]
fn s6_a_rollback_past_its_time_fails_although_the_state_is_right() {
    let mut runs = all_well();
    runs[1].1.insert(3, Event::RollbackLate);
    let scenario = judged(runs);
    assert_eq!(failing(&scenario, Outcome::Fail), ["rollback"]);
    let rollback = &scenario.run(RunKind::Finished).unwrap().rollback;
    assert_eq!((rollback.result, rollback.exit_code), (OperationResult::TimedOut, None));
}

fn rollback_message(events: &[Event]) -> (String, usize) {
    let scenario = judged(but(RunKind::Finished, events.to_vec()));
    let mut findings = scenario.all_findings().filter(|finding| finding.check == Check::Rollback);
    let finding = findings.find(|finding| finding.outcome == Outcome::Fail).unwrap();
    (finding.message.clone(), finding.at.as_ref().unwrap().line)
}

#[test]
fn s6_a_rollback_step_whose_time_was_over_is_named_also_where_only_the_step_itself_says_so() {
    let over = ended(Operation::Rollback, Ending::TimedOut);
    let mut events = events(RunKind::Finished, store(1000, "1"));
    let at = events
        .iter()
        .position(|event| matches!(event, Event::OperationEnded { operation: Operation::Rollback, .. }));
    let at = at.unwrap();
    events[at] = over.clone();
    let expected =
        "the rollback ended: the time of step 1 was over after 600 s: sql on db: down.sql, 1 statement";
    assert_eq!(rollback_message(&events), (expected.to_owned(), 25));
    let Event::OperationEnded { operation, ending, exit_code, error, completed, took_ms, .. } = over else {
        panic!("an operation ended")
    };
    events[at] =
        Event::OperationEnded { operation, ending, exit_code, failed_step: None, error, completed, took_ms };
    let unnamed = "the rollback ended: the time of one of its steps was over";
    assert_eq!(rollback_message(&events), (unnamed.to_owned(), 24));
    let step = Event::StepEnded {
        operation,
        step: 1,
        ending,
        exit_code: None,
        error: None,
        tail: Vec::new(),
        statements: Some(0),
        took_ms: 600_000,
    };
    events.insert(at, step);
    assert_eq!(rollback_message(&events), (expected.to_owned(), 25));
}

#[test]
fn s6_a_rollback_that_was_given_up_names_the_step_it_was_at() {
    let events = replace(RunKind::Finished, |event| match event {
        Event::OperationEnded { operation: Operation::Rollback, .. } => {
            Some(ended(Operation::Rollback, Ending::Interrupted))
        }
        other => Some(other),
    });
    let expected = "the rollback was given up after 180.0 s, at: sql on db: down.sql, 1 statement";
    assert_eq!(rollback_message(&events[1].1), (expected.to_owned(), 25));
}

#[test]
fn s23_should_fail_is_met_only_by_exactly_the_named_checks() {
    let wrong = || but(RunKind::Finished, events(RunKind::Finished, store(1000, "9")));
    let met = |because: &[&str], runs: Runs| {
        let because = because.iter().map(|word| (*word).to_owned()).collect();
        let entry = Entry { should_fail: true, because, ..entry(plan()) };
        verdict(entry, runs).scenarios[0].met
    };
    assert_eq!(met(&["data"], wrong()), Some(true));
    assert_eq!(met(&["data", "schema"], wrong()), Some(false));
    assert_eq!(met(&["schema"], wrong()), Some(false));
    assert_eq!(met(&["data"], all_well()), Some(false));
}

#[test]
fn a_loss_that_nobody_looks_at_is_inconclusive_and_one_that_is_allowed_is_shown() {
    let sql = "ALTER TABLE orders DROP COLUMN note";
    let unit = crate::lint::Unit {
        change: vec![crate::lint::Half::Sql(crate::lint::Script::whole(&crate::diagnostic::Source::new(
            "up.sql", sql,
        )))],
        rollback: None,
        expected: crate::lint::Expected::Nothing,
    };
    let mut types = crate::lint::Types::new();
    let mut lossy = plan();
    lossy.lint = crate::lint::lint(&unit, crate::lint::Dialect::Postgres, &mut types).unwrap();
    let of = |plan: &Plan| verdict(entry(plan.clone()), all_well()).scenarios.remove(0);
    assert_eq!(of(&lossy).outcome, Outcome::Pass, "its data is compared");
    lossy.expect.states.get_mut(&StateKind::Data).unwrap().reference = Reference::Any("slow".to_owned());
    assert_eq!(failing(&of(&lossy), Outcome::Inconclusive), ["lossy"]);
    lossy.lint.remarks[0].allowed = Some("it moved".to_owned());
    let allowed = of(&lossy);
    assert!(failing(&allowed, Outcome::Inconclusive).is_empty());
    let shown = allowed.remarks.iter().any(|remark| remark.ends_with("allowed: it moved"));
    assert!(shown, "{:?}", allowed.remarks);
}

#[test]
fn s23_a_required_level_that_is_not_reached_is_unmet() {
    let met = |level| verdict(Entry { level: Some(level), ..entry(plan()) }, all_well()).scenarios[0].met;
    assert_eq!((met(2), met(3)), (Some(true), Some(false)));
}

#[test]
fn s24_trouble_in_one_run_makes_that_run_inconclusive() {
    let trouble = Event::Trouble { message: "could not start service api".to_owned(), evidence: Vec::new() };
    let scenario = judged(but(RunKind::Interrupted, vec![trouble]));
    assert_eq!(failing(&scenario, Outcome::Inconclusive), ["stage"]);
    assert_eq!(scenario.run(RunKind::Interrupted).unwrap().outcome, Outcome::Inconclusive);
    assert_eq!(scenario.run(RunKind::Finished).unwrap().outcome, Outcome::Pass);
}

#[test]
fn s24_a_run_cut_short_is_inconclusive_and_never_a_pass() {
    let mut runs = all_well();
    runs[2].1.truncate(3);
    runs.truncate(3);
    let scenario = judged(runs);
    assert_eq!(scenario.outcome, Outcome::Inconclusive);
    let messages: Vec<&str> = scenario.all_findings().map(|finding| finding.message.as_str()).collect();
    assert!(messages.contains(&"the run was stopped before its end"), "{messages:?}");
    assert!(messages.contains(&"not run: idle"), "{messages:?}");
}

#[test]
fn what_of_a_pipelines_job_was_not_run_is_on_the_scorecard() {
    let mut plan = plan();
    let passed = PassedOver {
        what: "a/login".to_owned(),
        because: "nothing is pushed".to_owned(),
        at: plan.rollback.at.clone(),
    };
    plan.rollback.steps[0].passed_over.push(passed);
    let scenario = verdict(entry(plan), all_well()).scenarios.remove(0);
    let expected = "rollback step 1 is run without a/login: nothing is pushed".to_owned();
    assert!(scenario.remarks.contains(&expected), "{:?}", scenario.remarks);
}

/// Two states with a list of steps each; the run of each list ends with these rows.
fn against_twins(schema_list: &str, data_list: &str, twins: [&str; 2]) -> Outcome {
    let mut plan = plan();
    for (kind, list) in [(StateKind::Schema, schema_list), (StateKind::Data, data_list)] {
        let steps = vec![crate::verdict::testing::step("sql on db", &[list], 31)];
        plan.expect.states.get_mut(&kind).unwrap().reference = Reference::After(steps);
    }
    let finished = (RunKind::Finished, events(RunKind::Finished, store(1000, "7")));
    let mut runs =
        twins.map(|sum| (RunKind::Reference, events(RunKind::Reference, store(1000, sum)))).to_vec();
    runs.push(finished);
    let mut records = crate::verdict::testing::journal(entry(plan), runs);
    let mut numbers = 0..;
    for record in &mut records {
        if let Event::RunStarted { kind: RunKind::Reference, twin, .. } = &mut record.event {
            *twin = numbers.next();
        }
    }
    let scenario = super::judge(&Timeline::new(&records).unwrap()).scenarios.remove(0);
    let data = scenario.run(RunKind::Finished).unwrap().findings.iter().find(|one| one.check == Check::Data);
    data.unwrap().outcome
}

#[test]
fn s16_a_state_is_compared_with_the_twin_of_its_own_list() {
    assert_eq!(against_twins("one", "two", ["1", "7"]), Outcome::Pass);
    assert_eq!(against_twins("one", "two", ["7", "1"]), Outcome::Fail);
    assert_eq!(against_twins("one", "one", ["7", "1"]), Outcome::Pass, "both have the first");
}

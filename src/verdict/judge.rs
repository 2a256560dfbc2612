//! Puts the checks together: runs, then scenarios, then the drill.

use std::collections::BTreeSet;

use super::checks::again::{Left, Others};
use super::checks::{
    again, alerts, always, change, coverage, exceptions, facts, fault, forward_only, gateway, impact,
    isolation, lossy, outside, point, prechecks, promises, recovery, rollback, service, settle, stage,
    states, unsound, vacuous,
};
use super::class;
use super::footprint;
use super::level;
use super::model::{
    AgainVerdict, FaultVerdict, Finding, ForwardOnlyVerdict, OperationResult, OperationVerdict, PointVerdict,
    PrecheckVerdict, RecoveryVerdict, RunVerdict, ScenarioVerdict, StateFact, Verdict,
};
use super::served;
use super::sweep;
use super::timeline::{Point, Run, State, Timeline};
use crate::gateway::control::{self, Mark, What};
use crate::journal::event::{Completed, Ending, Moment, Operation, RunKind};
use crate::outcome::{Check, Outcome};
use crate::plan::Plan;
use crate::plan::model::{Action, Entry, Reference, Side, StateKind, Trigger};
use crate::state::model::{StoreCapture, Unread};
use crate::sweep::Swept;

/// The verdict on what happened.
pub fn judge(timeline: &Timeline) -> Verdict {
    let scenarios: Vec<ScenarioVerdict> =
        timeline.plan.scenarios.iter().map(|entry| scenario(timeline, entry)).collect();
    let outcome = Outcome::worst(scenarios.iter().map(|scenario| match scenario.met {
        Some(true) => Outcome::Pass,
        Some(false) => Outcome::Fail,
        None => Outcome::Inconclusive,
    }));
    let judged = timeline.runs.iter().any(|run| run.after().is_some());
    Verdict {
        drill: timeline.plan.name.clone(),
        tool: timeline.tool.clone(),
        began: timeline.began.clone(),
        took_ms: timeline.took_ms,
        outcome,
        scenarios,
        signal: timeline.signal.clone(),
        complete: timeline.complete,
        judged,
        left: timeline.runs.iter().flat_map(|run| run.left.clone()).collect(),
        kept: timeline.runs.iter().flat_map(|run| run.kept.clone().unwrap_or_default()).collect(),
    }
}

/// How one run ended, by its number; none for a run that is not judged.
pub fn of_run(timeline: &Timeline, number: u32) -> Option<Outcome> {
    let run = timeline.runs.iter().find(|run| run.number == number)?;
    let entry = timeline.plan.scenarios.iter().find(|entry| entry.plan.path == run.scenario)?;
    let all: Vec<&Run> = timeline.runs_of(&run.scenario).collect();
    Some(judge_run(&footprint::learnt(&entry.plan, &all), run, others(&all)).outcome)
}

/// What the runs of a scenario are compared with.
fn others<'t>(runs: &[&'t Run]) -> Others<'t> {
    let of = |kind, moment| {
        let mut of_kind = runs.iter().filter(|run| run.kind == kind);
        of_kind.find_map(|run| run.states.get(&moment))
    };
    let control = runs.iter().find(|run| run.kind == RunKind::Control);
    Others {
        twin: of(RunKind::Reference, Moment::After),
        changed: control.and_then(|run| Some(Left { state: run.after()?, rows: &run.rows })),
        changed_too: of(RunKind::Finished, Moment::Changed),
    }
}

fn scenario(timeline: &Timeline, entry: &Entry) -> ScenarioVerdict {
    let happened: Vec<&Run> = timeline.runs_of(&entry.plan.path).collect();
    let plan = &footprint::learnt(&entry.plan, &happened);
    let others = others(&happened);
    let twin = others.twin;
    let mut runs: Vec<RunVerdict> = happened
        .iter()
        .filter(|run| !matches!(run.kind, RunKind::Reference | RunKind::Lane))
        .map(|run| judge_run(plan, run, others))
        .collect();
    runs = sweep::confirmed(&happened, runs);
    runs.sort_by_key(|run| (run.kind, run.number));
    let mut findings = exceptions::check(plan, &happened);
    findings.extend(lossy::check(plan));
    let touched = super::impact::of(plan, &happened);
    findings.extend(impact::check(plan, touched.as_ref()));
    findings.extend(forward_only::check(plan));
    findings.extend(outside::untried(plan, &happened));
    findings.extend(missing_runs(timeline, plan, &runs));
    let sweep = sweep::verdict(timeline, plan, &runs);
    findings.extend(sweep.as_ref().and_then(sweep::untried));
    let all = runs.iter().map(|run| run.outcome).chain(findings.iter().map(|finding| finding.outcome));
    let outcome = Outcome::worst(all);
    let control = happened.iter().find(|run| run.kind == RunKind::Control);
    let mut verdict = ScenarioVerdict {
        path: plan.path.clone(),
        name: plan.name.clone(),
        summary: plan.summary.clone(),
        file: plan.file.clone(),
        should: entry.should_fail.then(|| entry.because.clone()),
        required: entry.level,
        outcome,
        met: None,
        level: level::level(&runs, sweep.as_ref(), !plan.traffic.is_empty()),
        counts: sweep.as_ref().map_or_else(|| level::counts(&runs), |sweep| sweep.counts),
        sweep,
        exercised: control.map(|run| exercised(plan, run, twin)),
        change: plan.change.iter().map(|step| step.title.clone()).collect(),
        rollback: plan.rollback.steps.iter().map(|step| step.title.clone()).collect(),
        within_ms: crate::millis::of(plan.rollback.within),
        forward_only: plan.forward_only.as_ref().map(|forward_only| ForwardOnlyVerdict {
            because: forward_only.because.clone(),
            prechecks: forward_only.prechecks.iter().map(|precheck| precheck.name.clone()).collect(),
        }),
        runs,
        findings,
        images: images(timeline, &plan.path),
        digests: plan.digests.clone(),
        impact: touched,
        remarks: remarks(plan),
    };
    verdict.met = met(&verdict);
    verdict
}

/// Whether a scenario ended as the drill says (S23).
fn met(scenario: &ScenarioVerdict) -> Option<bool> {
    match (&scenario.should, scenario.outcome) {
        (Some(because), Outcome::Fail) => {
            let failed: BTreeSet<&str> = scenario
                .all_findings()
                .filter(|finding| finding.outcome == Outcome::Fail)
                .map(|finding| finding.check.word())
                .collect();
            Some(failed == because.iter().map(String::as_str).collect())
        }
        (Some(_), Outcome::Pass) | (None, Outcome::Fail) => Some(false),
        (_, Outcome::Inconclusive) => None,
        (None, Outcome::Pass) => Some(scenario.required.is_none_or(|level| scenario.level >= level)),
    }
}

/// Runs that belong to the proof and were not made (S1).
fn missing_runs(timeline: &Timeline, plan: &Plan, runs: &[RunVerdict]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut wanted = vec![RunKind::Idle, RunKind::Control, RunKind::Finished];
    wanted.extend(plan.failure.as_ref().map(|_| RunKind::Interrupted));
    let mut missing: Vec<&str> = wanted
        .into_iter()
        .filter(|kind| runs.iter().all(|run| run.kind != *kind))
        .map(RunKind::word)
        .collect();
    let prechecks = plan.forward_only.as_ref().map_or(0, |forward_only| forward_only.prechecks.len());
    if runs.iter().filter(|run| run.kind == RunKind::Precheck).count() < prechecks {
        missing.push(RunKind::Precheck.word());
    }
    if missing == ["control"] && !timeline.plan.control {
        let message = "there was no control run: nobody knows whether the expectations can fail";
        let finding = Finding::new(Check::Vacuous, Outcome::Inconclusive, message).at(&plan.expect.at);
        findings.push(finding.next("run it without `--no-control`"));
    } else if !missing.is_empty() {
        let message = format!("not run: {}", missing.join(", "));
        findings.push(Finding::new(Check::Stage, Outcome::Inconclusive, message));
    }
    findings
}

fn exercised(plan: &Plan, run: &Run, twin: Option<&State>) -> (usize, usize) {
    let judged = expectations(plan, run, twin);
    (judged.iter().filter(|finding| finding.outcome == Outcome::Fail).count(), judged.len())
}

/// States and explicit expectations of a run.
fn expectations(plan: &Plan, run: &Run, twin: Option<&State>) -> Vec<Finding> {
    let mut judged = states::check(plan, run, twin);
    judged.extend(facts::check(plan, run));
    judged.extend(always::check(plan, run));
    judged.extend(promises::check(plan, run, false));
    judged.extend(outside::check(plan, run));
    judged
}

/// The same of a run that was taken back. What it lost, and might lose, is held against nobody.
fn taken_back(
    plan: &Plan,
    run: &Run,
    twin: Option<&State>,
    recovered: Option<&RecoveryVerdict>,
) -> Vec<Finding> {
    if !recovery::excuses(recovered) {
        return expectations(plan, run, twin);
    }
    let mut judged = states::check(plan, &recovery::excused(run), twin);
    judged.extend(facts::check(plan, run));
    judged.extend(always::check(plan, run));
    judged.extend(promises::check(plan, run, true));
    judged.extend(outside::check(plan, run));
    judged
}

fn judge_run(plan: &Plan, run: &Run, others: Others<'_>) -> RunVerdict {
    match &run.case {
        Some(case) => {
            let failure = Some(case.failure.clone());
            judge_one(&Plan { failure, ..plan.clone() }, run, others)
        }
        None => judge_one(plan, run, others),
    }
}

/// A run by the plan whose failure is its own.
fn judge_one(plan: &Plan, run: &Run, others: Others<'_>) -> RunVerdict {
    let twin = others.twin;
    let after = states::raw(plan, run, run.after());
    let effect = effect(plan, run);
    let rollback = operation(run, Operation::Rollback);
    let traffic = served::verdicts(plan, run, others.changed.map(|left| left.state));
    let recovered = recovery::verdict(plan, run, &traffic);
    let mut findings = stage::check(run);
    let mut class = None;
    if run.kind != RunKind::Precheck {
        findings.extend(prechecks::check(plan, run));
    }
    match run.kind {
        RunKind::Precheck => findings.extend(prechecks::tried(plan, run)),
        // What a pre-check kept from being begun shows nothing else.
        RunKind::Control | RunKind::Finished | RunKind::Interrupted | RunKind::Again
            if prechecks::refused(run) => {}
        RunKind::Idle | RunKind::Reference | RunKind::Lane => {
            findings.extend(fault::check(plan, run));
            let mut facts = facts::check(plan, run);
            facts.extend(always::check(plan, run));
            facts.extend(isolation::watched(plan, run));
            facts.extend(promises::check(plan, run, false));
            facts.extend(outside::check(plan, run));
            findings.extend(unsound::check(plan, run, &facts, &alerts::idle(plan, run)));
        }
        RunKind::Control => {
            findings.extend(change::check(plan, run));
            if run.after().is_some() {
                findings.extend(vacuous::check(plan, &expectations(plan, run, twin)));
            }
            findings.extend(coverage::check(plan, run));
            findings.extend(gateway::check(plan, run, run.after()));
        }
        RunKind::Finished | RunKind::Interrupted | RunKind::Again => {
            if run.kind == RunKind::Finished {
                findings.extend(change::check(plan, run));
            } else {
                if in_rollback(run) {
                    findings.extend(change::check(plan, run));
                }
                findings.extend(point::check(plan, run));
                findings.extend(fault::check(plan, run));
                findings.extend(settle::check(plan, run));
                findings.extend(gateway::check(plan, run, run.states.get(&Moment::Failed)));
            }
            let judged = taken_back(plan, run, twin, recovered.as_ref());
            let state = Outcome::worst(judged.iter().map(|finding| finding.outcome));
            class = Some(class::class(rollback.result, state));
            findings.extend(rollback::check(plan, run, effect == Some(false)));
            findings.extend(again::check(plan, run, others));
            findings.extend(alerts::check(plan, run, &traffic));
            findings.extend(isolation::check(plan, run));
            // What nobody has rolled back says nothing about the rollback.
            let invoked = run.triggered.as_ref().is_none_or(|(happened, _)| *happened);
            if invoked && run.after().is_some() {
                findings.extend(judged);
                findings.extend(recovery::check(plan, run, recovered.as_ref()));
                findings.extend(service::check(plan, run.kind, &traffic));
            }
        }
    }
    RunVerdict {
        number: run.number,
        kind: run.kind,
        case: None,
        point: is_broken(run).then(|| point_verdict(plan, run)).flatten(),
        faults: fault_verdicts(plan, run),
        change: operation(run, Operation::Change),
        effect,
        rollback,
        again: (run.kind == RunKind::Again).then(|| AgainVerdict {
            change: operation(run, Operation::ChangeAgain),
            rollback: operation(run, Operation::RollbackAgain),
        }),
        states: after,
        class,
        outcome: Outcome::worst(findings.iter().map(|finding| finding.outcome)),
        findings,
        rows: run.rows.clone(),
        recovered_ms: run.recovered_ms,
        precheck: precheck_verdict(plan, run),
        recovery: recovered,
        alerts: alerts::verdicts(plan, run),
        outside: outside::verdicts(plan, run),
        traffic,
        took_ms: run.ended_ms.map_or(0, |ended| ended - run.began_ms),
    }
}

/// What the pre-check that a run tries has said.
fn precheck_verdict(plan: &Plan, run: &Run) -> Option<PrecheckVerdict> {
    let precheck = prechecks::of(plan.forward_only.as_ref()?, run)?;
    let says_no = match prechecks::tried(plan, run).map(|finding| finding.outcome) {
        Some(Outcome::Pass) => Some(true),
        Some(Outcome::Fail) => Some(false),
        Some(Outcome::Inconclusive) | None => None,
    };
    Some(PrecheckVerdict { name: precheck.name.clone(), says_no })
}

/// Whether an operation of it is broken at a point.
fn is_broken(run: &Run) -> bool {
    matches!(run.kind, RunKind::Interrupted | RunKind::Again)
}

/// Whether it is the rollback that is broken.
fn in_rollback(run: &Run) -> bool {
    run.case.as_ref().is_some_and(|case| case.operation == Swept::Rollback)
}

/// Whether the failure left anything of the change (S2).
fn effect(plan: &Plan, run: &Run) -> Option<bool> {
    let failed = run.states.get(&Moment::Failed)?;
    let facts = states::raw(plan, run, Some(failed));
    let known = facts.values().all(|fact| *fact != StateFact::Unknown);
    let differs = facts.values().any(|fact| *fact == StateFact::Differs);
    // Rows may be left unread only where something else is seen to differ.
    let enough = |store: &StoreCapture| store.unread.values().any(|why| *why == Unread::Enough);
    let in_doubt = !differs && failed.stores.values().any(enough);
    (known && !in_doubt).then_some(differs)
}

fn operation(run: &Run, which: Operation) -> OperationVerdict {
    let nothing = OperationVerdict {
        result: OperationResult::NotInvoked,
        exit_code: None,
        failed_step: None,
        error: None,
        took_ms: None,
        completed: Completed::default(),
        tail: Vec::new(),
    };
    let Some(end) = run.operations.get(&which) else {
        let began = run.began.contains_key(&which);
        let result = if began { OperationResult::Unknown } else { OperationResult::NotInvoked };
        return OperationVerdict { result, ..nothing };
    };
    let is_rollback = matches!(which, Operation::Rollback | Operation::RollbackAgain);
    let late = run.late.contains(&which);
    let result = match end.ending {
        Ending::Ok if late => OperationResult::TimedOut,
        Ending::Ok => OperationResult::Ok,
        Ending::Failed => OperationResult::Failed,
        Ending::TimedOut => OperationResult::TimedOut,
        // A rollback is ended from outside only when it is given up.
        Ending::Interrupted if is_rollback => OperationResult::TimedOut,
        Ending::Interrupted => OperationResult::Interrupted,
    };
    let failed = run.steps.iter().rev().find(|step| step.operation == which && step.ending != Ending::Ok);
    let exit_code = if result == OperationResult::TimedOut { None } else { end.exit_code };
    OperationVerdict {
        result,
        exit_code,
        failed_step: end.failed_step,
        error: end.error.clone(),
        took_ms: Some(end.took_ms),
        completed: end.completed,
        tail: failed.map(|step| step.tail.clone()).unwrap_or_default(),
    }
}

fn point_verdict(plan: &Plan, run: &Run) -> Option<PointVerdict> {
    let point = &plan.failure.as_ref()?.point;
    let in_rollback = in_rollback(run);
    let steps = if in_rollback { &plan.rollback.steps } else { &plan.change };
    let step = steps.iter().find(|step| step.number == point.step)?;
    let (side, statement) = match &point.trigger {
        Trigger::Step(side) | Trigger::Replica { side, .. } => (Some(*side), None),
        Trigger::Wire { mark, .. } => (Some(wire_side(mark)), wire_statement(mark)),
        Trigger::Statement { number, side } => (Some(*side), Some(*number)),
        Trigger::Log { .. } | Trigger::Fact(_) | Trigger::After(_) => (None, None),
    };
    let (on, statements) = match (&step.action, &point.trigger) {
        (Action::Sql { database, statements, .. }, _) => {
            (Some(database.clone()), Some(u32::try_from(statements.len()).unwrap_or(u32::MAX)))
        }
        (_, Trigger::Log { service, .. }) => (service.clone(), None),
        (_, Trigger::Wire { mark, .. }) => (Some(mark.service.clone()), None),
        _ => (None, None),
    };
    let (completed, text, held) = match &run.point {
        Some(Point::Reached { completed, text, held }) => (Some(*completed), Some(text.clone()), *held),
        Some(Point::Missed { .. }) | None => (None, None, false),
    };
    let side = side.map(|side| match side {
        Side::Before => "before",
        Side::After => "after",
    });
    let what = match &point.trigger {
        Trigger::Wire { words, .. } => Some(words.clone()),
        Trigger::Replica { number, .. } => Some(format!("replica {number} of step {}", point.step)),
        _ => None,
    };
    Some(PointVerdict {
        in_rollback,
        what,
        step: point.step,
        on,
        side,
        statement,
        statements,
        completed,
        text,
        held,
    })
}

fn wire_side(mark: &Mark) -> Side {
    match mark.side {
        control::Side::Before => Side::Before,
        control::Side::After => Side::After,
    }
}

fn wire_statement(mark: &Mark) -> Option<u32> {
    match mark.what {
        What::Ask(number) => u32::try_from(number).ok(),
        What::Matching(..) | What::Commit(_) | What::Rows(_) | What::Bytes(_) => None,
    }
}

fn fault_verdicts(plan: &Plan, run: &Run) -> Vec<FaultVerdict> {
    let planned = plan.failure.iter().flat_map(|failure| &failure.faults);
    let seen = (0..).zip(planned).filter_map(|(position, planned)| {
        let seen = run.faults.get(&position)?;
        Some(FaultVerdict {
            kind: planned.fault.word(),
            on: planned.fault.service().map(str::to_owned),
            acted: seen.acted == Some(true) && seen.in_time,
            evidence: seen.evidence.clone(),
        })
    });
    seen.collect()
}

fn images(timeline: &Timeline, scenario: &str) -> Vec<(String, String, Option<String>)> {
    let images = timeline.images.get(scenario).map_or(&[][..], |images| images);
    images.iter().map(|image| (image.name.clone(), image.id.clone(), image.repo_digest.clone())).collect()
}

/// What the reader must know to weigh a verdict.
fn remarks(plan: &Plan) -> Vec<String> {
    let mut remarks = Vec::new();
    for kind in StateKind::ALL {
        let Some(state) = plan.expect.states.get(&kind) else { continue };
        if let Reference::Any(because) = &state.reference {
            remarks.push(format!("{} is not judged: {because}", kind.word()));
        }
        for exception in &state.except {
            let what = super::difference::covered(&exception.covers);
            remarks.push(format!("except {what}: {}", exception.because));
        }
    }
    let allowed = plan.lint.remarks.iter().filter(|remark| remark.allowed.is_some());
    remarks.extend(allowed.map(crate::lint::report::brief));
    for ignored in &plan.project.ignored {
        remarks.push(format!("{} has no meaning in a drill ({})", ignored.key, ignored.at));
    }
    remarks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::event::Event;
    use crate::verdict::model::Class;
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
            Event::Captured { moment: Moment::Failed, .. } => {
                Some(captured(Moment::Failed, store(1000, "1")))
            }
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
            Event::Settled { .. } => {
                Some(Event::Settled { gone: false, lingering: vec!["pid 7".to_owned()] })
            }
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
        let Event::OperationEnded { operation, ending, exit_code, error, completed, took_ms, .. } = over
        else {
            panic!("an operation ended")
        };
        events[at] = Event::OperationEnded {
            operation,
            ending,
            exit_code,
            failed_step: None,
            error,
            completed,
            took_ms,
        };
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
            change: crate::lint::Script::whole(&crate::diagnostic::Source::new("up.sql", sql)),
            rollback: None,
            expects_rollback: false,
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
        let trouble =
            Event::Trouble { message: "could not start service api".to_owned(), evidence: Vec::new() };
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
}

//! Puts the checks together: runs, then scenarios, then the drill.

use std::collections::BTreeSet;

use super::accounting;
use super::checks::again::{Left, Others};
use super::checks::states::Twins;
use super::checks::{
    again, alerts, always, change, coverage, exceptions, facts, fault, forward_only, gateway, impact,
    isolation, lossy, outside, point, prechecks, promises, recovery, rollback, service, settle, stage,
    states, unsound, vacuous,
};
use super::class;
use super::deeds::{fault_verdicts, in_rollback, is_broken, operation, point_verdict, precheck_verdict};
use super::footprint;
use super::level;
use super::model::{
    AgainVerdict, Finding, ForwardOnlyVerdict, RecoveryVerdict, RunVerdict, ScenarioVerdict, StateFact,
    Verdict,
};
use super::served;
use super::sweep;
use super::timeline::{Run, Timeline};
use crate::journal::event::{Moment, Operation, RunKind};
use crate::outcome::{Check, Outcome};
use crate::plan::Plan;
use crate::plan::model::{Entry, Reference, StateKind};
use crate::state::model::{StoreCapture, Unread};

/// The verdict on what happened.
pub fn judge(timeline: &Timeline) -> Verdict {
    let scenarios: Vec<ScenarioVerdict> =
        timeline.plan.scenarios.iter().map(|entry| scenario(timeline, entry)).collect();
    let ended = scenarios.iter().map(|scenario| match scenario.met {
        Some(true) => Outcome::Pass,
        Some(false) => Outcome::Fail,
        None => Outcome::Inconclusive,
    });
    // Nobody knows what else would stand in a journal that was cut.
    let whole = if timeline.complete { Outcome::Pass } else { Outcome::Inconclusive };
    let outcome = Outcome::worst(ended.chain([whole]));
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
fn others<'t>(runs: &'t [&'t Run]) -> Others<'t> {
    let of = |kind, moment| {
        let mut of_kind = runs.iter().filter(|run| run.kind == kind);
        of_kind.find_map(|run| run.states.get(&moment))
    };
    let control = runs.iter().find(|run| run.kind == RunKind::Control);
    Others {
        twins: Twins(runs),
        changed: control.and_then(|run| Some(Left { state: run.after()?, rows: &run.rows })),
        changed_too: of(RunKind::Finished, Moment::Changed),
    }
}

fn scenario(timeline: &Timeline, entry: &Entry) -> ScenarioVerdict {
    let happened: Vec<&Run> = timeline.runs_of(&entry.plan.path).collect();
    let plan = &footprint::learnt(&entry.plan, &happened);
    let others = others(&happened);
    let twins = &others.twins;
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
    let listened = timeline.surveys.contains_key(&plan.path);
    let gaps = accounting::gaps(plan, &happened, listened);
    let finished = happened.iter().rev().find(|run| run.kind == RunKind::Finished).copied();
    findings.extend(gateway::bypassed(plan, finished, &gaps));
    findings.extend(missing_runs(timeline, plan, &runs));
    findings.extend(cut(timeline, plan));
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
        level: level::level(&runs, sweep.as_ref(), gaps.is_empty(), !plan.traffic.is_empty()),
        counts: sweep.as_ref().map_or_else(|| level::counts(&runs), |sweep| sweep.counts),
        sweep,
        gaps,
        exercised: control.map(|run| exercised(plan, run, twins)),
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

/// The journal of a drill that came to an end says so. One that does not was cut, or its runner was killed, while the
/// scenario of its last run was under way.
fn cut(timeline: &Timeline, plan: &Plan) -> Option<Finding> {
    let last = timeline.runs.last().map_or("", |run| &run.scenario);
    let message = "the journal ends before the drill did: what is missing cannot be told";
    let finding = || Finding::new(Check::Stage, Outcome::Inconclusive, message).next("run it again");
    (!timeline.complete && timeline.signal.is_none() && (last == plan.path || last.is_empty())).then(finding)
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

fn exercised(plan: &Plan, run: &Run, twins: &Twins<'_>) -> (usize, usize) {
    let judged = expectations(plan, run, twins);
    (judged.iter().filter(|finding| finding.outcome == Outcome::Fail).count(), judged.len())
}

/// States and explicit expectations of a run.
fn expectations(plan: &Plan, run: &Run, twins: &Twins<'_>) -> Vec<Finding> {
    let mut judged = states::check(plan, run, twins);
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
    twins: &Twins<'_>,
    recovered: Option<&RecoveryVerdict>,
) -> Vec<Finding> {
    if !recovery::excuses(recovered) {
        return expectations(plan, run, twins);
    }
    let mut judged = states::check(plan, &recovery::excused(run), twins);
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
    let twins = &others.twins;
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
                findings.extend(vacuous::check(plan, &expectations(plan, run, twins)));
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
            let judged = taken_back(plan, run, twins, recovered.as_ref());
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
    remarks.extend(plan.passed_over());
    let allowed = plan.lint.remarks.iter().filter(|remark| remark.allowed.is_some());
    remarks.extend(allowed.map(crate::lint::report::brief));
    for ignored in &plan.project.ignored {
        remarks.push(format!("{} has no meaning in a drill ({})", ignored.key, ignored.at));
    }
    remarks.extend(plan.project.remarks.iter().map(ToString::to_string));
    remarks
}

#[cfg(test)]
mod tests;

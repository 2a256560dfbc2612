//! What a scorecard says of one scenario, in the order a person reads it; terminal and Markdown
//! draw it, each in its own way.

use std::collections::{BTreeMap, BTreeSet};

use crate::journal::event::RunKind;
use crate::outcome::{Check, Outcome};
use crate::text::{counted, grouped, time};
use crate::verdict::model::{
    AgainCase, AgainVerdict, CallVerdict, CaseVerdict, Class, Counts, FaultVerdict, Finding, OperationResult,
    OperationVerdict, PointVerdict, RunVerdict, ScenarioVerdict, Verdict,
};

/// The states in the order of a scorecard.
const STATES: [Check; 5] = [Check::System, Check::Schema, Check::Data, Check::Sequences, Check::Leftovers];
/// Explicit expectations.
const FACTS: [Check; 9] = [
    Check::Http,
    Check::Sql,
    Check::Across,
    Check::Queue,
    Check::Exec,
    Check::Log,
    Check::Always,
    Check::Isolation,
    Check::Outside,
];

/// One line of a scorecard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) label: String,
    pub(super) value: String,
    pub(super) detail: String,
    /// What the value says; pass where it is only told.
    pub(super) outcome: Outcome,
}

impl Row {
    pub(super) fn new(label: &str, value: impl Into<String>, detail: impl Into<String>) -> Self {
        let (value, detail) = (value.into(), detail.into());
        Self { label: label.to_owned(), value, detail, outcome: Outcome::Pass }
    }

    pub(super) fn of(self, outcome: Outcome) -> Self {
        Self { outcome, ..self }
    }
}

/// A finding that is not a pass, with the runs that showed it.
#[derive(Debug, Clone)]
pub(super) struct Problem<'v> {
    pub(super) finding: &'v Finding,
    pub(super) runs: Vec<&'v RunVerdict>,
}

impl Problem<'_> {
    /// The kinds of those runs.
    pub(super) fn runs(&self) -> Vec<RunKind> {
        self.runs.iter().map(|run| run.kind).collect()
    }
}

/// The verdict in a few words: `FAIL as marked · level 0`.
pub(super) fn headline(scenario: &ScenarioVerdict) -> String {
    let word = scenario.outcome.word().to_uppercase();
    let marked = match (&scenario.should, scenario.met) {
        (Some(_), Some(true)) => " as marked",
        (Some(_), Some(false)) if scenario.outcome == Outcome::Pass => ", marked to fail",
        (Some(_), Some(false)) => ", not as marked",
        _ => "",
    };
    let required = match scenario.required {
        Some(required) if scenario.level < required => format!(" of {required} required"),
        _ => String::new(),
    };
    format!("{word}{marked} · level {}{required}", scenario.level)
}

/// What a level means.
pub(super) fn level_words(level: u8) -> &'static str {
    match level {
        0 => "the way back is not proven",
        1 => "proven from the finished change only",
        2 => "proven from the finished change and from the scenario's point",
        3 => "proven from every point",
        _ => "proven from every point, under live writes, and when the rollback is broken itself",
    }
}

/// Points by how they ended: `17 pass, 1 fail, 1 unknown of 19 points`.
pub(super) fn points(counts: Counts) -> String {
    let all = counted(counts.all(), "point");
    format!("{} pass, {} fail, {} unknown of {all}", counts.pass, counts.fail, counts.unknown)
}

/// The share of points that passed: `17 of 19`.
pub(super) fn share(counts: Counts) -> String {
    format!("{} of {}", counts.pass, counts.all())
}

/// What a reader must know to weigh the verdict, and what is no finding and yet worth a line.
pub(super) fn remarks(scenario: &ScenarioVerdict) -> Vec<String> {
    let mut remarks = Vec::new();
    let broken = scenario.runs.iter().any(|run| run.effect == Some(false));
    if broken && !scenario.had_effect() {
        remarks.push("the failure left nothing of the change: no evidence for level 2".to_owned());
    }
    remarks.extend(scenario.gaps.iter().map(super::gaps::words));
    remarks.extend(scenario.sweep.iter().flat_map(|sweep| &sweep.gaps).map(|gap| format!("gap: {gap}")));
    let shown = walked(scenario).into_iter().flat_map(|run| &run.findings);
    let told = shown.filter(|found| found.outcome == Outcome::Pass && STATES.contains(&found.check));
    for line in told.flat_map(|found| &found.evidence) {
        let line = format!("no finding: {}", line.trim());
        if !remarks.contains(&line) {
            remarks.push(line);
        }
    }
    remarks.extend(not_exercised(scenario));
    remarks.extend(super::impact::remarks(scenario));
    remarks.extend(scenario.remarks.iter().cloned());
    remarks
}

/// Expectations that held in a control run that is well all the same.
fn not_exercised(scenario: &ScenarioVerdict) -> Option<String> {
    let control = worst(scenario.run(RunKind::Control)?, Check::Vacuous)?;
    let held: Vec<&str> =
        control.evidence.iter().filter_map(|line| line.strip_prefix("not exercised: ")).collect();
    let told = control.outcome == Outcome::Pass && !held.is_empty();
    told.then(|| format!("not exercised, they hold without the rollback too: {}", held.join("; ")))
}

/// Everything that was asked, one line each.
pub(super) fn rows(scenario: &ScenarioVerdict) -> Vec<Row> {
    let mut rows: Vec<Row> = asked(scenario).into_iter().chain([change(scenario)]).collect();
    rows.extend(scenario.run(RunKind::Interrupted).into_iter().flat_map(|run| run.faults.iter().map(fault)));
    rows.extend(forward_only(scenario));
    rows.push(rollback(scenario));
    rows.extend(result(scenario));
    rows.extend(STATES.iter().map(|check| state(scenario, *check)));
    rows.extend(facts(scenario));
    rows.extend(alerts(scenario));
    rows.extend(clients(scenario));
    rows.extend(super::impact::row(scenario));
    rows.push(idle(scenario));
    rows.push(control(scenario));
    rows.push(Row::new("level", format!("{} of 4", scenario.level), level_words(scenario.level)));
    rows.push(Row::new("points", tried(scenario), points(scenario.counts)));
    rows
}

/// One call to the outside.
pub(super) struct CallRow {
    pub(super) during: String,
    pub(super) call: String,
    pub(super) about: String,
    pub(super) answer: String,
    pub(super) part: &'static str,
}

/// The calls of the run that is broken at the scenario's own point, else of the finished one: its kind, and a row
/// for each.
pub(super) fn calls(scenario: &ScenarioVerdict) -> Option<(&'static str, Vec<CallRow>)> {
    let run = scenario.run(RunKind::Interrupted).or_else(|| scenario.run(RunKind::Finished))?;
    let row = |call: &CallVerdict| CallRow {
        during: match call.during {
            Some((operation, step)) => format!("{}, step {step}", operation.word()),
            None => "between steps".to_owned(),
        },
        call: format!("{} on {}", call.call, call.on),
        about: call.key.clone().unwrap_or_default(),
        answer: call.status.map_or("none".to_owned(), |status| status.to_string()),
        part: call.part.word(),
    };
    (!run.outside.is_empty()).then(|| (run.kind.word(), run.outside.iter().map(row).collect()))
}

/// How many of a sweep's points were tried.
fn tried(scenario: &ScenarioVerdict) -> String {
    let Some(sweep) = &scenario.sweep else { return String::new() };
    let tried = sweep.cases.iter().filter(|case| case.run.is_some()).count();
    format!("{tried} tried")
}

/// One line of the table of a sweep's points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PointRow {
    pub(super) place: String,
    pub(super) text: String,
    pub(super) fault: String,
    pub(super) rollback: String,
    pub(super) state: String,
    pub(super) outcome: Outcome,
}

/// The cases of a sweep, each with what became of it.
pub(super) fn point_rows(scenario: &ScenarioVerdict) -> Vec<PointRow> {
    let cases = scenario.sweep.iter().flat_map(|sweep| &sweep.cases);
    let again = scenario.sweep.iter().filter_map(|sweep| sweep.again);
    cases.map(|case| point_row(scenario, case)).chain(again.map(|case| again_row(scenario, case))).collect()
}

/// The run of a sweep that makes the change again.
fn again_run(scenario: &ScenarioVerdict, case: AgainCase) -> Option<(&RunVerdict, &AgainVerdict)> {
    let run = scenario.runs.iter().find(|run| Some(run.number) == case.run)?;
    Some((run, run.again.as_ref()?))
}

/// Up, down, up: in the columns of a point what was done after it.
fn again_row(scenario: &ScenarioVerdict, case: AgainCase) -> PointRow {
    let run = again_run(scenario, case);
    let after = run.and_then(|(run, _)| run.point.as_ref()).map(place_of);
    let rollback = run.map_or("not run".to_owned(), |(run, again)| {
        let [first, change, second] =
            [&run.rollback, &again.change, &again.rollback].map(|operation| ended(operation, true));
        format!("{first}; again: {change}; rollback: {second}")
    });
    PointRow {
        place: "change again".to_owned(),
        text: after.map_or(String::new(), |place| {
            format!("rolled back from {place}, then twice made and rolled back again")
        }),
        fault: run.map(|(run, _)| faults_of(run)).unwrap_or_default(),
        rollback,
        state: run.map_or("unknown".to_owned(), |(run, _)| state_of(run)),
        outcome: case.outcome,
    }
}

fn point_row(scenario: &ScenarioVerdict, case: &CaseVerdict) -> PointRow {
    let run = case.run.and_then(|number| scenario.runs.iter().find(|run| run.number == number));
    let stands = if case.stands_for > 1 { format!(" (+{})", case.stands_for - 1) } else { String::new() };
    PointRow {
        place: format!("{} {}{stands}", case.operation, case.place),
        text: case.text.clone(),
        fault: run.map(faults_of).unwrap_or_default(),
        rollback: run.map_or("not run".to_owned(), |run| ended(&run.rollback, true)),
        state: run.map_or("unknown".to_owned(), state_of),
        outcome: case.outcome,
    }
}

/// The faults of a run, by kind and service.
fn faults_of(run: &RunVerdict) -> String {
    let named = run.faults.iter().map(|fault| match &fault.on {
        Some(service) => format!("{} {service}", fault.kind),
        None => fault.kind.to_owned(),
    });
    named.collect::<Vec<_>>().join(", ")
}

/// The states of a run that are not as they should be.
fn state_of(run: &RunVerdict) -> String {
    let wrong = |outcome| {
        let found = STATES
            .iter()
            .filter(move |check| worst(run, **check).is_some_and(|found| found.outcome == outcome));
        found.map(|check| check.word()).collect::<Vec<_>>().join(", ")
    };
    match (wrong(Outcome::Fail), wrong(Outcome::Inconclusive)) {
        (failed, _) if !failed.is_empty() => format!("{failed} DIFFER"),
        (_, unknown) if !unknown.is_empty() => format!("{unknown} unknown"),
        _ if run.class.is_none() => "unknown".to_owned(),
        _ => "as before".to_owned(),
    }
}

/// A sweep in one sentence: `17 of 19 points roll back; at 2 the rollback exits 0 and data differ`.
pub(super) fn summed_up(scenario: &ScenarioVerdict) -> Option<String> {
    let sweep = scenario.sweep.as_ref()?;
    let mut at: BTreeMap<String, usize> = BTreeMap::new();
    for case in sweep.cases.iter().filter(|case| case.outcome != Outcome::Pass) {
        if case.outcome == Outcome::Inconclusive {
            *at.entry("it cannot be told".to_owned()).or_default() += case.stands_for;
            continue;
        }
        let row = point_row(scenario, case);
        let run = case.run.and_then(|number| scenario.runs.iter().find(|run| run.number == number));
        let exit = match run.map(|run| (run.rollback.result, run.rollback.exit_code)) {
            Some((OperationResult::Ok, _)) => "the rollback exits 0".to_owned(),
            Some((OperationResult::Failed, Some(code))) => format!("the rollback exits {code}"),
            Some((OperationResult::TimedOut, _)) => "the rollback is too late".to_owned(),
            _ => "the rollback's end is not known".to_owned(),
        };
        *at.entry(format!("{exit}, and {}", row.state.replace("DIFFER", "differ"))).or_default() +=
            case.stands_for;
    }
    let mut told = format!("{} of {} roll back", sweep.counts.pass, counted(sweep.counts.all(), "point"));
    for (what, points) in at {
        told.push_str(&format!("; at {points} {what}"));
    }
    told.push_str(&sweep.again.map_or(String::new(), |case| made_again(scenario, case)));
    Some(told)
}

/// Whether the change can be made again after a rollback, as the end of a sentence.
fn made_again(scenario: &ScenarioVerdict, case: AgainCase) -> String {
    let found = again_run(scenario, case).and_then(|(run, _)| worst(run, Check::Again));
    let told = match found.map(|found| found.outcome) {
        Some(Outcome::Pass) => "the change can be made again after a rollback",
        Some(Outcome::Fail) => "made again after a rollback, the change does not end where it did",
        Some(Outcome::Inconclusive) | None => "whether the change can be made again is not known",
    };
    format!("; {told}")
}

/// What is not a pass: fails first, then by question; the same finding of several runs once.
pub(super) fn problems(scenario: &ScenarioVerdict) -> Vec<Problem<'_>> {
    let mut problems: Vec<Problem<'_>> = Vec::new();
    let of_runs =
        scenario.runs.iter().flat_map(|run| run.findings.iter().map(move |found| (Some(run), found)));
    let all = scenario.findings.iter().map(|found| (None, found)).chain(of_runs);
    for (run, finding) in all.filter(|(_, found)| found.outcome != Outcome::Pass) {
        match problems.iter_mut().find(|known| known.finding == finding) {
            Some(known) => known.runs.extend(run),
            None => problems.push(Problem { finding, runs: run.into_iter().collect() }),
        }
    }
    problems.sort_by_key(|problem| (std::cmp::Reverse(problem.finding.outcome), problem.finding.check));
    problems
}

/// The runs in words: `in the finished and the interrupted run`.
pub(super) fn in_runs(runs: &[RunKind]) -> String {
    let mut kinds = runs.to_vec();
    kinds.dedup();
    if kinds.len() < runs.len() {
        return format!("in {} of the runs", runs.len());
    }
    let named: Vec<String> = kinds.iter().map(|kind| format!("the {}", kind.word())).collect();
    match &named[..] {
        [] => String::new(),
        [one] => format!("in {one} run"),
        [first @ .., last] => format!("in {} and {last} run", first.join(", ")),
    }
}

/// What the drill asks for, where that is more than a pass.
fn asked(scenario: &ScenarioVerdict) -> Option<Row> {
    let outcome = match scenario.met {
        Some(true) => Outcome::Pass,
        Some(false) => Outcome::Fail,
        None => Outcome::Inconclusive,
    };
    match (&scenario.should, scenario.required) {
        (Some(because), _) => {
            let failed = scenario.all_findings().filter(|found| found.outcome == Outcome::Fail);
            let failed: BTreeSet<&str> = failed.map(|found| found.check.word()).collect();
            let failed = failed.into_iter().collect::<Vec<_>>().join(", ");
            let failed = if failed.is_empty() { "nothing".to_owned() } else { failed };
            let detail = format!("because of {}; what failed: {failed}", because.join(", "));
            Some(Row::new("marked", "to fail", detail).of(outcome))
        }
        (None, Some(level)) => {
            let reached = if scenario.level >= level { "reached" } else { "NOT REACHED" };
            Some(Row::new("required", format!("level {level}"), reached).of(outcome))
        }
        (None, None) => None,
    }
}

/// The run whose rollback says most: the interrupted one, else the finished one.
fn walked(scenario: &ScenarioVerdict) -> Vec<&RunVerdict> {
    [RunKind::Finished, RunKind::Interrupted].iter().filter_map(|kind| scenario.run(*kind)).collect()
}

fn change(scenario: &ScenarioVerdict) -> Row {
    let titles = titles(&scenario.change);
    let row = |value: String, outcome| Row::new("change", value, titles.clone()).of(outcome);
    match walked(scenario).last() {
        Some(run) if run.kind == RunKind::Interrupted => {
            let (words, outcome) = reached(run);
            row(words, outcome)
        }
        Some(run) => row(ended(&run.change, false), Outcome::Pass),
        None => row("not run".to_owned(), Outcome::Inconclusive),
    }
}

fn titles(titles: &[String]) -> String {
    match titles {
        [one] => one.clone(),
        several => {
            let numbered = (1..).zip(several).map(|(number, title)| format!("{number}. {title}"));
            numbered.collect::<Vec<_>>().join("\n")
        }
    }
}

/// Where an interrupted run was interrupted.
fn reached(run: &RunVerdict) -> (String, Outcome) {
    match &run.point {
        Some(point) if point.completed.is_some() => {
            let finished = run.change.result == OperationResult::Ok;
            let how = if point.held { "stopped" } else { "met" };
            let words = format!("{how} {}", place_of(point).replace("statement ", ""));
            if finished {
                (format!("{words}, yet finished"), Outcome::Inconclusive)
            } else {
                (words, Outcome::Pass)
            }
        }
        Some(_) => ("not reached".to_owned(), Outcome::Inconclusive),
        None => ("not run".to_owned(), Outcome::Inconclusive),
    }
}

/// A point in words: `before statement 3 of 3`.
pub(super) fn place_of(point: &PointVerdict) -> String {
    let of = if point.in_rollback { "the rollback's " } else { "" };
    let step = format!("{of}step {}", point.step);
    match (point.side, point.statement, point.statements) {
        (Some(side), Some(number), Some(all)) => format!("{side} statement {number} of {all}"),
        (Some(side), Some(number), None) => format!("{side} statement {number} of {step}"),
        (Some(side), None, _) => format!("{side} {}", point.what.as_deref().unwrap_or(&step)),
        (None, ..) => format!("during {step}"),
    }
}

/// How an operation ended.
fn ended(operation: &OperationVerdict, exit_codes: bool) -> String {
    let took = operation.took_ms.map_or_else(String::new, |ms| format!(" in {}", time(ms)));
    let step = operation.failed_step.map_or_else(String::new, |step| format!(" at step {step}"));
    match operation.result {
        OperationResult::Ok if exit_codes => format!("exit 0{took}"),
        OperationResult::Ok => format!("applied{took}"),
        OperationResult::Failed => {
            let code = operation.exit_code.map_or("failed".to_owned(), |code| format!("exit {code}"));
            format!("{code}{step}{took}")
        }
        OperationResult::Interrupted => format!("interrupted{step}"),
        OperationResult::TimedOut => format!("too late{step}{took}"),
        OperationResult::NotInvoked => "not invoked".to_owned(),
        OperationResult::Unknown => "its end is not known".to_owned(),
    }
}

fn fault(fault: &FaultVerdict) -> Row {
    let on = fault.on.as_ref().map_or_else(String::new, |service| format!(" {service}"));
    let value = format!("{}{on}", fault.kind);
    if fault.acted {
        Row::new("fault", value, fault.evidence.clone())
    } else {
        let detail = format!("not seen to act in time: {}", fault.evidence);
        Row::new("fault", value, detail).of(Outcome::Inconclusive)
    }
}

/// What stands in the place of a way back.
fn forward_only(scenario: &ScenarioVerdict) -> Vec<Row> {
    let Some(declared) = &scenario.forward_only else { return Vec::new() };
    let found = scenario.findings.iter().find(|found| found.check == Check::ForwardOnly);
    let outcome = found.map_or(Outcome::Inconclusive, |found| found.outcome);
    let value = if outcome == Outcome::Fail { "WITHOUT SAFEGUARDS" } else { "declared" };
    let mut rows = vec![Row::new("forward only", value, declared.because.clone()).of(outcome)];
    for name in &declared.prechecks {
        let tried = scenario.runs.iter().filter_map(|run| run.precheck.as_ref());
        let (value, outcome) = match tried.into_iter().find(|it| it.name == *name).and_then(|it| it.says_no) {
            Some(true) => ("says no", Outcome::Pass),
            Some(false) => ("NEVER SAYS NO", Outcome::Fail),
            None => ("unknown", Outcome::Inconclusive),
        };
        rows.push(Row::new("pre-check", value, name.clone()).of(outcome));
    }
    rows
}

fn rollback(scenario: &ScenarioVerdict) -> Row {
    let walked = walked(scenario);
    let outcome =
        |run: &RunVerdict| worst(run, Check::Rollback).map_or(Outcome::Inconclusive, |found| found.outcome);
    let label = if scenario.forward_only.is_some() { "recovers" } else { "rollback" };
    let Some(shown) = walked.iter().max_by_key(|run| outcome(run)) else {
        return Row::new(label, "not run", titles(&scenario.rollback)).of(Outcome::Inconclusive);
    };
    let differ = walked.iter().any(|run| outcome(run) != outcome(shown));
    let mut aside = vec![format!("allowed {}", time(scenario.within_ms))];
    aside.extend(shown.recovered_ms.map(|ms| format!("all well after {}", time(ms))));
    aside.extend(differ.then(|| format!("{} run", shown.kind.word())));
    if outcome(shown) == Outcome::Pass && shown.rollback.result != OperationResult::Ok {
        aside.extend(worst(shown, Check::Rollback).map(|found| found.message.clone()));
    }
    let detail = format!("{} ({})", titles(&scenario.rollback), aside.join(", "));
    Row::new(label, ended(&shown.rollback, true), detail).of(outcome(shown))
}

/// The classes of the walked runs (S4).
fn result(scenario: &ScenarioVerdict) -> Vec<Row> {
    let walked = walked(scenario);
    let classes: Vec<(RunKind, Class)> =
        walked.iter().filter_map(|run| run.class.map(|class| (run.kind, class))).collect();
    let same = classes.windows(2).all(|pair| pair[0].1 == pair[1].1);
    let shown = if same { classes.last().into_iter().collect() } else { classes.iter().collect::<Vec<_>>() };
    let row = |(kind, class): &(RunKind, Class)| {
        let which = if same { String::new() } else { format!(" ({} run)", kind.word()) };
        let (words, outcome) = class_words(*class);
        Row::new("result", class.word().replace('_', " "), format!("{words}{which}")).of(outcome)
    };
    shown.into_iter().map(row).collect()
}

fn class_words(class: Class) -> (&'static str, Outcome) {
    match class {
        Class::Restored => ("exit 0, and the state is right", Outcome::Pass),
        Class::RestoredWithError => ("the state is right, and it ended with an error", Outcome::Pass),
        Class::Silent => ("exit 0, and the state is wrong", Outcome::Fail),
        Class::Broken => ("it failed, and the state is wrong", Outcome::Fail),
        Class::Unknown => ("it cannot be told", Outcome::Inconclusive),
    }
}

/// The worst answer of a run to a question.
fn worst(run: &RunVerdict, check: Check) -> Option<&Finding> {
    run.findings.iter().filter(|found| found.check == check).max_by_key(|found| found.outcome)
}

fn state(scenario: &ScenarioVerdict, check: Check) -> Row {
    let found: Vec<(RunKind, &Finding)> = walked(scenario)
        .into_iter()
        .filter_map(|run| worst(run, check).map(|finding| (run.kind, finding)))
        .collect();
    let Some((kind, finding)) = found.iter().max_by_key(|(_, finding)| finding.outcome) else {
        let looked =
            walked(scenario).iter().any(|run| run.findings.iter().any(|found| STATES.contains(&found.check)));
        return if looked {
            Row::new(check.word(), "not judged", "")
        } else {
            Row::new(check.word(), "unknown", "").of(Outcome::Inconclusive)
        };
    };
    let differ = found.iter().any(|(_, other)| other.outcome != finding.outcome);
    let which = match (differ, found.len() < walked(scenario).len()) {
        (_, true) => format!(" ({} run only)", kind.word()),
        (true, false) => format!(" ({} run)", kind.word()),
        (false, false) => String::new(),
    };
    let detail = format!("{}{which}", finding.brief.clone().unwrap_or_default());
    Row::new(check.word(), state_words(check, finding), detail.trim()).of(finding.outcome)
}

/// `as before`, as the finding says it.
fn state_words(check: Check, finding: &Finding) -> String {
    match finding.outcome {
        Outcome::Fail if check == Check::Leftovers => "LEFT BEHIND".to_owned(),
        Outcome::Fail => "DIFFERS".to_owned(),
        Outcome::Inconclusive => "unknown".to_owned(),
        Outcome::Pass if check == Check::Leftovers => "none".to_owned(),
        Outcome::Pass => {
            let words = finding.message.strip_prefix(check.word()).unwrap_or(&finding.message);
            let brief = finding.brief.as_ref().map(|brief| format!(", {brief}"));
            words.strip_suffix(brief.as_deref().unwrap_or_default()).unwrap_or(words).trim().to_owned()
        }
    }
}

/// What the clients have to say, where there are any: the worst of each kind.
fn clients(scenario: &ScenarioVerdict) -> Vec<Row> {
    let words = [
        (Check::Recovery, ["as allowed", "unknown", "NOT AS ALLOWED"]),
        (Check::Promises, ["kept", "unknown", "BROKEN"]),
        (Check::Service, ["well again", "unknown", "NOT WELL"]),
        (Check::Compatibility, ["compatible", "unknown", "INCOMPATIBLE"]),
    ];
    let row = |(check, words): (Check, [&str; 3])| {
        let found = walked(scenario).into_iter().filter_map(|run| Some((run.kind, worst(run, check)?)));
        let (kind, finding) = found.max_by_key(|(_, finding)| finding.outcome)?;
        let word = match finding.outcome {
            Outcome::Pass => words[0],
            Outcome::Inconclusive => words[1],
            Outcome::Fail => words[2],
        };
        let detail = finding.brief.as_ref().unwrap_or(&finding.message);
        Some(Row::new(check.word(), word, format!("{detail} ({} run)", kind.word())).of(finding.outcome))
    };
    words.into_iter().filter_map(row).collect()
}

/// Whether anyone noticed, a row for each alert.
fn alerts(scenario: &ScenarioVerdict) -> Vec<Row> {
    let run = scenario.run(RunKind::Interrupted);
    let asked = run.into_iter().flat_map(|run| &run.findings).filter(|found| found.check == Check::Alerts);
    let row = |found: &Finding| {
        let word = match found.outcome {
            Outcome::Pass => "noticed",
            Outcome::Inconclusive => "unknown",
            Outcome::Fail => "NOT AS EXPECTED",
        };
        Row::new("alerts", word, found.message.clone()).of(found.outcome)
    };
    asked.map(row).collect()
}

/// One row per explicit expectation, told apart by the line that asks.
fn facts(scenario: &ScenarioVerdict) -> Vec<Row> {
    let mut asked: Vec<(RunKind, &Finding)> = Vec::new();
    for run in walked(scenario) {
        for finding in run.findings.iter().filter(|found| FACTS.contains(&found.check)) {
            match asked.iter_mut().find(|(_, known)| known.at == finding.at && known.check == finding.check) {
                Some(known) if worse_or_as_well(known.1, finding) => *known = (run.kind, finding),
                Some(_) => {}
                None => asked.push((run.kind, finding)),
            }
        }
    }
    asked.into_iter().map(|(kind, finding)| fact(kind, finding)).collect()
}

/// Of two that hold, the later run has seen more.
fn worse_or_as_well(known: &Finding, finding: &Finding) -> bool {
    known.outcome < finding.outcome || (known.outcome == Outcome::Pass && finding.outcome == Outcome::Pass)
}

fn fact(kind: RunKind, finding: &Finding) -> Row {
    let (value, which) = match finding.outcome {
        Outcome::Pass => ("holds", String::new()),
        Outcome::Inconclusive => ("unknown", format!(" ({} run)", kind.word())),
        Outcome::Fail => ("DOES NOT HOLD", format!(" ({} run)", kind.word())),
    };
    let said = &finding.message;
    let title = said.strip_prefix("does not hold: ").or(said.strip_prefix("does not always hold: "));
    let title = title.unwrap_or(said);
    Row::new(finding.check.word(), value, format!("{title}{which}")).of(finding.outcome)
}

fn idle(scenario: &ScenarioVerdict) -> Row {
    let Some(run) = scenario.run(RunKind::Idle) else {
        return Row::new("idle", "not run", "").of(Outcome::Inconclusive);
    };
    match worst(run, Check::Unsound) {
        Some(found) if found.outcome == Outcome::Pass => Row::new("idle", "quiet", found.message.clone()),
        Some(_) => {
            Row::new("idle", "MOVES", "something moves by itself, see below").of(Outcome::Inconclusive)
        }
        None => Row::new("idle", "unknown", "").of(Outcome::Inconclusive),
    }
}

fn control(scenario: &ScenarioVerdict) -> Row {
    let Some(run) = scenario.run(RunKind::Control) else {
        return Row::new("control", "not run", "").of(Outcome::Inconclusive);
    };
    let exercised = scenario.exercised.map_or_else(String::new, |(failed, all)| {
        format!("{failed} of {} exercised", counted(all, "expectation"))
    });
    let found = worst(run, Check::Vacuous).map(|found| found.outcome);
    match found {
        Some(Outcome::Pass) => Row::new("control", "fails without it", exercised),
        Some(Outcome::Fail) => Row::new("control", "HOLDS WITHOUT IT", exercised).of(Outcome::Fail),
        Some(Outcome::Inconclusive) | None => Row::new("control", "unknown", "").of(Outcome::Inconclusive),
    }
}

/// What was seen, at most so many lines of each thing; what is left out is counted, with the file
/// that holds it.
pub(super) fn evidence(problem: &Problem<'_>, limit: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut groups: Vec<(&String, Vec<&String>)> = Vec::new();
    for line in &problem.finding.evidence {
        match groups.last_mut() {
            Some((_, details)) if line.starts_with("  ") => details.push(line),
            _ => groups.push((line, Vec::new())),
        }
    }
    for (head, details) in groups.iter().take(2 * limit) {
        // The message of a finding on one thing has said it.
        if groups.len() > 1 || !problem.finding.message.ends_with(head.as_str()) {
            lines.push((*head).clone());
        }
        lines.extend(details.iter().take(limit).map(|line| (*line).clone()));
        let shown = details.len().min(limit) as u64;
        let rows = rows_of(problem, head);
        let (all, file) = rows.map_or((details.len() as u64, "scorecard.json"), |rows| (rows, "rows.jsonl"));
        if shown > 0 && all > shown {
            lines.push(format!("  … {} more in {file}", grouped(all - shown)));
        }
    }
    if groups.len() > 2 * limit {
        lines.push(format!("… {} more in scorecard.json", groups.len() - 2 * limit));
    }
    lines
}

/// How many rows of the table that a line of evidence begins with differ.
fn rows_of(problem: &Problem<'_>, head: &str) -> Option<u64> {
    let tables = problem.runs.iter().flat_map(|run| &run.rows).map(|(_, rows)| rows);
    let table = tables.into_iter().find(|rows| head.starts_with(&format!("{}:", rows.table)))?;
    (problem.finding.check == Check::Data)
        .then_some(table.counts.changed + table.counts.missing + table.counts.extra)
}

/// What stopped the drill before its end.
pub(super) fn stopped(verdict: &Verdict) -> Vec<String> {
    let signal = verdict.signal.as_ref().map(|signal| match signal.as_str() {
        "timeout" => "the drill's time was over: what is above is what was known by then".to_owned(),
        signal => format!("stopped by {signal}: what is above is what was known by then"),
    });
    let cut = (!verdict.complete && verdict.signal.is_none())
        .then(|| "the journal ends before the drill did: it was cut, or its runner was killed".to_owned());
    signal.into_iter().chain(cut).collect()
}

/// The sum: `1 of 2 scenarios roll back, all as the drill says.`
pub(super) fn ending(verdict: &Verdict) -> String {
    let scenarios = &verdict.scenarios;
    let back = scenarios.iter().filter(|scenario| scenario.outcome == Outcome::Pass).count();
    let verb = if scenarios.len() == 1 { "rolls" } else { "roll" };
    let all = counted(scenarios.len(), "scenario");
    let met = scenarios.iter().filter(|scenario| scenario.met == Some(true)).count();
    let marked = scenarios.iter().any(|scenario| scenario.should.is_some() || scenario.required.is_some());
    let unknown = scenarios.iter().filter(|scenario| scenario.outcome == Outcome::Inconclusive).count();
    let unknown = if unknown == 0 { String::new() } else { format!(", {unknown} cannot be told") };
    let said = match scenarios.len() {
        _ if !marked => String::new(),
        all if met == all => ", all as the drill says".to_owned(),
        all => format!(", {met} of {all} as the drill says"),
    };
    format!("{back} of {all} {verb} back{unknown}{said}. It took {}.", time(verdict.took_ms))
}

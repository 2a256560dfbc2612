//! JUnit XML: one suite per scenario, one case per run. A fail is a failure, what could not be told
//! is an error. The control is a case that passes when the control failed (S1), and a scenario that
//! is marked to fail passes when it failed as marked (S23).

use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::card;
use crate::journal::event::RunKind;
use crate::outcome::Outcome;
use crate::text;
use crate::verdict::Verdict;
use crate::verdict::model::{Finding, RunVerdict, ScenarioVerdict};

/// Renders the report.
pub fn text(verdict: &Verdict) -> String {
    let mut report = Report::new(text::one_line(&verdict.drill));
    report.set_time(Duration::from_millis(verdict.took_ms));
    report.add_test_suites(verdict.scenarios.iter().map(suite));
    report.to_string().expect("writing to memory does not fail, and the text holds no illegal character")
}

fn suite(scenario: &ScenarioVerdict) -> TestSuite {
    let mut suite = TestSuite::new(text::one_line(&scenario.path));
    suite.set_time(Duration::from_millis(scenario.runs.iter().map(|run| run.took_ms).sum()));
    suite.add_property(("level", scenario.level.to_string().as_str()));
    suite.add_property(("points", card::points(scenario.counts).as_str()));
    suite.add_property(("verdict", scenario.outcome.word()));
    suite.add_test_cases(scenario.runs.iter().map(|run| of_run(scenario, run)));
    if !scenario.findings.is_empty() {
        suite.add_test_case(case(scenario, "scenario", &scenario.findings));
    }
    suite.add_test_cases(as_marked(scenario));
    suite
}

fn of_run(scenario: &ScenarioVerdict, run: &RunVerdict) -> TestCase {
    let mut case = case(scenario, &name(run), &run.findings);
    case.set_time(Duration::from_millis(run.took_ms));
    case
}

fn name(run: &RunVerdict) -> String {
    match (&run.point, run.kind) {
        (Some(point), RunKind::Again) => format!("again after {}", card::place_of(point)),
        (Some(point), _) => format!("interrupted {}", card::place_of(point)),
        (None, RunKind::Control) => "control: the expectations fail without the rollback".to_owned(),
        (None, RunKind::Idle) => "idle: nothing moves by itself".to_owned(),
        (None, RunKind::Precheck) => {
            let name = run.precheck.as_ref().map_or("", |precheck| &precheck.name);
            format!("pre-check says no when its condition is broken: {name}")
        }
        (None, RunKind::Finished) => "finished: back from the whole change".to_owned(),
        (None, kind @ (RunKind::Interrupted | RunKind::Again | RunKind::Reference | RunKind::Lane)) => {
            kind.word().to_owned()
        }
    }
}

/// A case of findings. Where the scenario failed as marked, it passes and says what failed.
fn case(scenario: &ScenarioVerdict, name: &str, findings: &[Finding]) -> TestCase {
    let met = scenario.should.is_some() && scenario.met == Some(true);
    let outcome = Outcome::worst(findings.iter().map(|finding| finding.outcome));
    let mut case = TestCase::new(text::one_line(name), status(if met { Outcome::Pass } else { outcome }));
    case.set_classname(text::one_line(&scenario.path));
    let wrong: Vec<&Finding> = findings.iter().filter(|finding| finding.outcome != Outcome::Pass).collect();
    let told: Vec<String> = wrong.iter().map(|finding| told(finding)).collect();
    if let Some(first) = wrong.iter().max_by_key(|finding| finding.outcome) {
        case.status.set_type(first.check.word());
        case.status.set_message(text::one_line(&first.message));
        case.status.set_description(format!("\n{}\n", told.join("\n\n")));
    }
    if met && outcome != Outcome::Pass {
        case.set_system_out(format!("marked to fail, and fails as marked:\n{}\n", told.join("\n\n")));
    }
    case
}

fn status(outcome: Outcome) -> TestCaseStatus {
    match outcome {
        Outcome::Pass => TestCaseStatus::success(),
        Outcome::Inconclusive => TestCaseStatus::non_success(NonSuccessKind::Error),
        Outcome::Fail => TestCaseStatus::non_success(NonSuccessKind::Failure),
    }
}

/// A finding as text.
fn told(finding: &Finding) -> String {
    let mut told = format!("{} ({}): {}", finding.check.word(), finding.outcome.word(), finding.message);
    if let Some(place) = &finding.at {
        told.push_str(&format!("\n  asked for at {place}"));
    }
    for line in &finding.evidence {
        told.push_str(&format!("\n  {line}"));
    }
    if let Some(next) = &finding.next {
        told.push_str(&format!("\n  next: {next}"));
    }
    text::clean(&told)
}

/// Whether the drill got what it asks for, beyond a pass.
fn as_marked(scenario: &ScenarioVerdict) -> Option<TestCase> {
    let asked = match (&scenario.should, scenario.required) {
        (Some(because), _) => format!("fails because of {}", because.join(", ")),
        (None, Some(level)) => format!("reaches level {level}"),
        (None, None) => return None,
    };
    let outcome = match scenario.met {
        Some(true) => Outcome::Pass,
        Some(false) => Outcome::Fail,
        None => Outcome::Inconclusive,
    };
    let mut case = TestCase::new(text::one_line(&asked), status(outcome));
    case.set_classname(text::one_line(&scenario.path));
    case.status.set_type("drill").set_message(text::one_line(&format!("it is {}", card::headline(scenario))));
    Some(case)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::testing::{HARM, cases};

    fn of(name: &str) -> String {
        text(&cases().into_iter().find(|(known, _)| *known == name).unwrap().1)
    }

    /// The number in an attribute of the first element.
    fn total(xml: &str, attribute: &str) -> usize {
        let (_, rest) = xml.split_once(&format!(" {attribute}=\"")).unwrap();
        rest.split_once('"').unwrap().0.parse().unwrap()
    }

    #[test]
    fn cases_fail_exactly_when_the_drill_is_not_met() {
        for (name, verdict) in cases() {
            let xml = text(&verdict);
            let wrong = total(&xml, "failures") + total(&xml, "errors");
            assert_eq!(wrong == 0, verdict.outcome == Outcome::Pass, "{name}: {xml}");
        }
    }

    #[test]
    fn s1_the_control_is_a_case_that_passes_when_the_control_failed() {
        let control = "name=\"control: the expectations fail without the rollback\"";
        let of_control =
            |xml: &str| xml.split_once(control).unwrap().1.split_once("<testcase").unwrap().0.to_owned();
        assert!(!of_control(&of("all well")).contains("<failure"));
        assert!(of_control(&of("vacuous")).contains("<failure"));
        assert!(of_control(&of("control unknown")).contains("<error"));
    }

    #[test]
    fn a_scenario_that_is_marked_to_fail_passes_and_says_what_failed() {
        let xml = of("two");
        assert_eq!((total(&xml, "failures"), total(&xml, "errors")), (0, 0));
        assert!(xml.contains("marked to fail, and fails as marked:"), "{xml}");
        assert!(xml.contains("data is not as before"), "{xml}");
        assert_eq!(total(&of("marked and well"), "failures"), 1);
    }

    #[test]
    fn the_xml_is_legal_whatever_a_program_printed() {
        let xml = of("broken");
        assert!(
            HARM.contains("]]>") && xml.contains("&lt;/pre&gt;&lt;script&gt;x&lt;/script&gt; ]]&gt;"),
            "{xml}"
        );
        for c in xml.chars() {
            let legal = matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
            assert!(legal, "{c:?}");
        }
        assert_eq!(xml.matches("<![CDATA[").count(), 0);
        quick_junit::Report::deserialize_from_str(&xml).unwrap();
    }
}

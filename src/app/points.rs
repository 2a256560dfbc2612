//! `points`: what points a change and its rollback really have.

use std::fmt::Write as _;
use std::io::Write;

use super::files::{self, How};
use super::{AppError, Surroundings, run, say};
use crate::cli::Points;
use crate::exit;
use crate::gateway::control::Side;
use crate::plan::model::Sweep;
use crate::report::gaps;
use crate::sweep::{Listed, Spot, Survey, Tried};

pub(super) async fn points(
    points: &Points,
    around: &Surroundings,
    out: &mut dyn Write,
) -> Result<u8, AppError> {
    let how = How { sweep: Some(Sweep { exhaustive: false }), ..run::how(&points.how, false, around) };
    let drill = files::plan(&points.inputs, how, around)?;
    let scenarios: Vec<String> = drill.plan.scenarios.iter().map(|entry| entry.plan.path.clone()).collect();
    let engine = super::engine::find(around).await?;
    let happened = run::happen(drill, engine, &points.how, around, run::Book::Survey).await?;
    let mut text = String::new();
    let verdict = crate::verdict::judge(&happened.timeline);
    for scenario in &scenarios {
        match happened.timeline.surveys.get(scenario) {
            Some(survey) => {
                text.push_str(&list(scenario, survey));
                let judged = verdict.scenarios.iter().filter(|judged| judged.path == *scenario);
                for gap in judged.flat_map(|judged| &judged.gaps) {
                    writeln!(text, " {}", gaps::words(gap)).unwrap_or_default();
                }
            }
            None => writeln!(text, "\n {scenario}: nothing was recorded").unwrap_or_default(),
        }
    }
    let folder = happened.folder.strip_prefix(&around.current).unwrap_or(&happened.folder).display();
    writeln!(text, "\n journal: {folder}").unwrap_or_default();
    say(out, &text)?;
    happened.ended?;
    let all = scenarios.iter().all(|scenario| happened.timeline.surveys.contains_key(scenario));
    Ok(if all { exit::MET } else { exit::TROUBLE })
}

fn list(scenario: &str, survey: &Survey) -> String {
    let (points, cases) = (survey.points.len(), survey.cases.len());
    let mut text = format!("\n {scenario}  {points} points, {cases} cases\n");
    text.push_str(" case  where                                 text\n");
    for point in &survey.points {
        let inside = if point.inside { "in a transaction: " } else { "" };
        writeln!(text, " {:>4}  {:<36}  {inside}{}", point.case, place(point), point.text)
            .unwrap_or_default();
    }
    for again in survey.cases.iter().filter(|case| case.tried == Tried::Again) {
        writeln!(text, " {:>4}  change again                          after its rollback", again.number)
            .unwrap_or_default();
    }
    for gap in &survey.gaps {
        writeln!(text, " not listed: {gap}").unwrap_or_default();
    }
    text
}

fn place(point: &Listed) -> String {
    let side = match point.side {
        Side::Before => "before",
        Side::After => "after",
    };
    let (operation, step) = (point.operation.word(), point.step);
    match &point.spot {
        Spot::Gap => format!("{operation} {side} step {step}"),
        Spot::Statement { number } => format!("{operation} step {step}, {side} {number}"),
        Spot::Replica { number } => format!("{operation} step {step}, {side} replica {number}"),
        Spot::Ask { number, service, .. } => format!("{operation} step {step}, {side} {service} {number}"),
    }
}

//! The scorecard for a CI job's summary or a comment on a pull request.

use std::fmt::{self, Write};

use super::card::{self, Problem};
use super::snippet::snippet;
use super::text;
use crate::outcome::Outcome;
use crate::verdict::Verdict;
use crate::verdict::model::ScenarioVerdict;

/// A comment holds 65,536 characters; what is beyond this many bytes is left to the other files.
const ROOM: usize = 60_000;
/// How many lines of evidence of one thing are shown.
const EVIDENCE: usize = 20;

/// Renders the report. `shown` gives the text of a file by the name under which it is shown.
pub fn text(verdict: &Verdict, shown: &dyn Fn(&str) -> Option<String>) -> String {
    let mut page = String::new();
    render(verdict, shown, &mut page).expect("writing to memory does not fail");
    page
}

fn render(verdict: &Verdict, shown: &dyn Fn(&str) -> Option<String>, page: &mut String) -> fmt::Result {
    writeln!(page, "## {}: {}\n", escape(&verdict.drill), verdict.outcome.word().to_uppercase())?;
    for line in card::stopped(verdict) {
        writeln!(page, "**{}**\n", escape(&line))?;
    }
    writeln!(page, "{}\n", escape(&card::ending(verdict)))?;
    for left in &verdict.left {
        writeln!(page, "Could not be removed: {}\n", escape(left))?;
    }
    table(verdict, page)?;
    let mut left_out = 0;
    for scenario in &verdict.scenarios {
        let mut part = String::new();
        details(scenario, shown, &mut part)?;
        if page.len() + part.len() <= ROOM {
            page.push_str(&part);
        } else {
            left_out += 1;
        }
    }
    if left_out > 0 {
        writeln!(
            page,
            "\nThe details of {left_out} scenarios are in scorecard.json: there is no room here."
        )?;
    }
    Ok(())
}

fn table(verdict: &Verdict, page: &mut String) -> fmt::Result {
    writeln!(page, "| scenario | verdict | points | first finding |\n|---|---|---|---|")?;
    for scenario in &verdict.scenarios {
        let problems = card::problems(scenario);
        let first = problems.first().map_or("", |problem| &problem.finding.message);
        let (path, headline) = (escape(&scenario.path), escape(&card::headline(scenario)));
        let points = escape(&card::points(scenario.counts));
        writeln!(page, "| {path} | {headline} | {points} | {} |", escape(&shortened(first)))?;
    }
    writeln!(page)
}

fn shortened(message: &str) -> String {
    let message = text::one_line(message);
    match message.char_indices().nth(160) {
        Some((cut, _)) => format!("{}…", &message[..cut]),
        None => message,
    }
}

/// One folded part per scenario, and one per finding in it.
fn details(
    scenario: &ScenarioVerdict,
    shown: &dyn Fn(&str) -> Option<String>,
    page: &mut String,
) -> fmt::Result {
    let (path, headline) = (html(&scenario.path), html(&card::headline(scenario)));
    writeln!(page, "<details><summary><b>{path}</b>: {headline}</summary>\n")?;
    if !scenario.summary.is_empty() {
        writeln!(page, "{}\n", escape(&scenario.summary))?;
    }
    writeln!(page, "| | | |\n|---|---|---|")?;
    for row in card::rows(scenario) {
        let value = if row.outcome == Outcome::Pass { escape(&row.value) } else { bold(&row.value) };
        writeln!(page, "| {} | {value} | {} |", escape(&row.label), escape(&row.detail))?;
    }
    writeln!(page)?;
    for problem in card::problems(scenario) {
        finding(&problem, shown, page)?;
    }
    for remark in card::remarks(scenario) {
        writeln!(page, "- {}", escape(&remark))?;
    }
    writeln!(page, "\n</details>\n")
}

fn bold(value: &str) -> String {
    format!("<b>{}</b>", escape(value))
}

fn finding(problem: &Problem<'_>, shown: &dyn Fn(&str) -> Option<String>, page: &mut String) -> fmt::Result {
    let found = problem.finding;
    let word = found.outcome.word();
    writeln!(page, "<details><summary>{word}: {}</summary>\n", html(&found.message))?;
    writeln!(page, "<pre>")?;
    if let Some(place) = &found.at {
        writeln!(page, "{}", html(&place.to_string()))?;
        if let Some(asked) = snippet(place, shown, 120) {
            let under = format!("{}{}", " ".repeat(asked.start), "^".repeat(asked.length));
            writeln!(page, "{:>5} | {}\n      | {under}", asked.number, html(&asked.line))?;
        }
    }
    for line in card::evidence(problem, EVIDENCE) {
        writeln!(page, "{}", html(&line))?;
    }
    writeln!(page, "</pre>\n")?;
    let runs = card::in_runs(&problem.runs());
    if !runs.is_empty() {
        writeln!(page, "Seen {}.\n", escape(&runs))?;
    }
    if let Some(next) = &found.next {
        writeln!(page, "Next: {}\n", escape(next))?;
    }
    writeln!(page, "</details>\n")
}

/// Text inside of HTML: nothing in it is a tag, and no line of it is empty, which would end a block.
fn html(content: &str) -> String {
    let mut safe = String::new();
    for c in text::one_line(content).chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            c => safe.push(c),
        }
    }
    safe
}

/// Text in a paragraph or a cell: nothing in it is Markdown, a tag, a mention or the end of a cell.
fn escape(content: &str) -> String {
    let mut safe = String::new();
    for c in html(content).chars() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '@' | '#' | '!' | '$' => {
                // A character reference never takes part in Markdown's own syntax.
                safe.push_str(&format!("&#{};", u32::from(c)));
            }
            c => safe.push(c),
        }
    }
    // What `html` has made is a reference already.
    safe.replace("&amp;", "&#38;")
}

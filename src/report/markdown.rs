//! The scorecard for a CI job's summary or a comment on a pull request.

use std::fmt::{self, Write};

use super::card::{self, Problem};
use super::snippet::snippet;
use crate::outcome::Outcome;
use crate::text;
use crate::verdict::Verdict;
use crate::verdict::model::ScenarioVerdict;

/// A comment holds 65,536 characters; what is beyond this many bytes is left to the other files.
const ROOM: usize = 60_000;
/// How many calls to the outside are shown.
const CALLS: usize = 40;
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
    let (path, headline) = (summary(&scenario.path), summary(&card::headline(scenario)));
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
    points(scenario, page)?;
    calls(scenario, page)?;
    for problem in card::problems(scenario) {
        finding(&problem, shown, page)?;
    }
    for remark in card::remarks(scenario) {
        writeln!(page, "- {}", escape(&remark))?;
    }
    writeln!(page, "\n</details>\n")
}

fn points(scenario: &ScenarioVerdict, page: &mut String) -> fmt::Result {
    let Some(told) = card::summed_up(scenario) else { return Ok(()) };
    writeln!(
        page,
        "{}.\n\n| point | text | fault | rollback | state | verdict |\n|---|---|---|---|---|---|",
        escape(&told)
    )?;
    for row in card::point_rows(scenario) {
        let (place, text) = (escape(&row.place), escape(&shortened(&row.text)));
        let word = row.outcome.word();
        let word = if row.outcome == Outcome::Pass { word.to_owned() } else { bold(word) };
        writeln!(
            page,
            "| {place} | {text} | {} | {} | {} | {word} |",
            escape(&row.fault),
            escape(&row.rollback),
            escape(&row.state)
        )?;
    }
    writeln!(page)
}

/// What went outside, call by call.
fn calls(scenario: &ScenarioVerdict, page: &mut String) -> fmt::Result {
    let Some((run, rows)) = card::calls(scenario) else { return Ok(()) };
    let all = text::counted(rows.len(), "call");
    writeln!(page, "<details><summary>{all} to the outside in the {run} run</summary>\n")?;
    writeln!(page, "| during | call | about | answer | |\n|---|---|---|---|---|")?;
    for row in rows.iter().take(CALLS) {
        let (call, about) = (escape(&shortened(&row.call)), escape(&shortened(&row.about)));
        writeln!(page, "| {} | {call} | {about} | {} | {} |", escape(&row.during), row.answer, row.part)?;
    }
    if rows.len() > CALLS {
        writeln!(page, "\n{} more are in scorecard.json.", rows.len() - CALLS)?;
    }
    writeln!(page, "\n</details>\n")
}

fn bold(value: &str) -> String {
    format!("<b>{}</b>", escape(value))
}

fn finding(problem: &Problem<'_>, shown: &dyn Fn(&str) -> Option<String>, page: &mut String) -> fmt::Result {
    let found = problem.finding;
    let word = found.outcome.word();
    writeln!(page, "<details><summary>{word}: {}</summary>\n", summary(&found.message))?;
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

/// The same where a site looks for names and numbers of its own: none is addressed by an evidence.
fn summary(content: &str) -> String {
    html(content).replace('@', "@&#8203;").replace('#', "#&#8203;")
}

/// Text in a paragraph or a cell: nothing in it is Markdown, a tag, a mention or the end of a cell.
fn escape(content: &str) -> String {
    let mut safe = String::new();
    for c in html(content).chars() {
        match c {
            '@' | '#' => safe.push_str(&format!("&#{};&#8203;", u32::from(c))),
            // A character reference never takes part in Markdown's own syntax.
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '!' | '$' => {
                safe.push_str(&format!("&#{};", u32::from(c)));
            }
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::testing::{HARM, cases, shown};

    #[test]
    fn no_evidence_breaks_a_table_or_becomes_a_tag() {
        for (name, verdict) in cases() {
            let page = text(&verdict, &shown);
            assert!(!page.contains("<script"), "{name}");
            assert!(!page.chars().any(|c| c.is_control() && c != '\n'), "{name}");
            for tag in ["details", "summary", "pre", "b"] {
                let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
                assert_eq!(page.matches(&open).count(), page.matches(&close).count(), "{name}: {tag}");
            }
            for row in page.lines().filter(|line| line.starts_with("| ")) {
                let bars = row.matches('|').count();
                assert!(bars == 5 || bars == 4, "{name}: {row}");
            }
        }
    }

    #[test]
    fn what_is_escaped_is_neither_markdown_nor_a_mention() {
        let safe = escape(HARM);
        assert_eq!(
            safe,
            "&lt;/pre&gt;&lt;script&gt;x&lt;/script&gt; &#93;&#93;&gt; &#124; &#96;&#42;&#95;&#91;a&#93;(b)\
             &#64;&#8203;all  &amp; \"é\""
        );
    }

    #[test]
    fn the_heading_the_evidence_and_the_next_step_are_there() {
        let silent = cases().into_iter().find(|(name, _)| *name == "silent").unwrap().1;
        let page = text(&silent, &shown);
        assert!(page.starts_with("## demo: FAIL\n"), "{page}");
        assert!(
            page.contains("| drop-column/right | FAIL · level 0 | 0 pass, 1 fail, 0 unknown of 1 point |")
        );
        assert!(
            page.contains("  id '20'  note 'gift wrap' → NULL\n  … 980 more in rows.jsonl\n</pre>"),
            "{page}"
        );
        assert!(page.contains("   32 |   line_32: as_before"), "{page}");
        assert!(page.contains("\nNext: the rollback brings the structure back"), "{page}");
    }

    #[test]
    fn a_comment_holds_what_there_is_room_for_and_says_what_is_left_out() {
        let (_, mut verdict) = cases().into_iter().find(|(name, _)| *name == "silent").unwrap();
        verdict.scenarios = std::iter::repeat_n(verdict.scenarios[0].clone(), 100).collect();
        let page = text(&verdict, &shown);
        assert!(page.len() < 65_536, "{}", page.len());
        assert!(page.contains("scenarios are in scorecard.json"), "{}", page.len());
    }
}

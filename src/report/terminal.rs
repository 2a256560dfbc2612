//! The scorecard for people: what happened, what came back, what did not, the evidence, the line
//! that asked for it, and the next step.

use std::fmt::{self, Write};

use super::Style;
use super::card::{self, Problem};
use super::layout::{Field, block, columns, paint};
use super::snippet::snippet;
use crate::outcome::{Check, Outcome};
use crate::text;
use crate::verdict::Verdict;
use crate::verdict::model::ScenarioVerdict;

/// How many lines of evidence of one thing are shown; the rest is in the files.
const EVIDENCE: usize = 5;
/// How many points of a sweep are shown one by one.
const POINTS: usize = 40;

/// Renders the scorecard. `shown` gives the text of a file by the name under which it is shown;
/// `folder` is where the reports are.
///
/// # Errors
/// Those of the writer.
pub fn render(
    verdict: &Verdict,
    shown: &dyn Fn(&str) -> Option<String>,
    folder: &str,
    style: Style,
    out: &mut impl Write,
) -> fmt::Result {
    for scenario in &verdict.scenarios {
        writeln!(out)?;
        head(scenario, style, out)?;
        card(scenario, style, out)?;
        points(scenario, style, out)?;
        for problem in card::problems(scenario) {
            writeln!(out)?;
            finding(&problem, shown, style, out)?;
        }
        remarks(scenario, style, out)?;
    }
    writeln!(out)?;
    if verdict.scenarios.len() > 1 {
        summary(verdict, style, out)?;
        writeln!(out)?;
    }
    ending(verdict, folder, style, out)
}

fn lines(lines: Vec<String>, out: &mut impl Write) -> fmt::Result {
    lines.iter().try_for_each(|line| writeln!(out, "{line}"))
}

/// The path on the left, the verdict on the right; below each other where both do not fit.
fn head(scenario: &ScenarioVerdict, style: Style, out: &mut impl Write) -> fmt::Result {
    let (path, headline) = (text::one_line(&scenario.path), card::headline(scenario));
    let taken = path.chars().count() + headline.chars().count() + 2;
    let met = if scenario.should.is_some() { scenario.met } else { None };
    let outcome = if met == Some(true) { Outcome::Pass } else { scenario.outcome };
    let painted = paint(&headline, outcome, style);
    match style.width.checked_sub(taken + 2) {
        Some(gap) => writeln!(out, " {path}  {}{painted}", " ".repeat(gap))?,
        None => {
            lines(block(" ", &path, style), out)?;
            writeln!(out, " {painted}")?;
        }
    }
    if !scenario.summary.is_empty() {
        lines(block(" ", &scenario.summary, style), out)?;
    }
    writeln!(out, " {}", "─".repeat(style.width - 2))
}

fn card(scenario: &ScenarioVerdict, style: Style, out: &mut impl Write) -> fmt::Result {
    let rows: Vec<Vec<Field>> = card::rows(scenario)
        .iter()
        .map(|row| {
            vec![Field::plain(&row.label), Field::of(&row.value, row.outcome), Field::plain(&row.detail)]
        })
        .collect();
    lines(columns(&rows, style), out)
}

/// The points of a sweep: those that do not pass, and as many of the others as can be taken in.
fn points(scenario: &ScenarioVerdict, style: Style, out: &mut impl Write) -> fmt::Result {
    let Some(told) = card::summed_up(scenario) else { return Ok(()) };
    let rows = card::point_rows(scenario);
    let fits = rows.len() <= POINTS;
    let shown = rows.iter().filter(|row| fits || row.outcome != Outcome::Pass);
    let fields: Vec<Vec<Field>> = shown
        .map(|row| {
            let word = row.outcome.word();
            let found = format!("{}; {}; {}", row.fault, row.rollback, row.state);
            vec![
                Field::of(word, row.outcome),
                Field::plain(&row.place),
                Field::plain(&format!("{}\n{found}", row.text)),
            ]
        })
        .collect();
    writeln!(out)?;
    lines(columns(&fields, style), out)?;
    if fields.len() < rows.len() {
        writeln!(out, " … {} more that pass, in scorecard.json", rows.len() - fields.len())?;
    }
    writeln!(out)?;
    lines(block(" ", &format!("{told}."), style), out)
}

fn finding(
    problem: &Problem<'_>,
    shown: &dyn Fn(&str) -> Option<String>,
    style: Style,
    out: &mut impl Write,
) -> fmt::Result {
    let found = problem.finding;
    let mark = if found.outcome == Outcome::Fail { "×" } else { "?" };
    let message = block(&format!(" {mark} "), &found.message, style);
    for (position, line) in message.iter().enumerate() {
        match position {
            0 => writeln!(out, "{}", line.replacen(mark, &paint(mark, found.outcome, style), 1))?,
            _ => writeln!(out, "{line}")?,
        }
    }
    if !problem.runs.is_empty() {
        lines(block("   ", &card::in_runs(&problem.runs()), style), out)?;
    }
    asked(problem, shown, style, out)?;
    // Exceptions are there to be copied: every line, and none broken.
    if found.check == Check::Unsound {
        found.evidence.iter().try_for_each(|line| writeln!(out, "     {}", text::one_line(line)))?;
    } else {
        for line in card::evidence(problem, EVIDENCE) {
            lines(block("     ", &line, style), out)?;
        }
    }
    match &found.next {
        Some(next) => lines(block("   next: ", next, style), out),
        None => Ok(()),
    }
}

/// The line of the scenario that asked, underlined where its text can still be had.
fn asked(
    problem: &Problem<'_>,
    shown: &dyn Fn(&str) -> Option<String>,
    style: Style,
    out: &mut impl Write,
) -> fmt::Result {
    let Some(place) = &problem.finding.at else { return Ok(()) };
    lines(block("   ", &place.to_string(), style), out)?;
    let Some(asked) = snippet(place, shown, style.width.saturating_sub(12)) else { return Ok(()) };
    let under = format!("{}{}", " ".repeat(asked.start), "^".repeat(asked.length));
    writeln!(out, "   {:>5} | {}", asked.number, asked.line)?;
    writeln!(out, "         | {}", paint(&under, problem.finding.outcome, style))
}

fn remarks(scenario: &ScenarioVerdict, style: Style, out: &mut impl Write) -> fmt::Result {
    let remarks = card::remarks(scenario);
    if !remarks.is_empty() {
        writeln!(out)?;
    }
    remarks.iter().try_for_each(|remark| lines(block(" · ", remark, style), out))
}

/// One line per scenario.
fn summary(verdict: &Verdict, style: Style, out: &mut impl Write) -> fmt::Result {
    let rows: Vec<Vec<Field>> = verdict
        .scenarios
        .iter()
        .map(|scenario| {
            let asked = match scenario.met {
                Some(true) => Outcome::Pass,
                Some(false) => Outcome::Fail,
                None => Outcome::Inconclusive,
            };
            vec![
                Field::plain(&scenario.path),
                Field::of(&card::headline(scenario), asked),
                Field::plain(&format!("{} points", card::share(scenario.counts))),
            ]
        })
        .collect();
    lines(columns(&rows, style), out)
}

fn ending(verdict: &Verdict, folder: &str, style: Style, out: &mut impl Write) -> fmt::Result {
    for line in card::stopped(verdict) {
        lines(block(" ? ", &line, style), out)?;
    }
    let word = paint(&verdict.outcome.word().to_uppercase(), verdict.outcome, style);
    lines(block(" ", &card::ending(verdict), style), out)?;
    writeln!(out, " verdict: {word} ({})", text::one_line(&verdict.drill))?;
    lines(block(" reports: ", folder, style), out)?;
    for kept in &verdict.kept {
        lines(block(" left standing: ", kept, style), out)?;
    }
    if !verdict.kept.is_empty() {
        writeln!(out, " remove with: backout clean --kept")?;
    }
    for left in &verdict.left {
        lines(block(" × could not be removed: ", left, style), out)?;
    }
    if !verdict.left.is_empty() {
        writeln!(out, " try again with: backout clean")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::testing::{cases, shown};

    const PLAIN: Style = Style { colour: false, width: 80 };

    fn rendered(verdict: &Verdict, style: Style) -> String {
        let mut page = String::new();
        render(verdict, &shown, "backout-runs/x", style, &mut page).unwrap();
        page
    }

    #[test]
    fn every_line_of_every_case_fits_80_columns_without_escapes() {
        for (name, verdict) in cases() {
            let page = rendered(&verdict, PLAIN);
            for line in page.lines() {
                let except = line.contains("because:");
                assert!(except || line.chars().count() <= 80, "{name}: {line}");
                assert_eq!(line.trim_end(), line, "{name} ends in spaces");
            }
            assert!(!page.contains('\u{1b}'), "{name}");
        }
    }

    fn of(name: &str) -> String {
        rendered(&cases().into_iter().find(|(known, _)| *known == name).unwrap().1, PLAIN)
    }

    #[test]
    fn a_change_without_a_way_back_shows_why_and_what_its_gates_say() {
        let shown = of("forward only");
        let rows = [
            "forward only  declared",
            "pre-check     NEVER SAYS NO",
            "recovers      exit 0",
            "isolation     holds",
        ];
        for row in rows {
            assert!(shown.contains(row), "`{row}` is missing:\n{shown}");
        }
    }

    #[test]
    fn a_silent_loss_reads_from_what_happened_to_the_next_step() {
        let expected = "
 drop-column/right                                               FAIL · level 0
 a column is dropped
 ──────────────────────────────────────────────────────────────────────────────
 change     stopped before 3 of 3  sql on db: up.sql, 3 statements
 fault      abort                  the operation ended
 rollback   exit 0 in 400 ms       sql on db: down.sql, 1 statement (allowed 60
                                   s)
 result     silent                 exit 0, and the state is wrong
 system     as before              1 service
 schema     as before              0 objects
 data       DIFFERS                public.orders: 1000 of 1000 rows changed:
                                   note
 sequences  as before              0 sequences
 leftovers  none
 impact     not judged             public.orders (rows)
 idle       quiet                  nothing moves by itself
 control    fails without it       1 of 5 expectations exercised
 level      0 of 4                 the way back is not proven
 points                            0 pass, 1 fail, 0 unknown of 1 point

 × data is not as before: public.orders: 1000 of 1000 rows changed: note
   in the finished and the interrupted run
   scenario.yaml:32:3
      32 |   line_32: as_before   # of scenario.yaml
         |   ^^^^^^^^^^^^^^^^^^
       id '1'  note 'gift wrap' → NULL
       id '2'  note 'gift wrap' → NULL
       id '3'  note 'gift wrap' → NULL
       id '4'  note 'gift wrap' → NULL
       id '5'  note 'gift wrap' → NULL
       … 995 more in rows.jsonl
   next: the rollback brings the structure back and nothing puts its values
         back: keep them until the contract step

 · not exercised, they hold without the rollback too: system as before, 1
   service; schema as before, 0 objects; sequences as before, 0 sequences;
   leftovers as before

 0 of 1 scenario rolls back. It took 3.3 s.
 verdict: FAIL (demo)
 reports: backout-runs/x
";
        assert_eq!(of("silent"), expected);
    }

    #[test]
    fn what_moves_by_itself_comes_with_the_lines_to_paste() {
        let page = of("unsound");
        let paste = "     as_before:\n       except:\n         - { table: public.orders, because: \"…\" }\n";
        assert!(page.contains(paste), "{page}");
        assert!(page.contains(" idle       MOVES "), "{page}");
    }

    #[test]
    fn what_is_not_known_never_reads_like_a_pass() {
        assert!(
            of("trouble").contains(" data       as before         1 table, 1000 rows (finished run only)")
        );
        assert!(of("control unknown").contains(" control    unknown\n"));
        assert!(of("signal").contains(" data       unknown\n"));
        assert!(of("signal").contains("stopped by SIGINT"));
        assert!(of("killed").contains("the journal ends before the drill did"));
        assert!(of("signal").contains(" 0 of 1 scenario rolls back, 1 cannot be told. It took"));
    }

    #[test]
    fn s23_a_mark_and_what_failed_stand_side_by_side() {
        let page = of("marked otherwise");
        assert!(page.contains("FAIL, not as marked · level 0\n"), "{page}");
        assert!(
            page.contains(" marked     to fail                because of schema; what failed: data\n"),
            "{page}"
        );
        assert!(of("marked and well").contains("PASS, marked to fail · level 2\n"));
        assert!(of("two").contains("FAIL as marked · level 0\n"));
        assert!(of("two").contains(" required   level 2                reached\n"));
        assert!(of("two").contains(" 1 of 2 scenarios roll back, all as the drill says."));
    }

    #[test]
    fn s16_exceptions_with_their_reasons_and_states_that_are_not_judged_are_shown() {
        let page = of("facts");
        assert!(page.contains(" · except public.beats: a heartbeat, and nobody's data\n"), "{page}");
        assert!(page.contains(" · system is not judged: the base image moves\n"), "{page}");
        assert!(page.contains("unused exception"), "{page}");
    }

    #[test]
    fn what_is_left_behind_is_named_with_the_way_to_remove_it() {
        assert!(
            of("trouble")
                .contains("could not be removed: network backout-x\n try again with: backout clean\n")
        );
        assert!(
            of("two")
                .contains("left standing: api  http://127.0.0.1:49153\n remove with: backout clean --kept\n")
        );
    }

    #[test]
    fn colours_add_nothing_but_escapes() {
        let coloured = Style { colour: true, ..PLAIN };
        for (name, verdict) in cases() {
            let page = rendered(&verdict, coloured);
            assert!(page.contains('\u{1b}'), "{name}");
            assert_eq!(text::clean(&page), rendered(&verdict, PLAIN), "{name}");
        }
    }
}

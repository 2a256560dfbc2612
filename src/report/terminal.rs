//! The scorecard for people.

use std::fmt::{self, Write};

use super::Style;
use crate::verdict::Verdict;

/// Renders the scorecard.
///
/// # Errors
/// Those of the writer.
pub fn render(
    verdict: &Verdict,
    _shown: &dyn Fn(&str) -> Option<String>,
    folder: &str,
    _style: Style,
    out: &mut impl Write,
) -> fmt::Result {
    for scenario in &verdict.scenarios {
        writeln!(
            out,
            "{} {} level {} met {:?}",
            scenario.path,
            scenario.outcome.word(),
            scenario.level,
            scenario.met
        )?;
        for finding in &scenario.findings {
            writeln!(
                out,
                "  - {} {}: {} {:?}",
                finding.check.word(),
                finding.outcome.word(),
                finding.message,
                finding.evidence
            )?;
        }
        for run in &scenario.runs {
            writeln!(
                out,
                "  {} {} {:?} {:?} took {} ms",
                run.kind.word(),
                run.outcome.word(),
                run.class,
                run.effect,
                run.took_ms
            )?;
            for finding in &run.findings {
                writeln!(
                    out,
                    "    {} {}: {} {:#?}",
                    finding.check.word(),
                    finding.outcome.word(),
                    finding.message,
                    finding.evidence
                )?;
            }
        }
    }
    writeln!(out, "reports: {folder}")
}

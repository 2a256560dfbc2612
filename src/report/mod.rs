//! Reports: a verdict and a writer. Pure; nothing here reads or writes a file.

mod card;
pub mod clients;
pub mod coverage;
pub mod gaps;
mod impact;
pub mod json;
pub mod junit;
mod layout;
pub mod markdown;
pub mod schemas;
mod snippet;
pub mod terminal;
#[cfg(test)]
mod testing;

use crate::verdict::Verdict;

/// How a report looks.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    /// Whether colours are used.
    pub colour: bool,
    /// Columns.
    pub width: usize,
}

/// The report files of a drill: name and text. `shown` gives the text of a file by the name under
/// which it is shown.
pub fn files(verdict: &Verdict, shown: &dyn Fn(&str) -> Option<String>) -> Vec<(&'static str, String)> {
    vec![
        ("scorecard.json", json::text(verdict)),
        ("junit.xml", junit::text(verdict)),
        ("report.md", markdown::text(verdict, shown)),
    ]
}

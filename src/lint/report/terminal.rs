//! For people: each remark with its text underlined, and one line at the end.

use std::sync::Arc;

use crate::diagnostic::{self, Diagnostic, Severity, Source};
use crate::lint::model::{Class, Remark};
use crate::lint::unit::Linted;

/// Columns of the text.
const WIDTH: usize = 80;
/// Columns before the text of a note or help, with room for line numbers of five digits.
const INDENT: usize = 12;

/// Every remark, drawn below the text that it is about, where that can be read.
pub fn render(linted: &Linted, read: &dyn Fn(&str) -> Option<Arc<Source>>) -> String {
    let (allowed, shown): (Vec<&Remark>, Vec<&Remark>) =
        linted.remarks.iter().partition(|remark| remark.allowed.is_some());
    let drawn: Vec<Diagnostic> = shown.into_iter().map(|remark| drawn(remark, read)).collect();
    let mut text = diagnostic::render_in(&drawn, WIDTH);
    for remark in &allowed {
        text.push_str(&folded(&brief(remark), "  "));
        text.push('\n');
    }
    if !allowed.is_empty() {
        text.push('\n');
    }
    text.push_str(&folded(&summary(linted), ""));
    text.push('\n');
    text
}

fn drawn(remark: &Remark, read: &dyn Fn(&str) -> Option<Arc<Source>>) -> Diagnostic {
    let message = format!("{}: {}", remark.class.words(), remark.message);
    // `warning[…]: ` stands before it.
    let title = wrapped(&message, WIDTH - remark.rule.len() - "warning[]: ".len()).join("\n");
    let source = read(&remark.at.file);
    let diagnostic = match source.filter(|source| remark.span.end <= source.text.len()) {
        Some(source) => Diagnostic::at(&source, remark.span.clone(), title),
        None => Diagnostic::whole(&Source::new(remark.at.to_string(), String::new()), title),
    };
    let severity = if remark.class.is_grave() { Severity::Warning } else { Severity::Note };
    let diagnostic = diagnostic.severity(severity).code(&remark.rule);
    let room = WIDTH - INDENT;
    diagnostic.note(wrapped(&remark.why, room).join("\n")).help(wrapped(&remark.instead, room).join("\n"))
}

/// A remark in one line: place, class, what, and why it is allowed.
pub fn brief(remark: &Remark) -> String {
    let allowed = remark.allowed.as_ref().map(|because| format!("; allowed: {because}")).unwrap_or_default();
    format!("{}: {}: {} ({}){allowed}", remark.at, remark.class.words(), remark.message, remark.rule)
}

/// How many operations are in each class, and how many of the grave ones somebody allowed.
pub fn summary(linted: &Linted) -> String {
    let all: usize = linted.counts.values().sum();
    let plural = if all == 1 { "" } else { "s" };
    let each = Class::ALL.into_iter().filter_map(|class| {
        let count = linted.counts.get(&class).filter(|count| **count > 0)?;
        Some(format!("{count} {}", class.words()))
    });
    let each: Vec<String> = each.collect();
    let allowed = linted.remarks.iter().filter(|remark| remark.class.is_grave() && !remark.counts()).count();
    let allowed = if allowed == 0 { String::new() } else { format!("; {allowed} allowed with a reason") };
    let colon = if each.is_empty() { "" } else { ": " };
    format!("{all} operation{plural}{colon}{}{allowed}", each.join(", "))
}

fn folded(text: &str, indent: &str) -> String {
    wrapped(text, WIDTH - indent.len()).join(&format!("\n{indent}"))
}

/// A text in lines of at most so many columns, cut between words.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::read::Dialect;
    use crate::lint::unit::{Expected, Half, Script, Types, Unit, lint};

    #[test]
    fn a_remark_shows_its_text_why_and_the_safe_way_in_80_columns() {
        let text = "ALTER TABLE orders\n  DROP COLUMN note;\n-- backout: allow truncate because \"a cache\"\nTRUNCATE t;";
        let source = Source::new("up.sql", text);
        let change = vec![Half::Sql(Script::whole(&source))];
        let unit = Unit { change, rollback: None, expected: Expected::Nothing };
        let linted = lint(&unit, Dialect::Postgres, &mut Types::new()).unwrap();
        let drawn = render(&linted, &|_| Some(Arc::clone(&source)));
        let expected = "\
warning[drop-column]: lossy: drops column `orders.note`
 --> up.sql:2:3
  |
2 |   DROP COLUMN note;
  |   ^^^^^^^^^^^^^^^^
  |
  = note: a rollback can add the column again, and has nothing to put into it
  = help: stop using the column now, and drop it in a later change; or first
          copy its values with the key: `CREATE TABLE kept AS SELECT id, note
          FROM orders`

up.sql:4:1: lossy: empties table `t` (truncate); allowed: a cache

2 operations: 2 lossy; 1 allowed with a reason
";
        assert_eq!(drawn, expected, "{drawn}");
        assert!(drawn.lines().all(|line| line.chars().count() <= WIDTH));
    }
}

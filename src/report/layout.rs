//! Text set into columns and within a width.

use comfy_table::{Attribute, Cell, Color, ColumnConstraint, ContentArrangement, Table, Width};

use super::Style;
use crate::outcome::Outcome;
use crate::text;

/// One cell of a table: its text, and the outcome that colours it.
#[derive(Debug, Clone, Default)]
pub(super) struct Field {
    text: String,
    outcome: Option<Outcome>,
}

impl Field {
    pub(super) fn plain(text: &str) -> Self {
        Self { text: text::clean(text), outcome: None }
    }

    /// Coloured by an outcome; a pass is not: what is well need not be loud.
    pub(super) fn of(text: &str, outcome: Outcome) -> Self {
        let outcome = Some(outcome).filter(|outcome| *outcome != Outcome::Pass);
        Self { text: text::clean(text), outcome }
    }

    fn cell(&self) -> Cell {
        let cell = Cell::new(&self.text);
        match self.outcome {
            Some(Outcome::Fail) => cell.fg(Color::Red).add_attribute(Attribute::Bold),
            Some(Outcome::Inconclusive) => cell.fg(Color::Yellow),
            Some(Outcome::Pass) | None => cell,
        }
    }
}

/// Rows of aligned columns that fit the width, after an indent of one.
pub(super) fn columns(rows: &[Vec<Field>], style: Style) -> Vec<String> {
    let mut table = table(style);
    for row in rows {
        table.add_row(row.iter().map(Field::cell));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    // The last column's own padding is outside of the page.
    table.set_width(narrow(style.width + 1));
    if let Some(first) = table.column_mut(0) {
        first.set_constraint(ColumnConstraint::ContentWidth);
    }
    if let Some(middle) = table.column_mut(1) {
        middle.set_constraint(ColumnConstraint::UpperBoundary(Width::Percentage(36)));
    }
    table.lines().map(|line| format!(" {}", line.trim_end()).trim_end().to_owned()).collect()
}

/// Rows of aligned columns of which the first takes what the others leave; its paths are broken behind `/`.
pub(super) fn listing<const N: usize>(rows: &[[Field; N]], style: Style) -> Vec<String> {
    let widest = |at: usize| rows.iter().map(|row| row[at].text.chars().count()).max().unwrap_or(0);
    let others: usize = (1..N).map(|at| widest(at) + 2).sum();
    let first = style.width.saturating_sub(others + 1).max(16);
    let mut table = table(style);
    for row in rows {
        let path = Field { text: broken(&row[0].text, first), outcome: row[0].outcome };
        table.add_row(std::iter::once(path.cell()).chain(row[1..].iter().map(Field::cell)));
    }
    table.set_width(narrow(style.width + 1));
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    for at in 0..N {
        let width = if at == 0 { widest(0).min(first) } else { widest(at) } + 2;
        if let Some(column) = table.column_mut(at) {
            column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(narrow(width))));
        }
    }
    table.lines().map(|line| format!(" {}", line.trim_end()).trim_end().to_owned()).collect()
}

/// A path with line breaks behind `/` where it is wider than this.
fn broken(path: &str, width: usize) -> String {
    let (mut lines, mut line) = (Vec::new(), String::new());
    for part in path.split_inclusive('/') {
        if !line.is_empty() && line.chars().count() + part.chars().count() > width {
            lines.push(std::mem::take(&mut line));
        }
        line.push_str(part);
    }
    lines.push(line);
    lines.join("\n")
}

/// A text that hangs behind its prefix, wrapped at the width.
pub(super) fn block(prefix: &str, content: &str, style: Style) -> Vec<String> {
    let mut table = table(Style { colour: false, ..style });
    let content = text::clean(content);
    // Spaces in front belong to the indent: they shape an evidence and must survive a wrap.
    let indent = content.len() - content.trim_start_matches(' ').len();
    let prefix = format!("{prefix}{}", " ".repeat(indent));
    let taken = prefix.chars().count();
    table.add_row([prefix.as_str(), content.trim_start_matches(' ')]);
    let widths = [taken, style.width.saturating_sub(taken).max(16)];
    for (column, width) in table.column_iter_mut().zip(widths) {
        column.set_padding((0, 0));
        column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(narrow(width))));
    }
    table.lines().map(|line| line.trim_end().to_owned()).collect()
}

/// Text in the colour of an outcome.
pub(super) fn paint(text: &str, outcome: Outcome, style: Style) -> String {
    let colour = match outcome {
        Outcome::Pass => anstyle::AnsiColor::Green,
        Outcome::Inconclusive => anstyle::AnsiColor::Yellow,
        Outcome::Fail => anstyle::AnsiColor::Red,
    };
    let paint = colour.on_default().bold();
    if style.colour { format!("{paint}{text}{paint:#}") } else { text.to_owned() }
}

fn table(style: Style) -> Table {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(narrow(style.width));
    if style.colour {
        table.enforce_styling();
        table.style_text_only();
    } else {
        table.force_no_tty();
    }
    table
}

fn narrow(width: usize) -> u16 {
    u16::try_from(width).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Style = Style { colour: false, width: 40 };

    #[test]
    fn a_wrapped_text_hangs_behind_its_prefix() {
        let lines = block(" × ", "the rows of a table are not as they were before the change", PLAIN);
        assert_eq!(lines[0], " × the rows of a table are not as they");
        assert_eq!(lines[1], "   were before the change");
    }

    #[test]
    fn spaces_in_front_and_between_survive() {
        assert_eq!(block("  ", "  a   b", PLAIN), ["    a   b"]);
    }

    #[test]
    fn a_name_that_is_too_long_is_broken_and_never_lost() {
        let name = "n".repeat(100);
        let lines = block(" ", &name, PLAIN);
        assert!(lines.iter().all(|line| line.chars().count() <= 40), "{lines:?}");
        assert_eq!(lines.iter().flat_map(|line| line.chars()).filter(|c| *c == 'n').count(), 100);
    }

    #[test]
    fn colours_are_there_only_where_asked_for() {
        let row = vec![vec![Field::plain("data"), Field::of("DIFFERS", Outcome::Fail), Field::plain("x")]];
        assert!(!columns(&row, PLAIN)[0].contains('\u{1b}'));
        assert!(columns(&row, Style { colour: true, ..PLAIN })[0].contains("\u{1b}["));
        assert_eq!(paint("x", Outcome::Fail, PLAIN), "x");
    }
}

//! The line of a scenario that asked for something, with what is meant underlined.

use crate::diagnostic::Place;
use crate::text;

/// A line and what is meant in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Snippet {
    /// The line's number, from 1.
    pub(super) number: usize,
    /// As much of it as there is room for.
    pub(super) line: String,
    /// Where the underline begins, in characters of `line`.
    pub(super) start: usize,
    /// How long it is, in characters.
    pub(super) length: usize,
}

/// The line at a place, cut to so many characters with `…` where it is longer; none when the text
/// is not there or no longer has such a line.
pub(super) fn snippet(
    place: &Place,
    shown: &dyn Fn(&str) -> Option<String>,
    width: usize,
) -> Option<Snippet> {
    let file = shown(&place.file)?;
    let line: Vec<char> = text::clean(file.lines().nth(place.line.checked_sub(1)?)?).chars().collect();
    let start = place.column.checked_sub(1)?;
    let meant = meant(line.get(start..)?);
    (meant > 0).then(|| cut(&line, start, meant, width, place.line))
}

/// How many characters from the beginning belong together: up to the bracket that closes the first
/// one or the list around it, else to the end of the line without its comment.
fn meant(rest: &[char]) -> usize {
    let mut depth = 0_usize;
    let mut quote = None;
    for (position, c) in rest.iter().enumerate() {
        match (quote, c) {
            (Some(open), c) if open == *c => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(*c),
            (None, '{' | '[') => depth += 1,
            (None, '}' | ']') if depth == 0 => return trimmed(&rest[..position]),
            (None, '}' | ']') if depth == 1 && matches!(rest[0], '{' | '[') => return position + 1,
            (None, '}' | ']') => depth -= 1,
            (None, '#') if position > 0 && rest[position - 1] == ' ' => return trimmed(&rest[..position]),
            (None, _) => {}
        }
    }
    trimmed(rest)
}

fn trimmed(rest: &[char]) -> usize {
    rest.iter().rposition(|c| !c.is_whitespace()).map_or(0, |last| last + 1)
}

/// A window on the line in which the underline begins.
fn cut(line: &[char], start: usize, meant: usize, width: usize, number: usize) -> Snippet {
    let width = width.max(8);
    if trimmed(line) <= width {
        return Snippet {
            number,
            line: line.iter().collect::<String>().trim_end().to_owned(),
            start,
            length: meant,
        };
    }
    let from = if start + meant < width { 0 } else { start.saturating_sub(2) };
    let room = width - 1 - usize::from(from > 0);
    let to = (from + room).min(trimmed(line));
    let mut window = String::new();
    if from > 0 {
        window.push('…');
    }
    window.extend(&line[from..to]);
    if to < trimmed(line) {
        window.push('…');
    }
    let start = start - from + usize::from(from > 0);
    let length = meant.min(window.chars().count() - start);
    Snippet { number, line: window, start, length }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(file: &str, line: usize, column: usize, width: usize) -> Option<String> {
        let place = Place { file: "s.yaml".to_owned(), line, column };
        let shown = |name: &str| (name == "s.yaml").then(|| file.to_owned());
        snippet(&place, &shown, width).map(|found| {
            let (before, under) = (" ".repeat(found.start), "^".repeat(found.length));
            format!("{}\n{before}{under}", found.line)
        })
    }

    #[test]
    fn a_key_and_its_value_are_underlined_without_the_comment() {
        assert_eq!(
            drawn("a: 1\n  data: as_before # why\n", 2, 3, 60).unwrap(),
            "  data: as_before # why\n  ^^^^^^^^^^^^^^^"
        );
    }

    #[test]
    fn a_mapping_in_brackets_ends_with_its_bracket() {
        let line = "http: [ { on: api, get: '/]' }, { on: db } ]";
        assert_eq!(drawn(line, 1, 9, 80).unwrap().lines().nth(1).unwrap().trim(), "^".repeat(22));
    }

    #[test]
    fn an_entry_in_a_flow_list_ends_with_the_list() {
        assert_eq!(drawn("[ abort ]", 1, 3, 60).unwrap(), "[ abort ]\n  ^^^^^");
    }

    #[test]
    fn a_long_line_is_cut_visibly_around_what_is_meant() {
        let line = format!("{}data: as_before{}", "x".repeat(100), " y".repeat(50));
        let drawn = drawn(&line, 1, 101, 40).unwrap();
        let first = drawn.lines().next().unwrap();
        assert!(first.starts_with("…xxdata: as_before") && first.ends_with('…'), "{drawn}");
        assert_eq!(first.chars().count(), 40);
    }

    #[test]
    fn a_file_that_is_gone_or_shorter_gives_none() {
        assert_eq!(drawn("a: 1\n", 7, 1, 60), None);
        assert_eq!(drawn("a: 1\n", 1, 40, 60), None);
        let place = Place { file: "gone.yaml".to_owned(), line: 1, column: 1 };
        assert_eq!(snippet(&place, &|_| None, 60), None);
    }
}

//! Environment files: `NAME=value` lines with quotes, escapes and variables.
//!
//! The syntax is that of Compose's own reader. An unset variable is nothing, and that is
//! said, as everywhere.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::interpolate::{Fault, Lookup, interpolate};
use crate::diagnostic::{Diagnostic, Source};

/// Reads an environment file. `lookup` wins over what the file has set so far; a name alone on its
/// line takes its value from there and is left out where there is none. Variables that are not set are noted
/// among the remarks.
///
/// # Errors
/// Every line that cannot be read, with its place.
pub(super) fn parse(
    source: &Arc<Source>,
    lookup: Lookup<'_>,
    remarks: &mut Vec<Diagnostic>,
) -> Result<BTreeMap<String, String>, Vec<Diagnostic>> {
    let mut reader = Reader { source, at: 0, lookup, set: BTreeMap::new(), mistakes: Vec::new(), remarks };
    if source.text.starts_with('\u{feff}') {
        reader.at = '\u{feff}'.len_utf8();
    }
    while reader.statement() {}
    if reader.mistakes.is_empty() { Ok(reader.set) } else { Err(reader.mistakes) }
}

/// Reads an environment file of `format: raw`: every character after `=` is the value.
///
/// # Errors
/// Every line without a name, with its place.
pub(super) fn parse_raw(
    source: &Arc<Source>,
    lookup: Lookup<'_>,
) -> Result<BTreeMap<String, String>, Vec<Diagnostic>> {
    let mut set = BTreeMap::new();
    let mut mistakes = Vec::new();
    let mut at = 0;
    for line in source.text.split_inclusive('\n') {
        let start = at;
        at += line.len();
        let line = line.trim_end_matches(['\n', '\r']);
        if line.trim().is_empty() || line.trim_start().starts_with('#') {
            continue;
        }
        match line.split_once('=') {
            Some(("", _)) => {
                mistakes.push(Diagnostic::at(source, start..start + line.len(), "a value without a name"));
            }
            Some((name, value)) => {
                set.insert(name.to_owned(), value.to_owned());
            }
            None => set.extend(lookup(line).map(|value| (line.to_owned(), value))),
        }
    }
    if mistakes.is_empty() { Ok(set) } else { Err(mistakes) }
}

struct Reader<'a> {
    source: &'a Arc<Source>,
    at: usize,
    lookup: Lookup<'a>,
    set: BTreeMap<String, String>,
    mistakes: Vec<Diagnostic>,
    remarks: &'a mut Vec<Diagnostic>,
}

impl<'a> Reader<'a> {
    /// Reads one statement; false at the end.
    fn statement(&mut self) -> bool {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
        match self.rest().chars().next() {
            None => return false,
            Some('#') => self.end_of_line(),
            Some(_) => self.assignment(),
        }
        true
    }

    fn assignment(&mut self) {
        if let Some(rest) = self.rest().strip_prefix("export")
            && rest.starts_with([' ', '\t'])
        {
            self.at += self.rest().len() - rest.trim_start_matches([' ', '\t']).len();
        }
        let start = self.at;
        let line = self.line();
        let end = line.find(['=', ':']).unwrap_or(line.len());
        let name = line[..end].trim_end();
        let allowed = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '[' | ']');
        if name.is_empty() || !name.chars().all(allowed) {
            self.wrong(start..start + end, &format!("`{name}` is not a name of a variable"));
            return self.end_of_line();
        }
        if end == line.len() {
            let value = (self.lookup)(name);
            self.set.extend(value.map(|value| (name.to_owned(), value)));
            return self.end_of_line();
        }
        self.at += end + 1;
        let name = name.to_owned();
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t']).len();
        let value = match self.rest().chars().next() {
            Some(quote @ ('"' | '\'')) => self.quoted(quote),
            _ => self.unquoted(),
        };
        self.set.extend(value.map(|value| (name, value)));
    }

    fn unquoted(&mut self) -> Option<String> {
        let line = self.line();
        let value = line.split(" #").next().unwrap_or(line);
        // A comment may follow `=` at once.
        let value = if value.starts_with('#') { "" } else { value.trim_end() };
        let span = self.at..self.at + value.len();
        self.end_of_line();
        self.expand(value, span)
    }

    /// A quoted value may run over several lines.
    fn quoted(&mut self, quote: char) -> Option<String> {
        let start = self.at;
        let inner = &self.rest()[1..];
        let Some(end) = closing_quote(inner, quote) else {
            self.wrong(start..start + self.line().len(), &format!("the closing {quote} is missing"));
            self.end_of_line();
            return None;
        };
        let value = &inner[..end];
        self.at += end + 2;
        let rest = self.line().trim();
        if !rest.is_empty() && !rest.starts_with('#') {
            let at = self.at;
            self.wrong(at..at + self.line().trim_end().len(), "text after the closing quote");
        }
        self.end_of_line();
        match quote {
            '"' => self.expand(&unescape(value), start..start + end + 2),
            _ => Some(value.replace("\\'", "'")),
        }
    }

    fn expand(&mut self, value: &str, span: Range<usize>) -> Option<String> {
        let (lookup, set) = (self.lookup, &self.set);
        match interpolate(value, &|name| lookup(name).or_else(|| set.get(name).cloned())) {
            Ok(replaced) => {
                let blank = replaced.blank.iter().map(|fault| self.placed(fault, &span)).collect::<Vec<_>>();
                self.remarks.extend(blank);
                Some(replaced.text)
            }
            Err(faults) => {
                let faults = faults.iter().map(|fault| self.placed(fault, &span)).collect::<Vec<_>>();
                self.mistakes.extend(faults);
                None
            }
        }
    }

    /// What is to be said of an expression in a value.
    fn placed(&self, fault: &Fault, span: &Range<usize>) -> Diagnostic {
        let within = self.source.text[span.clone()].find(&fault.expression);
        let span = within
            .map_or(span.clone(), |found| span.start + found..span.start + found + fault.expression.len());
        let diagnostic = Diagnostic::at(self.source, span, &*fault.message).help(&*fault.help);
        diagnostic.help("quote the value with ' to keep a dollar sign")
    }

    fn rest(&self) -> &'a str {
        &self.source.text[self.at..]
    }

    fn line(&self) -> &'a str {
        self.rest().split('\n').next().unwrap_or_default()
    }

    fn end_of_line(&mut self) {
        self.at = (self.at + self.line().len() + 1).min(self.source.text.len());
    }

    fn wrong(&mut self, span: Range<usize>, message: &str) {
        self.mistakes.push(
            Diagnostic::at(self.source, span, message)
                .help("one `NAME=value` a line; values with spaces at their ends or with `#` in quotes"),
        );
    }
}

fn closing_quote(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    text.char_indices().find_map(|(at, c)| {
        let closes = c == quote && !escaped;
        escaped = c == '\\' && !escaped;
        closes.then_some(at)
    })
}

/// Backslash escapes in double quotes; unknown ones stay as they are.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(slash) = rest.find('\\') {
        out.push_str(&rest[..slash]);
        let after = &rest[slash + 1..];
        let (length, value) = escape(after);
        match value {
            Some(value) => out.push_str(&value),
            None => out.push_str(&rest[slash..slash + 1 + length]),
        }
        rest = &after[length..];
    }
    out.push_str(rest);
    out
}

/// Bytes after a backslash that belong to the escape, and what it stands for.
fn escape(after: &str) -> (usize, Option<String>) {
    let Some(first) = after.chars().next() else { return (0, None) };
    let value = match first {
        'a' => "\u{7}",
        'b' => "\u{8}",
        'c' => return (1, None),
        'f' => "\u{c}",
        'n' => "\n",
        'r' => "\r",
        't' => "\t",
        'v' => "\u{b}",
        '"' => "\"",
        '\\' => "\\",
        // Doubled, because variables are replaced afterwards.
        '$' => "$$",
        '0' => return octal(after),
        other => return (other.len_utf8(), None),
    };
    (1, Some(value.to_owned()))
}

fn octal(after: &str) -> (usize, Option<String>) {
    let digits: String = after[1..].chars().take(3).take_while(|c| c.is_digit(8)).collect();
    let value = u32::from_str_radix(&digits, 8).ok().filter(|_| digits.len() == 3).and_then(char::from_u32);
    (1 + digits.len(), value.map(String::from))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lookup(name: &str) -> Option<String> {
        (name == "HOST").then(|| "host".to_owned())
    }

    fn read(text: &str) -> Result<Vec<(String, String)>, Vec<String>> {
        parse(&Source::new("a.env", text), &lookup, &mut Vec::new())
            .map(|set| set.into_iter().collect())
            .map_err(|found| found.iter().map(|d| format!("{} {}", d.place(), d.message)).collect())
    }

    #[test]
    fn every_form_of_a_line_is_read() {
        for (text, value) in [
            ("A=1", "1"),
            ("A = 1 ", "1"),
            ("export A=1", "1"),
            ("A: 1", "1"),
            ("# c\n\nA=1\n", "1"),
            ("A=", ""),
            ("A= # none", ""),
            ("A=x # comment", "x"),
            ("A=x#y", "x#y"),
            ("A=a=b", "a=b"),
            ("A='x # $HOST \\n'", "x # $HOST \\n"),
            ("A='it\\'s'", "it's"),
            ("A=\"x\\t\\\"y\\\" # z\" # c", "x\t\"y\" # z"),
            ("A=\"two\nlines\"", "two\nlines"),
            ("A=\"\\$HOST $$HOST\"", "$HOST $HOST"),
            ("A=\"\\101\\0101\\q\"", "\\101A\\q"),
            ("A=$HOST-${NONE:-d}", "host-d"),
            ("A=1\r\n", "1"),
            ("\u{feff}A=1", "1"),
            ("A=0\nA=1", "1"),
        ] {
            assert_eq!(read(text), Ok(vec![("A".to_owned(), value.to_owned())]), "{text:?}");
        }
    }

    #[test]
    fn a_line_may_use_the_lines_before_it() {
        assert_eq!(read("A=1\nB=${A}2").unwrap()[1], ("B".into(), "12".into()));
        assert_eq!(read("HOST=mine\nB=$HOST").unwrap()[0], ("B".into(), "host".into()), "the outside wins");
    }

    #[test]
    fn a_variable_that_is_not_set_is_nothing_and_said() {
        let mut remarks = Vec::new();
        let set = parse(&Source::new("a.env", "A=x${NONE}y\n"), &lookup, &mut remarks).unwrap();
        assert_eq!(set["A"], "xy");
        assert_eq!(remarks[0].place().to_string(), "a.env:1:4");
        assert!(remarks[0].message.starts_with("the variable `NONE` is not set"), "{}", remarks[0].message);
    }

    #[test]
    fn a_name_alone_takes_its_value_from_outside() {
        assert_eq!(read("HOST\nNONE\n"), Ok(vec![("HOST".into(), "host".into())]));
    }

    #[test]
    fn every_mistake_is_found_with_its_place() {
        assert_eq!(
            read("ok=1\nA B=2\n=3\nC=\"open\nD='x' y\nE=${NONE?}\n").unwrap_err(),
            [
                "a.env:2:1 `A B` is not a name of a variable",
                "a.env:3:1 `` is not a name of a variable",
                "a.env:4:3 the closing \" is missing",
                "a.env:5:6 text after the closing quote",
                "a.env:6:3 the variable `NONE` is required",
            ]
        );
    }

    #[test]
    fn raw_values_are_kept_to_the_letter() {
        let set = parse_raw(&Source::new("a.env", "# c\nA=\"$x\" # y\nHOST\n"), &lookup).unwrap();
        assert_eq!(set.get("A").unwrap(), "\"$x\" # y");
        assert_eq!(set.get("HOST").unwrap(), "host");
        let found = parse_raw(&Source::new("a.env", "A=1\n=2\n"), &lookup).unwrap_err();
        assert_eq!(found[0].place().to_string(), "a.env:2:1");
    }

    proptest! {
        #[test]
        fn single_quotes_keep_every_text(value in "[^'\\\\]*") {
            let text = format!("A='{value}'\nB=1\n");
            prop_assert_eq!(read(&text), Ok(vec![("A".into(), value), ("B".into(), "1".into())]));
        }

        #[test]
        fn double_quotes_keep_every_escaped_text(value in any::<String>()) {
            let written = value.replace('\\', "\\\\").replace('"', "\\\"").replace('$', "\\$");
            let text = format!("A=\"{written}\"\nB=1\n");
            prop_assert_eq!(read(&text), Ok(vec![("A".into(), value), ("B".into(), "1".into())]));
        }

        #[test]
        fn no_text_makes_it_panic(text in "[A='\"\\\\$#\n\r :{}é0]*") {
            let _ = read(&text);
        }
    }
}

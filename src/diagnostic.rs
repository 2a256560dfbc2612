//! What is wrong with an input file, where, and what to do about it.
//!
//! A [`Diagnostic`] is data; [`render`] draws a list of them. Nothing here reads a file.

use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use serde::{Deserialize, Serialize};

/// A text that somebody wrote, under the name by which it is shown.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    /// The path as it is shown to the user.
    pub name: String,
    /// The whole text.
    pub text: String,
}

impl Source {
    /// A source ready to be shared by the diagnostics that point into it.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Arc<Self> {
        Arc::new(Self { name: name.into(), text: text.into() })
    }

    /// Line and column of a byte offset, both counted from 1, the column in characters.
    pub fn position(&self, offset: usize) -> (usize, usize) {
        let mut end = offset.min(self.text.len());
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        let before = &self.text[..end];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }

    /// The line and column of a byte offset together with this source's name.
    pub fn place(&self, offset: usize) -> Place {
        let (line, column) = self.position(offset);
        Place { file: self.name.clone(), line, column }
    }
}

/// A position that outlives its source text: it goes into the journal and into reports.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Place {
    /// The file's path as shown to the user.
    #[serde(serialize_with = "crate::secret::word")]
    pub file: String,
    /// Line, counted from 1.
    pub line: usize,
    /// Column in characters, counted from 1.
    pub column: usize,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// How much is wrong.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Severity {
    /// A mistake: nothing can be done with the file.
    #[default]
    Error,
    /// Something that somebody should look at.
    Warning,
    /// Something that is good to know.
    Note,
}

/// One mistake in one input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The text at fault.
    pub source: Arc<Source>,
    /// The bytes to underline; none when the whole file is meant.
    pub span: Option<Range<usize>>,
    /// What is wrong: a lowercase fragment without a final stop.
    pub message: String,
    /// How much is wrong.
    pub severity: Severity,
    /// The name of the rule that says so, where there is one.
    pub code: Option<String>,
    /// What is said beside the underline.
    pub label: Option<String>,
    /// Why it is so.
    pub note: Option<String>,
    /// What to do about it.
    pub help: Vec<String>,
}

impl Diagnostic {
    /// A mistake at the given bytes of a source.
    pub fn at(source: &Arc<Source>, span: Range<usize>, message: impl Into<String>) -> Self {
        Self {
            source: Arc::clone(source),
            span: Some(span),
            message: message.into(),
            severity: Severity::Error,
            code: None,
            label: None,
            note: None,
            help: Vec::new(),
        }
    }

    /// A mistake of a whole file.
    pub fn whole(source: &Arc<Source>, message: impl Into<String>) -> Self {
        Self { span: None, ..Self::at(source, 0..0, message) }
    }

    /// Says something beside the underline.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Says how much is wrong.
    #[must_use]
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    /// Names the rule that says so.
    #[must_use]
    pub fn code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// Says why.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }

    /// Adds a way out.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// Adds the nearest of the known names, when one is near, else all of them.
    #[must_use]
    pub fn suggest<'a>(self, written: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        let mut known: Vec<&str> = known.into_iter().collect();
        known.sort_unstable();
        match nearest(written, known.iter().copied()) {
            Some(name) => self.help(format!("did you mean `{name}`?")),
            None if known.is_empty() => self,
            None => self.help(format!("known here: {}", known.join(", "))),
        }
    }

    /// Where the mistake is.
    pub fn place(&self) -> Place {
        self.source.place(self.span.as_ref().map_or(0, |span| span.start))
    }
}

/// The known name that the written one is probably meant to be.
pub fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&written.to_lowercase(), &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= (name.len().max(written.len()) / 3).max(1))
        .min()
        .map(|(_, name)| name)
}

/// Draws the diagnostics one below the other, in file order, without colour.
pub fn render(diagnostics: &[Diagnostic]) -> String {
    render_in(diagnostics, 100)
}

/// The same, with lines of source cut to so many columns.
pub fn render_in(diagnostics: &[Diagnostic], width: usize) -> String {
    let mut sorted: Vec<&Diagnostic> = diagnostics.iter().collect();
    sorted.sort_by_key(|d| (d.source.name.clone(), d.span.as_ref().map_or(0, |span| span.start)));
    let renderer = Renderer::plain().term_width(width);
    let mut drawn = String::new();
    for diagnostic in sorted {
        drawn.push_str(&renderer.render(&[group(diagnostic)]));
        drawn.push_str("\n\n");
    }
    drawn
}

fn group(diagnostic: &Diagnostic) -> Group<'_> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let title = level.primary_title(diagnostic.message.as_str());
    let title = match &diagnostic.code {
        Some(code) => title.id(code.as_str()),
        None => title,
    };
    let path = diagnostic.source.name.as_str();
    let group = match &diagnostic.span {
        Some(span) => {
            let annotation = AnnotationKind::Primary.span(visible(&diagnostic.source.text, span));
            let annotation = match &diagnostic.label {
                Some(label) => annotation.label(label.as_str()),
                None => annotation,
            };
            let snippet = Snippet::source(diagnostic.source.text.as_str()).path(path);
            Group::with_title(title).element(snippet.annotation(annotation))
        }
        None => Group::with_title(title).element(annotate_snippets::Origin::path(path)),
    };
    let group = match &diagnostic.note {
        Some(note) => group.element(Level::NOTE.message(note.as_str())),
        None => group,
    };
    diagnostic.help.iter().fold(group, |group, help| group.element(Level::HELP.message(help.as_str())))
}

/// The first line of a span, on character boundaries and never empty where there is text to show.
fn visible(text: &str, span: &Range<usize>) -> Range<usize> {
    let start = floor(text, span.start);
    let mut end = floor(text, span.end).max(start);
    if let Some(newline) = text[start..end].find('\n') {
        end = start + newline;
    }
    if start == end {
        end = start + text[start..].chars().next().map_or(0, char::len_utf8);
    }
    start..end
}

fn floor(text: &str, offset: usize) -> usize {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_miss_is_suggested_and_a_stranger_is_not() {
        assert_eq!(nearest("statment", ["statement", "step"]), Some("statement"));
        assert_eq!(nearest("xyz", ["statement", "step"]), None);
    }

    #[test]
    fn the_text_at_fault_is_underlined_with_file_line_and_column() {
        let source = Source::new("a.yaml", "format: 1\nnäme: x\n");
        let drawn = render(&[Diagnostic::at(&source, 10..15, "unknown key `näme`")
            .label("not known here")
            .suggest("näme", ["name", "format"])]);
        assert!(drawn.contains("error: unknown key `näme`"), "{drawn}");
        assert!(drawn.contains("a.yaml:2:1"), "{drawn}");
        assert!(drawn.contains("^^^^ not known here"), "{drawn}");
        assert!(drawn.contains("did you mean `name`?"), "{drawn}");
    }

    #[test]
    fn every_diagnostic_is_drawn_in_the_order_of_the_file() {
        let source = Source::new("a.yaml", "one\ntwo\n");
        let drawn =
            render(&[Diagnostic::at(&source, 4..7, "second"), Diagnostic::at(&source, 0..3, "first")]);
        assert!(drawn.find("first").unwrap() < drawn.find("second").unwrap(), "{drawn}");
    }
}

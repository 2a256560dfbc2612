//! Texts of a workflow with their expressions, as terms.

use std::path::Path;

use super::contexts::Lookup;
use crate::pipeline::expression::{Compiler, Piece, Term, parse, pieces, quoted, shown};
use crate::pipeline::reading::{Reading, inside};
use crate::yaml::{Node, Value};

/// Turns the texts of a place into terms.
pub(super) struct Values<'v, 'r> {
    pub(super) reading: &'v mut Reading<'r>,
    pub(super) lookup: &'v Lookup<'v>,
}

/// A script in which some expressions are filled in while the job runs.
pub(super) struct Body {
    pub(super) text: String,
    /// Each expression as it stands in the text, and the word that takes its place.
    pub(super) filled_in: Vec<(String, String)>,
}

impl Values<'_, '_> {
    /// An expression of a node, without its braces.
    pub(super) fn expression(&mut self, node: &Node, text: &str) -> Term {
        let (term, obstacles) = match parse(text) {
            Ok(expression) => {
                let mut compiler = Compiler::new(self.lookup);
                (compiler.term(&expression), compiler.obstacles)
            }
            Err(why) => {
                let help = "see *Evaluate expressions in workflows and actions* in GitHub's documentation";
                self.reading.obstacle(&inside(node, text), format!("`{text}` is no expression: {why}"), help);
                return Term::Unknown;
            }
        };
        if term == Term::Unknown && !self.lookup.before {
            self.reading.obstacles(node, text, obstacles);
        }
        term
    }

    /// The text of a scalar as a term; none where something is in the way, which is noted.
    pub(super) fn term(&mut self, node: &Node) -> Option<Term> {
        let text = self.scalar(node)?;
        match pieces(&text)[..] {
            [Piece::Expression { inside, .. }] => self.expected(node, inside),
            ref pieces => self.joined(node, pieces),
        }
    }

    /// The same; a value without an expression keeps its kind.
    pub(super) fn typed(&mut self, node: &Node) -> Option<Term> {
        match node.text().is_some_and(|text| text.contains("${{")) {
            true => self.term(node),
            false => Some(Term::Known(node.to_json())),
        }
    }

    /// One word of the shell, quotes included.
    pub(super) fn word(&mut self, node: &Node) -> Option<String> {
        self.term(node).map(|term| quoted(&term))
    }

    /// The text of a script.
    pub(super) fn body(&mut self, node: &Node) -> Option<Body> {
        let written = node.text()?;
        let mut body = Body { text: String::new(), filled_in: Vec::new() };
        let mut whole = true;
        for piece in pieces(written) {
            match piece {
                Piece::Text(text) => body.text.push_str(text),
                Piece::Expression { inside, whole: braces } => match self.expected(node, inside) {
                    Some(Term::Known(value)) => body.text.push_str(&shown(&value)),
                    Some(term) => {
                        body.text.push_str(braces);
                        let pair = (braces.to_owned(), quoted(&term));
                        if !body.filled_in.contains(&pair) {
                            body.filled_in.push(pair);
                        }
                    }
                    None => whole = false,
                },
            }
        }
        whole.then_some(body)
    }

    fn expected(&mut self, node: &Node, text: &str) -> Option<Term> {
        Some(self.expression(node, text)).filter(|term| *term != Term::Unknown)
    }

    fn joined(&mut self, node: &Node, pieces: &[Piece<'_>]) -> Option<Term> {
        let terms: Vec<Option<Term>> = pieces
            .iter()
            .map(|piece| match piece {
                Piece::Text(text) => Some(Term::Known((*text).into())),
                Piece::Expression { inside, .. } => self.expected(node, inside),
            })
            .collect();
        let terms: Vec<Term> = terms.into_iter().collect::<Option<_>>()?;
        let known = |term: &Term| match term {
            Term::Known(value) => Some(shown(value)),
            Term::Shell(_) | Term::Unknown => None,
        };
        if let Some(texts) = terms.iter().map(known).collect::<Option<Vec<String>>>() {
            return Some(Term::Known(texts.concat().into()));
        }
        let words = terms.iter().filter_map(Term::shell).map(|shell| shell.text);
        Some(Term::text(words.collect::<String>()))
    }

    /// The text of a scalar, unless GitHub would read another one.
    fn scalar(&mut self, node: &Node) -> Option<String> {
        let text = node.text();
        let json = node.to_json();
        match (text, json) {
            (Some(text), serde_json::Value::Number(number)) if number.to_string() != text => {
                let message = format!("GitHub reads `{text}` as the number {number}");
                self.reading.obstacle(&node.spot, message, "put it in quotes");
                None
            }
            (Some(_), serde_json::Value::Null) => Some(String::new()),
            (Some(text), _) => Some(text.to_owned()),
            (None, _) => {
                let message = match node.value {
                    Value::Sequence(_) => "a list where a text is needed",
                    _ => "a mapping where a text is needed",
                };
                self.reading.wrong(node.spot.mistake(message));
                None
            }
        }
    }
}

/// A path of the repository as it is written: `./` in front of it means nothing.
pub(super) fn below(path: &str) -> &Path {
    Path::new(path.strip_prefix("./").unwrap_or(path))
}

//! What every part of a pipeline's reading adds to: mistakes, files, and what is passed over.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::expression::Obstacle;
use super::{Job, PassedOver, Request, Skip};
use crate::diagnostic::{Diagnostic, Source};
use crate::files::TEXT_LIMIT;
use crate::yaml::{self, Limits, Node, Spot, Value};

/// Most bytes of a script: the kernel takes no longer argument.
const SCRIPT_LIMIT: usize = 120_000;

/// One reading of one job.
pub(super) struct Reading<'r> {
    pub(super) request: Request<'r>,
    mistakes: Vec<Diagnostic>,
    passed_over: Vec<PassedOver>,
    sources: Vec<Arc<Source>>,
    used: BTreeSet<usize>,
    names: BTreeSet<String>,
}

/// Reads a pipeline's text.
pub(super) fn parse(source: &Arc<Source>) -> Result<Node, Vec<Diagnostic>> {
    yaml::parse(source, Limits::default())
}

impl<'r> Reading<'r> {
    pub(super) fn new(request: Request<'r>) -> Self {
        Self {
            request,
            mistakes: Vec::new(),
            passed_over: Vec::new(),
            sources: Vec::new(),
            used: BTreeSet::new(),
            names: BTreeSet::new(),
        }
    }

    /// Notes a mistake.
    pub(super) fn wrong(&mut self, mistake: Diagnostic) {
        self.mistakes.push(mistake);
    }

    /// Notes something at a place that cannot be had here.
    pub(super) fn obstacle(&mut self, spot: &Spot, message: impl Into<String>, help: impl Into<String>) {
        self.wrong(spot.mistake(message).help(help));
    }

    /// Notes what stood in the way of an expression of a node.
    pub(super) fn obstacles(&mut self, node: &Node, text: &str, obstacles: Vec<Obstacle>) {
        let spot = inside(node, text);
        for Obstacle { message, help } in obstacles {
            self.obstacle(&spot, message, help);
        }
    }

    /// Notes what stands where a mapping, or a list, is read: nothing of it would be.
    pub(super) fn expects(&mut self, node: &Node, mappings: &[&str], lists: &[&str]) {
        let mappings = mappings.iter().map(|key| (*key, "mapping"));
        for (key, word) in mappings.chain(lists.iter().map(|key| (*key, "list"))) {
            let Some(value) = node.get(key) else { continue };
            let is_right = match &value.value {
                Value::Mapping(_) => word == "mapping",
                Value::Sequence(_) => word == "list",
                Value::Scalar { .. } => value.is_null(),
            };
            if !is_right {
                let help = format!("write the {word} out");
                self.obstacle(&value.spot, format!("`{key}` is no {word} here"), help);
            }
        }
    }

    /// Notes something that is not run.
    pub(super) fn pass_over(&mut self, spot: &Spot, what: impl Into<String>, because: impl Into<String>) {
        let at = spot.source.place(spot.span.start);
        let passed = PassedOver { what: what.into(), because: because.into(), at };
        if !self.passed_over.contains(&passed) {
            self.passed_over.push(passed);
        }
    }

    /// What the scenario says of something that goes by one of these names.
    pub(super) fn skip(&mut self, names: &[&str]) -> Option<&'r Skip> {
        self.names.extend(names.iter().filter(|name| !name.is_empty()).map(|name| (*name).to_owned()));
        let mut found = None;
        for (at, skip) in self.request.skip.iter().enumerate() {
            if names.iter().any(|name| same_name(name, &skip.step)) {
                self.used.insert(at);
                found = found.or(Some(skip));
            }
        }
        found
    }

    /// Opens another file of the pipeline, named at a spot.
    pub(super) fn open(&mut self, path: &Path, spot: &Spot) -> Option<Node> {
        self.opened(path, spot, parse)
    }

    /// Opens another file and reads it in some way.
    pub(super) fn opened<T>(
        &mut self,
        path: &Path,
        spot: &Spot,
        parse: fn(&Arc<Source>) -> Result<T, Vec<Diagnostic>>,
    ) -> Option<T> {
        let source = match self.request.files.read(path, TEXT_LIMIT) {
            Ok(source) => source,
            Err(problem) => {
                self.wrong(problem.at(spot));
                return None;
            }
        };
        match parse(&source) {
            Ok(root) => {
                if !self.sources.iter().any(|known| known.name == source.name) {
                    self.sources.push(source);
                }
                Some(root)
            }
            Err(mistakes) => {
                self.mistakes.extend(mistakes);
                None
            }
        }
    }

    /// The folder above one of this name on the way to the pipeline's file, else that file's folder.
    pub(super) fn repository(&self, marker: &str) -> PathBuf {
        let folder = self.request.path.parent().unwrap_or(Path::new(""));
        let above = folder.ancestors().find(|folder| folder.file_name().is_some_and(|name| name == marker));
        above.and_then(Path::parent).unwrap_or(folder).to_owned()
    }

    /// Whether a variable comes from outside of the pipeline's file.
    pub(super) fn is_handed_over(&self, name: &str) -> bool {
        self.request.variables.contains_key(name) || self.request.around.contains_key(name)
    }

    /// The job, unless anything was wrong; equal mistakes are said once, with their lines.
    pub(super) fn finish(mut self, job: Option<Job>) -> Result<Job, Vec<Diagnostic>> {
        if job.is_none() && self.mistakes.is_empty() {
            let message = format!("the job `{}` cannot be read", self.request.job);
            self.wrong(Diagnostic::whole(self.request.source, message));
        }
        if let Some(job) = job.as_ref().filter(|job| job.script.len() > SCRIPT_LIMIT) {
            let message =
                format!("the job is {} bytes long; at most {SCRIPT_LIMIT} are run", job.script.len());
            self.wrong(Diagnostic::whole(self.request.source, message));
        }
        match job {
            Some(job) if self.mistakes.is_empty() => Ok(Job {
                passed_over: self.passed_over,
                sources: self.sources,
                unused: (0..self.request.skip.len()).filter(|at| !self.used.contains(at)).collect(),
                names: self.names.into_iter().collect(),
                ..job
            }),
            _ => Err(merged(self.mistakes)),
        }
    }
}

/// A name as the scenario may write it: an action also without its version.
fn same_name(name: &str, written: &str) -> bool {
    name == written || name.split_once('@').is_some_and(|(action, _)| action == written)
}

/// The spot of a text inside of a node, else the node's.
pub(super) fn inside(node: &Node, text: &str) -> Spot {
    let mut spot = node.spot.clone();
    let within = &node.spot.source.text.get(spot.span.clone()).unwrap_or_default();
    if let Some(at) = within.find(text) {
        spot.span = spot.span.start + at..spot.span.start + at + text.len();
    }
    spot
}

fn merged(mistakes: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut merged: Vec<(Diagnostic, BTreeSet<usize>)> = Vec::new();
    for mistake in mistakes {
        let same = |one: &&mut (Diagnostic, BTreeSet<usize>)| {
            one.0.message == mistake.message && one.0.source.name == mistake.source.name
        };
        match merged.iter_mut().find(same) {
            Some((first, lines)) if first.place().line != mistake.place().line => {
                lines.insert(mistake.place().line);
            }
            Some(_) => {}
            None => merged.push((mistake, BTreeSet::new())),
        }
    }
    merged.into_iter().map(|(mistake, lines)| also(mistake, &lines)).collect()
}

fn also(mistake: Diagnostic, lines: &BTreeSet<usize>) -> Diagnostic {
    if lines.is_empty() {
        return mistake;
    }
    let lines: Vec<String> = lines.iter().map(usize::to_string).collect();
    let word = if lines.len() == 1 { "line" } else { "lines" };
    mistake.note(format!("also on {word} {}", lines.join(", ")))
}

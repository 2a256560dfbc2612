//! Which folder and which variables a text belongs to.
//!
//! A value keeps the scope of the file in which it was written, also after it was merged into
//! another: that is where its relative paths start and where its variables come from.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::diagnostic::Source;
use crate::yaml::Spot;

/// Names and values that `${NAME}` stands for.
pub(super) type Variables = BTreeMap<String, String>;

/// Where a file's relative paths start and where its variables come from.
#[derive(Debug, Clone)]
pub(super) struct Scope {
    /// Absolute folder.
    pub(super) base: PathBuf,
    /// Variables.
    pub(super) variables: Arc<Variables>,
}

impl Scope {
    /// The same variables with another folder.
    pub(super) fn rebased(&self, base: PathBuf) -> Self {
        Self { base, variables: Arc::clone(&self.variables) }
    }

    /// A variable's value.
    pub(super) fn lookup(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }
}

/// The scopes of all sources of a project.
#[derive(Debug)]
pub(super) struct Scopes {
    outer: Scope,
    inner: Vec<(Arc<Source>, Scope)>,
}

impl Scopes {
    /// Only the outermost scope: the project's folder with the runner's own variables.
    pub(super) fn new(outer: Scope) -> Self {
        Self { outer, inner: Vec::new() }
    }

    /// The environment that the runner itself was given.
    pub(super) fn runner(&self) -> &Variables {
        &self.outer.variables
    }

    /// Notes the scope of a source.
    pub(super) fn add(&mut self, source: &Arc<Source>, scope: Scope) {
        self.inner.push((Arc::clone(source), scope));
    }

    /// The scope of what was written at a spot.
    pub(super) fn of(&self, spot: &Spot) -> &Scope {
        let known = self.inner.iter().find(|(source, _)| Arc::ptr_eq(source, &spot.source));
        known.map_or(&self.outer, |(_, scope)| scope)
    }

    /// The absolute path that a text at a spot means.
    pub(super) fn path(&self, spot: &Spot, path: &str) -> PathBuf {
        self.of(spot).base.join(Path::new(path))
    }
}

//! `coverage`: which ways back have ever been walked.

use std::io::Write;

use super::files::root;
use super::judge::RUNS;
use super::{AppError, Surroundings, say};
use crate::cli::{Coverage, Printed};
use crate::{coverage, exit, history, layouts, report};

pub(super) fn coverage(asked: &Coverage, around: &Surroundings, out: &mut dyn Write) -> Result<u8, AppError> {
    let folder = around.current.join(&asked.folder);
    let unreadable = |path: &std::path::Path, error: std::io::Error| {
        AppError::Invalid(format!("error: `{}` cannot be read: {error}\n", path.display()))
    };
    let root = root(asked.root.as_deref(), Some(&asked.folder), &around.current)?;
    let tree = layouts::tree(&folder, &root).map_err(|error| unreadable(&asked.folder, error))?;
    if let Some(named) = &asked.runs {
        std::fs::read_dir(around.current.join(named)).map_err(|error| unreadable(named, error))?;
    }
    let runs = asked.runs.as_deref().unwrap_or(RUNS.as_ref());
    let history = history::read(&around.current.join(runs));
    let covered = coverage::cover(&tree, &history, asked.require_level);
    let text = match asked.format {
        Printed::Text => report::coverage::text(&covered, around.style()),
        Printed::Json => report::coverage::json(&covered),
    };
    say(out, &text)?;
    Ok(if covered.is_met() { exit::MET } else { exit::NOT_MET })
}

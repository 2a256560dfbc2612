//! Jobs of delivery pipelines, as the one shell script that they are: what is drilled is then what will run.

mod github;
mod gitlab;
mod script;

use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Source};
use crate::yaml::{Limits, Node, parse};

/// A job of a pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// The shell that runs the script, with its options up to and with `-c`.
    pub shell: Vec<String>,
    /// Its variables and commands.
    pub script: String,
}

/// Reads a job of a pipeline's file: GitHub Actions where the file has `jobs`, else GitLab CI.
///
/// # Errors
/// What is wrong with the file, or what the job asks for that only its own service can do.
pub fn read(source: &Arc<Source>, job: &str) -> Result<Job, Vec<Diagnostic>> {
    let root = parse(source, Limits::default())?;
    let read = if root.get("jobs").is_some() { github::job(&root, job) } else { gitlab::job(&root, job) };
    read.map_err(|mistake| vec![*mistake])
}

/// One of several named nodes, or a mistake that names the nearest.
fn named<'n>(
    found: Option<&'n Node>,
    among: &Node,
    name: &str,
    known: &[&str],
) -> Result<&'n Node, Box<Diagnostic>> {
    found.ok_or_else(|| {
        let mistake = among.spot.mistake(format!("there is no job `{name}` in {}", among.spot.source.name));
        Box::new(mistake.suggest(name, known.iter().copied()))
    })
}

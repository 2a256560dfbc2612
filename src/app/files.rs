//! From arguments to a planned drill, and where files of a drill go.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{AppError, Surroundings};
use crate::cli::Inputs;
use crate::diagnostic;
use crate::files::RootedFiles;
use crate::journal::Redactor;
use crate::plan::model::Sweep;
use crate::plan::{self, Input, Options, PlannedDrill};
use crate::secret;

/// What a drill is planned with besides its files.
#[derive(Debug, Clone, Copy)]
pub(super) struct How {
    pub(super) control: bool,
    pub(super) hide_values: bool,
    pub(super) timeout_ms: Option<u64>,
    pub(super) sweep: Option<Sweep>,
    pub(super) lanes: Option<u32>,
}

/// Reads and plans everything that the command line names.
pub(super) fn plan(inputs: &Inputs, how: How, around: &Surroundings) -> Result<PlannedDrill, AppError> {
    let first = inputs.paths.first().map(PathBuf::as_path);
    let root = root(inputs.root.as_deref(), first, &around.current)?;
    let files = RootedFiles::new(&root, &around.current)
        .map_err(|problem| AppError::Invalid(diagnostic::render(&[problem.alone(&root)])))?;
    let variables = variables(inputs, around);
    let arguments: Vec<PathBuf> = inputs.paths.iter().map(|path| around.current.join(path)).collect();
    let input = Input { files: &files, variables: &variables, allow_host: inputs.allow_host, records: false };
    let options = Options {
        arguments: &arguments,
        input,
        control: how.control,
        hide_values: how.hide_values,
        timeout_ms: how.timeout_ms,
        sweep: how.sweep,
        lanes: how.lanes,
        usual_lanes: usual_lanes(),
    };
    let mut drill =
        plan::drill(&options).map_err(|mistakes| AppError::Invalid(diagnostic::render(&mistakes)))?;
    let set = inputs.set.iter().map(|(_, value)| value).filter(|value| !secret::says_nothing(value));
    drill.secrets.extend(set.cloned());
    Ok(drill)
}

/// A lane wants a core for what is under test and for its databases, and a gigabyte.
fn usual_lanes() -> u32 {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let memory = std::fs::read_to_string("/proc/meminfo").ok().and_then(|memory| available_mib(&memory));
    let by_memory = memory.map_or(1, |mib| mib / 1024);
    u32::try_from(cores.min(by_memory)).unwrap_or(1).clamp(1, 8)
}

fn available_mib(memory: &str) -> Option<usize> {
    let line = memory.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix(" kB")?.parse::<usize>().ok().map(|kib| kib / 1024)
}

fn variables(inputs: &Inputs, around: &Surroundings) -> BTreeMap<String, String> {
    let mut variables = around.environment.clone();
    variables.extend(inputs.set.iter().cloned());
    variables
}

/// The folder that no path may leave (S18): `--root`, else the nearest parent with `.git`, else the
/// folder on the command line.
pub(super) fn root(named: Option<&Path>, first: Option<&Path>, current: &Path) -> Result<PathBuf, AppError> {
    if let Some(root) = named {
        return Ok(current.join(root));
    }
    let first = first.map_or_else(|| current.to_owned(), |path| current.join(path));
    let first = first.canonicalize().map_err(|error| {
        AppError::Invalid(format!("error: `{}` cannot be read: {error}\n", first.display()))
    })?;
    let folder = if first.is_dir() { first } else { first.parent().map_or(first.clone(), Path::to_owned) };
    let repository = folder.ancestors().find(|above| above.join(".git").exists());
    Ok(repository.map_or(folder.clone(), Path::to_owned))
}

/// The text of a file under the name by which it is shown, as it is: for somebody who has the file.
pub(super) fn text_of(current: &Path) -> impl Fn(&str) -> Option<String> + use<> {
    let current = current.to_owned();
    move |name: &str| std::fs::read_to_string(current.join(name)).ok()
}

/// The same without secrets, for underlining a line of it in a report.
pub(super) fn shown_text(current: &Path, redactor: Arc<Redactor>) -> impl Fn(&str) -> Option<String> + use<> {
    let text_of = text_of(current);
    move |name: &str| {
        let text = text_of(name)?;
        Some(text.lines().map(|line| redactor.text(line) + "\n").collect())
    }
}

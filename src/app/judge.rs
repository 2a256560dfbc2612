//! `judge` and `show`: a verdict from a journal, without an engine.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::files::shown_text;
use super::{AppError, Surroundings, say};
use crate::cli::{Judge, Show};
use crate::journal::{self, Journal, Redactor};
use crate::verdict::{self, Timeline, Verdict};
use crate::{exit, report, secret};

/// Where reports go when nothing is said.
pub(super) const RUNS: &str = "backout-runs";

pub(super) fn judge(judge: &Judge, around: &Surroundings, out: &mut dyn Write) -> Result<u8, AppError> {
    let journal_file = journal_file(&around.current.join(&judge.run));
    let verdict = verdict_of(&journal_file)?;
    let beside = journal_file.parent().unwrap_or(Path::new(".")).to_owned();
    let folder = judge.report_dir.as_ref().map_or(beside, |folder| around.current.join(folder));
    let shown = undeclared(around);
    write_reports(&verdict, &folder, &shown)?;
    tell(&verdict, &folder, &shown, around, out)
}

pub(super) fn show(show: &Show, around: &Surroundings, out: &mut dyn Write) -> Result<u8, AppError> {
    let folder = match &show.run {
        Some(run) => around.current.join(run),
        None => newest(&around.current.join(RUNS))?,
    };
    let file = journal_file(&folder);
    let verdict = verdict_of(&file)?;
    tell(&verdict, file.parent().unwrap_or(&folder), &undeclared(around), around, out)
}

/// Lines of files where nobody says which secrets there are: those that look like one are hidden.
fn undeclared(around: &Surroundings) -> impl Fn(&str) -> Option<String> + use<> {
    shown_text(&around.current, Arc::new(Redactor::new(&BTreeSet::new())))
}

/// Prints the scorecard; returns the exit code of the verdict.
pub(super) fn tell(
    verdict: &Verdict,
    folder: &Path,
    shown: &dyn Fn(&str) -> Option<String>,
    around: &Surroundings,
    out: &mut dyn Write,
) -> Result<u8, AppError> {
    let mut text = String::new();
    let folder = folder.strip_prefix(&around.current).unwrap_or(folder).display().to_string();
    report::terminal::render(verdict, shown, &folder, around.style(), &mut text)
        .map_err(|error| AppError::Trouble(error.to_string()))?;
    say(out, &text)?;
    Ok(exit::code(verdict))
}

/// Writes every report file, readable by the owner only (S20).
pub(super) fn write_reports(
    verdict: &Verdict,
    folder: &Path,
    shown: &dyn Fn(&str) -> Option<String>,
) -> Result<(), AppError> {
    let trouble = |error: std::io::Error| {
        AppError::Trouble(format!("could not write the reports to {}: {error}", folder.display()))
    };
    secret::files::folder(folder).map_err(trouble)?;
    for (name, text) in report::files(verdict, shown) {
        let temporary = folder.join(format!(".{name}.new"));
        let mut file = secret::files::create(&temporary).map_err(trouble)?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(trouble)?;
        std::fs::rename(&temporary, folder.join(name)).map_err(trouble)?;
    }
    Ok(())
}

fn journal_file(run: &Path) -> PathBuf {
    if run.is_dir() { run.join(journal::FILE) } else { run.to_owned() }
}

fn verdict_of(file: &Path) -> Result<Verdict, AppError> {
    let refused =
        |why: String| AppError::Invalid(format!("error: {} cannot be judged: {why}\n", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| refused(error.to_string()))?;
    let Journal { records, .. } = journal::read(&text).map_err(|broken| refused(broken.to_string()))?;
    let timeline = Timeline::new(&records).ok_or_else(|| refused("it holds no plan".to_owned()))?;
    Ok(verdict::judge(&timeline))
}

fn newest(runs: &Path) -> Result<PathBuf, AppError> {
    let entries = std::fs::read_dir(runs).into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> =
        entries.map(|entry| entry.path()).filter(|path| path.join(journal::FILE).is_file()).collect();
    folders.sort();
    folders.pop().ok_or_else(|| {
        AppError::Invalid(format!(
            "error: there is no past run in {}; start one with `backout run`\n",
            runs.display()
        ))
    })
}

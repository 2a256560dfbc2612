//! `lint`: operations without a way back, in SQL files, folders of migrations and scenarios.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::files::{self, How, shown_text};
use super::{AppError, Surroundings, say};
use crate::cli::{Inputs, Lint, LintDialect, LintFormat};
use crate::diagnostic::{self, Source};
use crate::exit;
use crate::lint::{self, Dialect, Linted, Types, layout, report, rules};
use crate::plan::FILE;

const PLAIN: How = How { control: true, hide_values: false, timeout_ms: None, sweep: None, lanes: None };
/// How deep scenarios are looked for.
const DEPTH: usize = 6;

pub(super) fn lint(lint: &Lint, around: &Surroundings, out: &mut dyn Write) -> Result<u8, AppError> {
    if let Some(name) = &lint.explain {
        return explain(name, out);
    }
    let mut linted = Linted::default();
    let mut sql: Vec<PathBuf> = Vec::new();
    for path in &lint.paths {
        let whole = around.current.join(path);
        if holds_scenarios(&whole, DEPTH) {
            linted.extend(scenarios(lint, path, around)?);
        } else {
            collect(&whole, &mut sql)?;
        }
    }
    linted.extend(migrations(lint, sql, around)?);
    let text = match lint.format {
        LintFormat::Terminal => {
            let text = shown_text(&around.current);
            report::terminal(&linted, &|name| text(name).map(|text| Source::new(name, text)))
        }
        LintFormat::Json => report::json(&linted),
        LintFormat::Sarif => report::sarif(&linted),
        LintFormat::Github => report::github(&linted),
    };
    say(out, &text)?;
    let counts = linted.remarks.iter().any(lint::Remark::counts);
    Ok(if counts { exit::NOT_MET } else { exit::MET })
}

fn explain(name: &str, out: &mut dyn Write) -> Result<u8, AppError> {
    if let Some(rule) = rules::named(name) {
        return say(out, rule.page);
    }
    let known = rules::RULES.iter().map(|rule| rule.name);
    let near = diagnostic::nearest(name, known.clone());
    let hint = near.map_or_else(
        || format!("known here: {}", known.collect::<Vec<_>>().join(", ")),
        |near| format!("did you mean `{near}`?"),
    );
    Err(AppError::Invalid(format!("error: there is no rule `{name}`\n{hint}\n")))
}

/// A folder with a scenario in it or below it, a scenario's or a drill's own file.
fn holds_scenarios(path: &Path, depth: usize) -> bool {
    if path.is_file() {
        return path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
    }
    let below = || {
        let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect::<Vec<_>>()
    };
    path.join(FILE).is_file() || depth > 0 && below().iter().any(|path| holds_scenarios(path, depth - 1))
}

fn scenarios(lint: &Lint, path: &Path, around: &Surroundings) -> Result<Linted, AppError> {
    let inputs = Inputs {
        paths: vec![path.to_owned()],
        set: lint.set.clone(),
        root: lint.root.clone(),
        allow_host: true,
    };
    let drill = files::plan(&inputs, PLAIN, around)?.plan;
    let mut linted = Linted::default();
    for entry in drill.scenarios {
        linted.extend(entry.plan.lint);
    }
    // Files that several scenarios share are shown once.
    linted.remarks.sort_by_key(|remark| (remark.at.clone(), remark.rule.clone()));
    linted.remarks.dedup();
    Ok(linted)
}

/// The SQL files at a path; with one half of a pair comes the other.
fn collect(path: &Path, found: &mut Vec<PathBuf>) -> Result<(), AppError> {
    let unreadable = |error: std::io::Error| {
        AppError::Invalid(format!("error: `{}` cannot be read: {error}\n", path.display()))
    };
    if !std::fs::metadata(path).map_err(unreadable)?.is_dir() {
        let others = layout::other_half(&path.to_string_lossy()).into_iter().map(PathBuf::from);
        found.extend(others.filter(|other| other.is_file()));
        found.push(path.to_owned());
        return Ok(());
    }
    for entry in std::fs::read_dir(path).map_err(unreadable)? {
        let below = entry.map_err(unreadable)?.path();
        if below.is_dir() {
            collect(&below, found)?;
        } else if below.extension().is_some_and(|extension| extension == "sql") {
            found.push(below);
        }
    }
    Ok(())
}

fn migrations(lint: &Lint, mut paths: Vec<PathBuf>, around: &Surroundings) -> Result<Linted, AppError> {
    paths.sort();
    paths.dedup();
    let mut sources: Vec<Arc<Source>> = Vec::new();
    for path in paths {
        let shown = path.strip_prefix(&around.current).unwrap_or(&path).display().to_string();
        let text = std::fs::read_to_string(&path)
            .map_err(|error| AppError::Invalid(format!("error: `{shown}` cannot be read: {error}\n")))?;
        sources.push(Source::new(shown, text));
    }
    let dialect = match lint.dialect {
        LintDialect::Postgres => Dialect::Postgres,
        LintDialect::Mariadb => Dialect::Mariadb,
    };
    let (mut linted, mut mistakes, mut types) = (Linted::default(), Vec::new(), Types::new());
    for unit in layout::units(&sources) {
        match lint::lint(&unit, dialect, &mut types) {
            Ok(found) => linted.extend(found),
            Err(more) => mistakes.extend(more),
        }
    }
    if mistakes.is_empty() { Ok(linted) } else { Err(AppError::Invalid(diagnostic::render(&mistakes))) }
}

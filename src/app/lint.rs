//! `lint`: operations without a way back, in SQL files, folders of migrations and scenarios.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::files::{self, How, shown_text};
use super::{AppError, Surroundings, say};
use crate::cli::{Inputs, Lint, LintDialect, LintFormat};
use crate::compose::{self, Project, Request};
use crate::diagnostic::{self, Source};
use crate::exit;
use crate::files::RootedFiles;
use crate::lint::operation::Operation;
use crate::lint::{self, Dialect, Linted, Part, Script, Types, layout, report, rules};
use crate::plan::FILE;
use crate::yaml::{self, Limits, Node};

const PLAIN: How = How { control: true, hide_values: false, timeout_ms: None, sweep: None, lanes: None };
/// How deep scenarios are looked for.
const DEPTH: usize = 6;

pub(super) fn lint(lint: &Lint, around: &Surroundings, out: &mut dyn Write) -> Result<u8, AppError> {
    if let Some(name) = &lint.explain {
        return explain(name, out);
    }
    let linted = match &lint.before {
        Some(before) => compose_change(lint, before, around)?,
        None => everything(lint, around)?,
    };
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

/// What the paths name, each as what it is.
fn everything(lint: &Lint, around: &Surroundings) -> Result<Linted, AppError> {
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
    Ok(linted)
}

/// What goes between an older Compose file and those on the line, shown in the older one.
fn compose_change(lint: &Lint, before: &Path, around: &Surroundings) -> Result<Linted, AppError> {
    let old = project(lint, std::slice::from_ref(&before.to_owned()), around)?;
    let new = project(lint, &lint.paths, around)?;
    let (source, tree) = yaml_of(before, around)?;
    let operations = lint::compose::changes(&old, &new).into_iter().map(|(keys, what)| {
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let (last, parents) = keys.split_last().expect("a change has a key");
        let parent = tree.nearest(parents);
        let spot = parent.entry(last).map_or(&parent.spot, |entry| &entry.key_spot);
        Operation { what, span: spot.span.clone(), statement: spot.span.clone() }
    });
    let script = Script::whole(&source);
    let part = Part { script, operations: operations.collect(), has_comments: false };
    lint::judge(&[part], None, false, &mut Types::new())
        .map_err(|mistakes| AppError::Invalid(diagnostic::render(&mistakes)))
}

fn project(lint: &Lint, paths: &[PathBuf], around: &Surroundings) -> Result<Project, AppError> {
    let mut environment = around.environment.clone();
    environment.extend(lint.set.iter().cloned());
    let mut files = Vec::new();
    for path in paths {
        let (_, tree) = yaml_of(path, around)?;
        files.push((around.current.join(path), tree.spot));
    }
    let request = Request { files, profiles: Vec::new(), environment, base: around.current.clone() };
    let root = lint.root.as_ref().map_or(Path::new("/").to_owned(), |root| around.current.join(root));
    let reads = RootedFiles::new(&root, &around.current)
        .map_err(|problem| AppError::Invalid(diagnostic::render(&[problem.alone(&root)])))?;
    compose::load(&reads, &request).map_err(|mistakes| AppError::Invalid(diagnostic::render(&mistakes)))
}

fn yaml_of(path: &Path, around: &Surroundings) -> Result<(Arc<Source>, Node), AppError> {
    let whole = around.current.join(path);
    let shown = whole.strip_prefix(&around.current).unwrap_or(&whole).display().to_string();
    let text = std::fs::read_to_string(&whole)
        .map_err(|error| AppError::Invalid(format!("error: `{shown}` cannot be read: {error}\n")))?;
    let source = Source::new(shown, text);
    let tree = yaml::parse(&source, Limits::default())
        .map_err(|mistakes| AppError::Invalid(diagnostic::render(&mistakes)))?;
    Ok((source, tree))
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

//! `lint`: operations without a way back, in SQL files, folders of migrations and scenarios.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::files::{self, How, text_of};
use super::{AppError, Surroundings, recorded, say};
use crate::cli::{Inputs, Lint, LintDialect, LintFormat};
use crate::compose::{self, Project, Request};
use crate::diagnostic::{self, Source};
use crate::exit;
use crate::files::RootedFiles;
use crate::journal;
use crate::layouts::{self, Migration, Tree};
use crate::lint::operation::Operation;
use crate::lint::{self, Dialect, Expected, Half, Linted, Part, Script, Types, Unit, layout, report, rules};
use crate::plan::FILE;
use crate::yaml::{self, Limits, Node};

const PLAIN: How = How { control: true, hide_values: false, timeout_ms: None, sweep: None, lanes: None };
/// How deep scenarios are looked for.
const DEPTH: usize = 6;
/// What stands for the standard input on the command line and in remarks.
const STANDARD_INPUT: &str = "-";

pub(super) fn lint(lint: &Lint, around: &Surroundings, out: &mut dyn Write) -> Result<u8, AppError> {
    if let Some(name) = &lint.explain {
        return explain(name, out);
    }
    let mut texts = Texts::new();
    let linted = match &lint.before {
        Some(before) => compose_change(lint, before, around)?,
        None => everything(lint, around, &mut texts)?,
    };
    let text = match lint.format {
        LintFormat::Terminal => {
            let text = text_of(&around.current);
            let file = |name: &str| text(name).map(|text| Source::new(name, text));
            report::terminal(&linted, &|name| texts.get(name).cloned().or_else(|| file(name)))
        }
        LintFormat::Json => report::json(&linted),
        LintFormat::Sarif => report::sarif(&linted),
        LintFormat::Github => report::github(&linted),
    };
    say(out, &text)?;
    let counts = linted.remarks.iter().any(lint::Remark::counts);
    Ok(if counts { exit::NOT_MET } else { exit::MET })
}

/// What the paths name, each as what it is, with the texts that are no files.
fn everything(lint: &Lint, around: &Surroundings, texts: &mut Texts) -> Result<Linted, AppError> {
    let mut linted = Linted::default();
    let mut files: BTreeMap<PathBuf, BTreeSet<PathBuf>> = BTreeMap::new();
    let mut found = Found::default();
    for path in &lint.paths {
        let whole = around.current.join(path);
        if path.as_os_str() == STANDARD_INPUT {
            found.piped(texts)?;
        } else if let Some(file) = journal_of(&whole) {
            let recorded = recorded::lint(&file)?;
            texts.extend(recorded.texts.into_iter().map(|source| (source.name.clone(), source)));
            linted.extend(recorded.linted);
        } else if holds_scenarios(&whole, DEPTH) {
            linted.extend(scenarios(lint, path, around)?);
        } else if std::fs::metadata(&whole).map_err(|error| unreadable(path, &error))?.is_dir() {
            let tree = layouts::tree(&whole, &whole).map_err(|error| unreadable(path, &error))?;
            found.folder(&shown(&whole, around), &tree);
        } else {
            let folder = whole.parent().unwrap_or(&whole).to_owned();
            files.entry(folder).or_default().insert(whole);
        }
    }
    for (folder, files) in files {
        let tree = layouts::around(&folder).map_err(|error| unreadable(&folder, &error))?;
        found.files(&tree, &files, around);
    }
    linted.extend(found.judged(lint)?);
    Ok(linted)
}

/// The journal of a past run, where a path names one.
fn journal_of(path: &Path) -> Option<PathBuf> {
    let beside = path.join(journal::FILE);
    let is_journal = path.file_name().is_some_and(|name| name == journal::FILE);
    beside.is_file().then_some(beside).or_else(|| is_journal.then(|| path.to_owned()))
}

fn unreadable(path: &Path, error: &std::io::Error) -> AppError {
    AppError::Invalid(format!("error: `{}` cannot be read: {error}\n", path.display()))
}

/// A path as it is shown: from the current folder on, where it lies below that.
fn shown(path: &Path, around: &Surroundings) -> String {
    let shown = path.strip_prefix(&around.current).unwrap_or(path).display().to_string();
    let shown = shown.trim_end_matches('/').trim_start_matches("./").to_owned();
    if shown.is_empty() { ".".to_owned() } else { shown }
}

/// Texts that are no files, by the name under which they are shown.
type Texts = BTreeMap<String, Arc<Source>>;

/// Units to be judged.
#[derive(Default)]
struct Found {
    units: Vec<(Unit, Option<Dialect>)>,
}

impl Found {
    /// The migrations below a folder.
    fn folder(&mut self, name: &str, tree: &Tree) {
        let prefix = if name == "." { String::new() } else { format!("{name}/") };
        let sources =
            tree.texts().map(|(path, text)| (path.to_owned(), Source::new(format!("{prefix}{path}"), text)));
        let mut migrations = layouts::migrations(tree);
        migrations.extend(layouts::plain(tree, &migrations));
        let units = layout::units(migrations, &sources.collect());
        let is_empty = units.is_empty();
        self.units.extend(units);
        self.units.extend(is_empty.then(|| (layout::nothing(name), None)));
    }

    /// Some files of a folder, each with its other half.
    fn files(&mut self, tree: &Tree, files: &BTreeSet<PathBuf>, around: &Surroundings) {
        let whole = |path: &str| tree.folder.join(path);
        let wanted: BTreeSet<PathBuf> = files.iter().filter_map(|file| file.canonicalize().ok()).collect();
        let name = |path: &str| {
            let asked = files.iter().find(|file| file.canonicalize().is_ok_and(|file| file == whole(path)));
            let folder = files.first().and_then(|file| file.parent());
            let beside = folder.map(|folder| folder.join(path)).filter(|path| path.is_file());
            shown(asked.unwrap_or(&beside.unwrap_or_else(|| whole(path))), around)
        };
        let is_wanted = |migration: &Migration| migration.paths().any(|path| wanted.contains(&whole(path)));
        let mut migrations = layouts::migrations(tree);
        migrations.extend(layouts::plain(tree, &migrations));
        migrations.retain(is_wanted);
        let read: BTreeSet<PathBuf> = migrations.iter().flat_map(Migration::paths).map(whole).collect();
        let sources = tree.texts().map(|(path, text)| (path.to_owned(), Source::new(name(path), text)));
        self.units.extend(layout::units(migrations, &sources.collect()));
        let rest = files.iter().filter(|file| file.canonicalize().is_ok_and(|file| !read.contains(&file)));
        self.units.extend(rest.map(|file| (layout::nothing(&shown(file, around)), None)));
    }

    /// SQL from the standard input.
    fn piped(&mut self, texts: &mut Texts) -> Result<(), AppError> {
        let text = std::io::read_to_string(std::io::stdin());
        let text = text.map_err(|error| unreadable(Path::new(STANDARD_INPUT), &error))?;
        let source = Source::new(STANDARD_INPUT, text);
        texts.insert(source.name.clone(), Arc::clone(&source));
        let unit = if source.text.trim().is_empty() {
            layout::nothing(STANDARD_INPUT)
        } else {
            Unit {
                change: vec![Half::Sql(Script::whole(&source))],
                rollback: None,
                expected: Expected::Nothing,
            }
        };
        self.units.push((unit, None));
        Ok(())
    }

    /// What is said of all of them.
    fn judged(self, lint: &Lint) -> Result<Linted, AppError> {
        let asked = match lint.dialect {
            LintDialect::Postgres => Dialect::Postgres,
            LintDialect::Mariadb => Dialect::Mariadb,
        };
        let (mut linted, mut mistakes, mut types) = (Linted::default(), Vec::new(), Types::new());
        for (unit, named) in self.units {
            match lint::lint(&unit, named.unwrap_or(asked), &mut types) {
                Ok(found) => linted.extend(found),
                Err(more) => mistakes.extend(more),
            }
        }
        if mistakes.is_empty() { Ok(linted) } else { Err(AppError::Invalid(diagnostic::render(&mistakes))) }
    }
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
    lint::judge(&[part], None, Expected::Nothing, &mut Types::new())
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

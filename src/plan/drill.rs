//! What stands on the command line, to the plan of one drill: a drill file, a scenario, or a folder
//! of scenarios.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::build::{self, FILE, Input};
use super::model::{DrillPlan, Entry, Sweep};
use crate::diagnostic::Diagnostic;
use crate::files::{FileKind, Files, TEXT_LIMIT};
use crate::outcome::Check;
use crate::scenario::DrillFile;
use crate::scenario::drill as written;
use crate::yaml::{self, Limits, Node};

/// What the command line says about a drill.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// Files and folders, absolute.
    pub arguments: &'a [PathBuf],
    /// Files and variables.
    pub input: Input<'a>,
    /// Whether a control run is made.
    pub control: bool,
    /// Whether row values are hidden.
    pub hide_values: bool,
    /// How long the whole drill may take, in milliseconds; wins over the drill file.
    pub timeout_ms: Option<u64>,
    /// How widely scenarios are tried; wins over the drill file.
    pub sweep: Option<Sweep>,
    /// How many stages of a sweep run at once; wins over the drill file.
    pub lanes: Option<u32>,
    /// The same where nobody says it.
    pub usual_lanes: u32,
}

/// A drill, and the texts that must never be shown.
#[derive(Debug)]
pub struct PlannedDrill {
    /// The plan.
    pub plan: DrillPlan,
    /// Secret values of all its scenarios.
    pub secrets: BTreeSet<String>,
    /// By scenario: variables that are hidden for their names alone.
    pub hidden_by_name: BTreeMap<String, BTreeSet<String>>,
}

/// One scenario to plan, as a drill file or the command line asks for it.
struct Wanted {
    folder: PathBuf,
    identity: String,
    level: Option<u8>,
    should_fail: bool,
    because: Vec<String>,
    allow_host: bool,
    sweep: Option<Sweep>,
}

/// Plans everything that the command line names.
///
/// # Errors
/// Every mistake in every file.
pub fn drill(options: &Options<'_>) -> Result<PlannedDrill, Vec<Diagnostic>> {
    let mut mistakes = Vec::new();
    let mut wanted = Vec::new();
    let mut names = Vec::new();
    let (mut timeout_ms, mut lanes) = (None, None);
    for argument in options.arguments {
        match read(options, argument, &mut wanted) {
            Ok(head) => {
                names.push(head.name);
                timeout_ms = timeout_ms.max(head.timeout_ms);
                lanes = lanes.max(head.lanes);
            }
            Err(more) => mistakes.extend(more),
        }
    }
    let mut scenarios = Vec::new();
    let (mut secrets, mut hidden_by_name) = (BTreeSet::new(), BTreeMap::new());
    for wanted in wanted {
        let allow_host = options.input.allow_host && wanted.allow_host;
        let sweep = options.sweep.or(wanted.sweep);
        let input = Input { allow_host, records: sweep.is_some(), ..options.input };
        match build::scenario(input, &wanted.folder, &wanted.identity) {
            Ok(planned) => {
                secrets.extend(planned.secrets.values);
                hidden_by_name.insert(planned.plan.path.clone(), planned.secrets.by_name);
                let (level, should_fail, because) = (wanted.level, wanted.should_fail, wanted.because);
                scenarios.push(Entry { plan: planned.plan, level, should_fail, because, sweep });
            }
            Err(more) => mistakes.extend(more),
        }
    }
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    let plan = DrillPlan {
        name: names.join(" "),
        scenarios,
        control: options.control,
        hide_values: options.hide_values,
        timeout_ms: options.timeout_ms.or(timeout_ms),
        lanes: options.lanes.or(lanes).unwrap_or(options.usual_lanes),
    };
    Ok(PlannedDrill { plan, secrets, hidden_by_name })
}

/// What a file says about the drill as a whole.
struct Head {
    name: String,
    timeout_ms: Option<u64>,
    lanes: Option<u32>,
}

impl Head {
    fn named(name: String) -> Self {
        Self { name, timeout_ms: None, lanes: None }
    }
}

fn read(options: &Options<'_>, argument: &Path, wanted: &mut Vec<Wanted>) -> Result<Head, Vec<Diagnostic>> {
    let files = options.input.files;
    let located = files.locate(argument).map_err(|problem| vec![problem.alone(argument)])?;
    let argument = located.path;
    if located.kind == FileKind::Folder {
        return Ok(Head::named(folder(&argument, wanted)?));
    }
    if argument.file_name().is_some_and(|name| name == FILE) {
        let folder = argument.parent().unwrap_or(&argument).to_owned();
        let identity = identity(&folder, None);
        wanted.push(plain(folder, identity.clone()));
        return Ok(Head::named(identity));
    }
    let source = files.read(&argument, TEXT_LIMIT).map_err(|problem| vec![problem.alone(&argument)])?;
    let root = yaml::parse(&source, Limits::default())?;
    if root.get("staging").is_some() || root.get("change").is_some() {
        let diagnostic =
            Diagnostic::whole(&source, "this looks like a scenario, and is not called scenario.yaml");
        return Err(vec![diagnostic.help("a scenario is a folder with a `scenario.yaml`; rename the file")]);
    }
    let drill: DrillFile = yaml::decode(&root)?;
    let mut mistakes = Vec::new();
    check(&root, &drill, &mut mistakes);
    let base = argument.parent().unwrap_or(&argument);
    for (index, entry) in drill.scenarios.iter().enumerate() {
        match self::entry(files, base, &root, index, entry, &drill) {
            Ok(one) => wanted.push(one),
            Err(mistake) => mistakes.push(*mistake),
        }
    }
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    let timeout_ms = drill.timeout.map(|span| crate::millis::of(span.0));
    Ok(Head { name: drill.name.unwrap_or_default(), timeout_ms, lanes: drill.lanes })
}

fn sweep(written: written::Sweep) -> Option<Sweep> {
    match written {
        written::Sweep::Off => None,
        written::Sweep::Reduced => Some(Sweep { exhaustive: false }),
        written::Sweep::Exhaustive => Some(Sweep { exhaustive: true }),
    }
}

fn plain(folder: PathBuf, identity: String) -> Wanted {
    Wanted {
        folder,
        identity,
        level: None,
        should_fail: false,
        because: Vec::new(),
        allow_host: true,
        sweep: None,
    }
}

/// All scenarios below a folder.
fn folder(folder: &Path, wanted: &mut Vec<Wanted>) -> Result<String, Vec<Diagnostic>> {
    let mut found = Vec::new();
    find(folder, &mut found);
    found.sort();
    if found.is_empty() {
        let source = crate::diagnostic::Source::new(folder.display().to_string(), "");
        let diagnostic = Diagnostic::whole(&source, "there is no scenario in this folder");
        return Err(vec![
            diagnostic.help("a scenario is a folder with a `scenario.yaml`; `backout init NAME` makes one"),
        ]);
    }
    for at in found {
        let identity = identity(&at, Some(folder));
        wanted.push(plain(at, identity));
    }
    Ok(identity(folder, None))
}

fn find(folder: &Path, found: &mut Vec<PathBuf>) {
    if folder.join(FILE).is_file() {
        found.push(folder.to_owned());
        return;
    }
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir())
            && !entry.file_name().to_string_lossy().starts_with('.')
        {
            find(&entry.path(), found);
        }
    }
}

/// A scenario's name for people: its path below a folder called `scenarios`, else below the
/// argument, else its own folder's name.
fn identity(folder: &Path, argument: Option<&Path>) -> String {
    let below_library =
        folder.ancestors().find(|above| above.file_name().is_some_and(|name| name == "scenarios"));
    let base = below_library.or(argument).filter(|base| *base != folder);
    let relative = base.and_then(|base| folder.strip_prefix(base).ok());
    let name = relative.map_or_else(|| folder.file_name().unwrap_or_default().into(), Path::to_path_buf);
    name.to_string_lossy().into_owned()
}

fn check(root: &Node, drill: &DrillFile, mistakes: &mut Vec<Diagnostic>) {
    let source = &root.spot.source;
    match drill.format {
        Some(1) => {}
        Some(other) => {
            let mistake = root.nearest(&["format"]).spot.mistake(format!("format {other} is not known here"));
            mistakes.push(mistake.help("this version of Backout reads `format: 1`"));
        }
        None => mistakes
            .push(Diagnostic::whole(source, "`format` is missing").help("start the file with `format: 1`")),
    }
    if drill.name.is_none() {
        mistakes.push(Diagnostic::whole(source, "`name` is missing").help("give the drill a short name"));
    }
    if drill.scenarios.is_empty() {
        let help = "list folders: `scenarios: [ { path: ../scenarios/drop-column/right } ]`";
        mistakes.push(Diagnostic::whole(source, "`scenarios` is missing or empty").help(help));
    }
    if drill.lanes.is_some_and(|lanes| !(1..=64).contains(&lanes)) {
        mistakes.push(root.nearest(&["lanes"]).spot.mistake("`lanes` goes from 1 to 64"));
    }
    for (index, entry) in drill.scenarios.iter().enumerate() {
        promises(root, drill, index, entry, mistakes);
    }
}

fn promises(
    root: &Node,
    drill: &DrillFile,
    index: usize,
    entry: &written::Entry,
    mistakes: &mut Vec<Diagnostic>,
) {
    let index = index.to_string();
    let spot = |key: &str| root.nearest(&["scenarios", &index, key]).spot.clone();
    if drill.gate && entry.should.is_some() {
        let mistake = spot("should").mistake("a gate cannot ask for a failure");
        mistakes.push(mistake.help("keep wrong halves in a drill without `gate: true`"));
    }
    if entry.should.is_some() == entry.because.is_empty() {
        let message = "`should: fail` and `because: […]` belong together";
        mistakes.push(spot("path").mistake(message).help("name exactly the checks that must fail"));
    }
    if entry.require.is_some_and(|require| require.level > 4) {
        mistakes.push(spot("require").mistake("levels go from 0 to 4"));
    }
    for (at, word) in entry.because.iter().enumerate() {
        if Check::ALL.iter().all(|check| check.word() != word) {
            let spot = root.nearest(&["scenarios", &index, "because", &at.to_string()]).spot.clone();
            let known = Check::ALL.iter().map(|check| check.word());
            mistakes.push(spot.mistake(format!("there is no check `{word}`")).suggest(word, known));
        }
    }
}

fn entry(
    files: &dyn Files,
    base: &Path,
    root: &Node,
    index: usize,
    entry: &written::Entry,
    drill: &DrillFile,
) -> Result<Wanted, Box<Diagnostic>> {
    let spot = &root.nearest(&["scenarios", &index.to_string(), "path"]).spot;
    let folder = files.locate(&base.join(&entry.path)).map_err(|problem| Box::new(problem.at(spot)))?.path;
    if files.locate(&folder.join(FILE)).is_err() {
        let mistake = spot.mistake(format!("there is no scenario.yaml in `{}`", entry.path));
        return Err(Box::new(mistake.help("name the folder of one scenario")));
    }
    Ok(Wanted {
        identity: identity(&folder, Some(base)),
        folder,
        level: entry.require.map(|require| require.level),
        should_fail: entry.should.is_some(),
        because: entry.because.clone(),
        allow_host: drill.allow_host,
        sweep: sweep(entry.sweep.unwrap_or(drill.sweep)),
    })
}

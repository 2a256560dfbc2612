//! `run` and `demo`: plan, connect, walk, judge, report.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::files::{self, How, shown_text};
use super::judge::{RUNS, tell, write_reports};
use super::starter::RECIPE;
use super::{AppError, Surroundings, say};
use crate::cli::{self, Demo, Inputs, Run, Sweep, Values};
use crate::journal::event::FORMAT;
use crate::journal::{self, Event, JournalError, Record, Redactor, Writer};
use crate::outcome::Outcome;
use crate::plan::{self, PlannedDrill};
use crate::progress::Progress;
use crate::run::{self, Doubts, Ended, Scribe};
use crate::secret;
use crate::stage::docker::{self, Engine};
use crate::verdict::{self, Timeline};
use crate::world::{RealWorld, Settings};

/// Name and version in the journal.
const TOOL: &str = concat!("backout ", env!("CARGO_PKG_VERSION"));
/// The drill of `demo`, from the top of the repository.
const DEMO: &str = "drills/demo.yaml";

pub(super) async fn run(run: &Run, around: &Surroundings, out: &mut dyn Write) -> Result<u8, AppError> {
    let drill = files::plan(&run.inputs, how(&run.how, !run.no_control, around), around)?;
    let engine = super::engine::find(around).await?;
    walk(drill, engine, &run.how, around, out).await
}

pub(super) async fn sweep(sweep: &Sweep, around: &Surroundings, out: &mut dyn Write) -> Result<u8, AppError> {
    let widely = plan::model::Sweep { exhaustive: sweep.exhaustive };
    let how = How { sweep: Some(widely), ..how(&sweep.how, true, around) };
    let drill = files::plan(&sweep.inputs, how, around)?;
    let lanes = drill.plan.lanes;
    let engine = super::engine::find(around).await?;
    say(
        out,
        &format!("{lanes} lane{} (`--lanes` sets another number)\n", if lanes == 1 { "" } else { "s" }),
    )?;
    let book = match &sweep.resume {
        Some(run) => Book::Old(around.current.join(run)),
        None => Book::New,
    };
    let happened = happen(drill, engine, &sweep.how, around, book).await?;
    conclude(happened, around, out)
}

pub(super) async fn demo(demo: &Demo, around: &Surroundings, out: &mut dyn Write) -> Result<u8, AppError> {
    let top = around.current.ancestors().find(|folder| folder.join(DEMO).is_file());
    let file = top.map(|folder| folder.join(DEMO)).ok_or_else(|| {
        AppError::Invalid(format!(
            "error: there is no {DEMO} here or above; run the demo in Backout's repository\n"
        ))
    })?;
    let inputs = Inputs { paths: vec![file], set: Vec::new(), root: None, allow_host: false };
    let drill = files::plan(&inputs, how(&demo.how, true, around), around)?;
    let engine = super::engine::find_or_start(demo.start_engine, around, out).await?;
    say(
        out,
        "Two rollbacks of the same change, a dropped column. Each is walked four times: without\n\
         a rollback (control), after the whole change, after a change that broke half-way, and\n\
         not at all (idle). Both end with exit 0; only one brings the data back.\n\n",
    )?;
    let code = walk(drill, engine, &demo.how, around, out).await?;
    say(
        out,
        "\ntry next:  backout run scenarios/interrupted-migration\n           \
         backout plan scenarios/drop-column/right\n           \
         backout init my-first-drill\n",
    )?;
    Ok(code)
}

pub(super) fn how(how: &cli::How, control: bool, around: &Surroundings) -> How {
    let in_ci = around.environment.get("CI").is_some_and(|ci| !ci.is_empty() && ci != "false");
    let hide_values = how.values.map_or(in_ci, |values| values == Values::Hidden);
    let timeout_ms = how.timeout.map(|span| crate::millis::of(span.0));
    How { control, hide_values, timeout_ms, sweep: None, lanes: how.lanes }
}

async fn walk(
    drill: PlannedDrill,
    engine: Engine,
    how: &cli::How,
    around: &Surroundings,
    out: &mut dyn Write,
) -> Result<u8, AppError> {
    let happened = happen(drill, engine, how, around, Book::New).await?;
    conclude(happened, around, out)
}

/// Judges what happened, writes the reports and prints the scorecard.
fn conclude(happened: Happened, around: &Surroundings, out: &mut dyn Write) -> Result<u8, AppError> {
    let Happened { timeline, folder, redactor, ended } = happened;
    let verdict = verdict::judge(&timeline);
    let shown = shown_text(&around.current, redactor);
    let written = write_reports(&verdict, &folder, &shown);
    let code = tell(&verdict, &folder, &shown, around, out)?;
    ended?;
    written?;
    Ok(code)
}

/// What happened in a drill.
pub(super) struct Happened {
    pub(super) timeline: Timeline,
    /// Where its journal is.
    pub(super) folder: PathBuf,
    /// Hides its secrets.
    pub(super) redactor: Arc<Redactor>,
    /// An error where the journal could not be written to its end.
    pub(super) ended: Result<Ended, JournalError>,
}

/// What a drill is written into.
pub(super) enum Book {
    /// A new journal.
    New,
    /// A new journal, and only what is needed to list points is done.
    Survey,
    /// The journal of a drill that was stopped, in this folder.
    Old(PathBuf),
}

/// Runs a drill.
pub(super) async fn happen(
    drill: PlannedDrill,
    engine: Engine,
    how: &cli::How,
    around: &Surroundings,
    book: Book,
) -> Result<Happened, AppError> {
    let owner = super::clean::owner()?;
    super::clean::dead(&engine, &owner).await?;
    let (subnets, cache_bytes) = (super::engine::subnets(how)?, super::engine::bytes(&how.cache_size)?);
    super::engine::has_room(&engine, subnets, &drill.plan).await?;
    let progress = Progress::new(around.stderr_is_terminal);
    let survey = matches!(book, Book::Survey);
    let Opened { folder, writer, earlier } = match book {
        Book::New | Book::Survey => begin(&drill, how, around, &owner, &progress)?,
        Book::Old(folder) => resume(&drill, folder, &progress)?,
    };
    let scribe = Scribe::new(Arc::clone(&writer), None);
    let work =
        tempfile::tempdir().map_err(|error| AppError::Trouble(format!("no temporary folder: {error}")))?;
    let settings = Settings {
        owner,
        subnets,
        environment: around.environment.clone(),
        keep: how.keep,
        reports: folder.clone(),
        hide_values: drill.plan.hide_values,
        redactor: writer.redactor(),
        facilitator: around.stdin_is_terminal,
        program: PathBuf::from("/proc/self/exe"),
        recipes: Some(recipes(around, work.path())?),
        name: random_word(8),
    };
    let world = RealWorld::new(engine.clone(), settings, Arc::clone(&progress));
    let world = Arc::new(world.map_err(|error| AppError::Trouble(error.to_string()))?);
    let doubts = Some(doubts(&writer, &progress));
    let work_folder = work.path().to_owned();
    let options = run::Options { keep: how.keep, work: work_folder, doubts, earlier, survey };
    let stop = stop_signal(drill.plan.timeout_ms)?;
    let ended = run::drill(world, &drill.plan, Arc::clone(&writer), stop, &options).await;
    progress.finish();
    // A cache that could not be trimmed is no reason to hide a verdict; the next start tries again.
    let _ = docker::trim(&engine, cache_bytes).await;
    if matches!(ended, Ok(Ended::Complete | Ended::Stopped)) {
        scribe.note(&Event::Ended)?;
    }
    if ended.is_ok() {
        writer.verify().map_err(gone)?;
    }
    let timeline = Timeline::new(&writer.records());
    let timeline = timeline.ok_or_else(|| AppError::Trouble("the journal is empty".to_owned()))?;
    Ok(Happened { timeline, folder, redactor: writer.redactor(), ended })
}

/// What was found can only be believed with the journal that it was found in.
fn gone(error: JournalError) -> AppError {
    AppError::Trouble(format!(
        "the journal {} is not as it was written ({}): without it there is no verdict; run the drill again, and let \
         nothing touch its report folder meanwhile",
        error.path, error.cause
    ))
}

/// A journal that is open.
struct Opened {
    folder: PathBuf,
    writer: Arc<Writer>,
    /// What it held already.
    earlier: Vec<Record>,
}

fn begin(
    drill: &PlannedDrill,
    how: &cli::How,
    around: &Surroundings,
    owner: &docker::Owner,
    progress: &Arc<Progress>,
) -> Result<Opened, AppError> {
    let folder = report_folder(how.report_dir.as_deref(), &around.current)?;
    let redactor = redactor(drill);
    let writer = Arc::new(Writer::create(&folder.join(journal::FILE), redactor, progress.listener())?);
    Scribe::new(Arc::clone(&writer), None).note(&Event::Started {
        format: FORMAT,
        tool: TOOL.to_owned(),
        owner: owner.to_string(),
        plan: Box::new(drill.plan.clone()),
    })?;
    Ok(Opened { folder, writer, earlier: Vec::new() })
}

fn redactor(drill: &PlannedDrill) -> Arc<Redactor> {
    Arc::new(Redactor::new(&drill.secrets).hiding_values(drill.plan.hide_values))
}

/// Opens the journal of a drill that was stopped; it must be of the very same plan.
fn resume(drill: &PlannedDrill, folder: PathBuf, progress: &Arc<Progress>) -> Result<Opened, AppError> {
    let file = folder.join(journal::FILE);
    let refused =
        |why: String| AppError::Invalid(format!("error: {} cannot be gone on with: {why}\n", file.display()));
    let text = std::fs::read_to_string(&file).map_err(|error| refused(error.to_string()))?;
    let journal = journal::read(&text).map_err(|broken| refused(broken.to_string()))?;
    let redactor = redactor(drill);
    let is_same = match journal.records.first().map(|record| &record.event) {
        Some(Event::Started { plan, .. }) => {
            let now = redactor.json(&drill.plan).map(|plan| journal::but_for_secrets(&plan));
            now.ok() == serde_json::to_value(&**plan).map(|plan| journal::but_for_secrets(&plan)).ok()
        }
        _ => false,
    };
    if !is_same {
        return Err(refused(
            "the scenario, its files or the options are not those that it was begun with; start a new sweep"
                .to_owned(),
        ));
    }
    let timeline = Timeline::new(&journal.records);
    progress.recall(&journal.records, |run| verdict::of_run(timeline.as_ref()?, run));
    let earlier = journal.records.clone();
    let writer = Arc::new(Writer::resume(&file, &text, journal, redactor, progress.listener())?);
    Scribe::new(Arc::clone(&writer), None).note(&Event::Resumed)?;
    Ok(Opened { folder, writer, earlier })
}

/// A run of a sweep that does not pass is looked at once more; whoever waits hears what each came to.
fn doubts(writer: &Arc<Writer>, progress: &Arc<Progress>) -> Doubts {
    let (writer, progress) = (Arc::clone(writer), Arc::clone(progress));
    Doubts(Arc::new(move |run| {
        let Some(timeline) = Timeline::new(&writer.records()) else { return false };
        let outcome = verdict::of_run(&timeline, run).unwrap_or(Outcome::Inconclusive);
        progress.judged(run, outcome);
        outcome != Outcome::Pass
    }))
}

/// Turns to a signal's name when somebody stops the drill, or to `timeout`.
fn stop_signal(timeout_ms: Option<u64>) -> Result<watch::Receiver<Option<String>>, AppError> {
    let (sender, receiver) = watch::channel(None);
    let sender = Arc::new(sender);
    let signals = [
        ("SIGINT", SignalKind::interrupt()),
        ("SIGTERM", SignalKind::terminate()),
        ("SIGHUP", SignalKind::hangup()),
    ];
    for (name, kind) in signals {
        let mut heard = signal(kind).map_err(|error| AppError::Trouble(format!("no signals: {error}")))?;
        let sender = Arc::clone(&sender);
        tokio::spawn(async move {
            heard.recv().await;
            sender.send_replace(Some(name.to_owned()));
            // Kept, so that the receiver never sees its sender go.
            std::future::pending::<()>().await;
        });
    }
    if let Some(limit) = timeout_ms {
        tokio::spawn(async move {
            tokio::time::sleep(std::time::Duration::from_millis(limit)).await;
            sender.send_replace(Some("timeout".to_owned()));
        });
    }
    Ok(receiver)
}

/// The folder of this run's reports: the one that was named, or one below `backout-runs`.
fn report_folder(named: Option<&Path>, current: &Path) -> Result<PathBuf, AppError> {
    let folder = match named {
        Some(folder) => current.join(folder),
        None => {
            let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H%MZ");
            current.join(RUNS).join(format!("{now}-{}", random_word(4)))
        }
    };
    let failed =
        |error: std::io::Error| AppError::Trouble(format!("could not create {}: {error}", folder.display()));
    secret::files::folder(&folder).map_err(failed)?;
    if named.is_none() {
        keep_out_of_git(&current.join(RUNS)).map_err(failed)?;
    }
    if folder.join(journal::FILE).exists() {
        let shown = folder.display();
        return Err(AppError::Invalid(format!(
            "error: {shown} holds a journal already; name another folder\n"
        )));
    }
    Ok(folder)
}

/// Reports are nobody's source: `git add .` passes them by.
fn keep_out_of_git(runs: &Path) -> std::io::Result<()> {
    let file = runs.join(".gitignore");
    if file.exists() { Ok(()) } else { secret::files::create(&file)?.write_all(b"*\n") }
}

/// Hexadecimal digits that two runners on one engine hardly share.
fn random_word(digits: usize) -> String {
    use std::hash::{BuildHasher, Hasher};
    let random = std::hash::RandomState::new().build_hasher().finish();
    format!("{random:016x}")[..digits].to_owned()
}

/// The recipes for base images: those of the repository around the current folder, else our own.
fn recipes(around: &Surroundings, work: &Path) -> Result<PathBuf, AppError> {
    use std::os::unix::fs::PermissionsExt;
    let mut above = around.current.ancestors().map(|folder| folder.join("scenarios/images"));
    if let Some(found) = above.find(|folder| folder.join("debian/make").is_file()) {
        return Ok(found);
    }
    let folder = work.join("images");
    let make = folder.join("debian/make");
    let written = std::fs::create_dir_all(folder.join("debian"))
        .and_then(|()| std::fs::write(&make, RECIPE))
        .and_then(|()| std::fs::set_permissions(&make, std::fs::Permissions::from_mode(0o755)));
    written.map_err(|error| AppError::Trouble(format!("could not write {}: {error}", make.display())))?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn s20_a_folder_of_reports_is_its_owners_and_no_part_of_a_repository() {
        let current = tempfile::tempdir().unwrap();
        let folder = report_folder(None, current.path()).unwrap();
        let runs = current.path().join(RUNS);
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!([mode(&folder), mode(&runs), mode(&runs.join(".gitignore"))], [0o700, 0o700, 0o600]);
        assert_eq!(std::fs::read_to_string(runs.join(".gitignore")).unwrap(), "*\n");
        std::fs::write(runs.join(".gitignore"), "mine").unwrap();
        report_folder(None, current.path()).unwrap();
        assert_eq!(std::fs::read_to_string(runs.join(".gitignore")).unwrap(), "mine");
        let named = report_folder(Some(Path::new("named")), current.path()).unwrap();
        assert!(!named.join(".gitignore").exists() && mode(&named) == 0o700);
    }
}

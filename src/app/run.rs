//! `run` and `demo`: plan, connect, walk, judge, report.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::files::{self, How};
use super::judge::{RUNS, tell, write_reports};
use super::starter::RECIPE;
use super::{AppError, Surroundings, say};
use crate::cli::{self, Demo, Inputs, Run, Values};
use crate::journal::event::FORMAT;
use crate::journal::{self, Event, Redactor, Writer};
use crate::plan::PlannedDrill;
use crate::progress::Progress;
use crate::run::{self, Ended, Scribe};
use crate::stage::docker::{self, Engine};
use crate::verdict::{self, Timeline};
use crate::world::{RealWorld, Settings};

/// The drill of `demo`, from the top of the repository.
const DEMO: &str = "drills/demo.yaml";

pub(super) async fn run(run: &Run, around: &Surroundings, out: &mut dyn Write) -> Result<u8, AppError> {
    let drill = files::plan(&run.inputs, how(&run.how, !run.no_control, around), around)?;
    let engine = super::engine::find(around).await?;
    walk(drill, engine, &run.how, around, out).await
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

fn how(how: &cli::How, control: bool, around: &Surroundings) -> How {
    let in_ci = around.environment.get("CI").is_some_and(|ci| !ci.is_empty() && ci != "false");
    let hide_values = how.values.map_or(in_ci, |values| values == Values::Hidden);
    let timeout_ms = how.timeout.map(|span| crate::millis::of(span.0));
    How { control, hide_values, timeout_ms }
}

async fn walk(
    drill: PlannedDrill,
    engine: Engine,
    how: &cli::How,
    around: &Surroundings,
    out: &mut dyn Write,
) -> Result<u8, AppError> {
    let owner = super::clean::owner()?;
    super::clean::dead(&engine, &owner).await?;
    let (subnets, cache_bytes) = (super::engine::subnets(how)?, super::engine::bytes(&how.cache_size)?);
    super::engine::has_room(&engine, subnets, &drill.plan).await?;
    let folder = report_folder(how.report_dir.as_deref(), &around.current)?;
    let progress = Progress::new(around.stderr_is_terminal);
    let redactor = Redactor::new(&drill.secrets);
    let writer = Arc::new(Writer::create(&folder.join(journal::FILE), redactor, progress.listener())?);
    let scribe = Scribe::new(Arc::clone(&writer), None);
    scribe.note(&Event::Started {
        format: FORMAT,
        tool: format!("backout {}", env!("CARGO_PKG_VERSION")),
        owner: owner.to_string(),
        plan: Box::new(drill.plan.clone()),
    })?;
    let work =
        tempfile::tempdir().map_err(|error| AppError::Trouble(format!("no temporary folder: {error}")))?;
    let settings = Settings {
        owner,
        subnets,
        environment: around.environment.clone(),
        keep: how.keep,
        reports: folder.clone(),
        hide_values: drill.plan.hide_values,
        facilitator: around.stdin_is_terminal,
        recipes: Some(recipes(around, work.path())?),
        name: random_word(8),
    };
    let world = RealWorld::new(engine.clone(), settings, Arc::clone(&progress));
    let world = Arc::new(world.map_err(|error| AppError::Trouble(error.to_string()))?);
    let options = run::Options { keep: how.keep, work: work.path().to_owned() };
    let stop = stop_signal(drill.plan.timeout_ms)?;
    let ended = run::drill(world, &drill.plan, Arc::clone(&writer), stop, &options).await;
    progress.finish();
    // A cache that could not be trimmed is no reason to hide a verdict; the next start tries again.
    let _ = docker::trim(&engine, cache_bytes).await;
    if matches!(ended, Ok(Ended::Complete | Ended::Stopped)) {
        scribe.note(&Event::Ended)?;
    }
    let records = writer.records();
    let timeline =
        Timeline::new(&records).ok_or_else(|| AppError::Trouble("the journal is empty".to_owned()))?;
    let verdict = verdict::judge(&timeline);
    let written = write_reports(&verdict, &folder, around);
    let code = tell(&verdict, &folder, around, out)?;
    ended?;
    written?;
    Ok(code)
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
    std::fs::create_dir_all(&folder).map_err(failed)?;
    if folder.join(journal::FILE).exists() {
        let shown = folder.display();
        return Err(AppError::Invalid(format!(
            "error: {shown} holds a journal already; name another folder\n"
        )));
    }
    Ok(folder)
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

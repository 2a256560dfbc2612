//! Base images from Debian's package archive, for engines that can neither find nor pull them.
//!
//! A recipe is a program that writes a root file system as a tar: `<recipes>/debian/make --tar`.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use bollard::query_parameters::CreateImageOptionsBuilder;
use futures_util::{Stream, StreamExt};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};

use super::reference::Reference;
use super::{Images, build::Log};
use crate::stage::StageError;
use crate::stage::docker::client::problem;

/// The bases that can be made, with the recipes' places below the folder of recipes.
const RECIPES: [(&str, &str); 1] = [("debian:bookworm-slim", "debian/make")];

/// Between two attempts to have one's turn.
const TURN: Duration = Duration::from_millis(200);

impl Images {
    /// The recipe for an image, where there is one.
    pub(super) fn recipe_for(&self, name: &str) -> Option<PathBuf> {
        let (_, place) = RECIPES.iter().find(|(known, _)| Reference::same(known, name))?;
        let recipe = self.options.recipes.as_ref()?.join(place);
        recipe.is_file().then_some(recipe)
    }

    /// Makes an image that could not be pulled.
    pub(super) async fn make(&self, name: &str, recipe: &Path, why: &StageError) -> Result<(), StageError> {
        let _one_at_a_time = self.recipe.lock().await;
        let waits = || self.say(&format!("another Backout is making {name}: waiting for it"));
        let turn = turn(recipe, waits).await;
        let _of_all_runners = turn.map_err(|error| {
            StageError::new("make", format!("image {name}"), format!("{}: {error}", recipe.display()))
        })?;
        if self.find(name).await?.is_some() {
            return Ok(());
        }
        self.say(&format!("{name} cannot be pulled ({}): making it with {}", why.cause, recipe.display()));
        let log = self.log(&format!("base-{}", name.replace(['/', ':', '@'], "-")))?;
        let result = self.import(name, recipe, &log).await;
        result.map_err(|error| {
            log.attach_to(error).with_evidence([format!("it could not be pulled: {}", why.cause)])
        })
    }

    async fn import(&self, name: &str, recipe: &Path, log: &Log) -> Result<(), StageError> {
        let fail = |cause: String| StageError::new("make", format!("image {name}"), cause);
        let mut group =
            Group::spawn(recipe).map_err(|error| fail(format!("{}: {error}", recipe.display())))?;
        let (Some(stdout), Some(stderr)) = (group.child.stdout.take(), group.child.stderr.take()) else {
            return Err(fail("its output was not caught".to_owned()));
        };
        let (log, progress) = (log.clone(), self.options.progress.clone());
        tokio::spawn(async move {
            let mut lines = BufReader::new(stderr).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                log.write(&line);
                progress(&line);
            }
        });
        let reference = Reference::parse(name);
        let options = CreateImageOptionsBuilder::default()
            .from_src("-")
            .repo(&reference.name)
            .tag(reference.tag.as_deref().unwrap_or("latest"))
            .message("made from the Debian archive")
            .changes(vec!["CMD [\"bash\"]".to_owned()])
            .build();
        let tar = bollard::body_try_stream(output_of(group, stdout).map(|chunk| chunk.map(Into::into)));
        let mut imported = self.engine.docker().create_image(Some(options), Some(tar), None);
        while let Some(step) = imported.next().await {
            step.map_err(|error| problem("make", format!("image {name}"), error).error)?;
        }
        Ok(())
    }
}

/// Waits until no other runner on this machine is at this recipe, and says so first where it must. The turn
/// ends with the file.
async fn turn(recipe: &Path, waits: impl Fn()) -> std::io::Result<File> {
    let file = File::open(recipe)?;
    let mut is_said = false;
    loop {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) if is_said => {}
            Err(Errno::WOULDBLOCK) => waits(),
            result => return result.map(|()| file).map_err(Into::into),
        }
        is_said = true;
        tokio::time::sleep(TURN).await;
    }
}

/// The recipe and all that it starts: killed together when nobody waits any more.
struct Group {
    child: Child,
    ended: bool,
}

impl Group {
    fn spawn(recipe: &Path) -> std::io::Result<Self> {
        let mut command = Command::new(recipe);
        command.arg("--tar").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Ok(Self { child: command.process_group(0).spawn()?, ended: false })
    }

    async fn wait(&mut self) -> std::io::Result<ExitStatus> {
        let status = self.child.wait().await;
        self.ended = true;
        status
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let leader = self.child.id().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
        if let Some(leader) = leader.filter(|_| !self.ended) {
            // It may have ended just now; then there is nothing to kill.
            let _ = kill_process_group(leader, Signal::TERM);
        }
    }
}

/// What the recipe writes. A recipe that fails ends it with an error, so that half an image is never
/// taken for a whole one.
fn output_of(group: Group, stdout: ChildStdout) -> impl Stream<Item = std::io::Result<Vec<u8>>> + Send {
    futures_util::stream::unfold(Some((group, stdout)), |state| async move {
        let (mut group, mut stdout) = state?;
        let mut chunk = Vec::with_capacity(256 * 1024);
        match stdout.read_buf(&mut chunk).await {
            Ok(0) => match group.wait().await {
                Ok(status) if status.success() => None,
                Ok(status) => {
                    Some((Err(std::io::Error::other(format!("the recipe ended with {status}"))), None))
                }
                Err(error) => Some((Err(error), None)),
            },
            Ok(_) => Some((Ok(chunk), Some((group, stdout)))),
            Err(error) => Some((Err(error), None)),
        }
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use futures_util::TryStreamExt;

    use super::*;

    fn recipe(script: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("make");
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        (folder, path)
    }

    async fn output(script: &str) -> std::io::Result<Vec<Vec<u8>>> {
        let (_folder, path) = recipe(script);
        let mut group = Group::spawn(&path)?;
        let stdout = group.child.stdout.take().unwrap();
        output_of(group, stdout).try_collect().await
    }

    #[tokio::test]
    async fn two_runners_are_never_at_one_recipe_at_once() {
        let (_folder, path) = recipe("true");
        let (waits, mut waited) = tokio::sync::mpsc::unbounded_channel();
        let first = turn(&path, || panic!("nobody else is there")).await.unwrap();
        let other = path.clone();
        let second = tokio::spawn(async move { turn(&other, || waits.send(()).unwrap()).await });
        waited.recv().await.unwrap();
        assert!(!second.is_finished());
        drop(first);
        second.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_recipe_that_fails_spoils_its_output() {
        assert_eq!(output("printf abc").await.unwrap().concat(), b"abc");
        let error = output("printf abc; exit 3").await.unwrap_err().to_string();
        assert_eq!(error, "the recipe ended with exit status: 3");
    }

    #[tokio::test]
    async fn a_recipe_that_nobody_waits_for_is_killed_with_what_it_started() {
        let (folder, path) = recipe("sleep 1000 & echo $! > \"$0.pid\"; wait");
        let group = Group::spawn(&path).unwrap();
        let note = folder.path().join("make.pid");
        let pid = loop {
            match std::fs::read_to_string(&note) {
                Ok(text) if text.ends_with('\n') => break text.trim().to_owned(),
                _ => tokio::task::yield_now().await,
            }
        };
        drop(group);
        let state = || std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        while !state().is_empty() && !state().contains(") Z ") {
            tokio::task::yield_now().await;
        }
    }
}

//! A Docker engine of our own, for machines where `dockerd` is installed and none runs: with its own
//! socket, data, process file and containers, all below one folder, by which it is found again.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde_json::{Map, Value};
use tokio::process::{Child, Command};
use tokio::time::Instant;

use super::connect::{Surroundings, connect};
use super::owner::Owner;
use super::signal::gone;
use crate::secret::files;
use crate::stage::StageError;

/// How long an engine may take to answer first.
const START: Duration = Duration::from_secs(60);

/// How long it may take to stop its containers and itself.
const STOP: Duration = Duration::from_secs(30);

const NOT_INSTALLED: &str = "dockerd is not installed (`sudo apt-get install docker.io`)";

/// What is taken over from the machine's own engine; anything else could collide with it.
const SHARED: [&str; 11] = [
    "bip",
    "default-address-pools",
    "dns",
    "fixed-cidr",
    "insecure-registries",
    "max-concurrent-downloads",
    "mtu",
    "proxies",
    "registry-mirrors",
    "storage-driver",
    "storage-opts",
];

/// An engine of our own, running or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrivateEngine {
    folder: PathBuf,
}

impl PrivateEngine {
    /// The engine of a folder. The folder is the engine's alone; its path must be short, since a socket
    /// lies in it.
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// Its address, as in DOCKER_HOST.
    pub fn host(&self) -> String {
        format!("unix://{}", self.path("docker.sock").display())
    }

    /// Where its own log is.
    pub fn log(&self) -> PathBuf {
        self.path("dockerd.log")
    }

    /// Whether there is anything of it.
    pub fn exists(&self) -> bool {
        self.folder.exists()
    }

    /// Whether it runs.
    pub fn runs(&self) -> bool {
        self.pid().is_some()
    }

    /// Who started it.
    pub fn owner(&self) -> Option<Owner> {
        std::fs::read_to_string(self.path("owner")).ok()?.trim().parse().ok()
    }

    /// Starts it and waits until it answers. One that runs already is used as it is, and is the new
    /// owner's from then on.
    ///
    /// # Errors
    /// When another `dockerd` runs on this machine, `dockerd` is not installed or may not be started,
    /// or does not answer; its log is named.
    pub async fn start(&self, owner: &Owner) -> Result<(), StageError> {
        if let Some(other) = another(self.pid()) {
            let cause = format!(
                "another dockerd runs already (process {other}), and two would fight over the bridge docker0 \
                 and the packet filter: use that one (DOCKER_HOST names its socket)"
            );
            return Err(self.fail("start", cause));
        }
        self.start_by(owner, &["dockerd"]).await
    }

    /// Starts it by a command that becomes `dockerd`, such as `unshare --net dockerd`, which keeps it
    /// apart from other engines.
    ///
    /// # Errors
    /// As of [`Self::start`], but that no other engine is looked for.
    pub async fn start_by(&self, owner: &Owner, program: &[&str]) -> Result<(), StageError> {
        self.prepare(owner).map_err(|error| self.fail("prepare", error.to_string()))?;
        if self.runs() {
            return self.answers(None).await;
        }
        let child = self.spawn(program).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => self.fail("start", NOT_INSTALLED.to_owned()),
            _ => self.fail("start", error.to_string()),
        })?;
        self.answers(Some(child)).await
    }

    /// Stops it, containers and all, and removes its folder.
    ///
    /// # Errors
    /// When it does not stop, or something of it cannot be removed.
    pub async fn remove(&self) -> Result<(), StageError> {
        if let Some(pid) = self.pid() {
            self.stop(pid).await?;
        }
        self.unmount().await;
        match std::fs::remove_dir_all(&self.folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(self.fail("remove", error.to_string()))
            }
            _ => Ok(()),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn prepare(&self, owner: &Owner) -> std::io::Result<()> {
        files::folder(&self.folder)?;
        files::create(&self.path("owner"))?.write_all(owner.to_string().as_bytes())?;
        let system = std::fs::read_to_string("/etc/docker/daemon.json").unwrap_or_default();
        files::create(&self.path("daemon.json"))?.write_all(shared(&system).to_string().as_bytes())
    }

    fn spawn(&self, program: &[&str]) -> std::io::Result<Child> {
        let log = files::create(&self.log())?;
        let (name, rest) = program.split_first().unwrap_or((&"dockerd", &[]));
        let mut command = Command::new(name);
        // A group of its own: it must outlive a Ctrl-C until everything on it is removed.
        command.args(rest).args(self.arguments()).process_group(0);
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn()
    }

    fn arguments(&self) -> Vec<String> {
        let option = |name: &str, path: &Path| format!("--{name}={}", path.display());
        vec![
            format!("--host={}", self.host()),
            option("config-file", &self.path("daemon.json")),
            option("data-root", &self.path("data")),
            option("exec-root", &self.path("exec")),
            option("pidfile", &self.path("docker.pid")),
            "--containerd-namespace=backout".to_owned(),
            "--containerd-plugins-namespace=backout-plugins".to_owned(),
        ]
    }

    /// Its process, if the file names one that was started with that file: a number is used again.
    fn pid(&self) -> Option<Pid> {
        let file = self.path("docker.pid");
        let pid: i32 = std::fs::read_to_string(&file).ok()?.trim().parse().ok()?;
        let arguments = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let own = format!("--pidfile={}", file.display());
        let is_ours = arguments.split(|byte| *byte == 0).any(|argument| argument == own.as_bytes());
        Pid::from_raw(pid).filter(|_| is_ours)
    }

    async fn answers(&self, mut child: Option<Child>) -> Result<(), StageError> {
        let surroundings = Surroundings { host: Some(self.host()), ..Surroundings::default() };
        let deadline = Instant::now() + START;
        loop {
            let Err(missing) = connect(&surroundings).await else { return Ok(()) };
            let ended = child.as_mut().and_then(|child| child.try_wait().ok().flatten());
            if let Some(status) = ended {
                return Err(self.fail("start", format!("dockerd ended with {status}")));
            }
            if Instant::now() >= deadline {
                return Err(self.fail("reach", missing.cause));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn stop(&self, pid: Pid) -> Result<(), StageError> {
        let fail = |error: rustix::io::Errno| self.fail("stop", error.to_string());
        let held = pidfd_open(pid, PidfdFlags::empty()).map_err(fail)?;
        if self.pid() != Some(pid) {
            return Ok(());
        }
        for signal in [Signal::TERM, Signal::KILL] {
            pidfd_send_signal(&held, signal).map_err(fail)?;
            let copy = held.try_clone().map_err(|error| self.fail("stop", error.to_string()))?;
            if tokio::time::timeout(STOP, gone(copy)).await.is_ok() {
                return Ok(());
            }
        }
        Err(self.fail("stop", "it runs on after SIGKILL".to_owned()))
    }

    /// An engine that was killed leaves mounts, which keep its folder.
    async fn unmount(&self) {
        let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        let folder = format!("{}/", self.folder.display());
        let own =
            mounts.lines().filter_map(|line| line.split(' ').nth(1)).filter(|at| at.starts_with(&folder));
        for mount in own.collect::<Vec<_>>().into_iter().rev() {
            // What cannot be unmounted is named when the folder is removed.
            drop(Command::new("umount").args(["--lazy", mount]).stderr(Stdio::null()).status().await);
        }
    }

    fn fail(&self, operation: &'static str, cause: String) -> StageError {
        let log = self.log();
        let said = std::fs::read_to_string(&log).unwrap_or_default();
        let lines: Vec<String> = said.lines().map(str::to_owned).collect();
        let end = lines[lines.len().saturating_sub(10)..].to_vec();
        let object = format!("the private engine in {}", self.folder.display());
        let error = StageError::new(operation, object, cause).with_evidence(end);
        StageError { log: Some(log).filter(|log| log.exists()), ..error }
    }
}

/// The process of another engine on this machine.
fn another(own: Option<Pid>) -> Option<i32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let name = |pid: &i32| std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    pids.find(|pid| name(pid).trim() == "dockerd" && Pid::from_raw(*pid) != own)
}

/// The part of the machine's own configuration that another engine may share.
fn shared(system: &str) -> Value {
    let all: Map<String, Value> = serde_json::from_str(system).unwrap_or_default();
    let kept = all.into_iter().filter(|(name, _)| SHARED.contains(&name.as_str()));
    Value::Object(kept.collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_two_engines_can_share_is_taken_over() {
        let system =
            r#"{"data-root": "/var/lib/docker", "hosts": ["tcp://a"], "mtu": 1400, "storage-driver": "x"}"#;
        assert_eq!(shared(system), json!({"mtu": 1400, "storage-driver": "x"}));
        assert_eq!(shared(""), json!({}));
    }

    #[test]
    fn another_process_of_the_same_number_is_not_the_engine() {
        let folder = tempfile::tempdir().unwrap();
        let engine = PrivateEngine::at(folder.path());
        assert!(!engine.runs());
        std::fs::write(folder.path().join("docker.pid"), std::process::id().to_string()).unwrap();
        assert!(!engine.runs());
    }

    #[tokio::test]
    async fn an_engine_that_does_not_start_shows_its_log() {
        let folder = tempfile::tempdir().unwrap();
        let engine = PrivateEngine::at(folder.path().join("e"));
        let here = Owner::here().unwrap();
        let error = engine.start_by(&here, &["dockerd", "--no-such-flag"]).await.unwrap_err();
        let installed = std::process::Command::new("dockerd").arg("--version").output().is_ok();
        if installed {
            assert!(error.cause.starts_with("dockerd ended with exit status"), "{error}");
            assert!(error.evidence.iter().any(|line| line.contains("no-such-flag")), "{:?}", error.evidence);
        } else {
            assert!(error.cause.contains("apt-get install docker.io"), "{error}");
        }
        assert_eq!(engine.owner(), Some(Owner::here().unwrap()));
        engine.remove().await.unwrap();
        assert!(!engine.exists());
    }
}

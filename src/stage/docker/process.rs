//! Processes that were started: one-shot containers and commands inside services.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use bollard::models::ExecConfig;
use tokio::sync::watch;

use super::client::{Engine, Problem};
use super::lines::Backlog;
use super::{look, signal};
use crate::stage::{Ended, Line, Process, StageError};

/// How long a process may take to die.
const LAST_MOMENTS: Duration = Duration::from_secs(10);

/// A container that runs one command.
pub(super) struct OneShotProcess {
    engine: Engine,
    name: String,
    backlog: Backlog,
    exit: watch::Receiver<Option<Result<i64, StageError>>>,
}

impl OneShotProcess {
    /// Starts a created container. Its output is attached before, so that nothing is missed of a
    /// process however short. A command that cannot be executed ends as a shell would end it.
    pub(super) async fn start(engine: Engine, name: String) -> Result<Self, StageError> {
        let backlog = Backlog::of(engine.attach_container(&name).await?);
        let exit = match engine.start_container(&name).await {
            Ok(()) => exit_of(engine.clone(), name.clone()),
            Err(problem) => {
                let code = not_executable(&problem.error.cause).ok_or(problem.error.clone())?;
                backlog.push(Line { error: true, text: problem.error.cause });
                watch::channel(Some(Ok(code))).1
            }
        };
        Ok(Self { engine, name, backlog, exit })
    }

    fn object(&self) -> String {
        format!("container {}", self.name)
    }

    /// The end of its first process ends every process of a container.
    async fn send_kill(&self) -> Result<(), StageError> {
        let inspected = self.engine.inspect_container(&self.name).await?;
        let held = look::pid(&inspected)
            .filter(|_| self.engine.local)
            .and_then(|pid| signal::Held::of(pid, inspected.id.as_deref().unwrap_or_default()));
        match held {
            Some(held) if held.send(rustix::process::Signal::KILL) => {
                held.ended().await;
                Ok(())
            }
            _ => tolerate_ended(self.engine.kill_container(&self.name, "SIGKILL").await),
        }
    }
}

/// Asks for the exit code of a started container in the background; the engine answers at once where
/// it has ended already.
fn exit_of(engine: Engine, name: String) -> watch::Receiver<Option<Result<i64, StageError>>> {
    let (tell, exit) = watch::channel(None);
    tokio::spawn(async move {
        let waited = engine.wait_container(&name, "not-running").await;
        tell.send_replace(Some(waited.map_err(StageError::from)));
    });
    exit
}

/// The exit code that shells give to what cannot be executed.
fn not_executable(cause: &str) -> Option<i64> {
    if cause.contains("executable file not found") || cause.contains("no such file or directory") {
        Some(127)
    } else if cause.contains("permission denied") {
        Some(126)
    } else {
        None
    }
}

#[async_trait]
impl Process for OneShotProcess {
    async fn line(&mut self) -> Option<Line> {
        self.backlog.next().await
    }

    async fn wait(&mut self) -> Result<Ended, StageError> {
        let object = self.object();
        let exit = self.exit.wait_for(Option::is_some).await.map(|exit| exit.clone());
        let lost = || StageError::new("wait for", object, "the engine closed the connection");
        let exit_code = exit.ok().flatten().ok_or_else(lost)??;
        let inspected = self.engine.inspect_container(&self.name).await?;
        let out_of_memory = inspected.state.and_then(|state| state.oom_killed).unwrap_or(false);
        Ok(Ended { exit_code, out_of_memory })
    }

    async fn kill(&mut self) -> Result<(), StageError> {
        let object = self.object();
        let kill = async {
            self.send_kill().await?;
            self.wait().await.map(drop)
        };
        dead_in_time(object, kill).await
    }

    async fn is_running(&mut self) -> Result<bool, StageError> {
        Ok(self.exit.borrow().is_none())
    }
}

/// A command inside a running container.
pub(super) struct ExecProcess {
    engine: Engine,
    container: String,
    id: String,
    mark: String,
    backlog: Backlog,
}

impl ExecProcess {
    /// Starts a command. It and all it starts carry `mark`, a variable of their environment beside the
    /// given ones, by which they are found when they are to be killed.
    pub(super) async fn start(
        engine: Engine,
        container: String,
        command: &[String],
        environment: &BTreeMap<String, String>,
        mark: String,
    ) -> Result<Self, StageError> {
        let variables = environment.iter().map(|(name, value)| format!("{name}={value}"));
        let config = ExecConfig {
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            cmd: Some(command.to_vec()),
            env: Some(variables.chain([mark.clone()]).collect()),
            ..ExecConfig::default()
        };
        let id = engine.create_exec(&container, config).await?;
        let backlog = Backlog::of(engine.start_exec(&id, &object(&container)).await?);
        Ok(Self { engine, container, id, mark, backlog })
    }

    /// Its exit code once it has ended.
    async fn exit_code(&self) -> Result<Option<i64>, StageError> {
        let inspected = self.engine.inspect_exec(&self.id, &object(&self.container)).await?;
        Ok(inspected.exit_code.filter(|_| inspected.running != Some(true)))
    }

    /// Kills by the kernel; false where its processes are not ours to signal.
    async fn kill_here(&self) -> Result<bool, StageError> {
        let inspected = self.engine.inspect_exec(&self.id, &object(&self.container)).await?;
        match (inspected.pid, inspected.container_id) {
            (Some(pid), Some(container)) if self.engine.local => {
                Ok(signal::end_family(pid, &container, &self.mark).await)
            }
            _ => Ok(false),
        }
    }

    /// Kills by a shell inside the container: all that the engine offers for a command elsewhere.
    async fn kill_inside(&self) -> Result<(), StageError> {
        let script = "for e in /proc/[0-9]*/environ; do p=${e#/proc/}; p=${p%/environ}; \
                      [ \"$p\" != $$ ] && tr '\\0' '\\n' <\"$e\" 2>/dev/null | grep -qxF \"$0\" && kill -9 \"$p\"; \
                      done; true";
        let command = ["sh", "-c", script, &self.mark].map(str::to_owned);
        let config = ExecConfig { cmd: Some(command.to_vec()), ..ExecConfig::default() };
        let id = self.engine.create_exec(&self.container, config).await?;
        Backlog::of(self.engine.start_exec(&id, &object(&self.container)).await?).closed().await;
        Ok(())
    }
}

#[async_trait]
impl Process for ExecProcess {
    async fn line(&mut self) -> Option<Line> {
        self.backlog.next().await
    }

    async fn wait(&mut self) -> Result<Ended, StageError> {
        let mut pause = Duration::from_millis(2);
        loop {
            if let Some(exit_code) = self.exit_code().await? {
                return Ok(Ended { exit_code, out_of_memory: false });
            }
            // The end of its output is the sign of its end, unless a child holds the output open.
            let _ = tokio::time::timeout(Duration::from_millis(100), self.backlog.closed()).await;
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(50));
        }
    }

    async fn kill(&mut self) -> Result<(), StageError> {
        let object = object(&self.container);
        let kill = async {
            if self.exit_code().await?.is_none() && !self.kill_here().await? {
                self.kill_inside().await?;
            }
            self.wait().await.map(drop)
        };
        dead_in_time(object, kill).await
    }

    async fn is_running(&mut self) -> Result<bool, StageError> {
        Ok(self.exit_code().await?.is_none())
    }
}

/// A frozen process dies only when it is thawed.
async fn dead_in_time(
    object: String,
    kill: impl Future<Output = Result<(), StageError>> + Send,
) -> Result<(), StageError> {
    let late = |_| {
        let cause = format!("it still runs {LAST_MOMENTS:?} after SIGKILL; is it frozen?");
        StageError::new("kill", object, cause)
    };
    tokio::time::timeout(LAST_MOMENTS, kill).await.map_err(late)?
}

/// What has ended already needs no kill.
fn tolerate_ended(killed: Result<(), Problem>) -> Result<(), StageError> {
    match killed {
        Err(problem) if !problem.is_conflict() && !problem.is_missing() => Err(problem.into()),
        _ => Ok(()),
    }
}

fn object(container: &str) -> String {
    format!("container {container}")
}

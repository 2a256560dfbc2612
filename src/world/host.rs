//! Commands on the runner's own machine, as processes like any other.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Stdio;

use async_trait::async_trait;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

use crate::stage::{Ended, Line, Process, StageError};

/// How many lines wait to be read before the command is held up.
const LINES: usize = 1024;

pub(super) struct HostProcess {
    child: Child,
    lines: mpsc::Receiver<Line>,
    name: String,
}

/// Starts a command in a process group of its own.
pub(super) fn start(
    folder: &Path,
    command: &[String],
    environment: &BTreeMap<String, String>,
) -> Result<HostProcess, StageError> {
    let name = command.first().cloned().unwrap_or_default();
    let failed = |cause: String| StageError::new("start", format!("command {name}"), cause);
    let mut process = Command::new(&name);
    process.args(command.iter().skip(1)).envs(environment).current_dir(folder);
    process.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    process.process_group(0).kill_on_drop(true);
    let mut child = process.spawn().map_err(|error| failed(error.to_string()))?;
    let (sender, lines) = mpsc::channel(LINES);
    if let Some(output) = child.stdout.take() {
        tokio::spawn(forward(output, false, sender.clone()));
    }
    if let Some(output) = child.stderr.take() {
        tokio::spawn(forward(output, true, sender));
    }
    Ok(HostProcess { child, lines, name })
}

async fn forward(output: impl AsyncRead + Unpin, error: bool, lines: mpsc::Sender<Line>) {
    let mut reader = BufReader::new(output);
    let mut bytes = Vec::new();
    while matches!(reader.read_until(b'\n', &mut bytes).await, Ok(read) if read > 0) {
        let text = String::from_utf8_lossy(&bytes).trim_end_matches(['\n', '\r']).to_owned();
        bytes.clear();
        if lines.send(Line { error, text }).await.is_err() {
            return;
        }
    }
}

#[async_trait]
impl Process for HostProcess {
    async fn line(&mut self) -> Option<Line> {
        self.lines.recv().await
    }

    async fn wait(&mut self) -> Result<Ended, StageError> {
        let status = self.child.wait().await;
        let status =
            status.map_err(|error| StageError::new("wait for", self.name.clone(), error.to_string()))?;
        let signal = status.signal().map(|signal| 128 + i64::from(signal));
        let exit_code = status.code().map(i64::from).or(signal).unwrap_or(1);
        Ok(Ended { exit_code, out_of_memory: false })
    }

    async fn kill(&mut self) -> Result<(), StageError> {
        let pid =
            self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
        if let Some(group) = pid {
            // The group may have ended by itself; waiting tells.
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        self.wait().await.map(|_| ())
    }

    async fn is_running(&mut self) -> Result<bool, StageError> {
        match self.child.try_wait() {
            Ok(status) => Ok(status.is_none()),
            Err(error) => Err(StageError::new("look at", self.name.clone(), error.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> HostProcess {
        let command = ["sh", "-c", script].map(str::to_owned);
        start(Path::new("/"), &command, &BTreeMap::from([("WORD".to_owned(), "hi".to_owned())])).unwrap()
    }

    #[tokio::test]
    async fn output_and_exit_code_are_kept_apart() {
        let mut process = sh("echo $WORD; echo no >&2; exit 3");
        let mut lines = vec![process.line().await.unwrap(), process.line().await.unwrap()];
        lines.sort_by_key(|line| line.error);
        assert_eq!((lines[0].text.as_str(), lines[1].text.as_str()), ("hi", "no"));
        assert_eq!(process.line().await, None);
        assert_eq!(process.wait().await.unwrap().exit_code, 3);
    }

    #[tokio::test]
    async fn killing_reaches_what_the_command_has_started() {
        let mut process = sh("sleep 1000 & echo $!; wait");
        let child: i32 = process.line().await.unwrap().text.parse().unwrap();
        assert!(process.is_running().await.unwrap());
        process.kill().await.unwrap();
        assert!(!process.is_running().await.unwrap());
        let gone = || {
            std::fs::read_to_string(format!("/proc/{child}/stat")).map_or(true, |stat| stat.contains(") Z "))
        };
        while !gone() {
            tokio::task::yield_now().await;
        }
    }

    #[test]
    fn what_cannot_be_started_is_named() {
        let error = start(Path::new("/"), &["/no/such".to_owned()], &BTreeMap::new()).err().unwrap();
        assert!(error.to_string().starts_with("could not start command /no/such: "), "{error}");
    }
}

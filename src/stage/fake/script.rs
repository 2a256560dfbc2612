//! What a process on the fake stage does, and the process that plays it.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::{Notify, watch};

use crate::stage::{Ended, Line, Process, StageError};

/// What a process does, one [`Play`] after the other; it ends with exit code 0 unless it is told
/// otherwise.
#[derive(Debug, Clone, Default)]
pub struct Script(Vec<Play>);

/// One thing a process does.
#[derive(Clone)]
pub enum Play {
    /// Prints a line.
    Say(Line),
    /// Does something to the world of the test.
    Do(Arc<dyn Fn() + Send + Sync>),
    /// Waits for a word from the test.
    Await(Arc<Notify>),
    /// Runs until it is killed.
    Hang,
    /// Ends with this exit code.
    End(i64),
}

impl Script {
    /// A script that ends at once with exit code 0.
    pub fn new() -> Self {
        Self::default()
    }

    /// Prints a line to standard output.
    #[must_use]
    pub fn say(self, text: impl Into<String>) -> Self {
        self.then(Play::Say(Line { error: false, text: text.into() }))
    }

    /// Prints a line to standard error.
    #[must_use]
    pub fn complain(self, text: impl Into<String>) -> Self {
        self.then(Play::Say(Line { error: true, text: text.into() }))
    }

    /// Does something to the world of the test.
    #[must_use]
    pub fn act(self, deed: impl Fn() + Send + Sync + 'static) -> Self {
        self.then(Play::Do(Arc::new(deed)))
    }

    /// Waits for a word from the test.
    #[must_use]
    pub fn until(self, word: &Arc<Notify>) -> Self {
        self.then(Play::Await(Arc::clone(word)))
    }

    /// Runs until it is killed.
    #[must_use]
    pub fn hang(self) -> Self {
        self.then(Play::Hang)
    }

    /// Ends with this exit code.
    #[must_use]
    pub fn end(self, exit_code: i64) -> Self {
        self.then(Play::End(exit_code))
    }

    fn then(mut self, play: Play) -> Self {
        self.0.push(play);
        self
    }
}

impl fmt::Debug for Play {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Say(line) => write!(f, "Say({:?})", line.text),
            Self::Do(_) => f.write_str("Do"),
            Self::Await(_) => f.write_str("Await"),
            Self::Hang => f.write_str("Hang"),
            Self::End(code) => write!(f, "End({code})"),
        }
    }
}

/// A process that plays a script. It goes on by itself, whether or not anybody reads.
pub(super) struct FakeProcess {
    lines: tokio::sync::mpsc::UnboundedReceiver<Line>,
    ended: watch::Receiver<Option<Ended>>,
    kill: Arc<Notify>,
    numb: bool,
}

impl FakeProcess {
    /// Starts to play; `host` ends it together with the container it runs in, `numb` makes it
    /// survive a kill (for tests of what verifies kills).
    pub(super) fn start(script: &Script, host: watch::Receiver<u64>, numb: bool) -> Self {
        let (say, lines) = tokio::sync::mpsc::unbounded_channel();
        let (end, ended) = watch::channel(None);
        let kill = Arc::new(Notify::new());
        let mut plays: VecDeque<Play> = script.0.iter().cloned().collect();
        let finished = eager(&mut plays, &say);
        match finished {
            Some(code) => {
                end.send_replace(Some(exited(code)));
            }
            None => {
                let kill = Arc::clone(&kill);
                tokio::spawn(play(plays, say, end, kill, host));
            }
        }
        Self { lines, ended, kill, numb }
    }
}

/// Plays what needs no waiting; the exit code when that was all.
fn eager(plays: &mut VecDeque<Play>, say: &tokio::sync::mpsc::UnboundedSender<Line>) -> Option<i64> {
    while let Some(next) = plays.front() {
        match next {
            Play::Say(line) => drop(say.send(line.clone())),
            Play::Do(deed) => deed(),
            Play::End(code) => return Some(*code),
            Play::Await(_) | Play::Hang => return None,
        }
        plays.pop_front();
    }
    Some(0)
}

async fn play(
    mut plays: VecDeque<Play>,
    say: tokio::sync::mpsc::UnboundedSender<Line>,
    end: watch::Sender<Option<Ended>>,
    kill: Arc<Notify>,
    mut host: watch::Receiver<u64>,
) {
    let to_the_end = async {
        loop {
            match plays.pop_front() {
                Some(Play::Await(word)) => word.notified().await,
                _ => std::future::pending().await,
            }
            if let Some(code) = eager(&mut plays, &say) {
                return code;
            }
        }
    };
    let code = tokio::select! {
        code = to_the_end => code,
        () = kill.notified() => 137,
        _ = host.changed() => 137,
    };
    end.send_replace(Some(exited(code)));
}

fn exited(exit_code: i64) -> Ended {
    Ended { exit_code, out_of_memory: false }
}

#[async_trait]
impl Process for FakeProcess {
    async fn line(&mut self) -> Option<Line> {
        self.lines.recv().await
    }

    async fn wait(&mut self) -> Result<Ended, StageError> {
        let ended = self.ended.wait_for(Option::is_some).await;
        let ended = ended.map(|value| *value).ok().flatten();
        ended.ok_or_else(|| StageError::new("wait for", "process", "the fake stage is gone"))
    }

    async fn kill(&mut self) -> Result<(), StageError> {
        if self.numb {
            return Err(StageError::new("kill", "process", "it is still running"));
        }
        self.kill.notify_one();
        self.wait().await.map(drop)
    }

    async fn is_running(&mut self) -> Result<bool, StageError> {
        Ok(self.ended.borrow().is_none())
    }
}

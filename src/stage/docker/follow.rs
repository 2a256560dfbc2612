//! The lines a service prints from now on, over restarts and deploys.

use std::collections::BTreeMap;

use bollard::container::LogOutput;
use bollard::query_parameters::{LogsOptions, LogsOptionsBuilder};
use futures_util::StreamExt;
use tokio::sync::mpsc;

use super::client::Engine;
use super::lines::Splitter;
use super::news::News;
use crate::stage::{Line, Lines};

/// Lines that may wait for a reader; behind that the engine keeps them.
const AHEAD: usize = 1024;

/// Where the reading of a container's log stands: the engine's own time of the last line.
type Mark = Option<String>;

/// The last lines of a container.
pub(super) async fn tail(engine: &Engine, container: &str, lines: usize) -> Vec<String> {
    let options = options().tail(&lines.to_string()).build();
    let mut said = Vec::new();
    read(engine, container, options, |_, line| said.push(line.text)).await;
    said
}

/// Follows the containers that `current` names, also those that it names later.
pub(super) async fn follow<F, C>(engine: Engine, mut news: News, current: C) -> Lines
where
    C: Fn() -> F + Send + 'static,
    F: Future<Output = Vec<String>> + Send,
{
    let (sender, lines) = mpsc::channel(AHEAD);
    let mut marks: BTreeMap<String, Mark> = BTreeMap::new();
    for container in current().await {
        let mark = last_mark(&engine, &container).await;
        marks.insert(container, mark);
    }
    tokio::spawn(async move {
        let mut readers: BTreeMap<String, tokio::task::JoinHandle<Mark>> = BTreeMap::new();
        while !sender.is_closed() {
            for container in current().await {
                let idle = readers.get(&container).is_none_or(tokio::task::JoinHandle::is_finished);
                if !idle {
                    continue;
                }
                if let Some(finished) = readers.remove(&container)
                    && let Ok(mark) = finished.await
                {
                    marks.insert(container.clone(), mark);
                }
                let mark = marks.get(&container).cloned().flatten();
                let reader = follow_one(engine.clone(), container.clone(), mark, sender.clone());
                readers.insert(container, tokio::spawn(reader));
            }
            tokio::select! {
                () = sender.closed() => {}
                () = news.next() => {}
            }
        }
        for reader in readers.values() {
            reader.abort();
        }
    });
    lines
}

/// Reads a container's log behind a mark until it ends with its process; returns the new mark.
async fn follow_one(engine: Engine, container: String, mark: Mark, sender: mpsc::Sender<Line>) -> Mark {
    let mut last = mark.clone();
    let since = mark.as_deref().and_then(seconds).unwrap_or(0);
    let options = options().follow(true).since(since).build();
    let mut output = engine.logs(&container, options);
    let mut splitter = Splitter::default();
    while let Some(Ok(piece)) = output.next().await {
        let mut lines = Vec::new();
        cut(&mut splitter, &piece, |time, line| {
            if mark.as_deref().is_none_or(|mark| later(&time, mark)) {
                last = Some(time);
                lines.push(line);
            }
        });
        for line in lines {
            if sender.send(line).await.is_err() {
                return last;
            }
        }
    }
    last
}

async fn last_mark(engine: &Engine, container: &str) -> Mark {
    let mut mark = None;
    read(engine, container, options().tail("1").build(), |time, _| mark = Some(time)).await;
    mark
}

async fn read(engine: &Engine, container: &str, options: LogsOptions, mut emit: impl FnMut(String, Line)) {
    let mut output = engine.logs(container, options);
    let mut splitter = Splitter::default();
    while let Some(Ok(piece)) = output.next().await {
        cut(&mut splitter, &piece, &mut emit);
    }
    splitter.finish(|line| {
        let (time, line) = timed(line);
        emit(time, line);
    });
}

fn cut(splitter: &mut Splitter, piece: &LogOutput, mut emit: impl FnMut(String, Line)) {
    splitter.feed(piece, |line| {
        let (time, line) = timed(line);
        emit(time, line);
    });
}

/// The engine writes its time in front of each line.
fn timed(line: Line) -> (String, Line) {
    match line.text.split_once(' ') {
        Some((time, text)) => (time.to_owned(), Line { text: text.to_owned(), ..line }),
        None => (line.text.clone(), Line { text: String::new(), ..line }),
    }
}

fn options() -> LogsOptionsBuilder {
    LogsOptionsBuilder::default().stdout(true).stderr(true).timestamps(true)
}

/// Times are RFC 3339 with as many digits as they need: the text alone does not order them.
fn later(time: &str, mark: &str) -> bool {
    match (time.parse::<jiff::Timestamp>(), mark.parse::<jiff::Timestamp>()) {
        (Ok(time), Ok(mark)) => time > mark,
        _ => true,
    }
}

fn seconds(mark: &str) -> Option<i32> {
    i32::try_from(mark.parse::<jiff::Timestamp>().ok()?.as_second()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_ordered_as_times_and_not_as_text() {
        assert!(later("2026-11-22T03:12:00.10Z", "2026-11-22T03:12:00.099999999Z"));
        assert!(!later("2026-11-22T03:12:00.1Z", "2026-11-22T03:12:00.100Z"));
        assert!(!later("2026-11-22T03:12:00Z", "2026-11-22T03:12:00.5Z"));
        assert_eq!(seconds("2026-11-22T03:12:00.999Z"), Some(1_795_317_120));
    }

    #[test]
    fn the_engines_time_is_cut_off() {
        let line = |text: &str| Line { error: true, text: text.to_owned() };
        let (time, rest) = timed(line("2026-11-22T03:12:00Z a b"));
        assert_eq!((time.as_str(), rest), ("2026-11-22T03:12:00Z", line("a b")));
        assert_eq!(timed(line("2026-11-22T03:12:00Z")).1, line(""));
    }
}

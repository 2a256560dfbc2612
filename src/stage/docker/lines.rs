//! Output as it comes off the wire, cut into lines, and kept until somebody reads it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bollard::container::LogOutput;
use futures_util::StreamExt;
use tokio::sync::Notify;

use super::client::Output;
use crate::stage::Line;

/// A line longer than this is cut: a program may print a gigabyte without a newline.
const LONGEST: usize = 64 * 1024;

/// Unread output beyond this drops its oldest lines.
const KEPT: usize = 8 * 1024 * 1024;

/// Cuts two interleaved streams of bytes into lines.
#[derive(Debug, Default)]
pub(super) struct Splitter {
    out: Vec<u8>,
    error: Vec<u8>,
}

impl Splitter {
    /// Takes a piece of output and hands out the lines that it completes.
    pub(super) fn feed(&mut self, piece: &LogOutput, mut emit: impl FnMut(Line)) {
        let (error, bytes) = match piece {
            LogOutput::StdErr { message } => (true, message),
            LogOutput::StdOut { message } | LogOutput::Console { message } => (false, message),
            LogOutput::StdIn { .. } => return,
        };
        let rest = if error { &mut self.error } else { &mut self.out };
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            for part in part.chunks(LONGEST) {
                rest.extend_from_slice(part);
                if rest.ends_with(b"\n") || rest.len() >= LONGEST {
                    emit(line(error, rest));
                    rest.clear();
                }
            }
        }
    }

    /// Hands out what had no newline.
    pub(super) fn finish(&mut self, mut emit: impl FnMut(Line)) {
        for (error, rest) in [(false, &mut self.out), (true, &mut self.error)] {
            if !rest.is_empty() {
                emit(line(error, rest));
                rest.clear();
            }
        }
    }
}

fn line(error: bool, bytes: &[u8]) -> Line {
    let text = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    Line { error, text: String::from_utf8_lossy(text).into_owned() }
}

/// Lines that were printed and not yet read. Clones are the same backlog.
#[derive(Debug, Clone, Default)]
pub(super) struct Backlog(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    news: Notify,
}

#[derive(Debug, Default)]
struct State {
    lines: VecDeque<Line>,
    bytes: usize,
    dropped: usize,
    closed: bool,
}

impl Backlog {
    /// Reads an output to its end into a new backlog.
    pub(super) fn of(mut output: Output) -> Self {
        let backlog = Self::default();
        let writer = backlog.clone();
        tokio::spawn(async move {
            let mut splitter = Splitter::default();
            // An error is the end of the connection: there is no more output either way.
            while let Some(Ok(piece)) = output.next().await {
                splitter.feed(&piece, |line| writer.push(line));
            }
            splitter.finish(|line| writer.push(line));
            writer.close();
        });
        backlog
    }

    /// The next line; none when there will be no more.
    pub(super) async fn next(&self) -> Option<Line> {
        loop {
            let news = self.0.news.notified();
            {
                let mut state = self.lock();
                if let Some(line) = state.pop() {
                    return Some(line);
                }
                if state.closed {
                    return None;
                }
            }
            news.await;
        }
    }

    /// Returns when everything that will ever be printed has come in.
    pub(super) async fn closed(&self) {
        loop {
            let news = self.0.news.notified();
            if self.lock().closed {
                return;
            }
            news.await;
        }
    }

    pub(super) fn push(&self, line: Line) {
        self.lock().push(line);
        self.0.news.notify_waiters();
    }

    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.0.news.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn push(&mut self, line: Line) {
        self.bytes += line.text.len();
        self.lines.push_back(line);
        while self.bytes > KEPT
            && let Some(oldest) = self.lines.pop_front()
        {
            self.bytes -= oldest.text.len();
            self.dropped += 1;
        }
    }

    fn pop(&mut self) -> Option<Line> {
        if self.dropped > 0 {
            let text = format!("[{} lines were not read in time and are lost]", self.dropped);
            self.dropped = 0;
            return Some(Line { error: true, text });
        }
        let line = self.lines.pop_front()?;
        self.bytes -= line.text.len();
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn out(bytes: &[u8]) -> LogOutput {
        LogOutput::StdOut { message: bytes.to_vec().into() }
    }

    fn split(pieces: &[&[u8]]) -> Vec<String> {
        let (mut splitter, mut lines) = (Splitter::default(), Vec::new());
        for piece in pieces {
            splitter.feed(&out(piece), |line| lines.push(line.text));
        }
        splitter.finish(|line| lines.push(line.text));
        lines
    }

    #[test]
    fn lines_are_joined_over_pieces_and_the_last_needs_no_newline() {
        assert_eq!(split(&[b"a", b"b\r\nc\n\n", b"d"]), ["ab", "c", "", "d"]);
        assert_eq!(split(&[b"\xff\n"]), ["\u{fffd}"]);
        assert!(split(&[]).is_empty());
    }

    #[test]
    fn standard_error_is_a_stream_of_its_own() {
        let (mut splitter, mut lines) = (Splitter::default(), Vec::new());
        splitter.feed(&out(b"half"), |line| lines.push(line));
        splitter.feed(&LogOutput::StdErr { message: "oops\n".into() }, |line| lines.push(line));
        splitter.feed(&out(b" done\n"), |line| lines.push(line));
        let said: Vec<(bool, &str)> = lines.iter().map(|line| (line.error, line.text.as_str())).collect();
        assert_eq!(said, [(true, "oops"), (false, "half done")]);
    }

    #[test]
    fn an_endless_line_is_cut() {
        let long = vec![b'x'; 2 * LONGEST + 1];
        assert_eq!(split(&[&long]).iter().map(String::len).collect::<Vec<_>>(), [LONGEST, LONGEST, 1]);
    }

    #[tokio::test]
    async fn a_backlog_keeps_lines_until_they_are_read_and_says_what_it_dropped() {
        let backlog = Backlog::default();
        let text = "x".repeat(LONGEST);
        let fits = KEPT / LONGEST;
        for _ in 0..fits + 3 {
            backlog.push(Line { error: false, text: text.clone() });
        }
        backlog.close();
        let first = backlog.next().await.unwrap();
        assert_eq!(first.text, "[3 lines were not read in time and are lost]");
        let mut rest = 0;
        while backlog.next().await.is_some() {
            rest += 1;
        }
        assert_eq!(rest, fits);
    }

    proptest! {
        #[test]
        fn where_the_pieces_are_cut_does_not_matter(
            text in "[a-c\n]{0,40}", cuts in proptest::collection::vec(0usize..40, 0..6)
        ) {
            let bytes = text.as_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            prop_assert_eq!(split(&pieces), split(&[bytes]));
        }
    }
}

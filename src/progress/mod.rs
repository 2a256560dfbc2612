//! Live progress of a drill, from the records of its journal. Writes to standard error only: a
//! spinner for each run on a terminal, one plain line per phase anywhere else.

mod narrate;

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::journal::{Listener, Record};
use crate::text;
use narrate::{Narrator, Said};

/// Shows what is happening. Every line that is written while a drill runs goes through it.
pub struct Progress {
    narrator: Mutex<Narrator>,
    screen: Screen,
}

enum Screen {
    Plain(Mutex<Box<dyn Write + Send>>),
    Live(Live),
}

/// One spinner per run, and one for what belongs to none.
struct Live {
    all: MultiProgress,
    runs: Mutex<BTreeMap<Option<u32>, ProgressBar>>,
}

impl Progress {
    /// On standard error: for a terminal, or for anything else.
    pub fn new(tty: bool) -> Arc<Self> {
        if tty {
            let live = Live { all: MultiProgress::new(), runs: Mutex::new(BTreeMap::new()) };
            Arc::new(Self { narrator: Mutex::default(), screen: Screen::Live(live) })
        } else {
            Self::plain(Box::new(std::io::stderr()))
        }
    }

    /// One plain line per phase to any writer.
    pub fn plain(out: Box<dyn Write + Send>) -> Arc<Self> {
        Arc::new(Self { narrator: Mutex::default(), screen: Screen::Plain(Mutex::new(out)) })
    }

    /// Hears of every record.
    pub fn listener(self: &Arc<Self>) -> Listener {
        let progress = Arc::clone(self);
        Box::new(move |record| progress.hear(record))
    }

    /// Says a line that belongs to no run.
    pub fn say(&self, line: &str) {
        match &self.screen {
            Screen::Plain(out) => write(out, line),
            Screen::Live(live) => live.say(line),
        }
    }

    /// Does something that needs the terminal for itself, such as a question.
    pub fn suspend<T>(&self, work: impl FnOnce() -> T) -> T {
        match &self.screen {
            Screen::Plain(_) => work(),
            Screen::Live(live) => live.all.suspend(work),
        }
    }

    /// The drill is over: nothing of the spinners stays.
    pub fn finish(&self) {
        if let Screen::Live(live) = &self.screen {
            let mut runs = live.runs.lock().unwrap_or_else(PoisonError::into_inner);
            for bar in std::mem::take(&mut *runs).into_values() {
                bar.finish_and_clear();
            }
        }
    }

    fn hear(&self, record: &Record) {
        let said = self.narrator.lock().unwrap_or_else(PoisonError::into_inner).hear(record);
        let Some(said) = said else { return };
        match &self.screen {
            Screen::Plain(out) => write(out, &said.line()),
            Screen::Live(live) => live.show(record.run, &said),
        }
    }
}

/// A line at once, so that nothing comes in between. A reader that has gone away stops no drill.
fn write(out: &Mutex<Box<dyn Write + Send>>, line: &str) {
    let mut out = out.lock().unwrap_or_else(PoisonError::into_inner);
    let _ = out.write_all(format!("{}\n", text::one_line(line)).as_bytes()).and_then(|()| out.flush());
}

impl Live {
    fn say(&self, line: &str) {
        let _ = self.all.println(text::one_line(line));
    }

    fn show(&self, run: Option<u32>, said: &Said) {
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        if said.stays {
            self.say(&said.line());
        }
        if run.is_some() {
            // The images are there: the drill's own line has nothing more to say.
            runs.remove(&None).iter().for_each(ProgressBar::finish_and_clear);
        }
        if said.ends {
            runs.remove(&run).iter().for_each(ProgressBar::finish_and_clear);
            return;
        }
        let bar = runs.entry(run).or_insert_with(|| self.all.add(spinner()));
        bar.set_prefix(text::one_line(&said.who));
        bar.set_message(text::one_line(&said.what));
    }
}

fn spinner() -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {prefix}  {wide_msg} {elapsed:>4}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner());
    let bar = ProgressBar::new_spinner().with_style(style);
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::testing::{all_well, entry, journal, plan};

    /// A writer whose bytes can be looked at afterwards.
    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn told() -> String {
        let kept = Kept::default();
        let progress = Progress::plain(Box::new(kept.clone()));
        let listener = progress.listener();
        journal(entry(plan()), all_well()).iter().for_each(listener);
        progress.say("building\u{1b}[31m red");
        progress.finish();
        let bytes = kept.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn without_a_terminal_each_phase_is_one_plain_line() {
        let told = told();
        let held = "drop-column/right  interrupted  stopped before statement 3 of 3";
        assert!(told.lines().any(|line| line == held), "{told}");
        assert!(told.lines().any(|line| line == "building red"), "{told}");
        assert!(!told.contains('\u{1b}'), "{told}");
    }

    #[test]
    fn every_line_of_a_run_says_whose_it_is() {
        let told = told();
        let of_runs = told.lines().filter(|line| line.starts_with("drop-column/right  "));
        let kinds: std::collections::BTreeSet<&str> =
            of_runs.filter_map(|line| line.split("  ").nth(1)).collect();
        assert_eq!(kinds.into_iter().collect::<Vec<_>>(), ["control", "finished", "idle", "interrupted"]);
    }

    #[test]
    fn a_reader_that_has_gone_away_stops_nothing() {
        struct Gone;
        impl Write for Gone {
            fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
                Err(std::io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Err(std::io::ErrorKind::BrokenPipe.into())
            }
        }
        Progress::plain(Box::new(Gone)).say("nobody hears this");
    }
}

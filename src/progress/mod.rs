//! Live progress of a drill, from the records of its journal. Writes to standard error only: a
//! spinner for each run on a terminal, one plain line per phase anywhere else.

mod narrate;
mod tally;

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::journal::{Event, Listener, Record};
use crate::outcome::Outcome;
use crate::text;
use narrate::{Narrator, Said, Standing};

/// Shows what is happening. Every line that is written while a drill runs goes through it.
pub struct Progress {
    narrator: Mutex<Narrator>,
    screen: Screen,
}

enum Screen {
    Plain(Mutex<Box<dyn Write + Send>>),
    Live(Live),
}

/// One spinner per run, and one for what belongs to none; a bar for each sweep.
struct Live {
    all: MultiProgress,
    runs: Mutex<BTreeMap<Option<u32>, ProgressBar>>,
    sweeps: Mutex<BTreeMap<String, ProgressBar>>,
}

impl Progress {
    /// On standard error: for a terminal, or for anything else.
    pub fn new(tty: bool) -> Arc<Self> {
        if tty { Self::live(ProgressDrawTarget::stderr()) } else { Self::plain(Box::new(std::io::stderr())) }
    }

    fn live(target: ProgressDrawTarget) -> Arc<Self> {
        let all = MultiProgress::with_draw_target(target);
        let live = Live { all, runs: Mutex::default(), sweeps: Mutex::default() };
        Arc::new(Self { narrator: Mutex::default(), screen: Screen::Live(live) })
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

    /// Remembers what happened before, and tells nobody. `judge` says what a run came to.
    pub fn recall(&self, records: &[Record], judge: impl Fn(u32) -> Option<Outcome>) {
        let mut narrator = self.narrator.lock().unwrap_or_else(PoisonError::into_inner);
        for record in records {
            narrator.hear(record);
            if let (Event::RunEnded { .. }, Some(run)) = (&record.event, record.run)
                && let Some(outcome) = judge(run)
            {
                narrator.judged(run, outcome);
            }
        }
    }

    /// A run is over, and came to this: says how far its sweep is.
    pub fn judged(&self, run: u32, outcome: Outcome) {
        let swept = self.narrator.lock().unwrap_or_else(PoisonError::into_inner).judged(run, outcome);
        let Some(swept) = swept else { return };
        match &self.screen {
            Screen::Plain(out) => write(out, &format!("{}  sweep  {}", swept.scenario, swept.what)),
            Screen::Live(live) => live.sweep(&swept),
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
            let runs = std::mem::take(&mut *live.runs.lock().unwrap_or_else(PoisonError::into_inner));
            let sweeps = std::mem::take(&mut *live.sweeps.lock().unwrap_or_else(PoisonError::into_inner));
            runs.into_values().chain(sweeps.into_values()).for_each(|bar| bar.finish_and_clear());
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

    /// The bar stays below the spinners until the last case is settled.
    fn sweep(&self, swept: &Standing) {
        let mut sweeps = self.sweeps.lock().unwrap_or_else(PoisonError::into_inner);
        let (done, cases) = swept.share;
        let new = || self.all.add(sweep_bar(cases as u64));
        let bar = sweeps.entry(swept.scenario.clone()).or_insert_with(new);
        bar.set_prefix(text::one_line(&swept.scenario));
        bar.set_message(swept.what.clone());
        bar.set_position(done as u64);
        if done >= cases {
            bar.finish_and_clear();
            self.say(&format!("{}  sweep  {}", swept.scenario, swept.what));
        }
    }
}

fn sweep_bar(cases: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:20} {prefix}  {wide_msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(cases).with_style(style)
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

    /// A journal whose last run is a case of a sweep of two.
    fn sweep(progress: &Arc<Progress>) {
        let survey = crate::sweep::survey(&plan(), &[], false);
        let mut records = journal(entry(plan()), all_well());
        let cases: Vec<_> = survey.cases.iter().take(2).cloned().collect();
        let survey = crate::sweep::Survey { cases: cases.clone(), ..survey };
        let surveyed = Event::Surveyed { scenario: plan().path, survey: Box::new(survey) };
        records.insert(1, Record { event: surveyed, ..records[0].clone() });
        let mut cases = cases.into_iter();
        for record in &mut records {
            if let Event::RunStarted { case, .. } = &mut record.event {
                *case = cases.next().map(Box::new);
            }
        }
        records.iter().for_each(progress.listener());
        progress.judged(1, Outcome::Pass);
        // On a terminal a line draws everything anew, however little time has passed.
        progress.say("one is done");
        progress.judged(2, Outcome::Fail);
        progress.judged(3, Outcome::Fail);
        progress.judged(2, Outcome::Fail);
    }

    #[test]
    fn without_a_terminal_a_sweep_says_after_each_case_how_far_it_is() {
        let kept = Kept::default();
        sweep(&Progress::plain(Box::new(kept.clone())));
        let told = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        let told: Vec<&str> = told.lines().filter(|line| line.contains("  sweep  ")).collect();
        assert_eq!(
            told,
            [
                "drop-column/right  sweep  1 of 2 tried: 1 pass, 0 fail, 0 unknown; 1 left, about 3.1 s",
                "drop-column/right  sweep  2 of 2 tried: 1 pass, 1 fail, 0 unknown; 0 left"
            ]
        );
    }

    /// A terminal that keeps what is drawn on it.
    #[derive(Debug, Clone, Default)]
    struct Screenful(Arc<Mutex<String>>);

    impl indicatif::TermLike for Screenful {
        fn width(&self) -> u16 {
            100
        }
        fn move_cursor_up(&self, _: usize) -> std::io::Result<()> {
            Ok(())
        }
        fn move_cursor_down(&self, _: usize) -> std::io::Result<()> {
            Ok(())
        }
        fn move_cursor_right(&self, _: usize) -> std::io::Result<()> {
            Ok(())
        }
        fn move_cursor_left(&self, _: usize) -> std::io::Result<()> {
            Ok(())
        }
        fn write_line(&self, line: &str) -> std::io::Result<()> {
            self.write_str(&format!("{line}\n"))
        }
        fn write_str(&self, text: &str) -> std::io::Result<()> {
            self.0.lock().unwrap().push_str(text);
            Ok(())
        }
        fn clear_line(&self) -> std::io::Result<()> {
            self.write_str("\n")
        }
        fn flush(&self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn on_a_terminal_a_sweep_has_a_bar_with_what_is_done_left_and_failing() {
        let screen = Screenful::default();
        let progress = Progress::live(ProgressDrawTarget::term_like(Box::new(screen.clone())));
        sweep(&progress);
        progress.finish();
        let drawn = screen.0.lock().unwrap().clone();
        let half = "██████████░░░░░░░░░░ drop-column/right  1 of 2 tried: 1 pass, 0 fail, 0 unknown; 1 left, about 3.1 s";
        assert!(drawn.contains(half), "{drawn}");
        let end = "drop-column/right  sweep  2 of 2 tried: 1 pass, 1 fail, 0 unknown; 0 left";
        assert!(drawn.contains(end), "{drawn}");
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

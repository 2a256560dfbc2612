//! How far a sweep has come, and how long the rest of it takes. Pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::outcome::Outcome;
use crate::text;

/// The cases of one sweep, counted as they are settled. Times are milliseconds of the drill.
#[derive(Debug)]
pub(super) struct Tally {
    cases: usize,
    settled: BTreeMap<u32, Outcome>,
    /// Cases that did not pass at the first look: the second one settles them.
    doubted: BTreeSet<u32>,
    /// When this invocation began with it, and how many cases were settled by then.
    since: (u64, usize),
}

impl Tally {
    pub(super) fn new(cases: usize, ms: u64) -> Self {
        Self { cases, settled: BTreeMap::new(), doubted: BTreeSet::new(), since: (ms, 0) }
    }

    /// It goes on after a pause, which says nothing about the time that the rest takes.
    pub(super) fn resumed(&mut self, ms: u64) {
        self.since = (ms, self.settled.len());
    }

    /// A look at a case came to this. Returns whether that settles it.
    pub(super) fn judged(&mut self, case: u32, outcome: Outcome) -> bool {
        let is_settled = outcome == Outcome::Pass || !self.doubted.insert(case);
        if is_settled {
            self.settled.insert(case, outcome);
        }
        is_settled
    }

    /// How many cases are settled, and how many there are.
    pub(super) fn share(&self) -> (usize, usize) {
        (self.settled.len(), self.cases)
    }

    /// `5 of 9 tried: 4 pass, 1 fail, 0 unknown; 4 left, about 12.0 s`.
    pub(super) fn line(&self, ms: u64) -> String {
        let (done, cases) = self.share();
        let of = |outcome| self.settled.values().filter(|one| **one == outcome).count();
        let (pass, fail) = (of(Outcome::Pass), of(Outcome::Fail));
        let unknown = of(Outcome::Inconclusive);
        let time = self.rest(ms).map_or_else(String::new, |rest| format!(", about {}", text::time(rest)));
        let left = cases.saturating_sub(done);
        format!("{done} of {cases} tried: {pass} pass, {fail} fail, {unknown} unknown; {left} left{time}")
    }

    /// How long the cases that are left take at the pace so far; none where nothing tells.
    fn rest(&self, ms: u64) -> Option<u64> {
        let (began, before) = self.since;
        let left = self.cases.saturating_sub(self.settled.len()) as u64;
        let done = self.settled.len().saturating_sub(before) as u64;
        let took = ms.saturating_sub(began) * left;
        took.checked_div(done).filter(|_| left > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn done_left_failing_and_the_time_left_are_counted() {
        let mut tally = Tally::new(4, 1_000);
        assert_eq!(tally.line(1_000), "0 of 4 tried: 0 pass, 0 fail, 0 unknown; 4 left");
        assert!(tally.judged(1, Outcome::Pass));
        assert_eq!(tally.line(3_000), "1 of 4 tried: 1 pass, 0 fail, 0 unknown; 3 left, about 6 s");
        for case in 2..=4 {
            tally.judged(case, Outcome::Pass);
        }
        assert_eq!(tally.line(9_000), "4 of 4 tried: 4 pass, 0 fail, 0 unknown; 0 left");
    }

    #[test]
    fn what_does_not_pass_is_counted_after_the_second_look() {
        let mut tally = Tally::new(2, 0);
        assert!(!tally.judged(1, Outcome::Fail));
        assert_eq!(tally.share(), (0, 2));
        assert!(tally.judged(1, Outcome::Fail));
        assert!(!tally.judged(2, Outcome::Fail) && tally.judged(2, Outcome::Inconclusive));
        assert_eq!(tally.line(5_000), "2 of 2 tried: 0 pass, 1 fail, 1 unknown; 0 left");
    }

    #[test]
    fn a_pause_says_nothing_about_the_pace() {
        let mut tally = Tally::new(3, 0);
        tally.judged(1, Outcome::Pass);
        tally.resumed(100_000);
        assert!(tally.line(101_000).ends_with("2 left"), "nothing was tried since");
        tally.judged(2, Outcome::Pass);
        assert!(tally.line(102_000).ends_with("1 left, about 2 s"), "{}", tally.line(102_000));
    }
}

//! The service as its clients saw it: per part of a run, and in spells of failure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::belief::Fate;
use super::ledger::Entry;

/// How many different failures are named in one segment.
const FAILURES: usize = 8;

/// Latencies in microseconds, rounded to two significant digits.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Histogram(BTreeMap<u64, u64>);

impl Histogram {
    /// Counts one.
    pub fn add(&mut self, micros: u64) {
        *self.0.entry(rounded(micros)).or_default() += 1;
    }

    /// Counts those of another.
    pub fn merge(&mut self, other: &Self) {
        for (micros, count) in &other.0 {
            *self.0.entry(*micros).or_default() += count;
        }
    }

    /// The value, in microseconds, that this share of all does not exceed; none of nothing.
    pub fn quantile(&self, share: f64) -> Option<u64> {
        let all: u64 = self.0.values().sum();
        let rank = ((all as f64 * share).ceil() as u64).max(1);
        let mut passed = 0;
        self.0.iter().find_map(|(micros, count)| {
            passed += count;
            (passed >= rank).then_some(*micros)
        })
    }
}

fn rounded(micros: u64) -> u64 {
    let mut unit = 1;
    while micros / unit >= 100 {
        unit *= 10;
    }
    micros.div_ceil(unit) * unit
}

/// A part of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Before the change.
    Before,
    /// During a step of the change.
    Change(u32),
    /// After so many steps of the change.
    Changed(u32),
    /// Since the failure.
    Failed,
    /// During a step of the rollback.
    Rollback(u32),
    /// After so many steps of the rollback.
    RolledBack(u32),
    /// After the rollback.
    After,
}

impl Part {
    /// Whether nothing is done in it.
    fn is_pause(self) -> bool {
        match self {
            Self::Before | Self::Changed(_) | Self::RolledBack(_) | Self::After => true,
            Self::Change(_) | Self::Failed | Self::Rollback(_) => false,
        }
    }
}

/// How requests ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// What alters something, and was acknowledged.
    pub acknowledged: u64,
    /// What was refused.
    pub refused: u64,
    /// What has an unknown fate.
    pub unknown: u64,
    /// Looks that were answered; what was to alter what is not there, and was told so.
    pub looked: u64,
    /// Looks that were not.
    pub unanswered: u64,
}

impl Counts {
    /// All requests.
    pub fn all(&self) -> u64 {
        self.acknowledged + self.looked + self.failed()
    }

    /// Those that did not get what they asked for.
    pub fn failed(&self) -> u64 {
        self.refused + self.unknown + self.unanswered
    }

    /// Counts those of another.
    pub fn merge(&mut self, other: &Self) {
        self.acknowledged += other.acknowledged;
        self.refused += other.refused;
        self.unknown += other.unknown;
        self.looked += other.looked;
        self.unanswered += other.unanswered;
    }

    fn add(&mut self, entry: &Entry) {
        let count = match (entry.fate, entry.is_well()) {
            (Some(Fate::Acknowledged), _) => &mut self.acknowledged,
            (Some(Fate::Refused), true) => &mut self.looked,
            (Some(Fate::Refused), false) => &mut self.refused,
            (Some(Fate::Unknown), _) => &mut self.unknown,
            (None, true) => &mut self.looked,
            (None, false) => &mut self.unanswered,
        };
        *count += 1;
    }
}

/// The requests that were due in one part of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// The part.
    pub part: Part,
    /// When it began, in milliseconds of the drill.
    pub from_ms: u64,
    /// How they ended.
    pub counts: Counts,
    /// How long they took from when they were due.
    pub latency: Histogram,
    /// What went wrong, and how often; the first kinds of it.
    #[serde(serialize_with = "crate::secret::keys")]
    pub failures: BTreeMap<String, u64>,
}

/// The requests by the parts in which they were due. One that failed over more than one part is laid to the
/// first of them in which something was done. `marks` say when which part began, in order.
pub fn segments(marks: &[(u64, Part)], entries: &[Entry]) -> Vec<Segment> {
    let empty = |(from_ms, part): &(u64, Part)| Segment {
        part: *part,
        from_ms: *from_ms,
        counts: Counts::default(),
        latency: Histogram::default(),
        failures: BTreeMap::new(),
    };
    let mut segments: Vec<Segment> = marks.iter().map(empty).collect();
    for entry in entries {
        let at = |ms| marks.partition_point(|(from, _)| *from <= ms).saturating_sub(1);
        let due = at(entry.due_ms);
        let at = match entry.is_well() {
            true => due,
            false => (due..=at(entry.ended_ms())).find(|at| !marks[*at].1.is_pause()).unwrap_or(due),
        };
        let Some(segment) = segments.get_mut(at) else { continue };
        segment.counts.add(entry);
        segment.latency.add(entry.took_us.unwrap_or_default());
        if let Some(wrong) = &entry.wrong
            && (segment.failures.len() < FAILURES || segment.failures.contains_key(wrong))
        {
            *segment.failures.entry(wrong.clone()).or_default() += 1;
        }
    }
    segments
}

/// A time in which every request failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spell {
    /// When the first of them was due, in milliseconds of the drill.
    pub from_ms: u64,
    /// When the first was due that did not fail; none when none was.
    pub to_ms: Option<u64>,
    /// How many failed.
    pub failed: u64,
}

/// The spells of failure, in order.
pub fn spells(entries: &[Entry]) -> Vec<Spell> {
    let mut spells: Vec<Spell> = Vec::new();
    let mut fails = false;
    for entry in entries {
        match (entry.is_well(), fails) {
            (false, true) => spells.iter_mut().last().into_iter().for_each(|spell| spell.failed += 1),
            (false, false) => spells.push(Spell { from_ms: entry.due_ms, to_ms: None, failed: 1 }),
            (true, true) => {
                spells.iter_mut().last().into_iter().for_each(|spell| spell.to_ms = Some(entry.due_ms));
            }
            (true, false) => {}
        }
        fails = !entry.is_well();
    }
    spells
}

#[cfg(test)]
mod tests {
    use super::super::ledger::Kind;
    use super::*;

    fn entry(due_ms: u64, wrong: Option<&str>) -> Entry {
        let fate = if wrong.is_some() { Fate::Unknown } else { Fate::Acknowledged };
        let wrong = wrong.map(str::to_owned);
        Entry { kind: Kind::Write, due_ms, took_us: Some(due_ms * 10), fate: Some(fate), wrong }
    }

    #[test]
    fn latencies_keep_two_digits_and_never_look_better_than_they_are() {
        assert_eq!([7, 99, 100, 101, 1234, 99_999].map(rounded), [7, 99, 100, 110, 1300, 100_000]);
        let mut histogram = Histogram::default();
        (1..=100).for_each(|micros| histogram.add(micros));
        assert_eq!((histogram.quantile(0.5), histogram.quantile(0.99)), (Some(50), Some(99)));
        assert_eq!(Histogram::default().quantile(0.5), None);
    }

    #[test]
    fn a_request_belongs_to_the_part_in_which_it_was_due() {
        let marks = [(0, Part::Before), (100, Part::Change(1)), (200, Part::Failed)];
        let cut_off = Entry { took_us: Some(10_000), ..entry(195, Some("status 503")) };
        let slow = Entry { took_us: Some(10_000), ..entry(95, None) };
        let hung = Entry { took_us: Some(10_000), ..entry(95, Some("status 503")) };
        let entries =
            [slow, hung, entry(100, Some("status 503")), entry(150, None), cut_off, entry(500, None)];
        let segments = segments(&marks, &entries);
        let counted = segments.iter().map(|one| (one.part, one.counts.acknowledged, one.counts.failed()));
        let expected = [(Part::Before, 1, 0), (Part::Change(1), 1, 3), (Part::Failed, 1, 0)];
        assert_eq!(counted.collect::<Vec<_>>(), expected);
        assert_eq!(segments[1].failures["status 503"], 3);
    }

    #[test]
    fn an_outage_is_a_spell_from_its_first_failure_to_the_first_that_is_well() {
        let bad = Some("x");
        let entries = [(0, None), (10, bad), (20, bad), (30, None), (40, bad)];
        let entries = entries.map(|(due, wrong)| entry(due, wrong));
        let first = Spell { from_ms: 10, to_ms: Some(30), failed: 2 };
        assert_eq!(spells(&entries), [first, Spell { from_ms: 40, to_ms: None, failed: 1 }]);
    }
}

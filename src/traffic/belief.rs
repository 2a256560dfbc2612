//! What may be there under a key, given what the clients were told.
//!
//! A promise narrows what may be there to one thing; an unknown fate widens it. So whatever really happened
//! to an unanswered request is never held against anybody.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// How a request that alters something ended, as far as its client knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It was done, and stays done.
    Acknowledged,
    /// Nothing of it was done.
    Refused,
    /// It may have been done: no answer, half an answer, or one that promises neither.
    Unknown,
}

/// Whether something is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It must be there.
    Present,
    /// It must not be there.
    Absent,
    /// It may be there or not.
    Unknown,
}

/// A promise that was broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wrong {
    /// Acknowledged, and gone.
    Lost,
    /// There more than once.
    Duplicated,
    /// Refused or removed, and yet there.
    Phantom,
    /// There, with content that nobody was promised.
    Corrupt,
}

impl Wrong {
    /// The word in reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Duplicated => "duplicated",
            Self::Phantom => "phantom",
            Self::Corrupt => "corrupt",
        }
    }
}

/// What was found under a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Seen {
    /// Nothing.
    Nothing,
    /// One thing: those of the contents asked about that it shows.
    One(BTreeSet<u64>),
    /// So many things.
    Many(usize),
}

/// What may be there under a key: nothing, or the content that the request of a number gave it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Belief {
    /// Whether there may be nothing.
    nothing: bool,
    /// The requests whose content may be there.
    contents: BTreeSet<u64>,
}

impl Belief {
    /// Before the first request.
    pub(super) fn of_nothing() -> Self {
        Self { nothing: true, contents: BTreeSet::new() }
    }

    /// After a request that leaves this content, or nothing.
    pub(super) fn after(&mut self, content: Option<u64>, fate: Fate) {
        let wanted = match content {
            Some(request) => Self { nothing: false, contents: BTreeSet::from([request]) },
            None => Self::of_nothing(),
        };
        match fate {
            Fate::Acknowledged => *self = wanted,
            Fate::Refused => {}
            Fate::Unknown => {
                self.nothing |= wanted.nothing;
                self.contents.extend(wanted.contents);
            }
        }
    }

    /// The contents that may be there, by the numbers of their requests.
    pub(super) fn contents(&self) -> impl Iterator<Item = u64> + '_ {
        self.contents.iter().copied()
    }

    /// Whether exactly one thing can be there.
    pub(super) fn is_certain(&self) -> bool {
        !self.nothing && self.contents.len() == 1
    }

    /// Whether something is there.
    pub fn standing(&self) -> Standing {
        match (self.nothing, self.contents.is_empty()) {
            (true, true) => Standing::Absent,
            (false, _) => Standing::Present,
            (true, false) => Standing::Unknown,
        }
    }

    /// What is wrong with what was found; none if nothing is.
    pub(super) fn wrong(&self, seen: &Seen) -> Option<Wrong> {
        match (self.standing(), seen) {
            (Standing::Present, Seen::Nothing) => Some(Wrong::Lost),
            (_, Seen::Nothing) => None,
            (Standing::Absent, _) => Some(Wrong::Phantom),
            (_, Seen::Many(_)) => Some(Wrong::Duplicated),
            (_, Seen::One(shown)) => {
                (!shown.iter().any(|one| self.contents.contains(one))).then_some(Wrong::Corrupt)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(requests: &[(Option<u64>, Fate)]) -> Belief {
        let mut belief = Belief::of_nothing();
        for (content, fate) in requests {
            belief.after(*content, *fate);
        }
        belief
    }

    fn one(shown: &[u64]) -> Seen {
        Seen::One(shown.iter().copied().collect())
    }

    #[test]
    fn a_promise_is_kept_or_broken_in_one_of_four_ways() {
        let written = after(&[(Some(1), Fate::Acknowledged)]);
        assert_eq!(written.wrong(&one(&[1])), None);
        assert_eq!(written.wrong(&Seen::Nothing), Some(Wrong::Lost));
        assert_eq!(written.wrong(&Seen::Many(2)), Some(Wrong::Duplicated));
        assert_eq!(written.wrong(&one(&[])), Some(Wrong::Corrupt));
        let refused = after(&[(Some(1), Fate::Refused)]);
        assert_eq!(refused.wrong(&one(&[1])), Some(Wrong::Phantom));
        assert_eq!(refused.wrong(&Seen::Nothing), None);
    }

    #[test]
    fn what_is_unknown_may_be_there_or_not_but_once() {
        let unknown = after(&[(Some(1), Fate::Unknown)]);
        assert_eq!(unknown.standing(), Standing::Unknown);
        assert_eq!((unknown.wrong(&Seen::Nothing), unknown.wrong(&one(&[1]))), (None, None));
        assert_eq!(unknown.wrong(&Seen::Many(2)), Some(Wrong::Duplicated));
        assert_eq!(unknown.wrong(&one(&[])), Some(Wrong::Corrupt));
    }

    #[test]
    fn updates_and_removals_change_what_is_promised() {
        let updated = after(&[(Some(1), Fate::Acknowledged), (Some(2), Fate::Unknown)]);
        assert_eq!((updated.wrong(&one(&[1])), updated.wrong(&one(&[2]))), (None, None));
        assert_eq!(updated.wrong(&Seen::Nothing), Some(Wrong::Lost));
        assert!(!updated.is_certain());
        let overwritten = after(&[(Some(1), Fate::Acknowledged), (Some(2), Fate::Acknowledged)]);
        assert_eq!(overwritten.wrong(&one(&[1])), Some(Wrong::Corrupt));
        let removed = after(&[(Some(1), Fate::Acknowledged), (None, Fate::Acknowledged)]);
        assert_eq!(removed.wrong(&one(&[1])), Some(Wrong::Phantom));
        let perhaps = after(&[(Some(1), Fate::Acknowledged), (None, Fate::Unknown)]);
        assert_eq!((perhaps.wrong(&one(&[1])), perhaps.wrong(&Seen::Nothing)), (None, None));
    }
}

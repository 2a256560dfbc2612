//! What is known of one thing that calls were about: how often it was done, and how often that was made up for.

use std::collections::BTreeMap;

/// What became of a call, in the eyes of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fate {
    /// It was not done.
    Refused,
    /// Nobody can say: no answer came, or one that leaves it open.
    Unknown,
    /// It was done.
    Done,
}

impl Fate {
    /// By the status of the answer. A server's error leaves open how far it came, and so does a redirect, but for
    /// those that say that nothing was done; a mail is taken or it is not.
    pub(super) fn of(method: &str, status: Option<u16>) -> Self {
        match (method, status) {
            (_, Some(200..=299)) => Self::Done,
            ("MAIL", Some(_)) => Self::Refused,
            (_, Some(303)) => Self::Done,
            (_, Some(408)) => Self::Unknown,
            (_, Some(307 | 308 | 400..=499)) => Self::Refused,
            (_, Some(_) | None) => Self::Unknown,
        }
    }
}

/// How often something was done, at least and at most.
#[derive(Debug, Default)]
struct Times {
    lone: Vec<Fate>,
    /// Calls that the host knows to be one by the value of a field.
    alike: BTreeMap<String, Fate>,
}

impl Times {
    fn add(&mut self, fate: Fate, idempotent: Option<&str>) {
        match idempotent {
            None => self.lone.push(fate),
            Some(value) => {
                let known = self.alike.entry(value.to_owned()).or_insert(fate);
                *known = fate.max(*known);
            }
        }
    }

    fn least(&self) -> usize {
        self.count(Fate::Done)
    }

    fn most(&self) -> usize {
        self.count(Fate::Unknown)
    }

    fn count(&self, least: Fate) -> usize {
        self.lone.iter().chain(self.alike.values()).filter(|fate| **fate >= least).count()
    }
}

/// What is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wrong {
    /// It was done although it was done already.
    Twice,
    /// Perhaps: an earlier call had no answer, and nothing tells the host that this one repeats it.
    PerhapsTwice,
    /// It was done and not made up for.
    Missing,
    /// Nobody can say whether it was done, or whether it was made up for.
    PerhapsMissing,
    /// It was made up for more often than it was done.
    TooOften,
    /// Perhaps.
    PerhapsTooOften,
}

/// How it stands, call after call.
#[derive(Debug, Default)]
pub(super) struct Balance {
    done: Times,
    made_up: Times,
    wrong: Vec<Wrong>,
}

impl Balance {
    /// It is done once more, or the same once again.
    pub(super) fn act(&mut self, fate: Fate, idempotent: Option<&str>) {
        self.done.add(fate, idempotent);
        let once = self.made_up.most() + 1;
        if self.done.least() > once {
            self.note(Wrong::Twice);
        } else if self.done.most() > once {
            self.note(Wrong::PerhapsTwice);
        }
    }

    /// It is made up for once more, or the same once again.
    pub(super) fn make_up(&mut self, fate: Fate, idempotent: Option<&str>) {
        self.made_up.add(fate, idempotent);
        if self.made_up.least() > self.done.most() {
            self.note(Wrong::TooOften);
        } else if self.made_up.most() > self.done.most() {
            self.note(Wrong::PerhapsTooOften);
        }
    }

    /// Whether it was done at all.
    pub(super) fn was_done(&self) -> bool {
        self.done.most() > 0
    }

    /// What is wrong in the end; whether it had to be made up for.
    pub(super) fn wrongs(mut self, owes: bool) -> Vec<Wrong> {
        if owes && self.done.least() > self.made_up.most() {
            self.note(Wrong::Missing);
        } else if owes && self.done.most() > self.made_up.least() {
            self.note(Wrong::PerhapsMissing);
        }
        self.wrong.sort_unstable();
        // What is certain need not be suspected too.
        for (certain, perhaps) in
            [(Wrong::Twice, Wrong::PerhapsTwice), (Wrong::TooOften, Wrong::PerhapsTooOften)]
        {
            if self.wrong.contains(&certain) {
                self.wrong.retain(|wrong| *wrong != perhaps);
            }
        }
        self.wrong
    }

    fn note(&mut self, wrong: Wrong) {
        if !self.wrong.contains(&wrong) {
            self.wrong.push(wrong);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Fate::{Done, Refused, Unknown};
    use super::Wrong::{Missing, PerhapsMissing, PerhapsTooOften, PerhapsTwice, TooOften, Twice};
    use super::*;

    /// `+` does it, `-` makes up for it; a digit behind is the value by which the host knows a repetition.
    fn wrongs(calls: &[(&str, Fate)]) -> Vec<Wrong> {
        let mut balance = Balance::default();
        for (call, fate) in calls {
            let (sign, value) = call.split_at(1);
            let value = (!value.is_empty()).then_some(value);
            if sign == "+" { balance.act(*fate, value) } else { balance.make_up(*fate, value) }
        }
        balance.wrongs(true)
    }

    #[test]
    fn what_is_done_once_is_made_up_for_once() {
        assert_eq!(wrongs(&[("+", Done), ("-", Done)]), []);
        assert_eq!(wrongs(&[("+", Done)]), [Missing]);
        assert_eq!(wrongs(&[("+", Done), ("-", Refused)]), [Missing]);
        assert_eq!(wrongs(&[("+", Done), ("-", Done), ("-", Done)]), [TooOften]);
        assert_eq!(wrongs(&[("-", Done)]), [TooOften], "it was never done");
        assert_eq!(wrongs(&[("+", Refused), ("-", Done)]), [TooOften]);
        assert_eq!(wrongs(&[("+", Refused)]), []);
        assert_eq!(wrongs(&[("+", Done), ("-", Done), ("+", Done), ("-", Done)]), [], "made again");
    }

    #[test]
    fn a_repetition_that_the_host_knows_is_none() {
        assert_eq!(wrongs(&[("+", Done), ("+", Done), ("-", Done)]), [Twice, Missing]);
        assert_eq!(wrongs(&[("+1", Done), ("+1", Done), ("-", Done)]), []);
        assert_eq!(wrongs(&[("+1", Done), ("+2", Done), ("-", Done), ("-", Done)]), [Twice]);
        assert_eq!(wrongs(&[("+", Done), ("-1", Done), ("-1", Done)]), []);
        assert_eq!(wrongs(&[("+1", Unknown), ("+1", Done), ("-1", Unknown), ("-1", Done)]), []);
    }

    #[test]
    fn what_nobody_knows_is_never_well_unless_it_was_made_up_for_once() {
        assert_eq!(wrongs(&[("+", Unknown)]), [PerhapsMissing]);
        assert_eq!(wrongs(&[("+", Unknown), ("-", Done)]), []);
        assert_eq!(wrongs(&[("+", Unknown), ("-", Refused)]), [PerhapsMissing]);
        assert_eq!(wrongs(&[("+", Unknown), ("-", Unknown)]), [PerhapsMissing]);
        assert_eq!(wrongs(&[("+", Unknown), ("+", Done), ("-", Done)]), [PerhapsTwice, PerhapsMissing]);
        assert_eq!(wrongs(&[("+", Done), ("-", Unknown)]), [PerhapsMissing]);
        assert_eq!(wrongs(&[("+", Done), ("-", Unknown), ("-", Done)]), [PerhapsTooOften]);
        assert_eq!(wrongs(&[("+", Done), ("-", Unknown), ("-", Unknown)]), [PerhapsMissing, PerhapsTooOften]);
    }

    #[test]
    fn an_answer_tells_what_became_of_a_call_or_leaves_it_open() {
        let fates = |method, statuses: &[u16], fate| {
            for status in statuses {
                assert_eq!(Fate::of(method, Some(*status)), fate, "{status}");
            }
        };
        fates("POST", &[200, 201, 202, 204, 303], Done);
        fates("POST", &[400, 402, 404, 409, 422, 429, 307], Refused);
        fates("POST", &[500, 502, 503, 504, 408, 302], Unknown);
        fates("MAIL", &[250], Done);
        fates("MAIL", &[451, 550, 554], Refused);
        assert_eq!(Fate::of("POST", None), Unknown);
        assert_eq!(Fate::of("MAIL", None), Unknown);
    }
}

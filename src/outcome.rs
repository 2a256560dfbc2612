//! The three outcomes, and the names of everything that is judged.

use serde::{Deserialize, Serialize};

/// How a question was answered. Ordered: the worst is the greatest.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Observed to hold.
    Pass,
    /// Not observed, either way.
    Inconclusive,
    /// Observed not to hold.
    Fail,
}

impl Outcome {
    /// The worst of several; pass where there is nothing.
    pub fn worst(outcomes: impl IntoIterator<Item = Self>) -> Self {
        outcomes.into_iter().max().unwrap_or(Self::Pass)
    }

    /// The word in reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Inconclusive => "inconclusive",
            Self::Fail => "fail",
        }
    }
}

/// Every question that a finding can answer; its word stands in `because:` and in reports.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// Did the staging system come up, and could the run be carried through?
    Stage,
    /// Did the change go as the scenario says?
    Change,
    /// Was the point reached, and the change interrupted there?
    Point,
    /// Did every fault act while the change was held?
    Fault,
    /// Was every fault healed?
    Heal,
    /// Did the interrupted change's sessions end before the state was captured?
    Settle,
    /// Was the rollback invoked, and did it succeed in time?
    Rollback,
    /// Is the system as it should be?
    System,
    /// Is the schema as it should be?
    Schema,
    /// Are the rows as they should be?
    Data,
    /// Are the sequences as they should be?
    Sequences,
    /// Was nothing left behind?
    Leftovers,
    /// An HTTP expectation.
    Http,
    /// An SQL expectation.
    Sql,
    /// An expectation on keys of several stores.
    Across,
    /// An expectation on how many messages a queue holds.
    Queue,
    /// A command's expectation.
    Exec,
    /// An expectation on a service's output.
    Log,
    /// Do the expectations fail where there is no rollback?
    Vacuous,
    /// Does nothing move by itself?
    Unsound,
    /// Was every exception needed?
    Exceptions,
    /// Does a touched table hold rows?
    Coverage,
    /// Is every table looked at whose rows the change may lose?
    Lossy,
    /// Does the change touch what it is declared to touch, and nothing else?
    Impact,
    /// Were the change's conversations seen by its gateways?
    Gateway,
    /// Can the change be made again after a rollback, and does it end where it ended the first time?
    Again,
    /// Did it hold all the time?
    Always,
    /// Were the promises kept that clients were given?
    Promises,
    /// Is the service well again, in the eyes of its clients?
    Service,
    /// Do old and new code live with each other's schema?
    Compatibility,
    /// Did anyone notice: did alerts fire in time after the failure, and resolve after the rollback?
    Alerts,
    /// Does a change without a way back say what makes it safe?
    ForwardOnly,
    /// Does each pre-check say no when its condition is broken, and yes when it is not?
    Prechecks,
    /// Was nothing touched that must not be?
    Isolation,
    /// Was the system recovered in its time, and no more lost than is allowed?
    Recovery,
    /// Was nothing done twice outside, and was what was done made up for exactly once?
    Outside,
}

impl Check {
    /// All of them.
    pub const ALL: [Self; 36] = [
        Self::Stage,
        Self::Change,
        Self::Point,
        Self::Fault,
        Self::Heal,
        Self::Settle,
        Self::Rollback,
        Self::System,
        Self::Schema,
        Self::Data,
        Self::Sequences,
        Self::Leftovers,
        Self::Http,
        Self::Sql,
        Self::Across,
        Self::Queue,
        Self::Exec,
        Self::Log,
        Self::Vacuous,
        Self::Unsound,
        Self::Exceptions,
        Self::Coverage,
        Self::Lossy,
        Self::Impact,
        Self::Gateway,
        Self::Again,
        Self::Always,
        Self::Promises,
        Self::Service,
        Self::Compatibility,
        Self::Alerts,
        Self::ForwardOnly,
        Self::Prechecks,
        Self::Isolation,
        Self::Recovery,
        Self::Outside,
    ];

    /// The word in YAML, JSON and reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Stage => "stage",
            Self::Change => "change",
            Self::Point => "point",
            Self::Fault => "fault",
            Self::Heal => "heal",
            Self::Settle => "settle",
            Self::Rollback => "rollback",
            Self::System => "system",
            Self::Schema => "schema",
            Self::Data => "data",
            Self::Sequences => "sequences",
            Self::Leftovers => "leftovers",
            Self::Http => "http",
            Self::Sql => "sql",
            Self::Across => "across",
            Self::Queue => "queue",
            Self::Exec => "exec",
            Self::Log => "log",
            Self::Vacuous => "vacuous",
            Self::Unsound => "unsound",
            Self::Exceptions => "exceptions",
            Self::Coverage => "coverage",
            Self::Lossy => "lossy",
            Self::Impact => "impact",
            Self::Gateway => "gateway",
            Self::Again => "again",
            Self::Always => "always",
            Self::Promises => "promises",
            Self::Service => "service",
            Self::Compatibility => "compatibility",
            Self::Alerts => "alerts",
            Self::ForwardOnly => "forward_only",
            Self::Prechecks => "prechecks",
            Self::Isolation => "isolation",
            Self::Recovery => "recovery",
            Self::Outside => "outside",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_outcome_wins_and_unknown_is_never_a_pass() {
        assert_eq!(Outcome::worst([Outcome::Pass, Outcome::Fail, Outcome::Inconclusive]), Outcome::Fail);
        assert_eq!(Outcome::worst([Outcome::Pass, Outcome::Inconclusive]), Outcome::Inconclusive);
        assert_eq!(Outcome::worst([]), Outcome::Pass);
    }

    #[test]
    fn every_check_is_written_as_its_word() {
        for check in Check::ALL {
            assert_eq!(serde_json::to_value(check).unwrap(), check.word());
        }
    }
}

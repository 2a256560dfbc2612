//! Points, and the cases that stand for them.

use serde::{Deserialize, Serialize};

use crate::gateway::control::Side;
use crate::plan::model::Failure;

/// Which operation is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Swept {
    /// The change; then the rollback is invoked.
    Change,
    /// The rollback of the finished change; then the rollback is invoked again.
    Rollback,
}

impl Swept {
    /// The word in reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Change => "change",
            Self::Rollback => "rollback",
        }
    }
}

/// Where a point lies in its step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spot {
    /// Before the step.
    Gap,
    /// At a statement of an `sql` step.
    Statement {
        /// Its number, from 1.
        number: u32,
    },
    /// At a container of a rolling `deploy` step.
    Replica {
        /// Its number, from 1.
        number: u32,
    },
    /// At an ask of the step's conversation with a service.
    Ask {
        /// The service.
        #[serde(serialize_with = "crate::secret::word")]
        service: String,
        /// Its number in the recording, from 1.
        number: u32,
        /// What its text matches in any run; literals may differ.
        pattern: String,
        /// Which of those that match, from 1.
        nth: u64,
    },
}

/// A point that an operation has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// The operation.
    pub operation: Swept,
    /// The step's number, from 1.
    pub step: u32,
    /// Where in the step.
    pub spot: Spot,
    /// On which side.
    pub side: Side,
    /// The statement, or what the step does, on one line.
    #[serde(serialize_with = "crate::secret::statement")]
    pub text: String,
    /// Whether a transaction is open there.
    pub inside: bool,
    /// The number of the case that stands for it, from 1.
    pub case: u32,
}

/// What a run of a sweep is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tried {
    /// A point, by its position among the points of the survey, from 0.
    Point(usize),
    /// Up, down, up: the change broken at the scenario's own point and rolled back, then twice made again to
    /// its end and rolled back.
    Again,
}

/// One run of a sweep.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// Its number, from 1.
    pub number: u32,
    /// What it is there for.
    pub tried: Tried,
    /// The operation that is broken.
    pub operation: Swept,
    /// Where and how.
    pub failure: Failure,
}

/// All points of a scenario, and the cases to try.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Survey {
    /// The points, in the order in which operations come to them.
    pub points: Vec<Listed>,
    /// The cases.
    pub cases: Vec<Case>,
    /// What could not be listed, and why.
    pub gaps: Vec<String>,
}

//! What clients talk to, and what its answers promise.

use async_trait::async_trait;

use super::belief::Fate;
use crate::plan::traffic::{Mutation, Request};

/// Sends requests; nothing is sent twice.
#[async_trait]
pub trait Service: Send + Sync {
    /// Sends one request and waits for its answer or the end of its time.
    async fn send(&self, request: &Request, limit: std::time::Duration) -> Reply;
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// A whole HTTP answer.
    Answered {
        /// The status.
        status: u16,
        /// The beginning of the body.
        body: String,
    },
    /// A statement was done.
    Done {
        /// The first column of each row.
        values: Vec<Option<String>>,
    },
    /// The server says that the statement failed and left nothing.
    Failed(String),
    /// It never left: nobody took the connection.
    NotSent(String),
    /// It may have been done: no whole answer came.
    Lost(String),
}

impl Reply {
    /// What it promises about a request that alters something.
    pub(super) fn fate(&self, mutation: &Mutation) -> Fate {
        let says = |statuses: &std::collections::BTreeSet<u16>, status: u16, hundred: u16| {
            if statuses.is_empty() { status / 100 == hundred } else { statuses.contains(&status) }
        };
        match self {
            Self::Answered { status, .. } if says(&mutation.acknowledged, *status, 2) => Fate::Acknowledged,
            Self::Answered { status, .. } if says(&mutation.refused, *status, 4) => Fate::Refused,
            Self::Answered { .. } | Self::Lost(_) => Fate::Unknown,
            Self::Done { .. } => Fate::Acknowledged,
            Self::Failed(_) | Self::NotSent(_) => Fate::Refused,
        }
    }

    /// Whether it says that what was asked for is not there.
    pub(super) fn is_not_there(&self) -> bool {
        matches!(self, Self::Answered { status: 404 | 410, .. })
    }

    /// It in a few words, for the timeline.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Answered { status, .. } => format!("status {status}"),
            Self::Done { .. } => "done".to_owned(),
            Self::Failed(why) | Self::NotSent(why) | Self::Lost(why) => why.chars().take(120).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing;
    use super::*;

    fn status(status: u16) -> Reply {
        Reply::Answered { status, body: String::new() }
    }

    #[test]
    fn only_an_answer_that_says_so_is_a_promise() {
        let write = testing::traffic().write;
        let fates = [201, 204, 404, 409, 500, 503, 302].map(|code| status(code).fate(&write));
        use Fate::{Acknowledged, Refused, Unknown};
        assert_eq!(fates, [Acknowledged, Acknowledged, Refused, Refused, Unknown, Unknown, Unknown]);
        let strict = Mutation { acknowledged: [201].into(), refused: [503].into(), ..write };
        let fates = [201, 200, 404, 503].map(|code| status(code).fate(&strict));
        assert_eq!(fates, [Acknowledged, Unknown, Unknown, Refused]);
    }

    #[test]
    fn silence_is_unknown_and_what_never_left_is_not() {
        let write = testing::traffic().write;
        assert_eq!(Reply::Lost("no answer in time".to_owned()).fate(&write), Fate::Unknown);
        assert_eq!(Reply::NotSent("connection refused".to_owned()).fate(&write), Fate::Refused);
        assert_eq!(Reply::Failed("23505: duplicate".to_owned()).fate(&write), Fate::Refused);
    }
}

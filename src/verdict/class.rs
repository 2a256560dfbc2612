//! Result and state are two facts; together they class a run (S4).

use super::model::{Class, OperationResult};
use crate::outcome::Outcome;

/// Classes a run by the result of its rollback and the worst finding on its state.
pub(super) fn class(result: OperationResult, state: Outcome) -> Class {
    let exit_0 = match result {
        OperationResult::Ok => true,
        OperationResult::Failed | OperationResult::TimedOut | OperationResult::Interrupted => false,
        OperationResult::NotInvoked | OperationResult::Unknown => return Class::Unknown,
    };
    match (exit_0, state) {
        (true, Outcome::Pass) => Class::Restored,
        (false, Outcome::Pass) => Class::RestoredWithError,
        (true, Outcome::Fail) => Class::Silent,
        (false, Outcome::Fail) => Class::Broken,
        (_, Outcome::Inconclusive) => Class::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s4_result_and_state_are_two_facts() {
        assert_eq!(class(OperationResult::Ok, Outcome::Pass), Class::Restored);
        assert_eq!(class(OperationResult::Failed, Outcome::Pass), Class::RestoredWithError);
        assert_eq!(class(OperationResult::Ok, Outcome::Fail), Class::Silent);
        assert_eq!(class(OperationResult::Failed, Outcome::Fail), Class::Broken);
        assert_eq!(class(OperationResult::TimedOut, Outcome::Fail), Class::Broken);
        assert_eq!(class(OperationResult::Ok, Outcome::Inconclusive), Class::Unknown);
        assert_eq!(class(OperationResult::NotInvoked, Outcome::Pass), Class::Unknown);
    }
}

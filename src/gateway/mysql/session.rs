//! A connection's transaction, followed through its statements.

use crate::gateway::reader::Transaction;
use crate::sql::mariadb::Effect;

/// What the server says about the connection in each OK.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Session {
    /// SERVER_STATUS_IN_TRANS.
    pub(super) open: bool,
    /// SERVER_STATUS_AUTOCOMMIT.
    pub(super) autocommit: bool,
}

impl Session {
    /// The same in the words of the gateway.
    pub(super) fn transaction(self) -> Transaction {
        if self.open { Transaction::Open } else { Transaction::None }
    }

    /// Whether success of such a statement makes changes permanent.
    pub(super) fn commits(self, effect: Effect) -> bool {
        match effect {
            Effect::Nothing | Effect::Reads | Effect::RollsBack(_) => false,
            Effect::Changes => self.autocommit && !self.open,
            Effect::Begins | Effect::Commits(_) | Effect::Ends => self.open,
            Effect::Defines | Effect::XaCommit => true,
            Effect::Autocommit(on) => on && !self.autocommit && self.open,
        }
    }

    /// The connection after it, if it succeeds.
    pub(super) fn after(mut self, effect: Effect) -> Self {
        match effect {
            Effect::Nothing => {}
            Effect::Reads | Effect::Changes => self.open |= !self.autocommit,
            Effect::Begins => self.open = true,
            Effect::Commits(chain) | Effect::RollsBack(chain) => self.open = chain,
            Effect::Defines | Effect::Ends | Effect::XaCommit => self.open = false,
            Effect::Autocommit(on) => {
                self.open &= !on || self.autocommit;
                self.autocommit = on;
            }
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_is_followed_ahead() {
        let calm = Session { open: false, autocommit: true };
        assert!(calm.commits(Effect::Changes) && calm.commits(Effect::Defines));
        assert!(!calm.commits(Effect::Commits(false)) && !calm.commits(Effect::Begins));
        let open = calm.after(Effect::Begins);
        assert!(!open.commits(Effect::Changes) && open.commits(Effect::Commits(false)));
        assert_eq!(open.after(Effect::Commits(false)), calm);
        assert_eq!(open.after(Effect::Defines), calm);
        let manual = calm.after(Effect::Autocommit(false));
        assert!(!manual.commits(Effect::Changes) && !manual.commits(Effect::Commits(false)));
        let changed = manual.after(Effect::Changes);
        assert!(changed.open && changed.commits(Effect::Autocommit(true)));
        assert_eq!(changed.after(Effect::Autocommit(true)), calm);
    }
}

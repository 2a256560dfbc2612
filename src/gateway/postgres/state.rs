//! The transaction that a connection is in, told ahead from the texts that were sent.
//!
//! Source: `xact.c` and `exec_simple_query` of the server; the documentation's "Multiple Statements in a
//! Simple Query" and "Pipelining". Statements outside a block that travel together, in one simple
//! Query or up to one Sync, share an *implicit* transaction.

use crate::gateway::reader::Transaction;
use crate::sql::Effect;

/// Where a statement stands among those that share an implicit transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// More statements follow in the same simple Query.
    Inside,
    /// The last of a simple Query: an implicit transaction is committed before the server answers it.
    Last,
    /// In a pipeline: the next Sync commits.
    Pipeline,
    /// The visible part of a simple Query that is too long to be read: more may follow.
    Cut,
}

/// What transaction there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct State {
    /// The transaction block.
    pub(super) block: Transaction,
    /// Outside a block: an implicit transaction with a statement in it.
    implicit: bool,
    /// That transaction may have changed something.
    dirty: bool,
}

impl State {
    /// From the status byte of ReadyForQuery.
    pub(super) fn read(status: u8) -> Option<Self> {
        let block = match status {
            b'I' => Transaction::None,
            b'T' => Transaction::Open,
            b'E' => Transaction::Failed,
            _ => return None,
        };
        Some(Self { block, ..Self::default() })
    }

    /// What a statement finds; an implicit transaction is as open as any other.
    pub(super) fn found(self) -> Transaction {
        if self.implicit { Transaction::Open } else { self.block }
    }

    /// Whether success of a statement makes changes permanent.
    pub(super) fn commits(self, effect: Effect, place: Place) -> bool {
        match effect {
            Effect::Commit { .. } => self.found() == Transaction::Open,
            Effect::PrepareTransaction => self.block == Transaction::Open,
            Effect::ResolvePrepared => self.block == Transaction::None,
            Effect::Begin | Effect::Rollback { .. } | Effect::RollbackTo | Effect::Savepoint => false,
            Effect::Read | Effect::Change | Effect::CopyIn { .. } => {
                self.block == Transaction::None
                    && match place {
                        Place::Inside => false,
                        Place::Last => self.dirty || effect.is_change(),
                        Place::Pipeline | Place::Cut => effect.is_change(),
                    }
            }
        }
    }

    /// After a statement that succeeded.
    pub(super) fn after(self, effect: Effect, place: Place) -> Self {
        let block = |block| Self { block, ..Self::default() };
        match effect {
            Effect::Begin if self.block == Transaction::Failed => self,
            Effect::Begin => block(Transaction::Open),
            Effect::Commit { chain } | Effect::Rollback { chain } => {
                let goes_on = chain && self.block != Transaction::None;
                block(if goes_on { Transaction::Open } else { Transaction::None })
            }
            Effect::PrepareTransaction | Effect::ResolvePrepared => block(Transaction::None),
            Effect::RollbackTo if self.block == Transaction::Failed => block(Transaction::Open),
            Effect::RollbackTo | Effect::Savepoint => self,
            Effect::Read | Effect::Change | Effect::CopyIn { .. } if self.block != Transaction::None => self,
            Effect::Read | Effect::Change | Effect::CopyIn { .. } => match place {
                Place::Last | Place::Cut => Self::default(),
                Place::Inside | Place::Pipeline => {
                    Self { implicit: true, dirty: self.dirty || effect.is_change(), ..self }
                }
            },
        }
    }

    /// After an error; one at the end of a transaction leaves none behind.
    pub(super) fn failed(self, effect: Option<Effect>) -> Self {
        let ended = matches!(effect, Some(Effect::Commit { .. } | Effect::PrepareTransaction));
        let block =
            if self.block == Transaction::None || ended { Transaction::None } else { Transaction::Failed };
        Self { block, ..Self::default() }
    }

    /// After a Sync or the end of a simple Query.
    pub(super) fn settled(self) -> Self {
        Self { block: self.block, ..Self::default() }
    }
}

//! What the server still has to answer, in the order in which it will.

use std::collections::VecDeque;

use super::state::{Place, State};
use crate::sql::Effect;

/// The most items that are kept of one connection.
const MOST: usize = 1 << 16;

/// Whose end a ReadyForQuery is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Startup,
    Query,
    Call,
    Sync,
}

/// One thing that the server will answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Item {
    /// So many messages of Parse, Bind, Describe and Close: one answer each that says nothing to us.
    Prepare(u32),
    /// An Execute of the portal that was asked for under this number.
    Execute {
        /// The number of its ask.
        ask: u64,
        /// Whether this Execute asks; else it goes on fetching.
        asks: bool,
        /// What its statement does.
        effect: Effect,
    },
    /// A statement of a simple Query.
    Statement {
        /// What it does.
        effect: Effect,
        /// Where it stands in its message.
        place: Place,
    },
    /// A FunctionCall.
    Call,
    /// CopyDone or CopyFail, sent before the server was known to want data.
    CopyEnd,
    /// What makes the server fail in the place of a refused message.
    Refusal,
    /// A ReadyForQuery.
    Ready(Source),
}

impl Item {
    pub(super) fn after(self, state: State) -> State {
        match self {
            Self::Execute { effect, .. } => state.after(effect, Place::Pipeline),
            Self::Statement { effect, place } => state.after(effect, place),
            Self::Call | Self::Prepare(_) | Self::CopyEnd | Self::Refusal => state,
            Self::Ready(_) => state.settled(),
        }
    }
}

/// The items, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Queue {
    items: VecDeque<Item>,
}

impl Queue {
    /// Whether so many items more can be kept.
    pub(super) fn has_room(&self, items: usize) -> bool {
        self.items.len() + items <= MOST
    }

    pub(super) fn front(&self) -> Option<Item> {
        self.items.front().copied()
    }

    pub(super) fn pop(&mut self) {
        self.items.pop_front();
    }

    pub(super) fn push(&mut self, item: Item) {
        match (self.items.back_mut(), item) {
            (Some(Item::Prepare(count)), Item::Prepare(more)) => *count = count.saturating_add(more),
            (Some(Item::CopyEnd), Item::CopyEnd) => {}
            _ => self.items.push_back(item),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Whether the server will skip what is sent now, because of an error: one that there was
    /// (`skipping`), or one of ours.
    pub(super) fn skips(&self, skipping: bool) -> bool {
        self.items.iter().fold(skipping, |skips, item| match item {
            Item::Ready(Source::Sync) => false,
            Item::Refusal => true,
            _ => skips,
        })
    }

    /// One of Parse, Bind, Describe and Close was answered.
    pub(super) fn prepared(&mut self) {
        match self.items.front_mut() {
            Some(Item::Prepare(count)) if *count > 1 => *count -= 1,
            Some(Item::Prepare(_)) => self.pop(),
            _ => {}
        }
    }

    /// Leaves out what has no answer of its own that could still come.
    pub(super) fn settle(&mut self) {
        while let Some(Item::Prepare(_) | Item::CopyEnd) = self.items.front() {
            self.pop();
        }
    }

    /// The server has begun to read rows for the front item: it ignores each Sync up to the end of the
    /// data. Whether that end has not been sent yet.
    pub(super) fn begin_copy(&mut self) -> bool {
        loop {
            match self.items.get(1) {
                Some(Item::Ready(Source::Sync)) => drop(self.items.remove(1)),
                Some(Item::CopyEnd) => {
                    self.items.remove(1);
                    return false;
                }
                _ => return true,
            }
        }
    }

    /// If a Sync was sent behind the front item and nothing before it commits in its place: how many
    /// answers come before that Sync's.
    pub(super) fn until_sync(&self) -> Option<u32> {
        let mut answers: u32 = 0;
        for item in self.items.iter().skip(1) {
            match item {
                Item::Ready(Source::Sync) => return Some(answers),
                Item::Execute { effect: Effect::Read, .. } => answers = answers.saturating_add(1),
                Item::Prepare(count) => answers = answers.saturating_add(*count),
                Item::CopyEnd => {}
                Item::Execute { .. }
                | Item::Statement { .. }
                | Item::Call
                | Item::Refusal
                | Item::Ready(_) => return None,
            }
        }
        None
    }

    /// The state behind all items, if each succeeds; `skipping` up to the next Sync nothing is done.
    pub(super) fn fold(&self, now: State, mut skipping: bool) -> State {
        self.items.iter().fold(now, |state, item| match item {
            Item::Ready(Source::Sync) => {
                skipping = false;
                state.settled()
            }
            Item::Refusal => {
                skipping = true;
                state.failed(None)
            }
            _ if skipping => state,
            item => item.after(state),
        })
    }
}

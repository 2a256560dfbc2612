//! The calls of one conversation with the outside that have not ended.

use std::collections::VecDeque;

use super::board::Board;
use super::call::{Called, Content};
use super::control::Report;
use super::reader::Answer;

/// Calls in the order in which they were made. Contents and answers come in that order too.
#[derive(Debug, Default)]
pub(super) struct Calls {
    open: VecDeque<Open>,
}

#[derive(Debug)]
struct Open {
    number: u64,
    content: Option<Content>,
    /// The status of its answer, when there is one.
    answered: Option<Option<u16>>,
}

impl Calls {
    /// The outside is about to see one.
    pub(super) fn begin(&mut self, number: u64) {
        self.open.push_back(Open { number, content: None, answered: None });
    }

    /// All of the oldest that was still passing has passed.
    pub(super) fn passed(&mut self, content: Content, board: &Board, service: &str) {
        if let Some(call) = self.open.iter_mut().find(|call| call.content.is_none()) {
            call.content = Some(content);
        }
        self.tell(board, service);
    }

    /// The oldest that was still open is answered.
    pub(super) fn answered(&mut self, answer: &Answer, board: &Board, service: &str) {
        let status = answer.said.split(' ').next().and_then(|word| word.parse().ok());
        if let Some(call) = self.open.iter_mut().find(|call| call.answered.is_none()) {
            call.answered = Some(status);
        }
        self.tell(board, service);
    }

    /// The conversation is over: nothing more comes of any.
    pub(super) fn end(&mut self, board: &Board, service: &str) {
        self.open.drain(..).for_each(|call| call.tell(board, service));
    }

    /// Tells of those that have ended, as long as none before them is open.
    fn tell(&mut self, board: &Board, service: &str) {
        let ended = |call: &Open| call.content.is_some() && call.answered.is_some();
        while self.open.front().is_some_and(ended) {
            self.open.drain(..1).for_each(|call| call.tell(board, service));
        }
    }
}

impl Open {
    fn tell(self, board: &Board, service: &str) {
        let (service, status) = (service.to_owned(), self.answered.flatten());
        board.say(Report::Called(Called { service, number: self.number, content: self.content, status }));
    }
}

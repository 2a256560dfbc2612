//! What the server sends.

use super::client::opaque;
use super::frame::{Message, string_or_all};
use super::queue::{Item, Source};
use super::state::{Place, State};
use super::trouble::Trouble;
use super::verdict::{Fate, Look};
use super::{Postgres, Step};
use crate::gateway::reader::{Answer, Next, Toward, Transaction, text_of};

impl Postgres {
    pub(super) fn server_step(&mut self, front: &[u8], first: bool) -> Step {
        match Message::read(front) {
            Ok(Some(message)) => self.server_message(&message, front, first).unwrap_or_else(opaque),
            Ok(None) => Step::Wait,
            Err(why) => opaque(why),
        }
    }

    fn server_message(&mut self, message: &Message<'_>, front: &[u8], first: bool) -> Result<Step, String> {
        match message.kind {
            b'C' | b'I' | b's' | b'V' | b'E' | b'Z' => {
                if !first || !message.is_ready() {
                    return Ok(Step::Wait);
                }
                return self.end(message, front);
            }
            b'1' | b'2' | b'3' | b'n' | b'T' => self.queue.prepared(),
            b'G' => {
                let Some(format) = message.body.first() else { return Ok(Step::Wait) };
                self.begin_copy(*format != 0);
            }
            b'D' | b'd' | b'c' | b'H' | b'W' | b't' | b'R' | b'K' | b'S' | b'N' | b'A' | b'v' => {}
            kind => return Err(format!("a message `{}` from the server", kind.escape_ascii())),
        }
        Ok(self.pass(Toward::Client, message))
    }

    /// A message that may end an ask.
    fn end(&mut self, message: &Message<'_>, front: &[u8]) -> Result<Step, String> {
        if std::mem::take(&mut self.told) {
            self.done();
            return Ok(self.pass(Toward::Client, message));
        }
        match message.kind {
            b'E' => return Ok(self.error(message)),
            b'Z' => return self.ready(message),
            _ => self.queue.settle(),
        }
        self.stray_sync = false;
        let Some(item) = self.queue.front().filter(|item| !matches!(item, Item::Ready(_))) else {
            return Ok(self.pass(Toward::Client, message));
        };
        if !self.is_open(item) {
            self.done();
            return Ok(self.pass(Toward::Client, message));
        }
        if let Some(step) = self.end_suspended(Some(item), false) {
            return Ok(step);
        }
        if message.kind == b's' {
            if let Item::Execute { ask, effect, .. } = item {
                self.suspended = Some((ask, effect));
            }
            self.done();
            return Ok(self.pass(Toward::Client, message));
        }
        Ok(self.complete(item, message, front))
    }

    /// The front item was done.
    fn complete(&mut self, item: Item, message: &Message<'_>, front: &[u8]) -> Step {
        let said = match message.kind {
            b'C' => text_of(string_or_all(&mut { message.body })),
            b'V' => "function result".to_owned(),
            _ => "empty query".to_owned(),
        };
        let (ok, said, committed) = match self.fate(item, &said, front, message.whole) {
            Fate::Unknown => return Step::Wait,
            Fate::GoesOn => {
                self.look = None;
                return self.pass(Toward::Client, message);
            }
            Fate::Failed(why) => (false, why, false),
            Fate::Committed(committed) => (true, said, committed),
        };
        self.look = None;
        self.told = true;
        Step::Say(Next::Answer(Answer { ok, said, committed }))
    }

    /// Whether the commit came with the item's success.
    fn fate(&mut self, item: Item, tag: &str, front: &[u8], whole: usize) -> Fate {
        if let Some(look) = &mut self.look {
            return look.on(front);
        }
        let look = match item {
            Item::Statement { effect, place: Place::Cut } => {
                Look::whether_last(whole, self.now.commits(effect, Place::Cut))
            }
            Item::Statement { effect, place } => {
                return Fate::Committed(self.now.commits(effect, place) && tag != "ROLLBACK");
            }
            Item::Execute { effect, .. } => {
                let commits = self.now.commits(effect, Place::Pipeline);
                match self.queue.until_sync() {
                    Some(answers) if commits && !effect.is_control() => Look::for_commit(whole, answers),
                    _ => return Fate::Committed(commits && effect.is_control() && tag != "ROLLBACK"),
                }
            }
            Item::Call if self.now.block == Transaction::None => Look::for_commit(whole, 0),
            _ => return Fate::Committed(false),
        };
        self.look.insert(look).on(front)
    }

    /// Takes the front item for done.
    fn done(&mut self) {
        let Some(item) = self.queue.front() else { return };
        self.now = item.after(self.now);
        self.discard(item);
    }

    /// Takes out the front item; an error of ours that the server's own came before is never sent.
    fn discard(&mut self, front: Item) {
        if front == Item::Refusal {
            self.refusals.pop_front();
        }
        self.queue.pop();
    }

    /// Whether the item's ask has no answer yet.
    fn is_open(&self, item: Item) -> bool {
        match item {
            Item::Execute { asks: true, .. } | Item::Statement { .. } | Item::Call => true,
            Item::Execute { ask, .. } => self.suspended.is_some_and(|(suspended, _)| suspended == ask),
            Item::Prepare(_) | Item::CopyEnd | Item::Refusal | Item::Ready(_) => false,
        }
    }

    /// The answer to the ask of an unfinished portal, when another is to be answered or its transaction
    /// is over: no more of it was fetched.
    fn end_suspended(&mut self, by: Option<Item>, committed: bool) -> Option<Step> {
        let (suspended, effect) = self.suspended?;
        if let Some(Item::Execute { ask, .. }) = by
            && ask == suspended
        {
            self.suspended = None;
            return None;
        }
        self.suspended = None;
        let committed = committed && effect.is_change();
        Some(answer(true, "suspended", committed))
    }

    /// ErrorResponse: the oldest ask failed, and what follows it up to a ReadyForQuery is skipped.
    fn error(&mut self, message: &Message<'_>) -> Step {
        let trouble = Trouble::read(message.body);
        if let Some(step) = self.replace_error(message, &trouble) {
            return step;
        }
        let Some(end) = self.failing.or_else(|| self.queue.front().and_then(end_of)) else {
            return self.pass(Toward::Client, message);
        };
        while let Some(item) = self.queue.front().filter(|item| *item != Item::Ready(end)) {
            if self.is_open(item) {
                if self.failing.is_some() && trouble.is_fatal() {
                    break;
                }
                if let Some(step) = self.end_suspended(Some(item), false) {
                    return step;
                }
                self.queue.pop();
                return self.fail(item, end, &trouble);
            }
            self.discard(item);
        }
        if std::mem::take(&mut self.stray_sync) {
            return opaque("a Sync among the rows of a COPY that failed".to_owned());
        }
        if self.failing.take().is_none() {
            self.now = self.now.failed(None);
        }
        self.skipping = end == Source::Sync;
        (self.copying, self.ahead) = (false, None);
        self.pass(Toward::Client, message)
    }

    fn fail(&mut self, item: Item, end: Source, trouble: &Trouble<'_>) -> Step {
        if self.failing.is_some() {
            return answer(false, "skipped", false);
        }
        self.failing = Some(end);
        self.now = self.now.failed(match item {
            Item::Execute { effect, .. } | Item::Statement { effect, .. } => Some(effect),
            _ => None,
        });
        answer(false, &trouble.said(), false)
    }

    /// ReadyForQuery.
    fn ready(&mut self, message: &Message<'_>) -> Result<Step, String> {
        let Some(state) = message.body.first().copied().and_then(State::read) else {
            return Err("a ReadyForQuery without a status".to_owned());
        };
        let skipping = self.skipping;
        let ends = |item| matches!(item, Item::Ready(source) if !skipping || source == Source::Sync);
        while let Some(item) = self.queue.front().filter(|item| !ends(*item)) {
            if !self.is_open(item) {
                self.discard(item);
                continue;
            }
            if let Some(step) = self.end_suspended(Some(item), false) {
                return Ok(step);
            }
            self.queue.pop();
            return Ok(answer(false, "skipped", false));
        }
        if state.block == Transaction::None
            && let Some(step) = self.end_suspended(None, self.now.block == Transaction::None && !skipping)
        {
            return Ok(step);
        }
        self.queue.pop();
        self.skipping = false;
        if self.now.settled() != state {
            self.ahead = None;
        }
        self.now = state;
        Ok(self.pass(Toward::Client, message))
    }
}

fn answer(ok: bool, said: &str, committed: bool) -> Step {
    Step::Say(Next::Answer(Answer { ok, said: said.to_owned(), committed }))
}

/// Up to which ReadyForQuery an error skips, if this is the oldest item.
fn end_of(item: Item) -> Option<Source> {
    match item {
        Item::Statement { .. } => Some(Source::Query),
        Item::Call => Some(Source::Call),
        Item::Prepare(_) | Item::Execute { .. } | Item::CopyEnd | Item::Refusal => Some(Source::Sync),
        Item::Ready(Source::Startup) => None,
        Item::Ready(source) => Some(source),
    }
}

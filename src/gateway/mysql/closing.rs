//! The end of a result: which asks it ends, and what is said of each.

use super::packet::Header;
use super::{Asked, Expect, Mysql, Pending};
use crate::gateway::reader::{Answer, Next};
use crate::sql::mariadb::{Effect, Yields};

/// The packet at the front ends asks, which are told one after the other before it passes.
#[derive(Debug)]
pub(super) struct Closing {
    /// Whether it was done.
    ok: bool,
    said: String,
    /// Whether it ends the message and not only its oldest statement.
    all: bool,
    /// Whether an ask was told of it.
    told: bool,
    /// Whether the last one was told.
    over: bool,
}

impl Mysql {
    /// Whether a result that is not the message's last ends the message's oldest statement.
    pub(super) fn closes(&mut self, bare: bool) -> bool {
        let Some(Pending { expect: Expect::Result(yields), followed: true, .. }) = self.pending.front()
        else {
            return false;
        };
        let closes = *yields == Yields::One || bare;
        self.unclear |= *yields == Yields::Unknown && !closes;
        closes && !self.unclear
    }

    /// Tells the next ask that the packet at the front ends; behind the last, lets the packet go.
    pub(super) fn close_asks(&mut self, header: Header, unread: &[u8]) -> Next {
        while let Some(closing) = self.closing.as_mut().filter(|closing| !closing.over) {
            let Some(done) = self.pending.pop_front() else { break };
            closing.over = !closing.all || !done.followed;
            let said = closing.say(self.unclear);
            if let Some(asked) = done.asked {
                let ok = closing.ok;
                return Next::Answer(Answer { ok, said, committed: ok && self.is_permanent(asked) });
            }
        }
        if self.closing.take().is_some_and(|closing| closing.all) {
            self.unclear = false;
        }
        if self.pending.is_empty() {
            self.ahead = self.session;
        }
        self.pass_down(header, unread)
    }

    fn is_permanent(&self, asked: Asked) -> bool {
        let reopens = matches!(asked.effect, Effect::Begins | Effect::Commits(true));
        asked.commits && (reopens || !self.session.open)
    }
}

impl Closing {
    /// A result that was said so; whether it is the message's last.
    pub(super) fn new(ok: bool, said: String, all: bool) -> Self {
        Self { ok, said, all, told: false, over: false }
    }

    /// The words for the next statement that this ends.
    fn say(&mut self, unclear: bool) -> String {
        let told = std::mem::replace(&mut self.told, true);
        match (told, unclear, self.ok) {
            (false, false, _) => self.said.clone(),
            (_, true, _) => format!("{}, for several statements together", self.said),
            (true, false, true) => "done, without an answer of its own".to_owned(),
            (true, false, false) => "skipped".to_owned(),
        }
    }
}

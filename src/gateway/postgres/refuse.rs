//! Errors in the server's place.
//!
//! An error also ends what came before it: the block is failed, or the implicit transaction of the
//! pipeline is rolled back, and the server skips up to the next Sync. So that all this is true of a refused
//! ask too, the server is made to fail in its place, by an Execute of a portal that does not exist; it
//! writes no statement to its log for that. Its error is replaced by ours. Only a message outside a
//! block with nothing before it is answered without the server.

use super::frame::{Message, write};
use super::queue::{Item, Source};
use super::trouble::{self, Trouble};
use super::{Does, Postgres, Rest, Step};
use crate::gateway::reader::{Next, Refusal, Toward, Transaction};

/// The portal that does not exist, as the server's log will show it.
const NO_PORTAL: &[u8] = b"refused by the gateway\0\0\0\0\0";

impl Postgres {
    pub(super) fn refuse_asked(&mut self, refusal: &Refusal) -> Result<Vec<u8>, String> {
        let mut error = trouble::response(refusal)?;
        let Some(asking) = &self.asking else { return Err("nothing is being asked".to_owned()) };
        if self.queue.skips(self.skipping) {
            return Err("the server skips this because of an earlier error".to_owned());
        }
        let syncs = !matches!(asking.item, Item::Execute { .. });
        self.rests[Toward::Server as usize] = Rest { left: asking.whole, does: Does::Drop };
        self.asking = None;
        if syncs && self.queue.is_empty() && self.now.block != Transaction::Open {
            let status = if self.now.block == Transaction::None { b'I' } else { b'E' };
            write(&mut error, b'Z', &[status]);
            return Ok(error);
        }
        self.fail_server(error, syncs);
        Ok(Vec::new())
    }

    /// Makes the server fail, at once in front of the dropped message.
    fn fail_server(&mut self, error: Vec<u8>, syncs: bool) {
        let mut instead = Vec::new();
        write(&mut instead, b'E', NO_PORTAL);
        self.refusals.push_back(error);
        self.push(Item::Refusal);
        if syncs {
            write(&mut instead, b'S', b"");
            self.push(Item::Ready(Source::Sync));
        }
        self.instead = Some(instead);
    }

    /// The server's error that we made it answer becomes ours.
    pub(super) fn replace_error(&mut self, message: &Message<'_>, trouble: &Trouble<'_>) -> Option<Step> {
        if self.failing.is_some() || self.queue.front() != Some(Item::Refusal) {
            return None;
        }
        self.queue.pop();
        let ours = self.refusals.pop_front().filter(|_| !trouble.is_fatal())?;
        self.now = self.now.failed(None);
        (self.skipping, self.ahead) = (true, None);
        self.rests[Toward::Client as usize] = Rest { left: message.whole, does: Does::Drop };
        Some(Step::Say(Next::Insert(Toward::Client, ours)))
    }
}

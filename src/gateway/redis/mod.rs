//! Reads RESP2 and RESP3 between a Redis client and its server: commands and their replies, one after
//! the other or in pipelines, with MULTI and EXEC.
//!
//! A connection that no longer answers command by command becomes opaque when the server enters that
//! mode: subscriptions in RESP2 (those of RESP3 are read), MONITOR, replication, CLIENT REPLY OFF.

mod command;
mod line;
mod reply;
mod table;
#[cfg(test)]
mod tests;
mod text;

use std::collections::VecDeque;

use super::reader::{Answer, Ask, Kind, Next, Reader, Refusal, Toward, Transaction};
use command::{Command, Front, Rest};
use reply::Reply;

/// How many commands may wait for their replies; each takes a byte or two.
const PIPELINE: usize = 1 << 20;

/// How many changes of subscriptions may wait for their replies.
const SUBSCRIPTIONS: usize = 4096;

/// Reads one connection of Redis.
#[derive(Debug, Default)]
pub struct Redis {
    /// The command that has been said and not passed in full.
    sending: Option<Rest>,
    /// No byte of it has been passed.
    at_its_start: bool,
    /// It was refused.
    dropping: bool,
    /// Why nothing can be understood once the server has it.
    leaves: Option<&'static str>,
    /// What goes to the server in place of a refused command.
    instead: Option<&'static [u8]>,
    /// How far the end of a line has been sought.
    searched: usize,
    asked: VecDeque<Asked>,
    subscribed: VecDeque<Subscribed>,
    transaction: Transaction,
    before: Transaction,
    /// How many transactions have been begun, and how many of these beginnings were answered.
    begun: u64,
    answered: u64,
    reply: Reply,
    /// The reply in front has been judged.
    told: bool,
    /// It answers what goes to the server in place of a refused command.
    swallowing: bool,
    /// Why nothing can be understood from it on.
    left: Option<&'static str>,
}

/// What has to be known of a command to read its reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// It stands alone and changes nothing.
    Reads,
    /// It stands alone and may change something.
    Writes,
    /// MULTI outside a transaction.
    Begins,
    /// It is put into a transaction.
    Queued,
    /// EXEC inside a transaction.
    Executes,
    /// A change of subscriptions, the next of [`Redis::subscribed`].
    Subscribes,
    /// MONITOR.
    Monitors,
    /// What was sent in place of a refused command; the client must not hear of it.
    Instead,
}

/// A command that is answered once per channel. UNSUBSCRIBE without channels is answered once for each
/// that there was; what comes after the first of these is taken for messages.
#[derive(Debug, Clone, Copy)]
struct Subscribed {
    word: &'static str,
    left: u64,
    is_answered: bool,
}

/// The commands that are answered once per channel.
const SUBSCRIBE: [&str; 6] =
    ["subscribe", "psubscribe", "ssubscribe", "unsubscribe", "punsubscribe", "sunsubscribe"];

/// Ends a transaction.
const DISCARD: &[u8] = b"*1\r\n$7\r\nDISCARD\r\n";

/// A command that every server turns away, for its key is missing.
const TURNED_AWAY: &[u8] = b"*1\r\n$3\r\nGET\r\n";

impl Redis {
    /// A connection on which nothing has been said.
    pub fn new() -> Self {
        Self::default()
    }

    fn command(&mut self, unread: &[u8]) -> Next {
        let front = match command::front(unread, &mut self.searched) {
            Ok(front) => front,
            Err(why) => return Next::Opaque(why),
        };
        match front {
            Front::More => Next::More,
            Front::Nothing(count) => Next::Pass(pass_nothing(count, unread)),
            Front::Array => match command::array(unread) {
                Ok(Some((command, rest))) => self.ask(&command, rest),
                Ok(None) => Next::More,
                Err(why) => Next::Opaque(why),
            },
            Front::Line(length) => match command::words(&unread[..length]) {
                Some(words) => self.ask(&Command::of_words(&words), Rest::line(length)),
                None => Next::Opaque("a line whose quotes do not fit together".to_owned()),
            },
        }
    }

    fn ask(&mut self, command: &Command<'_>, rest: Rest) -> Next {
        if self.asked.len() == PIPELINE || self.subscribed.len() == SUBSCRIPTIONS {
            return Next::Opaque("too many commands without a reply".to_owned());
        }
        self.before = self.transaction;
        let asked = self.classify(command);
        let commits = matches!(asked, Asked::Writes | Asked::Executes);
        self.asked.push_back(asked);
        self.sending = Some(rest);
        self.at_its_start = true;
        self.leaves = self.leaves(command);
        let text = text::shown(command);
        Next::Ask(Ask { kind: Kind::Command, text, transaction: self.before, commits, rides: false })
    }

    /// Takes in what the server will do with a command.
    fn classify(&mut self, command: &Command<'_>) -> Asked {
        let name = command.argument(0);
        let inside = self.transaction != Transaction::None;
        if name.is("MULTI") && !inside {
            self.transaction = Transaction::Open;
            self.begun += 1;
            return Asked::Begins;
        }
        if name.is("EXEC") || name.is("DISCARD") || name.is("RESET") {
            self.transaction = Transaction::None;
            return if inside && name.is("EXEC") { Asked::Executes } else { Asked::Reads };
        }
        if inside {
            // These are carried out at once even there.
            let at_once = name.is("MULTI") || name.is("WATCH") || name.is("QUIT");
            return if at_once { Asked::Reads } else { Asked::Queued };
        }
        if name.is("MONITOR") {
            return Asked::Monitors;
        }
        if let Some(word) = SUBSCRIBE.into_iter().find(|word| name.is(word)) {
            let left = command.count.saturating_sub(1).max(1);
            self.subscribed.push_back(Subscribed { word, left, is_answered: false });
            return Asked::Subscribes;
        }
        let reads = table::is_read_only(name.beginning, command.argument(1).beginning);
        if reads { Asked::Reads } else { Asked::Writes }
    }

    /// Why nothing can be understood once the server has this command.
    fn leaves(&self, command: &Command<'_>) -> Option<&'static str> {
        let (name, second, third) = (command.argument(0), command.argument(1), command.argument(2));
        if name.is("SYNC") || name.is("PSYNC") {
            return Some("a stream of replication");
        }
        if name.is("CLIENT") && second.is("REPLY") && (third.is("OFF") || third.is("SKIP")) {
            return Some("CLIENT REPLY: commands without replies");
        }
        let subscribes = SUBSCRIBE.iter().any(|word| name.is(word));
        (subscribes && self.transaction != Transaction::None).then_some("subscriptions inside MULTI")
    }

    fn send(&mut self, mut rest: Rest, unread: &[u8]) -> Next {
        if self.at_its_start
            && let Some(why) = self.leaves.take()
        {
            return Next::Opaque(why.to_owned());
        }
        if let Some(bytes) = self.instead.take() {
            return Next::Insert(Toward::Server, bytes.to_vec());
        }
        let taken = match rest.take(unread) {
            Ok(0) => return Next::More,
            Ok(taken) => taken,
            Err(why) => return Next::Opaque(why),
        };
        self.at_its_start = false;
        let dropping = self.dropping;
        self.sending = Some(rest).filter(|rest| !rest.is_over());
        self.dropping &= self.sending.is_some();
        if dropping { Next::Drop(taken) } else { Next::Pass(taken) }
    }

    fn receive(&mut self, unread: &[u8]) -> Next {
        if let Some(why) = self.left {
            return Next::Opaque(why.to_owned());
        }
        match self.reply.take(unread) {
            Ok((0, false)) => Next::More,
            Ok((taken, is_over)) => {
                let swallowing = self.swallowing;
                self.told = !is_over;
                self.swallowing &= !is_over;
                if swallowing { Next::Drop(taken) } else { Next::Pass(taken) }
            }
            Err(why) => Next::Opaque(why),
        }
    }

    /// Judges the message in front of the client's unread bytes.
    fn judge(&mut self, unread: &[u8]) -> Next {
        let judged = match unread.first() {
            Some(b'|') => Ok(None),
            Some(b'>') => self.push(unread),
            _ => self.answer(unread),
        };
        match judged {
            Ok(None) => {
                self.told = true;
                self.receive(unread)
            }
            Ok(Some(next)) => {
                self.told |= matches!(next, Next::Answer(_));
                next
            }
            Err(why) => Next::Opaque(why),
        }
    }

    /// A push answers nothing, unless it confirms a change of subscriptions.
    fn push(&mut self, unread: &[u8]) -> Result<Option<Next>, String> {
        let (Some(Asked::Subscribes), Some(front)) = (self.asked.front(), self.subscribed.front_mut()) else {
            return Ok(None);
        };
        let Some(kind) = reply::push_kind(unread)? else {
            return Ok(Some(Next::More));
        };
        if kind != front.word.as_bytes() {
            return Ok(None);
        }
        let answer = Answer { ok: true, said: front.word.to_owned(), committed: false };
        let is_first = !std::mem::replace(&mut front.is_answered, true);
        front.left -= 1;
        if front.left == 0 {
            self.subscribed.pop_front();
            self.asked.pop_front();
        }
        Ok(is_first.then_some(Next::Answer(answer)))
    }

    fn answer(&mut self, unread: &[u8]) -> Result<Option<Next>, String> {
        let Some(&asked) = self.asked.front() else {
            return Err("a reply that nobody asked for".to_owned());
        };
        if asked == Asked::Instead {
            self.asked.pop_front();
            self.swallowing = true;
            return Ok(None);
        }
        let Some(told) = reply::told(unread)? else {
            return Ok(Some(Next::More));
        };
        self.asked.pop_front();
        let mut answer = Answer { ok: told.ok, said: told.said, committed: false };
        match asked {
            Asked::Reads | Asked::Instead => {}
            Asked::Writes => answer.committed = told.ok,
            Asked::Begins => self.begins(told.ok),
            Asked::Queued => self.queued(told.ok),
            Asked::Executes if told.is_null => {
                answer.ok = false;
                "EXEC was not run: a watched key changed".clone_into(&mut answer.said);
            }
            Asked::Executes => answer.committed = told.ok,
            Asked::Subscribes => return self.subscribes(answer),
            Asked::Monitors => self.left = told.ok.then_some("MONITOR: the commands of all clients"),
        }
        Ok(Some(Next::Answer(answer)))
    }

    /// Takes back the command that was said last.
    fn undo(&mut self) {
        let asked = self.asked.pop_back();
        match asked {
            Some(Asked::Subscribes) => drop(self.subscribed.pop_back()),
            Some(Asked::Begins) => self.begun -= 1,
            _ => {}
        }
        let inside = self.before != Transaction::None;
        let executes = asked == Some(Asked::Executes);
        self.transaction = if inside && !executes { Transaction::Failed } else { Transaction::None };
        if inside {
            self.instead = Some(if executes { DISCARD } else { TURNED_AWAY });
            self.asked.push_back(Asked::Instead);
        }
    }

    /// MULTI was answered. When it was refused, there is no transaction, unless another was begun since.
    fn begins(&mut self, ok: bool) {
        self.answered += 1;
        if !ok && self.begun == self.answered {
            self.transaction = Transaction::None;
        }
    }

    /// A command that cannot be queued makes its whole transaction fail at EXEC.
    fn queued(&mut self, ok: bool) {
        let is_current = self.begun == self.answered && self.transaction == Transaction::Open;
        if !ok && is_current {
            self.transaction = Transaction::Failed;
        }
    }

    /// A change of subscriptions that was not answered by a push: an error, or RESP2, where from then
    /// on replies and messages look alike.
    fn subscribes(&mut self, answer: Answer) -> Result<Option<Next>, String> {
        let Some(front) = self.subscribed.pop_front() else {
            return Err("a reply that nobody asked for".to_owned());
        };
        if front.is_answered {
            // UNSUBSCRIBE of what is not subscribed: its other replies were fewer than its channels.
            return Err("replies to a change of subscriptions that do not fit".to_owned());
        }
        let is_single = front.left == 1 && front.word.contains("unsubscribe");
        if answer.ok && !is_single {
            self.left = Some("subscriptions in RESP2, where messages look like replies");
        }
        let said = if answer.ok { front.word.to_owned() } else { answer.said };
        Ok(Some(Next::Answer(Answer { said, ..answer })))
    }
}

impl Reader for Redis {
    fn next(&mut self, toward: Toward, unread: &[u8]) -> Next {
        match (toward, self.sending) {
            (Toward::Server, Some(rest)) => self.send(rest, unread),
            (Toward::Server, None) => self.command(unread),
            (Toward::Client, _) if self.told => self.receive(unread),
            (Toward::Client, _) => self.judge(unread),
        }
    }

    /// Answers with `-CODE message`; the command is dropped and the connection goes on. Inside MULTI
    /// a server that turns a command away lets the transaction fail, and one that turns EXEC away
    /// discards it. That the real one does the same, it is sent a command that it must turn away
    /// (`GET` without a key), or DISCARD, and what it says to that is dropped.
    fn refuse(&mut self, refusal: &Refusal) -> Result<Vec<u8>, String> {
        let code = &refusal.code;
        let is_word = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
        if code.is_empty() || !code.bytes().all(is_word) {
            return Err(format!("`{code}` is no error word of Redis (`LOADING`)"));
        }
        let waiting = self.asked.iter().rev().skip(1).any(|asked| *asked != Asked::Instead);
        if self.sending.is_none() || !self.at_its_start || self.dropping || waiting {
            return Err("no command waits alone for its reply".to_owned());
        }
        if self.told || !self.reply.is_fresh() {
            return Err("the reply before is still on its way".to_owned());
        }
        self.undo();
        self.leaves = None;
        self.dropping = true;
        let message: String =
            refusal.message.chars().map(|one| if one.is_control() { ' ' } else { one }).collect();
        Ok(format!("-{code} {message}\r\n").into_bytes())
    }
}

/// Empty lines and empty commands have no reply: how many bytes of them stand in front.
fn pass_nothing(count: usize, unread: &[u8]) -> usize {
    let mut passed = count;
    while let Ok(Front::Nothing(count)) = command::front(&unread[passed..], &mut 0) {
        passed += count;
    }
    passed
}

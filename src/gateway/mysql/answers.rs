//! What the server sends: the greeting, the end of the login, answers.

use super::closing::Closing;
use super::login::{Greeting, flag};
use super::packet::{FULL, Fields, HEADER, Header};
use super::session::Session;
use super::{Expect, Mysql, Phase, Sends};
use crate::gateway::reader::{LOOK, Next, Toward, text_of};
use crate::sql::mariadb::Dialect;

/// Status flags, as in "OK_Packet".
mod status {
    pub(super) const IN_TRANSACTION: u16 = 1;
    pub(super) const AUTOCOMMIT: u16 = 1 << 1;
    pub(super) const MORE_RESULTS: u16 = 1 << 3;
    pub(super) const CURSOR: u16 = 1 << 6;
    pub(super) const NO_BACKSLASHES: u16 = 1 << 9;
    /// MariaDB's.
    pub(super) const ANSI_QUOTES: u16 = 1 << 15;
}

/// The most columns that a result is believed to have.
const MOST_COLUMNS: u64 = 65_535;

/// An OK needs no more bytes than these to be read, a prepared statement's answer neither.
const BRIEF: usize = 32;

/// The most bytes of an error that are read.
const ERROR: usize = 1024;

/// ER_LOCK_DEADLOCK, which rolls the transaction back.
const DEADLOCK: u16 = 1213;

const NO_GREETING: &str = "the server does not greet with protocol version 10";

/// Where in the answer to the oldest command the server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// At the beginning of a result.
    First,
    /// So many descriptions of columns are to come.
    Columns(u64),
    /// So many packets are to come, the last ends the answer to COM_STMT_PREPARE.
    Prepared(u64),
    /// The EOF behind the columns.
    ColumnsEnd,
    /// Rows.
    Rows,
}

/// What an OK or EOF says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ending {
    status: u16,
    /// Rows that were changed; none where there was a result.
    affected: Option<u64>,
}

impl Mysql {
    pub(super) fn toward_client(&mut self, unread: &[u8]) -> Next {
        let drops = self.down.drops();
        let mut gone = self.down.decided(unread);
        if gone > 0 && drops {
            return Next::Drop(gone);
        }
        while self.down.is_free() && self.is_plain_next(&unread[gone..]) {
            gone += self.down.decided(&unread[gone..]);
        }
        if gone > 0 {
            return Next::Pass(gone);
        }
        let Some(header) = Header::read(unread).filter(|_| self.down.is_free()) else { return Next::More };
        if self.phase == Phase::Silent && !may_greet(header, unread) {
            return self.give_up(NO_GREETING);
        }
        let enough = if unread.get(HEADER) == Some(&0xff) { ERROR } else { BRIEF };
        let most = if self.phase == Phase::Silent { LOOK } else { HEADER + enough };
        if unread.len() < header.total().min(HEADER + 1) || unread.len() < header.total().min(most) {
            return Next::More;
        }
        let payload = &unread[HEADER..header.total().min(most)];
        match self.phase {
            Phase::Silent => self.greet(header, payload, unread),
            Phase::Greeted | Phase::Login { .. } => self.login(header, payload, unread),
            Phase::Commands => self.answer(header, payload, unread),
            Phase::Ended => Next::Pass(unread.len()),
        }
    }

    /// Steps over the packet at the front if it is a column's description or a row.
    fn is_plain_next(&mut self, rest: &[u8]) -> bool {
        let Some(header) = Header::read(rest) else { return false };
        let Some(first) = rest.get(HEADER).filter(|first| **first != 0xff && header.length > 0) else {
            return false;
        };
        match self.part {
            Part::Columns(left) => {
                self.part = if left > 1 { Part::Columns(left - 1) } else { self.behind_columns() };
            }
            Part::Prepared(left) if left > 1 => self.part = Part::Prepared(left - 1),
            Part::Prepared(_) => self.finish(),
            _ if !self.is_in_rows() || *first == 0xfe && self.is_short(header) => return false,
            _ => {}
        }
        self.down.pass(header);
        true
    }

    fn is_in_rows(&self) -> bool {
        let alone = || self.pending.front().is_some_and(|front| matches!(front.expect, Expect::Rows));
        self.part == Part::Rows || self.part == Part::First && alone()
    }

    /// Whether a packet that begins with 0xfe is an EOF, or an OK in its place, and not a row.
    fn is_short(&self, header: Header) -> bool {
        header.length < if self.has(flag::DEPRECATE_EOF) { FULL } else { 9 }
    }

    fn behind_columns(&self) -> Part {
        if self.has(flag::DEPRECATE_EOF) { Part::Rows } else { Part::ColumnsEnd }
    }

    /// The oldest command is answered, and was no ask.
    fn finish(&mut self) {
        self.part = Part::First;
        self.pending.pop_front();
        if self.pending.is_empty() {
            self.ahead = self.session;
        }
    }

    fn greet(&mut self, header: Header, payload: &[u8], unread: &[u8]) -> Next {
        if payload.first() == Some(&0xff) {
            // No client may come: too many connections, a host that is not allowed.
            self.phase = Phase::Ended;
            return self.pass_down(header, unread);
        }
        let Some(greeting) = Greeting::read(payload) else { return self.give_up(NO_GREETING) };
        self.phase = Phase::Greeted;
        self.capabilities = greeting.capabilities;
        self.hides_tls = self.has(flag::SSL);
        self.dialect = Dialect::of(greeting.version);
        self.learn(greeting.status);
        self.ahead = self.session;
        if !greeting.is_unreadable() {
            return self.pass_down(header, unread);
        }
        self.down.drop(header);
        Next::Insert(Toward::Client, greeting.readable(&unread[..header.total()]))
    }

    fn login(&mut self, header: Header, payload: &[u8], unread: &[u8]) -> Next {
        let first = payload.first().copied();
        if self.phase == Phase::Greeted && first != Some(0xff) {
            return self.give_up("the server speaks out of turn");
        }
        match first {
            Some(0x00) => {
                let Some(ending) = ending(payload) else { return self.give_up("an OK that cannot be read") };
                self.phase = Phase::Commands;
                self.learn(ending.status);
                self.ahead = self.session;
            }
            Some(0xff) => self.phase = Phase::Ended,
            _ => self.phase = Phase::Login { secret: demands_secret(payload) },
        }
        self.pass_down(header, unread)
    }

    fn learn(&mut self, flags: u16) {
        self.session = Session {
            open: flags & status::IN_TRANSACTION != 0,
            autocommit: flags & status::AUTOCOMMIT != 0,
        };
        self.dialect.backslash = flags & status::NO_BACKSLASHES == 0;
        self.dialect.ansi_quotes = self.dialect.mariadb && flags & status::ANSI_QUOTES != 0;
    }

    fn answer(&mut self, header: Header, payload: &[u8], unread: &[u8]) -> Next {
        if self.closing.is_some() {
            return self.close_asks(header, unread);
        }
        let first = payload.first().copied();
        let Some(front) = self.pending.front() else {
            if first == Some(0xff) {
                // The server ends the connection: shutdown, a time-out, KILL.
                return self.pass_down(header, unread);
            }
            return self.give_up("the server answers what was not asked");
        };
        match (&front.expect, first) {
            (Expect::Single | Expect::Reset | Expect::Login, _) => self.single(payload),
            (_, None) => return self.give_up("an empty answer"),
            (_, Some(0xff)) => return self.error(header, payload, unread),
            (Expect::Prepare(_), _) => {
                if let Err(why) = self.prepared(payload) {
                    return self.give_up(why);
                }
            }
            (Expect::Rows, _) => match ending(payload) {
                Some(ending) => {
                    self.learn(ending.status);
                    self.finish();
                }
                None => return self.give_up("an EOF that cannot be read"),
            },
            (Expect::Result(_), Some(first)) => return self.result(first, header, payload, unread),
        }
        self.pass_down(header, unread)
    }

    /// An answer of one packet, or a step of a login.
    fn single(&mut self, payload: &[u8]) {
        let ending = ending(payload);
        let expect = self.pending.front().map(|front| &front.expect);
        let done = match (expect, payload.first()) {
            (Some(Expect::Login), first) => matches!(first, Some(0x00 | 0xff)),
            _ => true,
        };
        let fresh = matches!(expect, Some(Expect::Login | Expect::Reset));
        if !done {
            return;
        }
        if let Some(ending) = ending {
            self.learn(ending.status);
            if fresh {
                self.statements.clear();
            }
        }
        self.finish();
    }

    /// The answer to COM_STMT_PREPARE: a number, how many columns and parameters.
    fn prepared(&mut self, payload: &[u8]) -> Result<(), String> {
        let unreadable = || "a prepared statement that cannot be read".to_owned();
        let mut fields = Fields::new(payload);
        if fields.byte() != Some(0) {
            return Err(unreadable());
        }
        let number = fields.u32().ok_or_else(unreadable)?;
        let columns = fields.u16().ok_or_else(unreadable)?;
        let parameters = fields.u16().ok_or_else(unreadable)?;
        if let Some(Expect::Prepare(prepared)) = self.pending.front().map(|front| &front.expect) {
            self.statements.keep(number, std::sync::Arc::clone(prepared))?;
        }
        fields.take(3);
        let left_out = self.has(flag::OPTIONAL_METADATA) && fields.byte() == Some(0);
        let eof = u64::from(!self.has(flag::DEPRECATE_EOF));
        let packets = |count: u16| if count == 0 { 0 } else { u64::from(count) + eof };
        match packets(columns) + packets(parameters) {
            0 => self.finish(),
            _ if left_out => self.finish(),
            packets => self.part = Part::Prepared(packets),
        }
        Ok(())
    }

    fn result(&mut self, first: u8, header: Header, payload: &[u8], unread: &[u8]) -> Next {
        match self.part {
            Part::First if first == 0 && !self.is_count(header) => self.end(true, header, payload, unread),
            Part::First if first == 0xfb && self.sends == Sends::Command => {
                self.sends = Sends::File;
                self.pass_down(header, unread)
            }
            Part::First => {
                let Some(part) = self.columns(payload) else {
                    return self.give_up("the server answers in no known way");
                };
                self.part = part;
                self.pass_down(header, unread)
            }
            Part::ColumnsEnd if first == 0xfe && header.length < 9 => {
                // With a cursor the rows come later, when they are fetched.
                if ending(payload).is_some_and(|ending| ending.status & status::CURSOR != 0) {
                    return self.end(false, header, payload, unread);
                }
                self.part = Part::Rows;
                self.pass_down(header, unread)
            }
            Part::Rows => self.end(false, header, payload, unread),
            _ => self.give_up("columns that do not end"),
        }
    }

    /// Whether a packet that begins with 0 counts columns, whose descriptions are left out.
    fn is_count(&self, header: Header) -> bool {
        self.has(flag::OPTIONAL_METADATA) && header.length <= 4
    }

    /// What follows the packet that counts the columns.
    fn columns(&self, payload: &[u8]) -> Option<Part> {
        let mut fields = Fields::new(payload);
        let optional = self.has(flag::OPTIONAL_METADATA);
        let mut described = !optional || fields.byte()? != 0;
        let count = fields.number().filter(|count| (1..=MOST_COLUMNS).contains(count))?;
        if !optional && self.has(flag::CACHE_METADATA) {
            described = fields.byte() != Some(0);
        }
        Some(if described { Part::Columns(count) } else { self.behind_columns() })
    }

    /// The OK or EOF that ends a result; `bare` when the result has no rows.
    fn end(&mut self, bare: bool, header: Header, payload: &[u8], unread: &[u8]) -> Next {
        let Some(ending) = ending(payload) else { return self.give_up("an OK that cannot be read") };
        self.learn(ending.status);
        self.part = Part::First;
        let more = ending.status & status::MORE_RESULTS != 0;
        if more && !self.closes(bare) {
            return self.pass_down(header, unread);
        }
        let said = match ending.affected.filter(|_| bare) {
            None => "result set".to_owned(),
            Some(0) => "OK".to_owned(),
            Some(1) => "OK, 1 row affected".to_owned(),
            Some(rows) => format!("OK, {rows} rows affected"),
        };
        self.closing = Some(Closing::new(true, said, !more));
        self.close_asks(header, unread)
    }

    fn error(&mut self, header: Header, payload: &[u8], unread: &[u8]) -> Next {
        let mut fields = Fields::new(payload);
        fields.byte();
        let Some(code) = fields.u16() else { return self.give_up("an error that cannot be read") };
        if code == u16::MAX && self.has(flag::PROGRESS) {
            return self.pass_down(header, unread);
        }
        if code == DEADLOCK {
            self.session.open = false;
        }
        let rest = fields.rest();
        let said = match rest.split_at_checked(6) {
            Some(([b'#', state @ ..], message)) => {
                format!("{code} ({}): {}", text_of(state), text_of(message))
            }
            _ => format!("{code}: {}", text_of(rest)),
        };
        self.part = Part::First;
        self.closing = Some(Closing::new(false, said, true));
        self.close_asks(header, unread)
    }
}

/// Whether what the server says first can be a greeting, or an error in its place; told early, for who
/// speaks another protocol may wait for an answer.
fn may_greet(header: Header, unread: &[u8]) -> bool {
    let first = unread.get(HEADER).is_none_or(|first| matches!(first, 10 | 0xff));
    first && header.total() <= LOOK && header.length > 0
}

/// Reads an OK (0x00, or 0xfe in place of an EOF) or an EOF.
fn ending(payload: &[u8]) -> Option<Ending> {
    let mut fields = Fields::new(payload);
    match fields.byte()? {
        0xfe if payload.len() < 7 => {
            fields.u16()?;
            Some(Ending { status: fields.u16()?, affected: None })
        }
        0x00 | 0xfe => {
            let affected = fields.number()?;
            fields.number()?;
            Some(Ending { status: fields.u16()?, affected: Some(affected) })
        }
        _ => None,
    }
}

/// Whether a step of the login asks for a password that clients give over TLS only: the full exchange
/// of caching_sha2_password, or mysql_clear_password.
fn demands_secret(payload: &[u8]) -> bool {
    payload == [1, 4]
        || payload.strip_prefix(&[0xfe]).is_some_and(|rest| rest.starts_with(b"mysql_clear_password"))
}

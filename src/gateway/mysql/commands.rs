//! What the client sends: the handshake response, commands, files.

use std::sync::Arc;

use super::login::{RESPONSE, Response, flag};
use super::packet::{FULL, Fields, HEADER, Header};
use super::prepared::Prepared;
use super::{Asked, Expect, Mysql, Pending, Phase, Sends, attributes};
use crate::gateway::reader::{Ask, Kind, LOOK, Next, Refusal, text_of};
use crate::sql::mariadb::{Effect, Yields, effect};
use crate::sql::mariadb::{Piece, cut, strip};

/// The most statements of one message that are asked one by one; the last takes the rest.
const MOST_RIDING: u32 = 1024;

/// The longest message of an error, as in the server's `MYSQL_ERRMSG_SIZE`.
const LONGEST_ERROR: usize = 512;

/// A packet of the client, as far as it is there.
#[derive(Clone, Copy)]
struct Packet<'a> {
    header: Header,
    unread: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Its first bytes behind the command: so many or the whole, none if they are still to come.
    fn body(self, most: usize) -> Option<&'a [u8]> {
        let end = self.header.total().min(LOOK).min(HEADER + 1 + most);
        self.unread.get(HEADER + 1..end)
    }
}

impl Mysql {
    pub(super) fn toward_server(&mut self, unread: &[u8]) -> Next {
        let drops = self.up.drops();
        let mut gone = self.up.decided(unread);
        if gone > 0 && drops {
            return Next::Drop(gone);
        }
        while self.is_file_next(&unread[gone..]) {
            gone += self.up.decided(&unread[gone..]);
        }
        if gone > 0 {
            return Next::Pass(gone);
        }
        let Some(header) = Header::read(unread).filter(|_| self.up.is_free()) else { return Next::More };
        let packet = Packet { header, unread };
        match self.phase {
            Phase::Silent => self.give_up("the client speaks first"),
            Phase::Greeted => self.response(packet),
            Phase::Login { .. } => {
                self.phase = Phase::Login { secret: false };
                self.pass_up(header, unread)
            }
            Phase::Commands => self.message(packet),
            Phase::Ended => Next::Pass(unread.len()),
        }
    }

    /// Steps over the next packet of a file, if one is at the front; the empty one is the last.
    fn is_file_next(&mut self, rest: &[u8]) -> bool {
        if self.sends != Sends::File || !self.up.is_free() {
            return false;
        }
        let Some(header) = Header::read(rest) else { return false };
        if header.length == 0 {
            self.sends = Sends::Command;
        }
        self.up.pass(header);
        true
    }

    fn response(&mut self, packet: Packet<'_>) -> Next {
        let Header { length, .. } = packet.header;
        let Some(payload) = packet.unread.get(HEADER..HEADER + length.min(RESPONSE)) else {
            return Next::More;
        };
        let Some(response) = Response::read(payload) else {
            return self.give_up("a client from before MySQL 4.1");
        };
        if length == RESPONSE && response.capabilities & flag::SSL != 0 {
            self.demands_tls = true;
            return self.give_up("the client asks for TLS, which was not offered");
        }
        self.capabilities &= response.capabilities;
        if !self.has(flag::PROTOCOL_41) {
            return self.give_up("a client from before MySQL 4.1");
        }
        if self.has(flag::COMPRESS | flag::ZSTD) {
            return self.give_up("the client compresses, which was not offered");
        }
        self.phase = Phase::Login { secret: false };
        self.pass_up(packet.header, packet.unread)
    }

    fn message(&mut self, packet: Packet<'_>) -> Next {
        let Packet { header, unread } = packet;
        if self.pending.back().is_some_and(|last| matches!(last.expect, Expect::Login)) {
            return self.pass_up(header, unread);
        }
        if header.length == 0 || header.sequence != 0 {
            return self.give_up("the client sends what is no command");
        }
        let Some(command) = unread.get(HEADER) else { return Next::More };
        self.asks_long = header.length == FULL;
        match self.sends {
            Sends::Asked => self.let_go(packet),
            Sends::Refused => {
                self.sends = Sends::Command;
                self.up.drop(header);
                Next::Drop(self.up.decided(unread))
            }
            Sends::Asks { .. } => self.query(packet),
            Sends::Command | Sends::File => self.command(*command, packet),
        }
    }

    fn let_go(&mut self, packet: Packet<'_>) -> Next {
        self.sends = Sends::Command;
        self.pass_up(packet.header, packet.unread)
    }

    fn command(&mut self, command: u8, packet: Packet<'_>) -> Next {
        let one = Expect::Result(Yields::One);
        match command {
            0x03 => {
                self.sends = Sends::Asks { at: 0, cut: 0, rides: false };
                self.query(packet)
            }
            0x02 => self.ask_named("USE", Effect::Nothing, packet),
            0x05 => self.ask_named("CREATE DATABASE", Effect::Defines, packet),
            0x06 => self.ask_named("DROP DATABASE", Effect::Defines, packet),
            0x16 => self.prepare(packet),
            0x17 | 0xfa => self.execute(packet),
            0x19 => self.close(packet),
            0x1b => self.set_option(packet),
            // COM_QUIT and COM_STMT_SEND_LONG_DATA, which have no answer.
            0x01 | 0x18 => self.let_go(packet),
            // COM_FIELD_LIST answers with columns alone, COM_STMT_FETCH with rows alone.
            0x04 | 0x1c => self.expect(Expect::Rows, packet),
            0x0a => self.expect(one, packet),
            0x11 => self.expect(Expect::Login, packet),
            0x1f => self.expect(Expect::Reset, packet),
            0x07 | 0x08 | 0x09 | 0x0c | 0x0d | 0x0e | 0x15 | 0x1a => self.expect(Expect::Single, packet),
            0x12 | 0x13 | 0x1e => self.give_up("a binary log is sent"),
            unknown => self.give_up(format!("the command 0x{unknown:02x} is unknown")),
        }
    }

    fn expect(&mut self, expect: Expect, packet: Packet<'_>) -> Next {
        match self.push(Pending { expect, asked: None, followed: false }) {
            Ok(()) => self.let_go(packet),
            Err(why) => self.give_up(why),
        }
    }

    /// Asks for the statements of a COM_QUERY one after the other, then lets it go.
    fn query(&mut self, packet: Packet<'_>) -> Next {
        let Some(body) = packet.body(LOOK) else { return Next::More };
        let mut fields = Fields::new(body);
        if self.has(flag::QUERY_ATTRIBUTES) && attributes::skip(&mut fields).is_none() {
            return self.give_up("the attributes of a query cannot be read");
        }
        // A text longer than that is decided by its beginning.
        let whole = packet.header.total() <= LOOK;
        let text = if whole { strip(fields.rest()) } else { fields.rest() };
        while let Sends::Asks { at, cut, rides } = self.sends {
            let piece = self.piece(text, at, cut);
            let (statement, means) = match effect(&text[piece.span.clone()], self.dialect) {
                // Behind a comment longer than what is looked at.
                None if !whole && piece.next.is_none() => {
                    (&text[at..], Some((Effect::Changes, Yields::Unknown)))
                }
                means => (&text[piece.span], means),
            };
            let rides_next = rides || means.is_some();
            self.sends = match piece.next {
                Some(at) => Sends::Asks { at, cut: cut + 1, rides: rides_next },
                None => Sends::Asked,
            };
            let followed = piece.next.is_some();
            let Some((effect, yields)) = means else {
                let pending = Pending { expect: Expect::Result(Yields::One), asked: None, followed };
                match self.push(pending) {
                    Ok(()) => continue,
                    Err(why) => return self.give_up(why),
                }
            };
            let ask = self.ask(text_of(statement), effect, rides);
            return self.say_ask(ask, effect, yields, followed);
        }
        self.let_go(packet)
    }

    fn piece(&self, text: &[u8], at: usize, before: u32) -> Piece {
        if self.has(flag::MULTI_STATEMENTS) && before < MOST_RIDING {
            return cut(text, at, self.dialect);
        }
        let blank = text[at..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        Piece { span: at + blank..text.len(), next: None }
    }

    fn ask(&self, text: String, effect: Effect, rides: bool) -> Ask {
        let commits = self.ahead.commits(effect);
        Ask { kind: Kind::Statement, text, transaction: self.ahead.transaction(), commits, rides }
    }

    fn say_ask(&mut self, ask: Ask, effect: Effect, yields: Yields, followed: bool) -> Next {
        let asked = Some(Asked { commits: ask.commits, effect });
        if let Err(why) = self.push(Pending { expect: Expect::Result(yields), asked, followed }) {
            return self.give_up(why);
        }
        self.ahead = self.ahead.after(effect);
        Next::Ask(ask)
    }

    /// COM_INIT_DB and its like: a database's name.
    fn ask_named(&mut self, verb: &str, effect: Effect, packet: Packet<'_>) -> Next {
        let Some(body) = packet.body(LOOK) else { return Next::More };
        let ask = self.ask(format!("{verb} {}", text_of(body)), effect, false);
        self.sends = Sends::Asked;
        self.say_ask(ask, effect, Yields::One, false)
    }

    fn prepare(&mut self, packet: Packet<'_>) -> Next {
        let Some(body) = packet.body(LOOK) else { return Next::More };
        let (effect, _) = effect(body, self.dialect).unwrap_or((Effect::Nothing, Yields::One));
        let prepared = Arc::new(Prepared { text: text_of(strip(body)), effect });
        self.statements.begin(&prepared);
        self.expect(Expect::Prepare(prepared), packet)
    }

    /// COM_STMT_EXECUTE and COM_STMT_BULK_EXECUTE: a statement's number.
    fn execute(&mut self, packet: Packet<'_>) -> Next {
        let Some(body) = packet.body(4) else { return Next::More };
        let Some(number) = Fields::new(body).u32() else {
            return self.give_up("an execution without a statement's number");
        };
        let ask = match self.statements.find(number) {
            Some(prepared) => (prepared.text.clone(), prepared.effect),
            None => (format!("EXECUTE {number}"), Effect::Changes),
        };
        let (text, effect) = ask;
        self.sends = Sends::Asked;
        self.say_ask(self.ask(text, effect, false), effect, Yields::Several, false)
    }

    fn close(&mut self, packet: Packet<'_>) -> Next {
        let Some(body) = packet.body(4) else { return Next::More };
        if let Some(number) = Fields::new(body).u32() {
            self.statements.forget(number);
        }
        self.let_go(packet)
    }

    /// COM_SET_OPTION: 0 allows several statements in one message, 1 does not.
    fn set_option(&mut self, packet: Packet<'_>) -> Next {
        let Some(body) = packet.body(2) else { return Next::More };
        match Fields::new(body).u16() {
            Some(0) => self.capabilities |= flag::MULTI_STATEMENTS,
            Some(1) => self.capabilities &= !flag::MULTI_STATEMENTS,
            _ => {}
        }
        self.expect(Expect::Single, packet)
    }

    /// The error packet for the ask that was said last. Statements that ride behind it are dropped with
    /// their message and never asked.
    pub(super) fn refuse_ask(&mut self, refusal: &Refusal) -> Result<Vec<u8>, String> {
        if !matches!(self.sends, Sends::Asks { .. } | Sends::Asked) {
            return Err("nothing is being asked".to_owned());
        }
        if self.asks_long {
            // The answer's number in the exchange is not known before the message's last packet.
            return Err("a message of 16 MB or more cannot be refused".to_owned());
        }
        let alone = self.pending.iter().rev().skip(1).all(|earlier| earlier.followed);
        if !alone || self.pending.iter().filter(|pending| pending.asked.is_some()).count() != 1 {
            return Err("an earlier command of the connection has no answer yet".to_owned());
        }
        let packet = error(refusal)?;
        self.pending.clear();
        self.ahead = self.session;
        self.sends = Sends::Refused;
        Ok(packet)
    }
}

/// An error packet that answers a command of one packet.
fn error(refusal: &Refusal) -> Result<Vec<u8>, String> {
    // 65535 would be a progress report.
    let code = refusal.code.parse().ok().filter(|code| (1..u16::MAX).contains(code));
    let Some(code) = code else {
        return Err(format!("`{}` is no error number of MariaDB", refusal.code));
    };
    let message = &refusal.message.as_bytes()[..refusal.message.floor_char_boundary(LONGEST_ERROR)];
    let mut packet = vec![0, 0, 0, 1, 0xff];
    packet.extend(u16::to_le_bytes(code));
    packet.push(b'#');
    packet.extend(state(code).as_bytes());
    packet.extend(message);
    let length = u32::try_from(packet.len() - HEADER).expect("a short packet").to_le_bytes();
    packet[..3].copy_from_slice(&length[..3]);
    Ok(packet)
}

/// The SQLSTATE of errors that tools tell apart, from the server's `errmsg-utf8.txt`.
fn state(code: u16) -> &'static str {
    match code {
        1040 | 1203 => "08004",
        1044 | 1226 | 1227 => "42000",
        1045 => "28000",
        1046 => "3D000",
        1048 | 1062 | 1169 | 1216 | 1217 | 1451 | 1452 | 1557 => "23000",
        1050 => "42S01",
        1051 | 1109 | 1146 => "42S02",
        1053 => "08S01",
        1054 => "42S22",
        1060 => "42S21",
        1064 | 1065 | 1091 | 1142 | 1149 => "42000",
        1184 | 1152 => "08S01",
        1213 => "40001",
        1264 => "22003",
        1317 | 1927 => "70100",
        1406 => "22001",
        1614 => "XA102",
        1792 => "25006",
        _ => "HY000",
    }
}

//! What the client sends.

use super::copy::Format;
use super::frame::{Message, string, string_or_all};
use super::queue::{Item, Source};
use super::state::{Place, State};
use super::{Asking, Does, Encryption, Phase, Postgres, Rest, Step};
use crate::gateway::reader::{Ask, Kind, Next, Toward, Transaction, text_of};
use crate::sql::{Effect, deallocated, effect, split_message};

/// The request codes that stand in place of a version.
const CANCEL: u32 = 80_877_102;
const TLS: u32 = 80_877_103;
const GSS: u32 = 80_877_104;
/// The longest startup message that a server takes.
const LONGEST_STARTUP: usize = 10_000;
/// The first two bytes of a TLS handshake record.
const HANDSHAKE: [u8; 2] = [0x16, 0x03];

impl Postgres {
    pub(super) fn client_step(&mut self, front: &[u8], first: bool) -> Step {
        match self.phase {
            Phase::Startup => return self.startup(front, first),
            Phase::Over => return Step::Pass(front.len()),
            Phase::Talk => {}
        }
        let message = match Message::read(front) {
            Ok(Some(message)) => message,
            Ok(None) => return Step::Wait,
            Err(why) => return opaque(why),
        };
        self.client_message(&message, first).unwrap_or_else(opaque)
    }

    pub(super) fn say_row(&mut self) -> Step {
        self.rows.take_due().map_or(Step::Wait, |row| Step::Say(Next::Row(row)))
    }

    /// SSLRequest, GSSENCRequest, CancelRequest or StartupMessage: a length and a code, no type.
    fn startup(&mut self, front: &[u8], first: bool) -> Step {
        if front.starts_with(&HANDSHAKE) {
            self.encryption = Encryption::Asked;
            return opaque("TLS from the first byte".to_owned());
        }
        let Some(&[a, b, c, d, e, f, g, h]) = front.first_chunk::<8>() else { return Step::Wait };
        let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
        let code = u32::from_be_bytes([e, f, g, h]);
        if !(8..=LONGEST_STARTUP).contains(&length) {
            return opaque(format!("a startup message of {length} bytes"));
        }
        match code {
            TLS | GSS if length == 8 => return if first { self.decline() } else { Step::Wait },
            CANCEL => self.phase = Phase::Over,
            _ if code >> 16 < 3 => return opaque(format!("protocol {}.{}", code >> 16, code & 0xffff)),
            _ => {
                self.phase = Phase::Talk;
                self.push(Item::Ready(Source::Startup));
            }
        }
        self.encryption = Encryption::No;
        let seen = length.min(front.len());
        self.rests[Toward::Server as usize] = Rest { left: length - seen, does: Does::Pass };
        Step::Pass(seen)
    }

    /// Tells the client that there is no encryption; the server never hears of the request.
    fn decline(&mut self) -> Step {
        if self.encryption == Encryption::Declined {
            self.encryption = Encryption::Asked;
            return Step::Say(Next::Drop(8));
        }
        self.encryption = Encryption::Declined;
        Step::Say(Next::Insert(Toward::Client, b"N".to_vec()))
    }

    fn client_message(&mut self, message: &Message<'_>, first: bool) -> Result<Step, String> {
        match message.kind {
            b'Q' | b'E' | b'F' => return self.ask(message, first),
            b'P' | b'B' | b'C' | b'D' => return self.prepare(message),
            b'S' => self.sync(),
            b'd' => return Ok(self.copy_data(message)),
            b'c' | b'f' => self.copy_end(),
            b'X' => self.phase = Phase::Over,
            b'H' | b'p' => {}
            kind => return Err(format!("a message `{}` from the client", kind.escape_ascii())),
        }
        self.check_room(0)?;
        Ok(self.pass(Toward::Server, message))
    }

    pub(super) fn push(&mut self, item: Item) {
        let is_plain = !self.skipping && self.refusals.is_empty();
        self.ahead = self.ahead.filter(|_| is_plain).map(|ahead| item.after(ahead));
        self.queue.push(item);
    }

    fn check_room(&self, items: usize) -> Result<(), String> {
        if self.queue.has_room(items) {
            return Ok(());
        }
        Err("too much was sent that is not answered".to_owned())
    }

    fn sync(&mut self) {
        if self.copying {
            self.stray_sync |= self.has_rows;
            return;
        }
        if self.ahead().block == Transaction::None {
            self.names.close_portals();
        }
        self.push(Item::Ready(Source::Sync));
    }

    /// Parse, Bind, Close, Describe.
    fn prepare(&mut self, message: &Message<'_>) -> Result<Step, String> {
        let mut body = message.body;
        let whole = message.is_ready();
        match message.kind {
            b'P' => {
                if !whole {
                    return Ok(Step::Wait);
                }
                let Some(name) = string(&mut body) else { return Err("a Parse without a name".to_owned()) };
                self.names.prepare(name, string_or_all(&mut body))?;
            }
            b'B' => match (string(&mut body), string(&mut body)) {
                (Some(portal), Some(statement)) => self.names.bind(portal, statement)?,
                _ if whole => return Err("a Bind without names".to_owned()),
                _ => return Ok(Step::Wait),
            },
            b'C' => {
                if !whole {
                    return Ok(Step::Wait);
                }
                let Some((kind, mut name)) = body.split_first() else {
                    return Err("an empty Close".to_owned());
                };
                let name = string_or_all(&mut name);
                if *kind == b'S' { self.names.close_statement(name) } else { self.names.close_portal(name) }
            }
            _ => {}
        }
        self.check_room(1)?;
        self.push(Item::Prepare(1));
        Ok(self.pass(Toward::Server, message))
    }

    fn copy_data(&mut self, message: &Message<'_>) -> Step {
        self.has_rows = true;
        if !self.copying || !self.rows.is_counting() {
            return self.pass(Toward::Server, message);
        }
        let header = message.seen - message.body.len();
        self.rests[Toward::Server as usize] = Rest { left: message.whole - header, does: Does::Count };
        Step::Pass(header)
    }

    fn copy_end(&mut self) {
        if self.copying {
            self.copying = false;
        } else if !self.queue.is_empty() {
            self.push(Item::CopyEnd);
        }
    }

    /// The server reads rows for the front item.
    pub(super) fn begin_copy(&mut self, binary: bool) {
        let csv = match self.queue.front() {
            Some(Item::Execute { effect, .. } | Item::Statement { effect, .. }) => {
                effect == Effect::CopyIn { csv: true }
            }
            _ => false,
        };
        let text = if csv { Format::Csv } else { Format::Text };
        self.rows.begin(if binary { Format::Binary } else { text });
        self.copying = self.queue.begin_copy();
        (self.has_rows, self.stray_sync) = (false, false);
    }

    /// Query, Execute, FunctionCall: says what it asks, and then lets it pass.
    fn ask(&mut self, message: &Message<'_>, first: bool) -> Result<Step, String> {
        if !first {
            return Ok(Step::Wait);
        }
        if self.asking.is_none() {
            if !message.is_ready() {
                return Ok(Step::Wait);
            }
            let asking = match message.kind {
                b'Q' => self.query(message),
                b'E' => self.execute(message)?,
                _ => self.call(message),
            };
            self.check_room(asking.items.len() + 2)?;
            self.asking = Some(asking);
        }
        if let Some(asking) = &mut self.asking
            && let Some(ask) = asking.first.take().or_else(|| asking.later.next())
        {
            return Ok(Step::Say(Next::Ask(ask)));
        }
        if let Some(asking) = self.asking.take() {
            for item in asking.items {
                self.push(item);
            }
            self.push(asking.item);
        }
        if message.kind == b'F' {
            self.push(Item::Ready(Source::Call));
        }
        Ok(self.pass(Toward::Server, message))
    }

    fn query(&mut self, message: &Message<'_>) -> Asking {
        let text = string_or_all(&mut { message.body });
        let whole = String::from_utf8_lossy(text);
        let mut state = self.ahead();
        let mut asks = Vec::new();
        let mut items = Vec::new();
        let mut add = |text: &str, effect: Effect, place: Place| {
            asks.push(ask_of(text_of(text.as_bytes()), effect, place, state, !asks.is_empty()));
            items.push(Item::Statement { effect, place });
            state = state.after(effect, place);
        };
        match split_message(&whole) {
            Ok(statements) if !message.is_cut() => {
                let last = statements.len().saturating_sub(1);
                for (index, statement) in statements.iter().enumerate() {
                    let place = if index == last { Place::Last } else { Place::Inside };
                    add(&statement.text, effect(&statement.text), place);
                }
            }
            // Nothing of it is done, or its statements cannot be counted.
            _ => {
                let place = if message.is_cut() { Place::Cut } else { Place::Last };
                let several = whole.contains(';') && place == Place::Cut;
                add(&whole, if several { Effect::Change } else { effect(&whole) }, place);
            }
        }
        for ask in &asks {
            if let Some(what) = deallocated(&ask.text) {
                self.names.deallocate(&what);
            }
        }
        Asking {
            first: None,
            later: asks.into_iter(),
            item: Item::Ready(Source::Query),
            items,
            whole: message.whole,
        }
    }

    fn execute(&mut self, message: &Message<'_>) -> Result<Asking, String> {
        let state = self.ahead();
        let portal = self.names.portal(string_or_all(&mut { message.body }))?;
        let asks = portal.ask.is_none();
        let ask = *portal.ask.get_or_insert(self.asks);
        let statement = portal.statement.clone();
        let mut first = None;
        if asks {
            self.asks += 1;
            first = Some(ask_of(statement.text.clone(), statement.effect, Place::Pipeline, state, false));
            if let Some(what) = deallocated(&statement.text) {
                self.names.deallocate(&what);
            }
        }
        let item = Item::Execute { ask, asks, effect: statement.effect };
        Ok(Asking { first, later: Vec::new().into_iter(), item, items: Vec::new(), whole: message.whole })
    }

    fn call(&mut self, message: &Message<'_>) -> Asking {
        let oid = message.body.first_chunk().map_or(0, |oid| u32::from_be_bytes(*oid));
        let state = self.ahead();
        let ask = ask_of(format!("function call {oid}"), Effect::Change, Place::Last, state, false);
        let nothing = Vec::new().into_iter();
        Asking { first: Some(ask), later: nothing, item: Item::Call, items: Vec::new(), whole: message.whole }
    }
}

fn ask_of(text: String, effect: Effect, place: Place, state: State, rides: bool) -> Ask {
    let (transaction, commits) = (state.found(), state.commits(effect, place));
    Ask { kind: Kind::Statement, text, transaction, commits, rides }
}

pub(super) fn opaque(why: String) -> Step {
    Step::Say(Next::Opaque(why))
}

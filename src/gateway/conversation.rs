//! One conversation through the gateway: two pumps, one reader, and the place where it can be held.

use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::board::Found;
use super::calls::Calls;
use super::control::{Held, Report, Side};
use super::reader::{Answer, Ask, LOOK, Next, Reader, Refusal, Toward};
use super::route::Routed;
use super::wire::Wire;

/// The first size of a pump's buffer, in bytes: 200 idle connections should cost little. A reader that
/// wants more gets up to [`LOOK`].
const BUFFER: usize = 8 * 1024;

/// How long earlier asks of the connection may take to be answered before one is held.
const IN_STEP: Duration = Duration::from_secs(10);

/// The number of an ask that is passed on and not counted.
const UNCOUNTED: u64 = 0;

/// Whether a conversation goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    Open,
    /// Nothing passes in either direction.
    Held,
    /// It is over, by a reset in both directions.
    Severed,
    /// It is over, by a FIN in both directions.
    Closed,
}

/// One conversation; shared by its two pumps and by whoever gives orders.
pub(super) struct Conversation {
    pub(super) number: u64,
    /// The client's address.
    peer: IpAddr,
    route: Arc<Routed>,
    reader: Mutex<Box<dyn Reader>>,
    opaque: AtomicBool,
    flow: watch::Sender<Flow>,
    asks: Mutex<Asks>,
    calls: Mutex<Calls>,
    /// Changes with every answer.
    answered: watch::Sender<u64>,
    server: Wire,
    client: Wire,
}

#[derive(Default)]
struct Asks {
    /// The numbers of asks that have no answer yet, oldest first.
    open: VecDeque<u64>,
    /// The ask whose answer is held.
    hold_after: Option<(u64, Found)>,
    last: String,
}

/// The bytes of one direction that have not passed.
struct Unread {
    bytes: Vec<u8>,
    /// From here on nothing was looked at.
    from: usize,
    /// Up to here the reader lets pass.
    ready: usize,
}

impl Conversation {
    pub(super) fn new(
        (number, peer): (u64, IpAddr),
        route: Arc<Routed>,
        reader: Box<dyn Reader>,
        server: Wire,
        client: Wire,
    ) -> Self {
        Self {
            number,
            peer,
            route,
            reader: Mutex::new(reader),
            opaque: AtomicBool::new(false),
            flow: watch::Sender::new(Flow::Open),
            asks: Mutex::default(),
            calls: Mutex::default(),
            answered: watch::Sender::new(0),
            server,
            client,
        }
    }

    /// Holds it, lets it go on, or ends it.
    pub(super) fn set(&self, flow: Flow) {
        self.flow.send_if_modified(|now| {
            let is_over = matches!(*now, Flow::Severed | Flow::Closed);
            let changes = *now != flow && !is_over;
            if changes {
                *now = flow;
            }
            changes
        });
    }

    /// What was held goes on.
    pub(super) fn release(&self) {
        self.flow.send_if_modified(|now| {
            let held = *now == Flow::Held;
            if held {
                *now = Flow::Open;
            }
            held
        });
    }

    pub(super) fn is_held(&self) -> bool {
        *self.flow.borrow() == Flow::Held
    }

    /// Whether its client goes about its own business: it passes, and is neither counted nor held.
    pub(super) fn is_apart(&self) -> bool {
        self.route.board.is_apart(self.peer)
    }

    /// Carries both directions until the conversation is over.
    pub(super) async fn carry(&self) {
        let pumps = async { tokio::try_join!(self.pump(Toward::Server), self.pump(Toward::Client)) };
        let ended = tokio::select! {
            ended = pumps => ended.map(drop),
            over = self.over() => over,
        };
        if ended.is_err() {
            self.server.reset();
            self.client.reset();
        }
        self.calls().end(&self.route.board, &self.route.route.service);
        if self.reader().insists_on_tls() {
            let note = format!(
                "a client of {} insists on TLS and gave up: the gateway speaks plain text; let the client fall back (sslmode=prefer, --skip-ssl)",
                self.route.route.service
            );
            self.route.board.say(Report::Note(note));
        }
    }

    /// Returns when the conversation was ended from outside: an error for a reset.
    async fn over(&self) -> io::Result<()> {
        let mut flow = self.flow.subscribe();
        // The sender lives in this very struct.
        match flow.wait_for(|flow| matches!(flow, Flow::Severed | Flow::Closed)).await.map(|flow| *flow) {
            Ok(Flow::Closed) => Ok(()),
            _ => Err(io::ErrorKind::ConnectionReset.into()),
        }
    }

    fn to(&self, toward: Toward) -> &Wire {
        match toward {
            Toward::Server => &self.server,
            Toward::Client => &self.client,
        }
    }

    fn reader(&self) -> MutexGuard<'_, Box<dyn Reader>> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn asks(&self) -> MutexGuard<'_, Asks> {
        self.asks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn calls(&self) -> MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns when nothing is held.
    async fn open(&self) -> io::Result<()> {
        if *self.flow.borrow() == Flow::Open {
            return Ok(());
        }
        let mut flow = self.flow.subscribe();
        match flow.wait_for(|flow| *flow != Flow::Held).await.map(|flow| *flow) {
            Ok(Flow::Open) => Ok(()),
            _ => std::future::pending().await,
        }
    }

    async fn pump(&self, toward: Toward) -> io::Result<()> {
        let from = match toward {
            Toward::Server => &self.client,
            Toward::Client => &self.server,
        };
        let mut unread = Unread { bytes: Vec::with_capacity(BUFFER), from: 0, ready: 0 };
        loop {
            unread.make_room();
            let ended = from.read(&mut unread.bytes).await.map(|count| count == 0);
            self.open().await?;
            if ended? {
                self.write(toward, &unread.bytes).await?;
                return self.to(toward).end();
            }
            self.read(toward, &mut unread).await?;
        }
    }

    /// Lets the reader look at what is unread until it wants more.
    async fn read(&self, toward: Toward, unread: &mut Unread) -> io::Result<()> {
        while unread.from < unread.bytes.len() {
            if self.opaque.load(Ordering::Acquire) {
                unread.from = unread.bytes.len();
                unread.ready = unread.from;
                break;
            }
            let next = self.reader().next(toward, &unread.bytes[unread.from..]);
            match next {
                Next::More => break,
                Next::Pass(count) => {
                    unread.from += count;
                    unread.ready = unread.from;
                    self.passed();
                }
                Next::Drop(count) => {
                    self.flush(toward, unread).await?;
                    unread.drop_front(count);
                }
                Next::Insert(side, bytes) => {
                    self.flush(toward, unread).await?;
                    self.write(side, &bytes).await?;
                }
                Next::Ask(ask) => self.ask(&ask, unread).await?,
                Next::Answer(answer) => self.answer(&answer, unread).await?,
                Next::Row(row) => {
                    self.flush(toward, unread).await?;
                    let found =
                        (!self.is_apart()).then(|| self.route.board.rows(&self.route.route.service, row));
                    if let Some(found) = found.flatten() {
                        self.hold(&found).await?;
                    }
                }
                Next::Opaque(why) => self.give_up_reading(&why),
            }
        }
        self.flush(toward, unread).await
    }

    /// Tells of what calls to the outside held, as soon as all of it passes.
    fn passed(&self) {
        loop {
            let Some(content) = self.reader().content() else { return };
            self.calls().passed(content, &self.route.board, &self.route.route.service);
        }
    }

    fn give_up_reading(&self, why: &str) {
        self.opaque.store(true, Ordering::Release);
        let service = &self.route.route.service;
        let note = format!("connection {} to {service} is no longer understood: {why}", self.number);
        let outside = self.route.route.outside.is_some();
        self.route.board.say(if outside { Report::Untold(note) } else { Report::Note(note) });
    }

    /// Sends what the reader has let pass.
    async fn flush(&self, toward: Toward, unread: &mut Unread) -> io::Result<()> {
        if unread.ready > 0 {
            self.write(toward, &unread.bytes[..unread.ready]).await?;
            unread.drop_ready();
        }
        Ok(())
    }

    async fn write(&self, toward: Toward, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let service = &self.route.route.service;
            let room = match toward {
                Toward::Server if !self.is_apart() => self.route.board.room(service, bytes.len()),
                Toward::Server | Toward::Client => bytes.len(),
            };
            let (now, later) = bytes.split_at(room);
            self.open().await?;
            self.route.sky.pass(now.len()).await;
            self.to(toward).write(now).await?;
            bytes = later;
            if toward == Toward::Server
                && !self.is_apart()
                && let Some(found) = self.route.board.sent(service, now.len())
            {
                self.hold(&found).await?;
            }
        }
        Ok(())
    }

    /// The client asks for something.
    async fn ask(&self, ask: &Ask, unread: &mut Unread) -> io::Result<()> {
        self.flush(Toward::Server, unread).await?;
        self.after_what_is_held(ask).await?;
        let service = &self.route.route.service;
        let (number, found) = if self.is_apart() {
            (UNCOUNTED, None)
        } else {
            self.route.board.asked(service, self.number, ask)
        };
        if let Some(row) = self.route.board.row(service).filter(|_| number != UNCOUNTED) {
            self.reader().stop_at_row(Some(row));
        }
        if let Some(found) = found {
            match found.side {
                Side::Before => self.hold_before(number, ask, &found).await?,
                Side::After => self.asks().hold_after = Some((number, found)),
            }
        }
        // After the hold: the fault that was put in place there may be an answer to this very ask.
        if let Some(refusal) = self.route.sky.answer(&ask.text) {
            self.in_step().await?;
            return self.refuse(number, ask, &refusal).await;
        }
        self.asks().last.clone_from(&ask.text);
        self.goes_on(number, ask);
        Ok(())
    }

    /// The server is about to see an ask.
    fn goes_on(&self, number: u64, ask: &Ask) {
        self.asks().open.push_back(number);
        if self.route.route.outside.is_some() {
            let number = self.route.board.calling(&self.route.route.service, &ask.text);
            self.calls().begin(number);
        }
    }

    async fn refuse(&self, number: u64, ask: &Ask, refusal: &Refusal) -> io::Result<()> {
        let answered = self.reader().refuse(refusal);
        match answered {
            Ok(bytes) => {
                let said = format!("{}: {} (by the gateway)", refusal.code, refusal.message);
                let answer = Answer { ok: false, said, committed: false };
                if number != UNCOUNTED {
                    self.route.board.answered(&self.route.route.service, number, &answer);
                }
                self.write(Toward::Client, &bytes).await
            }
            Err(why) => {
                let note = format!("ask {number} could not be answered in the server's place: {why}");
                self.route.board.say(Report::Note(note));
                self.goes_on(number, ask);
                Ok(())
            }
        }
    }

    /// Holds before the server sees the ask; every earlier one has been answered then.
    async fn hold_before(&self, number: u64, ask: &Ask, found: &Found) -> io::Result<()> {
        if ask.rides {
            let why = format!(
                "ask {number} travels in the same message as the one before it: nothing can be held between the two"
            );
            self.route.board.say(Report::Missed(why));
            return Ok(());
        }
        self.in_step().await?;
        self.asks().last.clone_from(&ask.text);
        self.hold_at(number, found).await
    }

    /// An ask that comes while an earlier one is to be held after the server did it waits until then.
    async fn after_what_is_held(&self, ask: &Ask) -> io::Result<()> {
        let number = self.asks().hold_after.as_ref().map(|(number, _)| *number);
        let Some(number) = number else { return Ok(()) };
        if ask.rides {
            self.asks().hold_after = None;
            let why = format!(
                "ask {number} travels in the same message as the one after it: nothing can be held between the two"
            );
            self.route.board.say(Report::Missed(why));
            return Ok(());
        }
        self.in_step().await
    }

    /// Returns when every earlier ask of this connection has been answered, or nobody answers.
    async fn in_step(&self) -> io::Result<()> {
        let mut answered = self.answered.subscribe();
        if self.asks().open.is_empty() {
            return self.open().await;
        }
        let nudge = self.reader().nudge();
        if let Some(nudge) = nudge {
            self.server.write(nudge).await?;
        }
        let all = answered.wait_for(|_| self.asks().open.is_empty());
        if tokio::time::timeout(IN_STEP, all).await.is_err() {
            let note = format!("connection {}: earlier asks were not answered before a hold", self.number);
            self.route.board.say(Report::Note(note));
        }
        self.open().await
    }

    /// The server tells how its oldest open ask ended.
    async fn answer(&self, answer: &Answer, unread: &mut Unread) -> io::Result<()> {
        let number = self.asks().open.front().copied();
        let Some(number) = number else { return Ok(()) };
        let (board, service) = (&self.route.board, &self.route.route.service);
        if number != UNCOUNTED {
            board.answered(service, number, answer);
        }
        self.calls().answered(answer, board, service);
        let found = self.asks().hold_after.take_if(|(held, _)| *held == number).map(|(_, found)| found);
        if let Some(found) = found {
            self.flush(Toward::Client, unread).await?;
            self.hold_at(number, &found).await?;
        }
        // Only now: a later ask waits until this one is no longer open.
        self.asks().open.pop_front();
        self.answered.send_modify(|count| *count += 1);
        Ok(())
    }

    async fn hold(&self, found: &Found) -> io::Result<()> {
        let number = self.asks().open.back().copied().unwrap_or_default();
        self.hold_at(number, found).await
    }

    /// Freezes the conversation, reports, and waits to be released or severed.
    async fn hold_at(&self, ask: u64, found: &Found) -> io::Result<()> {
        self.set(Flow::Held);
        if found.all {
            self.route.freeze();
        }
        let service = self.route.route.service.clone();
        let count = self.route.board.count(&service);
        let text = self.asks().last.clone();
        self.route.board.say(Report::Held(Held { service, connection: self.number, ask, text, count }));
        if let Ok(released) = tokio::time::timeout(found.within, self.open()).await {
            return released;
        }
        let why =
            format!("the hold was not released within {} ms: it went on by itself", found.within.as_millis());
        self.route.board.say(Report::Missed(why));
        self.route.thaw();
        self.open().await
    }
}

impl Unread {
    /// Room for the next read: the buffer grows only for a reader that wants to see more.
    fn make_room(&mut self) {
        if self.bytes.is_empty() && self.bytes.capacity() > BUFFER {
            self.bytes = Vec::with_capacity(BUFFER);
        }
        if self.bytes.len() == self.bytes.capacity() {
            self.bytes.reserve_exact(LOOK.saturating_sub(self.bytes.len()).max(BUFFER));
        }
    }

    fn drop_ready(&mut self) {
        self.bytes.drain(..self.ready);
        self.from -= self.ready;
        self.ready = 0;
    }

    /// Takes out bytes that were looked at; everything before them has been sent.
    fn drop_front(&mut self, count: usize) {
        self.bytes.drain(self.from..self.from + count);
    }
}

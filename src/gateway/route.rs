//! One way through the gateway: its listener, its conversations, its weather.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::{TcpListener, TcpStream};

use super::board::Board;
use super::control::{Protocol, Report, Route};
use super::conversation::{Conversation, Flow};
use super::http::Http;
use super::mysql::Mysql;
use super::plain::Plain;
use super::postgres::Postgres;
use super::reader::{Answer, Ask, Kind, Reader, Transaction};
use super::redis::Redis;
use super::smtp::Smtp;
use super::weather::Sky;
use super::wire::Wire;

/// A route that is being listened on.
pub(super) struct Routed {
    pub(super) route: Route,
    pub(super) board: Arc<Board>,
    pub(super) sky: Sky,
    conversations: Mutex<BTreeMap<u64, Arc<Conversation>>>,
}

/// What a route does to its conversations when it is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    Reset,
    Fin,
}

impl Routed {
    pub(super) fn new(route: Route, board: Arc<Board>) -> Self {
        Self { route, board, sky: Sky::clear(), conversations: Mutex::default() }
    }

    fn conversations(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Conversation>>> {
        self.conversations.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many conversations there are.
    pub(super) fn open(&self) -> usize {
        self.conversations().len()
    }

    /// Holds every conversation but those that are apart.
    pub(super) fn freeze(&self) {
        let conversations = self.conversations();
        let held = conversations.values().filter(|conversation| !self.board.is_apart(conversation.peer));
        held.for_each(|conversation| conversation.set(Flow::Held));
    }

    /// Lets every held conversation go on.
    pub(super) fn thaw(&self) {
        self.conversations().values().for_each(|conversation| conversation.release());
    }

    /// Ends every held conversation by a reset; returns how many.
    pub(super) fn sever_held(&self) -> usize {
        let conversations = self.conversations();
        let held = conversations.values().filter(|conversation| conversation.is_held());
        held.map(|conversation| conversation.set(Flow::Severed)).count()
    }

    /// Ends every conversation; returns how many.
    pub(super) fn cut(&self, how: Cut) -> usize {
        let flow = if how == Cut::Reset { Flow::Severed } else { Flow::Closed };
        let conversations = self.conversations();
        conversations.values().map(|conversation| conversation.set(flow)).count()
    }

    /// Takes connections until the gateway ends. `server` is where the dependency is reached.
    pub(super) async fn listen(self: Arc<Self>, listener: TcpListener, server: String) {
        let mut connections = 0;
        loop {
            let Ok((client, peer)) = listener.accept().await else {
                // Out of file descriptors: some will be given back.
                tokio::task::yield_now().await;
                continue;
            };
            connections += 1;
            tokio::spawn(self.clone().serve((connections, peer.ip()), client, server.clone()));
        }
    }

    async fn serve(self: Arc<Self>, (number, peer): (u64, IpAddr), client: TcpStream, server: String) {
        let client = Wire::new(client);
        if self.sky.refuses() {
            return client.reset();
        }
        let is_apart = self.board.is_apart(peer);
        if !is_apart {
            self.board.connected(&self.route.service);
        }
        let server = match TcpStream::connect(&*server).await {
            Ok(server) => Wire::new(server),
            Err(error) => {
                let note = format!("{} cannot be reached: {error}", self.route.service);
                self.board.say(Report::Note(note));
                return client.reset();
            }
        };
        if self.route.protocol == Protocol::Tcp && !is_apart {
            self.count_connection(number);
        }
        let reader = reader(&self.route);
        let conversation = Arc::new(Conversation::new((number, peer), self.clone(), reader, server, client));
        self.conversations().insert(number, conversation.clone());
        conversation.carry().await;
        self.conversations().remove(&number);
    }

    /// Where nothing inside is understood, a connection is what a client asks for.
    fn count_connection(&self, number: u64) {
        let text = format!("connection {number}");
        let ask = Ask {
            kind: Kind::Connection,
            text,
            transaction: Transaction::None,
            commits: false,
            rides: false,
        };
        let (ask, _) = self.board.asked(&self.route.service, number, &ask);
        let answer = Answer { ok: true, said: "connected".to_owned(), committed: false };
        self.board.answered(&self.route.service, ask, &answer);
    }
}

fn reader(route: &Route) -> Box<dyn Reader> {
    match (route.protocol, &route.outside) {
        (Protocol::Postgres, _) => Box::new(Postgres::new()),
        (Protocol::Redis, _) => Box::new(Redis::new()),
        (Protocol::Http, None) => Box::new(Http::new()),
        (Protocol::Http, Some(fields)) => Box::new(Http::keeping(fields.clone())),
        (Protocol::Smtp, None) => Box::new(Smtp::new()),
        (Protocol::Smtp, Some(fields)) => Box::new(Smtp::keeping(fields.clone())),
        (Protocol::Mysql, _) => Box::new(Mysql::new()),
        (Protocol::Tcp, _) => Box::new(Plain),
    }
}

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
        let held = conversations.values().filter(|conversation| !conversation.is_apart());
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::net::{Ipv4Addr, SocketAddr};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpSocket;
    use tokio::sync::mpsc;

    use super::*;

    /// A server that says again whatever it hears.
    async fn echo() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = client.split();
                    let _ = tokio::io::copy(&mut from, &mut to).await;
                });
            }
        });
        address
    }

    async fn client(from: Ipv4Addr, to: SocketAddr) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from((from, 0))).unwrap();
        socket.connect(to).await.unwrap()
    }

    /// Says something and hears it again.
    async fn talk(client: &mut TcpStream, text: &[u8]) {
        client.write_all(text).await.unwrap();
        let mut heard = vec![0; text.len()];
        client.read_exact(&mut heard).await.unwrap();
        assert_eq!(heard, text);
    }

    #[tokio::test]
    async fn a_client_that_is_apart_passes_and_is_neither_counted_nor_held() {
        let (reports, _said) = mpsc::unbounded_channel();
        let board = Arc::new(Board::new(reports));
        let (service, protocol) = ("db".to_owned(), Protocol::Tcp);
        let routed =
            Arc::new(Routed::new(Route { service, port: 1, protocol, outside: None }, board.clone()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(routed.clone().listen(listener, echo().await));
        let apart = Ipv4Addr::new(127, 0, 0, 2);
        board.begin(false, BTreeSet::from([IpAddr::from(apart)]));
        let (mut other, mut own) = (client(apart, address).await, client(Ipv4Addr::LOCALHOST, address).await);
        talk(&mut own, b"four").await;
        talk(&mut other, b"many more bytes than four").await;
        let count = board.count("db");
        assert_eq!((count.connections, count.asks, count.bytes), (1, 1, 4));
        routed.freeze();
        talk(&mut other, b"it goes on").await;
        assert!(routed.sever_held() == 1, "only the other conversation is held");
    }
}

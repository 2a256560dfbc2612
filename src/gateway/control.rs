//! What the runner and its gateway say to each other: JSON Lines over the container's standard input
//! and output. Times are milliseconds.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::call::{Called, Calling, Field};
pub use super::reader::Refusal;
use super::reader::{Answer, Ask};

/// What a route speaks. The port that it usually has is [`Protocol::port`].
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// PostgreSQL's protocol 3.
    Postgres,
    /// The protocol of MariaDB and MySQL.
    Mysql,
    /// RESP 2 and 3.
    Redis,
    /// HTTP/1.1.
    Http,
    /// Mail.
    Smtp,
    /// Anything over TCP: connections and bytes.
    Tcp,
}

impl Protocol {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Postgres, Self::Mysql, Self::Redis, Self::Http, Self::Smtp, Self::Tcp];

    /// The protocol with that word.
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|protocol| protocol.word() == word)
    }

    /// The protocol that usually is on a port.
    pub fn of(port: u16) -> Option<Self> {
        match port {
            5432 => Some(Self::Postgres),
            3306 => Some(Self::Mysql),
            6379 => Some(Self::Redis),
            25 => Some(Self::Smtp),
            80 | 3000 | 5000 | 8000 | 8080 | 8081 => Some(Self::Http),
            _ => None,
        }
    }

    /// The port on which it usually is.
    pub fn port(self) -> Option<u16> {
        match self {
            Self::Postgres => Some(5432),
            Self::Mysql => Some(3306),
            Self::Redis => Some(6379),
            Self::Smtp => Some(25),
            Self::Http | Self::Tcp => None,
        }
    }

    /// The word in the scenario file.
    pub fn word(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Mysql => "mysql",
            Self::Redis => "redis",
            Self::Http => "http",
            Self::Smtp => "smtp",
            Self::Tcp => "tcp",
        }
    }
}

/// One way through the gateway: it listens on the port, and calls the same port of the service.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Route {
    /// The service's name, as the gateway's own network resolves it.
    #[serde(serialize_with = "crate::secret::word")]
    pub service: String,
    /// The port on both sides.
    pub port: u16,
    /// What is spoken there.
    pub protocol: Protocol,
    /// Where it leads to the outside: the fields of its calls that are kept. Each call is told then, and
    /// mail goes no further than the gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outside: Option<BTreeSet<Field>>,
}

/// A place in the conversations of one route, counted from the last [`Order::Begin`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The route's service.
    #[serde(serialize_with = "crate::secret::word")]
    pub service: String,
    /// What is looked for.
    pub what: What,
    /// On which side of it.
    pub side: Side,
    /// Whether every connection of the route is frozen, and not only the one that is held.
    pub all: bool,
}

/// What a mark looks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// The ask with this number, from 1.
    Ask(u64),
    /// The ask with this number among those whose text matches the regular expression.
    Matching(String, u64),
    /// The ask with this number among those that make changes permanent.
    Commit(u64),
    /// So many rows of a COPY have gone to the server.
    Rows(u64),
    /// So many bytes have gone to the server.
    Bytes(u64),
}

/// A side of an ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The server has not seen it.
    Before,
    /// The server has done it, and the client has not heard of it.
    After,
}

/// What is done to the connections of a route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Weather {
    /// Connections are ended at once, by a reset or properly; new ones are made as ever.
    Cut {
        /// By a reset (RST); else by a FIN.
        reset: bool,
    },
    /// Nothing passes in either direction, and nothing is closed.
    Blackhole,
    /// Each chunk waits so long before it passes, give or take the jitter.
    Delay {
        /// How long.
        ms: u64,
        /// How much more or less, at random.
        jitter_ms: u64,
    },
    /// So many bytes pass per second, in each direction of each connection.
    Throttle {
        /// The bytes.
        bytes_per_second: u64,
    },
    /// Asks get an error in the server's place.
    Answer {
        /// The error.
        refusal: Refusal,
        /// Those whose text matches this regular expression; all of them without one.
        matching: Option<String>,
        /// Only the first one.
        once: bool,
    },
    /// New connections are reset.
    Refuse,
}

impl Weather {
    /// The word in the scenario file.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Cut { .. } => "cut",
            Self::Blackhole => "blackhole",
            Self::Delay { .. } => "delay",
            Self::Throttle { .. } => "throttle",
            Self::Answer { .. } => "answer",
            Self::Refuse => "refuse",
        }
    }
}

/// An order of the runner; each is answered by [`Report::Done`] or [`Report::Failed`] with its number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Counts begin again at 0, and nothing is held; whether asks and answers are reported.
    Begin {
        /// Whether each ask and answer is reported.
        record: bool,
        /// Clients, by address, that go about their own business: what they ask is passed on, and neither
        /// counted nor held.
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        apart: BTreeSet<IpAddr>,
    },
    /// The mark at which a conversation is held once.
    Hold {
        /// The mark.
        mark: Mark,
        /// After so long a held conversation goes on by itself.
        within_ms: u64,
    },
    /// What is held goes on.
    Release,
    /// What is held is reset in both directions: nothing that was held back is sent.
    Sever,
    /// Makes weather on a route, under a number of the runner's.
    Inject {
        /// The number.
        fault: u32,
        /// The route's service.
        #[serde(serialize_with = "crate::secret::word")]
        service: String,
        /// The weather.
        weather: Weather,
    },
    /// Ends that weather.
    Heal {
        /// The number.
        fault: u32,
    },
    /// Asks how far the routes have come.
    Count,
}

/// An order with its number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Numbered {
    /// The number.
    pub number: u64,
    /// The order.
    pub order: Order,
}

/// How far a route has come since the last [`Order::Begin`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// The route's service.
    #[serde(serialize_with = "crate::secret::word")]
    pub service: String,
    /// Connections that were made.
    pub connections: u64,
    /// Asks that came from clients.
    pub asks: u64,
    /// Asks that the server has answered.
    pub answers: u64,
    /// Answers with which changes became permanent.
    pub commits: u64,
    /// Bytes toward the server.
    pub bytes: u64,
}

/// What the gateway says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Report {
    /// Every route listens.
    Ready,
    /// The order with this number is carried out; what there is to say about it.
    Done {
        /// The order's number.
        number: u64,
        /// For a fault: what it acted on. Else empty.
        evidence: String,
        /// For [`Order::Count`]: how far each route has come.
        counts: Vec<Count>,
    },
    /// The order with this number could not be carried out.
    Failed {
        /// The order's number.
        number: u64,
        /// Why.
        why: String,
    },
    /// A conversation is held at the mark.
    Held(Held),
    /// The mark cannot be held, or a hold was not released in time; why.
    Missed(String),
    /// A client asks for something.
    Asked(Asked),
    /// The server has answered.
    Answered(Answered),
    /// The outside is about to see a call.
    Calling(Calling),
    /// A call to the outside is over.
    Called(Called),
    /// Calls to the outside may be made that are not told, because a conversation is not understood; why.
    Untold(String),
    /// Something about a conversation that whoever reads the results should know.
    Note(String),
}

/// Where a conversation is held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// The route's service.
    #[serde(serialize_with = "crate::secret::word")]
    pub service: String,
    /// The connection's number.
    pub connection: u64,
    /// The ask's number on the route.
    pub ask: u64,
    /// The ask's text.
    pub text: String,
    /// How far the route had come.
    pub count: Count,
}

/// An ask, when it came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The route's service.
    #[serde(serialize_with = "crate::secret::word")]
    pub service: String,
    /// The connection's number.
    pub connection: u64,
    /// Its number on the route.
    pub number: u64,
    /// When, in microseconds since 1970 by the clock of the engine's machine, which all gateways share.
    pub at_us: u64,
    /// The ask.
    pub ask: Ask,
}

/// The answer to an ask.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answered {
    /// The route's service.
    #[serde(serialize_with = "crate::secret::word")]
    pub service: String,
    /// The number of its ask on the route.
    pub number: u64,
    /// The answer.
    pub answer: Answer,
}

/// One thing that was asked on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conversed {
    /// Its connection, from 1.
    pub connection: u64,
    /// When it was asked, in microseconds since 1970 by the clock of the engine's machine: it puts the
    /// conversations with several services into one order.
    pub asked_us: u64,
    /// What was asked.
    pub ask: Ask,
    /// How it ended; none when no answer came.
    pub answer: Option<Answer>,
}

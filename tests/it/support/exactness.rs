//! Holds at random points of conversations under load, and what the server itself has logged then.
//!
//! Each statement of the load carries its worker's number and its own. The gateway says what was asked,
//! the server's log what it was given, the client what it heard of: while a worker's conversation is held
//! the first two must be the same, and at the end all three must fit.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;
use std::time::Duration;

use backout::gateway::control::{Held, Mark, Order, Protocol, Report, Side, What};
use backout::sql::split;
use backout::stage::{Lines, Process, Stage};
use backout::state::postgres::{PostgresTarget, Session};
use regex::Regex;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinHandle;

use super::wire::{Wire, finish, with_wire};

const WORKERS: &str = "5";

/// What psycopg asks by itself after a rollback.
const ITS_OWN: &str = "DEALLOCATE ALL";

/// How long a log line or a hold may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A worker and the number of its statement.
type Tag = (u64, u64);

/// What was done, and how much of what.
#[derive(Debug, Default)]
struct Tally {
    before: u64,
    after: u64,
    released: u64,
    severed: u64,
}

/// Holds conversations at so many random points; returns one line that says what was done.
pub(crate) async fn hold(count: u64, seed: u64) -> String {
    let (tell, said) = tokio::sync::oneshot::channel();
    with_wire("db", 5432, Protocol::Postgres, |wire| async move {
        wire.inside("psql -XqU postgres shop -c 'CREATE TABLE noise (word text)'").await;
        let mut trial = Trial::begin(&wire, seed).await;
        for _ in 0..count {
            trial.hold().await;
        }
        tell.send(trial.end().await).unwrap();
    })
    .await;
    said.await.unwrap()
}

/// A load under way, and all that is known of it.
struct Trial<'a> {
    wire: &'a Wire,
    seed: u64,
    dice: Dice,
    reports: UnboundedReceiver<Report>,
    asked: Asked,
    log: Log,
    session: Session,
    /// What clients heard of, and what they know nothing of; when the load is over.
    ledger: JoinHandle<Vec<(bool, Tag)>>,
    severed: BTreeSet<Tag>,
    tally: Tally,
}

impl<'a> Trial<'a> {
    async fn begin(wire: &'a Wire, seed: u64) -> Self {
        let log = Log::follow(wire).await;
        let reports = wire.gateway.listen();
        wire.order(Order::Begin { record: true, apart: Default::default() }).await;
        let process = wire.start(&["python3", "-u", "load.py", WORKERS, &seed.to_string()]).await;
        Self {
            wire,
            seed,
            dice: Dice(seed ^ 0x9e37_79b9_7f4a_7c15),
            reports,
            asked: Asked::default(),
            log,
            session: Session::open(&target(wire).await).await.unwrap(),
            ledger: tokio::spawn(ledger(process)),
            severed: BTreeSet::new(),
            tally: Tally::default(),
        }
    }

    /// One hold, and a look at what the server was given of the worker that is held.
    async fn hold(&mut self) {
        let side = if self.dice.roll(2) == 0 { Side::Before } else { Side::After };
        let all = self.dice.roll(10) == 0;
        // Counted from now on, for the load does not wait.
        let what = match self.dice.roll(4) {
            0 => What::Commit(1 + self.dice.roll(10)),
            _ => What::Matching(String::new(), 1 + self.dice.roll(40)),
        };
        let mark = Mark { service: "db".to_owned(), what, side, all };
        self.wire.order(Order::Hold { mark, within_ms: 60_000 }).await;
        let held = self.wire.held().await.unwrap();
        self.log.catch_up(&mut self.session).await;
        self.hear();
        let tag = self.look(&held, side);
        // Where everything is held, somebody else's statement may be on its way: it is let go on.
        if !all && self.dice.roll(2) == 0 {
            self.sever(tag, side).await;
        } else {
            self.wire.order(Order::Release).await;
            self.tally.released += 1;
        }
        match side {
            Side::Before => self.tally.before += 1,
            Side::After => self.tally.after += 1,
        }
    }

    /// While a worker is held, the server has been given exactly what it asked. Returns what is held,
    /// unless it is the client's own.
    fn look(&mut self, held: &Held, side: Side) -> Option<Tag> {
        let (number, (worker, serial)) = self.asked.last[&held.connection];
        assert_eq!(held.ask, number, "seed {}: {side:?}: something was asked after what is held", self.seed);
        let tag = (held.text != ITS_OWN).then_some((worker, serial));
        let mut expected = self.asked.of[&worker].clone();
        if side == Side::Before && tag.is_some() {
            assert_eq!(expected.pop(), Some(serial));
        }
        let seen = self.log.seen.get(&worker).map(Vec::as_slice).unwrap_or_default();
        assert_same(seen, &expected, &format!("seed {}: {side:?} {serial} of worker {worker}", self.seed));
        tag
    }

    async fn sever(&mut self, tag: Option<Tag>, side: Side) {
        self.wire.order(Order::Sever).await;
        self.tally.severed += 1;
        self.severed.extend(tag);
        if let (Side::Before, Some((worker, serial))) = (side, tag) {
            assert_eq!(self.asked.of.get_mut(&worker).and_then(Vec::pop), Some(serial));
        }
    }

    fn hear(&mut self) {
        while let Ok(report) = self.reports.try_recv() {
            match report {
                Report::Asked(asked) => self.asked.take(asked.connection, asked.number, &asked.ask.text),
                Report::Answered(_) | Report::Held(_) => {}
                other => panic!("seed {}: {other:?}", self.seed),
            }
        }
    }

    /// Ends the load, and compares what gateway, server and clients say of all of it.
    async fn end(mut self) -> String {
        finish(self.wire.start(&["touch", "/tmp/enough"]).await).await;
        let ledger = (&mut self.ledger).await.unwrap();
        self.wire.order(Order::Count).await;
        self.hear();
        self.log.catch_up(&mut self.session).await;
        for (worker, asked) in &self.asked.of {
            assert_same(&self.log.seen[worker], asked, &format!("seed {}: worker {worker}", self.seed));
        }
        assert_eq!(self.log.seen.len(), self.asked.of.len());
        let lost = self.compare(&ledger);
        let Tally { before, after, released, severed } = self.tally;
        format!(
            "{} holds ({before} before, {after} after; {released} released, {severed} severed) among {} \
             statements of {} connections; {lost} of them were lost to their clients: the server saw none too \
             many and none too few",
            before + after,
            ledger.len(),
            self.asked.last.len(),
        )
    }

    /// The clients' own ledger: each statement once, and what was heard of was done. Returns how many
    /// were lost.
    fn compare(&self, ledger: &[(bool, Tag)]) -> usize {
        let mut serials: BTreeMap<u64, u64> = BTreeMap::new();
        let seen: BTreeSet<Tag> = self
            .log
            .seen
            .iter()
            .flat_map(|(worker, seen)| seen.iter().map(|serial| (*worker, *serial)))
            .collect();
        for (heard, (worker, serial)) in ledger {
            let last = serials.entry(*worker).or_default();
            assert_eq!(*serial, *last + 1, "seed {}: worker {worker}", self.seed);
            *last = *serial;
            let tag = (*worker, *serial);
            assert!(!heard || seen.contains(&tag), "seed {}: {tag:?} was heard of and never seen", self.seed);
            assert!(!(*heard && self.severed.contains(&tag)), "seed {}: {tag:?} was let through", self.seed);
        }
        for (worker, serial) in &seen {
            let last = serials.get(worker);
            assert!(last >= Some(serial), "seed {}: worker {worker} said no more after {last:?}", self.seed);
        }
        ledger.iter().filter(|(heard, _)| !heard).count()
    }
}

#[track_caller]
fn assert_same(seen: &[u64], expected: &[u64], context: &str) {
    if seen != expected {
        let end = |list: &[u64]| list[list.len().saturating_sub(8)..].to_vec();
        let apart = seen.iter().zip(expected).position(|(a, b)| a != b);
        panic!(
            "{context}: the server saw … {:?}, not … {:?}; apart from {apart:?}",
            end(seen),
            end(expected)
        );
    }
}

/// What the gateway says was asked.
#[derive(Default)]
struct Asked {
    /// By worker.
    of: BTreeMap<u64, Vec<u64>>,
    /// The number on the route and the tag of the last, by connection.
    last: BTreeMap<u64, (u64, Tag)>,
}

impl Asked {
    fn take(&mut self, connection: u64, number: u64, text: &str) {
        if let (ITS_OWN, Some(last)) = (text, self.last.get_mut(&connection)) {
            last.0 = number;
            return;
        }
        let following = self.last.get(&connection).map(|(_, (worker, serial))| (*worker, serial + 1));
        // Comments and parameters are not shown: such a statement is the next one. The first has a tag.
        let tag = tag(text).or(following);
        let Some(tag) = tag else { panic!("connection {connection} begins with {text}") };
        assert!(following.is_none_or(|following| following == tag), "{following:?} was not asked: {text}");
        self.last.insert(connection, (number, tag));
        self.of.entry(tag.0).or_default().push(tag.1);
    }
}

/// The tag in a text.
fn tag(text: &str) -> Option<Tag> {
    static TAG: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\bw(\d+)s(\d+)\b").unwrap());
    let found = TAG.captures(text)?;
    Some((found[1].parse().unwrap(), found[2].parse().unwrap()))
}

/// What the server has logged of the workers' statements.
struct Log {
    lines: Lines,
    /// By worker.
    seen: BTreeMap<u64, Vec<u64>>,
    marks: u64,
}

impl Log {
    async fn follow(wire: &Wire) -> Self {
        Self { lines: wire.stage.follow("db").await.unwrap(), seen: BTreeMap::new(), marks: 0 }
    }

    /// Reads on until a statement that the server is given now: all that it logged before is known then.
    async fn catch_up(&mut self, session: &mut Session) {
        self.marks += 1;
        let mark = format!("'mark {}'", self.marks);
        let statement = split(&format!("SELECT {mark}")).unwrap().remove(0);
        session.execute(&statement).await.unwrap();
        loop {
            let line = tokio::time::timeout(PATIENCE, self.lines.recv()).await.unwrap().unwrap();
            if line.text.contains(&mark) {
                return;
            }
            if let Some((worker, serial)) = given(&line.text).and_then(tag) {
                self.seen.entry(worker).or_default().push(serial);
            }
        }
    }
}

/// The part of a log line that says what the server was given.
fn given(line: &str) -> Option<&str> {
    static GIVEN: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(LOG:  statement: |LOG:  execute [^:]*: |DETAIL:  parameters: )(.*)").unwrap()
    });
    GIVEN.captures(line).and_then(|found| found.get(2)).map(|text| text.as_str())
}

/// What the workers heard of and what not, in the order of their saying so.
async fn ledger(mut process: Box<dyn Process>) -> Vec<(bool, Tag)> {
    let (mut ledger, mut complaints) = (Vec::new(), Vec::new());
    while let Some(line) = process.line().await {
        if line.error {
            complaints.push(line.text);
            continue;
        }
        let known = line.text.split_once(' ').and_then(|(word, text)| Some((word == "heard", tag(text)?)));
        ledger.push(known.unwrap_or_else(|| panic!("{}", line.text)));
    }
    assert_eq!(process.wait().await.unwrap().exit_code, 0, "{}", complaints.join("\n"));
    ledger
}

async fn target(wire: &Wire) -> PostgresTarget {
    PostgresTarget {
        host: wire.stage.address("db", 5432).await.unwrap(),
        database: "shop".to_owned(),
        user: "postgres".to_owned(),
        password: Some("staging-only".to_owned()),
        application_name: "exactness".to_owned(),
    }
}

/// Numbers that look random: Marsaglia's xorshift.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

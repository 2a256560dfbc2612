//! The load itself: requests leave when they are due, whether or not earlier ones were answered.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::belief::Seen;
use super::ledger::{End, Kind, Ledger, Open};
use super::look;
use super::pace;
use super::service::{Reply, Service};
use super::template::{Values, fill_json, fill_request};
use crate::plan::traffic::{Mutation, Traffic};

/// Most requests that are under way at once; what is due beyond them is not sent, and counts as refused.
const UNDER_WAY: usize = 4096;

/// What clients are to do from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Turn {
    /// Send requests when they are due.
    #[default]
    Serve,
    /// Send none until it is their turn again; what would have been due meanwhile comes later.
    Rest,
    /// Send none any more.
    End,
}

/// The drill's clock.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    /// A moment.
    pub origin: Instant,
    /// That moment in milliseconds of the drill.
    pub origin_ms: u64,
}

impl Clock {
    fn ms(&self, moment: Instant) -> u64 {
        self.origin_ms + crate::millis::of(moment.saturating_duration_since(self.origin))
    }
}

/// The clients of one traffic.
pub struct Load {
    /// What they do.
    pub traffic: Traffic,
    /// What they asked and were told.
    pub ledger: Ledger,
    /// What they talk to.
    pub service: Arc<dyn Service>,
    /// The clock.
    pub clock: Clock,
    /// What makes their requests different from those of another run.
    pub seed: String,
}

impl Load {
    /// Sends requests as long as it is their turn, then waits for the answers that are due. Whoever rests has nothing
    /// under way, and says so by `resting`. Returns how far each request left behind its time, in microseconds.
    ///
    /// # Errors
    /// When the ledger cannot be written: then nothing more is sent.
    pub async fn drive(
        self: Arc<Self>,
        mut turn: watch::Receiver<Turn>,
        resting: watch::Sender<bool>,
    ) -> std::io::Result<Vec<u64>> {
        let (mut began, mut late, mut n) = (Instant::now(), Vec::new(), 0);
        let mut under_way: JoinSet<std::io::Result<()>> = JoinSet::new();
        loop {
            let now = *turn.borrow_and_update();
            match now {
                Turn::Serve => {}
                Turn::Rest => {
                    let since = Instant::now();
                    answered(&mut under_way).await?;
                    resting.send_replace(true);
                    let is_over = turn.wait_for(|turn| *turn != Turn::Rest).await.is_err();
                    resting.send_replace(false);
                    if is_over {
                        break;
                    }
                    began += since.elapsed();
                    continue;
                }
                Turn::End => break,
            }
            let due = began + pace::due(n, self.traffic.per_second, self.traffic.profile);
            tokio::select! {
                biased;
                turned = turn.wait_for(|turn| *turn != Turn::Serve) => match turned {
                    Ok(_) => continue,
                    // Nobody is there any more to say so.
                    Err(_) => break,
                },
                () = tokio::time::sleep_until(due.into()) => {}
            }
            while let Some(ended) = under_way.try_join_next() {
                ended.map_err(std::io::Error::other)??;
            }
            late.push(micros(due.elapsed()));
            let values = Values::new(&self.seed, n, &self.traffic.key);
            n += 1;
            let open = self.ledger.open(self.kind(&values), values.dice, &values.key, self.clock.ms(due))?;
            if under_way.len() >= UNDER_WAY {
                let nobody = Reply::NotSent(format!("{UNDER_WAY} requests are under way already"));
                self.note(&open, &nobody, due)?;
                continue;
            }
            let load = Arc::clone(&self);
            under_way.spawn(async move { load.one(open, values, due).await });
        }
        answered(&mut under_way).await?;
        Ok(late)
    }

    fn kind(&self, values: &Values) -> Kind {
        let share = |mutation: &Option<Mutation>| mutation.as_ref().map_or(0.0, |mutation| mutation.share);
        let (reads, updates) = (self.traffic.read.share, share(&self.traffic.update));
        let deletes = share(&self.traffic.delete);
        match values.chance as f64 {
            chance if chance < reads => Kind::Read,
            chance if chance < reads + updates => Kind::Update,
            chance if chance < reads + updates + deletes => Kind::Delete,
            _ => Kind::Write,
        }
    }

    fn mutation(&self, kind: Kind) -> Option<&Mutation> {
        match kind {
            Kind::Write => Some(&self.traffic.write),
            Kind::Update => self.traffic.update.as_ref(),
            Kind::Delete => self.traffic.delete.as_ref(),
            Kind::Read => None,
        }
    }

    async fn one(&self, open: Open, values: Values, due: Instant) -> std::io::Result<()> {
        let values = values.about(&open.key);
        let request = match self.mutation(open.kind) {
            Some(mutation) => fill_request(&mutation.request, &values),
            None => fill_request(&self.traffic.read.request, &values),
        };
        let reply = self.service.send(&request, self.traffic.timeout).await;
        self.note(&open, &reply, due)
    }

    fn note(&self, open: &Open, reply: &Reply, due: Instant) -> std::io::Result<()> {
        let end = match self.mutation(open.kind) {
            Some(_) if open.kind != Kind::Write && reply.is_not_there() => End::Missed,
            Some(mutation) => End::Altered(reply.fate(mutation)),
            None => End::Looked(look::seen(reply, &self.shown(&open.key, &open.contents))),
        };
        let id = self.traffic.id.as_ref().filter(|_| open.kind == Kind::Write);
        let id = id.and_then(|pointer| named(reply, pointer));
        self.ledger.close(open, end, id, &reply.words(), micros(due.elapsed()))
    }

    /// Looks under a key. None when nobody says what is there; the answer in words.
    pub(super) async fn look(&self, key: &str, contents: &[u64]) -> (Option<Seen>, String) {
        let values = Values::new(&self.seed, 0, &self.traffic.key).about(key);
        let request = fill_request(&self.traffic.read.request, &values);
        let reply = self.service.send(&request, self.traffic.timeout).await;
        (look::seen(&reply, &self.shown(key, contents)), reply.words())
    }

    /// What shows each of these contents.
    fn shown(&self, key: &str, contents: &[u64]) -> Vec<(u64, Option<Value>)> {
        let shown = contents.iter().map(|n| {
            let values = Values::new(&self.seed, *n, &self.traffic.key);
            let is_write = values.key == key;
            let values = values.about(key);
            let mutation = if is_write { Some(&self.traffic.write) } else { self.traffic.update.as_ref() };
            let says = mutation.and_then(|mutation| mutation.shows.as_ref());
            let shows = self.traffic.read.shows.as_ref().or(says);
            (*n, shows.map(|shows| fill_json(shows, &values)))
        });
        shown.collect()
    }
}

async fn answered(under_way: &mut JoinSet<std::io::Result<()>>) -> std::io::Result<()> {
    while let Some(ended) = under_way.join_next().await {
        ended.map_err(std::io::Error::other)??;
    }
    Ok(())
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// What the service calls what it made.
fn named(reply: &Reply, pointer: &str) -> Option<String> {
    let Reply::Answered { body, .. } = reply else { return None };
    match serde_json::from_str::<Value>(body).ok()?.pointer(pointer)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Mutex;

    use async_trait::async_trait;

    use super::super::{Few, ReadBack, read_back, testing};
    use super::*;
    use crate::plan::traffic::Request;

    /// How a service deceives its clients.
    #[derive(Clone, Copy, PartialEq, Eq)]
    enum Deceit {
        None,
        Forgets,
        Doubles,
        KeepsRefused,
        Garbles,
        AnswersLate,
        /// Says nothing about every second write, of which it keeps every second one.
        FallsSilent,
    }

    /// Orders by path: each path's bodies.
    struct Orders {
        deceit: Deceit,
        kept: Mutex<BTreeMap<String, Vec<String>>>,
        asked: Mutex<BTreeMap<&'static str, u64>>,
    }

    impl Orders {
        fn count(&self, what: &'static str) -> u64 {
            let mut asked = self.asked.lock().unwrap();
            let count = asked.entry(what).or_default();
            *count += 1;
            *count
        }

        fn write(&self, path: &str, body: String) -> Reply {
            let number = self.count("write");
            let mut kept = self.kept.lock().unwrap();
            let status = |status| Reply::Answered { status, body: String::new() };
            let (bodies, reply) = match (self.deceit, number % 4) {
                (Deceit::Forgets, 1) => (Vec::new(), status(201)),
                (Deceit::Doubles, 1) => (vec![body.clone(), body], status(201)),
                (Deceit::KeepsRefused, 1) => (vec![body], status(409)),
                (Deceit::Garbles, 1) => (vec!["{\"note\":\"other\"}".to_owned()], status(201)),
                (Deceit::FallsSilent, 1) => (vec![body], Reply::Lost("reset".to_owned())),
                (Deceit::FallsSilent, 3) => (Vec::new(), Reply::Lost("reset".to_owned())),
                _ => (vec![body], status(201)),
            };
            kept.insert(path.to_owned(), bodies);
            reply
        }

        fn read(&self, path: &str) -> Reply {
            let looks = self.count("read");
            let kept = self.kept.lock().unwrap();
            let bodies = kept.get(path).cloned().unwrap_or_default();
            let hides = self.deceit == Deceit::AnswersLate && looks == 1;
            let (status, body) = match &bodies[..] {
                _ if hides => (404, String::new()),
                [] => (404, String::new()),
                [one] => (200, one.clone()),
                many => (200, format!("[{}]", many.join(","))),
            };
            Reply::Answered { status, body }
        }
    }

    #[async_trait]
    impl Service for Orders {
        async fn send(&self, request: &Request, _: Duration) -> Reply {
            let Request::Http(call) = request else { return Reply::NotSent("no SQL here".to_owned()) };
            match call.method.as_str() {
                "GET" => self.read(&call.path),
                "DELETE" => {
                    self.kept.lock().unwrap().remove(&call.path);
                    Reply::Answered { status: 204, body: String::new() }
                }
                "PUT" => {
                    let body = call.body.clone().unwrap_or_default();
                    self.kept.lock().unwrap().insert(call.path.clone(), vec![body]);
                    Reply::Answered { status: 200, body: String::new() }
                }
                _ => self.write(&call.path, call.body.clone().unwrap_or_default()),
            }
        }
    }

    /// A service that answers when it is told to.
    struct Slow(watch::Receiver<bool>);

    #[async_trait]
    impl Service for Slow {
        async fn send(&self, _: &Request, _: Duration) -> Reply {
            let _ = self.0.clone().wait_for(|answers| *answers).await;
            Reply::Answered { status: 201, body: String::new() }
        }
    }

    #[tokio::test]
    async fn whoever_rests_has_nothing_under_way_and_makes_up_for_nothing_later() {
        let folder = tempfile::tempdir().unwrap();
        let answers = watch::Sender::new(false);
        let load = Arc::new(Load {
            traffic: testing::traffic(),
            ledger: Ledger::create(&folder.path().join("ledger.jsonl")).unwrap(),
            service: Arc::new(Slow(answers.subscribe())),
            clock: Clock { origin: Instant::now(), origin_ms: 0 },
            seed: "s".to_owned(),
        });
        let (turn, resting) = (watch::Sender::new(Turn::Serve), watch::Sender::new(false));
        let mut rests = resting.subscribe();
        let driving = tokio::spawn(Arc::clone(&load).drive(turn.subscribe(), resting));
        while load.ledger.entries().is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        turn.send_replace(Turn::Rest);
        assert!(
            tokio::time::timeout(Duration::from_millis(50), rests.wait_for(|rests| *rests)).await.is_err()
        );
        answers.send_replace(true);
        rests.wait_for(|rests| *rests).await.unwrap();
        let sent = load.ledger.entries();
        assert!(sent.iter().all(|entry| entry.took_us.is_some()), "all have ended");
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(load.ledger.entries().len(), sent.len(), "nobody sends anything");
        turn.send_replace(Turn::Serve);
        while load.ledger.ended_since(0) < sent.len() + 5 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        turn.send_replace(Turn::End);
        let late = driving.await.unwrap().unwrap();
        assert!(
            late[sent.len()..].iter().all(|micros| *micros < 100_000),
            "nothing is due at once: {late:?}"
        );
    }

    /// Some requests to such a service, all read back.
    async fn deceived(deceit: Deceit, mutates: bool) -> (ReadBack, usize) {
        let folder = tempfile::tempdir().unwrap();
        let mut traffic = testing::traffic();
        if !mutates {
            (traffic.update, traffic.delete) = (None, None);
        }
        let load = Arc::new(Load {
            traffic,
            ledger: Ledger::create(&folder.path().join("ledger.jsonl")).unwrap(),
            service: Arc::new(Orders { deceit, kept: Mutex::default(), asked: Mutex::default() }),
            clock: Clock { origin: Instant::now(), origin_ms: 0 },
            seed: "s".to_owned(),
        });
        let (turn, turned) = watch::channel(Turn::Serve);
        let driving = tokio::spawn(Arc::clone(&load).drive(turned, watch::Sender::new(false)));
        while load.ledger.ended_since(0) < 60 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        turn.send_replace(Turn::End);
        let late = driving.await.unwrap().unwrap();
        let entries = load.ledger.entries();
        assert_eq!(late.len(), entries.len(), "every request was sent when it was due");
        assert!(entries.iter().all(|entry| entry.took_us.is_some()), "all have ended");
        (read_back(&load, Duration::from_secs(5)).await, entries.len())
    }

    fn wrong(back: &ReadBack) -> [u64; 5] {
        [&back.lost, &back.duplicated, &back.phantom, &back.corrupt, &back.stale].map(|few: &Few| few.count)
    }

    #[test]
    fn what_the_service_calls_what_it_made_is_read_from_its_answer() {
        let answer = |body: &str| Reply::Answered { status: 201, body: body.to_owned() };
        assert_eq!(named(&answer(r#"{"order":{"id":17}}"#), "/order/id").as_deref(), Some("17"));
        assert_eq!(named(&answer(r#"{"id":"o-1"}"#), "/id").as_deref(), Some("o-1"));
        assert_eq!(named(&answer("no JSON"), "/id"), None);
        assert_eq!(named(&answer(r#"{"id":null}"#), "/id"), None);
    }

    #[tokio::test]
    async fn an_honest_service_breaks_no_promise_whatever_is_asked_of_it() {
        let (back, all) = deceived(Deceit::None, true).await;
        assert_eq!(wrong(&back), [0; 5], "{back:?}");
        assert!(back.present > 0 && back.absent > 0, "some were made, some removed: {back:?}");
        assert!(all as u64 > back.present + back.absent, "some requests were about the same");
    }

    #[tokio::test]
    async fn each_deceit_is_found_and_called_by_its_name() {
        for (position, deceit) in [
            (0, Deceit::Forgets),
            (1, Deceit::Doubles),
            (2, Deceit::KeepsRefused),
            (3, Deceit::Garbles),
            (4, Deceit::AnswersLate),
        ] {
            let (back, _) = deceived(deceit, false).await;
            let wrong = wrong(&back);
            assert!(wrong[position] > 0, "deceit {position} was not found: {wrong:?}");
            let others = wrong.iter().enumerate().filter(|(other, count)| *other != position && **count > 0);
            assert_eq!(others.count(), 0, "deceit {position} was called something else too: {wrong:?}");
        }
    }

    #[tokio::test]
    async fn what_is_unknown_is_never_held_against_anybody() {
        let (back, _) = deceived(Deceit::FallsSilent, false).await;
        assert_eq!(wrong(&back), [0; 5], "{back:?}");
        assert!(back.unknown_there > 0 && back.unknown_there < back.unknown, "{back:?}");
    }
}

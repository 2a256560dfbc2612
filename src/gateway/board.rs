//! The counts of all routes, and the one mark that somebody waits for.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use regex::Regex;
use tokio::sync::mpsc;

use super::call::Calling;
use super::control::{Answered, Asked, Count, Mark, Report, Side, What};
use super::reader::{Answer, Ask};

/// What is counted and looked for.
pub(super) struct Board {
    inner: Mutex<Inner>,
    /// How many calls to the outside there were.
    calls: AtomicU64,
    reports: mpsc::UnboundedSender<Report>,
}

#[derive(Default)]
struct Inner {
    record: bool,
    /// Clients whose asks are passed on and no more.
    apart: BTreeSet<IpAddr>,
    /// How many asks and answers were reported; above [`MOST`] they are only counted.
    reported: u64,
    counts: BTreeMap<String, Count>,
    mark: Option<Wanted>,
}

/// The most asks and answers that are reported after one `Begin`.
const MOST: u64 = 200_000;

struct Wanted {
    mark: Mark,
    pattern: Option<Regex>,
    /// How many asks fitted so far.
    fitted: u64,
    within: Duration,
}

/// A mark that was come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) side: Side,
    pub(super) all: bool,
    pub(super) within: Duration,
}

impl Board {
    pub(super) fn new(reports: mpsc::UnboundedSender<Report>) -> Self {
        Self { inner: Mutex::default(), calls: AtomicU64::default(), reports }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn say(&self, report: Report) {
        // Nobody listens any more: the gateway is about to end.
        let _ = self.reports.send(report);
    }

    /// Counts begin again, without those who are apart.
    pub(super) fn begin(&self, record: bool, apart: BTreeSet<IpAddr>) {
        *self.inner() = Inner { record, apart, ..Inner::default() };
    }

    /// Whether a client goes about its own business.
    pub(super) fn is_apart(&self, client: IpAddr) -> bool {
        self.inner().apart.contains(&client)
    }

    /// Looks for a mark from now on.
    ///
    /// # Errors
    /// When its pattern is no regular expression.
    pub(super) fn want(&self, mark: Mark, within: Duration) -> Result<(), String> {
        let pattern = match &mark.what {
            What::Matching(pattern, _) => Some(Regex::new(pattern).map_err(|error| error.to_string())?),
            _ => None,
        };
        self.inner().mark = Some(Wanted { mark, pattern, fitted: 0, within });
        Ok(())
    }

    pub(super) fn counts(&self) -> Vec<Count> {
        self.inner().counts.values().cloned().collect()
    }

    pub(super) fn count(&self, service: &str) -> Count {
        let empty = || Count { service: service.to_owned(), ..Count::default() };
        self.inner().counts.get(service).cloned().unwrap_or_else(empty)
    }

    /// The outside is about to see a call: its number.
    pub(super) fn calling(&self, service: &str, text: &str) -> u64 {
        let number = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        let (method, target) = text.split_once(' ').unwrap_or((text, ""));
        let path = target.split('?').next().unwrap_or_default().to_owned();
        let (service, method, at_us) = (service.to_owned(), method.to_owned(), now_us());
        self.say(Report::Calling(Calling { service, number, at_us, method, path }));
        number
    }

    pub(super) fn connected(&self, service: &str) {
        self.inner().of(service).connections += 1;
    }

    /// Counts an ask: its number on the route, and whether it is the one that is looked for.
    pub(super) fn asked(&self, service: &str, connection: u64, ask: &Ask) -> (u64, Option<Found>) {
        let mut inner = self.inner();
        let count = inner.of(service);
        count.asks += 1;
        let number = count.asks;
        if inner.records() {
            let service = service.to_owned();
            let (at_us, ask) = (now_us(), ask.clone());
            self.say(Report::Asked(Asked { service, connection, number, at_us, ask }));
        }
        let found = inner.find(service, |wanted| wanted.fits(number, ask));
        (number, found)
    }

    /// Counts an answer.
    pub(super) fn answered(&self, service: &str, number: u64, answer: &Answer) {
        let mut inner = self.inner();
        let count = inner.of(service);
        count.answers += 1;
        count.commits += u64::from(answer.committed);
        if inner.records() {
            self.say(Report::Answered(Answered {
                service: service.to_owned(),
                number,
                answer: answer.clone(),
            }));
        }
    }

    /// The row of a COPY on that route at which to stop.
    pub(super) fn row(&self, service: &str) -> Option<u64> {
        match self.inner().mark.as_ref().filter(|wanted| wanted.mark.service == service)?.mark.what {
            What::Rows(row) => Some(row),
            _ => None,
        }
    }

    /// So many rows have passed.
    pub(super) fn rows(&self, service: &str, rows: u64) -> Option<Found> {
        self.inner().find(service, |wanted| wanted.mark.what == What::Rows(rows))
    }

    /// How many of so many bytes may go toward the server before the mark is come to.
    pub(super) fn room(&self, service: &str, bytes: usize) -> usize {
        let mut inner = self.inner();
        let gone = inner.of(service).bytes;
        match &inner.mark {
            Some(wanted) if wanted.mark.service == service => match wanted.mark.what {
                What::Bytes(limit) if limit > gone => {
                    bytes.min(usize::try_from(limit - gone).unwrap_or(usize::MAX))
                }
                _ => bytes,
            },
            _ => bytes,
        }
    }

    /// So many bytes have gone toward the server.
    pub(super) fn sent(&self, service: &str, bytes: usize) -> Option<Found> {
        let mut inner = self.inner();
        let count = inner.of(service);
        count.bytes += bytes as u64;
        let gone = count.bytes;
        inner.find(service, |wanted| wanted.mark.what == What::Bytes(gone))
    }
}

impl Inner {
    fn of(&mut self, service: &str) -> &mut Count {
        if !self.counts.contains_key(service) {
            let count = Count { service: service.to_owned(), ..Count::default() };
            self.counts.insert(service.to_owned(), count);
        }
        self.counts.get_mut(service).expect("it was just put there")
    }

    fn records(&mut self) -> bool {
        self.reported += u64::from(self.record);
        self.record && self.reported <= MOST
    }

    /// The mark, taken, when it is on this route and fits.
    fn find(&mut self, service: &str, fits: impl FnOnce(&mut Wanted) -> bool) -> Option<Found> {
        let wanted = self.mark.as_mut().filter(|wanted| wanted.mark.service == service)?;
        if !fits(wanted) {
            return None;
        }
        let Wanted { mark, within, .. } = self.mark.take()?;
        Some(Found { side: mark.side, all: mark.all, within })
    }
}

impl Wanted {
    fn fits(&mut self, number: u64, ask: &Ask) -> bool {
        let (fits, which) = match &self.mark.what {
            What::Ask(which) => return number == *which,
            What::Matching(_, which) => {
                (self.pattern.as_ref().is_some_and(|pattern| pattern.is_match(&ask.text)), *which)
            }
            What::Commit(which) => (ask.commits, *which),
            What::Rows(_) | What::Bytes(_) => return false,
        };
        self.fitted += u64::from(fits);
        fits && self.fitted == which
    }
}

/// By the wall clock, which gateways in other containers of the machine read too.
fn now_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

//! The points of an operation, in the order in which it comes to them: gaps between steps, statements of
//! `sql` steps, and what was heard on the wire.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;

use super::model::{Listed, Spot, Swept};
use super::shape::{shape, shape_of};
use crate::gateway::control::{Conversed, Side};
use crate::gateway::reader::{Kind, Transaction};
use crate::plan::model::{Action, Deploy, Statement, Step, Strategy};
use crate::sql::{Effect, effect, fingerprint};

/// What a step's conversation with a service was.
#[derive(Debug, Clone)]
pub struct Recorded<'a> {
    /// The operation.
    pub operation: Swept,
    /// The step.
    pub step: u32,
    /// The service.
    pub service: &'a str,
    /// What was asked.
    pub asks: &'a [Conversed],
    /// Whether more was asked than was kept.
    pub is_cut: bool,
}

/// What a kill at a point leaves, as far as the server's transactions tell. Points of one key lead to one
/// state.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    operation: Swept,
    step: u32,
    service: Option<String>,
    /// How often the step has made changes permanent.
    commits: u32,
    pub(super) standing: Standing,
}

/// How the last transaction stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Standing {
    /// None is open.
    Outside,
    /// One is open: a kill undoes it.
    Inside,
    /// It has just been committed, and the client has not heard of it.
    Unheard,
}

/// A point with what reduction needs to know of it.
#[derive(Debug, Clone)]
pub struct Found {
    pub(super) listed: Listed,
    pub(super) key: Key,
    /// The shapes of what was done last: since the last commit, or up to it.
    pub(super) done: String,
    /// When it was come to, where it lies in a conversation; 0 before all conversations.
    asked_us: u64,
}

/// The points of one operation; what could not be listed goes into the gaps.
pub fn list(
    operation: Swept,
    steps: &[Step],
    recorded: &[Recorded<'_>],
    gaps: &mut Vec<String>,
) -> Vec<Found> {
    let mut found = Vec::new();
    for step in steps {
        let mut walk = Walk::new(operation, step);
        walk.point(Spot::Gap, Side::Before, &step.title, walk.standing());
        if let Action::Sql { statements, .. } = &step.action {
            let is_last = steps.last().is_some_and(|last| last.number == step.number);
            walk.statements(statements, is_last);
        }
        if let Action::Deploy(Deploy { strategy: Strategy::Rolling(replicas), .. }) = &step.action {
            walk.replicas(*replicas);
        }
        let of_step = recorded.iter().filter(|one| one.operation == operation && one.step == step.number);
        for conversation in of_step {
            walk.conversation(conversation);
            if conversation.is_cut {
                let service = conversation.service;
                gaps.push(format!("step {} asked more of {service} than could be listed", step.number));
            }
        }
        in_one_order(&mut walk.found);
        found.append(&mut walk.found);
    }
    found
}

/// Conversations with several services, one after the other, become one: each keeps its own order.
fn in_one_order(found: &mut [Found]) {
    found.sort_by_key(|found| found.asked_us);
}

/// Goes through one step.
struct Walk<'a> {
    operation: Swept,
    step: &'a Step,
    service: Option<String>,
    commits: u32,
    /// The connections with an open transaction.
    open: BTreeSet<u64>,
    /// The shapes since the last commit, and those up to it.
    doing: String,
    done: String,
    /// When the ask came that the walk is at; never earlier than one before it in its conversation.
    asked_us: u64,
    found: Vec<Found>,
}

impl<'a> Walk<'a> {
    fn new(operation: Swept, step: &'a Step) -> Self {
        let (open, found) = (BTreeSet::new(), Vec::new());
        let (doing, done) = (String::new(), String::new());
        Self { operation, step, service: None, commits: 0, open, doing, done, asked_us: 0, found }
    }

    fn standing(&self) -> Standing {
        if self.open.is_empty() { Standing::Outside } else { Standing::Inside }
    }

    fn point(&mut self, spot: Spot, side: Side, text: &str, standing: Standing) {
        let inside = standing == Standing::Inside;
        // Before anything was made permanent it does not matter who is talked to.
        let untouched = self.commits == 0 && standing == Standing::Outside;
        let service = if untouched { None } else { self.service.clone() };
        let (operation, step) = (self.operation, self.step.number);
        let listed = Listed { operation, step, spot, side, text: fingerprint(text), inside, case: 0 };
        let key = Key { operation, step, service, commits: self.commits, standing };
        let done = if inside { self.doing.clone() } else { self.done.clone() };
        self.found.push(Found { listed, key, done, asked_us: self.asked_us });
    }

    fn committed(&mut self) -> Standing {
        self.commits += 1;
        self.done = std::mem::take(&mut self.doing);
        Standing::Unheard
    }

    fn statements(&mut self, statements: &[Statement], is_last_step: bool) {
        for (number, statement) in (1..).zip(statements) {
            let text = &statement.text;
            let spot = Spot::Statement { number };
            self.doing.push_str(&shape(text));
            self.point(spot.clone(), Side::Before, text, self.standing());
            let standing = self.after_statement(text);
            // After the very last one the operation is finished.
            if !(is_last_step && usize::try_from(number) == Ok(statements.len())) {
                self.point(spot, Side::After, text, standing);
            }
        }
    }

    /// Before the first nothing is replaced, after the last everything: those are the gaps around the step.
    fn replicas(&mut self, replicas: u32) {
        for number in 2..=replicas {
            let standing = self.committed();
            let text = format!("replica {number} of {replicas}");
            self.point(Spot::Replica { number }, Side::Before, &text, standing);
        }
    }

    fn after_statement(&mut self, text: &str) -> Standing {
        const OURS: u64 = 0;
        let is_open = self.open.contains(&OURS);
        match effect(text) {
            Effect::Begin => drop(self.open.insert(OURS)),
            Effect::Commit { chain } if is_open => {
                if !chain {
                    self.open.remove(&OURS);
                }
                return self.committed();
            }
            Effect::Rollback { chain: false } => drop(self.open.remove(&OURS)),
            Effect::PrepareTransaction => {
                self.open.remove(&OURS);
                return self.committed();
            }
            Effect::Commit { .. }
            | Effect::Rollback { .. }
            | Effect::Read
            | Effect::Savepoint
            | Effect::RollbackTo => {}
            _ if is_open => {}
            _ => return self.committed(),
        }
        self.standing()
    }

    fn conversation(&mut self, conversation: &Recorded<'_>) {
        self.service = Some(conversation.service.to_owned());
        (self.commits, self.open, self.asked_us) = (0, BTreeSet::new(), 0);
        let asks = conversation.asks;
        let mut seen: BTreeMap<String, (Option<Regex>, u64)> = BTreeMap::new();
        for (at, asked) in asks.iter().enumerate() {
            if asked.ask.kind == Kind::Connection {
                continue;
            }
            self.asked_us = self.asked_us.max(asked.asked_us);
            let pattern = shape_of(&asked.ask);
            let spot = Spot::Ask {
                service: conversation.service.to_owned(),
                number: u32::try_from(at + 1).unwrap_or(u32::MAX),
                nth: count(&mut seen, &pattern, &asks[..=at]),
                pattern,
            };
            self.ask(spot, asked, rides(asks, at));
        }
        self.service = None;
    }

    fn ask(&mut self, spot: Spot, asked: &Conversed, next_rides: bool) {
        let (connection, ask) = (asked.connection, &asked.ask);
        let text = &ask.text;
        self.doing.push_str(&shape_of(ask));
        if ask.transaction == Transaction::None {
            self.open.remove(&connection);
        } else {
            self.open.insert(connection);
        }
        if !ask.rides {
            self.point(spot.clone(), Side::Before, text, self.standing());
        }
        let Some(answer) = &asked.answer else { return };
        let standing = if answer.committed {
            self.open.remove(&connection);
            self.committed()
        } else {
            match (ask.kind, effect(text)) {
                (Kind::Statement, Effect::Begin) if answer.ok => drop(self.open.insert(connection)),
                (Kind::Statement, Effect::Rollback { chain: false }) => drop(self.open.remove(&connection)),
                _ => {}
            }
            self.standing()
        };
        if !next_rides {
            self.point(spot, Side::After, text, standing);
        }
    }
}

/// How many of the asks so far match the pattern.
fn count(seen: &mut BTreeMap<String, (Option<Regex>, u64)>, pattern: &str, asks: &[Conversed]) -> u64 {
    if let Some((_, count)) = seen.get_mut(pattern) {
        *count += 1;
        return *count;
    }
    // Another shape may match this text as well: all that came before are looked at once.
    let regex = Regex::new(pattern).ok();
    let matches = |asked: &&Conversed| regex.as_ref().is_some_and(|regex| regex.is_match(&asked.ask.text));
    let count = asks.iter().filter(matches).count() as u64;
    seen.insert(pattern.to_owned(), (regex, count));
    count
}

/// Whether the next ask of the same connection travels in the same message.
fn rides(asks: &[Conversed], at: usize) -> bool {
    let connection = asks[at].connection;
    let next = asks[at + 1..].iter().find(|asked| asked.connection == connection);
    next.is_some_and(|next| next.ask.rides)
}

//! What clients do while a drill runs: requests with gaps to be filled in, rates, and where writes end up.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::context::Context;
use super::facts;
use super::model::{Expectation, Fact, HttpCall};
use crate::diagnostic::Place;
use crate::scenario::expect::HttpCall as HttpFile;
use crate::scenario::traffic::{self as file, OneOrMore};

/// For one answer, where nothing is said.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Of all requests, where nothing is said.
const MUTATIONS: f64 = 10.0;
const READS: f64 = 20.0;
/// How long an invariant may take to hold.
const SETTLED: Duration = Duration::from_secs(10);
/// What may stand between `{{` and `}}`.
pub const NAMES: [&str; 4] = ["key", "uuid", "n", "word"];

/// One kind of clients.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Traffic {
    /// Its name.
    #[serde(serialize_with = "crate::secret::word")]
    pub name: String,
    /// Requests per second.
    pub per_second: f64,
    /// How that changes.
    pub profile: Profile,
    /// How long an answer may take.
    #[serde(with = "crate::millis")]
    pub timeout: Duration,
    /// How many of its requests may fail in one run; none: any number, if the service is well at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub may_fail: Option<u64>,
    /// The template of keys.
    pub key: String,
    /// Where the answer to a write says what the service calls it: a JSON pointer.
    #[serde(serialize_with = "crate::secret::word")]
    pub id: Option<String>,
    /// Makes something new.
    pub write: Mutation,
    /// Changes it.
    pub update: Option<Mutation>,
    /// Removes it.
    pub delete: Option<Mutation>,
    /// Looks at it.
    pub read: Read,
    /// Where writes end up; empty: it is learnt.
    pub touches: Vec<Touch>,
    /// Sessions that services keep open for it, by the names of leftovers: learnt.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    #[serde(serialize_with = "crate::secret::word")]
    pub sessions: BTreeSet<String>,
    /// Where it is written.
    pub at: Place,
}

/// How a rate changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// It does not.
    Steady,
    /// It grows from nothing to the whole rate in so many milliseconds.
    Ramp(u64),
    /// All of so many milliseconds' requests at once.
    Burst(u64),
}

/// A request whose texts have gaps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// A call of a service.
    Http(HttpCall),
    /// A statement.
    Sql {
        /// The database, by its service.
        #[serde(serialize_with = "crate::secret::word")]
        database: String,
        /// The statement.
        text: String,
    },
}

/// A request that alters something.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mutation {
    /// The request.
    pub request: Request,
    /// The statuses that promise that it is done; empty: any 2xx.
    pub acknowledged: BTreeSet<u16>,
    /// The statuses that promise that nothing was done; empty: any 4xx.
    pub refused: BTreeSet<u16>,
    /// Its share of all requests, in percent; what is left of them is writes.
    pub share: f64,
    /// What shows that this is what is there, where it says so itself.
    pub shows: Option<serde_json::Value>,
}

/// A request that looks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Read {
    /// The request.
    pub request: Request,
    /// What the answer must contain; none: what the mutation says.
    pub shows: Option<serde_json::Value>,
    /// Its share of all requests, in percent.
    pub share: f64,
}

/// A place where writes end up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Touch {
    /// The database, by its service.
    #[serde(serialize_with = "crate::secret::word")]
    pub database: String,
    /// The table, as it is written.
    #[serde(serialize_with = "crate::secret::word")]
    pub table: String,
    /// How a row there belongs to a write.
    pub by: Belongs,
    /// Where it is written.
    pub at: Place,
}

/// How a row belongs to a write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Belongs {
    /// Its key is in this column, and no other row has it.
    One(#[serde(serialize_with = "crate::secret::word")] String),
    /// Its key is in this column.
    Many(#[serde(serialize_with = "crate::secret::word")] String),
    /// It does not, but for the values of this column.
    Column(#[serde(serialize_with = "crate::secret::word")] String),
}

/// Resolves `traffic:`; also the invariants that go with it.
pub(super) fn build(
    context: &mut Context<'_>,
    written: &[file::Traffic],
) -> (Vec<Traffic>, Vec<Expectation>) {
    let (mut built, mut invariants) = (Vec::new(), Vec::new());
    let mut names = BTreeSet::new();
    for (index, traffic) in written.iter().enumerate() {
        let path = format!("traffic.{index}");
        if !names.insert(traffic.name.as_str()) {
            context.wrong(&format!("{path}.name"), format!("there are two traffics `{}`", traffic.name));
        }
        built.extend(one(context, &path, traffic));
        invariants.extend(self::invariants(context, &path, &traffic.touches));
    }
    (built, invariants)
}

fn one(context: &mut Context<'_>, path: &str, written: &file::Traffic) -> Option<Traffic> {
    let key = written.write.key.clone().unwrap_or_else(|| "{{uuid}}".to_owned());
    gaps(context, &format!("{path}.write.key"), &key);
    if !["{{uuid}}", "{{n}}", "{{word}}"].iter().any(|gap| key.contains(gap)) {
        let diagnostic = context.wrong(&format!("{path}.write.key"), "every write would have this key");
        diagnostic.help.push("put `{{uuid}}` or `{{n}}` into it".to_owned());
    }
    let write = mutation(context, &format!("{path}.write"), &written.write.as_mutation());
    let mut other = |name: &str, mutation: &Option<file::Mutation>| {
        mutation.as_ref().map(|mutation| self::mutation(context, &format!("{path}.{name}"), mutation))
    };
    let (update, delete) = (other("update", &written.update), other("delete", &written.delete));
    let read = read(context, &format!("{path}.read"), &written.read);
    let touches = touches(context, path, &written.touches);
    let (write, read) = (write?, read?);
    let (update, delete) = (update.flatten(), delete.flatten());
    let shares = [&update, &delete].into_iter().flatten().map(|mutation| mutation.share).sum::<f64>();
    if shares + read.share >= 100.0 {
        let said = format!("reads, updates and deletes are {}% of all requests", shares + read.share);
        context.wrong_key(path, said).help.push("leave some for writes: give smaller `share`s".to_owned());
    }
    Some(Traffic {
        name: written.name.clone(),
        per_second: written.rate.0,
        profile: match written.profile {
            file::Profile::Steady => Profile::Steady,
            file::Profile::Ramp { over } => Profile::Ramp(crate::millis::of(over.0)),
            file::Profile::Burst { every } => Profile::Burst(crate::millis::of(every.0)),
        },
        timeout: written.timeout.map_or(TIMEOUT, |span| span.0),
        may_fail: written.may_fail,
        key,
        id: written.write.id.clone(),
        write,
        update,
        delete,
        read,
        touches,
        sessions: BTreeSet::new(),
        at: context.place(&format!("{path}.name")),
    })
}

impl file::Write {
    /// Writes are what is left of all requests.
    fn as_mutation(&self) -> file::Mutation {
        file::Mutation {
            http: self.http.clone(),
            sql: self.sql.clone(),
            acknowledged: self.acknowledged.clone(),
            refused: self.refused.clone(),
            share: None,
        }
    }
}

fn mutation(context: &mut Context<'_>, path: &str, written: &file::Mutation) -> Option<Mutation> {
    let request = request(context, path, written.http.as_ref(), written.sql.as_ref());
    let acknowledged = statuses(written.acknowledged.as_ref());
    let refused = statuses(written.refused.as_ref());
    if let Some(both) = acknowledged.intersection(&refused).next() {
        context.wrong_key(path, format!("status {both} cannot mean both acknowledged and refused"));
    }
    Some(Mutation {
        request: request?,
        acknowledged,
        refused,
        share: written.share.map_or(MUTATIONS, |share| share.0),
        shows: written.http.as_ref().and_then(|call| call.json.clone()),
    })
}

fn statuses(written: Option<&file::Statuses>) -> BTreeSet<u16> {
    match written.map(|statuses| &statuses.status) {
        None => BTreeSet::new(),
        Some(OneOrMore::One(status)) => BTreeSet::from([*status]),
        Some(OneOrMore::More(list)) => list.iter().copied().collect(),
    }
}

fn read(context: &mut Context<'_>, path: &str, written: &file::Read) -> Option<Read> {
    let request = request(context, path, written.http.as_ref(), written.sql.as_ref());
    if let Some(shows) = &written.shows {
        gaps(context, &format!("{path}.shows"), &shows.to_string());
    }
    let share = written.share.map_or(READS, |share| share.0);
    Some(Read { request: request?, shows: written.shows.clone(), share })
}

fn request(
    context: &mut Context<'_>,
    path: &str,
    call: Option<&HttpFile>,
    statement: Option<&file::SqlRequest>,
) -> Option<Request> {
    match (call, statement) {
        (Some(call), None) => {
            let at = format!("{path}.http");
            let call = facts::http(context, &at, call)?;
            let texts = [Some(&call.path), call.body.as_ref()].into_iter().flatten();
            for text in texts.chain(call.headers.values()) {
                gaps(context, &at, text);
            }
            Some(Request::Http(call))
        }
        (None, Some(statement)) => {
            let at = format!("{path}.sql");
            let known = context.database(&format!("{at}.on"), &statement.on);
            gaps(context, &format!("{at}.text"), &statement.text);
            let (database, text) = (statement.on.clone(), statement.text.clone());
            known.then_some(Request::Sql { database, text })
        }
        (given, _) => {
            let given = if given.is_some() { "both are given" } else { "none is given" };
            let diagnostic = context.wrong_key(path, format!("a request is `http` or `sql`; {given}"));
            diagnostic.help.push("give one of: http, sql".to_owned());
            None
        }
    }
}

/// Notes every gap that nothing fills.
fn gaps(context: &mut Context<'_>, path: &str, text: &str) {
    for gap in text.split("{{").skip(1) {
        let name = gap.split("}}").next().unwrap_or_default();
        if !NAMES.contains(&name) {
            let diagnostic = context.spot(path).mistake(format!("nothing fills `{{{{{name}}}}}`"));
            context
                .mistakes
                .push(diagnostic.suggest(name, NAMES).help(format!("known: {}", NAMES.join(", "))));
        }
    }
}

fn touches(context: &mut Context<'_>, path: &str, written: &[file::Touch]) -> Vec<Touch> {
    let mut built = Vec::new();
    for (index, touch) in written.iter().enumerate() {
        let path = format!("{path}.touches.{index}");
        let by = match (&touch.key, &touch.by, &touch.column) {
            (Some(column), None, None) => Belongs::One(column.clone()),
            (None, Some(column), None) => Belongs::Many(column.clone()),
            (None, None, Some(column)) => Belongs::Column(column.clone()),
            _ => {
                let said = "exactly one of `key`, `by` and `column` says how a row belongs to a write";
                context.wrong_key(&path, said);
                continue;
            }
        };
        if touch.invariant.is_some() && touch.column.is_none() {
            let diagnostic = context.wrong(&format!("{path}.invariant"), "an invariant goes with `column`");
            diagnostic.help.push("rows with a key are compared one by one".to_owned());
        }
        let Some(database) = database(context, &path, touch) else { continue };
        let at = context.place(&format!("{path}.table"));
        let table = context.table_of(&database, &touch.table);
        built.push(Touch { database, table, by, at });
    }
    built
}

/// The database that is named, else the only one.
fn database(context: &mut Context<'_>, path: &str, touch: &file::Touch) -> Option<String> {
    if let Some(named) = &touch.on {
        return context.database(&format!("{path}.on"), named).then(|| named.clone());
    }
    let mut known = context.databases.keys();
    match (known.next().cloned(), known.next()) {
        (Some(only), None) => Some(only),
        _ => {
            let said = "which observed database is meant?";
            context.wrong_key(path, said).help.push("name it with `service`".to_owned());
            None
        }
    }
}

fn invariants(context: &mut Context<'_>, path: &str, touches: &[file::Touch]) -> Vec<Expectation> {
    let mut found = Vec::new();
    for (index, touch) in touches.iter().enumerate() {
        let (Some(query), path) = (&touch.invariant, format!("{path}.touches.{index}")) else { continue };
        let Some(database) = database(context, &path, touch) else { continue };
        let equals = facts::expected(context, &database, None);
        let fact = Fact::Sql { database, query: query.clone(), equals };
        let title = super::expect::title(&fact);
        let at = context.place(&format!("{path}.invariant"));
        found.push(Expectation { fact, within: SETTLED, title, at });
    }
    found
}

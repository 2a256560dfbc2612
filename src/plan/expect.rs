//! The expectations: five states, each with its reference, and the explicit facts.

use std::collections::BTreeMap;
use std::time::Duration;

use super::across;
use super::alerts::Alert;
use super::context::Context;
use super::facts;
use super::model::{
    Action, Covers, Engine, Exception, Expect, Expectation, Fact, HttpCall, Reference, StateExpectation,
    StateKind, Step,
};
use super::outside::Effect;
use super::recovery;
use super::steps::{self, Owner};
use crate::scenario::expect as file;
use crate::scenario::timespan::Timespan;

/// How long an expectation may take to become so where nothing is said.
const WITHIN: Duration = Duration::from_secs(10);

/// Resolves `expect:`.
pub(super) fn build(
    context: &mut Context<'_>,
    expect: &file::Expect,
    change: &[Step],
    has_traffic: bool,
    alerts: Vec<Alert>,
    outside: Vec<Effect>,
) -> Expect {
    let written = [
        (StateKind::System, &expect.system),
        (StateKind::Schema, &expect.schema),
        (StateKind::Data, &expect.data),
        (StateKind::Sequences, &expect.sequences),
        (StateKind::Leftovers, &expect.leftovers),
    ];
    let says_nothing = written.iter().all(|(_, state)| state.is_none())
        && expect.http.is_empty()
        && expect.sql.is_empty()
        && expect.always.is_empty()
        && expect.across.is_empty()
        && expect.queue.is_empty()
        && expect.alerts.is_empty()
        && expect.outside.is_empty()
        && expect.exec.is_empty()
        && expect.log.is_empty()
        && expect.recovery.is_none();
    if says_nothing && context.is_whole {
        let diagnostic = context.wrong_key("expect", "nothing is expected");
        diagnostic.help.push("say at least `data: as_before`".to_owned());
    }
    let mut states = BTreeMap::new();
    for (kind, state) in written {
        states.insert(kind, self::state(context, kind, state.as_ref(), change));
    }
    let plus = states.values().any(|state| state.reference == Reference::BeforePlusAcknowledged);
    if plus && !has_traffic && context.is_whole {
        let diagnostic = context.wrong("expect.data", "nobody writes: there is no traffic");
        diagnostic.help.push("say `as_before`, or what clients do under `traffic`".to_owned());
    }
    let facts = explicit(context, expect);
    Expect {
        states,
        change_fails: expect.change == file::ChangeExpectation::Fails,
        always: always(context, expect, &facts),
        facts,
        alerts,
        recovery: expect.recovery.as_ref().map(|written| recovery::build(context, written, has_traffic)),
        outside,
        at: context.place("expect"),
    }
}

fn state(
    context: &mut Context<'_>,
    kind: StateKind,
    written: Option<&file::StateExpectation>,
    change: &[Step],
) -> StateExpectation {
    let path = format!("expect.{}", kind.word());
    let at = context.place(if written.is_some() { &path } else { "expect" });
    let (mut except, mut column_order) = (Vec::new(), false);
    let reference = match written {
        None => Reference::Before,
        Some(file::StateExpectation::AsBefore(written)) => {
            except = self::except(context, &path, kind, &written.except, change);
            column_order = written.column_order.is_some();
            if column_order && kind != StateKind::Schema {
                context.wrong(&format!("{path}.as_before.column_order"), "`column_order` is for the schema");
            }
            Reference::Before
        }
        Some(file::StateExpectation::AsBeforePlusAcknowledged(written)) => {
            if kind != StateKind::Data {
                let diagnostic = context.wrong(&path, "`as_before_plus_acknowledged` is for data");
                diagnostic.help.push("what clients write alters nothing else".to_owned());
            }
            except = self::except(context, &path, kind, &written.except, change);
            Reference::BeforePlusAcknowledged
        }
        Some(file::StateExpectation::Exact) => {
            if kind != StateKind::Sequences {
                let diagnostic = context.wrong(&path, "`exact` is for sequences");
                diagnostic.help.push("`as_before` compares everything else exactly".to_owned());
            }
            Reference::Exact
        }
        Some(file::StateExpectation::AsAfter(steps)) => {
            let steps = steps::build(context, &format!("{path}.as_after"), Owner::Reference, steps);
            Reference::After(steps)
        }
        Some(file::StateExpectation::Any(because)) => {
            needs_reason(context, &format!("{path}.any.because"), because);
            Reference::Any(because.clone())
        }
    };
    StateExpectation { reference, except, column_order, at }
}

/// A mistake for each `as_after` where every point is tried: its twin shows where the whole change ends, and one that
/// was broken on the way has made only a part of that.
pub(super) fn no_twins(context: &mut Context<'_>, expect: &Expect) {
    let twins = expect.states.iter().filter(|(_, state)| matches!(state.reference, Reference::After(_)));
    for kind in twins.map(|(kind, _)| *kind) {
        let message = "`as_after` says where the whole change ends: a change that is broken on the way ends elsewhere at every point, so a sweep would fail what is right";
        let diagnostic = context.wrong_key(&format!("expect.{}.as_after", kind.word()), message);
        diagnostic.help.push(
            "run it without a sweep, or sweep a copy of the scenario that expects `as_before`".to_owned(),
        );
    }
}

fn needs_reason(context: &mut Context<'_>, path: &str, because: &str) {
    if because.trim().is_empty() {
        let diagnostic = context.wrong(path, "a reason is missing");
        diagnostic.help.push("it is printed on the scorecard".to_owned());
    }
}

fn except(
    context: &mut Context<'_>,
    path: &str,
    kind: StateKind,
    exceptions: &[file::Exception],
    change: &[Step],
) -> Vec<Exception> {
    let mut built = Vec::new();
    for (index, exception) in exceptions.iter().enumerate() {
        let at = format!("{path}.as_before.except.{index}");
        needs_reason(context, &format!("{at}.because"), &exception.because);
        let Some(covers) = covers(context, &at, kind, exception) else { continue };
        if let Covers::Table { table, columns, condition: None } = &covers
            && columns.is_empty()
            && names(change, table)
        {
            let message = format!("the change names {table}: an exception may not cover all of it");
            let diagnostic = context.wrong(&format!("{at}.table"), message);
            diagnostic.help.push("narrow it with `columns` or `where`".to_owned());
        }
        if let Covers::Schema { schema, columns } = &covers
            && columns.is_empty()
            && names_schema(change, schema)
        {
            let message = format!("the change names {schema}: an exception may not cover all of it");
            let diagnostic = context.wrong(&format!("{at}.schema"), message);
            diagnostic.help.push("name the tables that the change leaves alone, or `columns`".to_owned());
        }
        let place = context.place(&format!("{at}.because"));
        built.push(Exception { covers, because: exception.because.clone(), at: place });
    }
    built
}

fn covers(
    context: &mut Context<'_>,
    at: &str,
    kind: StateKind,
    exception: &file::Exception,
) -> Option<Covers> {
    let given = [
        ("table", exception.table.is_some()),
        ("schema", exception.schema.is_some()),
        ("object", exception.object.is_some()),
        ("sequence", exception.sequence.is_some()),
        ("service", exception.service.is_some()),
        ("leftover", exception.leftover.is_some()),
    ];
    let given: Vec<&str> = given.iter().filter(|(_, is)| *is).map(|(name, _)| *name).collect();
    let wanted = match kind {
        StateKind::System => "service",
        StateKind::Schema => "object",
        StateKind::Data => "table",
        StateKind::Sequences => "sequence",
        StateKind::Leftovers => "leftover",
    };
    if given == ["schema"] && kind == StateKind::Data {
        return schema(context, at, exception);
    }
    if given != [wanted] {
        let found = if given.is_empty() { "nothing".to_owned() } else { given.join(" and ") };
        context.wrong(at, format!("an exception for {} names a `{wanted}`, found {found}", kind.word()));
        return None;
    }
    if (!exception.columns.is_empty() || exception.where_.is_some()) && kind != StateKind::Data {
        context.wrong(at, "`columns` and `where` are for exceptions of `data`");
    }
    match kind {
        StateKind::System => exception.service.clone().map(Covers::Service),
        StateKind::Schema => exception.object.clone().map(Covers::Object),
        StateKind::Sequences => {
            exception.sequence.as_deref().map(|name| context.table(name)).map(Covers::Sequence)
        }
        StateKind::Leftovers => exception.leftover.clone().map(Covers::Leftover),
        StateKind::Data => exception.table.as_deref().map(|table| Covers::Table {
            table: context.table(table),
            columns: exception.columns.clone(),
            condition: exception.where_.clone(),
        }),
    }
}

/// An exception for the tables of a schema.
fn schema(context: &mut Context<'_>, at: &str, exception: &file::Exception) -> Option<Covers> {
    if exception.where_.is_some() {
        let diagnostic = context.wrong(&format!("{at}.where"), "a condition is about the rows of one table");
        diagnostic.help.push("name the table".to_owned());
    }
    if !context.databases.values().any(|database| database.engine == Engine::Postgres) {
        let diagnostic = context.wrong(&format!("{at}.schema"), "no PostgreSQL database is observed");
        diagnostic.help.push("only its tables lie in schemas; name the table".to_owned());
    }
    let columns = exception.columns.clone();
    exception.schema.clone().map(|schema| Covers::Schema { schema, columns })
}

/// Whether an SQL statement of the change names a table.
fn names(change: &[Step], table: &str) -> bool {
    let bare = table.rsplit('.').next().unwrap_or(table);
    says(change, |text| has_word(text, bare))
}

/// Whether an SQL statement of the change names a schema, or may name a table in it: what has no schema
/// before it is looked for in `public`.
fn names_schema(change: &[Step], schema: &str) -> bool {
    says(change, |text| schema == "public" || has_word(text, schema))
}

fn says(change: &[Step], is_said: impl Fn(&str) -> bool) -> bool {
    change.iter().any(|step| match &step.action {
        Action::Sql { statements, .. } => statements.iter().any(|statement| is_said(&statement.text)),
        Action::Run { .. }
        | Action::Deploy(_)
        | Action::Exec { .. }
        | Action::Backup(_)
        | Action::Restore(_)
        | Action::Http(_)
        | Action::Host { .. }
        | Action::Wait(_)
        | Action::Volume { .. } => false,
    })
}

fn has_word(text: &str, word: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').any(|part| part.eq_ignore_ascii_case(word))
}

fn explicit(context: &mut Context<'_>, expect: &file::Expect) -> Vec<Expectation> {
    let mut facts = Vec::new();
    for (index, http) in expect.http.iter().enumerate() {
        let path = format!("expect.http.{index}");
        let fact = self::http(context, &path, http).map(Fact::Http);
        facts.extend(expectation(context, &path, "on", fact, http.within));
    }
    for (index, sql) in expect.sql.iter().enumerate() {
        let path = format!("expect.sql.{index}");
        let known = context.database(&format!("{path}.on"), &sql.on);
        let (query, equals) = (sql.query.clone(), facts::expected(context, &sql.on, sql.equals.as_ref()));
        let fact = known.then(|| Fact::Sql { database: sql.on.clone(), query, equals });
        facts.extend(expectation(context, &path, "query", fact, sql.within));
    }
    for (index, written) in expect.across.iter().enumerate() {
        let path = format!("expect.across.{index}");
        let fact = across::build(context, &path, written).map(Fact::Across);
        facts.extend(expectation(context, &path, "name", fact, written.within));
    }
    for (index, written) in expect.queue.iter().enumerate() {
        let path = format!("expect.queue.{index}");
        let (store, queue, messages) = (written.on.clone(), written.queue.clone(), written.messages);
        let fact = across::rabbitmq(context, &path, &store).then_some(Fact::Queue { store, queue, messages });
        facts.extend(expectation(context, &path, "queue", fact, written.within));
    }
    for (index, exec) in expect.exec.iter().enumerate() {
        let path = format!("expect.exec.{index}");
        let known = context.service(&format!("{path}.service"), &exec.service);
        let fact = known.then(|| Fact::Exec {
            service: exec.service.clone(),
            command: exec.command.0.clone(),
            exit_code: exec.exit_code,
            contains: exec.contains.clone(),
        });
        facts.extend(expectation(context, &path, "command", fact, exec.within));
    }
    for (index, log) in expect.log.iter().enumerate() {
        let path = format!("expect.log.{index}");
        let fact = self::log(context, &path, log);
        facts.extend(expectation(context, &path, "service", fact, log.within));
    }
    facts
}

fn always(context: &mut Context<'_>, expect: &file::Expect, facts: &[Expectation]) -> Vec<Expectation> {
    let mut built = Vec::new();
    for (index, query) in expect.always.iter().enumerate() {
        let path = format!("expect.always.{index}");
        let fact = facts::sql(context, &path, query);
        built.extend(expectation(context, &path, "query", fact, None));
    }
    let watched = |name: &str| expect.across.iter().any(|one| one.always && one.name == name);
    built.extend(
        facts
            .iter()
            .filter(|one| matches!(&one.fact, Fact::Across(across) if watched(&across.name)))
            .cloned(),
    );
    built
}

/// Something that must hold all the time, written at a path.
pub(super) fn watched(context: &Context<'_>, path: &str, fact: Option<Fact>) -> Option<Expectation> {
    let fact = fact?;
    let title = title(&fact);
    Some(Expectation { fact, within: WITHIN, title, at: context.place(path) })
}

fn expectation(
    context: &Context<'_>,
    path: &str,
    key: &str,
    fact: Option<Fact>,
    within: Option<Timespan>,
) -> Option<Expectation> {
    let expected = watched(context, &format!("{path}.{key}"), fact)?;
    Some(Expectation { within: within.map_or(WITHIN, |span| span.0), ..expected })
}

fn http(context: &mut Context<'_>, path: &str, http: &file::HttpExpectation) -> Option<HttpCall> {
    let port = facts::port(context, path, &http.on, http.port)?;
    let headers = http.headers.iter().map(|(name, value)| (name.clone(), value.0.clone())).collect();
    Some(HttpCall {
        service: http.on.clone(),
        port,
        method: "GET".to_owned(),
        path: http.get.clone(),
        headers,
        body: None,
        status: http.status,
        contains: http.contains.clone(),
    })
}

fn log(context: &mut Context<'_>, path: &str, log: &file::LogExpectation) -> Option<Fact> {
    let known = context.service(&format!("{path}.service"), &log.service);
    let (key, pattern, absent) = match (&log.matches, &log.absent) {
        (Some(pattern), None) => ("matches", pattern, false),
        (None, Some(pattern)) => ("absent", pattern, true),
        _ => {
            context.wrong(path, "exactly one of `matches` and `absent` is given");
            return None;
        }
    };
    let pattern = context.pattern(&format!("{path}.{key}"), pattern);
    known.then(|| Fact::Log { service: log.service.clone(), pattern, absent })
}

/// A fact in a few words.
pub(super) fn title(fact: &Fact) -> String {
    match fact {
        Fact::Healthy { service } => format!("{service} is well"),
        Fact::Http(call) => {
            let status = call.status.map_or_else(|| "2xx".to_owned(), |status| status.to_string());
            format!("{} {} on {} is {status}", call.method, call.path, call.service)
        }
        Fact::Sql { query, equals, database } => {
            let query = query.split_whitespace().collect::<Vec<_>>().join(" ");
            format!("`{query}` on {database} is {equals}")
        }
        Fact::Across(across) => across.name.clone(),
        Fact::Queue { store, queue, messages } => {
            let plural = if *messages == 1 { "" } else { "s" };
            format!("{queue} on {store} holds {messages} message{plural}")
        }
        Fact::Exec { service, command, exit_code, .. } => {
            format!("`{}` in {service} exits with {exit_code}", steps::shown(command))
        }
        Fact::Log { service, pattern, absent: false } => format!("{service} prints /{pattern}/"),
        Fact::Log { service, pattern, absent: true } => format!("{service} does not print /{pattern}/"),
    }
}

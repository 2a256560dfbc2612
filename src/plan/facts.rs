//! Facts: HTTP calls, queries, log lines, as they are asked for in many places.

use super::context::Context;
use super::model::{Engine, Fact, HttpCall};
use crate::scenario::expect::{HttpCall as HttpFile, LogFact, SqlFact};
use crate::scenario::step::Scalar;

/// The facts that may stand beside each other in a file, of which exactly one is given.
#[derive(Default)]
pub(super) struct Given<'f> {
    pub(super) healthy: Option<&'f String>,
    pub(super) http: Option<&'f HttpFile>,
    pub(super) sql: Option<&'f SqlFact>,
    pub(super) log: Option<&'f LogFact>,
}

impl Given<'_> {
    /// How many there are.
    fn count(&self) -> usize {
        let given = [self.healthy.is_some(), self.http.is_some(), self.sql.is_some(), self.log.is_some()];
        given.into_iter().filter(|is| *is).count()
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.count() == 0
    }
}

/// The one fact that is given at a path.
pub(super) fn one(context: &mut Context<'_>, path: &str, given: &Given<'_>) -> Option<Fact> {
    let count = given.count();
    if count != 1 {
        let message = format!("exactly one fact is waited for, {count} are given");
        context.wrong_key(path, message).help.push("give one of: healthy, http, sql, log".to_owned());
        return None;
    }
    if let Some(service) = given.healthy {
        let known = context.service(&format!("{path}.healthy"), service);
        return known.then(|| Fact::Healthy { service: service.clone() });
    }
    if let Some(call) = given.http {
        return http(context, &format!("{path}.http"), call).map(Fact::Http);
    }
    if let Some(query) = given.sql {
        return sql(context, &format!("{path}.sql"), query);
    }
    given.log.and_then(|line| log(context, &format!("{path}.log"), line))
}

/// A query and its answer.
pub(super) fn sql(context: &mut Context<'_>, path: &str, fact: &SqlFact) -> Option<Fact> {
    let known = context.database(&format!("{path}.on"), &fact.on);
    let equals = expected(context, &fact.on, fact.equals.as_ref());
    known.then(|| Fact::Sql { database: fact.on.clone(), query: fact.query.clone(), equals })
}

/// What a query must give, as its server writes it: true where nothing is said.
pub(super) fn expected(context: &Context<'_>, database: &str, equals: Option<&Scalar>) -> String {
    let engine = context.databases.get(database).map_or(Engine::Postgres, |known| known.engine);
    let (yes, no) = match engine {
        Engine::Postgres => ("t", "f"),
        Engine::Mariadb => ("1", "0"),
    };
    match equals.map(|scalar| scalar.0.as_str()) {
        None | Some("true") => yes.to_owned(),
        Some("false") => no.to_owned(),
        Some(text) => text.to_owned(),
    }
}

/// A line of a service's output.
pub(super) fn log(context: &mut Context<'_>, path: &str, fact: &LogFact) -> Option<Fact> {
    let known = context.service(&format!("{path}.service"), &fact.service);
    let pattern = context.pattern(&format!("{path}.matches"), &fact.matches);
    known.then(|| Fact::Log { service: fact.service.clone(), pattern, absent: false })
}

/// An HTTP call.
pub(super) fn http(context: &mut Context<'_>, path: &str, call: &HttpFile) -> Option<HttpCall> {
    let methods = [
        ("GET", &call.get),
        ("POST", &call.post),
        ("PUT", &call.put),
        ("PATCH", &call.patch),
        ("DELETE", &call.delete),
    ];
    let given: Vec<_> = methods.iter().filter_map(|(method, path)| Some((*method, path.as_ref()?))).collect();
    let port = port(context, path, &call.on, call.port);
    let body = match (&call.json, &call.body) {
        (Some(_), Some(_)) => {
            context.wrong_key(path, "`json` and `body` exclude each other");
            return None;
        }
        (Some(json), None) => Some(json.to_string()),
        (None, body) => body.clone(),
    };
    let [(method, target)] = given[..] else {
        let message = format!("exactly one method is called, {} are given", given.len());
        context.wrong_key(path, message).help.push("give one of: get, post, put, patch, delete".to_owned());
        return None;
    };
    if !target.starts_with('/') {
        let at = format!("{path}.{}", method.to_lowercase());
        context
            .wrong(&at, "a path starts with `/`")
            .help
            .push("the service is named by `service`".to_owned());
    }
    let mut headers: std::collections::BTreeMap<String, String> =
        call.headers.iter().map(|(name, value)| (name.clone(), value.0.clone())).collect();
    if call.json.is_some() && !headers.keys().any(|name| name.eq_ignore_ascii_case("content-type")) {
        headers.insert("content-type".to_owned(), "application/json".to_owned());
    }
    Some(HttpCall {
        service: call.on.clone(),
        port: port?,
        method: method.to_owned(),
        path: target.clone(),
        headers,
        body,
        status: call.status,
        contains: call.contains.clone(),
    })
}

/// The port that is called: the one given, else the only one the service names.
pub(super) fn port(context: &mut Context<'_>, path: &str, service: &str, given: Option<u16>) -> Option<u16> {
    port_of(context, &format!("{path}.on"), service, given)
}

/// The same, where the service is named at another path.
pub(super) fn port_of(context: &mut Context<'_>, on: &str, service: &str, given: Option<u16>) -> Option<u16> {
    if !context.service(on, service) {
        return None;
    }
    let known = &context.project.services[service];
    let exposed = known.expose.iter().filter_map(|port| port.split('/').next()?.parse().ok());
    let mut ports: Vec<u16> = known.ports.iter().map(|port| port.target).chain(exposed).collect();
    ports.sort_unstable();
    ports.dedup();
    let port = match (given, &ports[..]) {
        (Some(port), _) => port,
        (None, [port]) => *port,
        (None, []) => {
            let message = format!("service `{service}` names no port");
            context.wrong(on, message).help.push("say `port:` here, or `expose:` in Compose".to_owned());
            return None;
        }
        (None, several) => {
            let message = format!("service `{service}` names several ports: {several:?}");
            context.wrong(on, message).help.push("say which one with `port:`".to_owned());
            return None;
        }
    };
    context.reach(service, port);
    Some(port)
}

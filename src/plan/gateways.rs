//! Gateways: those that the file names, and those that its point and faults need.

use std::collections::{BTreeMap, BTreeSet};

use super::context::Context;
use super::model::{Action, Engine, Failure, Fault, Gateway, Step, Trigger};
use super::observe::Observed;
use super::wire;
use crate::gateway::call::Field;
use crate::gateway::control::{Protocol, Route};
use crate::scenario::failure::Point;
use crate::scenario::file as written;
use crate::scenario::observe::{Outside, Spoken};

/// What a gateway is needed for.
struct Need {
    service: String,
    /// Where it is asked for.
    path: String,
    /// What the point or fault can only mean.
    protocol: Option<Protocol>,
}

/// What else decides who calls through a gateway.
pub(super) struct Around<'a> {
    /// The change and the way back.
    pub(super) operations: [&'a [Step]; 2],
    /// Whether clients are served meanwhile: what a service says then is theirs.
    pub(super) served: bool,
    /// Whether what operations say to observed stores is to be heard, as a sweep needs it.
    pub(super) records: bool,
}

/// Who calls through a gateway.
#[derive(Default)]
struct Callers {
    clients: BTreeSet<String>,
    /// Those that call through it once they are deployed.
    deployed: BTreeSet<String>,
}

impl Callers {
    /// Those that steps run or run something in, and those that they deploy.
    fn of(around: &Around<'_>) -> Self {
        let steps = || around.operations.into_iter().flatten();
        let deployed = |step: &Step| match &step.action {
            Action::Deploy(deploy) if !around.served => Some(deploy.service.clone()),
            _ => None,
        };
        Self {
            clients: steps().filter_map(caller).collect(),
            deployed: steps().filter_map(deployed).collect(),
        }
    }

    /// All that operations run, and those that they deploy and that can be led to a service.
    fn of_all(&self, context: &Context<'_>, service: &str) -> Self {
        Self { clients: self.clients.clone(), deployed: self.near(context, service).deployed }
    }

    fn named(clients: BTreeSet<String>) -> Self {
        Self { clients, ..Self::default() }
    }

    fn is_empty(&self) -> bool {
        self.clients.is_empty() && self.deployed.is_empty()
    }

    /// Those that can be led to a service: nobody calls himself, and who shares no network calls nobody.
    fn near(&self, context: &Context<'_>, service: &str) -> Self {
        let near = |all: &BTreeSet<String>| {
            let near = all.iter().filter(|one| *one != service && share_a_network(context, one, service));
            near.cloned().collect()
        };
        Self { clients: near(&self.clients), deployed: near(&self.deployed) }
    }
}

/// Resolves `gateways:`, and adds what the failure needs.
pub(super) fn build(
    context: &mut Context<'_>,
    written: &[written::Gateway],
    outside: (&[Outside], &BTreeMap<String, BTreeSet<Field>>),
    failure: Option<(&Failure, &Point)>,
    around: Around<'_>,
) -> BTreeMap<String, Gateway> {
    let callers = Callers::of(&around);
    let mut gateways = BTreeMap::new();
    for (index, gateway) in written.iter().enumerate() {
        let path = format!("gateways.{index}");
        if !context.service(&format!("{path}.service"), &gateway.service) {
            continue;
        }
        let named = known(context, &path, &gateway.clients);
        let all = gateway.clients.is_empty();
        let clients = if all { callers.of_all(context, &gateway.service) } else { Callers::named(named) };
        let need = Need { service: gateway.service.clone(), path, protocol: gateway.protocol };
        add(context, &mut gateways, &need, gateway.port, clients);
    }
    let (hosts, fields) = outside;
    for (index, host) in hosts.iter().enumerate() {
        if let Some(fields) = fields.get(&host.service) {
            self::outside(context, &mut gateways, (index, host), fields, &callers.clients);
        }
    }
    for need in needs(failure) {
        if !gateways.contains_key(&need.service) {
            let all = callers.of_all(context, &need.service);
            add(context, &mut gateways, &need, None, all);
        }
    }
    if around.records {
        let new = |service: &&String| !gateways.contains_key(*service);
        let observed = context.databases.keys().cloned().chain(spoken(context).into_keys());
        let observed: BTreeSet<String> = observed.filter(|service| new(&service)).collect();
        for service in observed {
            record(context, &mut gateways, service, &callers);
        }
    }
    gateways
}

/// A route to the outside, whose calls are told with these fields.
fn outside(
    context: &mut Context<'_>,
    gateways: &mut BTreeMap<String, Gateway>,
    (index, host): (usize, &Outside),
    fields: &BTreeSet<Field>,
    callers: &BTreeSet<String>,
) {
    let path = format!("observe.outside.{index}");
    let clients = known(context, &path, &host.clients);
    if clients.is_empty() && !host.clients.is_empty() {
        return;
    }
    let clients = if host.clients.is_empty() { callers.clone() } else { clients };
    let service = host.service.clone();
    if host.protocol == Spoken::Smtp {
        if clients.is_empty() {
            return nobody(context, &path, &service);
        }
        let (port, protocol) = (host.port.unwrap_or(25), Protocol::Smtp);
        let routes = vec![Route { service: service.clone(), port, protocol, outside: Some(fields.clone()) }];
        gateways.insert(service, Gateway { routes, clients, deployed: BTreeSet::new() });
        return;
    }
    if !context.project.services.contains_key(&service) {
        return;
    }
    let need = Need { service, path, protocol: Some(Protocol::Http) };
    let Some(port) = host.port.or_else(|| known_port(context, &need)) else {
        return drop(route(context, &need, None));
    };
    let there =
        |gateway: &Gateway| gateway.routes.iter().any(|route| route.port == port) && host.clients.is_empty();
    if !gateways.get(&need.service).is_some_and(there) {
        add(context, gateways, &need, Some(port), Callers::named(clients));
    }
    let routes = gateways.get_mut(&need.service).map(|gateway| &mut gateway.routes);
    for route in routes.into_iter().flatten().filter(|route| route.port == port) {
        (route.protocol, route.outside) = (Protocol::Http, Some(fields.clone()));
    }
}

/// The ports of observed stores that operations call too, and what is spoken there.
fn spoken(context: &Context<'_>) -> BTreeMap<String, (u16, Protocol)> {
    let stores = context.stores.values().filter_map(|store| match store {
        Observed::Redis(redis) => Some((redis.service.clone(), (redis.port, Protocol::Redis))),
        Observed::Document(document) => {
            Some((document.call.service.clone(), (document.call.port, Protocol::Http)))
        }
        // Operations speak AMQP with it, which no reader of ours does.
        Observed::RabbitMq(_) | Observed::Folder(_) => None,
    });
    stores.collect()
}

/// Those of these services that there are.
fn known(context: &mut Context<'_>, path: &str, clients: &[String]) -> BTreeSet<String> {
    let clients = clients.iter().enumerate();
    let known = clients.filter(|(at, client)| context.service(&format!("{path}.clients.{at}"), client));
    known.map(|(_, client)| client.clone()).collect()
}

/// A mistake where nobody can call through a gateway.
fn nobody(context: &mut Context<'_>, path: &str, service: &str) {
    let message = format!(
        "nobody calls `{service}` through a gateway: no `run`, `exec` or `deploy` step shares a network with it"
    );
    let diagnostic = context.wrong_key(path, message);
    let list = if path.starts_with("observe") { "observe.outside" } else { "gateways" };
    diagnostic
        .help
        .push(format!("name the services that call it: `{list}: [{{ service, clients: [...] }}]`"));
}

/// A gateway only for what it hears, where anybody could call through it.
fn record(
    context: &mut Context<'_>,
    gateways: &mut BTreeMap<String, Gateway>,
    service: String,
    callers: &Callers,
) {
    let clients = callers.near(context, &service);
    if !clients.is_empty() {
        let need = Need { service, path: "observe".to_owned(), protocol: None };
        add(context, gateways, &need, None, clients);
    }
}

/// The service that a step runs or runs something in.
fn caller(step: &Step) -> Option<String> {
    match &step.action {
        Action::Run { service, .. } | Action::Exec { service, .. } => Some(service.clone()),
        _ => None,
    }
}

/// What a failure needs; its point is given as it is written too.
fn needs(failure: Option<(&Failure, &Point)>) -> Vec<Need> {
    let Some((failure, written)) = failure else { return Vec::new() };
    let mut needs = Vec::new();
    if let Trigger::Wire { mark, .. } = &failure.point.trigger {
        let protocol = wire::protocol(written);
        needs.push(Need { service: mark.service.clone(), path: "failure.at".to_owned(), protocol });
    }
    for (index, planned) in failure.faults.iter().enumerate() {
        if let Fault::Wire { service, weather, .. } = &planned.fault {
            let path = format!("failure.inject.{index}.{}", weather.word());
            needs.push(Need { service: service.clone(), path, protocol: None });
        }
    }
    needs
}

fn add(
    context: &mut Context<'_>,
    gateways: &mut BTreeMap<String, Gateway>,
    need: &Need,
    port: Option<u16>,
    mut callers: Callers,
) {
    callers.clients.remove(&need.service);
    if callers.is_empty() {
        return nobody(context, &need.path, &need.service);
    }
    callers.clients.iter().for_each(|client| apart(context, need, client));
    let Some(route) = route(context, need, port) else { return };
    let gateway = gateways.entry(need.service.clone()).or_default();
    gateway.routes.push(route);
    gateway.clients.extend(callers.clients);
    gateway.deployed.extend(callers.deployed);
}

/// A mistake where a client shares no network with what it is to call.
fn apart(context: &mut Context<'_>, need: &Need, client: &str) {
    if !share_a_network(context, client, &need.service) {
        let message =
            format!("`{client}` and `{}` share no network: no gateway can stand between them", need.service);
        context.wrong_key(&need.path, message);
    }
}

fn share_a_network(context: &Context<'_>, one: &str, other: &str) -> bool {
    let services = &context.project.services;
    let (Some(one), Some(other)) = (services.get(one), services.get(other)) else { return false };
    one.networks.keys().any(|network| other.networks.contains_key(network))
}

/// The port and what is spoken there, from whatever is known.
fn route(context: &mut Context<'_>, need: &Need, port: Option<u16>) -> Option<Route> {
    let service = need.service.clone();
    let port = port.or_else(|| known_port(context, need));
    let Some(port) = port else {
        let message = format!("on which port is `{service}` called?");
        let diagnostic = context.wrong_key(&need.path, message);
        diagnostic
            .help
            .push(format!("say it: `gateways: [{{ service: {service}, port: 8080, protocol: http }}]`"));
        return None;
    };
    let protocol = need.protocol.or_else(|| {
        let observed = context.databases.get(&service).filter(|database| database.port == port);
        let observed = observed.map(|database| match database.engine {
            Engine::Postgres => Protocol::Postgres,
            Engine::Mariadb => Protocol::Mysql,
        });
        let spoken =
            spoken(context).get(&service).filter(|(known, _)| *known == port).map(|(_, spoken)| *spoken);
        observed.or(spoken).or_else(|| Protocol::of(port))
    });
    Some(Route { service, port, protocol: protocol.unwrap_or(Protocol::Tcp), outside: None })
}

fn known_port(context: &Context<'_>, need: &Need) -> Option<u16> {
    if let Some(database) = context.databases.get(&need.service) {
        return Some(database.port);
    }
    if let Some((port, _)) = spoken(context).get(&need.service) {
        return Some(*port);
    }
    let service = context.project.services.get(&need.service)?;
    let exposed = service.expose.iter().filter_map(|port| port.split('/').next()?.parse().ok());
    let known: BTreeSet<u16> = service.ports.iter().map(|port| port.target).chain(exposed).collect();
    if known.len() == 1 {
        return known.first().copied();
    }
    let usual = |port: &u16| need.protocol.is_none_or(|protocol| Protocol::of(*port) == Some(protocol));
    known.iter().copied().find(usual).or_else(|| need.protocol.and_then(Protocol::port))
}

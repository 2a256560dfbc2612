//! What is observed besides databases.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::context::Context;
use super::disk::{self, Medium};
use super::facts;
use super::model::HttpCall;
use super::secrets::Secrets;
use crate::diagnostic::Place;
use crate::scenario::file;
use crate::scenario::observe as written;
use crate::secret::Secret;

const REDIS: u16 = 6379;
const RABBITMQ: u16 = 15672;
const ALERTMANAGER: u16 = 9093;
const DEFAULT_VHOST: &str = "/";

/// An observed store that is no database.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Observed {
    /// A Redis server.
    Redis(Redis),
    /// A virtual host of a RabbitMQ server.
    RabbitMq(RabbitMq),
    /// A folder.
    Folder(Folder),
    /// A JSON document.
    Document(Document),
}

/// An observed Redis server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Redis {
    /// The Compose service.
    #[serde(serialize_with = "crate::secret::word")]
    pub service: String,
    /// Port in the container.
    pub port: u16,
    /// The user; none is `default`.
    #[serde(serialize_with = "crate::secret::word")]
    pub user: Option<String>,
    /// The password.
    pub password: Option<Secret>,
    /// Where it is written.
    pub at: Place,
}

/// An observed virtual host of a RabbitMQ server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RabbitMq {
    /// The Compose service.
    #[serde(serialize_with = "crate::secret::word")]
    pub service: String,
    /// Port of the management interface in the container.
    pub port: u16,
    /// The virtual host.
    #[serde(serialize_with = "crate::secret::word")]
    pub vhost: String,
    /// The user.
    #[serde(serialize_with = "crate::secret::word")]
    pub user: String,
    /// The password.
    pub password: Option<Secret>,
    /// Patterns of queues whose messages are not read.
    #[serde(serialize_with = "crate::secret::word")]
    pub depth_only: Vec<String>,
    /// Where it is written.
    pub at: Place,
}

/// An observed folder inside a service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Folder {
    /// The Compose service.
    #[serde(serialize_with = "crate::secret::word")]
    pub service: String,
    /// Its path in the container.
    #[serde(serialize_with = "crate::secret::word")]
    pub path: String,
    /// Where it is written.
    pub at: Place,
}

/// An observed JSON document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Document {
    /// The call that is answered with it.
    pub call: HttpCall,
    /// JSON pointers of what does not count.
    #[serde(serialize_with = "crate::secret::word")]
    pub ignore: Vec<String>,
    /// Where it is written.
    pub at: Place,
}

impl RabbitMq {
    /// The service, with the virtual host where it is not the usual one.
    fn name(&self) -> String {
        match &*self.vhost {
            DEFAULT_VHOST => self.service.clone(),
            vhost => format!("{}/{vhost}", self.service),
        }
    }
}

impl Observed {
    /// The Compose service.
    pub fn service(&self) -> &str {
        match self {
            Self::Redis(redis) => &redis.service,
            Self::RabbitMq(rabbitmq) => &rabbitmq.service,
            Self::Folder(folder) => &folder.service,
            Self::Document(document) => &document.call.service,
        }
    }

    /// What it is, in a few words.
    pub fn words(&self) -> String {
        match self {
            Self::Redis(redis) => {
                format!("Redis of {} as {}", redis.service, redis.user.as_deref().unwrap_or("default"))
            }
            Self::RabbitMq(rabbitmq) => {
                format!("RabbitMQ of {}, {} as {}", rabbitmq.service, rabbitmq.vhost, rabbitmq.user)
            }
            Self::Folder(folder) => format!("files of {} below {}", folder.service, folder.path),
            Self::Document(document) => format!("{} of {}", document.call.path, document.call.service),
        }
    }
}

/// Resolves everything under `observe:` but databases.
pub(super) fn build(
    context: &mut Context<'_>,
    variables: &BTreeMap<String, String>,
    observe: &file::Observe,
    secrets: &mut Secrets,
) {
    for (index, redis) in observe.redis.iter().enumerate() {
        let at = format!("observe.redis.{index}");
        if let Some(redis) = self::redis(context, variables, &at, redis) {
            redis.password.iter().for_each(|password| secrets.declare(password.reveal()));
            add(context, &format!("{at}.service"), redis.service.clone(), Observed::Redis(redis));
        }
    }
    for (index, written) in observe.rabbitmq.iter().enumerate() {
        let at = format!("observe.rabbitmq.{index}");
        if let Some(rabbitmq) = rabbitmq(context, variables, &at, written) {
            rabbitmq.password.iter().for_each(|password| secrets.declare(password.reveal()));
            let name = rabbitmq.name();
            add(context, &format!("{at}.service"), name, Observed::RabbitMq(rabbitmq));
        }
    }
    for (index, folder) in observe.files.iter().enumerate() {
        let at = format!("observe.files.{index}");
        if let Some(folder) = self::folder(context, &at, folder) {
            let name = format!("{}:{}", folder.service, folder.path);
            add(context, &format!("{at}.path"), name, Observed::Folder(folder));
        }
    }
    for (index, written) in observe.documents.iter().enumerate() {
        let at = format!("observe.documents.{index}");
        if let Some(document) = document(context, &at, written) {
            let document = Observed::Document(document);
            add(context, &format!("{at}.name"), written.name.clone(), document);
        }
    }
    if let Some(alerts) = &observe.alerts {
        context.service("observe.alerts.service", &alerts.service);
        let port = alerts.port.unwrap_or(ALERTMANAGER);
        context.reach(&alerts.service, port);
        context.alertmanager = Some((alerts.service.clone(), port));
    }
}

/// Resolves a folder: only what outlives its container can be read beside it.
fn folder(context: &mut Context<'_>, at: &str, written: &written::Folder) -> Option<Folder> {
    if !context.service(&format!("{at}.service"), &written.service) {
        return None;
    }
    let (place, path) = (format!("{at}.path"), clean(&written.path));
    if !path.starts_with('/') {
        context.wrong(&place, format!("`{}` is no absolute path in the container", written.path));
        return None;
    }
    let service = &context.project.services[&written.service];
    let why = match disk::medium(service, &path) {
        Some(Medium::Volume(_) | Medium::Host) => {
            let (service, at) = (written.service.clone(), context.place(&place));
            return Some(Folder { service, path, at });
        }
        Some(Medium::Tmpfs { .. }) => "lies on a tmpfs, which only its own container sees",
        None => "lies on no volume or bind mount of the Compose file",
    };
    let diagnostic = context.wrong(&place, format!("`{path}` of `{}` {why}", written.service));
    diagnostic.help.push(format!("mount a volume there: `volumes: [\"data:{path}\"]`"));
    None
}

/// Resolves a document.
fn document(context: &mut Context<'_>, at: &str, written: &written::Document) -> Option<Document> {
    let service = format!("{at}.service");
    let port = facts::port_of(context, &service, &written.service, written.port);
    if !written.get.starts_with('/') {
        context.wrong(&format!("{at}.get"), "a path starts with `/`");
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if written.name.is_empty() || !written.name.chars().all(plain) {
        let message = format!("`{}` is no name for a table of a report", written.name);
        let diagnostic = context.wrong(&format!("{at}.name"), message);
        diagnostic.help.push("use letters, digits, `-` and `_`".to_owned());
    }
    for (index, pointer) in written.ignore.iter().enumerate() {
        if !pointer.starts_with('/') {
            let diagnostic = context.wrong(&format!("{at}.ignore.{index}"), "a JSON pointer starts with `/`");
            diagnostic.help.push(format!("write `/{}`", pointer.replace('.', "/")));
        }
    }
    let call = HttpCall {
        service: written.service.clone(),
        port: port?,
        method: "GET".to_owned(),
        path: written.get.clone(),
        headers: BTreeMap::from([("accept".to_owned(), "application/json".to_owned())]),
        body: None,
        status: None,
        contains: None,
    };
    Some(Document { call, ignore: written.ignore.clone(), at: context.place(&service) })
}

/// A path without slashes at its end.
fn clean(path: &str) -> String {
    let trimmed = path.trim_end_matches('/');
    if trimmed.is_empty() && !path.is_empty() { "/".to_owned() } else { trimmed.to_owned() }
}

/// Adds a store under its name, which is the only one of that name.
fn add(context: &mut Context<'_>, path: &str, name: String, store: Observed) {
    if context.databases.contains_key(&name) || context.stores.contains_key(&name) {
        context.wrong(path, format!("`{name}` is observed already"));
        return;
    }
    context.stores.insert(name, store);
}

fn redis(
    context: &mut Context<'_>,
    variables: &BTreeMap<String, String>,
    at: &str,
    written: &written::Redis,
) -> Option<Redis> {
    let path = format!("{at}.service");
    if !context.service(&path, &written.service) {
        return None;
    }
    let (service, port) = (written.service.clone(), written.port.unwrap_or(REDIS));
    context.reach(&service, port);
    let password = written.password.as_ref();
    let password = password.and_then(|known| password_of(context, variables, at, &service, known));
    let (user, at) = (written.user.clone(), context.place(&path));
    Some(Redis { service, port, user, password: password.map(Secret::new), at })
}

fn rabbitmq(
    context: &mut Context<'_>,
    variables: &BTreeMap<String, String>,
    at: &str,
    written: &written::RabbitMq,
) -> Option<RabbitMq> {
    let path = format!("{at}.service");
    if !context.service(&path, &written.service) {
        return None;
    }
    let (service, port) = (written.service.clone(), written.port.unwrap_or(RABBITMQ));
    context.reach(&service, port);
    let password = written.password.as_ref();
    let password = password.and_then(|known| password_of(context, variables, at, &service, known));
    Some(RabbitMq {
        service,
        port,
        vhost: written.vhost.clone().unwrap_or_else(|| DEFAULT_VHOST.to_owned()),
        user: written.user.clone(),
        password: password.map(Secret::new),
        depth_only: written.depth_only.clone(),
        at: context.place(&path),
    })
}

/// A password, from the service's environment or the runner's.
pub(super) fn password_of(
    context: &mut Context<'_>,
    variables: &BTreeMap<String, String>,
    at: &str,
    service: &str,
    password: &file::Password,
) -> Option<String> {
    let known = &context.project.services[service].environment;
    let found = known.get(&password.env).or_else(|| variables.get(&password.env)).cloned();
    if found.is_none() {
        let message = format!("`{}` is set neither for service `{service}` nor here", password.env);
        let diagnostic = context.wrong(&format!("{at}.password.env"), message);
        diagnostic.help.push(format!("export {} before you start Backout", password.env));
    }
    found
}

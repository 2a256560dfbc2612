//! Observed stores that are no databases, as they are written.

use schemars::JsonSchema;
use serde::Deserialize;

use super::file::Password;

/// An observed Redis server: all its databases that hold keys, its functions, users and settings.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Redis {
    /// The Compose service that serves it.
    pub service: String,
    /// The port in the container (default 6379).
    #[schemars(range(min = 1))]
    pub port: Option<u16>,
    /// The user to connect as (default `default`); must be able to read every key and to run scripts.
    pub user: Option<String>,
    /// That user's password.
    pub password: Option<Password>,
}

/// An observed virtual host of a RabbitMQ: exchanges, queues, bindings, policies, users, and the messages of
/// the queues that can be read without harm.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RabbitMq {
    /// The Compose service that serves it.
    pub service: String,
    /// The port of its management interface in the container (default 15672).
    #[schemars(range(min = 1))]
    pub port: Option<u16>,
    /// The virtual host (default `/`).
    pub vhost: Option<String>,
    /// The user to ask as; must have the tag `policymaker`, and may read every queue. One with the tag
    /// `administrator` also sees users and what they may do.
    pub user: String,
    /// That user's password.
    pub password: Option<Password>,
    /// Queues of which only the depth counts, where it matters that a message was not delivered before; a
    /// `*` stands for any text: `jobs.*`.
    #[serde(default)]
    pub depth_only: Vec<String>,
}

/// The Alertmanager that is asked for alerts.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Alerts {
    /// The Compose service that it is.
    pub service: String,
    /// Its port in the container (default 9093).
    #[schemars(range(min = 1))]
    pub port: Option<u16>,
}

/// A host of the outside, such as a payment provider: what is called there is recorded, because it cannot be put
/// back.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Outside {
    /// Its name. Over `http` the Compose service that stands in for it. Over `smtp` any name: Backout itself
    /// takes the mail there, and passes none on.
    pub service: String,
    /// What is spoken with it (default `http`).
    #[serde(default)]
    pub protocol: Spoken,
    /// Its port (default: the only one that is known of the service; 25 for `smtp`).
    #[schemars(range(min = 1))]
    pub port: Option<u16>,
    /// The services that call it on behalf of the change (default: those of all `run` and `exec` steps).
    #[serde(default)]
    pub clients: Vec<String>,
}

/// What is spoken with the outside.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Spoken {
    /// HTTP/1.1, without TLS.
    #[default]
    Http,
    /// Mail, without TLS and without a password.
    Smtp,
}

/// An observed folder inside a service, on a volume or bind mount.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Folder {
    /// The Compose service in which it is mounted.
    pub service: String,
    /// Its absolute path in the container.
    pub path: String,
}

/// An observed JSON document.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// Its name in reports: letters, digits, `-` and `_`.
    pub name: String,
    /// The Compose service that serves it.
    pub service: String,
    /// The port in the container (default: the only one that the service names).
    #[schemars(range(min = 1))]
    pub port: Option<u16>,
    /// Its path, with query.
    pub get: String,
    /// JSON pointers of what does not count, with everything below; a `*` stands for any text between two
    /// slashes: `/flags/*/updated_at`.
    #[serde(default)]
    pub ignore: Vec<String>,
}

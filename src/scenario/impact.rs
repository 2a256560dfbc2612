//! What a change is said to touch, as it is written.

use schemars::JsonSchema;
use serde::Deserialize;

/// What the change touches: these and nothing else. In every list but those of services, documents and hosts a `*` stands
/// for any text.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Impact {
    /// Compose services whose image, command, environment, mounts, networks or replicas are others then.
    #[serde(default)]
    pub services: Vec<String>,
    /// Tables whose rows, columns, indexes, constraints or triggers are others then: `orders`, `audit.*`.
    #[serde(default)]
    pub tables: Vec<String>,
    /// Keys of the observed Redis servers: `cart:*`.
    #[serde(default)]
    pub keys: Vec<String>,
    /// Queues of the observed RabbitMQ servers.
    #[serde(default)]
    pub queues: Vec<String>,
    /// Files in observed folders, with the service before the path: `app:/data/*`.
    #[serde(default)]
    pub files: Vec<String>,
    /// Observed documents, by name.
    #[serde(default)]
    pub documents: Vec<String>,
    /// Hosts under `observe.outside` that are called.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// Everything else, as reports name it: `function public.total(integer)`, `role reporting`.
    #[serde(default)]
    pub objects: Vec<String>,
}

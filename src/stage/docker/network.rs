//! The networks of a run, on addresses that nobody else uses (S22).

use std::collections::BTreeMap;

use bollard::models::{Ipam, IpamConfig, Network as EngineNetwork, NetworkCreateRequest};

use super::client::Engine;
use super::subnet::{Subnet, routed};
use crate::stage::StageError;

/// How a network is made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) name: String,
    pub(super) labels: BTreeMap<String, String>,
    /// It has no way out.
    pub(super) internal: bool,
    /// It lets in what is published and nothing out.
    pub(super) inward: bool,
}

/// Makes networks, one after the other: the engine gives each its own addresses. Says which.
pub(super) async fn create(
    engine: &Engine,
    range: Subnet,
    seed: u64,
    wanted: Vec<Wanted>,
) -> Result<BTreeMap<String, Subnet>, StageError> {
    let mut made = BTreeMap::new();
    if wanted.is_empty() {
        return Ok(made);
    }
    let mut free = free(engine, range, seed).await?.into_iter();
    let count = wanted.len();
    for network in wanted {
        loop {
            let Some(subnet) = free.next() else { return Err(none_left(&network.name, range, count)) };
            match engine.create_network(request(&network, subnet)).await {
                Ok(()) => {
                    made.insert(network.name.clone(), subnet);
                    break;
                }
                // Another runner was faster, or the host knows something that its routes do not show.
                Err(problem) if is_taken(&problem.error.cause) => {}
                Err(problem) => return Err(problem.into()),
            }
        }
    }
    Ok(made)
}

/// The pieces of the range that are free now.
pub(super) async fn free(engine: &Engine, range: Subnet, seed: u64) -> Result<Vec<Subnet>, StageError> {
    let mut taken = used(&engine.networks().await?);
    if engine.local {
        taken.extend(routed());
    }
    Ok(range.free(&taken, seed))
}

fn used(networks: &[EngineNetwork]) -> Vec<Subnet> {
    let configs = networks.iter().filter_map(|network| network.ipam.as_ref()?.config.as_ref()).flatten();
    let subnet = |config: &IpamConfig| {
        let (address, prefix) = config.subnet.as_deref()?.split_once('/')?;
        Some(Subnet::new(address.parse().ok()?, prefix.parse().ok()?))
    };
    configs.filter_map(subnet).collect()
}

fn request(wanted: &Wanted, subnet: Subnet) -> NetworkCreateRequest {
    let config = IpamConfig { subnet: Some(subnet.to_string()), ..IpamConfig::default() };
    let mut options = BTreeMap::new();
    if wanted.inward {
        options.insert("com.docker.network.bridge.enable_ip_masquerade", "false");
        options.insert("com.docker.network.bridge.enable_icc", "false");
    }
    NetworkCreateRequest {
        name: wanted.name.clone(),
        driver: Some("bridge".to_owned()),
        internal: Some(wanted.internal),
        labels: Some(wanted.labels.clone().into_iter().collect()),
        options: Some(options.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()),
        ipam: Some(Ipam { config: Some(vec![config]), ..Ipam::default() }),
        ..NetworkCreateRequest::default()
    }
}

fn is_taken(cause: &str) -> bool {
    cause.contains("overlaps") || cause.contains("conflicts with network")
}

fn none_left(name: &str, range: Subnet, count: usize) -> StageError {
    let cause = format!(
        "no piece of {range} is free for it ({count} needed): other networks of the engine or routes of the \
         host use them; remove some (`backout clean`) or give another range"
    );
    StageError::new("create", format!("network {name}"), cause)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn s22_the_engines_networks_are_in_use() {
        let networks: Vec<EngineNetwork> = serde_json::from_value(json!([
            {"Name": "bridge", "IPAM": {"Config": [{"Subnet": "172.17.0.0/16"}]}},
            {"Name": "six", "IPAM": {"Config": [{"Subnet": "fd00::/64"}, {"Subnet": "10.1.0.0/24"}]}},
            {"Name": "host", "IPAM": {"Config": null}},
        ]))
        .unwrap();
        let used: Vec<String> = used(&networks).iter().map(ToString::to_string).collect();
        assert_eq!(used, ["172.17.0.0/16", "10.1.0.0/24"]);
    }

    #[test]
    fn a_network_that_only_lets_in_does_not_masquerade() {
        let wanted = Wanted { name: "n".into(), inward: true, ..Wanted::default() };
        let request = serde_json::to_value(request(&wanted, "10.213.7.0/24".parse().unwrap())).unwrap();
        assert_eq!(
            request.pointer("/Options/com.docker.network.bridge.enable_ip_masquerade"),
            Some(&json!("false"))
        );
        assert_eq!(request.pointer("/IPAM/Config/0/Subnet"), Some(&json!("10.213.7.0/24")));
        assert_eq!(request["Internal"], json!(false));
    }
}

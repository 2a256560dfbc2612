//! How the runner reaches a service (S17): a port of the loopback that the engine chose, or a relay
//! where the engine's loopback is not ours.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use bollard::models::ContainerInspectResponse;

use super::DockerStage;
use crate::stage::StageError;

impl DockerStage {
    pub(super) async fn reach(&self, service: &str, port: u16) -> Result<SocketAddr, StageError> {
        self.known("reach", service)?;
        let mode = self.0.project.services[service].network_mode.as_deref();
        let owner = mode.and_then(|mode| mode.strip_prefix("service:")).unwrap_or(service);
        if !self.engine().near
            && let Some(address) = self.relay(service, port).await?
        {
            return Ok(address);
        }
        let containers = self.inspect_containers(owner).await?;
        let published = containers.iter().find_map(|container| published(container, port));
        let closed = || {
            let cause = format!("port {port} is not published: it does not run, or has no network");
            StageError::new("reach", format!("service {service}"), cause)
        };
        Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), published.ok_or_else(closed)?))
    }
}

/// The engine's port for a port of a container.
fn published(container: &ContainerInspectResponse, port: u16) -> Option<u16> {
    let ports = container.network_settings.as_ref()?.ports.as_ref()?;
    let bindings = ports.get(&format!("{port}/tcp"))?.as_ref()?;
    bindings.iter().find_map(|binding| binding.host_port.as_deref()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn s17_a_port_is_the_one_that_the_engine_chose() {
        let container: ContainerInspectResponse = serde_json::from_value(json!({
            "NetworkSettings": {"Ports": {
                "80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "49153"}],
                "81/tcp": null,
            }}
        }))
        .unwrap();
        assert_eq!(published(&container, 80), Some(49153));
        assert_eq!(published(&container, 81), None);
        assert_eq!(published(&container, 82), None);
    }
}

//! What the engine says of a container, in the stage's words. Pure.

use std::collections::BTreeMap;
use std::net::IpAddr;

use bollard::models::{
    ContainerInspectResponse, ContainerStateStatusEnum as Status, HealthStatusEnum, MountPoint,
};

use super::names::Names;
use crate::stage::{Health, Instance, ServiceState};

/// The first process of a container, as the engine numbers it; none when none runs.
pub(super) fn pid(inspected: &ContainerInspectResponse) -> Option<i64> {
    inspected.state.as_ref()?.pid.filter(|pid| *pid > 0)
}

pub(super) fn health(inspected: &ContainerInspectResponse) -> Health {
    let Some(state) = &inspected.state else { return Health::Absent };
    match state.status {
        Some(Status::RUNNING | Status::STOPPING) => {
            match state.health.as_ref().and_then(|health| health.status) {
                Some(HealthStatusEnum::HEALTHY) => Health::Healthy,
                Some(HealthStatusEnum::STARTING) => Health::Starting,
                Some(HealthStatusEnum::UNHEALTHY) => Health::Unhealthy,
                Some(HealthStatusEnum::NONE | HealthStatusEnum::EMPTY) | None => Health::Running,
            }
        }
        Some(Status::PAUSED) => Health::Paused,
        Some(Status::RESTARTING) => Health::Restarting,
        Some(Status::EXITED | Status::DEAD) => Health::Exited(state.exit_code.unwrap_or(-1)),
        Some(Status::CREATED | Status::REMOVING | Status::EMPTY) | None => Health::Absent,
    }
}

pub(super) fn instance(names: &Names, inspected: &ContainerInspectResponse) -> Instance {
    let state = inspected.state.as_ref();
    Instance {
        name: inspected.name.as_deref().unwrap_or_default().trim_start_matches('/').to_owned(),
        health: health(inspected),
        started: state.and_then(|state| state.started_at.clone()).unwrap_or_default(),
        restarts: inspected.restart_count.and_then(|count| u64::try_from(count).ok()).unwrap_or(0),
        networks: networks(names, inspected),
        addresses: addresses(inspected),
        limits: super::limit::of(inspected.host_config.as_ref()),
    }
}

fn addresses(inspected: &ContainerInspectResponse) -> Vec<IpAddr> {
    let networks = inspected.network_settings.as_ref().and_then(|settings| settings.networks.as_ref());
    let endpoints = networks.into_iter().flat_map(|networks| networks.values());
    endpoints.filter_map(|endpoint| endpoint.ip_address.as_deref()?.parse().ok()).collect()
}

/// What a service is, `health` being that of all its containers.
pub(super) fn service(
    names: &Names,
    mounted: &dyn Fn(&MountPoint) -> String,
    containers: &[ContainerInspectResponse],
    health: Health,
) -> ServiceState {
    let each: Vec<ServiceState> = containers.iter().map(|container| one(names, mounted, container)).collect();
    ServiceState::of(&each, health)
}

fn one(
    names: &Names,
    mounted: &dyn Fn(&MountPoint) -> String,
    inspected: &ContainerInspectResponse,
) -> ServiceState {
    let config = inspected.config.as_ref();
    let host = inspected.host_config.as_ref();
    let instance = instance(names, inspected);
    let mut mounts: BTreeMap<String, String> = inspected
        .mounts
        .iter()
        .flatten()
        .map(|mount| (mount.destination.clone().unwrap_or_default(), mounted(mount)))
        .collect();
    let tmpfs = host.and_then(|host| host.tmpfs.as_ref()).into_iter().flatten();
    mounts.extend(
        tmpfs.map(|(target, options)| (target.clone(), format!("tmpfs {options}").trim().to_owned())),
    );
    ServiceState {
        image: inspected.image.clone().unwrap_or_default(),
        command: config.and_then(|config| config.cmd.clone()).unwrap_or_default(),
        entrypoint: config.and_then(|config| config.entrypoint.clone()).unwrap_or_default(),
        environment: environment(config.and_then(|config| config.env.as_deref()).unwrap_or_default()),
        mounts,
        networks: instance.networks,
        replicas: u32::from(instance.health.is_up()),
        health: instance.health,
        restarts: instance.restarts,
    }
}

/// A variable without a value is one that is taken away.
fn environment(variables: &[String]) -> BTreeMap<String, String> {
    let pair =
        |variable: &String| variable.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    variables.iter().filter_map(pair).collect()
}

fn networks(names: &Names, inspected: &ContainerInspectResponse) -> Vec<String> {
    let joined = inspected.network_settings.as_ref().and_then(|settings| settings.networks.as_ref());
    let mut networks: Vec<String> = joined
        .into_iter()
        .flat_map(|networks| networks.keys())
        .filter(|network| **network != names.reach())
        .map(|network| names.network_of(network).unwrap_or(network).to_owned())
        .collect();
    networks.sort();
    networks
}

/// The volume or place on the engine that a mount shows.
pub(super) fn source(mount: &MountPoint) -> (&str, bool) {
    let is_volume = mount.typ.as_deref() == Some("volume");
    let source = if is_volume { mount.name.as_deref() } else { mount.source.as_deref() };
    (source.unwrap_or_default(), is_volume)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::stage::docker::owner::Owner;

    fn inspected(json: serde_json::Value) -> ContainerInspectResponse {
        serde_json::from_value(json).unwrap()
    }

    fn health_of(state: serde_json::Value) -> Health {
        health(&inspected(json!({ "State": state })))
    }

    #[test]
    fn the_engines_states_have_the_stages_words() {
        assert_eq!(health_of(json!({"Status": "running"})), Health::Running);
        assert_eq!(health_of(json!({"Status": "running", "Health": {"Status": "none"}})), Health::Running);
        assert_eq!(health_of(json!({"Status": "running", "Health": {"Status": "healthy"}})), Health::Healthy);
        assert_eq!(
            health_of(json!({"Status": "running", "Health": {"Status": "starting"}})),
            Health::Starting
        );
        assert_eq!(
            health_of(json!({"Status": "running", "Health": {"Status": "unhealthy"}})),
            Health::Unhealthy
        );
        assert_eq!(health_of(json!({"Status": "paused"})), Health::Paused);
        assert_eq!(health_of(json!({"Status": "restarting"})), Health::Restarting);
        assert_eq!(health_of(json!({"Status": "exited", "ExitCode": 137})), Health::Exited(137));
        assert_eq!(health_of(json!({"Status": "created"})), Health::Absent);
    }

    #[test]
    fn s11_a_service_is_what_its_containers_are_by_compose_names() {
        let names = Names::new("r1", &Owner::here().unwrap(), 0, false);
        let container = |image: &str, status: &str| {
            inspected(json!({
                "Name": "/backout-r1-api-1",
                "Image": image,
                "RestartCount": 2,
                "State": {"Status": status, "ExitCode": 1},
                "Config": {"Cmd": ["serve"], "Entrypoint": null, "Env": ["A=1=2", "GONE"]},
                "HostConfig": {"Tmpfs": {"/t": ""}},
                "Mounts": [{"Type": "volume", "Name": "v1", "Destination": "/data"}],
                "NetworkSettings": {"Networks": {"backout-r1-front": {}, "backout-r1-back": {}}},
            }))
        };
        let mounted = |mount: &MountPoint| format!("volume {}", source(mount).0);
        let containers = [container("a", "running"), container("b", "exited")];
        let state = service(&names, &mounted, &containers, Health::Running);
        assert_eq!(state.image, "a, b");
        assert_eq!(state.command, ["serve"]);
        assert_eq!(state.environment, [("A".to_owned(), "1=2".to_owned())].into());
        assert_eq!(state.mounts["/data"], "volume v1");
        assert_eq!(state.mounts["/t"], "tmpfs");
        assert_eq!(state.networks, ["back", "front"]);
        assert_eq!((state.replicas, state.restarts), (1, 4));
    }
}

//! A Compose service as the engine's create call wants it. Pure.

use std::collections::{BTreeMap, BTreeSet};

use bollard::models::{
    ContainerCreateBody, EndpointSettings, HealthConfig, HostConfig, HostConfigLogConfig, Mount,
    MountTmpfsOptions, MountType, MountVolumeOptions, MountVolumeOptionsDriverConfig, NetworkingConfig,
    PortBinding, PortMap, ResourcesUlimits, RestartPolicy, RestartPolicyNameEnum,
};

use crate::compose::model::{Healthcheck, MountSource, Port, Restart, Service};
use crate::stage::Deploy;

/// What a service runs now; `deploy` changes it (S10).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Runs {
    /// Image ID.
    pub(super) image: String,
    pub(super) command: Option<Vec<String>>,
    pub(super) entrypoint: Option<Vec<String>>,
    /// Variables; none takes away one that the image sets.
    pub(super) environment: BTreeMap<String, Option<String>>,
    pub(super) replicas: u32,
}

impl Runs {
    /// What the Compose file says.
    pub(super) fn declared(service: &Service, image: String) -> Self {
        let variable = |(name, value): (&String, &String)| (name.clone(), Some(value.clone()));
        Self {
            image,
            command: service.command.clone(),
            entrypoint: service.entrypoint.clone(),
            environment: service.environment.iter().map(variable).collect(),
            replicas: service.replicas,
        }
    }

    /// What it is after a deploy: what is not named stays.
    pub(super) fn after(&self, change: &Deploy) -> Self {
        let mut runs = self.clone();
        runs.environment.extend(change.environment.clone());
        Self {
            image: change.image.clone().unwrap_or(runs.image),
            command: change.command.clone().or(runs.command),
            entrypoint: change.entrypoint.clone().or(runs.entrypoint),
            environment: runs.environment,
            replicas: change.replicas.unwrap_or(runs.replicas),
        }
    }
}

/// Where a container is put: everything that is not written in the Compose file.
#[derive(Debug, Clone, Default)]
pub(super) struct Place {
    pub(super) labels: BTreeMap<String, String>,
    /// Networks on the engine with the names by which the container is known there; the first is
    /// joined at creation.
    pub(super) networks: Vec<(String, Vec<String>)>,
    /// Instead of networks: `none` or `container:NAME`.
    pub(super) network_mode: Option<String>,
    /// Volumes on the engine by Compose name.
    pub(super) volumes: BTreeMap<String, Volume>,
    /// Volumes without a Compose name by path in the container.
    pub(super) anonymous: BTreeMap<String, Volume>,
    /// Uploaded files: path in the container to path on the engine, and whether they may be written.
    pub(super) files: Vec<(String, String, bool)>,
    /// Hosts that it finds elsewhere than the engine says, as `name:address`.
    pub(super) detours: Vec<String>,
    /// Ports to publish on loopback.
    pub(super) ports: BTreeSet<Port>,
    /// Whether it is a one-shot container: it has neither restart policy nor health check.
    pub(super) one_shot: bool,
}

/// A volume on the engine, which makes it where it is not there yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Volume {
    pub(super) name: String,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) options: BTreeMap<String, String>,
}

/// The body of the create call.
pub(super) fn body(service: &Service, runs: &Runs, place: &Place) -> ContainerCreateBody {
    let first = place.networks.first().map(|(network, aliases)| (network.clone(), endpoint(aliases)));
    ContainerCreateBody {
        image: Some(runs.image.clone()),
        cmd: runs.command.clone(),
        entrypoint: runs.entrypoint.clone(),
        env: Some(environment(&runs.environment)),
        user: service.user.clone(),
        working_dir: service.working_dir.clone(),
        hostname: service.hostname.clone(),
        tty: Some(service.tty),
        open_stdin: Some(service.stdin_open),
        labels: Some(place.labels.clone().into_iter().collect()),
        exposed_ports: Some(exposed(service, &place.ports)),
        healthcheck: if place.one_shot {
            Some(no_healthcheck())
        } else {
            service.healthcheck.as_ref().map(health)
        },
        stop_signal: service.stop_signal.clone(),
        stop_timeout: Some(seconds_up(service.stop_grace_period_ms)),
        host_config: Some(host(service, place)),
        networking_config: first
            .map(|first| NetworkingConfig { endpoints_config: Some([first].into_iter().collect()) }),
        ..ContainerCreateBody::default()
    }
}

/// How a container joins a network under these names.
pub(super) fn endpoint(aliases: &[String]) -> EndpointSettings {
    EndpointSettings { aliases: Some(aliases.to_vec()), ..EndpointSettings::default() }
}

fn host(service: &Service, place: &Place) -> HostConfig {
    let mode = place.network_mode.clone();
    let mode = mode.or_else(|| place.networks.first().map(|(network, _)| network.clone()));
    HostConfig {
        network_mode: Some(mode.unwrap_or_else(|| "none".to_owned())),
        port_bindings: Some(bindings(&place.ports)),
        restart_policy: Some(restart(if place.one_shot { Restart::No } else { service.restart })),
        mounts: Some(mounts(service, place)),
        binds: Some(binds(&place.files)),
        tmpfs: Some(service.tmpfs.clone().into_iter().collect()),
        cap_add: some(&service.cap_add),
        cap_drop: some(&service.cap_drop),
        security_opt: some(&service.security_opt),
        extra_hosts: some(&[&*service.extra_hosts, &*place.detours].concat()),
        readonly_rootfs: Some(service.read_only),
        shm_size: service.shm_size.map(whole),
        sysctls: Some(service.sysctls.clone().into_iter().collect()),
        ulimits: Some(ulimits(service)),
        init: Some(service.init),
        log_config: Some(log()),
        ..HostConfig::default()
    }
}

/// Whatever the engine's own setting is, output must be readable, and not be cut before anybody has
/// read it; one runaway program must not fill the disk either.
fn log() -> HostConfigLogConfig {
    let options = [("max-size", "1g"), ("max-file", "1")];
    let options = options.map(|(name, value)| (name.to_owned(), value.to_owned()));
    HostConfigLogConfig { typ: Some("json-file".to_owned()), config: Some(options.into_iter().collect()) }
}

/// A name without a value takes away what the image sets.
fn environment(variables: &BTreeMap<String, Option<String>>) -> Vec<String> {
    let one = |(name, value): (&String, &Option<String>)| match value {
        Some(value) => format!("{name}={value}"),
        None => name.clone(),
    };
    variables.iter().map(one).collect()
}

fn exposed(service: &Service, ports: &BTreeSet<Port>) -> Vec<String> {
    let with_protocol = |port: &String| if port.contains('/') { port.clone() } else { format!("{port}/tcp") };
    let published = ports.iter().map(port_key);
    let exposed: BTreeSet<String> = service.expose.iter().map(with_protocol).chain(published).collect();
    exposed.into_iter().collect()
}

fn port_key(port: &Port) -> String {
    format!("{}/{}", port.target, port.protocol)
}

/// The engine chooses the port; nobody but this machine reaches it.
fn bindings(ports: &BTreeSet<Port>) -> PortMap {
    let loopback = PortBinding { host_ip: Some("127.0.0.1".to_owned()), host_port: Some(String::new()) };
    ports.iter().map(|port| (port_key(port), Some(vec![loopback.clone()]))).collect()
}

fn restart(policy: Restart) -> RestartPolicy {
    let (name, count) = match policy {
        Restart::No => (RestartPolicyNameEnum::NO, None),
        Restart::Always => (RestartPolicyNameEnum::ALWAYS, None),
        Restart::UnlessStopped => (RestartPolicyNameEnum::UNLESS_STOPPED, None),
        Restart::OnFailure(count) => (RestartPolicyNameEnum::ON_FAILURE, Some(i64::from(count))),
    };
    RestartPolicy { name: Some(name), maximum_retry_count: count }
}

fn mounts(service: &Service, place: &Place) -> Vec<Mount> {
    let declared = service.mounts.iter().filter_map(|mount| match &mount.source {
        MountSource::Volume(name) => {
            place.volumes.get(name).map(|volume| volume_mount(&mount.target, volume, mount.read_only))
        }
        MountSource::Tmpfs { size, mode } => Some(tmpfs_mount(&mount.target, *size, *mode)),
        // These have volumes of the run, see below, or are among the uploaded files.
        MountSource::Anonymous | MountSource::Bind(_) | MountSource::Made(_) => None,
    });
    let read_only =
        |target: &str| service.mounts.iter().any(|mount| mount.target == target && mount.read_only);
    let own = |(target, volume): (&String, &Volume)| volume_mount(target, volume, read_only(target));
    let anonymous = place.anonymous.iter().map(own);
    declared.chain(anonymous).collect()
}

pub(super) fn volume_mount(target: &str, volume: &Volume, read_only: bool) -> Mount {
    let driver = (!volume.options.is_empty()).then(|| MountVolumeOptionsDriverConfig {
        name: Some("local".to_owned()),
        options: Some(volume.options.clone().into_iter().collect()),
    });
    let options = MountVolumeOptions {
        labels: Some(volume.labels.clone().into_iter().collect()),
        driver_config: driver,
        ..MountVolumeOptions::default()
    };
    Mount {
        target: Some(target.to_owned()),
        source: Some(volume.name.clone()),
        typ: Some(MountType::VOLUME),
        read_only: Some(read_only),
        volume_options: Some(options),
        ..Mount::default()
    }
}

fn tmpfs_mount(target: &str, size: Option<u64>, mode: Option<u32>) -> Mount {
    let options = MountTmpfsOptions { size_bytes: size.map(whole), mode: mode.map(i64::from), options: None };
    Mount {
        target: Some(target.to_owned()),
        typ: Some(MountType::TMPFS),
        tmpfs_options: Some(options),
        ..Mount::default()
    }
}

/// Uploaded files lie in a volume of the run; only a bind of their place there mounts single files.
fn binds(files: &[(String, String, bool)]) -> Vec<String> {
    let one = |(target, source, writable): &(String, String, bool)| {
        format!("{source}:{target}:{},z", if *writable { "rw" } else { "ro" })
    };
    files.iter().map(one).collect()
}

fn ulimits(service: &Service) -> Vec<ResourcesUlimits> {
    let one = |(name, limit): (&String, &crate::compose::model::Ulimit)| ResourcesUlimits {
        name: Some(name.clone()),
        soft: Some(limit.soft),
        hard: Some(limit.hard),
    };
    service.ulimits.iter().map(one).collect()
}

fn health(check: &Healthcheck) -> HealthConfig {
    let nanoseconds = |millis: Option<u64>| millis.map(|millis| whole(millis.saturating_mul(1_000_000)));
    HealthConfig {
        test: Some(check.test.clone()),
        interval: nanoseconds(check.interval_ms),
        timeout: nanoseconds(check.timeout_ms),
        start_period: nanoseconds(check.start_period_ms),
        retries: check.retries.map(i64::from),
        start_interval: None,
    }
}

fn no_healthcheck() -> HealthConfig {
    HealthConfig { test: Some(vec!["NONE".to_owned()]), ..HealthConfig::default() }
}

fn seconds_up(millis: u64) -> i64 {
    whole(millis.div_ceil(1000))
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn some(list: &[String]) -> Option<Vec<String>> {
    (!list.is_empty()).then(|| list.to_vec())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use serde_json::{Value, json};

    use super::*;
    use crate::compose::model::{Mount as ComposeMount, Ulimit};

    /// The body as it goes over the wire.
    fn wire(service: &Service, runs: &Runs, place: &Place) -> Value {
        serde_json::to_value(body(service, runs, place)).unwrap()
    }

    #[track_caller]
    fn check(service: &Service, pointer: &str, expected: &Value) {
        let body = wire(service, &Runs::default(), &Place::default());
        assert_eq!(body.pointer(pointer), Some(expected), "{body:#}");
    }

    #[test]
    fn every_plain_key_finds_its_field() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let base = Service::default;
        check(&Service { user: Some("1:2".into()), ..base() }, "/User", &json!("1:2"));
        check(&Service { working_dir: Some("/w".into()), ..base() }, "/WorkingDir", &json!("/w"));
        check(&Service { hostname: Some("h".into()), ..base() }, "/Hostname", &json!("h"));
        check(&Service { tty: true, ..base() }, "/Tty", &json!(true));
        check(&Service { stdin_open: true, ..base() }, "/OpenStdin", &json!(true));
        check(&Service { stop_signal: Some("SIGINT".into()), ..base() }, "/StopSignal", &json!("SIGINT"));
        check(&Service { stop_grace_period_ms: 1500, ..base() }, "/StopTimeout", &json!(2));
        check(
            &Service { cap_add: words("NET_ADMIN"), ..base() },
            "/HostConfig/CapAdd",
            &json!(["NET_ADMIN"]),
        );
        check(&Service { cap_drop: words("ALL"), ..base() }, "/HostConfig/CapDrop", &json!(["ALL"]));
        let options = Service { security_opt: words("no-new-privileges:true"), ..base() };
        check(&options, "/HostConfig/SecurityOpt", &json!(["no-new-privileges:true"]));
        check(&Service { read_only: true, ..base() }, "/HostConfig/ReadonlyRootfs", &json!(true));
        check(&Service { shm_size: Some(64), ..base() }, "/HostConfig/ShmSize", &json!(64));
        check(&Service { init: true, ..base() }, "/HostConfig/Init", &json!(true));
        check(
            &Service { extra_hosts: words("a:1.2.3.4"), ..base() },
            "/HostConfig/ExtraHosts",
            &json!(["a:1.2.3.4"]),
        );
        let sysctls = [("net.core.somaxconn".to_owned(), "9".to_owned())].into();
        check(&Service { sysctls, ..base() }, "/HostConfig/Sysctls", &json!({"net.core.somaxconn": "9"}));
        let tmpfs = [("/t".to_owned(), "size=1m".to_owned())].into();
        check(&Service { tmpfs, ..base() }, "/HostConfig/Tmpfs", &json!({"/t": "size=1m"}));
        let ulimits = [("nofile".to_owned(), Ulimit { soft: 1, hard: 2 })].into();
        let expected = json!([{"Name": "nofile", "Soft": 1, "Hard": 2}]);
        check(&Service { ulimits, ..base() }, "/HostConfig/Ulimits", &expected);
        check(
            &Service { expose: words("80 53/udp"), ..base() },
            "/ExposedPorts",
            &json!({"53/udp": {}, "80/tcp": {}}),
        );
        check(&base(), "/HostConfig/NetworkMode", &json!("none"));
        check(&base(), "/HostConfig/LogConfig/Type", &json!("json-file"));
    }

    #[test]
    fn restart_policies_have_the_engines_names() {
        let policy = "/HostConfig/RestartPolicy";
        let expected = json!({"Name": "on-failure", "MaximumRetryCount": 3});
        check(&Service { restart: Restart::OnFailure(3), ..Service::default() }, policy, &expected);
        let stopped = Service { restart: Restart::UnlessStopped, ..Service::default() };
        check(&stopped, policy, &json!({"Name": "unless-stopped"}));
        let one_shot = Place { one_shot: true, ..Place::default() };
        let body = wire(&stopped, &Runs::default(), &one_shot);
        assert_eq!(body.pointer("/HostConfig/RestartPolicy/Name"), Some(&json!("no")));
        assert_eq!(body.pointer("/Healthcheck/Test"), Some(&json!(["NONE"])));
    }

    #[test]
    fn a_health_check_counts_in_nanoseconds() {
        let healthcheck = Healthcheck {
            test: vec!["CMD-SHELL".into(), "true".into()],
            interval_ms: Some(200),
            retries: Some(3),
            ..Healthcheck::default()
        };
        let service = Service { healthcheck: Some(healthcheck), ..Service::default() };
        let expected = json!({"Test": ["CMD-SHELL", "true"], "Interval": 200_000_000, "Retries": 3});
        check(&service, "/Healthcheck", &expected);
    }

    #[test]
    fn what_a_service_runs_comes_from_the_last_deploy() {
        let environment = [("A".to_owned(), Some("1".to_owned())), ("B".to_owned(), None)].into();
        let runs = Runs {
            image: "sha256:1".into(),
            command: Some(vec!["serve".into()]),
            entrypoint: Some(vec![]),
            environment,
            replicas: 1,
        };
        let service = Service { command: Some(vec!["old".into()]), ..Service::default() };
        let body = wire(&service, &runs, &Place::default());
        assert_eq!(body["Image"], json!("sha256:1"));
        assert_eq!(body["Cmd"], json!(["serve"]));
        assert_eq!(body["Entrypoint"], json!([]));
        assert_eq!(body["Env"], json!(["A=1", "B"]));
    }

    #[test]
    fn s10_a_deploy_changes_what_it_names_and_nothing_else() {
        let variables = |pairs: &[(&str, Option<&str>)]| {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), value.map(str::to_owned))).collect()
        };
        let service = Service {
            command: Some(vec!["serve".into()]),
            environment: [("FLAG".to_owned(), "off".to_owned()), ("OLD".to_owned(), "1".to_owned())].into(),
            replicas: 2,
            ..Service::default()
        };
        let before = Runs::declared(&service, "v1".into());
        let change = Deploy {
            service: "api".into(),
            image: Some("v2".into()),
            environment: variables(&[("FLAG", Some("on")), ("OLD", None)]),
            ..Deploy::default()
        };
        let after = before.after(&change);
        let expected = Runs {
            image: "v2".into(),
            environment: variables(&[("FLAG", Some("on")), ("OLD", None)]),
            ..before.clone()
        };
        assert_eq!(after, expected);
        // A rollback of the image alone forgets the flag, and that must be seen.
        let back = Deploy { service: "api".into(), image: Some("v1".into()), ..Deploy::default() };
        assert_ne!(after.after(&back), before);
    }

    #[test]
    fn s17_ports_are_published_on_loopback_and_chosen_by_the_engine() {
        let ports = [Port { target: 80, protocol: "tcp".into() }].into();
        let body = wire(&Service::default(), &Runs::default(), &Place { ports, ..Place::default() });
        let expected = json!({"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": ""}]});
        assert_eq!(body.pointer("/HostConfig/PortBindings"), Some(&expected));
        assert_eq!(body["ExposedPorts"], json!({"80/tcp": {}}));
    }

    #[test]
    fn mounts_become_volumes_of_the_run_and_single_files_binds_into_one() {
        let mount =
            |target: &str, source, read_only| ComposeMount { target: target.into(), source, read_only };
        let service = Service {
            mounts: vec![
                mount("/data", MountSource::Volume("data".into()), true),
                mount("/cache", MountSource::Anonymous, false),
                mount("/init.sql", MountSource::Bind(PathBuf::from("/host/init.sql")), true),
                mount("/mem", MountSource::Tmpfs { size: Some(9), mode: Some(0o700) }, false),
            ],
            ..Service::default()
        };
        let volume = |name: &str| Volume { name: name.into(), ..Volume::default() };
        let labelled = Volume {
            labels: [("l".to_owned(), "1".to_owned())].into(),
            options: [("type".to_owned(), "tmpfs".to_owned())].into(),
            ..volume("v1")
        };
        let place = Place {
            volumes: [("data".to_owned(), labelled)].into(),
            anonymous: [("/cache".to_owned(), volume("v2"))].into(),
            files: vec![("/init.sql".into(), "/volumes/files/0".into(), false)],
            ..Place::default()
        };
        let body = wire(&service, &Runs::default(), &place);
        let expected = json!([
            {"Target": "/data", "Source": "v1", "Type": "volume", "ReadOnly": true, "VolumeOptions":
                {"Labels": {"l": "1"}, "DriverConfig": {"Name": "local", "Options": {"type": "tmpfs"}}}},
            {"Target": "/mem", "Type": "tmpfs", "TmpfsOptions": {"SizeBytes": 9, "Mode": 0o700}},
            {"Target": "/cache", "Source": "v2", "Type": "volume", "ReadOnly": false,
                "VolumeOptions": {"Labels": {}}},
        ]);
        assert_eq!(body.pointer("/HostConfig/Mounts"), Some(&expected));
        assert_eq!(body.pointer("/HostConfig/Binds"), Some(&json!(["/volumes/files/0:/init.sql:ro,z"])));
    }

    #[test]
    fn the_first_network_is_joined_at_creation_under_the_services_names() {
        let networks = vec![("n1".to_owned(), vec!["api".to_owned()]), ("n2".to_owned(), vec![])];
        let body = wire(&Service::default(), &Runs::default(), &Place { networks, ..Place::default() });
        assert_eq!(body.pointer("/HostConfig/NetworkMode"), Some(&json!("n1")));
        assert_eq!(
            body.pointer("/NetworkingConfig/EndpointsConfig"),
            Some(&json!({"n1": {"Aliases": ["api"]}}))
        );
    }
}

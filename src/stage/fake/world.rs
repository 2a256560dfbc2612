//! What the fake stage keeps, and how it changes. No waiting, no input or output.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use tokio::sync::{mpsc, watch};

use super::script::Script;
use crate::compose::Project;
use crate::compose::model::{MountSource, Restart, Service};
use crate::plan::model::Limits;
use crate::stage::{Deploy, Health, Instance, Killed, Line, Resource, ServiceState, StageError};

pub(super) struct World {
    pub(super) project: Project,
    pub(super) services: BTreeMap<String, Served>,
    pub(super) scripts: BTreeMap<(String, Vec<String>), Script>,
    pub(super) refused: BTreeMap<(String, String), StageError>,
    pub(super) ignored: BTreeSet<String>,
    pub(super) first_health: BTreeMap<String, Health>,
    pub(super) addresses: BTreeMap<(String, u16), SocketAddr>,
    pub(super) followers: BTreeMap<String, Vec<mpsc::Sender<Line>>>,
    pub(super) logs: BTreeMap<String, Vec<String>>,
    pub(super) strays: Vec<Resource>,
    pub(super) written: BTreeMap<String, String>,
    pub(super) on_copies: BTreeMap<String, Health>,
    pub(super) killed: Killed,
    pub(super) calls: Vec<String>,
    clock: u64,
    forever: watch::Sender<u64>,
}

/// What a service is now.
pub(super) struct Served {
    /// What it is to run.
    runs: ServiceState,
    containers: Vec<Container>,
    /// Changes when its processes end; what runs inside ends with them.
    generation: watch::Sender<u64>,
}

struct Container {
    runs: ServiceState,
    health: Health,
    started: u64,
    restarts: u64,
    networks: BTreeSet<String>,
    limits: Limits,
}

impl World {
    pub(super) fn new(project: Project) -> Self {
        Self {
            project,
            services: BTreeMap::new(),
            scripts: BTreeMap::new(),
            refused: BTreeMap::new(),
            ignored: BTreeSet::new(),
            first_health: BTreeMap::new(),
            addresses: BTreeMap::new(),
            followers: BTreeMap::new(),
            logs: BTreeMap::new(),
            strays: Vec::new(),
            written: BTreeMap::new(),
            on_copies: BTreeMap::new(),
            killed: Killed::Process,
            calls: Vec::new(),
            clock: 0,
            forever: watch::channel(0).0,
        }
    }

    pub(super) fn up(&mut self) {
        let active = |service: &Service, profiles: &[String]| {
            service.profiles.is_empty() || service.profiles.iter().any(|name| profiles.contains(name))
        };
        let services: Vec<(String, Service)> = self
            .project
            .services
            .iter()
            .filter(|(name, service)| {
                active(service, &self.project.profiles) && !self.services.contains_key(*name)
            })
            .map(|(name, service)| (name.clone(), service.clone()))
            .collect();
        for (name, service) in services {
            let runs = declared(&service);
            let containers = (0..service.replicas).map(|_| self.container(&name, &runs)).collect();
            let served = Served { runs, containers, generation: watch::channel(0).0 };
            self.services.insert(name, served);
        }
    }

    pub(super) fn retire(&mut self, kept: &BTreeSet<String>) {
        self.services.retain(|name, _| kept.contains(name));
    }

    pub(super) fn known(&self, operation: &'static str, service: &str) -> Result<(), StageError> {
        let known = self.project.services.contains_key(service);
        known.then_some(()).ok_or_else(|| error(operation, service, "there is no such service"))
    }

    /// What ends with the service's processes; an error when none runs.
    pub(super) fn running(
        &self,
        operation: &'static str,
        service: &str,
    ) -> Result<watch::Receiver<u64>, StageError> {
        let served = self.services.get(service).filter(|_| self.health(service).is_up());
        let served = served.ok_or_else(|| error(operation, service, "it is not running"))?;
        Ok(served.generation.subscribe())
    }

    /// What ends with nothing.
    pub(super) fn forever(&self) -> watch::Receiver<u64> {
        self.forever.subscribe()
    }

    pub(super) fn script_of(&self, service: &str, command: &[String]) -> Script {
        self.scripts.get(&(service.to_owned(), command.to_vec())).cloned().unwrap_or_default()
    }

    pub(super) fn deploy(&mut self, change: &Deploy) -> Result<(), StageError> {
        let name = &change.service;
        self.known("deploy", name)?;
        let before = self.services.get(name).map_or(&[][..], |served| &served.containers);
        let mut runs = self.runs(name);
        apply(&mut runs, change);
        let replicas = change.replicas.unwrap_or_else(|| u32::try_from(before.len()).unwrap_or(1));
        let unchanged = before.len() == replicas as usize
            && runs == self.runs(name)
            && before.iter().all(|container| container.runs == runs && container.health.is_up());
        if unchanged {
            return Ok(());
        }
        let containers = (0..replicas).map(|_| self.container(name, &runs)).collect();
        let generation = watch::channel(0).0;
        self.services.insert(name.clone(), Served { runs, containers, generation });
        Ok(())
    }

    pub(super) fn replace(&mut self, change: &Deploy, replica: u32) -> Result<(), StageError> {
        let name = &change.service;
        self.known("deploy", name)?;
        let mut runs = self.runs(name);
        apply(&mut runs, change);
        let new = self.container(name, &runs);
        let at = (replica as usize).checked_sub(1);
        let served = self.services.get_mut(name);
        let served = served.and_then(|served| Some((served.containers.get_mut(at?)?, &mut served.runs)));
        let (old, now) =
            served.ok_or_else(|| error("deploy", name, &format!("there is no replica {replica}")))?;
        if old.runs != runs || !old.health.is_up() {
            *old = new;
        }
        *now = runs;
        Ok(())
    }

    /// What a service is to run now.
    fn runs(&self, name: &str) -> ServiceState {
        let declared = || declared(&self.project.services[name]);
        self.services.get(name).map_or_else(declared, |served| served.runs.clone())
    }

    pub(super) fn states(&self) -> BTreeMap<String, ServiceState> {
        let state = |(name, served): (&String, &Served)| {
            let one = |container: &Container| ServiceState {
                replicas: u32::from(container.health.is_up()),
                health: container.health,
                networks: container.networks.iter().cloned().collect(),
                restarts: container.restarts,
                ..container.runs.clone()
            };
            let each: Vec<ServiceState> = served.containers.iter().map(one).collect();
            (name.clone(), ServiceState::of(&each, self.health(name)))
        };
        self.services.iter().map(state).collect()
    }

    pub(super) fn health(&self, service: &str) -> Health {
        let Some(served) = self.services.get(service) else { return Health::Absent };
        // One that ends stays among them: none is there only where none is wanted.
        served.containers.iter().map(|container| container.health).max().unwrap_or(Health::ScaledToZero)
    }

    pub(super) fn instances(&self, service: &str) -> Vec<Instance> {
        let Some(served) = self.services.get(service) else { return Vec::new() };
        let instance = |(number, container): (usize, &Container)| Instance {
            name: format!("backout-fake-{service}-{}", number + 1),
            health: container.health,
            started: container.started.to_string(),
            restarts: container.restarts,
            networks: container.networks.iter().cloned().collect(),
            addresses: Vec::new(),
            limits: container.limits,
        };
        served.containers.iter().enumerate().map(instance).collect()
    }

    pub(super) fn set_health(&mut self, service: &str, health: Health) {
        for container in self.containers(service) {
            container.health = health;
        }
    }

    pub(super) fn thaw(&mut self, service: &str) {
        let health = self.health_after_start(service);
        for container in self.containers(service).iter_mut().filter(|c| c.health == Health::Paused) {
            container.health = health;
        }
    }

    /// A signal ends the process; the restart policy acts unless the engine sent it.
    pub(super) fn signal(&mut self, service: &str, signal: &str, killed: Killed) {
        let code = if signal == "SIGKILL" { 137 } else { 143 };
        self.end(service, code);
        let policy = self.project.services.get(service).map(|service| service.restart);
        if killed == Killed::Process && policy.is_some_and(|policy| policy != Restart::No) {
            self.start(service);
            for container in self.containers(service) {
                container.restarts += 1;
            }
        }
    }

    pub(super) fn end(&mut self, service: &str, exit_code: i64) {
        for container in self.containers(service).iter_mut().filter(|c| c.health.is_up()) {
            container.health = Health::Exited(exit_code);
        }
        if let Some(served) = self.services.get(service) {
            served.generation.send_modify(|generation| *generation += 1);
        }
    }

    pub(super) fn start(&mut self, service: &str) {
        let health = self.health_after_start(service);
        self.clock += 1;
        let now = self.clock;
        for container in self.containers(service).iter_mut().filter(|c| !c.health.is_up()) {
            (container.health, container.started) = (health, now);
        }
    }

    pub(super) fn disconnect(&mut self, service: &str, network: &str) -> Result<(), StageError> {
        let mut found = false;
        for container in self.containers(service) {
            found |= container.networks.remove(network);
        }
        let missing = || error("disconnect", service, &format!("it is not on the network {network}"));
        found.then_some(()).ok_or_else(missing)
    }

    pub(super) fn connect(&mut self, service: &str, network: &str) {
        for container in self.containers(service) {
            container.networks.insert(network.to_owned());
        }
    }

    pub(super) fn limit(&mut self, service: &str, limits: &Limits) {
        for container in self.containers(service) {
            let now = &mut container.limits;
            now.memory = limits.memory.or(now.memory);
            now.cpu_percent = limits.cpu_percent.or(now.cpu_percent);
        }
    }

    pub(super) fn unlimit(&mut self, service: &str, limits: &Limits) {
        for container in self.containers(service) {
            let now = &mut container.limits;
            now.memory = now.memory.filter(|_| limits.memory.is_none());
            now.cpu_percent = now.cpu_percent.filter(|_| limits.cpu_percent.is_none());
        }
    }

    pub(super) fn say(&mut self, service: &str, line: &Line) {
        self.logs.entry(service.to_owned()).or_default().push(line.text.clone());
        let followers = self.followers.entry(service.to_owned()).or_default();
        followers.retain(|follower| follower.try_send(line.clone()).is_ok());
    }

    fn containers(&mut self, service: &str) -> &mut [Container] {
        self.services.get_mut(service).map_or(&mut [], |served| served.containers.as_mut_slice())
    }

    fn container(&mut self, service: &str, runs: &ServiceState) -> Container {
        self.clock += 1;
        let networks = self.project.services.get(service).map(|service| &service.networks);
        Container {
            runs: runs.clone(),
            health: self.health_after_start(service),
            started: self.clock,
            restarts: 0,
            networks: networks.into_iter().flat_map(|networks| networks.keys().cloned()).collect(),
            limits: Limits::default(),
        }
    }

    fn health_after_start(&self, service: &str) -> Health {
        let declared = self.project.services.get(service).and_then(|service| service.healthcheck.as_ref());
        let usual = if declared.is_some() { Health::Healthy } else { Health::Running };
        self.first_health.get(service).copied().unwrap_or(usual)
    }
}

fn declared(service: &Service) -> ServiceState {
    ServiceState {
        image: service.image.clone().unwrap_or_default(),
        command: service.command.clone().unwrap_or_default(),
        entrypoint: service.entrypoint.clone().unwrap_or_default(),
        environment: service.environment.clone(),
        mounts: service.mounts.iter().map(|mount| (mount.target.clone(), named(&mount.source))).collect(),
        ..ServiceState::default()
    }
}

fn named(source: &MountSource) -> String {
    match source {
        MountSource::Volume(name) => format!("volume {name}"),
        MountSource::Bind(path) | MountSource::Made(path) => format!("bind {}", path.display()),
        MountSource::Anonymous => "anonymous volume".to_owned(),
        MountSource::Tmpfs { .. } => "tmpfs".to_owned(),
    }
}

fn apply(state: &mut ServiceState, change: &Deploy) {
    state.image = change.image.clone().unwrap_or_else(|| state.image.clone());
    state.command = change.command.clone().unwrap_or_else(|| state.command.clone());
    state.entrypoint = change.entrypoint.clone().unwrap_or_else(|| state.entrypoint.clone());
    for (name, value) in &change.environment {
        match value {
            Some(value) => state.environment.insert(name.clone(), value.clone()),
            None => state.environment.remove(name),
        };
    }
}

fn error(operation: &'static str, service: &str, cause: &str) -> StageError {
    StageError::new(operation, format!("service {service}"), cause)
}

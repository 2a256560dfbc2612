//! What the services are, and the engine's verbs on all containers of one service.

use std::collections::{BTreeMap, BTreeSet};

use bollard::models::{ContainerInspectResponse, MountPoint};
use futures_util::future::join_all;

use super::client::Problem;
use super::spec::{self, Runs};
use super::{DockerStage, look, resource, signal};
use crate::stage::{Health, Killed, Resource, ResourceKind, ServiceState, StageError};

impl DockerStage {
    /// The containers of a service, by name on the engine.
    pub(super) fn containers(&self, service: &str) -> Vec<String> {
        let state = self.state();
        let served = state.services.get(service);
        served
            .map(|served| served.containers.iter().map(|(_, name)| name.clone()).collect())
            .unwrap_or_default()
    }

    pub(super) fn known(&self, operation: &'static str, service: &str) -> Result<(), StageError> {
        let known = self.0.project.services.contains_key(service);
        let unknown = || StageError::new(operation, format!("service {service}"), "there is no such service");
        known.then_some(()).ok_or_else(unknown)
    }

    /// What a service runs now, or would run.
    pub(super) fn runs(&self, service: &str) -> Result<Runs, StageError> {
        if let Some(served) = self.state().services.get(service) {
            return Ok(served.runs.clone());
        }
        let image = self.0.options.images.get(service).cloned();
        let none = || StageError::new("start", format!("service {service}"), "its image was not resolved");
        Ok(Runs::declared(&self.0.project.services[service], image.ok_or_else(none)?))
    }

    pub(super) async fn inspect_containers(
        &self,
        service: &str,
    ) -> Result<Vec<ContainerInspectResponse>, StageError> {
        self.known("inspect", service)?;
        let containers = self.containers(service);
        let inspected = join_all(containers.iter().map(|name| self.engine().inspect_container(name))).await;
        let mut found = Vec::new();
        for inspected in inspected {
            match inspected {
                Ok(mut inspected) => {
                    self.consult(&mut inspected);
                    found.push(inspected);
                }
                // Somebody removed it: it is absent, which is a fact and not an error.
                Err(problem) if problem.is_missing() => {}
                Err(problem) => return Err(problem.into()),
            }
        }
        Ok(found)
    }

    pub(super) async fn inspect_services(&self) -> Result<BTreeMap<String, ServiceState>, StageError> {
        let services: Vec<String> = self.state().services.keys().cloned().collect();
        let mounted = |mount: &MountPoint| self.mounted(mount);
        let mut states = BTreeMap::new();
        let inspected = join_all(services.iter().map(|service| self.inspect_containers(service))).await;
        for (service, containers) in services.into_iter().zip(inspected) {
            let containers = containers?;
            let health = self.health_of(&service, &containers);
            states.insert(service, look::service(self.names(), &mounted, &containers, health));
        }
        Ok(states)
    }

    /// The worst of a service's containers.
    pub(super) fn health_of(&self, service: &str, containers: &[ContainerInspectResponse]) -> Health {
        let is_none_wanted =
            self.state().services.get(service).is_some_and(|served| served.runs.replicas == 0);
        if containers.is_empty() && is_none_wanted { Health::ScaledToZero } else { worst(containers) }
    }

    /// What is mounted, by Compose name.
    fn mounted(&self, mount: &MountPoint) -> String {
        let (source, is_volume) = look::source(mount);
        if !is_volume {
            let place = source
                .rsplit_once('/')
                .filter(|(root, _)| Some(*root) == self.0.files.get().map(String::as_str));
            let upload = place.and_then(|(_, number)| self.uploads().ok()?.describe(number));
            return upload.unwrap_or_else(|| {
                format!("{} {source}", mount.typ.as_deref().unwrap_or("mount")).trim().to_owned()
            });
        }
        let declared = self.0.project.volumes.keys().find(|name| self.names().volume(name) == source);
        match declared {
            Some(name) => format!("volume {name}"),
            None if self.state().made.contains(&resource(ResourceKind::Volume, source)) => {
                "anonymous volume".to_owned()
            }
            None => format!("volume {source}"),
        }
    }

    /// Does something to every container of a service at once.
    pub(super) async fn each<F>(
        &self,
        operation: &'static str,
        service: &str,
        work: impl Fn(String) -> F,
    ) -> Result<(), StageError>
    where
        F: Future<Output = Result<(), Problem>>,
    {
        self.known(operation, service)?;
        let containers = self.containers(service);
        if containers.is_empty() {
            return Err(StageError::new(operation, format!("service {service}"), "it has no container"));
        }
        let done = join_all(containers.into_iter().map(work)).await;
        done.into_iter().collect::<Result<(), Problem>>().map_err(StageError::from)
    }

    /// Thaws what is frozen.
    pub(super) async fn thaw(&self, service: &str) -> Result<(), StageError> {
        let thaw = |name: String| async move {
            match self.engine().unpause_container(&name).await {
                Err(problem) if problem.error.cause.contains("is not paused") => Ok(()),
                other => other,
            }
        };
        self.each("unpause", service, thaw).await
    }

    /// Puts a service back on a network, under the names it had there.
    pub(super) async fn join(&self, service: &str, network: &str) -> Result<(), StageError> {
        self.known("connect", service)?;
        let endpoint = spec::endpoint(&self.aliases(service, network));
        let network = self.names().network(network);
        let join = |name: String| {
            let (network, endpoint) = (network.clone(), endpoint.clone());
            async move {
                match self.engine().connect(&network, &name, endpoint).await {
                    Err(problem) if problem.error.cause.contains("already exists in network") => Ok(()),
                    other => other,
                }
            }
        };
        self.each("connect", service, join).await
    }

    /// Sends a signal to the first process of each container (S7): by the kernel where it is ours to
    /// send, else by the engine. After SIGKILL it returns when the process has ended and the engine
    /// knows.
    pub(super) async fn send_signal(&self, service: &str, name: &str) -> Result<Killed, StageError> {
        let containers = self.inspect_containers(service).await?;
        let running: Vec<_> = containers.iter().filter(|container| look::pid(container).is_some()).collect();
        if running.is_empty() {
            return Err(StageError::new("kill", format!("service {service}"), "no process of it is running"));
        }
        let sent = join_all(running.into_iter().map(|container| self.signal_one(container, name))).await;
        let ways = sent.into_iter().collect::<Result<Vec<Killed>, StageError>>()?;
        Ok(if ways.contains(&Killed::Engine) { Killed::Engine } else { Killed::Process })
    }

    /// Ends every container of a service by the engine's call, which suspends the restart policy.
    pub(super) async fn end_for_good(&self, service: &str) -> Result<(), StageError> {
        for container in self.inspect_containers(service).await? {
            let id = container.id.as_deref().unwrap_or_default();
            let Some(pid) = look::pid(&container) else { continue };
            match self.engine().kill_container(id, "SIGKILL").await {
                Err(problem) if problem.error.cause.contains("is not running") => {}
                killed => killed?,
            }
            self.noticed(id, Some(pid)).await?;
        }
        Ok(())
    }

    async fn signal_one(
        &self,
        container: &ContainerInspectResponse,
        name: &str,
    ) -> Result<Killed, StageError> {
        let id = container.id.as_deref().unwrap_or_default();
        let wanted = signal::parse(name);
        let held =
            look::pid(container).filter(|_| self.engine().local).and_then(|pid| signal::Held::of(pid, id));
        if let (Some(held), Some(wanted)) = (held, wanted)
            && held.send(wanted)
        {
            if wanted == rustix::process::Signal::KILL {
                held.ended().await;
                self.noticed(id, look::pid(container)).await?;
            }
            return Ok(Killed::Process);
        }
        self.engine().kill_container(id, name).await?;
        Ok(Killed::Engine)
    }

    /// Returns when the engine knows that a process has ended: until then it would not start it again.
    async fn noticed(&self, id: &str, ended: Option<i64>) -> Result<(), StageError> {
        let mut news = self.news();
        while look::pid(&self.engine().inspect_container(id).await?) == ended {
            news.next().await;
        }
        Ok(())
    }

    /// What has this run's label, or is on its networks, and was not made by the stage (S15).
    pub(super) async fn find_strays(&self) -> Result<Vec<Resource>, StageError> {
        let label = self.names().label();
        let mut found: BTreeSet<Resource> = BTreeSet::new();
        let (containers, networks, volumes) = tokio::join!(
            self.engine().containers_labelled(&label),
            self.engine().networks_labelled(&label),
            self.engine().volumes_labelled(&label)
        );
        for container in containers? {
            let name = container.names.into_iter().flatten().next().unwrap_or_default();
            found.insert(resource(ResourceKind::Container, name.trim_start_matches('/')));
        }
        let networks: Vec<String> = networks?.into_iter().filter_map(|network| network.name).collect();
        for members in join_all(networks.iter().map(|name| self.engine().network_members(name))).await {
            found.extend(members?.into_iter().map(|member| resource(ResourceKind::Container, member)));
        }
        found.extend(networks.into_iter().map(|name| resource(ResourceKind::Network, name)));
        for volume in volumes? {
            found.insert(resource(ResourceKind::Volume, volume.name));
        }
        let state = self.state();
        Ok(found.into_iter().filter(|resource| !state.made.contains(resource)).collect())
    }

    /// What is to be looked at when a service is not well: its last lines and its last health check.
    pub(super) async fn evidence(&self, service: &str) -> Vec<String> {
        let mut evidence = Vec::new();
        for container in self.inspect_containers(service).await.unwrap_or_default() {
            evidence.extend(self.last_check(&container));
        }
        for container in self.containers(service) {
            evidence.extend(super::follow::tail(self.engine(), &container, 20).await);
        }
        evidence
    }
}

/// The worst of some containers.
pub(super) fn worst(containers: &[ContainerInspectResponse]) -> Health {
    containers.iter().map(look::health).max().unwrap_or_default()
}

//! Copies of a stage's volumes, and a stage put back from them: the thorough way, which is sure of whatever
//! a run has done to services and their data.
//!
//! Services are stopped in good order while their volumes are copied. What only their containers hold would
//! not come back, so a stage on which anybody needs that is not kept. The copies belong to no stage: any of
//! the same project can begin on them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bollard::models::{ContainerCreateBody, HostConfig};
use futures_util::future::join_all;
use tokio::time::Instant;

use super::gateway::program_image;
use super::order::{Order, active};
use super::process::OneShotProcess;
use super::spec::{self, Volume};
use super::written::is_fleeting;
use super::{DockerStage, names, resource};
use crate::compose::model::{Condition, MountSource};
use crate::stage::{Copies, Process, Resource, ResourceKind, StageError};

/// The exit code of a process that did not stop in time and was killed.
const KILLED: i64 = 137;

/// Whatever anybody may wait for in a service.
const ALL: [Condition; 3] =
    [Condition::ServiceStarted, Condition::ServiceHealthy, Condition::ServiceCompletedSuccessfully];

impl DockerStage {
    /// Copies every volume while nothing runs.
    pub(super) async fn keep_volumes(&self, within: Duration) -> Result<Copies, StageError> {
        let deadline = Instant::now() + within;
        self.keepable()?;
        let volumes = self.volumes();
        let copies: Vec<Resource> =
            volumes.iter().map(|volume| resource(ResourceKind::Volume, self.names().kept(volume))).collect();
        self.intend(copies.clone())?;
        let up = self.up_now().await?;
        let stopped = join_all(up.iter().map(|service| self.stop_well(service))).await;
        let copied = match stopped.into_iter().collect() {
            Ok(()) => {
                let pairs = volumes.iter().map(|volume| (volume.clone(), self.names().kept(volume)));
                self.copy(pairs.collect()).await
            }
            Err(error) => Err(error),
        };
        self.start_again(&up, deadline).await?;
        copied?;
        // Whole now, and no longer this stage's.
        self.state().made.retain(|made| !copies.contains(made));
        let copies =
            volumes.iter().map(|volume| (self.names().common(volume).to_owned(), self.names().kept(volume)));
        Ok(Copies(copies.collect()))
    }

    /// Makes every service anew on volumes that hold what the copies hold.
    pub(super) async fn restore_volumes(&self, copies: &Copies, within: Duration) -> Result<(), StageError> {
        let deadline = Instant::now() + within;
        self.remove_containers(&BTreeSet::new()).await?;
        let kept: BTreeSet<String> = copies.0.keys().map(|common| self.names().own(common)).collect();
        for later in self.volumes().difference(&kept) {
            self.engine().remove_volume(later).await?;
            self.state().made.remove(&resource(ResourceKind::Volume, later));
        }
        self.take_over(copies).await?;
        self.make_missing(deadline.saturating_duration_since(Instant::now())).await
    }

    /// Makes the volumes of this stage hold what the copies hold.
    pub(super) async fn take_over(&self, copies: &Copies) -> Result<(), StageError> {
        let pairs: Vec<(String, String)> =
            copies.0.iter().map(|(common, copy)| (copy.clone(), self.names().own(common))).collect();
        self.intend(pairs.iter().map(|(_, volume)| resource(ResourceKind::Volume, volume)).collect())?;
        self.copy(pairs).await
    }

    pub(super) async fn remove_copies(&self, copies: &Copies) -> Vec<StageError> {
        let remove = |copy: &String| {
            let copy = copy.clone();
            async move { (self.engine().remove_volume(&copy).await, resource(ResourceKind::Volume, copy)) }
        };
        let mut errors = Vec::new();
        for (removed, copy) in join_all(copies.0.values().map(remove)).await {
            match removed {
                Ok(()) => self.0.ledger.removed(&copy),
                Err(problem) => errors.push(problem.error),
            }
        }
        errors
    }

    /// Whether all that services hold is in volumes, as far as the project tells.
    fn keepable(&self) -> Result<(), StageError> {
        let no = |object: String, why: &str| Err(StageError::new("keep", object, why));
        for name in active(&self.0.project) {
            let service = &self.0.project.services[name];
            if !self.runs_as_declared(name) {
                return no(format!("service {name}"), "it runs something else than at the beginning");
            }
            let in_memory = service.mounts.iter().filter_map(|mount| match mount.source {
                MountSource::Tmpfs { .. } => Some(&mount.target),
                MountSource::Volume(_)
                | MountSource::Bind(_)
                | MountSource::Made(_)
                | MountSource::Anonymous => None,
            });
            if let Some(target) = in_memory.chain(service.tmpfs.keys()).find(|target| !is_fleeting(target)) {
                return no(
                    format!("service {name}"),
                    &format!("what it holds at {target} is in memory only"),
                );
            }
        }
        let mut volumes = self.0.project.volumes.iter();
        match volumes.find(|(_, volume)| !volume.driver_opts.is_empty()) {
            Some((name, _)) => no(format!("volume {name}"), "it is more than a folder of the engine"),
            None => Ok(()),
        }
    }

    /// The volumes of this run that are no copies.
    fn volumes(&self) -> BTreeSet<String> {
        let state = self.state();
        let volumes = state.made.iter().filter(|made| made.kind == ResourceKind::Volume);
        volumes.map(|made| made.name.clone()).filter(|name| !self.names().is_kept(name)).collect()
    }

    async fn up_now(&self) -> Result<BTreeSet<String>, StageError> {
        let services: Vec<String> = self.state().services.keys().cloned().collect();
        let mut up = BTreeSet::new();
        for service in services {
            let containers = self.inspect_containers(&service).await?;
            if super::state::worst(&containers).is_up() {
                up.insert(service);
            }
        }
        Ok(up)
    }

    /// Stops a service; an error if it had to be killed, or has written anything besides its volumes.
    async fn stop_well(&self, service: &str) -> Result<(), StageError> {
        let no = |why: String| Err(StageError::new("keep", format!("service {service}"), why));
        self.each("stop", service, |name| async move { self.engine().stop_container(&name).await }).await?;
        for container in self.containers(service) {
            let inspected = self.engine().inspect_container(&container).await?;
            let code = inspected.state.and_then(|state| state.exit_code).unwrap_or_default();
            if code == KILLED && inspected.mounts.is_some_and(|mounts| !mounts.is_empty()) {
                return no("it did not stop in time and was killed".to_owned());
            }
        }
        match self.written_by(service).await? {
            Some(path) => no(format!("{path} was written in its container, not in a volume")),
            None => Ok(()),
        }
    }

    /// Starts again what ran, each when what it depends on is well.
    async fn start_again(&self, up: &BTreeSet<String>, deadline: Instant) -> Result<(), StageError> {
        let mut order = Order::of(&self.0.project)?;
        loop {
            let ready = order.ready();
            if ready.is_empty() {
                return Ok(());
            }
            for service in ready {
                if up.contains(&service) {
                    self.start_one(service.clone()).await?;
                    self.wait_for(service.clone(), Condition::ServiceHealthy, deadline).await?;
                }
                for condition in ALL {
                    order.reached(&service, condition);
                }
            }
        }
    }

    /// Makes volumes equal to others, the second of each pair to the first, all in one container.
    async fn copy(&self, pairs: Vec<(String, String)>) -> Result<(), StageError> {
        if pairs.is_empty() {
            return Ok(());
        }
        let image = program_image(self.engine(), &self.0.options.program).await?;
        let name = self.new_helper();
        self.intend(vec![resource(ResourceKind::Container, &name)])?;
        let body = self.copier(image, pairs);
        let (engine, helper) = (self.engine().clone(), name.clone());
        self.finish(|_| async move { Ok(engine.create_container(&helper, None, body).await.map(drop)?) })
            .await?;
        let mut process = OneShotProcess::start(self.engine().clone(), name.clone()).await?;
        let mut said = Vec::new();
        while let Some(line) = process.line().await {
            said.push(line.text);
        }
        let ended = process.wait().await?;
        self.engine().remove_container(&name).await?;
        if ended.exit_code == 0 {
            return Ok(());
        }
        let cause = said.pop().unwrap_or_else(|| format!("exit code {}", ended.exit_code));
        Err(StageError::new("copy", "the volumes of the stage", cause))
    }

    fn copier(&self, image: String, pairs: Vec<(String, String)>) -> ContainerCreateBody {
        let mut command = super::gateway::program(&["copy"]);
        let mut mounts = Vec::new();
        for (number, (from, to)) in pairs.into_iter().enumerate() {
            let paths = [format!("/from/{number}"), format!("/to/{number}")];
            mounts.extend([
                spec::volume_mount(&paths[0], &self.any_volume(from), true),
                spec::volume_mount(&paths[1], &self.any_volume(to), false),
            ]);
            command.extend(paths);
        }
        let labels = self.names().labels(&BTreeMap::new(), &[(names::ROLE, "helper")]);
        ContainerCreateBody {
            image: Some(image),
            cmd: Some(command),
            user: Some("0:0".to_owned()),
            labels: Some(labels.into_iter().collect()),
            host_config: Some(HostConfig {
                mounts: Some(mounts),
                network_mode: Some("none".to_owned()),
                readonly_rootfs: Some(true),
                ..HostConfig::default()
            }),
            ..ContainerCreateBody::default()
        }
    }

    /// A volume as the engine makes it where it is not there: with the labels of the project's own.
    fn any_volume(&self, name: String) -> Volume {
        let declared = self.0.project.volumes.keys().find(|known| self.names().volume(known) == name);
        if let Some(known) = declared {
            return self.named_volume(known);
        }
        let is_copy = self.names().is_kept(&name);
        let labels =
            if is_copy { self.names().copy_labels() } else { self.names().labels(&BTreeMap::new(), &[]) };
        Volume { name, labels, options: BTreeMap::new() }
    }
}

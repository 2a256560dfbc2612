//! Making one container of a service, a one-shot container, and the containers that only lend a volume.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use bollard::models::{ContainerCreateBody, HostConfig};
use futures_util::Stream;

use super::gateway::Made;
use super::process::{ExecProcess, OneShotProcess};
use super::spec::{self, Place, Runs, Volume};
use super::{DockerStage, Engine, files, names, resource};
use crate::compose::model::{MountSource, Port, Service};
use crate::stage::{OneShot, Resource, ResourceKind, StageError};

/// A container that is about to be made.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    pub(super) name: String,
    pub(super) service: String,
    runs: Runs,
    pub(super) place: Place,
}

impl Draft {
    /// Everything that making it makes.
    pub(super) fn makes(&self) -> Vec<Resource> {
        let volumes = self.place.volumes.values().chain(self.place.anonymous.values());
        let volumes = volumes.map(|volume| resource(ResourceKind::Volume, &volume.name));
        std::iter::once(resource(ResourceKind::Container, &self.name)).chain(volumes).collect()
    }
}

impl DockerStage {
    /// A container of a service. `replica` decides which volumes without a name it gets: a later
    /// container of the same replica gets the same ones.
    pub(super) async fn draft(
        &self,
        service: &str,
        runs: &Runs,
        replica: u32,
        name: String,
    ) -> Result<Draft, StageError> {
        let holder = format!("{service}-{replica}");
        let mut place = self.place(service, runs, &holder).await?;
        place.ports = self.ports(service);
        place.labels = self.labels_of(service, "service");
        Ok(Draft { name, service: service.to_owned(), runs: runs.clone(), place })
    }

    /// Makes a container and joins it to its networks; it does not run yet.
    pub(super) async fn create(&self, draft: &Draft) -> Result<(), StageError> {
        let draft = draft.clone();
        self.finish(|stage| async move { stage.create_now(&draft).await }).await
    }

    async fn create_now(&self, draft: &Draft) -> Result<(), StageError> {
        let service = &self.0.project.services[&draft.service];
        let body = spec::body(service, &draft.runs, &draft.place);
        self.engine().create_container(&draft.name, service.platform.as_deref(), body).await?;
        // The engine takes only one network at creation.
        for (network, aliases) in draft.place.networks.iter().skip(1) {
            self.engine().connect(network, &draft.name, spec::endpoint(aliases)).await?;
        }
        Ok(())
    }

    pub(super) async fn start_one_shot(&self, request: &OneShot) -> Result<OneShotProcess, StageError> {
        let name = &request.service;
        self.known("run", name)?;
        let number = next(&mut self.state().one_shots);
        let mut runs = self.runs(name)?;
        runs.command = request.command.clone().or(runs.command);
        let added = request.environment.iter().map(|(name, value)| (name.clone(), Some(value.clone())));
        runs.environment.extend(added);
        let mut place = self.place(name, &runs, &format!("run-{number}")).await?;
        place.one_shot = true;
        place.labels = self.labels_of(name, "run");
        // It uses the service's networks but must not be taken for the service.
        place.networks.iter_mut().for_each(|(_, aliases)| aliases.clear());
        let draft = Draft { name: self.names().one_shot(name, number), service: name.clone(), runs, place };
        self.intend(draft.makes())?;
        self.create(&draft).await?;
        OneShotProcess::start(self.engine().clone(), draft.name).await
    }

    pub(super) async fn start_command(
        &self,
        service: &str,
        command: &[String],
        environment: &BTreeMap<String, String>,
    ) -> Result<ExecProcess, StageError> {
        let none = || StageError::new("exec in", format!("service {service}"), "it has no container");
        let container = self.containers(service).into_iter().next().ok_or_else(none)?;
        self.start_command_in(container, command, environment).await
    }

    /// A command in one container, by its name or ID.
    pub(super) async fn start_command_in(
        &self,
        container: String,
        command: &[String],
        environment: &BTreeMap<String, String>,
    ) -> Result<ExecProcess, StageError> {
        let number = next(&mut self.state().commands);
        let mark = format!("BACKOUT_COMMAND={}.{number}", self.0.options.run);
        ExecProcess::start(self.engine().clone(), container, command, environment, mark).await
    }

    /// Fills a volume of the project from a tar file.
    pub(super) async fn fill(&self, volume: &str, tar: &Path) -> Result<(), StageError> {
        if !self.0.project.volumes.contains_key(volume) {
            return Err(StageError::new("fill", format!("volume {volume}"), "there is no such volume"));
        }
        let volume = self.named_volume(volume);
        self.upload_into(&volume, files::from_disk(tar)).await
    }

    /// The name of another container that only lends volumes.
    pub(super) fn new_helper(&self) -> String {
        self.names().helper(next(&mut self.state().helpers))
    }

    /// Unpacks a tar in a volume, by a container that never runs.
    pub(super) async fn upload_into(
        &self,
        volume: &Volume,
        tar: impl Stream<Item = std::io::Result<Vec<u8>>> + Send + 'static,
    ) -> Result<(), StageError> {
        let name = self.new_helper();
        let image = self.0.options.images.values().next().cloned();
        let image =
            image.ok_or_else(|| StageError::new("fill", &*volume.name, "the project has no image"))?;
        self.intend(vec![
            resource(ResourceKind::Container, &name),
            resource(ResourceKind::Volume, &volume.name),
        ])?;
        let labels = self.names().labels(&BTreeMap::new(), &[(names::ROLE, "helper")]);
        let mount = spec::volume_mount(files::AT, volume, false);
        let body = ContainerCreateBody {
            image: Some(image),
            cmd: Some(vec!["never".to_owned()]),
            labels: Some(labels.into_iter().collect()),
            host_config: Some(HostConfig {
                mounts: Some(vec![mount]),
                network_mode: Some("none".to_owned()),
                ..HostConfig::default()
            }),
            ..ContainerCreateBody::default()
        };
        self.finish(|stage| async move {
            stage.engine().create_container(&name, None, body).await?;
            let uploaded = stage.engine().upload(&name, files::AT, tar).await;
            // Nobody has to wait for it to go; taking the stage down would find it.
            let engine = stage.engine().clone();
            tokio::spawn(async move { engine.remove_container(&name).await });
            Ok(uploaded?)
        })
        .await
    }

    /// A volume of the project on the engine.
    pub(super) fn named_volume(&self, name: &str) -> Volume {
        let declared = self.0.project.volumes.get(name).cloned().unwrap_or_default();
        Volume {
            name: self.names().volume(name),
            labels: self.names().labels(&declared.labels, &[(names::NAME, name)]),
            options: declared.driver_opts,
        }
    }

    async fn place(&self, name: &str, runs: &Runs, holder: &str) -> Result<Place, StageError> {
        let service = &self.0.project.services[name];
        let volumes = service.mounts.iter().filter_map(|mount| match &mount.source {
            MountSource::Volume(name) => Some((name.clone(), self.named_volume(name))),
            _ => None,
        });
        let uploads = self.uploads()?.mounts(&self.0.project, &self.0.options.environment, service)?;
        let root = self.0.files.get().map(String::as_str).unwrap_or_default();
        let files: Vec<(String, String, bool)> = uploads
            .into_iter()
            .map(|(target, place, writable)| (target, format!("{root}/{place}"), writable))
            .collect();
        let image_volumes = self.image_volumes(&runs.image).await?;
        let unnamed = unnamed(service, &image_volumes, &files);
        let labels = self.names().labels(&BTreeMap::new(), &[]);
        let anonymous = unnamed.into_iter().map(|target| {
            let name = self.names().anonymous(holder, &target);
            (target, Volume { name, labels: labels.clone(), options: BTreeMap::new() })
        });
        let (networks, network_mode) = self.attachment(name, service)?;
        let anonymous = anonymous.collect();
        let detours = self.detours(name, Made::AtFirst);
        Ok(Place {
            detours,
            networks,
            network_mode,
            volumes: volumes.collect(),
            anonymous,
            files,
            ..Place::default()
        })
    }

    /// The networks of a service, or what stands in their place.
    #[expect(clippy::type_complexity, reason = "the two halves of one answer, taken apart at once")]
    fn attachment(
        &self,
        name: &str,
        service: &Service,
    ) -> Result<(Vec<(String, Vec<String>)>, Option<String>), StageError> {
        if let Some(mode) = &service.network_mode {
            let Some(other) = mode.strip_prefix("service:") else {
                return Ok((Vec::new(), Some(mode.clone())));
            };
            let container = self.containers(other).into_iter().next();
            let absent = || {
                StageError::new(
                    "start",
                    format!("service {name}"),
                    format!("{other} has no container to share"),
                )
            };
            return Ok((Vec::new(), Some(format!("container:{}", container.ok_or_else(absent)?))));
        }
        let mut networks: Vec<(String, Vec<String>)> = service
            .networks
            .keys()
            .map(|network| (self.names().network(network), self.aliases(name, network)))
            .collect();
        if self.needs_a_way_in(name) {
            networks.push((self.names().reach(), Vec::new()));
        }
        Ok((networks, None))
    }

    /// The names of a service on a network.
    pub(super) fn aliases(&self, name: &str, network: &str) -> Vec<String> {
        let service = &self.0.project.services[name];
        let further = service.networks.get(network).map(|attachment| attachment.aliases.as_slice());
        let mut aliases = vec![name.to_owned()];
        aliases.extend(further.unwrap_or_default().iter().cloned());
        aliases.extend(service.hostname.clone());
        aliases.dedup();
        aliases
    }

    /// Whether ports of it must be reached although none of its networks lets anybody in.
    pub(super) fn needs_a_way_in(&self, name: &str) -> bool {
        let service = &self.0.project.services[name];
        let internal =
            |network: &String| self.0.project.networks.get(network).is_some_and(|network| network.internal);
        service.network_mode.is_none()
            && service.networks.keys().all(internal)
            && !self.ports(name).is_empty()
    }

    /// The ports that are published: those of the Compose file, and those that the runner must reach,
    /// of the services too that share its network.
    fn ports(&self, name: &str) -> BTreeSet<Port> {
        let services = &self.0.project.services;
        if services[name].network_mode.is_some() {
            return BTreeSet::new();
        }
        let shared = format!("service:{name}");
        let sharing = services.iter().filter(|(other, service)| {
            *other == name || service.network_mode.as_deref() == Some(shared.as_str())
        });
        let tcp = |port: &u16| Port { target: *port, protocol: "tcp".to_owned() };
        let mut ports = BTreeSet::new();
        for (other, service) in sharing {
            ports.extend(service.ports.iter().cloned());
            ports.extend(self.0.options.reach.get(other).into_iter().flatten().map(tcp));
        }
        ports
    }

    fn labels_of(&self, service: &str, role: &str) -> BTreeMap<String, String> {
        let user = &self.0.project.services[service].labels;
        self.names().labels(user, &[(names::NAME, service), (names::ROLE, role)])
    }

    /// The paths at which an image wants volumes.
    async fn image_volumes(&self, image: &str) -> Result<Vec<String>, StageError> {
        if let Some(known) = self.state().image_volumes.get(image) {
            return Ok(known.clone());
        }
        let volumes = image_volumes(self.engine(), image).await?;
        self.state().image_volumes.insert(image.to_owned(), volumes.clone());
        Ok(volumes)
    }
}

async fn image_volumes(engine: &Engine, image: &str) -> Result<Vec<String>, StageError> {
    let config = engine.inspect_image(image).await?.config;
    Ok(config.and_then(|config| config.volumes).unwrap_or_default())
}

/// Where a volume without a name is wanted, by the Compose file or by the image, and nothing else is
/// mounted.
fn unnamed(service: &Service, image: &[String], files: &[(String, String, bool)]) -> BTreeSet<String> {
    let anonymous = service.mounts.iter().filter(|mount| mount.source == MountSource::Anonymous);
    let mut unnamed: BTreeSet<String> = anonymous.map(|mount| mount.target.clone()).collect();
    let taken: BTreeSet<&str> = service
        .mounts
        .iter()
        .map(|mount| mount.target.as_str())
        .chain(service.tmpfs.keys().map(String::as_str))
        .chain(files.iter().map(|(target, _, _)| target.as_str()))
        .map(|target| target.trim_end_matches('/'))
        .collect();
    let free = image.iter().filter(|target| !taken.contains(target.trim_end_matches('/')));
    unnamed.extend(free.cloned());
    unnamed
}

/// Counts.
fn next(counter: &mut u32) -> u32 {
    *counter += 1;
    *counter
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::model::Mount;

    #[test]
    fn a_volume_of_the_image_is_made_only_where_nothing_else_is_mounted() {
        let mount = |target: &str, source| Mount { target: target.into(), source, read_only: false };
        let service = Service {
            mounts: vec![
                mount("/data/", MountSource::Volume("d".into())),
                mount("/any", MountSource::Anonymous),
            ],
            tmpfs: [("/tmp".to_owned(), String::new())].into(),
            ..Service::default()
        };
        let image = ["/data", "/tmp", "/conf", "/var/lib"].map(str::to_owned);
        let files = [("/conf".to_owned(), String::new(), false)];
        let expected: BTreeSet<String> = ["/any", "/var/lib"].map(str::to_owned).into();
        assert_eq!(unnamed(&service, &image, &files), expected);
    }
}

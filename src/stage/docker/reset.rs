//! Putting a stage back between two runs of a sweep: services that hold no observed database are made
//! anew from their images, which puts back every file in them.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;

use super::order::{Order, active};
use super::spec::Runs;
use super::{DockerStage, resource};
use crate::compose::model::{Mount, MountSource, Service};
use crate::stage::{ResourceKind, StageError};

impl DockerStage {
    pub(super) async fn remove_services(&self, kept: &BTreeSet<String>) -> Result<(), StageError> {
        self.renewable(kept)?;
        self.remove_containers(kept).await?;
        self.remove_unnamed_volumes(kept).await
    }

    /// Removes the containers of all other services, and those of one-shots.
    pub(super) async fn remove_containers(&self, kept: &BTreeSet<String>) -> Result<(), StageError> {
        let names: Vec<String> = {
            let mut state = self.state();
            let gone: Vec<String> =
                state.services.keys().filter(|service| !kept.contains(*service)).cloned().collect();
            let served = gone.iter().filter_map(|service| state.services.remove(service));
            let mut names: Vec<String> =
                served.flat_map(|served| served.containers).map(|(_, name)| name).collect();
            let made = state.made.iter().filter(|made| made.kind == ResourceKind::Container);
            names.extend(made.map(|made| made.name.clone()).filter(|name| self.names().is_one_shot(name)));
            names
        };
        let removed = join_all(names.iter().map(|name| self.engine().remove_container(name))).await;
        removed.into_iter().try_for_each(|removed| removed.map_err(StageError::from))
    }

    /// Makes the containers that are missing, and starts them in the order of their dependencies.
    pub(super) async fn make_missing(&self, within: Duration) -> Result<(), StageError> {
        let deadline = Instant::now() + within;
        let missing: Vec<&str> = {
            let state = self.state();
            active(&self.0.project).into_iter().filter(|name| !state.services.contains_key(*name)).collect()
        };
        if missing.is_empty() {
            return Ok(());
        }
        self.make_containers_of(missing).await?;
        self.start_all(Order::of(&self.0.project)?, deadline).await
    }

    /// Whether everything besides the kept services' databases is as new when the others are made anew.
    fn renewable(&self, kept: &BTreeSet<String>) -> Result<(), StageError> {
        let no =
            |service: &str, why: String| Err(StageError::new("reset", format!("service {service}"), why));
        for (name, service) in &self.0.project.services {
            if kept.contains(name) {
                if !self.runs_as_declared(name) {
                    return no(name, "it runs something else than at the beginning".to_owned());
                }
            } else if let Some(mount) = service.mounts.iter().find(|mount| keeps(mount)) {
                return no(name, format!("what is mounted at {} may have been written", mount.target));
            } else if shares(service) {
                return no(name, "it shares another container's network".to_owned());
            }
        }
        Ok(())
    }

    /// Whether a service runs what the project says, and not what somebody deployed since.
    pub(super) fn runs_as_declared(&self, name: &str) -> bool {
        let image = self.0.options.images.get(name).cloned();
        let declared = image.map(|image| Runs::declared(&self.0.project.services[name], image));
        declared.is_none_or(|declared| self.runs(name).is_ok_and(|runs| runs == declared))
    }

    async fn remove_unnamed_volumes(&self, kept: &BTreeSet<String>) -> Result<(), StageError> {
        let mine = |name: &str| kept.iter().any(|service| self.names().holds_unnamed(service, name));
        let made: Vec<String> = {
            let state = self.state();
            let volumes = state.made.iter().filter(|made| made.kind == ResourceKind::Volume);
            volumes
                .map(|made| made.name.clone())
                .filter(|name| self.names().is_unnamed(name) && !mine(name))
                .collect()
        };
        for name in made {
            self.engine().remove_volume(&name).await?;
            self.state().made.remove(&resource(ResourceKind::Volume, &name));
        }
        Ok(())
    }
}

/// Whether what is mounted outlives its container and may be written.
fn keeps(mount: &Mount) -> bool {
    !mount.read_only
        && matches!(mount.source, MountSource::Volume(_) | MountSource::Bind(_) | MountSource::Made(_))
}

fn shares(service: &Service) -> bool {
    service.network_mode.as_deref().is_some_and(|mode| mode.starts_with("service:"))
}

//! Removing everything of a run: what carries its label, whoever made it, past all errors.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;

use super::client::{Engine, Problem};
use super::{DockerStage, resource};
use crate::stage::{Resource, ResourceKind, StageError};

/// How long what is being made may take until it is removed all the same.
const PATIENCE: Duration = Duration::from_secs(4);

/// How many removals go on at once.
const AT_ONCE: usize = 8;

impl DockerStage {
    pub(super) async fn take_down(&self) -> Vec<StageError> {
        // What is being made cannot be removed yet. An engine that hangs must not hold this up for ever.
        let _nobody_makes = tokio::time::timeout(PATIENCE, self.0.making.write()).await;
        let label = self.names().label();
        let made: BTreeSet<Resource> = std::mem::take(&mut *self.state()).made;
        let (removed, errors) = remove_labelled(self.engine(), &label, made).await;
        for resource in &removed {
            self.0.ledger.removed(resource);
        }
        errors
    }
}

/// Removes what carries a label and what is named besides: containers, then networks, then volumes.
/// Says what is gone and what went wrong.
pub(super) async fn remove_labelled(
    engine: &Engine,
    label: &str,
    named: BTreeSet<Resource>,
) -> (Vec<Resource>, Vec<StageError>) {
    let (mut removed, mut errors) = (Vec::new(), Vec::new());
    for kind in [ResourceKind::Container, ResourceKind::Network, ResourceKind::Volume] {
        let mut all: BTreeSet<Resource> =
            named.iter().filter(|resource| resource.kind == kind).cloned().collect();
        match labelled(engine, label, kind).await {
            Ok(found) => all.extend(found),
            Err(problem) => errors.push(problem.error),
        }
        let mut work = stream::iter(all)
            .map(|resource| async move { (remove(engine, &resource).await, resource) })
            .buffer_unordered(AT_ONCE);
        while let Some((result, resource)) = work.next().await {
            match result {
                Ok(()) => removed.push(resource),
                Err(problem) => errors.push(problem.error),
            }
        }
    }
    (removed, errors)
}

/// Everything of one kind that carries a label.
pub(super) async fn labelled(
    engine: &Engine,
    label: &str,
    kind: ResourceKind,
) -> Result<Vec<Resource>, Problem> {
    let names: Vec<String> = match kind {
        ResourceKind::Container => {
            let containers = engine.containers_labelled(label).await?;
            let names = containers.into_iter().filter_map(|container| container.names?.into_iter().next());
            names.map(|name| name.trim_start_matches('/').to_owned()).collect()
        }
        ResourceKind::Network => {
            let networks = engine.networks_labelled(label).await?;
            networks.into_iter().filter_map(|network| network.name).collect()
        }
        ResourceKind::Volume => {
            engine.volumes_labelled(label).await?.into_iter().map(|volume| volume.name).collect()
        }
        ResourceKind::Image => Vec::new(),
    };
    Ok(names.into_iter().map(|name| resource(kind, name)).collect())
}

pub(super) async fn remove(engine: &Engine, resource: &Resource) -> Result<(), Problem> {
    let name = resource.name.as_str();
    match resource.kind {
        ResourceKind::Container => remove_container(engine, name).await,
        ResourceKind::Network => remove_network(engine, name).await,
        ResourceKind::Volume => engine.remove_volume(name).await,
        ResourceKind::Image => engine.remove_image(name).await,
    }
}

async fn remove_container(engine: &Engine, name: &str) -> Result<(), Problem> {
    match engine.remove_container(name).await {
        // Somebody else removes it already: gone is gone.
        Err(problem) if problem.is_conflict() => engine
            .wait_container(name, "removed")
            .await
            .map(drop)
            .or_else(|problem| if problem.is_missing() { Ok(()) } else { Err(problem) }),
        other => other,
    }
}

/// Whoever is still on a network of ours is taken off it.
async fn remove_network(engine: &Engine, name: &str) -> Result<(), Problem> {
    let first = engine.remove_network(name).await;
    if first.is_ok() {
        return first;
    }
    for member in engine.network_members(name).await.unwrap_or_default() {
        drop(engine.disconnect(name, &member).await);
    }
    engine.remove_network(name).await
}

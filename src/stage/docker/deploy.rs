//! `deploy` (S10): a service's containers are made anew with what the step names, all at once or one by one;
//! everything else stays as the last step left it.

use std::collections::BTreeSet;

use futures_util::future::{join_all, try_join_all};

use super::container::Draft;
use super::gateway::Made;
use super::look;
use super::{DockerStage, Runs, Served};
use crate::stage::{Deploy, StageError};

impl DockerStage {
    pub(super) async fn redeploy(&self, change: &Deploy) -> Result<(), StageError> {
        self.known("deploy", &change.service)?;
        let service = change.service.as_str();
        let before = self.runs(service)?;
        let after = before.after(change);
        let old = self.served(service);
        if after == before && old.behind.is_empty() && self.runs_all(service, after.replicas).await? {
            return Ok(());
        }
        let mut counted = old.counted;
        let drafts = (1..=after.replicas).map(|replica| {
            counted += 1;
            let name = self.names().container(service, counted);
            let after = &after;
            async move { self.deployed(service, after, replica, name).await.map(|draft| (replica, draft)) }
        });
        let drafts = try_join_all(drafts.collect::<Vec<_>>()).await?;
        self.intend(drafts.iter().flat_map(|(_, draft)| draft.makes()).collect())?;
        // The new ones are made first: an image that does not exist must not take the old ones down.
        let created = join_all(drafts.iter().map(|(_, draft)| self.create(draft))).await;
        if let Err(error) = created.into_iter().collect::<Result<(), StageError>>() {
            join_all(drafts.iter().map(|(_, draft)| self.engine().remove_container(&draft.name))).await;
            self.count(service, counted);
            return Err(error);
        }
        let served = Served { runs: after, containers: Vec::new(), behind: BTreeSet::new(), counted };
        self.exchange(service, old, drafts, served).await
    }

    /// One replica of a service that is replaced container by container.
    pub(super) async fn replace_one(&self, change: &Deploy, replica: u32) -> Result<(), StageError> {
        self.known("deploy", &change.service)?;
        let service = change.service.as_str();
        let before = self.runs(service)?;
        let after = before.after(change);
        let mut served = self.served(service);
        if after != before {
            served.behind = served.containers.iter().map(|(number, _)| *number).collect();
        }
        let Some(at) = served.containers.iter().position(|(number, _)| *number == replica) else {
            let cause = format!("there is no replica {replica}: it has {}", served.containers.len());
            return Err(StageError::new("deploy", format!("service {service}"), cause));
        };
        let old = served.containers[at].1.clone();
        if !served.behind.remove(&replica) && self.is_up(service, &old).await? {
            return Ok(());
        }
        served.counted += 1;
        let name = self.names().container(service, served.counted);
        let draft = self.deployed(service, &after, replica, name).await?;
        self.intend(draft.makes())?;
        // It is made before the old one goes: an image that does not exist must not take that down.
        if let Err(error) = self.create(&draft).await {
            self.engine().remove_container(&draft.name).await.ok();
            self.count(service, served.counted);
            return Err(error);
        }
        let stopped = self.stop_and_remove(&old).await;
        served.containers[at].1.clone_from(&draft.name);
        self.state().services.insert(service.to_owned(), Served { runs: after, ..served });
        stopped?;
        Ok(self.engine().start_container(&draft.name).await?)
    }

    /// A container that calls through the gateways for which deploying it counts.
    async fn deployed(
        &self,
        service: &str,
        runs: &Runs,
        replica: u32,
        name: String,
    ) -> Result<Draft, StageError> {
        let mut draft = self.draft(service, runs, replica, name).await?;
        draft.place.detours = self.detours(service, Made::ByDeploy);
        Ok(draft)
    }

    async fn is_up(&self, service: &str, name: &str) -> Result<bool, StageError> {
        let containers = self.inspect_containers(service).await?;
        let mut instances = containers.iter().map(|container| look::instance(self.names(), container));
        Ok(instances.any(|instance| instance.name == name && instance.health.is_up()))
    }

    /// The old containers go before the new ones start: both want the same volumes and names.
    async fn exchange(
        &self,
        service: &str,
        old: Served,
        drafts: Vec<(u32, Draft)>,
        mut served: Served,
    ) -> Result<(), StageError> {
        let stopped = join_all(old.containers.iter().map(|(_, name)| self.stop_and_remove(name))).await;
        served.containers = drafts.into_iter().map(|(replica, draft)| (replica, draft.name)).collect();
        let names: Vec<String> = served.containers.iter().map(|(_, name)| name.clone()).collect();
        self.state().services.insert(service.to_owned(), served);
        stopped.into_iter().collect::<Result<(), StageError>>()?;
        let started = join_all(names.iter().map(|name| self.engine().start_container(name))).await;
        started.into_iter().try_for_each(|started| started.map_err(StageError::from))
    }

    async fn stop_and_remove(&self, name: &str) -> Result<(), StageError> {
        match self.engine().stop_container(name).await {
            Err(problem) if !problem.is_missing() => return Err(problem.into()),
            _ => {}
        }
        Ok(self.engine().remove_container(name).await?)
    }

    fn served(&self, service: &str) -> Served {
        let state = self.state();
        state.services.get(service).cloned().unwrap_or_default()
    }

    fn count(&self, service: &str, counted: u32) {
        if let Some(served) = self.state().services.get_mut(service) {
            served.counted = counted;
        }
    }

    async fn runs_all(&self, service: &str, replicas: u32) -> Result<bool, StageError> {
        let containers = self.inspect_containers(service).await?;
        let up = containers.iter().filter(|container| look::health(container).is_up()).count();
        Ok(up == containers.len() && u32::try_from(up) == Ok(replicas))
    }
}

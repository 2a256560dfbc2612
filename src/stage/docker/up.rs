//! Bringing a run's services up: everything is made at once, and each service starts as soon as its own
//! dependencies allow.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::{BoxFuture, join_all, try_join_all};
use futures_util::stream::FuturesUnordered;
use tokio::time::Instant;

use super::container::Draft;
use super::network::{self, Wanted};
use super::order::{Order, active};
use super::spec::Volume;
use super::{DockerStage, Served, Subnet, names, resource};
use crate::compose::model::{Condition, Restart};
use crate::stage::{Copies, Health, Resource, ResourceKind, StageError};

/// Something about a service has come true.
type Reached<'a> = BoxFuture<'a, Result<(String, Condition), StageError>>;

impl DockerStage {
    /// Brings everything up, on copies of another stage's volumes if there are any.
    pub(super) async fn bring_up(&self, copies: Option<&Copies>, within: Duration) -> Result<(), StageError> {
        let deadline = Instant::now() + within;
        // The bell is hung before anything can ring it.
        drop(self.news());
        let order = Order::of(&self.0.project)?;
        let (networks, made) = self.wanted_networks();
        self.intend(made)?;
        let (networks, files) = tokio::join!(self.make_networks(networks), self.upload_files());
        let subnets = networks?;
        self.state().subnets = subnets;
        files?;
        if let Some(copies) = copies {
            self.take_over(copies).await?;
        }
        tokio::try_join!(self.make_containers(), self.open_gateways())?;
        self.start_all(order, deadline).await
    }

    fn wanted_networks(&self) -> (Vec<Wanted>, Vec<Resource>) {
        let services = self.0.project.services.iter();
        let used = services.clone().flat_map(|(_, service)| service.networks.keys());
        let mut wanted: BTreeMap<&String, Wanted> = BTreeMap::new();
        for name in used {
            let declared = self.0.project.networks.get(name).cloned().unwrap_or_default();
            let labels = self.names().labels(&declared.labels, &[(names::NAME, name)]);
            let network = Wanted {
                name: self.names().network(name),
                labels,
                internal: declared.internal,
                inward: false,
            };
            wanted.insert(name, network);
        }
        let mut wanted: Vec<Wanted> = wanted.into_values().collect();
        if self.0.project.services.keys().any(|name| self.needs_a_way_in(name)) {
            let labels = self.names().labels(&BTreeMap::new(), &[]);
            wanted.push(Wanted { name: self.names().reach(), labels, internal: false, inward: true });
        }
        let made = wanted.iter().map(|network| resource(ResourceKind::Network, &network.name)).collect();
        (wanted, made)
    }

    async fn make_networks(&self, wanted: Vec<Wanted>) -> Result<BTreeMap<String, Subnet>, StageError> {
        // Any number will do that differs between runners.
        let seed = self.0.options.run.bytes().fold(0u64, |sum, byte| sum.wrapping_mul(31) + u64::from(byte));
        self.finish(|stage| async move {
            network::create(stage.engine(), stage.0.options.subnets, seed, wanted).await
        })
        .await
    }

    async fn upload_files(&self) -> Result<(), StageError> {
        if self.uploads()?.is_empty() {
            return Ok(());
        }
        let labels = self.names().labels(&BTreeMap::new(), &[]);
        let volume = Volume { name: self.names().files(), labels, options: BTreeMap::new() };
        self.upload_into(&volume, self.uploads()?.tar()).await?;
        let found = self.engine().inspect_volume(&volume.name).await?;
        // Set once: a second `up` of the same stage finds the same place.
        drop(self.0.files.set(found.mountpoint));
        Ok(())
    }

    /// Makes the containers of all active services, before the first starts; only a container that
    /// shares another's network has to wait for it.
    async fn make_containers(&self) -> Result<(), StageError> {
        let services = active(&self.0.project);
        let shares = |name: &&str| {
            let mode = self.0.project.services[*name].network_mode.as_deref();
            mode.is_some_and(|mode| mode.starts_with("service:"))
        };
        let (later, now): (Vec<&str>, Vec<&str>) = services.into_iter().partition(shares);
        for services in [now, later] {
            self.make_containers_of(services).await?;
        }
        Ok(())
    }

    pub(super) async fn make_containers_of(&self, services: Vec<&str>) -> Result<(), StageError> {
        let drafts = try_join_all(services.into_iter().map(|service| self.drafts(service))).await?;
        let made = drafts.iter().flat_map(|(_, _, drafts)| drafts).flat_map(Draft::makes);
        self.intend(made.collect())?;
        let all = drafts.iter().flat_map(|(_, _, drafts)| drafts);
        let created = join_all(all.map(|draft| self.create(draft))).await;
        for (service, runs, drafts) in drafts {
            let replicas = 1..;
            let containers: Vec<(u32, String)> =
                replicas.zip(drafts.into_iter().map(|draft| draft.name)).collect();
            let counted = u32::try_from(containers.len()).unwrap_or(u32::MAX);
            self.state()
                .services
                .insert(service, Served { runs, containers, behind: BTreeSet::new(), counted });
        }
        created.into_iter().collect()
    }

    async fn drafts(&self, service: &str) -> Result<(String, super::Runs, Vec<Draft>), StageError> {
        let runs = self.runs(service)?;
        let draft = |number| self.draft(service, &runs, number, self.names().container(service, number));
        let drafts = try_join_all((1..=runs.replicas).map(draft)).await?;
        Ok((service.to_owned(), runs.clone(), drafts))
    }

    pub(super) async fn start_all(&self, mut order: Order, deadline: Instant) -> Result<(), StageError> {
        let mut work: FuturesUnordered<Reached<'_>> = FuturesUnordered::new();
        loop {
            for service in order.ready() {
                work.push(Box::pin(self.start_one(service)));
            }
            let Some(reached) = work.next().await else { break };
            let (service, condition) = reached?;
            order.reached(&service, condition);
            if condition == Condition::ServiceStarted {
                let mut goals = order.asked_of(&service);
                if !goals.contains(&Condition::ServiceCompletedSuccessfully) {
                    goals.insert(Condition::ServiceHealthy);
                }
                for goal in goals {
                    work.push(Box::pin(self.wait_for(service.clone(), goal, deadline)));
                }
            }
        }
        let waiting = order.waiting();
        if !waiting.is_empty() {
            let cause = "they depend on each other in a circle";
            return Err(StageError::new("start", format!("services {}", waiting.join(", ")), cause));
        }
        self.still_up().await
    }

    /// Whoever ran for a moment and failed while others were waited for is not up.
    async fn still_up(&self) -> Result<(), StageError> {
        let services: Vec<String> = self.state().services.keys().cloned().collect();
        let all = join_all(services.iter().map(|service| self.inspect_containers(service))).await;
        for (service, containers) in services.iter().zip(all) {
            let health = self.health_of(service, &containers?);
            let failed = matches!(health, Health::Exited(code) if code != 0);
            if failed && self.0.project.services[service].restart == Restart::No {
                return Err(self.not_up(service, format!("it is {health}")).await);
            }
        }
        Ok(())
    }

    pub(super) async fn start_one(&self, service: String) -> Result<(String, Condition), StageError> {
        let containers = self.containers(&service);
        let started = join_all(containers.iter().map(|name| self.engine().start_container(name))).await;
        for result in started {
            if let Err(problem) = result {
                let evidence = self.evidence(&service).await;
                return Err(problem.error.with_evidence(evidence));
            }
        }
        Ok((service, Condition::ServiceStarted))
    }

    /// Waits until a service has come as far as others want it, or is as well as it can be.
    pub(super) async fn wait_for(
        &self,
        service: String,
        goal: Condition,
        deadline: Instant,
    ) -> Result<(String, Condition), StageError> {
        let mut news = self.news();
        let one_off = self.0.project.services[&service].restart == Restart::No;
        loop {
            let health = self.health_of(&service, &self.inspect_containers(&service).await?);
            match judge(health, goal, one_off) {
                Standing::Reached => return Ok((service, goal)),
                Standing::Failed => return Err(self.not_up(&service, format!("it is {health}")).await),
                Standing::Open if Instant::now() >= deadline => {
                    let cause = format!("it was still {health} when the time to come up was over");
                    return Err(self.not_up(&service, cause).await);
                }
                Standing::Open => news.next().await,
            }
        }
    }

    async fn not_up(&self, service: &str, cause: String) -> StageError {
        let evidence = self.evidence(service).await;
        StageError::new("bring up", format!("service {service}"), cause).with_evidence(evidence)
    }
}

/// How a service stands towards what is wanted of it.
#[derive(Debug, PartialEq, Eq)]
enum Standing {
    Reached,
    Open,
    Failed,
}

/// A service that is never restarted may do its work and end; any other has to keep running.
fn judge(health: Health, goal: Condition, one_off: bool) -> Standing {
    let to_the_end = goal == Condition::ServiceCompletedSuccessfully;
    match health {
        Health::Exited(0) if to_the_end || one_off => Standing::Reached,
        Health::Exited(_) if to_the_end || one_off => Standing::Failed,
        Health::Unhealthy if !to_the_end => Standing::Failed,
        Health::Healthy | Health::Running if !to_the_end => Standing::Reached,
        Health::ScaledToZero => Standing::Reached,
        Health::Healthy
        | Health::Running
        | Health::Starting
        | Health::Unhealthy
        | Health::Paused
        | Health::Restarting
        | Health::Exited(_)
        | Health::Absent => Standing::Open,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_up_when_it_does_what_is_wanted_of_it() {
        use Condition::{ServiceCompletedSuccessfully as End, ServiceHealthy as Well};
        for (health, goal, one_off, expected) in [
            (Health::Healthy, Well, false, Standing::Reached),
            (Health::Running, Well, true, Standing::Reached),
            (Health::ScaledToZero, Well, false, Standing::Reached),
            (Health::Starting, Well, false, Standing::Open),
            (Health::Unhealthy, Well, false, Standing::Failed),
            (Health::Restarting, Well, false, Standing::Open),
            (Health::Exited(0), Well, true, Standing::Reached),
            (Health::Exited(1), Well, true, Standing::Failed),
            // The restart policy has not acted yet.
            (Health::Exited(0), Well, false, Standing::Open),
            (Health::Running, End, true, Standing::Open),
            (Health::Exited(0), End, true, Standing::Reached),
            (Health::Exited(2), End, true, Standing::Failed),
        ] {
            assert_eq!(judge(health, goal, one_off), expected, "{health} {goal:?} {one_off}");
        }
    }
}

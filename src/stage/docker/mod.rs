//! The stage on a Docker engine: the only importer of `bollard`.

mod beside;
mod cache;
mod capacity;
mod clean;
mod client;
mod connect;
mod container;
mod deploy;
mod down;
mod files;
mod follow;
mod gateway;
mod healthcheck;
mod image;
mod keep;
mod limit;
mod lines;
mod look;
mod names;
mod network;
mod news;
mod order;
mod owner;
mod private;
mod process;
mod reach;
mod relay;
mod reset;
mod signal;
mod spec;
mod state;
mod subnet;
mod up;
mod written;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

pub use cache::{Trimmed, clean_images, trim};
pub use capacity::{Capacity, Need, capacity};
pub use clean::{CleanOptions, Cleaned, Left, clean};
pub use client::Engine;
pub use connect::{NoEngine, Surroundings, connect};
pub use image::{Hide, Image, ImageOptions, Images, Progress, Wanted};
pub use owner::Owner;
pub use private::PrivateEngine;
pub use subnet::Subnet;

use super::{
    Copies, Deploy, Gateway, Health, Instance, Killed, Ledger, Lines, OneShot, Process, Resource,
    ResourceKind, ServiceState, Stage, StageError,
};
use crate::compose::Project;
use crate::plan::model::Limits;
use files::Uploads;
use names::Names;
use news::News;
use spec::Runs;

/// How a run uses its engine.
#[derive(Debug, Clone)]
pub struct Options {
    /// The run's name on the engine: letters, digits and `-`.
    pub run: String,
    /// Who makes it.
    pub owner: Owner,
    /// The image ID of every service, those of inactive profiles included.
    pub images: BTreeMap<String, String>,
    /// Ports that the runner must reach, by service.
    pub reach: BTreeMap<String, Vec<u16>>,
    /// Where networks take their addresses from.
    pub subnets: Subnet,
    /// The runner's environment, for secrets that come from it.
    pub environment: BTreeMap<String, String>,
    /// The gateways, by the service that they stand before.
    pub gateways: BTreeMap<String, crate::plan::model::Gateway>,
    /// The program that a gateway is made from: this one.
    pub program: PathBuf,
    /// Whether everything outlives the runner until `clean`.
    pub keep: bool,
}

/// A staging system on a Docker engine. Clones are the same one.
#[derive(Clone)]
pub struct DockerStage(Arc<Shared>);

struct Shared {
    engine: Engine,
    project: Project,
    options: Options,
    ledger: Arc<dyn Ledger>,
    names: Names,
    /// What is to be uploaded, or why that cannot be said.
    uploads: Result<Uploads, StageError>,
    /// Where the engine keeps the uploaded files; set once they are there.
    files: OnceLock<String>,
    news: OnceLock<News>,
    state: Mutex<State>,
    /// The image that holds this program, once it is needed.
    program: tokio::sync::OnceCell<String>,
    /// Held by whoever is making something; taking the stage down waits for them.
    making: tokio::sync::RwLock<()>,
}

/// What was made so far.
#[derive(Default)]
struct State {
    services: BTreeMap<String, Served>,
    /// Everything that was intended, whether or not it came to be.
    made: BTreeSet<Resource>,
    /// The paths at which images want volumes, by image ID.
    image_volumes: BTreeMap<String, Vec<String>>,
    /// Open relays by service and port.
    relays: BTreeMap<(String, u16), relay::Relay>,
    /// The addresses of the networks, by their names on the engine.
    subnets: BTreeMap<String, Subnet>,
    gateways: BTreeMap<String, Arc<gateway::DockerGateway>>,
    asked: healthcheck::Asked,
    one_shots: u32,
    helpers: u32,
    commands: u32,
}

/// A service that was started.
#[derive(Debug, Clone, Default)]
struct Served {
    runs: Runs,
    /// Its containers' names, each with the number of its replica.
    containers: Vec<(u32, String)>,
    /// The replicas that still run what was before that.
    behind: BTreeSet<u32>,
    /// How many containers it has had.
    counted: u32,
}

impl DockerStage {
    /// A stage for a project; nothing is made yet.
    pub fn new(engine: Engine, project: Project, options: Options, ledger: Arc<dyn Ledger>) -> Self {
        let created = jiff::Timestamp::now().as_second();
        let names = Names::new(&options.run, &options.owner, created, options.keep);
        let uploads = Uploads::of(&project, &options.environment);
        Self(Arc::new(Shared {
            engine,
            project,
            options,
            ledger,
            names,
            uploads,
            files: OnceLock::new(),
            news: OnceLock::new(),
            state: Mutex::default(),
            program: tokio::sync::OnceCell::new(),
            making: tokio::sync::RwLock::default(),
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn engine(&self) -> &Engine {
        &self.0.engine
    }

    fn names(&self) -> &Names {
        &self.0.names
    }

    fn uploads(&self) -> Result<&Uploads, StageError> {
        self.0.uploads.as_ref().map_err(Clone::clone)
    }

    fn news(&self) -> News {
        let listen = || News::of(self.engine().clone(), self.names().label());
        self.0.news.get_or_init(listen).fresh()
    }

    /// Makes something to the end even if nobody waits for it any more: the engine would finish it
    /// anyway, and behind the back of whoever is already cleaning up.
    async fn finish<T, F>(&self, work: impl FnOnce(Self) -> F) -> Result<T, StageError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StageError>> + Send + 'static,
    {
        let stage = self.clone();
        let work = work(self.clone());
        let task = tokio::spawn(async move {
            let _making = stage.0.making.read().await;
            work.await
        });
        task.await.map_err(|error| StageError::new("finish", "what was being made", error.to_string()))?
    }

    /// Writes down what is about to be made.
    fn intend(&self, resources: Vec<Resource>) -> Result<(), StageError> {
        let new: Vec<Resource> = {
            let state = self.state();
            resources.into_iter().filter(|resource| !state.made.contains(resource)).collect()
        };
        if new.is_empty() {
            return Ok(());
        }
        self.0.ledger.intend(&new).map_err(|error| {
            StageError::new("write down", "what is about to be created", error.to_string())
        })?;
        self.state().made.extend(new);
        Ok(())
    }
}

/// Something of that kind and name.
fn resource(kind: ResourceKind, name: impl Into<String>) -> Resource {
    Resource { kind, name: name.into() }
}

#[async_trait]
impl Stage for DockerStage {
    async fn up(&self, within: Duration) -> Result<(), StageError> {
        self.bring_up(None, within).await
    }

    async fn retire(&self, kept: &BTreeSet<String>) -> Result<(), StageError> {
        self.remove_services(kept).await
    }

    async fn reinstate(&self, within: Duration) -> Result<(), StageError> {
        self.make_missing(within).await
    }

    async fn written(&self, service: &str) -> Result<Option<String>, StageError> {
        self.known("look into", service)?;
        self.written_by(service).await
    }

    async fn keep(&self, within: Duration) -> Result<Copies, StageError> {
        self.keep_volumes(within).await
    }

    async fn restore(&self, copies: &Copies, within: Duration) -> Result<(), StageError> {
        self.restore_volumes(copies, within).await
    }

    async fn up_on(&self, copies: &Copies, within: Duration) -> Result<(), StageError> {
        self.bring_up(Some(copies), within).await
    }

    async fn discard(&self, copies: &Copies) -> Vec<StageError> {
        self.remove_copies(copies).await
    }

    async fn down(&self) -> Vec<StageError> {
        self.take_down().await
    }

    async fn run_once(&self, request: &OneShot) -> Result<Box<dyn Process>, StageError> {
        Ok(Box::new(self.start_one_shot(request).await?))
    }

    async fn exec_with(
        &self,
        service: &str,
        command: &[String],
        environment: &BTreeMap<String, String>,
    ) -> Result<Box<dyn Process>, StageError> {
        Ok(Box::new(self.start_command(service, command, environment).await?))
    }

    async fn deploy(&self, change: &Deploy) -> Result<(), StageError> {
        self.redeploy(change).await
    }

    async fn replace(&self, change: &Deploy, replica: u32) -> Result<(), StageError> {
        self.replace_one(change, replica).await
    }

    async fn inspect(&self) -> Result<BTreeMap<String, ServiceState>, StageError> {
        self.inspect_services().await
    }

    async fn health(&self, service: &str) -> Result<Health, StageError> {
        Ok(self.health_of(service, &self.inspect_containers(service).await?))
    }

    async fn instances(&self, service: &str) -> Result<Vec<Instance>, StageError> {
        let inspected = self.inspect_containers(service).await?;
        Ok(inspected.iter().map(|container| look::instance(self.names(), container)).collect())
    }

    async fn changed(&self) {
        self.news().next().await;
    }

    async fn address(&self, service: &str, port: u16) -> Result<SocketAddr, StageError> {
        self.reach(service, port).await
    }

    async fn follow(&self, service: &str) -> Result<Lines, StageError> {
        self.known("follow", service)?;
        let (stage, service) = (self.clone(), service.to_owned());
        let current = move || std::future::ready(stage.containers(&service));
        Ok(follow::follow(self.engine().clone(), self.news(), current).await)
    }

    async fn tail(&self, service: &str, lines: usize) -> Result<Vec<String>, StageError> {
        self.known("read the output of", service)?;
        let mut said = Vec::new();
        for container in self.containers(service) {
            said.extend(follow::tail(self.engine(), &container, lines).await);
        }
        Ok(said)
    }

    async fn kill(&self, service: &str, signal: &str) -> Result<Killed, StageError> {
        self.send_signal(service, signal).await
    }

    async fn end(&self, service: &str) -> Result<(), StageError> {
        self.end_for_good(service).await
    }

    async fn stop(&self, service: &str) -> Result<(), StageError> {
        self.each("stop", service, |name| async move { self.engine().stop_container(&name).await }).await
    }

    async fn start(&self, service: &str) -> Result<(), StageError> {
        self.each("start", service, |name| async move { self.engine().start_container(&name).await }).await
    }

    async fn restart(&self, service: &str) -> Result<(), StageError> {
        self.each("restart", service, |name| async move { self.engine().restart_container(&name).await })
            .await
    }

    async fn pause(&self, service: &str) -> Result<(), StageError> {
        self.each("pause", service, |name| async move { self.engine().pause_container(&name).await }).await
    }

    async fn unpause(&self, service: &str) -> Result<(), StageError> {
        self.thaw(service).await
    }

    async fn disconnect(&self, service: &str, network: &str) -> Result<(), StageError> {
        let network = self.names().network(network);
        let engine = self.engine();
        let off = |name: String| {
            let network = network.clone();
            async move { engine.disconnect(&network, &name).await }
        };
        self.each("disconnect", service, off).await
    }

    async fn connect(&self, service: &str, network: &str) -> Result<(), StageError> {
        self.join(service, network).await
    }

    async fn limit(&self, service: &str, limits: &Limits) -> Result<(), StageError> {
        self.set_limits(service, limits).await
    }

    async fn unlimit(&self, service: &str, limits: &Limits) -> Result<(), StageError> {
        self.lift_limits(service, limits).await
    }

    async fn fill_volume(&self, volume: &str, tar: &Path) -> Result<(), StageError> {
        self.fill(volume, tar).await
    }

    async fn beside(&self, service: &str, arguments: &[String]) -> Result<Lines, StageError> {
        self.run_beside(service, arguments).await
    }

    fn gateway(&self, service: &str) -> Option<Arc<dyn Gateway>> {
        self.state().gateways.get(service).map(|gateway| gateway.clone() as Arc<dyn Gateway>)
    }

    async fn strays(&self) -> Result<Vec<Resource>, StageError> {
        self.find_strays().await
    }
}

//! A stage in memory: it keeps what a real one keeps, plays scripts for processes, and refuses or
//! ignores what a test tells it to.

mod script;
mod world;

pub use script::{Play, Script};

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::mpsc;

use super::{
    Copies, Deploy, Health, Instance, Killed, Line, Lines, OneShot, Process, Resource, ServiceState, Stage,
    StageError,
};
use crate::compose::Project;
use crate::plan::model::Limits;
use script::FakeProcess;
use world::World;

/// A stage in memory. Clones are the same stage.
#[derive(Clone)]
pub struct FakeStage(Arc<Mutex<World>>);

impl FakeStage {
    /// A stage for a project; nothing is up yet.
    pub fn new(project: Project) -> Self {
        Self(Arc::new(Mutex::new(World::new(project))))
    }

    /// What `exec` of a command in a service does, or with no command at all what its `run` does.
    /// Without a script a process says nothing and ends with exit code 0.
    pub fn script(&self, service: &str, command: &[&str], script: Script) {
        let command = command.iter().map(ToString::to_string).collect();
        self.world().scripts.insert((service.to_owned(), command), script);
    }

    /// From now on this operation on this service fails with this cause.
    pub fn refuse(&self, operation: &'static str, service: &str, cause: &str) {
        let key = (operation.to_owned(), service.to_owned());
        self.world().refused.insert(key, StageError::new(operation, format!("service {service}"), cause));
    }

    /// From now on this operation succeeds again.
    pub fn allow(&self, operation: &str, service: &str) {
        self.world().refused.remove(&(operation.to_owned(), service.to_owned()));
    }

    /// From now on this operation says that all went well and does nothing.
    pub fn ignore(&self, operation: &str) {
        self.world().ignored.insert(operation.to_owned());
    }

    /// Makes all containers of a service do this.
    pub fn set_health(&self, service: &str, health: Health) {
        self.world().set_health(service, health);
    }

    /// Makes a service healthy or unhealthy whenever a container of it starts.
    pub fn set_health_after_start(&self, service: &str, health: Health) {
        self.world().first_health.insert(service.to_owned(), health);
    }

    /// Says where a port of a service is reached.
    pub fn set_address(&self, service: &str, port: u16, address: SocketAddr) {
        self.world().addresses.insert((service.to_owned(), port), address);
    }

    /// How signals are said to be delivered.
    pub fn set_killed(&self, killed: Killed) {
        self.world().killed = killed;
    }

    /// What a service does on a stage that was brought up on copies.
    pub fn set_health_on_copies(&self, service: &str, health: Health) {
        self.world().on_copies.insert(service.to_owned(), health);
    }

    /// Lets a service have written a file in its container.
    pub fn set_written(&self, service: &str, path: &str) {
        self.world().written.insert(service.to_owned(), path.to_owned());
    }

    /// Adds something that the project does not explain.
    pub fn add_stray(&self, resource: Resource) {
        self.world().strays.push(resource);
    }

    /// Lets a service print a line.
    pub fn say(&self, service: &str, text: &str) {
        self.world().say(service, &Line { error: false, text: text.to_owned() });
    }

    /// Everything that was asked of it, in order, such as `deploy api`.
    pub fn calls(&self) -> Vec<String> {
        self.world().calls.clone()
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes the call down; none when it is to be ignored.
    fn begin(&self, operation: &str, service: &str) -> Result<Option<MutexGuard<'_, World>>, StageError> {
        let mut world = self.world();
        world.calls.push(format!("{operation} {service}").trim_end().to_owned());
        if let Some(error) = world.refused.get(&(operation.to_owned(), service.to_owned())) {
            return Err(error.clone());
        }
        let ignored = world.ignored.contains(operation);
        Ok((!ignored).then_some(world))
    }
}

#[async_trait]
impl Stage for FakeStage {
    async fn up(&self, _within: Duration) -> Result<(), StageError> {
        if let Some(mut world) = self.begin("up", "")? {
            world.up();
        }
        Ok(())
    }

    async fn retire(&self, kept: &std::collections::BTreeSet<String>) -> Result<(), StageError> {
        if let Some(mut world) = self.begin("retire", "")? {
            world.retire(kept);
        }
        Ok(())
    }

    async fn reinstate(&self, within: Duration) -> Result<(), StageError> {
        self.up(within).await
    }

    async fn written(&self, service: &str) -> Result<Option<String>, StageError> {
        Ok(self.world().written.get(service).cloned())
    }

    async fn keep(&self, _within: Duration) -> Result<Copies, StageError> {
        self.begin("keep", "").map(|_| Copies::default())
    }

    async fn up_on(&self, _copies: &Copies, _within: Duration) -> Result<(), StageError> {
        if let Some(mut world) = self.begin("up on copies", "")? {
            world.up();
            let differing = world.on_copies.clone();
            differing.iter().for_each(|(service, health)| world.set_health(service, *health));
        }
        Ok(())
    }

    async fn restore(&self, _copies: &Copies, within: Duration) -> Result<(), StageError> {
        if let Some(mut world) = self.begin("restore", "")? {
            world.retire(&std::collections::BTreeSet::new());
        }
        self.up(within).await
    }

    async fn discard(&self, _copies: &Copies) -> Vec<StageError> {
        self.begin("discard", "").err().into_iter().collect()
    }

    async fn down(&self) -> Vec<StageError> {
        match self.begin("down", "") {
            Ok(Some(mut world)) => {
                world.services.clear();
                Vec::new()
            }
            Ok(None) => Vec::new(),
            Err(error) => vec![error],
        }
    }

    async fn run_once(&self, request: &OneShot) -> Result<Box<dyn Process>, StageError> {
        let world = self.begin("run", &request.service)?;
        let world = world.unwrap_or_else(|| self.world());
        world.known("run", &request.service)?;
        let script = world.script_of(&request.service, request.command.as_deref().unwrap_or_default());
        let (host, numb) = (world.forever(), world.ignored.contains("process kill"));
        // What the script does may ask this stage for more.
        drop(world);
        Ok(Box::new(FakeProcess::start(&script, host, numb)))
    }

    async fn exec_with(
        &self,
        service: &str,
        command: &[String],
        _environment: &BTreeMap<String, String>,
    ) -> Result<Box<dyn Process>, StageError> {
        let world = self.begin("exec", service)?;
        let world = world.unwrap_or_else(|| self.world());
        let host = world.running("exec in", service)?;
        let script = world.script_of(service, command);
        let numb = world.ignored.contains("process kill");
        drop(world);
        Ok(Box::new(FakeProcess::start(&script, host, numb)))
    }

    async fn deploy(&self, change: &Deploy) -> Result<(), StageError> {
        match self.begin("deploy", &change.service)? {
            Some(mut world) => world.deploy(change),
            None => Ok(()),
        }
    }

    async fn replace(&self, change: &Deploy, replica: u32) -> Result<(), StageError> {
        match self.begin("deploy", &change.service)? {
            Some(mut world) => world.replace(change, replica),
            None => Ok(()),
        }
    }

    async fn inspect(&self) -> Result<BTreeMap<String, ServiceState>, StageError> {
        let world = self.begin("inspect", "")?;
        Ok(world.unwrap_or_else(|| self.world()).states())
    }

    async fn health(&self, service: &str) -> Result<Health, StageError> {
        Ok(self.world().health(service))
    }

    async fn instances(&self, service: &str) -> Result<Vec<Instance>, StageError> {
        Ok(self.world().instances(service))
    }

    async fn address(&self, service: &str, port: u16) -> Result<SocketAddr, StageError> {
        let world = self.begin("address", service)?;
        let world = world.unwrap_or_else(|| self.world());
        let known = world.addresses.get(&(service.to_owned(), port)).copied();
        known.ok_or_else(|| {
            StageError::new("reach", format!("service {service}"), format!("port {port} is not published"))
        })
    }

    async fn follow(&self, service: &str) -> Result<Lines, StageError> {
        let (sender, lines) = mpsc::channel(1024);
        self.world().followers.entry(service.to_owned()).or_default().push(sender);
        Ok(lines)
    }

    async fn tail(&self, service: &str, lines: usize) -> Result<Vec<String>, StageError> {
        let world = self.world();
        let said = world.logs.get(service).map(Vec::as_slice).unwrap_or_default();
        Ok(said[said.len().saturating_sub(lines)..].to_vec())
    }

    async fn kill(&self, service: &str, signal: &str) -> Result<Killed, StageError> {
        let killed = self.world().killed;
        if let Some(mut world) = self.begin("kill", service)? {
            world.running("kill", service)?;
            world.signal(service, signal, killed);
        }
        Ok(killed)
    }

    async fn end(&self, service: &str) -> Result<(), StageError> {
        if let Some(mut world) = self.begin("end", service)? {
            world.end(service, 137);
        }
        Ok(())
    }

    async fn stop(&self, service: &str) -> Result<(), StageError> {
        if let Some(mut world) = self.begin("stop", service)? {
            world.end(service, 143);
        }
        Ok(())
    }

    async fn start(&self, service: &str) -> Result<(), StageError> {
        if let Some(mut world) = self.begin("start", service)? {
            world.start(service);
        }
        Ok(())
    }

    async fn restart(&self, service: &str) -> Result<(), StageError> {
        if let Some(mut world) = self.begin("restart", service)? {
            world.end(service, 143);
            world.start(service);
        }
        Ok(())
    }

    async fn pause(&self, service: &str) -> Result<(), StageError> {
        if let Some(mut world) = self.begin("pause", service)? {
            world.running("pause", service)?;
            world.set_health(service, Health::Paused);
        }
        Ok(())
    }

    async fn unpause(&self, service: &str) -> Result<(), StageError> {
        if let Some(mut world) = self.begin("unpause", service)? {
            world.thaw(service);
        }
        Ok(())
    }

    async fn disconnect(&self, service: &str, network: &str) -> Result<(), StageError> {
        match self.begin("disconnect", service)? {
            Some(mut world) => world.disconnect(service, network),
            None => Ok(()),
        }
    }

    async fn connect(&self, service: &str, network: &str) -> Result<(), StageError> {
        if let Some(mut world) = self.begin("connect", service)? {
            world.connect(service, network);
        }
        Ok(())
    }

    async fn limit(&self, service: &str, limits: &Limits) -> Result<(), StageError> {
        if let Some(mut world) = self.begin("limit", service)? {
            world.running("limit", service)?;
            world.limit(service, limits);
        }
        Ok(())
    }

    async fn unlimit(&self, service: &str, limits: &Limits) -> Result<(), StageError> {
        if let Some(mut world) = self.begin("unlimit", service)? {
            world.unlimit(service, limits);
        }
        Ok(())
    }

    async fn fill_volume(&self, volume: &str, _tar: &Path) -> Result<(), StageError> {
        match self.begin("fill", volume)? {
            Some(world) if !world.project.volumes.contains_key(volume) => {
                Err(StageError::new("fill", format!("volume {volume}"), "there is no such volume"))
            }
            _ => Ok(()),
        }
    }

    async fn beside(&self, service: &str, _: &[String]) -> Result<Lines, StageError> {
        self.begin("look beside", service)?;
        let cause = "nothing is mounted in memory";
        Err(StageError::new("look beside", format!("service {service}"), cause))
    }

    fn gateway(&self, _: &str) -> Option<std::sync::Arc<dyn crate::stage::Gateway>> {
        None
    }

    async fn strays(&self) -> Result<Vec<Resource>, StageError> {
        Ok(self.world().strays.clone())
    }
}

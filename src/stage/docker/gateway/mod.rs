//! Gateways on the engine: one container in front of each service that is called through one, at an
//! address of the service's networks that is known before anything starts. The runner talks to it over
//! the engine's attach stream; when that ends, so does the gateway.

mod elf;
pub(super) mod image;

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bollard::models::{
    ContainerCreateBody, EndpointIpamConfig, EndpointSettings, HostConfig, NetworkingConfig,
};
use futures_util::StreamExt;
use futures_util::future::try_join_all;
use tokio::io::AsyncWriteExt;
use tokio::sync::{Mutex as AsyncMutex, mpsc, oneshot, watch};

use super::client::{Engine, Input, Output};
use super::lines::Splitter;
use super::{DockerStage, names, resource};
use crate::gateway::control::{Held, Numbered, Order, Report, Route};
use crate::plan::model::Gateway as Wanted;
use crate::stage::{Done, Gateway, ResourceKind, StageError};

/// How long a gateway may take to listen, or to answer an order.
const PATIENCE: Duration = Duration::from_secs(20);

/// What made a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Made {
    /// The stage, when it was brought up or put back; or a step that runs one container of its own.
    AtFirst,
    /// A step that deploys its service.
    ByDeploy,
}

impl DockerStage {
    /// The names and addresses by which a service finds gateways in the place of what it calls, as the
    /// engine writes them into `/etc/hosts`.
    pub(super) fn detours(&self, client: &str, made: Made) -> Vec<String> {
        let mut hosts = Vec::new();
        for (number, (service, wanted)) in (0..).zip(&self.0.options.gateways) {
            let calls =
                wanted.clients.contains(client) || made == Made::ByDeploy && wanted.deployed.contains(client);
            if client == service || !calls {
                continue;
            }
            let Some((network, address)) = self.meeting(client, (service, wanted), number) else { continue };
            let names =
                if wanted.is_sink() { vec![service.clone()] } else { self.aliases(service, &network) };
            hosts.extend(names.into_iter().map(|name| format!("{name}:{address}")));
        }
        hosts
    }

    /// A network on which both are, and the gateway's address there.
    fn meeting(
        &self,
        client: &str,
        (service, wanted): (&str, &Wanted),
        number: u32,
    ) -> Option<(String, Ipv4Addr)> {
        let all = self.gateway_networks(service, wanted);
        let network =
            self.0.project.services[client].networks.keys().find(|network| all.contains(*network))?;
        Some((network.clone(), self.gateway_address(network, number)?))
    }

    /// The networks that a gateway is on: those of what it stands before; where it is itself what is called,
    /// one of each client's.
    fn gateway_networks(&self, service: &str, wanted: &Wanted) -> BTreeSet<String> {
        let services = &self.0.project.services;
        if wanted.is_sink() {
            let first = |client: &String| services[client].networks.keys().next().cloned();
            return wanted.clients.iter().filter_map(first).collect();
        }
        services[service].networks.keys().cloned().collect()
    }

    /// Gateways have the last addresses of a network.
    fn gateway_address(&self, network: &str, number: u32) -> Option<Ipv4Addr> {
        let subnet = *self.state().subnets.get(&self.names().network(network))?;
        Some(subnet.address_from_end(number))
    }

    /// Makes and starts every gateway, and returns when all of them listen.
    pub(super) async fn open_gateways(&self) -> Result<(), StageError> {
        if self.0.options.gateways.is_empty() {
            return Ok(());
        }
        let image = self.program_image().await?;
        let wanted = (0..).zip(&self.0.options.gateways);
        let opened = wanted.map(|(number, (service, wanted))| {
            self.open_gateway(service.clone(), wanted.clone(), number, image.clone())
        });
        for (service, gateway) in try_join_all(opened).await? {
            self.state().gateways.insert(service, gateway);
        }
        Ok(())
    }

    /// The image that holds this program.
    pub(super) async fn program_image(&self) -> Result<String, StageError> {
        let make = || image::image(self.engine(), &self.0.options.program);
        self.0.program.get_or_try_init(make).await.cloned()
    }

    async fn open_gateway(
        &self,
        service: String,
        wanted: Wanted,
        number: u32,
        image: String,
    ) -> Result<(String, Arc<DockerGateway>), StageError> {
        let name = self.names().gateway(&service);
        self.intend(vec![resource(ResourceKind::Container, &name)])?;
        let networks: Vec<(String, EndpointSettings)> = self
            .gateway_networks(&service, &wanted)
            .iter()
            .filter_map(|network| {
                let address = self.gateway_address(network, number)?;
                Some((self.names().network(network), at(address)))
            })
            .collect();
        let labels = self.names().labels(&BTreeMap::new(), &[(names::ROLE, "gateway")]);
        let body = body(image, &wanted.routes, labels, networks.first().cloned());
        let gateway = self
            .finish(|stage| async move {
                stage.engine().create_container(&name, None, body).await?;
                for (network, endpoint) in networks.into_iter().skip(1) {
                    stage.engine().connect(&network, &name, endpoint).await?;
                }
                DockerGateway::start(stage.engine().clone(), name).await
            })
            .await?;
        Ok((service, Arc::new(gateway)))
    }
}

/// The image of this very program; made if it is not there.
pub(super) async fn program_image(engine: &Engine, program: &Path) -> Result<String, StageError> {
    image::image(engine, program).await
}

/// The command line of this program in its image.
pub(super) fn program(words: &[&str]) -> Vec<String> {
    [image::PROGRAM].iter().chain(words).map(|word| (*word).to_owned()).collect()
}

/// How a gateway joins a network: at its address, and under no name of anybody's.
fn at(address: Ipv4Addr) -> EndpointSettings {
    let ipam =
        EndpointIpamConfig { ipv4_address: Some(address.to_string()), ..EndpointIpamConfig::default() };
    EndpointSettings { ipam_config: Some(ipam), ..EndpointSettings::default() }
}

fn body(
    image: String,
    routes: &[Route],
    labels: BTreeMap<String, String>,
    network: Option<(String, EndpointSettings)>,
) -> ContainerCreateBody {
    let routes = routes.iter().map(|route| serde_json::to_string(route).expect("a route is plain data"));
    let mut command = program(&["gateway"]);
    command.extend(routes);
    let sysctls = [("net.ipv4.ip_unprivileged_port_start".to_owned(), "0".to_owned())];
    ContainerCreateBody {
        image: Some(image),
        cmd: Some(command),
        user: Some("65534:65534".to_owned()),
        labels: Some(labels.into_iter().collect()),
        open_stdin: Some(true),
        stdin_once: Some(true),
        attach_stdin: Some(true),
        host_config: Some(HostConfig {
            network_mode: network.as_ref().map(|(name, _)| name.clone()),
            cap_drop: Some(vec!["ALL".to_owned()]),
            security_opt: Some(vec!["no-new-privileges".to_owned()]),
            readonly_rootfs: Some(true),
            sysctls: Some(sysctls.into_iter().collect()),
            ..HostConfig::default()
        }),
        networking_config: network
            .map(|first| NetworkingConfig { endpoints_config: Some([first].into_iter().collect()) }),
        ..ContainerCreateBody::default()
    }
}

/// A gateway's container and the stream to it.
pub(super) struct DockerGateway {
    engine: Engine,
    name: String,
    line: AsyncMutex<Line>,
    heard: Arc<Mutex<Heard>>,
}

/// The stream toward the gateway.
struct Line {
    input: Input,
    orders: u64,
}

/// Who waits for what it says.
#[derive(Default)]
struct Heard {
    waiting: BTreeMap<u64, oneshot::Sender<Result<Done, String>>>,
    ready: Option<oneshot::Sender<()>>,
    listener: Option<mpsc::UnboundedSender<Report>>,
    /// Who is told of calls to the outside.
    calls: Option<mpsc::UnboundedSender<Report>>,
    /// What became of the last mark.
    held: watch::Sender<Option<Result<Held, String>>>,
    /// What it said besides reports, on standard error: the reason of its end.
    last_words: String,
    ended: bool,
}

impl DockerGateway {
    async fn start(engine: Engine, name: String) -> Result<Self, StageError> {
        let heard = Arc::new(Mutex::new(Heard::default()));
        let input = connect(&engine, &name, &heard).await?;
        Ok(Self { engine, name, line: AsyncMutex::new(Line { input, orders: 0 }), heard })
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        lock(&self.heard)
    }

    fn failed(&self, operation: &'static str, cause: impl Into<String>) -> StageError {
        StageError::new(operation, format!("gateway {}", self.name), cause)
    }

    /// Sends an order and waits for its end.
    async fn give(&self, order: Order) -> Result<Done, StageError> {
        let answer = {
            let mut line = self.line.lock().await;
            line.orders += 1;
            let number = line.orders;
            let (tell, answer) = oneshot::channel();
            {
                let mut heard = self.heard();
                if heard.ended {
                    return Err(self.failed("reach", format!("it has ended: {}", heard.last_words)));
                }
                if matches!(order, Order::Begin { .. } | Order::Hold { .. }) {
                    heard.held.send_replace(None);
                }
                heard.waiting.insert(number, tell);
            }
            let mut text = serde_json::to_vec(&Numbered { number, order })
                .map_err(|error| self.failed("order", error.to_string()))?;
            text.push(b'\n');
            let sent = async {
                line.input.write_all(&text).await?;
                line.input.flush().await
            };
            sent.await.map_err(|error| self.failed("reach", error.to_string()))?;
            answer
        };
        match tokio::time::timeout(PATIENCE, answer).await {
            Ok(Ok(Ok(done))) => Ok(done),
            Ok(Ok(Err(why))) => Err(self.failed("order", why)),
            Ok(Err(_)) => Err(self.failed("reach", format!("it has ended: {}", self.heard().last_words))),
            Err(_) => Err(self.failed("reach", format!("it said nothing for {PATIENCE:?}"))),
        }
    }

    /// Starts it anew at the same address; whatever weather it made is over.
    async fn revive(&self) -> Result<(), StageError> {
        let mut line = self.line.lock().await;
        let (listener, calls) = {
            let mut heard = self.heard();
            (heard.listener.take(), heard.calls.take())
        };
        *self.heard() = Heard { listener, calls, ..Heard::default() };
        line.input = connect(&self.engine, &self.name, &self.heard).await?;
        Ok(())
    }
}

#[async_trait]
impl Gateway for DockerGateway {
    async fn order(&self, order: Order) -> Result<Done, StageError> {
        let revives = matches!(order, Order::Heal { .. } | Order::Begin { .. });
        match self.give(order.clone()).await {
            Err(_) if revives && self.heard().ended => {
                self.revive().await?;
                let done = self.give(order).await?;
                let evidence = format!("the gateway had ended and was started anew; {}", done.evidence);
                Ok(Done { evidence, ..done })
            }
            given => given,
        }
    }

    async fn held(&self) -> Result<Held, String> {
        let mut held = self.heard().held.subscribe();
        match held.wait_for(Option::is_some).await.map(|held| held.clone()) {
            Ok(Some(held)) => held,
            _ => Err("the gateway has ended".to_owned()),
        }
    }

    fn calls(&self) -> mpsc::UnboundedReceiver<Report> {
        let (tell, calls) = mpsc::unbounded_channel();
        self.heard().calls = Some(tell);
        calls
    }

    fn listen(&self) -> mpsc::UnboundedReceiver<Report> {
        let (tell, listener) = mpsc::unbounded_channel();
        self.heard().listener = Some(tell);
        listener
    }
}

fn lock(heard: &Mutex<Heard>) -> MutexGuard<'_, Heard> {
    heard.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Attaches to the container, starts it, and returns when it listens.
async fn connect(engine: &Engine, name: &str, heard: &Arc<Mutex<Heard>>) -> Result<Input, StageError> {
    let (tell, ready) = oneshot::channel();
    lock(heard).ready = Some(tell);
    let (output, input) = engine.attach_container_with_input(name).await?;
    tokio::spawn(hear(output, Arc::clone(heard)));
    engine.start_container(name).await?;
    let listening = tokio::time::timeout(PATIENCE, ready).await;
    if matches!(listening, Ok(Ok(()))) {
        return Ok(input);
    }
    let words = lock(heard).last_words.clone();
    Err(StageError::new("start", format!("gateway {name}"), format!("it does not listen: {words}")))
}

async fn hear(mut output: Output, heard: Arc<Mutex<Heard>>) {
    let mut splitter = Splitter::default();
    while let Some(Ok(piece)) = output.next().await {
        splitter.feed(&piece, |line| lock(&heard).take(line.error, &line.text));
    }
    splitter.finish(|line| lock(&heard).take(line.error, &line.text));
    lock(&heard).end();
}

impl Heard {
    fn take(&mut self, error: bool, line: &str) {
        let report = if error { None } else { serde_json::from_str(line).ok() };
        match report {
            None => {
                self.last_words.push_str(line);
                self.last_words.push(' ');
            }
            Some(Report::Ready) => {
                if let Some(tell) = self.ready.take() {
                    let _ = tell.send(());
                }
            }
            Some(Report::Done { number, evidence, counts }) => {
                self.tell(number, Ok(Done { evidence, counts }));
            }
            Some(Report::Failed { number, why }) => self.tell(number, Err(why)),
            Some(report @ (Report::Calling(_) | Report::Called(_))) => self.tell_of_calls(report),
            Some(report) => {
                match &report {
                    Report::Untold(_) => self.tell_of_calls(report.clone()),
                    Report::Held(held) => drop(self.held.send_replace(Some(Ok(held.clone())))),
                    Report::Missed(why) => drop(self.held.send_replace(Some(Err(why.clone())))),
                    _ => {}
                }
                if let Some(listener) = &self.listener {
                    let _ = listener.send(report);
                }
            }
        }
    }

    fn tell(&mut self, number: u64, done: Result<Done, String>) {
        if let Some(tell) = self.waiting.remove(&number) {
            // Whoever asked may have given up.
            let _ = tell.send(done);
        }
    }

    fn tell_of_calls(&self, report: Report) {
        if let Some(calls) = &self.calls {
            // Whoever listened may have heard enough.
            let _ = calls.send(report);
        }
    }

    fn end(&mut self) {
        self.ended = true;
        self.tell_of_calls(Report::Untold("the gateway has ended".to_owned()));
        self.held.send_replace(Some(Err("the gateway has ended".to_owned())));
        self.ready = None;
        self.waiting.clear();
    }
}

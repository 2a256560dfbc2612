//! The engine's calls, each named in its errors. What bollard does surprisingly is put right here:
//! a process that ends with an exit code is no error, and what is gone already was removed.

use std::fmt;
use std::pin::Pin;

use bollard::Docker;
use bollard::container::LogOutput;
use bollard::errors::Error;
use bollard::exec::{StartExecOptions, StartExecResults};
use bollard::models::{
    ContainerCreateBody, ContainerInspectResponse, ContainerSummary, ContainerUpdateBody, EndpointSettings,
    EventMessage, ExecConfig, ExecInspectResponse, ImageInspect, Network, NetworkConnectRequest,
    NetworkCreateRequest, NetworkDisconnectRequest, Volume,
};
use bollard::query_parameters as query;
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt};
use tokio::io::AsyncWrite;

use crate::stage::StageError;

/// A connection to an engine.
#[derive(Clone)]
pub struct Engine {
    docker: Docker,
    host: String,
    /// Whether its processes may be ours to signal: it is behind a Unix socket.
    pub(super) local: bool,
    /// Whether its published ports are on our own loopback: it calls its machine as we call ours.
    pub(super) near: bool,
}

/// An error of one call, with the engine's status where it gave one.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) status: Option<u16>,
    pub(super) error: StageError,
}

impl Problem {
    /// The object does not exist.
    pub(super) fn is_missing(&self) -> bool {
        self.status == Some(404)
    }

    /// The object is in a state, or in use, in which the call makes no sense.
    pub(super) fn is_conflict(&self) -> bool {
        self.status == Some(409)
    }
}

impl From<Problem> for StageError {
    fn from(problem: Problem) -> Self {
        problem.error
    }
}

type Called<T> = Result<T, Problem>;

/// The output of a container or command as it comes.
pub(super) type Output = BoxStream<'static, Result<LogOutput, Error>>;

/// What a command reads.
pub(super) type Input = Pin<Box<dyn AsyncWrite + Send>>;

impl Engine {
    pub(super) fn new(docker: Docker, host: String, local: bool, near: bool) -> Self {
        Self { docker, host, local, near }
    }

    /// Where it is, as in DOCKER_HOST.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The bare client, for the calls that live with their one user.
    pub(super) fn docker(&self) -> &Docker {
        &self.docker
    }

    pub(super) async fn create_container(
        &self,
        name: &str,
        platform: Option<&str>,
        body: ContainerCreateBody,
    ) -> Called<String> {
        let mut options = query::CreateContainerOptionsBuilder::default().name(name);
        if let Some(platform) = platform {
            options = options.platform(platform);
        }
        let created = self.docker.create_container(Some(options.build()), body);
        call("create", format!("container {name}"), created).await.map(|created| created.id)
    }

    pub(super) async fn start_container(&self, name: &str) -> Called<()> {
        call("start", format!("container {name}"), self.docker.start_container(name, None)).await
    }

    /// Stops by the container's own signal and grace period.
    pub(super) async fn stop_container(&self, name: &str) -> Called<()> {
        call("stop", format!("container {name}"), self.docker.stop_container(name, None)).await
    }

    pub(super) async fn restart_container(&self, name: &str) -> Called<()> {
        call("restart", format!("container {name}"), self.docker.restart_container(name, None)).await
    }

    pub(super) async fn kill_container(&self, name: &str, signal: &str) -> Called<()> {
        let options = query::KillContainerOptionsBuilder::default().signal(signal).build();
        call("kill", format!("container {name}"), self.docker.kill_container(name, Some(options))).await
    }

    pub(super) async fn pause_container(&self, name: &str) -> Called<()> {
        call("pause", format!("container {name}"), self.docker.pause_container(name)).await
    }

    pub(super) async fn unpause_container(&self, name: &str) -> Called<()> {
        call("unpause", format!("container {name}"), self.docker.unpause_container(name)).await
    }

    pub(super) async fn update_container(&self, name: &str, body: ContainerUpdateBody) -> Called<()> {
        call("limit", format!("container {name}"), self.docker.update_container(name, body)).await
    }

    /// Kills and removes, with the volumes that have no name; what is gone is removed.
    pub(super) async fn remove_container(&self, name: &str) -> Called<()> {
        let options = query::RemoveContainerOptionsBuilder::default().force(true).v(true).build();
        let removed = self.docker.remove_container(name, Some(options));
        gone(call("remove", format!("container {name}"), removed).await)
    }

    /// The paths in a container that are not as in its image; volumes are left out.
    pub(super) async fn changed_paths(&self, name: &str) -> Called<Vec<String>> {
        let changes = self.docker.container_changes(name);
        let changes = call("list the changes of", format!("container {name}"), changes).await?;
        Ok(changes.unwrap_or_default().into_iter().map(|change| change.path).collect())
    }

    pub(super) async fn inspect_container(&self, name: &str) -> Called<ContainerInspectResponse> {
        call("inspect", format!("container {name}"), self.docker.inspect_container(name, None)).await
    }

    /// Containers, also stopped ones, with this label (`key` or `key=value`).
    pub(super) async fn containers_labelled(&self, label: &str) -> Called<Vec<ContainerSummary>> {
        let filters = [("label", vec![label])].into_iter().collect();
        let options = query::ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
        call("list", "containers", self.docker.list_containers(Some(options))).await
    }

    /// The exit code of the container's next end. The engine knows of the wait when the future was
    /// polled once and anything else was awaited.
    pub(super) async fn wait_container(&self, name: &str, condition: &str) -> Called<i64> {
        let options = query::WaitContainerOptionsBuilder::default().condition(condition).build();
        let mut ended = self.docker.wait_container(name, Some(options));
        match ended.next().await {
            Some(Ok(ended)) => Ok(ended.status_code),
            Some(Err(Error::DockerContainerWaitError { error, code })) if error.is_empty() => Ok(code),
            Some(Err(error)) => Err(problem("wait for", format!("container {name}"), error)),
            None => Err(silent("wait for", format!("container {name}"))),
        }
    }

    /// Everything a container prints from now on; to be called before it starts.
    pub(super) async fn attach_container(&self, name: &str) -> Called<Output> {
        let options =
            query::AttachContainerOptionsBuilder::default().stream(true).stdout(true).stderr(true).build();
        let attached = self.docker.attach_container(name, Some(options));
        Ok(call("attach to", format!("container {name}"), attached).await?.output)
    }

    /// Attaches to standard input and all output.
    pub(super) async fn attach_container_with_input(&self, name: &str) -> Called<(Output, Input)> {
        let options = query::AttachContainerOptionsBuilder::default()
            .stream(true)
            .stdin(true)
            .stdout(true)
            .stderr(true)
            .build();
        let attached = self.docker.attach_container(name, Some(options));
        let attached = call("attach to", format!("container {name}"), attached).await?;
        Ok((attached.output, attached.input))
    }

    pub(super) fn logs(&self, name: &str, options: query::LogsOptions) -> Output {
        self.docker.logs(name, Some(options)).boxed()
    }

    pub(super) async fn create_exec(&self, name: &str, config: ExecConfig) -> Called<String> {
        let created = self.docker.create_exec(name, config);
        call("prepare a command in", format!("container {name}"), created).await.map(|created| created.id)
    }

    pub(super) async fn start_exec(&self, id: &str, object: &str) -> Called<Output> {
        Ok(self.start_exec_with_input(id, object).await?.0)
    }

    pub(super) async fn start_exec_with_input(&self, id: &str, object: &str) -> Called<(Output, Input)> {
        // Longer chunks than the default: fewer of them.
        let options = StartExecOptions { output_capacity: Some(64 * 1024), ..StartExecOptions::default() };
        let started = self.docker.start_exec(id, Some(options));
        match call("start a command in", object, started).await? {
            StartExecResults::Attached { output, input } => Ok((output, input)),
            StartExecResults::Detached => Err(silent("start a command in", object)),
        }
    }

    pub(super) async fn inspect_exec(&self, id: &str, object: &str) -> Called<ExecInspectResponse> {
        call("look at a command in", object, self.docker.inspect_exec(id)).await
    }

    /// Unpacks a tar in a container, which need not run.
    pub(super) async fn upload(
        &self,
        name: &str,
        path: &str,
        tar: impl Stream<Item = Result<Vec<u8>, std::io::Error>> + Send + 'static,
    ) -> Called<()> {
        let options = query::UploadToContainerOptionsBuilder::default().path(path).build();
        let body = bollard::body_try_stream(tar.map(|chunk| chunk.map(Into::into)));
        let uploaded = self.docker.upload_to_container(name, Some(options), body);
        call("upload files to", format!("container {name}"), uploaded).await
    }

    pub(super) async fn create_network(&self, request: NetworkCreateRequest) -> Called<()> {
        let object = format!("network {}", request.name);
        call("create", object, self.docker.create_network(request)).await.map(drop)
    }

    pub(super) async fn remove_network(&self, name: &str) -> Called<()> {
        gone(call("remove", format!("network {name}"), self.docker.remove_network(name)).await)
    }

    pub(super) async fn networks(&self) -> Called<Vec<Network>> {
        call("list", "networks", self.docker.list_networks(None)).await
    }

    pub(super) async fn networks_labelled(&self, label: &str) -> Called<Vec<Network>> {
        let filters = [("label", vec![label])].into_iter().collect();
        let options = query::ListNetworksOptionsBuilder::default().filters(&filters).build();
        call("list", "networks", self.docker.list_networks(Some(options))).await
    }

    pub(super) async fn network_members(&self, name: &str) -> Called<Vec<String>> {
        let inspected = self.docker.inspect_network(name, None);
        let network = call("inspect", format!("network {name}"), inspected).await?;
        let members = network.containers.into_iter().flatten();
        Ok(members.filter_map(|(_, member)| member.name).collect())
    }

    pub(super) async fn connect(
        &self,
        network: &str,
        container: &str,
        endpoint: EndpointSettings,
    ) -> Called<()> {
        let request =
            NetworkConnectRequest { container: container.to_owned(), endpoint_config: Some(endpoint) };
        let connected = self.docker.connect_network(network, request);
        call("connect", format!("container {container} to network {network}"), connected).await
    }

    pub(super) async fn disconnect(&self, network: &str, container: &str) -> Called<()> {
        let request = NetworkDisconnectRequest { container: container.to_owned(), force: Some(true) };
        let disconnected = self.docker.disconnect_network(network, request);
        call("disconnect", format!("container {container} from network {network}"), disconnected).await
    }

    pub(super) async fn inspect_volume(&self, name: &str) -> Called<Volume> {
        call("inspect", format!("volume {name}"), self.docker.inspect_volume(name)).await
    }

    pub(super) async fn remove_volume(&self, name: &str) -> Called<()> {
        let options = query::RemoveVolumeOptionsBuilder::default().force(true).build();
        gone(call("remove", format!("volume {name}"), self.docker.remove_volume(name, Some(options))).await)
    }

    pub(super) async fn volumes_labelled(&self, label: &str) -> Called<Vec<Volume>> {
        let filters = [("label", vec![label])].into_iter().collect();
        let options = query::ListVolumesOptionsBuilder::default().filters(&filters).build();
        let listed = call("list", "volumes", self.docker.list_volumes(Some(options))).await?;
        Ok(listed.volumes.unwrap_or_default())
    }

    pub(super) async fn inspect_image(&self, reference: &str) -> Called<ImageInspect> {
        call("inspect", format!("image {reference}"), self.docker.inspect_image(reference)).await
    }

    pub(super) async fn remove_image(&self, reference: &str) -> Called<()> {
        let removed = self.docker.remove_image(reference, None::<query::RemoveImageOptions>, None);
        gone(call("remove", format!("image {reference}"), removed).await.map(drop))
    }

    /// What happens to containers with this label; the stream ends with the connection.
    pub(super) fn events(&self, label: &str) -> BoxStream<'static, Result<EventMessage, Error>> {
        let kinds = ["start", "die", "stop", "pause", "unpause", "destroy", "health_status"];
        let filters = [("label", vec![label]), ("type", vec!["container"]), ("event", kinds.to_vec())]
            .into_iter()
            .collect();
        let options = query::EventsOptionsBuilder::default().filters(&filters).build();
        self.docker.events(Some(options)).boxed()
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Engine({})", self.host)
    }
}

/// Awaits a call and names it in its error.
pub(super) async fn call<T>(
    operation: &'static str,
    object: impl Into<String>,
    work: impl Future<Output = Result<T, Error>>,
) -> Called<T> {
    work.await.map_err(|error| problem(operation, object, error))
}

pub(super) fn problem(operation: &'static str, object: impl Into<String>, error: Error) -> Problem {
    let status = match &error {
        Error::DockerResponseServerError { status_code, .. } => Some(*status_code),
        _ => None,
    };
    Problem { status, error: StageError::new(operation, object, cause(&error)) }
}

/// What the engine said, without the client's words around it.
pub(super) fn cause(error: &Error) -> String {
    match error {
        Error::DockerResponseServerError { message, status_code } if message.is_empty() => {
            format!("the engine answered with status {status_code} and no words")
        }
        Error::DockerResponseServerError { message, .. } => message.trim().to_owned(),
        Error::DockerStreamError { error } => error.trim().to_owned(),
        Error::RequestTimeoutError => "the engine did not answer in time".to_owned(),
        other => chain(other),
    }
}

/// An error with its sources, each said once.
fn chain(error: &dyn std::error::Error) -> String {
    let mut said = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let words = inner.to_string();
        if !said.contains(&words) {
            said = format!("{said}: {words}");
        }
        source = inner.source();
    }
    said
}

fn silent(operation: &'static str, object: impl Into<String>) -> Problem {
    let error = StageError::new(operation, object, "the engine closed the connection");
    Problem { status: None, error }
}

fn gone(result: Called<()>) -> Called<()> {
    match result {
        Err(problem) if problem.is_missing() => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status_code: u16, message: &str) -> Error {
        Error::DockerResponseServerError { status_code, message: message.to_owned() }
    }

    #[test]
    fn an_error_names_the_operation_the_object_and_what_the_engine_said() {
        let problem = problem("start", "container a", answered(500, "no space left on device\n"));
        assert_eq!(problem.error.to_string(), "could not start container a: no space left on device");
        let mute = super::problem("start", "container a", answered(500, ""));
        assert_eq!(mute.error.cause, "the engine answered with status 500 and no words");
    }

    #[test]
    fn removing_what_is_gone_is_no_error() {
        let missing = || problem("remove", "container a", answered(404, "no such container"));
        assert!(gone(Err(missing())).is_ok());
        assert!(gone(Err(problem("remove", "container a", answered(409, "in use")))).is_err());
    }
}

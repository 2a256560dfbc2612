//! This program in a container of its own beside a service, with what is mounted there: files are read
//! where they lie, whatever the service's image has or lacks, and nothing can be written.

use std::collections::BTreeMap;

use bollard::models::{ContainerCreateBody, HostConfig, HostConfigLogConfig};
use futures_util::StreamExt;
use tokio::sync::mpsc;

use super::client::Output;
use super::gateway::image::PROGRAM;
use super::lines::Splitter;
use super::{DockerStage, names, resource};
use crate::stage::{Lines, ResourceKind, StageError};

/// How many lines may wait to be read; the program waits when there are more.
const WAITING: usize = 256;

impl DockerStage {
    pub(super) async fn run_beside(&self, service: &str, arguments: &[String]) -> Result<Lines, StageError> {
        let none = || StageError::new("look beside", format!("service {service}"), "it has no container");
        let container = self.containers(service).into_iter().next().ok_or_else(none)?;
        let image = self.program_image().await?;
        let name = {
            let mut state = self.state();
            state.helpers += 1;
            self.names().helper(state.helpers)
        };
        self.intend(vec![resource(ResourceKind::Container, &name)])?;
        let labels = self.names().labels(&BTreeMap::new(), &[(names::ROLE, "helper")]);
        let body = body(image, arguments, labels, &container);
        let output = self.finish(|stage| async move {
            stage.engine().create_container(&name, None, body).await?;
            let output = stage.engine().attach_container(&name).await?;
            stage.engine().start_container(&name).await?;
            Ok((name, output))
        });
        let (name, output) = output.await?;
        let (tell, lines) = mpsc::channel(WAITING);
        let stage = self.clone();
        tokio::spawn(async move {
            read(output, &tell).await;
            // What it cannot remove is removed with the stage; its readers wait for its end.
            if stage.engine().remove_container(&name).await.is_ok() {
                let container = resource(ResourceKind::Container, &name);
                stage.state().made.remove(&container);
                stage.0.ledger.removed(&container);
            }
        });
        Ok(lines)
    }
}

/// Root without a right besides that of reading every file.
fn body(
    image: String,
    arguments: &[String],
    labels: BTreeMap<String, String>,
    beside: &str,
) -> ContainerCreateBody {
    let command = std::iter::once(PROGRAM.to_owned()).chain(arguments.iter().cloned());
    ContainerCreateBody {
        image: Some(image),
        cmd: Some(command.collect()),
        user: Some("0:0".to_owned()),
        labels: Some(labels.into_iter().collect()),
        host_config: Some(HostConfig {
            network_mode: Some("none".to_owned()),
            volumes_from: Some(vec![format!("{beside}:ro")]),
            cap_drop: Some(vec!["ALL".to_owned()]),
            cap_add: Some(vec!["DAC_READ_SEARCH".to_owned()]),
            security_opt: Some(vec!["no-new-privileges".to_owned()]),
            readonly_rootfs: Some(true),
            log_config: Some(HostConfigLogConfig { typ: Some("none".to_owned()), config: None }),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
    }
}

/// Hands on every line; ends early when nobody listens any more.
async fn read(mut output: Output, tell: &mpsc::Sender<crate::stage::Line>) {
    let mut splitter = Splitter::default();
    let mut ready = Vec::new();
    while let Some(Ok(piece)) = output.next().await {
        splitter.feed(&piece, |line| ready.push(line));
        for line in ready.drain(..) {
            if tell.send(line).await.is_err() {
                return;
            }
        }
    }
    splitter.finish(|line| ready.push(line));
    for line in ready {
        if tell.send(line).await.is_err() {
            return;
        }
    }
}

//! `disconnect`: a service is taken off a network.

use std::time::Duration;

use super::{Seen, look};
use crate::stage::{Instance, Stage, StageError};

pub(super) async fn inject(
    stage: &dyn Stage,
    service: &str,
    network: &str,
    within: Duration,
) -> Result<Seen, StageError> {
    stage.disconnect(service, network).await?;
    Ok(match look(stage, service, within, |now| !is_on(now, network)).await? {
        Ok(_) => Seen::acted(format!("it is off the network {network}")),
        Err(_) => Seen::nothing(format!("it is still on the network {network}")),
    })
}

pub(super) async fn heal(stage: &dyn Stage, service: &str, network: &str) -> Result<(), StageError> {
    if !stage.instances(service).await?.iter().all(|instance| is_on(instance, network)) {
        stage.connect(service, network).await?;
    }
    while !stage.instances(service).await?.iter().all(|instance| is_on(instance, network)) {
        stage.changed().await;
    }
    Ok(())
}

fn is_on(instance: &Instance, network: &str) -> bool {
    instance.networks.iter().any(|name| name == network)
}

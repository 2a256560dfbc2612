//! `pause`: every process of a service is frozen.

use std::time::Duration;

use super::{Seen, describe, look};
use crate::stage::{Health, Stage, StageError};

pub(super) async fn inject(stage: &dyn Stage, service: &str, within: Duration) -> Result<Seen, StageError> {
    stage.pause(service).await?;
    Ok(match look(stage, service, within, |now| now.health == Health::Paused).await? {
        Ok(now) => Seen::acted(describe(&now)),
        Err(now) => Seen::nothing(format!("it was to be frozen and yet {}", describe(&now))),
    })
}

pub(super) async fn heal(stage: &dyn Stage, service: &str) -> Result<(), StageError> {
    stage.unpause(service).await?;
    loop {
        let instances = stage.instances(service).await?;
        if instances.iter().all(|instance| instance.health != Health::Paused) {
            return Ok(());
        }
        stage.changed().await;
    }
}

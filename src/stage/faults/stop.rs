//! `stop`: the engine's stop, with the service's own signal and grace period.

use std::time::Duration;

use super::{Seen, describe, look};
use crate::stage::{Stage, StageError};

pub(super) async fn inject(stage: &dyn Stage, service: &str, within: Duration) -> Result<Seen, StageError> {
    stage.stop(service).await?;
    Ok(match look(stage, service, within, |now| !now.health.is_up()).await? {
        Ok(now) => Seen::acted(describe(&now)),
        Err(now) => Seen::nothing(format!("it was stopped and yet {}", describe(&now))),
    })
}

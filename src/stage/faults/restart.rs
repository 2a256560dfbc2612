//! `restart`: stop and start again.

use std::time::Duration;

use super::{Seen, describe, look};
use crate::stage::{Stage, StageError};

pub(super) async fn inject(stage: &dyn Stage, service: &str, within: Duration) -> Result<Seen, StageError> {
    let before = stage.instances(service).await?;
    stage.restart(service).await?;
    let anew = |now: &crate::stage::Instance| {
        now.health.is_up() && !before.iter().any(|then| then.name == now.name && then.started == now.started)
    };
    Ok(match look(stage, service, within, anew).await? {
        Ok(now) => Seen::acted(format!("a new process runs: {}", describe(&now))),
        Err(now) => Seen::nothing(format!("no new process was seen: {}", describe(&now))),
    })
}

//! `kill`: a signal to the first process of each of a service's containers.

use std::time::Duration;

use super::{Seen, describe, ended, look};
use crate::stage::{Killed, Stage, StageError};

pub(super) async fn inject(
    stage: &dyn Stage,
    service: &str,
    signal: &str,
    within: Duration,
) -> Result<Seen, StageError> {
    let before = stage.instances(service).await?;
    let killed = stage.kill(service, signal).await?;
    let by = match killed {
        Killed::Process => "sent to the process itself",
        Killed::Engine => "sent by the engine: restart policy suspended",
    };
    let seen = match look(stage, service, within, |now| ended(&before, now)).await? {
        Ok(now) => Seen::acted(format!("{signal} {by}; its process has ended: {}", describe(&now))),
        Err(now) => Seen::nothing(format!("{signal} {by}; its process runs on: {}", describe(&now))),
    };
    Ok(Seen { killed: Some(killed), ..seen })
}

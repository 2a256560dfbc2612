//! Faults on the wire between an operation and a service: its gateway makes the weather, says what it is
//! in force for, and says at the end how often it acted.

use std::sync::Arc;

use super::Seen;
use crate::gateway::control::{Order, Weather};
use crate::stage::{Gateway, Stage, StageError};

/// The gateway knows its weather by `number`.
pub(super) async fn inject(
    stage: &dyn Stage,
    service: &str,
    weather: &Weather,
    number: u32,
) -> Result<Seen, StageError> {
    let order = Order::Inject { fault: number, service: service.to_owned(), weather: weather.clone() };
    Ok(Seen::acted(gateway(stage, service)?.order(order).await?.evidence))
}

/// The gateway may have died since: it is started anew then, and there is no weather any more.
pub(super) async fn heal(stage: &dyn Stage, service: &str, number: u32) -> Result<String, StageError> {
    gateway(stage, service)?.order(Order::Heal { fault: number }).await.map(|done| done.evidence)
}

fn gateway(stage: &dyn Stage, service: &str) -> Result<Arc<dyn Gateway>, StageError> {
    let none = || StageError::new("reach", format!("the gateway of {service}"), "the stage has none");
    stage.gateway(service).ok_or_else(none)
}

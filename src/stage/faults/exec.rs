//! `exec`: any command inside a service is the fault, another verifies it, a third undoes it.

use super::Seen;
use crate::stage::{Stage, StageError};

pub(super) async fn inject(
    stage: &dyn Stage,
    service: &str,
    command: &[String],
    verify: &[String],
) -> Result<Seen, StageError> {
    succeed(stage, service, command).await?;
    let (exit_code, said) = run(stage, service, verify).await?;
    let evidence = format!("`{}` ended with exit code {exit_code}: {said}", verify.join(" "));
    Ok(if exit_code == 0 { Seen::acted(evidence) } else { Seen::nothing(evidence) })
}

pub(super) async fn heal(
    stage: &dyn Stage,
    service: &str,
    command: Option<&[String]>,
) -> Result<(), StageError> {
    match command {
        Some(command) => succeed(stage, service, command).await,
        None => Ok(()),
    }
}

async fn succeed(stage: &dyn Stage, service: &str, command: &[String]) -> Result<(), StageError> {
    let (exit_code, said) = run(stage, service, command).await?;
    if exit_code == 0 {
        return Ok(());
    }
    let cause = format!("`{}` ended with exit code {exit_code}: {said}", command.join(" "));
    Err(StageError::new("inject or heal a fault by a command in", format!("service {service}"), cause))
}

/// The exit code and the last line of what the command said.
async fn run(stage: &dyn Stage, service: &str, command: &[String]) -> Result<(i64, String), StageError> {
    let mut process = stage.exec(service, command).await?;
    let mut last = None;
    while let Some(line) = process.line().await {
        last = Some(line.text);
    }
    let ended = process.wait().await?;
    Ok((ended.exit_code, last.unwrap_or_else(|| "it said nothing".to_owned())))
}

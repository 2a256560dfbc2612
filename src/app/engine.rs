//! The engine that a drill runs on, and the sizes and addresses it may use.

use std::io::Write;
use std::path::PathBuf;

use super::{AppError, Surroundings, say};
use crate::cli::How;
use crate::plan::DrillPlan;
use crate::stage::StageError;
use crate::stage::docker::{self, Engine, Need, PrivateEngine, Subnet};

/// Finds the engine; where none answers and none is named, the private one if it runs.
pub(super) async fn find(around: &Surroundings) -> Result<Engine, AppError> {
    let named = docker::Surroundings::of(&around.environment);
    let none = match docker::connect(&named).await {
        Ok(engine) => return Ok(engine),
        Err(none) => none,
    };
    match private(around) {
        Some(private) if named.host.is_none() && private.runs() => Ok(reach(&private).await?),
        _ => Err(none.into()),
    }
}

/// Finds the engine; starts a private one where none answers and that is allowed.
pub(super) async fn find_or_start(
    start: bool,
    around: &Surroundings,
    out: &mut dyn Write,
) -> Result<Engine, AppError> {
    let none = match find(around).await {
        Ok(engine) => return Ok(engine),
        Err(none) if !start => return Err(none),
        Err(none) => none,
    };
    let private = private(around).ok_or(none)?;
    say(out, &format!("no Docker engine answers: starting a private one at {}\n", private.host()))?;
    let owner = super::clean::owner()?;
    private.start(&owner).await.map_err(|error| AppError::Trouble(shown(&error)))?;
    say(out, "it stays for the next drills; `backout clean` stops and removes it\n\n")?;
    Ok(reach(&private).await?)
}

/// The private engine of this user, running or not; none without a home.
pub(super) fn private(around: &Surroundings) -> Option<PrivateEngine> {
    let get = |name: &str| around.environment.get(name).filter(|value| !value.is_empty());
    let state = get("XDG_STATE_HOME").map(PathBuf::from);
    let state = state.or_else(|| get("HOME").map(|home| PathBuf::from(home).join(".local/state")))?;
    Some(PrivateEngine::at(state.join("backout/engine")))
}

async fn reach(private: &PrivateEngine) -> Result<Engine, docker::NoEngine> {
    let host = Some(private.host());
    docker::connect(&docker::Surroundings { host, ..docker::Surroundings::default() }).await
}

/// An error with what is to be looked at.
fn shown(error: &StageError) -> String {
    let mut text = error.to_string();
    for line in &error.evidence {
        text = format!("{text}\n  {line}");
    }
    text
}

/// The addresses of networks: `--subnets`, else the usual ones.
pub(super) fn subnets(how: &How) -> Result<Subnet, AppError> {
    let Some(text) = &how.subnets else { return Ok(Subnet::USUAL) };
    text.parse().map_err(|_| {
        AppError::Invalid(format!("error: `{text}` is no range of addresses; write it like 10.213.0.0/16\n"))
    })
}

/// Refuses with numbers, before anything starts, what the engine has no room for (S22).
pub(super) async fn has_room(engine: &Engine, subnets: Subnet, plan: &DrillPlan) -> Result<(), AppError> {
    let trouble = |error: StageError| AppError::Trouble(error.to_string());
    let capacity = docker::capacity(engine, subnets).await.map_err(trouble)?;
    for entry in &plan.scenarios {
        let lanes = if entry.sweep.is_some() { plan.lanes as usize } else { 1 };
        capacity.allow(Need::of(&entry.plan.project).times(lanes)).map_err(trouble)?;
    }
    Ok(())
}

/// A size such as `20gb`, in bytes.
pub(super) fn bytes(text: &str) -> Result<u64, AppError> {
    let wrong = || AppError::Invalid(format!("error: `{text}` is no size; write it like 512mb or 20gb\n"));
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let factor = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1 << 10,
        "m" | "mb" => 1 << 20,
        "g" | "gb" => 1 << 30,
        _ => return Err(wrong()),
    };
    number.checked_mul(factor).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_private_engine_has_its_place_in_the_users_state() {
        let around = |pairs: &[(&str, &str)]| Surroundings {
            environment: pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
            current: PathBuf::new(),
            stdout_is_terminal: false,
            stderr_is_terminal: false,
            stdin_is_terminal: false,
            width: 80,
        };
        let host = |pairs| private(&around(pairs)).map(|private| private.host());
        let own = "unix:///home/a/.local/state/backout/engine/docker.sock".to_owned();
        assert_eq!(host(&[("HOME", "/home/a"), ("XDG_STATE_HOME", "")]), Some(own));
        let state = "unix:///s/backout/engine/docker.sock".to_owned();
        assert_eq!(host(&[("HOME", "/home/a"), ("XDG_STATE_HOME", "/s")]), Some(state));
        assert_eq!(host(&[]), None);
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!(bytes("20gb").unwrap(), 20 << 30);
        assert_eq!(bytes("512").unwrap(), 512);
        assert!(bytes("lots").is_err() && bytes("1tb").is_err());
    }
}

//! The engine that a drill runs on, and the sizes and addresses it may use.

use std::io::Write;
use std::path::PathBuf;

use super::{AppError, Surroundings, say};
use crate::cli::How;
use crate::plan::DrillPlan;
use crate::stage::StageError;
use crate::stage::docker::{self, Engine, Need, PrivateEngine, Subnet};

/// An engine, and the private one that was started for it.
pub(super) struct Found {
    pub(super) engine: Engine,
    private: Option<PrivateEngine>,
}

impl Found {
    /// Stops the engine that was started, with everything on it.
    pub(super) async fn release(self) -> Result<(), AppError> {
        match self.private {
            Some(private) => private.remove().await.map_err(|error| AppError::Trouble(error.to_string())),
            None => Ok(()),
        }
    }
}

/// Finds the engine; starts a private one where none answers and `start` allows it, and says so.
pub(super) async fn find_or_start(
    start: bool,
    around: &Surroundings,
    out: &mut dyn Write,
) -> Result<Found, AppError> {
    let usual = docker::Surroundings::of(&around.environment);
    let none = match docker::connect(&usual).await {
        Ok(engine) => return Ok(Found { engine, private: None }),
        Err(none) if !start => return Err(none.into()),
        Err(none) => none,
    };
    let private = private(around);
    say(out, &format!("no engine answers at {}; starting a private one at {}\n", none.host, private.host()))?;
    let owner = super::clean::owner()?;
    let started = private.start(&owner, &[]).await;
    started.map_err(|error| AppError::Trouble(error.to_string()))?;
    let ours = docker::Surroundings { host: Some(private.host()), ..usual };
    let engine = docker::connect(&ours).await?;
    Ok(Found { engine, private: Some(private) })
}

/// The private engine of this user, running or not.
pub(super) fn private(around: &Surroundings) -> PrivateEngine {
    let get = |name: &str| around.environment.get(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let state = get("XDG_STATE_HOME").or_else(|| get("HOME").map(|home| home.join(".local/state")));
    PrivateEngine::at(state.unwrap_or_else(|| PathBuf::from("/tmp")).join("backout/engine"))
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
        capacity.allow(Need::of(&entry.plan.project)).map_err(trouble)?;
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
    fn sizes_have_units() {
        assert_eq!(bytes("20gb").unwrap(), 20 << 30);
        assert_eq!(bytes("512").unwrap(), 512);
        assert!(bytes("lots").is_err() && bytes("1tb").is_err());
    }
}

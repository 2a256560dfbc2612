//! The engine that a drill runs on, and the sizes and addresses it may use.

use std::io::Write;

use super::{AppError, Surroundings};
use crate::cli::How;
use crate::plan::DrillPlan;
use crate::stage::StageError;
use crate::stage::docker::{self, Engine, Need, Subnet};

/// Finds the engine; starts a private one where none answers and that is allowed.
pub(super) async fn find_or_start(
    _start: bool,
    around: &Surroundings,
    _out: &mut dyn Write,
) -> Result<Engine, AppError> {
    Ok(docker::connect(&docker::Surroundings::of(&around.environment)).await?)
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

//! `clean`, and what every start does first: remove what dead runs have left.

use std::fmt::Write as _;
use std::io::Write;

use super::{AppError, Surroundings, say};
use crate::cli::Clean;
use crate::exit;
use crate::stage::docker::{self, CleanOptions, Cleaned, Engine, Owner};
use crate::stage::{Resource, ResourceKind};

pub(super) async fn clean(clean: &Clean, around: &Surroundings, out: &mut dyn Write) -> Result<u8, AppError> {
    let here = owner()?;
    let engine = match (private_engine(&here, around, out).await?, super::engine::find(around).await) {
        (_, Ok(engine)) => engine,
        // It was all there was to clean.
        (true, Err(_)) => return Ok(exit::MET),
        (false, Err(none)) => return Err(none),
    };
    let options = CleanOptions { older_than: clean.older_than.map(|span| span.0), spare_kept: false };
    let mut cleaned = docker::clean(&engine, &here, now(), options).await;
    if clean.images {
        let trimmed = docker::clean_images(&engine, &here).await;
        let trimmed = trimmed.map_err(|error| AppError::Trouble(error.to_string()))?;
        cleaned.removed.extend(trimmed.removed);
        cleaned.errors.extend(trimmed.errors);
    }
    say(out, &told(&cleaned))?;
    Ok(if cleaned.errors.is_empty() { exit::MET } else { exit::TROUBLE })
}

/// Stops and removes the private engine, with everything on it, unless a living runner uses it; whether
/// it was removed.
async fn private_engine(here: &Owner, around: &Surroundings, out: &mut dyn Write) -> Result<bool, AppError> {
    let Some(private) = super::engine::private(around).filter(docker::PrivateEngine::exists) else {
        return Ok(false);
    };
    if private.owner().is_some_and(|owner| owner.lives(here) == Some(true)) {
        say(out, &format!("left the private engine at {}: its runner is alive\n", private.host()))?;
        return Ok(false);
    }
    private.remove().await.map_err(|error| AppError::Trouble(error.to_string()))?;
    say(out, &format!("removed the private engine at {}\n", private.host()))?;
    Ok(true)
}

/// Removes what runners that have died have left, before a new drill starts.
pub(super) async fn dead(engine: &Engine, owner: &Owner) -> Result<(), AppError> {
    let options = CleanOptions { older_than: None, spare_kept: true };
    let cleaned = docker::clean(engine, owner, now(), options).await;
    match cleaned.errors.first() {
        None => Ok(()),
        Some(error) => {
            Err(AppError::Trouble(format!("what an earlier run left could not be removed: {error}")))
        }
    }
}

/// This process, as the engine's labels name it.
pub(super) fn owner() -> Result<Owner, AppError> {
    Owner::here().map_err(|error| AppError::Trouble(format!("this machine has no identity: {error}")))
}

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

fn told(cleaned: &Cleaned) -> String {
    let mut text = match counted(&cleaned.removed) {
        counts if counts.is_empty() => "nothing to remove\n".to_owned(),
        counts => format!("removed {}\n", counts.join(", ")),
    };
    for left in &cleaned.left {
        let _ =
            writeln!(text, "left run {}: {}; {}", left.run, counted(&left.resources).join(", "), left.why);
    }
    for error in &cleaned.errors {
        let _ = writeln!(text, "{error}");
    }
    text
}

fn counted(resources: &[Resource]) -> Vec<String> {
    let kinds = [
        (ResourceKind::Container, "container"),
        (ResourceKind::Network, "network"),
        (ResourceKind::Volume, "volume"),
        (ResourceKind::Image, "image"),
    ];
    let counts = kinds.map(|(kind, word)| {
        let count = resources.iter().filter(|resource| resource.kind == kind).count();
        let plural = if count == 1 { "" } else { "s" };
        (count, format!("{count} {word}{plural}"))
    });
    counts.into_iter().filter(|(count, _)| *count > 0).map(|(_, text)| text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_gone_is_counted_and_what_stays_is_named() {
        let resource = |kind, name: &str| Resource { kind, name: name.to_owned() };
        assert_eq!(told(&Cleaned::default()), "nothing to remove\n");
        let cleaned = Cleaned {
            removed: vec![resource(ResourceKind::Container, "a"), resource(ResourceKind::Container, "b")],
            left: vec![docker::Left {
                run: "7".to_owned(),
                resources: vec![resource(ResourceKind::Network, "n")],
                why: "its owner lives".to_owned(),
            }],
            errors: Vec::new(),
        };
        assert_eq!(told(&cleaned), "removed 2 containers\nleft run 7: 1 network; its owner lives\n");
    }
}

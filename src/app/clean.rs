//! `clean`, and what every start does first: remove what dead runs have left.

use std::io::Write;

use super::{AppError, Surroundings};
use crate::cli::Clean;
use crate::stage::docker::{Engine, Owner};

pub(super) async fn clean(
    _clean: &Clean,
    _around: &Surroundings,
    _out: &mut dyn Write,
) -> Result<u8, AppError> {
    Ok(0)
}

/// Removes what runners that have died have left.
pub(super) async fn dead(_engine: &Engine, _owner: &Owner, _around: &Surroundings) -> Result<(), AppError> {
    Ok(())
}

//! `backout copy`: what a helper's container runs to keep volumes and to put them back.

use std::io;
use std::path::PathBuf;

use super::AppError;
use crate::cli::Copy;
use crate::copying;
use crate::exit;

pub(super) fn copy(copy: &Copy) -> Result<u8, AppError> {
    let pairs = copy.folders.chunks(2).map(|pair| match pair {
        [from, to] => Ok((from.clone(), to.clone())),
        _ => Err(AppError::Invalid("error: copy wants pairs of folders\n".to_owned())),
    });
    let pairs = pairs.collect::<Result<Vec<(PathBuf, PathBuf)>, AppError>>()?;
    all(&pairs).map_err(|error| AppError::Trouble(format!("could not copy: {error}")))?;
    Ok(exit::MET)
}

fn all(pairs: &[(PathBuf, PathBuf)]) -> io::Result<()> {
    copying::room(pairs)?;
    pairs.iter().try_for_each(|(from, to)| copying::tree(from, to))
}

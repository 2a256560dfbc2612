//! `backout gateway`: what a gateway's container runs.

use super::AppError;
use crate::cli::Gateway;
use crate::exit;

/// Runs until nobody gives orders any more. One thread: a gateway shares two cores with what it stands
/// between, and hands each chunk on without waking anybody.
pub(super) fn gateway(gateway: Gateway) -> Result<u8, AppError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| AppError::Trouble(format!("could not start: {error}")))?;
    let served = runtime.block_on(crate::gateway::serve(gateway.routes));
    // A thread that waits for standard input must not keep the program from ending.
    runtime.shutdown_background();
    served.map_err(|error| AppError::Trouble(format!("could not listen: {error}")))?;
    Ok(exit::MET)
}

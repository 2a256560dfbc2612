//! Whether an engine has room for what is about to run (S22), before anything is started.

use super::client::{Engine, call};
use super::network;
use super::subnet::Subnet;
use crate::compose::Project;
use crate::stage::StageError;

/// What an engine has to offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capacity {
    /// Free bytes where the engine keeps its data; none where this cannot be seen from here.
    pub disk: Option<u64>,
    /// Networks that can still be made.
    pub networks: usize,
    range: Subnet,
}

/// What lanes need.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Need {
    /// Bytes of disk.
    pub disk: u64,
    /// Networks.
    pub networks: usize,
}

impl Need {
    /// Disk that a stage takes besides its images: logs, volumes and what containers write.
    const DISK: u64 = 1 << 30;

    /// What one lane needs for a project.
    pub fn of(project: &Project) -> Self {
        // One more, for services that have no way out.
        Self { disk: Self::DISK, networks: project.networks.len() + 1 }
    }

    /// What so many lanes need.
    #[must_use]
    pub fn times(self, lanes: usize) -> Self {
        Self { disk: self.disk * lanes as u64, networks: self.networks * lanes }
    }
}

impl Capacity {
    /// Refuses with numbers what does not fit.
    ///
    /// # Errors
    /// When there is too little of something.
    pub fn allow(&self, need: Need) -> Result<(), StageError> {
        let refuse = |cause: String| Err(StageError::new("start", "the stage", cause));
        if need.networks > self.networks {
            return refuse(format!(
                "it needs {} networks and {} has room for {}: remove networks (`backout clean`), use fewer \
                 lanes, or give a larger range",
                need.networks, self.range, self.networks
            ));
        }
        match self.disk {
            Some(free) if need.disk > free => refuse(format!(
                "it needs {} of disk and the engine has {} free: remove images (`backout clean --images`) or \
                 use fewer lanes",
                mib(need.disk),
                mib(free)
            )),
            _ => Ok(()),
        }
    }
}

/// What an engine has to offer now.
///
/// # Errors
/// When it does not say.
pub async fn capacity(engine: &Engine, range: Subnet) -> Result<Capacity, StageError> {
    let networks = network::free(engine, range, 0).await?.len();
    let info = call("ask", "the engine", engine.docker().info()).await?;
    let root = info.docker_root_dir.filter(|_| engine.local);
    Ok(Capacity { disk: root.and_then(|root| free(&root)), networks, range })
}

fn free(folder: &str) -> Option<u64> {
    let system = rustix::fs::statvfs(folder).ok()?;
    Some(system.f_bavail * system.f_frsize)
}

fn mib(bytes: u64) -> String {
    format!("{} MiB", bytes >> 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s22_what_does_not_fit_is_refused_with_numbers() {
        let capacity = Capacity { disk: Some(3 << 30), networks: 5, range: Subnet::USUAL };
        let lane = Need { disk: 1 << 30, networks: 2 };
        assert!(capacity.allow(lane.times(2)).is_ok());
        let error = capacity.allow(lane.times(3)).unwrap_err().cause;
        assert!(error.starts_with("it needs 6 networks and 10.213.0.0/16 has room for 5"), "{error}");
        let error = capacity.allow(Need { disk: 4 << 30, networks: 0 }).unwrap_err().cause;
        assert!(error.starts_with("it needs 4096 MiB of disk and the engine has 3072 MiB free"), "{error}");
        let unseen = Capacity { disk: None, ..capacity };
        assert!(unseen.allow(Need { disk: u64::MAX, networks: 1 }).is_ok());
    }
}

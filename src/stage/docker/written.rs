//! What a container holds besides its volumes: whatever was written there is lost when it is made anew, and
//! is the next run's when it stays.

use std::path::{Path, PathBuf};

use bollard::models::ContainerInspectResponse;

use super::DockerStage;
use crate::stage::StageError;

/// Under which paths processes, or the engine itself, leave things that nobody misses after a restart.
const FLEETING: [&str; 6] =
    ["/run", "/var/run", "/tmp", "/var/tmp", "/sbin/docker-init", "/usr/sbin/docker-init"];

impl DockerStage {
    /// Something that was written in the containers of a service and not in volumes, if anything was.
    pub(super) async fn written_by(&self, service: &str) -> Result<Option<String>, StageError> {
        for container in self.containers(service) {
            if let Some(path) = self.written_in(&container).await? {
                return Ok(Some(path));
            }
        }
        Ok(None)
    }

    /// Something that was written in a container and not in a volume, if anything was.
    async fn written_in(&self, name: &str) -> Result<Option<String>, StageError> {
        let container = self.engine().inspect_container(name).await?;
        let changed = match layer(&container).filter(|_| self.engine().local).and_then(|layer| paths(&layer))
        {
            Some(changed) => changed,
            // Some engines compare whole images for this, which takes seconds.
            None => self.engine().changed_paths(name).await?,
        };
        let mounts = container.mounts.unwrap_or_default();
        Ok(written(changed, mounts.into_iter().filter_map(|mount| mount.destination).collect()))
    }
}

/// The folder in which the engine's file system keeps what a container has written, where there is one.
fn layer(container: &ContainerInspectResponse) -> Option<PathBuf> {
    let data = &container.graph_driver.as_ref()?.data;
    data.get("UpperDir").map(PathBuf::from).filter(|layer| layer.is_absolute())
}

/// Every path of a layer, as its container names it; none where it may not be read.
fn paths(layer: &Path) -> Option<Vec<String>> {
    let (mut found, mut folders) = (Vec::new(), vec![layer.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).ok()? {
            let entry = entry.ok()?;
            let Some(name) = meant(entry.file_name().to_string_lossy().as_ref()) else { continue };
            let path = folder.join(name);
            if entry.file_type().ok()?.is_dir() {
                folders.push(path.clone());
            }
            found.push(format!("/{}", path.strip_prefix(layer).ok()?.to_string_lossy()));
        }
    }
    found.sort();
    Some(found)
}

/// What a name in a layer is about. Some file systems mark with a file of its own that another was removed, or
/// that nothing shows through a folder: that says nothing besides the folder.
fn meant(name: &str) -> Option<String> {
    match name.strip_prefix(".wh.") {
        Some(".opq" | ".wh..opq") => None,
        Some(removed) => Some(removed.to_owned()),
        None => Some(name.to_owned()),
    }
}

/// Something besides what is mounted and what is fleeting. Of a path that changed, the folders above are
/// said to have changed as well.
fn written(changed: Vec<String>, mounted: Vec<String>) -> Option<String> {
    let known: Vec<String> = changed.iter().cloned().chain(mounted.iter().cloned()).collect();
    let is_above = |path: &str| known.iter().any(|other| other != path && Path::new(other).starts_with(path));
    let mut written =
        changed.into_iter().filter(|path| !is_fleeting(path) && !mounted.contains(path) && !is_above(path));
    written.next()
}

/// Whether what is at a path is not missed after a restart.
pub(super) fn is_fleeting(path: &str) -> bool {
    FLEETING.iter().any(|folder| Path::new(path).starts_with(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(changed: &[&str], expected: Option<&str>) {
        let all = |paths: &[&str]| paths.iter().map(|path| (*path).to_owned()).collect();
        assert_eq!(written(all(changed), all(&["/var/lib/db/data"])).as_deref(), expected);
    }

    #[test]
    fn what_is_mounted_or_fleeting_is_not_written_in_the_container() {
        check(&["/run", "/run/lock", "/tmp/x", "/var/lib", "/var/lib/db", "/var", "/var/lib/db/data"], None);
        check(&["/var", "/var/lib", "/var/lib/other"], Some("/var/lib/other"));
        check(&["/runner"], Some("/runner"));
    }

    #[test]
    fn a_layer_is_read_as_its_container_sees_it() {
        let layer = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(layer.path().join("etc/app")).unwrap();
        std::fs::write(layer.path().join("etc/app/conf"), "x").unwrap();
        std::fs::write(layer.path().join("etc/app/.wh..opq"), "").unwrap();
        std::fs::write(layer.path().join("etc/.wh.gone"), "").unwrap();
        assert_eq!(paths(layer.path()).unwrap(), ["/etc", "/etc/app", "/etc/app/conf", "/etc/gone"]);
        assert_eq!(paths(&layer.path().join("nowhere")), None);
    }
}

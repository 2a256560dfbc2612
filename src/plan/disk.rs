//! `fill_disk`: only what has a size may be filled. A fault must never fill the machine that it runs on.

use std::path::Path;

use super::context::Context;
use super::model::Fault;
use crate::compose::model::{MountSource, Service};
use crate::scenario::fault as file;

/// Resolves `fill_disk`.
pub(super) fn fill(context: &mut Context<'_>, path: &str, written: &file::FillDisk) -> Option<Fault> {
    let file::FillDisk { service, path: folder } = written;
    let at = format!("{path}.path");
    if !folder.starts_with('/') {
        context.wrong(&at, format!("`{folder}` is no absolute path in the container"));
        return None;
    }
    let fault = Fault::FillDisk { service: service.clone(), path: folder.clone() };
    // A service that does not exist is said elsewhere.
    let Some(known) = context.project.services.get(service) else { return Some(fault) };
    let Some(medium) = medium(known, folder) else {
        let message = format!("`{folder}` is in the container's own file system, which is the host's disk");
        return refuse(context, &at, message, own_tmpfs(folder));
    };
    match medium {
        Medium::Tmpfs { size: true } if known.replicas > 1 => {
            let message = format!("`{service}` has {} containers, each with its own tmpfs", known.replicas);
            let help = "only one would be filled: set `deploy.replicas: 1`, or share a volume".to_owned();
            refuse(context, &at, message, help)
        }
        Medium::Tmpfs { size: true } => Some(fault),
        Medium::Tmpfs { size: false } => {
            let message = format!("the tmpfs under `{folder}` has no size: it would fill the host's memory");
            refuse(context, &at, message, own_tmpfs(folder))
        }
        Medium::Volume(name) if is_bounded(context, name) => Some(fault),
        Medium::Volume(name) => {
            let message = format!("the volume `{name}` has no size: it would fill the host's disk");
            let help = format!(
                "give it one: `volumes: {{ {name}: {{ driver_opts: {{ type: tmpfs, device: tmpfs, o: \"size=256m\" }} }} }}`"
            );
            refuse(context, &at, message, help)
        }
        Medium::Host => {
            let message = format!("what is mounted under `{folder}` lies on the host's disk");
            refuse(context, &at, message, own_tmpfs(folder))
        }
    }
}

fn refuse(context: &mut Context<'_>, at: &str, message: String, help: String) -> Option<Fault> {
    context.wrong(at, message).help.push(help);
    None
}

fn own_tmpfs(folder: &str) -> String {
    format!("give it a tmpfs with a size: `tmpfs: [\"{folder}:size=256m\"]`")
}

/// What a folder lies on.
pub(super) enum Medium<'a> {
    Tmpfs { size: bool },
    Volume(&'a str),
    Host,
}

/// The mount with the longest path above the folder; none is the container's own file system.
pub(super) fn medium<'a>(service: &'a Service, folder: &str) -> Option<Medium<'a>> {
    let mounts = service.mounts.iter().map(|mount| (mount.target.as_str(), of(&mount.source)));
    let tmpfs = service.tmpfs.iter();
    let tmpfs = tmpfs.map(|(target, options)| (target.as_str(), Medium::Tmpfs { size: has_size(options) }));
    let above = mounts.chain(tmpfs).filter(|(target, _)| Path::new(folder).starts_with(target));
    above.max_by_key(|(target, _)| target.trim_end_matches('/').len()).map(|(_, medium)| medium)
}

fn of(source: &MountSource) -> Medium<'_> {
    match source {
        MountSource::Volume(name) => Medium::Volume(name),
        MountSource::Tmpfs { size, .. } => Medium::Tmpfs { size: size.is_some() },
        MountSource::Bind(_) | MountSource::Made(_) | MountSource::Anonymous => Medium::Host,
    }
}

fn is_bounded(context: &Context<'_>, volume: &str) -> bool {
    let options = context.project.volumes.get(volume).map(|volume| &volume.driver_opts);
    options.and_then(|options| options.get("o")).is_some_and(|options| has_size(options))
}

/// Whether mount options hold a size that is not the host's: the kernel takes 0 for no limit, and a
/// percentage for a part of the host's memory.
fn has_size(options: &str) -> bool {
    let size = options.rsplit(',').find_map(|option| option.trim().strip_prefix("size="));
    size.is_some_and(|size| !size.ends_with('%') && size.starts_with(|digit| ('1'..='9').contains(&digit)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_size_that_limits_is_a_size() {
        for (options, bounded) in [
            ("size=64m", true),
            ("mode=1777,size=64m", true),
            ("", false),
            ("mode=1777", false),
            ("size=0", false),
            ("size=64m,size=0", false),
            ("size=50%", false),
            ("nr_inodes=5", false),
        ] {
            assert_eq!(has_size(options), bounded, "{options}");
        }
    }
}

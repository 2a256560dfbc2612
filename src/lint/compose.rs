//! What one Compose project no longer keeps of another.

use super::commands;
use super::operation::What;
use crate::compose::Project;
use crate::compose::model::{MountSource, Service};

/// An operation, and the keys below which the older files say what goes.
pub type Change = (Vec<String>, What);

/// What goes between two projects: volumes, mounts, and the way back to an older server.
pub fn changes(before: &Project, after: &Project) -> Vec<Change> {
    let gone = before.volumes.keys().filter(|volume| !after.volumes.contains_key(*volume));
    let removed = |volume: &String| {
        let what =
            What::RemovesVolume { volume: format!("volume `{volume}`"), how: "no longer names".to_owned() };
        (keys(&["volumes", volume]), what)
    };
    let mut changes: Vec<Change> = gone.map(removed).collect();
    for (name, old) in &before.services {
        match after.services.get(name) {
            Some(new) => changes.extend(of_service(name, old, new, after)),
            None => changes.extend(mounted(old).map(|(volume, target)| unmounted(name, volume, target))),
        }
    }
    changes
}

fn keys(path: &[&str]) -> Vec<String> {
    path.iter().map(|key| (*key).to_owned()).collect()
}

fn of_service(name: &str, old: &Service, new: &Service, after: &Project) -> Vec<Change> {
    let goes = |(volume, target): &(&str, &str)| {
        after.volumes.contains_key(*volume) && !mounted(new).any(|mount| mount == (*volume, *target))
    };
    let mut changes: Vec<Change> =
        mounted(old).filter(goes).map(|(volume, target)| unmounted(name, volume, target)).collect();
    if let (Some(from), Some(to)) = (&old.image, &new.image)
        && commands::is_upgrade(from, to)
    {
        let what = What::Upgrades { service: name.to_owned(), from: from.clone(), to: to.clone() };
        changes.push((keys(&["services", name, "image"]), what));
    }
    changes
}

fn mounted(service: &Service) -> impl Iterator<Item = (&str, &str)> {
    service.mounts.iter().filter_map(|mount| match &mount.source {
        MountSource::Volume(volume) => Some((volume.as_str(), mount.target.as_str())),
        _ => None,
    })
}

fn unmounted(service: &str, volume: &str, target: &str) -> Change {
    let volume = format!("volume `{volume}` at {target} of service `{service}`");
    let what = What::RemovesVolume { volume, how: "no longer mounts".to_owned() };
    (keys(&["services", service, "volumes"]), what)
}

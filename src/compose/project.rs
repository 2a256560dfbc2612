//! The merged tree to a project, and whether its parts fit together.

use std::collections::{BTreeMap, BTreeSet};

use super::attachment::DEFAULT;
use super::model::{Network, Project, Service};
use super::read::Reader;
use super::tree::is_extension;
use super::{order, resources, service};
use crate::diagnostic::Diagnostic;
use crate::yaml::{Entry, Spot};

/// The word that stands for all profiles.
const ALL: &str = "*";

/// Reads a project.
pub(super) fn read(reader: &mut Reader<'_>, profiles: &[(String, Spot)]) -> Project {
    let services = section(reader, "services", |reader, entry| Some(service::service(reader, entry)));
    let mut networks = section(reader, "networks", resources::network);
    let volumes = section(reader, "volumes", resources::volume);
    let secrets = section(reader, "secrets", resources::secret);
    let configs = section(reader, "configs", resources::config);
    if services.values().any(|service| service.networks.contains_key(DEFAULT)) {
        networks.entry(DEFAULT.to_owned()).or_insert_with(Network::default);
    }
    if services.is_empty() && reader.complete {
        let source = &reader.root.spot.source;
        let mistake = Diagnostic::whole(source, "there is no service to run");
        reader.push(mistake.help("name at least one below `services:`"));
    }
    if reader.complete {
        unknown(reader, &services, profiles);
    }
    let profiles = active(&services, profiles);
    order::check(reader, &services, &profiles);
    Project { services, networks, volumes, secrets, configs, profiles, ..Project::default() }
}

fn section<T>(
    reader: &mut Reader<'_>,
    name: &str,
    mut read: impl FnMut(&mut Reader<'_>, &Entry) -> Option<T>,
) -> BTreeMap<String, T> {
    let mut all = BTreeMap::new();
    let Some(node) = reader.root.get(name) else { return all };
    for entry in reader.entries(node).iter().filter(|entry| !is_extension(&entry.key)) {
        all.extend(read(reader, entry).map(|one| (entry.key.clone(), one)));
    }
    all
}

/// Notes the wanted profiles that no service has: a mistyped one would silently start less.
fn unknown(reader: &mut Reader<'_>, services: &BTreeMap<String, Service>, wanted: &[(String, Spot)]) {
    let known: BTreeSet<&str> =
        services.values().flat_map(|service| &service.profiles).map(String::as_str).collect();
    for (profile, spot) in wanted.iter().filter(|(profile, _)| profile != ALL) {
        if !known.contains(profile.as_str()) {
            let mistake = spot.mistake(format!("no service has the profile `{profile}`"));
            reader.push(mistake.suggest(profile, known.iter().copied()));
        }
    }
}

/// The active profiles, sorted; `*` stands for all.
fn active(services: &BTreeMap<String, Service>, wanted: &[(String, Spot)]) -> Vec<String> {
    let mut active: Vec<String> = match wanted.iter().any(|(profile, _)| profile == ALL) {
        true => services.values().flat_map(|service| service.profiles.clone()).collect(),
        false => wanted.iter().map(|(profile, _)| profile.clone()).collect(),
    };
    active.sort();
    active.dedup();
    active
}

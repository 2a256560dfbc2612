//! The merged tree to a project, and whether its parts fit together.

use std::collections::BTreeMap;

use super::attachment::DEFAULT;
use super::model::{Network, Project, Service};
use super::read::Reader;
use super::scope::Scopes;
use super::tree::is_extension;
use super::{order, resources, service};
use crate::diagnostic::Diagnostic;
use crate::files::Files;
use crate::yaml::{Entry, Node};

/// Reads a project, and everything that is wrong with it.
pub(super) fn read(
    files: &dyn Files,
    scopes: &Scopes,
    root: &Node,
    profiles: &[String],
) -> (Project, Vec<Diagnostic>) {
    let mut reader = Reader::new(files, scopes, root);
    let services = section(&mut reader, "services", |reader, entry| Some(service::service(reader, entry)));
    let mut networks = section(&mut reader, "networks", resources::network);
    let volumes = section(&mut reader, "volumes", resources::volume);
    let secrets = section(&mut reader, "secrets", resources::secret);
    let configs = section(&mut reader, "configs", resources::config);
    if services.values().any(|service| service.networks.contains_key(DEFAULT)) {
        networks.entry(DEFAULT.to_owned()).or_insert_with(Network::default);
    }
    if root.get("services").is_none_or(|services| services.entries().is_empty()) {
        reader.push(Diagnostic::whole(&root.spot.source, "there is no service").help("write `services:`"));
    }
    let profiles = active(&services, profiles);
    order::check(&mut reader, &services, &profiles);
    let ignored = Vec::new();
    (Project { services, networks, volumes, secrets, configs, profiles, ignored }, reader.into_mistakes())
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

/// The active profiles, sorted; `*` stands for all.
fn active(services: &BTreeMap<String, Service>, wanted: &[String]) -> Vec<String> {
    let mut active: Vec<String> = match wanted.iter().any(|profile| profile == "*") {
        true => services.values().flat_map(|service| service.profiles.clone()).collect(),
        false => wanted.to_vec(),
    };
    active.sort();
    active.dedup();
    active
}

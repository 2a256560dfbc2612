//! What a service is, from all its containers (S11).

use std::collections::{BTreeMap, BTreeSet};

use super::{Health, ServiceState};

/// For a container that has no such thing.
const NONE: &str = "(none)";

impl ServiceState {
    /// What containers are together, `health` being theirs. Where one is not as the other, both are shown: a
    /// release that stopped half-way is neither the old state nor the new one.
    pub fn of(containers: &[Self], health: Health) -> Self {
        let one = |what: fn(&Self) -> String| either(containers.iter().map(what));
        let words = |what: fn(&Self) -> &Vec<String>| list(containers, what);
        Self {
            image: one(|state| state.image.clone()),
            command: words(|state| &state.command),
            entrypoint: words(|state| &state.entrypoint),
            environment: map(containers, |state| &state.environment),
            mounts: map(containers, |state| &state.mounts),
            networks: networks(containers),
            replicas: containers.iter().map(|state| state.replicas).sum(),
            health,
            restarts: containers.iter().map(|state| state.restarts).sum(),
        }
    }
}

/// What all are, or everything that some are.
fn either(each: impl Iterator<Item = String>) -> String {
    let different: BTreeSet<String> = each.collect();
    different.into_iter().collect::<Vec<_>>().join(", ")
}

fn list(containers: &[ServiceState], what: fn(&ServiceState) -> &Vec<String>) -> Vec<String> {
    let different: BTreeSet<&Vec<String>> = containers.iter().map(what).collect();
    match different.first() {
        Some(only) if different.len() == 1 => (*only).clone(),
        _ => different.into_iter().map(|words| words.join(" ")).collect(),
    }
}

fn map(
    containers: &[ServiceState],
    what: fn(&ServiceState) -> &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let names: BTreeSet<&String> = containers.iter().flat_map(|state| what(state).keys()).collect();
    let value = |state, name: &String| what(state).get(name).map_or(NONE, String::as_str).to_owned();
    let values = names
        .into_iter()
        .map(|name| (name.clone(), either(containers.iter().map(|state| value(state, name)))));
    values.collect()
}

/// Those of all of them by name; of some, with how many.
fn networks(containers: &[ServiceState]) -> Vec<String> {
    let names: BTreeSet<&String> = containers.iter().flat_map(|state| &state.networks).collect();
    let all = containers.len();
    let shown = names.into_iter().map(|name| {
        let on = containers.iter().filter(|state| state.networks.contains(name)).count();
        if on == all { name.clone() } else { format!("{name} ({on} of {all})") }
    });
    shown.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn container(image: &str, flag: Option<&str>) -> ServiceState {
        let variables = flag.map(|flag| ("FLAG".to_owned(), flag.to_owned()));
        ServiceState {
            image: image.to_owned(),
            command: vec!["serve".to_owned(), image.to_owned()],
            environment: variables.into_iter().chain([("HOME".to_owned(), "/".to_owned())]).collect(),
            networks: vec!["default".to_owned()],
            replicas: 1,
            ..ServiceState::default()
        }
    }

    #[test]
    fn containers_that_are_alike_are_one_service() {
        let one = container("v1", Some("on"));
        let two = ServiceState::of(&[one.clone(), one.clone()], Health::Running);
        assert_eq!(two, ServiceState { replicas: 2, health: Health::Running, ..one });
    }

    #[test]
    fn what_is_not_alike_is_shown_whichever_of_them_comes_first() {
        let (old, new) = (container("v1", None), container("v2", Some("on")));
        let outside = ServiceState { networks: Vec::new(), ..old.clone() };
        let both = ServiceState::of(&[new.clone(), old.clone(), outside.clone()], Health::Running);
        assert_eq!(both, ServiceState::of(&[outside, old, new], Health::Running));
        assert_eq!((both.image.as_str(), both.replicas), ("v1, v2", 3));
        assert_eq!(both.command, ["serve v1", "serve v2"]);
        assert_eq!(
            (both.environment["FLAG"].as_str(), both.environment["HOME"].as_str()),
            ("(none), on", "/")
        );
        assert_eq!(both.networks, ["default (2 of 3)"]);
    }

    #[test]
    fn none_is_nothing() {
        let nothing = ServiceState { health: Health::ScaledToZero, ..ServiceState::default() };
        assert_eq!(ServiceState::of(&[], Health::ScaledToZero), nothing);
    }
}

//! Whether the services can be started one after the other.

use std::collections::{BTreeMap, BTreeSet};

use super::model::Service;
use super::read::Reader;
use crate::yaml::{Node, Spot};

type Services = BTreeMap<String, Service>;

/// Finds circles of dependencies, and dependencies on services whose profile is not active.
pub(super) fn check(reader: &mut Reader<'_>, services: &Services, profiles: &[String]) {
    for circle in circles(services) {
        let Some(spot) = dependency_spot(reader.root, &circle[0], &circle[1]) else { continue };
        let message = format!("services depend on each other: {}", circle.join(" → "));
        reader.push(spot.mistake(message).help("one of them must be able to start first"));
    }
    for (name, service) in services.iter().filter(|(_, service)| is_active(service, profiles)) {
        for (needed, dependency) in &service.depends_on {
            let missing = services.get(needed).filter(|other| !is_active(other, profiles));
            let Some(missing) = missing.filter(|_| dependency.required) else { continue };
            let Some(spot) = dependency_spot(reader.root, name, needed) else { continue };
            let message = format!("`{name}` needs `{needed}`, whose profile is not active");
            let profiles = missing.profiles.join("` or `");
            let help = format!("activate the profile `{profiles}`, or write `required: false` here");
            reader.push(spot.mistake(message).help(help));
        }
    }
}

fn is_active(service: &Service, profiles: &[String]) -> bool {
    service.profiles.is_empty() || service.profiles.iter().any(|profile| profiles.contains(profile))
}

/// Where a dependency is written: in `depends_on`, or in `network_mode`.
fn dependency_spot(root: &Node, service: &str, needed: &str) -> Option<Spot> {
    let service = root.get("services")?.get(service)?;
    let listed = service.get("depends_on").and_then(|listed| listed.entry(needed));
    listed
        .map(|entry| entry.key_spot.clone())
        .or_else(|| service.get("network_mode").map(|mode| mode.spot.clone()))
}

/// The circles among the services, each as names that begin and end with the same one.
fn circles(services: &Services) -> Vec<Vec<String>> {
    let mut left: BTreeMap<&str, BTreeSet<&str>> = services
        .iter()
        .map(|(name, service)| {
            let needed = service.depends_on.keys().map(String::as_str);
            (name.as_str(), needed.filter(|needed| services.contains_key(*needed)).collect())
        })
        .collect();
    let mut circles = Vec::new();
    loop {
        let mut free: Vec<&str> = startable(&left);
        if free.is_empty() {
            let Some(circle) = circle(&left) else { return circles };
            free = circle[1..].to_vec();
            circles.push(circle.into_iter().map(str::to_owned).collect());
        }
        left.retain(|name, _| !free.contains(name));
        left.values_mut().for_each(|needed| needed.retain(|name| !free.contains(name)));
    }
}

fn startable<'n>(left: &BTreeMap<&'n str, BTreeSet<&'n str>>) -> Vec<&'n str> {
    left.iter().filter(|(_, needed)| needed.is_empty()).map(|(name, _)| *name).collect()
}

/// Follows dependencies until a service comes again; everything that is left needs something.
fn circle<'n>(left: &BTreeMap<&'n str, BTreeSet<&'n str>>) -> Option<Vec<&'n str>> {
    let mut walked = vec![*left.keys().next()?];
    loop {
        let next = *left.get(walked.last()?)?.first()?;
        if let Some(start) = walked.iter().position(|name| *name == next) {
            walked.push(next);
            return Some(walked.split_off(start));
        }
        walked.push(next);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{errors, load_files, shown};

    #[test]
    fn circles_are_found_each_once() {
        let found = errors(
            "
services:
  a: {image: i, depends_on: [b]}
  b: {image: i, depends_on: [c, free]}
  c: {image: i, depends_on: [b]}
  d: {image: i, depends_on: [d]}
  e: {image: i, network_mode: 'service:f'}
  f: {image: i, depends_on: [e]}
  free: {image: i}
",
        );
        let help = "one of them must be able to start first";
        assert_eq!(
            found,
            [
                format!("shop/compose.yaml:4:30 services depend on each other: b → c → b · {help}"),
                format!("shop/compose.yaml:6:30 services depend on each other: d → d · {help}"),
                format!("shop/compose.yaml:7:31 services depend on each other: e → f → e · {help}"),
            ]
        );
    }

    #[test]
    fn a_long_chain_is_no_circle() {
        let services: String =
            (0..300).map(|n| format!("  s{n}: {{image: i, depends_on: [s{}]}}\n", n + 1)).collect();
        assert_eq!(errors(&format!("services:\n{services}  s300: {{image: i}}\n")), [""; 0]);
    }

    #[test]
    fn a_service_of_an_inactive_profile_is_there_but_nobody_active_may_need_it() {
        let text = "
services:
  a: {image: i, depends_on: {b: {condition: service_started}}}
  b: {image: i, profiles: [debug]}
  c: {image: i, profiles: [debug], depends_on: [b]}
";
        let with = |profiles: &[&str]| load_files(&[("/shop/compose.yaml", text)], &[], profiles);
        assert_eq!(
            errors(text),
            [
                "shop/compose.yaml:3:30 `a` needs `b`, whose profile is not active · activate the profile `debug`, or write `required: false` here"
            ]
        );
        assert_eq!(with(&["debug"]).unwrap().profiles, ["debug"]);
        let optional = text.replace("service_started", "service_started, required: false");
        assert_eq!(errors(&optional), [""; 0]);
        let all = with(&["*"]).unwrap();
        assert_eq!((all.profiles, all.services.len()), (vec!["debug".to_owned()], 3));
    }

    #[test]
    fn a_profile_that_no_service_has_is_named_where_the_scenario_names_it() {
        let text = "services: {a: {image: i}, b: {image: i, profiles: [debug, seed]}}";
        let of = |text: &str, profiles: &[&str]| -> Vec<String> {
            let mistakes = load_files(&[("/shop/compose.yaml", text)], &[], profiles).unwrap_err();
            mistakes.iter().map(shown).collect()
        };
        assert_eq!(
            of(text, &["debug", "debgu"]),
            ["scenario.yaml:1:10 no service has the profile `debgu` · did you mean `debug`?"]
        );
        assert_eq!(
            of(text, &["tools"]),
            ["scenario.yaml:1:10 no service has the profile `tools` · known here: debug, seed"]
        );
        let none = of("services: {a: {image: i}}", &["tools"]);
        assert_eq!(none, ["scenario.yaml:1:10 no service has the profile `tools`"]);
    }
}

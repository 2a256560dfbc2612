//! In which order services may start: each as soon as its own dependencies allow, not in waves. Pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::compose::Project;
use crate::compose::model::{Condition, Service};
use crate::stage::StageError;

/// What is still to be started, and what it waits for.
#[derive(Debug, Default)]
pub(super) struct Order {
    waiting: BTreeMap<String, BTreeMap<String, Condition>>,
    asked: BTreeMap<String, BTreeSet<Condition>>,
}

impl Order {
    /// The order of the project's active services.
    pub(super) fn of(project: &Project) -> Result<Self, StageError> {
        let active = active(project);
        let mut order = Self::default();
        for name in &active {
            let needs = needs(name, &project.services[*name], &active)?;
            for (other, condition) in &needs {
                order.asked.entry(other.clone()).or_default().insert(*condition);
            }
            order.waiting.insert((*name).to_owned(), needs);
        }
        Ok(order)
    }

    /// Services that may start now; each is named once.
    pub(super) fn ready(&mut self) -> Vec<String> {
        let ready: Vec<String> =
            self.waiting.iter().filter(|(_, needs)| needs.is_empty()).map(|(name, _)| name.clone()).collect();
        for name in &ready {
            self.waiting.remove(name);
        }
        ready
    }

    /// What other services wait for in this one, besides its start.
    pub(super) fn asked_of(&self, service: &str) -> BTreeSet<Condition> {
        let mut asked = self.asked.get(service).cloned().unwrap_or_default();
        asked.remove(&Condition::ServiceStarted);
        asked
    }

    /// Something that services may wait for has come true.
    pub(super) fn reached(&mut self, service: &str, condition: Condition) {
        for needs in self.waiting.values_mut() {
            if needs.get(service) == Some(&condition) {
                needs.remove(service);
            }
        }
    }

    /// Services that wait still.
    pub(super) fn waiting(&self) -> Vec<String> {
        self.waiting.keys().cloned().collect()
    }
}

/// The services that start with the project.
pub(super) fn active(project: &Project) -> BTreeSet<&str> {
    let is_active = |service: &Service| {
        service.profiles.is_empty() || service.profiles.iter().any(|name| project.profiles.contains(name))
    };
    project.services.iter().filter(|(_, service)| is_active(service)).map(|(name, _)| name.as_str()).collect()
}

fn needs(
    name: &str,
    service: &Service,
    active: &BTreeSet<&str>,
) -> Result<BTreeMap<String, Condition>, StageError> {
    let mut needs = BTreeMap::new();
    for (other, dependency) in &service.depends_on {
        if active.contains(other.as_str()) {
            needs.insert(other.clone(), dependency.condition);
        } else if dependency.required {
            let cause = format!("it depends on {other}, whose profile is not active");
            return Err(StageError::new("start", format!("service {name}"), cause));
        }
    }
    // A service that shares another's network cannot be there before it.
    if let Some(other) = service.network_mode.as_deref().and_then(|mode| mode.strip_prefix("service:")) {
        needs.entry(other.to_owned()).or_insert(Condition::ServiceStarted);
    }
    Ok(needs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::model::Dependency;

    fn service(needs: &[(&str, Condition)]) -> Service {
        let dependency = |(name, condition): &(&str, Condition)| {
            ((*name).to_owned(), Dependency { condition: *condition, required: true })
        };
        Service { depends_on: needs.iter().map(dependency).collect(), ..Service::default() }
    }

    fn project(services: Vec<(&str, Service)>) -> Project {
        let services = services.into_iter().map(|(name, service)| (name.to_owned(), service)).collect();
        Project { services, ..Project::default() }
    }

    #[test]
    fn each_service_starts_as_soon_as_its_own_conditions_hold() {
        let project = project(vec![
            ("db", service(&[])),
            ("cache", service(&[])),
            ("migrate", service(&[("db", Condition::ServiceHealthy)])),
            (
                "api",
                service(&[
                    ("migrate", Condition::ServiceCompletedSuccessfully),
                    ("cache", Condition::ServiceStarted),
                ]),
            ),
        ]);
        let mut order = Order::of(&project).unwrap();
        assert_eq!(order.ready(), ["cache", "db"]);
        assert!(order.ready().is_empty(), "each is named once");
        assert_eq!(order.asked_of("db"), [Condition::ServiceHealthy].into());
        assert!(order.asked_of("cache").is_empty());

        order.reached("db", Condition::ServiceStarted);
        assert!(order.ready().is_empty(), "started is not healthy");
        order.reached("db", Condition::ServiceHealthy);
        assert_eq!(order.ready(), ["migrate"]);
        order.reached("cache", Condition::ServiceStarted);
        assert_eq!(order.waiting(), ["api"]);
        order.reached("migrate", Condition::ServiceCompletedSuccessfully);
        assert_eq!(order.ready(), ["api"]);
    }

    #[test]
    fn a_dependency_out_of_profile_is_an_error_unless_it_is_optional() {
        let mut extra = service(&[]);
        extra.profiles = vec!["tools".to_owned()];
        let mut project =
            project(vec![("extra", extra), ("api", service(&[("extra", Condition::ServiceStarted)]))]);
        let error = Order::of(&project).unwrap_err().to_string();
        assert!(error.contains("it depends on extra, whose profile is not active"), "{error}");

        project.services.get_mut("api").unwrap().depends_on.get_mut("extra").unwrap().required = false;
        assert_eq!(Order::of(&project).unwrap().ready(), ["api"]);
        project.profiles = vec!["tools".to_owned()];
        assert_eq!(Order::of(&project).unwrap().ready(), ["extra"]);
    }

    #[test]
    fn a_shared_network_is_a_dependency() {
        let mut sidecar = service(&[]);
        sidecar.network_mode = Some("service:web".to_owned());
        let mut order = Order::of(&project(vec![("a", sidecar), ("web", service(&[]))])).unwrap();
        assert_eq!(order.ready(), ["web"]);
    }
}

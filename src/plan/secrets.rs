//! The texts of a scenario that must never be shown (S28): what is declared, what comes from places where secrets
//! are kept, and what looks like one.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::model::{Action, Deploy, Plan, Step};
use crate::compose::Project;
use crate::compose::model::FileObject;
use crate::files::{Files, TEXT_LIMIT};
use crate::secret::{self, Text};

/// What must never be shown of a scenario.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Secrets {
    /// The values.
    pub values: BTreeSet<String>,
    /// Variables whose names look like those of secrets, and that nobody declared.
    pub by_name: BTreeSet<String>,
}

impl Secrets {
    /// A value that somebody said is one.
    pub(super) fn declare(&mut self, value: &str) {
        if !value.is_empty() {
            self.values.insert(value.to_owned());
        }
    }

    /// A value from where secrets are kept among others.
    pub(super) fn keep(&mut self, value: &str) {
        if !secret::says_nothing(value) {
            self.declare(value);
        }
    }
}

/// What is declared, and what a project takes from files and from the runner's variables.
pub(super) fn declared(
    names: &[String],
    project: &Project,
    variables: &BTreeMap<String, String>,
    files: &dyn Files,
) -> Secrets {
    let mut secrets = Secrets::default();
    for name in names {
        let services = project.services.values().filter_map(|service| service.environment.get(name));
        let dotenv = project.dotenv.iter().filter(|(known, _)| known == name).map(|(_, value)| value);
        services.chain(variables.get(name)).chain(dotenv).for_each(|value| secrets.declare(value));
    }
    for service in project.services.values() {
        let from_files = service.secret_environment.iter().filter(|name| !is_of_compose(name));
        from_files.filter_map(|name| service.environment.get(name)).for_each(|value| secrets.keep(value));
    }
    let dotenv = project.dotenv.iter().filter(|(name, _)| !is_of_compose(name));
    dotenv.for_each(|(_, value)| secrets.keep(value));
    for object in project.secrets.values() {
        match object {
            FileObject::File(path) => {
                if let Ok(source) = files.read(path, TEXT_LIMIT) {
                    secrets.declare(source.text.trim());
                }
            }
            FileObject::Environment(name) => {
                variables.get(name).into_iter().for_each(|value| secrets.declare(value));
            }
            FileObject::Content(text) => secrets.declare(text.trim()),
        }
    }
    let alike = variables.iter().filter(|(name, _)| secret::is_secret_name(name));
    alike.for_each(|(_, value)| secrets.keep(value));
    secrets
}

/// Compose's own settings: `COMPOSE_PROJECT_NAME` and the like.
fn is_of_compose(name: &str) -> bool {
    name.starts_with("COMPOSE_")
}

/// Adds what looks like a secret in a plan: by the name of what holds it, or by what stands around it.
pub(super) fn found(plan: &Plan, secrets: &mut Secrets) {
    let found = RefCell::new(std::mem::take(secrets));
    let see = |kind: Text<'_>, text: &str| {
        let mut found = found.borrow_mut();
        match kind {
            Text::Secret(name) if !secret::says_nothing(text) => {
                if found.values.insert(text.to_owned()) {
                    found.by_name.insert(name.to_owned());
                }
                let behind = text.split_once(' ').map(|(_, behind)| behind.to_owned());
                found.values.extend(behind);
            }
            Text::Free | Text::Secret(_) | Text::Statement | Text::Data => look(text, &mut found.values),
        }
        String::new()
    };
    // Only what is seen on the way matters here.
    let _ = secret::changed(plan, &see);
    *secrets = found.into_inner();
    for command in commands(plan) {
        look(&command.join(" "), &mut secrets.values);
    }
}

fn look(text: &str, values: &mut BTreeSet<String>) {
    values.extend(secret::places(text).into_iter().map(|place| text[place].to_owned()));
}

/// The command lines of services and steps: a flag and its value are two words.
fn commands(plan: &Plan) -> impl Iterator<Item = &Vec<String>> {
    let services = plan.project.services.values();
    let of_services = services.flat_map(|service| service.command.iter().chain(&service.entrypoint));
    let steps = plan.seed.iter().chain(&plan.change).chain(&plan.rollback.steps);
    of_services.chain(steps.flat_map(of_step))
}

fn of_step(step: &Step) -> Vec<&Vec<String>> {
    match &step.action {
        Action::Run { command, .. } => command.iter().collect(),
        Action::Deploy(Deploy { command, entrypoint, .. }) => command.iter().chain(entrypoint).collect(),
        Action::Exec { command, .. } | Action::Host { command, .. } => vec![command],
        Action::Backup(dump) | Action::Restore(dump) => vec![&dump.command],
        Action::Sql { .. } | Action::Http(_) | Action::Wait(_) | Action::Volume { .. } => Vec::new(),
    }
}

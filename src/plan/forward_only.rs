//! A change without a way back: what must be so before it, what it must not touch, and how it is recovered from.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::context::Context;
use super::expect::watched;
use super::facts;
use super::model::{Expectation, Fact, Step};
use super::steps::{self, Owner};
use crate::diagnostic::Place;
use crate::scenario::forward_only as file;

/// What stands in the place of a way back. Its recovery is the plan's rollback.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ForwardOnly {
    /// Why there is no way back.
    pub because: String,
    /// What must be so before the change may begin.
    pub prechecks: Vec<Precheck>,
    /// What must not be touched; none where nothing is named.
    pub isolation: Option<Isolation>,
    /// Whether a recovery is declared.
    pub recovers: bool,
    /// Where it is written.
    pub at: Place,
}

/// A condition of the change. Its steps, and those that break it, are numbered through all pre-checks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Precheck {
    /// Its name.
    #[serde(serialize_with = "crate::secret::word")]
    pub name: String,
    /// Steps that all succeed when the change may begin.
    pub steps: Vec<Step>,
    /// Steps that break the condition.
    pub broken_by: Vec<Step>,
    /// Where it is written.
    pub at: Place,
}

/// What must not be touched while the change is under way, after its failure and by the recovery.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Isolation {
    /// Services that are as before, after the failure and at the end.
    #[serde(serialize_with = "crate::secret::word")]
    pub services: BTreeSet<String>,
    /// Observed stores that are so.
    #[serde(serialize_with = "crate::secret::word")]
    pub stores: BTreeSet<String>,
    /// What holds all the time.
    pub always: Vec<Expectation>,
    /// Where it is written.
    pub at: Place,
}

impl ForwardOnly {
    /// The steps of all pre-checks.
    pub fn precheck_steps(&self) -> impl Iterator<Item = &Step> {
        self.prechecks.iter().flat_map(|precheck| &precheck.steps)
    }

    /// The steps that break conditions.
    pub fn breaking_steps(&self) -> impl Iterator<Item = &Step> {
        self.prechecks.iter().flat_map(|precheck| &precheck.broken_by)
    }

    /// The pre-check that a step belongs to.
    pub fn precheck_of(&self, step: u32) -> Option<&Precheck> {
        self.prechecks.iter().find(|precheck| precheck.steps.iter().any(|known| known.number == step))
    }
}

/// Resolves `forward_only`, but for its recovery.
pub(super) fn build(context: &mut Context<'_>, written: &file::ForwardOnly) -> ForwardOnly {
    if written.because.trim().is_empty() {
        let diagnostic = context.wrong("forward_only.because", "a reason is missing");
        diagnostic
            .help
            .push("say why nobody can take this change back; it is printed on the scorecard".to_owned());
    }
    let prechecks = prechecks(context, &written.prechecks);
    ForwardOnly {
        because: written.because.clone(),
        prechecks,
        isolation: written.isolation.as_ref().and_then(|written| isolation(context, written)),
        recovers: written.recovery.is_some(),
        at: context.place("forward_only"),
    }
}

fn prechecks(context: &mut Context<'_>, written: &[file::Precheck]) -> Vec<Precheck> {
    let (mut names, mut built) = (BTreeSet::new(), Vec::new());
    let (mut asked, mut broken) = (0, 0);
    for (index, precheck) in written.iter().enumerate() {
        let path = format!("forward_only.prechecks.{index}");
        if precheck.name.trim().is_empty() {
            context
                .wrong(&format!("{path}.name"), "a pre-check has a name")
                .help
                .push("such as `a fresh backup`".to_owned());
        }
        if !names.insert(&precheck.name) {
            context.wrong(&format!("{path}.name"), "another pre-check has this name already");
        }
        if precheck.steps.is_empty() {
            let diagnostic =
                context.wrong_key(&format!("{path}.steps"), "a pre-check without steps always says yes");
            diagnostic.help.push("list steps of which one fails when the change may not begin".to_owned());
        }
        if precheck.broken_by.is_empty() {
            let message = "nothing breaks its condition, so nobody would know whether it ever says no";
            let diagnostic = context.wrong_key(&format!("{path}.broken_by"), message);
            diagnostic.help.push("list steps after which the change may not begin".to_owned());
        }
        let steps = numbered(context, &format!("{path}.steps"), &precheck.steps, &mut asked);
        let broken_by = numbered(context, &format!("{path}.broken_by"), &precheck.broken_by, &mut broken);
        let at = context.place(&format!("{path}.name"));
        built.push(Precheck { name: precheck.name.clone(), steps, broken_by, at });
    }
    built
}

/// Steps that go on with the numbers of those before.
fn numbered(
    context: &mut Context<'_>,
    path: &str,
    written: &[crate::scenario::step::Step],
    last: &mut u32,
) -> Vec<Step> {
    let mut steps = steps::build(context, path, Owner::Precheck, written);
    for step in &mut steps {
        step.number += *last;
    }
    *last = steps.last().map_or(*last, |step| step.number);
    steps
}

/// None where nothing is named.
fn isolation(context: &mut Context<'_>, written: &file::Isolation) -> Option<Isolation> {
    let (mut services, mut stores) = (BTreeSet::new(), BTreeSet::new());
    for (index, name) in written.as_before.iter().enumerate() {
        let is_store = context.databases.contains_key(name) || context.stores.contains_key(name);
        let is_service = context.project.services.contains_key(name);
        if is_store {
            stores.insert(name.clone());
        }
        if is_service {
            services.insert(name.clone());
        }
        if !is_store && !is_service {
            let known: Vec<String> =
                context.project.services.keys().chain(context.stores.keys()).cloned().collect();
            let at = context.spot(&format!("forward_only.isolation.as_before.{index}"));
            let mistake = at.mistake(format!("`{name}` is neither a service nor an observed store"));
            context.mistakes.push(mistake.suggest(name, known.iter().map(String::as_str)));
        }
    }
    let mut always = Vec::new();
    for (index, call) in written.http.iter().enumerate() {
        let path = format!("forward_only.isolation.http.{index}");
        let fact = facts::http(context, &path, call).map(Fact::Http);
        always.extend(watched(context, &format!("{path}.on"), fact));
    }
    for (index, query) in written.always.iter().enumerate() {
        let path = format!("forward_only.isolation.always.{index}");
        let fact = facts::sql(context, &path, query);
        always.extend(watched(context, &format!("{path}.query"), fact));
    }
    let says_nothing = services.is_empty() && stores.is_empty() && always.is_empty();
    let at = context.place("forward_only.isolation");
    (!says_nothing).then_some(Isolation { services, stores, always, at })
}

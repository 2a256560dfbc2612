//! A scenario's file to its plan, or to all of its mistakes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::alerts::Alert;
use super::context::Context;
use super::facts::{self, Given};
use super::model::{Database, Engine, Plan, Rollback, When};
use super::secrets::{self, Secrets};
use super::steps::Owner;
use super::{
    alerts, expect, failure, forward_only, gateways, impact, lint, material, observe, outside, steps, traffic,
};
use crate::compose::{self, Project};
use crate::diagnostic::Diagnostic;
use crate::files::{Files, TEXT_LIMIT};
use crate::lint::Linted;
use crate::scenario::ScenarioFile;
use crate::scenario::expect::AlertExpectation;
use crate::scenario::file as written;
use crate::secret::Secret;
use crate::yaml::{self, Limits, Node};

const UP: Duration = Duration::from_secs(300);
const ROLLBACK: Duration = Duration::from_secs(600);
const TRIGGER: Duration = Duration::from_secs(120);
const POSTGRES: u16 = 5432;
const MARIADB: u16 = 3306;

/// The file's name in every scenario's folder.
pub const FILE: &str = "scenario.yaml";

/// What a plan is made from besides its own file.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    /// Reads files below the root (S18).
    pub files: &'a dyn Files,
    /// Variables for `${…}` in Compose files and for passwords: the runner's environment and `--set`.
    pub variables: &'a BTreeMap<String, String>,
    /// Whether `host` steps are allowed.
    pub allow_host: bool,
    /// Whether conversations with observed databases are to be recorded, for a sweep.
    pub records: bool,
}

/// A plan, and the texts that must never be shown (S20).
#[derive(Debug)]
pub struct Planned {
    /// The plan.
    pub plan: Plan,
    /// What must never be shown.
    pub secrets: Secrets,
}

/// Plans the scenario in a folder.
///
/// # Errors
/// Every mistake of its files.
pub fn scenario(input: Input<'_>, folder: &Path, identity: &str) -> Result<Planned, Vec<Diagnostic>> {
    let file = folder.join(FILE);
    let source = input.files.read(&file, TEXT_LIMIT).map_err(|problem| vec![problem.alone(&file)])?;
    let root = yaml::parse(&source, Limits::default())?;
    let decoded = yaml::decode_partly::<ScenarioFile>(&root);
    let Some(scenario) = decoded.value else { return Err(decoded.mistakes) };
    let shape_is_right = decoded.mistakes.is_empty();
    let mut mistakes = decoded.mistakes;
    if shape_is_right {
        required(&decoded.tree, &scenario, &mut mistakes);
    }
    let project = match project(input, folder, &scenario, &decoded.tree) {
        Ok(project) => project,
        Err(more) => {
            mistakes.extend(more);
            return Err(mistakes);
        }
    };
    let context = Context {
        root: &decoded.tree,
        folder,
        files: input.files,
        project: &project,
        databases: BTreeMap::new(),
        backups: BTreeMap::new(),
        stores: BTreeMap::new(),
        alertmanager: None,
        sinks: BTreeSet::new(),
        allow_host: input.allow_host,
        is_whole: shape_is_right,
        digests: BTreeMap::new(),
        reach: BTreeMap::new(),
        mistakes,
    };
    Builder { input, context, scenario, identity }.build()
}

/// The keys that must be there.
fn required(root: &Node, scenario: &ScenarioFile, mistakes: &mut Vec<Diagnostic>) {
    match scenario.format {
        Some(1) => {}
        Some(other) => {
            let spot = &root.nearest(&["format"]).spot;
            let mistake = spot.mistake(format!("format {other} is not known here"));
            mistakes.push(mistake.help("this version of Backout reads `format: 1`"));
        }
        None => mistakes.push(missing(root, "format", "start the file with `format: 1`")),
    }
    let gaps = [
        ("name", scenario.name.is_none(), "give the scenario a short name"),
        (
            "staging",
            scenario.staging.is_none(),
            "name the Compose file: `staging: { compose: compose.yaml }`",
        ),
        ("change", scenario.change.is_empty(), "list the steps whose rollback is drilled"),
        (
            "rollback",
            scenario.rollback.is_none() && scenario.forward_only.is_none(),
            "list the steps of the way back under `rollback.steps`, or say under `forward_only` why there is none",
        ),
        ("expect", scenario.expect.is_none(), "say what must hold afterwards, at least `data: as_before`"),
    ];
    for (key, is_missing, help) in gaps {
        if is_missing {
            mistakes.push(missing(root, key, help));
        }
    }
}

/// Either a way back, or a reason why there is none.
fn either_way(context: &mut Context<'_>, scenario: &ScenarioFile) {
    if scenario.rollback.is_some() && scenario.forward_only.is_some() {
        let diagnostic =
            context.wrong_key("forward_only", "a change has a way back, or it is `forward_only`");
        diagnostic.help.push("leave `rollback` out, or `forward_only`".to_owned());
    }
}

/// What takes the system back, as it is written, and where.
pub(super) fn way_back(scenario: &ScenarioFile) -> (&'static str, Option<&written::Rollback>) {
    match (&scenario.rollback, &scenario.forward_only) {
        (None, Some(forward_only)) => ("forward_only.recovery", forward_only.recovery.as_ref()),
        (rollback, _) => ("rollback", rollback.as_ref()),
    }
}

fn missing(root: &Node, key: &str, help: &str) -> Diagnostic {
    let diagnostic = match root.entry(key) {
        Some(entry) => entry.key_spot.mistake(format!("`{key}` is empty")),
        None => Diagnostic::whole(&root.spot.source, format!("`{key}` is missing")),
    };
    diagnostic.help(help)
}

fn project(
    input: Input<'_>,
    folder: &Path,
    scenario: &ScenarioFile,
    root: &Node,
) -> Result<Project, Vec<Diagnostic>> {
    let Some(staging) = &scenario.staging else { return Ok(Project::default()) };
    let spot = &root.nearest(&["staging", "compose"]).spot;
    let files: Vec<(PathBuf, yaml::Spot)> = staging
        .compose
        .0
        .iter()
        .enumerate()
        .map(|(index, name)| {
            let at = root.nearest(&["staging", "compose", &index.to_string()]).spot.clone();
            (folder.join(name), at)
        })
        .collect();
    if files.is_empty() {
        return Err(vec![spot.mistake("no Compose file is named")]);
    }
    let profiles = staging.profiles.iter().enumerate();
    let profiles = profiles.map(|(index, name)| {
        let at = root.nearest(&["staging", "profiles", &index.to_string()]).spot.clone();
        (name.clone(), at)
    });
    let request = compose::Request {
        files,
        profiles: profiles.collect(),
        environment: input.variables.clone(),
        base: folder.to_owned(),
    };
    compose::load(input.files, &request)
}

struct Builder<'a> {
    input: Input<'a>,
    context: Context<'a>,
    scenario: ScenarioFile,
    identity: &'a str,
}

impl Builder<'_> {
    fn build(mut self) -> Result<Planned, Vec<Diagnostic>> {
        let scenario = self.scenario.clone();
        let mut secrets = secrets::declared(
            &scenario.secrets,
            self.context.project,
            self.input.variables,
            self.context.files,
        );
        self.databases(&scenario, &mut secrets);
        observe::build(&mut self.context, self.input.variables, &scenario.observe, &mut secrets);
        let context = &mut self.context;
        let hosts = outside::hosts(context, &scenario.observe.outside);
        let staging = scenario.staging.as_ref();
        let seed = staging.map_or(&[][..], |staging| &staging.seed);
        let mut seed = steps::build(context, "staging.seed", Owner::Seed, seed);
        either_way(context, &scenario);
        let forward_only =
            scenario.forward_only.as_ref().map(|written| forward_only::build(context, written));
        let mut change = steps::build(context, "change", Owner::Change, &scenario.change);
        let services = context.project.services.clone();
        steps::count_replicas(&services, seed.iter_mut().chain(&mut change));
        // A step that could not be read shifts the numbers, and what is said about them would be wrong.
        let numbers_hold = context.is_whole && change.len() == scenario.change.len();
        let failure = scenario.failure.as_ref().filter(|_| numbers_hold);
        let failure = failure.and_then(|failure| failure::build(context, failure, &change));
        let mut alerts = alerts::build(context, expected_alerts(&scenario), scenario.failure.is_some());
        let mut rollback = match way_back(&scenario) {
            (path, Some(written)) => Some(rollback(context, path, written, &mut alerts)),
            (_, None) => scenario.forward_only.as_ref().map(|_| no_recovery(context)),
        };
        let back = rollback.iter_mut().flat_map(|rollback| &mut rollback.steps);
        steps::count_replicas(&services, seed.iter_mut().chain(&mut change).chain(back));
        let (traffic, invariants) = traffic::build(context, &scenario.traffic);
        let expected = scenario.expect.as_ref().map_or(&[][..], |expect| &expect.outside);
        let effects = outside::build(context, &hosts, expected);
        let fields = outside::fields(&hosts, &effects);
        let expect = scenario.expect.as_ref().map(|expect| {
            let mut expect = expect::build(context, expect, &change, !traffic.is_empty(), alerts, effects);
            expect.facts.extend(invariants);
            if self.input.records {
                expect::no_twins(context, &expect);
            }
            expect
        });
        let back = rollback.as_ref().map_or(&[][..], |rollback| &rollback.steps);
        outside::unseen(context, &hosts, [("change", &change), ("rollback.steps", back)]);
        let gateways = gateways::build(
            context,
            &scenario.gateways,
            (&scenario.observe.outside, &fields),
            failure.as_ref().zip(scenario.failure.as_ref().map(|written| &written.at)),
            gateways::Around {
                operations: [&change, back],
                served: !traffic.is_empty(),
                records: self.input.records,
            },
        );
        let impact = scenario.impact.as_ref().map(|written| impact::build(context, written, &hosts));
        let stateless = stateless(&mut self.context, scenario.staging.as_ref());
        let linted = if self.context.mistakes.is_empty() {
            lint::build(&mut self.context, &scenario, &change, back)
        } else {
            Linted::default()
        };
        let file = self.context.root.spot.source.name.clone();
        let compose = staging.map_or(&[][..], |staging| &staging.compose.0);
        let material = material::gather(&self.context, compose, [&change, back]);
        if !self.context.mistakes.is_empty() {
            return Err(self.context.mistakes);
        }
        let plan = Plan {
            path: self.identity.to_owned(),
            name: scenario.name.unwrap_or_default(),
            summary: scenario.summary.unwrap_or_default(),
            risks: scenario.risks,
            file,
            folder: self.context.folder.to_owned(),
            project: self.context.project.clone(),
            stateless,
            up_within: scenario.staging.and_then(|staging| staging.within).map_or(UP, |span| span.0),
            databases: self.context.databases,
            stores: self.context.stores,
            seed,
            change,
            failure,
            rollback: rollback.expect("a scenario without mistakes has a rollback, or says why not"),
            forward_only,
            expect: expect.expect("a scenario without mistakes has expectations"),
            traffic,
            mask: scenario.mask,
            digests: self.context.digests,
            material,
            gateways,
            impact,
            outside: hosts,
            lint: linted,
            reach: self.context.reach,
        };
        secrets::found(&plan, &mut secrets);
        Ok(Planned { plan, secrets })
    }

    fn databases(&mut self, scenario: &ScenarioFile, secrets: &mut Secrets) {
        for (index, database) in scenario.observe.databases.iter().enumerate() {
            let at = format!("observe.databases.{index}");
            let service = &database.service;
            if !self.context.service(&format!("{at}.service"), service) {
                continue;
            }
            if self.context.databases.contains_key(service) {
                let path = format!("{at}.service");
                self.context.wrong(&path, format!("the database of `{service}` is observed already"));
            }
            let (engine, usual) = match database.engine {
                written::Engine::Postgres => (Engine::Postgres, POSTGRES),
                written::Engine::Mariadb => (Engine::Mariadb, MARIADB),
            };
            let port = database.port.unwrap_or(usual);
            let variables = self.input.variables;
            let password = database.password.as_ref();
            let password = password.and_then(|password| {
                observe::password_of(&mut self.context, variables, &at, service, password)
            });
            password.iter().for_each(|password| secrets.declare(password));
            self.context.reach(service, port);
            let observed = Database {
                service: service.clone(),
                engine,
                port,
                database: database.database.clone(),
                user: database.user.clone(),
                password: password.map(Secret::new),
                at: self.context.place(&format!("{at}.service")),
            };
            self.context.databases.insert(service.clone(), observed);
        }
    }
}

fn expected_alerts(scenario: &ScenarioFile) -> &[AlertExpectation] {
    scenario.expect.as_ref().map_or(&[], |expect| &expect.alerts)
}

/// The services that a sweep need not make anew between two runs.
fn stateless(context: &mut Context<'_>, staging: Option<&written::Staging>) -> BTreeSet<String> {
    let named = staging.map_or(&[][..], |staging| &staging.stateless).iter().enumerate();
    let known = named.filter(|(at, name)| context.service(&format!("staging.stateless.{at}"), name));
    known.map(|(_, name)| name.clone()).collect()
}

/// A change that is not rolled back and whose recovery is not declared: the verdict says so.
fn no_recovery(context: &Context<'_>) -> Rollback {
    let (within, give_up, at) = (ROLLBACK, ROLLBACK * 3, context.place("forward_only"));
    Rollback { within, give_up, when: When::AtOnce, may_refuse: false, steps: Vec::new(), at }
}

/// Resolves what takes the system back, written at a path.
fn rollback(
    context: &mut Context<'_>,
    path: &str,
    written: &written::Rollback,
    alerts: &mut Vec<Alert>,
) -> Rollback {
    let at = |key: &str| format!("{path}.{key}");
    let steps = match &written.from {
        None => steps::build(context, &at("steps"), Owner::Rollback, &written.steps),
        Some(job) => steps::only(context, &at("from"), job),
    };
    match (&written.from, written.steps.is_empty()) {
        (None, true) if context.is_whole => {
            let diagnostic = context.wrong_key(&at("steps"), "the way back has no step");
            diagnostic.help.push("list the steps that undo the change".to_owned());
        }
        (Some(_), false) => {
            let diagnostic = context.wrong_key(&at("steps"), "the way back has `steps` and `from`");
            diagnostic.help.push("a job among other steps is a step: `- job: { … }`".to_owned());
        }
        _ => {}
    }
    let within = written.within.map_or(ROLLBACK, |span| span.0);
    let give_up = written.give_up.map_or(within * 3, |span| span.0);
    if give_up < within {
        context.wrong(&at("give_up"), "it is given up before its time `within` is over");
    }
    Rollback {
        within,
        give_up,
        when: when(context, &at("when"), &written.when, alerts),
        may_refuse: written.may_refuse == Some(written::MayRefuse::WhenNothingApplied),
        steps,
        at: context.place(path),
    }
}

fn when(context: &mut Context<'_>, path: &str, when: &written::When, alerts: &mut Vec<Alert>) -> When {
    let trigger = match when {
        written::When::AtOnce => return When::AtOnce,
        written::When::Facilitator => return When::Facilitator,
        written::When::Fact(trigger) => trigger,
    };
    let given = Given {
        healthy: None,
        http: trigger.http.as_ref(),
        sql: trigger.sql.as_ref(),
        log: trigger.log.as_ref(),
    };
    let within = trigger.within.map_or(TRIGGER, |span| span.0);
    if let Some(name) = trigger.alert.as_deref().filter(|_| given.is_empty()) {
        let waited = alerts::when(context, path, (name, within), alerts);
        return waited.unwrap_or(When::AtOnce);
    }
    if trigger.alert.is_some() {
        let message = "an alert starts the rollback, or another fact, not both";
        context.wrong(&format!("{path}.alert"), message);
        return When::AtOnce;
    }
    if given.is_empty() {
        let diagnostic = context.wrong_key(path, "nothing is waited for");
        diagnostic.help.push("give one of: alert, http, sql, log".to_owned());
        return When::AtOnce;
    }
    let within_ms = crate::millis::of(within);
    match facts::one(context, path, &given) {
        Some(fact) => When::Fact { fact, within_ms },
        None => When::AtOnce,
    }
}

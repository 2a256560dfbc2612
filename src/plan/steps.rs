//! Steps: names resolved, images told apart.

use std::collections::BTreeMap;
use std::time::Duration;

use super::context::Context;
use super::facts::{self, Given};
use super::model::{Action, Deploy, Image, Step, Strategy};
use super::pipeline::Resolved;
use super::{backup, pipeline, statements};
use crate::compose::model::{Build, PullPolicy, Service};
use crate::diagnostic::Place;
use crate::scenario::step::{self as file, Scalar};
use crate::scenario::timespan::Timespan;

/// How long a step may take where nothing is said.
const STEP: Duration = Duration::from_secs(600);

/// Whose steps they are; some kinds are for seeds only.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    Seed,
    Change,
    Rollback,
    Reference,
    Precheck,
}

/// Resolves the job at a path, which is all of an operation.
pub(super) fn only(context: &mut Context<'_>, path: &str, job: &file::JobStep) -> Vec<Step> {
    let Some(resolved) = pipeline::step(context, path, job) else { return Vec::new() };
    let timeout = job.timeout.map(|span| span.0);
    vec![numbered(1, job.id.as_ref(), timeout, resolved, context.place(path))]
}

fn numbered(number: u32, id: Option<&String>, said: Option<Duration>, step: Resolved, at: Place) -> Step {
    let Resolved { title, action, timeout, passed_over } = step;
    let timeout = said.or(timeout).unwrap_or(STEP);
    Step { number, id: id.cloned(), title, action, timeout, passed_over, at }
}

/// Resolves the steps at a path.
pub(super) fn build(context: &mut Context<'_>, path: &str, owner: Owner, steps: &[file::Step]) -> Vec<Step> {
    let mut ids: BTreeMap<String, u32> = BTreeMap::new();
    let mut built = Vec::new();
    for (number, step) in (1..).zip(steps) {
        let at = format!("{path}.{}.{}", number - 1, word(step));
        let (id, timeout) = common(step);
        if let Some(first) = id.and_then(|id| ids.insert(id.clone(), number)) {
            context.wrong(&format!("{at}.id"), format!("step {first} has this id already"));
        }
        let Some(resolved) = resolved(context, &at, owner, step) else { continue };
        built.push(numbered(number, id, timeout.map(|span| span.0), resolved, context.place(&at)));
    }
    built
}

/// The key under which a step is written.
pub(super) fn word(step: &file::Step) -> &'static str {
    match step {
        file::Step::Run(_) => "run",
        file::Step::Deploy(_) => "deploy",
        file::Step::Sql(_) => "sql",
        file::Step::Exec(_) => "exec",
        file::Step::Http(_) => "http",
        file::Step::Host(_) => "host",
        file::Step::Wait(_) => "wait",
        file::Step::Volume(_) => "volume",
        file::Step::Backup(_) => "backup",
        file::Step::Restore(_) => "restore",
        file::Step::Job(_) => "job",
    }
}

fn common(step: &file::Step) -> (Option<&String>, Option<Timespan>) {
    match step {
        file::Step::Run(step) => (step.id.as_ref(), step.timeout),
        file::Step::Deploy(step) => (step.id.as_ref(), step.timeout),
        file::Step::Sql(step) => (step.id.as_ref(), step.timeout),
        file::Step::Exec(step) => (step.id.as_ref(), step.timeout),
        file::Step::Http(step) => (step.id.as_ref(), step.timeout),
        file::Step::Host(step) => (step.id.as_ref(), step.timeout),
        file::Step::Wait(step) => (step.id.as_ref(), step.timeout),
        file::Step::Volume(step) => (step.id.as_ref(), step.timeout),
        file::Step::Backup(step) => (Some(&step.id), step.timeout),
        file::Step::Restore(step) => (step.id.as_ref(), step.timeout),
        file::Step::Job(step) => (step.id.as_ref(), step.timeout),
    }
}

fn resolved(context: &mut Context<'_>, at: &str, owner: Owner, step: &file::Step) -> Option<Resolved> {
    let (title, action) = match step {
        file::Step::Run(step) => run(context, at, step),
        file::Step::Deploy(step) => deploy(context, at, step),
        file::Step::Sql(step) => statements::step(context, at, step),
        file::Step::Exec(step) => exec(context, at, step),
        file::Step::Http(step) => http(context, at, step),
        file::Step::Host(step) => host(context, at, step),
        file::Step::Wait(step) => wait(context, at, step),
        file::Step::Volume(step) => seed_only(context, at, owner).then(|| volume(context, at, step))?,
        file::Step::Backup(step) => backup::backup(context, at, step),
        file::Step::Restore(step) => backup::restore(context, at, step),
        file::Step::Job(step) => return pipeline::step(context, at, step),
    }?;
    Some(Resolved { title, action, timeout: None, passed_over: Vec::new() })
}

fn seed_only(context: &mut Context<'_>, at: &str, owner: Owner) -> bool {
    if owner == Owner::Seed {
        return true;
    }
    context.wrong_key(at, "this kind of step fills a stage; it belongs under `staging.seed`").help.push(
        "in a change or rollback use `run` or `exec` with the tool that you use in production".to_owned(),
    );
    false
}

fn run(context: &mut Context<'_>, at: &str, step: &file::RunStep) -> Option<(String, Action)> {
    let known = context.service(&format!("{at}.service"), &step.service);
    let command = step.command.as_ref().map(|command| command.0.clone());
    let title = match &command {
        Some(words) => format!("run {}: {}", step.service, shown(words)),
        None => format!("run {}", step.service),
    };
    let environment = texts(&step.env);
    known.then(|| (title, Action::Run { service: step.service.clone(), command, environment }))
}

fn exec(context: &mut Context<'_>, at: &str, step: &file::ExecStep) -> Option<(String, Action)> {
    let known = context.service(&format!("{at}.service"), &step.service);
    let command = step.command.0.clone();
    let title = format!("exec in {}: {}", step.service, shown(&command));
    let environment = texts(&step.env);
    known.then(|| (title, Action::Exec { service: step.service.clone(), command, environment }))
}

fn http(context: &mut Context<'_>, at: &str, step: &file::HttpStep) -> Option<(String, Action)> {
    let call = facts::http(context, &format!("{at}.call"), &step.call)?;
    Some((format!("{} {} on {}", call.method, call.path, call.service), Action::Http(call)))
}

fn host(context: &mut Context<'_>, at: &str, step: &file::HostStep) -> Option<(String, Action)> {
    if !context.allow_host {
        let diagnostic =
            context.wrong_key(at, "a `host` step runs on this machine, and nobody has allowed it");
        diagnostic
            .help
            .push("say `allow_host: true` in the drill and `--allow-host` on the command line".to_owned());
        return None;
    }
    let command = step.command.0.clone();
    let title = format!("host: {}", shown(&command));
    Some((title, Action::Host { command, environment: texts(&step.env) }))
}

fn wait(context: &mut Context<'_>, at: &str, step: &file::WaitStep) -> Option<(String, Action)> {
    let given = Given {
        healthy: step.healthy.as_ref(),
        http: step.http.as_ref(),
        sql: step.sql.as_ref(),
        log: step.log.as_ref(),
    };
    let fact = facts::one(context, at, &given)?;
    Some((format!("wait until {}", super::expect::title(&fact)), Action::Wait(fact)))
}

fn volume(context: &mut Context<'_>, at: &str, step: &file::VolumeStep) -> Option<(String, Action)> {
    if !context.project.volumes.contains_key(&step.volume) {
        let known: Vec<&str> = context.project.volumes.keys().map(String::as_str).collect();
        let diagnostic = context
            .spot(&format!("{at}.volume"))
            .mistake(format!("there is no volume `{}` in the Compose files", step.volume))
            .suggest(&step.volume, known);
        context.mistakes.push(diagnostic);
    }
    let tar = context.path(&format!("{at}.tar"), &step.tar)?;
    let title = format!("fill volume {} from {}", step.volume, step.tar);
    Some((title, Action::Volume { volume: step.volume.clone(), tar }))
}

fn deploy(context: &mut Context<'_>, at: &str, step: &file::DeployStep) -> Option<(String, Action)> {
    let known = context.service(&format!("{at}.service"), &step.service);
    let image = match (&step.image, &step.build) {
        (Some(_), Some(_)) => {
            context.wrong_key(at, "`image` and `build` exclude each other");
            return None;
        }
        (Some(name), None) => Some(Image::Reference { name: name.clone(), pull: PullPolicy::Missing }),
        (None, Some(build)) => Some(Image::Build(build_of(context, at, build)?)),
        (None, None) => None,
    };
    let words = |command: &Option<file::Command>| command.as_ref().map(|command| command.0.clone());
    let (command, entrypoint) = (words(&step.command), words(&step.entrypoint));
    let nothing = image.is_none() && command.is_none() && entrypoint.is_none();
    if nothing && step.env.is_empty() && step.replicas.is_none() {
        let diagnostic = context.wrong_key(at, "this deploy changes nothing");
        diagnostic.help.push("name an image, build, env, command, entrypoint or replicas".to_owned());
        return None;
    }
    if !known {
        return None;
    }
    let environment =
        step.env.iter().map(|(name, value)| (name.clone(), value.as_ref().map(|text| text.0.clone())));
    let deploy = Deploy {
        service: step.service.clone(),
        image,
        environment: environment.collect(),
        command,
        entrypoint,
        replicas: step.replicas,
        strategy: strategy(context, at, step)?,
        until_well: step.until == file::DeployUntil::Well,
    };
    Some((deploy_title(&deploy), Action::Deploy(deploy)))
}

/// How many there are to replace one by one is known once all steps before are.
fn strategy(context: &mut Context<'_>, at: &str, step: &file::DeployStep) -> Option<Strategy> {
    if step.strategy == file::Strategy::Recreate {
        return Some(Strategy::Recreate);
    }
    if step.replicas.is_some() {
        let message = "a rolling deploy replaces the containers that are there, and makes no more or less";
        let diagnostic = context.wrong(&format!("{at}.replicas"), message);
        diagnostic.help.push("change their number in a `deploy` of its own".to_owned());
        return None;
    }
    Some(Strategy::Rolling(0))
}

/// Tells rolling deploys how many containers they find, step by step from where a service begins.
pub(super) fn count_replicas<'s>(
    services: &BTreeMap<String, Service>,
    steps: impl IntoIterator<Item = &'s mut Step>,
) {
    let declared = services.iter().map(|(name, service)| (name.clone(), service.replicas));
    let mut counts: BTreeMap<String, u32> = declared.collect();
    for step in steps {
        let Action::Deploy(deploy) = &mut step.action else { continue };
        let Some(count) = counts.get_mut(&deploy.service) else { continue };
        *count = deploy.replicas.unwrap_or(*count);
        if let Strategy::Rolling(containers) = &mut deploy.strategy {
            *containers = *count;
        }
    }
}

fn build_of(context: &mut Context<'_>, at: &str, build: &file::DeployBuild) -> Option<Build> {
    Some(Build {
        context: context.path(&format!("{at}.build.context"), &build.context)?,
        dockerfile: build.dockerfile.clone().unwrap_or_else(|| "Dockerfile".to_owned()),
        args: texts(&build.args),
        network: None,
        target: build.target.clone(),
    })
}

fn deploy_title(deploy: &Deploy) -> String {
    let mut parts = Vec::new();
    match &deploy.image {
        Some(Image::Reference { name, .. }) => parts.push(name.clone()),
        Some(Image::Build(build)) => {
            let folder = build.context.file_name().map(|name| name.to_string_lossy().into_owned());
            let args: String = build.args.iter().map(|(name, value)| format!(" {name}={value}")).collect();
            parts.push(format!("build of {}{args}", folder.unwrap_or_default()));
        }
        None => {}
    }
    parts.extend(deploy.environment.keys().map(|name| format!("env {name}")));
    parts.extend(deploy.replicas.map(|count| format!("replicas {count}")));
    parts.extend((deploy.strategy != Strategy::Recreate).then(|| "rolling".to_owned()));
    parts.extend(deploy.command.as_ref().map(|_| "command".to_owned()));
    parts.extend(deploy.entrypoint.as_ref().map(|_| "entrypoint".to_owned()));
    format!("deploy {}: {}", deploy.service, parts.join(", "))
}

fn texts(scalars: &BTreeMap<String, Scalar>) -> BTreeMap<String, String> {
    scalars.iter().map(|(name, value)| (name.clone(), value.0.clone())).collect()
}

/// A command as one short line.
pub(super) fn shown(words: &[String]) -> String {
    let words = match words {
        [shell, flag, text] if shell == "sh" && flag == "-c" => text.clone(),
        words => words.join(" "),
    };
    let line = words.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(60) {
        Some((cut, _)) => format!("{}…", &line[..cut]),
        None => line,
    }
}

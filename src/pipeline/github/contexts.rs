//! What the names in expressions stand for (docs.github.com/actions, *Contexts reference*).

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Workflow;
use crate::pipeline::Request;
use crate::pipeline::expression::{Contexts, Obstacle, Term, shown};
use crate::pipeline::script::is_name;

/// Inputs by their names in lower case, or why they are not known.
pub(super) type Inputs = BTreeMap<String, Result<Term, Obstacle>>;

/// What can be seen from a step: those of a job, or those of an action.
#[derive(Debug, Default)]
pub(super) struct Scope {
    /// Before the ids of an action's steps: they are known in it alone.
    pub(super) prefix: String,
    /// The folder of the action below the repository, none in a job.
    pub(super) action: Option<String>,
    /// The inputs of the action.
    pub(super) inputs: Inputs,
    /// The steps so far, with the outputs of those that are passed over.
    pub(super) steps: BTreeMap<String, Option<BTreeMap<String, String>>>,
    /// The variables of the step and of the actions around it.
    pub(super) env: Vec<(String, Term)>,
}

/// Looks names up for the steps of a scope.
pub(super) struct Lookup<'l> {
    request: Request<'l>,
    workflow: &'l Workflow<'l>,
    scope: &'l Scope,
    /// Whether it is asked before any step has run, whether the job runs at all.
    pub(super) before: bool,
    handed: RefCell<BTreeSet<String>>,
}

impl<'l> Lookup<'l> {
    pub(super) fn new(request: Request<'l>, workflow: &'l Workflow<'l>, scope: &'l Scope) -> Self {
        Self { request, workflow, scope, before: false, handed: RefCell::default() }
    }

    /// The variables of the service that were asked for.
    pub(super) fn handed(&self) -> BTreeSet<String> {
        self.handed.borrow().clone()
    }

    /// A secret or variable of the project: a variable of the service.
    fn handed_over(&self, context: &str, name: &str) -> Result<Term, Obstacle> {
        let handed = |known: &String| known.eq_ignore_ascii_case(name);
        let known =
            self.request.variables.keys().chain(self.request.around.keys()).find(|known| handed(known));
        let Some(known) = known.filter(|known| is_name(known)) else {
            let message = format!("`{context}.{name}` is no variable of `{}`", self.request.service);
            let help = format!("set `{name}` in its environment, or under `env` beside `job`");
            return Err(Obstacle::new(message, help));
        };
        self.handed.borrow_mut().insert(known.clone());
        Ok(Term::text(format!("${{handed_{known}-}}")))
    }

    fn secret(&self, name: &str) -> Result<Term, Obstacle> {
        match &self.workflow.secrets {
            Some(secrets) if !name.eq_ignore_ascii_case("GITHUB_TOKEN") => {
                Ok(secrets.get(&name.to_lowercase()).cloned().unwrap_or(Term::Known("".into())))
            }
            _ => self.handed_over("secrets", name),
        }
    }

    fn input(&self, name: &str) -> Result<Term, Obstacle> {
        let inputs = if self.scope.action.is_some() { &self.scope.inputs } else { &self.workflow.inputs };
        inputs.get(&name.to_lowercase()).cloned().unwrap_or(Ok(Term::Known(Value::Null)))
    }

    fn all_inputs(&self) -> Result<Term, Obstacle> {
        let inputs = if self.scope.action.is_some() { &self.scope.inputs } else { &self.workflow.inputs };
        let mut all = serde_json::Map::new();
        for (name, term) in inputs {
            match term.clone()? {
                Term::Known(value) => all.insert(name.clone(), value),
                Term::Shell(_) | Term::Unknown => return Err(missing("inputs", &[])),
            };
        }
        Ok(Term::Known(Value::Object(all)))
    }

    fn env(&self, name: &str) -> Result<Term, Obstacle> {
        let of_step = self.scope.env.iter().rev().find(|(known, _)| known == name);
        match of_step {
            Some((_, term)) => Ok(term.clone()),
            None if is_name(name) => Ok(Term::text(format!("${{{name}-}}"))),
            None => Err(missing("env", &[name.to_owned()])),
        }
    }

    fn step(&self, id: &str, keys: &[&str]) -> Result<Term, Obstacle> {
        let same = |known: &&String| known.eq_ignore_ascii_case(id);
        let Some(id) = self.scope.steps.keys().find(same) else { return Ok(Term::Known(Value::Null)) };
        let step = &self.scope.steps[id];
        let key = format!("{}{id}", self.scope.prefix);
        match (keys, step) {
            (["outputs", name], Some(outputs)) => outputs.get(*name).map_or_else(
                || {
                    let message =
                        format!("`steps.{id}.outputs.{name}` is an output of a step that is passed over");
                    let help = format!("give it where that step is skipped: `outputs: {{ {name}: … }}`");
                    Err(Obstacle::new(message, help))
                },
                |value| Ok(Term::Known(value.as_str().into())),
            ),
            (["outputs", name], None) if is_key(name) => {
                Ok(Term::text(format!("${{outputs[{key}.{name}]-}}")))
            }
            ([word @ ("outcome" | "conclusion")], _) => Ok(Term::text(format!("${{{word}s[{key}]-}}"))),
            _ => Ok(Term::Known(Value::Null)),
        }
    }

    /// What GitHub says of the run.
    fn github(&self, keys: &[String]) -> Result<Term, Obstacle> {
        if let Some(value) = self.given("github", keys) {
            return Ok(Term::Known(value));
        }
        let words: Vec<&str> = keys.iter().map(String::as_str).collect();
        let said = |name: &str| self.given("github", &[name.to_owned()]).map(|value| shown(&value));
        let derived = match &words[..] {
            ["token"] => return self.handed_over("secrets", "GITHUB_TOKEN"),
            ["workspace"] => return Ok(Term::text("$GITHUB_WORKSPACE")),
            ["action_path"] => return Ok(Term::text("$GITHUB_ACTION_PATH")),
            ["event", "inputs", name] => return self.input(name).map(as_text),
            ["event_name"] => match &self.workflow.events[..] {
                [only] if only != "workflow_call" => Some(only.clone()),
                _ => None,
            },
            ["job"] => Some(self.workflow.job.clone()),
            ["ref_name"] => said("ref").map(|it| it.splitn(3, '/').last().unwrap_or_default().to_owned()),
            ["ref_type"] => {
                said("ref").map(|it| if it.starts_with("refs/tags/") { "tag" } else { "branch" }.to_owned())
            }
            ["repository_owner"] => said("repository").and_then(|it| Some(it.split_once('/')?.0.to_owned())),
            ["workflow"] => self.workflow.root.get("name").and_then(|name| name.text()).map(str::to_owned),
            _ => None,
        };
        derived.map(|text| Term::Known(text.into())).ok_or_else(|| missing("github", keys))
    }

    /// What the scenario says.
    fn given(&self, context: &str, keys: &[String]) -> Option<Value> {
        let mut value = self.request.given.get(context)?.clone();
        for key in keys {
            value = match value {
                Value::Object(entries) => {
                    entries.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(key))?.1
                }
                Value::Array(items) => items.into_iter().nth(key.parse().ok()?)?,
                _ => return None,
            };
        }
        Some(value)
    }

    fn runner(&self, keys: &[String]) -> Result<Term, Obstacle> {
        match (self.given("runner", keys), keys.first().map(String::as_str)) {
            (Some(value), _) => Ok(Term::Known(value)),
            (None, Some("os")) => Ok(Term::Known("Linux".into())),
            (None, Some("temp")) => Ok(Term::text("$RUNNER_TEMP")),
            (None, Some("tool_cache")) => Ok(Term::text("$RUNNER_TOOL_CACHE")),
            (None, Some("debug")) => Ok(Term::Known("".into())),
            _ => Err(missing("runner", keys)),
        }
    }
}

impl Contexts for Lookup<'_> {
    fn look_up(&self, name: &str, keys: &[String]) -> Result<Term, Obstacle> {
        let words: Vec<&str> = keys.iter().map(String::as_str).collect();
        match (name, &words[..]) {
            ("inputs", [input]) => self.input(input),
            ("inputs", []) => self.all_inputs(),
            // What else stands there, nobody can know.
            ("github" | "runner" | "env" | "secrets" | "vars" | "steps", []) => Err(missing(name, &[])),
            ("secrets", [secret]) => self.secret(secret),
            ("vars", [variable]) => self.handed_over("vars", variable),
            ("env", [variable]) => self.env(variable),
            ("steps", [id, rest @ ..]) if !rest.is_empty() => self.step(id, rest),
            ("job", ["status"]) if self.scope.action.is_some() => Ok(Term::text("${statuses[0]}")),
            ("job", ["status"]) => Ok(Term::text("$status")),
            ("github", keys_) if !keys_.is_empty() => self.github(keys),
            ("runner", _) => self.runner(keys),
            _ => self.given(name, keys).map(Term::Known).ok_or_else(|| missing(name, keys)),
        }
    }

    fn status(&self, function: &str) -> Term {
        // Whether the jobs before it went well is the scenario's to say: it runs the job.
        if self.before { Term::Unknown } else { Term::test(function) }
    }
}

fn as_text(term: Term) -> Term {
    match term {
        Term::Known(value) => Term::Known(shown(&value).into()),
        other => other,
    }
}

fn is_key(name: &str) -> bool {
    name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
}

/// Something that only the scenario can say.
fn missing(context: &str, keys: &[String]) -> Obstacle {
    if keys.is_empty() {
        let help = "name what is needed of it, such as `github.ref`";
        return Obstacle::new(format!("not all of `{context}` is known here"), help);
    }
    let path: String = keys.iter().map(|key| format!(".{key}")).collect();
    let message = format!("`{context}{path}` is not known here");
    let inner = keys.iter().rev().fold("…".to_owned(), |inner, key| format!("{{ {key}: {inner} }}"));
    Obstacle::new(message, format!("say it in the scenario: `given: {{ {context}: {inner} }}`"))
}

//! Steps: when they run, with what, and what they leave behind.

use std::collections::BTreeSet;

use super::contexts::{Lookup, Scope};
use super::values::Values;
use super::{Workflow, job, old_commands, shells, unknown_keys};
use crate::pipeline::expression::{Piece, Term, parse, pieces, quoted};
use crate::pipeline::reading::{Reading, inside};
use crate::pipeline::script::{Script, asked_for, literal};
use crate::yaml::Node;

const KEYS: [&str; 10] =
    ["continue-on-error", "env", "id", "if", "name", "run", "shell", "timeout-minutes", "uses", "with"];

/// What GitHub sets for every job and nobody here can know, unless the scenario says it.
const SET_BY_GITHUB: [&str; 29] = [
    "GITHUB_ACTION",
    "GITHUB_ACTION_REPOSITORY",
    "GITHUB_ACTOR",
    "GITHUB_ACTOR_ID",
    "GITHUB_API_URL",
    "GITHUB_BASE_REF",
    "GITHUB_EVENT_NAME",
    "GITHUB_EVENT_PATH",
    "GITHUB_GRAPHQL_URL",
    "GITHUB_HEAD_REF",
    "GITHUB_REF",
    "GITHUB_REF_NAME",
    "GITHUB_REF_PROTECTED",
    "GITHUB_REF_TYPE",
    "GITHUB_REPOSITORY",
    "GITHUB_REPOSITORY_ID",
    "GITHUB_REPOSITORY_OWNER",
    "GITHUB_REPOSITORY_OWNER_ID",
    "GITHUB_RUN_ATTEMPT",
    "GITHUB_RUN_ID",
    "GITHUB_RUN_NUMBER",
    "GITHUB_SERVER_URL",
    "GITHUB_SHA",
    "GITHUB_TRIGGERING_ACTOR",
    "GITHUB_WORKFLOW",
    "GITHUB_WORKFLOW_REF",
    "GITHUB_WORKFLOW_SHA",
    "RUNNER_ARCH",
    "RUNNER_NAME",
];

/// Writes the steps of a job.
pub(super) struct Writer<'w, 'r> {
    pub(super) reading: &'w mut Reading<'r>,
    pub(super) workflow: &'w Workflow<'w>,
    job: &'w Node,
    /// The shell of steps that name none.
    shell: &'static str,
    pub(super) script: Script,
    /// The variables of the service that are handed to the job.
    pub(super) handed: BTreeSet<String>,
    /// The variables that workflow and job set.
    pub(super) variables: BTreeSet<String>,
    /// How many steps have commands that run.
    pub(super) ran: usize,
    /// How many actions were entered.
    pub(super) entered: usize,
    /// Whether a step has checked the repository out.
    pub(super) has_files: bool,
}

/// A step that is being written.
pub(super) struct Current<'n> {
    pub(super) node: &'n Node,
    /// By what its outcome and outputs are kept.
    pub(super) key: String,
    /// When it runs.
    pub(super) condition: String,
    /// Whether the job goes on where it fails: a word of the shell.
    pub(super) goes_on: String,
}

impl<'w, 'r> Writer<'w, 'r> {
    pub(super) fn new(
        reading: &'w mut Reading<'r>,
        workflow: &'w Workflow<'w>,
        job: &'w Node,
        shell: &'static str,
    ) -> Self {
        let (script, handed, variables) = (Script::default(), workflow.handed.clone(), BTreeSet::new());
        Self {
            reading,
            workflow,
            job,
            shell,
            script,
            handed,
            variables,
            ran: 0,
            entered: 0,
            has_files: false,
        }
    }

    /// Reads values as they are seen from a scope.
    pub(super) fn with_values<T>(&mut self, scope: &Scope, read: impl FnOnce(&mut Values<'_, 'r>) -> T) -> T {
        let lookup = Lookup::new(self.reading.request, self.workflow, scope);
        let read = read(&mut Values { reading: self.reading, lookup: &lookup });
        self.handed.extend(lookup.handed());
        read
    }

    /// Writes steps one after the other.
    pub(super) fn steps(&mut self, steps: &[Node], scope: &mut Scope) {
        for (number, node) in (1..).zip(steps) {
            self.step(number, node, scope);
        }
    }

    fn step(&mut self, number: usize, node: &Node, scope: &mut Scope) {
        let known: Vec<&str> = KEYS.into_iter().chain(["working-directory"]).collect();
        unknown_keys(self.reading, node, "step", &known);
        self.reading.expects(node, &["env", "with"], &[]);
        let id = node.get("id").and_then(Node::text);
        let label = label(node);
        let place = node.spot.source.place(node.spot.span.start);
        self.script.line(&format!("\n# {}:{}: {label}", place.file, place.line));
        let around = scope.env.len();
        let own = self.own_variables(node, scope);
        scope.env.extend(own);
        let condition = self.condition(node, scope);
        let goes_on = self.goes_on(node, scope);
        let key = format!("{}{}", scope.prefix, id.map_or(number.to_string(), str::to_owned));
        let action = node.get("uses").and_then(Node::text).unwrap_or_default();
        let skip = self.reading.skip(&[id.unwrap_or_default(), &label, action]);
        let left = match (condition, skip) {
            (None, _) => {
                self.script.line(&format!("skipped {key} # its condition is false"));
                None
            }
            (Some(condition), Some(skip)) => {
                self.has_files |= action.starts_with("actions/checkout");
                self.reading.pass_over(&node.spot, label, skip.because.clone());
                self.nothing(&key, &condition, &format!("passed over: {}", skip.because));
                Some(skip.outputs.clone())
            }
            (Some(condition), None) => {
                let current = Current { node, key, condition, goes_on };
                if node.get("uses").is_some() {
                    self.used(&current, scope)
                } else {
                    self.run(&current, scope)
                }
            }
        };
        scope.env.truncate(around);
        scope.steps.extend(id.map(|id| (id.to_owned(), left)));
    }

    /// A step that does nothing here, and ends well.
    pub(super) fn nothing(&mut self, key: &str, condition: &str, why: &str) {
        let why = why.replace('\n', " ");
        self.script
            .line(&format!("if {condition}; then ended {key} 0 false; else skipped {key}; fi # {why}"));
    }

    fn own_variables(&mut self, node: &Node, scope: &Scope) -> Vec<(String, Term)> {
        let entries = node.get("env").into_iter().flat_map(Node::entries);
        entries.filter_map(|entry| job::variable(self, scope, entry)).collect()
    }

    /// The test after which a step runs; none where it never does.
    fn condition(&mut self, node: &Node, scope: &Scope) -> Option<String> {
        let Some(condition) = node.get("if") else { return Some("success".to_owned()) };
        let text = condition.text().unwrap_or_default().trim();
        let text = match pieces(text)[..] {
            [Piece::Expression { inside, .. }] => inside,
            _ if text.contains("${{") => {
                let help = "put all of it between one pair of braces, or leave the braces out";
                self.reading.obstacle(
                    &condition.spot,
                    "text beside an expression makes an `if` always true",
                    help,
                );
                return Some("true".to_owned());
            }
            _ => text,
        };
        let asks = parse(text).is_ok_and(|read| read.asks_for_status());
        let term = self.with_values(scope, |values| values.expression(condition, text));
        match (term.truth(), term.shell()) {
            (Some(false), _) => None,
            (Some(true), _) => Some(if asks { "true" } else { "success" }.to_owned()),
            (None, Some(shell)) if asks => Some(shell.test),
            (None, Some(shell)) => Some(format!("success && {}", shell.test)),
            (None, None) => Some("true".to_owned()),
        }
    }

    fn goes_on(&mut self, node: &Node, scope: &Scope) -> String {
        let Some(goes_on) = node.get("continue-on-error") else { return "false".to_owned() };
        self.with_values(scope, |values| values.word(goes_on)).unwrap_or_default()
    }

    /// The commands of a step, in a shell of their own.
    fn run(
        &mut self,
        step: &Current<'_>,
        scope: &Scope,
    ) -> Option<std::collections::BTreeMap<String, String>> {
        let run = step.node.get("run").filter(|run| run.text().is_some() && !run.is_null());
        let Some(run) = run else {
            self.reading.wrong(step.node.spot.mistake("a step has a `run` or a `uses`"));
            return None;
        };
        old_commands(self.reading, run);
        self.names_of_github(run, scope);
        let words = self.shell_words(step.node, scope);
        let folder = self.folder(step.node, scope);
        let body = self.with_values(scope, |values| values.body(run));
        self.ran += 1;
        self.files(step.node);
        let (words, body) = (words?, body?);
        self.script.line(&format!("if {}; then", step.condition));
        self.script.line("(");
        self.exports(scope);
        if let Some(folder) = folder {
            self.script.line(&format!("cd {folder} || exit 1"));
        }
        self.script.reading("text", &body.text);
        for (written, word) in &body.filled_in {
            self.script.line(&format!("put {} {word}", literal(written)));
        }
        self.script.line(&format!("run {}", words.join(" ")));
        self.script.line(")");
        self.script.line(&format!("ended {} $? {}\nelse skipped {}; fi", step.key, step.goes_on, step.key));
        None
    }

    /// A job begins in an empty folder, until a step checks the repository out; here its files are there.
    fn files(&mut self, node: &Node) {
        if !std::mem::replace(&mut self.has_files, true) {
            let service = self.reading.request.service;
            let because = format!(
                "no step before it checks the repository out, and the files of `{service}` are there"
            );
            self.reading.pass_over(&node.spot, "the empty folder that GitHub begins with", because);
        }
    }

    /// The variables of the step and of the actions around it.
    fn exports(&mut self, scope: &Scope) {
        if let Some(action) = &scope.action {
            let path = literal(action);
            self.script.line(&format!("export GITHUB_ACTION_PATH=\"$GITHUB_WORKSPACE\"/{path}"));
        }
        for (name, term) in &scope.env {
            self.script.export(name, &quoted(term));
        }
    }

    fn shell_words(&mut self, node: &Node, scope: &Scope) -> Option<Vec<String>> {
        let of_step = node.get("shell");
        let shell = if scope.action.is_some() { of_step } else { of_step.or_else(|| self.default("shell")) };
        let words = shells::words(self.reading, shell, self.shell)?;
        let words =
            words.into_iter().map(|word| if word.contains(['{', '\'', '"']) { literal(&word) } else { word });
        let mut timed = Vec::new();
        if let Some(minutes) = node.get("timeout-minutes") {
            let limit = self.with_values(scope, |values| values.word(minutes))?;
            timed = vec!["timeout".to_owned(), format!("{limit}m")];
        }
        Some(timed.into_iter().chain(words).collect())
    }

    fn folder(&mut self, node: &Node, scope: &Scope) -> Option<String> {
        let of_step = node.get("working-directory");
        let folder = if scope.action.is_some() {
            of_step
        } else {
            of_step.or_else(|| self.default("working-directory"))
        };
        let folder = folder?;
        self.with_values(scope, |values| values.word(folder))
    }

    /// What holds for the steps of the job that say nothing else.
    fn default(&self, key: &str) -> Option<&'w Node> {
        let of = |node: &'w Node| node.get("defaults")?.get("run")?.get(key);
        of(self.job).or_else(|| of(self.workflow.root))
    }

    /// Variables that GitHub sets, that a script asks for and that nobody has said.
    fn names_of_github(&mut self, run: &Node, scope: &Scope) {
        let known = job::known(self.reading.request, self.workflow);
        for name in asked_for(run.text().unwrap_or_default()) {
            let given = name.strip_prefix("GITHUB_").map(str::to_lowercase);
            let is_known = !SET_BY_GITHUB.contains(&name)
                || self.variables.contains(name)
                || scope.env.iter().any(|(variable, _)| variable == name)
                || given.as_ref().is_some_and(|given| known.iter().any(|(name, _)| name == given))
                || self.reading.is_handed_over(name);
            if !is_known {
                let help = given.map_or_else(
                    || format!("set `{name}` under `env` beside `job`"),
                    |given| format!("say it in the scenario: `given: {{ github: {{ {given}: … }} }}`"),
                );
                self.reading.obstacle(&inside(run, name), format!("`${name}` is not known here"), help);
            }
        }
    }
}

/// What GitHub calls a step.
pub(super) fn label(node: &Node) -> String {
    let of = |key: &str| node.get(key).and_then(Node::text).map(|text| text.trim().to_owned());
    let run = || of("run").map(|run| format!("Run {}", run.lines().next().unwrap_or_default().trim()));
    of("name").or_else(|| of("uses")).or_else(run).unwrap_or_default().replace('\n', " ")
}

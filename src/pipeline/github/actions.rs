//! Actions: those of the repository are read, those that only bring or keep files are passed over, and what only the
//! hosted service can do is skipped by name.

use std::collections::BTreeMap;

use super::contexts::{Inputs, Scope};
use super::job;
use super::steps::{Current, Writer, label};
use super::values::below;
use crate::pipeline::expression::{Term, shown};
use crate::yaml::Node;

/// Actions without a meaning here, and why they may be left out.
const PASSED_OVER: [(&str, &str); 5] = [
    ("actions/cache", "it is as if nothing had been kept"),
    ("actions/cache/restore", "it is as if nothing had been kept"),
    ("actions/cache/save", "it only keeps files for later"),
    ("actions/upload-artifact", "it only keeps files for later"),
    ("actions/upload-pages-artifact", "it only keeps files for later"),
];
/// What may be said of a checkout without other files coming of it.
const CHECKOUT: [&str; 14] = [
    "clean",
    "fetch-depth",
    "fetch-tags",
    "filter",
    "github-server-url",
    "lfs",
    "persist-credentials",
    "set-safe-directory",
    "show-progress",
    "ssh-key",
    "ssh-known-hosts",
    "ssh-strict",
    "submodules",
    "token",
];
/// How deep actions may use each other, as at GitHub.
const DEPTH: usize = 10;

/// What a step hands on that is not run: its outputs.
type Outputs = Option<BTreeMap<String, String>>;

impl Writer<'_, '_> {
    /// A step that uses an action.
    pub(super) fn used(&mut self, step: &Current<'_>, scope: &Scope) -> Outputs {
        let uses = step.node.get("uses")?;
        let name = uses.text().unwrap_or_default();
        let action = name.split_once('@').map_or(name, |(action, _)| action);
        if name.starts_with("./") {
            return self.local(step, scope, uses);
        }
        if action == "actions/checkout" {
            self.has_files = true;
            self.checkout(step, scope);
            self.nothing(&step.key, &step.condition, "the files are there");
            return Some(BTreeMap::new());
        }
        if let Some((_, because)) = PASSED_OVER.iter().find(|(known, _)| *known == action) {
            self.reading.pass_over(&step.node.spot, label(step.node), *because);
            self.nothing(&step.key, &step.condition, because);
            let outputs = ["cache-hit", "cache-matched-key", "cache-primary-key"];
            return Some(outputs.map(|name| (name.to_owned(), String::new())).into());
        }
        self.hosted(step, &format!("the action `{name}` cannot be run outside of GitHub"), action);
        None
    }

    /// An action that cannot be run, unless the scenario skips it.
    fn hosted(&mut self, step: &Current<'_>, message: &str, action: &str) {
        let spot = step.node.get("uses").map_or(&step.node.spot, |uses| &uses.spot).clone();
        let name = step.node.get("id").and_then(Node::text).unwrap_or(action);
        let help = format!(
            "put what it does into `run` commands, or say why it may be left out: \
             `skip: [ {{ step: {name}, because: … }} ]`"
        );
        self.reading.obstacle(&spot, message, help);
    }

    /// A checkout that brings other files than those of the service is no checkout that was drilled.
    fn checkout(&mut self, step: &Current<'_>, scope: &Scope) {
        for entry in step.node.get("with").into_iter().flat_map(Node::entries) {
            let key = entry.key.as_str();
            if CHECKOUT.contains(&key) || self.is_this_checkout(key, &entry.value, scope) {
                continue;
            }
            let value = entry.value.text().map(|text| text.lines().collect::<Vec<_>>().join(" "));
            let service = self.reading.request.service;
            let message = format!(
                "`{key}: {}` checks out other files than `{service}` has",
                value.unwrap_or_default().trim()
            );
            let help = "mount those files, and say so: `skip: [ { step: actions/checkout, because: … } ]`";
            self.reading.obstacle(&entry.value.spot, message, help);
        }
    }

    /// Whether a checkout would bring these very files anyway.
    fn is_this_checkout(&mut self, key: &str, value: &Node, scope: &Scope) -> bool {
        let written: String = value.text().unwrap_or_default().split_whitespace().collect();
        let own: &[&str] = match key {
            "ref" => &["${{github.sha}}", "${{github.ref}}", "${{github.ref_name}}", ""],
            "repository" => &["${{github.repository}}", ""],
            "path" => &[".", "./", ""],
            _ => &[],
        };
        if own.contains(&written.as_str()) {
            return true;
        }
        let known = job::known(self.reading.request, self.workflow);
        let said = |name: &str| known.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        let same: Vec<String> = match key {
            "ref" => ["sha", "ref", "ref_name"].into_iter().filter_map(said).chain([String::new()]).collect(),
            "repository" => said("repository").into_iter().collect(),
            _ => Vec::new(),
        };
        let is_expression = written.contains("${{");
        if !is_expression || same.is_empty() {
            return same.contains(&written);
        }
        let term = self.with_values(scope, |values| values.term(value));
        matches!(term, Some(Term::Known(known)) if same.contains(&shown(&known)))
    }

    /// An action of the repository.
    fn local(&mut self, step: &Current<'_>, scope: &Scope, uses: &Node) -> Outputs {
        let name = uses.text().unwrap_or_default();
        let folder = self.reading.repository(".github").join(below(name));
        let files = self.reading.request.files;
        let other = folder.join("action.yaml");
        let path = if files.locate(&other).is_ok() { other } else { folder.join("action.yml") };
        let root = self.reading.open(&path, &uses.spot)?;
        let runs = root.get("runs");
        let using = runs.and_then(|runs| runs.get("using")).and_then(Node::text).unwrap_or_default();
        let steps = runs.and_then(|runs| runs.get("steps")).filter(|_| using == "composite");
        let Some(steps) = steps.filter(|_| scope.prefix.matches('.').count() < DEPTH) else {
            self.hosted(step, &format!("the action `{name}` runs as `{using}`, which is not run here"), name);
            return None;
        };
        self.entered += 1;
        let mut inner = Scope {
            prefix: format!("{}{}.", scope.prefix, self.entered),
            action: Some(below(name).display().to_string()),
            inputs: self.inputs(step, scope, &root),
            env: scope.env.clone(),
            ..Scope::default()
        };
        self.script.line(&format!("if {}; then\nenter", step.condition));
        self.steps(steps.items(), &mut inner);
        self.script.line("\nleave");
        for entry in root.get("outputs").into_iter().flat_map(Node::entries) {
            let value =
                entry.value.get("value").and_then(|value| self.with_values(&inner, |it| it.word(value)));
            self.script.line(&format!("set_output {} {} {}", entry.key, value.unwrap_or_default(), step.key));
        }
        self.script
            .line(&format!("ended {} $inner {}\nelse skipped {}; fi", step.key, step.goes_on, step.key));
        None
    }

    /// What the step hands to the action, and the defaults of what it does not.
    fn inputs(&mut self, step: &Current<'_>, scope: &Scope, root: &Node) -> Inputs {
        let mut inputs = Inputs::new();
        let with = step.node.get("with");
        for entry in root.get("inputs").into_iter().flat_map(Node::entries) {
            let set =
                with.into_iter().flat_map(Node::entries).find(|set| set.key.eq_ignore_ascii_case(&entry.key));
            let value = set.map(|set| &set.value).or_else(|| entry.value.get("default"));
            let term = match value {
                Some(value) => self.with_values(scope, |values| values.term(value)),
                None => Some(Term::Known("".into())),
            };
            // What could not be had is noted already.
            let term = term.unwrap_or(Term::Known("".into()));
            inputs.insert(entry.key.to_lowercase(), Ok(text_of(term)));
        }
        inputs
    }
}

/// The inputs of actions are texts.
fn text_of(term: Term) -> Term {
    match term {
        Term::Known(value) => Term::Known(shown(&value).into()),
        Term::Shell(shell) => Term::text(shell.text),
        Term::Unknown => Term::Unknown,
    }
}

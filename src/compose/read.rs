//! Values out of a tree, with every mistake noted and nothing said twice.

use std::collections::BTreeMap;
use std::path::Path;

use super::machine;
use super::scope::Scopes;
use super::tree::is_unset;
use super::values;
use crate::diagnostic::Diagnostic;
use crate::files::{Files, Located};
use crate::yaml::{Entry, Node, Spot, Value};

/// Reads values and collects what is wrong with them.
pub(super) struct Reader<'a> {
    /// The files that values may name.
    pub(super) files: &'a dyn Files,
    /// Where relative paths start and variables come from.
    pub(super) scopes: &'a Scopes,
    /// The whole project, for references.
    pub(super) root: &'a Node,
    /// Whether the project is whole; if not, what is missing is not missed.
    pub(super) complete: bool,
    mistakes: Vec<Diagnostic>,
    /// What is done as Compose does it, and said.
    remarks: Vec<Diagnostic>,
}

impl<'a> Reader<'a> {
    /// A reader of a project.
    pub(super) fn new(files: &'a dyn Files, scopes: &'a Scopes, root: &'a Node, complete: bool) -> Self {
        Self { files, scopes, root, complete, mistakes: Vec::new(), remarks: Vec::new() }
    }

    /// All mistakes and remarks so far.
    pub(super) fn into_findings(self) -> (Vec<Diagnostic>, Vec<Diagnostic>) {
        (self.mistakes, self.remarks)
    }

    /// Notes what is done as Compose does it.
    pub(super) fn remark(&mut self, remark: Diagnostic) {
        self.remarks.push(remark);
    }

    /// Notes a mistake.
    pub(super) fn push(&mut self, mistake: Diagnostic) {
        self.mistakes.push(mistake);
    }

    /// Notes a mistake of a value, unless it is only wrong because its variables have no value.
    pub(super) fn mistake(&mut self, node: &Node, message: impl Into<String>) {
        if !is_unset(node) {
            self.push(node.spot.mistake(message));
        }
    }

    /// A value, or a note that the node is at fault.
    pub(super) fn checked<T>(&mut self, node: &Node, value: Result<T, String>) -> Option<T> {
        value.map_err(|message| self.mistake(node, message)).ok()
    }

    /// What stands under a key, read; nothing where the key is missing or empty.
    pub(super) fn at<T>(
        &mut self,
        node: &Node,
        key: &str,
        read: impl FnOnce(&mut Self, &Node) -> Option<T>,
    ) -> Option<T> {
        let value = node.get(key).filter(|value| !value.is_null())?;
        read(self, value)
    }

    /// What stands under a key that must be there.
    pub(super) fn need<T>(
        &mut self,
        node: &Node,
        key: &str,
        read: impl FnOnce(&mut Self, &Node) -> Option<T>,
    ) -> Option<T> {
        if node.get(key).is_none_or(Node::is_null) {
            self.push(node.spot.mistake(format!("`{key}` is missing")).label(format!("needs `{key}`")));
        }
        self.at(node, key, read)
    }

    /// A single value as text.
    pub(super) fn text(&mut self, node: &Node) -> Option<String> {
        match &node.value {
            Value::Scalar { .. } if is_unset(node) => None,
            Value::Scalar { text, .. } if !node.is_null() => Some(text.clone()),
            _ => {
                self.mistake(node, format!("expected text, found {}", found(node)));
                None
            }
        }
    }

    /// A single value, parsed.
    pub(super) fn parsed<T>(
        &mut self,
        node: &Node,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let text = self.text(node)?;
        self.checked(node, parse(&text))
    }

    /// A file mode.
    pub(super) fn mode(&mut self, node: &Node) -> Option<u32> {
        let plain = matches!(node.value, Value::Scalar { plain: true, .. });
        self.parsed(node, |text| values::mode(text, plain))
    }

    /// The items of a list.
    pub(super) fn items<'n>(&mut self, node: &'n Node) -> &'n [Node] {
        if !matches!(node.value, Value::Sequence(_)) {
            self.mistake(node, format!("expected a list, found {}", found(node)));
        }
        node.items()
    }

    /// The entries of a mapping.
    pub(super) fn entries<'n>(&mut self, node: &'n Node) -> &'n [Entry] {
        if !matches!(node.value, Value::Mapping(_)) && !node.is_null() {
            self.mistake(node, format!("expected a mapping, found {}", found(node)));
        }
        node.entries()
    }

    /// A list of texts, each once.
    pub(super) fn texts(&mut self, node: &Node) -> Vec<String> {
        let mut texts = Vec::new();
        for item in self.items(node) {
            let text = self.text(item).filter(|text| !texts.contains(text));
            texts.extend(text);
        }
        texts
    }

    /// A mapping of names to texts; nothing is the empty text.
    pub(super) fn pairs(&mut self, node: &Node) -> BTreeMap<String, String> {
        let mut pairs = BTreeMap::new();
        for entry in self.entries(node) {
            let value = if entry.value.is_null() && !is_unset(&entry.value) {
                Some(String::new())
            } else {
                self.text(&entry.value)
            };
            pairs.extend(value.map(|value| (entry.key.clone(), value)));
        }
        pairs
    }

    /// Whether a name is declared in a section of the project; a mistake where it is not.
    pub(super) fn refer(&mut self, section: &str, name: &str, spot: &Spot, what: &str) -> bool {
        let section = self.root.get(section);
        if !self.complete || section.is_some_and(|section| section.entry(name).is_some()) {
            return true;
        }
        let known = section.map(Node::entries).unwrap_or_default();
        let mistake = spot.mistake(format!("there is no {what} `{name}`"));
        self.push(mistake.suggest(name, known.iter().map(|entry| entry.key.as_str())));
        false
    }

    /// Whether a path of this machine may be lent to a run, or copied into one; a mistake where not, whatever the
    /// root is.
    pub(super) fn is_lent(&mut self, spot: &Spot, path: &Path) -> bool {
        let home = self.scopes.runner().get("HOME").map(Path::new);
        let Some(reason) = machine::reason(path, home) else { return true };
        let mistake = spot.mistake(format!("`{}` is never lent to a run: {reason}", path.display()));
        self.push(
            mistake.help("take the mount out in a Compose file of the drill, with `!reset`, or the service"),
        );
        false
    }

    /// The real file or folder that a text at a spot names.
    pub(super) fn locate(&mut self, spot: &Spot, path: &str) -> Option<Located> {
        let path = self.scopes.path(spot, path);
        self.files.locate(&path).map_err(|problem| self.push(problem.at(spot))).ok()
    }
}

fn found(node: &Node) -> &'static str {
    match &node.value {
        Value::Scalar { .. } if node.is_null() => "nothing",
        Value::Scalar { .. } => "a single value",
        Value::Sequence(_) => "a list",
        Value::Mapping(_) => "a mapping",
    }
}

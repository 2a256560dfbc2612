//! `include` (docs.gitlab.com/ci/yaml/includes): files of the repository are read and merged; what stands elsewhere
//! could bring anything, so that it is refused unless the scenario skips it by name.

use std::path::{Path, PathBuf};

use super::conditions::Truth;
use super::inputs::{self, Given};
use super::merge::{merged, without};
use super::rules;
use crate::pipeline::reading::Reading;
use crate::yaml::{Node, Value};

/// How many files one pipeline may bring in, as in GitLab.
const FILES: usize = 150;

/// A pipeline's file with all that it includes.
pub(super) fn whole(reading: &mut Reading<'_>, root: &Node) -> Node {
    let repository = reading.repository(".gitlab");
    Includes { reading, repository, read: 0 }.whole(root)
}

struct Includes<'i, 'r> {
    reading: &'i mut Reading<'r>,
    repository: PathBuf,
    read: usize,
}

impl Includes<'_, '_> {
    fn whole(&mut self, root: &Node) -> Node {
        let own = without(root.clone(), |key| key == "include");
        let Some(include) = root.get("include") else { return own };
        let several = include.items();
        let all = if several.is_empty() { std::slice::from_ref(include) } else { several };
        let mut brought: Option<Node> = None;
        for node in all {
            for file in self.included(node, root) {
                brought = Some(match brought {
                    Some(base) => merged(base, file),
                    None => file,
                });
            }
        }
        match brought {
            Some(base) => merged(base, own),
            None => own,
        }
    }

    /// The files that one entry brings in.
    fn included(&mut self, node: &Node, root: &Node) -> Vec<Node> {
        match self.applies(node, root) {
            Truth::No => return Vec::new(),
            Truth::Yes => {}
            Truth::Unknown(names) => {
                let help = format!("set {} under `env` beside `job`", rules::listed(&names));
                self.reading.obstacle(&node.spot, "whether this is included is not known here", help);
                return Vec::new();
            }
        }
        let local = node.get("local").or(Some(node)).filter(|local| local.text().is_some());
        match local {
            Some(local) if !local.text().unwrap_or_default().contains("://") => {
                self.local(local, &handed_to(node))
            }
            _ => {
                self.elsewhere(node);
                Vec::new()
            }
        }
    }

    fn applies(&mut self, node: &Node, root: &Node) -> Truth {
        match node.get("rules") {
            Some(node) => rules::applies(self.reading, root, node),
            None => Truth::Yes,
        }
    }

    /// Files of the repository, by their path from its top.
    fn local(&mut self, node: &Node, given: &Given) -> Vec<Node> {
        let written = node.text().unwrap_or_default();
        let pattern = written.trim_start_matches('/');
        let paths = if pattern.contains('*') {
            let (fixed, _) = pattern.split_once('*').unwrap_or((pattern, ""));
            let files = self.files(fixed.rsplit_once('/').map_or("", |(folder, _)| folder));
            files.into_iter().filter(|path| matches(pattern, &path.to_string_lossy())).collect()
        } else {
            vec![PathBuf::from(pattern)]
        };
        if paths.is_empty() {
            self.reading.wrong(node.spot.mistake(format!("no file is called like `{written}`")));
        }
        paths.iter().filter_map(|path| self.file(path, node, given)).collect()
    }

    fn file(&mut self, path: &Path, node: &Node, given: &Given) -> Option<Node> {
        self.read += 1;
        if self.read > FILES {
            self.reading.wrong(node.spot.mistake("too many files include each other"));
            return None;
        }
        let (head, body) = self.reading.opened(&self.repository.join(path), &node.spot, inputs::parse)?;
        let root = inputs::filled_in(self.reading, head.as_ref(), body, given);
        Some(self.whole(&root))
    }

    /// The YAML files below a folder of the repository, by their path from its top.
    fn files(&self, below: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![self.repository.join(below)];
        while let Some(folder) = folders.pop() {
            for path in self.reading.request.files.list(&folder) {
                if path.extension().is_some_and(|extension| extension == "yml" || extension == "yaml") {
                    found.extend(path.strip_prefix(&self.repository).map(Path::to_owned));
                } else if !path.ends_with(".git") && !path.is_symlink() {
                    folders.push(path);
                }
            }
        }
        found.sort();
        found
    }

    /// Something that is not in this repository.
    fn elsewhere(&mut self, node: &Node) {
        let names = names(node);
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        if let Some(skip) = self.reading.skip(&names) {
            let what = format!("include {}", skip.step);
            self.reading.pass_over(&node.spot, what, skip.because.clone());
            return;
        }
        let name = names.first().copied().unwrap_or("it");
        let message = format!("`{name}` is not in this repository, and could bring anything into the job");
        let help = format!("say why it brings nothing: `skip: [ {{ step: \"{name}\", because: … }} ]`");
        self.reading.obstacle(&node.spot, message, help);
    }
}

/// The inputs that an entry hands to its file.
fn handed_to(node: &Node) -> Given {
    let entries = node.get("inputs").into_iter().flat_map(Node::entries);
    entries.map(|entry| (entry.key.clone(), entry.value.to_json())).collect()
}

/// By what an include that stands elsewhere may be called.
fn names(node: &Node) -> Vec<String> {
    let of = |key: &str| node.get(key).and_then(Node::text).map(str::to_owned);
    let single = ["template", "remote", "component"].into_iter().find_map(of);
    let named = node.text().map(str::to_owned).or(single).or_else(|| of("project"));
    let files = node.get("file").into_iter().flat_map(|file| match &file.value {
        Value::Sequence(items) => items.iter().filter_map(Node::text).map(str::to_owned).collect(),
        _ => file.text().map(str::to_owned).into_iter().collect::<Vec<_>>(),
    });
    named.into_iter().chain(files).collect()
}

/// Whether a path is called like a pattern: `*` stands for a part of a name, `**` for folders, too.
fn matches(pattern: &str, path: &str) -> bool {
    if let Some(rest) = pattern.strip_prefix("**") {
        let rest = rest.strip_prefix('/').unwrap_or(rest);
        return matches(rest, path)
            || path.char_indices().any(|(at, c)| matches(rest, &path[at + c.len_utf8()..]));
    }
    match pattern.chars().next() {
        None => path.is_empty(),
        Some('*') => {
            let end = path.find('/').unwrap_or(path.len());
            path.char_indices()
                .map(|(at, _)| at)
                .chain([path.len()])
                .take_while(|at| *at <= end)
                .any(|at| matches(&pattern[1..], &path[at..]))
        }
        Some(c) => path.strip_prefix(c).is_some_and(|path| matches(&pattern[c.len_utf8()..], path)),
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_stands_for_a_part_of_a_name() {
        assert!(matches("ci/*.yml", "ci/a.yml"));
        assert!(!matches("ci/*.yml", "ci/b/a.yml"));
        assert!(matches("ci/**/*.yml", "ci/b/c/a.yml"));
        assert!(matches("ci/**.yml", "ci/b/a.yml"));
        assert!(!matches("ci/*.yml", "ci/a.yaml"));
    }
}

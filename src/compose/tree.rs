//! The tree of one Compose file before it means anything: variables replaced, tags obeyed.

use std::collections::BTreeMap;

use super::interpolate::{Fault, interpolate};
use super::scope::Scope;
use crate::diagnostic::Diagnostic;
use crate::yaml::{Node, Spot, Value};

/// Tag of a scalar whose variables have no value. It cannot be written in a file.
pub(super) const UNSET: &str = "unset variable";

/// Tag that takes away what an earlier file gave.
pub(super) const RESET: &str = "reset";

/// Tag that replaces what an earlier file gave.
pub(super) const OVERRIDE: &str = "override";

/// Tags of YAML itself, which change nothing here because every scalar is read as text.
const CORE: [&str; 7] = ["str", "int", "float", "bool", "null", "map", "seq"];

/// Mistakes of scalars whose variables have no value, by where the scalar stands. Only those that are
/// still there after merging count: `drill.yaml` may replace what it cannot set.
#[derive(Debug, Default)]
pub(super) struct Unset {
    wrong: BTreeMap<(String, usize), Vec<Diagnostic>>,
    /// Variables that are not set and for which nothing stands.
    blank: BTreeMap<(String, usize), Vec<Diagnostic>>,
}

impl Unset {
    /// The mistakes of the scalars that are left in a tree.
    pub(super) fn left_in(&self, root: &Node) -> Vec<Diagnostic> {
        left_in(root, &|node| self.wrong.get(&key(&node.spot)).filter(|_| is_unset(node)))
    }

    /// What is to be said of scalars that are left in a tree.
    pub(super) fn blank_in(&self, root: &Node) -> Vec<Diagnostic> {
        left_in(root, &|node| self.blank.get(&key(&node.spot)))
    }
}

fn left_in<'u>(node: &Node, of: &dyn Fn(&Node) -> Option<&'u Vec<Diagnostic>>) -> Vec<Diagnostic> {
    let mut left: Vec<Diagnostic> = Vec::new();
    if matches!(node.value, Value::Scalar { .. }) {
        left.extend(of(node).into_iter().flatten().cloned());
    }
    left.extend(node.items().iter().flat_map(|item| left_in(item, of)));
    left.extend(node.entries().iter().flat_map(|entry| left_in(&entry.value, of)));
    left
}

/// Whether this scalar's variables have no value; that is said elsewhere.
pub(super) fn is_unset(node: &Node) -> bool {
    node.tag.as_deref() == Some(UNSET)
}

/// Whether a key is an extension (`x-…`), which means nothing to Compose.
pub(super) fn is_extension(key: &str) -> bool {
    key.starts_with("x-")
}

/// Replaces the variables in all values, extensions excepted.
pub(super) fn replace_variables(node: &mut Node, scope: &Scope, unset: &mut Unset) {
    match &mut node.value {
        Value::Mapping(entries) => {
            let meant = entries.iter_mut().filter(|entry| !is_extension(&entry.key));
            meant.for_each(|entry| replace_variables(&mut entry.value, scope, unset));
        }
        Value::Sequence(items) => {
            items.iter_mut().for_each(|item| replace_variables(item, scope, unset));
        }
        Value::Scalar { text, plain } if text.contains('$') => {
            match interpolate(text, &|name| scope.lookup(name)) {
                Ok(replaced) => {
                    let blank: Vec<Diagnostic> = said(&node.spot, &replaced.blank);
                    if !blank.is_empty() {
                        unset.blank.insert(key(&node.spot), blank);
                    }
                    (*text, *plain) = (replaced.text, false);
                }
                Err(faults) => {
                    unset.wrong.insert(key(&node.spot), said(&node.spot, &faults));
                    node.tag = Some(UNSET.to_owned());
                }
            }
        }
        Value::Scalar { .. } => {}
    }
}

/// What is to be said of expressions in a scalar.
fn said(spot: &Spot, faults: &[Fault]) -> Vec<Diagnostic> {
    let said = |fault: &Fault| within(spot, &fault.expression).mistake(&*fault.message).help(&*fault.help);
    faults.iter().map(said).collect()
}

/// Finds tags that mean nothing.
pub(super) fn check_tags(node: &Node, mistakes: &mut Vec<Diagnostic>) {
    if let Some(tag) = &node.tag
        && ![RESET, OVERRIDE, UNSET].contains(&tag.as_str())
        && !CORE.contains(&tag.as_str())
    {
        let mistake = node.spot.mistake(format!("unknown tag `!{tag}`"));
        mistakes.push(mistake.help("Compose knows `!reset` and `!override`"));
    }
    node.items().iter().for_each(|item| check_tags(item, mistakes));
    let meant = node.entries().iter().filter(|entry| !is_extension(&entry.key));
    meant.for_each(|entry| check_tags(&entry.value, mistakes));
}

/// Takes out what was reset.
pub(super) fn drop_reset(node: &mut Node) {
    match &mut node.value {
        Value::Mapping(entries) => {
            entries.retain(|entry| !is_reset(&entry.value));
            entries.iter_mut().for_each(|entry| drop_reset(&mut entry.value));
        }
        Value::Sequence(items) => {
            items.retain(|item| !is_reset(item));
            items.iter_mut().for_each(drop_reset);
        }
        Value::Scalar { .. } => {}
    }
}

/// Whether this takes away what an earlier file gave.
pub(super) fn is_reset(node: &Node) -> bool {
    node.tag.as_deref() == Some(RESET)
}

fn key(spot: &Spot) -> (String, usize) {
    (spot.source.name.clone(), spot.span.start)
}

/// Where a piece of text stands inside a spot; the whole spot when it was written with escapes.
pub(super) fn within(spot: &Spot, piece: &str) -> Spot {
    let written = spot.source.text.get(spot.span.clone()).unwrap_or_default();
    let Some(found) = written.find(piece) else { return spot.clone() };
    let start = spot.span.start + found;
    Spot { source: spot.source.clone(), span: start..start + piece.len() }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{errors, errors_of, load_files, project, project_with};

    #[test]
    fn variables_are_replaced_in_values_of_every_kind_but_not_in_keys() {
        let project = project(
            "
services:
  s:
    image: \"i:${HOST_SET}\"
    command: [\"$$x\", \"${NONE:-a b}\"]
    environment: {\"$HOST_SET\": x}
    ports: [\"${PORT:-8080}:80\"]
    scale: ${N:-2}
    tty: ${TTY:-true}
    user: ${EMPTY:-}
",
        );
        let s = &project.services["s"];
        assert_eq!(s.image.as_deref(), Some("i:from the host"));
        assert_eq!(s.command.as_deref().unwrap(), ["$x", "a b"]);
        assert!(s.environment.contains_key("$HOST_SET"));
        assert_eq!((s.ports[0].target, s.replicas, s.tty, s.user.as_deref()), (80, 2, true, Some("")));
    }

    #[test]
    fn the_project_has_a_name_for_variables() {
        let name = |text: &str| project(text).services["s"].image.clone().unwrap();
        assert_eq!(name("services: {s: {image: $COMPOSE_PROJECT_NAME}}"), "shop");
        assert_eq!(name("name: My ${NONE:-x}\nservices: {s: {image: $COMPOSE_PROJECT_NAME}}"), "myx");
    }

    #[test]
    fn the_environment_wins_over_the_env_file() {
        let project = project_with(
            "services: {s: {image: \"$HOST_SET $ONLY_HERE\"}}",
            &[("/shop/.env", "HOST_SET=file\nONLY_HERE=${HOST_SET}!\n")],
        );
        assert_eq!(project.services["s"].image.as_deref(), Some("from the host from the host!"));
    }

    #[test]
    fn an_unset_variable_is_underlined_where_it_stands() {
        let text = "services:\n  s:\n    image: \"é ${TAG}\"\n    command: |\n      run ${X:?say x}\n";
        let found = errors(text);
        assert_eq!(
            found[0],
            "shop/compose.yaml:5:11 the variable `X` is required: say x · set it in the environment, in `.env` or with --set X=…"
        );
    }

    #[test]
    fn a_required_variable_that_is_not_set_says_nothing_else() {
        let service = "{image: i, ports: ['${U?}:80'], volumes: ['${U?}:/v'], depends_on: ['${U?}'], environment: ['A=${U?}'], env_file: '${U?}', secrets: ['${U?}'], build: '${U?}', scale: '${U?}', healthcheck: {test: '${U?}', interval: '${U?}'}, tmpfs: '${U?}', extends: '${U?}', network_mode: 'service:${U?}', restart: '${U?}', command: '${U?}'}";
        for error in errors(&format!("services: {{s: {service}}}")) {
            assert!(error.contains("the variable `U` is required"), "{error}");
        }
        let found = errors("services: {s: {image: i, networks: ['${U?}'], labels: ['a=${U?}']}}");
        assert_eq!(found.len(), 2, "{found:?}");
        let found =
            errors("services: {s: {image: i, ports: '${U?}', labels: '${V?}', healthcheck: '${W?}'}}");
        assert_eq!(found.len(), 3, "{found:?}");
    }

    #[test]
    fn an_unset_variable_is_nothing_as_in_compose_and_said() {
        let text = "
services:
  s:
    image: \"i${TAG}\"
    ports: [\"${PORT}:80\"]
    environment: { A: $X, B: \"<${Y}>\" }
    user: $U
    command: run $C
";
        let project = project(text);
        let s = &project.services["s"];
        assert_eq!((s.image.as_deref(), s.ports[0].target), (Some("i"), 80));
        assert_eq!((s.environment["A"].as_str(), s.environment["B"].as_str()), ("", "<>"));
        let said: Vec<String> = project.remarks.iter().map(ToString::to_string).collect();
        assert_eq!(said.len(), 6, "{said:#?}");
        assert_eq!(
            said[0],
            "the variable `TAG` is not set: nothing stands in its place, as in Compose (shop/compose.yaml:4:14)"
        );
    }

    #[test]
    fn a_variable_that_a_later_file_makes_needless_is_not_missed() {
        let files = [
            (
                "/shop/compose.yaml",
                "services: {s: {image: i, user: '${U?}', environment: {A: '${U:?}', B: '${V?}'}}}",
            ),
            ("/shop/compose.drill.yaml", "services: {s: {user: me, environment: {A: 1, B: !reset }}}"),
        ];
        assert_eq!(errors_of(&files), [""; 0]);
        assert!(errors(files[0].1).len() == 3);
    }

    #[test]
    fn extensions_are_left_alone_but_what_is_taken_from_them_counts() {
        let text = "x-a: &a {user: \"${U?}\"}\nx-b: ${W?}\nservices: {s: {image: i, <<: *a}}";
        let found = errors(text);
        assert!(
            found.len() == 1 && found[0].starts_with("shop/compose.yaml:1:17 the variable `U`"),
            "{found:?}"
        );
        assert_eq!(
            load_files(&[("/shop/compose.yaml", text)], &[("U", "me")], &[]).unwrap().services["s"]
                .user
                .as_deref(),
            Some("me")
        );
    }

    #[test]
    fn tags_that_mean_nothing_are_mistakes() {
        assert_eq!(
            errors("services: {s: {image: !!str i, ports: !rset []}}"),
            ["shop/compose.yaml:1:45 unknown tag `!rset` · Compose knows `!reset` and `!override`"]
        );
    }
}

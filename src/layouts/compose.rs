//! A Compose file that is laid over another to go back: `compose.rollback.yaml`.

use super::script::says_so;
use super::tree::split;
use super::{Form, Migration, Text, Tool, Tree};

pub(super) fn find(tree: &Tree) -> Vec<Migration> {
    let overrides = tree.texts().filter(|(path, text)| is_override(path, text));
    overrides.map(|(path, text)| Migration::alone(Tool::Compose, Text::code(path), form(text))).collect()
}

fn is_override(path: &str, text: &str) -> bool {
    let name = split(path).1.to_lowercase();
    let Some(stem) = name.strip_suffix(".yaml").or_else(|| name.strip_suffix(".yml")) else { return false };
    let of_compose = stem.split(['.', '-', '_']).any(|word| word == "compose");
    of_compose
        && (says_so(stem) || stem.contains("previous"))
        && (text.contains("services") || is_blank(text))
}

fn form(text: &str) -> Form {
    if is_blank(text) { Form::Empty } else { Form::Acts }
}

/// Whether nothing stands below `services:`.
fn is_blank(text: &str) -> bool {
    let lines = text.lines().map(|line| line.split(" #").next().unwrap_or_default().trim());
    let mut lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#') && *line != "---");
    lines.all(|line| ["services:", "services: {}", "{}"].contains(&line))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{found, tree_of};

    #[test]
    fn an_override_whose_name_says_so_is_a_way_back() {
        let tree = tree_of(&[
            ("compose.rollback.yaml", "services:\n  api:\n    image: shop:1\n"),
            ("docker-compose.revert.yml", "services:\n"),
            ("compose.prod.yaml", "services:\n  api:\n    image: shop:1\n"),
            ("rollback.yaml", "steps: []\n"),
        ]);
        assert_eq!(
            found(&tree),
            ["compose.rollback.yaml Compose Acts", "docker-compose.revert.yml Compose Empty"]
        );
    }
}

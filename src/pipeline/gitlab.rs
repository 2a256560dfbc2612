//! GitLab CI (docs.gitlab.com/ci/yaml): `script` with the `before_script` and `variables` that hold for it,
//! `extends` followed. When the job runs, on what image and after which others is not asked: the scenario says it.

use super::script::{Script, expanding, is_name};
use super::{Job, named};
use crate::diagnostic::Diagnostic;
use crate::yaml::{Entry, Node, Value};

/// How long a chain of `extends` may be, as in GitLab.
const CHAIN: usize = 11;
/// Keys at the top that are not jobs.
const GLOBAL: [&str; 11] = [
    "after_script",
    "before_script",
    "cache",
    "default",
    "image",
    "include",
    "pages",
    "services",
    "stages",
    "variables",
    "workflow",
];

/// Reads a job.
pub(super) fn job(root: &Node, name: &str) -> Result<Job, Box<Diagnostic>> {
    let known: Vec<&str> = root.entries().iter().map(|entry| entry.key.as_str()).collect();
    let known: Vec<&str> = known.into_iter().filter(|key| !GLOBAL.contains(key)).collect();
    let found = root.get(name).filter(|_| known.contains(&name));
    let chain = chain(root, named(found, root, name, &known)?, &known)?;
    let mut script = Script::default();
    let held = std::iter::once(root).chain(chain.iter().rev().copied());
    for entry in held.filter_map(|node| node.get("variables")).flat_map(Node::entries) {
        variable(&mut script, entry)?;
    }
    let default = root.get("default").and_then(|default| default.get("before_script"));
    let before = of(&chain, "before_script").or(default).or_else(|| root.get("before_script"));
    before.map_or(Ok(()), |before| commands(&mut script, before))?;
    let Some(main) = of(&chain, "script") else {
        let mistake = chain[0].spot.mistake(format!("the job `{name}` has no `script`"));
        return Err(Box::new(mistake.help("a job that only triggers others cannot be drilled by itself")));
    };
    commands(&mut script, main)?;
    let shell = ["bash", "-eo", "pipefail", "-c"].map(str::to_owned).to_vec();
    Ok(Job { shell, script: script.text() })
}

/// The job and what it extends, the nearest first.
fn chain<'n>(root: &'n Node, job: &'n Node, known: &[&str]) -> Result<Vec<&'n Node>, Box<Diagnostic>> {
    let mut chain = vec![job];
    let mut next = 0;
    while let Some(node) = chain.get(next) {
        next += 1;
        let Some(extends) = node.get("extends") else { continue };
        let names = extends.text().into_iter().chain(extends.items().iter().filter_map(Node::text));
        // Of several the last wins.
        let mut parents: Vec<&str> = names.collect();
        parents.reverse();
        for parent in parents {
            chain.push(named(root.get(parent), extends, parent, known)?);
        }
        if chain.len() > CHAIN {
            return Err(Box::new(extends.spot.mistake("too many jobs extend each other")));
        }
    }
    Ok(chain)
}

/// What the nearest job of a chain says under a key.
fn of<'n>(chain: &[&'n Node], key: &str) -> Option<&'n Node> {
    chain.iter().find_map(|node| node.get(key))
}

fn variable(script: &mut Script, entry: &Entry) -> Result<(), Box<Diagnostic>> {
    let value = entry.value.text().or_else(|| entry.value.get("value").and_then(Node::text));
    let (Some(value), true) = (value, is_name(&entry.key)) else {
        return Err(Box::new(
            entry.value.spot.mistake(format!("`{}` is no variable with a text", entry.key)),
        ));
    };
    script.export(&entry.key, &expanding(value));
    Ok(())
}

/// A command, a list of them, or lists inside lists.
fn commands(script: &mut Script, node: &Node) -> Result<(), Box<Diagnostic>> {
    if let Some(tag) = &node.tag {
        let mistake = node.spot.mistake(format!("`!{tag}` is not followed"));
        return Err(Box::new(mistake.help("use `extends` or a YAML anchor, or write the commands out")));
    }
    match &node.value {
        Value::Scalar { text, .. } => script.line(text),
        Value::Sequence(items) => {
            for item in items {
                commands(script, item)?;
            }
        }
        Value::Mapping(_) => {
            let mistake = node.spot.mistake("a command is a text");
            return Err(Box::new(mistake.help("put it in quotes: a `: ` in it makes it a mapping")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Source;
    use crate::yaml::{Limits, parse};

    fn read(text: &str, name: &str) -> Result<String, String> {
        let root = parse(&Source::new(".gitlab-ci.yml", text), Limits::default()).unwrap();
        job(&root, name).map(|job| job.script).map_err(|mistake| {
            let help = mistake.help.join("; ");
            format!("{}: {}; {help}", mistake.place().line, mistake.message)
        })
    }

    const PIPELINE: &str = "\
variables: { STAGE: staging, URL: 'https://$STAGE.test' }
default:
  before_script: [echo first]
.database:
  variables: { PGHOST: db, STAGE: base }
  script: [echo base]
down:
  stage: rollback
  when: on_failure
  extends: .database
  variables: { STAGE: mine }
  script:
    - psql --file down.sql
    - - echo a
      - echo b
plain:
  before_script: []
  script: |
    echo one
    echo two
trigger: { trigger: other/project }
strange:
  script: [!reference [.database, script]]
mapping:
  script: [echo: x]
";

    #[test]
    fn a_job_is_its_variables_and_commands_in_order() {
        let down = "export STAGE=\"staging\"\nexport URL=\"https://$STAGE.test\"\nexport PGHOST=\"db\"\n\
                    export STAGE=\"base\"\nexport STAGE=\"mine\"\necho first\npsql --file down.sql\necho a\necho b\n";
        assert_eq!(read(PIPELINE, "down").unwrap(), down);
        let plain = read(PIPELINE, "plain").unwrap();
        assert!(
            plain.ends_with("test\"\necho one\necho two\n"),
            "its own empty `before_script` counts: {plain}"
        );
    }

    #[test]
    fn what_cannot_be_run_here_is_said_with_its_place() {
        let wrong = |name: &str| read(PIPELINE, name).unwrap_err();
        assert!(wrong("dwn").contains("there is no job `dwn`"), "{}", wrong("dwn"));
        assert!(wrong("dwn").contains("did you mean `down`?"), "{}", wrong("dwn"));
        assert!(wrong("variables").contains("there is no job"), "{}", wrong("variables"));
        assert!(
            wrong("trigger").starts_with("21: the job `trigger` has no `script`"),
            "{}",
            wrong("trigger")
        );
        assert!(wrong("strange").starts_with("23: `!reference` is not followed"), "{}", wrong("strange"));
        assert!(wrong("mapping").starts_with("25: a command is a text"), "{}", wrong("mapping"));
        let circle = "a: { extends: b, script: [x] }\nb: { extends: a }\n";
        assert!(read(circle, "a").unwrap_err().contains("too many jobs extend each other"));
    }
}

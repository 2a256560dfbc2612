//! GitHub Actions (docs.github.com/actions, workflow syntax): the `run` steps of a job with their `env` and
//! `working-directory`, each in a shell of its own. Of actions only those are passed over that change nothing which is
//! drilled; others cannot be run here. When the job runs is not asked: the scenario says it.

use super::script::{Script, is_name, literal};
use super::{Job, named};
use crate::diagnostic::Diagnostic;
use crate::yaml::{Entry, Node};

/// Actions that only bring or keep files: the scenario's mounts and reports are here instead.
const PASSED_OVER: [&str; 3] = ["actions/cache", "actions/checkout", "actions/upload-artifact"];

/// Reads a job.
pub(super) fn job(root: &Node, name: &str) -> Result<Job, Box<Diagnostic>> {
    let jobs = root.get("jobs").unwrap_or(root);
    let known: Vec<&str> = jobs.entries().iter().map(|entry| entry.key.as_str()).collect();
    let job = named(jobs.get(name), jobs, name, &known)?;
    let mut script = Script::default();
    for entry in [root, job].into_iter().filter_map(|node| node.get("env")).flat_map(Node::entries) {
        variable(&mut script, entry)?;
    }
    let Some(steps) = job.get("steps") else {
        let mistake = job.spot.mistake(format!("the job `{name}` has no `steps`"));
        return Err(Box::new(mistake.help("a job that calls another workflow cannot be drilled by itself")));
    };
    for node in steps.items() {
        step(&mut script, node)?;
    }
    let shell = ["bash", "-e", "-c"].map(str::to_owned).to_vec();
    Ok(Job { shell, script: script.text() })
}

/// One step, in a shell of its own that inherits what the job has set.
fn step(script: &mut Script, node: &Node) -> Result<(), Box<Diagnostic>> {
    if let Some(action) = node.get("uses") {
        return used(action);
    }
    let Some((text, run)) = node.get("run").and_then(|run| Some((run.text()?, run))) else {
        return Err(Box::new(node.spot.mistake("a step has a `run` or a `uses`")));
    };
    if let Some(condition) = node.get("if") {
        let mistake = condition.spot.mistake("conditions of steps are not judged");
        return Err(Box::new(mistake.help("put it on the job, or let the command decide")));
    }
    script.line("(");
    for entry in node.get("env").into_iter().flat_map(Node::entries) {
        variable(script, entry)?;
    }
    if let Some(folder) = node.get("working-directory").and_then(Node::text) {
        script.line(&format!("cd {}", literal(folder)));
    }
    match node.get("shell").map(|shell| (shell.text(), shell)) {
        None | Some((Some("sh"), _)) => {}
        Some((Some("bash"), _)) => script.line("set -o pipefail"),
        Some((_, shell)) => return Err(Box::new(shell.spot.mistake("only `bash` and `sh` are run"))),
    }
    script.line(&expressions(text, run)?);
    script.line(")");
    Ok(())
}

fn used(action: &Node) -> Result<(), Box<Diagnostic>> {
    let name = action.text().unwrap_or_default();
    if name.split_once('@').is_some_and(|(action, _)| PASSED_OVER.contains(&action)) {
        return Ok(());
    }
    let mistake = action.spot.mistake(format!("the action `{name}` cannot be run outside of GitHub"));
    Err(Box::new(mistake.help("put what takes a release back into `run` commands: those can be drilled")))
}

fn variable(script: &mut Script, entry: &Entry) -> Result<(), Box<Diagnostic>> {
    let spot = &entry.value.spot;
    let (Some(value), true) = (entry.value.text(), is_name(&entry.key)) else {
        return Err(Box::new(spot.mistake(format!("`{}` is no variable with a text", entry.key))));
    };
    let mut shell = String::new();
    for part in parts(value, &entry.value)? {
        match part {
            Part::Text(text) => shell.push_str(&literal(text)),
            Part::Variable(name) => shell.push_str(&format!("\"${{{name}}}\"")),
        }
    }
    script.export(&entry.key, if shell.is_empty() { "''" } else { &shell });
    Ok(())
}

/// A text with GitHub's expressions in the words of the shell.
fn expressions(text: &str, node: &Node) -> Result<String, Box<Diagnostic>> {
    let parts = parts(text, node)?.into_iter().map(|part| match part {
        Part::Text(text) => text.to_owned(),
        Part::Variable(name) => format!("${{{name}}}"),
    });
    Ok(parts.collect())
}

enum Part<'t> {
    Text(&'t str),
    Variable(&'t str),
}

/// Cuts at `${{ secrets.NAME }}` and the like: a variable of that name in the service's environment.
fn parts<'t>(text: &'t str, node: &Node) -> Result<Vec<Part<'t>>, Box<Diagnostic>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${{") {
        let (expression, after) = after.split_once("}}").unwrap_or((after, ""));
        let name = ["env.", "secrets.", "vars."].iter().find_map(|kind| expression.trim().strip_prefix(kind));
        let Some(name) = name.filter(|name| is_name(name)) else {
            let mistake = node.spot.mistake(format!("`{}` is not evaluated", expression.trim()));
            return Err(Box::new(mistake.help(
                "`env.`, `secrets.` and `vars.` are variables of the service; hand others over as those",
            )));
        };
        parts.extend([Part::Text(before), Part::Variable(name)]);
        rest = after;
    }
    parts.push(Part::Text(rest));
    parts.retain(|part| !matches!(part, Part::Text("")));
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Source;
    use crate::yaml::{Limits, parse};

    fn read(steps: &str) -> Result<Job, String> {
        let head = "on: push\nenv: { STAGE: staging }\njobs:\n  down:\n    if: failure()\n    env: { PGPASSWORD: '${{ \
                    secrets.DB }}', PLAIN: \"it's $X\" }\n    steps:\n";
        let root = parse(&Source::new("deploy.yml", format!("{head}{steps}")), Limits::default()).unwrap();
        job(&root, "down").map_err(|mistake| format!("{}: {}", mistake.place().line, mistake.message))
    }

    /// What a real shell says when it runs the job.
    fn ran(steps: &str) -> (i32, String) {
        let job = read(steps).unwrap();
        let mut shell = std::process::Command::new(&job.shell[0]);
        let output = shell.args(&job.shell[1..]).arg(&job.script).env("DB", "hidden").output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
    }

    #[test]
    fn the_steps_run_one_after_the_other_with_their_variables_and_folders() {
        let steps = "      - uses: actions/checkout@v4\n      - run: echo $STAGE ${{ env.PGPASSWORD }} \"$PLAIN\"\n      \
                     - { run: \"pwd; echo $MORE\", env: { MORE: here }, working-directory: / }\n      - run: echo \"[$MORE]\"\n";
        assert_eq!(ran(steps), (0, "staging hidden it's $X\n/\nhere\n[]\n".to_owned()));
    }

    #[test]
    fn the_first_command_that_fails_ends_the_job() {
        let failing =
            "      - run: |\n          echo a\n          false\n          echo b\n      - run: echo c\n";
        assert_eq!(ran(failing), (1, "a\n".to_owned()));
        let piped =
            "      - run: false | true\n      - { run: false | true, shell: bash }\n      - run: echo c\n";
        assert_eq!(ran(piped), (1, String::new()), "as GitHub: only `shell: bash` minds a pipe");
    }

    #[test]
    fn what_cannot_be_run_here_is_said_with_its_place() {
        let wrong = |step: &str| read(&format!("      - {step}\n")).unwrap_err();
        assert_eq!(
            wrong("uses: some/deploy@v1"),
            "8: the action `some/deploy@v1` cannot be run outside of GitHub"
        );
        assert_eq!(wrong("run: echo ${{ github.sha }}"), "8: `github.sha` is not evaluated");
        assert_eq!(wrong("{ run: x, if: always() }"), "8: conditions of steps are not judged");
        assert_eq!(wrong("{ run: x, shell: pwsh }"), "8: only `bash` and `sh` are run");
        assert_eq!(wrong("name: nothing"), "8: a step has a `run` or a `uses`");
    }
}

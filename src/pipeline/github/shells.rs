//! The shells of steps (docs.github.com/actions, *jobs.<job_id>.steps[*].shell*).

use crate::pipeline::reading::Reading;
use crate::yaml::Node;

/// The words that run a file, `{0}`, of a step's commands.
pub(super) fn words(reading: &mut Reading<'_>, shell: Option<&Node>, otherwise: &str) -> Option<Vec<String>> {
    let written = shell.map_or(otherwise, |shell| shell.text().unwrap_or_default());
    let words = match (written, shell) {
        ("bash -e", None) => "bash -e {0}",
        ("bash", Some(_)) => "bash --noprofile --norc -eo pipefail {0}",
        ("sh", _) => "sh -e {0}",
        ("python", Some(_)) => "python {0}",
        (custom, Some(_)) if custom.contains("{0}") && !custom.contains("pwsh") => custom,
        (other, Some(shell)) => {
            let help = "only `bash`, `sh`, `python` and commands with `{0}` are run";
            reading.obstacle(&shell.spot, format!("the shell `{other}` is not run here"), help);
            return None;
        }
        (other, None) => other,
    };
    Some(words.split_whitespace().map(str::to_owned).collect())
}

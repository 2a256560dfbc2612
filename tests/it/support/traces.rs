//! What a drill has made on the engine, by its own journal, and what of it is still there.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

/// The complete records of a journal that may still be written.
pub(crate) fn records(journal: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(journal).unwrap_or_default();
    let complete = text.rfind('\n').map_or("", |end| &text[..end]);
    complete.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Waits until something is so; false when the program ended before.
pub(crate) fn wait_for(child: &mut std::process::Child, so: impl Fn() -> bool) -> bool {
    let deadline = Instant::now() + Duration::from_secs(300);
    while !so() {
        if child.try_wait().unwrap().is_some() {
            return so();
        }
        assert!(Instant::now() < deadline, "nothing happened for five minutes");
        std::thread::sleep(Duration::from_millis(2));
    }
    true
}

/// The names of everything that a journal says was to be made.
pub(crate) fn intended(journal: &Path) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for record in records(journal) {
        for resource in record["event"]["intent"]["resources"].as_array().into_iter().flatten() {
            names.insert(resource["name"].as_str().unwrap().to_owned());
        }
    }
    names
}

/// Which of these are on the engine.
pub(crate) fn present(names: &BTreeSet<String>) -> Vec<String> {
    let mut found = Vec::new();
    let lists: [&[&str]; 3] = [
        &["ps", "-a", "--format", "{{.Names}}"],
        &["network", "ls", "--format", "{{.Name}}"],
        &["volume", "ls", "--format", "{{.Name}}"],
    ];
    for list in lists {
        let output = Command::new("docker").args(list).output().unwrap();
        assert!(output.status.success());
        let text = String::from_utf8(output.stdout).unwrap();
        found.extend(text.lines().filter(|name| names.contains(*name)).map(str::to_owned));
    }
    found
}

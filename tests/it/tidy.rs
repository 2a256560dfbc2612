//! The shape of the code: dependencies in one direction, each library behind its one door.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Which rooms a room may import. What is not listed may import nothing of ours.
const ALLOWED: &[(&str, &[&str])] = &[
    ("app", &["*"]),
    ("main", &["app", "cli", "exit"]),
    ("cli", &["gateway", "scenario"]),
    ("exit", &["outcome", "verdict"]),
    ("diagnostic", &["secret"]),
    ("files", &["diagnostic", "yaml"]),
    ("yaml", &["diagnostic"]),
    ("compose", &["diagnostic", "files", "secret", "yaml"]),
    ("copying", &[]),
    ("library", &["diagnostic", "files", "yaml"]),
    ("history", &["journal", "outcome", "plan", "verdict"]),
    ("coverage", &["history", "layouts", "outcome", "plan"]),
    ("layouts", &["sql"]),
    ("scenario", &["gateway"]),
    ("sql", &[]),
    ("lint", &["compose", "diagnostic", "layouts", "secret", "sql"]),
    (
        "plan",
        &[
            "compose",
            "diagnostic",
            "gateway",
            "files",
            "lint",
            "millis",
            "outcome",
            "pipeline",
            "scenario",
            "secret",
            "sql",
            "yaml",
        ],
    ),
    ("pipeline", &["diagnostic", "files", "yaml"]),
    ("stage", &["compose", "gateway", "plan", "secret"]),
    ("state", &["secret", "sql"]),
    ("gateway", &["secret", "sql"]),
    ("sweep", &["gateway", "plan", "secret", "sql"]),
    ("http", &["plan", "run"]),
    ("traffic", &["millis", "plan", "secret", "state"]),
    ("journal", &["gateway", "millis", "plan", "secret", "sql", "stage", "state", "sweep", "traffic"]),
    ("run", &["gateway", "journal", "millis", "plan", "sql", "stage", "state", "sweep", "traffic"]),
    (
        "world",
        &[
            "compose", "http", "journal", "plan", "progress", "run", "secret", "sql", "stage", "state",
            "traffic",
        ],
    ),
    (
        "verdict",
        &[
            "diagnostic",
            "gateway",
            "journal",
            "lint",
            "millis",
            "outcome",
            "plan",
            "sql",
            "stage",
            "state",
            "sweep",
            "text",
            "traffic",
        ],
    ),
    (
        "report",
        &[
            "coverage",
            "diagnostic",
            "journal",
            "layouts",
            "outcome",
            "plan",
            "scenario",
            "state",
            "text",
            "traffic",
            "verdict",
        ],
    ),
    ("progress", &["gateway", "journal", "outcome", "plan", "sweep", "text"]),
    ("text", &[]),
];

/// Libraries that only one room may import.
const DOORS: &[(&str, &str)] = &[
    ("bollard", "src/stage/docker/"),
    ("reqwest", "src/http.rs"),
    ("redis", "src/state/redis/"),
    ("mysql_async", "src/state/mariadb/"),
    ("tokio_postgres", "src/state/postgres/"),
    ("serde_yaml", "src/yaml/"),
    ("indicatif", "src/progress/"),
    ("comfy_table", "src/report/"),
    ("quick_junit", "src/report/"),
    ("squawk_syntax", "src/lint/postgres/"),
    ("sqlparser", "src/lint/mariadb/"),
    ("clap", "src/cli.rs src/main.rs src/app/"),
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Every line of every source outside tests: shown path, line number, text.
fn lines() -> Vec<(String, usize, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    sources(&root.join("src"), &mut files);
    assert!(files.len() > 100, "the sources were not found");
    let mut lines = Vec::new();
    for file in files {
        let shown = file.strip_prefix(root).unwrap().display().to_string();
        if shown.ends_with("tests.rs") || shown.ends_with("testing.rs") {
            continue;
        }
        let text = std::fs::read_to_string(&file).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default().to_owned();
        lines.extend((1..).zip(code.lines()).map(|(number, line)| (shown.clone(), number, line.to_owned())));
    }
    lines
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with("//")
}

#[test]
fn rooms_import_only_what_the_architecture_allows() {
    let mut broken = Vec::new();
    for (file, number, line) in lines() {
        let room = file.trim_start_matches("src/").split(['/', '.']).next().unwrap_or_default();
        if room == "lib" || is_comment(&line) {
            continue;
        }
        let allowed =
            ALLOWED.iter().find(|(known, _)| *known == room).map_or(&[][..], |(_, allowed)| allowed);
        for used in line.split("crate::").skip(1).chain(line.split("backout::").skip(1)) {
            let used =
                used.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or_default();
            if !used.is_empty() && used != room && allowed != ["*"] && !allowed.contains(&used) {
                broken.push(format!(
                    "{file}:{number}: `{room}` imports `{used}`; allowed: {}",
                    allowed.join(", ")
                ));
            }
        }
    }
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

#[test]
fn each_library_stays_behind_its_door() {
    let mut broken = Vec::new();
    for (file, number, line) in lines() {
        if is_comment(&line) {
            continue;
        }
        for (library, doors) in DOORS {
            // `state::redis::` is a room of ours, and `redis::` the library.
            let outermost =
                |at: usize| !line[..at].ends_with(|c: char| c == ':' || c == '_' || c.is_alphanumeric());
            let used = line.match_indices(&format!("{library}::")).any(|(at, _)| outermost(at));
            if used && !doors.split(' ').any(|door| file.starts_with(door)) {
                broken.push(format!("{file}:{number}: `{library}` is imported only in {doors}"));
            }
        }
    }
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

#[test]
fn what_is_pure_reads_no_file_and_no_clock() {
    const EFFECTS: [&str; 7] =
        ["std::fs", "std::net", "tokio::", "Instant::now", "SystemTime", "Timestamp::now", "std::env"];
    let mut broken = Vec::new();
    for (file, number, line) in lines() {
        let pure = [
            "src/scenario/",
            "src/verdict/",
            "src/report/",
            "src/sql/",
            "src/lint/",
            "src/sweep/",
            "src/outcome.rs",
        ];
        let is_pure = pure.iter().any(|room| file.starts_with(room));
        if !is_pure || is_comment(&line) {
            continue;
        }
        let found = EFFECTS.iter().filter(|effect| line.contains(**effect));
        broken.extend(found.map(|effect| format!("{file}:{number}: `{effect}` in a room that is pure")));
    }
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

#[test]
fn every_room_of_the_code_is_on_the_map() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let map = std::fs::read_to_string(root.join("src/ARCHITECTURE.md")).unwrap();
    for entry in std::fs::read_dir(root.join("src")).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        let room = if name.ends_with(".rs") { name.clone() } else { format!("{name}/") };
        if !["lib.rs", "ARCHITECTURE.md/"].contains(&room.as_str()) {
            assert!(map.contains(&format!("`{room}`")), "src/ARCHITECTURE.md does not mention `{room}`");
        }
    }
}

/// The numbers in the name of a test: 7 and 8 in `fn s7_s8_a_socket_is_cut`.
fn numbers(line: &str) -> Vec<u32> {
    let Some((_, name)) = line.split_once("fn ") else { return Vec::new() };
    let number = |word: &str| word.strip_prefix('s').and_then(|digits| digits.parse().ok());
    name.split('_').map_while(number).collect()
}

#[test]
fn each_semantic_has_a_test_that_carries_its_number() {
    const SEMANTICS: u32 = 25;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    sources(&root.join("src"), &mut files);
    sources(&root.join("tests/it"), &mut files);
    let mut carried = BTreeSet::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let mut is_test = false;
        for line in text.lines().map(str::trim_start) {
            if line.contains("fn ") {
                carried.extend(numbers(line).into_iter().filter(|_| is_test));
                is_test = false;
            }
            is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
        }
    }
    let missing: Vec<String> = (1..=SEMANTICS)
        .filter(|number| !carried.contains(number))
        .map(|number| format!("S{number}"))
        .collect();
    assert!(missing.is_empty(), "no test carries the number of {}", missing.join(", "));
}

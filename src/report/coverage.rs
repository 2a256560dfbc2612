//! The inventory of rollback artefacts: a table for people, JSON for programs.

use std::fmt::Write;

use schemars::JsonSchema;
use serde::Serialize;

use super::Style;
use super::layout::{Field, block, listing};
use crate::coverage::{Coverage, Row, State};
use crate::layouts::{self, Tool};
use crate::outcome::Outcome;
use crate::plan::material::Use;
use crate::text::counted;

/// The version of the JSON.
pub const FORMAT: u32 = 1;

/// The table, what is to be said of rows, and a summary.
pub fn text(coverage: &Coverage, style: Style) -> String {
    let mut text = String::new();
    let mut add = |line: &str| {
        let _ = writeln!(text, "{line}");
    };
    if !coverage.rows.is_empty() {
        let head = ["artefact", "tool", "state", "level", "when"].map(Field::plain);
        let rows = coverage.rows.iter().map(|row| fields(row, coverage.required));
        let all: Vec<[Field; 5]> = std::iter::once(head).chain(rows).collect();
        listing(&all, style).iter().for_each(|line| add(line));
        add("");
    }
    for row in &coverage.rows {
        if let Some(why) = why(row, coverage.required) {
            let line = format!("{}: {why}", row.artefact.path);
            block(" × ", &line, style).iter().for_each(|line| add(line));
        }
    }
    for unread in &coverage.unread {
        let line = format!("the run {} was not read: {}", unread.name, unread.why);
        block(" · ", &line, style).iter().for_each(|line| add(line));
    }
    for line in by_tool(coverage).into_iter().chain(unknown(coverage)) {
        block(" · ", &line, style).iter().for_each(|line| add(line));
    }
    if let Some(line) = by_folder(coverage) {
        block(" · ", &line, style).iter().for_each(|line| add(line));
    }
    block(" ", &summary(coverage), style).iter().for_each(|line| add(line));
    text
}

fn fields(row: &Row, required: Option<u8>) -> [Field; 5] {
    let outcome = if row.is_met(required) { Outcome::Pass } else { Outcome::Fail };
    let seen = row.seen.as_ref();
    let level = seen.map_or("-".to_owned(), |seen| seen.level.to_string());
    let when = seen.map_or("-", |seen| seen.when.get(..10).unwrap_or(&seen.when));
    [
        Field::plain(&row.artefact.path),
        Field::plain(row.artefact.tool.word()),
        Field::of(words(row.state), outcome),
        Field::plain(&level),
        Field::plain(when),
    ]
}

fn words(state: State) -> &'static str {
    match state {
        State::Tested => "tested",
        State::ChangedSince => "changed since",
        State::TriedAndFailed => "tried and failed",
        State::TriedInconclusive => "inconclusive",
        State::Never => "never tested",
        State::Empty => "empty",
        State::CannotBeUndone => "no way back",
        State::Missing => "missing",
    }
}

/// Why a row is not met; what was never tested needs no more words.
fn why(row: &Row, required: Option<u8>) -> Option<String> {
    let seen = row.seen.as_ref();
    let of = seen.map(|seen| format!("{} in run {}", seen.scenario, seen.run)).unwrap_or_default();
    match row.state {
        State::Tested => {
            let level = seen.map_or(0, |seen| seen.level);
            let required = required.filter(|_| row.is_below(required))?;
            Some(format!("tested at level {level}, and level {required} is asked for"))
        }
        State::ChangedSince => {
            let what = match (&row.artefact.up, seen.is_some_and(|seen| seen.same)) {
                (Some(up), true) => format!("what it takes back, {up}, held"),
                _ => "it held".to_owned(),
            };
            let outcome = seen.map_or("", |seen| ended(seen.outcome));
            Some(format!("{what} something else when {of} {outcome}"))
        }
        State::TriedAndFailed | State::TriedInconclusive => Some(format!(
            "{of} rolled back with it as it is, and {}",
            seen.map_or("", |seen| ended(seen.outcome))
        )),
        State::Never => None,
        State::Empty => Some("empty: takes nothing back".to_owned()),
        State::CannotBeUndone => Some("says itself that it cannot be undone".to_owned()),
        State::Missing => Some("there is nothing that takes it back".to_owned()),
    }
}

fn ended(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "passed",
        Outcome::Inconclusive => "was inconclusive",
        Outcome::Fail => "failed",
    }
}

/// What no record can tell: which files a tool picked from its folder.
fn by_folder(coverage: &Coverage) -> Option<String> {
    let picked = |row: &&Row| {
        row.state == State::Tested && row.seen.as_ref().is_some_and(|seen| seen.how == Use::Folder)
    };
    let count = coverage.rows.iter().filter(picked).count();
    let count = (count > 0).then(|| counted(count, "artefact"))?;
    Some(format!(
        "of {count} it is known that the rollback's tool had the folder, and not that it picked this very file"
    ))
}

/// Changes whose layout has no way back as a rule.
fn by_tool(coverage: &Coverage) -> Vec<String> {
    let line = |(tool, count): (&Tool, &usize)| {
        format!("{} of {} with no way back beside {}", counted(*count, "change"), tool.word(), them(*count))
    };
    coverage.without.iter().map(line).collect()
}

fn them(count: usize) -> &'static str {
    if count == 1 { "it" } else { "them" }
}

/// What may take something back and cannot be told.
fn unknown(coverage: &Coverage) -> Vec<String> {
    let line = |(folder, count): &(String, usize)| {
        let follow = if *count == 1 { "follows" } else { "follow" };
        let files = counted(*count, "file");
        format!("not known: {files} in {folder} {follow} no layout that is known here ({})", layouts::KNOWN)
    };
    coverage.unknown.iter().map(line).collect()
}

fn summary(coverage: &Coverage) -> String {
    let read = format!("{} read", counted(coverage.runs, "past run"));
    if coverage.rows.is_empty() {
        let why = match (coverage.without.is_empty(), coverage.unknown.is_empty()) {
            (true, true) => format!("nothing here follows a layout that is known ({})", layouts::KNOWN),
            (_, false) => "whether anything here takes something back is not known".to_owned(),
            (false, true) => "nothing here takes anything back".to_owned(),
        };
        return format!("no rollback artefact was found: {why}; {read}");
    }
    let met = coverage.rows.iter().filter(|row| row.is_met(coverage.required)).count();
    let mut parts =
        vec![format!("{met} of {} tested as they are", counted(coverage.rows.len(), "rollback artefact"))];
    let below = coverage.rows.iter().filter(|row| row.is_below(coverage.required)).count();
    parts.extend((below > 0).then(|| format!("{below} below the level")));
    let states = [
        State::ChangedSince,
        State::TriedAndFailed,
        State::TriedInconclusive,
        State::Never,
        State::Empty,
        State::CannotBeUndone,
        State::Missing,
    ];
    for state in states {
        let count = coverage.rows.iter().filter(|row| row.state == state).count();
        parts.extend((count > 0).then(|| format!("{count} {}", words(state))));
    }
    format!("{}; {read}", parts.join(", "))
}

/// The same for programs.
pub fn json(coverage: &Coverage) -> String {
    let artefacts = coverage.rows.iter().map(|row| artefact(row, coverage.required)).collect();
    let unread =
        coverage.unread.iter().map(|unread| Unread { run: unread.name.clone(), why: unread.why.clone() });
    let page = Page {
        format: FORMAT,
        met: coverage.is_met(),
        required_level: coverage.required,
        runs: coverage.runs,
        artefacts,
        unread: unread.collect(),
        without: coverage
            .without
            .iter()
            .map(|(tool, changes)| Without { tool: *tool, changes: *changes })
            .collect(),
        unknown: coverage
            .unknown
            .iter()
            .map(|(folder, files)| Unknown { folder: folder.clone(), files: *files })
            .collect(),
    };
    serde_json::to_string_pretty(&page).expect("the inventory has only text keys") + "\n"
}

fn artefact(row: &Row, required: Option<u8>) -> ArtefactJson {
    let seen = row.seen.as_ref();
    ArtefactJson {
        path: row.artefact.path.clone(),
        tool: row.artefact.tool,
        takes_back: row.artefact.up.clone(),
        sha256: row.sha256.clone(),
        state: row.state.into(),
        met: row.is_met(required),
        level: seen.map(|seen| seen.level),
        when: seen.map(|seen| seen.when.clone()),
        run: seen.map(|seen| seen.run.clone()),
        scenario: seen.map(|seen| seen.scenario.clone()),
        verdict: seen.map(|seen| seen.outcome),
        used: seen.map(|seen| if seen.how == Use::Named { Used::Named } else { Used::Folder }),
        why: why(row, required),
    }
}

/// The inventory.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Page {
    /// The version of this format: 1.
    format: u32,
    /// Whether there are artefacts, and each is tested as it is.
    met: bool,
    /// The level that is asked for.
    required_level: Option<u8>,
    /// How many past runs were read.
    runs: usize,
    /// The artefacts, by path.
    artefacts: Vec<ArtefactJson>,
    /// Runs that could not be read.
    unread: Vec<Unread>,
    /// Changes with no way back beside them, of tools whose layout has none as a rule.
    without: Vec<Without>,
    /// Folders of migrations by their names that follow no layout that is known.
    unknown: Vec<Unknown>,
}

/// Changes of one tool with no way back beside them.
#[derive(Debug, Serialize, JsonSchema)]
struct Without {
    /// Whose layout they follow.
    tool: Tool,
    /// How many.
    changes: usize,
}

/// A folder that follows no layout that is known.
#[derive(Debug, Serialize, JsonSchema)]
struct Unknown {
    /// Its path below the folder that was looked through.
    folder: String,
    /// How many files are below it.
    files: usize,
}

/// One artefact.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Artefact")]
struct ArtefactJson {
    /// Its path below the folder; where it is missing, that of what it should take back.
    path: String,
    /// Whose layout it follows.
    tool: Tool,
    /// The file that it takes back, where that is another one.
    takes_back: Option<String>,
    /// SHA-256 of what it holds now.
    sha256: Option<String>,
    /// What is known of it.
    state: StateJson,
    /// Whether that is enough.
    met: bool,
    /// The level that was reached with it.
    level: Option<u8>,
    /// When, RFC 3339.
    when: Option<String>,
    /// The run.
    run: Option<String>,
    /// The scenario.
    scenario: Option<String>,
    /// That scenario's verdict in that run.
    verdict: Option<Outcome>,
    /// How the rollback used it.
    used: Option<Used>,
    /// Why it is not met.
    why: Option<String>,
}

/// How a rollback used a file.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Used {
    /// A step named it.
    Named,
    /// A step's tool had its folder.
    Folder,
}

/// A run that could not be read.
#[derive(Debug, Serialize, JsonSchema)]
struct Unread {
    /// Its folder's name.
    run: String,
    /// Why.
    why: String,
}

/// What is known of an artefact.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "State")]
enum StateJson {
    /// A run that passed rolled back with it, as it is now.
    Tested,
    /// Runs used another content.
    ChangedSince,
    /// A run rolled back with it, as it is now, and failed.
    TriedAndFailed,
    /// A run rolled back with it, as it is now, and could not tell.
    TriedInconclusive,
    /// No run rolled back with it.
    Never,
    /// It takes nothing back.
    Empty,
    /// It says itself that there is no way back.
    CannotBeUndone,
    /// Nothing takes this change back.
    Missing,
}

impl From<State> for StateJson {
    fn from(state: State) -> Self {
        match state {
            State::Tested => Self::Tested,
            State::ChangedSince => Self::ChangedSince,
            State::TriedAndFailed => Self::TriedAndFailed,
            State::TriedInconclusive => Self::TriedInconclusive,
            State::Never => Self::Never,
            State::Empty => Self::Empty,
            State::CannotBeUndone => Self::CannotBeUndone,
            State::Missing => Self::Missing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coverage::Artefact;
    use crate::coverage::state::Seen;
    use crate::layouts::Form;

    const STYLE: Style = Style { colour: false, width: 80 };

    fn row(path: &str, state: State, level: Option<u8>) -> Row {
        let artefact =
            Artefact { path: path.to_owned(), tool: Tool::GolangMigrate, up: None, form: Form::Acts };
        let seen = level.map(|level| Seen {
            run: "2026-01-01T0312Z-a1b2".to_owned(),
            when: "2026-01-01T03:12:00Z".to_owned(),
            scenario: "drop-column/right".to_owned(),
            outcome: if state == State::TriedAndFailed { Outcome::Fail } else { Outcome::Pass },
            level,
            how: Use::Folder,
            same: false,
        });
        Row { artefact, sha256: Some("ab".to_owned()), state, seen }
    }

    fn nothing() -> Coverage {
        let (without, unknown) = (Default::default(), Vec::new());
        Coverage { rows: Vec::new(), runs: 0, unread: Vec::new(), required: None, without, unknown }
    }

    fn coverage() -> Coverage {
        let rows = vec![
            row(
                "services/shop/db/migrations/0001_create_orders_and_customers.down.sql",
                State::Tested,
                Some(2),
            ),
            row("m/2_b.down.sql", State::ChangedSince, Some(3)),
            row("m/3_c.down.sql", State::TriedAndFailed, Some(0)),
            row("m/4_d.down.sql", State::Never, None),
            row("m/5_e.down.sql", State::Empty, None),
        ];
        Coverage { rows, runs: 3, ..nothing() }
    }

    #[test]
    fn the_table_fits_and_says_what_is_to_be_known() {
        let text = text(&coverage(), STYLE);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        let lines: Vec<&str> = text.lines().collect();
        let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(lines[0].starts_with(" artefact") && lines[0].ends_with("when"), "{text}");
        for part in [
            "golang-migrate  changed since     3      2026-01-01",
            "m/4_d.down.sql",
            "never tested      -      -",
            "3_c.down.sql: drop-column/right in run 2026-01-01T0312Z-a1b2 rolled back with it as it is, and failed",
            "m/5_e.down.sql: empty: takes nothing back",
            "1 of 5 rollback artefacts tested as they are, 1 changed since",
            "the rollback's tool had the folder",
        ] {
            assert!(text.contains(part) || flat.contains(part), "{part}\n{text}");
        }
    }

    #[test]
    fn a_level_that_is_asked_for_is_missed() {
        let mut coverage = coverage();
        coverage.rows.truncate(1);
        assert!(coverage.is_met());
        coverage.required = Some(3);
        assert!(!coverage.is_met());
        let flat = text(&coverage, STYLE).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.contains("tested at level 2, and level 3 is asked for"), "{flat}");
    }

    #[test]
    fn programs_read_the_same() {
        let page: serde_json::Value = serde_json::from_str(&json(&coverage())).unwrap();
        assert_eq!((&page["format"], &page["met"], &page["runs"]), (&1.into(), &false.into(), &3.into()));
        let validator = jsonschema::draft202012::new(&super::super::schemas::coverage()).unwrap();
        assert!(validator.is_valid(&page), "{page:#}");
        let second = &page["artefacts"][1];
        assert_eq!((&second["state"], &second["level"]), (&"changed_since".into(), &3.into()));
        assert_eq!((&second["tool"], &second["used"]), (&"golang_migrate".into(), &"folder".into()));
    }

    #[test]
    fn nothing_found_is_said() {
        let mut none = nothing();
        let said = |none: &Coverage| text(none, STYLE).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            said(&none)
                .contains("no rollback artefact was found: nothing here follows a layout that is known")
        );
        assert!(!none.is_met());
        none.without.insert(Tool::Prisma, 2);
        assert!(said(&none).contains("2 changes of Prisma with no way back beside them"), "{}", said(&none));
        none.unknown.push(("db/migrations".to_owned(), 3));
        let said = said(&none);
        assert!(
            said.contains("not known: 3 files in db/migrations follow no layout that is known here"),
            "{said}"
        );
        assert!(said.contains("whether anything here takes something back is not known"), "{said}");
        let page: serde_json::Value = serde_json::from_str(&json(&none)).unwrap();
        assert_eq!((&page["without"][0]["changes"], &page["unknown"][0]["files"]), (&2.into(), &3.into()));
    }
}

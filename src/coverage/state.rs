//! Artefacts against the history: tested, changed since, tried and failed, never.

use std::collections::BTreeMap;
use std::path::Path;

use super::{Artefact, inventory};
use crate::history::{History, PastRun, PastScenario, Unread};
use crate::layouts::{self, Form, Tool, Tree};
use crate::outcome::Outcome;
use crate::plan::material::{File, Material, Use};

/// All artefacts and what is known of each.
#[derive(Debug, Clone, PartialEq)]
pub struct Coverage {
    /// By path.
    pub rows: Vec<Row>,
    /// How many past runs were read.
    pub runs: usize,
    /// What looks like a run and could not be read.
    pub unread: Vec<Unread>,
    /// The level that each must have reached.
    pub required: Option<u8>,
    /// Tools whose changes have no way back as a rule, with how many changes have none.
    pub without: BTreeMap<Tool, usize>,
    /// Folders of migrations by their names that follow no layout that is known, with how many files each has.
    pub unknown: Vec<(String, usize)>,
}

impl Coverage {
    /// Whether there are artefacts, each is tested as it is, at the level that is asked for, and no folder is
    /// unknown.
    pub fn is_met(&self) -> bool {
        self.unknown.is_empty()
            && !self.rows.is_empty()
            && self.rows.iter().all(|row| row.is_met(self.required))
    }
}

/// One artefact.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The artefact.
    pub artefact: Artefact,
    /// SHA-256 of what it holds now; none where it is missing.
    pub sha256: Option<String>,
    /// What is known of it.
    pub state: State,
    /// The run that shows it.
    pub seen: Option<Seen>,
}

impl Row {
    /// Whether it is tested as it is, at this level where one is asked for.
    pub fn is_met(&self, required: Option<u8>) -> bool {
        self.state == State::Tested && !self.is_below(required)
    }

    /// Whether it is tested, and not at the level that is asked for.
    pub fn is_below(&self, required: Option<u8>) -> bool {
        let level = self.seen.as_ref().map_or(0, |seen| seen.level);
        self.state == State::Tested && required.is_some_and(|required| level < required)
    }
}

/// What is known of an artefact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// A run that passed rolled back with it, as it is now.
    Tested,
    /// What runs used was another content, of itself or of what it takes back.
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

/// The run that shows a state.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// The run's folder.
    pub run: String,
    /// When it began, RFC 3339.
    pub when: String,
    /// The scenario.
    pub scenario: String,
    /// Its verdict.
    pub outcome: Outcome,
    /// The level that it reached.
    pub level: u8,
    /// How its rollback used the artefact.
    pub how: Use,
    /// Whether the artefact itself was as it is now; else what it takes back may have been.
    pub same: bool,
}

/// Holds the artefacts of a tree against past runs.
pub fn cover(tree: &Tree, history: &History, required: Option<u8>) -> Coverage {
    let migrations = layouts::migrations(tree);
    let rows = inventory(&migrations).into_iter().map(|artefact| row(tree, history, artefact)).collect();
    let mut without = BTreeMap::new();
    for migration in migrations.iter().filter(|migration| migration.form == Form::Optional) {
        *without.entry(migration.tool).or_default() += 1;
    }
    let unknown = layouts::unknown(tree, &migrations);
    Coverage { rows, runs: history.runs.len(), unread: history.unread.clone(), required, without, unknown }
}

fn row(tree: &Tree, history: &History, artefact: Artefact) -> Row {
    let sha256 = tree.sha256(&artefact.path).map(str::to_owned);
    let (state, seen) = match artefact.form {
        Form::Empty => (State::Empty, None),
        Form::Refuses => (State::CannotBeUndone, None),
        Form::Missing => (State::Missing, None),
        Form::Acts | Form::Optional => state(tree, history, &artefact),
    };
    let sha256 = sha256.filter(|_| state != State::Missing);
    Row { artefact, sha256, state, seen }
}

fn state(tree: &Tree, history: &History, artefact: &Artefact) -> (State, Option<Seen>) {
    // Of each scenario its newest run counts; runs come oldest first.
    let (mut now, mut then) = (BTreeMap::new(), BTreeMap::new());
    for run in &history.runs {
        for scenario in &run.scenarios {
            let Some(sight) = sight(tree, artefact, run, scenario) else { continue };
            let which = if sight.as_now { &mut now } else { &mut then };
            which.insert(scenario.path.as_str(), (sight.seen, scenario.should_fail));
        }
    }
    if let Some(judged) = judge(&now) {
        return judged;
    }
    match best(then.values().map(|(seen, _)| seen)) {
        Some(seen) => (State::ChangedSince, Some(seen)),
        None => (State::Never, None),
    }
}

/// What the newest runs of scenarios say of an artefact as it is now. A scenario that is marked to fail shows
/// what a wrong way back does, and speaks against an artefact only where no other one speaks for it.
fn judge(now: &BTreeMap<&str, (Seen, bool)>) -> Option<(State, Option<Seen>)> {
    let passed = best(now.values().map(|(seen, _)| seen).filter(|seen| seen.outcome == Outcome::Pass));
    let against = now
        .values()
        .filter(|(seen, should_fail)| seen.outcome != Outcome::Pass && (!should_fail || passed.is_none()));
    let worst = against.map(|(seen, _)| seen).max_by(|a, b| (a.outcome, &a.when).cmp(&(b.outcome, &b.when)));
    match worst {
        Some(seen) if seen.outcome == Outcome::Fail => Some((State::TriedAndFailed, Some(seen.clone()))),
        Some(seen) => Some((State::TriedInconclusive, Some(seen.clone()))),
        None => passed.map(|seen| (State::Tested, Some(seen))),
    }
}

/// The one that proves most: passed, the highest level, the newest.
fn best<'s>(seen: impl Iterator<Item = &'s Seen>) -> Option<Seen> {
    let proves = |seen: &&Seen| (seen.outcome == Outcome::Pass, seen.level, seen.when.clone());
    seen.max_by_key(proves).cloned()
}

struct Sight {
    seen: Seen,
    /// Whether the artefact and what it takes back were as they are now.
    as_now: bool,
}

fn sight(tree: &Tree, artefact: &Artefact, run: &PastRun, scenario: &PastScenario) -> Option<Sight> {
    let file = recorded(tree, &scenario.material, &artefact.path)?;
    let how = used(artefact.tool, file)?;
    let same = |path: &str, file: &File| tree.sha256(path) == Some(file.sha256.as_str());
    let same_itself = same(&artefact.path, file);
    let same_up = artefact.up.as_ref().is_none_or(|up| {
        let recorded = recorded(tree, &scenario.material, up);
        recorded.is_none_or(|file| same(up, file))
    });
    let seen = Seen {
        run: run.name.clone(),
        when: run.began.clone(),
        scenario: scenario.path.clone(),
        outcome: scenario.outcome,
        level: scenario.level,
        how,
        same: same_itself,
    };
    Some(Sight { seen, as_now: same_itself && same_up })
}

/// How a rollback used a file, where that shows anything: out of a folder only tools pick.
fn used(tool: Tool, file: &File) -> Option<Use> {
    match file.rollback {
        Some(Use::Folder) if !tool.picks() => file.staging.then_some(Use::Named),
        None if tool == Tool::Compose && file.staging => Some(Use::Named),
        how => how,
    }
}

/// What a run recorded of a file: by where it lies, else by its path below the root, as in another checkout.
fn recorded<'m>(tree: &Tree, material: &'m Material, path: &str) -> Option<&'m File> {
    let path = tree.folder.join(path);
    let below = |root: &Path| Some(path.strip_prefix(root).ok()?.display().to_string());
    let here = below(&material.root).and_then(|below| material.files.get(&below));
    here.or_else(|| material.files.get(&below(&tree.root)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layouts::testing::tree_of;

    const DOWN: &str = "m/1_a.down.sql";
    const UP: &str = "m/1_a.up.sql";

    fn migrations() -> Tree {
        tree_of(&[(UP, "DROP TABLE a"), (DOWN, "CREATE TABLE a (b int)")])
    }

    /// A run of a scenario that rolled back with the files of a tree as they are there.
    fn ran(tree: &Tree, day: u8, scenario: &str, outcome: Outcome, level: u8, how: Use) -> PastRun {
        let mut material = Material { root: "/elsewhere".into(), ..Material::default() };
        for (path, _) in tree.texts() {
            let sha256 = tree.sha256(path).unwrap().to_owned();
            material.files.insert(path.to_owned(), File { sha256, rollback: Some(how), ..File::default() });
        }
        let path = scenario.to_owned();
        let scenario = PastScenario { path, outcome, level, should_fail: scenario == "wrong", material };
        PastRun {
            name: format!("run-{day}"),
            began: format!("2026-01-0{day}T00:00:00Z"),
            scenarios: vec![scenario],
        }
    }

    fn of(tree: &Tree, runs: Vec<PastRun>) -> Row {
        let history = History { runs, unread: Vec::new() };
        let coverage = cover(tree, &history, None);
        assert_eq!(coverage.is_met(), coverage.rows[0].state == State::Tested);
        coverage.rows[0].clone()
    }

    #[test]
    fn what_no_run_used_was_never_tested() {
        let tree = migrations();
        assert_eq!(of(&tree, Vec::new()).state, State::Never);
        let other = tree_of(&[("m/2_b.down.sql", "DROP TABLE b")]);
        assert_eq!(of(&tree, vec![ran(&other, 1, "x", Outcome::Pass, 2, Use::Named)]).state, State::Never);
    }

    #[test]
    fn the_best_level_of_a_passing_run_counts_with_its_time() {
        let tree = migrations();
        let runs = [(1, "x", 2), (2, "y", 3), (3, "z", 2)];
        let runs =
            runs.map(|(day, scenario, level)| ran(&tree, day, scenario, Outcome::Pass, level, Use::Folder));
        let row = of(&tree, runs.to_vec());
        let seen = row.seen.as_ref().unwrap();
        assert_eq!((row.state, seen.level, seen.when.as_str()), (State::Tested, 3, "2026-01-02T00:00:00Z"));
        assert!(row.is_met(Some(3)) && !row.is_met(Some(4)));
    }

    #[test]
    fn another_content_of_it_or_of_its_up_is_a_change_since() {
        let tree = migrations();
        for (up, down, same) in [("DROP TABLE a", "", false), ("", "CREATE TABLE a (b int)", true)] {
            let before = tree_of(&[(UP, up), (DOWN, down)]);
            let row = of(&tree, vec![ran(&before, 1, "x", Outcome::Pass, 2, Use::Named)]);
            assert_eq!((row.state, row.seen.unwrap().same), (State::ChangedSince, same));
        }
    }

    #[test]
    fn a_run_that_does_not_pass_is_no_test() {
        let tree = migrations();
        let run = |day, scenario, outcome| ran(&tree, day, scenario, outcome, 0, Use::Named);
        let state = |runs| of(&tree, runs).state;
        assert_eq!(state(vec![run(1, "x", Outcome::Fail)]), State::TriedAndFailed);
        assert_eq!(state(vec![run(1, "x", Outcome::Inconclusive)]), State::TriedInconclusive);
        // The newest run of a scenario counts, in either direction.
        assert_eq!(
            state(vec![run(1, "x", Outcome::Pass), run(2, "x", Outcome::Fail)]),
            State::TriedAndFailed
        );
        assert_eq!(state(vec![run(1, "x", Outcome::Fail), run(2, "x", Outcome::Pass)]), State::Tested);
        // What another scenario shows is not outweighed, but by one that is marked to fail.
        assert_eq!(
            state(vec![run(1, "x", Outcome::Pass), run(2, "y", Outcome::Fail)]),
            State::TriedAndFailed
        );
        assert_eq!(state(vec![run(1, "x", Outcome::Pass), run(2, "wrong", Outcome::Fail)]), State::Tested);
        assert_eq!(state(vec![run(2, "wrong", Outcome::Fail)]), State::TriedAndFailed);
    }

    #[test]
    fn a_script_that_only_lay_in_a_folder_was_not_run() {
        let tree = tree_of(&[("bin/rollback.sh", "kubectl rollout undo deploy/api")]);
        let with = |how| of(&tree, vec![ran(&tree, 1, "x", Outcome::Pass, 2, how)]).state;
        assert_eq!((with(Use::Folder), with(Use::Named)), (State::Never, State::Tested));
    }

    #[test]
    fn what_can_be_seen_without_a_run_needs_none() {
        for (down, state) in [("", State::Empty), ("-- irreversible", State::CannotBeUndone)] {
            let tree = tree_of(&[(UP, "DROP TABLE a"), (DOWN, down)]);
            assert_eq!(of(&tree, vec![ran(&tree, 1, "x", Outcome::Pass, 2, Use::Named)]).state, state);
        }
        assert_eq!(of(&tree_of(&[(UP, "DROP TABLE a")]), Vec::new()).state, State::Missing);
        assert!(!cover(&tree_of(&[]), &History::default(), None).is_met());
    }

    #[test]
    fn what_is_not_known_is_not_met() {
        let known = [(UP, "DROP TABLE a"), (DOWN, "CREATE TABLE a (b int)")];
        let runs = || vec![ran(&tree_of(&known), 1, "x", Outcome::Pass, 2, Use::Named)];
        let covered = |files: &[(&str, &str)]| {
            let history = History { runs: runs(), unread: Vec::new() };
            cover(&tree_of(files), &history, None)
        };
        assert!(covered(&known).is_met());
        let more = covered(&[known[0], known[1], ("db/migrations/1.lua", "up = 1")]);
        assert_eq!(more.unknown, [("db/migrations".to_owned(), 1)]);
        assert!(!more.is_met());
        let prisma = covered(&[("m/1_a/migration.sql", "DROP TABLE a")]);
        assert_eq!(prisma.without, BTreeMap::from([(Tool::Prisma, 1)]));
    }
}

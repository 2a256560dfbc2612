//! Which ways back have ever been walked: the rollback artefacts below a folder against past runs.
//!
//! One file per layout says what an artefact is there, what it takes back, and when it takes nothing back.
//! `state.rs` holds the artefacts against the history.

mod alembic;
pub mod artefact;
mod compose;
mod dbmate;
mod diesel;
mod django;
mod flyway;
mod pairs;
mod python;
mod rails;
mod script;
mod sql;
pub mod state;
#[cfg(test)]
mod testing;
mod tree;

pub use artefact::{Artefact, Form, Tool};
pub use state::{Coverage, Row, State, cover};
pub use tree::{Tree, tree};

/// What one layout finds in a tree.
type Layout = fn(&Tree) -> Vec<Artefact>;

/// The layouts. Where two claim a file, the first has it.
const LAYOUTS: [Layout; 9] = [
    pairs::find,
    diesel::find,
    dbmate::find,
    flyway::find,
    alembic::find,
    rails::find,
    django::find,
    compose::find,
    script::find,
];

/// All rollback artefacts of a tree, by path.
pub fn inventory(tree: &Tree) -> Vec<Artefact> {
    let mut found = std::collections::BTreeMap::new();
    for artefact in LAYOUTS.iter().flat_map(|find| find(tree)) {
        found.entry(artefact.path.clone()).or_insert(artefact);
    }
    found.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::testing::{found, tree_of};

    #[test]
    fn a_file_that_two_layouts_know_is_listed_once() {
        let tree = tree_of(&[("m/1_a.up.sql", "CREATE TABLE a (b int)"), ("m/1_a.down.sql", "DROP TABLE a")]);
        assert_eq!(found(&tree), ["m/1_a.down.sql golang-migrate Acts"]);
    }

    #[test]
    fn what_is_no_way_back_is_not_listed() {
        let tree = tree_of(&[
            ("README.md", "rollback"),
            ("docs/rollback.md", "how"),
            ("src/undo.rs", "fn undo() {}"),
            ("bin/shutdown.sh", "halt"),
            ("bin/tear-down.sh", "rm"),
            ("bin/countdown.sh", "sleep 1"),
            ("seed.sql", "SELECT 1"),
            ("compose.yaml", "services: { a: { image: b } }"),
            ("compose.override.yaml", "services: { a: { image: b } }"),
            ("app/models.py", "class A: pass"),
            ("node_modules/x/rollback.sh", "true"),
        ]);
        assert_eq!(found(&tree), Vec::<String>::new());
    }
}

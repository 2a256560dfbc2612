//! What takes something back below a folder.

use std::collections::BTreeMap;

use crate::layouts::{Form, Migration, Tool};

/// A file that takes something back, or should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artefact {
    /// Its path below the folder that was looked through. Where it is missing, that of the file which it
    /// should take back.
    pub path: String,
    /// Whose layout it follows.
    pub tool: Tool,
    /// The file that it takes back, where that is another one.
    pub up: Option<String>,
    /// What can be seen of it without running it.
    pub form: Form,
}

/// The artefacts of migrations, by path. Of several ways back in one file the worst is told.
pub fn inventory(migrations: &[Migration]) -> Vec<Artefact> {
    let mut found: BTreeMap<String, Artefact> = BTreeMap::new();
    for migration in migrations.iter().filter(|migration| migration.form != Form::Optional) {
        let artefact = artefact(migration);
        let known = found.entry(artefact.path.clone()).or_insert_with(|| artefact.clone());
        if rank(artefact.form) > rank(known.form) {
            *known = artefact;
        }
    }
    found.into_values().collect()
}

fn artefact(migration: &Migration) -> Artefact {
    let up = migration.takes_back().map(str::to_owned);
    Artefact { path: migration.path().to_owned(), tool: migration.tool, up, form: migration.form }
}

/// How much is wrong with a form.
fn rank(form: Form) -> u8 {
    match form {
        Form::Optional | Form::Acts => 0,
        Form::Empty => 1,
        Form::Refuses => 2,
        Form::Missing => 3,
    }
}

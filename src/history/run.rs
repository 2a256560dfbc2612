//! One past run from its journal. Pure: the verdict is the one that `judge` gives.

use crate::journal;
use crate::outcome::Outcome;
use crate::plan::material::Material;
use crate::verdict::{self, Timeline};

/// A past run.
#[derive(Debug, Clone, PartialEq)]
pub struct PastRun {
    /// The name of its folder.
    pub name: String,
    /// When it began, RFC 3339.
    pub began: String,
    /// Its scenarios, in the order of the drill.
    pub scenarios: Vec<PastScenario>,
}

/// What a past run says of a scenario.
#[derive(Debug, Clone, PartialEq)]
pub struct PastScenario {
    /// Its identity.
    pub path: String,
    /// The worst of its findings, whatever the drill says.
    pub outcome: Outcome,
    /// What has been proven (S3).
    pub level: u8,
    /// Whether the drill says that it must fail.
    pub should_fail: bool,
    /// The files that its change and rollback used.
    pub material: Material,
}

/// A past run from the text of its journal.
///
/// # Errors
/// Why the journal cannot be judged.
pub fn past(name: &str, journal: &str) -> Result<PastRun, String> {
    let records = journal::read(journal).map_err(|broken| broken.to_string())?.records;
    let timeline = Timeline::new(&records).ok_or("it holds no plan")?;
    let verdict = verdict::judge(&timeline);
    let entries = timeline.plan.scenarios.into_iter().zip(verdict.scenarios);
    let scenarios = entries.map(|(entry, judged)| PastScenario {
        path: judged.path,
        outcome: judged.outcome,
        level: judged.level,
        should_fail: entry.should_fail,
        material: entry.plan.material,
    });
    Ok(PastRun { name: name.to_owned(), began: verdict.began, scenarios: scenarios.collect() })
}

#[cfg(test)]
pub(super) mod tests {
    use sha2::{Digest, Sha256};

    use super::*;
    use crate::plan::material::File;
    use crate::verdict::testing::{all_well, entry, journal, plan};

    /// The text of a journal in which all goes well.
    pub(crate) fn well() -> String {
        let mut plan = plan();
        plan.material.files.insert("down.sql".to_owned(), File::default());
        let (mut text, mut before) = (String::new(), String::new());
        for mut record in journal(entry(plan), all_well()) {
            record.prev =
                Sha256::digest(before.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
            before = serde_json::to_string(&record).unwrap();
            text.push_str(&before);
            text.push('\n');
        }
        text
    }

    #[test]
    fn a_run_is_judged_from_its_journal_and_brings_its_files_along() {
        let past = past("monday", &well()).unwrap();
        let only = &past.scenarios[0];
        assert_eq!((past.name.as_str(), past.began.as_str()), ("monday", "2026-01-01T03:12:00Z"));
        assert_eq!((only.outcome, only.level, only.should_fail), (Outcome::Pass, 2, false));
        assert!(only.material.files.contains_key("down.sql"));
    }

    #[test]
    fn a_journal_that_cannot_be_judged_says_why() {
        assert!(past("a", "").unwrap_err().contains("the drill never began"));
        assert!(past("a", "{}\n").unwrap_err().contains("the first record is not the plan"));
        assert!(past("a", &well().replacen("stage_up", "rollback_late", 1)).unwrap_err().contains("changed"));
    }
}

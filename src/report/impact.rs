//! What the change touched, for people and for programs.

use schemars::JsonSchema;
use serde::Serialize;

use super::card::Row;
use crate::outcome::{Check, Outcome};
use crate::plan::impact::Touchable;
use crate::text::{clean, counted};
use crate::verdict::ScenarioVerdict;
use crate::verdict::model::{ImpactVerdict, Touched};

/// How many things a row names.
const SHOWN: usize = 8;

/// What the change touched: what the control run left that clients and idling do not explain.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Impact {
    /// Each thing.
    pub touched: Vec<Thing>,
    /// What is declared and was not touched.
    pub untouched: Vec<String>,
    /// What is not the same, and moves by itself too: whether the change touched it cannot be told.
    pub moving: Vec<String>,
}

/// Something that was touched.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Thing {
    /// What it is.
    pub kind: Touchable,
    /// Its name; of keys, files and queues that are declared by a pattern, that pattern.
    pub name: String,
    /// What of it: `rows`, `schema`, `image`, `env SHOP_VERSION`.
    pub how: Vec<String>,
    /// Whether the scenario declares it; null where it declares no impact.
    pub declared: Option<bool>,
}

impl From<&ImpactVerdict> for Impact {
    fn from(impact: &ImpactVerdict) -> Self {
        let cleaned = |lines: &[String]| lines.iter().map(|line| clean(line)).collect();
        let thing = |one: &Touched| Thing {
            kind: one.kind,
            name: clean(&one.name),
            how: one.how.iter().map(|how| clean(how)).collect(),
            declared: one.declared,
        };
        Self {
            touched: impact.touched.iter().map(thing).collect(),
            untouched: cleaned(&impact.untouched),
            moving: cleaned(&impact.moving),
        }
    }
}

/// The line of a scorecard; none where nobody has seen anything and nobody has asked.
pub(super) fn row(scenario: &ScenarioVerdict) -> Option<Row> {
    let judged = scenario.findings.iter().filter(|found| found.check == Check::Impact);
    let judged = judged.map(|found| found.outcome).max();
    let value = match judged {
        Some(Outcome::Pass) => "as declared",
        Some(Outcome::Inconclusive) => "unknown",
        Some(Outcome::Fail) => "WIDER",
        None => "not judged",
    };
    let detail = match (&scenario.impact, judged) {
        (Some(impact), _) => touched(&impact.touched),
        (None, Some(_)) => String::new(),
        (None, None) => return None,
    };
    Some(Row::new("impact", value, detail).of(judged.unwrap_or(Outcome::Pass)))
}

/// `public.orders (rows, schema), api (image)`.
fn touched(all: &[Touched]) -> String {
    if all.is_empty() {
        return "nothing is touched".to_owned();
    }
    let named = |one: &Touched| {
        let how = one.how.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        format!("{} ({how})", one.name)
    };
    let mut shown: Vec<String> = all.iter().take(SHOWN).map(named).collect();
    if all.len() > SHOWN {
        shown.push(format!("{} more", all.len() - SHOWN));
    }
    shown.join(", ")
}

/// What is worth a line and no finding.
pub(super) fn remarks(scenario: &ScenarioVerdict) -> Vec<String> {
    let Some(impact) = &scenario.impact else { return Vec::new() };
    let mut remarks = Vec::new();
    if !impact.untouched.is_empty() {
        let things = counted(impact.untouched.len(), "thing");
        remarks.push(format!("the impact names {things} not touched here: {}", impact.untouched.join(", ")));
    }
    let is_declared = impact.touched.iter().any(|one| one.declared.is_some());
    if is_declared && !impact.moving.is_empty() {
        let moving = impact.moving.join(", ");
        remarks.push(format!("no impact can be told of what moves by itself: {moving}"));
    }
    remarks
}

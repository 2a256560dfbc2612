//! The clients of a run, as `scorecard.json` tells of them.

use schemars::JsonSchema;
use serde::Serialize;

use crate::text::clean;
use crate::traffic::{Few, ReadBack};
use crate::verdict::model::{Phase, TrafficVerdict};

/// How the clients of one traffic were served, and what became of what they had been told.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Traffic {
    /// Its name.
    pub name: String,
    /// Before, change, failure, rollback, after: those in which there were requests.
    pub phases: Vec<Requests>,
    /// The times in which old code stood on the new schema, or new code on the old one.
    pub windows: Vec<Requests>,
    /// From the failure, else the beginning of the rollback, until no request failed any more; null when
    /// the last one did.
    pub well_after_seconds: Option<f64>,
    /// How far 99 of 100 requests were at most behind their time.
    pub behind_p99_ms: Option<f64>,
    /// What was found when everything was read back; null when it was not.
    pub read_back: Option<Promises>,
}

/// The requests of a part of a run.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Requests {
    /// The part.
    pub name: String,
    /// All of them.
    pub requests: u64,
    /// Acknowledged writes, updates and deletes.
    pub acknowledged: u64,
    /// Refused ones.
    pub refused: u64,
    /// Those of unknown fate.
    pub unknown: u64,
    /// Reads that were answered.
    pub reads: u64,
    /// Reads that were not.
    pub failed_reads: u64,
    /// Half of them took at most so long from when they were due.
    pub p50_ms: Option<f64>,
    /// 99 of 100 took at most so long.
    pub p99_ms: Option<f64>,
}

/// What was found when everything was read back.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Promises {
    /// Keys under which something must be.
    pub acknowledged: u64,
    /// Keys under which something may be, or not.
    pub unknown: u64,
    /// Of those, under which something is.
    pub unknown_there: u64,
    /// Acknowledged, and gone.
    pub lost: Broken,
    /// There more than once.
    pub duplicated: Broken,
    /// Refused or removed, and yet there.
    pub phantom: Broken,
    /// There with other content.
    pub corrupt: Broken,
    /// Not found meanwhile, although acknowledged and there.
    pub stale: Broken,
    /// Nobody answered.
    pub unanswered: Broken,
}

/// Promises that were broken in one way.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Broken {
    /// How many.
    pub count: u64,
    /// The time between the first and the last of these promises (of lost ones: the recovery point).
    pub span_seconds: f64,
    /// The first keys.
    pub first: Vec<String>,
}

impl From<&TrafficVerdict> for Traffic {
    fn from(traffic: &TrafficVerdict) -> Self {
        Self {
            name: clean(&traffic.name),
            phases: traffic.phases.iter().map(Requests::from).collect(),
            windows: traffic.windows.iter().map(Requests::from).collect(),
            well_after_seconds: traffic.well_after_ms.map(|ms| ms as f64 / 1000.0),
            behind_p99_ms: traffic.behind_us.map(millis),
            read_back: traffic.back.as_ref().map(Promises::from),
        }
    }
}

fn millis(micros: u64) -> f64 {
    micros as f64 / 1000.0
}

impl From<&Phase> for Requests {
    fn from(phase: &Phase) -> Self {
        Self {
            name: phase.name.clone(),
            requests: phase.counts.all(),
            acknowledged: phase.counts.acknowledged,
            refused: phase.counts.refused,
            unknown: phase.counts.unknown,
            reads: phase.counts.looked,
            failed_reads: phase.counts.unanswered,
            p50_ms: phase.latency.quantile(0.5).map(millis),
            p99_ms: phase.latency.quantile(0.99).map(millis),
        }
    }
}

impl From<&ReadBack> for Promises {
    fn from(back: &ReadBack) -> Self {
        Self {
            acknowledged: back.present,
            unknown: back.unknown,
            unknown_there: back.unknown_there,
            lost: Broken::from(&back.lost),
            duplicated: Broken::from(&back.duplicated),
            phantom: Broken::from(&back.phantom),
            corrupt: Broken::from(&back.corrupt),
            stale: Broken::from(&back.stale),
            unanswered: Broken::from(&back.unanswered),
        }
    }
}

impl From<&Few> for Broken {
    fn from(few: &Few) -> Self {
        Self {
            count: few.count,
            span_seconds: few.to_ms.saturating_sub(few.from_ms) as f64 / 1000.0,
            first: few.first.iter().map(|found| clean(&found.key)).collect(),
        }
    }
}

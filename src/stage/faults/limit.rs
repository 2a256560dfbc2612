//! `limit`: less memory or processor time. The engine is asked what it has set, and the kernel, from inside
//! the container, what is in force and whom it has struck. Where the kernel cannot be asked (there is no
//! shell), the evidence says that only the engine vouches for it.

use std::time::Duration;

use super::{Seen, describe, look};
use crate::plan::model::Limits;
use crate::stage::{Stage, StageError};

/// The kernel's files, of control groups of version 1 and 2; a shell can read them all by itself.
const READ: &str = "cd /sys/fs/cgroup; for file in memory/memory.limit_in_bytes memory/memory.usage_in_bytes \
                    memory/memory.oom_control memory.max memory.current memory.events \
                    cpu/cpu.cfs_quota_us cpu/cpu.stat cpu.max cpu.stat; do \
                    [ -r $file ] && while read -r line; do echo \"$file $line\"; done < $file; done; true";

/// How long the kernel's figures may take: what is limited is slow.
const LOOK: Duration = Duration::from_secs(5);

pub(super) async fn inject(
    stage: &dyn Stage,
    service: &str,
    limits: &Limits,
    within: Duration,
) -> Result<Seen, StageError> {
    stage.limit(service, limits).await?;
    let set = |now: &crate::stage::Instance| covers(&now.limits, limits);
    if let Err(now) = look(stage, service, within, set).await? {
        return Ok(Seen::nothing(format!(
            "it was limited, and the engine says otherwise: {}",
            describe(&now)
        )));
    }
    Ok(match figures(stage, service).await {
        Some(figures) if figures.hold(limits) => Seen::acted(figures.words(limits)),
        Some(figures) => Seen::nothing(format!("the kernel says otherwise: {}", figures.words(limits))),
        None => Seen::acted("the engine says so; the kernel could not be asked (no shell in the container)"),
    })
}

/// What was killed for want of memory is started again, without the limit. Gives what was seen before.
pub(super) async fn heal(stage: &dyn Stage, service: &str, limits: &Limits) -> Result<String, StageError> {
    let seen = match figures(stage, service).await {
        Some(figures) => figures.words(limits),
        None => describe(&stage.instances(service).await?),
    };
    stage.unlimit(service, limits).await?;
    super::start(stage, service).await?;
    let lifted = |now: &Limits| {
        (limits.memory.is_none() || now.memory.is_none())
            && (limits.cpu_percent.is_none() || now.cpu_percent.is_none())
    };
    while !stage.instances(service).await?.iter().all(|instance| lifted(&instance.limits)) {
        stage.changed().await;
    }
    Ok(seen)
}

fn covers(now: &Limits, wanted: &Limits) -> bool {
    (wanted.memory.is_none() || now.memory == wanted.memory)
        && (wanted.cpu_percent.is_none() || now.cpu_percent == wanted.cpu_percent)
}

/// What the kernel says of a container; none is no limit, or nothing said.
#[derive(Debug, Default, PartialEq, Eq)]
struct Figures {
    memory: Option<u64>,
    memory_used: Option<u64>,
    killed: Option<u64>,
    /// Microseconds of each 100 ms.
    quota: Option<u64>,
    throttled: Option<u64>,
}

impl Figures {
    /// Reads lines of file name, key where there is one, and number.
    fn read(lines: &[String]) -> Self {
        let mut figures = Self::default();
        for line in lines {
            let words: Vec<&str> = line.split(' ').collect();
            let number = |at: usize| words.get(at).and_then(|word: &&str| word.parse().ok());
            match (words[0], words.get(1).copied()) {
                ("memory/memory.limit_in_bytes" | "memory.max", _) => figures.memory = number(1),
                ("memory/memory.usage_in_bytes" | "memory.current", _) => figures.memory_used = number(1),
                ("memory/memory.oom_control" | "memory.events", Some("oom_kill")) => {
                    figures.killed = number(2);
                }
                ("cpu/cpu.cfs_quota_us" | "cpu.max", _) => figures.quota = number(1),
                ("cpu/cpu.stat" | "cpu.stat", Some("nr_throttled")) => figures.throttled = number(2),
                _ => {}
            }
        }
        figures
    }

    /// Whether the limits are in force. Processor time is in force by the kernel's period of 100 ms.
    fn hold(&self, limits: &Limits) -> bool {
        let quota = limits.cpu_percent.map(|percent| u64::from(percent) * 1000);
        (limits.memory.is_none() || self.memory == limits.memory) && (quota.is_none() || self.quota == quota)
    }

    fn words(&self, limits: &Limits) -> String {
        let shown = |number: Option<u64>| number.map_or_else(|| "?".to_owned(), |number| number.to_string());
        let mut words = Vec::new();
        if limits.memory.is_some() {
            words.push(format!(
                "the kernel's limit on memory is {} bytes, {} are in use, and it has killed for want of more {} times",
                shown(self.memory),
                shown(self.memory_used),
                shown(self.killed)
            ));
        }
        if limits.cpu_percent.is_some() {
            words.push(format!(
                "the kernel's limit on processor time is {} of 100000 µs, and it has held the processes up {} times",
                shown(self.quota),
                shown(self.throttled)
            ));
        }
        words.join("; ")
    }
}

/// None where the kernel cannot be asked.
async fn figures(stage: &dyn Stage, service: &str) -> Option<Figures> {
    let command = ["sh", "-c", READ].map(str::to_owned);
    let read = async {
        let mut process = stage.exec(service, &command).await.ok()?;
        let mut lines = Vec::new();
        while let Some(line) = process.line().await {
            lines.push(line.text);
        }
        Some(Figures::read(&lines))
    };
    let figures = tokio::time::timeout(LOOK, read).await.ok().flatten();
    figures.filter(|figures| *figures != Figures::default())
}

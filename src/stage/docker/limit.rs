//! Limits by the engine's update call.
//!
//! What Docker 20.10 makes of it, measured: 0 leaves a limit as it is, and -1 is refused for memory (it is
//! less than 6 MB). So memory is freed by the largest number that the kernel takes, which is the very
//! number that a container without a limit has. Swap is freed by -1, as control groups of version 2 need
//! it; of version 1 the kernel refuses memory above the limit with swap, so there it gets the same number.

use bollard::models::{ContainerUpdateBody, HostConfig};

use super::DockerStage;
use super::client::Problem;
use crate::plan::model::Limits;
use crate::stage::StageError;

/// The kernel's "no limit", in whole pages.
const WITHOUT_END: i64 = i64::MAX - 4095;
/// The kernel's usual length of a period, in microseconds.
const PERIOD: i64 = 100_000;

impl DockerStage {
    pub(super) async fn set_limits(&self, service: &str, limits: &Limits) -> Result<(), StageError> {
        let body = set(limits);
        let set = |name: String| {
            let body = body.clone();
            async move { self.engine().update_container(&name, body).await }
        };
        self.each("limit", service, set).await
    }

    pub(super) async fn lift_limits(&self, service: &str, limits: &Limits) -> Result<(), StageError> {
        let lift = |name: String| {
            let limits = *limits;
            async move { self.lift(&name, &limits).await }
        };
        self.each("lift the limits of", service, lift).await
    }

    async fn lift(&self, name: &str, limits: &Limits) -> Result<(), Problem> {
        let body = lifted(limits, -1);
        match self.engine().update_container(name, body).await {
            Err(problem) if limits.memory.is_some() && !problem.is_missing() => {
                self.engine().update_container(name, lifted(limits, WITHOUT_END)).await
            }
            other => other,
        }
    }
}

/// Memory and swap together: the limit is on both, so that nothing is swapped out instead of refused.
fn set(limits: &Limits) -> ContainerUpdateBody {
    let memory = limits.memory.map(|bytes| i64::try_from(bytes).unwrap_or(WITHOUT_END));
    ContainerUpdateBody {
        memory,
        memory_swap: memory,
        cpu_period: limits.cpu_percent.map(|_| PERIOD),
        cpu_quota: limits.cpu_percent.map(|percent| i64::from(percent) * (PERIOD / 100)),
        ..ContainerUpdateBody::default()
    }
}

fn lifted(limits: &Limits, swap: i64) -> ContainerUpdateBody {
    ContainerUpdateBody {
        memory: limits.memory.map(|_| WITHOUT_END),
        memory_swap: limits.memory.map(|_| swap),
        cpu_period: limits.cpu_percent.map(|_| PERIOD),
        cpu_quota: limits.cpu_percent.map(|_| -1),
        ..ContainerUpdateBody::default()
    }
}

/// The limits of a container, as the engine knows them. Pure.
pub(super) fn of(host: Option<&HostConfig>) -> Limits {
    let memory = host.and_then(|host| host.memory).filter(|bytes| (1..WITHOUT_END).contains(bytes));
    let period = host.and_then(|host| host.cpu_period).filter(|period| *period > 0).unwrap_or(PERIOD);
    let quota = host.and_then(|host| host.cpu_quota).filter(|quota| *quota > 0);
    let percent = quota.map(|quota| quota.saturating_mul(100) / period);
    Limits {
        memory: memory.and_then(|bytes| u64::try_from(bytes).ok()),
        cpu_percent: percent.and_then(|percent| u32::try_from(percent).ok()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(body: &ContainerUpdateBody) -> HostConfig {
        HostConfig {
            memory: body.memory,
            cpu_period: body.cpu_period,
            cpu_quota: body.cpu_quota,
            ..HostConfig::default()
        }
    }

    #[test]
    fn what_was_set_is_read_and_what_was_lifted_is_no_limit() {
        let limits = Limits { memory: Some(64 << 20), cpu_percent: Some(7) };
        assert_eq!(of(Some(&host(&set(&limits)))), limits);
        assert_eq!(of(Some(&host(&lifted(&limits, -1)))), Limits::default());
        assert_eq!(of(Some(&HostConfig::default())), Limits::default());
    }

    #[test]
    fn a_limit_that_is_not_given_is_left_alone() {
        let memory = Limits { memory: Some(64 << 20), cpu_percent: None };
        let body = set(&memory);
        assert_eq!((body.memory_swap, body.cpu_quota), (Some(64 << 20), None));
        assert_eq!(lifted(&memory, -1).cpu_quota, None);
        assert_eq!(lifted(&Limits { memory: None, cpu_percent: Some(7) }, -1).memory, None);
    }
}

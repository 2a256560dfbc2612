//! Faults: each file injects one, verifies by looking that it acted, and heals it by a deadline.
//! They need nothing but a [`Stage`], so the fake has them too.

mod disconnect;
mod exec;
mod fill_disk;
mod kill;
mod limit;
mod pause;
mod restart;
mod stop;
mod wire;

use std::time::Duration;

use crate::plan::model::Fault;
use crate::stage::{Instance, Killed, Stage, StageError};

/// A fault that was injected, and what was seen of it.
#[must_use = "a fault stays until it is healed"]
#[derive(Debug, Clone)]
pub struct Injected {
    /// The fault.
    pub fault: Fault,
    /// Whether it was seen to act.
    pub acted: bool,
    /// What was seen, in words: evidence that it acted, or that it did not.
    pub evidence: String,
    /// How a signal was delivered.
    pub killed: Option<Killed>,
}

/// Injects a fault and looks whether it acted, at most for the given time. A fault that was not seen
/// to act is not an error: it says so.
///
/// # Errors
/// When the stage refuses. What was done before stays to be healed: call [`heal`] all the same.
pub async fn inject(stage: &dyn Stage, fault: &Fault, within: Duration) -> Result<Injected, StageError> {
    let injected = async {
        match fault {
            Fault::Abort => {
                Err(StageError::new("inject", "abort", "it acts on the operation, not on the stage"))
            }
            Fault::Database { service, .. } => Err(elsewhere(service)),
            Fault::Kill { service, signal } => kill::inject(stage, service, signal, within).await,
            Fault::Stop { service } => stop::inject(stage, service, within).await,
            Fault::Pause { service } => pause::inject(stage, service, within).await,
            Fault::Restart { service } => restart::inject(stage, service, within).await,
            Fault::Disconnect { service, network } => {
                disconnect::inject(stage, service, network, within).await
            }
            Fault::Exec { service, command, verify, .. } => {
                exec::inject(stage, service, command, verify).await
            }
            Fault::Wire { service, weather, number } => wire::inject(stage, service, weather, *number).await,
            Fault::FillDisk { service, path } => fill_disk::inject(stage, service, path).await,
            Fault::Limit { service, limits } => limit::inject(stage, service, limits, within).await,
        }
    };
    let seen = timely(within, "inject", fault, injected).await?;
    let Seen { acted, evidence, killed } = seen;
    Ok(Injected { fault: fault.clone(), acted, evidence, killed })
}

/// Undoes a fault and looks whether it is undone. Healing twice, or what never acted, does no harm. Gives
/// what was seen of the fault at its end, where there is something to say.
///
/// # Errors
/// When the stage refuses or the deadline passes; then the fault may still be in place.
pub async fn heal(stage: &dyn Stage, fault: &Fault, within: Duration) -> Result<String, StageError> {
    let mut seen = String::new();
    let healed = async {
        match fault {
            Fault::Abort => Ok(()),
            Fault::Database { service, .. } => Err(elsewhere(service)),
            Fault::Kill { service, .. } | Fault::Stop { service } | Fault::Restart { service } => {
                start(stage, service).await
            }
            Fault::Pause { service } => pause::heal(stage, service).await,
            Fault::Disconnect { service, network } => disconnect::heal(stage, service, network).await,
            Fault::Exec { service, heal, .. } => exec::heal(stage, service, heal.as_deref()).await,
            Fault::Wire { service, number, .. } => {
                wire::heal(stage, service, *number).await.map(|last| seen = last)
            }
            Fault::Limit { service, limits } => {
                limit::heal(stage, service, limits).await.map(|last| seen = last)
            }
            Fault::FillDisk { service, path } => fill_disk::heal(stage, service, path, within).await,
        }
    };
    timely(within, "heal", fault, healed).await?;
    Ok(seen)
}

fn elsewhere(service: &str) -> StageError {
    StageError::new("reach", format!("the database of service {service}"), "a stage does not know it")
}

/// What a look at the stage showed.
struct Seen {
    acted: bool,
    evidence: String,
    killed: Option<Killed>,
}

impl Seen {
    fn acted(evidence: impl Into<String>) -> Self {
        Self { acted: true, evidence: evidence.into(), killed: None }
    }

    fn nothing(evidence: impl Into<String>) -> Self {
        Self { acted: false, ..Self::acted(evidence) }
    }
}

async fn timely<T>(
    within: Duration,
    operation: &'static str,
    fault: &Fault,
    work: impl Future<Output = Result<T, StageError>>,
) -> Result<T, StageError> {
    let late = |_| {
        let object = format!("{} on service {}", fault.word(), fault.service().unwrap_or("-"));
        StageError::new(operation, object, format!("it was not done within {within:?}"))
    };
    // Longer than the looks get, so that they can say what they saw last.
    tokio::time::timeout(within * 2, work).await.map_err(late)?
}

/// Starts what is not running and waits until all of it does.
async fn start(stage: &dyn Stage, service: &str) -> Result<(), StageError> {
    stage.start(service).await?;
    loop {
        let instances = stage.instances(service).await?;
        if instances.iter().all(|instance| instance.health.is_up()) {
            return Ok(());
        }
        stage.changed().await;
    }
}

/// Looks at a service's containers until each is as wanted; what was seen last where the time is up.
async fn look(
    stage: &dyn Stage,
    service: &str,
    within: Duration,
    wanted: impl Fn(&Instance) -> bool + Send + Sync,
) -> Result<Result<Vec<Instance>, Vec<Instance>>, StageError> {
    let deadline = tokio::time::Instant::now() + within;
    loop {
        let instances = stage.instances(service).await?;
        if !instances.is_empty() && instances.iter().all(&wanted) {
            return Ok(Ok(instances));
        }
        if tokio::time::Instant::now() >= deadline {
            return Ok(Err(instances));
        }
        stage.changed().await;
    }
}

/// What containers are doing, in words.
fn describe(instances: &[Instance]) -> String {
    if instances.is_empty() {
        return "there is no container".to_owned();
    }
    let one = |instance: &Instance| format!("{} is {}", instance.name, instance.health);
    instances.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Whether this container's process of before has ended.
fn ended(before: &[Instance], now: &Instance) -> bool {
    let same = before.iter().any(|then| then.name == now.name && then.started == now.started);
    !(same && now.health.is_up())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::Project;
    use crate::compose::model::{Attachment, Restart, Service};
    use crate::plan::model::Limits;
    use crate::stage::Health;
    use crate::stage::fake::{FakeStage, Script};

    const SOON: Duration = Duration::from_millis(100);
    const LIMITS: Limits = Limits { memory: Some(64 << 20), cpu_percent: Some(10) };

    async fn stage(restart: Restart) -> FakeStage {
        let networks = [("default".to_owned(), Attachment::default())].into();
        let service = Service { networks, restart, replicas: 2, ..Service::default() };
        let services = [("db".to_owned(), service)].into();
        let stage = FakeStage::new(Project { services, ..Project::default() });
        stage.up(SOON).await.unwrap();
        stage
    }

    fn all() -> Vec<(Fault, &'static str)> {
        let service = || "db".to_owned();
        vec![
            (Fault::Kill { service: service(), signal: "SIGKILL".to_owned() }, "kill"),
            (Fault::Stop { service: service() }, "stop"),
            (Fault::Pause { service: service() }, "pause"),
            (Fault::Restart { service: service() }, "restart"),
            (Fault::Disconnect { service: service(), network: "default".to_owned() }, "disconnect"),
            (Fault::Limit { service: service(), limits: LIMITS }, "limit"),
        ]
    }

    #[tokio::test]
    async fn every_fault_is_seen_to_act_and_is_healed() {
        for (fault, word) in all() {
            let stage = stage(Restart::No).await;
            let injected = inject(&stage, &fault, SOON).await.unwrap();
            assert!(injected.acted, "{word}: {}", injected.evidence);
            heal(&stage, &fault, SOON).await.unwrap();
            for instance in stage.instances("db").await.unwrap() {
                assert_eq!(instance.health, Health::Running, "{word}");
                assert_eq!(instance.networks, ["default"], "{word}");
                assert_eq!(instance.limits, Limits::default(), "{word}");
            }
        }
    }

    #[tokio::test]
    async fn a_fault_that_did_nothing_is_said_not_to_have_acted() {
        for (fault, word) in all() {
            let stage = stage(Restart::No).await;
            stage.ignore(word);
            let injected = inject(&stage, &fault, SOON).await.unwrap();
            assert!(!injected.acted, "{word} acted: {}", injected.evidence);
        }
    }

    #[tokio::test]
    async fn a_heal_that_does_nothing_is_an_error_by_its_deadline() {
        let undo = ["start", "start", "unpause", "connect", "unlimit"];
        let faults: Vec<Fault> = all().into_iter().map(|(fault, _)| fault).collect();
        for (fault, undo) in
            [&faults[0], &faults[1], &faults[2], &faults[4], &faults[5]].into_iter().zip(undo)
        {
            let stage = stage(Restart::No).await;
            let injected = inject(&stage, fault, SOON).await.unwrap();
            assert!(injected.acted);
            stage.ignore(undo);
            let error = heal(&stage, fault, SOON).await.unwrap_err().to_string();
            assert!(error.starts_with("could not heal"), "{error}");
        }
    }

    #[tokio::test]
    async fn a_kill_is_seen_even_when_the_restart_policy_was_faster() {
        let stage = stage(Restart::Always).await;
        let fault = &all()[0].0;
        let injected = inject(&stage, fault, SOON).await.unwrap();
        assert!(injected.acted, "{}", injected.evidence);
        assert_eq!(injected.killed, Some(Killed::Process));
        assert_eq!(stage.health("db").await.unwrap(), Health::Running);
    }

    #[tokio::test]
    async fn a_command_acts_only_when_its_verification_says_so() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let fault = Fault::Exec {
            service: "db".to_owned(),
            command: words("fill disk"),
            verify: words("disk is full"),
            heal: Some(words("empty disk")),
        };
        let stage = stage(Restart::No).await;
        assert!(inject(&stage, &fault, SOON).await.unwrap().acted);

        stage.script("db", &["disk", "is", "full"], Script::new().say("12 % used").end(1));
        let injected = inject(&stage, &fault, SOON).await.unwrap();
        assert!(!injected.acted);
        assert!(injected.evidence.contains("exit code 1: 12 % used"), "{}", injected.evidence);

        stage.script("db", &["empty", "disk"], Script::new().complain("no such file").end(2));
        let error = heal(&stage, &fault, SOON).await.unwrap_err().to_string();
        assert!(error.contains("`empty disk` ended with exit code 2: no such file"), "{error}");
    }
}

//! One body that the fake and the Docker stage both have to pass: start, exec, kill verified, heal,
//! logs, deploy, remove.

use std::time::Duration;

use backout::compose::Project;
use backout::compose::model::Restart;
use backout::plan::model::{Fault, Limits};
use backout::stage::fake::{FakeStage, Script};
use backout::stage::{Deploy, Health, Killed, OneShot, Stage, faults};

use super::rig::{options, project, read, shell, with_stage, words};

const SOON: Duration = Duration::from_secs(20);

const SPEAK: [&str; 3] = ["sh", "-c", "echo out; echo err >&2; exit 3"];
const HANG: [&str; 3] = ["sh", "-c", "echo begun; sleep 1000 & wait"];
const PRINT: [&str; 3] = ["sh", "-c", "echo hello > /proc/1/fd/1"];
const JOB: [&str; 3] = ["sh", "-c", "echo $GREETING; exit 4"];

fn staged() -> Project {
    let mut web = shell("echo ready; while :; do sleep 1000 & wait; done");
    web.restart = Restart::Always;
    web.environment = [("FLAG".to_owned(), "off".to_owned()), ("KEPT".to_owned(), "1".to_owned())].into();
    let mut job = shell("true");
    job.profiles = vec!["jobs".to_owned()];
    project(vec![("web", web), ("job", job)])
}

#[tokio::test]
async fn the_fake_conforms() {
    let stage = FakeStage::new(staged());
    stage.script("web", &SPEAK, Script::new().say("out").complain("err").end(3));
    stage.script("web", &HANG, Script::new().say("begun").hang());
    let says = stage.clone();
    stage.script("web", &PRINT, Script::new().act(move || says.say("web", "hello")));
    stage.script("job", &JOB, Script::new().say("good day").end(4));
    conforms(&stage).await;
    assert!(stage.down().await.is_empty());
    assert_eq!(stage.health("web").await.unwrap(), Health::Absent);
}

#[tokio::test]
async fn docker_conforms() {
    with_stage(staged(), options(), |stage, _| async move {
        conforms(&stage).await;
        assert!(stage.down().await.is_empty());
        assert_eq!(stage.health("web").await.unwrap(), Health::Absent);
    })
    .await;
}

async fn conforms(stage: &dyn Stage) {
    stage.up(SOON).await.unwrap();
    assert_eq!(stage.health("web").await.unwrap(), Health::Running);
    assert_eq!(stage.health("job").await.unwrap(), Health::Absent, "its profile is not active");
    assert_eq!(stage.instances("web").await.unwrap()[0].networks, ["default"]);

    a_command_streams_its_output_and_has_an_exit_code(stage).await;
    a_command_that_hangs_is_killed(stage).await;
    a_one_shot_container_has_its_own_command_and_environment(stage).await;
    printed_lines_are_followed_from_now_on(stage).await;
    a_killed_process_is_started_again_by_its_restart_policy(stage).await;
    a_fault_is_seen_and_healed(stage).await;
    a_deploy_changes_only_what_it_names(stage).await;
    what_is_not_there_is_refused(stage).await;
}

async fn a_command_streams_its_output_and_has_an_exit_code(stage: &dyn Stage) {
    let (lines, code) = read(stage.exec("web", &words(&SPEAK)).await.unwrap()).await;
    let mut said: Vec<(bool, &str)> = lines.iter().map(|line| (line.error, line.text.as_str())).collect();
    said.sort_unstable();
    assert_eq!((said, code), (vec![(false, "out"), (true, "err")], 3));
}

async fn a_command_that_hangs_is_killed(stage: &dyn Stage) {
    let mut process = stage.exec("web", &words(&HANG)).await.unwrap();
    assert_eq!(process.line().await.unwrap().text, "begun");
    assert!(process.is_running().await.unwrap());
    process.kill().await.unwrap();
    assert!(!process.is_running().await.unwrap());
    assert_eq!(process.wait().await.unwrap().exit_code, 137);
    assert_eq!(stage.health("web").await.unwrap(), Health::Running, "only the command was killed");
}

async fn a_one_shot_container_has_its_own_command_and_environment(stage: &dyn Stage) {
    let environment = [("GREETING".to_owned(), "good day".to_owned())].into();
    let request = OneShot { service: "job".to_owned(), command: Some(words(&JOB)), environment };
    let mut process = stage.run_once(&request).await.unwrap();
    assert_eq!(process.wait().await.unwrap().exit_code, 4);
    assert_eq!(process.line().await.unwrap().text, "good day", "output is kept until it is read");
    assert!(process.line().await.is_none());
    assert!(!process.is_running().await.unwrap());
}

async fn printed_lines_are_followed_from_now_on(stage: &dyn Stage) {
    let mut lines = stage.follow("web").await.unwrap();
    read(stage.exec("web", &words(&PRINT)).await.unwrap()).await;
    assert_eq!(lines.recv().await.unwrap().text, "hello");
    assert_eq!(stage.tail("web", 1).await.unwrap(), ["hello"]);
}

async fn a_killed_process_is_started_again_by_its_restart_policy(stage: &dyn Stage) {
    let before = stage.instances("web").await.unwrap();
    let fault = Fault::Kill { service: "web".to_owned(), signal: "SIGKILL".to_owned() };
    let injected = faults::inject(stage, &fault, SOON).await.unwrap();
    assert!(injected.acted, "{}", injected.evidence);
    assert_eq!(injected.killed, Some(Killed::Process));
    faults::heal(stage, &fault, SOON).await.unwrap();
    let after = stage.instances("web").await.unwrap();
    assert_ne!(before[0].started, after[0].started);
    assert_eq!((after[0].health, after[0].restarts), (Health::Running, before[0].restarts + 1));
}

async fn a_fault_is_seen_and_healed(stage: &dyn Stage) {
    let service = || "web".to_owned();
    for fault in [
        Fault::Stop { service: service() },
        Fault::Pause { service: service() },
        Fault::Restart { service: service() },
        Fault::Disconnect { service: service(), network: "default".to_owned() },
        Fault::Limit { service: service(), limits: Limits { memory: Some(64 << 20), cpu_percent: None } },
        Fault::Limit { service: service(), limits: Limits { memory: None, cpu_percent: Some(50) } },
    ] {
        let injected = faults::inject(stage, &fault, SOON).await.unwrap();
        assert!(injected.acted, "{}: {}", fault.word(), injected.evidence);
        for _ in 0..2 {
            faults::heal(stage, &fault, SOON).await.unwrap();
        }
        let instance = stage.instances("web").await.unwrap().remove(0);
        assert_eq!(instance.health, Health::Running, "{}", fault.word());
        assert_eq!(instance.networks, ["default"], "{}", fault.word());
        assert_eq!(instance.limits, Limits::default(), "{}", fault.word());
    }
}

async fn a_deploy_changes_only_what_it_names(stage: &dyn Stage) {
    let before = stage.inspect().await.unwrap().remove("web").unwrap();
    let environment = [("FLAG".to_owned(), Some("on".to_owned()))].into();
    let change = Deploy { service: "web".to_owned(), environment, ..Deploy::default() };
    stage.deploy(&change).await.unwrap();
    let mut after = stage.inspect().await.unwrap().remove("web").unwrap();
    assert_eq!(after.environment["FLAG"], "on");
    after.environment.insert("FLAG".to_owned(), "off".to_owned());
    after.restarts = before.restarts;
    assert_eq!(after, before);

    let again = stage.instances("web").await.unwrap();
    stage.deploy(&change).await.unwrap();
    assert_eq!(stage.instances("web").await.unwrap(), again, "nothing to change, nothing restarted");

    let more = Deploy { service: "web".to_owned(), replicas: Some(2), ..Deploy::default() };
    stage.deploy(&more).await.unwrap();
    assert_eq!(stage.inspect().await.unwrap()["web"].replicas, 2);
    assert_eq!(stage.inspect().await.unwrap()["web"].environment["FLAG"], "on");

    one_by_one(stage).await;
    none_and_one_again(stage).await;
}

/// What stops between two containers is neither the old state nor the new one.
async fn one_by_one(stage: &dyn Stage) {
    let flag = |value: &str| {
        let environment = [("FLAG".to_owned(), Some(value.to_owned()))].into();
        Deploy { service: "web".to_owned(), environment, ..Deploy::default() }
    };
    let names = async || -> Vec<String> {
        let instances = stage.instances("web").await.unwrap();
        instances.into_iter().map(|instance| instance.started).collect()
    };
    let shown = async || stage.inspect().await.unwrap().remove("web").unwrap().environment["FLAG"].clone();
    let before = names().await;
    stage.replace(&flag("new"), 1).await.unwrap();
    let half = names().await;
    assert_ne!(half[0], before[0]);
    assert_eq!(half[1], before[1], "the other one stays");
    assert_eq!(shown().await, "new, on");
    stage.replace(&flag("new"), 1).await.unwrap();
    assert_eq!(names().await, half, "one that is as it should be is left alone");
    assert!(stage.replace(&flag("new"), 3).await.is_err(), "there are two");
    stage.replace(&flag("new"), 2).await.unwrap();
    assert_eq!(shown().await, "new");

    stage.replace(&flag("newer"), 1).await.unwrap();
    stage.deploy(&flag("newer")).await.unwrap();
    assert_eq!(shown().await, "newer", "a deploy takes along those that are behind");
    stage.deploy(&flag("on")).await.unwrap();
}

/// A service of which no container is wanted is well without one, and keeps what was deployed.
async fn none_and_one_again(stage: &dyn Stage) {
    let scale =
        |replicas| Deploy { service: "web".to_owned(), replicas: Some(replicas), ..Deploy::default() };
    stage.deploy(&scale(0)).await.unwrap();
    let none = stage.inspect().await.unwrap().remove("web").unwrap();
    assert_eq!((none.replicas, none.health), (0, Health::ScaledToZero));
    assert_eq!(stage.health("web").await.unwrap(), Health::ScaledToZero);
    assert_eq!(stage.instances("web").await.unwrap().len(), 0);
    stage.deploy(&scale(0)).await.unwrap();
    let environment = [("LATER".to_owned(), Some("yes".to_owned()))].into();
    stage.deploy(&Deploy { service: "web".to_owned(), environment, ..Deploy::default() }).await.unwrap();

    stage.deploy(&scale(1)).await.unwrap();
    let one = stage.inspect().await.unwrap().remove("web").unwrap();
    let set = |name: &str| one.environment[name].as_str();
    assert_eq!((one.replicas, set("FLAG"), set("LATER")), (1, "on", "yes"));
}

async fn what_is_not_there_is_refused(stage: &dyn Stage) {
    stage.stop("web").await.unwrap();
    assert!(stage.kill("web", "SIGKILL").await.is_err());
    assert!(stage.exec("web", &words(&SPEAK)).await.is_err());
    assert!(stage.disconnect("web", "elsewhere").await.is_err());
    assert!(stage.address("web", 80).await.is_err());
    let unknown = Deploy { service: "nobody".to_owned(), ..Deploy::default() };
    let error = stage.deploy(&unknown).await.unwrap_err().to_string();
    assert_eq!(error, "could not deploy service nobody: there is no such service");
}

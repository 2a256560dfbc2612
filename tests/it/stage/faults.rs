//! Faults whose truth is the kernel's: a disk that is full, limits that act.

use std::collections::BTreeMap;
use std::time::Duration;

use backout::compose::Project;
use backout::compose::model::{Mount, MountSource, Service, Volume};
use backout::plan::model::{Fault, Limits};
use backout::stage::{Stage, faults};

use super::rig::{options, output, project, shell, with_stage};

const SOON: Duration = Duration::from_secs(20);

const IDLE: &str = "sleep 1000";

fn with_tmpfs() -> Project {
    let tmpfs = [("/data".to_owned(), "size=4m".to_owned())].into();
    project(vec![("db", Service { tmpfs, ..shell(IDLE) })])
}

fn with_volume() -> Project {
    let source = MountSource::Volume("data".to_owned());
    let mounts = vec![Mount { target: "/data".to_owned(), source, read_only: false }];
    let options = [("type", "tmpfs"), ("device", "tmpfs"), ("o", "size=4m")];
    let driver_opts = options.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let volume = Volume { driver_opts, labels: BTreeMap::new() };
    let services = vec![("db", Service { mounts, ..shell(IDLE) })];
    Project { volumes: [("data".to_owned(), volume)].into(), ..project(services) }
}

fn full() -> Fault {
    Fault::FillDisk { service: "db".to_owned(), path: "/data".to_owned() }
}

const WRITE: &str = "LC_ALL=C head -c 8192 /dev/zero 2>&1 > /data/more; wc -c < /data/more; \
                     head -c 8192 /dev/zero | LC_ALL=C tee /data/again 2>&1 >/dev/null; ls -A /data";

#[tokio::test]
async fn a_full_disk_refuses_every_write_and_is_empty_again_after_the_heal() {
    for project in [with_tmpfs(), with_volume()] {
        with_stage(project, options(), |stage, _| async move {
            let fault = full();
            stage.up(SOON).await.unwrap();
            output(&stage, "db", "echo kept > /data/kept").await;
            let injected = faults::inject(&stage, &fault, SOON).await.unwrap();
            assert!(injected.acted, "{}", injected.evidence);
            assert!(injected.evidence.contains("No space left on device"), "{}", injected.evidence);
            let refused = output(&stage, "db", WRITE).await;
            assert!(refused.contains("No space left on device"), "{refused}");

            output(&stage, "db", "rm /data/more /data/again").await;
            for _ in 0..2 {
                faults::heal(&stage, &fault, SOON).await.unwrap();
            }
            assert_eq!(output(&stage, "db", "ls -A /data; cat /data/kept").await, "kept\nkept");
            let written = output(&stage, "db", WRITE).await;
            assert_eq!(written, "8192\nagain\nkept\nmore");
        })
        .await;
    }
}

#[tokio::test]
async fn a_full_disk_is_healed_when_the_service_that_stood_on_it_is_gone() {
    with_stage(with_volume(), options(), |stage, _| async move {
        let fault = full();
        stage.up(SOON).await.unwrap();
        assert!(faults::inject(&stage, &fault, SOON).await.unwrap().acted);
        stage.kill("db", "SIGKILL").await.unwrap();
        faults::heal(&stage, &fault, SOON).await.unwrap();
        assert_eq!(output(&stage, "db", "ls -A /data").await, "");
    })
    .await;
}

/// What the kernel says inside the container: memory, swap, processor time.
const IN_FORCE: &str = "cd /sys/fs/cgroup; if [ -e memory.max ]; then cat memory.max cpu.max; else cat \
                        memory/memory.limit_in_bytes memory/memory.memsw.limit_in_bytes cpu/cpu.cfs_quota_us; fi";
/// Needs 100 MB. What the shell says about a killed child would come in between what it prints.
const NEED: &str = "exec 2>/dev/null; perl -e '$x = \"a\" x 100_000_000; print length $x'; echo \" $?\"";

#[tokio::test]
async fn what_asks_for_more_memory_than_the_limit_is_killed_until_the_heal() {
    with_stage(project(vec![("db", shell(IDLE))]), options(), |stage, _| async move {
        let limits = Limits { memory: Some(32 << 20), cpu_percent: None };
        let fault = Fault::Limit { service: "db".to_owned(), limits };
        stage.up(SOON).await.unwrap();
        let before = output(&stage, "db", IN_FORCE).await;
        let injected = faults::inject(&stage, &fault, SOON).await.unwrap();
        assert!(injected.acted && injected.evidence.contains("33554432 bytes"), "{}", injected.evidence);
        assert_eq!(output(&stage, "db", NEED).await.trim(), "137");

        let healed = faults::heal(&stage, &fault, SOON).await.unwrap();
        assert!(healed.contains("it has killed for want of more 1 times"), "{healed}");
        faults::heal(&stage, &fault, SOON).await.unwrap();
        assert_eq!(output(&stage, "db", NEED).await.trim(), "100000000 0");
        assert_eq!(output(&stage, "db", IN_FORCE).await, before);
    })
    .await;
}

#[tokio::test]
async fn a_limit_that_ends_the_first_process_is_lifted_from_what_is_stopped() {
    let eager = shell(
        "read -r word < /go 2>/dev/null; until [ -e /go ]; do sleep 0.05; done; \
                       rm /go; exec perl -e '$x = \"a\" x 100_000_000; sleep 1000'",
    );
    with_stage(project(vec![("db", Service { init: false, ..eager })]), options(), |stage, _| async move {
        let limits = Limits { memory: Some(32 << 20), cpu_percent: None };
        let fault = Fault::Limit { service: "db".to_owned(), limits };
        stage.up(SOON).await.unwrap();
        assert!(faults::inject(&stage, &fault, SOON).await.unwrap().acted);
        output(&stage, "db", "touch /go").await;
        while stage.health("db").await.unwrap().is_up() {
            stage.changed().await;
        }
        let healed = faults::heal(&stage, &fault, SOON).await.unwrap();
        assert!(healed.contains("stopped with exit code 137"), "{healed}");
        output(&stage, "db", "touch /go").await;
        let grown = "until tr '\\0' ' ' < /proc/1/cmdline | grep -q ^perl; do sleep 0.05; done; sleep 0.2; \
                     tr '\\0' ' ' < /proc/1/cmdline | cut -c1-4";
        assert_eq!(output(&stage, "db", grown).await, "perl");
    })
    .await;
}

#[tokio::test]
async fn a_limit_below_what_is_in_use_is_refused_and_says_so() {
    let eager =
        shell("exec perl -e '$x = \"a\" x 60_000_000; print \"up\\n\"; $| = 1; print \"\"; sleep 1000'");
    with_stage(project(vec![("db", eager)]), options(), |stage, _| async move {
        stage.up(SOON).await.unwrap();
        while stage.tail("db", 1).await.unwrap() != ["up"] {
            stage.changed().await;
        }
        let limits = Limits { memory: Some(16 << 20), cpu_percent: None };
        let fault = Fault::Limit { service: "db".to_owned(), limits };
        // Control groups of version 2 kill instead.
        match faults::inject(&stage, &fault, SOON).await {
            Ok(injected) => assert!(injected.acted, "{}", injected.evidence),
            Err(error) => assert!(error.to_string().contains("current usage"), "{error}"),
        }
        faults::heal(&stage, &fault, SOON).await.unwrap();
        assert_eq!(stage.instances("db").await.unwrap()[0].limits, Limits::default());
    })
    .await;
}

#[tokio::test]
async fn a_limit_on_processor_time_holds_processes_up_until_the_heal() {
    with_stage(project(vec![("db", shell(IDLE))]), options(), |stage, _| async move {
        let limits = Limits { memory: None, cpu_percent: Some(5) };
        let fault = Fault::Limit { service: "db".to_owned(), limits };
        stage.up(SOON).await.unwrap();
        let before = output(&stage, "db", IN_FORCE).await;
        let injected = faults::inject(&stage, &fault, SOON).await.unwrap();
        assert!(injected.acted && injected.evidence.contains("is 5000 of 100000"), "{}", injected.evidence);
        output(&stage, "db", "perl -e '1 while $i++ < 3_000_000'").await;
        let healed = faults::heal(&stage, &fault, SOON).await.unwrap();
        let times = healed.split("held the processes up ").nth(1).and_then(|rest| rest.split(' ').next());
        assert!(times.and_then(|times| times.parse::<u32>().ok()).is_some_and(|times| times > 0), "{healed}");
        assert_eq!(output(&stage, "db", IN_FORCE).await, before);
    })
    .await;
}

//! Volumes kept as copies, and a stage that is put back from them.

use std::time::Duration;

use backout::compose::Project;
use backout::compose::model::{Mount, MountSource, Service, Volume};
use backout::stage::docker::Owner;
use backout::stage::{Deploy, Health, Resource, ResourceKind, Stage};

use super::rig::{docker, options, output, project, shell, with_stage};

const LONG: Duration = Duration::from_secs(60);
const IDLE: &str = "trap 'exit 0' TERM; while :; do sleep 0.1; done";

/// One service with a volume that has a name, and one that has none.
fn holding() -> Project {
    let mount = |target: &str, source| Mount { target: target.to_owned(), source, read_only: false };
    let mounts =
        vec![mount("/data", MountSource::Volume("data".to_owned())), mount("/other", MountSource::Anonymous)];
    let db = Service { mounts, stop_grace_period_ms: 10_000, ..shell(IDLE) };
    let volumes = [("data".to_owned(), Volume::default())].into();
    Project { volumes, ..project(vec![("db", db), ("once", shell("true"))]) }
}

/// What the volumes hold.
async fn held(stage: &dyn Stage) -> String {
    let script = "cd /; find data other -mindepth 1 -printf '%p %y %m %u %s %T@ %l\\n' | sort; \
                  find data other -type f -exec sha256sum {} + | sort";
    output(stage, "db", script).await
}

#[tokio::test]
async fn a_stage_is_put_back_from_copies_of_all_its_volumes() {
    with_stage(holding(), options(), |stage, memory| async move {
        stage.up(LONG).await.unwrap();
        output(
            &stage,
            "db",
            "echo kept > /data/a; chmod 640 /data/a; chown 33 /data/a; ln -s a /data/l; mkdir /other/d",
        )
        .await;
        let before = held(&stage).await;
        let declared = stage.inspect().await.unwrap();
        let kept = stage.keep(LONG).await.unwrap();
        assert_eq!(held(&stage).await, before);
        assert_eq!(stage.instances("once").await.unwrap()[0].health, Health::Exited(0));
        let copies: Vec<_> = memory
            .intended
            .lock()
            .unwrap()
            .iter()
            .filter(|made| made.name.contains(".kept."))
            .cloned()
            .collect();
        assert!(
            copies.len() == 2 && copies.iter().all(|copy| copy.kind == ResourceKind::Volume),
            "{copies:?}"
        );
        assert_eq!(stage.strays().await.unwrap(), []);
        // By this label `clean` finds what a killed runner leaves.
        let labels = docker(&[
            "volume",
            "inspect",
            "--format",
            "{{index .Labels \"backout.owner\"}}",
            &copies[0].name,
        ]);
        assert_eq!(labels, Owner::here().unwrap().to_string());
        // Twice: a copy is not used up.
        for round in ["one", "two"] {
            output(&stage, "db", "rm -r /data/* /other/d; echo changed > /data/b; mkdir -p /other/e/f").await;
            let environment = [("ROUND".to_owned(), Some(round.to_owned()))].into();
            let change = Deploy { service: "db".to_owned(), environment, ..Deploy::default() };
            stage.deploy(&change).await.unwrap();
            stage.restore(&kept, LONG).await.unwrap();
            assert_eq!(held(&stage).await, before, "{round}");
            assert_eq!(stage.inspect().await.unwrap(), declared, "{round}");
        }
        assert!(stage.down().await.is_empty());
        assert_eq!(there(&copies), copies, "they outlive the stage");
        assert!(stage.discard(&kept).await.is_empty());
        assert_eq!(there(&copies), []);
        assert!(copies.iter().all(|copy| memory.removed.lock().unwrap().contains(copy)));
    })
    .await;
}

#[tokio::test]
async fn what_is_not_in_a_volume_cannot_be_kept_and_everything_runs_on() {
    with_stage(holding(), options(), |stage, _| async move {
        stage.up(LONG).await.unwrap();
        output(&stage, "db", "echo here > /etc/written").await;
        let refused = stage.keep(LONG).await.unwrap_err();
        assert!(refused.cause.starts_with("/etc/written was written in its container"), "{refused}");
        assert_eq!(output(&stage, "db", "cat /etc/written").await, "here");
    })
    .await;
    let mut in_memory = holding();
    in_memory.services.get_mut("db").unwrap().tmpfs = [("/cache".to_owned(), String::new())].into();
    with_stage(in_memory, options(), |stage, _| async move {
        stage.up(LONG).await.unwrap();
        let refused = stage.keep(LONG).await.unwrap_err();
        assert!(refused.cause.contains("/cache is in memory only"), "{refused}");
    })
    .await;
}

#[tokio::test]
async fn another_stage_of_the_project_begins_on_the_copies() {
    with_stage(holding(), options(), |stage, _| async move {
        stage.up(LONG).await.unwrap();
        output(&stage, "db", "echo kept > /data/a; chown 33:34 /data/a; mkdir -m 700 /other/d").await;
        let copies = stage.keep(LONG).await.unwrap();
        let before = held(&stage).await;
        let theirs = copies.clone();
        with_stage(holding(), options(), |other, memory| async move {
            other.up_on(&theirs, LONG).await.unwrap();
            assert_eq!(held(&other).await, before);
            assert_eq!(other.strays().await.unwrap(), []);
            let made = memory.intended.lock().unwrap().clone();
            assert!(made.iter().all(|made| !made.name.contains(".kept.")), "{made:?}");
            output(&other, "db", "rm -r /data/a").await;
        })
        .await;
        stage.restore(&copies, LONG).await.unwrap();
        assert_eq!(output(&stage, "db", "cat /data/a").await, "kept");
        assert!(stage.discard(&copies).await.is_empty());
    })
    .await;
}

/// Which of these volumes are on the engine.
fn there(volumes: &[Resource]) -> Vec<Resource> {
    let names = docker(&["volume", "ls", "--format", "{{.Name}}"]);
    volumes.iter().filter(|volume| names.lines().any(|name| name == volume.name)).cloned().collect()
}

#[tokio::test]
async fn what_was_written_beside_volumes_is_named() {
    with_stage(holding(), options(), |stage, _| async move {
        stage.up(LONG).await.unwrap();
        output(&stage, "db", "echo x > /data/a; echo x > /tmp/a").await;
        assert_eq!(stage.written("db").await.unwrap(), None);
        output(&stage, "db", "echo x > /etc/written").await;
        assert_eq!(stage.written("db").await.unwrap().as_deref(), Some("/etc/written"));
    })
    .await;
}

#[tokio::test]
async fn a_stage_that_runs_something_else_than_at_the_beginning_is_not_kept() {
    with_stage(holding(), options(), |stage, _| async move {
        stage.up(LONG).await.unwrap();
        let environment = [("ROUND".to_owned(), Some("one".to_owned()))].into();
        stage.deploy(&Deploy { service: "db".to_owned(), environment, ..Deploy::default() }).await.unwrap();
        let refused = stage.keep(LONG).await.unwrap_err();
        assert!(refused.cause.contains("it runs something else than at the beginning"), "{refused}");
    })
    .await;
}

/// The copy goes where only 1 MiB is free.
#[tokio::test]
async fn s22_copies_that_do_not_fit_are_refused_with_numbers_and_everything_runs_on() {
    let options = options();
    let copy = format!("backout-{}.kept.-data", options.run);
    let small = ["--opt=type=tmpfs", "--opt=device=tmpfs", "--opt=o=size=1m"];
    let run = format!("backout.run={}", options.run);
    let create = ["volume", "create", "--label", &run].into_iter().chain(small).chain([copy.as_str()]);
    let create: Vec<&str> = create.collect();
    with_stage(holding(), options, |stage, _| async move {
        stage.up(LONG).await.unwrap();
        docker(&create);
        output(&stage, "db", "head -c 3M /dev/urandom > /data/large").await;
        let refused = stage.keep(LONG).await.unwrap_err();
        assert!(
            refused.cause.contains("the copies need 3.0 MiB of disk and 1.0 MiB are free: "),
            "{refused}"
        );
        assert_eq!(output(&stage, "db", "stat -c %s /data/large").await, "3145728");
    })
    .await;
}

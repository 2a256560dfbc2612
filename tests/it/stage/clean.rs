//! What dead runners leave is found by its labels and removed; what others own is not touched.

use std::sync::Arc;
use std::time::Duration;

use backout::compose::model::{Mount, MountSource, Volume};
use backout::stage::docker::{
    CleanOptions, Cleaned, DockerStage, Need, Options, Owner, Subnet, capacity, clean,
};
use backout::stage::{Resource, Stage};

use super::rig::{BASE, Memory, docker, engine, options, project, shell};

const SOON: Duration = Duration::from_secs(20);

/// The owner of this process with one of its five parts replaced.
fn owner(part: usize, value: &str) -> Owner {
    let here = Owner::here().unwrap().to_string();
    let mut parts: Vec<&str> = here.split(',').collect();
    parts[part] = value;
    parts.join(",").parse().unwrap()
}

/// A stage that its runner has left behind.
async fn abandoned(options: Options) -> String {
    let mut service = shell("sleep 1000");
    let mount = |target: &str, source| Mount { target: target.to_owned(), source, read_only: false };
    service.mounts =
        vec![mount("/a", MountSource::Volume("data".to_owned())), mount("/b", MountSource::Anonymous)];
    let mut project = project(vec![("web", service)]);
    project.volumes = [("data".to_owned(), Volume::default())].into();
    let run = options.run.clone();
    let images = [("web".to_owned(), BASE.to_owned())].into();
    let ledger = Arc::new(Memory::default());
    let stage = DockerStage::new(engine().await, project, Options { images, ..options }, ledger);
    stage.up(SOON).await.unwrap();
    run
}

fn left_of(run: &str) -> Vec<String> {
    let filter = format!("label=backout.run={run}");
    let mut left = Vec::new();
    for (kind, arguments) in [
        ("container", vec!["ps", "-aq", "--filter", &filter]),
        ("network", vec!["network", "ls", "-q", "--filter", &filter]),
        ("volume", vec!["volume", "ls", "-q", "--filter", &filter]),
    ] {
        left.extend(docker(&arguments).lines().map(|_| kind.to_owned()));
    }
    left
}

async fn cleaned(options: CleanOptions) -> Cleaned {
    let now = jiff::Timestamp::now().as_second();
    clean(&engine().await, &Owner::here().unwrap(), now, options).await
}

fn of<'a>(run: &str, resources: impl IntoIterator<Item = &'a Resource>) -> usize {
    let prefixes = [format!("backout-{run}-"), format!("backout-{run}.")];
    let own = |resource: &&Resource| prefixes.iter().any(|prefix| resource.name.starts_with(prefix));
    resources.into_iter().filter(own).count()
}

#[tokio::test]
async fn s21_clean_removes_what_the_dead_left_and_lists_what_it_cannot_judge() {
    let dead = abandoned(Options { owner: owner(4, "1"), ..options() }).await;
    let kept = abandoned(Options { owner: owner(4, "1"), keep: true, ..options() }).await;
    let elsewhere = abandoned(Options { owner: owner(1, "another-boot"), ..options() }).await;
    let alive = abandoned(options()).await;
    assert_eq!(left_of(&dead), ["container", "network", "volume", "volume"]);

    let first = cleaned(CleanOptions { spare_kept: true, ..CleanOptions::default() }).await;
    assert!(first.errors.is_empty(), "{:?}", first.errors);
    assert_eq!(of(&dead, &first.removed), 4);
    assert!(left_of(&dead).is_empty());
    for (run, why) in [(&kept, "--keep"), (&elsewhere, "nothing is known"), (&alive, "alive")] {
        let left = first.left.iter().find(|left| left.run == *run).unwrap();
        assert!(left.why.contains(why), "{}", left.why);
        assert_eq!(of(run, &left.resources), 4);
        assert_eq!(left_of(run).len(), 4);
    }

    let second = cleaned(CleanOptions::default()).await;
    assert_eq!(of(&kept, &second.removed), 4);
    assert!(left_of(&kept).is_empty());

    let older_than = Some(Duration::ZERO);
    let third = cleaned(CleanOptions { older_than, ..CleanOptions::default() }).await;
    assert_eq!(of(&elsewhere, &third.removed), 4);
    assert!(left_of(&elsewhere).is_empty());

    assert_eq!(left_of(&alive).len(), 4, "a living runner's stage is never touched");
    let ledger = Arc::new(Memory::default());
    let options = Options { run: alive.clone(), ..options() };
    let stage = DockerStage::new(engine().await, project(vec![]), options, ledger);
    assert!(stage.down().await.is_empty(), "another stage of the same run finds it by its labels");
    assert!(left_of(&alive).is_empty());
}

#[tokio::test]
async fn s22_the_engines_room_is_known_and_a_full_range_is_refused() {
    let engine = engine().await;
    let usual = capacity(&engine, Subnet::USUAL).await.unwrap();
    assert!(usual.networks > 100 && usual.disk.unwrap() > 0);
    usual.allow(Need { disk: 1, networks: 2 }).unwrap();

    let tiny: Subnet = "10.214.255.0/28".parse().unwrap();
    let mut options = Options { subnets: tiny, ..options() };
    options.images = [("a".to_owned(), BASE.to_owned())].into();
    let mut service = shell("sleep 1000");
    service.networks.insert("second".to_owned(), backout::compose::model::Attachment::default());
    let stage = DockerStage::new(engine, project(vec![("a", service)]), options, Arc::new(Memory::default()));
    let error = stage.up(SOON).await.unwrap_err().to_string();
    assert!(stage.down().await.is_empty());
    assert!(error.contains("no piece of 10.214.255.0/28 is free for it (2 needed)"), "{error}");
}

//! Images on an engine: built, found, pulled, cached and removed.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use backout::compose::model::{Build, PullPolicy};
use backout::stage::docker::{ImageOptions, Images, Surroundings, Wanted};
use backout::stage::{OneShot, Stage};

use super::registry::Registry;
use super::rig::{docker, engine, options, output, project, shell, with_stage};

struct Bench {
    folder: tempfile::TempDir,
    said: Arc<Mutex<Vec<String>>>,
}

impl Bench {
    fn new(files: &[(&str, &str)]) -> Self {
        let bench = Self { folder: tempfile::tempdir().unwrap(), said: Arc::default() };
        for (name, text) in files {
            bench.write(name, text);
        }
        bench
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path("context").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A new drill: nothing is remembered from the last.
    async fn images(&self) -> Images {
        let said = Arc::clone(&self.said);
        let surroundings = Surroundings { config: Some(self.path("config")), ..Surroundings::default() };
        let options = ImageOptions {
            hide: std::sync::Arc::new(str::to_owned),
            recipes: None,
            logs: self.path("logs"),
            surroundings,
            progress: Arc::new(move |line: &str| said.lock().unwrap().push(line.to_owned())),
        };
        Images::new(engine().await, options).unwrap()
    }

    fn wanted(&self) -> Wanted {
        let build =
            Build { context: self.path("context"), dockerfile: "Dockerfile".to_owned(), ..Build::default() };
        Wanted::Build { build, platform: None }
    }

    fn builds(&self) -> usize {
        self.said.lock().unwrap().iter().filter(|line| **line == "building context").count()
    }
}

fn reference(name: &str, pull: PullPolicy) -> Wanted {
    Wanted::Reference { name: name.to_owned(), pull, platform: None }
}

fn dockerfile(rest: &str) -> String {
    format!("FROM debian:bookworm-slim\nLABEL backout.test=1\n{rest}\n")
}

#[tokio::test]
async fn s9_an_image_is_built_from_todays_files_and_cached_while_they_do_not_change() {
    let unique = options().run;
    let bench = Bench::new(&[
        ("Dockerfile", &dockerfile("ARG WHO=nobody\nCOPY down.sql /\nRUN echo $WHO > /who")),
        ("down.sql", &format!("-- {unique}\nselect 1")),
        (".dockerignore", "*.log"),
    ]);
    let first = bench.images().await.resolve(&bench.wanted()).await.unwrap();
    assert!(first.name.starts_with("backout/") && first.id.starts_with("sha256:"), "{first:?}");
    assert_eq!(first.digest, None);
    let images = bench.images().await;
    assert_eq!(images.resolve(&bench.wanted()).await.unwrap(), first);
    assert_eq!(images.resolve(&bench.wanted()).await.unwrap(), first);
    bench.write("noise.log", "ignored");
    assert_eq!(bench.images().await.resolve(&bench.wanted()).await.unwrap(), first);
    assert_eq!(bench.builds(), 1);

    bench.write("down.sql", &format!("-- {unique}\nselect 2"));
    let second = bench.images().await.resolve(&bench.wanted()).await.unwrap();
    assert_ne!((&second.id, &second.name), (&first.id, &first.name));
    let Wanted::Build { mut build, .. } = bench.wanted() else { unreachable!() };
    build.args = [("WHO".to_owned(), "me".to_owned())].into();
    let third = bench.images().await.resolve(&Wanted::Build { build, platform: None }).await.unwrap();
    assert_ne!(third.id, second.id);
    assert_eq!(bench.builds(), 3);

    let options = backout::stage::docker::Options { run: unique, ..options() };
    with_stage(project(vec![("job", shell("sleep 1000"))]), options, |stage, _| async move {
        stage.up(std::time::Duration::from_secs(20)).await.unwrap();
        let image = Some(third.id.clone());
        let change = backout::stage::Deploy { service: "job".into(), image, ..Default::default() };
        stage.deploy(&change).await.unwrap();
        assert!(output(&stage, "job", "cat /down.sql /who").await.ends_with("select 2me"));
        assert_eq!(stage.inspect().await.unwrap()["job"].image, third.id);
        let job = OneShot { service: "job".into(), command: Some(vec!["true".into()]), ..OneShot::default() };
        assert_eq!(stage.run_once(&job).await.unwrap().wait().await.unwrap().exit_code, 0);
        docker(&["rmi", &first.name, &second.name]);
        let error = engine_removes(&third.name);
        assert!(error.contains("is using its referenced image") || error.contains("conflict"), "{error}");
    })
    .await;
    let labels =
        docker(&["images", "-q", "--filter", "label=backout.test=1", "--filter", "label=backout.cache"]);
    for id in labels.lines() {
        docker(&["rmi", "-f", id]);
    }
}

/// What the engine says when an image is removed that is in use.
fn engine_removes(name: &str) -> String {
    let output = std::process::Command::new("docker").args(["rmi", name]).output().unwrap();
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test]
async fn a_failed_build_shows_the_end_of_its_log_and_keeps_all_of_it() {
    let unique = options().run;
    let bench = Bench::new(&[(
        "Dockerfile",
        &dockerfile(&format!(
            "RUN echo {unique}; for i in $(seq 100); do echo line $i; done; echo no compiler >&2; exit 7"
        )),
    )]);
    let error = bench.images().await.resolve(&bench.wanted()).await.unwrap_err();
    assert!(error.to_string().starts_with("could not build image context: The command"), "{error}");
    assert!(error.to_string().contains("returned a non-zero code: 7"), "{error}");
    assert!(error.evidence.iter().any(|line| line == "line 100"), "{:?}", error.evidence);
    assert!(error.evidence.len() <= 30);
    let log = std::fs::read_to_string(error.log.unwrap()).unwrap();
    assert!(["line 1\n", "line 100\n", "\nno compiler\n"].iter().all(|part| log.contains(part)), "{log}");
}

#[tokio::test]
async fn what_cannot_be_had_is_named() {
    let bench = Bench::new(&[("Dockerfile", "FROM 127.0.0.1:1/nothing:1")]);
    let images = bench.images().await;
    let error = images.resolve(&reference("127.0.0.1:1/nothing:1", PullPolicy::Missing)).await.unwrap_err();
    assert!(error.to_string().starts_with("could not pull image 127.0.0.1:1/nothing:1: "), "{error}");
    let error = images.resolve(&reference("127.0.0.1:1/nothing:1", PullPolicy::Never)).await.unwrap_err();
    assert!(error.to_string().contains("may not be pulled (pull_policy: never)"), "{error}");
    let error = images.resolve(&bench.wanted()).await.unwrap_err();
    assert!(error.to_string().starts_with("could not pull image 127.0.0.1:1/nothing:1: "), "{error}");
    bench.write("Dockerfile", "FRM x");
    let error = images.resolve(&bench.wanted()).await.unwrap_err();
    assert!(error.to_string().contains("unknown instruction: FRM"), "{error}");
    std::fs::remove_file(bench.path("context/Dockerfile")).unwrap();
    let error = images.resolve(&bench.wanted()).await.unwrap_err();
    assert!(error.to_string().contains("Dockerfile: No such file"), "{error}");
}

#[tokio::test]
async fn s20_a_private_registry_gets_the_credentials_and_a_pull_its_digest() {
    let registry = Registry::start("user", "pa:ss").await;
    let bench = Bench::new(&[]);
    let name = format!("{}/shop/api:v1", registry.address);
    let error = bench.images().await.resolve(&reference(&name, PullPolicy::Missing)).await.unwrap_err();
    assert!(error.to_string().contains("no basic auth credentials"), "{error}");

    std::fs::create_dir(bench.path("config")).unwrap();
    // user:pa:ss
    let config = format!(r#"{{"auths": {{"{}": {{"auth": "dXNlcjpwYTpzcw=="}}}}}}"#, registry.address);
    std::fs::write(bench.path("config/config.json"), config).unwrap();
    let image = bench.images().await.resolve(&reference(&name, PullPolicy::Missing)).await.unwrap();
    assert_eq!(image.digest, Some(format!("{}/shop/api@{}", registry.address, registry.digest)));
    let asked = registry.manifests();
    bench.images().await.resolve(&reference(&name, PullPolicy::Missing)).await.unwrap();
    assert_eq!(registry.manifests(), asked, "what is there is not pulled");
    bench.images().await.resolve(&reference(&name, PullPolicy::Always)).await.unwrap();
    assert!(registry.manifests() > asked, "unless always is said");

    // A build pulls its base with the same credentials.
    docker(&["rmi", &name]);
    bench.write("Dockerfile", &format!("FROM {name}\nLABEL backout.test=1\n"));
    let built = bench.images().await.resolve(&bench.wanted()).await.unwrap();
    docker(&["rmi", &built.name, &name]);
}

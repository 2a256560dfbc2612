//! An engine of our own, and on it what needs an engine without images: recipes, the cache's limit, and
//! what a killed build leaves.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use backout::compose::model::{Build, PullPolicy};
use backout::stage::docker::{
    DockerStage, Engine, ImageOptions, Images, Options, Owner, PrivateEngine, Surroundings, Wanted,
    clean_images, connect, trim,
};
use backout::stage::{ResourceKind, Stage};

use super::rig::{BASE, Memory, engine, options, output, project, shell};

/// Beside another engine it needs interfaces and a packet filter of its own.
const APART: [&str; 3] = ["unshare", "--net", "dockerd"];

struct Bench {
    folder: tempfile::TempDir,
    said: Arc<Mutex<Vec<String>>>,
}

impl Bench {
    fn images(&self, engine: &Engine) -> Images {
        let said = Arc::clone(&self.said);
        let options = ImageOptions {
            hide: std::sync::Arc::new(str::to_owned),
            recipes: Some(self.path("recipes")),
            logs: self.path("logs"),
            surroundings: Surroundings::default(),
            progress: Arc::new(move |line: &str| said.lock().unwrap().push(line.to_owned())),
        };
        Images::new(engine.clone(), options).unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// A build of a Dockerfile on the base.
    fn wanted(&self, name: &str, rest: &str) -> Wanted {
        self.write(&format!("{name}/Dockerfile"), &format!("FROM {BASE}\n{rest}\n"));
        let context = self.path(name);
        Wanted::Build {
            build: Build { context, dockerfile: "Dockerfile".into(), ..Build::default() },
            platform: None,
        }
    }

    fn heard(&self, part: &str) -> bool {
        self.said.lock().unwrap().iter().any(|line| line.contains(part))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_engine_makes_its_base_keeps_its_cache_small_and_goes_without_a_trace() {
    let bench = Bench { folder: tempfile::tempdir().unwrap(), said: Arc::default() };
    let private = PrivateEngine::at(bench.path("e"));
    let here = Owner::here().unwrap();
    if !Path::new("/usr/sbin/dockerd").exists() && !Path::new("/usr/bin/dockerd").exists() {
        let error = private.start(&here).await.unwrap_err();
        assert!(error.cause.contains("dockerd is not installed"), "{error}");
        return;
    }
    if !rustix::process::getuid().is_root() {
        // dockerd is for root; what is left to see is that it is said.
        let error = private.start_by(&here, &["dockerd"]).await.unwrap_err();
        assert!(error.evidence.iter().any(|line| line.contains("root")), "{:?}", error.evidence);
        return;
    }
    // The recipe takes the base from the usual engine.
    engine().await;
    private.start_by(&here, &APART).await.unwrap();
    assert!(private.runs() && PrivateEngine::at(bench.path("e")).runs(), "it is found again by its folder");
    private.start_by(&here, &APART).await.unwrap();
    let error = PrivateEngine::at(bench.path("f")).start(&here).await.unwrap_err();
    assert!(error.cause.starts_with("another dockerd runs already"), "{error}");
    let host = Some(private.host());
    let engine = connect(&Surroundings { host, ..Surroundings::default() }).await.unwrap();

    let result = tokio::spawn(story(Arc::new(bench), engine)).await;
    private.remove().await.unwrap();
    assert!(!private.runs() && !private.exists());
    result.unwrap();
}

async fn story(bench: Arc<Bench>, engine: Engine) {
    the_base_is_made_by_its_recipe(&bench, &engine).await;
    a_stage_comes_up(&engine).await;
    s22_what_was_not_used_for_longest_goes(&bench, &engine).await;
    s22_what_a_killed_build_leaves_is_removed(&bench, &engine).await;
}

async fn the_base_is_made_by_its_recipe(bench: &Bench, engine: &Engine) {
    // The root file system of the base on the usual engine: a recipe need not take long here.
    let recipe = format!(
        "#!/bin/sh\nset -e\n[ \"$1\" = --tar ]\necho exporting >&2\n\
         id=$(docker create --label backout.test=1 {BASE})\ndocker export \"$id\"\ndocker rm \"$id\" >&2\n"
    );
    let path = bench.write("recipes/debian/make", &recipe);
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let base = Wanted::Reference { name: BASE.to_owned(), pull: PullPolicy::Missing, platform: None };
    let image = bench.images(engine).resolve(&base).await.unwrap();
    assert!(image.id.starts_with("sha256:"));
    // Where a registry answers, the base comes from there.
    assert!(image.digest.is_some() || (bench.heard("making it with") && bench.heard("exporting")));
}

async fn a_stage_comes_up(engine: &Engine) {
    let images = [("web".to_owned(), BASE.to_owned())].into();
    let options = Options { images, ..options() };
    let project = project(vec![("web", shell("sleep 1000"))]);
    let stage = DockerStage::new(engine.clone(), project, options, Arc::new(Memory::default()));
    stage.up(Duration::from_secs(30)).await.unwrap();
    assert_eq!(output(&stage, "web", "echo hi").await, "hi");
    assert!(stage.down().await.is_empty());
}

async fn s22_what_was_not_used_for_longest_goes(bench: &Bench, engine: &Engine) {
    let fill = |name: &str| bench.wanted(name, &format!("RUN head -c 8000000 /dev/urandom > /{name}"));
    let (old, new) = (fill("old"), fill("new"));
    let old_image = bench.images(engine).resolve(&old).await.unwrap();
    let new_image = bench.images(engine).resolve(&new).await.unwrap();
    // The older one is used again.
    assert_eq!(bench.images(engine).resolve(&old).await.unwrap(), old_image);
    let trimmed = trim(engine, 12_000_000).await.unwrap();
    assert!(trimmed.errors.is_empty(), "{:?}", trimmed.errors);
    let removed: Vec<&str> = trimmed.removed.iter().map(|image| image.name.as_str()).collect();
    assert_eq!(removed, [format!("{}:latest", new_image.name)]);
    assert!((8_000_000..12_000_000).contains(&trimmed.held), "{}", trimmed.held);
    let again = bench.images(engine).resolve(&new).await.unwrap();
    assert_eq!(again.name, new_image.name);
}

async fn s22_what_a_killed_build_leaves_is_removed(bench: &Arc<Bench>, engine: &Engine) {
    let wanted = bench.wanted("killed", "RUN echo one > /one\nRUN sleep 1000");
    let images = bench.images(engine);
    let build = tokio::spawn(async move { images.resolve(&wanted).await });
    while on(engine, &["ps", "--quiet"]).is_empty() || !bench.heard("Step 4/5 : RUN sleep") {
        assert!(!build.is_finished(), "{:?}", build.await);
        tokio::task::yield_now().await;
    }
    build.abort();
    assert!(build.await.unwrap_err().is_cancelled());
    // The engine notices that nobody waits any more, and ends the step.
    while !on(engine, &["ps", "--all", "--quiet"]).is_empty() {}

    let trimmed = clean_images(engine, &Owner::here().unwrap()).await.unwrap();
    assert!(trimmed.errors.is_empty(), "{:?}", trimmed.errors);
    let named = trimmed.removed.iter().filter(|image| image.name.starts_with("backout/")).count();
    assert_eq!(named, 2, "{:?}", trimmed.removed);
    assert!(trimmed.removed.iter().all(|image| image.kind == ResourceKind::Image));
    assert!(trimmed.removed.len() > 2, "nothing between the steps was found: {:?}", trimmed.removed);
    assert_eq!(on(engine, &["images", "--all", "--format", "{{.Repository}}:{{.Tag}}"]), BASE);
}

/// What the docker command prints.
fn on(engine: &Engine, arguments: &[&str]) -> String {
    let output = std::process::Command::new("docker")
        .args(["--host", engine.host()])
        .args(arguments)
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

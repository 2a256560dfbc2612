//! A Docker stage for a test: it is taken down whatever happens, and without an engine the test fails
//! with the paragraph that a user would see.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use backout::compose::Project;
use backout::compose::model::{Attachment, PullPolicy, Service};
use backout::stage::docker::{
    DockerStage, Engine, ImageOptions, Images, Options, Owner, Subnet, Surroundings, Wanted, connect,
};
use backout::stage::{Ledger, Line, Process, Resource, Stage};
use futures_util::FutureExt;
use tokio::sync::OnceCell;

pub(crate) const BASE: &str = "debian:bookworm-slim";

static HAS_BASE: OnceCell<()> = OnceCell::const_new();

static RUNS: AtomicU32 = AtomicU32::new(0);

/// Keeps in memory what a journal keeps on disk.
#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) intended: Mutex<Vec<Resource>>,
    pub(crate) removed: Mutex<Vec<Resource>>,
}

impl Ledger for Memory {
    fn intend(&self, resources: &[Resource]) -> std::io::Result<()> {
        self.intended.lock().unwrap().extend_from_slice(resources);
        Ok(())
    }

    fn removed(&self, resource: &Resource) {
        self.removed.lock().unwrap().push(resource.clone());
    }
}

/// The engine, with the base image on it: a fresh machine gets it as a user would.
pub(crate) async fn engine() -> Engine {
    let surroundings = Surroundings::of(&std::env::vars().collect());
    let engine = connect(&surroundings).await.unwrap_or_else(|error| panic!("{error}"));
    HAS_BASE.get_or_init(|| make_base(&engine, surroundings)).await;
    engine
}

async fn make_base(engine: &Engine, surroundings: Surroundings) {
    let options = ImageOptions {
        hide: std::sync::Arc::new(str::to_owned),
        recipes: Some(concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/images").into()),
        logs: std::env::temp_dir(),
        surroundings,
        progress: Arc::new(|_: &str| {}),
    };
    let base = Wanted::Reference { name: BASE.to_owned(), pull: PullPolicy::Missing, platform: None };
    Images::new(engine.clone(), options).unwrap().resolve(&base).await.unwrap();
}

pub(crate) fn options() -> Options {
    let number = RUNS.fetch_add(1, Ordering::Relaxed);
    Options {
        run: format!("test-{}-{number}", std::process::id()),
        owner: Owner::here().unwrap(),
        images: BTreeMap::new(),
        reach: BTreeMap::new(),
        subnets: Subnet::USUAL,
        environment: BTreeMap::new(),
        gateways: BTreeMap::new(),
        program: env!("CARGO_BIN_EXE_backout").into(),
        keep: false,
    }
}

/// Runs a test on a stage and takes the stage down; nothing may be left of it.
pub(crate) async fn with_stage<F>(
    project: Project,
    options: Options,
    test: impl FnOnce(DockerStage, Arc<Memory>) -> F,
) where
    F: Future<Output = ()>,
{
    on_engine(engine().await, project, options, test).await;
}

async fn on_engine<F>(
    engine: Engine,
    project: Project,
    options: Options,
    test: impl FnOnce(DockerStage, Arc<Memory>) -> F,
) where
    F: Future<Output = ()>,
{
    let memory = Arc::new(Memory::default());
    let mut images: BTreeMap<_, _> =
        project.services.keys().map(|name| (name.clone(), BASE.to_owned())).collect();
    images.extend(options.images);
    let options = Options { images, ..options };
    let ledger: Arc<dyn Ledger> = Arc::clone(&memory) as Arc<dyn Ledger>;
    let stage = DockerStage::new(engine, project, options, ledger);
    let result = AssertUnwindSafe(test(stage.clone(), memory)).catch_unwind().await;
    let errors = stage.down().await;
    let left = stage.strays().await.unwrap();
    if let Err(panic) = result {
        std::panic::resume_unwind(panic);
    }
    assert!(errors.is_empty(), "{errors:?}");
    assert!(left.is_empty(), "{left:?}");
}

/// A service that runs a shell script on the default network.
pub(crate) fn shell(script: &str) -> Service {
    Service {
        command: Some(["sh", "-c", script].map(str::to_owned).to_vec()),
        networks: [("default".to_owned(), Attachment::default())].into(),
        init: true,
        replicas: 1,
        ..Service::default()
    }
}

pub(crate) fn project(services: Vec<(&str, Service)>) -> Project {
    let services = services.into_iter().map(|(name, service)| (name.to_owned(), service)).collect();
    Project { services, ..Project::default() }
}

pub(crate) fn words(command: &[&str]) -> Vec<String> {
    command.iter().map(ToString::to_string).collect()
}

/// All that a process prints, and its exit code.
pub(crate) async fn read(mut process: Box<dyn Process>) -> (Vec<Line>, i64) {
    let mut lines = Vec::new();
    while let Some(line) = process.line().await {
        lines.push(line);
    }
    (lines, process.wait().await.unwrap().exit_code)
}

/// The standard output of a command in a service.
pub(crate) async fn output(stage: &dyn Stage, service: &str, script: &str) -> String {
    let process = stage.exec(service, &words(&["sh", "-c", script])).await.unwrap();
    let (lines, _) = read(process).await;
    lines.into_iter().map(|line| line.text).collect::<Vec<_>>().join("\n")
}

/// Runs a docker command that has to succeed.
pub(crate) fn docker(arguments: &[&str]) -> String {
    let output = std::process::Command::new("docker").args(arguments).output().unwrap();
    assert!(output.status.success(), "docker {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Runs a test on a stage whose engine is reached over TCP, as if it were on another machine.
pub(crate) async fn with_remote_stage<F>(
    project: Project,
    options: Options,
    test: impl FnOnce(DockerStage) -> F,
) where
    F: Future<Output = ()>,
{
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let forward = tokio::spawn(async move {
        while let Ok((mut outside, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut engine = tokio::net::UnixStream::connect("/var/run/docker.sock").await.unwrap();
                drop(tokio::io::copy_bidirectional(&mut outside, &mut engine).await);
            });
        }
    });
    let host = Some(format!("tcp://{address}"));
    let engine = connect(&Surroundings { host, ..Surroundings::default() }).await.unwrap();
    on_engine(engine, project, options, |stage, _| test(stage)).await;
    forward.abort();
}

//! One server and the container of its clients on a stage, with a gateway between the two.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use backout::compose::{Project, Request, load};
use backout::diagnostic::{Source, render};
use backout::files::RootedFiles;
use backout::gateway::control::{Held, Mark, Order, Protocol, Report, Route, Side, What};
use backout::gateway::reader::{Answer, Ask, Transaction};
use backout::plan::model::Gateway as Wanted;
use backout::stage::docker::{DockerStage, ImageOptions, Images, Options, Surroundings};
use backout::stage::{Gateway, Line, Process, Stage};
use backout::yaml::Spot;

use crate::stage::rig::{engine, options, read, with_stage, words};

/// The service in which clients run.
pub(crate) const CLIENT: &str = "tool";

/// How long anything on the stage may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long the servers may take to come up, as a scenario gives them: a broker needs ten seconds of a
/// processor that it may have to share.
const UP: Duration = Duration::from_secs(300);

/// A server that its clients reach through a gateway.
pub(crate) struct Wire {
    pub(crate) stage: DockerStage,
    pub(crate) gateway: Arc<dyn Gateway>,
    pub(crate) service: String,
}

/// What a client asked and was answered, in the words of the recorded conversations.
#[derive(Debug, Default)]
pub(crate) struct Talk {
    pub(crate) asks: Vec<String>,
    pub(crate) answers: Vec<String>,
}

/// What a client printed, both streams together, and its exit code.
pub(crate) type Ended = (String, i64);

/// Who is on the stage; all are services of `tests/fixtures/clients`.
pub(crate) struct Cast<'a> {
    /// The server, its port and what is spoken there.
    pub(crate) server: (&'a str, u16, Protocol),
    /// Who reaches it through the gateway.
    pub(crate) clients: &'a [&'a str],
    /// Who does not.
    pub(crate) others: &'a [&'a str],
    /// Variables of the Compose file.
    pub(crate) environment: &'a [(&'a str, &'a str)],
}

/// Runs a test with a server and [`CLIENT`].
pub(crate) async fn with_wire<F>(service: &str, port: u16, protocol: Protocol, test: impl FnOnce(Wire) -> F)
where
    F: Future<Output = ()>,
{
    let server = (service, port, protocol);
    with_cast(&Cast { server, clients: &[CLIENT], others: &[], environment: &[] }, test).await;
}

/// Runs a test with whoever it needs.
pub(crate) async fn with_cast<F>(cast: &Cast<'_>, test: impl FnOnce(Wire) -> F)
where
    F: Future<Output = ()>,
{
    let (service, port, protocol) = cast.server;
    let mut project = project(cast.environment);
    let plays = |name: &str| name == service || cast.clients.contains(&name) || cast.others.contains(&name);
    project.services.retain(|name, _| plays(name));
    let route = Route { service: service.to_owned(), port, protocol, outside: None };
    let clients = cast.clients.iter().map(|client| (*client).to_owned()).collect();
    let wanted = Wanted { routes: vec![route], clients, ..Wanted::default() };
    let images = images(&project).await;
    let options = Options {
        gateways: [(service.to_owned(), wanted)].into(),
        reach: [(service.to_owned(), vec![port])].into(),
        images,
        ..options()
    };
    with_stage(project, options, |stage, _| async move {
        stage.up(UP).await.unwrap();
        let gateway = stage.gateway(service).unwrap();
        test(Wire { stage, gateway, service: service.to_owned() }).await;
    })
    .await;
}

async fn images(project: &Project) -> BTreeMap<String, String> {
    let options = ImageOptions {
        hide: std::sync::Arc::new(str::to_owned),
        recipes: None,
        logs: std::env::temp_dir(),
        surroundings: Surroundings::of(&std::env::vars().collect()),
        progress: Arc::new(|_: &str| {}),
    };
    let images = Images::new(engine().await, options).unwrap().resolve_all(project).await.unwrap();
    images.into_iter().map(|(service, image)| (service, image.id)).collect()
}

fn project(environment: &[(&str, &str)]) -> Project {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let base = root.join("tests/fixtures/clients");
    let spot = Spot { source: Source::new("here", "compose.yaml"), span: 0..12 };
    let request = Request {
        files: vec![(PathBuf::from("compose.yaml"), spot)],
        profiles: Vec::new(),
        environment: environment
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect(),
        base: base.clone(),
    };
    let files = RootedFiles::new(Path::new(&root), &base).unwrap();
    load(&files, &request).unwrap_or_else(|mistakes| panic!("{}", render(&mistakes)))
}

impl Wire {
    /// What a command inside the server's own container prints: no gateway is in its way.
    pub(crate) async fn inside(&self, script: &str) -> String {
        self.of(&self.service, script).await
    }

    /// What a command inside a service's container prints.
    pub(crate) async fn of(&self, service: &str, script: &str) -> String {
        let process = self.stage.exec(service, &words(&["bash", "-c", script])).await.unwrap();
        let (printed, code) = finish(process).await;
        assert_eq!(code, 0, "{script}: {printed}");
        printed
    }

    /// Starts a client.
    pub(crate) async fn start(&self, command: &[&str]) -> Box<dyn Process> {
        self.stage.exec(CLIENT, &words(command)).await.unwrap()
    }

    /// Everything that a client asks and is answered when nothing stops it; it must come to a good end,
    /// and the gateway must have understood it.
    pub(crate) async fn talk(&self, command: &[&str]) -> Talk {
        let mut reports = self.gateway.listen();
        self.order(Order::Begin { record: true, apart: Default::default() }).await;
        let (printed, code) = finish(self.start(command).await).await;
        assert_eq!(code, 0, "{command:?}: {printed}");
        // Whatever was said before this was carried out has arrived.
        self.order(Order::Count).await;
        let mut talk = Talk::default();
        while let Ok(report) = reports.try_recv() {
            match report {
                Report::Asked(asked) => talk.asks.push(ask_in_words(&asked.ask)),
                Report::Answered(answered) => talk.answers.push(answer_in_words(&answered.answer)),
                other => panic!("{command:?}: {other:?}"),
            }
        }
        talk
    }

    /// The gateway looks for this from now on.
    pub(crate) async fn hold(&self, what: What, side: Side) {
        self.order(Order::Begin { record: false, apart: Default::default() }).await;
        let mark = Mark { service: self.service.clone(), what, side, all: false };
        self.order(Order::Hold { mark, within_ms: 60_000 }).await;
    }

    /// Waits until a conversation is held there.
    pub(crate) async fn held(&self) -> Result<Held, String> {
        tokio::time::timeout(PATIENCE, self.gateway.held()).await.unwrap()
    }

    /// Gives the gateway an order.
    pub(crate) async fn order(&self, order: Order) -> backout::stage::Done {
        self.gateway.order(order).await.unwrap()
    }
}

/// Waits for a process; what it printed and its exit code.
pub(crate) async fn finish(process: Box<dyn Process>) -> Ended {
    let (lines, code) = tokio::time::timeout(PATIENCE, read(process)).await.unwrap();
    (lines.into_iter().map(|Line { text, .. }| text).collect::<Vec<_>>().join("\n"), code)
}

/// An ask as the recorded conversations write it: the transaction before it, what it does, its text.
fn ask_in_words(ask: &Ask) -> String {
    let transaction = match ask.transaction {
        Transaction::None => "none",
        Transaction::Open => "open",
        Transaction::Failed => "failed",
    };
    let commits = if ask.commits { " commits" } else { "" };
    let rides = if ask.rides { " rides" } else { "" };
    format!("{transaction}{commits}{rides}: {}", ask.text)
}

fn answer_in_words(answer: &Answer) -> String {
    let ok = if answer.ok { "ok" } else { "error" };
    let committed = if answer.committed { " committed" } else { "" };
    format!("{ok}{committed}: {}", answer.said)
}

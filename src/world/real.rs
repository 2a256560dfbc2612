//! The world of a real drill.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::io::{AsyncBufReadExt, BufReader};

use super::host;
use super::mariadb::MariaDb;
use super::named::Naming;
use super::observed::ObservedStore;
use super::shelf::{Shelf, Showing};
use super::store::Postgres;
use crate::compose::Project;
use crate::http;
use crate::journal::Redactor;
use crate::plan::Plan;
use crate::plan::model::{self, Action, Deploy, HttpCall, Image, Step};
use crate::plan::observe::Observed;
use crate::progress::Progress;
use crate::run::world::{Answer, Images, ResolvedImage};
use crate::run::{Caller, Database, Store, World};
use crate::stage::docker::{self, DockerStage, Engine, ImageOptions, Options, Owner, Subnet, Wanted};
use crate::stage::{Ledger, Process, Stage, StageError};

/// What the names of built images begin with.
const BUILT: &str = "backout/";
/// The file beside the reports that holds every row that differs.
const ROWS: &str = "rows.jsonl";

/// How the real world is set up.
#[derive(Clone)]
pub struct Settings {
    /// Who makes everything.
    pub owner: Owner,
    /// Where networks take their addresses from.
    pub subnets: Subnet,
    /// The runner's environment.
    pub environment: BTreeMap<String, String>,
    /// Whether stages outlive the runner.
    pub keep: bool,
    /// The folder of the reports.
    pub reports: PathBuf,
    /// Whether row values are hidden.
    pub hide_values: bool,
    /// Hides secrets in what is written beside the journal and said meanwhile.
    pub redactor: Arc<Redactor>,
    /// Whether somebody sits at the terminal.
    pub facilitator: bool,
    /// The folder with recipes for base images.
    pub recipes: Option<PathBuf>,
    /// This program, which gateways are made from.
    pub program: PathBuf,
    /// What everything on the engine is named after.
    pub name: String,
}

/// Docker, PostgreSQL, HTTP and this machine.
pub struct RealWorld {
    engine: Engine,
    images: docker::Images,
    settings: Settings,
    progress: Arc<Progress>,
}

impl RealWorld {
    /// On this engine.
    ///
    /// # Errors
    /// When the engine's credentials cannot be read.
    pub fn new(engine: Engine, settings: Settings, progress: Arc<Progress>) -> Result<Self, StageError> {
        let (told, redactor) = (Arc::clone(&progress), Arc::clone(&settings.redactor));
        let hide = Arc::clone(&redactor);
        let options = ImageOptions {
            recipes: settings.recipes.clone(),
            logs: settings.reports.clone(),
            surroundings: docker::Surroundings::of(&settings.environment),
            progress: Arc::new(move |line: &str| told.say(&redactor.text(line))),
            hide: Arc::new(move |line: &str| hide.text(line)),
        };
        let images = docker::Images::new(engine.clone(), options)?;
        Ok(Self { engine, images, settings, progress })
    }

    fn shelf(&self, store: &str, plan: &Plan, work: PathBuf) -> Shelf {
        let showing = Showing { hide: self.settings.hide_values, mask: plan.mask.clone() };
        let (rows, naming) = (self.settings.reports.join(ROWS), Naming::of(plan, store));
        Shelf {
            store: store.to_owned(),
            work,
            rows,
            showing,
            redactor: Arc::clone(&self.settings.redactor),
            naming,
        }
    }
}

/// An image that a `deploy` step names. A reference that a service builds under its `image:` name is
/// that build, never somebody's old image of the same name (S9).
fn wanted(image: &Image, project: &Project) -> Wanted {
    match image {
        Image::Build(build) => Wanted::Build { build: build.clone(), platform: None },
        Image::Reference { name, pull } => {
            let built = project
                .services
                .values()
                .find(|service| service.image.as_ref() == Some(name) && service.build.is_some());
            built.and_then(Wanted::of).unwrap_or_else(|| Wanted::Reference {
                name: name.clone(),
                pull: *pull,
                platform: None,
            })
        }
    }
}

fn shown(image: docker::Image) -> ResolvedImage {
    let built = image.name.starts_with(BUILT);
    ResolvedImage { name: image.name, id: image.id, repo_digest: image.digest, built }
}

#[async_trait]
impl World for RealWorld {
    async fn images(&self, plan: &Plan) -> Result<(Images, Vec<ResolvedImage>), StageError> {
        let mut images = Images::default();
        let mut resolved = Vec::new();
        for (service, image) in self.images.resolve_all(&plan.project).await? {
            images.services.insert(service, image.id.clone());
            resolved.push(shown(image));
        }
        let mut steps: Vec<&Step> =
            plan.change.iter().chain(&plan.rollback.steps).chain(&plan.seed).collect();
        if let Some(forward_only) = &plan.forward_only {
            steps.extend(forward_only.precheck_steps().chain(forward_only.breaking_steps()));
        }
        for step in steps {
            let Action::Deploy(Deploy { image: Some(image), .. }) = &step.action else { continue };
            if images.deployed(image).is_none() {
                let found = self.images.resolve(&wanted(image, &plan.project)).await?;
                images.deploys.push((image.clone(), found.id.clone()));
                resolved.push(shown(found));
            }
        }
        Ok((images, resolved))
    }

    fn stage(
        &self,
        plan: &Plan,
        images: &Images,
        run: u32,
        ledger: Arc<dyn Ledger>,
    ) -> Result<Arc<dyn Stage>, StageError> {
        let options = Options {
            run: format!("{}-{run}", self.settings.name),
            owner: self.settings.owner.clone(),
            images: images.services.clone(),
            reach: plan.reach.clone(),
            subnets: self.settings.subnets,
            environment: self.settings.environment.clone(),
            gateways: plan.gateways.clone(),
            program: self.settings.program.clone(),
            keep: self.settings.keep,
        };
        Ok(Arc::new(DockerStage::new(self.engine.clone(), plan.project.clone(), options, ledger)))
    }

    fn database(
        &self,
        stage: Arc<dyn Stage>,
        database: &model::Database,
        plan: &Plan,
        work: PathBuf,
    ) -> Arc<dyn Database> {
        let shelf = self.shelf(&database.service, plan, work);
        match database.engine {
            model::Engine::Postgres => Arc::new(Postgres::new(stage, database.clone(), shelf)),
            model::Engine::Mariadb => Arc::new(MariaDb::new(stage, database.clone(), shelf)),
        }
    }

    fn store(
        &self,
        stage: Arc<dyn Stage>,
        name: &str,
        observed: &Observed,
        plan: &Plan,
        work: PathBuf,
    ) -> Arc<dyn Store> {
        Arc::new(ObservedStore::new(stage, observed.clone(), self.shelf(name, plan, work)))
    }

    async fn http(&self, address: SocketAddr, call: &HttpCall, limit: Duration) -> Result<Answer, String> {
        http::call(address, call, limit).await
    }

    fn caller(&self) -> Result<Arc<dyn Caller>, String> {
        Ok(Arc::new(http::Kept::new()?))
    }

    fn ledger(&self, run: u32, traffic: usize) -> PathBuf {
        self.settings.reports.join(format!("ledger-{run}-{}.jsonl", traffic + 1))
    }

    async fn host(
        &self,
        folder: &Path,
        command: &[String],
        environment: &BTreeMap<String, String>,
    ) -> Result<Box<dyn Process>, StageError> {
        host::start(folder, command, environment).map(|process| Box::new(process) as Box<dyn Process>)
    }

    async fn facilitator(&self, question: &str) -> Result<(), String> {
        if !self.settings.facilitator {
            return Err("a facilitator starts it, and standard input is no terminal".to_owned());
        }
        self.progress.say(&format!("{question} (press Enter)"));
        let mut line = String::new();
        let read = BufReader::new(tokio::io::stdin()).read_line(&mut line).await;
        match read {
            Ok(bytes) if bytes > 0 => Ok(()),
            _ => Err("the terminal was closed before the facilitator pressed Enter".to_owned()),
        }
    }
}

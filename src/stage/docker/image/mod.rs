//! Images (S9): every one is resolved once per drill, built from today's files or pulled, and used by
//! its ID.

mod build;
mod context;
mod credentials;
pub(super) mod dockerfile;
mod ignore;
mod pull;
mod recipe;
mod reference;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream;
use tokio::sync::{Mutex, OnceCell};

use super::Surroundings;
use super::client::Engine;
use crate::compose::Project;
use crate::compose::model::{Build, PullPolicy, Service};
use crate::stage::StageError;
use credentials::Config;
use reference::Reference;

/// On every cached image: the digest of what it was built from (S22).
pub(super) const CACHE: &str = "backout.cache";

/// How many images are made at once: a build keeps a core busy by itself.
const AT_ONCE: usize = 2;

/// Is told what is being done, one short line at a time.
pub type Progress = Arc<dyn Fn(&str) + Send + Sync>;

/// Takes secrets out of a line.
pub type Hide = Arc<dyn Fn(&str) -> String + Send + Sync>;

/// How images are resolved.
#[derive(Clone)]
pub struct ImageOptions {
    /// The folder with recipes for base images, `scenarios/images`.
    pub recipes: Option<PathBuf>,
    /// Where build logs go.
    pub logs: PathBuf,
    /// Where registry credentials are found.
    pub surroundings: Surroundings,
    /// Is told what is being done.
    pub progress: Progress,
    /// A line of a log as it may be written.
    pub hide: Hide,
}

/// What an image is wanted from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wanted {
    /// Built from files.
    Build {
        /// How.
        build: Build,
        /// Such as `linux/amd64`.
        platform: Option<String>,
    },
    /// Found or pulled.
    Reference {
        /// Such as `shop-api:v2`.
        name: String,
        /// When it is pulled.
        pull: PullPolicy,
        /// Such as `linux/amd64`.
        platform: Option<String>,
    },
}

/// An image that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// What was asked for, or the name of what was built.
    pub name: String,
    /// Its ID on the engine.
    pub id: String,
    /// The registry's digest where it has one, such as `debian@sha256:…`.
    pub digest: Option<String>,
}

/// The images of one drill.
pub struct Images {
    engine: Engine,
    options: ImageOptions,
    config: Config,
    known: Mutex<BTreeMap<Wanted, Arc<OnceCell<Image>>>>,
    /// A recipe takes minutes: two services must not start it twice.
    recipe: Mutex<()>,
}

impl Wanted {
    /// What a service wants; none where it names neither an image nor a build.
    pub fn of(service: &Service) -> Option<Self> {
        let platform = service.platform.clone();
        if let Some(build) = &service.build {
            return Some(Self::Build { build: build.clone(), platform });
        }
        let pull = service.pull_policy;
        service.image.clone().map(|name| Self::Reference { name, pull, platform })
    }
}

impl Images {
    /// Images on an engine.
    ///
    /// # Errors
    /// When the docker command's configuration cannot be read.
    pub fn new(engine: Engine, options: ImageOptions) -> Result<Self, StageError> {
        let config = Config::read(options.surroundings.config.as_deref())
            .map_err(|cause| StageError::new("read", "the registry credentials", cause))?;
        Ok(Self { engine, options, config, known: Mutex::default(), recipe: Mutex::default() })
    }

    /// The images of every service of a project, by service.
    ///
    /// # Errors
    /// The first image that can be neither built, found nor pulled.
    pub async fn resolve_all(&self, project: &Project) -> Result<BTreeMap<String, Image>, StageError> {
        let mut wanted = Vec::new();
        for (name, service) in &project.services {
            wanted.extend(Wanted::of(service).map(|wanted| (name.clone(), wanted)));
        }
        let mut work = stream::iter(wanted)
            .map(|(name, wanted)| async move { (name, self.resolve(&wanted).await) })
            .buffer_unordered(AT_ONCE);
        let mut images = BTreeMap::new();
        while let Some((name, image)) = work.next().await {
            images.insert(name, image?);
        }
        Ok(images)
    }

    /// One image; whoever asks for the same again gets the same.
    ///
    /// # Errors
    /// When it can be neither built, found nor pulled.
    pub async fn resolve(&self, wanted: &Wanted) -> Result<Image, StageError> {
        let cell = Arc::clone(self.known.lock().await.entry(wanted.clone()).or_default());
        let image = cell.get_or_try_init(|| async {
            match wanted {
                Wanted::Build { build, platform } => self.build(build, platform.as_deref()).await,
                Wanted::Reference { name, pull, platform } => {
                    self.find_or_pull(name, *pull, platform.as_deref()).await
                }
            }
        });
        Ok(image.await?.clone())
    }

    /// An image that is on the engine; none where it is not.
    async fn find(&self, name: &str) -> Result<Option<Image>, StageError> {
        let inspected = match self.engine.inspect_image(name).await {
            Ok(inspected) => inspected,
            Err(problem) if problem.is_missing() => return Ok(None),
            Err(problem) => return Err(problem.into()),
        };
        let digests = inspected.repo_digests.unwrap_or_default();
        let repository = Reference::parse(name).name;
        let own = digests.iter().find(|digest| digest.starts_with(&format!("{repository}@")));
        let digest = own.or(digests.first()).cloned();
        Ok(Some(Image { name: name.to_owned(), id: inspected.id.unwrap_or_default(), digest }))
    }

    /// A log of this name, beside the others.
    fn log(&self, name: &str) -> Result<build::Log, StageError> {
        build::Log::create(&self.options.logs, name, Arc::clone(&self.options.hide))
    }

    fn say(&self, what: &str) {
        (self.options.progress)(what);
    }
}

//! Building an image from today's files, under a name that carries their digest.

use std::collections::{BTreeSet, VecDeque};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bollard::errors::Error;
use bollard::query_parameters::{BuildImageOptions, BuildImageOptionsBuilder, TagImageOptionsBuilder};
use futures_util::StreamExt;
use sha2::{Digest, Sha256};

use super::context::{self, Context};
use super::{CACHE, Hide, Image, Images, dockerfile};
use crate::compose::model::{Build, PullPolicy};
use crate::secret::files;
use crate::stage::StageError;
use crate::stage::docker::client::{call, problem};
use crate::stage::docker::files::piped;

/// How much of a build's log an error shows.
const SHOWN: usize = 30;

impl Images {
    pub(super) async fn build(&self, build: &Build, platform: Option<&str>) -> Result<Image, StageError> {
        let object = format!("image from {}", build.context.join(&build.dockerfile).display());
        let fail = |error: std::io::Error| StageError::new("build", object.clone(), error.to_string());
        let read = read(build.clone()).await.map_err(fail)?;
        let bases = dockerfile::bases(&read.context.dockerfile, &build.args);
        let mut parts: Vec<String> = vec![read.digest.clone(), describe(build, platform)];
        for base in &bases {
            // A base that was pulled anew makes another image.
            parts.push(self.base(base, platform).await?.id);
        }
        let digest = context::hex(&Sha256::digest(parts.join("\0")));
        let name = format!("backout/{}", &digest[..24]);
        if self.find(&name).await?.is_none() {
            self.run(build, platform, read.context, &name, &digest, &bases).await?;
        }
        self.touch(&name).await?;
        let lost = || StageError::new("build", object.clone(), "it is not there after it was built");
        self.find(&name).await?.ok_or_else(lost)
    }

    /// What a build stands on: it has to be there, by whatever way.
    async fn base(&self, name: &str, platform: Option<&str>) -> Result<Image, StageError> {
        self.find_or_pull(name, PullPolicy::Missing, platform).await
    }

    async fn run(
        &self,
        build: &Build,
        platform: Option<&str>,
        context: Context,
        name: &str,
        digest: &str,
        bases: &BTreeSet<String>,
    ) -> Result<(), StageError> {
        let title = title(build);
        self.say(&format!("building {title}"));
        let log = self.log(&format!("build-{}", &digest[..12]))?;
        let credentials = self.credentials_for(bases).await?;
        let options = self.build_options(build, platform, name, digest);
        let tar = piped(move |out| context.write(out));
        let body = bollard::body_try_stream(tar.map(|chunk| chunk.map(Into::into)));
        let credentials = Some(credentials.into_iter().collect());
        let mut steps = self.engine.docker().build_image(options, credentials, Some(body));
        let object = || format!("image {title}");
        while let Some(step) = steps.next().await {
            match step {
                Ok(step) => self.note(&log, &title, &step.stream.or(step.status).unwrap_or_default()),
                // Not every engine's progress can be read; the image is looked for afterwards.
                Err(Error::JsonDataError { message, .. }) => {
                    log.write(&format!("[unreadable progress: {message}]"));
                }
                Err(error) => return Err(log.attach_to(problem("build", object(), error).error)),
            }
        }
        match self.find(name).await? {
            Some(_) => Ok(()),
            None => Err(log.attach_to(StageError::new("build", object(), "the engine stopped building it"))),
        }
    }

    fn note(&self, log: &Log, title: &str, said: &str) {
        let said = plain(said);
        for line in said.lines().filter(|line| !line.trim().is_empty()) {
            log.write(line);
            if line.starts_with("Step ") {
                self.say(&format!("building {title}: {line}"));
            }
        }
    }

    fn build_options(
        &self,
        build: &Build,
        platform: Option<&str>,
        name: &str,
        digest: &str,
    ) -> BuildImageOptions {
        let mut arguments = self.config.proxies();
        arguments.extend(build.args.clone());
        let mut options = BuildImageOptionsBuilder::default()
            .dockerfile(context::DOCKERFILE)
            .t(name)
            .rm(true)
            .forcerm(true)
            .buildargs(&arguments.into_iter().collect())
            .labels(&[(CACHE, digest)].into_iter().collect());
        if let Some(network) = &build.network {
            options = options.networkmode(network);
        }
        if let Some(target) = &build.target {
            options = options.target(target);
        }
        if let Some(platform) = platform {
            options = options.platform(platform);
        }
        options.build()
    }

    /// Notes the use: the engine remembers when a name was given last, and the cache drops what was
    /// not used for longest.
    async fn touch(&self, name: &str) -> Result<(), StageError> {
        let options = TagImageOptionsBuilder::default().repo(name).tag("latest").build();
        let tagged = self.engine.docker().tag_image(name, Some(options));
        Ok(call("note the use of", format!("image {name}"), tagged).await?)
    }
}

/// The builder paints what went to standard error.
fn plain(said: &str) -> String {
    let mut plain = String::with_capacity(said.len());
    let mut parts = said.split('\u{1b}');
    plain.push_str(parts.next().unwrap_or_default());
    for part in parts {
        // A colour ends with an `m`.
        plain.push_str(part.split_once('m').filter(|_| part.starts_with('[')).map_or(part, |(_, rest)| rest));
    }
    plain
}

struct Read {
    context: Context,
    digest: String,
}

/// Reads the context off the runtime's threads: it may be large.
async fn read(build: Build) -> std::io::Result<Read> {
    let read = move || {
        let context = Context::read(&build)?;
        Ok(Read { digest: context.digest()?, context })
    };
    tokio::task::spawn_blocking(read).await.map_err(std::io::Error::other)?
}

/// Everything besides the files that makes another image.
fn describe(build: &Build, platform: Option<&str>) -> String {
    let arguments: Vec<String> = build.args.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("{:?} {:?} {:?} {platform:?}", arguments, build.target, build.network)
}

fn title(build: &Build) -> String {
    let folder =
        build.context.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    match build.dockerfile.as_str() {
        "Dockerfile" => folder,
        other => format!("{folder}/{other}"),
    }
}

/// The log of a build: kept whole in a file, its end in memory. Clones are the same log.
#[derive(Clone)]
pub(super) struct Log {
    path: PathBuf,
    hide: Hide,
    written: Arc<Mutex<(File, VecDeque<String>)>>,
}

impl Log {
    pub(super) fn create(folder: &Path, name: &str, hide: Hide) -> Result<Self, StageError> {
        let path = folder.join(format!("{name}.log"));
        let created = files::folder(folder).and_then(|()| files::create(&path));
        let file = created
            .map_err(|error| StageError::new("keep", format!("log {}", path.display()), error.to_string()))?;
        Ok(Self { path, hide, written: Arc::new(Mutex::new((file, VecDeque::new()))) })
    }

    /// A log that cannot be written does not stop a build: its end is still in memory.
    pub(super) fn write(&self, line: &str) {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let line = (self.hide)(line);
        drop(writeln!(written.0, "{line}"));
        written.1.push_back(line);
        if written.1.len() > SHOWN {
            written.1.pop_front();
        }
    }

    /// Puts the end of the log and its place into an error.
    pub(super) fn attach_to(&self, error: StageError) -> StageError {
        let written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        StageError { log: Some(self.path.clone()), ..error.with_evidence(written.1.iter().cloned()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s9_arguments_target_network_and_platform_make_another_image() {
        let build = |args: &[(&str, &str)], target: Option<&str>| Build {
            args: args.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            target: target.map(str::to_owned),
            ..Build::default()
        };
        let all = [
            describe(&build(&[], None), None),
            describe(&build(&[("A", "1")], None), None),
            describe(&build(&[("A", "2")], None), None),
            describe(&build(&[], Some("x")), None),
            describe(&build(&[], None), Some("linux/arm64")),
            describe(&Build { network: Some("x".to_owned()), ..Build::default() }, None),
        ];
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
    }

    #[test]
    fn a_log_is_kept_whole_and_its_end_is_shown() {
        let folder = tempfile::tempdir().unwrap();
        let hide: Hide = Arc::new(|line| line.replace("s3cret", "-"));
        let log = Log::create(folder.path(), "build-1", hide.clone()).unwrap();
        for number in 0..100 {
            log.write(&format!("s3cret line {number}"));
        }
        let error = log.attach_to(StageError::new("build", "image a", "no"));
        assert_eq!(error.evidence.len(), SHOWN);
        assert_eq!(error.evidence[SHOWN - 1], "- line 99");
        let kept = std::fs::read_to_string(error.log.unwrap()).unwrap();
        assert_eq!((kept.lines().count(), kept.contains("s3cret")), (100, false));
        let nowhere = Log::create(Path::new("/proc/nowhere"), "x", hide).err().unwrap().to_string();
        assert!(nowhere.contains("/proc/nowhere/x.log"), "{nowhere}");
    }

    #[test]
    fn colours_are_washed_off() {
        assert_eq!(plain("a\u{1b}[91mno compiler\n\u{1b}[0mb"), "ano compiler\nb");
        assert_eq!(plain("plain"), "plain");
    }

    #[test]
    fn a_build_is_called_after_its_folder() {
        let build = |dockerfile: &str| Build {
            context: "/s/api".into(),
            dockerfile: dockerfile.to_owned(),
            ..Build::default()
        };
        assert_eq!(title(&build("Dockerfile")), "api");
        assert_eq!(title(&build("v2.Dockerfile")), "api/v2.Dockerfile");
    }
}

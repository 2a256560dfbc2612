//! Files of the scenario on the engine: bind mounts, secrets and configs are uploaded into one volume
//! of the run (S18), so that nothing of the scenario is ever written, and an engine elsewhere has them.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use futures_util::Stream;
use tokio::sync::mpsc;

use crate::compose::Project;
use crate::compose::model::{FileMount, FileObject, MountSource, Service};
use crate::stage::StageError;

/// Where the volume is mounted in the container that only lends it.
pub(super) const AT: &str = "/backout";

/// What is uploaded, each under its number.
#[derive(Debug, Default)]
pub(super) struct Uploads(BTreeMap<Upload, usize>);

/// One file or folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Upload {
    content: Content,
    mode: Option<u32>,
    uid: Option<u32>,
    gid: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Content {
    Path(PathBuf),
    /// A folder that is not there.
    Empty(PathBuf),
    Text(String),
}

impl Uploads {
    /// Everything that the services of a project mount; `environment` is the runner's.
    pub(super) fn of(project: &Project, environment: &BTreeMap<String, String>) -> Result<Self, StageError> {
        let mut uploads = Self::default();
        for service in project.services.values() {
            for (_, upload, _) in wanted(project, environment, service)? {
                let number = uploads.0.len();
                uploads.0.entry(upload).or_insert(number);
            }
        }
        Ok(uploads)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What one service mounts: path in the container, path below the volume's root, and whether it
    /// may be written.
    pub(super) fn mounts(
        &self,
        project: &Project,
        environment: &BTreeMap<String, String>,
        service: &Service,
    ) -> Result<Vec<(String, String, bool)>, StageError> {
        let wanted = wanted(project, environment, service)?;
        let place = |upload: &Upload| self.0.get(upload).map(ToString::to_string).unwrap_or_default();
        Ok(wanted
            .iter()
            .map(|(target, upload, writable)| (target.clone(), place(upload), *writable))
            .collect())
    }

    /// What lies under a number, in words.
    pub(super) fn describe(&self, number: &str) -> Option<String> {
        let (upload, _) = self.0.iter().find(|(_, known)| known.to_string() == number)?;
        Some(match &upload.content {
            Content::Path(path) | Content::Empty(path) => format!("bind {}", path.display()),
            Content::Text(_) => "bind of a text".to_owned(),
        })
    }

    /// A tar of it all.
    pub(super) fn tar(&self) -> impl Stream<Item = std::io::Result<Vec<u8>>> + Send + 'static {
        let uploads: Vec<(Upload, usize)> =
            self.0.iter().map(|(upload, number)| (upload.clone(), *number)).collect();
        piped(move |out| {
            let mut tar = tar::Builder::new(out);
            tar.follow_symlinks(false);
            for (upload, number) in &uploads {
                append(&mut tar, upload, &number.to_string())?;
            }
            tar.finish()
        })
    }
}

/// A tar file from the disk.
pub(super) fn from_disk(path: &Path) -> impl Stream<Item = std::io::Result<Vec<u8>>> + Send + use<> {
    let path = path.to_owned();
    piped(move |out| {
        let mut file = std::fs::File::open(&path)
            .map_err(|error| std::io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
        std::io::copy(&mut file, out).map(drop)
    })
}

fn wanted(
    project: &Project,
    environment: &BTreeMap<String, String>,
    service: &Service,
) -> Result<Vec<(String, Upload, bool)>, StageError> {
    let mut wanted = Vec::new();
    for mount in &service.mounts {
        let content = match &mount.source {
            MountSource::Bind(path) => Content::Path(path.clone()),
            MountSource::Made(path) => Content::Empty(path.clone()),
            MountSource::Volume(_) | MountSource::Anonymous | MountSource::Tmpfs { .. } => continue,
        };
        let upload = Upload { content, mode: None, uid: None, gid: None };
        wanted.push((mount.target.clone(), upload, !mount.read_only));
    }
    let secrets = service.secrets.iter().map(|mount| (&project.secrets, "secret", mount));
    let configs = service.configs.iter().map(|mount| (&project.configs, "config", mount));
    for (objects, kind, mount) in secrets.chain(configs) {
        let object = objects.get(&mount.source);
        let content = content(object, environment)
            .map_err(|cause| StageError::new("mount", format!("{kind} {}", mount.source), cause))?;
        wanted.push((mount.target.clone(), upload(content, mount), false));
    }
    Ok(wanted)
}

fn content(object: Option<&FileObject>, environment: &BTreeMap<String, String>) -> Result<Content, String> {
    match object {
        Some(FileObject::File(path)) => Ok(Content::Path(path.clone())),
        Some(FileObject::Content(text)) => Ok(Content::Text(text.clone())),
        Some(FileObject::Environment(name)) => match environment.get(name) {
            Some(value) => Ok(Content::Text(value.clone())),
            None => Err(format!("the environment variable {name} is not set")),
        },
        None => Err("there is none of that name".to_owned()),
    }
}

fn upload(content: Content, mount: &FileMount) -> Upload {
    // A text has no mode of its own; a file keeps what it has on disk.
    let mode = mount.mode.or(matches!(content, Content::Text(_)).then_some(0o444));
    Upload { content, mode, uid: mount.uid, gid: mount.gid }
}

fn append<W: Write>(tar: &mut tar::Builder<W>, upload: &Upload, name: &str) -> std::io::Result<()> {
    match &upload.content {
        Content::Text(text) => {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mtime(0);
            header.set_uid(0);
            header.set_gid(0);
            own(&mut header, upload, 0o444);
            tar.append_data(&mut header, name, text.as_bytes())
        }
        Content::Empty(_) => {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(tar::EntryType::Directory);
            header.set_size(0);
            header.set_mtime(0);
            header.set_uid(0);
            header.set_gid(0);
            own(&mut header, upload, 0o755);
            tar.append_data(&mut header, name, std::io::empty())
        }
        Content::Path(path) => append_path(tar, upload, path, name)
            .map_err(|error| std::io::Error::new(error.kind(), format!("{}: {error}", path.display()))),
    }
}

fn append_path<W: Write>(
    tar: &mut tar::Builder<W>,
    upload: &Upload,
    path: &Path,
    name: &str,
) -> std::io::Result<()> {
    // The mount itself is what a link points to; links inside a folder stay links.
    let metadata = std::fs::metadata(path)?;
    if metadata.is_dir() {
        return append_folder(tar, path, Path::new(name));
    }
    if !metadata.is_file() {
        return Err(std::io::Error::other("it is neither a file nor a folder"));
    }
    let mut header = tar::Header::new_gnu();
    header.set_metadata(&metadata);
    let mode = header.mode()? & 0o7777;
    own(&mut header, upload, mode);
    let file = std::fs::File::open(path)?;
    tar.append_data(&mut header, name, file.take(metadata.len()))
}

/// Sockets and pipes are left out: they mean nothing on another machine.
fn append_folder<W: Write>(tar: &mut tar::Builder<W>, folder: &Path, name: &Path) -> std::io::Result<()> {
    tar.append_dir(name, folder)?;
    let mut entries = std::fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let (path, name, kind) = (entry.path(), name.join(entry.file_name()), entry.file_type()?);
        if kind.is_dir() {
            append_folder(tar, &path, &name)?;
        } else if kind.is_file() || kind.is_symlink() {
            tar.append_path_with_name(&path, &name)?;
        }
    }
    Ok(())
}

fn own(header: &mut tar::Header, upload: &Upload, mode: u32) {
    header.set_mode(upload.mode.unwrap_or(mode));
    if let Some(uid) = upload.uid {
        header.set_uid(u64::from(uid));
    }
    if let Some(gid) = upload.gid {
        header.set_gid(u64::from(gid));
    }
    header.set_cksum();
}

/// What a blocking writer writes, as a stream; its error ends the stream.
pub(super) fn piped(
    work: impl FnOnce(&mut dyn Write) -> std::io::Result<()> + Send + 'static,
) -> impl Stream<Item = std::io::Result<Vec<u8>>> + Send + 'static {
    let (sender, receiver) = mpsc::channel::<std::io::Result<Vec<u8>>>(8);
    tokio::task::spawn_blocking(move || {
        let mut out = std::io::BufWriter::with_capacity(256 * 1024, Pipe(sender.clone()));
        let result = work(&mut out).and_then(|()| out.flush());
        if let Err(error) = result {
            // Nobody is left to hear of it where the reader has gone.
            drop(sender.blocking_send(Err(error)));
        }
    });
    futures_util::stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|chunk| (chunk, receiver))
    })
}

struct Pipe(mpsc::Sender<std::io::Result<Vec<u8>>>);

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let sent = self.0.blocking_send(Ok(bytes.to_vec()));
        sent.map_err(|_| std::io::Error::new(std::io::ErrorKind::BrokenPipe, "the reader has gone"))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use futures_util::TryStreamExt;

    use super::*;
    use crate::compose::model::Mount;

    async fn unpack(
        stream: impl Stream<Item = std::io::Result<Vec<u8>>>,
    ) -> std::io::Result<BTreeMap<String, (u32, u64, String)>> {
        let bytes: Vec<Vec<u8>> = stream.try_collect().await?;
        let bytes = bytes.concat();
        let mut archive = tar::Archive::new(bytes.as_slice());
        let mut entries = BTreeMap::new();
        for entry in archive.entries()? {
            let mut entry = entry?;
            let name = entry.path()?.display().to_string();
            let mut text = String::new();
            entry.read_to_string(&mut text)?;
            let link = entry.link_name()?.map(|link| format!("-> {}", link.display()));
            entries.insert(name, (entry.header().mode()?, entry.header().uid()?, link.unwrap_or(text)));
        }
        Ok(entries)
    }

    fn project(folder: &Path) -> Project {
        let bind = |target: &str, path: &str, read_only| Mount {
            target: target.into(),
            source: MountSource::Bind(folder.join(path)),
            read_only,
        };
        let file = |source: &str, target: &str, mode, uid| FileMount {
            source: source.into(),
            target: target.into(),
            mode,
            uid,
            gid: None,
        };
        let made = Mount {
            target: "/data".into(),
            source: MountSource::Made(folder.join("none")),
            read_only: false,
        };
        let service = Service {
            mounts: vec![bind("/etc/conf", "conf", true), bind("/init.sql", "init.sql", false), made],
            secrets: vec![file("token", "/run/secrets/token", Some(0o400), Some(7))],
            configs: vec![file("motd", "/motd", None, None)],
            ..Service::default()
        };
        Project {
            services: [("a".to_owned(), service.clone()), ("b".to_owned(), service)].into(),
            secrets: [("token".to_owned(), FileObject::Environment("TOKEN".into()))].into(),
            configs: [("motd".to_owned(), FileObject::Content("hi".into()))].into(),
            ..Project::default()
        }
    }

    #[tokio::test]
    async fn s18_mounted_files_are_uploaded_once_with_their_modes_and_links() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("conf/sub")).unwrap();
        std::fs::write(folder.path().join("conf/sub/x"), "x").unwrap();
        std::os::unix::fs::symlink("sub/x", folder.path().join("conf/link")).unwrap();
        std::fs::write(folder.path().join("init.sql"), "select 1").unwrap();
        let environment = [("TOKEN".to_owned(), "s3cret".to_owned())].into();
        let project = project(folder.path());

        let uploads = Uploads::of(&project, &environment).unwrap();
        let mounts = uploads.mounts(&project, &environment, &project.services["b"]).unwrap();
        let place: BTreeMap<&str, (&str, bool)> = mounts
            .iter()
            .map(|(target, place, writable)| (target.as_str(), (place.as_str(), *writable)))
            .collect();
        let files = unpack(uploads.tar()).await.unwrap();

        let conf = place["/etc/conf"].0;
        assert_eq!(files[&format!("{conf}/sub/x")].2, "x");
        assert_eq!(files[&format!("{conf}/link")].2, "-> sub/x");
        assert_eq!(files[place["/init.sql"].0].2, "select 1");
        assert_eq!(files[place["/run/secrets/token"].0], (0o400, 7, "s3cret".to_owned()));
        assert_eq!(files[place["/motd"].0], (0o444, 0, "hi".to_owned()));
        assert!(place["/init.sql"].1 && !place["/etc/conf"].1 && !place["/motd"].1);
        assert_eq!(files[place["/data"].0], (0o755, 0, String::new()));
        assert!(place["/data"].1 && !folder.path().join("none").exists());
        assert_eq!(mounts.len(), 5);
        assert!(uploads.describe(conf).unwrap().ends_with("/conf"));
    }

    #[tokio::test]
    async fn a_missing_file_or_variable_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let project = project(folder.path());
        let error = Uploads::of(&project, &BTreeMap::new()).unwrap_err().to_string();
        assert_eq!(error, "could not mount secret token: the environment variable TOKEN is not set");

        let environment = [("TOKEN".to_owned(), String::new())].into();
        let uploads = Uploads::of(&project, &environment).unwrap();
        let error = unpack(uploads.tar()).await.unwrap_err().to_string();
        assert!(error.contains("/conf: No such file"), "{error}");
    }
}

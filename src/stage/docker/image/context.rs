//! A build context: the folder's files without what `.dockerignore` leaves out, their digest, and the
//! tar that the engine gets.

use std::fs::Metadata;
use std::io::{Error, Read, Result, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::dockerfile;
use super::ignore::Ignore;
use crate::compose::model::Build;

/// Where the tar has the Dockerfile, marked; no file of a user is called that.
pub(super) const DOCKERFILE: &str = ".backout.Dockerfile";

/// The files of a context, in a fixed order.
#[derive(Debug)]
pub(super) struct Context {
    /// The Dockerfile as it is on disk.
    pub(super) dockerfile: String,
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    path: PathBuf,
    /// Relative to the context.
    name: String,
    metadata: Metadata,
}

impl Context {
    /// Finds the files of a build.
    ///
    /// # Errors
    /// Those of the file system, with the path; a wrong pattern in `.dockerignore`.
    pub(super) fn read(build: &Build) -> Result<Self> {
        let root = build.context.canonicalize().map_err(|error| at(&build.context, &error))?;
        let path = root.join(&build.dockerfile);
        let dockerfile = std::fs::read_to_string(&path).map_err(|error| at(&path, &error))?;
        let ignore = ignored(&root, &path)?;
        let mut entries = Vec::new();
        walk(&root, "", &ignore, &mut entries)?;
        Ok(Self { dockerfile, entries })
    }

    /// A digest of everything that the engine will see: names, kinds, modes and contents, no times.
    pub(super) fn digest(&self) -> Result<String> {
        let mut digest = Sha256::new();
        digest.update(self.dockerfile.as_bytes());
        for entry in &self.entries {
            entry.feed(&mut digest).map_err(|error| at(&entry.path, &error))?;
        }
        Ok(hex(&digest.finalize()))
    }

    /// Writes the tar.
    pub(super) fn write(&self, out: &mut dyn Write) -> Result<()> {
        let mut tar = tar::Builder::new(out);
        for entry in &self.entries {
            entry.append(&mut tar).map_err(|error| at(&entry.path, &error))?;
        }
        let marked = dockerfile::marked(&self.dockerfile);
        let mut header = header(0o644, 0);
        header.set_size(marked.len() as u64);
        tar.append_data(&mut header, DOCKERFILE, marked.as_bytes())?;
        tar.finish()
    }
}

impl Entry {
    fn mode(&self) -> u32 {
        self.metadata.permissions().mode() & 0o7777
    }

    fn feed(&self, digest: &mut Sha256) -> Result<()> {
        let kind = if self.metadata.is_dir() {
            'd'
        } else if self.metadata.is_symlink() {
            'l'
        } else {
            'f'
        };
        digest.update(format!("\0{}\0{kind}\0{:o}\0", self.name, self.mode()));
        if self.metadata.is_symlink() {
            digest.update(std::fs::read_link(&self.path)?.as_os_str().as_encoded_bytes());
        } else if self.metadata.is_file() {
            // The length keeps the end of one file and the beginning of the next apart.
            digest.update(self.metadata.len().to_le_bytes());
            feed(std::fs::File::open(&self.path)?, digest)?;
        }
        Ok(())
    }

    fn append(&self, tar: &mut tar::Builder<&mut dyn Write>) -> Result<()> {
        let mut header = header(self.mode(), u64::try_from(self.metadata.mtime()).unwrap_or(0));
        if self.metadata.is_symlink() {
            header.set_entry_type(tar::EntryType::Symlink);
            return tar.append_link(&mut header, &self.name, std::fs::read_link(&self.path)?);
        }
        if self.metadata.is_dir() {
            header.set_entry_type(tar::EntryType::Directory);
            return tar.append_data(&mut header, &self.name, std::io::empty());
        }
        header.set_size(self.metadata.len());
        let file = std::fs::File::open(&self.path)?;
        tar.append_data(&mut header, &self.name, file.take(self.metadata.len()))
    }
}

/// A header of something of root's; the size is yet to be said.
fn header(mode: u32, modified: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_mode(mode);
    header.set_mtime(modified);
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(0);
    header
}

fn feed(mut file: std::fs::File, digest: &mut Sha256) -> Result<()> {
    let mut piece = vec![0; 64 * 1024];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(()),
            length => digest.update(&piece[..length]),
        }
    }
}

fn walk(root: &Path, below: &str, ignore: &Ignore, entries: &mut Vec<Entry>) -> Result<()> {
    let folder = root.join(below);
    let listed = std::fs::read_dir(&folder).and_then(Iterator::collect::<Result<Vec<_>>>);
    let mut listed = listed.map_err(|error| at(&folder, &error))?;
    listed.sort_by_key(std::fs::DirEntry::file_name);
    for file in listed {
        let path = file.path();
        let name =
            file.file_name().into_string().map_err(|_| at(&path, &Error::other("its name is not UTF-8")))?;
        let name = if below.is_empty() { name } else { format!("{below}/{name}") };
        let metadata = std::fs::symlink_metadata(&path).map_err(|error| at(&path, &error))?;
        let out = ignore.leaves_out(&name);
        let (is_dir, known) =
            (metadata.is_dir(), metadata.is_dir() || metadata.is_file() || metadata.is_symlink());
        if !out && known {
            entries.push(Entry { path, name: name.clone(), metadata });
        }
        if is_dir && !(out && ignore.is_final()) {
            walk(root, &name, ignore, entries)?;
        }
    }
    Ok(())
}

/// A Dockerfile may have a `.dockerignore` of its own beside it.
fn ignored(root: &Path, dockerfile: &Path) -> Result<Ignore> {
    let mut own = dockerfile.as_os_str().to_owned();
    own.push(".dockerignore");
    for path in [PathBuf::from(own), root.join(".dockerignore")] {
        match std::fs::read_to_string(&path) {
            Ok(text) => return Ignore::parse(&text).map_err(|cause| at(&path, &Error::other(cause))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(at(&path, &error)),
        }
    }
    Ok(Ignore::default())
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn at(path: &Path, error: &Error) -> Error {
    Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        folder
    }

    fn context(folder: &tempfile::TempDir) -> Context {
        let build = Build {
            context: folder.path().to_owned(),
            dockerfile: "Dockerfile".to_owned(),
            ..Build::default()
        };
        Context::read(&build).unwrap()
    }

    fn names(context: &Context) -> Vec<&str> {
        context.entries.iter().map(|entry| entry.name.as_str()).collect()
    }

    #[test]
    fn what_is_ignored_neither_travels_nor_counts() {
        let folder = folder(&[
            ("Dockerfile", "FROM a"),
            (".dockerignore", "*.log\nd/*\n!d/keep"),
            ("x.log", "1"),
            ("d/keep", "k"),
            ("d/gone", "g"),
        ]);
        let before = context(&folder);
        assert_eq!(names(&before), [".dockerignore", "Dockerfile", "d", "d/keep"]);
        std::fs::write(folder.path().join("x.log"), "2").unwrap();
        assert_eq!(before.digest().unwrap(), context(&folder).digest().unwrap());
    }

    #[test]
    fn s9_content_name_mode_and_dockerfile_change_the_digest_and_time_does_not() {
        let folder = folder(&[("Dockerfile", "FROM a"), ("down.sql", "drop"), ("b", "")]);
        let digest = || context(&folder).digest().unwrap();
        let path = |name: &str| folder.path().join(name);
        let mut seen = vec![digest()];
        let old = std::fs::File::options().write(true).open(path("b")).unwrap();
        old.set_modified(std::time::UNIX_EPOCH).unwrap();
        assert_eq!(digest(), seen[0]);

        std::fs::write(path("down.sql"), "drop ").unwrap();
        seen.push(digest());
        std::fs::set_permissions(path("b"), std::fs::Permissions::from_mode(0o755)).unwrap();
        seen.push(digest());
        std::fs::rename(path("b"), path("c")).unwrap();
        seen.push(digest());
        std::os::unix::fs::symlink("c", path("l")).unwrap();
        seen.push(digest());
        std::fs::write(path("Dockerfile"), "FROM b").unwrap();
        seen.push(digest());
        let different: std::collections::BTreeSet<&String> = seen.iter().collect();
        assert_eq!(different.len(), seen.len());
    }

    #[test]
    fn the_tar_holds_the_files_and_the_marked_dockerfile() {
        let folder = folder(&[("Dockerfile", "FROM a"), ("d/x", "text")]);
        std::os::unix::fs::symlink("d/x", folder.path().join("l")).unwrap();
        let mut bytes = Vec::new();
        context(&folder).write(&mut bytes).unwrap();
        let mut archive = tar::Archive::new(bytes.as_slice());
        let mut found = std::collections::BTreeMap::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            assert_eq!(entry.header().uid().unwrap(), 0);
            found.insert(entry.path().unwrap().display().to_string(), text);
        }
        assert_eq!(found["d/x"], "text");
        assert_eq!(found[DOCKERFILE], "FROM a\nLABEL backout.build=1\n");
        assert_eq!(found.keys().collect::<Vec<_>>(), [DOCKERFILE, "Dockerfile", "d", "d/x", "l"]);
    }

    #[test]
    fn a_missing_file_is_named() {
        let build = Build { context: "/nowhere".into(), dockerfile: "Dockerfile".into(), ..Build::default() };
        assert!(Context::read(&build).unwrap_err().to_string().starts_with("/nowhere: No such file"));
        let folder = folder(&[]);
        let build =
            Build { context: folder.path().to_owned(), dockerfile: "Other".into(), ..Build::default() };
        assert!(Context::read(&build).unwrap_err().to_string().contains("/Other: No such file"));
    }
}

//! Files below a root, and nothing else (S18).
//!
//! What a scenario names is read through [`Files`]: links are resolved, the result must lie below
//! the root, and nothing large or special is opened.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Source};
use crate::yaml::Spot;

/// Most bytes of a text that is read whole, such as YAML or an environment file.
pub const TEXT_LIMIT: u64 = 1 << 20;

/// Access to the files below a root.
pub trait Files {
    /// The text of a file of at most `limit` bytes. Every call returns a source of its own.
    ///
    /// # Errors
    /// The file cannot be located (see [`Files::locate`]), is not a regular file, is larger than the
    /// limit (it is not opened then), or is not UTF-8.
    fn read(&self, path: &Path, limit: u64) -> Result<Arc<Source>, FileProblem>;

    /// Where a file or folder really is, links resolved.
    ///
    /// # Errors
    /// It does not exist, cannot be reached, or leaves the root.
    fn locate(&self, path: &Path) -> Result<Located, FileProblem>;

    /// The bytes of a file, text or not.
    ///
    /// # Errors
    /// As for [`Files::read`], but for the last.
    fn bytes(&self, path: &Path, limit: u64) -> Result<Vec<u8>, FileProblem>;

    /// Whether anything is at a path, be it below the root or not.
    fn exists(&self, path: &Path) -> bool;

    /// What lies in a folder, sorted; nothing where it cannot be read.
    fn list(&self, folder: &Path) -> Vec<PathBuf>;

    /// The folder that nothing may leave, without links.
    fn root(&self) -> &Path;
}

/// A file or folder below the root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    /// Absolute path without links.
    pub path: PathBuf,
    /// What it is.
    pub kind: FileKind,
}

/// What a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A socket, a device or a pipe.
    Special,
}

/// Why a file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileProblem {
    /// It is not there.
    #[error("`{0}` does not exist")]
    Missing(String),
    /// It is not below the root.
    #[error("`{path}` leaves the root `{root}`")]
    Outside {
        /// As it is shown.
        path: String,
        /// The root.
        root: String,
    },
    /// A folder where a file is needed.
    #[error("`{0}` is a folder, not a file")]
    Folder(String),
    /// A socket, a device or a pipe.
    #[error("`{0}` is neither a file nor a folder")]
    Special(String),
    /// More bytes than are read.
    #[error("`{path}` holds {bytes} bytes; at most {limit} are read")]
    TooLarge {
        /// As it is shown.
        path: String,
        /// Bytes it holds.
        bytes: u64,
        /// Bytes that are read.
        limit: u64,
    },
    /// Not text.
    #[error("`{path}` is not UTF-8 text: byte 0x{byte:02x} at offset {offset}, line {line}")]
    NotText {
        /// As it is shown.
        path: String,
        /// The first byte that does not belong.
        byte: u8,
        /// Its position, counted from 0.
        offset: usize,
        /// Its line, counted from 1.
        line: usize,
    },
    /// What the operating system says.
    #[error("`{path}` cannot be read: {cause}")]
    Unreadable {
        /// As it is shown.
        path: String,
        /// The system's words.
        cause: String,
    },
}

impl FileProblem {
    /// This problem where the file is named.
    pub fn at(&self, spot: &Spot) -> Diagnostic {
        self.with_help(spot.mistake(self.to_string()))
    }

    /// This problem of a file that no other file names.
    pub fn alone(&self, path: &Path) -> Diagnostic {
        self.with_help(Diagnostic::whole(&Source::new(path.display().to_string(), ""), self.to_string()))
    }

    fn with_help(&self, diagnostic: Diagnostic) -> Diagnostic {
        match self.way_out() {
            Some(way_out) => diagnostic.help(way_out),
            None => diagnostic,
        }
    }

    fn way_out(&self) -> Option<&'static str> {
        match self {
            Self::Outside { .. } => Some("copy what is needed below the root"),
            Self::TooLarge { .. } => Some("keep data in files of their own"),
            Self::NotText { .. } => Some("save the file as UTF-8"),
            Self::Missing(_) | Self::Folder(_) | Self::Special(_) | Self::Unreadable { .. } => None,
        }
    }
}

/// The real files below a root.
#[derive(Debug, Clone)]
pub struct RootedFiles {
    root: PathBuf,
    current: PathBuf,
}

impl RootedFiles {
    /// Files below `root`. Relative paths start at `current`, an absolute path, and files below it are
    /// shown relative to it.
    ///
    /// # Errors
    /// The root does not exist.
    pub fn new(root: &Path, current: &Path) -> Result<Self, FileProblem> {
        let current = current.to_path_buf();
        let shown = show(&current, root);
        let root = current.join(root).canonicalize().map_err(|error| from_io(&shown, &error))?;
        Ok(Self { root, current })
    }

    /// Whether as much of a path as exists lies below the root.
    fn contains_start_of(&self, path: &Path) -> bool {
        let start = path.ancestors().find_map(|ancestor| ancestor.canonicalize().ok());
        start.is_some_and(|start| start.starts_with(&self.root))
    }

    fn outside(&self, path: &Path) -> FileProblem {
        let (path, root) = (show(&self.current, path), self.root.display().to_string());
        FileProblem::Outside { path, root }
    }
}

impl Files for RootedFiles {
    fn read(&self, path: &Path, limit: u64) -> Result<Arc<Source>, FileProblem> {
        let name = show(&self.current, path);
        text(name, self.bytes(path, limit)?)
    }

    fn bytes(&self, path: &Path, limit: u64) -> Result<Vec<u8>, FileProblem> {
        let located = self.locate(path)?;
        let name = show(&self.current, path);
        match located.kind {
            FileKind::File => {}
            FileKind::Folder => return Err(FileProblem::Folder(name)),
            FileKind::Special => return Err(FileProblem::Special(name)),
        }
        let failed = |error: std::io::Error| from_io(&name, &error);
        let file = std::fs::File::open(&located.path).map_err(failed)?;
        within(file.metadata().map_err(failed)?.len(), limit, &name)?;
        let mut bytes = Vec::new();
        file.take(limit + 1).read_to_end(&mut bytes).map_err(failed)?;
        within(bytes.len() as u64, limit, &name)?;
        Ok(bytes)
    }

    fn exists(&self, path: &Path) -> bool {
        self.current.join(path).symlink_metadata().is_ok()
    }

    fn list(&self, folder: &Path) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.current.join(folder)).into_iter().flatten().flatten();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        paths.sort();
        paths
    }

    fn root(&self) -> &Path {
        &self.root
    }

    fn locate(&self, path: &Path) -> Result<Located, FileProblem> {
        let path = self.current.join(path);
        let name = show(&self.current, &path);
        let real = match path.canonicalize() {
            Ok(real) => real,
            Err(_) if !self.contains_start_of(&path) => return Err(self.outside(&path)),
            Err(error) => return Err(from_io(&name, &error)),
        };
        if !real.starts_with(&self.root) {
            return Err(self.outside(&path));
        }
        let kind = real.metadata().map_err(|error| from_io(&name, &error))?.file_type();
        let kind = match (kind.is_file(), kind.is_dir()) {
            (true, _) => FileKind::File,
            (_, true) => FileKind::Folder,
            _ => FileKind::Special,
        };
        Ok(Located { path: real, kind })
    }
}

/// Files in memory, by absolute path, below the root `/`: what tests put in the place of a disk.
#[derive(Debug, Clone, Default)]
pub struct MemoryFiles(BTreeMap<PathBuf, Vec<u8>>);

impl MemoryFiles {
    /// Files with the given absolute paths and texts.
    pub fn new<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self(files.into_iter().map(|(path, text)| (PathBuf::from(path), text.as_bytes().to_vec())).collect())
    }
}

impl Files for MemoryFiles {
    fn read(&self, path: &Path, limit: u64) -> Result<Arc<Source>, FileProblem> {
        text(show(Path::new("/"), path), self.bytes(path, limit)?)
    }

    fn bytes(&self, path: &Path, limit: u64) -> Result<Vec<u8>, FileProblem> {
        let name = show(Path::new("/"), path);
        let located = self.locate(path)?;
        let bytes = self.0.get(&located.path).ok_or_else(|| FileProblem::Folder(name.clone()))?;
        within(bytes.len() as u64, limit, &name)?;
        Ok(bytes.clone())
    }

    fn exists(&self, path: &Path) -> bool {
        self.locate(path).is_ok()
    }

    fn list(&self, folder: &Path) -> Vec<PathBuf> {
        let below = self.0.keys().filter_map(|file| file.strip_prefix(folder).ok()?.iter().next());
        let below: std::collections::BTreeSet<PathBuf> = below.map(|name| folder.join(name)).collect();
        below.into_iter().collect()
    }

    fn root(&self) -> &Path {
        Path::new("/")
    }

    fn locate(&self, path: &Path) -> Result<Located, FileProblem> {
        let path = clean(&Path::new("/").join(path));
        let kind = match self.0.contains_key(&path) {
            true => FileKind::File,
            false if self.0.keys().any(|file| file.starts_with(&path)) => FileKind::Folder,
            false => return Err(FileProblem::Missing(show(Path::new("/"), &path))),
        };
        Ok(Located { path, kind })
    }
}

/// A path without `.` and `..`, by its text alone.
pub fn clean(path: &Path) -> PathBuf {
    let mut cleaned = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir if cleaned.file_name().is_some() => {
                cleaned.pop();
            }
            Component::ParentDir if cleaned.has_root() => {}
            Component::CurDir => {}
            other => cleaned.push(other),
        }
    }
    cleaned
}

fn show(current: &Path, path: &Path) -> String {
    let path = clean(&current.join(path));
    path.strip_prefix(clean(current)).unwrap_or(&path).display().to_string()
}

fn within(bytes: u64, limit: u64, path: &str) -> Result<(), FileProblem> {
    if bytes <= limit {
        return Ok(());
    }
    Err(FileProblem::TooLarge { path: path.to_owned(), bytes, limit })
}

fn text(path: String, bytes: Vec<u8>) -> Result<Arc<Source>, FileProblem> {
    String::from_utf8(bytes).map(|text| Source::new(path.clone(), text)).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        let bytes = error.as_bytes();
        let line = bytes[..offset].iter().filter(|byte| **byte == b'\n').count() + 1;
        FileProblem::NotText { path, byte: bytes[offset], offset, line }
    })
}

fn from_io(path: &str, error: &std::io::Error) -> FileProblem {
    match error.kind() {
        std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => {
            FileProblem::Missing(path.to_owned())
        }
        _ => FileProblem::Unreadable { path: path.to_owned(), cause: error.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn rooted(folder: &Path) -> RootedFiles {
        fs::create_dir_all(folder.join("root/inner")).unwrap();
        fs::write(folder.join("outside.env"), "A=1").unwrap();
        RootedFiles::new(Path::new("root"), folder).unwrap()
    }

    fn problem(files: &RootedFiles, path: &str) -> String {
        files.read(Path::new(path), 10).unwrap_err().to_string()
    }

    #[test]
    fn a_file_below_the_root_is_read_and_shown_from_the_current_folder() {
        let folder = tempfile::tempdir().unwrap();
        let files = rooted(folder.path());
        fs::write(folder.path().join("root/a.yaml"), "a: 1").unwrap();
        let source = files.read(Path::new("root/inner/../a.yaml"), 10).unwrap();
        assert_eq!((source.name.as_str(), source.text.as_str()), ("root/a.yaml", "a: 1"));
    }

    #[test]
    fn a_path_that_leaves_the_root_is_refused_also_through_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let files = rooted(folder.path());
        symlink("../outside.env", folder.path().join("root/link.env")).unwrap();
        for path in ["outside.env", "root/../outside.env", "root/link.env", "/etc/hostname", "/nowhere"] {
            assert!(problem(&files, path).contains("leaves the root"), "{path}: {}", problem(&files, path));
        }
    }

    #[test]
    fn what_is_missing_or_no_file_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let files = rooted(folder.path());
        let socket = std::os::unix::net::UnixListener::bind(folder.path().join("root/s")).unwrap();
        assert_eq!(problem(&files, "root/none"), "`root/none` does not exist");
        assert_eq!(problem(&files, "root/inner"), "`root/inner` is a folder, not a file");
        assert_eq!(problem(&files, "root/s"), "`root/s` is neither a file nor a folder");
        drop(socket);
    }

    #[test]
    fn a_large_file_is_refused_by_its_size_alone() {
        let folder = tempfile::tempdir().unwrap();
        let files = rooted(folder.path());
        let file = fs::File::create(folder.path().join("root/big")).unwrap();
        file.set_len(50 << 20).unwrap();
        assert_eq!(problem(&files, "root/big"), "`root/big` holds 52428800 bytes; at most 10 are read");
    }

    #[test]
    fn bytes_that_are_not_text_are_named_with_their_position() {
        let folder = tempfile::tempdir().unwrap();
        let files = rooted(folder.path());
        fs::write(folder.path().join("root/x"), b"a\nb\xffc").unwrap();
        assert_eq!(problem(&files, "root/x"), "`root/x` is not UTF-8 text: byte 0xff at offset 3, line 2");
    }

    #[test]
    fn files_in_memory_behave_alike() {
        let files = MemoryFiles::new([("/a/b.yaml", "x")]);
        assert_eq!(files.read(Path::new("/a/./b.yaml"), 1).unwrap().name, "a/b.yaml");
        assert_eq!(files.locate(Path::new("/a")).unwrap().kind, FileKind::Folder);
        assert_eq!(files.read(Path::new("/a"), 1).unwrap_err(), FileProblem::Folder("a".into()));
        assert_eq!(files.locate(Path::new("/c")).unwrap_err(), FileProblem::Missing("c".into()));
        assert_eq!(files.list(Path::new("/a")), [PathBuf::from("/a/b.yaml")]);
    }
}

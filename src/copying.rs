//! A tree of files made equal to another: content, owners, modes, times, extended attributes, hard links
//! and holes. Where the file system can share blocks, nothing is written.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, Metadata, OpenOptions, Permissions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, lchown, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::{self, AtFlags, CWD, FileType, Mode, Timespec, Timestamps, XattrFlags};
use rustix::io::Errno;

/// Attributes of other kinds belong to the kernel or to the host.
const ATTRIBUTES: [&str; 3] = ["user.", "security.capability", "system.posix_acl_"];

/// Makes a folder equal to another one: what it held besides is gone afterwards.
///
/// # Errors
/// The first thing that could not be read, written or removed, with its path.
pub fn tree(from: &Path, to: &Path) -> io::Result<()> {
    empty(to)?;
    Copying::default().folder(from, to)
}

/// Refuses with numbers, before anything is written, copies that do not fit where they are to go (S22). What
/// they replace makes room; what a file system could share is counted all the same.
///
/// # Errors
/// What is needed and what is free; or what could not be read.
pub fn room(pairs: &[(PathBuf, PathBuf)]) -> io::Result<()> {
    let mut needed: BTreeMap<u64, (u64, &Path)> = BTreeMap::new();
    for (from, to) in pairs {
        let device = std::fs::symlink_metadata(to).map_err(|error| at(to, &error))?.dev();
        let more = size(from)?.saturating_sub(size(to)?);
        needed.entry(device).or_insert((0, to)).0 += more;
    }
    for (needed, to) in needed.into_values() {
        let system = fs::statvfs(to)?;
        fits(needed, system.f_bavail * system.f_frsize)?;
    }
    Ok(())
}

fn fits(needed: u64, free: u64) -> io::Result<()> {
    if needed <= free {
        return Ok(());
    }
    let mib = |bytes: u64| format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20));
    Err(io::Error::other(format!(
        "the copies need {} of disk and {} are free: remove images (`backout clean --images`), or use fewer lanes",
        mib(needed),
        mib(free)
    )))
}

/// What a tree takes on its disk; a file with several names counts once.
fn size(folder: &Path) -> io::Result<u64> {
    let (mut bytes, mut seen, mut folders) = (0, BTreeSet::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).map_err(|error| at(&folder, &error))? {
            let path = entry?.path();
            let facts = std::fs::symlink_metadata(&path).map_err(|error| at(&path, &error))?;
            if facts.nlink() < 2 || facts.is_dir() || seen.insert((facts.dev(), facts.ino())) {
                // The unit of this field is 512 bytes whatever the file system's is.
                bytes += facts.blocks() * 512;
            }
            if facts.is_dir() {
                folders.push(path);
            }
        }
    }
    Ok(bytes)
}

fn empty(folder: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(folder).map_err(|error| at(folder, &error))? {
        let path = entry?.path();
        let is_folder = std::fs::symlink_metadata(&path).map_err(|error| at(&path, &error))?.is_dir();
        let removed = if is_folder { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
        removed.map_err(|error| at(&path, &error))?;
    }
    Ok(())
}

/// What has been copied under one name and is wanted under another.
#[derive(Default)]
struct Copying {
    linked: BTreeMap<(u64, u64), PathBuf>,
}

impl Copying {
    /// The content first: adding to a folder changes its times.
    fn folder(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        for entry in std::fs::read_dir(from).map_err(|error| at(from, &error))? {
            let entry = entry?;
            self.entry(&entry.path(), &to.join(entry.file_name()))?;
        }
        let facts = std::fs::symlink_metadata(from).map_err(|error| at(from, &error))?;
        dress(from, to, &facts).map_err(|error| at(to, &error))
    }

    fn entry(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let facts = std::fs::symlink_metadata(from).map_err(|error| at(from, &error))?;
        if facts.is_dir() {
            std::fs::create_dir(to).map_err(|error| at(to, &error))?;
            return self.folder(from, to);
        }
        let identity = (facts.dev(), facts.ino());
        if let Some(first) = self.linked.get(&identity) {
            return std::fs::hard_link(first, to).map_err(|error| at(to, &error));
        }
        if facts.nlink() > 1 {
            self.linked.insert(identity, to.to_owned());
        }
        make(from, to, &facts).and_then(|()| dress(from, to, &facts)).map_err(|error| at(to, &error))
    }
}

fn make(from: &Path, to: &Path, facts: &Metadata) -> io::Result<()> {
    let kind = facts.file_type();
    if kind.is_symlink() {
        return symlink(std::fs::read_link(from)?, to);
    }
    if kind.is_file() {
        return content(&File::open(from)?, to, facts.len());
    }
    let kind = match kind {
        kind if kind.is_fifo() => FileType::Fifo,
        kind if kind.is_socket() => FileType::Socket,
        kind if kind.is_block_device() => FileType::BlockDevice,
        _ => FileType::CharacterDevice,
    };
    Ok(fs::mknodat(CWD, to, kind, Mode::RUSR | Mode::WUSR, facts.rdev())?)
}

fn content(from: &File, to: &Path, length: u64) -> io::Result<()> {
    let to = OpenOptions::new().write(true).create_new(true).open(to)?;
    if fs::ioctl_ficlone(&to, from).is_ok() {
        return Ok(());
    }
    to.set_len(length)?;
    let mut end = 0;
    while let Some(start) = sought(fs::seek(from, fs::SeekFrom::Data(end)))? {
        end = fs::seek(from, fs::SeekFrom::Hole(start))?;
        let (mut source, mut target) = (from, &to);
        source.seek(SeekFrom::Start(start))?;
        target.seek(SeekFrom::Start(start))?;
        io::copy(&mut source.take(end - start), &mut target)?;
    }
    Ok(())
}

/// No more data is no error.
fn sought(found: rustix::io::Result<u64>) -> io::Result<Option<u64>> {
    match found {
        Ok(at) => Ok(Some(at)),
        Err(Errno::NXIO) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Owner before mode, which a change of owner may cut; times last, which everything changes.
fn dress(from: &Path, to: &Path, facts: &Metadata) -> io::Result<()> {
    lchown(to, Some(facts.uid()), Some(facts.gid()))?;
    if !facts.is_symlink() {
        std::fs::set_permissions(to, Permissions::from_mode(facts.mode() & 0o7777))?;
        attributes(from, to)?;
    }
    let time = |seconds, nanoseconds| Timespec { tv_sec: seconds, tv_nsec: nanoseconds };
    let times = Timestamps {
        last_access: time(facts.atime(), facts.atime_nsec()),
        last_modification: time(facts.mtime(), facts.mtime_nsec()),
    };
    Ok(fs::utimensat(CWD, to, &times, AtFlags::SYMLINK_NOFOLLOW)?)
}

fn attributes(from: &Path, to: &Path) -> io::Result<()> {
    let mut names = vec![0; 64 << 10];
    let listed = match fs::llistxattr(from, &mut names[..]) {
        Err(Errno::NOTSUP) => return Ok(()),
        listed => listed?,
    };
    let names = names[..listed].split(|byte| *byte == 0).filter(|name| !name.is_empty());
    for name in names.map(|name| String::from_utf8_lossy(name).into_owned()) {
        if ATTRIBUTES.iter().any(|known| name.starts_with(known)) {
            let mut value = vec![0; 64 << 10];
            let length = fs::lgetxattr(from, name.as_str(), &mut value[..])?;
            fs::lsetxattr(to, name.as_str(), &value[..length], XattrFlags::empty())?;
        }
    }
    Ok(())
}

fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::Command;

    use super::*;

    fn shell(folder: &Path, script: &str) -> String {
        let done = Command::new("sh").args(["-ec", script]).current_dir(folder).output().unwrap();
        assert!(done.status.success(), "{script}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    }

    /// Everything that there is to see of a tree, but the times of access.
    fn seen(folder: &Path) -> String {
        shell(
            folder,
            "find . -printf '%p %y %m %U %G %s %n %T@ %l\\n' | sort; find . -type f | sort | xargs -d '\\n' sha256sum",
        )
    }

    #[test]
    fn a_copy_is_the_same_in_everything_and_nothing_else_is_left() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        shell(
            from.path(),
            "mkdir -p a/empty; echo hi > a/file; chmod 4751 a/file; ln a/file linked; ln -s ../nowhere a/link; \
             mkfifo pipe; printf '' > none; touch -d '2020-01-02 03:04:05.678' a/file a/empty none; \
             chmod 1777 a/empty; chmod 500 a",
        );
        shell(to.path(), "mkdir -p old/deep; echo old > old/deep/file; echo old > none; ln -s /etc old/link");
        tree(from.path(), to.path()).unwrap();
        assert_eq!(seen(to.path()), seen(from.path()));
        let inode = |name: &str| std::fs::symlink_metadata(to.path().join(name)).unwrap().ino();
        assert_eq!(inode("linked"), inode("a/file"));
        shell(from.path(), "chmod 700 a");
        shell(to.path(), "chmod 700 a");
    }

    #[test]
    fn holes_stay_holes_and_attributes_come_along() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let path = from.path().join("sparse");
        let mut file = File::create(&path).unwrap();
        file.write_all(b"begin").unwrap();
        file.seek(SeekFrom::Start(5 << 20)).unwrap();
        file.write_all(b"middle").unwrap();
        file.set_len(9 << 20).unwrap();
        let marked = fs::lsetxattr(&path, "user.mark", b"\x01\x00two", XattrFlags::empty());
        tree(from.path(), to.path()).unwrap();
        let copy = to.path().join("sparse");
        assert_eq!(std::fs::read(&copy).unwrap(), std::fs::read(&path).unwrap());
        assert!(copy.metadata().unwrap().blocks() * 512 < 1 << 20, "{:?}", copy.metadata());
        if marked.is_ok() {
            let mut value = [0; 16];
            let length = fs::lgetxattr(&copy, "user.mark", &mut value[..]).unwrap();
            assert_eq!(&value[..length], b"\x01\x00two");
        }
    }

    #[test]
    fn s22_what_does_not_fit_is_refused_with_numbers_before_anything_is_written() {
        let error = fits(3 << 20, 2 << 20).unwrap_err().to_string();
        assert!(error.starts_with("the copies need 3.0 MiB of disk and 2.0 MiB are free: "), "{error}");
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        shell(from.path(), "mkdir a; head -c 1M /dev/zero > a/one; ln a/one two; truncate -s 1G sparse");
        let taken = size(from.path()).unwrap();
        assert!((1 << 20..2 << 20).contains(&taken), "{taken}");
        room(&[(from.path().to_owned(), to.path().to_owned())]).unwrap();
    }

    #[test]
    fn what_cannot_be_copied_is_named() {
        let to = tempfile::tempdir().unwrap();
        let error = tree(Path::new("/does/not/exist"), to.path()).unwrap_err();
        assert!(error.to_string().starts_with("/does/not/exist: "), "{error}");
    }
}

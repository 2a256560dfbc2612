//! What is said of one file, and one line of what is printed.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::state::bytes::{hex, text};

/// How much is read at once.
const CHUNK: usize = 128 << 10;
/// Most bytes of names or of one value of extended attributes: the kernel's own limit.
const ATTRIBUTES: usize = 64 << 10;
/// Values of extended attributes that are longer are told by their digest.
const LONG: usize = 128;
/// The host's own label, which no rollback has a say in.
const HOSTS: &str = "security.selinux";

/// One line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Said {
    /// A file.
    Entry(Entry),
    /// The folder cannot be read.
    Failed(String),
    /// The last line.
    End {
        /// How many there were.
        entries: u64,
    },
}

/// One file, in text.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Entry {
    path: String,
    #[serde(rename = "type")]
    kind: String,
    mode: String,
    uid: String,
    gid: String,
    size: Option<String>,
    sha256: Option<String>,
    target: Option<String>,
    xattrs: Option<String>,
}

impl Entry {
    /// In the order of the layout's columns.
    pub(super) fn cells(&self) -> [Option<&str>; 9] {
        [
            Some(&self.gid),
            Some(&self.mode),
            Some(&self.path),
            self.sha256.as_deref(),
            self.size.as_deref(),
            self.target.as_deref(),
            Some(&self.kind),
            Some(&self.uid),
            self.xattrs.as_deref(),
        ]
    }

    /// Looks at a file; none where it went away meanwhile.
    pub(super) fn of(root: &Path, path: &Path) -> io::Result<Option<Self>> {
        match look(root, path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && path != root => Ok(None),
            looked => looked.map(Some),
        }
    }
}

fn look(root: &Path, path: &Path) -> io::Result<Entry> {
    let metadata = std::fs::symlink_metadata(path)?;
    let kind = metadata.file_type();
    let mut entry = Entry {
        path: relative(root, path),
        kind: word(&metadata).to_owned(),
        mode: format!("{:04o}", metadata.mode() & 0o7777),
        uid: metadata.uid().to_string(),
        gid: metadata.gid().to_string(),
        xattrs: attributes(path)?,
        ..Entry::default()
    };
    if kind.is_file() {
        let (size, digest) = content(path)?;
        (entry.size, entry.sha256) = (Some(size.to_string()), Some(digest));
    } else if kind.is_symlink() {
        entry.target = Some(text(std::fs::read_link(path)?.as_os_str().as_bytes()));
    } else if kind.is_block_device() || kind.is_char_device() {
        entry.target = Some(format!("device {:#x}", metadata.rdev()));
    }
    Ok(entry)
}

fn relative(root: &Path, path: &Path) -> String {
    let below = path.strip_prefix(root).unwrap_or(path).as_os_str();
    if below.is_empty() { ".".to_owned() } else { text(below.as_bytes()) }
}

fn word(metadata: &Metadata) -> &'static str {
    let kind = metadata.file_type();
    if kind.is_file() {
        "file"
    } else if kind.is_dir() {
        "folder"
    } else if kind.is_symlink() {
        "link"
    } else if kind.is_fifo() {
        "pipe"
    } else if kind.is_socket() {
        "socket"
    } else {
        "device"
    }
}

/// Size and digest of what was read, which is what counts where a file is being written.
fn content(path: &Path) -> io::Result<(u64, String)> {
    let mut file = File::open(path)?;
    let (mut hash, mut size, mut chunk) = (Sha256::new(), 0, vec![0; CHUNK]);
    loop {
        match file.read(&mut chunk)? {
            0 => return Ok((size, hex(&hash.finalize()))),
            read => {
                hash.update(&chunk[..read]);
                size += read as u64;
            }
        }
    }
}

/// Extended attributes, access lists and capabilities among them; none where the medium has none.
fn attributes(path: &Path) -> io::Result<Option<String>> {
    match rustix::fs::llistxattr_query(path) {
        Ok(0) | Err(rustix::io::Errno::OPNOTSUPP) => return Ok(None),
        Ok(_) => {}
        Err(error) => return Err(error.into()),
    }
    let mut names = vec![0; ATTRIBUTES];
    let length = rustix::fs::llistxattr(path, &mut names[..])?;
    let mut found = Vec::new();
    for name in names[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        let name = text(name);
        if name != HOSTS {
            let mut value = vec![0; ATTRIBUTES];
            let length = rustix::fs::lgetxattr(path, name.as_str(), &mut value[..])?;
            found.push(format!("{name}={}", shown(&value[..length])));
        }
    }
    found.sort();
    Ok((!found.is_empty()).then(|| found.join(", ")))
}

fn shown(value: &[u8]) -> String {
    if value.len() <= LONG { text(value) } else { format!("#{}", hex(&Sha256::digest(value))) }
}

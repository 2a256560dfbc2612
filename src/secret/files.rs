//! Files and folders that only their owner may read (S20).

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

const FILE: u32 = 0o600;
const FOLDER: u32 = 0o700;

/// Makes a file, empty where it was there.
///
/// # Errors
/// When it cannot be made.
pub fn create(path: &Path) -> io::Result<File> {
    open(OpenOptions::new().write(true).create(true).truncate(true), path)
}

/// Makes a file that must not be there yet, to append to it.
///
/// # Errors
/// When it is there, or cannot be made.
pub fn create_new(path: &Path) -> io::Result<File> {
    open(OpenOptions::new().append(true).create_new(true), path)
}

/// Opens a file to append to it, and makes it where it is not there.
///
/// # Errors
/// When it cannot be opened.
pub fn append(path: &Path) -> io::Result<File> {
    open(OpenOptions::new().append(true).create(true), path)
}

/// Makes a folder and those above it; one that is there stays as it is.
///
/// # Errors
/// When one cannot be made.
pub fn folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(FOLDER).create(path)
}

fn open(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let file = options.mode(FILE).open(path)?;
    // It may have been there, with another mode.
    if file.metadata()?.is_file() {
        file.set_permissions(Permissions::from_mode(FILE))?;
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s20_only_the_owner_may_read_what_is_made() {
        let place = tempfile::tempdir().unwrap();
        let path = |name: &str| place.path().join(name);
        let mode = |name: &str| std::fs::metadata(path(name)).unwrap().permissions().mode() & 0o777;
        folder(&path("a/b")).unwrap();
        std::fs::write(path("a/old"), "x").unwrap();
        std::fs::set_permissions(path("a/old"), Permissions::from_mode(0o644)).unwrap();
        append(&path("a/old")).unwrap();
        create(&path("a/made")).unwrap();
        create_new(&path("a/b/new")).unwrap();
        assert_eq!(["a", "a/b"].map(mode), [0o700; 2]);
        assert_eq!(["a/old", "a/made", "a/b/new"].map(mode), [0o600; 3]);
        assert!(create_new(&path("a/old")).is_err());
        assert_eq!(std::fs::read_to_string(path("a/old")).unwrap(), "x");
    }
}

//! Puts the shipped scenarios into the binary: `init --from` must work where there is no repository.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let variable = |name| env::var_os(name).map(PathBuf::from).ok_or_else(|| io::Error::other(name));
    let library = variable("CARGO_MANIFEST_DIR")?.join("scenarios");
    println!("cargo::rerun-if-changed=scenarios");
    println!("cargo::rerun-if-changed=build.rs");
    let mut files = Vec::new();
    walk(&library, &mut files)?;
    files.sort();
    let mut table = String::from("[\n");
    for file in files {
        let below = file.strip_prefix(&library).map_err(io::Error::other)?.to_string_lossy().into_owned();
        let runs = may_run(&file)?;
        let _ = writeln!(table, "    ({below:?}, {runs}, include_bytes!({:?})),", file.to_string_lossy());
    }
    table.push_str("]\n");
    fs::write(variable("OUT_DIR")?.join("library.rs"), table)
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // The schemas are printed by `backout schema`; the others are what Python leaves behind.
        if name.ends_with(".schema.json") || name == "__pycache__" || name == ".git" {
            continue;
        }
        if path.is_dir() {
            walk(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(unix)]
fn may_run(file: &Path) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt;
    Ok(fs::metadata(file)?.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn may_run(_: &Path) -> io::Result<bool> {
    Ok(false)
}

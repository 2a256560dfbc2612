//! `init`: a commented starter scenario, or a copy of a shipped one, that runs as it is.

use std::fmt::Write as _;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::starter::FILES;
use super::{AppError, Surroundings, say};
use crate::cli::Init;
use crate::diagnostic::nearest;
use crate::library::{self, File};
use crate::report;

/// Where shipped scenarios are copied to when nothing is said: where `list` looks.
const LIBRARY: &str = "scenarios";

/// Where the scenarios of a library have their schema.
const SCHEMA: &str = "scenario.schema.json";

pub(super) fn init(init: &Init, around: &Surroundings, out: &mut dyn Write) -> Result<u8, AppError> {
    match &init.from {
        Some(from) => copy(from, init.name.as_deref().unwrap_or(Path::new(LIBRARY)), around, out),
        None => starter(init.name.as_deref().unwrap_or(Path::new("")), around, out),
    }
}

fn starter(name: &Path, around: &Surroundings, out: &mut dyn Write) -> Result<u8, AppError> {
    let (folder, shown) = (around.current.join(name), name.display());
    if folder.exists() {
        return Err(AppError::Invalid(format!("error: `{shown}` exists already; nothing was written\n")));
    }
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    for (file, text) in FILES {
        write(&folder.join(file), text.replace("{{name}}", &name).as_bytes(), false)?;
    }
    say(out, &format!("wrote {shown}; read {shown}/scenario.yaml, then: backout run {shown}\n"))
}

/// Copies a shipped scenario or pair, laid out as in the library, so that its paths hold.
fn copy(from: &str, to: &Path, around: &Surroundings, out: &mut dyn Write) -> Result<u8, AppError> {
    let from = from.trim_matches('/');
    if !library::names().contains(from) {
        return Err(AppError::Invalid(unknown(from)));
    }
    let (folder, shown) = (around.current.join(to), to.display());
    let files = library::files_of(from);
    let in_the_way: Vec<&File> = files.iter().filter(|file| differs(&folder, file)).collect();
    if !in_the_way.is_empty() {
        let mut message =
            String::from("error: nothing was written, as these are there and hold something else:\n");
        for file in in_the_way {
            let _ = writeln!(message, "  {shown}/{}", file.path);
        }
        return Err(AppError::Invalid(message));
    }
    for file in files.iter().filter(|file| !folder.join(file.path).exists()) {
        write(&folder.join(file.path), file.bytes, file.runs)?;
    }
    schema(&folder.join(SCHEMA))?;
    say(out, &format!("wrote {shown}/{from}; then: backout check {shown}, backout run {shown}\n"))
}

/// The schema that editors are pointed to by the first line of each scenario; one that is there stays.
fn schema(path: &Path) -> Result<(), AppError> {
    if path.exists() {
        return Ok(());
    }
    write(path, format!("{:#}\n", report::schemas::scenario()).as_bytes(), false)
}

/// Whether something else is in a file's place. What two scenarios share may be there already.
fn differs(folder: &Path, file: &File) -> bool {
    let path = folder.join(file.path);
    path.exists() && std::fs::read(&path).map_or(true, |bytes| bytes != file.bytes)
}

fn unknown(from: &str) -> String {
    let names = library::names();
    let near = nearest(from, names.iter().copied());
    let within = || names.iter().copied().find(|name| !from.is_empty() && name.contains(from));
    let mut message = format!("error: there is no shipped scenario `{from}`");
    if let Some(name) = near.or_else(within) {
        let _ = write!(message, "; did you mean `{name}`?");
    }
    message.push_str("\nshipped are, alone or as a pair by the name before `/`:\n");
    let scenarios = library::scenarios();
    let width = scenarios.keys().map(|name| name.chars().count()).max().unwrap_or(0);
    for (name, summary) in scenarios {
        let _ = writeln!(message, "  {name:width$}  {summary}");
    }
    message
}

fn write(path: &Path, bytes: &[u8], runs: bool) -> Result<(), AppError> {
    let written = path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| {
        // Never over a file that came into being meanwhile.
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).open(path)?;
        file.write_all(bytes)?;
        if runs { file.set_permissions(std::fs::Permissions::from_mode(0o755)) } else { Ok(()) }
    });
    written.map_err(|error| AppError::Trouble(format!("could not write `{}`: {error}", path.display())))
}

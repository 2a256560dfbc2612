//! `init`: a commented starter scenario that runs as it is.

use std::io::Write;

use super::starter::FILES;
use super::{AppError, Surroundings, say};
use crate::cli::Init;

pub(super) fn init(init: &Init, around: &Surroundings, out: &mut dyn Write) -> Result<u8, AppError> {
    let folder = around.current.join(&init.name);
    if folder.exists() {
        let message = format!("error: `{}` exists already; nothing was written\n", init.name.display());
        return Err(AppError::Invalid(message));
    }
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let trouble = |error: std::io::Error| {
        AppError::Trouble(format!("could not write `{}`: {error}", init.name.display()))
    };
    for (file, text) in FILES {
        let path = folder.join(file);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(trouble)?;
        }
        std::fs::write(path, text.replace("{{name}}", &name)).map_err(trouble)?;
    }
    let shown = init.name.display();
    say(out, &format!("wrote {shown}; read {shown}/scenario.yaml, then: backout run {shown}\n"))
}

//! The image of gateways and readers of files: this very program in an image from scratch, under the
//! digest of its files.

use std::io;
use std::path::Path;

use bollard::query_parameters::CreateImageOptionsBuilder;
use futures_util::StreamExt;
use sha2::{Digest, Sha256};

use super::super::client::{Engine, problem};
use super::super::image::CACHE;
use super::elf;
use crate::stage::StageError;

/// Where the program is in the image.
pub(in crate::stage::docker) const PROGRAM: &str = "/backout";

/// The image's repository; its tag is the digest.
const NAME: &str = "backout/gateway";

/// Finds or makes the image; returns its name.
pub(super) async fn image(engine: &Engine, program: &Path) -> Result<String, StageError> {
    let fail = |error: io::Error| {
        StageError::new("make", "the gateway's image", format!("{}: {error}", program.display()))
    };
    let program = program.to_owned();
    let packed = tokio::task::spawn_blocking(move || pack(&program)).await;
    let (digest, tar) = packed.map_err(|error| fail(io::Error::other(error)))?.map_err(fail)?;
    let name = format!("{NAME}:{}", &digest[..16]);
    if engine.inspect_image(&name).await.is_ok() {
        return Ok(name);
    }
    let options = CreateImageOptionsBuilder::default()
        .from_src("-")
        .repo(NAME)
        .tag(&digest[..16])
        .message("the gateway of backout")
        .changes(vec![format!("LABEL {CACHE}={digest}")])
        .build();
    let mut imported =
        engine.docker().create_image(Some(options), Some(bollard::body_full(tar.into())), None);
    while let Some(step) = imported.next().await {
        step.map_err(|error| problem("make", format!("image {name}"), error).error)?;
    }
    Ok(name)
}

/// The files of the image as a tar, and their digest.
fn pack(program: &Path) -> io::Result<(String, Vec<u8>)> {
    let mut files = elf::needs(program)?;
    files.insert(PROGRAM.to_owned(), program.to_owned());
    let mut tar = tar::Builder::new(Vec::new());
    for (path, file) in &files {
        let content = std::fs::read(file)?;
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o755);
        header.set_size(content.len() as u64);
        tar.append_data(&mut header, path.trim_start_matches('/'), &*content)?;
    }
    let tar = tar.into_inner()?;
    let digest = Sha256::digest(&tar).iter().map(|byte| format!("{byte:02x}")).collect();
    Ok((digest, tar))
}

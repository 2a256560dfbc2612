//! The images that builds leave for the next drill (S22): how much they hold, what goes first, and what
//! killed builds left.

use bollard::models::{ImageInspect, ImageSummary};
use bollard::query_parameters::ListImagesOptionsBuilder;

use super::clean::runs;
use super::client::{Engine, Problem, call};
use super::image::CACHE;
use super::image::dockerfile::MARK;
use super::owner::Owner;
use super::resource;
use crate::stage::{Resource, ResourceKind, StageError};

/// What came of it.
#[derive(Debug, Clone, Default)]
pub struct Trimmed {
    /// What is gone.
    pub removed: Vec<Resource>,
    /// Bytes that cached images still hold, bases apart.
    pub held: u64,
    /// What went wrong; the rest was done all the same.
    pub errors: Vec<StageError>,
}

/// Removes the cached images that were not used for longest until the rest holds at most `limit` bytes.
/// What a container uses stays.
///
/// # Errors
/// When the images cannot be listed.
pub async fn trim(engine: &Engine, limit: u64) -> Result<Trimmed, StageError> {
    let cached = cached(engine).await?;
    let mut trimmed = Trimmed { held: cached.iter().map(|image| image.bytes).sum(), ..Trimmed::default() };
    for image in oldest_first(cached) {
        if trimmed.held <= limit {
            break;
        }
        if remove(engine, &image.name, &mut trimmed).await {
            trimmed.held -= image.bytes;
        }
    }
    Ok(trimmed)
}

/// Removes all cached images and what killed builds left between their steps.
///
/// # Errors
/// When another runner lives on this engine, which may need them, or they cannot be listed.
pub async fn clean_images(engine: &Engine, here: &Owner) -> Result<Trimmed, StageError> {
    for (run, labels) in runs(engine).await? {
        let owner: Option<Owner> = labels.get(super::names::OWNER).and_then(|owner| owner.parse().ok());
        if owner.is_some_and(|owner| owner != *here && owner.lives(here) == Some(true)) {
            let cause = format!("the runner of {run} is alive and may need them");
            return Err(StageError::new("remove", "the cached images", cause));
        }
    }
    let mut trimmed = trim(engine, 0).await?;
    // An image between two steps keeps those below it: with each that goes, another may come to light.
    loop {
        let left = listed(engine, MARK, true).await?;
        let mut gone = false;
        for image in left {
            gone |= remove(engine, &image.id, &mut trimmed).await;
        }
        if !gone {
            return Ok(trimmed);
        }
    }
}

/// A cached image and what it costs.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Cached {
    name: String,
    bytes: u64,
    /// When it was last used, in RFC 3339.
    used: String,
}

fn oldest_first(mut cached: Vec<Cached>) -> Vec<Cached> {
    let time = |image: &Cached| image.used.parse::<jiff::Timestamp>().ok();
    cached.sort_by_key(|image| (time(image), image.name.clone()));
    cached
}

async fn cached(engine: &Engine) -> Result<Vec<Cached>, StageError> {
    let all = listed(engine, CACHE, false).await?;
    let mut inspected = Vec::new();
    for image in &all {
        match engine.inspect_image(&image.id).await {
            Ok(image) => inspected.push(image),
            Err(problem) if problem.is_missing() => {}
            Err(problem) => return Err(problem.into()),
        }
    }
    Ok(costs(engine, &inspected).await)
}

/// The bytes of an image without those of the largest image that it stands on: these stay when it goes.
async fn costs(engine: &Engine, cached: &[ImageInspect]) -> Vec<Cached> {
    let mut others = Vec::new();
    for image in all(engine).await.unwrap_or_default() {
        let ours = cached.iter().any(|cached| cached.id.as_deref() == Some(&image.id));
        if let (false, Ok(image)) = (ours, engine.inspect_image(&image.id).await) {
            others.push(image);
        }
    }
    cached.iter().flat_map(|image| cost(image, &others)).collect()
}

fn cost(image: &ImageInspect, others: &[ImageInspect]) -> Vec<Cached> {
    let size = |image: &ImageInspect| image.size.and_then(|size| u64::try_from(size).ok()).unwrap_or(0);
    let below = others.iter().filter(|other| layers(image).starts_with(layers(other)));
    let shared = below.map(size).max().unwrap_or(0);
    let used = image.metadata.as_ref().and_then(|metadata| metadata.last_tag_time.clone());
    let names = image.repo_tags.clone().unwrap_or_default();
    // The bytes go with the last name; images of ours have one.
    let cached = |name: String| Cached {
        name,
        bytes: size(image).saturating_sub(shared),
        used: used.clone().unwrap_or_default(),
    };
    names.into_iter().filter(|name| name.starts_with("backout/")).map(cached).collect()
}

fn layers(image: &ImageInspect) -> &[String] {
    image.root_fs.as_ref().and_then(|root| root.layers.as_deref()).unwrap_or_default()
}

/// Whether it is gone. What somebody uses is no error: it simply stays.
async fn remove(engine: &Engine, name: &str, trimmed: &mut Trimmed) -> bool {
    match engine.remove_image(name).await {
        Ok(()) => {
            trimmed.removed.push(resource(ResourceKind::Image, name));
            true
        }
        Err(problem) if problem.is_conflict() => false,
        Err(problem) => {
            trimmed.errors.push(problem.error);
            false
        }
    }
}

async fn listed(engine: &Engine, label: &str, dangling: bool) -> Result<Vec<ImageSummary>, Problem> {
    let mut filters = vec![("label", vec![label])];
    if dangling {
        filters.push(("dangling", vec!["true"]));
    }
    let filters = filters.into_iter().collect();
    let options = ListImagesOptionsBuilder::default().filters(&filters).build();
    call("list", "images", engine.docker().list_images(Some(options))).await
}

async fn all(engine: &Engine) -> Result<Vec<ImageSummary>, Problem> {
    let options = ListImagesOptionsBuilder::default().build();
    call("list", "images", engine.docker().list_images(Some(options))).await
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn image(tag: &str, size: u64, layers: &[&str], used: &str) -> ImageInspect {
        serde_json::from_value(json!({
            "RepoTags": [tag], "Size": size,
            "RootFS": {"Type": "layers", "Layers": layers},
            "Metadata": {"LastTagTime": used},
        }))
        .unwrap()
    }

    #[test]
    fn s22_an_image_costs_what_goes_when_it_goes() {
        let base = image("debian:x", 100, &["a"], "");
        let other = image("other:x", 170, &["a", "c"], "");
        let ours = image("backout/1:latest", 130, &["a", "b"], "2026-11-22T03:12:00Z");
        let cost = cost(&ours, &[base, other]);
        assert_eq!(cost[0].bytes, 30);
        assert_eq!(cost[0].name, "backout/1:latest");
    }

    #[test]
    fn s22_what_was_not_used_for_longest_goes_first() {
        let cached = |name: &str, used: &str| Cached { name: name.into(), bytes: 1, used: used.into() };
        let sorted = oldest_first(vec![
            cached("b", "2026-11-22T03:12:00.5Z"),
            cached("c", "2026-11-22T03:12:00.49Z"),
            cached("never", ""),
            cached("zone", "2026-11-22T03:12:00+02:00"),
        ]);
        let names: Vec<&str> = sorted.iter().map(|image| image.name.as_str()).collect();
        assert_eq!(names, ["never", "zone", "c", "b"]);
    }
}

//! Image references, taken apart as the docker command does. Pure.

/// A reference such as `registry:5000/shop/api:v2@sha256:…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reference {
    /// The registry's host and port; `docker.io` where none is named.
    pub(super) registry: String,
    /// What the engine is asked to pull: everything but the tag.
    pub(super) name: String,
    /// The tag; none where a digest decides.
    pub(super) tag: Option<String>,
}

impl Reference {
    pub(super) fn parse(text: &str) -> Self {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (text, None),
        };
        // A colon before the last slash belongs to the registry's port.
        let path = rest.rfind('/').map_or(0, |slash| slash + 1);
        let (name, tag) = match rest[path..].split_once(':') {
            Some((last, tag)) => (&rest[..path + last.len()], Some(tag)),
            None => (rest, None),
        };
        let (name, tag) = match digest {
            Some(digest) => (format!("{name}@{digest}"), None),
            None => (name.to_owned(), Some(tag.unwrap_or("latest").to_owned())),
        };
        Self { registry: registry(rest), name, tag }
    }

    /// Whether both name the same image.
    pub(super) fn same(one: &str, other: &str) -> bool {
        let short = |text: &str| {
            let parsed = Self::parse(text);
            let name = parsed.name.trim_start_matches("docker.io/").trim_start_matches("library/").to_owned();
            (parsed.registry, name, parsed.tag)
        };
        short(one) == short(other)
    }
}

/// The first part is a registry when it looks like a host.
fn registry(name: &str) -> String {
    match name.split_once('/') {
        Some((first, _)) if first.contains(['.', ':']) || first == "localhost" => first.to_owned(),
        _ => "docker.io".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, registry: &str, name: &str, tag: Option<&str>) {
        let expected =
            Reference { registry: registry.into(), name: name.into(), tag: tag.map(str::to_owned) };
        assert_eq!(Reference::parse(text), expected);
    }

    #[test]
    fn a_reference_is_taken_apart() {
        check("debian", "docker.io", "debian", Some("latest"));
        check("debian:bookworm-slim", "docker.io", "debian", Some("bookworm-slim"));
        check("shop/api:v2", "docker.io", "shop/api", Some("v2"));
        check("localhost:5000/api", "localhost:5000", "localhost:5000/api", Some("latest"));
        check("reg.example.org/a/b:1", "reg.example.org", "reg.example.org/a/b", Some("1"));
        check("a:1@sha256:ab", "docker.io", "a@sha256:ab", None);
    }

    #[test]
    fn long_and_short_names_of_one_image_are_the_same() {
        assert!(Reference::same("debian:bookworm-slim", "docker.io/library/debian:bookworm-slim"));
        assert!(Reference::same("debian", "library/debian:latest"));
        assert!(!Reference::same("debian:bookworm-slim", "debian:bookworm"));
        assert!(!Reference::same("mirror.example.org/debian", "debian"));
    }
}

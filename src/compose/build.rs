//! How an image is built.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::model::Build;
use super::read::Reader;
use crate::files::{FileKind, clean};
use crate::yaml::Node;

/// Reads `build`.
pub(super) fn build(reader: &mut Reader<'_>, node: &Node) -> Option<Build> {
    reader.entries(node);
    let dockerfile = reader.at(node, "dockerfile", Reader::text);
    let args = reader.at(node, "args", |reader, node| Some(args(reader, node))).unwrap_or_default();
    let network = reader.at(node, "network", Reader::text);
    let target = reader.at(node, "target", Reader::text);
    let context = context(reader, node)?;
    let named = dockerfile.clone().unwrap_or_else(|| "Dockerfile".to_owned());
    let at = node.get("dockerfile").or(node.get("context")).unwrap_or(node);
    let dockerfile = checked_dockerfile(reader, at, &context, &named)?;
    Some(Build { context, dockerfile, args, network, target })
}

fn context(reader: &mut Reader<'_>, node: &Node) -> Option<PathBuf> {
    let at = node.get("context").filter(|context| !context.is_null());
    let written = at.map_or(Some(".".to_owned()), |context| reader.text(context))?;
    let at = at.unwrap_or(node);
    if written.contains("://") || written.starts_with("git@") || written.starts_with("github.com/") {
        let mistake = at.spot.mistake(format!("the context `{written}` is not a folder"));
        reader.push(
            mistake.help("check it out below the root: the digest of the context is part of the evidence"),
        );
        return None;
    }
    let located = reader.locate(&at.spot, &written)?;
    if located.kind != FileKind::Folder {
        reader.mistake(at, format!("the context `{written}` is not a folder"));
        return None;
    }
    reader.is_lent(&at.spot, &located.path).then_some(located.path)
}

/// The Dockerfile's path relative to the context, in which it must lie.
fn checked_dockerfile(reader: &mut Reader<'_>, at: &Node, context: &Path, written: &str) -> Option<String> {
    let path = clean(&context.join(written));
    let Ok(relative) = path.strip_prefix(context) else {
        reader.mistake(at, format!("the Dockerfile `{written}` is not in the context"));
        return None;
    };
    match reader.files.locate(&path) {
        Ok(located) if located.kind == FileKind::File => Some(relative.display().to_string()),
        Ok(_) => {
            reader.mistake(at, format!("the Dockerfile `{written}` is not a file"));
            None
        }
        Err(problem) => {
            reader.push(problem.at(&at.spot).help("the Dockerfile is named relative to the context"));
            None
        }
    }
}

/// Build arguments; one without a value takes the runner's, and is left out where there is none.
fn args(reader: &mut Reader<'_>, node: &Node) -> BTreeMap<String, String> {
    let mut args = BTreeMap::new();
    for entry in reader.entries(node) {
        let value = if entry.value.is_null() {
            reader.scopes.of(&entry.value.spot).lookup(&entry.key)
        } else {
            reader.text(&entry.value)
        };
        args.extend(value.map(|value| (entry.key.clone(), value)));
    }
    args
}

#[cfg(test)]
mod tests {
    use super::super::testing::{errors_of, project_with, texts};
    use super::*;

    const FILES: [(&str, &str); 3] =
        [("/shop/Dockerfile", ""), ("/shop/api/docker/prod", ""), ("/shop/api/Dockerfile", "")];

    fn read(build: &str) -> Build {
        let text = format!("services: {{s: {{build: {build}}}}}");
        project_with(&text, &FILES).services["s"].build.clone().unwrap()
    }

    fn error(build: &str) -> String {
        let text = format!("services: {{s: {{build: {build}}}}}");
        let mut files = vec![("/shop/compose.yaml", text.as_str())];
        files.extend_from_slice(&FILES);
        errors_of(&files).join("\n").replace("shop/compose.yaml:", "")
    }

    #[test]
    fn short_and_long_forms_are_read() {
        assert_eq!(
            (read("./api").context, read("./api").dockerfile),
            ("/shop/api".into(), "Dockerfile".into())
        );
        assert_eq!(read("{args: [A=1]}").context, PathBuf::from("/shop"));
        let long = read(
            "{context: api, dockerfile: docker/prod, args: {A: 1, HOST_SET: , NONE: }, target: t, network: none}",
        );
        assert_eq!(
            long,
            Build {
                context: "/shop/api".into(),
                dockerfile: "docker/prod".into(),
                args: texts([("A", "1"), ("HOST_SET", "from the host")]),
                network: Some("none".into()),
                target: Some("t".into()),
            }
        );
    }

    #[test]
    fn what_cannot_be_built_is_named() {
        for (build, message) in [
            ("./apii", "1:23 `shop/apii` does not exist"),
            ("./Dockerfile", "1:23 the context `./Dockerfile` is not a folder"),
            (
                "{context: api, dockerfile: none}",
                "1:50 `shop/api/none` does not exist · the Dockerfile is named relative to the context",
            ),
            (
                "{context: api, dockerfile: ../Dockerfile}",
                "1:50 the Dockerfile `../Dockerfile` is not in the context",
            ),
            (
                "https://github.com/a/b.git",
                "1:23 the context `https://github.com/a/b.git` is not a folder · check it out below the root: the digest of the context is part of the evidence",
            ),
            (
                "{context: api, dockerfile_inline: FROM x}",
                "1:38 `services.s.build.dockerfile_inline` is refused: the Dockerfile belongs to the evidence · put it into a file and name it with `dockerfile`",
            ),
        ] {
            assert_eq!(error(build), message, "{build}");
        }
    }
}

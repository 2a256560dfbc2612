//! `security_opt`, in the words of the engine.

use super::read::Reader;
use crate::files::TEXT_LIMIT;
use crate::yaml::Node;

/// Security options as `name=value`; a seccomp profile is read from its file.
pub(super) fn options(reader: &mut Reader<'_>, list: &Node) -> Vec<String> {
    let mut options = Vec::new();
    for item in reader.items(list) {
        let Some(text) = reader.text(item) else { continue };
        options.extend(option(reader, item, &text));
    }
    options
}

fn option(reader: &mut Reader<'_>, item: &Node, text: &str) -> Option<String> {
    let (name, value) = text.split_once('=').or(text.split_once(':')).unwrap_or((text, ""));
    match (name, value) {
        ("no-new-privileges", "") => Some(text.to_owned()),
        ("systempaths", _) => {
            reader.mistake(item, "`systempaths` is refused: it reaches out into the engine's host");
            None
        }
        ("seccomp", value) if !matches!(value, "" | "unconfined" | "builtin") => {
            profile(reader, item, value).map(|profile| format!("seccomp={profile}"))
        }
        (_, "") => {
            reader.mistake(item, format!("`{text}` is not a security option; write name=value"));
            None
        }
        (name, value) => Some(format!("{name}={value}")),
    }
}

/// A seccomp profile as one line of JSON.
fn profile(reader: &mut Reader<'_>, item: &Node, path: &str) -> Option<String> {
    let path = reader.scopes.path(&item.spot, path);
    let source = match reader.files.read(&path, TEXT_LIMIT) {
        Ok(source) => source,
        Err(problem) => {
            reader.push(problem.at(&item.spot));
            return None;
        }
    };
    let json = serde_json::from_str::<serde_json::Value>(&source.text);
    reader.checked(
        item,
        json.map(|json| json.to_string()).map_err(|e| format!("`{}` is not JSON: {e}", source.name)),
    )
}

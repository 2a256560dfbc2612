//! Commands and health checks.

use super::model::Healthcheck;
use super::read::Reader;
use super::service::duration;
use super::{values, words};
use crate::yaml::{Node, Value};

/// A command: a list as it is, a text cut into words.
pub(super) fn command(reader: &mut Reader<'_>, node: &Node) -> Option<Vec<String>> {
    match node.value {
        Value::Sequence(_) => Some(list(reader, node)),
        _ => reader.parsed(node, words::split),
    }
}

/// A health check.
pub(super) fn healthcheck(reader: &mut Reader<'_>, node: &Node) -> Option<Healthcheck> {
    reader.entries(node);
    let disabled = reader.at(node, "disable", |reader, node| reader.parsed(node, values::flag));
    let test = reader.at(node, "test", test).unwrap_or_default();
    Some(Healthcheck {
        test: if disabled == Some(true) { vec!["NONE".to_owned()] } else { test },
        interval_ms: duration(reader, node, "interval"),
        timeout_ms: duration(reader, node, "timeout"),
        start_period_ms: duration(reader, node, "start_period"),
        retries: reader.at(node, "retries", |reader, node| reader.parsed(node, values::integer)),
    })
}

fn test(reader: &mut Reader<'_>, node: &Node) -> Option<Vec<String>> {
    if !matches!(node.value, Value::Sequence(_)) {
        return reader.text(node).map(|text| vec!["CMD-SHELL".to_owned(), text]);
    }
    let test = list(reader, node);
    match test.first().map(String::as_str) {
        None | Some("NONE" | "CMD" | "CMD-SHELL") => Some(test),
        Some(other) => {
            let mistake = node.spot.mistake(format!("a health test does not start with `{other}`"));
            reader.push(
                mistake.help("start the list with CMD, CMD-SHELL or NONE, or write one text for a shell"),
            );
            None
        }
    }
}

fn list(reader: &mut Reader<'_>, node: &Node) -> Vec<String> {
    reader.items(node).iter().filter_map(|item| reader.text(item)).collect()
}

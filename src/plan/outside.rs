//! The outside: what is called there cannot be put back, only made up for.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::context::Context;
use super::model::{Action, Step};
use crate::diagnostic::Place;
use crate::gateway::call::Field;
use crate::gateway::control::Protocol;
use crate::scenario::expect as file;
use crate::scenario::observe as written;

/// The method under which a mail stands.
const MAIL: &str = "MAIL";

/// A host of the outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outside {
    /// Its name.
    #[serde(serialize_with = "crate::secret::word")]
    pub service: String,
    /// What is spoken with it.
    pub protocol: Protocol,
    /// Where it is written.
    pub at: Place,
}

/// A call whose effect stays outside, and what makes up for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    /// The call.
    pub call: Call,
    /// What becomes of its effect after a rollback.
    pub end: End,
    /// Where it is written.
    pub at: Place,
}

/// What becomes of an effect after a rollback.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// Another call makes up for it, exactly once.
    Compensated(Call),
    /// It stays, for this reason.
    Stays(String),
}

/// Calls that are alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// The host.
    #[serde(serialize_with = "crate::secret::word")]
    pub on: String,
    /// `POST`; `MAIL` for a mail.
    #[serde(serialize_with = "crate::secret::word")]
    pub method: String,
    /// The path, in which a `*` stands for one part, or the recipient, in which it stands for any text.
    pub path: String,
    /// The field that says what it is about: the order that is charged.
    pub key: Option<Field>,
    /// The field by whose value the host knows a repeated call, and does it only once.
    pub idempotent_by: Option<Field>,
}

impl Effect {
    /// `POST /charges on payments is made up for by POST /refunds on payments`.
    pub fn words(&self) -> String {
        match &self.end {
            End::Compensated(other) => format!("{} is made up for by {}", self.call.words(), other.words()),
            End::Stays(because) => format!("{} may stay: {because}", self.call.words()),
        }
    }
}

impl Call {
    /// `POST /charges on payments`, `mail to * on mail`.
    pub fn words(&self) -> String {
        let Self { on, method, path, .. } = self;
        if method == MAIL { format!("mail to {path} on {on}") } else { format!("{method} {path} on {on}") }
    }

    /// What the `*` of its path stands for in a call with this method and path; none where it is another
    /// call. A mail is one that goes to nobody else.
    pub fn matches(&self, on: &str, method: &str, path: &str) -> Option<String> {
        if self.on != on || self.method != method {
            return None;
        }
        if method != MAIL {
            return starred(&self.path, path).filter(|part| !part.contains('/'));
        }
        path.split(", ").map(|one| starred(&self.path, one)).reduce(|all, one| {
            let (all, one) = (all?, one?);
            Some(format!("{all}, {one}"))
        })?
    }
}

/// What the `*` of a pattern stands for in a text, nothing where there is none.
fn starred(pattern: &str, text: &str) -> Option<String> {
    let Some((begin, end)) = pattern.split_once('*') else {
        return (pattern == text).then(String::new);
    };
    let inside = text.strip_prefix(begin)?.strip_suffix(end)?;
    Some(inside.to_owned())
}

/// Resolves `observe.outside`.
pub(super) fn hosts(context: &mut Context<'_>, written: &[written::Outside]) -> Vec<Outside> {
    let mut hosts: Vec<Outside> = Vec::new();
    for (index, host) in written.iter().enumerate() {
        let path = format!("observe.outside.{index}.service");
        let protocol = match host.protocol {
            written::Spoken::Http => Protocol::Http,
            written::Spoken::Smtp => Protocol::Smtp,
        };
        if hosts.iter().any(|known| known.service == host.service) {
            context.wrong(&path, format!("`{}` is named twice", host.service));
        } else if protocol == Protocol::Smtp {
            context.sinks.insert(host.service.clone());
        } else {
            context.service(&path, &host.service);
        }
        hosts.push(Outside { service: host.service.clone(), protocol, at: context.place(&path) });
    }
    hosts
}

/// Resolves `expect.outside`.
pub(super) fn build(
    context: &mut Context<'_>,
    hosts: &[Outside],
    expected: &[file::OutsideExpectation],
) -> Vec<Effect> {
    let mut effects = Vec::new();
    for (index, written) in expected.iter().enumerate() {
        let path = format!("expect.outside.{index}");
        let made_up_for = written.compensated_by.is_some();
        let effect = call(context, hosts, &format!("{path}.call"), &written.call, made_up_for);
        let end = match (&written.compensated_by, &written.stays) {
            (Some(other), None) => {
                call(context, hosts, &format!("{path}.compensated_by"), other, true).map(End::Compensated)
            }
            (None, Some(stays)) => {
                if stays.because.trim().is_empty() {
                    context.wrong(&format!("{path}.stays.because"), "why may it stay?");
                }
                Some(End::Stays(stays.because.clone()))
            }
            (both, _) => {
                let message = if both.is_some() {
                    "it is compensated or it stays, not both"
                } else {
                    "what becomes of it after a rollback?"
                };
                let help = "say `compensated_by: { service: …, post: … }`, or `stays: { because: … }`";
                context.wrong_key(&format!("{path}.call"), message).help.push(help.to_owned());
                None
            }
        };
        if let Some((call, end)) = effect.zip(end) {
            effects.push(Effect { call, end, at: context.place(&format!("{path}.call")) });
        }
    }
    effects
}

fn call(
    context: &mut Context<'_>,
    hosts: &[Outside],
    path: &str,
    written: &file::OutsideCall,
    needs_key: bool,
) -> Option<Call> {
    let host = host(context, hosts, path, &written.on)?;
    let (method, target) = target(context, path, host.protocol, written)?;
    if needs_key && written.key.is_none() {
        let message = "without a key nobody can tell which call makes up for which";
        let diagnostic = context.wrong_key(path, message);
        diagnostic.help.push("name the field that both have: `key: { json: order }`".to_owned());
    }
    let mail = host.protocol == Protocol::Smtp;
    for (name, field) in [("key", &written.key), ("idempotent_by", &written.idempotent_by)] {
        let at = format!("{path}.{name}");
        match field {
            Some(Field::Path) if name != "key" => {
                context.wrong(&at, "a path is the same each time: nothing is known by it again");
            }
            Some(Field::Path) if !target.contains('*') => {
                let diagnostic = context.wrong(&at, "the path has no `*` that could stand for a key");
                diagnostic.help.push("write it as `/charges/*/refund`".to_owned());
            }
            Some(Field::Json(_) | Field::Form(_)) if mail => {
                context.wrong(&at, "a mail has headers: `header: Subject`");
            }
            Some(Field::Header(text) | Field::Json(text) | Field::Form(text)) if text.is_empty() => {
                context.wrong(&at, "a field has a name");
            }
            _ => {}
        }
    }
    let (key, idempotent_by) = (written.key.clone(), written.idempotent_by.clone());
    Some(Call { on: written.on.clone(), method, path: target, key, idempotent_by })
}

fn host<'h>(context: &mut Context<'_>, hosts: &'h [Outside], path: &str, on: &str) -> Option<&'h Outside> {
    if let Some(host) = hosts.iter().find(|host| host.service == on) {
        return Some(host);
    }
    let known: Vec<&str> = hosts.iter().map(|host| host.service.as_str()).collect();
    let mistake = context.spot(&format!("{path}.on")).mistake(format!("`{on}` is not observed as outside"));
    let help = format!("name it: `observe: {{ outside: [ {{ service: {on} }} ] }}`");
    context.mistakes.push(mistake.suggest(on, known).help(help));
    None
}

/// The method and the pattern of the path.
fn target(
    context: &mut Context<'_>,
    path: &str,
    protocol: Protocol,
    written: &file::OutsideCall,
) -> Option<(String, String)> {
    let all = [
        ("POST", &written.post),
        ("PUT", &written.put),
        ("PATCH", &written.patch),
        ("DELETE", &written.delete),
        (MAIL, &written.to),
    ];
    let given: Vec<(&str, &String)> =
        all.into_iter().filter_map(|(method, target)| Some((method, target.as_ref()?))).collect();
    let [(method, target)] = given[..] else {
        let diagnostic = context.wrong_key(path, "which call? Exactly one of its methods is given");
        let help = "give one of: post, put, patch, delete; of mail: to. What only reads needs no line";
        diagnostic.help.push(help.to_owned());
        return None;
    };
    let word = if method == MAIL { "to".to_owned() } else { method.to_ascii_lowercase() };
    let at = format!("{path}.{word}");
    if (method == MAIL) != (protocol == Protocol::Smtp) {
        let (on, is) = (&written.on, protocol.word());
        context.wrong_key(&at, format!("`{on}` speaks {is}, which has no `{word}`"));
    }
    if method != MAIL && !target.starts_with('/') {
        context.wrong(&at, "a path begins with `/`, and has neither host nor query");
    }
    if target.matches('*').count() > 1 {
        context.wrong(&at, "at most one `*` can stand for something");
    }
    Some((method.to_owned(), target.clone()))
}

/// Steps that the gateways of these hosts cannot see.
pub(super) fn unseen(context: &mut Context<'_>, hosts: &[Outside], operations: [(&str, &[Step]); 2]) {
    for (path, steps) in operations {
        for (index, step) in steps.iter().enumerate() {
            let Action::Http(call) = &step.action else { continue };
            if hosts.iter().any(|host| host.service == call.service) {
                let message = format!("what Backout itself asks of `{}` is not recorded", call.service);
                let diagnostic = context.wrong_key(&format!("{path}.{index}.http"), message);
                diagnostic.help.push("let a `run` or `exec` step call it, as production would".to_owned());
            }
        }
    }
}

/// The fields by which calls of each host are known.
pub(super) fn fields(hosts: &[Outside], effects: &[Effect]) -> BTreeMap<String, BTreeSet<Field>> {
    let mut fields: BTreeMap<String, BTreeSet<Field>> = BTreeMap::new();
    for host in hosts {
        let subject = (host.protocol == Protocol::Smtp).then(|| Field::Header("Subject".to_owned()));
        fields.insert(host.service.clone(), subject.into_iter().collect());
    }
    let calls = effects.iter().flat_map(|effect| match &effect.end {
        End::Compensated(other) => vec![&effect.call, other],
        End::Stays(_) => vec![&effect.call],
    });
    for call in calls {
        let kept = [&call.key, &call.idempotent_by].into_iter().flatten().cloned();
        fields.entry(call.on.clone()).or_default().extend(kept);
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(method: &str, path: &str) -> Call {
        let (on, method, path) = ("out".to_owned(), method.to_owned(), path.to_owned());
        Call { on, method, path, key: None, idempotent_by: None }
    }

    #[test]
    fn a_call_is_known_by_host_method_and_path() {
        let refund = call("POST", "/charges/*/refund");
        assert_eq!(refund.matches("out", "POST", "/charges/7/refund").as_deref(), Some("7"));
        for (on, method, path) in [
            ("in", "POST", "/charges/7/refund"),
            ("out", "POST", "/charges/7/8/refund"),
            ("out", "PUT", "/charges/7/refund"),
            ("out", "POST", "/x"),
        ] {
            assert_eq!(refund.matches(on, method, path), None);
        }
        assert_eq!(call("POST", "/a").matches("out", "POST", "/a").as_deref(), Some(""));
    }

    #[test]
    fn a_mail_is_one_that_goes_to_nobody_else() {
        let mail = call("MAIL", "*@x");
        assert_eq!(mail.matches("out", "MAIL", "a@x, b@x").as_deref(), Some("a, b"));
        assert_eq!(mail.matches("out", "MAIL", "a@x, b@y"), None);
    }
}

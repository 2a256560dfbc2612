//! What a server is besides its keys: functions, users, settings.

use std::collections::BTreeMap;

use redis::Value;
use sha2::{Digest, Sha256};

use super::connect::Server;
use crate::state::bytes;
use crate::state::model::{
    Definition, Leftover, LeftoverKind, LeftoverName, Leftovers, ObjectKind, ObjectName,
};

/// Settings whose values are secret.
const SECRET: [&str; 5] =
    ["masterauth", "masteruser", "requirepass", "tls-client-key-file-pass", "tls-key-file-pass"];

/// The libraries of functions with their code.
pub(super) async fn functions(server: &mut Server) -> Result<BTreeMap<ObjectName, Definition>, String> {
    let mut list = redis::cmd("FUNCTION");
    list.arg("LIST").arg("WITHCODE");
    let libraries: Vec<BTreeMap<String, Value>> = server.ask(&list).await?;
    let mut found = BTreeMap::new();
    for library in libraries {
        let field = |name: &str| match library.get(name) {
            Some(Value::BulkString(bytes)) => bytes::text(bytes),
            _ => String::new(),
        };
        let definition =
            BTreeMap::from(["engine", "library_code"].map(|name| (name.to_owned(), field(name))));
        let name = ObjectName { kind: ObjectKind::Function, name: field("library_name") };
        found.insert(name, definition.into());
    }
    Ok(found)
}

/// Users and settings; what may not be seen is said.
pub(super) async fn leftovers(server: &mut Server) -> Leftovers {
    let mut leftovers = Leftovers::default();
    let mut users = redis::cmd("ACL");
    users.arg("LIST");
    match server.ask::<Vec<String>>(&users).await {
        Ok(users) => leftovers.found.extend(users.iter().filter_map(|user| self::user(user))),
        Err(error) => leftovers.unseen.push(format!("users: {error}")),
    }
    let mut settings = redis::cmd("CONFIG");
    settings.arg("GET").arg("*");
    match server.ask::<BTreeMap<String, String>>(&settings).await {
        Ok(settings) => leftovers.found.extend(settings.into_iter().map(setting)),
        Err(error) => leftovers.unseen.push(format!("settings: {error}")),
    }
    leftovers
}

/// `user NAME RULES…`, in which hashes of passwords are shortened until they tell nothing.
fn user(line: &str) -> Option<(LeftoverName, Leftover)> {
    let mut words = line.strip_prefix("user ")?.split(' ');
    let name = words.next()?.to_owned();
    let rule = |word: &str| match word.strip_prefix('#') {
        Some(_) => format!("password {}", digest(word)),
        None => word.to_owned(),
    };
    let definition = words.map(rule).collect::<Vec<_>>().join(" ");
    Some(one(LeftoverKind::Role, name, definition))
}

fn setting((name, value): (String, String)) -> (LeftoverName, Leftover) {
    let secret = SECRET.contains(&name.as_str()) && !value.is_empty();
    let value = if secret { digest(&value) } else { value };
    one(LeftoverKind::Setting, name, value)
}

fn one(kind: LeftoverKind, name: String, definition: String) -> (LeftoverName, Leftover) {
    (LeftoverName { kind, name }, Leftover { count: 1, definition, seen: Vec::new() })
}

/// Two bytes of a digest: enough to see a change, too little to guess from.
fn digest(secret: &str) -> String {
    let digest = Sha256::digest(secret.as_bytes());
    format!("#{:02x}{:02x}", digest[0], digest[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s20_neither_passwords_nor_their_hashes_are_told() {
        let hash = "d".repeat(64);
        let (name, user) = user(&format!("user app on #{hash} ~cart:* +@all")).unwrap();
        assert_eq!(name.to_string(), "role app");
        assert!(user.definition.starts_with("on password #") && user.definition.ends_with(" ~cart:* +@all"));
        assert!(!user.definition.contains(&hash), "{}", user.definition);
        let (_, setting) = setting(("requirepass".to_owned(), "hunter2".to_owned()));
        assert!(!setting.definition.contains("hunter2"));
    }
}

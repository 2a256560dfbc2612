//! Questions to the management interface, and what it does not tell everybody.

use std::time::{Duration, Instant};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{Management, Scope};

/// How long a server that is starting may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks at something that nothing announces.
pub(super) const PAUSE: Duration = Duration::from_millis(50);

/// Why there is no answer to a question.
pub(super) enum Refusal {
    /// This user may not know, in the server's words.
    Forbidden(String),
    /// Anything else.
    Failed(String),
}

impl From<Refusal> for String {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Forbidden(words) | Refusal::Failed(words) => words,
        }
    }
}

/// One virtual host as its server's management interface tells of it.
pub(super) struct Api<'s> {
    server: &'s dyn Management,
    /// The virtual host as a part of a path.
    pub(super) vhost: String,
    pub(super) version: String,
    pub(super) user: String,
}

#[derive(Deserialize)]
struct Overview {
    rabbitmq_version: String,
}

#[derive(Deserialize)]
struct Me {
    name: String,
}

#[derive(Deserialize)]
struct Error {
    reason: serde_json::Value,
}

impl<'s> Api<'s> {
    /// Waits until the virtual host answers; a server that is starting is asked again for a while.
    pub(super) async fn open(server: &'s dyn Management, scope: &Scope) -> Result<Self, String> {
        let vhost = segment(&scope.vhost);
        let mut api = Self { server, vhost, version: String::new(), user: String::new() };
        let deadline = Instant::now() + PATIENCE;
        loop {
            match api.greet().await {
                Err(Refusal::Failed(_)) if Instant::now() < deadline => tokio::time::sleep(PAUSE).await,
                Err(refusal) => return Err(refusal.into()),
                Ok(()) => return Ok(api),
            }
        }
    }

    async fn greet(&mut self) -> Result<(), Refusal> {
        self.version = self.get::<Overview>("overview").await?.rabbitmq_version;
        self.user = self.get::<Me>("whoami").await?.name;
        self.get::<serde_json::Value>(&format!("exchanges/{}", self.vhost)).await.map(drop)
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Refusal> {
        self.ask(path, None).await
    }

    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        path: &str,
        body: Option<String>,
    ) -> Result<T, Refusal> {
        let answer = self.server.ask(path, body).await;
        let (status, body) = answer.map_err(|error| Refusal::Failed(format!("{path}: {error}")))?;
        match status {
            200..300 => serde_json::from_str(&body)
                .map_err(|error| Refusal::Failed(format!("{path} is not as expected: {error}"))),
            401 | 403 => Err(Refusal::Forbidden(format!("{path}: {}", reason(status, &body)))),
            _ => Err(Refusal::Failed(format!("{path}: {}", reason(status, &body)))),
        }
    }
}

/// The server's own words.
fn reason(status: u16, body: &str) -> String {
    let reason = serde_json::from_str::<Error>(body).map(|error| error.reason);
    match reason {
        Ok(serde_json::Value::String(words)) => format!("{words} (status {status})"),
        Ok(other) => format!("{other} (status {status})"),
        Err(_) => format!("status {status}"),
    }
}

/// A name as one part of a path.
pub(super) fn segment(name: &str) -> String {
    let part = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    name.bytes().map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_part_of_a_path_whatever_it_holds() {
        assert_eq!(segment("/"), "%2F");
        assert_eq!(segment("a/b c?d=é"), "a%2Fb%20c%3Fd%3D%C3%A9");
    }

    #[test]
    fn a_refusal_is_in_the_servers_words() {
        let body = r#"{"error":"not_authorised","reason":"Not administrator user"}"#;
        assert_eq!(reason(401, body), "Not administrator user (status 401)");
        assert_eq!(reason(502, "<html>"), "status 502");
    }
}

//! Who we are to a registry (S20): `config.json` of the docker command with its helpers and stores.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;

use bollard::auth::DockerCredentials;
use serde::Deserialize;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// How the docker command calls the registry that needs no name.
const HUB: &str = "https://index.docker.io/v1/";

/// What the docker command's configuration says of registries and proxies.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Config {
    auths: BTreeMap<String, Stored>,
    #[serde(rename = "credHelpers")]
    helpers: BTreeMap<String, String>,
    #[serde(rename = "credsStore")]
    store: Option<String>,
    proxies: BTreeMap<String, BTreeMap<String, String>>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct Stored {
    auth: Option<String>,
    #[serde(rename = "identitytoken")]
    token: Option<String>,
}

impl std::fmt::Debug for Stored {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Stored")
    }
}

/// What a helper answers.
#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "Username")]
    user: String,
    #[serde(rename = "Secret")]
    secret: String,
}

impl Config {
    /// Reads `config.json` in a folder; without one there is nothing to know.
    ///
    /// # Errors
    /// When there is one and it cannot be read.
    pub(super) fn read(folder: Option<&Path>) -> Result<Self, String> {
        let Some(folder) = folder else { return Ok(Self::default()) };
        let path = folder.join("config.json");
        match std::fs::read_to_string(&path) {
            Ok(text) => serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(format!("{}: {error}", path.display())),
        }
    }

    /// What a registry is to be told; none where nothing is known. Helpers are looked for in `path`.
    ///
    /// # Errors
    /// When a helper is named and does not answer.
    pub(super) async fn of(
        &self,
        registry: &str,
        path: Option<&str>,
    ) -> Result<Option<DockerCredentials>, String> {
        let server = if registry == "docker.io" { HUB } else { registry };
        let helper = self.helpers.get(registry).or_else(|| self.helpers.get(server)).or(self.store.as_ref());
        if let Some(helper) = helper
            && let Some(answer) = ask(helper, server, path).await?
        {
            return Ok(Some(answered(answer, server)));
        }
        Ok(self.stored(server))
    }

    /// Build arguments for builds behind a proxy; they do not enter the image.
    pub(super) fn proxies(&self) -> BTreeMap<String, String> {
        let default = self.proxies.get("default").cloned().unwrap_or_default();
        let names = [
            ("httpProxy", "HTTP_PROXY"),
            ("httpsProxy", "HTTPS_PROXY"),
            ("ftpProxy", "FTP_PROXY"),
            ("noProxy", "NO_PROXY"),
        ];
        let known = names.iter().filter_map(|(key, name)| Some((*name, default.get(*key)?.clone())));
        known
            .flat_map(|(name, value)| [(name.to_owned(), value.clone()), (name.to_lowercase(), value)])
            .collect()
    }

    fn stored(&self, server: &str) -> Option<DockerCredentials> {
        let stored = self.auths.iter().find(|(key, _)| host(key) == host(server))?.1;
        if let Some(token) = stored.token.clone().filter(|token| !token.is_empty()) {
            return Some(identity(token, server));
        }
        let decoded = String::from_utf8(base64(stored.auth.as_deref()?)?).ok()?;
        let (user, secret) = decoded.split_once(':')?;
        Some(password(user.to_owned(), secret.trim_end_matches('\0').to_owned(), server))
    }
}

async fn ask(helper: &str, server: &str, path: Option<&str>) -> Result<Option<Answer>, String> {
    let program = format!("docker-credential-{helper}");
    if !helper.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.')) {
        return Err(format!("`{helper}` is not the name of a credential helper"));
    }
    let fail = |error: std::io::Error| format!("{program} get: {error}");
    let mut command = Command::new(&program);
    if let Some(path) = path {
        command.env("PATH", path);
    }
    command.arg("get").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().map_err(fail)?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(server.as_bytes()).await.map_err(fail)?;
    }
    let output = child.wait_with_output().await.map_err(fail)?;
    let said = String::from_utf8_lossy(&output.stdout);
    if output.status.success() {
        // The answer holds a secret: it must not be shown in an error.
        return serde_json::from_str(&said).map(Some).map_err(|_| format!("{program} get: no valid answer"));
    }
    if said.contains("credentials not found") {
        return Ok(None);
    }
    let said = format!("{said}{}", String::from_utf8_lossy(&output.stderr));
    Err(format!("{program} get: {}", said.trim()))
}

fn answered(answer: Answer, server: &str) -> DockerCredentials {
    match answer.user.as_str() {
        "<token>" => identity(answer.secret, server),
        _ => password(answer.user, answer.secret, server),
    }
}

fn password(user: String, secret: String, server: &str) -> DockerCredentials {
    DockerCredentials {
        username: Some(user),
        password: Some(secret),
        serveraddress: Some(server.to_owned()),
        ..DockerCredentials::default()
    }
}

fn identity(token: String, server: &str) -> DockerCredentials {
    DockerCredentials {
        identitytoken: Some(token),
        serveraddress: Some(server.to_owned()),
        ..DockerCredentials::default()
    }
}

/// Old entries have a scheme and a path.
fn host(server: &str) -> &str {
    let bare = server.split_once("://").map_or(server, |(_, bare)| bare);
    bare.split('/').next().unwrap_or(bare)
}

/// Decodes standard base64.
fn base64(text: &str) -> Option<Vec<u8>> {
    let value = |letter: u8| match letter {
        b'A'..=b'Z' => Some(letter - b'A'),
        b'a'..=b'z' => Some(letter - b'a' + 26),
        b'0'..=b'9' => Some(letter - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    };
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    let (mut bits, mut held) = (0u32, 0u32);
    for letter in text.trim().trim_end_matches('=').bytes() {
        bits = bits << 6 | u32::from(value(letter)?);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held & 0xff).ok()?);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use proptest::prelude::*;

    use super::*;

    fn config(text: &str) -> Config {
        serde_json::from_str(text).unwrap()
    }

    fn login(credentials: Option<DockerCredentials>) -> (String, String) {
        let credentials = credentials.unwrap();
        (credentials.username.unwrap(), credentials.password.unwrap())
    }

    #[tokio::test]
    async fn s20_stored_logins_are_found_by_host() {
        // user:pa:ss and hub:word.
        let config = config(
            r#"{"auths": {"reg.example.org:5000": {"auth": "dXNlcjpwYTpzcw=="},
                "https://index.docker.io/v1/": {"auth": "aHViOndvcmQ="},
                "token.example.org": {"auth": "", "identitytoken": "t"}}}"#,
        );
        let of = async |registry| config.of(registry, None).await.unwrap();
        assert_eq!(login(of("reg.example.org:5000").await), ("user".into(), "pa:ss".into()));
        assert_eq!(login(of("docker.io").await), ("hub".into(), "word".into()));
        assert_eq!(of("token.example.org").await.unwrap().identitytoken.as_deref(), Some("t"));
        assert!(of("reg.example.org").await.is_none());
        assert!(!format!("{config:?}").contains("dXNlcjpwYTpzcw"));
    }

    #[tokio::test]
    async fn s20_helpers_come_before_the_store_and_the_store_before_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let script = |name: &str, text: &str| {
            let path = folder.path().join(format!("docker-credential-{name}"));
            std::fs::write(&path, format!("#!/bin/sh\nread -r server\n{text}\n")).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        };
        script("one", r#"echo "{\"Username\":\"one\",\"Secret\":\"$server\"}""#);
        script(
            "all",
            r#"[ "$server" = a.org ] || { echo credentials not found in store; exit 1; }
            echo '{"Username":"<token>","Secret":"t"}'"#,
        );
        script("bad", "echo '{\"Secret\": \"s3cret\"'");
        script("sad", "echo keychain is locked >&2; exit 1");
        let path = format!("{}:/usr/bin:/bin", folder.path().display());
        let config = config(
            r#"{"credsStore": "all", "credHelpers": {"one.org": "one", "bad.org": "bad", "sad.org": "sad", "no.org": "none"},
                "auths": {"file.org": {"auth": "dXNlcjpwYTpzcw=="}}}"#,
        );
        let of = async |registry| config.of(registry, Some(&path)).await;
        assert_eq!(login(of("one.org").await.unwrap()), ("one".into(), "one.org".into()));
        assert_eq!(of("a.org").await.unwrap().unwrap().identitytoken.as_deref(), Some("t"));
        assert_eq!(login(of("file.org").await.unwrap()), ("user".into(), "pa:ss".into()));
        assert!(of("other.org").await.unwrap().is_none());
        assert_eq!(of("bad.org").await.unwrap_err(), "docker-credential-bad get: no valid answer");
        assert_eq!(of("sad.org").await.unwrap_err(), "docker-credential-sad get: keychain is locked");
        assert!(of("no.org").await.unwrap_err().starts_with("docker-credential-none get: No such file"));
    }

    #[test]
    fn proxies_become_build_arguments_in_both_spellings() {
        let config =
            config(r#"{"proxies": {"default": {"httpProxy": "http://p:1", "noProxy": "localhost"}}}"#);
        let proxies = config.proxies();
        assert_eq!(proxies["HTTP_PROXY"], "http://p:1");
        assert_eq!(proxies["no_proxy"], "localhost");
        assert_eq!(proxies.len(), 4);
    }

    #[test]
    fn a_broken_configuration_is_named() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Config::read(Some(folder.path())).is_ok());
        std::fs::write(folder.path().join("config.json"), "{").unwrap();
        assert!(Config::read(Some(folder.path())).unwrap_err().contains("config.json"));
    }

    proptest! {
        #[test]
        fn base64_is_decoded(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
            let bits: Vec<u8> = bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).collect();
            let letter = |six: &[u8]| {
                let number = (0..6).fold(0usize, |sum, bit| sum * 2 + usize::from(*six.get(bit).unwrap_or(&0)));
                LETTERS[number] as char
            };
            let mut text: String = bits.chunks(6).map(letter).collect();
            while !text.len().is_multiple_of(4) {
                text.push('=');
            }
            prop_assert_eq!(base64(&text), Some(bytes));
        }
    }
}

//! Finding the engine: DOCKER_HOST, the Docker context, or the usual socket, with a clear paragraph
//! where there is none.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bollard::{API_DEFAULT_VERSION, Docker};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::client::{Engine, cause};

/// How long an engine may take to answer at all.
const SIGN_OF_LIFE: Duration = Duration::from_millis(700);

/// How long one that lives may take to say what it is, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);

/// Seconds that one call may take; a call that waits for something has a deadline of its own, and output
/// may take any time. An engine that hangs for longer does so for good.
const CALL_SECONDS: u64 = 600;

const USUAL: &str = "unix:///var/run/docker.sock";

/// What the runner's environment says about the engine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// DOCKER_HOST.
    pub host: Option<String>,
    /// DOCKER_CONTEXT.
    pub context: Option<String>,
    /// DOCKER_TLS_VERIFY.
    pub tls: Option<String>,
    /// DOCKER_CONFIG, else `~/.docker`.
    pub config: Option<PathBuf>,
    /// PATH, where credential helpers are found.
    pub path: Option<String>,
}

impl Surroundings {
    /// Reads them from an environment.
    pub fn of(environment: &BTreeMap<String, String>) -> Self {
        let get = |name: &str| environment.get(name).filter(|value| !value.is_empty()).cloned();
        let home = || get("HOME").map(|home| Path::new(&home).join(".docker"));
        Self {
            host: get("DOCKER_HOST"),
            context: get("DOCKER_CONTEXT"),
            tls: get("DOCKER_TLS_VERIFY"),
            config: get("DOCKER_CONFIG").map(PathBuf::from).or_else(home),
            path: get("PATH"),
        }
    }
}

/// Why there is no engine. Its text is one paragraph for the user.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "no Docker engine answers at {host} ({from}): {cause}. Backout runs its staging systems on a Docker \
     engine (API 1.41 or later): start one (`sudo systemctl start docker`), or name another with \
     DOCKER_HOST=unix:///path/to/docker.sock or DOCKER_HOST=tcp://host:port, and try again"
)]
pub struct NoEngine {
    /// The address that was tried.
    pub host: String,
    /// Where that address came from.
    pub from: String,
    /// What happened there.
    pub cause: String,
}

/// Connects to the engine and makes sure that it answers; where nobody does, that is known in under a second.
///
/// # Errors
/// When none answers, or the answer is from an engine that is too old.
pub async fn connect(surroundings: &Surroundings) -> Result<Engine, NoEngine> {
    let (host, from) = address(surroundings)?;
    let fail = |cause: String| NoEngine { host: host.clone(), from: from.clone(), cause };
    let docker = client(&host, surroundings.tls.is_some()).map_err(&fail)?;
    if tokio::time::timeout(SIGN_OF_LIFE, docker.ping()).await.is_err() {
        return Err(fail(format!("it did not answer within {SIGN_OF_LIFE:?}")));
    }
    let asked = async { tokio::join!(docker.version(), docker.info()) };
    let Ok((version, info)) = tokio::time::timeout(PATIENCE, asked).await else {
        let cause =
            format!("it answers, and did not say what it is within {PATIENCE:?}; it hangs or is very busy");
        return Err(fail(cause));
    };
    let version = version.map_err(|error| fail(cause(&error)))?;
    let api = version.api_version.unwrap_or_default();
    if !new_enough(&api) {
        return Err(fail(format!("it speaks API version {api}")));
    }
    let local = host.starts_with("unix://");
    let near = local && info.is_ok_and(|info| info.name.as_deref() == Some(hostname().trim()));
    Ok(Engine::new(docker, host.clone(), local, near))
}

/// The address of the engine, and where it was found.
fn address(surroundings: &Surroundings) -> Result<(String, String), NoEngine> {
    if let Some(host) = &surroundings.host {
        return Ok((host.clone(), "from DOCKER_HOST".to_owned()));
    }
    let config = surroundings.config.as_deref();
    let named = surroundings.context.clone().or_else(|| current_context(config?));
    match named.filter(|name| name != "default") {
        None => Ok((USUAL.to_owned(), "the usual place".to_owned())),
        Some(name) => context_host(config, &name).map(|host| (host, format!("from the context {name}"))),
    }
}

fn current_context(config: &Path) -> Option<String> {
    #[derive(Deserialize)]
    struct Config {
        #[serde(rename = "currentContext")]
        current: Option<String>,
    }
    let text = std::fs::read_to_string(config.join("config.json")).ok()?;
    serde_json::from_str::<Config>(&text).ok()?.current.filter(|name| !name.is_empty())
}

/// The address in a context's description, which lies in a folder named by a digest of its name.
fn context_host(config: Option<&Path>, name: &str) -> Result<String, NoEngine> {
    let digest: String = Sha256::digest(name).iter().map(|byte| format!("{byte:02x}")).collect();
    let file = config.unwrap_or(Path::new("")).join("contexts/meta").join(digest).join("meta.json");
    let fail = |cause: String| NoEngine {
        host: file.display().to_string(),
        from: format!("the context {name}"),
        cause,
    };
    let text = std::fs::read_to_string(&file).map_err(|error| fail(error.to_string()))?;
    let meta: serde_json::Value = serde_json::from_str(&text).map_err(|error| fail(error.to_string()))?;
    let host = meta.pointer("/Endpoints/docker/Host").and_then(|host| host.as_str());
    host.map(str::to_owned).ok_or_else(|| fail("it names no Docker endpoint".to_owned()))
}

fn client(host: &str, tls: bool) -> Result<Docker, String> {
    let connected = match host.split_once("://") {
        Some(("unix", _)) => Docker::connect_with_unix(host, CALL_SECONDS, API_DEFAULT_VERSION),
        Some(("tcp" | "http", _)) if !tls => {
            Docker::connect_with_http(host.trim_end_matches('/'), CALL_SECONDS, API_DEFAULT_VERSION)
        }
        Some(("tcp" | "https", _)) => return Err("TLS to an engine is not supported; tunnel it".to_owned()),
        Some(("ssh", _)) => {
            return Err("ssh to an engine is not supported; forward its socket with `ssh -L`".to_owned());
        }
        _ => return Err("that is not an address of an engine".to_owned()),
    };
    connected.map_err(|error| cause(&error))
}

fn hostname() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default()
}

fn new_enough(api: &str) -> bool {
    let number = |text: Option<&str>| text.and_then(|text| text.parse::<u32>().ok()).unwrap_or(0);
    let mut parts = api.split('.');
    (number(parts.next()), number(parts.next())) >= (1, 41)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn surroundings(pairs: &[(&str, &str)]) -> Surroundings {
        Surroundings::of(
            &pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        )
    }

    #[test]
    fn the_host_variable_wins_over_the_context_and_the_usual_socket_comes_last() {
        let both = surroundings(&[("DOCKER_HOST", "tcp://a:1"), ("DOCKER_CONTEXT", "b")]);
        assert_eq!(address(&both).unwrap().0, "tcp://a:1");
        assert_eq!(address(&surroundings(&[("DOCKER_HOST", "")])).unwrap().0, USUAL);
    }

    #[test]
    fn a_context_is_read_from_its_description() {
        let folder = tempfile::tempdir().unwrap();
        let digest: String = Sha256::digest("lab").iter().map(|byte| format!("{byte:02x}")).collect();
        let lab = folder.path().join("contexts/meta").join(digest);
        std::fs::create_dir_all(&lab).unwrap();
        let text = r#"{"Name":"lab","Endpoints":{"docker":{"Host":"unix:///lab.sock"}}}"#;
        std::fs::write(lab.join("meta.json"), text).unwrap();
        std::fs::write(folder.path().join("config.json"), r#"{"currentContext":"lab"}"#).unwrap();
        let config = Some(folder.path().to_owned());
        let found = address(&Surroundings { config: config.clone(), ..Surroundings::default() }).unwrap();
        assert_eq!(found, ("unix:///lab.sock".to_owned(), "from the context lab".to_owned()));

        let gone = Surroundings { config, context: Some("gone".to_owned()), ..Surroundings::default() };
        assert!(address(&gone).unwrap_err().to_string().contains("the context gone"));
    }

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(new_enough("1.41") && new_enough("1.100") && new_enough("2.0"));
        assert!(!new_enough("1.40") && !new_enough("1.5") && !new_enough(""));
    }

    #[tokio::test]
    async fn no_engine_is_one_paragraph_in_under_a_second() {
        let begun = tokio::time::Instant::now();
        for (host, told) in [
            ("unix:///nowhere/docker.sock", "Socket not found"),
            ("tcp://127.0.0.1:1", "refused"),
            ("tcp://192.0.2.254:2375", "did not answer within"),
            ("ssh://a", "ssh -L"),
        ] {
            let error = connect(&surroundings(&[("DOCKER_HOST", host)])).await.unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
            assert!(error.contains(host) && error.contains("systemctl start docker"), "{error}");
            assert!(!error.contains('\n'));
        }
        assert!(begun.elapsed() < Duration::from_secs(1));
    }
}

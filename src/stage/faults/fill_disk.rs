//! `fill_disk`: a file takes all the room there is, so that the kernel itself refuses every write (ENOSPC).
//! It is written from inside the container, the only place where a tmpfs can be seen. The plan has made
//! sure that the room has an end.

use std::time::Duration;

use tokio::time::Instant;

use super::Seen;
use crate::stage::{Stage, StageError};

/// The one file that takes the room, by exact name.
const FILLER: &str = ".backout-filler";
/// A write that must fail.
const PROBE: &str = ".backout-probe";
/// What the C library says of ENOSPC where nobody has asked for another language.
const NO_SPACE: &str = "No space left on device";

pub(super) async fn inject(stage: &dyn Stage, service: &str, path: &str) -> Result<Seen, StageError> {
    let (_, filled) = run(stage, service, &filling(path)).await?;
    if !filled.contains(NO_SPACE) {
        return Ok(Seen::nothing(format!("{path} was not filled: {}", or_nothing(&filled))));
    }
    let (exit_code, said) = run(stage, service, &probing(path)).await?;
    Ok(if exit_code != 0 && said.contains(NO_SPACE) {
        Seen::acted(format!("writing two bytes to {path} fails: {}", or_nothing(&said)))
    } else {
        Seen::nothing(format!("{path} can still be written: exit code {exit_code}, {}", or_nothing(&said)))
    })
}

/// What crashed for want of room is started again: only in a container that runs can the file be removed.
/// A service that ends again at once gets as many attempts as the deadline allows.
pub(super) async fn heal(
    stage: &dyn Stage,
    service: &str,
    path: &str,
    within: Duration,
) -> Result<(), StageError> {
    let deadline = Instant::now() + within;
    loop {
        let last = if stage.health(service).await?.is_up() {
            match run(stage, service, &emptying(path)).await {
                Ok((0, _)) => return super::start(stage, service).await,
                Ok((_, said)) => or_nothing(&said).to_owned(),
                Err(error) => error.to_string(),
            }
        } else {
            stage.start(service).await?;
            "the service does not run".to_owned()
        };
        if Instant::now() >= deadline {
            return Err(StageError::new("empty", format!("{path} of service {service}"), last));
        }
        stage.changed().await;
    }
}

/// Ends by itself when nothing more can be written.
fn filling(path: &str) -> Vec<String> {
    script(path, &format!("cat /dev/zero > \"$1\"/{FILLER}"))
}

/// The smallest write there is to a file that takes no room yet.
fn probing(path: &str) -> Vec<String> {
    script(path, &format!("echo x | cat > \"$1\"/{PROBE}"))
}

fn emptying(path: &str) -> Vec<String> {
    let (filler, probe) = (format!("\"$1\"/{FILLER}"), format!("\"$1\"/{PROBE}"));
    script(path, &format!("rm -f {filler} {probe} && [ ! -e {filler} ] && [ ! -e {probe} ]"))
}

fn script(path: &str, script: &str) -> Vec<String> {
    let script = format!("LC_ALL=C; export LC_ALL; {script}");
    ["sh", "-c", &script, "backout", path].map(str::to_owned).to_vec()
}

/// The exit code of a command and all that it said.
async fn run(stage: &dyn Stage, service: &str, command: &[String]) -> Result<(i64, String), StageError> {
    let mut process = stage.exec(service, command).await?;
    let mut said = Vec::new();
    while let Some(line) = process.line().await {
        said.push(line.text);
    }
    let ended = process.wait().await?;
    Ok((ended.exit_code, said.join("; ")))
}

fn or_nothing(said: &str) -> &str {
    if said.is_empty() { "nothing was said" } else { said }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::Project;
    use crate::compose::model::Service;
    use crate::plan::model::Fault;
    use crate::stage::fake::{FakeStage, Script};
    use crate::stage::faults;

    const SOON: Duration = Duration::from_millis(100);
    const FULL: &str = "cat: write error: No space left on device";

    async fn stage() -> FakeStage {
        let services = [("db".to_owned(), Service { replicas: 1, ..Service::default() })].into();
        let stage = FakeStage::new(Project { services, ..Project::default() });
        stage.up(SOON).await.unwrap();
        stage
    }

    fn fault() -> Fault {
        Fault::FillDisk { service: "db".to_owned(), path: "/data".to_owned() }
    }

    fn plays(stage: &FakeStage, command: &[String], script: Script) {
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        stage.script("db", &words, script);
    }

    #[tokio::test]
    async fn it_acts_only_when_a_write_was_refused_for_want_of_room() {
        let stage = stage().await;
        plays(&stage, &filling("/data"), Script::new().complain(FULL).end(1));
        plays(&stage, &probing("/data"), Script::new().complain(FULL).end(1));
        let injected = faults::inject(&stage, &fault(), SOON).await.unwrap();
        assert!(injected.acted && injected.evidence.contains(FULL), "{}", injected.evidence);

        plays(&stage, &probing("/data"), Script::new().end(0));
        let injected = faults::inject(&stage, &fault(), SOON).await.unwrap();
        assert!(!injected.acted && injected.evidence.contains("can still be written"));

        plays(&stage, &filling("/data"), Script::new().complain("cat: permission denied").end(1));
        let injected = faults::inject(&stage, &fault(), SOON).await.unwrap();
        assert!(!injected.acted && injected.evidence.contains("was not filled: cat: permission denied"));
    }

    #[tokio::test]
    async fn a_service_that_crashed_for_want_of_room_is_started_to_be_emptied() {
        let stage = stage().await;
        stage.set_health("db", crate::stage::Health::Exited(1));
        faults::heal(&stage, &fault(), SOON).await.unwrap();
        assert!(stage.health("db").await.unwrap().is_up());
        assert!(stage.calls().ends_with(&[
            "start db".to_owned(),
            "exec db".to_owned(),
            "start db".to_owned()
        ]));
    }

    #[tokio::test]
    async fn room_that_stays_taken_is_an_error_by_the_deadline() {
        let stage = stage().await;
        plays(&stage, &emptying("/data"), Script::new().complain("rm: read-only").end(1));
        let error = faults::heal(&stage, &fault(), SOON).await.unwrap_err().to_string();
        assert_eq!(error, "could not empty /data of service db: rm: read-only");
    }
}

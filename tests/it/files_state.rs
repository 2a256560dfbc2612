//! Files of volumes and bind mounts, read beside a real container.

use std::sync::Arc;
use std::time::Duration;

use backout::compose::Project;
use backout::compose::model::{Mount, MountSource, Service, Volume};
use backout::stage::Stage;
use backout::stage::docker::DockerStage;
use backout::state::compare::compare;
use backout::state::files::Reading;
use backout::state::gather::Wanted;
use backout::state::model::StoreCapture;

use crate::stage::rig::{Memory, options, output, project, shell, with_stage, words};

fn mount(target: &str, source: MountSource) -> Mount {
    Mount { target: target.to_owned(), source, read_only: false }
}

async fn with_app<F>(bind: &std::path::Path, test: impl FnOnce(DockerStage, Arc<Memory>) -> F)
where
    F: Future<Output = ()>,
{
    let mounts = vec![
        mount("/data", MountSource::Volume("data".to_owned())),
        mount("/own", MountSource::Anonymous),
        mount("/shown", MountSource::Bind(bind.to_owned())),
    ];
    let app = Service { mounts, ..shell("exec sleep infinity") };
    let volumes = [("data".to_owned(), Volume::default())].into();
    let project = Project { volumes, ..project(vec![("app", app)]) };
    with_stage(project, options(), |stage, memory| async move {
        stage.up(Duration::from_secs(60)).await.unwrap();
        test(stage, memory).await;
    })
    .await;
}

async fn capture(stage: &DockerStage, path: &str) -> Result<StoreCapture, String> {
    let mut reading = Reading::new("app", &Wanted::default());
    let mut lines = stage.beside("app", &words(&["files", path])).await.unwrap();
    while let Some(line) = lines.recv().await {
        reading.line(&line.text)?;
    }
    reading.finish()
}

/// How much was made and not removed.
fn standing(memory: &Memory) -> usize {
    memory.intended.lock().unwrap().len() - memory.removed.lock().unwrap().len()
}

#[tokio::test]
async fn files_are_read_wherever_they_are_mounted_and_whoever_owns_them() {
    let bind = tempfile::tempdir().unwrap();
    std::fs::write(bind.path().join("page.html"), "hello").unwrap();
    let page = bind.path().join("page.html");
    with_app(bind.path(), |stage, memory| async move {
        let at_first = standing(&memory);
        output(&stage, "app", "echo a > /data/a; echo b > /own/b; chmod 0 /data/a; chown 7:8 /data/a").await;
        for (path, change) in [
            ("/data", "echo changed > /data/a"),
            ("/data", "chown 7:9 /data/a"),
            ("/data", "mknod /data/p p"),
            ("/data", "mkdir -p /data/deep/er; ln -s ../x /data/deep/er/link"),
            ("/data/deep", "ln -sfn ../y /data/deep/er/link"),
            ("/own", "rm /own/b"),
            ("/shown", "echo bye > /shown/page.html"),
        ] {
            let before = capture(&stage, path).await.unwrap();
            assert_eq!(before, capture(&stage, path).await.unwrap(), "{path}");
            output(&stage, "app", change).await;
            let after = capture(&stage, path).await.unwrap();
            assert_eq!(compare(&before, &after).tables.len(), 1, "{change}");
        }
        // The bind mount was a copy, and readers leave nothing behind.
        assert_eq!(std::fs::read_to_string(page).unwrap(), "hello");
        assert_eq!(standing(&memory), at_first);
        assert_eq!(memory.removed.lock().unwrap().len(), 3 * 7);
        assert!(stage.strays().await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn files_of_a_service_that_stopped_are_read_and_nothing_can_be_written() {
    let bind = tempfile::tempdir().unwrap();
    with_app(bind.path(), |stage, _| async move {
        output(&stage, "app", "echo a > /data/a").await;
        let before = capture(&stage, "/data").await.unwrap();
        stage.stop("app").await.unwrap();
        assert_eq!(before, capture(&stage, "/data").await.unwrap());
        let error = capture(&stage, "/data/nothing").await.unwrap_err();
        assert!(error.contains("/data/nothing: No such file"), "{error}");
        // What is not mounted is not seen: this is the reader's own, empty file system.
        let error = capture(&stage, "/etc/debian_version").await.unwrap_err();
        assert!(error.contains("No such file"), "{error}");
    })
    .await;
}

//! What only an engine can show.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use backout::compose::model::{
    Attachment, Condition, Dependency, FileMount, FileObject, Healthcheck, Mount, MountSource, Network,
    Service, Ulimit, Volume,
};
use backout::stage::docker::Options;
use backout::stage::{Deploy, Health, Killed, OneShot, Resource, ResourceKind, Stage};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::rig::{BASE, docker, options, output, project, read, shell, with_remote_stage, with_stage, words};

const SOON: Duration = Duration::from_secs(20);

const IDLE: &str = "sleep 1000";

/// Answers every connection with one line.
const SERVE: &str = "exec perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(LocalPort => 8080, \
                     Listen => 9, ReuseAddr => 1) or die; while ($c = $s->accept) { print $c \"hi\\n\"; close $c }'";

fn mount(target: &str, source: MountSource) -> Mount {
    Mount { target: target.to_owned(), source, read_only: false }
}

fn checked(script: &str, test: &str) -> Service {
    let healthcheck = Healthcheck {
        test: words(&["CMD-SHELL", test]),
        interval_ms: Some(100),
        retries: Some(2),
        ..Healthcheck::default()
    };
    Service { healthcheck: Some(healthcheck), ..shell(script) }
}

fn after(service: Service, other: &str, condition: Condition) -> Service {
    let dependency = Dependency { condition, required: true };
    Service { depends_on: [(other.to_owned(), dependency)].into(), ..service }
}

fn reaching(service: &str, port: u16) -> Options {
    Options { reach: [(service.to_owned(), vec![port])].into(), ..options() }
}

async fn answer(stage: &dyn Stage, service: &str) -> String {
    let mut said = String::new();
    // The engine opens the port before the service listens behind it.
    while said.is_empty() {
        let address = stage.address(service, 8080).await.unwrap();
        if let Ok(mut stream) = tokio::net::TcpStream::connect(address).await {
            drop(stream.read_to_string(&mut said).await);
        }
    }
    said
}

#[tokio::test]
async fn services_start_when_their_dependencies_allow() {
    // On a busy machine it takes more looks until it is ready.
    let mut db = checked("sleep 0.3; touch /ready; sleep 1000", "test -e /ready");
    db.healthcheck.as_mut().unwrap().retries = Some(100);
    let services = vec![
        ("db", db),
        ("migrate", after(shell("date +%s%N"), "db", Condition::ServiceHealthy)),
        ("api", after(shell("date +%s%N; sleep 1000"), "migrate", Condition::ServiceCompletedSuccessfully)),
    ];
    with_stage(project(services), options(), |stage, _| async move {
        stage.up(SOON).await.unwrap();
        assert_eq!(stage.health("db").await.unwrap(), Health::Healthy);
        assert_eq!(stage.health("migrate").await.unwrap(), Health::Exited(0));
        let ready = output(&stage, "db", "stat -c %.9Y /ready | tr -d .").await;
        let migrated = stage.tail("migrate", 1).await.unwrap().remove(0);
        let served = stage.tail("api", 1).await.unwrap().remove(0);
        assert!(ready < migrated && migrated < served, "{ready} {migrated} {served}");
    })
    .await;
}

/// The engine asks once an hour, which is never while a test lasts.
fn checked_hourly(script: &str, test: &str) -> Service {
    let mut service = checked(script, test);
    service.healthcheck.as_mut().unwrap().interval_ms = Some(3_600_000);
    service
}

#[tokio::test]
async fn services_are_asked_how_they_are_before_the_engine_does() {
    let services = vec![
        ("db", checked_hourly("sleep 0.3; touch /ready; sleep 1000", "test -e /ready")),
        ("api", after(checked_hourly(IDLE, "true"), "db", Condition::ServiceHealthy)),
    ];
    with_stage(project(services), options(), |stage, memory| async move {
        stage.up(SOON).await.unwrap();
        for service in ["db", "api"] {
            assert_eq!(stage.health(service).await.unwrap(), Health::Healthy, "{service}");
        }
        let made = memory.intended.lock().unwrap().clone();
        let db = made.iter().find(|made| made.name.contains("-db-")).unwrap();
        let engine =
            docker(&["inspect", "--format", "{{.State.Health.Status}} {{len .State.Health.Log}}", &db.name]);
        assert_eq!(engine.trim(), "starting 0", "the engine itself knows nothing yet");
        // Another life begins without being well.
        output(&stage, "db", "rm /ready").await;
        stage.restart("db").await.unwrap();
        assert_eq!(stage.health("db").await.unwrap(), Health::Starting);
        while stage.health("db").await.unwrap() != Health::Healthy {
            stage.changed().await;
        }
        assert_eq!(output(&stage, "db", "ls /ready").await, "/ready");
    })
    .await;

    let services = vec![("db", checked_hourly(IDLE, "echo not yet; false"))];
    with_stage(project(services), options(), |stage, _| async move {
        let error = stage.up(Duration::from_secs(5)).await.unwrap_err();
        assert_eq!(error.cause, "it was still running, not healthy yet when the time to come up was over");
        assert_eq!(error.evidence, ["health check ended with exit code 1: not yet"]);
    })
    .await;
}

#[tokio::test]
async fn a_service_that_does_not_come_up_is_shown_with_its_last_words() {
    let broken = shell("echo no such column >&2; exit 3");
    let next = after(shell(IDLE), "api", Condition::ServiceCompletedSuccessfully);
    let services = vec![("api", broken), ("next", next)];
    with_stage(project(services), options(), |stage, _| async move {
        let error = stage.up(SOON).await.unwrap_err();
        assert_eq!(error.to_string(), "could not bring up service api: it is stopped with exit code 3");
        assert_eq!(error.evidence, ["no such column"]);
    })
    .await;

    let services = vec![("db", checked(IDLE, "echo not yet; false"))];
    with_stage(project(services), options(), |stage, _| async move {
        let error = stage.up(SOON).await.unwrap_err();
        assert_eq!(error.cause, "it is unhealthy");
        assert_eq!(error.evidence, ["health check ended with exit code 1: not yet"]);
    })
    .await;

    let mut slow = checked(IDLE, "false");
    slow.healthcheck.as_mut().unwrap().retries = Some(1000);
    with_stage(project(vec![("db", slow)]), options(), |stage, _| async move {
        let error = stage.up(Duration::from_millis(500)).await.unwrap_err();
        assert_eq!(error.cause, "it was still running, not healthy yet when the time to come up was over");
    })
    .await;
}

#[tokio::test]
async fn s18_files_are_mounted_as_copies_and_the_scenario_is_never_written() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("conf")).unwrap();
    std::fs::write(folder.path().join("conf/a"), "from the scenario").unwrap();
    std::fs::write(folder.path().join("one.txt"), "one file").unwrap();
    let bind = |path: &str| MountSource::Bind(folder.path().join(path));
    let file = |source: &str, target: &str, mode| FileMount {
        source: source.to_owned(),
        target: target.to_owned(),
        mode,
        uid: mode.and(Some(7)),
        gid: None,
    };
    let service = Service {
        mounts: vec![
            mount("/etc/conf", bind("conf")),
            Mount { read_only: true, ..mount("/etc/one.txt", bind("one.txt")) },
        ],
        secrets: vec![file("token", "/run/secrets/token", Some(0o400))],
        configs: vec![file("motd", "/etc/motd", None)],
        read_only: true,
        ..shell(IDLE)
    };
    let mut project = project(vec![("web", service)]);
    project.secrets = [("token".to_owned(), FileObject::Environment("TOKEN".to_owned()))].into();
    project.configs = [("motd".to_owned(), FileObject::Content("hello".to_owned()))].into();
    let options = Options { environment: [("TOKEN".to_owned(), "s3cret".to_owned())].into(), ..options() };
    with_stage(project, options, |stage, _| async move {
        stage.up(SOON).await.unwrap();
        assert_eq!(output(&stage, "web", "cat /etc/conf/a /etc/one.txt").await, "from the scenarioone file");
        assert_eq!(output(&stage, "web", "cat /run/secrets/token /etc/motd").await, "s3crethello");
        assert_eq!(output(&stage, "web", "stat -c '%a %u' /run/secrets/token").await, "400 7");
        assert!(output(&stage, "web", "echo x 2>&1 >/etc/one.txt").await.contains("Read-only"));
        output(&stage, "web", "echo changed > /etc/conf/a").await;
        assert_eq!(output(&stage, "web", "cat /etc/conf/a").await, "changed");

        let mounts = stage.inspect().await.unwrap().remove("web").unwrap().mounts;
        assert!(
            mounts["/etc/conf"].starts_with("bind /") && mounts["/etc/conf"].ends_with("/conf"),
            "{mounts:?}"
        );
        assert_eq!(mounts["/etc/motd"], "bind of a text");
    })
    .await;
    assert_eq!(std::fs::read_to_string(folder.path().join("conf/a")).unwrap(), "from the scenario");
}

#[tokio::test]
async fn s10_volumes_survive_a_deploy_also_those_without_a_name() {
    let service = Service {
        mounts: vec![
            mount("/named", MountSource::Volume("data".to_owned())),
            mount("/anonymous", MountSource::Anonymous),
        ],
        ..shell(IDLE)
    };
    let mut project = project(vec![("db", service)]);
    project.volumes = [("data".to_owned(), Volume::default())].into();
    with_stage(project, options(), |stage, memory| async move {
        stage.up(SOON).await.unwrap();
        output(&stage, "db", "echo 1 > /named/x; echo 2 > /anonymous/x; echo 3 > /x").await;
        let environment = [("NEW".to_owned(), Some("1".to_owned()))].into();
        stage.deploy(&Deploy { service: "db".to_owned(), environment, ..Deploy::default() }).await.unwrap();
        assert_eq!(output(&stage, "db", "cat /named/x /anonymous/x /x 2>/dev/null").await, "1\n2");
        let state = stage.inspect().await.unwrap().remove("db").unwrap();
        let mounts: Vec<(&str, &str)> =
            state.mounts.iter().map(|(target, what)| (target.as_str(), what.as_str())).collect();
        assert_eq!(mounts, [("/anonymous", "anonymous volume"), ("/named", "volume data")]);

        assert!(stage.down().await.is_empty());
        let mut intended = memory.intended.lock().unwrap().clone();
        let mut removed = memory.removed.lock().unwrap().clone();
        intended.sort();
        removed.sort();
        assert_eq!(intended, removed, "everything that was made was written down before");
    })
    .await;
}

#[tokio::test]
async fn s10_a_deploy_that_cannot_be_made_leaves_the_service_as_it_was() {
    with_stage(project(vec![("api", shell(IDLE))]), options(), |stage, _| async move {
        stage.up(SOON).await.unwrap();
        let before = stage.instances("api").await.unwrap();
        let image = Some("backout-no-such-image:1".to_owned());
        let change = Deploy { service: "api".to_owned(), image, ..Deploy::default() };
        let error = stage.deploy(&change).await.unwrap_err().to_string();
        assert!(error.contains("No such image: backout-no-such-image:1"), "{error}");
        assert_eq!(stage.instances("api").await.unwrap(), before);
        assert!(stage.strays().await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn s10_a_variable_of_the_image_can_be_taken_away() {
    with_stage(project(vec![("api", shell(IDLE))]), options(), |stage, _| async move {
        stage.up(SOON).await.unwrap();
        let environment: BTreeMap<String, Option<String>> =
            [("A".to_owned(), Some("1".to_owned())), ("B".to_owned(), Some("2".to_owned()))].into();
        stage.deploy(&Deploy { service: "api".to_owned(), environment, ..Deploy::default() }).await.unwrap();
        let environment = [("B".to_owned(), None)].into();
        stage.deploy(&Deploy { service: "api".to_owned(), environment, ..Deploy::default() }).await.unwrap();
        assert_eq!(output(&stage, "api", "echo $A-$B").await, "1-");
        let environment = stage.inspect().await.unwrap().remove("api").unwrap().environment;
        assert_eq!((environment.get("A").map(String::as_str), environment.get("B")), (Some("1"), None));
    })
    .await;
}

#[tokio::test]
async fn s17_a_port_is_reached_over_loopback_also_after_a_restart_and_without_a_way_out() {
    let inside = |network: &str| Service {
        networks: [(network.to_owned(), Attachment::default())].into(),
        ..shell(SERVE)
    };
    let mut project = project(vec![("web", inside("default")), ("closed", inside("private"))]);
    project.networks = [("private".to_owned(), Network { internal: true, ..Network::default() })].into();
    let reach = [("web".to_owned(), vec![8080]), ("closed".to_owned(), vec![8080])].into();
    with_stage(project, Options { reach, ..options() }, |stage, _| async move {
        stage.up(SOON).await.unwrap();
        assert!(stage.address("web", 8080).await.unwrap().ip().is_loopback());
        assert_eq!(answer(&stage, "web").await, "hi\n");
        assert_eq!(answer(&stage, "closed").await, "hi\n");
        stage.restart("web").await.unwrap();
        assert_eq!(answer(&stage, "web").await, "hi\n");
        assert_eq!(stage.inspect().await.unwrap()["closed"].networks, ["private"]);
        let error = stage.address("web", 81).await.unwrap_err().to_string();
        assert!(error.starts_with("could not reach service web: port 81 is not published"), "{error}");
    })
    .await;
}

#[tokio::test]
async fn two_runs_on_one_engine_do_not_see_each_other() {
    let one = || {
        let attachment = Attachment { aliases: vec!["database".to_owned()] };
        let db = Service {
            networks: [("default".to_owned(), attachment)].into(),
            hostname: Some("primary".to_owned()),
            ..shell(IDLE)
        };
        project(vec![("api", shell(IDLE)), ("db", db)])
    };
    with_stage(one(), options(), |first, _| async move {
        first.up(SOON).await.unwrap();
        with_stage(one(), options(), |second, _| async move {
            second.up(SOON).await.unwrap();
            let mut seen = Vec::new();
            for stage in [&first, &second] {
                let own = output(stage, "db", "hostname -i").await;
                for name in ["db", "database", "primary"] {
                    let found = output(stage, "api", &format!("getent hosts {name}")).await;
                    assert!(found.starts_with(&own), "{name}: {found}, not {own}");
                }
                seen.push(own);
            }
            assert_ne!(seen[0], seen[1]);
            assert!(seen.iter().all(|address| address.starts_with("10.213.")), "{seen:?}");
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn the_keys_of_a_service_are_acted_on() {
    let service = Service {
        user: Some("1:2".to_owned()),
        working_dir: Some("/tmp".to_owned()),
        hostname: Some("acted".to_owned()),
        cap_drop: words(&["ALL"]),
        extra_hosts: words(&["elsewhere:192.0.2.7"]),
        tmpfs: [("/scratch".to_owned(), "size=1m".to_owned())].into(),
        mounts: vec![mount("/mem", MountSource::Tmpfs { size: Some(2 << 20), mode: Some(0o1777) })],
        shm_size: Some(3 << 20),
        // Not that of open files: the engine's own runtime raises the soft one, and does not always put it back.
        ulimits: [("sigpending".to_owned(), Ulimit { soft: 123, hard: 456 })].into(),
        sysctls: [("net.ipv4.ip_local_port_range".to_owned(), "2000 3000".to_owned())].into(),
        security_opt: words(&["no-new-privileges"]),
        environment: [("A".to_owned(), "b c".to_owned())].into(),
        labels: [("team".to_owned(), "shop".to_owned())].into(),
        ..shell(IDLE)
    };
    with_stage(project(vec![("web", service)]), options(), |stage, _| async move {
        stage.up(SOON).await.unwrap();
        for (script, expected) in [
            ("id -u; id -g", "1\n2"),
            ("pwd; hostname", "/tmp\nacted"),
            ("grep -h ^Cap.*Bnd /proc/self/status | tr -d '\\t'", "CapBnd:0000000000000000"),
            ("getent hosts elsewhere | cut -d' ' -f1", "192.0.2.7"),
            ("df -k --output=size /scratch /mem /dev/shm | tail -n3 | tr -d ' '", "1024\n2048\n3072"),
            ("grep 'pending signals' /proc/self/limits | tr -s ' ' | cut -d' ' -f4,5", "123 456"),
            ("cat /proc/sys/net/ipv4/ip_local_port_range | tr '\\t' ' '", "2000 3000"),
            ("grep NoNewPrivs /proc/self/status | tr -d '\\t'", "NoNewPrivs:1"),
            ("echo $A", "b c"),
            ("cat /proc/1/comm", "docker-init"),
        ] {
            assert_eq!(output(&stage, "web", script).await, expected, "{script}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_shared_network_is_the_other_services() {
    let sidecar =
        Service { network_mode: Some("service:web".to_owned()), networks: BTreeMap::new(), ..shell(SERVE) };
    let project = project(vec![("web", shell(IDLE)), ("a-sidecar", sidecar)]);
    with_stage(project, reaching("a-sidecar", 8080), |stage, _| async move {
        stage.up(SOON).await.unwrap();
        let own = output(&stage, "web", "hostname -i").await;
        assert_eq!(output(&stage, "a-sidecar", "hostname -i").await, own);
        assert_eq!(answer(&stage, "a-sidecar").await, "hi\n");
    })
    .await;
}

#[tokio::test]
async fn a_killed_command_leaves_nothing_behind_not_even_what_left_it() {
    with_stage(project(vec![("web", shell(IDLE))]), options(), |stage, _| async move {
        stage.up(SOON).await.unwrap();
        let script = "setsid sleep 2001 >/dev/null 2>&1 & (sleep 2002 & sleep 2003) & echo go; sleep 2004";
        let mut process = stage.exec("web", &words(&["sh", "-c", script])).await.unwrap();
        assert_eq!(process.line().await.unwrap().text, "go");
        let count = "cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -o 'sleep 200[0-9]' | sort -u | wc -l";
        while output(&stage, "web", count).await != "4" {}
        process.kill().await.unwrap();
        assert_eq!(output(&stage, "web", count).await, "0");
        assert_eq!(process.wait().await.unwrap().exit_code, 137);
    })
    .await;
}

#[tokio::test]
async fn a_command_ends_although_a_child_keeps_its_output_open() {
    with_stage(project(vec![("web", shell(IDLE))]), options(), |stage, _| async move {
        stage.up(SOON).await.unwrap();
        let mut process = stage.exec("web", &words(&["sh", "-c", "sleep 1000 & exit 5"])).await.unwrap();
        assert_eq!(process.wait().await.unwrap().exit_code, 5);
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_executed_ends_as_in_a_shell() {
    with_stage(project(vec![("web", shell(IDLE))]), options(), |stage, _| async move {
        stage.up(SOON).await.unwrap();
        for (command, code) in [(["nosuchprogram"], 127), (["/etc/passwd"], 126)] {
            let request =
                OneShot { service: "web".to_owned(), command: Some(words(&command)), ..OneShot::default() };
            let (lines, ended) = read(stage.run_once(&request).await.unwrap()).await;
            assert_eq!(ended, code, "{lines:?}");
            assert!(lines[0].text.contains(command[0]), "{lines:?}");
        }
        let (lines, code) = read(stage.exec("web", &words(&["nosuchprogram"])).await.unwrap()).await;
        assert!(code == 126 || code == 127, "{code}");
        assert!(lines[0].text.contains("nosuchprogram"), "{lines:?}");
    })
    .await;
}

#[tokio::test]
async fn a_one_shot_container_is_not_taken_for_its_service_and_can_be_killed() {
    with_stage(project(vec![("web", shell(IDLE))]), options(), |stage, _| async move {
        stage.up(SOON).await.unwrap();
        let command = Some(words(&["sh", "-c", "echo begun; sleep 1000"]));
        let request = OneShot { service: "web".to_owned(), command, ..OneShot::default() };
        let mut process = stage.run_once(&request).await.unwrap();
        assert_eq!(process.line().await.unwrap().text, "begun");
        assert_eq!(output(&stage, "web", "getent ahosts web | sort -u -k1,1 | wc -l").await, "1");
        assert_eq!(stage.inspect().await.unwrap()["web"].replicas, 1);
        assert!(process.is_running().await.unwrap());
        process.kill().await.unwrap();
        assert_eq!(process.wait().await.unwrap().exit_code, 137);
    })
    .await;
}

#[tokio::test]
async fn lines_are_followed_over_restarts_and_deploys_without_loss() {
    let script = "echo begun; trap 'exit 0' TERM; while :; do sleep 1000 & wait; done";
    with_stage(project(vec![("web", shell(script))]), options(), |stage, _| async move {
        stage.up(SOON).await.unwrap();
        while stage.tail("web", 5).await.unwrap().is_empty() {}
        let mut lines = stage.follow("web").await.unwrap();
        stage.restart("web").await.unwrap();
        assert_eq!(lines.recv().await.unwrap().text, "begun");
        let environment = [("A".to_owned(), Some("1".to_owned()))].into();
        stage.deploy(&Deploy { service: "web".to_owned(), environment, ..Deploy::default() }).await.unwrap();
        assert_eq!(lines.recv().await.unwrap().text, "begun");
        for number in 0..=20 {
            output(&stage, "web", &format!("for i in 1 2 3; do echo {number}.$i; done > /proc/1/fd/1")).await;
        }
        for number in 0..=20 {
            for part in 1..=3 {
                assert_eq!(lines.recv().await.unwrap().text, format!("{number}.{part}"));
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_volume_is_filled_from_a_tar() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("seed.tar");
    let mut tar = tar::Builder::new(std::fs::File::create(&path).unwrap());
    let mut header = tar::Header::new_gnu();
    header.set_size(4);
    header.set_mode(0o644);
    tar.append_data(&mut header, "seed.txt", b"seed".as_slice()).unwrap();
    tar.finish().unwrap();
    let service =
        Service { mounts: vec![mount("/data", MountSource::Volume("data".to_owned()))], ..shell(IDLE) };
    let mut project = project(vec![("web", service)]);
    project.volumes = [("data".to_owned(), Volume::default())].into();
    with_stage(project, options(), |stage, _| async move {
        stage.up(SOON).await.unwrap();
        stage.fill_volume("data", &path).await.unwrap();
        assert_eq!(output(&stage, "web", "cat /data/seed.txt").await, "seed");
        let error = stage.fill_volume("other", &path).await.unwrap_err().to_string();
        assert_eq!(error, "could not fill volume other: there is no such volume");
        let error = stage.fill_volume("data", Path::new("/nowhere.tar")).await.unwrap_err().to_string();
        assert!(error.contains("/nowhere.tar"), "{error}");
    })
    .await;
}

#[tokio::test]
async fn s15_what_somebody_else_put_on_the_runs_networks_is_a_stray() {
    let options = options();
    let (run, stray) = (options.run.clone(), format!("stray-{}", options.run));
    with_stage(project(vec![("web", shell(IDLE))]), options, |stage, _| async move {
        stage.up(SOON).await.unwrap();
        assert!(stage.strays().await.unwrap().is_empty());
        let network = format!("backout-{run}-default");
        docker(&[
            "run",
            "-d",
            "--label",
            "backout.test=1",
            "--name",
            &stray,
            "--network",
            &network,
            BASE,
            "sleep",
            "1000",
        ]);
        let found = stage.strays().await.unwrap();
        // Removing the stage takes the stranger off its network, and leaves it alone.
        let errors = stage.down().await;
        docker(&["rm", "-f", &stray]);
        assert_eq!(found, [Resource { kind: ResourceKind::Container, name: stray }]);
        assert!(errors.is_empty(), "{errors:?}");
    })
    .await;
}

#[tokio::test]
async fn s7_an_engine_elsewhere_sends_the_signal_and_says_so() {
    with_remote_stage(project(vec![("web", shell(IDLE))]), options(), |stage| async move {
        stage.up(SOON).await.unwrap();
        let script = "(sleep 2002 & sleep 2003) & echo go; sleep 2004";
        let mut process = stage.exec("web", &words(&["sh", "-c", script])).await.unwrap();
        assert_eq!(process.line().await.unwrap().text, "go");
        process.kill().await.unwrap();
        assert_eq!(process.wait().await.unwrap().exit_code, 137);
        assert_eq!(stage.kill("web", "SIGKILL").await.unwrap(), Killed::Engine);
        while stage.health("web").await.unwrap() != Health::Exited(137) {
            stage.changed().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_port_is_one_byte_stream_both_ways() {
    let echo = "exec perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(LocalPort => 8080, Listen => 9, \
                ReuseAddr => 1) or die; while ($c = $s->accept) { print $c scalar <$c>; close $c }'";
    with_stage(project(vec![("web", checked(echo, "true"))]), reaching("web", 8080), |stage, _| async move {
        stage.up(SOON).await.unwrap();
        let mut said = String::new();
        while said.is_empty() {
            let address = stage.address("web", 8080).await.unwrap();
            let Ok(mut stream) = tokio::net::TcpStream::connect(address).await else { continue };
            drop(stream.write_all(b"ping\n").await);
            drop(stream.read_to_string(&mut said).await);
        }
        assert_eq!(said, "ping\n");
    })
    .await;
}

#[tokio::test]
async fn s21_a_start_that_is_broken_off_anywhere_leaves_nothing() {
    for moment in 0..12 {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("x"), "x").unwrap();
        let mut web = shell(IDLE);
        web.mounts = vec![
            mount("/x", MountSource::Bind(folder.path().join("x"))),
            mount("/a", MountSource::Anonymous),
        ];
        let services = vec![("db", shell(IDLE)), ("web", after(web, "db", Condition::ServiceStarted))];
        with_stage(project(services), options(), |stage, memory| async move {
            drop(tokio::time::timeout(Duration::from_millis(60 * moment), stage.up(SOON)).await);
            assert!(stage.down().await.is_empty());
            // Whatever the engine was still making must not come to light later.
            for resource in memory.intended.lock().unwrap().iter() {
                let kind = match resource.kind {
                    ResourceKind::Container => "container",
                    ResourceKind::Network => "network",
                    ResourceKind::Volume => "volume",
                    ResourceKind::Image => "image",
                };
                let found =
                    std::process::Command::new("docker").args([kind, "inspect", &resource.name]).output();
                assert!(!found.unwrap().status.success(), "{} is left after {moment}", resource.name);
            }
        })
        .await;
    }
}

#[tokio::test]
async fn s17_an_engine_elsewhere_is_reached_through_its_own_stream() {
    let alone = Service {
        network_mode: Some("none".to_owned()),
        networks: BTreeMap::new(),
        ..shell(
            "exec perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(LocalPort => 8080, Listen => 9, \
             ReuseAddr => 1) or die; while ($c = $s->accept) { @l = <$c>; print $c reverse @l; close $c }'",
        )
    };
    with_remote_stage(project(vec![("web", alone)]), options(), |stage| async move {
        stage.up(SOON).await.unwrap();
        let address = stage.address("web", 8080).await.unwrap();
        assert!(address.ip().is_loopback());
        assert_eq!(stage.address("web", 8080).await.unwrap(), address, "one relay is enough");
        let long = format!("{}\n", "x".repeat(300_000));
        let mut said = String::new();
        while said.is_empty() {
            let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
            // The service answers when it has heard that this was all.
            drop(stream.write_all(format!("one\n{long}").as_bytes()).await);
            drop(stream.shutdown().await);
            drop(stream.read_to_string(&mut said).await);
        }
        assert!(said == format!("{long}one\n"), "{} bytes came back", said.len());
    })
    .await;
}

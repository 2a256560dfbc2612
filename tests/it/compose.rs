//! Compose files as people write them, read from the disk.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use backout::compose::model::{Condition, FileObject, MountSource, PullPolicy, Restart};
use backout::compose::{Project, Request, documented_keys_as_markdown, load};
use backout::diagnostic::{Diagnostic, Source, render};
use backout::files::RootedFiles;
use backout::yaml::Spot;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/compose")
}

fn read(files: &[&str], environment: &[(&str, &str)]) -> Result<Project, Vec<Diagnostic>> {
    let spot = Spot { source: Source::new("scenario.yaml", "compose: compose.yaml"), span: 9..21 };
    let platform = files.iter().any(|file| file.starts_with("platform/"));
    let request = Request {
        files: files.iter().map(|file| (PathBuf::from(file), spot.clone())).collect(),
        profiles: platform.then(|| ("observe".to_owned(), spot.clone())).into_iter().collect(),
        environment: environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
        base: fixtures(),
    };
    let files = RootedFiles::new(&fixtures(), &fixtures()).expect("the fixtures are there");
    load(&files, &request)
}

#[track_caller]
fn project(files: &[&str]) -> Project {
    read(files, &[]).unwrap_or_else(|mistakes| panic!("{}", render(&mistakes)))
}

fn names<T>(map: &BTreeMap<String, T>) -> Vec<&str> {
    map.keys().map(String::as_str).collect()
}

#[test]
fn s19_a_production_file_and_its_drill_file_make_a_project() {
    let shop = project(&["shop/compose.yaml", "shop/drill.yaml"]);
    assert_eq!(names(&shop.services), ["api", "cache", "db", "migrate", "proxy", "worker"]);
    assert_eq!(names(&shop.networks), ["back", "front"]);
    assert_eq!(names(&shop.volumes), ["db"]);

    let api = &shop.services["api"];
    assert_eq!(api.command.as_deref().unwrap(), ["serve", "--workers", "4", "--title", "Our Shop"]);
    assert_eq!(api.environment["DATABASE_URL"], "postgres://shop:pass#word@db:5432/shop");
    assert_eq!((&*api.environment["LOG_LEVEL"], &*api.environment["ROLE"]), ("debug", "api"));
    assert_eq!(api.environment["CACHE"], "redis://cache:6379/0");
    assert_eq!(api.secret_environment, ["CACHE", "SENTRY_DSN", "SMTP_PASSWORD"]);
    assert_eq!((api.replicas, api.restart, api.init), (1, Restart::UnlessStopped, true));
    assert_eq!(api.depends_on["db"].condition, Condition::ServiceHealthy);
    assert_eq!(api.networks["front"].aliases, ["shop-api"]);
    assert_eq!(api.healthcheck.as_ref().unwrap().start_period_ms, Some(90_000));
    let build = api.build.as_ref().unwrap();
    assert_eq!(build.context, fixtures().join("shop/api").canonicalize().unwrap());
    assert_eq!(build.args["REVISION"], "unknown");

    let proxy = &shop.services["proxy"];
    assert_eq!((proxy.ports.len(), proxy.mounts.len()), (1, 1));
    assert!(matches!(&proxy.mounts[0].source, MountSource::Bind(path) if path.ends_with("nginx/shop.conf")));
    assert_eq!(shop.services["migrate"].profiles, ["tools"]);
    assert_eq!(shop.services["db"].shm_size, Some(128 << 20));
    assert_eq!(shop.services["db"].healthcheck.as_ref().unwrap().test[1], "pg_isready -U $POSTGRES_USER");
    let command = shop.services["cache"].command.as_deref().unwrap();
    assert_eq!(command, ["redis-server", "--save", "", "--appendonly", "no"]);

    let ignored: Vec<&str> = shop.ignored.iter().map(|ignored| ignored.key.as_str()).collect();
    assert!(ignored.contains(&"services.proxy.container_name"), "{ignored:?}");
    assert!(ignored.contains(&"services.api.deploy.resources"), "{ignored:?}");
}

#[test]
fn s19_a_production_file_alone_says_what_a_drill_cannot_have() {
    let drawn = render(&read(&["shop/compose.yaml"], &[]).unwrap_err());
    let expected = "\
error: `volumes.certificates.external` is refused: Backout acts only on what it created
   --> shop/compose.yaml:105:19
    |
105 |   certificates: { external: true }
    |                   ^^^^^^^^
    |
    = help: declare the volume without `external` and fill it with a `volume` seed
";
    assert_eq!(drawn.trim_end(), expected.trim_end());
}

#[test]
fn the_environment_wins_over_the_env_file() {
    let shop = read(&["shop/compose.yaml", "shop/drill.yaml"], &[("DB_PASSWORD", "other")]).unwrap();
    assert_eq!(shop.services["db"].environment["POSTGRES_PASSWORD"], "other");
}

#[test]
fn a_textbook_file_works_as_it_is() {
    let blog = project(&["blog/docker-compose.yml"]);
    assert_eq!(names(&blog.networks), ["default"]);
    assert_eq!(blog.services["wordpress"].environment["WORDPRESS_DB_HOST"], "db:3306");
    assert_eq!(blog.services["wordpress"].mounts[0].source, MountSource::Volume("wordpress_data".into()));
    assert_eq!(blog.services["db"].cap_add, ["SYS_NICE"]);
    let ignored: Vec<String> = blog.ignored.iter().map(|i| format!("{} {}", i.at, i.key)).collect();
    assert_eq!(ignored, ["blog/docker-compose.yml:1:1 version"]);
}

#[test]
fn a_platform_of_several_files_is_one_project() {
    let platform = project(&["platform/compose.yaml"]);
    assert_eq!(names(&platform.services), ["broker", "orders", "prometheus"]);
    let orders = &platform.services["orders"];
    assert_eq!(orders.image.as_deref(), Some("registry.example.com/orders:1.4.2"));
    assert_eq!((orders.restart, orders.pull_policy), (Restart::OnFailure(3), PullPolicy::Missing));
    assert_eq!((&*orders.environment["TZ"], orders.init, orders.read_only), ("UTC", true, true));
    assert_eq!(orders.secrets[1].target, "/run/secrets/key.pem");
    assert_eq!((orders.secrets[1].mode, orders.secrets[1].uid), (Some(0o400), Some(1000)));
    assert_eq!(orders.extra_hosts, ["payments.example.com:10.0.0.1"]);
    assert_eq!(platform.configs["orders"], FileObject::Content("region = \"eu\"\n".into()));
    let password = fixtures().join("platform/common/broker_password").canonicalize().unwrap();
    assert_eq!(platform.secrets["broker_password"], FileObject::File(password));
    assert_eq!(platform.services["broker"].secret_environment, ["RABBITMQ_DEFAULT_USER"]);
    let prometheus = &platform.services["prometheus"];
    assert_eq!(prometheus.image.as_deref(), Some("prom/prometheus:v2.53.0"));
    assert!(prometheus.mounts[0].read_only);
    assert_eq!(platform.profiles, ["observe"]);
}

#[test]
fn a_project_outlives_its_files_as_json() {
    for files in [&["shop/compose.yaml", "shop/drill.yaml"][..], &["platform/compose.yaml"]] {
        // What stands in `.env` has done its part, and may be secret: it goes into no file.
        let project = Project { dotenv: Default::default(), ..project(files) };
        let json = serde_json::to_string(&project).unwrap();
        assert_eq!(serde_json::from_str::<Project>(&json).unwrap(), project);
    }
}

#[test]
fn s18_a_path_that_leaves_the_root_or_is_no_file_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let inner = root.path().join("inner");
    std::fs::create_dir(&inner).unwrap();
    std::fs::write(root.path().join("secret"), "x").unwrap();
    std::os::unix::fs::symlink("../secret", inner.join("link")).unwrap();
    let text = "services:\n  s:\n    image: i\n    volumes: [\"../secret:/a\", \"./link:/b\", \"/etc:/c\", \"./socket:/d\"]\n    env_file: ../secret\n";
    std::fs::write(inner.join("compose.yaml"), text).unwrap();
    let socket = std::os::unix::net::UnixListener::bind(inner.join("socket")).unwrap();
    let spot = Spot { source: Source::new("scenario.yaml", "x"), span: 0..1 };
    let request = Request {
        files: vec![("compose.yaml".into(), spot)],
        profiles: Vec::new(),
        environment: BTreeMap::new(),
        base: inner.clone(),
    };
    let found = load(&RootedFiles::new(&inner, &inner).unwrap(), &request).unwrap_err();
    let real = inner.canonicalize().unwrap();
    let found: Vec<String> = found.iter().map(|d| format!("{} {}", d.place(), d.message)).collect();
    let outside = root.path().join("secret").display().to_string();
    assert_eq!(
        found,
        [
            format!("compose.yaml:4:16 `{outside}` leaves the root `{}`", real.display()),
            format!("compose.yaml:4:32 `link` leaves the root `{}`", real.display()),
            format!("compose.yaml:4:45 `/etc` leaves the root `{}`", real.display()),
            "compose.yaml:4:56 `./socket` is neither a file nor a folder".to_owned(),
            format!("compose.yaml:5:15 `{outside}` leaves the root `{}`", real.display()),
        ]
    );
    drop(socket);
}

#[test]
fn s19_the_page_of_keys_acted_on_shown_and_refused_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/compose/KEYS.md");
    let page = documented_keys_as_markdown();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page, "src/compose/KEYS.md is out of date: run the tests once with UPDATE_DOCS=1");
}

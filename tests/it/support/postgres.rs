//! One real PostgreSQL server per test process, and a fresh database per test.
//!
//! The container watches its standard input: when this process ends, however it ends, the engine closes
//! that pipe, the server stops and the engine removes the container.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use backout::sql::{Statement, split};
use backout::state::postgres::{Executed, PostgresTarget, Session};
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;

const PASSWORD: &str = "drill";
const SETTINGS: &[&str] = &[
    "fsync=off",
    "max_connections=200",
    "max_prepared_transactions=20",
    "wal_level=logical",
    "log_line_prefix=[%p %a] ",
];
const WATCH: &str = "entrypoint postgres \"$@\" & server=$!; cat > /dev/null; kill -QUIT $server; wait";

/// The running server.
pub(crate) struct Server {
    name: String,
    address: SocketAddr,
    /// Holds the container's standard input open; never read again.
    _container: Child,
}

/// One entry of the server's log.
pub(crate) struct LogEntry {
    /// The server process.
    pub(crate) pid: i32,
    /// The application name of its client.
    pub(crate) client: String,
    /// What was logged, severity first.
    pub(crate) text: String,
}

impl LogEntry {
    /// Reads a line that begins with `[process client] `.
    fn parse(line: &str) -> Option<Self> {
        let (prefix, text) = line.strip_prefix('[')?.split_once("] ")?;
        let (pid, client) = prefix.split_once(' ')?;
        Some(Self { pid: pid.parse().ok()?, client: client.to_owned(), text: text.to_owned() })
    }
}

/// A database that belongs to one test.
pub(crate) struct Database {
    pub(crate) target: PostgresTarget,
    /// The session that [`Database::run`] uses.
    session: Mutex<Option<Session>>,
}

impl Database {
    /// A new empty database on the shared server.
    pub(crate) async fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let name = format!("t{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let maintenance = Self::of("postgres");
        maintenance.run(&format!("CREATE DATABASE {name}")).await;
        Self::of(&name)
    }

    fn of(name: &str) -> Self {
        Self { target: server().target(name), session: Mutex::new(None) }
    }

    /// Runs the statements one by one, all of a test in one session.
    pub(crate) async fn run(&self, sql: &str) -> Vec<Executed> {
        let mut session = self.session.lock().await;
        if session.is_none() {
            *session = Some(self.session().await);
        }
        let session = session.as_mut().unwrap();
        let mut done = Vec::new();
        for statement in split(sql).unwrap() {
            let executed = session.execute(&statement).await;
            done.push(executed.unwrap_or_else(|error| panic!("{error} in: {}", statement.text)));
        }
        done
    }

    /// Ends the session that [`Database::run`] uses; the next call opens another.
    pub(crate) async fn leave(&self) {
        if let Some(session) = self.session.lock().await.take() {
            session.close().await;
        }
    }

    /// A session of this database.
    pub(crate) async fn session(&self) -> Session {
        Session::open(&self.target).await.unwrap()
    }

    /// The same database under another application name.
    pub(crate) fn named(&self, application_name: &str) -> PostgresTarget {
        PostgresTarget { application_name: application_name.to_owned(), ..self.target.clone() }
    }
}

/// The single statement of a text.
#[track_caller]
pub(crate) fn statement(sql: &str) -> Statement {
    let mut statements = split(sql).unwrap();
    assert_eq!(statements.len(), 1, "{sql}");
    statements.remove(0)
}

/// The shared server, started when the first test asks for it.
///
/// # Panics
/// Without a Docker engine: the tests that need one fail, they do not silently pass.
#[track_caller]
pub(crate) fn server() -> &'static Server {
    static SERVER: OnceLock<Result<Server, String>> = OnceLock::new();
    match SERVER.get_or_init(Server::start) {
        Ok(server) => server,
        Err(reason) => panic!(
            "this test needs a PostgreSQL server in a container, and there is none: {reason}\nStart a Docker \
             engine (for example `systemctl start docker`, or set DOCKER_HOST) and run the tests again."
        ),
    }
}

impl Server {
    /// How to reach a database of the server as its superuser.
    pub(crate) fn target(&self, database: &str) -> PostgresTarget {
        PostgresTarget {
            host: self.address,
            database: database.to_owned(),
            user: "postgres".to_owned(),
            password: Some(PASSWORD.to_owned()),
            application_name: "test".to_owned(),
        }
    }

    /// What the server has logged of one of its processes.
    pub(crate) fn log_of(&self, pid: i32) -> Vec<String> {
        let entries = self.log().into_iter().filter(|entry| entry.pid == pid);
        entries.map(|entry| entry.text).collect()
    }

    /// Everything that the server has logged of its clients, each entry with its later lines.
    pub(crate) fn log(&self) -> Vec<LogEntry> {
        let mut entries: Vec<LogEntry> = Vec::new();
        for line in self.whole_log().lines() {
            match (LogEntry::parse(line), entries.last_mut()) {
                (Some(entry), _) => entries.push(entry),
                (None, Some(last)) => {
                    last.text.push('\n');
                    last.text.push_str(line.strip_prefix('\t').unwrap_or(line));
                }
                (None, None) => {}
            }
        }
        entries
    }

    /// The log up to now: a statement sent now is waited for, for the engine hears of it later.
    fn whole_log(&self) -> String {
        let now = format!("until here {}", started());
        self.shell(
            &format!(
                "PGOPTIONS='-c log_statement=all' psql -X -q -U postgres -c \"SELECT '{now}'\" postgres"
            ),
            "",
        );
        let read = wait_for("the log to reach us", || {
            let output = docker(&["logs", &self.name]).ok()?;
            let log = String::from_utf8_lossy(&output.stderr).into_owned();
            log.contains(&now).then_some(log)
        });
        read.unwrap()
    }

    /// Runs a shell command inside the server's container and gives what it wrote.
    pub(crate) fn shell(&self, command: &str, input: &str) -> String {
        let mut run = Command::new("docker");
        run.args(["exec", "--interactive", &self.name, "sh", "-c", command]);
        run.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut running = run.spawn().unwrap();
        running.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = running.wait_with_output().unwrap();
        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn start() -> Result<Self, String> {
        let image = image()?;
        let name = format!("backout-test-{}-{}", std::process::id(), started());
        let mut run = Command::new("docker");
        run.args(["run", "--interactive", "--rm", "--name", &name, "--label", "backout.test=1"]);
        run.args(["--publish", "127.0.0.1:0:5432", "--env", &format!("POSTGRES_PASSWORD={PASSWORD}")]);
        run.args(["--shm-size", "256m", "--entrypoint", "bash", &image, "-c", WATCH, "watch"]);
        for setting in SETTINGS {
            run.args(["-c", setting]);
        }
        run.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut container = run.spawn().map_err(|error| format!("cannot run docker: {error}"))?;
        let address = wait_for("the server's port", || match container.try_wait() {
            Ok(None) => published_port(&name).map(Ok),
            ended => Some(Err(format!("docker {:?} ended: {ended:?}", run.get_args()))),
        })??;
        let server = Self { name, address, _container: container };
        wait_for("the server to accept connections", || server.accepts())?;
        Ok(server)
    }

    fn accepts(&self) -> Option<()> {
        let ready = ["exec", &self.name, "pg_isready", "--quiet", "--host", "127.0.0.1"];
        docker(&ready).ok().filter(|output| output.status.success()).map(|_| ())
    }
}

/// Nanoseconds since 1970: a process id alone may come again.
fn started() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos()
}

fn published_port(name: &str) -> Option<SocketAddr> {
    let output = docker(&["port", name, "5432/tcp"]).ok()?;
    String::from_utf8_lossy(&output.stdout).lines().next()?.parse().ok()
}

fn wait_for<T>(fact: &str, mut look: impl FnMut() -> Option<T>) -> Result<T, String> {
    let deadline = Instant::now() + Duration::from_secs(180);
    while Instant::now() < deadline {
        if let Some(found) = look() {
            return Ok(found);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Err(format!("waited 180 s for {fact}"))
}

fn docker(arguments: &[&str]) -> Result<Output, String> {
    Command::new("docker").args(arguments).output().map_err(|error| format!("cannot run docker: {error}"))
}

/// The server's image, built when its recipe has changed.
fn image() -> Result<String, String> {
    let version = docker(&["version", "--format", "{{.Server.Version}}"])?;
    if !version.status.success() {
        return Err(String::from_utf8_lossy(&version.stderr).trim().to_owned());
    }
    let images = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/images");
    let image = format!("backout-test-postgres:{}", digest(&images));
    if docker(&["image", "inspect", &image])?.status.success() {
        return Ok(image);
    }
    checked(&mut Command::new(images.join("debian/make")))?;
    checked(Command::new("docker").args(["build", "--quiet", "--tag", &image]).arg(images.join("postgres")))?;
    Ok(image)
}

fn checked(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("cannot run {command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let _ = std::io::stderr().write_all(&output.stderr);
    Err(format!("{command:?} failed: {}", String::from_utf8_lossy(&output.stderr)))
}

fn digest(images: &Path) -> String {
    let mut files = BTreeMap::new();
    for folder in ["debian", "postgres"] {
        for entry in fs::read_dir(images.join(folder)).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            files.insert(path.file_name().unwrap().to_owned(), fs::read(&path).unwrap());
        }
    }
    let mut hash = Sha256::new();
    for (name, content) in files {
        hash.update(name.as_encoded_bytes());
        hash.update((content.len() as u64).to_be_bytes());
        hash.update(content);
    }
    hash.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

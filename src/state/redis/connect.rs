//! A connection to a server, and what it says of itself.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, FromRedisValue, IntoConnectionInfo,
    RedisConnectionInfo, RedisError,
};

/// How long a server that is starting may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two attempts to connect.
const PAUSE: Duration = Duration::from_millis(50);
/// How long one answer may take: the largest value comes in one.
const ANSWER: Duration = Duration::from_secs(60);
/// The oldest version whose keys say when they expire.
const OLDEST: u32 = 7;

/// Where a server is, and who asks.
#[derive(Debug, Clone)]
pub struct RedisTarget {
    /// Where it is reached.
    pub host: SocketAddr,
    /// The user; none is `default`.
    pub user: Option<String>,
    /// The password.
    pub password: Option<String>,
}

/// A connection to one database of a server. Clones are the same one.
#[derive(Clone)]
pub(super) struct Server(MultiplexedConnection);

/// What a server says of itself.
pub(super) struct Facts {
    pub(super) version: String,
    /// The databases that hold keys.
    pub(super) databases: Vec<i64>,
}

impl Server {
    /// Connects; a server that is starting, or reads what it had saved, is asked again for a while.
    pub(super) async fn connect(target: &RedisTarget, database: i64) -> Result<Self, String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match attempt(target, database).await {
                Err(error) if is_starting(&error) && Instant::now() < deadline => {
                    tokio::time::sleep(PAUSE).await;
                }
                connected => return connected.map(Self).map_err(|error| words(&error)),
            }
        }
    }

    /// Sends one command.
    pub(super) async fn ask<T: FromRedisValue>(&mut self, command: &Cmd) -> Result<T, String> {
        command.query_async(&mut self.0).await.map_err(|error| words(&error))
    }

    /// Version and databases; an error where they cannot be captured.
    pub(super) async fn facts(&mut self) -> Result<Facts, String> {
        let info: String = self.ask(&redis::cmd("INFO")).await?;
        let facts = facts(&info);
        let major = facts.version.split('.').next().and_then(|major| major.parse::<u32>().ok());
        if major.is_none_or(|major| major < OLDEST) {
            return Err(format!("version {} does not tell when keys expire; {OLDEST} does", facts.version));
        }
        if field(&info, "redis_mode") == Some("cluster") {
            return Err("it is a node of a cluster, which holds a part of the keys only".to_owned());
        }
        Ok(facts)
    }
}

async fn attempt(target: &RedisTarget, database: i64) -> Result<MultiplexedConnection, RedisError> {
    let mut login = RedisConnectionInfo::default().set_db(database).set_skip_set_lib_name();
    if let Some(user) = &target.user {
        login = login.set_username(user);
    }
    if let Some(password) = &target.password {
        login = login.set_password(password);
    }
    let address = ConnectionAddr::Tcp(target.host.ip().to_string(), target.host.port());
    let client = Client::open(address.into_connection_info()?.set_redis_settings(login))?;
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(PATIENCE))
        .set_response_timeout(Some(ANSWER));
    let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
    let _: () = redis::cmd("PING").query_async(&mut connection).await?;
    Ok(connection)
}

fn is_starting(error: &RedisError) -> bool {
    error.is_io_error() || error.is_connection_dropped() || error.code() == Some("LOADING")
}

/// The server's own words.
fn words(error: &RedisError) -> String {
    match (error.code(), error.detail()) {
        (Some(code), Some(detail)) => format!("{code} {detail}"),
        _ => error.to_string(),
    }
}

fn facts(info: &str) -> Facts {
    let version = field(info, "redis_version").unwrap_or("unknown").to_owned();
    let database = |line: &str| line.strip_prefix("db")?.split_once(":keys=")?.0.parse().ok();
    Facts { version, databases: info.lines().filter_map(database).collect() }
}

fn field<'i>(info: &'i str, name: &str) -> Option<&'i str> {
    info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_databases_that_hold_keys_are_read_from_what_the_server_says() {
        let facts = facts(
            "# Server\r\nredis_version:7.0.15\r\ndb_thing:1\r\n# Keyspace\r\n\
             db0:keys=3,expires=0,avg_ttl=0\r\ndb15:keys=1,expires=0,avg_ttl=0\r\n",
        );
        assert_eq!((facts.version.as_str(), &facts.databases[..]), ("7.0.15", &[0, 15][..]));
    }
}

//! A database kept as a template inside its own server, and put back from it.
//!
//! `CREATE DATABASE … TEMPLATE` copies everything inside a database; what the server keeps about a
//! database from outside (owner, grants, settings, comment, limits) is written down as SQL and said
//! again. What belongs to the whole server (roles, tablespaces, slots, `ALTER SYSTEM`, other databases) is
//! not put back: a digest of it tells whether it is as it was.

use std::time::{Duration, Instant};

use tokio_postgres::Client;

use super::connect::{Link, PostgresTarget};
use super::error::StoreError;

/// How long sessions may take to leave a database that is about to be copied.
const LEAVING: Duration = Duration::from_secs(10);

/// Where the runner is connected while a database is gone.
const ELSEWHERE: &str = "template1";

/// A kept database.
#[derive(Debug, Clone)]
pub struct Template {
    /// The template's name on the server.
    pub name: String,
    /// The name of the copy that is made ahead.
    pub spare: String,
    /// What the server keeps about the database from outside, as statements.
    about: Vec<String>,
    /// The digest of what belongs to the whole server.
    server: String,
}

/// Keeps a database as it is now, under this name. Its sessions are ended.
///
/// # Errors
/// When the role may not do so, or sessions do not leave.
pub async fn keep(target: &PostgresTarget, name: &str, spare: &str) -> Result<Template, StoreError> {
    let link = Link::open(&elsewhere(target)).await?;
    let done = async {
        let about = column(&link.client, &about(&target.database)).await?;
        let server = digest(&link.client).await?;
        // A server that is a copy of another one has that one's.
        drop_database(&link.client, name).await?;
        copy(&link.client, &target.database, name).await?;
        Ok(Template { name: name.to_owned(), spare: spare.to_owned(), about, server })
    };
    let done = done.await;
    finish(link, done).await
}

/// Makes a copy of a kept database ahead: [`put_back`] then only changes names, which takes no time.
///
/// # Errors
/// When the role may not do so, or the server ends before it is done.
pub async fn make_spare(target: &PostgresTarget, template: &Template) -> Result<(), StoreError> {
    let link = Link::open(&elsewhere(target)).await?;
    let done = async {
        drop_database(&link.client, &template.spare).await?;
        copy(&link.client, &template.name, &template.spare).await
    };
    let done = done.await;
    finish(link, done).await
}

/// Puts a database back, with the copy that was made ahead if there is a `spare`. Its sessions are ended.
///
/// # Errors
/// When that is not possible, or something that belongs to the whole server is not as it was: then only
/// a new server helps.
pub async fn put_back(target: &PostgresTarget, template: &Template, spare: bool) -> Result<(), StoreError> {
    let link = Link::open(&elsewhere(target)).await?;
    let done = async {
        let prepared = "SELECT 'ROLLBACK PREPARED ' || quote_literal(gid) FROM pg_prepared_xacts \
                        WHERE database = $1";
        let open: Vec<String> = rows(&link.client, prepared, &[&target.database]).await?;
        if !open.is_empty() {
            return Err(tell("a prepared transaction is left in it"));
        }
        drop_database(&link.client, &target.database).await?;
        if spare {
            let (from, to) = (quoted(&template.spare), quoted(&target.database));
            let rename = format!("ALTER DATABASE {from} RENAME TO {to}");
            alone(&link.client, &template.spare, &rename).await?;
        } else {
            copy(&link.client, &template.name, &target.database).await?;
        }
        for statement in &template.about {
            link.client.batch_execute(statement).await.map_err(said)?;
        }
        if column(&link.client, &about(&target.database)).await? != template.about {
            return Err(tell("what the server keeps about it from outside could not be put back"));
        }
        if digest(&link.client).await? != template.server {
            return Err(tell("roles, settings, slots or other databases of the server are not as they were"));
        }
        Ok(())
    };
    let done = done.await;
    finish(link, done).await
}

async fn finish<T>(link: Link, done: Result<T, String>) -> Result<T, StoreError> {
    link.close().await;
    done.map_err(StoreError::Unsuitable)
}

fn elsewhere(target: &PostgresTarget) -> PostgresTarget {
    PostgresTarget { database: ELSEWHERE.to_owned(), ..target.clone() }
}

async fn drop_database(client: &Client, name: &str) -> Result<(), String> {
    let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", quoted(name));
    client.batch_execute(&drop).await.map_err(said)
}

/// Makes a database as a copy of another one.
async fn copy(client: &Client, from: &str, to: &str) -> Result<(), String> {
    let strategy = strategy(client).await?;
    let create = format!("CREATE DATABASE {} TEMPLATE {}{strategy}", quoted(to), quoted(from));
    alone(client, from, &create).await
}

/// Files are copied, which is faster than the log for all but the smallest databases; servers before 15
/// know no other way.
async fn strategy(client: &Client) -> Result<&'static str, String> {
    let version: Vec<String> = rows(client, "SELECT current_setting('server_version_num')", &[]).await?;
    let version: u32 = version.first().and_then(|version| version.parse().ok()).unwrap_or_default();
    Ok(if version >= 150_000 { " STRATEGY FILE_COPY" } else { "" })
}

/// Runs a statement that wants a database for itself: sessions are ended until it can be run.
async fn alone(client: &Client, database: &str, statement: &str) -> Result<(), String> {
    let deadline = Instant::now() + LEAVING;
    let end = "SELECT pg_terminate_backend(pid)::text FROM pg_stat_activity \
               WHERE datname = $1 AND pid <> pg_backend_pid()";
    loop {
        rows(client, end, &[&database]).await?;
        match client.batch_execute(statement).await {
            Ok(()) => return Ok(()),
            // object_in_use
            Err(error)
                if error.code().is_some_and(|code| code.code() == "55006") && Instant::now() < deadline => {}
            Err(error) => return Err(said(error)),
        }
    }
}

async fn column(client: &Client, query: &str) -> Result<Vec<String>, String> {
    rows(client, query, &[]).await
}

async fn rows(
    client: &Client,
    query: &str,
    parameters: &[&(dyn tokio_postgres::types::ToSql + Sync)],
) -> Result<Vec<String>, String> {
    let rows = client.query(query, parameters).await.map_err(said)?;
    rows.iter().map(|row| row.try_get(0).map_err(said)).collect()
}

async fn digest(client: &Client) -> Result<String, String> {
    column(client, include_str!("template/server.sql")).await.map(|lines| lines.join("\n"))
}

/// The query for what the server keeps about a database from outside, as statements.
fn about(database: &str) -> String {
    include_str!("template/about.sql").replace(":database", &literal(database))
}

fn tell(reason: &str) -> String {
    reason.to_owned()
}

fn said(error: tokio_postgres::Error) -> String {
    super::error::chain(&error)
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

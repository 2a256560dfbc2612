//! The observed stores that are no databases, reached through their stage.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;

use super::keys::{MOST, bounded};
use super::shelf::{self, Shelf};
use crate::http;
use crate::journal::event::RowsDiffer;
use crate::plan::across::Keys;
use crate::plan::model::{Covers, Exception, HttpCall};
use crate::plan::observe::{Document, Folder, Observed, RabbitMq, Redis};
use crate::run::Store;
use crate::stage::Stage;
use crate::state::compare::compare_leftovers;
use crate::state::documents;
use crate::state::files::Reading;
use crate::state::gather::{Keeping, LeftOut, Wanted};
use crate::state::model::{Depth, StoreCapture};
use crate::state::rabbitmq::{self, Management, Scope};
use crate::state::redis::{RedisTarget, capture as capture_redis, keys_named as redis_keys};
use crate::traffic;

/// How long a service that is starting may take to serve its document.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(50);
/// Between two looks at queues that go with their connection.
const QUIET: Duration = Duration::from_millis(100);
/// The most bytes of a document.
const DOCUMENT: usize = 8 << 20;

/// The most bytes of an answer of a management interface: messages are the longest.
const ANSWER: usize = 64 << 20;
/// How long such an answer may take.
const ASKED: Duration = Duration::from_secs(60);

/// A store of any kind; what it is decides only how it is captured.
pub(super) struct ObservedStore {
    stage: Arc<dyn Stage>,
    observed: Observed,
    shelf: Shelf,
}

impl ObservedStore {
    pub(super) fn new(stage: Arc<dyn Stage>, observed: Observed, shelf: Shelf) -> Self {
        Self { stage, observed, shelf }
    }

    async fn target(&self, redis: &Redis) -> Result<RedisTarget, String> {
        let host = self.stage.address(&redis.service, redis.port).await.map_err(|error| error.to_string())?;
        let password = redis.password.as_ref().map(|password| password.reveal().to_owned());
        Ok(RedisTarget { host, user: redis.user.clone(), password })
    }

    async fn redis(&self, redis: &Redis, wanted: &Wanted) -> Result<StoreCapture, String> {
        capture_redis(&self.target(redis).await?, &self.shelf.store, wanted).await
    }
}

impl ObservedStore {
    async fn folder(&self, folder: &Folder, wanted: &Wanted) -> Result<StoreCapture, String> {
        let mut reading = Reading::new(&self.shelf.store, wanted);
        let arguments = ["files", &folder.path].map(str::to_owned);
        let lines = self.stage.beside(&folder.service, &arguments).await;
        let mut lines = lines.map_err(|error| error.to_string())?;
        while let Some(line) = lines.recv().await {
            reading.line(&line.text)?;
        }
        reading.finish()
    }

    async fn document(&self, document: &Document, wanted: &Wanted) -> Result<StoreCapture, String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.fetch(document).await {
                Ok(body) => return documents::capture(&self.shelf.store, &body, &document.ignore, wanted),
                Err(error) if Instant::now() >= deadline => return Err(error),
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    fn management<'s>(&'s self, rabbitmq: &'s RabbitMq) -> Interface<'s> {
        Interface { stage: &*self.stage, rabbitmq }
    }

    async fn fetch(&self, document: &Document) -> Result<String, String> {
        let call = &document.call;
        let address =
            self.stage.address(&call.service, call.port).await.map_err(|error| error.to_string())?;
        let answer = http::fetch(address, call, PATIENCE, DOCUMENT).await?;
        match answer.status {
            200..300 => Ok(answer.body),
            status => Err(format!("GET {} on {}: status {status}", call.path, call.service)),
        }
    }
}

/// What the exceptions leave out, by table.
///
/// `every` is the condition that each row fulfils.
pub(super) fn left_out(except: &[Exception], every: &str) -> BTreeMap<String, LeftOut> {
    let mut tables: BTreeMap<String, LeftOut> = BTreeMap::new();
    for exception in except {
        if let Covers::Table { table, columns, condition } = &exception.covers {
            let left_out = tables.entry(table.clone()).or_default();
            match condition {
                Some(keys) => left_out.keys.push(keys.clone()),
                None if columns.is_empty() => left_out.keys.push(every.to_owned()),
                None => left_out.columns.extend(columns.iter().cloned()),
            }
        }
    }
    tables
}

/// The management interface of a RabbitMQ on a stage.
struct Interface<'s> {
    stage: &'s dyn Stage,
    rabbitmq: &'s RabbitMq,
}

#[async_trait]
impl Management for Interface<'_> {
    async fn ask(&self, path: &str, body: Option<String>) -> Result<(u16, String), String> {
        let RabbitMq { service, port, user, password, .. } = self.rabbitmq;
        // Asked again for each question: a restart changes the port.
        let address = self.stage.address(service, *port).await.map_err(|error| error.to_string())?;
        let call = HttpCall {
            service: service.clone(),
            port: *port,
            method: if body.is_some() { "POST" } else { "GET" }.to_owned(),
            path: format!("/api/{path}"),
            headers: BTreeMap::from([("content-type".to_owned(), "application/json".to_owned())]),
            body,
            status: None,
            contains: None,
        };
        let login = http::Login { user, password: password.as_ref().map(|password| password.reveal()) };
        let answer = http::fetch_as(Some(login), address, &call, ASKED, ANSWER).await?;
        Ok((answer.status, answer.body))
    }
}

fn scope(rabbitmq: &RabbitMq) -> Scope {
    Scope { vhost: rabbitmq.vhost.clone(), depth_only: rabbitmq.depth_only.clone() }
}

#[async_trait]
impl Store for ObservedStore {
    async fn quiet(&self, before: &StoreCapture, within: Duration) -> Result<(), String> {
        let Observed::RabbitMq(rabbitmq) = &self.observed else { return Ok(()) };
        let deadline = Instant::now() + within;
        loop {
            let now = rabbitmq::leftovers(&self.management(rabbitmq), &scope(rabbitmq)).await?;
            let differing = compare_leftovers(&before.leftovers, &now);
            let passing = differing.iter().any(|one| one.leftover.kind.is_passing());
            if !passing || Instant::now() >= deadline {
                return Ok(());
            }
            tokio::time::sleep(QUIET).await;
        }
    }

    async fn capture(
        &self,
        keep: Option<&str>,
        reference: Option<&StoreCapture>,
        except: &[Exception],
    ) -> Result<StoreCapture, String> {
        let keeping = match keep {
            Some(kept) => Some(Keeping { folder: self.shelf.make(kept)?, room: shelf::ROOM }),
            None => None,
        };
        let reference = reference.map(|reference| reference.tables.clone()).unwrap_or_default();
        let wanted = Wanted { except: left_out(except, "*"), keeping, reference };
        match &self.observed {
            Observed::Redis(redis) => self.redis(redis, &wanted).await,
            Observed::RabbitMq(rabbitmq) => {
                rabbitmq::capture(&self.management(rabbitmq), &self.shelf.store, &scope(rabbitmq), &wanted)
                    .await
            }
            Observed::Folder(folder) => self.folder(folder, &wanted).await,
            Observed::Document(document) => self.document(document, &wanted).await,
        }
    }

    async fn keys(&self, keys: &Keys) -> Result<BTreeSet<String>, String> {
        let found = match (&self.observed, keys) {
            (Observed::Redis(redis), Keys::Named { begins, ends }) => {
                redis_keys(&self.target(redis).await?, begins, ends, MOST).await?
            }
            (Observed::RabbitMq(rabbitmq), Keys::Messages { queue, pointer }) => {
                rabbitmq::keys(&self.management(rabbitmq), &scope(rabbitmq), queue, pointer).await?
            }
            _ => return Err("this store has no such keys".to_owned()),
        };
        bounded(found)
    }

    async fn depth(&self, queue: &str) -> Result<Option<Depth>, String> {
        let Observed::RabbitMq(rabbitmq) = &self.observed else {
            return Err("this store has no queues".to_owned());
        };
        rabbitmq::depth(&self.management(rabbitmq), &scope(rabbitmq), queue).await
    }

    fn shown(&self, value: &str) -> String {
        self.shelf.shown(value)
    }

    fn forget(&self, kept: &str) {
        self.shelf.clear(kept);
    }

    async fn rows(
        &self,
        before: (&str, &StoreCapture),
        after: (&str, &StoreCapture),
        keys: &traffic::Keys,
    ) -> Result<Vec<RowsDiffer>, String> {
        self.shelf.differing(before, after, keys)
    }
}

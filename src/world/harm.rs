//! Faults inside an observed PostgreSQL, and what undoing them needs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use regex::Regex;
use tokio::sync::Mutex;

use crate::plan::database::{DatabaseFault, Securable};
use crate::run::Acted;
use crate::state::postgres::{
    self, FaultSeen, Granted, Kind, Lock, PostgresTarget, Privileges, ReadOnly, Sessions,
};

/// Between two attempts to heal.
const PAUSE: Duration = Duration::from_millis(100);

/// What is in place in one database, in the order in which it was put there.
#[derive(Default)]
pub(super) struct Harm(Mutex<Vec<(DatabaseFault, Undo)>>);

/// What undoing a fault needs.
enum Undo {
    /// The end of the session that holds the lock; it lives as long as this value.
    Lock(Arc<Lock>),
    Grant(Granted),
    Setting(ReadOnly),
}

impl Undo {
    async fn now(&self, target: &PostgresTarget, within: Duration) -> Result<(), postgres::StoreError> {
        match self {
            Self::Lock(lock) => postgres::unlock(target, lock.number(), within).await,
            Self::Grant(granted) => granted.grant(target).await,
            Self::Setting(setting) => setting.restore(target).await,
        }
    }
}

impl Harm {
    /// Puts a fault in place and looks whether it acted, for at most twice the time: the looks have limits
    /// of their own, and can say what they saw last.
    pub(super) async fn inject(
        &self,
        target: &PostgresTarget,
        fault: &DatabaseFault,
        within: Duration,
    ) -> Result<Acted, String> {
        match tokio::time::timeout(within * 2, self.attempt(target, fault, within)).await {
            Ok(Ok(FaultSeen { acted, evidence })) => Ok(Acted { acted, evidence }),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("{} was not in place within {within:?}", fault.word())),
        }
    }

    async fn attempt(
        &self,
        target: &PostgresTarget,
        fault: &DatabaseFault,
        within: Duration,
    ) -> Result<FaultSeen, postgres::StoreError> {
        match fault {
            DatabaseFault::Lock { table, rows } => {
                let lock = Arc::new(Lock::open(target).await?);
                self.remember(fault, Undo::Lock(Arc::clone(&lock))).await;
                lock.take(table, rows.as_deref()).await
            }
            DatabaseFault::TerminateBackend { application, user, matching } => {
                let pattern = |text: &String| Regex::new(text);
                let matching = matching.as_ref().map(pattern).transpose();
                let matching =
                    matching.map_err(|error| postgres::StoreError::Unsuitable(error.to_string()))?;
                let whose = Sessions { application: application.clone(), user: user.clone(), matching };
                postgres::terminate(target, &whose, within).await
            }
            DatabaseFault::Revoke { privileges, on, from } => {
                let asked = asked(privileges, on, from);
                let Some(granted) = asked.granted(target).await? else {
                    let nothing = format!("there is no `{}`, or no role `{from}`", asked.object);
                    return Ok(FaultSeen { acted: false, evidence: nothing });
                };
                self.remember(fault, Undo::Grant(granted.clone())).await;
                granted.revoke(target).await
            }
            DatabaseFault::ReadOnly => {
                let setting = ReadOnly::look(target).await?;
                self.remember(fault, Undo::Setting(setting.clone())).await;
                setting.set(target).await
            }
        }
    }

    async fn remember(&self, fault: &DatabaseFault, undo: Undo) {
        self.0.lock().await.push((fault.clone(), undo));
    }

    /// Undoes the last fault like this one. A server that is coming up again is asked until it answers.
    pub(super) async fn heal<T>(
        &self,
        fault: &DatabaseFault,
        within: Duration,
        target: impl Fn() -> T,
    ) -> Result<(), String>
    where
        T: Future<Output = Result<PostgresTarget, String>>,
    {
        let deadline = Instant::now() + within;
        let mut in_place = self.0.lock().await;
        let Some(at) = in_place.iter().rposition(|(known, _)| known == fault) else { return Ok(()) };
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let undone = async {
                let target = target().await?;
                in_place[at].1.now(&target, left).await.map_err(|error| error.to_string())
            };
            let last = match tokio::time::timeout(left, undone).await {
                Ok(Ok(())) => {
                    in_place.remove(at);
                    return Ok(());
                }
                Ok(Err(last)) => last,
                Err(_) => "the server did not answer".to_owned(),
            };
            if Instant::now() + PAUSE >= deadline {
                return Err(format!("{} was not undone within {within:?}: {last}", fault.word()));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

fn asked(privileges: &[String], on: &Securable, from: &str) -> Privileges {
    let (kind, object) = match on {
        Securable::Relation(name) => (Kind::Relation, name),
        Securable::Schema(name) => (Kind::Schema, name),
        Securable::Database(name) => (Kind::Database, name),
    };
    Privileges { privileges: privileges.to_vec(), kind, object: object.clone(), role: from.to_owned() }
}

//! What operations leave behind outside the schema: sessions, locks, prepared transactions, temporary
//! objects, roles, databases, replication slots, settings.

use std::collections::{BTreeMap, BTreeSet};

use tokio_postgres::Client;

use super::connect::PostgresTarget;
use super::error::StoreError;
use super::snapshot::Snapshot;
use crate::state::model::{Leftover, LeftoverKind, LeftoverName, Leftovers};

/// The sessions and databases that are ours, by exact name and number.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OwnBackends {
    /// Application names.
    pub application_names: BTreeSet<String>,
    /// Server processes.
    pub pids: BTreeSet<i32>,
    /// Databases.
    pub databases: BTreeSet<String>,
}

const DOING: &str = "looking for leftovers";
/// Settings whose values may be secrets; a hash tells whether they changed.
const SECRET_SETTINGS: &[&str] = &["conninfo", "password", "passphrase", "secret", "token", "command"];
/// Only superusers may read what ALTER SYSTEM has written, unless somebody granted it.
const MAY_READ_SETTINGS: &str =
    "SELECT has_function_privilege('pg_catalog.pg_show_all_file_settings()', 'EXECUTE')";
const SYSTEM_SETTINGS: &str = "SELECT 'setting', name || ' by ALTER SYSTEM', setting, NULL
    FROM pg_file_settings WHERE sourcefile ~ 'postgresql[.]auto[.]conf$'";
const MAY_READ_STATISTICS: &str = "SELECT pg_has_role('pg_read_all_stats', 'USAGE')";

/// Looks for leftovers on a connection of its own: to look again until they are gone.
///
/// # Errors
/// When the server cannot be asked.
pub async fn leftovers(target: &PostgresTarget, own: &OwnBackends) -> Result<Leftovers, StoreError> {
    let snapshot = Snapshot::open(target).await?;
    let found = read(snapshot.client(), own).await;
    match found {
        Ok(found) => {
            snapshot.close().await;
            Ok(found)
        }
        Err(error) => Err(snapshot.explain(error, None).await),
    }
}

/// Looks for leftovers.
pub(super) async fn read(client: &Client, own: &OwnBackends) -> Result<Leftovers, StoreError> {
    let names: Vec<&str> = own.application_names.iter().map(String::as_str).collect();
    let pids: Vec<i32> = own.pids.iter().copied().collect();
    let databases: Vec<&str> = own.databases.iter().map(String::as_str).collect();
    let mut found = BTreeMap::new();
    let mut unseen = Vec::new();
    collect(client, include_str!("leftovers.sql"), &[&names, &pids, &databases], &mut found).await?;
    if ask(client, MAY_READ_SETTINGS).await? {
        collect(client, SYSTEM_SETTINGS, &[], &mut found).await?;
    } else {
        unseen.push("settings made by ALTER SYSTEM (observe as a superuser)".to_owned());
    }
    if !ask(client, MAY_READ_STATISTICS).await? {
        unseen.push("transactions of other roles (grant pg_read_all_stats)".to_owned());
    }
    Ok(Leftovers { found, unseen })
}

async fn ask(client: &Client, question: &str) -> Result<bool, StoreError> {
    client.query_one(question, &[]).await.map(|row| row.get(0)).map_err(failed)
}

async fn collect(
    client: &Client,
    query: &str,
    parameters: &[&(dyn tokio_postgres::types::ToSql + Sync)],
    found: &mut BTreeMap<LeftoverName, Leftover>,
) -> Result<(), StoreError> {
    let query = format!(
        "SELECT kind::text, name::text, coalesce(definition::text, ''), seen::text
         FROM (\n{query}) AS l (kind, name, definition, seen) ORDER BY 1, 2, 3, 4"
    );
    for row in client.query(&query, parameters).await.map_err(failed)? {
        let kind: &str = row.try_get(0).map_err(failed)?;
        let kind = LeftoverKind::parse(kind)
            .ok_or_else(|| StoreError::Unsuitable(format!("{DOING}: unknown kind `{kind}`")))?;
        let name: String = row.try_get(1).map_err(failed)?;
        let definition = row.try_get(2).map_err(failed)?;
        let definition = if kind == LeftoverKind::Setting { hide(&name, definition) } else { definition };
        let entry = found.entry(LeftoverName { kind, name }).or_default();
        entry.count += 1;
        entry.definition = definition;
        entry.seen.extend(row.try_get::<_, Option<String>>(3).map_err(failed)?);
    }
    Ok(())
}

fn hide(setting: &str, value: String) -> String {
    use sha2::{Digest, Sha256};
    let name = setting.split(' ').next().unwrap_or(setting);
    if !SECRET_SETTINGS.iter().any(|secret| name.contains(secret)) {
        return value;
    }
    let hash = Sha256::digest(value.as_bytes());
    format!("‹hidden, #{:02x}{:02x}{:02x}{:02x}›", hash[0], hash[1], hash[2], hash[3])
}

fn failed(error: tokio_postgres::Error) -> StoreError {
    StoreError::query(DOING, &error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s20_a_setting_that_may_hold_a_secret_is_shown_as_a_hash() {
        assert_eq!(hide("work_mem of role app", "4MB".to_owned()), "4MB");
        let hidden = hide("primary_conninfo by ALTER SYSTEM", "password=hunter2".to_owned());
        assert!(hidden.starts_with("‹hidden, #") && !hidden.contains("hunter2"), "{hidden}");
        assert_ne!(hidden, hide("primary_conninfo by ALTER SYSTEM", "password=other".to_owned()));
    }
}

//! `read_only`: new sessions of the database may not write, unless they ask for it themselves.

use super::{FaultSeen, Session};
use crate::state::postgres::connect::PostgresTarget;
use crate::state::postgres::error::StoreError;

/// SQLSTATE `read_only_sql_transaction`.
const READ_ONLY: &str = "25006";
const DATABASE: &str = "SELECT quote_ident(current_database())";
const SETTING: &str = "SELECT substr(o, strpos(o, '=') + 1) \
     FROM pg_catalog.pg_db_role_setting s, unnest(s.setconfig) o \
     WHERE s.setrole = 0 AND s.setdatabase = (SELECT d.oid FROM pg_catalog.pg_database d \
       WHERE d.datname = current_database()) AND o LIKE 'default\\_transaction\\_read\\_only=%'";
/// What opened before us, or has its own setting, is not touched.
const SPARED: &str = "SELECT \
     (SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE backend_type = 'client backend' \
        AND datname = current_database() AND pid <> pg_backend_pid()), \
     (SELECT coalesce(string_agg(DISTINCT s.setrole::regrole::text, ', '), '') \
      FROM pg_catalog.pg_db_role_setting s, unnest(s.setconfig) o \
      WHERE s.setrole <> 0 AND o LIKE 'default\\_transaction\\_read\\_only=%')";

/// The setting of the database as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadOnly {
    earlier: Option<String>,
}

impl ReadOnly {
    /// Looks at the setting; nothing is changed.
    ///
    /// # Errors
    /// When the server cannot be asked.
    pub async fn look(target: &PostgresTarget) -> Result<Self, StoreError> {
        let session = Session::open(target, "looking at the database's settings").await?;
        let earlier = setting(&session).await?;
        session.close().await;
        Ok(Self { earlier })
    }

    /// Makes new sessions read-only, and sees a write of a new session refused.
    ///
    /// # Errors
    /// When the server cannot be asked, or the role does not own the database.
    pub async fn set(&self, target: &PostgresTarget) -> Result<FaultSeen, StoreError> {
        alter(target, Some("on")).await?;
        let session = Session::open(target, "trying to write").await?;
        // A new session of anybody has what the database says; ours has asked for more.
        session.run("RESET default_transaction_read_only").await?;
        let refused = session.refusal("CREATE TABLE pg_temp.backout_probe ()").await?;
        let spared = session.rows(SPARED, &[]).await?;
        session.close().await;
        let (open, roles) =
            spared.first().map(|row| (row.get::<_, i64>(0), row.get::<_, String>(1))).unwrap_or_default();
        let mut spared = format!("{open} sessions that were open before can still write");
        if !roles.is_empty() {
            spared = format!("{spared}, and roles with a setting of their own have that: {roles}");
        }
        Ok(match refused {
            Some(error) if error.sqlstate.as_deref() == Some(READ_ONLY) => {
                FaultSeen::acted(format!("a new session is refused: {error}; {spared}"))
            }
            Some(error) => FaultSeen::nothing(format!("a new session is told: {error}")),
            None => FaultSeen::nothing(format!("a new session can write; {spared}")),
        })
    }

    /// Puts the setting back and looks whether it is as it was.
    ///
    /// # Errors
    /// When the server cannot be asked, or says otherwise.
    pub async fn restore(&self, target: &PostgresTarget) -> Result<(), StoreError> {
        alter(target, self.earlier.as_deref()).await?;
        let now = Self::look(target).await?;
        if now == *self {
            return Ok(());
        }
        Err(StoreError::Unsuitable(format!("the setting is {:?}, it was {:?}", now.earlier, self.earlier)))
    }
}

async fn setting(session: &Session) -> Result<Option<String>, StoreError> {
    let found = session.rows(SETTING, &[]).await?;
    Ok(found.first().map(|row| row.get(0)))
}

async fn alter(target: &PostgresTarget, to: Option<&str>) -> Result<(), StoreError> {
    let session = Session::open(target, "changing the database's settings").await?;
    let named = session.rows(DATABASE, &[]).await?;
    let name: String = named.first().map(|row| row.get(0)).unwrap_or_default();
    let change = match to {
        // Its values are words such as `on`, and quotes are no part of them.
        Some(value) => format!("SET default_transaction_read_only = '{}'", value.replace('\'', "''")),
        None => "RESET default_transaction_read_only".to_owned(),
    };
    session.run(&format!("ALTER DATABASE {name} {change}")).await?;
    session.close().await;
    Ok(())
}

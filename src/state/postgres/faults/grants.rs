//! `revoke`: a role loses privileges, and gets back exactly the grants that it had, of whoever gave them.

use super::{FaultSeen, Session};
use crate::state::postgres::connect::PostgresTarget;
use crate::state::postgres::error::StoreError;

/// What privileges are on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A table, view or sequence.
    Relation,
    /// A schema.
    Schema,
    /// A database.
    Database,
}

/// Privileges of a role on an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Privileges {
    /// In capitals, such as `INSERT`.
    pub privileges: Vec<String>,
    /// What they are on.
    pub kind: Kind,
    /// Its name as in SQL.
    pub object: String,
    /// The role's name, or `public` for everybody.
    pub role: String,
}

/// One grant, ready to be put into statements.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Grant {
    grantor: String,
    /// `INSERT`, or `INSERT (note)` for a column's.
    privilege: String,
    with_option: bool,
}

/// The grants that a role has, read before any is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Granted {
    asked: Privileges,
    /// The object as it is named in GRANT.
    on: String,
    role: String,
    grants: Vec<Grant>,
}

impl Privileges {
    /// Reads the grants; nothing is changed. None where there is no such object or role.
    ///
    /// # Errors
    /// When the server cannot be asked.
    pub async fn granted(&self, target: &PostgresTarget) -> Result<Option<Granted>, StoreError> {
        let session = Session::open(target, "reading grants").await?;
        let granted = self.read(&session).await?;
        session.close().await;
        Ok(granted)
    }

    async fn read(&self, session: &Session) -> Result<Option<Granted>, StoreError> {
        let named = session.rows(self.name(), &[&self.object, &self.role]).await?;
        let Some(row) = named.first() else { return Ok(None) };
        let (on, role) = (row.get(0), row.get(1));
        let given: &[&(dyn tokio_postgres::types::ToSql + Sync)] =
            &[&self.object, &self.role, &self.privileges];
        let grants = session.rows(&self.acl(), given).await?;
        let grant = |row: &tokio_postgres::Row| Grant {
            grantor: row.get(0),
            privilege: row.get(1),
            with_option: row.get(2),
        };
        Ok(Some(Granted { asked: self.clone(), on, role, grants: grants.iter().map(grant).collect() }))
    }

    /// The object and the role as statements name them. `$1` is the object, `$2` the role.
    fn name(&self) -> &'static str {
        match self.kind {
            Kind::Relation => {
                "SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE ' ELSE 'TABLE ' END \
                   || format('%I.%I', n.nspname, c.relname), r.name \
                 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, \
                   (SELECT quote_ident(rolname) FROM pg_roles WHERE rolname = $2::text \
                    UNION ALL SELECT 'PUBLIC' WHERE $2 = 'public') r (name) \
                 WHERE c.oid = to_regclass($1::text)"
            }
            Kind::Schema => {
                "SELECT 'SCHEMA ' || quote_ident(n.nspname), r.name FROM pg_namespace n, \
                   (SELECT quote_ident(rolname) FROM pg_roles WHERE rolname = $2::text \
                    UNION ALL SELECT 'PUBLIC' WHERE $2 = 'public') r (name) \
                 WHERE n.oid = to_regnamespace($1::text)"
            }
            Kind::Database => {
                "SELECT 'DATABASE ' || quote_ident(d.datname), r.name FROM pg_database d, \
                   (SELECT quote_ident(rolname) FROM pg_roles WHERE rolname = $2::text \
                    UNION ALL SELECT 'PUBLIC' WHERE $2 = 'public') r (name) \
                 WHERE d.datname = $1::text"
            }
        }
    }

    /// Its grants to the role, with the columns' of a table. `$3` are the privileges.
    fn acl(&self) -> String {
        let acl = match self.kind {
            Kind::Relation => {
                "SELECT NULL::name, coalesce(relacl, acldefault(CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::\"char\", relowner)) \
                 FROM pg_class WHERE oid = to_regclass($1::text) \
                 UNION ALL SELECT attname, attacl FROM pg_attribute \
                 WHERE attrelid = to_regclass($1::text) AND attnum > 0 AND NOT attisdropped AND attacl IS NOT NULL"
            }
            Kind::Schema => {
                "SELECT NULL::name, coalesce(nspacl, acldefault('n', nspowner)) FROM pg_namespace \
                 WHERE oid = to_regnamespace($1::text)"
            }
            Kind::Database => {
                "SELECT NULL::name, coalesce(datacl, acldefault('d', datdba)) FROM pg_database \
                 WHERE datname = $1::text"
            }
        };
        format!(
            "SELECT quote_ident(g.rolname), x.privilege_type || coalesce(' (' || quote_ident(o.part) || ')', ''), \
               x.is_grantable \
             FROM ({acl}) o (part, acl), aclexplode(o.acl) x JOIN pg_roles g ON g.oid = x.grantor \
             WHERE x.grantee = coalesce((SELECT r.oid FROM pg_roles r WHERE r.rolname = $2::text), 0) \
               AND x.privilege_type = ANY ($3) ORDER BY 1, 2, 3"
        )
    }
}

impl Granted {
    /// Takes the grants away, and looks whether the role still may do any of it.
    ///
    /// # Errors
    /// When the server cannot be asked, or the role that observes may not revoke: then nothing is changed.
    pub async fn revoke(&self, target: &PostgresTarget) -> Result<FaultSeen, StoreError> {
        let Privileges { privileges, role, .. } = &self.asked;
        let what = format!("{} on {}", privileges.join(", "), self.on);
        if self.grants.is_empty() {
            return Ok(FaultSeen::nothing(format!("{role} was never granted {what}")));
        }
        let session = Session::open(target, "revoking").await?;
        let revoke = |grant: &Grant| format!("REVOKE {} ON {} FROM {}", grant.privilege, self.on, self.role);
        session.run(&self.as_grantors(revoke)).await?;
        let left = self.left(&session).await?;
        session.close().await;
        Ok(if left.is_empty() {
            let from: Vec<&str> = self.grants.iter().map(|grant| grant.grantor.as_str()).collect();
            FaultSeen::acted(format!("{role} has {what} no more; it was granted by {}", distinct(from)))
        } else {
            let left = left.join(", ");
            FaultSeen::nothing(format!(
                "{what} was revoked, and {role} still has {left}: as a superuser, through PUBLIC or another role"
            ))
        })
    }

    /// Gives the grants back, and looks whether they are as they were.
    ///
    /// # Errors
    /// When the server cannot be asked, or says otherwise.
    pub async fn grant(&self, target: &PostgresTarget) -> Result<(), StoreError> {
        let session = Session::open(target, "granting again").await?;
        let grant = |grant: &Grant| {
            let option = if grant.with_option { " WITH GRANT OPTION" } else { "" };
            format!("GRANT {} ON {} TO {}{option}", grant.privilege, self.on, self.role)
        };
        session.run(&self.as_grantors(grant)).await?;
        let now = self.asked.read(&session).await?;
        session.close().await;
        if now.as_ref() == Some(self) {
            return Ok(());
        }
        let now = now.map(|now| now.grants);
        Err(StoreError::Unsuitable(format!("the grants are {now:?}, they were {:?}", self.grants)))
    }

    /// One transaction in which each statement is executed as the role that made the grant: a superuser
    /// would act as the owner, and the grant would be another.
    fn as_grantors(&self, statement: impl Fn(&Grant) -> String) -> String {
        let each = self.grants.iter();
        let each =
            each.map(|grant| format!("SET LOCAL ROLE {}; {}; RESET ROLE;", grant.grantor, statement(grant)));
        format!("BEGIN; {} COMMIT", each.collect::<Vec<_>>().join(" "))
    }

    /// Those of the privileges that the role still has.
    async fn left(&self, session: &Session) -> Result<Vec<String>, StoreError> {
        let Privileges { privileges, kind, object, role } = &self.asked;
        let ask = match kind {
            Kind::Relation if self.on.starts_with("SEQUENCE") => {
                "has_sequence_privilege($2::text, $1::text, p)"
            }
            Kind::Relation => "has_table_privilege($2::text, $1::text, p)",
            Kind::Schema => "has_schema_privilege($2::text, $1::text, p)",
            Kind::Database => "has_database_privilege($2::text, $1::text, p)",
        };
        let query = format!("SELECT p FROM unnest($3::text[]) p WHERE {ask}");
        let left = session.rows(&query, &[object, role, privileges]).await?;
        Ok(left.iter().map(|row| row.get(0)).collect())
    }
}

fn distinct(mut names: Vec<&str>) -> String {
    names.sort_unstable();
    names.dedup();
    names.join(", ")
}

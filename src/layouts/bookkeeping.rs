//! The tables in which tools note which migrations they have made.

/// Their names, in lower case and without a schema.
const TABLES: [&str; 25] = [
    "__diesel_schema_migrations",
    "__drizzle_migrations",
    "__efmigrationshistory",
    "_prisma_migrations",
    "_sqlx_migrations",
    "_yoyo_log",
    "_yoyo_migration",
    "_yoyo_version",
    "alembic_version",
    "ar_internal_metadata",
    "atlas_schema_revisions",
    "databasechangelog",
    "databasechangeloglock",
    "django_migrations",
    "flyway_schema_history",
    "goose_db_version",
    "gorp_migrations",
    "knex_migrations",
    "knex_migrations_lock",
    "migrations",
    "pgmigrations",
    "schema_migrations",
    "sequelizemeta",
    "typeorm_metadata",
    "yoyo_lock",
];

/// Whether a table is one of a tool's own; sqitch keeps a schema of them.
pub fn is_bookkeeping(table: &str) -> bool {
    let table = table.to_lowercase();
    let bare = table.rsplit('.').next().unwrap_or(&table);
    TABLES.contains(&bare) || table.starts_with("sqitch.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_and_capitals_do_not_matter() {
        assert!(is_bookkeeping("public.SequelizeMeta") && is_bookkeeping("sqitch.changes"));
        assert!(!is_bookkeeping("orders"));
    }
}

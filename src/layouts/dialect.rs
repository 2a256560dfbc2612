//! Whose SQL a file holds, where its name or a folder's says so.

/// The server that a name speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// PostgreSQL, or one that speaks as it does.
    Postgres,
    /// MariaDB or MySQL.
    Mariadb,
    /// One whose SQL is not read here.
    Other(&'static str),
}

/// What the words of names say.
const WORDS: [(&str, Named); 17] = [
    ("postgres", Named::Postgres),
    ("postgresql", Named::Postgres),
    ("pgsql", Named::Postgres),
    ("pg", Named::Postgres),
    ("cockroach", Named::Postgres),
    ("cockroachdb", Named::Postgres),
    ("mysql", Named::Mariadb),
    ("mariadb", Named::Mariadb),
    ("sqlite", Named::Other("SQLite")),
    ("sqlite3", Named::Other("SQLite")),
    ("mssql", Named::Other("SQL Server")),
    ("sqlserver", Named::Other("SQL Server")),
    ("oracle", Named::Other("Oracle")),
    ("clickhouse", Named::Other("ClickHouse")),
    ("duckdb", Named::Other("DuckDB")),
    ("snowflake", Named::Other("Snowflake")),
    ("spanner", Named::Other("Spanner")),
];

/// The server that a path speaks of: its file's name between dots, else the nearest folder with such a word.
pub fn named_dialect(path: &str) -> Option<Named> {
    let (folder, name) = super::tree::split(path);
    let of_name = name.split('.').rev().find_map(word);
    of_name.or_else(|| folder.rsplit('/').find_map(|part| part.split(['.', '-', '_']).find_map(word)))
}

/// The server that one word speaks of.
pub(super) fn word(word: &str) -> Option<Named> {
    let word = word.to_lowercase();
    WORDS.iter().find(|(known, _)| *known == word).map(|(_, named)| *named)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_so_before_its_folders_do() {
        for (path, expected) in [
            ("m/1_a.mysql.up.sql", Some(Named::Mariadb)),
            ("migrations/postgres/1.sql", Some(Named::Postgres)),
            ("tokens-mysql/migrations/1/up.sql", Some(Named::Mariadb)),
            ("mysql/1_a.cockroach.up.sql", Some(Named::Postgres)),
            ("m/1_a.sqlite3.up.sql", Some(Named::Other("SQLite"))),
            ("m/1_drop_mysql_users.up.sql", None),
        ] {
            assert_eq!(named_dialect(path), expected, "{path}");
        }
    }
}

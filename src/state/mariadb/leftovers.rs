//! What operations can leave behind: sessions, transactions, users, databases, settings.

use regex::Regex;

use super::connect::{MariaTarget, Server, literal};
use crate::state::model::{Leftover, LeftoverKind, LeftoverName, Leftovers};

/// Each asks for names, what defines them, and what is shown of them; `{ours}` are sessions that do not count.
const QUESTIONS: [(LeftoverKind, &str); 5] = [
    (
        LeftoverKind::Session,
        "SELECT CONCAT(user, ' in ', COALESCE(db, 'no database')), '', CONCAT_WS(' ', 'session', id, command, state) \
         FROM information_schema.processlist WHERE id NOT IN ({ours}) AND user NOT IN ('system user', \
         'event_scheduler') AND command <> 'Daemon'",
    ),
    (
        LeftoverKind::OpenTransaction,
        "SELECT p.user, '', CONCAT_WS(' ', 'session', p.id, 'since', t.trx_started, t.trx_query) \
         FROM information_schema.innodb_trx t JOIN information_schema.processlist p \
         ON p.id = t.trx_mysql_thread_id WHERE p.id NOT IN ({ours})",
    ),
    (
        LeftoverKind::Database,
        "SELECT schema_name, CONCAT_WS(' ', default_character_set_name, default_collation_name), NULL \
         FROM information_schema.schemata WHERE schema_name NOT IN \
         ('information_schema', 'performance_schema', 'mysql', 'sys')",
    ),
    (
        LeftoverKind::Setting,
        // Where a server stands in its own log moves with every commit.
        "SELECT LOWER(variable_name), global_value, NULL FROM information_schema.system_variables \
         WHERE global_value_origin = 'SQL' AND variable_name NOT LIKE 'GTID%'",
    ),
    (LeftoverKind::PreparedTransaction, "XA RECOVER"),
];

/// The number of the error for an account that the server does not use.
const NO_SUCH_GRANT: &str = "1141 ";

/// What is there now.
///
/// # Errors
/// When nobody answers.
pub async fn leftovers(target: &MariaTarget) -> Result<Leftovers, String> {
    let mut server = Server::connect(target).await?;
    let found = read(&mut server, &target.ours).await;
    server.close().await;
    found
}

pub(super) async fn read(server: &mut Server, ours: &[u32]) -> Result<Leftovers, String> {
    let mut leftovers = Leftovers::default();
    let ours = ours.iter().fold("CONNECTION_ID()".to_owned(), |all, session| format!("{all}, {session}"));
    for (kind, query) in QUESTIONS {
        match server.rows(&query.replace("{ours}", &ours)).await {
            Ok(rows) => rows.into_iter().for_each(|row| add(&mut leftovers, kind, row)),
            Err(error) => leftovers.unseen.push(format!("{kind}s: {error}")),
        }
    }
    if let Err(error) = users(server, &mut leftovers).await {
        leftovers.unseen.push(format!("roles: {error}"));
    }
    Ok(leftovers)
}

fn add(leftovers: &mut Leftovers, kind: LeftoverKind, row: Vec<Option<String>>) {
    let mut row = row.into_iter();
    if kind == LeftoverKind::PreparedTransaction {
        // Format, two lengths, and the name.
        let name = row.nth(3).flatten().unwrap_or_default();
        count(leftovers, kind, name, String::new(), None);
        return;
    }
    let mut next = || row.next().flatten();
    let (name, definition, seen) = (next().unwrap_or_default(), next().unwrap_or_default(), next());
    count(leftovers, kind, name, definition, seen);
}

fn count(
    leftovers: &mut Leftovers,
    kind: LeftoverKind,
    name: String,
    definition: String,
    seen: Option<String>,
) {
    let known = leftovers.found.entry(LeftoverName { kind, name }).or_default();
    known.count += 1;
    known.definition = definition;
    known.seen.extend(seen);
}

/// Users and roles with what they may do; their passwords are told by nothing but that they differ.
async fn users(server: &mut Server, leftovers: &mut Leftovers) -> Result<(), String> {
    let users = server.rows("SELECT user, host, is_role FROM mysql.user ORDER BY user, host").await?;
    for row in users {
        let [Some(user), host, is_role] = &row[..] else { continue };
        let host = host.clone().unwrap_or_default();
        let account = match is_role.as_deref() {
            Some("Y") => literal(user),
            _ => format!("{}@{}", literal(user), literal(&host)),
        };
        let definition = match server.rows(&format!("SHOW GRANTS FOR {account}")).await {
            Ok(grants) => {
                let grants = grants.into_iter().flatten().flatten();
                let mut grants: Vec<String> = grants.map(|grant| without_hashes(&grant)).collect();
                grants.sort();
                grants.join("; ")
            }
            // A server that resolves no names knows nothing of accounts that have one.
            Err(error) if error.starts_with(NO_SUCH_GRANT) => String::new(),
            Err(error) => return Err(error),
        };
        let known = Leftover { count: 1, definition, seen: Vec::new() };
        leftovers.found.insert(LeftoverName { kind: LeftoverKind::Role, name: account }, known);
    }
    Ok(())
}

/// Hashes of passwords can be guessed from: two bytes of their digest cannot.
fn without_hashes(grant: &str) -> String {
    use sha2::{Digest, Sha256};
    let Ok(hash) = Regex::new("('[^']*')") else { return String::new() };
    let Some((before, after)) = grant.split_once(" IDENTIFIED ") else { return grant.to_owned() };
    let short = |found: &regex::Captures<'_>| {
        let digest = Sha256::digest(found[1].as_bytes());
        format!("#{:02x}{:02x}", digest[0], digest[1])
    };
    format!("{before} IDENTIFIED {}", hash.replace_all(after, short))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s20_hashes_of_passwords_are_not_told() {
        let grant = "GRANT USAGE ON *.* TO `app`@`%` IDENTIFIED BY PASSWORD '*A4B6157319038724E3560894F7F932C8886EBFCF'";
        let shown = without_hashes(grant);
        assert!(shown.starts_with("GRANT USAGE ON *.* TO `app`@`%` IDENTIFIED BY PASSWORD #"), "{shown}");
        assert!(!shown.contains("A4B6"), "{shown}");
        assert_eq!(
            without_hashes("GRANT ALL PRIVILEGES ON `shop`.* TO `app`@`%`"),
            "GRANT ALL PRIVILEGES ON `shop`.* TO `app`@`%`"
        );
    }
}

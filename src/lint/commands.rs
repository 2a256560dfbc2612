//! Commands of steps and images of services, as far as they show what is lost.

use super::operation::What;

/// What a command does: nobody knows, but that some remove volumes.
pub fn effect(words: &[String]) -> What {
    let command = words.join(" ").split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some(volume) = removed_volume(&command) {
        return What::RemovesVolume { volume, how: "removes".to_owned() };
    }
    let command = match command.char_indices().nth(40) {
        Some((cut, _)) => format!("{}…", &command[..cut]),
        None => command,
    };
    What::Runs { command }
}

fn removed_volume(command: &str) -> Option<String> {
    let words: Vec<&str> = command.split(' ').collect();
    let at = |phrase: &[&str]| words.windows(phrase.len()).position(|part| part == phrase);
    if let Some(at) = at(&["volume", "rm"]).or_else(|| at(&["volume", "remove"])) {
        let name = words[at + 2..].iter().find(|word| !word.starts_with('-'));
        return Some(format!("volume `{}`", name.unwrap_or(&"?")));
    }
    if at(&["volume", "prune"]).is_some() {
        return Some("every volume that no container uses".to_owned());
    }
    let down = at(&["compose", "down"]).or_else(|| at(&["docker-compose", "down"]));
    let with_volumes = words.iter().any(|word| ["-v", "--volumes"].contains(word));
    (down.is_some() && with_volumes).then(|| "every volume of the project".to_owned())
}

/// Servers that rewrite their files when a newer one starts on them.
const SERVERS: [&str; 7] =
    ["postgres", "postgresql", "mariadb", "mysql", "mongo", "elasticsearch", "rabbitmq"];

/// Whether an image of such a server gets another major version.
pub fn is_upgrade(from: &str, to: &str) -> bool {
    let (Some((server, old)), Some((same, new))) = (version(from), version(to)) else { return false };
    server == same && SERVERS.contains(&server) && old != new
}

/// The last part of an image's name, and the first number of its tag.
fn version(image: &str) -> Option<(&str, u32)> {
    let (name, tag) = image.rsplit_once(':')?;
    let name = name.rsplit('/').next()?;
    let digits = tag.split(|c: char| !c.is_ascii_digit()).next()?;
    Some((name, digits.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(command: &str, volume: Option<&str>) {
        let removed = match effect(&[command.to_owned()]) {
            What::RemovesVolume { volume, .. } => Some(volume),
            _ => None,
        };
        assert_eq!(removed.as_deref(), volume, "{command}");
    }

    #[test]
    fn commands_that_remove_volumes_are_known() {
        check("docker volume rm -f shop_data", Some("volume `shop_data`"));
        check("docker compose down -v", Some("every volume of the project"));
        check("sh -c docker  volume prune --force", Some("every volume that no container uses"));
        check("docker compose down", None);
        check("migrate up", None);
    }

    #[test]
    fn a_major_version_of_a_server_is_an_upgrade() {
        assert!(is_upgrade("postgres:14", "postgres:16-bookworm"));
        assert!(is_upgrade("registry/mariadb:10.11", "registry/mariadb:11.4"));
        assert!(!is_upgrade("postgres:15.2", "postgres:15.7"));
        assert!(!is_upgrade("shop-api:1", "shop-api:2"));
        assert!(!is_upgrade("postgres", "postgres:16"));
    }
}

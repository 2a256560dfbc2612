//! Secrets that nobody declared: told by what stands around them in a text, or by the name of what holds them.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

/// What a text has that holds a secret; without it the patterns are not tried.
static HINT: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"(?i)pass|pwd|secret|token|key|credential|dsn|identified|://|auth|bearer|cookie|@(?:tcp|unix)|:thin:|PRIVATE|eyJ|gh[pousr]_|glpat-|xox|sk_live|setuser",
    )
});

/// Words that make the last part of a name that of a secret.
const NAMES: &str = r"(?:pass(?:word|wd|phrase)?|pwd|secret|token|dsn|credentials?|(?:api|access|private|secret|account|shared|encryption|signing|master|auth)[_-]?key)";

/// Each group of each pattern is a secret.
static PATTERNS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    let statement = r"(?:password|identified\s+(?:by|(?:with|via)\s+\S+\s+(?:by|as|using)))[\s=(]+(?:password[\s=(]+)?(?:e|n|u&)?";
    [
        // scheme://user:secret@host, user:secret@tcp(host), thin:user/secret@host
        r#"[a-zA-Z][a-zA-Z0-9+.-]*://[^\s/:@"'‹]*:([^\s/"'‹]+)@"#.to_owned(),
        r#"\b[\w.-]+:([^\s@/"'‹]+)@(?:tcp|unix)[46]?\("#.to_owned(),
        r#":thin:[^/\s]+/([^@\s"'‹]+)@"#.to_owned(),
        // name=secret of URLs, connection strings and environments; a string in SQL doubles its quotes.
        format!(
            r#"(?i){NAMES}=(?:''([^']+)''|'((?:[^'\\]|\\.|'')+)'|"((?:[^"\\]|\\.)+)"|\{{([^}}]+)\}}|([^\s;&'"`‹{{]+))"#
        ),
        format!(r#"(?i){NAMES}\s*=\s*(?:'((?:[^'\\]|\\.|'')+)'|"((?:[^"\\]|\\.)+)")"#),
        // "name": "secret"
        format!(r#"(?i){NAMES}\\?["']\s*:\s*(?:\\?"((?:[^"\\]|\\[^"])+)|'([^']+)')"#),
        format!(r"(?i)--?[\w-]*{NAMES}\s+([^\s‹-]\S*)"),
        // Statements.
        format!(r"(?i)\b{statement}'((?:[^'\\]|\\.|'')+)'"),
        format!(r#"(?i)\b{statement}"((?:[^"\\]|\\.)+)""#),
        format!(r"(?i)\b{statement}\$\w*\$((?s:.+?))\$"),
        // Redis.
        r"(?i)^AUTH\s+(?:\S+\s+)?([^\s‹]+)$".to_owned(),
        r"(?i)\b(?:requirepass|masterauth)\s+([^\s‹]+)".to_owned(),
        r"(?i)\bSETUSER\b.*?\s>([^\s‹]+)".to_owned(),
        // Headers.
        r#"(?i)\bauthorization\\?["']?\s*[:=]\s*\\?["']?(?:(?:bearer|basic|token|digest)\s+)?([^\s"',‹\\]+)"#.to_owned(),
        r"\b(?:Bearer|Basic)\s+([A-Za-z0-9+/=._~-]{8,})".to_owned(),
        r"(?i)\bx-[\w-]*(?:key|token|secret):\s*([^\s‹]+)".to_owned(),
        r"(?i)\b(?:set-)?cookie:\s*[^=\s]+=([^;\s‹]+)".to_owned(),
        // What looks like nothing else.
        r"\b(gh[pousr]_[A-Za-z0-9]{20,}|glpat-[\w-]{16,}|xox[abprs]-[\w-]{10,}|sk_live_\w{16,})".to_owned(),
        r"\b(eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]+)".to_owned(),
        r"(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----(.+?)(?:-----END|$)".to_owned(),
    ]
    .iter()
    .map(|pattern| regex(pattern))
    .collect()
});

/// A connection string of PostgreSQL, in which there may be spaces around the signs.
static DSN: LazyLock<[Regex; 2]> = LazyLock::new(|| {
    [
        regex(r"(?i)\b(?:host|hostaddr|dbname)\s*=\s*\S"),
        regex(r"(?i)\b(?:ssl)?password\s*=\s*(?:'((?:[^'\\]|\\.)+)'|([^\s'‹]+))"),
    ]
});

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the pattern is right")
}

/// Where secrets stand in a text, in order.
pub fn places(text: &str) -> Vec<Range<usize>> {
    if !HINT.is_match(text) {
        return Vec::new();
    }
    let mut places: Vec<Range<usize>> = PATTERNS.iter().flat_map(|pattern| groups(pattern, text)).collect();
    let [dsn, password] = &*DSN;
    if dsn.is_match(text) {
        places.extend(groups(password, text));
    }
    places.sort_by_key(|place| (place.start, std::cmp::Reverse(place.end)));
    let mut end = 0;
    places.retain(|place| {
        let is_new = place.start >= end;
        end = end.max(place.end);
        is_new
    });
    places
}

fn groups(pattern: &Regex, text: &str) -> Vec<Range<usize>> {
    let captures = pattern.captures_iter(text);
    captures
        .flat_map(|found| found.iter().skip(1).flatten().map(|group| group.range()).collect::<Vec<_>>())
        .collect()
}

/// Whether a name looks like that of a secret: `API_TOKEN`, `PGPASSWORD`, `SENTRY_DSN`, `signingKey`. A name of a
/// file that holds one does not.
pub fn is_secret_name(name: &str) -> bool {
    let parts = parts(name);
    let last = parts.last().map_or("", String::as_str);
    if matches!(
        last,
        "FILE" | "PATH" | "DIR" | "LENGTH" | "TTL" | "ENABLED" | "EXPIRY" | "ID" | "NAME" | "USER"
    ) {
        return false;
    }
    let whole = parts.concat();
    let inside =
        ["PASSWORD", "PASSWD", "PASSPHRASE", "SECRET", "CREDENTIAL", "APIKEY", "AUTHORIZATION", "COOKIE"];
    let alone = ["PASS", "TOKEN", "TOKENS", "DSN", "CREDS"];
    let is_key = matches!(last, "KEY" | "KEYS")
        && parts.len() > 1
        && !parts.iter().any(|part| matches!(part.as_str(), "PUBLIC" | "PRIMARY" | "FOREIGN" | "SORT"));
    inside.iter().any(|word| whole.contains(word))
        || whole.ends_with("PASS")
        || parts.iter().any(|part| alone.contains(&part.as_str()))
        || (parts.len() > 1 && parts.iter().any(|part| part == "PWD"))
        || is_key
}

/// The parts of a name, in capitals: of `api-token` and `apiToken` both `API` and `TOKEN`.
fn parts(name: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut was_small = false;
    for c in name.chars() {
        let begins = c.is_uppercase() && was_small;
        if (begins || !c.is_alphanumeric()) && parts.last().is_some_and(|part| !part.is_empty()) {
            parts.push(String::new());
        }
        if let (true, Some(part)) = (c.is_alphanumeric(), parts.last_mut()) {
            part.extend(c.to_uppercase());
        }
        was_small = c.is_lowercase();
    }
    parts.retain(|part| !part.is_empty());
    parts
}

/// Whether a value says so little that it is no secret, whatever it is called: a switch, or nothing.
pub fn says_nothing(value: &str) -> bool {
    let words = ["", "true", "false", "yes", "no", "on", "off", "null", "none"];
    words.contains(&value.trim().to_ascii_lowercase().as_str())
}

/// The text with `%41` and the like as what they stand for; none where it has none.
pub fn percent_decoded(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    let (mut decoded, mut at) = (Vec::new(), 0);
    while let Some(byte) = bytes.get(at) {
        let coded = digit(at + 1).zip(digit(at + 2)).filter(|_| *byte == b'%');
        let coded = coded.and_then(|(high, low)| u8::try_from(high * 16 + low).ok());
        decoded.push(coded.unwrap_or(*byte));
        at += if coded.is_some() { 3 } else { 1 };
    }
    String::from_utf8(decoded).ok().filter(|decoded| decoded != text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn finds(text: &str, secrets: &[&str]) {
        let found: Vec<&str> = places(text).into_iter().map(|place| &text[place]).collect();
        assert_eq!(found, secrets, "{text}");
    }

    #[test]
    fn s28_passwords_are_found_in_addresses() {
        finds("postgres://app:s3cret@db/shop", &["s3cret"]);
        finds("redis://:s3cret@cache:6379", &["s3cret"]);
        finds("amqp://a:p%40ss@mq and http://x:y@z/", &["p%40ss", "y"]);
        finds("postgres://app:p@ss@db", &["p@ss"]);
        finds("app:s3cret@tcp(db:3306)/shop?parseTime=true", &["s3cret"]);
        finds("jdbc:postgresql://db/shop?user=app&password=s3cret&ssl=true", &["s3cret"]);
        finds("jdbc:postgresql://db/shop?sslpassword=one&sslkey=k", &["one"]);
        finds("jdbc:sqlserver://db;user=sa;password={a;b};encrypt=true", &["a;b"]);
        finds("Server=db;User Id=sa;Pwd=s3cret;", &["s3cret"]);
        finds("jdbc:oracle:thin:app/s3cret@db:1521:x", &["s3cret"]);
        finds("http://api:8080/healthz and postgres://app@db/shop", &[]);
    }

    #[test]
    fn s28_passwords_are_found_in_connection_strings() {
        finds("host=db user=app password=s3cret dbname=shop", &["s3cret"]);
        finds("host = db password = 's3 cr\\'et'", &["s3 cr\\'et"]);
        finds("host = db password = s3cret", &["s3cret"]);
        finds("CONNECTION 'host=db password=s3cret' PUBLICATION p", &["s3cret"]);
        finds("dblink('host=db password=''s3cret'' user=a')", &["s3cret"]);
    }

    #[test]
    fn s28_passwords_are_found_in_statements() {
        finds("CREATE ROLE app LOGIN PASSWORD 's3cret'", &["s3cret"]);
        finds("alter role app encrypted password E'it''s'", &["it''s"]);
        finds("ALTER ROLE app PASSWORD $x$s3cret$x$", &["s3cret"]);
        finds("CREATE USER a@'%' IDENTIFIED BY 's3cret'", &["s3cret"]);
        finds("IDENTIFIED VIA mysql_native_password USING PASSWORD('s3cret')", &["s3cret"]);
        finds("SET PASSWORD FOR a = PASSWORD('s3cret')", &["s3cret"]);
        finds("CREATE USER MAPPING FOR a SERVER s OPTIONS (user 'a', password 's3cret')", &["s3cret"]);
        finds("ALTER ROLE app PASSWORD NULL", &[]);
        finds("ALTER TABLE users ADD password text; UPDATE users SET a = old_password", &[]);
        finds("AUTH app s3cret", &["s3cret"]);
        finds("CONFIG SET requirepass s3cret", &["s3cret"]);
        finds("ACL SETUSER app on >s3cret ~*", &["s3cret"]);
    }

    #[test]
    fn s28_secrets_are_found_in_headers_files_and_flags() {
        finds("Authorization: Bearer abc.def", &["abc.def"]);
        finds(r#"{"api_key": "s3cret", "password":"x\\y"}"#, &["s3cret", "x\\\\y"]);
        finds("{'password': 's3cret'}", &["s3cret"]);
        finds("mysql --password s3cret -u app", &["s3cret"]);
        finds("API_TOKEN=s3cret ./run", &["s3cret"]);
        finds("FATAL: password authentication failed for user \"app\"", &[]);
        finds("the token is not valid; key 17 was dropped", &[]);
    }

    #[test]
    fn s28_names_of_secrets_are_told_from_others() {
        for name in [
            "API_TOKEN",
            "PGPASSWORD",
            "POSTGRES_PASSWORD",
            "SENTRY_DSN",
            "signingKey",
            "AWS_SECRET_ACCESS_KEY",
            "RABBITMQ_DEFAULT_PASS",
            "DB_PWD",
            "SECRET_KEY_BASE",
            "client-secret",
            "APP_KEY",
            "MYSQL_PASS",
            "SSHPASS",
        ] {
            assert!(is_secret_name(name), "{name}");
        }
        for name in [
            "PWD",
            "PATH",
            "POSTGRES_PASSWORD_FILE",
            "AWS_ACCESS_KEY_ID",
            "PUBLIC_KEY",
            "KEY",
            "TOKENIZERS",
            "MONKEY",
            "COMPASS_URL",
            "DATABASE_URL",
            "PASSWORD_MIN_LENGTH",
            "POSTGRES_USER",
            "BYPASSED",
        ] {
            assert!(!is_secret_name(name), "{name}");
        }
    }

    #[test]
    fn what_is_encoded_is_decoded() {
        assert_eq!(percent_decoded("p%40s%C3%A9").as_deref(), Some("p@sé"));
        assert_eq!((percent_decoded("100%"), percent_decoded("plain")), (None, None));
    }
}

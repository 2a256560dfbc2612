//! Secrets of every kind, planted in one scenario and looked for in everything that a drill leaves behind.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::support::backout::{Reports, checks, command, copy_of_scenarios, edit, run, scenario};

/// What must be seen nowhere, by how it got there.
const PLANTED: [(&str, &str); 24] = [
    ("declared", "s01-orange-kettle"),
    ("file of a Compose secret", "s02-purple-ladder"),
    ("Compose secret from the environment", "s03-yellow-anchor"),
    ("env_file", "s04-copper-bottle"),
    (".env", "s05-silver-hammer"),
    ("--set", "s06-golden-pillow"),
    ("password of a URL", "s07-marble-candle"),
    ("percent-encoded", "s08%2Fwooden%40spoon"),
    ("percent-encoded, decoded", "s08/wooden@spoon"),
    ("password= of JDBC", "s09-velvet-button"),
    ("sslpassword=", "s10-crystal-basket"),
    ("libpq keywords", "s11-bronze-needle"),
    ("DSN of a driver", "s12-cotton-window"),
    ("*_TOKEN", "s13-iron-feather"),
    ("*_KEY", "s14-glass-thunder"),
    ("*PASSWORD*", "s15-paper-mountain"),
    ("*_DSN", "s16-stone-blanket"),
    ("PASSWORD '…' of a step", "s17-amber-bridge"),
    ("PASSWORD '…' at the gateway", "s18-linen-lantern"),
    ("bearer token", "s19-maple-river-stone"),
    ("JSON", "s20-birch-mirror"),
    ("flag and word", "s21-cedar-whistle"),
    ("argument of a build", "s22-walnut-ribbon"),
    ("headers of a request", "s23-willow-saddle"),
];

/// Words of the journal's format, and others that are in every message.
const WORDS: &str =
    "DEBUG=no\nMODE=back\nSTAGE=change\nKIND=interrupted\nNAME=orders\nUSER_NAME=note\nMARK=data\n";

fn plant(folder: &Path) {
    let compose = folder.join("compose.yaml");
    edit(
        &compose,
        "      POSTGRES_DB: shop\n",
        r#"      POSTGRES_DB: shop
      PAYMENT: ${PAYMENT:-}
      SET_BY_FLAG: ${BY_FLAG}
      BY_DOTENV: ${BY_DOTENV}
      DATABASE_URL: postgres://app:s07-marble-candle@db/shop
      OTHER_URL: amqp://app:s08%2Fwooden%40spoon@mq
      JDBC: jdbc:postgresql://db/shop?user=a&password=s09-velvet-button&sslpassword=s10-crystal-basket
      GO: app:s12-cotton-window@tcp(db:3306)/shop
      API_TOKEN: s13-iron-feather
      SIGNING_KEY: s14-glass-thunder
      MAIL_PASSWORD: s15-paper-mountain
      SENTRY_DSN: s16-stone-blanket
    env_file: [other.env]
    secrets: [from_file, from_environment]
"#,
    );
    edit(&compose, r#"args: { VERSION: "1" }"#, r#"args: { VERSION: "1", NPM_TOKEN: s22-walnut-ribbon }"#);
    edit(
        &compose,
        "services:\n",
        "secrets: { from_file: { file: secret.txt }, from_environment: { environment: OUTER } }\nservices:\n",
    );
    std::fs::write(folder.join("secret.txt"), "s02-purple-ladder\n").unwrap();
    std::fs::write(folder.join("other.env"), format!("{WORDS}IN_FILE=s04-copper-bottle\n")).unwrap();
    std::fs::write(folder.join(".env"), "BY_DOTENV=s05-silver-hammer\n").unwrap();
    edit(
        &folder.join("seed.sql"),
        "INSERT INTO orders",
        "INSERT INTO orders (customer, amount, note) VALUES ('s01-orange-kettle', 1, 's01-orange-kettle');\nINSERT INTO orders",
    );
    edit(
        &folder.join("up.sql"),
        "ALTER TABLE orders DROP",
        "CREATE ROLE shopper PASSWORD 's17-amber-bridge';\nDROP ROLE shopper;\nALTER TABLE orders DROP",
    );
}

/// Prints everything, at a service whose conversation with the database is seen.
const SAY: &str = r#"change:
  - run:
      service: db
      command:
        - sh
        - -ec
        - |
          env; cat /run/secrets/*; echo s08/wooden@spoon
          echo "host=db user=a password=s11-bronze-needle dbname=shop"
          echo "Authorization: Bearer s19-maple-river-stone"
          echo '{"user": "a", "password": "s20-birch-mirror"}'
          echo mysql --password s21-cedar-whistle
          export PGPASSWORD=postgres
          psql -h db -U postgres -c "CREATE ROLE again PASSWORD 's18-lantern'" shop
          psql -h db -U postgres -c "CREATE ROLE more PASSWORD 's18-linen-lantern'; SELECT 's18-linen-lantern'" shop
          psql -h db -U postgres -c "DROP ROLE again" -c "DROP ROLE more" shop
  - http: { call: { service: api, get: /healthz, headers: { X-Api-Key: s23-willow-saddle } } }
"#;

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn s28_no_planted_secret_is_seen_and_words_of_the_format_may_be_secrets() {
    let copy = copy_of_scenarios();
    let folder = copy.path().join("scenarios/drop-column");
    plant(&folder);
    let file = folder.join("wrong/scenario.yaml");
    edit(&file, "change:\n", SAY);
    edit(&file, "at: { step: 1, service: db, statement: 3,", "at: { step: 3, service: db, statement: 5,");
    edit(&file, "risks:", "secrets: [PAYMENT]\nrisks:");
    let reports = Reports::new();
    let (root, wrong) = (copy.path().to_str().unwrap(), folder.join("wrong"));
    let wrong = wrong.to_str().unwrap();
    let set = ["--root", root, "--set", "BY_FLAG=s06-golden-pillow", wrong];
    let planted = |arguments: &[&str]| {
        let mut command = command(arguments);
        command.env("POSTGRES_PASSWORD", "postgres").env("PAYMENT", "s01-orange-kettle");
        run(command.env("OUTER", "s03-yellow-anchor"))
    };

    let checked = planted(&[&["check"], &set[..]].concat());
    for name in ["API_TOKEN", "SIGNING_KEY", "MAIL_PASSWORD", "SENTRY_DSN", "NPM_TOKEN", "X-Api-Key"] {
        assert!(checked.stdout.contains(name), "{name}: {}", checked.stdout);
    }

    let output = planted(&[&["run", "--report-dir", reports.argument()], &set[..]].concat());
    let card = reports.scorecard();
    assert_eq!(output.code, 1, "{}\n{}\n{card:#}", output.stdout, output.stderr);
    assert_eq!(checks(scenario(&card, "drop-column/wrong"), "fail"), ["data"]);
    assert_eq!(checks(scenario(&card, "drop-column/wrong"), "inconclusive"), [""; 0]);
    // They were there to be seen.
    let journal = reports.text("journal.jsonl");
    for context in ["SIGNING_KEY=‹secret", "Bearer ‹secret", "password=‹secret", "PASSWORD '‹secret"]
    {
        assert!(journal.contains(context), "{context}");
    }
    assert!(reports.text("rows.jsonl").contains("‹secret"));

    let mut seen = vec![
        ("check".to_owned(), checked.stdout + &checked.stderr),
        ("terminal".to_owned(), output.stdout + &output.stderr),
    ];
    for path in files(reports.path()) {
        let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", path.display());
        seen.push((
            path.display().to_string(),
            String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into(),
        ));
    }
    assert!(seen.len() > 6, "{seen:?}");
    for (place, text) in seen {
        for (kind, secret) in PLANTED {
            assert!(!text.contains(secret), "{kind} stands in {place}");
        }
    }
}

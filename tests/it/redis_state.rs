//! What is captured of a real Redis: every kind of key by its content, and what there is besides keys.

use std::collections::BTreeMap;
use std::path::Path;

use backout::gateway::control::Protocol;
use backout::stage::Stage;
use backout::state::compare::{StoreDifferences, compare};
use backout::state::gather::{Keeping, LeftOut, Wanted};
use backout::state::model::StoreCapture;
use backout::state::redis::{RedisTarget, capture};
use backout::state::rows::{RowDifference, diff};

use crate::support::wire::{Wire, with_wire};

const PORT: u16 = 6379;

async fn target(wire: &Wire) -> RedisTarget {
    RedisTarget { host: wire.stage.address("cache", PORT).await.unwrap(), user: None, password: None }
}

async fn capture_into(wire: &Wire, folder: &Path) -> StoreCapture {
    let keeping = Some(Keeping { folder: folder.to_owned(), room: 1 << 20 });
    let wanted = Wanted { keeping, ..Wanted::default() };
    capture(&target(wire).await, "cache", &wanted).await.unwrap()
}

/// What differs after a script that is given to `redis-cli`, and the rows of database 0.
async fn around(wire: &Wire, script: &str) -> (StoreDifferences, Vec<String>) {
    let (before, after) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let was = capture_into(wire, before.path()).await;
    cli(wire, script).await;
    let is = capture_into(wire, after.path()).await;
    let mut rows = Vec::new();
    if compare(&was, &is).tables.iter().any(|table| table.table == "cache.db0") {
        let side = |store: &StoreCapture, folder: &Path| {
            store.tables.contains_key("cache.db0").then(|| folder.to_owned())
        };
        let (from, to) = (side(&was, before.path()), side(&is, after.path()));
        let counted = diff("cache.db0", from.as_deref(), to.as_deref(), &mut |row| {
            rows.push(line(&row));
            Ok(())
        });
        counted.unwrap();
    }
    (compare(&was, &is), rows)
}

fn line(row: &RowDifference) -> String {
    let columns = row.columns.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join(" ");
    format!("{:?} {:?} {columns}", row.change, row.key[0].1)
}

/// Gives lines to `redis-cli`; an error of any ends the test.
async fn cli(wire: &Wire, script: &str) -> String {
    wire.inside(&format!("redis-cli -e <<'END'\n{script}\nEND")).await
}

const SEED: &str = "flushall
set text 'gift wrap'
set number 7
set bytes \"\\xff\\x00\\n\\t\\\\\"
set \"key \\xfe\" x
rpush list a b a
sadd set a b
hset hash a 1 b 2
zadd sorted 1.5 a 2 b
xadd stream 1-1 a 1
xadd stream 2-1 b 2
xgroup create stream readers 0
xreadgroup group readers one count 1 streams stream >
pfadd unique a b
setbit bits 7 1
geoadd places 13.361389 38.115556 Palermo";

#[tokio::test]
async fn every_kind_of_key_differs_by_its_content_and_only_by_that() {
    with_wire("cache", PORT, Protocol::Redis, |wire| async move {
        cli(&wire, SEED).await;
        let (differ, _) = around(&wire, "get text\nxrange stream - +\nobject encoding set").await;
        assert_eq!(differ, StoreDifferences::default(), "reading changes nothing");

        // The same content in another encoding.
        let many: Vec<String> = (0..600).map(|number| format!("x{number}")).collect();
        let pairs: Vec<String> = many.iter().map(|name| format!("{name} 1")).collect();
        let scored: Vec<String> = many.iter().map(|name| format!("1 {name}")).collect();
        let (many, pairs, scored) = (many.join(" "), pairs.join(" "), scored.join(" "));
        let encoded = format!(
            "hset hash {pairs}\nhdel hash {many}\nsadd set {many}\nsrem set {many}\n\
             zadd sorted {scored}\nzrem sorted {many}\nappend text ''\nsetrange text 0 gift"
        );
        let (differ, rows) = around(&wire, &encoded).await;
        assert_eq!(differ, StoreDifferences::default(), "{rows:?}");
        assert_eq!(cli(&wire, "object encoding hash").await, "hashtable");

        for (change, row) in [
            ("set text 'gift  wrap'", r#"Changed Value("text") value"#),
            ("set number 07", r#"Changed Value("number") value"#),
            ("append bytes x", r#"Changed Value("bytes") value"#),
            ("set \"key \\xfe\" y", r#"Changed Value("key \\xfe") value"#),
            ("rpush list a", r#"Changed Value("list") value"#),
            ("lset list 0 c", r#"Changed Value("list") value"#),
            ("srem set a", r#"Changed Value("set") value"#),
            ("hset hash a 2", r#"Changed Value("hash") value"#),
            ("zadd sorted 1.25 a", r#"Changed Value("sorted") value"#),
            ("xadd stream 3-1 c 3", r#"Changed Value("stream") value"#),
            ("xdel stream 3-1", r#"Changed Value("stream") value"#),
            ("xgroup create stream others 0", r#"Changed Value("stream") value"#),
            ("xack stream readers 1-1", r#"Changed Value("stream") value"#),
            ("pfadd unique c d e", r#"Changed Value("unique") value"#),
            ("setbit bits 6 1", r#"Changed Value("bits") value"#),
            ("pexpireat text 32503680000000", r#"Changed Value("text") expires"#),
            ("pexpireat text 32503680000001", r#"Changed Value("text") expires"#),
            ("persist text", r#"Changed Value("text") expires"#),
            ("del text", r#"Missing Value("text") expires key type value"#),
            ("sadd text a", r#"Extra Value("text") expires key type value"#),
            ("del text\nlpush text a", r#"Changed Value("text") type"#),
        ] {
            let (differ, rows) = around(&wire, change).await;
            assert_eq!(rows, [row], "{change}");
            assert_eq!(
                (differ.tables.len(), &differ.leftovers, &differ.schema),
                (1, &vec![], &vec![]),
                "{change}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn databases_functions_users_and_settings_are_compared_too() {
    with_wire("cache", PORT, Protocol::Redis, |wire| async move {
        let found = |differ: &StoreDifferences| -> Vec<String> {
            let schema = differ.schema.iter().map(|one| one.summary());
            let leftovers = differ.leftovers.iter().map(|one| one.summary());
            differ.tables.iter().map(|one| one.summary()).chain(schema).chain(leftovers).collect()
        };
        for (change, expected) in [
            ("select 3\nset a 1", "cache.db3 was not there before and holds 1 rows"),
            ("select 3\nset b 1", "cache.db3 held 1 rows and holds 2"),
            ("flushall", "cache.db3 is gone with its 2 rows"),
            ("acl setuser app on >hunter2 ~cart:* +get", "role app was not there before"),
            ("acl setuser app -get", "role app: on password #"),
            ("config set maxmemory 100mb", "setting maxmemory: 0 → 104857600"),
            ("config set save '60 1'", "setting save:  → 60 1"),
            (
                "function load \"#!lua name=shop\\nredis.register_function('f', function() return 1 end)\"",
                "function shop was not there before",
            ),
            (
                "function load replace \"#!lua name=shop\\nredis.register_function('f', function() return 2 end)\"",
                "function shop: library_code #!lua",
            ),
        ] {
            let (differ, _) = around(&wire, change).await;
            let said = found(&differ);
            assert!(said.len() == 1 && said[0].starts_with(expected), "{change}: {said:?}");
            assert!(!said[0].contains("hunter2"), "{said:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn many_keys_and_large_values_are_read_to_their_ends() {
    with_wire("cache", PORT, Protocol::Redis, |wire| async move {
        let script = "for i = 1, 20000 do redis.call('SET', 'key:' .. i, i) end \
                      for i = 1, 1000 do redis.call('RPUSH', 'list', i) redis.call('SADD', 'set', i) \
                      redis.call('HSET', 'hash', i, i) redis.call('ZADD', 'sorted', i, i) \
                      redis.call('XADD', 'stream', i .. '-1', 'a', i) end \
                      redis.call('SET', 'text', string.rep('x', 100000))";
        cli(&wire, &format!("flushall\neval \"{script}\" 0")).await;
        let captured = capture(&target(&wire).await, "cache", &Wanted::default()).await.unwrap();
        assert_eq!(captured.tables["cache.db0"].raw.rows, 20_006);
        for (change, key) in [
            ("setrange text 99999 y", "text"),
            ("lset list -1 y", "list"),
            ("srem set 1000", "set"),
            ("hset hash 1000 y", "hash"),
            ("zadd sorted 1 1000", "sorted"),
            ("xdel stream 1000-1", "stream"),
            ("set key:20000 y", "key:20000"),
        ] {
            let (_, rows) = around(&wire, change).await;
            assert_eq!(rows, [format!("Changed Value({key:?}) value")], "{change}");
        }
    })
    .await;
}

#[tokio::test]
async fn s16_keys_of_a_pattern_are_left_out_and_the_raw_fact_stays() {
    with_wire("cache", PORT, Protocol::Redis, |wire| async move {
        let left_out = LeftOut { columns: Vec::new(), keys: vec!["session:*".to_owned()] };
        let except = BTreeMap::from([("cache.db0".to_owned(), left_out)]);
        let wanted = Wanted { except, ..Wanted::default() };
        let target = target(&wire).await;
        cli(&wire, "flushall\nset a 1").await;
        let mut before = capture(&target, "cache", &wanted).await.unwrap();
        for (change, excepted) in [("set session:1 x", true), ("set a 2", false)] {
            cli(&wire, change).await;
            let after = capture(&target, "cache", &wanted).await.unwrap();
            let found = compare(&before, &after).tables;
            assert_eq!((found.len(), found[0].excepted), (1, excepted), "{change}");
            before = after;
        }
    })
    .await;
}

#[tokio::test]
async fn what_may_not_be_read_is_an_error_in_the_servers_words() {
    with_wire("cache", PORT, Protocol::Redis, |wire| async move {
        cli(
            &wire,
            "set a 1\nacl setuser app on >pw ~b:* +@all\nacl setuser low on >pw ~* +@all -config -acl",
        )
        .await;
        let target = target(&wire).await;
        let of = |user: &str, password: &str| {
            let (user, password) = (Some(user.to_owned()), Some(password.to_owned()));
            RedisTarget { user, password, ..target.clone() }
        };
        let wanted = Wanted::default();
        let error = capture(&of("app", "wrong"), "cache", &wanted).await.unwrap_err();
        assert!(error.contains("authentication failed"), "{error}");
        let error = capture(&of("app", "pw"), "cache", &wanted).await.unwrap_err();
        assert!(error.starts_with("cache.db0: ") && error.contains("key"), "{error}");
        let captured = capture(&of("low", "pw"), "cache", &wanted).await.unwrap();
        assert_eq!(captured.leftovers.unseen.len(), 2, "{:?}", captured.leftovers);
    })
    .await;
}

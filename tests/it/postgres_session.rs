//! Sessions, probes and settling against a real server.

use std::time::Duration;

use backout::state::postgres::{Probed, Session, StoreError, probe, terminate_sessions, wait_sessions_gone};

use crate::support::postgres::{Database, server, statement};

#[tokio::test]
async fn a_statement_gives_rows_as_text_with_null_apart_from_empty() {
    let database = Database::new().await;
    let mut session = database.session().await;
    let executed = session.execute(&statement("SELECT 1.50 AS a, NULL::text AS b, '' AS c")).await.unwrap();
    assert_eq!(executed.columns, ["a", "b", "c"]);
    assert_eq!(executed.rows, [[Some("1.50".to_owned()), None, Some(String::new())]]);
    let executed =
        session.execute(&statement("DO $$ BEGIN RAISE WARNING 'look; here'; END $$")).await.unwrap();
    assert_eq!(executed.notices[0].message, "look; here");
    session.close().await;
}

#[tokio::test]
async fn a_large_result_is_cut_and_says_so() {
    let database = Database::new().await;
    let mut session = database.session().await;
    let all = statement("SELECT g, repeat('x', 1000) FROM generate_series(1, 100000) g");
    let executed = session.execute(&all).await.unwrap();
    assert!(executed.truncated);
    assert_eq!(executed.rows_affected, 100_000);
    assert!(executed.rows.len() > 500 && executed.rows.len() <= 1_000, "{}", executed.rows.len());
}

#[tokio::test]
async fn s8_copy_data_arrives_and_the_next_statement_follows() {
    let database = Database::new().await;
    let done = database
        .run("CREATE TABLE t (a int, b text);\nCOPY t FROM STDIN;\n1\ta;b\n2\t\\N\n\\.\nSELECT a, b FROM t ORDER BY a;")
        .await;
    assert_eq!(done[1].rows_affected, 2);
    assert_eq!(done[2].rows[0][1].as_deref(), Some("a;b"));
    assert_eq!(done[2].rows[1][1], None);
}

#[tokio::test]
async fn s8_what_is_copied_out_comes_as_rows() {
    let database = Database::new().await;
    let done = database.run("COPY (SELECT 1, NULL UNION ALL SELECT 2, 'x') TO STDOUT; SELECT 7").await;
    assert_eq!(done[0].rows, [[Some("1\t\\N".to_owned())], [Some("2\tx".to_owned())]]);
    assert_eq!(done[1].rows[0][0].as_deref(), Some("7"));
}

#[tokio::test]
async fn an_error_carries_sqlstate_and_position_and_leaves_the_session_usable() {
    let database = Database::new().await;
    let mut session = database.session().await;
    let error = session.execute(&statement("SELECT nothing_like_it")).await.unwrap_err();
    assert_eq!((error.sqlstate.as_deref(), error.position), (Some("42703"), Some(8)));
    assert!(!error.connection_lost);
    assert_eq!(session.execute(&statement("SELECT 1")).await.unwrap().rows.len(), 1);
    let error = session.execute(&statement("COPY nowhere FROM STDIN;\n\\.\n")).await.unwrap_err();
    assert_eq!(error.sqlstate.as_deref(), Some("42P01"));
}

#[tokio::test]
async fn a_session_ended_by_the_server_is_a_lost_connection() {
    let database = Database::new().await;
    let mut session = database.session().await;
    let mut other = database.session().await;
    let end = format!("SELECT pg_terminate_backend({})", session.backend_pid());
    let killing = async {
        let sleeping = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE pid = {} AND query ~ 'pg_sleep'",
            session_pid(&end)
        );
        while other.execute(&statement(&sleeping)).await.unwrap().rows[0][0].as_deref() != Some("1") {}
        other.execute(&statement(&end)).await.unwrap();
    };
    let sleep = statement("SELECT pg_sleep(60)");
    let (slept, ()) = tokio::join!(session.execute(&sleep), killing);
    let error = slept.unwrap_err();
    assert!(error.connection_lost);
    assert_eq!(error.sqlstate.as_deref(), Some("57P01"));
    let error = session.execute(&statement("SELECT 1")).await.unwrap_err();
    assert!(error.connection_lost, "{error:?}");
}

fn session_pid(end: &str) -> String {
    end.chars().filter(char::is_ascii_digit).collect()
}

#[tokio::test]
async fn s7_a_severed_session_says_nothing_more_to_the_server() {
    let database = Database::new().await;
    let mut session = database.session().await;
    let pid = session.backend_pid();
    session.execute(&statement("BEGIN")).await.unwrap();
    session.sever().await;
    let left = wait_sessions_gone(&database.target, &[pid], Duration::from_secs(10)).await.unwrap();
    assert_eq!(left, []);
    let log = server().log_of(pid);
    let last = log.last().unwrap();
    assert!(last.contains("unexpected EOF on client connection with an open transaction"), "{log:?}");
}

#[tokio::test]
async fn s7_a_closed_session_says_goodbye() {
    let database = Database::new().await;
    let mut session = database.session().await;
    let pid = session.backend_pid();
    session.execute(&statement("BEGIN")).await.unwrap();
    session.close().await;
    assert_eq!(wait_sessions_gone(&database.target, &[pid], Duration::from_secs(10)).await.unwrap(), []);
    let log = server().log_of(pid);
    assert!(!log.iter().any(|line| line.contains("unexpected EOF")), "{log:?}");
}

#[tokio::test]
async fn s7_a_session_can_be_severed_in_the_middle_of_a_statement() {
    let database = Database::new().await;
    let mut session = database.session().await;
    let (pid, severer) = (session.backend_pid(), session.severer());
    let sleep = statement("SELECT pg_sleep(1)");
    let cut = async {
        let mut other = database.session().await;
        let sleeping =
            format!("SELECT count(*) FROM pg_stat_activity WHERE pid = {pid} AND query ~ 'pg_sleep'");
        while other.execute(&statement(&sleeping)).await.unwrap().rows[0][0].as_deref() != Some("1") {}
        severer.sever();
    };
    let (slept, ()) = tokio::join!(session.execute(&sleep), cut);
    assert!(slept.unwrap_err().connection_lost);
    assert_eq!(wait_sessions_gone(&database.target, &[pid], Duration::from_secs(20)).await.unwrap(), []);
}

#[tokio::test]
async fn s6_a_statement_can_be_cancelled_and_a_session_ended_from_outside() {
    let database = Database::new().await;
    let mut session = database.session().await;
    let (pid, severer) = (session.backend_pid(), session.severer());
    let sleep = statement("SELECT pg_sleep(600)");
    let cancel = async {
        let busy = format!("SELECT count(*) FROM pg_stat_activity WHERE pid = {pid} AND query ~ 'pg_sleep'");
        let mut other = database.session().await;
        while other.execute(&statement(&busy)).await.unwrap().rows[0][0].as_deref() != Some("1") {}
        severer.cancel().await.unwrap();
    };
    let (slept, ()) = tokio::join!(session.execute(&sleep), cancel);
    let error = slept.unwrap_err();
    assert!(error.is_statement_timeout() && !error.connection_lost, "{error:?}");
    assert_eq!(session.execute(&statement("SELECT 1")).await.unwrap().rows.len(), 1);
    assert_eq!(terminate_sessions(&database.target, &[pid]).await.unwrap(), 1);
    assert_eq!(wait_sessions_gone(&database.target, &[pid], Duration::from_secs(10)).await.unwrap(), []);
    assert!(session.execute(&statement("SELECT 1")).await.unwrap_err().connection_lost);
}

#[tokio::test]
async fn s5_a_session_that_stays_is_named_when_the_deadline_is_over() {
    let database = Database::new().await;
    let session = database.session().await;
    let pid = session.backend_pid();
    let left = wait_sessions_gone(&database.target, &[pid], Duration::from_millis(100)).await.unwrap();
    assert_eq!(left.len(), 1);
    assert!(left[0].doing.starts_with("idle"), "{:?}", left[0]);
}

#[tokio::test]
async fn the_process_id_is_the_servers_without_a_statement() {
    let database = Database::new().await;
    database.run(&format!("ALTER DATABASE {} SET log_statement = 'all'", database.target.database)).await;
    let mut session = database.session().await;
    let pid = session.backend_pid();
    assert!(!server().log_of(pid).iter().any(|line| line.contains("statement:")));
    let asked = session.execute(&statement("SELECT pg_backend_pid()")).await.unwrap();
    assert_eq!(asked.rows[0][0].as_deref(), Some(pid.to_string().as_str()));
    assert!(server().log_of(pid).iter().any(|line| line.contains("statement: SELECT pg_backend_pid()")));
}

#[tokio::test]
async fn s6_a_probe_answers_fails_or_is_unknown() {
    let database = Database::new().await;
    database.run("CREATE TABLE t (a int)").await;
    let limit = Duration::from_secs(10);
    let Probed::Answered(executed) = probe(&database.target, "SELECT 7", limit).await.unwrap() else {
        panic!("no answer")
    };
    assert_eq!(executed.rows[0][0].as_deref(), Some("7"));
    let Probed::Failed(error) = probe(&database.target, "SELECT nothing", limit).await.unwrap() else {
        panic!("no error")
    };
    assert_eq!(error.sqlstate.as_deref(), Some("42703"));

    let mut locker = database.session().await;
    locker.execute(&statement("BEGIN")).await.unwrap();
    locker.execute(&statement("LOCK TABLE t")).await.unwrap();
    let blocked = probe(&database.target, "SELECT * FROM t", limit).await.unwrap();
    assert_eq!(blocked, Probed::Unknown { reason: "blocked by a lock for 2 s".to_owned() });
    let slow = probe(&database.target, "SELECT pg_sleep(60)", Duration::from_millis(200)).await.unwrap();
    assert_eq!(slow, Probed::Unknown { reason: "no answer within 200ms".to_owned() });
}

#[tokio::test]
async fn s20_a_wrong_password_is_refused_without_showing_it() {
    let mut target = server().target("postgres");
    target.password = Some("not-the-one".to_owned());
    let Err(error) = Session::open(&target).await else { panic!("logged in") };
    let shown = format!("{error} {error:?}");
    assert!(matches!(error, StoreError::Connect { .. }), "{shown}");
    assert!(shown.contains("password authentication failed") && !shown.contains("not-the-one"), "{shown}");
}

//! Conversations of real clients with a PostgreSQL 15, as they were recorded.
//!
//! A line of a recording is what one side sent until the other spoke (`>` toward the server, `<` toward
//! the client, in hexadecimal) or what the reader has to say about it (`=`).

use super::Postgres;
use super::testing::{Talk, lines};
use crate::gateway::reader::Toward;

fn bytes(hex: &str) -> Vec<u8> {
    hex.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// The conversation, and what is said with each of its entries.
fn read(recording: &str) -> (Talk, Vec<Vec<String>>) {
    let mut talk = Talk::default();
    let mut said = Vec::new();
    for line in recording.lines() {
        let (mark, rest) = line.split_at(line.len().min(2));
        match mark {
            "> " => talk.0.push((Toward::Server, bytes(rest))),
            "< " => talk.0.push((Toward::Client, bytes(rest))),
            "= " => {
                said.resize(talk.0.len(), Vec::new());
                said.last_mut().unwrap().push(rest.to_owned());
            }
            other => assert!(other.starts_with('#'), "{line}"),
        }
    }
    said.resize(talk.0.len(), Vec::new());
    (talk, said)
}

#[track_caller]
fn check(recording: &str) {
    let (talk, expected) = read(recording);
    let mut known = 0;
    for (index, expected) in expected.iter().enumerate() {
        let beginning = Talk(talk.0[..=index].to_vec());
        let said = lines(&beginning.cut(&mut Postgres::new(), &mut || usize::MAX));
        assert_eq!(&said[known..], expected, "entry {index}");
        known = said.len();
    }
    let all: Vec<&str> = expected.iter().flatten().map(String::as_str).collect();
    talk.check(&all);
}

#[test]
fn psql_with_a_file() {
    check(include_str!("../../../tests/fixtures/wire/postgres/psql-file.txt"));
}

#[test]
fn psql_with_several_statements_in_a_message() {
    check(include_str!("../../../tests/fixtures/wire/postgres/psql-several.txt"));
}

#[test]
fn psql_with_a_single_transaction() {
    check(include_str!("../../../tests/fixtures/wire/postgres/psql-single-transaction.txt"));
}

#[test]
fn psycopg2() {
    check(include_str!("../../../tests/fixtures/wire/postgres/psycopg2.txt"));
}

#[test]
fn pgbench_with_the_extended_protocol() {
    check(include_str!("../../../tests/fixtures/wire/postgres/pgbench-extended.txt"));
}

#[test]
fn pgbench_with_prepared_statements() {
    check(include_str!("../../../tests/fixtures/wire/postgres/pgbench-prepared.txt"));
}

#[test]
fn psycopg_3_with_pipelines() {
    check(include_str!("../../../tests/fixtures/wire/postgres/psycopg3.txt"));
}

#[test]
fn a_client_that_uses_all_of_the_protocol() {
    check(include_str!("../../../tests/fixtures/wire/postgres/raw.txt"));
}
